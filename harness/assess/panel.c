#include "assess/panel.h"

#include "judge/budget.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jemalloc keeps each object that it sampled in a region of its smallest large
 * class (SC_LARGE_MINCLASS, four pages), however small it is. */
const char panel_sampled_class[] = "heap/class/16384";

/* --- rows ------------------------------------------------------------------
 */

static int make_rows(struct panel *panel, size_t count)
{
    size_t room = count > 0 ? count : 1;
    panel->t_s = calloc(room, sizeof *panel->t_s);
    panel->events = calloc(room, sizeof *panel->events);
    panel->keys = calloc(room, sizeof *panel->keys);
    return panel->t_s && panel->events && panel->keys ? 0 : -ENOMEM;
}

static void add_row(struct panel *panel, const struct run_facts *facts,
                    int64_t key, int64_t t_ns, int64_t events)
{
    size_t row = panel->rows++;
    panel->keys[row] = key;
    panel->t_s[row] = (double)(t_ns - facts->churn_begin_ns) / 1e9;
    panel->events[row] = (double)events;
}

/* Ebbs that did not come to rest are no troughs. */
static int read_ebbs(struct store *store, const struct run_facts *facts,
                     struct panel *panel)
{
    struct store_ebb *ebbs = NULL;
    size_t count = 0;
    int result = store_ebbs(store, &ebbs, &count);
    if (result == 0) {
        result = make_rows(panel, count);
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        if (ebbs[i].is_settled) {
            add_row(panel, facts, ebbs[i].seq, ebbs[i].read_ns, ebbs[i].events);
        } else {
            panel->unsettled++;
        }
    }
    free(ebbs);
    return result;
}

/* Every n-th place of the grid, so many that they fit; n goes with the places
 * at which private memory is read. */
static int64_t stride_for(const struct run_facts *facts, size_t count)
{
    int64_t every = facts->scenario->detail_every;
    int64_t stride = 1;
    if (count > PANEL_ROWS_MAX) {
        stride = (int64_t)((count + PANEL_ROWS_MAX - 1) / PANEL_ROWS_MAX);
        stride = (stride + every - 1) / every * every;
    }
    return stride;
}

static int read_ticks(struct store *store, const struct run_facts *facts,
                      struct panel *panel)
{
    struct store_tick *ticks = NULL;
    size_t count = 0;
    int result = store_ticks(store, &ticks, &count);
    if (result == 0) {
        result = make_rows(panel, count);
    }
    int64_t stride = stride_for(facts, count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        if (ticks[i].t_ns >= facts->churn_begin_ns &&
            ticks[i].t_ns <= facts->churn_end_ns &&
            ticks[i].tick % stride == 0) {
            add_row(panel, facts, ticks[i].tick, ticks[i].t_ns,
                    ticks[i].events);
        }
    }
    free(ticks);
    return result;
}

/* --- columns ---------------------------------------------------------------
 */

/* Puts |value| where |key| is; |*row| moves on with it, both being sorted. */
static void place(const struct panel *panel, int64_t key, double value,
                  size_t *row, double *values)
{
    while (*row < panel->rows && panel->keys[*row] < key) {
        (*row)++;
    }
    if (*row < panel->rows && panel->keys[*row] == key) {
        values[*row] = value;
    }
}

static int read_values(struct store *store, const struct run_facts *facts,
                       const struct panel *panel, int64_t series_id,
                       double *values)
{
    size_t count = 0, row = 0;
    int result = 0;
    for (size_t i = 0; i < panel->rows; i++) {
        values[i] = NAN;
    }
    if (panel->are_troughs) {
        struct store_trough *troughs = NULL;
        result = store_troughs(store, series_id, &troughs, &count);
        for (size_t i = 0; result == 0 && i < count; i++) {
            place(panel, troughs[i].ebb, troughs[i].value, &row, values);
        }
        free(troughs);
        return result;
    }
    struct store_point *points = NULL;
    result = store_points(store, series_id, facts->churn_begin_ns,
                          facts->churn_end_ns, &points, &count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        place(panel, points[i].tick, points[i].value, &row, values);
    }
    free(points);
    return result;
}

