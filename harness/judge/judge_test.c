#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/judge.h"
#include "tests/series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 300, SEEDS = 12, COUNT_MAX = 600 };

static struct judge_point points[COUNT_MAX];

static struct judge_verdict judge(const struct judge_point *series,
                                  size_t count, double quantum)
{
    struct judge_rule rule;
    struct judge_verdict verdict;
    judge_rule_default(quantum, &rule);
    assert_int_equal(judge_series(series, count, &rule, &verdict), 0);
    return verdict;
}

static struct judge_verdict judge_seed(const char *name, uint64_t seed,
                                       size_t count)
{
    const struct series_family *family = series_find(name);
    assert_non_null(family);
    series_make(family, seed, count, points);
    return judge(points, count, family->quantum);
}

/* Counts the outcomes of SEEDS series; fails at any that is |never|. */
static void count_outcomes(const char *name, enum judge_outcome never,
                           size_t outcomes[4])
{
    memset(outcomes, 0, 4 * sizeof *outcomes);
    for (uint64_t seed = 500; seed < 500 + SEEDS; seed++) {
        struct judge_verdict verdict = judge_seed(name, seed, COUNT);
        outcomes[verdict.outcome]++;
        if (verdict.outcome == never) {
            fail_msg("%s, seed %llu: %s, %s", name, (unsigned long long)seed,
                     judge_outcome_name(verdict.outcome), verdict.reason);
        }
    }
}

static void healthy_series_never_climb(void **state)
{
    (void)state;
    for (size_t i = 0; i < series_family_count; i++) {
        size_t outcomes[4];
        if (series_family[i].truth == SERIES_HEALTHY) {
            count_outcomes(series_family[i].name, JUDGE_CLIMB, outcomes);
        }
    }
}

static void leaks_are_never_a_plateau(void **state)
{
    (void)state;
    for (size_t i = 0; i < series_family_count; i++) {
        size_t outcomes[4];
        if (series_family[i].truth == SERIES_LEAKY) {
            count_outcomes(series_family[i].name, JUDGE_PLATEAU, outcomes);
        }
    }
}

static void linear_leaks_nearly_always_climb(void **state)
{
    (void)state;
    static const char *const names[] = {"leak 5 %", "leak 50 %", "mesh leak",
                                        "late leak"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t outcomes[4];
        count_outcomes(names[i], JUDGE_PLATEAU, outcomes);
        assert_true(outcomes[JUDGE_CLIMB] >= SEEDS - 1);
    }
}

static void settled_series_are_a_plateau(void **state)
{
    (void)state;
    static const char *const names[] = {"constant", "ar .3 %", "page ties",
                                        "cache"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t outcomes[4];
        count_outcomes(names[i], JUDGE_CLIMB, outcomes);
        assert_int_equal(outcomes[JUDGE_PLATEAU], SEEDS);
    }
}

static void a_node_that_breathes_is_mostly_a_plateau(void **state)
{
    (void)state;
    size_t outcomes[4];
    count_outcomes("mesh 5-40 live", JUDGE_CLIMB, outcomes);
    assert_true(outcomes[JUDGE_PLATEAU] >= SEEDS * 2 / 3);
}

static void slope_is_right_and_within_its_interval(void **state)
{
    (void)state;
    size_t covered = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct judge_verdict v = judge_seed("leak 50 %", seed, COUNT);
        assert_true(fabs(v.per_hour.estimate / (0.5e7 * 60.0) - 1.0) < 0.05);
        covered +=
            v.per_hour.low < 0.5e7 * 60.0 && v.per_hour.high > 0.5e7 * 60.0 ? 1
                                                                            : 0;
    }
    assert_true(covered >= SEEDS - 1);
    for (size_t i = 0; i < series_family_count; i++) {
        struct judge_verdict v = judge_seed(series_family[i].name, 7, COUNT);
        assert_true(v.per_hour.low <= v.per_hour.estimate);
        assert_true(v.per_hour.estimate <= v.per_hour.high);
        assert_true(v.per_event.low <= v.per_event.estimate);
        assert_true(v.per_event.estimate <= v.per_event.high);
        assert_true(v.detectable_per_hour > 0.0);
    }
}

