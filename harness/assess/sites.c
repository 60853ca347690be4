#include "assess/sites.h"

#include "assess/line.h"
#include "heap/dumps.h"
#include "heap/site_history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_SIZE = 4600,
    MOVING_MAX = 512, /* stacks that are named */
};

static const char allocated[] = "heap/allocated";
static const double certainty_min = 4.; /* of a slope, in standard errors */
static const double share_min = 0.01;   /* what explains less is no news */
static const double moving_min = 0.001; /* of one stack of several, likewise */

/* The profiles that are looked at. */
struct choice {
    const struct panel *panel;
    const struct panel_column *column; /* allocated heap of the observer */
    size_t rows[SITE_HISTORY_DUMPS_MAX];
    uint32_t ebbs[SITE_HISTORY_DUMPS_MAX];
    size_t count;
};

/* The row of that ebb; the number of rows when it is none: not settled. Of the
 * grid, the first that was read since. */
static size_t row_of(const struct panel *panel, uint32_t number)
{
    const int64_t key = (int64_t)number;
    size_t row = 0;
    if (!panel->are_troughs && panel->rows > 0 && panel->keys[0] > key) {
        return panel->rows;
    }
    while (row < panel->rows && (panel->are_troughs ? panel->keys[row] != key
                                                    : panel->keys[row] < key)) {
        row++;
    }
    return row;
}

/* Of more profiles than there is room for, some, evenly from first to last. */
static void choose_ebbs(const struct panel *panel, const uint32_t *ebbs,
                        size_t count, struct choice *choice)
{
    size_t settled = 0, seen = 0;
    for (size_t i = 0; i < count; i++) {
        settled += row_of(panel, ebbs[i]) < panel->rows;
    }
    size_t kept =
        settled < SITE_HISTORY_DUMPS_MAX ? settled : SITE_HISTORY_DUMPS_MAX;
    for (size_t i = 0; i < count && choice->count < kept; i++) {
        size_t row = row_of(panel, ebbs[i]);
        if (row == panel->rows) {
            continue;
        }
        /* The k-th of |kept| is the one at this place. */
        if (seen * (kept > 1 ? kept - 1 : 1) >=
            choice->count * (settled > 1 ? settled - 1 : 1)) {
            choice->rows[choice->count] = row;
            choice->ebbs[choice->count++] = ebbs[i];
        }
        seen++;
    }
}

static void name_observer(const struct panel_column *column, char *name,
                          size_t size)
{
    (void)snprintf(name, size, "%s-%d", column->role, (int)column->ordinal);
}

/* Takes |column|'s observer if it has enough profiles and holds more than the
 * one before. */
static void consider(const char *folder, const struct panel *panel,
                     const struct panel_column *column, double *most,
                     struct choice *choice)
{
    char observer[STORE_NAME_MAX + 16];
    uint32_t *ebbs = NULL;
    size_t count = 0;
    name_observer(column, observer, sizeof observer);
    struct choice found = {.panel = panel, .column = column};
    if (dumps_list(folder, observer, &ebbs, &count) != 0) {
        return;
    }
    choose_ebbs(panel, ebbs, count, &found);
    free(ebbs);
    if (found.count >= SITES_DUMPS_MIN &&
        column->values[found.rows[found.count - 1]] > *most) {
        *most = column->values[found.rows[found.count - 1]];
        *choice = found;
    }
}

static void choose(const char *folder, const struct panel *panel,
                   const struct panel_column *memory, struct choice *choice)
{
    double most = 0.;
    for (size_t i = 0; i < panel->columns_count; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->slot_id >= 0 && strcmp(column->name, allocated) == 0 &&
            strcmp(column->role, memory->role) == 0 &&
            (memory->slot_id < 0 || memory->slot_id == column->slot_id)) {
            consider(folder, panel, column, &most, choice);
        }
    }
}

static int load(const char *folder, const struct choice *choice,
                struct site_history *history)
{
    char observer[STORE_NAME_MAX + 16];
    char paths[SITE_HISTORY_DUMPS_MAX][PATH_SIZE];
    const char *list[SITE_HISTORY_DUMPS_MAX];
    struct err err = {0};
    name_observer(choice->column, observer, sizeof observer);
    for (size_t i = 0; i < choice->count; i++) {
        list[i] = dumps_path(folder, observer, choice->ebbs[i], paths[i],
                             sizeof paths[i]);
    }
    return site_history_load(list, choice->count, history, &err);
}

/* A row of the history that moves. */
struct growth {
    size_t row;
    struct line line;
};

static int by_slope(const void *a, const void *b)
{
    const struct growth *left = a, *right = b;
    double l = left->line.slope, r = right->line.slope;
    return l != r ? (l < r) - (l > r)
                  : (left->row > right->row) - (left->row < right->row);
}

static int by_size_of_slope(const void *a, const void *b)
{
    const struct growth *left = a, *right = b;
    double l = fabs(left->line.slope), r = fabs(right->line.slope);
    return l != r ? (l < r) - (l > r)
                  : (left->row > right->row) - (left->row < right->row);
}

