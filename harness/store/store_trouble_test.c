#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_handle.h"
#include "store/store_place.h"

enum { NOBODY = 65534 };

static void shows_a_batch_to_others_only_after_commit(void **state)
{
    struct store *writer = place_create(*state);
    assert_int_equal(place_add_series(writer), 0);
    assert_int_equal(store_commit(writer), 0);
    struct store *reader = place_reopen(*state);
    assert_int_equal(place_add_ticks(writer, 0, 50), 0);
    place_expect_points(reader, 0);
    assert_int_equal(store_commit(writer), 0);
    place_expect_points(reader, 50);
    assert_int_equal(place_add_ticks(writer, 50, 80), 0);
    place_expect_points(reader, 50);
    assert_int_equal(store_commit(writer), 0);
    place_expect_points(reader, 80);
    store_close(reader);
    store_close(writer);
}

static void leaves_a_writer_in_its_batch_alone(void **state)
{
    const struct store_verdict verdict = {.verdict = "PLATEAU"};
    struct store *writer = place_create(*state);
    assert_int_equal(place_add_series(writer), 0);
    struct store *judge = place_reopen(*state);
    (void)sqlite3_busy_timeout(judge->db, 0);
    assert_int_equal(store_verdicts_put(judge, &verdict, 1, NULL, 0), -EBUSY);
    place_expect_says(store_err(judge), ((struct place *)*state)->path,
                      "writing");
    assert_int_equal(place_add_ticks(writer, 0, 5), 0);
    assert_int_equal(store_commit(writer), 0);
    assert_int_equal(store_verdicts_put(judge, &verdict, 1, NULL, 0), 0);
    place_expect_points(judge, 5);
    store_close(judge);
    store_close(writer);
}

/* A child that commits the ticks [0, 40), writes more, says so on the pipe
 * and waits to be killed. */
