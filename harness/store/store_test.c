#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_handle.h"

/* What a child ends with when the store did what it should. */
enum { CHILD_RIGHT = 42 };

/* A folder of the test's own, and a path in it. */
struct place {
    char folder[64];
    char path[96];
};

static int remove_entry(const char *path, const struct stat *st, int kind,
                        struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder,
                   "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/run.db", place->folder);
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;
    (void)chmod(place->folder, 0755);
    int r = nftw(place->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(place);
    return r;
}

static struct store *create(const struct place *place)
{
    struct store *store = NULL;
    struct err err = {0};
    int r = store_create(place->path, &store, &err);
    if (r != 0) {
        fail_msg("store_create: %s", err.sentence);
    }
    return store;
}

static struct store *reopen(const struct place *place)
{
    struct store *store = NULL;
    struct err err = {0};
    int r = store_open(place->path, &store, &err);
    if (r != 0) {
        fail_msg("store_open: %s", err.sentence);
    }
    return store;
}

static bool is_beside(const struct place *place, const char *ending)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s", place->path, ending);
    return access(path, F_OK) == 0;
}

/* One value of series 1 at each tick of [from, to); 0 or the first failure. */
static int add_ticks(struct store *store, int64_t from, int64_t to)
{
    int r = 0;
    for (int64_t i = from; r == 0 && i < to; i++) {
        struct store_tick tick = {
            .tick = i, .t_ns = i * 1000, .events = i / 2, .cost_ns = 7};
        r = store_tick_add(store, &tick);
        if (r == 0) {
            r = store_value_add(store, 1, i, (double)(4096 * i));
        }
    }
    return r;
}

