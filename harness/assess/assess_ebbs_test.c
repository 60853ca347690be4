/* Runs with ebbs that were never run: stores filled by hand. */
#include "assess.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "assess/lookout.h"

#define MS INT64_C(1000000)

enum { OBSERVERS = 3, EBBS = 40, EBB_MS = 1200, WAVE = 50, SEED = 23 };

static const char scenario_text[] =
    "run: {duration_s: 48, settle_s: 0, sample_ms: 100, stop_early: true}\n"
    "churn: {rate_per_s: 100, wave_events: 50}\n"
    "roles:\n"
    "  - {name: observer, kind: observer, count: 3, command: [x, "
    "'{ready_fd}']}\n"
    "  - {name: churner, kind: churner, count: 4, command: [x, "
    "'{ready_fd}']}\n";

enum metric_id {
    ALLOCATED,
    ACTIVE,
    RESIDENT,
    PRIVATE,
    KERNEL,
    PEERS,
    CACHE,
    SPAWNED,
    FINISHED,
    METRICS,
};

static const struct {
    const char *name;
    const char *unit;
    double quantum;
    enum store_kind kind;
} series[METRICS] = {
    [ALLOCATED] = {"heap/allocated", "B", 1, STORE_GAUGE},
    [ACTIVE] = {"heap/active", "B", 4096, STORE_GAUGE},
    [RESIDENT] = {"heap/resident", "B", 4096, STORE_GAUGE},
    [PRIVATE] = {"private", "B", 4096, STORE_GAUGE},
    [KERNEL] = {"cgroup/kernel", "B", 4096, STORE_GAUGE},
    [PEERS] = {"tally/active_peers", "", 1, STORE_GAUGE},
    [CACHE] = {"tally/cache", "", 1, STORE_GAUGE},
    [SPAWNED] = {"tally/loops.spawned", "", 1, STORE_COUNTER},
    [FINISHED] = {"tally/loops.finished", "", 1, STORE_COUNTER},
};

/* What is recorded; the default is a healthy run whose observers hold now four
 * peers and now five, of 40 KB each. */
struct made {
    double leak[METRICS]; /* an event, in the first |leaky| observers */
    int leaky;            /* observers */
    int ebbs;
    int unsettled; /* of them, the first */
    int64_t slept_ns, jump_ns;
    double doubled_from; /* the part of the run after which waves are twice
                          * as large, and more is held for it; 2: never */
    int hole_ms;         /* without samples, in the middle */
};

static const struct made healthy = {
    .leaky = OBSERVERS,
    .ebbs = EBBS,
    .doubled_from = 2,
};

static char folder[] = "/tmp/assess-ebbs-test.XXXXXX";
static char path[64];

static double noise(unsigned short seed[3], double amplitude)
{
    return amplitude * (erand48(seed) - 0.5);
}

static double pages(double bytes)
{
    return 4096 * floor(bytes / 4096);
}

static void record_trough(struct store *store, const struct made *made,
                          int observer, int64_t ebb, double events,
                          bool is_doubled, unsigned short seed[3])
{
    double values[METRICS];
    double peers = 4 + (double)(erand48(seed) < 0.5);
    double waiting = is_doubled ? 6 : 2;
    values[PEERS] = peers;
    values[CACHE] = 100 + waiting + floor(noise(seed, 20));
    values[ALLOCATED] =
        100e3 + 40e3 * peers + 100 * values[CACHE] + noise(seed, 600);
    values[ACTIVE] = pages(values[ALLOCATED] * 1.3 + noise(seed, 30e3));
    values[RESIDENT] = pages(values[ACTIVE] * 1.1 + noise(seed, 30e3));
    values[PRIVATE] = pages(values[RESIDENT] + 400e3 + noise(seed, 20e3));
    values[KERNEL] = pages(90e3);
    values[SPAWNED] = 3 * events + peers;
    values[FINISHED] = 3 * events;
    for (int i = 0; i < METRICS; i++) {
        double leak = observer < made->leaky ? made->leak[i] * events : 0.;
        double value = values[i] + floor(leak);
        assert_int_equal(
            store_trough_add(store, 100 * observer + i + 1, ebb, value), 0);
    }
}

