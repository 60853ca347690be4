/* dictionary.h - the bounded shapes that may explain growth without a leak.
 *
 * Warm-up (exponential, logarithmic), a cache that fills (hinge, capped
 * logarithm), a one-off step. Each is a column over the troughs' places
 * x in [0, 1]. Pure.
 */
#ifndef PLATEAU_DICTIONARY_H
#define PLATEAU_DICTIONARY_H

#include "judge/judge.h"

enum {
    DICTIONARY_EXP = 13,
    DICTIONARY_LOG = 10,
    DICTIONARY_POWER = 5,
    DICTIONARY_CAPPED = 4 * 7,
    DICTIONARY_HINGES = 24,
    DICTIONARY_STEPS = JUDGE_BLOCKS_MAX - 1,
    DICTIONARY_FIRST_STEP = DICTIONARY_EXP + DICTIONARY_LOG + DICTIONARY_POWER +
                            DICTIONARY_CAPPED + DICTIONARY_HINGES,
    DICTIONARY_SHAPES_MAX = DICTIONARY_FIRST_STEP + DICTIONARY_STEPS,
};

enum shape_family {
    SHAPE_SMOOTH, /* exponential or logarithm: never quite done */
    SHAPE_CAPPED, /* logarithm up to a cap */
    SHAPE_HINGE,  /* linear up to a cap */
    SHAPE_STEP,
};

struct dictionary {
    size_t count; /* shapes, ordered by family; the step that begins at
                   * block k is shape DICTIONARY_FIRST_STEP + k - 1 */
    enum shape_family family[DICTIONARY_SHAPES_MAX];
    /* The slope that the shape still has at the end: over its last third,
     * in units of its height an x; 0 for the shapes that are over. */
    double terminal[DICTIONARY_SHAPES_MAX];
    size_t step_at[DICTIONARY_SHAPES_MAX]; /* of a step: its first block */
    double value[JUDGE_BLOCKS_MAX][DICTIONARY_SHAPES_MAX];
};

/* Evaluates every shape at |count| places, ascending from 0 to 1. */
void dictionary_build(const double *x, size_t count,
                      struct dictionary *ret_dictionary);

#endif
