/* series.h - seeded series of known truth, for the tests of the judge.
 *
 * A family is a shape that memory takes; the same seed gives the same series
 * on every machine with IEEE doubles. Levels are about 10 MB, but for the
 * mesh families, which imitate jemalloc's `allocated` of a node of about
 * 1 MB under churn.
 */
#ifndef PLATEAU_SERIES_H
#define PLATEAU_SERIES_H

#include "judge/judge.h"

#include <stdint.h>

enum series_truth {
    SERIES_HEALTHY,   /* CLIMB is wrong */
    SERIES_UNSETTLED, /* likewise, and hard to avoid */
    SERIES_LEAKY,     /* PLATEAU is wrong */
};

struct series_family {
    const char *name;
    enum series_truth truth;
    double quantum;
    void (*make)(uint64_t *state, struct judge_point *points, size_t count);
};

extern const struct series_family series_family[];
extern const size_t series_family_count;

/* The family of that name; NULL when there is none. */
const struct series_family *series_find(const char *name);

/* Writes |count| points over 60 seconds, with some 48 events a second. */
void series_make(const struct series_family *family, uint64_t seed,
                 size_t count, struct judge_point *points);

#endif
