#include "judge/dictionary.h"

#include <assert.h>
#include <math.h>

static const double EXP_TAU[DICTIONARY_EXP] = {
    .008, .015, .025, .04, .06, .085, .115, .15, .19, .24, .3, .38, .5,
};
static const double LOG_SCALE[DICTIONARY_LOG] = {
    .002, .005, .01, .02, .035, .06, .1, .17, .3, .6,
};
static const double POWER[DICTIONARY_POWER] = {.3, .4, .5, .6, .7};
static const double CAPPED_SCALE[] = {.005, .02, .06, .17};
static const double CAPPED_AT[] = {.15, .22, .3, .38, .46, .54, .6};
static const double HINGE_FIRST = .06;
static const double HINGE_LAST = .95;

static double exp_shape(double x, double tau)
{
    return 1.0 - exp(-x / tau);
}

static double log_shape(double x, double scale)
{
    return log1p(x / scale) / log1p(1.0 / scale);
}

static double power_shape(double x, double power)
{
    return pow(x, power);
}

static size_t add(struct dictionary *dictionary, enum shape_family family,
                  double terminal)
{
    assert(dictionary->count < DICTIONARY_SHAPES_MAX);
    size_t at = dictionary->count++;
    dictionary->family[at] = family;
    dictionary->terminal[at] = terminal;
    dictionary->step_at[at] = 0;
    return at;
}

static void add_smooth(double (*shape)(double x, double scale), double scale,
                       const double *x, size_t count,
                       struct dictionary *dictionary)
{
    double terminal = 3.0 * (shape(1.0, scale) - shape(2.0 / 3.0, scale));
    size_t at = add(dictionary, SHAPE_SMOOTH, terminal);
    for (size_t k = 0; k < count; k++) {
        dictionary->value[k][at] = shape(x[k], scale);
    }
}

static void add_bounded(const double *x, size_t count,
                        struct dictionary *dictionary)
{
    for (size_t i = 0; i < sizeof CAPPED_SCALE / sizeof *CAPPED_SCALE; i++) {
        for (size_t j = 0; j < sizeof CAPPED_AT / sizeof *CAPPED_AT; j++) {
            size_t at = add(dictionary, SHAPE_CAPPED, 0.0);
            for (size_t k = 0; k < count; k++) {
                dictionary->value[k][at] =
                    log1p(fmin(x[k], CAPPED_AT[j]) / CAPPED_SCALE[i]);
            }
        }
    }
    for (size_t i = 0; i < DICTIONARY_HINGES; i++) {
        double knot = HINGE_FIRST + (HINGE_LAST - HINGE_FIRST) * (double)i /
                                        (DICTIONARY_HINGES - 1);
        size_t at = add(dictionary, SHAPE_HINGE, 0.0);
        for (size_t k = 0; k < count; k++) {
            dictionary->value[k][at] = fmin(x[k], knot);
        }
    }
    for (size_t first = 1; first < count; first++) {
        size_t at = add(dictionary, SHAPE_STEP, 0.0);
        dictionary->step_at[at] = first;
        for (size_t k = 0; k < count; k++) {
            dictionary->value[k][at] = k >= first ? 1.0 : 0.0;
        }
    }
}

void dictionary_build(const double *x, size_t count,
                      struct dictionary *ret_dictionary)
{
    assert(count <= JUDGE_BLOCKS_MAX);
    ret_dictionary->count = 0;
    for (size_t i = 0; i < DICTIONARY_EXP; i++) {
        add_smooth(exp_shape, EXP_TAU[i], x, count, ret_dictionary);
    }
    for (size_t i = 0; i < DICTIONARY_LOG; i++) {
        add_smooth(log_shape, LOG_SCALE[i], x, count, ret_dictionary);
    }
    for (size_t i = 0; i < DICTIONARY_POWER; i++) {
        add_smooth(power_shape, POWER[i], x, count, ret_dictionary);
    }
    add_bounded(x, count, ret_dictionary);
}