static void growth_within_the_budget_is_a_plateau_that_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = (struct judge_point){.t_s = (double)i,
                                         .value = 1e9 + 2e4 * (double)i};
    }
    struct judge_verdict verdict = judge(points, COUNT, 1.0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    assert_non_null(strstr(verdict.reason, "within the budget"));
    assert_true(verdict.p_climb > 0.99 && verdict.p_plateau > 0.95);
}

static void a_climb_that_was_given_back_is_not_a_climb(void **state)
{
    (void)state;
    struct judge_verdict verdict = judge_seed("restart", 3, COUNT);
    assert_int_equal(verdict.outcome, JUDGE_INCONCLUSIVE);
    assert_true(verdict.suggested_extension_s > 0.0);
}

static void scale_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < series_family_count; i++) {
        const struct series_family *family = &series_family[i];
        struct judge_rule rule;
        struct judge_verdict small;
        struct judge_verdict large;
        judge_rule_default(family->quantum, &rule);
        series_make(family, 11, COUNT, points);
        assert_int_equal(judge_series(points, COUNT, &rule, &small), 0);
        for (size_t k = 0; k < COUNT; k++) {
            points[k].value *= 1024.0;
        }
        rule.quantum *= 1024.0;
        rule.plateau_margin_per_event *= 1024.0;
        assert_int_equal(judge_series(points, COUNT, &rule, &large), 0);
        assert_int_equal(small.outcome, large.outcome);
        assert_true(fabs(small.p_climb - large.p_climb) < 1e-6);
        assert_true(
            fabs(large.per_hour.estimate / 1024.0 - small.per_hour.estimate) <=
            1e-3 * fabs(small.per_hour.high - small.per_hour.low));
    }
}

static void the_origin_of_time_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < series_family_count; i++) {
        struct judge_verdict here = judge_seed(series_family[i].name, 5, COUNT);
        for (size_t k = 0; k < COUNT; k++) {
            points[k].t_s += 86400.0;
        }
        struct judge_verdict there =
            judge(points, COUNT, series_family[i].quantum);
        assert_int_equal(here.outcome, there.outcome);
        assert_int_equal(here.troughs_count, there.troughs_count);
        assert_true(fabs(here.p_climb - there.p_climb) < 1e-5);
    }
}

static void two_judgements_are_the_same_to_the_bit(void **state)
{
    (void)state;
    static struct judge_verdict first;
    static struct judge_verdict second;
    for (size_t i = 0; i < series_family_count; i++) {
        memset(&first, 0, sizeof first);
        memset(&second, 0xff, sizeof second);
        first = judge_seed(series_family[i].name, 9, COUNT);
        second = judge(points, COUNT, series_family[i].quantum);
        assert_string_equal(first.reason, second.reason);
        assert_memory_equal(&first.per_hour, &second.per_hour,
                            sizeof first.per_hour);
        assert_memory_equal(&first.per_event, &second.per_event,
                            sizeof first.per_event);
        assert_memory_equal(&first.p_climb, &second.p_climb,
                            sizeof first.p_climb);
        assert_memory_equal(first.troughs, second.troughs,
                            first.troughs_count * sizeof *first.troughs);
    }
}