static void record_slots(struct store *store)
{
    for (int i = 0; i < OBSERVERS; i++) {
        struct store_slot slot = {
            .id = i, .role = "observer", .ordinal = i, .is_observer = true};
        struct store_process process = {.id = i + 1,
                                        .slot_id = i,
                                        .generation = 1,
                                        .pid = 100 + i,
                                        .ended_ns = -1,
                                        .exit_code = -1};
        assert_int_equal(store_slot_add(store, &slot), 0);
        assert_int_equal(store_process_put(store, &process), 0);
        for (int k = 0; k < METRICS; k++) {
            struct store_series row = {.id = 100 * i + k + 1,
                                       .slot_id = i,
                                       .kind = series[k].kind,
                                       .quantum = series[k].quantum};
            (void)snprintf(row.metric, sizeof row.metric, "%s", series[k].name);
            (void)snprintf(row.unit, sizeof row.unit, "%s", series[k].unit);
            assert_int_equal(store_series_add(store, &row), 0);
        }
    }
}

static void set_number(struct store *store, const char *key, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    assert_int_equal(store_meta_set(store, key, text), 0);
}

static void record_grid(struct store *store, const struct made *made)
{
    int total = made->ebbs * EBB_MS / 100;
    for (int k = 0; k < total; k++) {
        int ms = 100 * k;
        int from = made->ebbs * EBB_MS / 2;
        struct store_tick tick = {.tick = k, .t_ns = ms * MS};
        if (ms < from || ms >= from + made->hole_ms) {
            assert_int_equal(store_tick_add(store, &tick), 0);
        }
    }
}

