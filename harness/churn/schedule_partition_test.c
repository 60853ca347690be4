/* Partitions, as the schedule draws them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "churn/schedule.h"

static const uint64_t test_seed = 20240817;

enum { CHURNERS = 20, OBSERVERS = 5 };

static const struct schedule_plan mixed = {
    .rule = INTERVAL_POISSON,
    .rate_per_s = 50,
    .churners_count = CHURNERS,
    .observers_count = OBSERVERS,
    .weights = {[CHURN_KILL] = 8, [CHURN_PAUSE] = 1, [CHURN_MASS] = 0.1},
    .mass_share = 0.5,
    .pause_min_ns = 200000000,
    .pause_max_ns = 1000000000,
    .partition_share = 0.2,
    .partition_min_ns = 2000000000,
    .partition_max_ns = 5000000000,
};

static bool everybody(void *context, uint32_t churner)
{
    (void)context;
    (void)churner;
    return true;
}

static const struct schedule_look all_ready = {NULL, everybody, NULL};

static void begin_plan(struct schedule *schedule,
                       const struct schedule_plan *plan, uint64_t seed)
{
    assert_int_equal(schedule_init(schedule, plan, seed, 0), 0);
}

/* Whether nobody is cut off, as a bool. */
static bool whole_if(void *context)
{
    return *(const bool *)context;
}

static struct schedule_plan only(enum churn_kind kind)
{
    struct schedule_plan plan = mixed;
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        plan.weights[i] = i == (size_t)kind;
    }
    return plan;
}

/* Takes a whole partition: bit |n| for who is |n|. */
static uint32_t take_partition(struct schedule *schedule,
                               const struct schedule_look *look)
{
    struct schedule_event event;
    uint32_t members = 0;
    int64_t parameter_ns = -1;
    do {
        assert_true(schedule_take(schedule, look, &event));
        assert_int_equal(event.kind, CHURN_PARTITION);
        assert_true(event.churner < CHURNERS + OBSERVERS);
        assert_true((members >> event.churner & 1) == 0);
        assert_true(parameter_ns == -1 || parameter_ns == event.parameter_ns);
        members |= UINT32_C(1) << event.churner;
        parameter_ns = event.parameter_ns;
    } while (schedule_is_amid(schedule));
    return members;
}

/* A fifth of 25: each as often as any, observers among them, ready or not; and
 * events at the rate that was asked for. */
static void a_partition_cuts_off_its_share_of_all(void **state)
{
    (void)state;
    enum { PARTITIONS = 5000 };
    const struct schedule_plan plan = only(CHURN_PARTITION);
    int hits[CHURNERS + OBSERVERS] = {0};
    struct schedule schedule;
    begin_plan(&schedule, &plan, test_seed);
    for (int i = 0; i < PARTITIONS; i++) {
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        uint32_t members = take_partition(&schedule, &all_ready);
        assert_int_equal(__builtin_popcount(members), 5);
        for (int j = 0; j < CHURNERS + OBSERVERS; j++) {
            hits[j] += (members >> j & 1) != 0;
        }
    }
    double mean = PARTITIONS * 0.2;
    for (int j = 0; j < CHURNERS + OBSERVERS; j++) {
        assert_true(fabs(hits[j] - mean) < 4 * sqrt(mean * 0.8));
    }
    double seconds = (double)schedule_due_ns(&schedule) / 1e9;
    double right_s = PARTITIONS * 5. / 50.;
    assert_true(fabs(seconds - right_s) < 4 * right_s / sqrt(PARTITIONS));
}

static void a_partition_leaves_somebody_and_takes_somebody(void **state)
{
    (void)state;
    static const struct {
        double share;
        int members;
    } shares[] = {{1, CHURNERS + OBSERVERS - 1}, {0.001, 1}};
    for (size_t i = 0; i < 2; i++) {
        struct schedule_plan plan = only(CHURN_PARTITION);
        struct schedule schedule;
        plan.partition_share = shares[i].share;
        begin_plan(&schedule, &plan, test_seed);
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        uint32_t members = take_partition(&schedule, &all_ready);
        assert_int_equal(__builtin_popcount(members), shares[i].members);
    }
}

/* The next waits and is then the one that it would have been; those after it
 * are skipped. */