static double *make_values(const struct panel *panel)
{
    return calloc(panel->rows > 0 ? panel->rows : 1, sizeof(double));
}

/* Of a pair: what was spawned, less what has finished. */
static int subtract_finished(struct store *store, const struct run_facts *facts,
                             const struct panel *panel,
                             struct panel_column *column)
{
    char finished[STORE_NAME_MAX + 32];
    struct store_series row;
    (void)snprintf(finished, sizeof finished, "tally/%s.finished",
                   column->name);
    int result = store_find_series(store, column->slot_id, finished, &row);
    if (result != 0) {
        return result == -ENOENT ? 0 : result;
    }
    double *values = make_values(panel);
    if (values == NULL) {
        return -ENOMEM;
    }
    result = read_values(store, facts, panel, row.id, values);
    for (size_t i = 0; i < panel->rows; i++) {
        column->values[i] -= values[i];
    }
    free(values);
    return result;
}

static int add_column(struct store *store, const struct run_facts *facts,
                      const struct store_slot *slot,
                      const struct store_series *series,
                      const struct metric *metric, struct panel *panel)
{
    struct panel_column column = {
        .metric = metric,
        .slot_id = slot->id,
        .ordinal = slot->ordinal,
        .observers = 1,
        .series_id = series->id,
        .quantum = series->quantum,
        .is_ourselves = !slot->is_observer,
        .values = make_values(panel),
    };
    if (column.values == NULL) {
        return -ENOMEM;
    }
    metric_name(metric, series->metric, column.name, sizeof column.name);
    (void)snprintf(column.unit, sizeof column.unit, "%s", series->unit);
    (void)snprintf(column.role, sizeof column.role, "%s", slot->role);
    panel->columns[panel->columns_count++] = column;
    int result = read_values(store, facts, panel, series->id, column.values);
    if (result == 0 && metric->kind == METRIC_PAIR) {
        result = subtract_finished(store, facts, panel,
                                   &panel->columns[panel->columns_count - 1]);
    }
    return result;
}

/* What of |slot| is judged: all that has a metric of an observer, and of
 * ourselves private memory. */
static bool is_wanted(const struct store_slot *slot,
                      const struct store_series *series,
                      const struct metric *metric)
{
    bool is_ourselves =
        !slot->is_observer && strcmp(slot->role, "plateau") == 0;
    bool is_counter = series->kind == STORE_COUNTER;
    if (series->slot_id != slot->id || metric == NULL ||
        (is_counter && metric->kind != METRIC_PAIR)) {
        return false;
    }
    return slot->is_observer ||
           (is_ourselves && strcmp(series->metric, "private") == 0);
}

/* Whether there is room for it, and it was asked for. */
static bool is_taken(const struct panel *panel, const struct run_facts *facts,
                     const struct store_series *series,
                     const struct metric *metric, enum panel_extent extent,
                     size_t *parts)
{
    bool is_of_profiles = facts->scenario->has_heap_profiles &&
                          strcmp(series->metric, panel_sampled_class) == 0;
    if (metric->role == METRIC_PART && !is_of_profiles &&
        (extent != PANEL_WITH_PARTS || (*parts)++ >= PANEL_PARTS_MAX)) {
        return false;
    }
    return panel->columns_count < PANEL_COLUMNS_MAX;
}

static int read_columns(struct store *store, const struct run_facts *facts,
                        enum panel_extent extent, struct panel *panel)
{
    struct store_slot *slots = NULL;
    struct store_series *series = NULL;
    size_t slots_count = 0, series_count = 0, parts = 0;
    int result = store_slots(store, &slots, &slots_count);
    if (result == 0) {
        result = store_all_series(store, &series, &series_count);
    }
    for (size_t i = 0; result == 0 && i < slots_count; i++) {
        for (size_t j = 0; result == 0 && j < series_count; j++) {
            const struct metric *metric =
                metric_find(series[j].metric, series[j].unit);
            if (is_wanted(&slots[i], &series[j], metric) &&
                is_taken(panel, facts, &series[j], metric, extent, &parts)) {
                result = add_column(store, facts, &slots[i], &series[j], metric,
                                    panel);
            }
        }
    }
    free(slots);
    free(series);
    return result;
}

