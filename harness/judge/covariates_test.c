#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/covariates.h"

#include <math.h>

static uint64_t seed_state;

static double uniform(void)
{
    seed_state = seed_state * UINT64_C(6364136223846793005) +
                 UINT64_C(1442695040888963407);
    return ((double)(seed_state >> 11) + 0.5) / 0x1p53;
}

/* Troughs on a slope; covariate i has effect[i] on them. */
static struct blocks make(uint64_t seed, size_t count, const double *effect,
                          size_t covariates)
{
    struct blocks blocks = {.count = count, .covariates_count = covariates};
    seed_state = seed;
    for (size_t k = 0; k < count; k++) {
        blocks.x[k] = (double)k / (double)(count - 1);
        blocks.y[k] = 1e6 + 5e5 * blocks.x[k] + 100.0 * uniform();
        for (size_t c = 0; c < covariates; c++) {
            blocks.covariate[c][k] = floor(8.0 * uniform());
            blocks.y[k] += effect[c] * blocks.covariate[c][k];
        }
    }
    return blocks;
}

static void those_that_matter_are_kept_in_order(void **state)
{
    (void)state;
    const double effect[] = {0.0, 3e4, 0.0, 500.0};
    size_t superfluous = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct blocks blocks = make(seed, 48, effect, 4);
        const double second = blocks.covariate[1][7];
        const unsigned kept = covariates_keep_useful(&blocks);
        assert_int_equal(kept & 10u, 10u);
        superfluous += (kept & 5u) != 0 ? 1 : 0;
        if (kept == 10u) {
            assert_int_equal(blocks.covariates_count, 2);
            assert_true(blocks.covariate[0][7] == second);
        }
    }
    print_message("# in %zu of 200 a superfluous one\n", superfluous);
    assert_true(superfluous <= 8);
}

static void more_of_it_must_mean_more_memory(void **state)
{
    (void)state;
    const double effect[] = {-3e4};
    struct blocks blocks = make(1, 48, effect, 1);
    assert_int_equal(covariates_keep_useful(&blocks), 0);
    assert_int_equal(blocks.covariates_count, 0);
}

static void each_must_be_worth_four_troughs(void **state)
{
    (void)state;
    const double effect[] = {3e4, 2e4, 1e4, 4e4};
    struct blocks blocks = make(1, 12, effect, 4);
    (void)covariates_keep_useful(&blocks);
    assert_true(blocks.covariates_count <= 2);
    blocks = make(1, 7, effect, 4);
    (void)covariates_keep_useful(&blocks);
    assert_int_equal(blocks.covariates_count, 0);
}

static void constant_and_doubled_ones_do_no_harm(void **state)
{
    (void)state;
    const double effect[] = {3e4, 0.0, 0.0};
    struct blocks blocks = make(1, 48, effect, 3);
    for (size_t k = 0; k < blocks.count; k++) {
        blocks.covariate[1][k] = 5.0;
        blocks.covariate[2][k] = 2.0 * blocks.covariate[0][k];
    }
    const unsigned kept = covariates_keep_useful(&blocks);
    assert_true(kept == 1u || kept == 4u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_matter_are_kept_in_order),
        cmocka_unit_test(more_of_it_must_mean_more_memory),
        cmocka_unit_test(each_must_be_worth_four_troughs),
        cmocka_unit_test(constant_and_doubled_ones_do_no_harm),
    };
    return cmocka_run_group_tests_name("covariates", tests, NULL, NULL);
}
