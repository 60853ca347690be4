/* blocks.h - the troughs of a series: one low value for each stretch of it.
 *
 * The axis (time, or churn events) is cut into blocks of equal width, empty
 * ones are dropped, and the lowest decile of each block is its trough. Where
 * the series is a sawtooth slower than a block, wider blocks or the minimum
 * are taken, if that makes the troughs markedly smoother. Pure.
 */
#ifndef PLATEAU_BLOCKS_H
#define PLATEAU_BLOCKS_H

#include "judge/judge.h"

enum blocks_axis { BLOCKS_BY_TIME, BLOCKS_BY_EVENTS };

struct blocks {
    size_t count;
    double x[JUDGE_BLOCKS_MAX];   /* mean place, scaled so that it spans 0..1 */
    double y[JUDGE_BLOCKS_MAX];   /* trough */
    double t_s[JUDGE_BLOCKS_MAX]; /* mean time */
    double events[JUDGE_BLOCKS_MAX]; /* mean count of events */
    /* Of the points at or below the trough, their mean; of an ebb, its own. */
    double covariate[JUDGE_COVARIATES_MAX][JUDGE_BLOCKS_MAX];
    size_t covariates_count;
    double span;  /* what x = 0..1 is, in seconds or events */
    double level; /* median trough */
};

/* What is cut: valid points, already without the start of the run. Lent. */
struct blocks_source {
    const struct judge_point *points;
    size_t count;
    const double *covariates; /* as in struct judge_rule */
    size_t covariates_count;
    bool are_troughs;
    size_t blocks_max; /* of samples; 0: JUDGE_BLOCKS_MAX */
    double *scratch;   /* |count| values */
};

/* Cuts samples into at most min(blocks_max, count / 3) blocks; of settled
 * readings each is a block, or the mean of as many neighbours as make them 48
 * or fewer (what does not come out even is left out at the start). What comes
 * out may have any number of blocks, 0 included: an axis that does not move has
 * none. */
void blocks_cut(const struct blocks_source *source, enum blocks_axis axis,
                struct blocks *ret_blocks);

/* The value at place |rank| (from 0) of |count| > rank values in ascending
 * order. Reorders |values|, of more than 1,024 overwrites some. Hardly more
 * than O(count) for many, O(count log rank) for few. */
double blocks_select(double *values, size_t count, size_t rank);

/* The median of 1 to JUDGE_BLOCKS_MAX values, which stay as they are. */
double blocks_median(const double *values, size_t count);

#endif
