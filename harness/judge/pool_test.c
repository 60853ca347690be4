#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/pool.h"

#include <math.h>

static struct judge_verdict verdict(enum judge_outcome outcome, double p_climb)
{
    return (struct judge_verdict){.outcome = outcome, .p_climb = p_climb};
}

static enum judge_outcome pool(const struct judge_verdict *verdicts,
                               size_t count)
{
    struct pooled pooled;
    pool_verdicts(verdicts, count, 0.02, &pooled);
    return pooled.outcome;
}

static void one_alone_gets_all_and_more_get_a_looser_one(void **state)
{
    (void)state;
    assert_true(pool_alpha(1, 0.02) == 0.02);
    /* Two of three at a: 3 a^2 (1 - a) + a^3 = 0.01. */
    double a = pool_alpha(3, 0.02);
    assert_true(fabs(3 * a * a * (1 - a) + a * a * a - 0.01) < 1e-9);
    /* One of two is half: 1 - (1 - a)^2 = 0.01. */
    a = pool_alpha(2, 0.02);
    assert_true(fabs(1 - (1 - a) * (1 - a) - 0.01) < 1e-9);
}

static void half_of_them_make_a_climb(void **state)
{
    (void)state;
    struct judge_verdict v[] = {verdict(JUDGE_CLIMB, 0.98),
                                verdict(JUDGE_CLIMB, 0.98),
                                verdict(JUDGE_PLATEAU, 0.0)};
    assert_int_equal(pool(v, 3), JUDGE_CLIMB);
    v[1] = verdict(JUDGE_PLATEAU, 0.0);
    assert_int_equal(pool(v, 3), JUDGE_INCONCLUSIVE);
    v[0].p_climb = 0.9999;
    assert_int_equal(pool(v, 3), JUDGE_CLIMB);
}

static void two_thirds_make_a_plateau_if_none_climbs(void **state)
{
    (void)state;
    struct judge_verdict v[] = {verdict(JUDGE_INCONCLUSIVE, 0.5),
                                verdict(JUDGE_PLATEAU, 0.0),
                                verdict(JUDGE_PLATEAU, 0.0)};
    assert_int_equal(pool(v, 3), JUDGE_PLATEAU);
    assert_int_equal(pool(v, 2), JUDGE_INCONCLUSIVE);
    v[0] = verdict(JUDGE_INVALID, NAN);
    assert_int_equal(pool(v, 3), JUDGE_INVALID);
    assert_int_equal(pool(v + 1, 1), JUDGE_PLATEAU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_gets_all_and_more_get_a_looser_one),
        cmocka_unit_test(half_of_them_make_a_climb),
        cmocka_unit_test(two_thirds_make_a_plateau_if_none_climbs),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
