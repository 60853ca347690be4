#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "churn/settle.h"

enum { SEED = 5 };

static struct settle made(size_t figures)
{
    struct settle settle;
    assert_int_equal(settle_init(&settle, figures), 0);
    return settle;
}

/* Feeds one figure; whether it rests at the end. */
static bool rests(const double *values, size_t count, double step)
{
    struct settle settle = made(1);
    for (size_t i = 0; i < count; i++) {
        settle_add(&settle, &values[i]);
    }
    bool result = settle_is_settled(&settle, &step);
    settle_deinit(&settle);
    return result;
}

static void too_few_readings_say_nothing(void **state)
{
    (void)state;
    const double flat[6] = {7, 7, 7, 7, 7, 7};
    assert_false(rests(flat, 5, 1));
    assert_true(rests(flat, 6, 1));
}

static void what_drains_does_not_rest_until_it_has_drained(void **state)
{
    (void)state;
    const double draining[] = {50, 40, 30, 20, 10, 5, 5, 5, 5, 5, 5};
    assert_false(rests(draining, 6, 1));
    assert_false(rests(draining, 8, 1));
    assert_true(rests(draining, 11, 1));
}

static void a_slow_drift_is_seen(void **state)
{
    (void)state;
    const double filling[] = {100, 104, 108, 112, 116, 120};
    assert_false(rests(filling, 6, 1));
}

static void one_more_or_less_is_no_drift(void **state)
{
    (void)state;
    const double wavering[] = {5, 6, 5, 5, 6, 6};
    assert_true(rests(wavering, 6, 1));
}

static void a_cache_that_is_at_work_rests_most_of_the_time(void **state)
{
    (void)state;
    unsigned short seed[3] = {SEED, SEED, SEED};
    int settled = 0;
    print_message("# seed %d\n", SEED);
    for (int run = 0; run < 1000; run++) {
        double values[6];
        for (int i = 0; i < 6; i++) {
            values[i] = 500 + 20 * erand48(seed);
        }
        settled += rests(values, 6, 1);
    }
    assert_true(settled > 800);
}

static void one_restless_figure_among_many_counts(void **state)
{
    (void)state;
    const double steps[3] = {1, 1, 1};
    struct settle settle = made(3);
    for (int i = 0; i < 6; i++) {
        const double row[3] = {4, 10. * i, 9};
        settle_add(&settle, row);
    }
    assert_false(settle_is_settled(&settle, steps));
    settle_begin(&settle);
    assert_false(settle_is_settled(&settle, steps));
    settle_deinit(&settle);
}

static void nothing_to_watch_rests(void **state)
{
    (void)state;
    struct settle settle = made(0);
    for (int i = 0; i < 6; i++) {
        settle_add(&settle, NULL);
    }
    assert_true(settle_is_settled(&settle, NULL));
    settle_deinit(&settle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_readings_say_nothing),
        cmocka_unit_test(what_drains_does_not_rest_until_it_has_drained),
        cmocka_unit_test(a_slow_drift_is_seen),
        cmocka_unit_test(one_more_or_less_is_no_drift),
        cmocka_unit_test(a_cache_that_is_at_work_rests_most_of_the_time),
        cmocka_unit_test(one_restless_figure_among_many_counts),
        cmocka_unit_test(nothing_to_watch_rests),
    };
    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
