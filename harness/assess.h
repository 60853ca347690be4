/* assess.h - from recorded points to a verdict on the whole.
 *
 * Joins store, premises and judge: which figures of which observers are judged
 * (assess/metrics.h is the table), what error rate each gets of what the run
 * may spend, what climbed, and what the verdicts add up to. Used for a run that
 * has just ended and for one that is judged again: both read the store.
 *
 * Observers of one role run the same program and are judged together as well:
 * their mean is a series of its own, with less noise than any of them, and it
 * alone is judged for counts. With ebbs the points are the troughs of the ebbs,
 * and what the observers held at each is regressed out of their memory.
 *
 * How verdicts add up. A failed premise makes the run INVALID. A CLIMB in any
 * series but those of context makes it CLIMB. It is a PLATEAU when for every
 * role the best source says so: what the allocator has handed out
 * ("heap/allocated") where there is such a figure of all its processes, private
 * memory elsewhere, and both where most is held outside the allocator
 * (assess/extent.h); of all observers together where there are several, and
 * then none of them by itself may be all but sure to climb. Otherwise
 * INCONCLUSIVE.
 */
#ifndef PLATEAU_ASSESS_H
#define PLATEAU_ASSESS_H

#include "assess/metrics.h"
#include "err.h"
#include "judge/judge.h"
#include "report/plot.h"
#include "report/summary.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

enum { ASSESS_SERIES_MAX = 256 }; /* judged in one run; more are left out */

/* A judged series with what it was judged from. */
struct assessed {
    int64_t series_id; /* 0: of no store, or of several observers */
    char role[STORE_NAME_MAX];
    char observer[SUMMARY_NAME_SIZE]; /* "observer-0", "3 observers" */
    char metric[SUMMARY_NAME_SIZE];
    char label[SUMMARY_NAME_SIZE]; /* in a person's words */
    char unit[16];
    enum metric_role counts;
    bool is_together;  /* the mean of several observers */
    bool is_ourselves; /* Plateau's own memory: decides nothing */
    bool is_memory;
    double quantum;
    struct judge_point *points;
    size_t points_count;
    double *covariates; /* covariates_count a point */
    size_t covariates_count;
    struct judge_point *samples; /* of the grid, for the plot, where the points
                                  * are troughs; else NULL */
    size_t samples_count;
    struct judge_rule rule;
    struct judge_verdict verdict;
};

struct assessment {
    struct summary summary;
    struct assessed *series;
    size_t series_count;
};

/* Judges the run in |store| and keeps the verdicts there (where it can be
 * written). |folder|: of the run, where heap profiles may lie; NULL: there is
 * none. 0 and *ret_assessment, to be released; or -errno and |err|. */
int assess_run(struct store *store, const char *folder,
               struct assessment *ret_assessment, struct err *err);

/* Judges one series of anybody's. |points| are copied. */
int assess_series(const char *name, const char *unit,
                  const struct judge_point *points, size_t count,
                  const struct judge_rule *rule,
                  struct assessment *ret_assessment);

void assess_deinit(struct assessment *assessment);

/* Draws the plots of an assessment into |folder|; what is wrong with them is a
 * sentence in the summary. */
void assess_plot(struct assessment *assessment, const char *reports_folder,
                 const char *folder);

#endif
