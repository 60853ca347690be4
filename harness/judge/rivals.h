/* rivals.h - other people's tests for a leak, to measure the judge against.
 *
 * Each knows two answers only: a climb, or none. Pure.
 */
#ifndef PLATEAU_RIVALS_H
#define PLATEAU_RIVALS_H

#include "judge/judge.h"

enum rival {
    RIVAL_MANN_KENDALL,  /* trend at 5 %, one-sided, ties allowed for */
    RIVAL_LEAST_SQUARES, /* t-test of the slope at 5 %, one-sided */
    RIVAL_FIRST_LAST,    /* mean of the last tenth 5 % above the first's */
    RIVAL_THEIL_SEN,     /* lower 95 % end of the slope: above 1 % of level */
    RIVALS,
};

/* "Mann-Kendall" and so on. */
const char *rival_name(enum rival rival);

/* Does |rival| call this a climb? |count| of at least 3; |scratch| holds two
 * values a point. Theil-Sen looks at 100 of the points at most, evenly
 * spaced. */
bool rival_calls_climb(enum rival rival, const struct judge_point *points,
                       size_t count, double *scratch);

#endif
