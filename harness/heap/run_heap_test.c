#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/dumps.h"
#include "heap/report.h"
#include "heap/run_heap.h"

#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EBBS = 9, OBSERVERS = 2, CLASS_ID = 20 };

static char folder[64];

static void add_series(struct store *store, int64_t id, int64_t slot,
                       const char *metric, const char *unit,
                       enum store_kind kind)
{
    struct store_series series = {
        .id = id, .slot_id = slot, .kind = kind, .quantum = 1};
    (void)snprintf(series.metric, sizeof series.metric, "%s", metric);
    (void)snprintf(series.unit, sizeof series.unit, "%s", unit);
    assert_int_equal(store_series_add(store, &series), 0);
}

/* Two observers, the second holds twice as much; its loops climb, its peers
 * are level. The first ebb did not settle. */
static void fill(struct store *store)
{
    assert_int_equal(store_meta_set(store, "scenario.name", "parked"), 0);
    for (int64_t slot = 0; slot < OBSERVERS; slot++) {
        const struct store_slot row = {slot, "server", (int32_t)slot, true};
        int64_t first = 1 + slot * 4;
        assert_int_equal(store_slot_add(store, &row), 0);
        add_series(store, first, slot, "heap/allocated", "B", STORE_GAUGE);
        add_series(store, first + 1, slot, "tally/loops.spawned", "",
                   STORE_COUNTER);
        add_series(store, first + 2, slot, "tally/loops.finished", "",
                   STORE_COUNTER);
        add_series(store, first + 3, slot, "tally/peers", "", STORE_GAUGE);
        const struct store_series class = {.id = CLASS_ID + slot,
                                           .slot_id = slot,
                                           .metric = "heap/class/64",
                                           .unit = "B",
                                           .quantum = 64};
        assert_int_equal(store_series_add(store, &class), 0);
    }
    for (int64_t ebb = 1; ebb <= EBBS; ebb++) {
        const struct store_ebb row = {.seq = ebb,
                                      .begin_ns = ebb * 1000,
                                      .read_ns = ebb * 1000 + 1,
                                      .events = ebb * 30,
                                      .is_settled = ebb > 1,
                                      .has_answered = true};
        assert_int_equal(store_ebb_add(store, &row), 0);
        for (int64_t slot = 0; slot < OBSERVERS; slot++) {
            int64_t first = 1 + slot * 4;
            const double values[] = {(double)(1000 * ebb * (slot + 1)),
                                     (double)(100 * ebb), (double)(60 * ebb),
                                     (double)(5 + ebb % 2)};
            assert_int_equal(store_trough_add(store, CLASS_ID + slot, ebb,
                                              (double)(64 * ebb)),
                             0);
            for (int64_t i = 0; i < 4; i++) {
                assert_int_equal(
                    store_trough_add(store, first + i, ebb, values[i]), 0);
            }
        }
    }
    const struct store_verdict verdict = {
        .series_id = 5, .verdict = "CLIMB", .reason = "it grows"};
    assert_int_equal(store_verdicts_put(store, &verdict, 1, NULL, 0), 0);
}

