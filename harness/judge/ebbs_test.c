#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/judge.h"

#include <math.h>
#include <string.h>

/* A node at rest: a base, 35 KB for each connection it holds, a little that
 * jitters, and what it lost. */
enum { EBBS_MAX = 120, EVENTS_EACH = 100 };
static const double CONNECTION = 35000.0;

static struct judge_point points[EBBS_MAX];
static double held[EBBS_MAX];
static uint64_t seed_state;

static double uniform(void)
{
    seed_state = seed_state * UINT64_C(6364136223846793005) +
                 UINT64_C(1442695040888963407);
    return ((double)(seed_state >> 11) + 0.5) / 0x1p53;
}

static void fill(uint64_t seed, size_t count, double bytes_per_event)
{
    seed_state = seed;
    for (size_t i = 0; i < count; i++) {
        double events = (double)((i + 1) * EVENTS_EACH);
        held[i] = floor(4.0 + 3.0 * uniform());
        points[i] = (struct judge_point){
            .t_s = 3.0 * (double)i,
            .events = events,
            .value = floor(8e5 + CONNECTION * held[i] + 400.0 * uniform() +
                           bytes_per_event * events)};
    }
}

static struct judge_verdict judge(size_t count, bool is_held_known)
{
    struct judge_rule rule;
    struct judge_verdict verdict;
    judge_rule_ebbs(1.0, &rule);
    if (is_held_known) {
        rule.covariates = held;
        rule.covariates_count = 1;
    }
    assert_int_equal(judge_series(points, count, &rule, &verdict), 0);
    return verdict;
}

static void a_small_leak_beneath_held_connections_climbs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fill(seed, 60, 16.0);
        struct judge_verdict verdict = judge(60, true);
        assert_int_equal(verdict.outcome, JUDGE_CLIMB);
        assert_int_equal(verdict.covariates_used, 1);
        assert_true(fabs(verdict.per_event.estimate - 16.0) < 2.0);
    }
}

static void a_node_that_holds_more_or_less_is_a_plateau(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fill(seed, 60, 0.0);
        assert_int_equal(judge(60, true).outcome, JUDGE_PLATEAU);
    }
}

static void few_ebbs_are_enough_for_a_large_leak(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fill(seed, 16, 256.0);
        assert_int_equal(judge(16, true).outcome, JUDGE_CLIMB);
    }
    fill(1, JUDGE_EBBS_MIN, 256.0);
    assert_true(judge(JUDGE_EBBS_MIN, false).outcome != JUDGE_INVALID);
    assert_int_equal(judge(JUDGE_EBBS_MIN - 1, false).outcome, JUDGE_INVALID);
}

static void more_ebbs_than_blocks_are_averaged(void **state)
{
    (void)state;
    fill(1, EBBS_MAX, 64.0);
    struct judge_verdict verdict = judge(EBBS_MAX, true);
    assert_int_equal(verdict.outcome, JUDGE_CLIMB);
    assert_true(verdict.troughs_count <= JUDGE_BLOCKS_MAX);
    assert_true(verdict.troughs_count >= JUDGE_BLOCKS_MAX / 2);
}

static void a_gauge_that_climbs_is_no_excuse(void **state)
{
    (void)state;
    fill(1, 60, 0.0);
    for (size_t i = 0; i < 60; i++) {
        points[i].value += CONNECTION * (double)i - CONNECTION * held[i];
        held[i] = (double)i;
    }
    assert_int_equal(judge(60, true).outcome, JUDGE_CLIMB);
}

static void a_load_that_doubles_half_way_is_an_excuse(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fill(seed, 60, 0.0);
        for (size_t i = 30; i < 60; i++) {
            points[i].value += CONNECTION * held[i];
            held[i] *= 2.0;
        }
        assert_int_equal(judge(60, true).outcome, JUDGE_PLATEAU);
    }
}