static pid_t start_writer(const struct place *place)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = NULL;
        (void)alarm(60);
        int r = store_create(place->path, &store, NULL);
        r = r == 0 ? place_add_series(store) : r;
        r = r == 0 ? place_add_ticks(store, 0, 40) : r;
        r = r == 0 ? store_commit(store) : r;
        r = r == 0 ? place_add_ticks(store, 40, 60) : r;
        if (r == 0 && write(ends[1], "!", 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    (void)close(ends[1]);
    char said = 0;
    ssize_t length = read(ends[0], &said, 1);
    (void)close(ends[0]);
    assert_int_equal(length, 1);
    return child;
}

static void end_writer(pid_t writer)
{
    int status = 0;
    assert_int_equal(kill(writer, SIGKILL), 0);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void opens_beside_a_living_writer(void **state)
{
    pid_t writer = start_writer(*state);
    struct store *store = NULL;
    int r = store_open(((struct place *)*state)->path, &store, NULL);
    end_writer(writer);
    assert_int_equal(r, 0);
    place_expect_points(store, 40);
    store_close(store);
}

static void survives_sigkill_up_to_the_last_commit(void **state)
{
    end_writer(start_writer(*state));
    assert_int_equal(place_walk(*state, false), 3);
    struct store *store = place_reopen(*state);
    place_expect_points(store, 40);
    assert_int_equal(place_add_ticks(store, 40, 45), 0);
    store_close(store);
    assert_int_equal(place_walk(*state, false), 1);
    store = place_reopen(*state);
    place_expect_points(store, 45);
    store_close(store);
}

static void leaves_one_file_after_close(void **state)
{
    struct store *store = place_create(*state);
    assert_int_equal(place_add_series(store), 0);
    assert_int_equal(place_add_ticks(store, 0, 10), 0);
    store_close(store);
    assert_int_equal(place_walk(*state, false), 1);
    store = place_reopen(*state);
    place_expect_points(store, 10);
    store_close(store);
    assert_int_equal(place_walk(*state, false), 1);
    store_close(NULL);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_small_store(const struct place *place)
{
    struct store *store = place_create(place);
    assert_int_equal(place_add_series(store), 0);
    assert_int_equal(place_add_ticks(store, 0, 2000), 0);
    store_close(store);
}

static void make_text(const struct place *place)
{
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    (void)fputs("t_seconds,value_bytes\n0,1\n", file);
    assert_int_equal(fclose(file), 0);
}

static void make_empty(const struct place *place)
{
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void make_foreign(const struct place *place)
{
    run_sql(place->path, "CREATE TABLE bookmark(url TEXT)");
}

static void make_newer(const struct place *place)
{
    make_small_store(place);
    run_sql(place->path, "PRAGMA user_version=99");
}

static void make_truncated(const struct place *place)
{
    make_small_store(place);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(truncate(place->path, st.st_size / 2), 0);
}

static void make_stump(const struct place *place)
{
    make_small_store(place);
    assert_int_equal(truncate(place->path, 200), 0);
}

static void make_damaged(const struct place *place)
{
    make_small_store(place);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    int fd = open(place->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (off_t at = 4096; at < st.st_size; at++) {
        assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
    }
    (void)close(fd);
}

static void refuses_what_is_no_store(void **state)
{
    static const struct {
        void (*make)(const struct place *place);
        const char *part;
    } FILES[] = {
        {make_text, "not even a SQLite file"},
        {make_empty, "the file is empty"},
        {make_foreign, "of another program"},
        {make_newer, "newer plateau"},
        {make_truncated, "bytes; copy it again"},
        {make_stump, "200 bytes are left"},
        {make_damaged, "damaged"},
    };
    const struct place *place = *state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        FILES[i].make(place);
        struct stat before, after;
        assert_int_equal(stat(place->path, &before), 0);
        struct store *store = NULL;
        struct err err = {0};
        assert_int_equal(store_open(place->path, &store, &err), -EILSEQ);
        assert_null(store);
        place_expect_says(&err, place->path, FILES[i].part);
        assert_int_equal(stat(place->path, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
        assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
        (void)place_walk(place, true);
    }
}

static void never_overwrites_and_never_invents_a_file(void **state)
{
    const struct place *place = *state;
    make_text(place);
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_create(place->path, &store, &err), -EEXIST);
    assert_null(store);
    place_expect_says(&err, place->path, "never overwrites");
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_size, strlen("t_seconds,value_bytes\n0,1\n"));
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(store_open(place->path, &store, &err), -ENOENT);
    assert_int_equal(place_walk(place, false), 0);
}

static void keeps_earlier_batches_when_the_disk_is_full(void **state)
{
    const struct place *place = *state;
    struct store *store = place_create(place);
    assert_int_equal(place_add_series(store), 0);
    assert_int_equal(place_add_ticks(store, 0, 50), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(
        sqlite3_exec(store->db, "PRAGMA max_page_count=24", NULL, NULL, NULL),
        SQLITE_OK);
    int r = place_add_ticks(store, 50, 20000);
    r = r == 0 ? store_commit(store) : r;
    assert_int_equal(r, -ENOSPC);
    place_expect_says(store_err(store), place->path, "disk is full");
    assert_int_equal(store_meta_set(store, "late", "1"), -ENOSPC);
    assert_int_equal(store_commit(store), -ENOSPC);
    place_expect_points(store, 50);
    store_close(store);
    store = place_reopen(place);
    place_expect_points(store, 50);
    store_close(store);
}

/* In a child whose files may not grow past a megabyte: the number of the
 * claim that did not hold, or 0. */
static int fill_to_the_limit(const struct place *place)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    struct store *store = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
        store_create(place->path, &store, NULL) != 0 ||
        place_add_series(store) != 0 || place_add_ticks(store, 0, 50) != 0 ||
        store_commit(store) != 0) {
        return 1;
    }
    int r = place_add_ticks(store, 50, 200000);
    r = r == 0 ? store_commit(store) : r;
    if (r != -EFBIG && r != -ENOSPC) {
        return 2;
    }
    if (strcmp(store_err(store)->file, place->path) != 0 ||
        store_err(store)->sentence[0] == '\0') {
        return 3;
    }
    struct store_point *points = NULL;
    size_t count = 0;
    r = store_points(store, 1, 0, INT64_MAX, &points, &count);
    free(points);
    store_close(store);
    return r != 0 || count != 50 ? 4 : 0;
}

static int in_a_child(int (*body)(const struct place *place),
                      const struct place *place)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60);
        _exit(body(place));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void keeps_earlier_batches_at_the_file_size_limit(void **state)
{
    assert_int_equal(in_a_child(fill_to_the_limit, *state), 0);
    struct store *store = place_reopen(*state);
    place_expect_points(store, 50);
    store_close(store);
}

/* As somebody who may only read, whoever runs the test. */
static int read_without_right(const struct place *place)
{
    const struct store_verdict verdict = {.verdict = "CLIMB"};
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0) {
        return 1;
    }
    struct store *store = NULL;
    if (store_open(place->path, &store, NULL) != 0) {
        return 2;
    }
    if (store_verdicts_put(store, &verdict, 1, NULL, 0) != -EROFS ||
        store_meta_set(store, "late", "1") != -EROFS ||
        store_value_add(store, 1, 9999, 1) != -EROFS) {
        return 3;
    }
    if (strcmp(store_err(store)->file, place->path) != 0 ||
        strstr(store_err(store)->sentence, "can only be read") == NULL) {
        return 4;
    }
    struct store_point *points = NULL;
    size_t count = 0;
    int r = store_points(store, 1, 0, INT64_MAX, &points, &count);
    free(points);
    store_close(store);
    return r != 0 || count != 2000 ? 5 : 0;
}

static void reads_and_does_no_harm_where_it_may_not_write(void **state)
{
    const struct place *place = *state;
    const struct store_verdict verdict = {.verdict = "PLATEAU"};
    make_small_store(place);
    struct store *store = place_reopen(place);
    assert_int_equal(store_verdicts_put(store, &verdict, 1, NULL, 0), 0);
    store_close(store);
    assert_int_equal(chmod(place->path, 0444), 0);
    assert_int_equal(chmod(place->folder, 0555), 0);
    assert_int_equal(in_a_child(read_without_right, place), 0);
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_int_equal(chmod(place->path, 0644), 0);
    assert_int_equal(place_walk(place, false), 1);
    store = place_reopen(place);
    struct store_verdict *got = NULL;
    size_t count = 0;
    assert_int_equal(store_verdicts(store, &got, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(got->verdict, "PLATEAU");
    free(got);
    store_close(store);
}

/* Of version 2, whose table of what climbed was narrower. */
static void judges_a_run_of_an_older_plateau_again(void **state)
{
    const struct place *place = *state;
    const struct store_verdict verdict = {.verdict = "CLIMB"};
    const struct store_climbed what = {.rank = 1,
                                       .kind = "pair",
                                       .name = "loops",
                                       .alive = 7,
                                       .bytes_per_event = 96,
                                       .sentence = "they outlive"};
    struct store_climbed *climbed = NULL;
    size_t count = 0;
    make_small_store(place);
    run_sql(place->path, "ALTER TABLE climbed DROP COLUMN kind;"
                         "ALTER TABLE climbed DROP COLUMN bytes_per_event;"
                         "PRAGMA user_version=2");
    struct store *store = place_reopen(place);
    assert_int_equal(store_verdicts_put(store, &verdict, 1, &what, 1), 0);
    assert_int_equal(store_climbed(store, &climbed, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(climbed->name, "loops");
    assert_string_equal(climbed->kind, "");
    assert_true(isnan(climbed->bytes_per_event));
    free(climbed);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(shows_a_batch_to_others_only_after_commit),
        PLACED(leaves_a_writer_in_its_batch_alone),
        PLACED(opens_beside_a_living_writer),
        PLACED(survives_sigkill_up_to_the_last_commit),
        PLACED(leaves_one_file_after_close),
        PLACED(refuses_what_is_no_store),
        PLACED(judges_a_run_of_an_older_plateau_again),
        PLACED(never_overwrites_and_never_invents_a_file),
        PLACED(keeps_earlier_batches_when_the_disk_is_full),
        PLACED(keeps_earlier_batches_at_the_file_size_limit),
        PLACED(reads_and_does_no_harm_where_it_may_not_write),
    };
    return cmocka_run_group_tests_name("store_trouble", tests, NULL, NULL);
}