static void record(const struct made *made)
{
    struct store *store = NULL;
    struct err err = {0};
    unsigned short seed[3] = {SEED, SEED, SEED};
    (void)unlink(path);
    assert_int_equal(store_create(path, &store, &err), 0);
    assert_int_equal(store_meta_set(store, "scenario.text", scenario_text), 0);
    assert_int_equal(store_meta_set(store, "scenario.file", "made.yaml"), 0);
    assert_int_equal(store_meta_set(store, "end.how", "completed"), 0);
    set_number(store, "run.duration_s", 48);
    set_number(store, "churn.begin_ns", 0);
    set_number(store, "churn.end_ns", made->ebbs * EBB_MS * MS);
    set_number(store, "host.slept_ns", made->slept_ns);
    set_number(store, "host.wall_jump_ns", made->jump_ns);
    record_slots(store);
    record_grid(store, made);
    int64_t events = 0;
    for (int i = 1; i <= made->ebbs; i++) {
        bool is_doubled = i > made->doubled_from * made->ebbs;
        int wave = is_doubled ? 2 * WAVE : WAVE;
        for (int k = 0; k < wave; k++) {
            struct store_event event = {.seq = ++events,
                                        .t_ns = (i - 1) * EBB_MS * MS,
                                        .process_id = 1,
                                        .kind = "kill"};
            assert_int_equal(store_event_add(store, &event), 0);
        }
        struct store_ebb ebb = {.seq = i,
                                .begin_ns = (i * EBB_MS - 600) * MS,
                                .read_ns = i * EBB_MS * MS - 1,
                                .events = events,
                                .is_settled = i > made->unsettled,
                                .has_answered = true};
        assert_int_equal(store_ebb_add(store, &ebb), 0);
        for (int o = 0; o < OBSERVERS; o++) {
            record_trough(store, made, o, i, (double)events, is_doubled, seed);
        }
    }
    set_number(store, "churn.due", events);
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

/* Judges, and claims outcome, reason, sources and what climbed first, each if
 * it is not NULL. */
static void assert_says(const struct made *made, enum judge_outcome outcome,
                        const char *reason, const char *sources,
                        const char *climbed)
{
    struct assessment assessment;
    judge(made, &assessment);
    const struct summary *summary = &assessment.summary;
    const char *first =
        summary->climbed_count > 0 ? summary->climbed[0].name : "";
    if (summary->outcome != outcome ||
        (reason && !strstr(summary->reason, reason)) ||
        (sources && !strstr(summary->sources, sources)) ||
        (climbed && strcmp(first, climbed) != 0)) {
        fail_msg("%s: %s / %s / %s", judge_outcome_name(summary->outcome),
                 summary->reason, summary->sources, first);
    }
    assess_deinit(&assessment);
}

static void a_mesh_that_holds_more_or_fewer_peers_is_a_plateau(void **state)
{
    (void)state;
    assert_says(&healthy, JUDGE_PLATEAU, "all 3, allocated heap",
                "observers say the same", NULL);
}

static void a_leak_that_no_counter_sees_is_a_climb_of_memory_alone(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[ALLOCATED] = 64;
    assert_says(&made, JUDGE_CLIMB, "allocated heap", NULL, "");
}

static void a_leak_in_one_of_three_convicts(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[ALLOCATED] = 200;
    made.leaky = 1;
    assert_says(&made, JUDGE_CLIMB, "allocated heap", NULL, NULL);
}

static void a_pair_that_climbs_convicts_before_memory_can(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[SPAWNED] = 0.1;
    assert_says(&made, JUDGE_CLIMB, "loops", NULL, "loops");
}

static void what_climbed_stands_beside_what_is_level(void **state)
{
    (void)state;
    struct assessment assessment;
    struct made made = healthy;
    made.leak[SPAWNED] = 0.5;
    made.leak[ALLOCATED] = 9000;
    judge(&made, &assessment);
    assert_int_equal(assessment.summary.outcome, JUDGE_CLIMB);
    assert_true(assessment.summary.climbed_count >= 1);
    const struct summary_climbed *first = &assessment.summary.climbed[0];
    assert_string_equal(first->name, "loops");
    assert_true(fabs(first->per_event - 0.5) < 0.02);
    assert_true(fabs(first->each - 18000) < 500);
    assert_true(first->with_memory > 0.95);
    assert_non_null(strstr(first->sentence, "active_peers"));
    assert_non_null(strstr(first->sentence, "level"));
    assess_deinit(&assessment);
}

static void a_gauge_that_climbs_is_no_excuse(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[CACHE] = 0.5;
    made.leak[ALLOCATED] = 200;
    assert_says(&made, JUDGE_CLIMB, NULL, NULL, "cache");
}

static void a_churn_rate_that_doubles_is_no_climb(void **state)
{
    (void)state;
    struct made made = healthy;
    struct assessment assessment;
    made.doubled_from = 0.5;
    judge(&made, &assessment);
    assert_int_not_equal(assessment.summary.outcome, JUDGE_CLIMB);
    assert_int_not_equal(assessment.summary.outcome, JUDGE_INVALID);
    assess_deinit(&assessment);
}

static void allocated_flat_and_active_climbing_is_fragmentation(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[ACTIVE] = made.leak[RESIDENT] = made.leak[PRIVATE] = 2000;
    assert_says(&made, JUDGE_CLIMB, "private memory", "fragmentation", NULL);
}

static void active_flat_and_resident_climbing_is_retention(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[RESIDENT] = made.leak[PRIVATE] = 2000;
    assert_says(&made, JUDGE_CLIMB, "private memory", "retention", NULL);
}

static void a_level_heap_and_private_climbing_is_outside_it(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[PRIVATE] = 2000;
    assert_says(&made, JUDGE_CLIMB, "private memory", "outside the allocator",
                NULL);
}

static void kernel_memory_that_climbs_is_told_and_convicts_nobody(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[KERNEL] = 2000;
    assert_says(&made, JUDGE_PLATEAU, "allocated heap",
                "kernel memory of its control group climbs", NULL);
}

static void ebbs_that_do_not_settle_are_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.unsettled = EBBS / 2 + 1;
    assert_says(&made, JUDGE_INVALID, "settle_max_s", NULL, NULL);
}

static void too_few_ebbs_are_too_little_run(void **state)
{
    (void)state;
    struct made made = healthy;
    made.ebbs = JUDGE_EBBS_MIN - 1;
    assert_says(&made, JUDGE_INVALID, "too little run", NULL, NULL);
}

static void a_machine_that_slept_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.slept_ns = 3000 * MS;
    assert_says(&made, JUDGE_INVALID, "suspended for 3.0 s", NULL, NULL);
}

static void a_clock_that_was_set_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.jump_ns = -5000 * MS;
    assert_says(&made, JUDGE_INVALID, "set by -5.0 s", NULL, NULL);
}

static void a_machine_that_stood_still_is_invalid(void **state)
{
    (void)state;
    struct made made = healthy;
    made.hole_ms = 11000;
    assert_says(&made, JUDGE_INVALID, "stood still", NULL, NULL);
}

/* Looks as a run would, whenever a look is due; returns the ebb at which a
 * CLIMB was found, or 0. */