static void leave_dumps(const char *observer)
{
    static const uint32_t ebbs[] = {1, 3, 9};
    for (size_t i = 0; i < sizeof ebbs / sizeof ebbs[0]; i++) {
        char path[160];
        FILE *file = fopen(
            dumps_path(folder, observer, ebbs[i], path, sizeof path), "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
}

static int setup(void **state)
{
    char path[96];
    struct store *store = NULL;
    (void)state;
    (void)strcpy(folder, "/tmp/run-heap-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    if (mkdir(path, 0700) != 0) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/run.db", folder);
    if (store_create(path, &store, NULL) != 0) {
        return -1;
    }
    fill(store);
    store_close(store);
    return 0;
}

static int teardown(void **state)
{
    static const char *const observers[] = {"server-0", "server-1"};
    char path[160];
    (void)state;
    for (uint32_t i = 1; i <= EBBS; i++) {
        for (int k = 0; k < OBSERVERS; k++) {
            (void)unlink(
                dumps_path(folder, observers[k], i, path, sizeof path));
        }
    }
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/run.db", folder);
    (void)unlink(path);
    return rmdir(folder);
}

static void takes_the_observer_that_holds_most(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    leave_dumps("server-0");
    leave_dumps("server-1");
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_string_equal(run.name, "parked");
    assert_string_equal(run.observer, "server-1");
    assert_string_equal(run.verdict, "CLIMB");
    assert_int_equal(run.first_ebb, 3); /* the first did not settle */
    assert_int_equal(run.last_ebb, 9);
    assert_true(run.allocated[0] == 6000);
    assert_true(run.allocated[1] == 18000);
    assert_int_equal(run.lines_count, 2);
    assert_string_equal(run.lines[0].observer, "server-1");
    assert_int_equal(run.lines[0].count, EBBS - 1);
    run_heap_deinit(&run);
}

static void takes_the_observer_that_was_asked_for(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    leave_dumps("server-0");
    leave_dumps("server-1");
    assert_int_equal(run_heap_load(folder, "server-0", &run, &err), 0);
    assert_string_equal(run.observer, "server-0");
    assert_true(run.allocated[1] == 9000);
    run_heap_deinit(&run);
    assert_int_equal(run_heap_load(folder, "server-7", &run, &err), -ENODATA);
    assert_non_null(strstr(err.sentence, "server-7"));
}

static void counts_what_is_alive_and_whether_it_grows(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    leave_dumps("server-1");
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_int_equal(run.counts_count, 2);
    assert_string_equal(run.counts[0].name, "loops");
    assert_true(run.counts[0].is_pair);
    assert_true(run.counts[0].first == 120);
    assert_true(run.counts[0].last == 360);
    assert_true(run.counts[0].is_growing);
    assert_string_equal(run.counts[1].name, "peers");
    assert_false(run.counts[1].is_pair);
    assert_false(run.counts[1].is_growing);
    run_heap_deinit(&run);
}

static void a_run_without_profiles_is_known_all_the_same(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_false(run.has_profiles);
    assert_string_equal(run.observer, "server-1");
    assert_int_equal(run.first_ebb, 2); /* the first did not settle */
    assert_int_equal(run.last_ebb, 9);
    assert_int_equal(run.counts_count, 2);
    run_heap_deinit(&run);
}

/* Whoever wrote profiles goes before who holds more and wrote none. */
static void an_observer_with_profiles_is_taken_first(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    leave_dumps("server-0");
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_true(run.has_profiles);
    assert_string_equal(run.observer, "server-0");
    run_heap_deinit(&run);
}

static void size_classes_are_told_by_how_they_changed(void **state)
{
    (void)state;
    static struct run_heap run, other;
    struct report_class classes[REPORT_CLASSES_MAX];
    struct err err = {0};
    leave_dumps("server-1");
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_int_equal(run.classes_count, 1);
    assert_true(run.classes[0].size_bytes == 64);
    assert_true(run.classes[0].first == 3 * 64);
    assert_true(run.classes[0].last == 9 * 64);
    struct report report = {.runs = {NULL, &run}};
    assert_int_equal(report_classes(&report, classes), 1);
    assert_true(classes[0].bytes[0] == 3 * 64);
    assert_true(classes[0].bytes[1] == 9 * 64);
    /* Of two runs the last of each; what is in one alone was or is nothing. */
    other.classes[other.classes_count++] =
        (struct run_heap_class){.size_bytes = 4096, .first = 1, .last = 8192};
    report.runs[0] = &other;
    assert_int_equal(report_classes(&report, classes), 2);
    assert_true(classes[0].size_bytes == 4096);
    assert_true(classes[0].bytes[0] == 8192 && classes[0].bytes[1] == 0);
    assert_true(classes[1].bytes[0] == 0 && classes[1].bytes[1] == 9 * 64);
    run_heap_deinit(&run);
}

static void a_climb_brings_its_attribution(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    struct store *store = NULL;
    char path[160];
    const struct store_verdict climb = {.verdict = "CLIMB"};
    const struct store_verdict level = {.verdict = "PLATEAU"};
    const struct store_climbed what = {.rank = 1,
                                       .kind = "pair",
                                       .name = "loops",
                                       .sentence = "loops: they outlive"};
    (void)snprintf(path, sizeof path, "%s/run.db", folder);
    assert_int_equal(store_open(path, &store, &err), 0);
    assert_int_equal(store_verdicts_put(store, &climb, 1, &what, 1), 0);
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_string_equal(run.whole, "CLIMB");
    assert_int_equal(run.climbed_count, 1);
    assert_string_equal(run.climbed[0].sentence, "loops: they outlive");
    run_heap_deinit(&run);
    assert_int_equal(store_verdicts_put(store, &level, 1, &what, 1), 0);
    assert_int_equal(run_heap_load(folder, NULL, &run, &err), 0);
    assert_int_equal(run.climbed_count, 0);
    run_heap_deinit(&run);
    store_close(store);
}

static void a_folder_without_a_run_is_said(void **state)
{
    (void)state;
    struct run_heap run;
    struct err err = {0};
    assert_int_equal(run_heap_load("/nowhere", NULL, &run, &err), -ENOENT);
    assert_true(err.sentence[0] != '\0');
}

static void growing_is_what_never_falls_back(void **state)
{
    (void)state;
    const double climbing[] = {1, 2, 3, 4, 5, 6, 7};
    const double back[] = {1, 5, 3, 4, 5, 5, 7};
    const double few[] = {1, 2, 3, 4, 5};
    const double level[] = {3, 3, 3, 3, 3, 3};
    assert_true(run_heap_is_growing(climbing, 7));
    assert_false(run_heap_is_growing(back, 7));
    assert_false(run_heap_is_growing(few, 5));
    assert_false(run_heap_is_growing(level, 6));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_the_observer_that_holds_most),
        TEST(takes_the_observer_that_was_asked_for),
        TEST(counts_what_is_alive_and_whether_it_grows),
        TEST(a_run_without_profiles_is_known_all_the_same),
        TEST(an_observer_with_profiles_is_taken_first),
        TEST(a_climb_brings_its_attribution),
        TEST(size_classes_are_told_by_how_they_changed),
        TEST(a_folder_without_a_run_is_said),
        cmocka_unit_test(growing_is_what_never_falls_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
