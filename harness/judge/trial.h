/* trial.h - series of known truth, on which the judge is put to the test.
 *
 * `plateau selftest` judges them and counts. A family is a shape that memory
 * takes; everything about a series of it (level, length, noise, the shape's
 * own numbers) is drawn from a seed, and the same seed gives the same series on
 * every machine with IEEE doubles. This is the reporting generator: the judge's
 * constants were tuned on another one (tests/series.c), that shares no code,
 * generator or parameter range with it. Pure.
 *
 * What is drawn for every series of samples: a level of 1 MB to 2 GB; a quantum
 * of one page (7 of 10) or of one byte; a run of one minute to twelve hours;
 * jitter of the sampling; events as a Poisson process, so many that the margin
 * an event stays below 1 % of the level (in 3 of 10, none are known); noise of
 * 0.05 to 1 % of the level, white, autoregressive (correlated over up to 2 % of
 * the run) or heavy-tailed (Student's t, 3 degrees of freedom).
 * Series of ebbs are nodes of 0.5 to 2 MB, read at rest after every 100 events.
 * Series of counts are what such a node has alive after every 20 to 100 events;
 * they are judged at the error rate that one of twenty gets in a run.
 */
#ifndef PLATEAU_TRIAL_H
#define PLATEAU_TRIAL_H

#include "judge/judge.h"

#include <stdint.h>

enum { TRIAL_POINTS_MAX = 5000 };

enum trial_truth {
    TRIAL_HEALTHY,   /* settles within the run: CLIMB is wrong */
    TRIAL_UNSETTLED, /* bounded, but not to be seen yet: CLIMB is wrong */
    TRIAL_LEAKY,     /* grows without end: PLATEAU is wrong */
};

/* What is read, and by which rule it is judged. */
enum trial_kind {
    TRIAL_SAMPLES, /* of memory, on a grid: troughs are its lower envelope */
    TRIAL_EBBS,    /* of allocated heap, each settled */
    TRIAL_COUNTS,  /* of what is alive at ebbs: a pair or a gauge */
};

struct trial {
    uint64_t rng[4];
    struct judge_point points[TRIAL_POINTS_MAX];
    double covariates[TRIAL_POINTS_MAX];
    size_t count;            /* fewer than asked for where reads are missing */
    size_t covariates_count; /* 0 or 1 */
    double quantum;
    bool has_events;
    double level;
    double noise_ratio; /* standard deviation by level */
    double leak_ratio;  /* growth over the run by level; 0 if no leak */
};

struct trial_family {
    const char *name;
    enum trial_truth truth;
    enum trial_kind kind;
    void (*shape)(struct trial *trial, const double parameter[2]);
    double parameter[2]; /* of the shape: mostly a range */
    double noise_ratio;  /* 0: drawn */
};

extern const struct trial_family trial_family[];
extern const size_t trial_family_count;

/* Draws series |index| of |family| with |count| points. */
void trial_make(const struct trial_family *family, uint64_t seed,
                uint64_t index, size_t count, struct trial *ret_trial);

/* The rule by which a trial is to be judged; lends its covariates. */
void trial_rule(const struct trial_family *family, const struct trial *trial,
                struct judge_rule *ret_rule);

#endif