/* What is measured: how much each of |count| rows grows by |x|. */
static void fit_rows(const struct site_history *history, const double *x,
                     struct growth *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows[i].line =
            line_fit(x, history->rows[rows[i].row].bytes, history->dumps_count);
    }
}

/* Leaves of all rows those that move, up or down, more than is worth a name,
 * most first: two that read the same may cancel each other out. */
static size_t find_moving(const struct site_history *history, const double *x,
                          double whole, struct growth *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < history->rows_count; i++) {
        rows[i] = (struct growth){.row = i};
    }
    fit_rows(history, x, rows, history->rows_count);
    qsort(rows, history->rows_count, sizeof *rows, by_size_of_slope);
    while (count < history->rows_count && count < MOVING_MAX &&
           fabs(rows[count].line.slope) >= moving_min * whole) {
        count++;
    }
    return count;
}

/* Names |rows|, and makes one of those that read the same. Returns how many are
 * left, or -ENOMEM. */
static int merge_rows(struct site_history *history, struct growth *rows,
                      size_t count)
{
    size_t numbers[MOVING_MAX];
    for (size_t i = 0; i < count; i++) {
        numbers[i] = rows[i].row;
    }
    int r = site_history_name(history, numbers, count);
    if (r != 0) {
        return r;
    }
    count = site_history_merge(history, numbers, count);
    for (size_t i = 0; i < count; i++) {
        rows[i].row = numbers[i];
    }
    return (int)count;
}

static void tell_site(const struct site_history *history,
                      const struct growth *growth, const double *x,
                      double whole, struct site_growth *site)
{
    const struct site_history_row *held = &history->rows[growth->row];
    struct line objects = line_fit(x, held->objects, history->dumps_count);
    *site = (struct site_growth){
        .bytes = growth->line.last_y,
        .objects = objects.last_y,
        .bytes_growth = growth->line.slope,
        .objects_growth = objects.slope,
        .share = growth->line.slope / whole,
    };
    (void)site_history_function(history, growth->row, site->function,
                                sizeof site->function);
    (void)site_history_text(history, growth->row, site->text,
                            sizeof site->text);
}

static void tell_sites(const struct site_history *history,
                       const struct growth *rows, size_t count, const double *x,
                       double whole, struct sites *sites)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].line.slope < share_min * whole ||
            rows[i].line.certainty < certainty_min) {
            continue;
        }
        if (sites->grown_count < SITES_MAX) {
            tell_site(history, &rows[i], x, whole,
                      &sites->grown[sites->grown_count++]);
        } else {
            sites->others_count++;
            sites->others_share += rows[i].line.slope / whole;
        }
    }
}

/* By the events, or by the hour where there are none. */
static void fill_axes(const struct choice *choice, double *x, double *held)
{
    const struct panel *panel = choice->panel;
    bool has_events =
        panel->rows > 0 && panel->events[panel->rows - 1] > panel->events[0];
    for (size_t i = 0; i < choice->count; i++) {
        size_t row = choice->rows[i];
        x[i] = has_events ? panel->events[row] : panel->t_s[row] / 3600.;
        held[i] = choice->column->values[row];
    }
}

static int measure(const struct choice *choice, struct site_history *history,
                   struct sites *sites)
{
    double x[SITE_HISTORY_DUMPS_MAX], held[SITE_HISTORY_DUMPS_MAX];
    struct growth *rows = calloc(history->rows_count + 1, sizeof *rows);
    if (rows == NULL) {
        return -ENOMEM;
    }
    fill_axes(choice, x, held);
    double gross = line_fit(x, held, choice->count).slope;
    for (size_t i = 0; i < choice->count; i++) {
        held[i] -= history->padding[i];
    }
    double whole = line_fit(x, held, choice->count).slope;
    sites->padding_share =
        gross > 0. ? fmin(fmax(1. - whole / gross, 0.), 1.) : 0.;
    int count = 0;
    if (whole > 0.) {
        count = merge_rows(history, rows, find_moving(history, x, whole, rows));
    }
    if (count > 0) {
        fit_rows(history, x, rows, (size_t)count);
        qsort(rows, (size_t)count, sizeof *rows, by_slope);
        tell_sites(history, rows, (size_t)count, x, whole, sites);
    }
    free(rows);
    return count < 0 ? count : 0;
}

int sites_find(const char *folder, const struct panel *panel,
               const struct panel_column *memory, struct sites *ret_sites)
{
    struct choice choice = {0};
    struct site_history history;
    struct sites sites = {0};
    *ret_sites = sites;
    if (folder == NULL) {
        return 0;
    }
    choose(folder, panel, memory, &choice);
    if (choice.count == 0) {
        return 0;
    }
    int r = load(folder, &choice, &history);
    if (r != 0) {
        return r == -ENOMEM ? r : 0;
    }
    name_observer(choice.column, sites.observer, sizeof sites.observer);
    sites.dumps_count = choice.count;
    r = measure(&choice, &history, &sites);
    site_history_deinit(&history);
    if (r == 0) {
        *ret_sites = sites;
    }
    return r == -ENOMEM ? r : 0;
}
