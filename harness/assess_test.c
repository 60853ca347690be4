/* Runs that were never run: stores filled by hand, judged as any other. */
#include "assess.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

enum {
    TICKS = 600,
    STEP_MS = 100,
    ALONE_FROM = 150, /* a tick */
    OBSERVERS = 2,
    EVENTS = 3000,
    SEED = 11,
};

static const char scenario_text[] =
    "run: {duration_s: 60, settle_s: 0, sample_ms: 100}\n"
    "churn: {rate_per_s: 50}\n"
    "roles:\n"
    "  - {name: observer, kind: observer, count: 2, command: [x, "
    "'{ready_fd}']}\n"
    "  - {name: churner, kind: churner, count: 4, command: [x, '{ready_fd}']}\n"
    "health:\n"
    "  - {name: active_peers, at_least: 1}\n"
    "  - {name: delivered, grows_at_least: 100}\n";

/* What is recorded; the default is a healthy run. */
struct made {
    double allocated_per_tick; /* growth of observer-0 */
    double private_per_tick;
    int events;
    int ticks_missing; /* from the middle */
    int64_t died_ns;   /* of observer-1; -1: it lived */
    double active_peers;
    int alone_ticks;   /* in which they are 0, from ALONE_FROM on */
    bool is_partition; /* that is why */
    double delivered_per_tick;
    double processes; /* of each observer; 0: it never forked */
    double private_pages, private_noise_pages; /* 0: 260 and 4 */
    bool is_cut_off;
    const char *how;
};

static const struct made healthy = {
    .events = EVENTS,
    .died_ns = -1,
    .active_peers = 5,
    .delivered_per_tick = 3,
    .how = "completed",
};

static char folder[] = "/tmp/assess-test.XXXXXX";
static char path[64];

static double noise(unsigned short seed[3], double amplitude)
{
    return amplitude * (erand48(seed) - 0.5);
}

static void add_series(struct store *store, int64_t id, int64_t slot,
                       const char *metric, const char *unit, double quantum,
                       enum store_kind kind)
{
    struct store_series series = {
        .id = id, .slot_id = slot, .quantum = quantum, .kind = kind};
    (void)snprintf(series.metric, sizeof series.metric, "%s", metric);
    (void)snprintf(series.unit, sizeof series.unit, "%s", unit);
    assert_int_equal(store_series_add(store, &series), 0);
}

static void record_slots(struct store *store, const struct made *made)
{
    for (int i = 0; i < OBSERVERS; i++) {
        struct store_slot slot = {
            .id = i, .role = "observer", .ordinal = i, .is_observer = true};
        struct store_process process = {
            .id = i + 1,
            .slot_id = i,
            .generation = 1,
            .pid = 100 + i,
            .ready_ns = 2 * MS,
            .ended_ns = i == 1 ? made->died_ns : -1,
            .exit_code = -1,
        };
        assert_int_equal(store_slot_add(store, &slot), 0);
        assert_int_equal(store_process_put(store, &process), 0);
        add_series(store, 10 * i + 1, i, "heap/allocated", "B", 1, STORE_GAUGE);
        add_series(store, 10 * i + 2, i, "private", "B", 4096, STORE_GAUGE);
        add_series(store, 10 * i + 3, i, "tally/active_peers", "", 1,
                   STORE_GAUGE);
        add_series(store, 10 * i + 4, i, "tally/delivered", "", 1,
                   STORE_COUNTER);
        add_series(store, 10 * i + 5, i, "tally/loops.spawned", "", 1,
                   STORE_COUNTER);
        add_series(store, 10 * i + 6, i, "tally/loops.finished", "", 1,
                   STORE_COUNTER);
        if (made->processes > 0) {
            add_series(store, 10 * i + 7, i, "processes", "", 1, STORE_GAUGE);
        }
    }
}

static void record_samples(struct store *store, const struct made *made)
{
    unsigned short seed[3] = {SEED, SEED, SEED};
    int missing_from = TICKS / 2;
    for (int k = 0; k < TICKS; k++) {
        if (k >= missing_from && k < missing_from + made->ticks_missing) {
            continue;
        }
        struct store_tick tick = {
            .tick = k,
            .t_ns = k * STEP_MS * MS,
            .events = (int64_t)made->events * k / TICKS,
        };
        assert_int_equal(store_tick_add(store, &tick), 0);
        bool is_alone = k >= ALONE_FROM && k < ALONE_FROM + made->alone_ticks;
        for (int i = 0; i < OBSERVERS; i++) {
            double grown = i == 0 ? k : 0;
            double values[] = {
                300e3 + noise(seed, 2e3) + made->allocated_per_tick * grown,
                4096 * floor((made->private_pages > 0 ? made->private_pages
                                                      : 260) +
                             noise(seed, made->private_noise_pages > 0
                                             ? made->private_noise_pages
                                             : 4) +
                             made->private_per_tick * grown / 4096),
                is_alone ? 0. : made->active_peers,
                made->delivered_per_tick * k,
                1000 + 5 * k,
                995 + 5 * k,
                made->processes,
            };
            for (int j = 0; j < (made->processes > 0 ? 7 : 6); j++) {
                assert_int_equal(
                    store_value_add(store, 10 * i + j + 1, k, values[j]), 0);
            }
        }
    }
}

