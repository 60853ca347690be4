#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/selftest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 6, SEED = 4711, LENGTH = 300 };

static struct trial *trial;
static struct selftest *first;
static struct selftest *second;

static int set_up(void **state)
{
    (void)state;
    trial = calloc(1, sizeof *trial);
    first = calloc(1, sizeof *first);
    second = calloc(1, sizeof *second);
    struct selftest_options options = {
        .seed = SEED, .series = SERIES, .is_quick = true, .has_rivals = true};
    print_message("# seed %d\n", SEED);
    if (trial == NULL || first == NULL || second == NULL ||
        selftest_run(&options, first) != 0) {
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(second);
    free(first);
    free(trial);
    return 0;
}

/* The outcomes of all families of a truth. */
static void add_up(enum trial_truth truth, size_t outcome[SELFTEST_OUTCOMES])
{
    memset(outcome, 0, SELFTEST_OUTCOMES * sizeof *outcome);
    for (size_t f = 0; f < trial_family_count; f++) {
        for (size_t l = 0; l < SELFTEST_LENGTHS; l++) {
            for (size_t o = 0; o < SELFTEST_OUTCOMES; o++) {
                outcome[o] += trial_family[f].truth == truth
                                  ? first->cell[f][l].outcome[o]
                                  : 0;
            }
        }
    }
}

static void healthy_series_do_not_climb(void **state)
{
    (void)state;
    size_t outcome[SELFTEST_OUTCOMES];
    add_up(TRIAL_HEALTHY, outcome);
    assert_true(outcome[JUDGE_PLATEAU] > 300);
    assert_true(outcome[JUDGE_CLIMB] <= 2);
}

static void leaks_mostly_climb(void **state)
{
    (void)state;
    size_t outcome[SELFTEST_OUTCOMES];
    add_up(TRIAL_LEAKY, outcome);
    assert_true(outcome[JUDGE_CLIMB] > 220);
    assert_true(outcome[JUDGE_PLATEAU] < 60); /* most of them below 2 % */
}

static void the_counts_depend_on_the_seed_only(void **state)
{
    (void)state;
    struct selftest_options options = first->options;
    assert_int_equal(selftest_run(&options, second), 0);
    assert_memory_equal(first->cell, second->cell, sizeof first->cell);
}

static void a_trial_is_what_its_family_says(void **state)
{
    (void)state;
    for (size_t f = 0; f < trial_family_count; f++) {
        const struct trial_family *family = &trial_family[f];
        for (uint64_t i = 0; i < 5; i++) {
            trial_make(family, SEED, i, LENGTH, trial);
            assert_true(trial->count <= LENGTH);
            assert_true(trial->count > LENGTH / 2);
            assert_true((trial->leak_ratio > 0.0) ==
                        (family->truth == TRIAL_LEAKY));
            for (size_t k = 0; k < trial->count; k++) {
                assert_true(isfinite(trial->points[k].value));
                assert_true(k == 0 ||
                            trial->points[k].t_s > trial->points[k - 1].t_s);
                assert_true(fmod(trial->points[k].value, trial->quantum) ==
                            0.0);
            }
        }
    }
}

static void fill(double (*value)(size_t i), size_t count)
{
    for (size_t i = 0; i < count; i++) {
        trial->points[i] =
            (struct judge_point){.t_s = (double)i, .value = value(i)};
    }
}

static double rising(size_t i)
{
    return 1e6 + 1e3 * (double)i;
}

static double falling(size_t i)
{
    return 1e6 - 1e3 * (double)i;
}

static double flat(size_t i)
{
    (void)i;
    return 1e6;
}

static double toggling(size_t i)
{
    return 1e6 + (double)(i % 2);
}

static void rivals_know_a_line_from_none(void **state)
{
    (void)state;
    static double scratch[2 * LENGTH];
    for (size_t r = 0; r < RIVALS; r++) {
        fill(rising, LENGTH);
        assert_true(
            rival_calls_climb((enum rival)r, trial->points, LENGTH, scratch));
        fill(falling, LENGTH);
        assert_false(
            rival_calls_climb((enum rival)r, trial->points, LENGTH, scratch));
        fill(flat, LENGTH);
        assert_false(
            rival_calls_climb((enum rival)r, trial->points, LENGTH, scratch));
        fill(toggling, LENGTH);
        assert_false(
            rival_calls_climb((enum rival)r, trial->points, LENGTH, scratch));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_series_do_not_climb),
        cmocka_unit_test(leaks_mostly_climb),
        cmocka_unit_test(the_counts_depend_on_the_seed_only),
        cmocka_unit_test(a_trial_is_what_its_family_says),
        cmocka_unit_test(rivals_know_a_line_from_none),
    };
    return cmocka_run_group_tests_name("selftest", tests, set_up, tear_down);
}