int panel_read(struct store *store, const struct run_facts *facts,
               enum panel_extent extent, struct panel *ret_panel)
{
    struct panel panel = {
        .are_troughs = scenario_has_ebbs(facts->scenario),
        .has_profiles = facts->scenario->has_heap_profiles,
        .columns = calloc(PANEL_COLUMNS_MAX, sizeof *panel.columns),
    };
    int result = panel.columns ? 0 : -ENOMEM;
    if (facts->scenario->budget[0] != '\0') {
        /* The scenario was checked; what a newer one may say is not known. */
        (void)budget_parse(facts->scenario->budget, &panel.budget, NULL);
    }
    if (result == 0) {
        result = panel.are_troughs ? read_ebbs(store, facts, &panel)
                                   : read_ticks(store, facts, &panel);
    }
    if (result == 0) {
        result = read_columns(store, facts, extent, &panel);
    }
    if (result != 0) {
        panel_deinit(&panel);
        return result;
    }
    *ret_panel = panel;
    return 0;
}

void panel_deinit(struct panel *panel)
{
    for (size_t i = 0; i < panel->columns_count; i++) {
        free(panel->columns[i].values);
    }
    free(panel->columns);
    free(panel->t_s);
    free(panel->events);
    free(panel->keys);
    *panel = (struct panel){0};
}

/* --- together --------------------------------------------------------------
 */

static bool are_alike(const struct panel_column *a,
                      const struct panel_column *b)
{
    return strcmp(a->role, b->role) == 0 && strcmp(a->name, b->name) == 0 &&
           a->metric == b->metric && a->is_ourselves == b->is_ourselves;
}

/* The mean of column |first| and those like it after it; NULL values when it
 * has a like before it or none at all. */
static int mean_alike(const struct panel *panel, size_t first, size_t count,
                      struct panel_column *ret_mean)
{
    struct panel_column mean = panel->columns[first];
    mean.values = NULL;
    *ret_mean = mean;
    for (size_t i = 0; i < first; i++) {
        if (are_alike(&panel->columns[i], &mean)) {
            return 0;
        }
    }
    mean.slot_id = -1;
    mean.series_id = 0;
    mean.values = make_values(panel);
    if (mean.values == NULL) {
        return -ENOMEM;
    }
    mean.observers = 0;
    for (size_t i = first; i < count; i++) {
        if (are_alike(&panel->columns[i], &mean)) {
            mean.observers++;
            for (size_t k = 0; k < panel->rows; k++) {
                mean.values[k] += panel->columns[i].values[k];
            }
        }
    }
    if (mean.observers < 2) {
        free(mean.values);
        return 0;
    }
    for (size_t k = 0; k < panel->rows; k++) {
        mean.values[k] /= (double)mean.observers;
    }
    *ret_mean = mean;
    return 0;
}

int panel_put_together(struct panel *panel)
{
    size_t count = panel->columns_count;
    for (size_t i = 0; i < count && panel->columns_count < PANEL_COLUMNS_MAX;
         i++) {
        struct panel_column mean;
        if (panel->columns[i].is_ourselves) {
            continue;
        }
        int result = mean_alike(panel, i, count, &mean);
        if (result != 0) {
            return result;
        }
        if (mean.values != NULL) {
            panel->columns[panel->columns_count++] = mean;
        }
    }
    return 0;
}

const struct panel_column *panel_find(const struct panel *panel,
                                      const char *role, int64_t slot_id,
                                      const char *name)
{
    for (size_t i = 0; i < panel->columns_count; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->slot_id == slot_id && strcmp(column->role, role) == 0 &&
            strcmp(column->name, name) == 0) {
            return column;
        }
    }
    return NULL;
}