static int look_ahead(const struct made *made)
{
    struct lookout *lookout = calloc(1, sizeof *lookout);
    char sentence[LOOKOUT_SENTENCE_SIZE];
    int found = 0;
    for (int ebbs = 1; ebbs <= made->ebbs && found == 0; ebbs++) {
        struct store *store = NULL;
        struct err err = {0};
        struct made so_far = *made;
        so_far.ebbs = ebbs;
        double done = (double)ebbs / made->ebbs;
        if (!lookout_is_due(lookout, (size_t)ebbs, done)) {
            continue;
        }
        record(&so_far);
        assert_int_equal(store_open(path, &store, &err), 0);
        int result = lookout_look(lookout, store, (size_t)ebbs, done, sentence);
        assert_true(result >= 0);
        store_close(store);
        found = result == LOOKOUT_CLIMB ? ebbs : 0;
    }
    free(lookout);
    return found;
}

static void a_great_leak_is_found_at_the_second_look(void **state)
{
    (void)state;
    struct made made = healthy;
    made.leak[ALLOCATED] = 30000;
    made.leak[SPAWNED] = 1;
    assert_int_equal(look_ahead(&made), JUDGE_LOOK_EBBS_MIN + 1);
}

static void a_healthy_run_is_never_ended_early(void **state)
{
    (void)state;
    assert_int_equal(look_ahead(&healthy), 0);
}

static void
observers_of_a_build_are_convicted_together_rather_than_alone(void **state)
{
    (void)state;
    struct assessment assessment;
    double sum = 0.0, together = 0.0;
    judge(&healthy, &assessment);
    for (size_t i = 0; i < assessment.series_count; i++) {
        const struct assessed *judged = &assessment.series[i];
        if (judged->counts == METRIC_PRIMARY && !judged->is_ourselves) {
            sum += judged->rule.alpha;
            together += judged->is_together ? judged->rule.alpha : 0.0;
        }
    }
    assert_true(sum > 0.0199 && sum < 0.0201);
    assert_true(together > 0.0179 && together < 0.0181);
    assess_deinit(&assessment);
}

static void what_climbed_is_kept_in_the_store(void **state)
{
    (void)state;
    struct assessment assessment;
    struct store *store = NULL;
    struct store_climbed *climbed = NULL;
    size_t count = 0;
    struct err err = {0};
    struct made made = healthy;
    made.leak[SPAWNED] = 0.5;
    judge(&made, &assessment);
    assess_deinit(&assessment);
    assert_int_equal(store_open(path, &store, &err), 0);
    assert_int_equal(store_climbed(store, &climbed, &count), 0);
    assert_true(count >= 1);
    assert_string_equal(climbed[0].name, "loops");
    free(climbed);
    store_close(store);
}

static int make_folder(void **state)
{
    (void)state;
    print_message("# seed %d\n", SEED);
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
        cmocka_unit_test(a_mesh_that_holds_more_or_fewer_peers_is_a_plateau),
        cmocka_unit_test(
            a_leak_that_no_counter_sees_is_a_climb_of_memory_alone),
        cmocka_unit_test(a_leak_in_one_of_three_convicts),
        cmocka_unit_test(a_pair_that_climbs_convicts_before_memory_can),
        cmocka_unit_test(what_climbed_stands_beside_what_is_level),
        cmocka_unit_test(a_gauge_that_climbs_is_no_excuse),
        cmocka_unit_test(a_churn_rate_that_doubles_is_no_climb),
        cmocka_unit_test(allocated_flat_and_active_climbing_is_fragmentation),
        cmocka_unit_test(active_flat_and_resident_climbing_is_retention),
        cmocka_unit_test(a_level_heap_and_private_climbing_is_outside_it),
        cmocka_unit_test(kernel_memory_that_climbs_is_told_and_convicts_nobody),
        cmocka_unit_test(ebbs_that_do_not_settle_are_invalid),
        cmocka_unit_test(too_few_ebbs_are_too_little_run),
        cmocka_unit_test(a_machine_that_slept_is_invalid),
        cmocka_unit_test(a_clock_that_was_set_is_invalid),
        cmocka_unit_test(a_machine_that_stood_still_is_invalid),
        cmocka_unit_test(a_great_leak_is_found_at_the_second_look),
        cmocka_unit_test(a_healthy_run_is_never_ended_early),
        cmocka_unit_test(
            observers_of_a_build_are_convicted_together_rather_than_alone),
        cmocka_unit_test(what_climbed_is_kept_in_the_store),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
