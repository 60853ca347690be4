#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_handle.h"
#include "store/store_place.h"

enum {
    NOBODY = 65534,
    FILE_BYTES_MAX = 300000, /* of the file that grows until it may not */
    CHILD_RIGHT = 42,        /* what a child ends with when all was right */
};

static void loses_only_the_batch_in_which_a_sample_came_twice(void **state)
{
    struct store *store = place_create(*state);
    assert_int_equal(place_add_ticks(store, 0, 10), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(place_add_ticks(store, 10, 20), 0);
    assert_int_equal(store_value_add(store, 1, 5, 1.), 0);
    assert_int_equal(store_commit(store), -EEXIST);
    assert_int_equal(store_meta_set(store, "end", "late"), -EEXIST);
    assert_int_equal(store_value_add(store, 1, 20, 1.), -EEXIST);
    assert_int_equal(store_commit(store), -EEXIST);
    place_expect_points(store, 10);
    store_close(store);
    store = place_reopen(*state);
    place_expect_points(store, 10);
    store_close(store);
}

/* SQLite turns the COMMIT into a ROLLBACK when this is not 0. */
static int refuse_commit(void *unused)
{
    (void)unused;
    return 1;
}

static void gives_up_the_batch_whatever_the_commit_failed_of(void **state)
{
    struct store *store = place_create(*state);
    assert_int_equal(place_add_ticks(store, 0, 10), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(place_add_ticks(store, 10, 20), 0);
    (void)sqlite3_commit_hook(store->db, refuse_commit, NULL);
    int r = store_commit(store);
    assert_true(r < 0 && r != -EBUSY);
    (void)sqlite3_commit_hook(store->db, NULL, NULL);
    assert_int_equal(store_meta_set(store, "end", "late"), r);
    assert_int_equal(store_commit(store), r);
    place_expect_points(store, 10);
    store_close(store);
    store = place_reopen(*state);
    place_expect_points(store, 10);
    store_close(store);
}

static void gives_up_the_batch_that_was_rolled_back_under_it(void **state)
{
    const struct store_event event = {.seq = 1};
    struct store *store = place_create(*state);
    assert_int_equal(place_add_ticks(store, 0, 10), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(
        sqlite3_exec(store->db,
                     "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.event"
                     " BEGIN SELECT RAISE(ROLLBACK, 'refused'); END",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(place_add_ticks(store, 10, 20), 0);
    int r = store_event_add(store, &event);
    assert_true(r < 0);
    assert_int_equal(store_meta_set(store, "end", "late"), r);
    assert_int_equal(store_commit(store), r);
    store_close(store);
    store = place_reopen(*state);
    place_expect_points(store, 10);
    store_close(store);
}

static void keeps_what_waits_while_another_writes(void **state)
{
    struct store *store = place_create(*state);
    struct store *other = place_reopen(*state);
    assert_int_equal(sqlite3_busy_timeout(store->db, 1), SQLITE_OK);
    assert_int_equal(store_meta_set(other, "seed", "1"), 0);
    assert_int_equal(store_value_add(store, 2, 0, 5.), 0);
    assert_int_equal(store_commit(store), -EBUSY);
    assert_int_equal(store_commit(other), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(place_add_ticks(store, 0, 1), 0);
    assert_int_equal(store_commit(store), 0);
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(store_points(other, 2, 0, INT64_MAX, &points, &count), 0);
    assert_int_equal(count, 1);
    assert_true(points[0].value == 5.);
    free(points);
    store_close(other);
    store_close(store);
}

static void takes_no_sample_too_many_while_another_writes(void **state)
{
    struct store *store = place_create(*state);
    struct store *other = place_reopen(*state);
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(sqlite3_busy_timeout(store->db, 1), SQLITE_OK);
    assert_int_equal(store_begin(other), 0);
    for (int64_t at = 0; at < STORE_WAITING_MAX; at++) {
        assert_int_equal(store_value_add(store, 2, at, 5.), 0);
    }
    assert_int_equal(store_value_add(store, 2, STORE_WAITING_MAX, 5.), -EBUSY);
    assert_int_equal(store_begin(store), -EBUSY);
    assert_int_equal(store_commit(other), 0);
    assert_int_equal(store_value_add(store, 2, STORE_WAITING_MAX, 5.), 0);
    assert_int_equal(place_add_ticks(store, 0, STORE_WAITING_MAX + 1), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_points(other, 2, 0, INT64_MAX, &points, &count), 0);
    assert_int_equal(count, STORE_WAITING_MAX + 1);
    free(points);
    store_close(other);
    store_close(store);
}

static void writes_more_samples_than_may_wait(void **state)
{
    enum { COUNT = 2 * STORE_WAITING_MAX + 1 };
    struct store *store = place_create(*state);
    struct store *reader = place_reopen(*state);
    assert_int_equal(place_add_ticks(store, 0, COUNT), 0);
    place_expect_points(reader, 0);
    assert_int_equal(store_commit(store), 0);
    place_expect_points(reader, COUNT);
    store_close(reader);
    store_close(store);
}

static int in_a_child(int (*act)(const struct place *place),
                      const struct place *place)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(act(place));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Writes batches of 100 ticks until one may not be written. */
static int write_to_the_limit(const struct place *place)
{
    const struct rlimit limit = {FILE_BYTES_MAX, FILE_BYTES_MAX};
    struct store *store = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
        store_create(place->path, &store, NULL) != 0) {
        return 1;
    }
    int r = 0;
    for (int64_t at = 0; r == 0 && at < 1000000; at += 100) {
        r = place_add_ticks(store, at, at + 100);
        r = r == 0 ? store_commit(store) : r;
    }
    bool is_right =
        r == -EFBIG && strstr(store_err(store)->sentence, "ulimit") != NULL;
    store_close(store);
    return is_right ? CHILD_RIGHT : 2;
}

static void says_why_a_commit_failed(void **state)
{
    assert_int_equal(in_a_child(write_to_the_limit, *state), CHILD_RIGHT);
}

static int read_as_nobody(const struct place *place)
{
    struct store *store = NULL;
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0) {
        return 1;
    }
    if (store_open(place->path, &store, NULL) != 0) {
        return 2;
    }
    struct store_point *points = NULL;
    size_t count = 0;
    int r = store_points(store, 1, 0, INT64_MAX, &points, &count);
    bool is_right = r == 0 && count == 10 &&
                    store_verdicts_put(store, NULL, 0, NULL, 0) == -EROFS;
    free(points);
    store_close(store);
    return is_right ? CHILD_RIGHT : 3;
}

static void leaves_nothing_beside_a_file_that_may_not_be_written(void **state)
{
    const struct place *place = *state;
    struct store *store = place_create(place);
    assert_int_equal(place_add_ticks(store, 0, 10), 0);
    store_close(store);
    assert_int_equal(chmod(place->path, 0444), 0);
    assert_int_equal(chmod(place->folder, 0777), 0);
    assert_int_equal(in_a_child(read_as_nobody, place), CHILD_RIGHT);
    assert_int_equal(place_walk(place, false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(loses_only_the_batch_in_which_a_sample_came_twice),
        PLACED(gives_up_the_batch_whatever_the_commit_failed_of),
        PLACED(gives_up_the_batch_that_was_rolled_back_under_it),
        PLACED(keeps_what_waits_while_another_writes),
        PLACED(takes_no_sample_too_many_while_another_writes),
        PLACED(writes_more_samples_than_may_wait),
        PLACED(says_why_a_commit_failed),
        PLACED(leaves_nothing_beside_a_file_that_may_not_be_written),
    };
    return cmocka_run_group_tests_name("store_batch", tests, NULL, NULL);
}