static void record(const struct made *made)
{
    struct store *store = NULL;
    struct err err = {0};
    (void)unlink(path);
    assert_int_equal(store_create(path, &store, &err), 0);
    const char *meta[][2] = {
        {"scenario.text", scenario_text},
        {"scenario.file", "made.yaml"},
        {"run.seed", "7"},
        {"run.duration_s", "60"},
        {"churn.begin_ns", "0"},
        {"churn.end_ns", "60000000000"},
        {"end.how", made->how},
        {"end.sentence", "because"},
    };
    size_t count = sizeof meta / sizeof meta[0];
    for (size_t i = 0; i < (made->is_cut_off ? count - 3 : count); i++) {
        assert_int_equal(store_meta_set(store, meta[i][0], meta[i][1]), 0);
    }
    record_slots(store, made);
    record_samples(store, made);
    for (int i = 1; i <= made->events; i++) {
        struct store_event event = {
            .seq = i, .t_ns = i * 20 * MS, .process_id = 1, .kind = "kill"};
        if (made->is_partition && event.t_ns == ALONE_FROM * STEP_MS * MS) {
            (void)snprintf(event.kind, sizeof event.kind, "partition");
            event.parameter_ns = made->alone_ticks * STEP_MS * MS;
        }
        assert_int_equal(store_event_add(store, &event), 0);
    }
    store_close(store);
}

static void judge(const struct made *made, struct assessment *assessment)
{
    struct store *store = NULL;
    struct err err = {0};
    record(made);
    assert_int_equal(store_open(path, &store, &err), 0);
    assert_int_equal(assess_run(store, NULL, assessment, &err), 0);
    store_close(store);
}

static void assert_verdict(const struct made *made, enum judge_outcome outcome,
                           const char *says)
{
    struct assessment assessment;
    judge(made, &assessment);
    if (assessment.summary.outcome != outcome ||
        strstr(assessment.summary.reason, says) == NULL) {
        print_error("%s: %s\n", judge_outcome_name(assessment.summary.outcome),
                    assessment.summary.reason);
    }
    assert_int_equal(assessment.summary.outcome, outcome);
    assert_non_null(strstr(assessment.summary.reason, says));
    assess_deinit(&assessment);
}

static void a_flat_run_is_a_plateau(void **state)
{
    (void)state;
    assert_verdict(&healthy, JUDGE_PLATEAU, "allocated heap");
}

static void a_climb_of_one_observer_is_a_climb_of_the_run(void **state)
{
    (void)state;
    struct made made = healthy;
    made.allocated_per_tick = 500;
    assert_verdict(&made, JUDGE_CLIMB, "observer, all 2, allocated heap");
}

static void private_memory_alone_can_convict(void **state)
{
    (void)state;
    struct made made = healthy;
    made.private_per_tick = 20000;
    assert_verdict(&made, JUDGE_CLIMB, "observer, all 2, private memory");
}

/* Nobody asked the allocators of the others: what one counts is no PLATEAU of
 * all, but still convicts. */
static void heap_of_one_process_of_several_is_a_witness(void **state)
{
    struct assessment assessment;
    struct made made = healthy;
    (void)state;
    made.processes = 4;
    assert_verdict(&made, JUDGE_PLATEAU, "private memory");
    made.private_per_tick = 2048;
    judge(&made, &assessment);
    assert_int_equal(assessment.summary.outcome, JUDGE_CLIMB);
    assert_non_null(strstr(assessment.summary.reason, "private memory"));
    assert_non_null(strstr(assessment.summary.sources, "not of all"));
    assert_non_null(strstr(assessment.summary.evidence, "not all of which"));
    assess_deinit(&assessment);
    made = healthy;
    made.processes = 4;
    made.allocated_per_tick = 1024;
    assert_verdict(&made, JUDGE_CLIMB, "allocated heap");
}

