#include "assess/docket.h"

#include "assess/extent.h"
#include "assess/holdings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the rest may spend together. Their margins, a twentieth or a quarter of
 * the level and eight at least, hold them back far more than their error rate
 * does: `plateau selftest` judges healthy counts with a twentieth of it each.
 */
static const double others_alpha = 0.05;

bool docket_convicts(const struct assessed *series)
{
    return !series->is_ourselves && series->counts != METRIC_CONTEXT;
}

bool docket_is_part_of(const struct assessed *series,
                       const struct assessed *together)
{
    return together->is_together && !series->is_together &&
           strcmp(series->role, together->role) == 0 &&
           strcmp(series->metric, together->metric) == 0;
}

/* --- which ------------------------------------------------------------------
 */

static bool has_allocated(const struct panel *panel,
                          const struct panel_column *column)
{
    return panel_find(panel, column->role, column->slot_id, "heap/allocated") !=
           NULL;
}

/* Whether there is a column of several observers that |column| is part of. */
static bool is_part(const struct panel *panel,
                    const struct panel_column *column)
{
    return column->slot_id >= 0 && !column->is_ourselves &&
           panel_find(panel, column->role, -1, column->name) != NULL;
}

static bool is_judged(const struct panel *panel,
                      const struct panel_column *column)
{
    if (column->metric->role == METRIC_PART ||
        column->metric->role == METRIC_EXTENT ||
        (column->metric->is_of_ebbs && !panel->are_troughs)) {
        return false;
    }
    return column->metric->is_each || !is_part(panel, column);
}

/* Private memory is the best source where no allocator can be asked, or not
 * those of all processes; what is counted bears witness then. Where most is
 * held outside the allocator, both are: a PLATEAU rests on both. */
static enum metric_role role_of(const struct panel *panel,
                                const struct panel_column *column)
{
    enum metric_role role = column->metric->role;
    if (role != METRIC_PRIMARY && role != METRIC_WITNESS) {
        return role;
    }
    enum extent extent = extent_of_heap(panel, column->role);
    if (role == METRIC_WITNESS &&
        (extent >= EXTENT_LITTLE || !has_allocated(panel, column))) {
        return METRIC_PRIMARY;
    }
    return role == METRIC_PRIMARY && extent == EXTENT_PART ? METRIC_WITNESS
                                                           : role;
}

/* --- points -----------------------------------------------------------------
 */

static size_t covariates_of(const struct panel *panel,
                            const struct panel_column *column,
                            const struct panel_column **chosen)
{
    return column->metric->role == METRIC_GATE || column->is_ourselves
               ? 0
               : holdings_choose(panel, column, chosen);
}

static bool is_whole(const struct panel_column *const *chosen, size_t count,
                     size_t row)
{
    for (size_t c = 0; c < count; c++) {
        if (isnan(chosen[c]->values[row])) {
            return false;
        }
    }
    return true;
}

static int fill_points(const struct panel *panel,
                       const struct panel_column *column,
                       struct assessed *series)
{
    const struct panel_column *chosen[JUDGE_COVARIATES_MAX];
    size_t count = covariates_of(panel, column, chosen);
    size_t room = panel->rows > 0 ? panel->rows : 1;
    series->points = calloc(room, sizeof *series->points);
    series->covariates = calloc(room * (count + 1), sizeof(double));
    if (series->points == NULL || series->covariates == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < panel->rows; i++) {
        if (isnan(column->values[i]) || !is_whole(chosen, count, i)) {
            continue;
        }
        size_t at = series->points_count++;
        series->points[at] = (struct judge_point){
            .t_s = panel->t_s[i],
            .value = column->values[i],
            .events = panel->events[i],
        };
        for (size_t c = 0; c < count; c++) {
            series->covariates[at * count + c] = chosen[c]->values[i];
        }
    }
    series->covariates_count = count;
    return 0;
}

