/* docket.h - the series of a run that come before the judge.
 *
 * Made of a panel: which columns are judged, with what points, what they held,
 * and by what rule. The error rate of the run is shared out evenly among the
 * best sources, so that many observers are no likelier to raise a false alarm
 * than one (Bonferroni); counts and witnesses share one of their own, so that
 * memory keeps its power whatever else is counted.
 */
#ifndef PLATEAU_DOCKET_H
#define PLATEAU_DOCKET_H

#include "assess.h"
#include "assess/panel.h"

/* Writes at most |max| series to |ret_series| (zeroed), those of several
 * observers together first. 0 and *ret_count, each to be released with
 * docket_deinit(); or -ENOMEM, with nothing to release. |panel| has been put
 * together. */
int docket_make(const struct panel *panel, bool has_events,
                struct assessed *ret_series, size_t max, size_t *ret_count);
void docket_deinit(struct assessed *series, size_t count);

/* Whether |series| is of one of the observers that |together| is of. */
bool docket_is_part_of(const struct assessed *series,
                       const struct assessed *together);

/* Whether a CLIMB of it convicts the run. */
bool docket_convicts(const struct assessed *series);

#endif