/* What a runtime maps itself: 10 MiB beside 300 KiB of heap. */
static void where_most_is_outside_the_heap_both_have_to_be_level(void **state)
{
    struct made made = healthy;
    (void)state;
    made.private_noise_pages = 200;
    assert_verdict(&made, JUDGE_PLATEAU, "allocated heap");
    made.private_pages = 2600;
    made.private_noise_pages = 4;
    assert_verdict(&made, JUDGE_PLATEAU, "allocated heap");
    made.private_noise_pages = 400;
    made.private_per_tick = 300;
    assert_verdict(&made, JUDGE_INCONCLUSIVE, "private memory");
}

static void too_little_churn_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.events = EVENTS / 2;
    made.allocated_per_tick = 500;
    assert_verdict(&made, JUDGE_INVALID, "the churn");
}

static void holes_in_the_grid_are_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.ticks_missing = TICKS / 5;
    assert_verdict(&made, JUDGE_INVALID, "the samples");
}

static void a_dead_observer_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.died_ns = 30000 * MS;
    assert_verdict(&made, JUDGE_INVALID, "the observers");
}

static void a_mesh_without_peers_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.active_peers = 0;
    assert_verdict(&made, JUDGE_INVALID, "active_peers");
}

/* For more than a tenth of the samples. */
static void a_mesh_that_was_cut_is_not_ill_while_it_is(void **state)
{
    (void)state;
    struct made made = healthy;
    made.alone_ticks = TICKS / 4;
    assert_verdict(&made, JUDGE_INVALID, "active_peers");
    made.is_partition = true;
    assert_verdict(&made, JUDGE_PLATEAU, "allocated heap");
    made.active_peers = 0;
    assert_verdict(&made, JUDGE_INVALID, "outside of partitions");
}

static void a_mesh_that_does_not_deliver_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.delivered_per_tick = 0.1;
    assert_verdict(&made, JUDGE_INVALID, "delivered");
}

static void a_run_that_broke_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.how = "invalid";
    assert_verdict(&made, JUDGE_INVALID, "because");
}

static void an_interrupted_run_is_judged(void **state)
{
    (void)state;
    struct made made = healthy;
    made.how = "interrupted";
    assert_verdict(&made, JUDGE_PLATEAU, "");
}

static void a_run_that_was_cut_off_is_judged(void **state)
{
    (void)state;
    struct made made = healthy;
    made.is_cut_off = true;
    assert_verdict(&made, JUDGE_PLATEAU, "");
}

static void pairs_stand_beside_the_peers(void **state)
{
    (void)state;
    struct assessment assessment;
    judge(&healthy, &assessment);
    const struct summary *summary = &assessment.summary;
    assert_int_equal(summary->pairs_count, OBSERVERS);
    assert_string_equal(summary->pairs[0].name, "loops");
    assert_true(summary->pairs[0].spawned - summary->pairs[0].finished == 5);
    assert_true(summary->pairs[0].peers == 5);
    assess_deinit(&assessment);
}

static void verdicts_are_kept_in_the_store(void **state)
{
    (void)state;
    struct assessment assessment;
    struct store *store = NULL;
    struct store_verdict *verdicts = NULL;
    size_t count = 0;
    struct err err = {0};
    judge(&healthy, &assessment);
    assess_deinit(&assessment);
    assert_int_equal(store_open(path, &store, &err), 0);
    assert_int_equal(store_verdicts(store, &verdicts, &count), 0);
    assert_int_equal(count, 1 + 2 * OBSERVERS);
    assert_int_equal(verdicts[0].series_id, 0);
    assert_string_equal(verdicts[0].verdict, "PLATEAU");
    free(verdicts);
    store_close(store);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/run.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_run_is_a_plateau),
        cmocka_unit_test(a_climb_of_one_observer_is_a_climb_of_the_run),
        cmocka_unit_test(private_memory_alone_can_convict),
        cmocka_unit_test(heap_of_one_process_of_several_is_a_witness),
        cmocka_unit_test(where_most_is_outside_the_heap_both_have_to_be_level),
        cmocka_unit_test(too_little_churn_is_invalid),
        cmocka_unit_test(holes_in_the_grid_are_invalid),
        cmocka_unit_test(a_dead_observer_is_invalid),
        cmocka_unit_test(a_mesh_without_peers_is_invalid),
        cmocka_unit_test(a_mesh_that_was_cut_is_not_ill_while_it_is),
        cmocka_unit_test(a_mesh_that_does_not_deliver_is_invalid),
        cmocka_unit_test(a_run_that_broke_is_invalid),
        cmocka_unit_test(an_interrupted_run_is_judged),
        cmocka_unit_test(a_run_that_was_cut_off_is_judged),
        cmocka_unit_test(pairs_stand_beside_the_peers),
        cmocka_unit_test(verdicts_are_kept_in_the_store),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
