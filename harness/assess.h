/* assess.h - from recorded points to a verdict on the whole.
 *
 * Joins store, premises and judge: which series of which observer are judged,
 * which of them gate and which only bear witness, what error rate each gets of
 * what the run may spend, and what the verdicts add up to. Used for a run that
 * has just ended and for one that is judged again: both read the store.
 *
 * How verdicts add up. A failed premise makes the run INVALID. A CLIMB in any
 * gated series makes it CLIMB. It is a PLATEAU when every observer's best
 * source says so: what the allocator has handed out ("heap/allocated") where
 * there is such a figure, private memory elsewhere. Otherwise INCONCLUSIVE.
 */
#ifndef PLATEAU_ASSESS_H
#define PLATEAU_ASSESS_H

#include "err.h"
#include "judge/judge.h"
#include "report/plot.h"
#include "report/summary.h"
#include "store/store.h"

#include <stddef.h>

enum { ASSESS_SERIES_MAX = 256 }; /* judged in one run; more are left out */

/* A judged series with what it was judged from. */
struct assessed {
    int64_t series_id; /* 0: of no store */
    char observer[SUMMARY_NAME_SIZE];
    const char *metric; /* static */
    const char *label;  /* static: in a person's words */
    char unit[16];
    bool is_gate;
    double quantum;
    bool is_primary; /* the observer's best source */
    struct judge_point *points;
    size_t points_count;
    struct judge_verdict verdict;
};

struct assessment {
    struct summary summary;
    struct assessed *series;
    size_t series_count;
};

/* Judges the run in |store| and keeps the verdicts there (where it can be
 * written). 0 and *ret_assessment, to be released; or -errno and |err|. */
int assess_run(struct store *store, struct assessment *ret_assessment,
               struct err *err);

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