static void expect_invalid(size_t count, const char *part)
{
    struct judge_verdict verdict = judge(points, count, 1.0);
    assert_int_equal(verdict.outcome, JUDGE_INVALID);
    if (strstr(verdict.reason, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", verdict.reason, part);
    }
    assert_true(isnan(verdict.per_hour.estimate));
}

static void bad_points_are_invalid_and_the_first_is_named(void **state)
{
    (void)state;
    const struct series_family *family = series_find("ar .3 %");
    series_make(family, 1, COUNT, points);
    expect_invalid(29, "29 points");
    expect_invalid(0, "0 points");
    points[41].value = NAN;
    points[50].value = INFINITY;
    expect_invalid(COUNT, "point 41, counted from 0: its value");
    series_make(family, 1, COUNT, points);
    points[50].value = INFINITY;
    expect_invalid(COUNT, "point 50, counted from 0: its value");
    series_make(family, 1, COUNT, points);
    points[10].t_s = points[9].t_s;
    expect_invalid(COUNT, "point 10, counted from 0: its time is not later");
    points[10].t_s = NAN;
    expect_invalid(COUNT, "point 10, counted from 0: its time is not a");
    series_make(family, 1, COUNT, points);
    points[COUNT - 1].events = 0.0;
    expect_invalid(COUNT, "point 299, counted from 0: its count of events");
}

static void events_that_are_not_asked_for_are_not_looked_at(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    series_make(series_find("ar .3 %"), 1, COUNT, points);
    points[7].events = NAN;
    points[100].events = -1.0;
    judge_rule_default(4096.0, &rule);
    rule.has_events = false;
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    assert_true(isnan(verdict.per_event.estimate));
    assert_true(isnan(verdict.detectable_per_event));
}

static void short_and_gappy_series_are_judged_or_inconclusive(void **state)
{
    (void)state;
    struct judge_verdict verdict = judge_seed("constant", 1, 30);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    series_make(series_find("constant"), 1, COUNT, points);
    for (size_t i = 20; i < COUNT; i++) {
        points[i].t_s += 1e6;
    }
    verdict = judge(points, COUNT, 4096.0);
    assert_int_equal(verdict.outcome, JUDGE_INCONCLUSIVE);
    assert_non_null(strstr(verdict.reason, "too short"));
}

static void a_constant_zero_is_a_plateau(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = (struct judge_point){.t_s = (double)i};
    }
    struct judge_verdict verdict = judge(points, COUNT, 1.0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
}

static void a_gauge_without_bytes_gets_a_reason_without_bytes(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = (struct judge_point){
            .t_s = (double)i, .value = (double)i, .events = (double)(2 * i)};
    }
    judge_rule_default(1.0, &rule);
    rule.unit = "";
    rule.plateau_margin_per_event = 0.0;
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_CLIMB);
    assert_non_null(strstr(verdict.reason, "it grew 279 in 279 s, 0.5 an "));
}

static void extreme_values_do_no_harm(void **state)
{
    (void)state;
    static const double scales[] = {1e-300, 1e-30, 1e30, 1e90};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        series_make(series_find("leak 5 %"), 1, COUNT, points);
        for (size_t i = 0; i < COUNT; i++) {
            points[i].value *= scales[s];
        }
        struct judge_verdict verdict = judge(points, COUNT, 1.0);
        assert_true(verdict.outcome != JUDGE_INVALID);
    }
    points[4].value = 1e101;
    expect_invalid(COUNT, "point 4, counted from 0: its value");
}

/* A sawtooth of ten slow cycles: few blocks hold a low point. */
static void low_points_of_slow_cycles_are_the_troughs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        double turn = 10.0 * (double)i / COUNT;
        points[i] =
            (struct judge_point){.t_s = (double)i,
                                 .events = (double)(2 * i),
                                 .value = 1e7 + 4e6 * (turn - floor(turn)) +
                                          4096.0 * (double)(i * 7 % 5)};
    }
    struct judge_verdict verdict = judge(points, COUNT, 4096.0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    assert_true(verdict.troughs_count < 14);
    assert_true(verdict.level < 1.04e7);
}

