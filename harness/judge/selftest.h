/* selftest.h - the judge's error rates, measured on series of known truth.
 *
 * Judges |series| series of every family of trial.h at every length and counts
 * the outcomes, on two threads. The counts depend on the seed and on nothing
 * else: not on the threads, not on the machine.
 */
#ifndef PLATEAU_SELFTEST_H
#define PLATEAU_SELFTEST_H

#include "judge/judge.h"
#include "judge/rivals.h"
#include "judge/trial.h"

#include <stdio.h>

enum {
    SELFTEST_THREADS = 2,
    SELFTEST_LENGTHS = 6,
    SELFTEST_FAMILIES_MAX = 64,
    SELFTEST_SERIES_MAX = 100000, /* of a family and length */
};

struct selftest_options {
    uint64_t seed;
    uint64_t series; /* of each family and length, 1 to SELFTEST_SERIES_MAX */
    bool is_quick;   /* at three of the lengths only, none above 300 */
    bool has_rivals; /* ask the rivals too */
    FILE *progress;  /* told how far it is; NULL: nobody */
};

enum { SELFTEST_OUTCOMES = JUDGE_INVALID + 1 };

/* What became of the series of one family and length. */
struct selftest_cell {
    size_t length; /* points; 0 where the family is not judged at it */
    size_t outcome[SELFTEST_OUTCOMES];
    /* The same for those with noise of 0.25 % of the level or less. */
    size_t quiet[SELFTEST_OUTCOMES];
    /* The same for those that grow by 5 % of the level or more. */
    size_t large[SELFTEST_OUTCOMES];
    /* Looked at before the end: a watch would have stopped it for a CLIMB. */
    size_t stopped;
    size_t stopped_at; /* summed over those: the points that it took */
    size_t rival_climbs[RIVALS];
};

struct selftest {
    struct selftest_options options;
    struct selftest_cell cell[SELFTEST_FAMILIES_MAX][SELFTEST_LENGTHS];
    double verdict_s; /* CPU time of a verdict, the mean */
};

/* 0 and *ret_selftest, or -errno. */
int selftest_run(const struct selftest_options *options,
                 struct selftest *ret_selftest);

/* Prints the tables. Returns how many of the promised figures do not hold. */
size_t selftest_print(const struct selftest *selftest, FILE *out);

#endif
