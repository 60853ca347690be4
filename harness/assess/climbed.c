#include "assess/climbed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKED_MAX = 256 }; /* counts that are looked at */

static const double start_dropped = 0.15; /* of the rows: warm-up */
static const double fit_min = 0.6;
static const double growth_min = 3.;         /* of a count */
static const double growth_ratio_min = 0.25; /* of its level */
/* Counts that leave as little of memory's growth open as each other are taken
 * to go with it alike: within this factor, and all that leave this or less. */
static const double alike_open = 1e-3;
static const double alike_open_factor = 4.;
static const double open_max = 0.25; /* all that leave more go with it badly */
static const double alike_factor = 1.5; /* likewise for their growth */

/* A straight line through y against x. */
struct line {
    size_t count;
    double slope, fit;
    double mean_y, span_x, last_y;
};

static struct line fit_line(const struct panel *panel, const double *x,
                            const double *y)
{
    struct line line = {0};
    double sx = 0., sy = 0., sxx = 0., syy = 0., sxy = 0.;
    double first_x = NAN, last_x = NAN;
    for (size_t i = (size_t)(start_dropped * (double)panel->rows);
         i < panel->rows; i++) {
        if (isnan(x[i]) || isnan(y[i])) {
            continue;
        }
        first_x = isnan(first_x) ? x[i] : first_x;
        last_x = x[i];
        line.last_y = y[i];
        line.count++;
        sx += x[i];
        sy += y[i];
    }
    double n = (double)line.count;
    double mean_x = sx / n;
    line.mean_y = sy / n;
    for (size_t i = (size_t)(start_dropped * (double)panel->rows);
         i < panel->rows; i++) {
        if (!isnan(x[i]) && !isnan(y[i])) {
            sxx += (x[i] - mean_x) * (x[i] - mean_x);
            syy += (y[i] - line.mean_y) * (y[i] - line.mean_y);
            sxy += (x[i] - mean_x) * (y[i] - line.mean_y);
        }
    }
    line.span_x = last_x - first_x;
    line.slope = sxx > 0. ? sxy / sxx : 0.;
    line.fit = sxx > 0. && syy > 0. ? sxy * sxy / (sxx * syy) : 0.;
    return line;
}

static bool is_climbing(const struct line *line)
{
    double growth = line->slope * line->span_x;
    return line->count >= 5 && line->fit >= fit_min && growth >= growth_min &&
           growth >= growth_ratio_min * fabs(line->mean_y);
}

/* Lower is better; equal ones go by the rest. */
static int open_of(double with_memory)
{
    double open = isnan(with_memory) ? 1. : 1. - with_memory;
    open = fmin(open, open_max);
    return (int)round(log(fmax(open, alike_open) / alike_open) /
                      log(alike_open_factor));
}

static int size_of(double growth)
{
    return (int)round(log(growth) / log(alike_factor));
}

static int compare(const void *a, const void *b)
{
    const struct climbed *left = a, *right = b;
    const struct panel_column *l = left->column, *r = right->column;
    int open = open_of(left->with_memory);
    int size = size_of(left->per_hour) - size_of(right->per_hour);
    int kind =
        (l->metric->kind != METRIC_PAIR) - (r->metric->kind != METRIC_PAIR);
    bool go_badly = open == open_of(1. - open_max);
    const int keys[] = {
        open - open_of(right->with_memory),
        (int)r->has_climbed - (int)l->has_climbed,
        go_badly ? kind : size,
        go_badly ? size : kind,
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i] != 0) {
            return keys[i];
        }
    }
    return l < r ? -1 : 1;
}

/* What it stands beside: the peers where they are counted, else the first pair
 * that is level and not empty. */
static const struct panel_column *find_level(const struct panel *panel,
                                             const struct panel_column *of,
                                             struct line *ret_line)
{
    const struct panel_column *found = NULL;
    for (size_t i = 0; i < panel->columns_count; i++) {
        const struct panel_column *column = &panel->columns[i];
        bool is_peers = strcmp(column->name, "active_peers") == 0;
        if (column == of || column->slot_id != of->slot_id ||
            strcmp(column->role, of->role) != 0 ||
            (!is_peers && column->metric->kind != METRIC_PAIR)) {
            continue;
        }
        struct line line = fit_line(panel, panel->t_s, column->values);
        if (is_climbing(&line) || line.mean_y < 0.5) {
            continue;
        }
        if (found == NULL || is_peers) {
            found = column;
            *ret_line = line;
        }
    }
    return found;
}

/* "1,234" or "0.53". */
static char *number(double value, char *text, size_t size)
{
    (void)snprintf(text, size, fabs(value) >= 10. ? "%.0f" : "%.3g", value);
    return text;
}

static void write_sentence(const struct panel *panel, struct climbed *climbed)
{
    const struct panel_column *column = climbed->column;
    struct line level = {0};
    const struct panel_column *beside = find_level(panel, column, &level);
    char alive[32], each[32], standing[32];
    int used = snprintf(climbed->sentence, sizeof climbed->sentence,
                        "%s: %s alive%s and climbing, %s an %s", column->name,
                        number(climbed->alive, alive, sizeof alive),
                        column->observers > 1 ? " in each observer" : "",
                        number(isnan(climbed->per_event) ? climbed->per_hour
                                                         : climbed->per_event,
                               each, sizeof each),
                        isnan(climbed->per_event) ? "hour" : "event");
    if (beside != NULL && used > 0) {
        (void)snprintf(
            climbed->sentence + used, sizeof climbed->sentence - (size_t)used,
            "; %s %s and level: they outlive what they serve", beside->name,
            number(level.mean_y, standing, sizeof standing));
    }
}

static bool measure(const struct panel *panel,
                    const struct panel_column *memory,
                    const struct panel_column *column,
                    struct climbed *ret_climbed)
{
    struct line by_time = fit_line(panel, panel->t_s, column->values);
    struct line by_event = fit_line(panel, panel->events, column->values);
    bool has_events = by_event.span_x > 0.;
    if (!is_climbing(has_events ? &by_event : &by_time)) {
        return false;
    }
    *ret_climbed = (struct climbed){
        .column = column,
        .alive = by_time.last_y,
        .per_event = has_events ? by_event.slope : (double)NAN,
        .per_hour = by_time.slope * 3600.,
        .fit = has_events ? by_event.fit : by_time.fit,
        .with_memory = NAN,
        .each = NAN,
    };
    /* Memory that does not climb itself tells nothing about what does. */
    if (memory->has_climbed) {
        struct line line = fit_line(panel, column->values, memory->values);
        ret_climbed->with_memory = line.slope > 0. ? line.fit : 0.;
        ret_climbed->each = line.slope;
    }
    return ret_climbed->per_hour > 0.;
}

size_t climbed_rank(const struct panel *panel,
                    const struct panel_column *memory,
                    struct climbed *ret_ranking)
{
    struct climbed *all = calloc(RANKED_MAX, sizeof *all);
    size_t count = 0;
    for (size_t i = 0;
         all != NULL && i < panel->columns_count && count < RANKED_MAX; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->metric->role == METRIC_GATE &&
            column->slot_id == memory->slot_id &&
            strcmp(column->role, memory->role) == 0 &&
            measure(panel, memory, column, &all[count])) {
            count++;
        }
    }
    if (count > 1) {
        qsort(all, count, sizeof *all, compare);
    }
    count = count < CLIMBED_MAX ? count : CLIMBED_MAX;
    for (size_t i = 0; i < count; i++) {
        ret_ranking[i] = all[i];
        write_sentence(panel, &ret_ranking[i]);
    }
    free(all);
    return count;
}