static void there_is_one_partition_at_a_time(void **state)
{
    (void)state;
    const struct schedule_plan plan = only(CHURN_PARTITION);
    bool is_whole = true;
    const struct schedule_look look = {&is_whole, everybody, whole_if};
    struct schedule here, there;
    struct schedule_event event;
    begin_plan(&here, &plan, test_seed);
    begin_plan(&there, &plan, test_seed);
    uint32_t members[4];
    for (int i = 0; i < 4; i++) {
        schedule_advance(&there, schedule_due_ns(&there));
        members[i] = take_partition(&there, &all_ready);
    }
    schedule_advance(&here, schedule_due_ns(&here));
    assert_int_equal(take_partition(&here, &look), members[0]);
    is_whole = false;
    for (uint32_t i = 0; i < 2; i++) {
        schedule_advance(&here, schedule_due_ns(&here));
        assert_false(schedule_take(&here, &look, &event));
        assert_int_equal(here.skipped, i);
        assert_int_equal(schedule_owed(&here), 1);
    }
    is_whole = true;
    assert_int_equal(take_partition(&here, &look), members[1]);
    assert_int_equal(schedule_owed(&here), 0);
    schedule_advance(&here, schedule_due_ns(&here));
    assert_int_equal(take_partition(&here, &look), members[3]);
}

/* What else falls due is what it would have been, and when. */
static void kills_go_on_while_the_network_is_cut(void **state)
{
    (void)state;
    enum { EVENTS = 2000 };
    bool is_whole = false;
    const struct schedule_look look = {&is_whole, everybody, whole_if};
    static const enum interval_rule rules[] = {
        INTERVAL_FIXED, INTERVAL_POISSON, INTERVAL_WEIBULL, INTERVAL_PARETO};
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
        struct schedule_plan plan = mixed;
        struct schedule cut, whole;
        struct schedule_event event, other;
        plan.rule = rules[k];
        plan.weights[CHURN_PARTITION] = 2;
        begin_plan(&cut, &plan, test_seed);
        begin_plan(&whole, &plan, test_seed);
        int others = 0;
        for (int i = 0; i < EVENTS; i++) {
            int64_t now_ns = schedule_due_ns(&cut);
            assert_int_equal(schedule_due_ns(&whole), now_ns);
            schedule_advance(&cut, now_ns);
            schedule_advance(&whole, now_ns);
            while (schedule_take(&whole, &all_ready, &other)) {
                if (other.kind != CHURN_PARTITION) {
                    others++;
                    assert_true(schedule_take(&cut, &look, &event));
                    assert_int_equal(event.kind, other.kind);
                    assert_int_equal(event.churner, other.churner);
                    assert_int_equal(event.parameter_ns, other.parameter_ns);
                }
            }
            assert_false(schedule_take(&cut, &look, &event));
        }
        assert_true(others > EVENTS / 2);
        assert_true(cut.skipped > EVENTS / 20);
        schedule_deinit(&cut);
        schedule_deinit(&whole);
    }
}

/* Its members together, whoever is ready; the next when all is healed. */
static void a_recorded_partition_waits_for_the_one_before(void **state)
{
    (void)state;
    static const struct schedule_event recorded[] = {
        {100, 1, CHURN_PARTITION, 7},
        {101, 3, CHURN_PARTITION, 7},
        {102, 2, CHURN_PARTITION, 9},
        {200, 0, CHURN_KILL, -1}};
    const struct schedule_plan plan = {.churners_count = 2,
                                       .observers_count = 2,
                                       .recorded = recorded,
                                       .recorded_count = 4};
    bool is_whole = true;
    const struct schedule_look look = {&is_whole, everybody, whole_if};
    struct schedule schedule;
    struct schedule_event event;
    begin_plan(&schedule, &plan, 1);
    schedule_advance(&schedule, 100);
    assert_int_equal(take_partition(&schedule, &look), 1 << 1 | 1 << 3);
    is_whole = false;
    schedule_advance(&schedule, 200);
    assert_false(schedule_take(&schedule, &look, &event));
    assert_int_equal(schedule_owed(&schedule), 2);
    is_whole = true;
    assert_int_equal(take_partition(&schedule, &look), 1 << 2);
    assert_true(schedule_take(&schedule, &look, &event));
    assert_int_equal(event.kind, CHURN_KILL);
}

int main(void)
{
    (void)fprintf(stderr, "# seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_cuts_off_its_share_of_all),
        cmocka_unit_test(a_partition_leaves_somebody_and_takes_somebody),
        cmocka_unit_test(there_is_one_partition_at_a_time),
        cmocka_unit_test(kills_go_on_while_the_network_is_cut),
        cmocka_unit_test(a_recorded_partition_waits_for_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
