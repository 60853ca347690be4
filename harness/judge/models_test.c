#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/mixture.h"
#include "judge/models.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 48 };

static struct models_scratch *scratch;
static struct models *models;
static struct models *thinned;

static int set_up(void **state)
{
    (void)state;
    scratch = models_scratch_new();
    models = malloc(sizeof *models);
    thinned = malloc(sizeof *thinned);
    return scratch == NULL || models == NULL || thinned == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    models_scratch_free(scratch);
    free(models);
    free(thinned);
    return 0;
}

/* A course with a little noise that repeats for ever. */
static struct blocks course(double (*value)(double x))
{
    struct blocks blocks = {.count = COUNT, .span = 1.0};
    uint32_t state = 12345;
    for (size_t k = 0; k < COUNT; k++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        blocks.x[k] = (double)k / (COUNT - 1);
        blocks.y[k] = value(blocks.x[k]) + 1e3 * ((double)state / 0x1p32 - 0.5);
    }
    blocks.level = blocks_median(blocks.y, COUNT);
    return blocks;
}

static double line(double x)
{
    return 1e7 + 1e6 * x;
}

static double warm_up(double x)
{
    return 1e7 + 1e6 * (1.0 - exp(-x / 0.06));
}

static double step(double x)
{
    return 1e7 + (x > 0.5 ? 1e6 : 0.0);
}

static double filled_cache_and_leak(double x)
{
    return 1e7 + 1e6 * fmin(x, 0.3) + 5e5 * x;
}

static void a_line_is_a_slope_in_nearly_all_models(void **state)
{
    (void)state;
    struct blocks blocks = course(line);
    models_fit(&blocks, 1.0, scratch, models);
    assert_true(mixture_above(models, MIXTURE_LOWER, 9e5) > 0.99);
    assert_true(mixture_above(models, MIXTURE_TERMINAL, 1.1e6) < 0.01);
    struct mixture_moments moments;
    mixture_moments(models, &moments);
    assert_true(fabs(moments.mean - 1e6) < 2e4);
}

static void bounded_growth_leaves_no_slope(void **state)
{
    (void)state;
    double (*const bounded[])(double) = {warm_up, step};
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        struct blocks blocks = course(bounded[i]);
        models_fit(&blocks, 1.0, scratch, models);
        assert_true(mixture_above(models, MIXTURE_TERMINAL, 5e3) < 0.05);
        assert_true(mixture_above(models, MIXTURE_TERMINAL, -5e3) > 0.95);
    }
}

static void a_leak_is_seen_under_a_cache_that_filled(void **state)
{
    (void)state;
    struct blocks blocks = course(filled_cache_and_leak);
    models_fit(&blocks, 1.0, scratch, models);
    assert_true(mixture_above(models, MIXTURE_LOWER, 4.8e5) > 0.99);
    assert_true(mixture_above(models, MIXTURE_TERMINAL, 5.2e5) < 0.01);
}

static void weights_sum_to_one_within_the_named_limit(void **state)
{
    (void)state;
    struct blocks blocks = course(line);
    models_fit(&blocks, 1.0, scratch, models);
    double sum = 0.0;
    for (size_t i = 0; i < models->count; i++) {
        sum += models->model[i].weight;
    }
    assert_true(models->count > 1000 && models->count <= MODELS_MAX);
    assert_true(fabs(sum - 1.0) < 1e-9);
}

static void quantiles_invert_the_distribution_and_keep_their_order(void **state)
{
    (void)state;
    struct blocks blocks = course(line);
    models_fit(&blocks, 1.0, scratch, models);
    static const double levels[] = {0.01, 0.3, 0.5, 0.9, 0.99};
    double before = -INFINITY;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        double at = mixture_quantile(models, MIXTURE_TERMINAL, levels[i]);
        double lower = mixture_quantile(models, MIXTURE_LOWER, levels[i]);
        assert_true(fabs(1.0 - mixture_above(models, MIXTURE_TERMINAL, at) -
                         levels[i]) < 1e-3);
        assert_true(at > before && lower <= at + 1.0);
        before = at;
    }
}

static void a_thinned_mixture_has_the_same_quantiles(void **state)
{
    (void)state;
    struct blocks blocks = course(line);
    models_fit(&blocks, 1.0, scratch, models);
    mixture_thin(models, thinned);
    assert_true(thinned->count < models->count / 4);
    struct mixture_moments moments;
    mixture_moments(models, &moments);
    static const double levels[] = {0.01, 0.5, 0.99};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        double off = mixture_quantile(models, MIXTURE_LOWER, levels[i]) -
                     mixture_quantile(thinned, MIXTURE_LOWER, levels[i]);
        assert_true(fabs(off) < 0.25 * moments.mean_se);
    }
}

static void ties_do_not_look_like_certainty(void **state)
{
    (void)state;
    struct blocks blocks = {.count = COUNT, .level = 4096.0, .span = 1.0};
    for (size_t k = 0; k < COUNT; k++) {
        blocks.x[k] = (double)k / (COUNT - 1);
        blocks.y[k] = 4096.0;
    }
    models_fit(&blocks, 4096.0, scratch, models);
    struct mixture_moments moments;
    mixture_moments(models, &moments);
    assert_true(moments.mean == 0.0);
    assert_true(moments.mean_se > 100.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_slope_in_nearly_all_models),
        cmocka_unit_test(bounded_growth_leaves_no_slope),
        cmocka_unit_test(a_leak_is_seen_under_a_cache_that_filled),
        cmocka_unit_test(weights_sum_to_one_within_the_named_limit),
        cmocka_unit_test(
            quantiles_invert_the_distribution_and_keep_their_order),
        cmocka_unit_test(a_thinned_mixture_has_the_same_quantiles),
        cmocka_unit_test(ties_do_not_look_like_certainty),
    };
    return cmocka_run_group_tests_name("models", tests, set_up, tear_down);
}