static void a_covariate_of_no_use_is_left_out(void **state)
{
    (void)state;
    fill(1, 60, 64.0);
    for (size_t i = 0; i < 60; i++) {
        points[i].value -= CONNECTION * held[i];
    }
    struct judge_verdict verdict = judge(60, true);
    assert_int_equal(verdict.covariates_used, 0);
    assert_int_equal(verdict.outcome, JUDGE_CLIMB);
}

static void a_budget_stands_in_for_the_margins(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    judge_rule_ebbs(1.0, &rule);
    rule.covariates = held;
    rule.covariates_count = 1;
    fill(1, 60, 64.0);
    rule.budget.per_event = 100.0;
    assert_int_equal(judge_series(points, 60, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    rule.budget.per_event = 40.0;
    assert_int_equal(judge_series(points, 60, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_CLIMB);
}

static void the_time_to_a_limit_is_told(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    judge_rule_ebbs(1.0, &rule);
    rule.covariates = held;
    rule.covariates_count = 1;
    fill(1, 60, 300.0); /* 10 KB a second */
    rule.limit = points[59].value + 1e6;
    assert_int_equal(judge_series(points, 60, &rule, &verdict), 0);
    assert_true(fabs(verdict.limit_in_s - 100.0) < 5.0);
}

static void ebbs_that_did_not_settle_are_left_out(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fill(seed, 48, 0.0);
        points[10].value += 9e4;
        points[11].value += 2e4;
        points[30].value += 5e4;
        struct judge_verdict verdict = judge(48, true);
        assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    }
}

static void a_watch_waits_where_a_cache_may_fill(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    struct judge_watch watch = {0};
    judge_rule_ebbs(1.0, &rule);
    fill(1, 60, 0.0);
    for (size_t i = 0; i < 60; i++) {
        points[i].value = 8e5 + 5e5 * fmin((double)i / 40.0, 1.0);
    }
    for (size_t n = 1; n <= 60; n++) {
        assert_int_equal(
            judge_look(&watch, points, n, (double)n / 60.0, &rule, &verdict),
            JUDGE_LOOK_GO_ON);
    }
}

static void a_watch_stops_for_a_leak_and_for_nothing_else(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    judge_rule_ebbs(1.0, &rule);
    rule.covariates = held;
    rule.covariates_count = 1;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (int leaks = 0; leaks < 2; leaks++) {
            struct judge_watch watch = {0};
            int result = JUDGE_LOOK_GO_ON;
            fill(seed, 60, leaks == 1 ? 1024.0 : 0.0);
            for (size_t n = 1; n <= 60 && result == JUDGE_LOOK_GO_ON; n++) {
                result = judge_look(&watch, points, n, (double)n / 60.0, &rule,
                                    &verdict);
            }
            assert_int_equal(result,
                             leaks == 1 ? JUDGE_LOOK_CLIMB : JUDGE_LOOK_GO_ON);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_leak_beneath_held_connections_climbs),
        cmocka_unit_test(a_node_that_holds_more_or_less_is_a_plateau),
        cmocka_unit_test(few_ebbs_are_enough_for_a_large_leak),
        cmocka_unit_test(more_ebbs_than_blocks_are_averaged),
        cmocka_unit_test(a_gauge_that_climbs_is_no_excuse),
        cmocka_unit_test(a_load_that_doubles_half_way_is_an_excuse),
        cmocka_unit_test(a_covariate_of_no_use_is_left_out),
        cmocka_unit_test(a_budget_stands_in_for_the_margins),
        cmocka_unit_test(the_time_to_a_limit_is_told),
        cmocka_unit_test(ebbs_that_did_not_settle_are_left_out),
        cmocka_unit_test(a_watch_waits_where_a_cache_may_fill),
        cmocka_unit_test(a_watch_stops_for_a_leak_and_for_nothing_else),
    };
    return cmocka_run_group_tests_name("ebbs", tests, NULL, NULL);
}
