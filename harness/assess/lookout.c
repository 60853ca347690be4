#include "assess/lookout.h"

#include "assess/docket.h"
#include "assess/panel.h"
#include "run_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Samples: when it is worth asking, of the run. */
static const double sampled_at[] = {1. / 3., 1. / 2., 2. / 3., 5. / 6.};
enum { SAMPLED_LOOKS = sizeof sampled_at / sizeof sampled_at[0] };

bool lookout_is_due(const struct lookout *lookout, size_t ebbs,
                    double done_ratio)
{
    if (ebbs > 0) {
        return ebbs >= judge_next_look(lookout->ebbs, true);
    }
    return lookout->looks < SAMPLED_LOOKS &&
           done_ratio >= sampled_at[lookout->looks];
}

/* The watch of that series; NULL when there are too many. */
static struct judge_watch *find_watch(struct lookout *lookout,
                                      const struct assessed *series)
{
    for (size_t i = 0; i < lookout->watched_count; i++) {
        if (strcmp(lookout->watched[i].role, series->role) == 0 &&
            strcmp(lookout->watched[i].metric, series->metric) == 0) {
            return &lookout->watched[i].watch;
        }
    }
    if (lookout->watched_count == ASSESS_SERIES_MAX) {
        return NULL;
    }
    size_t at = lookout->watched_count++;
    (void)snprintf(lookout->watched[at].role, sizeof lookout->watched[at].role,
                   "%s", series->role);
    (void)snprintf(lookout->watched[at].metric,
                   sizeof lookout->watched[at].metric, "%s", series->metric);
    return &lookout->watched[at].watch;
}

/* The series that is looked at: of all observers of a role together, or of the
 * only one. */
static bool is_looked_at(const struct assessed *series, size_t count,
                         const struct assessed *all)
{
    if (!docket_convicts(series) || series->is_together) {
        return docket_convicts(series);
    }
    for (size_t i = 0; i < count; i++) {
        if (docket_is_part_of(series, &all[i])) {
            return false;
        }
    }
    return true;
}

static int look_at(struct lookout *lookout, const struct assessed *series,
                   double done_ratio, char ret_sentence[LOOKOUT_SENTENCE_SIZE])
{
    struct judge_watch *watch = find_watch(lookout, series);
    struct judge_verdict verdict;
    if (watch == NULL) {
        return LOOKOUT_GO_ON;
    }
    int result = judge_look(watch, series->points, series->points_count,
                            done_ratio, &series->rule, &verdict);
    if (result == JUDGE_LOOK_CLIMB) {
        (void)snprintf(ret_sentence, LOOKOUT_SENTENCE_SIZE,
                       "two looks in succession found that %.40s climbs; the "
                       "rest of the run would not have changed that",
                       series->label);
        return LOOKOUT_CLIMB;
    }
    return result < 0 ? result : LOOKOUT_GO_ON;
}

static int look_at_all(struct lookout *lookout, const struct panel *panel,
                       bool has_events, double done_ratio,
                       char ret_sentence[LOOKOUT_SENTENCE_SIZE])
{
    size_t count = 0;
    struct assessed *series = calloc(ASSESS_SERIES_MAX, sizeof *series);
    if (series == NULL) {
        return -ENOMEM;
    }
    int result =
        docket_make(panel, has_events, series, ASSESS_SERIES_MAX, &count);
    int found = LOOKOUT_GO_ON;
    for (size_t i = 0; result >= 0 && i < count && found == LOOKOUT_GO_ON;
         i++) {
        if (is_looked_at(&series[i], count, series)) {
            found = look_at(lookout, &series[i], done_ratio, ret_sentence);
        }
    }
    docket_deinit(series, count);
    free(series);
    return result < 0 ? result : found;
}

int lookout_look(struct lookout *lookout, struct store *store, size_t ebbs,
                 double done_ratio, char ret_sentence[LOOKOUT_SENTENCE_SIZE])
{
    struct run_facts facts;
    struct panel panel;
    struct err err = {0};
    lookout->looks++;
    lookout->ebbs = ebbs;
    int result = run_facts_read(store, &facts, &err);
    if (result != 0) {
        return result;
    }
    result = panel_read(store, &facts, PANEL_JUDGED, &panel);
    if (result == 0) {
        result = panel_put_together(&panel);
        if (result == 0) {
            result = look_at_all(lookout, &panel, facts.has_events, done_ratio,
                                 ret_sentence);
        }
        panel_deinit(&panel);
    }
    run_facts_deinit(&facts);
    return result;
}