/* An array that doubles: each step twice as high and twice as late. */
static void an_array_that_doubles_is_no_plateau(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        double part = (double)i / COUNT;
        points[i] = (struct judge_point){
            .t_s = (double)i,
            .events = (double)(2 * i),
            .value = 1e7 + 1e6 * exp2(floor(log2(fmax(part, 0.14) / 0.52))) +
                     4096.0 * (double)(i * 7 % 5)};
    }
    struct judge_verdict verdict = judge(points, COUNT, 4096.0);
    assert_int_equal(verdict.outcome, JUDGE_INCONCLUSIVE);
    assert_non_null(strstr(verdict.reason, "doubles:"));
}

/* Three jumps and nothing between them. */
static void a_staircase_of_few_steps_is_no_climb(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        double height = (i >= 90) + (i >= 150) + (i >= 210) + (i >= 265);
        points[i] = (struct judge_point){.t_s = (double)i,
                                         .events = (double)(2 * i),
                                         .value = 1e7 + 3e5 * height +
                                                  4096.0 * (double)(i * 7 % 5)};
    }
    assert_true(judge(points, COUNT, 4096.0).outcome != JUDGE_CLIMB);
}

static void a_limit_that_was_reached_hides_growth(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] =
            (struct judge_point){.t_s = (double)i,
                                 .events = (double)(2 * i),
                                 .value = fmin(1e7 + 5e4 * (double)i, 1.2e7)};
    }
    judge_rule_default(4096.0, &rule);
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
    assert_true(verdict.at_maximum > 100);
    assert_non_null(strstr(verdict.reason, "the very same maximum"));
    rule.limit = 1.2e7;
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_INCONCLUSIVE);
    assert_non_null(strstr(verdict.reason, "at its limit"));
}

static void many_events_have_a_margin_an_hour_too(void **state)
{
    (void)state;
    struct judge_rule rule;
    struct judge_verdict verdict;
    /* 8 B an event at 500 a second: 4 MB in 1,000 s, over 1.1 MiB of margin */
    for (size_t i = 0; i < COUNT; i++) {
        double t_s = 1000.0 * (double)i / COUNT;
        points[i] = (struct judge_point){
            .t_s = t_s, .events = 500.0 * t_s, .value = 1e7 + 4000.0 * t_s};
    }
    judge_rule_default(1.0, &rule);
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_CLIMB);
    rule.plateau_margin_per_hour = 0.0;
    assert_int_equal(judge_series(points, COUNT, &rule, &verdict), 0);
    assert_int_equal(verdict.outcome, JUDGE_PLATEAU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_series_never_climb),
        cmocka_unit_test(leaks_are_never_a_plateau),
        cmocka_unit_test(linear_leaks_nearly_always_climb),
        cmocka_unit_test(settled_series_are_a_plateau),
        cmocka_unit_test(a_node_that_breathes_is_mostly_a_plateau),
        cmocka_unit_test(slope_is_right_and_within_its_interval),
        cmocka_unit_test(growth_within_the_budget_is_a_plateau_that_says_so),
        cmocka_unit_test(a_climb_that_was_given_back_is_not_a_climb),
        cmocka_unit_test(scale_changes_nothing),
        cmocka_unit_test(the_origin_of_time_changes_nothing),
        cmocka_unit_test(two_judgements_are_the_same_to_the_bit),
        cmocka_unit_test(bad_points_are_invalid_and_the_first_is_named),
        cmocka_unit_test(events_that_are_not_asked_for_are_not_looked_at),
        cmocka_unit_test(short_and_gappy_series_are_judged_or_inconclusive),
        cmocka_unit_test(a_constant_zero_is_a_plateau),
        cmocka_unit_test(a_gauge_without_bytes_gets_a_reason_without_bytes),
        cmocka_unit_test(extreme_values_do_no_harm),
        cmocka_unit_test(low_points_of_slow_cycles_are_the_troughs),
        cmocka_unit_test(an_array_that_doubles_is_no_plateau),
        cmocka_unit_test(a_staircase_of_few_steps_is_no_climb),
        cmocka_unit_test(a_limit_that_was_reached_hides_growth),
        cmocka_unit_test(many_events_have_a_margin_an_hour_too),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