static size_t count_points(struct store *store)
{
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(
        store_points(store, 1, INT64_MIN, INT64_MAX, &points, &count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(points[i].tick, i);
        assert_true(points[i].value == 4096. * (double)i);
    }
    free(points);
    return count;
}

static void write_file(const struct place *place, const void *bytes,
                       size_t size)
{
    FILE *file = fopen(place->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void run_sql(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_refused(const struct place *place, const char *words)
{
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_open(place->path, &store, &err), -EILSEQ);
    assert_null(store);
    assert_string_equal(err.file, place->path);
    if (strstr(err.sentence, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.sentence, words);
    }
}

/* --- round trips -------------------------------------------------------- */

static void gives_back_what_was_run(void **state)
{
    const struct store_slot slot = {
        .id = 0, .role = "observer", .ordinal = 2, .is_observer = true};
    struct store_process dead = {1, 0, 1, 4711, 10, -1, 30, -1, SIGKILL};
    const struct store_process alive = {2, 0, 2, 4712, 40, 50, -1, -1, 0};
    const struct store_process left = {3, 0, 3, 4713, 60, 70, 80, 0, 0};
    const struct store_event event = {1, 30, 0, 1};
    struct store *store = create(*state);
    assert_int_equal(store_slot_add(store, &slot), 0);
    assert_int_equal(store_process_put(store, &dead), 0);
    dead.ready_ns = 20;
    assert_int_equal(store_process_put(store, &dead), 0);
    assert_int_equal(store_process_put(store, &alive), 0);
    assert_int_equal(store_process_put(store, &left), 0);
    assert_int_equal(store_event_add(store, &event), 0);
    assert_int_equal(store_event_add(store, &event), -EEXIST);
    store_close(store);

    store = reopen(*state);
    struct store_slot *slots = NULL;
    struct store_process *processes = NULL;
    size_t count = 0;
    assert_int_equal(store_slots(store, &slots, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(slots[0].role, "observer");
    assert_int_equal(slots[0].ordinal, 2);
    assert_true(slots[0].is_observer);
    assert_int_equal(store_processes(store, &processes, &count), 0);
    assert_int_equal(count, 3);
    const struct store_process *const expected[] = {&dead, &alive, &left};
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(&processes[i], expected[i], sizeof *processes);
    }
    int64_t events = 0;
    assert_int_equal(store_event_count(store, &events), 0);
    assert_int_equal(events, 1);
    free(slots);
    free(processes);
    store_close(store);
}

static void gives_back_facts_and_the_latest_of_each(void **state)
{
    struct store *store = create(*state);
    char *value = NULL;
    assert_int_equal(store_meta_get(store, "seed", &value), -ENOENT);
    assert_null(value);
    assert_int_equal(store_meta_set(store, "seed", "1"), 0);
    assert_int_equal(store_meta_set(store, "seed", "2 \xc3\xa9\n"), 0);
    store_close(store);
    store = reopen(*state);
    assert_int_equal(store_meta_get(store, "seed", &value), 0);
    assert_string_equal(value, "2 \xc3\xa9\n");
    free(value);
    store_close(store);
}

static void gives_back_series(void **state)
{
    const struct store_series rss = {1, 0, "rss", "B", STORE_GAUGE, 4096.};
    const struct store_series loops = {
        2, 0, "tally/loops.spawned", "", STORE_COUNTER, 1.};
    struct store *store = create(*state);
    assert_int_equal(store_series_add(store, &rss), 0);
    assert_int_equal(store_series_add(store, &loops), 0);
    struct store_series again = rss;
    again.id = 3;
    assert_int_equal(store_series_add(store, &again), -EEXIST);
    struct store_series *all = NULL, found = {0};
    size_t count = 0;
    assert_int_equal(store_all_series(store, &all, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(all[0].metric, "rss");
    assert_string_equal(all[0].unit, "B");
    assert_true(all[0].quantum == 4096.);
    free(all);
    assert_int_equal(store_find_series(store, 0, loops.metric, &found), 0);
    assert_int_equal(found.id, 2);
    assert_int_equal(found.kind, STORE_COUNTER);
    assert_int_equal(store_find_series(store, 1, "rss", &found), -ENOENT);
    store_close(store);
}

static void gives_back_every_value_exactly(void **state)
{
    static const double values[] = {
        0.,   1.,    -1.,       0.1,     4096. * 1e6,       140737488355327.,
        1e15, 1e300, -2.5e-300, 1. / 3., 9007199254740993., -140737488355329.};
    enum { COUNT = sizeof values / sizeof *values };
    struct store *store = create(*state);
    for (int64_t i = 0; i < COUNT; i++) {
        struct store_tick tick = {i, i, i, 0};
        assert_int_equal(store_tick_add(store, &tick), 0);
        assert_int_equal(store_value_add(store, 9, i, values[i]), 0);
    }
    assert_int_equal(store_value_add(store, 9, 0, (double)NAN), -EINVAL);
    assert_int_equal(store_value_add(store, 9, 0, (double)INFINITY), -EINVAL);
    assert_int_equal(store_commit(store), 0);
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(store_points(store, 9, 0, COUNT, &points, &count), 0);
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < count; i++) {
        assert_true(points[i].value == values[i]);
    }
    free(points);
    store_close(store);
}

static void gives_points_of_the_asked_span_and_no_gap_filled(void **state)
{
    struct store *store = create(*state);
    assert_int_equal(add_ticks(store, 0, 10), 0);
    assert_int_equal(store_value_add(store, 2, 3, 5.), 0);
    assert_int_equal(store_value_add(store, 2, 7, 6.), 0);
    assert_int_equal(store_value_add(store, 2, 99, 7.), 0); /* has no tick */
    assert_int_equal(store_commit(store), 0);
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(store_points(store, 1, 2000, 4000, &points, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(points[0].t_ns, 2000);
    assert_int_equal(points[2].t_ns, 4000);
    assert_int_equal(points[2].events, 2);
    free(points);
    assert_int_equal(store_points(store, 2, 0, INT64_MAX, &points, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(points[0].tick, 3);
    assert_int_equal(points[1].tick, 7);
    free(points);
    assert_int_equal(store_points(store, 3, 0, INT64_MAX, &points, &count), 0);
    assert_int_equal(count, 0);
    assert_null(points);
    assert_int_equal(store_points(store, 1, 5, 4, &points, &count), 0);
    assert_int_equal(count, 0);
    struct store_tick *ticks = NULL;
    assert_int_equal(store_ticks(store, &ticks, &count), 0);
    assert_int_equal(count, 10);
    assert_int_equal(ticks[9].cost_ns, 7);
    free(ticks);
    store_close(store);
}

static void refuses_a_tick_that_goes_back(void **state)
{
    struct store *store = create(*state);
    assert_int_equal(add_ticks(store, 0, 5), 0);
    assert_int_equal(add_ticks(store, 4, 5), -EINVAL);
    struct store_tick earlier = {.tick = 5, .t_ns = 1};
    assert_int_equal(store_tick_add(store, &earlier), -EINVAL);
    assert_int_equal(add_ticks(store, 5, 6), 0);
    store_close(store);
    store = reopen(*state);
    assert_int_equal(add_ticks(store, 5, 6), -EINVAL);
    assert_int_equal(count_points(store), 6);
    store_close(store);
}

static void replaces_verdicts(void **state)
{
    const struct store_verdict first[] = {
        {.series_id = 0, .verdict = "PLATEAU", .reason = "all level"},
        {.series_id = 1, .verdict = "PLATEAU", .reason = "level"}};
    const struct store_verdict second[] = {
        {.series_id = 0,
         .verdict = "CLIMB",
         .reason = "one climbs",
         .slope_per_hour = 1.5,
         .slope_per_hour_high = (double)INFINITY,
         .slope_per_event = (double)NAN}};
    const struct store_verdict twice[] = {first[0], first[0]};
    struct store *store = create(*state);
    assert_int_equal(store_verdicts_put(store, first, 2), 0);
    store_close(store);
    store = reopen(*state);
    assert_int_equal(store_verdicts_put(store, second, 1), 0);
    assert_int_equal(store_verdicts_put(store, twice, 2), -EEXIST);
    struct store_verdict *verdicts = NULL;
    size_t count = 0;
    assert_int_equal(store_verdicts(store, &verdicts, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(verdicts[0].verdict, "CLIMB");
    assert_string_equal(verdicts[0].reason, "one climbs");
    assert_true(verdicts[0].slope_per_hour == 1.5);
    assert_true(isinf(verdicts[0].slope_per_hour_high));
    assert_true(isnan(verdicts[0].slope_per_event));
    free(verdicts);
    store_close(store);
}

/* --- batches and other readers ------------------------------------------ */

static void shows_a_batch_to_others_after_its_commit_only(void **state)
{
    struct store *writer = create(*state);
    assert_int_equal(add_ticks(writer, 0, 10), 0);
    struct store *reader = reopen(*state);
    assert_int_equal(count_points(reader), 0);
    assert_int_equal(store_commit(writer), 0);
    assert_int_equal(count_points(reader), 10);
    assert_int_equal(add_ticks(writer, 10, 15), 0);
    assert_int_equal(count_points(reader), 10);
    assert_int_equal(store_commit(writer), 0);
    assert_int_equal(count_points(reader), 15);
    store_close(reader);
    store_close(writer);
}

static void leaves_one_file(void **state)
{
    struct store *store = create(*state);
    assert_int_equal(add_ticks(store, 0, 10), 0);
    store_close(store);
    assert_false(is_beside(*state, "-wal"));
    assert_false(is_beside(*state, "-shm"));
    store = reopen(*state);
    assert_int_equal(count_points(store), 10);
    store_close(store);
    assert_false(is_beside(*state, "-wal"));
}

static void killed_writer_loses_only_what_came_after_its_commit(void **state)
{
    const struct place *place = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = NULL;
        if (store_create(place->path, &store, NULL) == 0 &&
            add_ticks(store, 0, 1000) == 0 && store_commit(store) == 0 &&
            add_ticks(store, 1000, 1500) == 0) {
            (void)raise(SIGKILL);
        }
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(is_beside(place, "-wal"));
    struct store *store = reopen(place);
    assert_int_equal(count_points(store), 1000);
    store_close(store);
    assert_false(is_beside(place, "-wal"));
}

/* --- what is refused ---------------------------------------------------- */

static void never_overwrites(void **state)
{
    const struct place *place = *state;
    write_file(place, "precious", 8);
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_create(place->path, &store, &err), -EEXIST);
    assert_string_equal(err.file, place->path);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_size, 8);
}

static void refuses_what_is_no_store(void **state)
{
    const struct place *place = *state;
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_open(place->path, &store, &err), -ENOENT);
    char text[2048];
    memset(text, 'x', sizeof text);
    write_file(place, text, sizeof text);
    assert_refused(place, "not even a SQLite file");
    write_file(place, text, 5);
    assert_refused(place, "not even a SQLite file");
    write_file(place, "", 0);
    assert_refused(place, "empty");
    assert_int_equal(unlink(place->path), 0);
    run_sql(place, "PRAGMA application_id=7; CREATE TABLE t(x)");
    assert_refused(place, "another program");
    struct place folder = *place;
    (void)snprintf(folder.path, sizeof folder.path, "%s", place->folder);
    assert_refused(&folder, "not a file");
}

static void refuses_a_newer_version(void **state)
{
    store_close(create(*state));
    run_sql(*state, "PRAGMA user_version=2");
    assert_refused(*state, "newer plateau (version 2");
}

static void refuses_a_file_that_is_cut_short(void **state)
{
    const struct place *place = *state;
    struct store *store = create(place);
    assert_int_equal(add_ticks(store, 0, 5000), 0);
    store_close(store);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    const off_t sizes[] = {st.st_size - 1, st.st_size / 2, 4096, 300, 60};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(truncate(place->path, sizes[i]), 0);
        assert_refused(place, "cut short");
    }
}

static void names_damage(void **state)
{
    const struct place *place = *state;
    struct store *store = create(place);
    assert_int_equal(add_ticks(store, 0, 5000), 0);
    store_close(store);
    FILE *file = fopen(place->path, "r+b");
    assert_non_null(file);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    char noise[4096];
    memset(noise, 0xa5, sizeof noise);
    for (long at = 4096; at < st.st_size; at += 4096) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(noise, sizeof noise, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    assert_refused(place, "damaged");
}

/* --- places that can only be read --------------------------------------- */

static void check_read_only(const struct place *place)
{
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(place->path, &store, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.sentence);
        _exit(1);
    }
    struct store_verdict verdict = {.verdict = "PLATEAU"};
    struct store_point *points = NULL;
    size_t count = 0;
    bool is_right =
        store_points(store, 1, 0, INT64_MAX, &points, &count) == 0 &&
        count == 10 && store_verdicts_put(store, &verdict, 1) == -EROFS &&
        strstr(store_err(store)->sentence, "only be read") != NULL;
    store_close(store);
    free(points);
    _exit(is_right ? CHILD_RIGHT : 2);
}

/* Root may write anywhere, so a child gives root up first. */
static void assert_read_only_by_a_child(const struct place *place)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(3);
        }
        check_read_only(place);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CHILD_RIGHT);
}

static void reads_where_nothing_can_be_written(void **state)
{
    const struct place *place = *state;
    struct store *store = create(place);
    assert_int_equal(add_ticks(store, 0, 10), 0);
    store_close(store);
    assert_int_equal(chmod(place->path, 0444), 0);
    assert_int_equal(chmod(place->folder, 0555), 0);
    assert_read_only_by_a_child(place);
    assert_int_equal(chmod(place->path, 0666), 0);
    assert_read_only_by_a_child(place);
    assert_false(is_beside(place, "-wal"));
    assert_false(is_beside(place, "-shm"));
}

static void reads_a_file_that_cannot_be_written(void **state)
{
    const struct place *place = *state;
    struct store *store = create(place);
    assert_int_equal(add_ticks(store, 0, 10), 0);
    store_close(store);
    assert_int_equal(chmod(place->path, 0444), 0);
    assert_int_equal(chmod(place->folder, 0777), 0);
    assert_read_only_by_a_child(place);
    assert_false(is_beside(place, "-wal"));
    assert_false(is_beside(place, "-shm"));
}

/* --- full disks --------------------------------------------------------- */

/* Writes batches of 100 ticks until one fails; how many were committed. */
static int64_t fill(struct store *store, int *ret_error)
{
    int64_t committed = 0;
    int r = 0;
    while (r == 0 && committed < 1000000) {
        r = add_ticks(store, committed, committed + 100);
        if (r == 0) {
            r = store_commit(store);
        }
        committed += r == 0 ? 100 : 0;
    }
    *ret_error = r;
    return committed;
}

static void full_disk_keeps_earlier_batches(void **state)
{
    const struct place *place = *state;
    struct store *store = create(place);
    assert_int_equal(
        sqlite3_exec(store->db, "PRAGMA max_page_count=60", NULL, NULL, NULL),
        SQLITE_OK);
    int error = 0;
    int64_t committed = fill(store, &error);
    assert_int_equal(error, -ENOSPC);
    assert_true(committed > 0);
    assert_string_equal(store_err(store)->file, place->path);
    assert_non_null(strstr(store_err(store)->sentence, "disk is full"));
    assert_int_equal(store_meta_set(store, "end", "full"), -ENOSPC);
    assert_int_equal(store_commit(store), -ENOSPC);
    assert_int_equal(count_points(store), committed);
    store_close(store);
    store = reopen(place);
    assert_int_equal(count_points(store), committed);
    store_close(store);
}

static void file_size_limit_keeps_earlier_batches(void **state)
{
    const struct place *place = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit limit = {300000, 300000};
        struct store *store = NULL;
        int error = 0;
        (void)signal(SIGXFSZ, SIG_IGN);
        bool is_right = setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                        store_create(place->path, &store, NULL) == 0 &&
                        fill(store, &error) > 0 && error == -EFBIG &&
                        strstr(store_err(store)->sentence, "ulimit") != NULL;
        store_close(store);
        _exit(is_right ? CHILD_RIGHT : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CHILD_RIGHT);
    struct store *store = reopen(place);
    size_t count = count_points(store);
    assert_true(count > 0 && count % 100 == 0);
    store_close(store);
}

static void sample_given_twice_loses_its_batch_only(void **state)
{
    struct store *store = create(*state);
    assert_int_equal(add_ticks(store, 0, 10), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(add_ticks(store, 10, 20), 0);
    assert_int_equal(store_value_add(store, 1, 5, 1.), 0);
    assert_int_equal(store_commit(store), -EEXIST);
    assert_int_equal(add_ticks(store, 20, 21), -EEXIST);
    assert_int_equal(count_points(store), 10);
    store_close(store);
}

static void waits_for_another_writer_and_loses_nothing(void **state)
{
    struct store *store = create(*state);
    struct store *other = reopen(*state);
    assert_int_equal(sqlite3_busy_timeout(store->db, 1), SQLITE_OK);
    assert_int_equal(store_meta_set(other, "a", "1"), 0);
    assert_int_equal(store_value_add(store, 1, 0, 0.), 0);
    assert_int_equal(store_commit(store), -EBUSY);
    assert_int_equal(store_commit(other), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(add_ticks(store, 1, 2), 0);
    struct store_tick first = {0};
    assert_int_equal(store_tick_add(store, &first), -EINVAL);
    store_close(other);
    store_close(store);
}

/* --- size --------------------------------------------------------------- */

static void million_values_come_back_in_order(void **state)
{
    enum { COUNT = 1000000 };
    struct store *store = create(*state);
    assert_int_equal(add_ticks(store, 0, COUNT), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(count_points(store), COUNT);
    store_close(store);
}

static void ten_thousand_batches_do_not_grow_the_writer(void **state)
{
    struct store *store = create(*state);
    /* Long enough for SQLite's page cache to be full. */
    assert_int_equal(add_ticks(store, 0, 30000), 0);
    assert_int_equal(store_commit(store), 0);
    size_t before_bytes = 0;
    for (int64_t i = 0; i < 10000; i++) {
        assert_int_equal(add_ticks(store, 30000 + 2 * i, 30002 + 2 * i), 0);
        assert_int_equal(store_commit(store), 0);
        if (i == 100) {
            before_bytes = mallinfo2().uordblks;
        }
    }
    size_t after_bytes = mallinfo2().uordblks;
    assert_true(after_bytes < before_bytes + 16384);
    store_close(store);
}

#define CLAIM(name)                                                            \
    cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(gives_back_what_was_run),
        CLAIM(gives_back_facts_and_the_latest_of_each),
        CLAIM(gives_back_series),
        CLAIM(gives_back_every_value_exactly),
        CLAIM(gives_points_of_the_asked_span_and_no_gap_filled),
        CLAIM(refuses_a_tick_that_goes_back),
        CLAIM(replaces_verdicts),
        CLAIM(shows_a_batch_to_others_after_its_commit_only),
        CLAIM(leaves_one_file),
        CLAIM(killed_writer_loses_only_what_came_after_its_commit),
        CLAIM(never_overwrites),
        CLAIM(refuses_what_is_no_store),
        CLAIM(refuses_a_newer_version),
        CLAIM(refuses_a_file_that_is_cut_short),
        CLAIM(names_damage),
        CLAIM(reads_where_nothing_can_be_written),
        CLAIM(reads_a_file_that_cannot_be_written),
        CLAIM(full_disk_keeps_earlier_batches),
        CLAIM(file_size_limit_keeps_earlier_batches),
        CLAIM(sample_given_twice_loses_its_batch_only),
        CLAIM(waits_for_another_writer_and_loses_nothing),
        CLAIM(million_values_come_back_in_order),
        CLAIM(ten_thousand_batches_do_not_grow_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
