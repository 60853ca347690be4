#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "churn/lifetimes.h"

static const uint64_t test_seed = 271828;
enum { DRAWS = 200000 };

/* The share of |DRAWS| lives, or rests, that are longer than |x|. */
static double share_above(const struct lifetimes *lifetimes, bool is_rest,
                          double x)
{
    struct rng rng;
    int above = 0;
    rng_init(&rng, test_seed, 1);
    for (int i = 0; i < DRAWS; i++) {
        above += (is_rest ? lifetimes_draw_rest(lifetimes, &rng)
                          : lifetimes_draw(lifetimes, &rng)) > x;
    }
    return (double)above / DRAWS;
}

/* Within four standard errors of a share. */
static void expect_share(double got, double right)
{
    double error = sqrt(right * (1. - right) / DRAWS);
    if (fabs(got - right) > 4. * error) {
        fail_msg("a share of %.5f, where %.5f is right", got, right);
    }
}

static double survival(const struct lifetimes *lifetimes, double x)
{
    if (lifetimes->rule == INTERVAL_WEIBULL) {
        return exp(-pow(x / lifetimes->scale, lifetimes->shape));
    }
    return x < lifetimes->scale ? 1.
                                : pow(lifetimes->scale / x, lifetimes->shape);
}

/* The integral of the survival from |x| on over the mean, as 1 minus what comes
 * before, in small steps. */
static double rest_survival(const struct lifetimes *lifetimes, double x)
{
    enum { STEPS = 100000 };
    double sum = 0.;
    for (int i = 0; i < STEPS; i++) {
        sum += survival(lifetimes, ((double)i + 0.5) * x / STEPS);
    }
    return 1. - sum * x / STEPS / lifetimes->mean;
}

static const struct {
    enum interval_rule rule;
    double shape;
} kinds[] = {
    {INTERVAL_WEIBULL, 0.5}, {INTERVAL_WEIBULL, 0.8}, {INTERVAL_WEIBULL, 2.},
    {INTERVAL_PARETO, 1.5},  {INTERVAL_PARETO, 2.5},
};

static void lives_are_distributed_as_the_header_says(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct lifetimes lifetimes;
        lifetimes_init(&lifetimes, kinds[k].rule, kinds[k].shape, 3.);
        for (double x = 0.25; x < 40.; x *= 2.) {
            expect_share(share_above(&lifetimes, false, x),
                         survival(&lifetimes, x));
        }
    }
}

static void rests_are_distributed_as_the_header_says(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct lifetimes lifetimes;
        lifetimes_init(&lifetimes, kinds[k].rule, kinds[k].shape, 3.);
        for (double x = 0.25; x < 40.; x *= 2.) {
            expect_share(share_above(&lifetimes, true, x),
                         rest_survival(&lifetimes, x));
        }
    }
}

static void the_mean_is_what_was_asked(void **state)
{
    (void)state;
    struct lifetimes lifetimes;
    struct rng rng;
    double sum = 0.;
    lifetimes_init(&lifetimes, INTERVAL_WEIBULL, 0.5, 7.);
    rng_init(&rng, test_seed, 2);
    for (int i = 0; i < DRAWS; i++) {
        sum += lifetimes_draw(&lifetimes, &rng);
    }
    /* The deviation of shape 0.5 is sqrt(5) means. */
    assert_true(fabs(sum / DRAWS - 7.) < 4. * 7. * sqrt(5. / DRAWS));
}

static void without_a_shape_the_rule_has_its_own(void **state)
{
    (void)state;
    struct lifetimes lifetimes;
    lifetimes_init(&lifetimes, INTERVAL_WEIBULL, 0., 1.);
    assert_true(lifetimes.shape == LIFETIMES_WEIBULL_SHAPE);
    lifetimes_init(&lifetimes, INTERVAL_PARETO, 0., 1.);
    assert_true(lifetimes.shape == LIFETIMES_PARETO_SHAPE);
}

int main(void)
{
    (void)fprintf(stderr, "# seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_are_distributed_as_the_header_says),
        cmocka_unit_test(rests_are_distributed_as_the_header_says),
        cmocka_unit_test(the_mean_is_what_was_asked),
        cmocka_unit_test(without_a_shape_the_rule_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