static int add_series(const struct panel *panel,
                      const struct panel_column *column, bool has_events,
                      struct assessed *series)
{
    const struct metric *metric = column->metric;
    series->series_id = column->series_id;
    series->counts = role_of(panel, column);
    series->is_together = column->slot_id < 0;
    series->is_ourselves = column->is_ourselves;
    series->is_memory =
        strcmp(column->unit, "B") == 0 && metric->kind == METRIC_FIGURE;
    series->quantum = column->quantum;
    (void)snprintf(series->role, sizeof series->role, "%s", column->role);
    (void)snprintf(series->metric, sizeof series->metric, "%s", column->name);
    (void)snprintf(series->label, sizeof series->label, "%s",
                   metric->label ? metric->label : column->name);
    (void)snprintf(series->unit, sizeof series->unit, "%s", column->unit);
    if (series->is_together) {
        (void)snprintf(series->observer, sizeof series->observer,
                       "%.40s, all %zu", column->role, column->observers);
    } else {
        (void)snprintf(series->observer, sizeof series->observer, "%.48s-%d",
                       column->role, (int)column->ordinal);
    }
    int result = fill_points(panel, column, series);
    metric_rule(metric, column->quantum, series->unit, panel->are_troughs,
                &series->rule);
    if (series->is_memory && !series->is_ourselves) {
        series->rule.budget = panel->budget;
    }
    series->rule.has_events = has_events;
    series->rule.covariates =
        series->covariates_count > 0 ? series->covariates : NULL;
    series->rule.covariates_count = series->covariates_count;
    return result;
}

/* Of a primary source's share of the error rate. That one of several processes
 * of the same program leaks and the others do not is rare; and alone, what a
 * process holds for half a minute more looks like growth far more often. Of 28
 * clean runs of 30 s on a busy machine, one observer came to P(climb) = .9985
 * and one to .9982, but all three together never beyond .89. */
static const double together_share = 0.9;

static double weight_of(const struct assessed *series, size_t count,
                        const struct assessed *all)
{
    size_t parts = 0;
    bool has_together = false;
    for (size_t i = 0; i < count && !series->is_together; i++) {
        has_together = has_together || docket_is_part_of(series, &all[i]);
        parts += !all[i].is_together &&
                 strcmp(series->role, all[i].role) == 0 &&
                 strcmp(series->metric, all[i].metric) == 0;
    }
    if (series->is_together) {
        return together_share;
    }
    return has_together ? (1. - together_share) / (double)parts : 1.;
}

static void share_out(struct assessed *series, size_t count)
{
    double best = 0.;
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        if (!docket_convicts(&series[i])) {
            continue;
        }
        if (series[i].counts == METRIC_PRIMARY) {
            best += weight_of(&series[i], count, series);
        } else {
            others++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!docket_convicts(&series[i])) {
            continue;
        }
        if (series[i].counts == METRIC_PRIMARY) {
            series[i].rule.alpha *= weight_of(&series[i], count, series) / best;
        } else {
            series[i].rule.alpha = others_alpha / (double)others;
        }
    }
}

static int pass_of(const struct panel_column *column)
{
    if (column->metric->role == METRIC_GATE) {
        return 2;
    }
    return column->slot_id < 0 ? 0 : 1;
}

int docket_make(const struct panel *panel, bool has_events,
                struct assessed *ret_series, size_t max, size_t *ret_count)
{
    size_t count = 0;
    int result = 0;
    /* Memory first, and of that what is of all together. */
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; result == 0 && i < panel->columns_count; i++) {
            const struct panel_column *column = &panel->columns[i];
            if (pass_of(column) == pass && count < max &&
                is_judged(panel, column)) {
                result =
                    add_series(panel, column, has_events, &ret_series[count++]);
            }
        }
    }
    if (result != 0) {
        docket_deinit(ret_series, count);
        return result;
    }
    share_out(ret_series, count);
    *ret_count = count;
    return 0;
}

void docket_deinit(struct assessed *series, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(series[i].points);
        free(series[i].covariates);
        free(series[i].samples);
        series[i] = (struct assessed){0};
    }
}
