/* pool.h - several series of one build, judged together.
 *
 * A leak of a build shows in all of its observers; a chance pattern does not.
 * So the series are judged one by one, each at the looser error rate at which
 * half of them are called CLIMB by chance no more often than one alone would
 * be, and then counted. Half of the error rate is kept for a single one that
 * climbs beyond all doubt. Nothing is averaged: steps of several observers at
 * several times would look like a slope. Pure.
 */
#ifndef PLATEAU_POOL_H
#define PLATEAU_POOL_H

#include "judge/judge.h"

/* The error rate at which each of |count| series is to be judged, for |alpha|
 * together. */
double pool_alpha(size_t count, double alpha);

struct pooled {
    enum judge_outcome outcome;
    char reason[JUDGE_REASON_SIZE];
    size_t outcomes[JUDGE_INVALID + 1]; /* how many were called what */
};

/* CLIMB if half of the verdicts or more are, or one is and is as sure as
 * alpha / (2 count) asks; PLATEAU if two thirds are and none is CLIMB; INVALID
 * if one is, because then it is not known what all of them say; INCONCLUSIVE
 * otherwise. |verdicts| were judged at pool_alpha(). */
void pool_verdicts(const struct judge_verdict *verdicts, size_t count,
                   double alpha, struct pooled *ret_pooled);

#endif
