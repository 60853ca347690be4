/* Happy path: take_counts() finds the counts that grow and sorts them ->
 * explain() fits the best ones together -> take_parts() adds call sites and
 * size classes -> the rest -> climbed_say(). Failure modes: memory does not
 * climb (nothing is explained, and no part is told); nothing grows with it (the
 * parts stand alone, or there is no ranking). */
#include "assess/climbed.h"

#include "assess/joint.h"
#include "assess/line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKED_MAX = 256 }; /* counts that are looked at */

static const double start_dropped = 0.15; /* of the rows: warm-up */
/* Counts that leave as little of memory's variance open as the best of them are
 * taken to go with it alike: up to so many times as much (with 20 rows, by F,
 * one chance in 300 of two that are alike), and all that leave this or less:
 * read one moment apart now and then, they differ by as much. */
static const double alike_open_factor = 4.;
static const double alike_open = 1e-4;
/* One thing under two names goes with itself as well as this. */
static const double same_open = 1e-3;
static const double same_slope = 0.02;
static const double badly_open =
    0.125; /* all that leave more go with it badly */
static const double alike_factor = 1.5; /* likewise for their growth */
static const double most =
    0.75; /* of memory's growth: of a part that is most */
/* Slopes over their standard errors: of memory on a count, of a size class. */
static const double certainty_min = 2.;
static const double growth_certainty_min = 3.; /* of memory on the events */
static const double class_certainty_min = 4.;
static const double class_share_min = 0.02;
static const double class_growth_min = 3.; /* regions */
static const double class_weight = 0.8;

/* The rows that count, and memory's growth over them. */
struct view {
    const struct panel *panel;
    const struct panel_column *memory;
    size_t first, rows;
    bool has_events; /* else growth is an hour's */
    double growth;   /* of memory, an event or an hour */
    bool grows;      /* memory: so said the judge, or so says its line */
};

static struct line fit_rows(const struct view *view, const double *x,
                            const double *y)
{
    return line_fit(x + view->first, y + view->first, view->rows);
}

/* By the events, or by the hour where there are none. */
static struct line fit_growth(const struct view *view, const double *y)
{
    const double second = 1. / 3600.;
    struct line line = fit_rows(
        view, view->has_events ? view->panel->events : view->panel->t_s, y);
    if (!view->has_events) {
        line.slope /= second;
        line.span_x *= second;
    }
    return line;
}

size_t climbed_first_row(const struct panel *panel)
{
    return (size_t)(start_dropped * (double)panel->rows);
}

static struct view make_view(const struct panel *panel,
                             const struct panel_column *memory)
{
    struct view view = {.panel = panel, .memory = memory};
    view.first = climbed_first_row(panel);
    view.rows = panel->rows - view.first;
    view.has_events =
        fit_rows(&view, panel->events, memory->values).span_x > 0.;
    struct line line = fit_growth(&view, memory->values);
    view.growth = line.slope;
    view.grows = memory->has_climbed || line.certainty >= growth_certainty_min;
    return view;
}

const char *climbed_kind_name(enum climbed_kind kind)
{
    static const char *const names[] = {
        [CLIMBED_PAIR] = "pair", [CLIMBED_GAUGE] = "gauge",
        [CLIMBED_SITE] = "site", [CLIMBED_CLASS] = "class",
        [CLIMBED_REST] = "rest",
    };
    return names[kind];
}

/* --- counts ----------------------------------------------------------------
 */

static bool goes_badly(const struct climbed *climbed)
{
    return climbed->open > badly_open;
}

/* What is level goes for itself: it is behind all the others. */
static int by_open(const void *a, const void *b)
{
    const struct climbed *left = a, *right = b;
    int level = (int)left->column->is_level - (int)right->column->is_level;
    return level != 0 ? level
                      : (left->open > right->open) - (left->open < right->open);
}

/* One thing under two names, counted one moment apart now and then. */
static bool is_same(const struct view *view, const struct climbed *a,
                    const struct climbed *b)
{
    struct line line = fit_rows(view, a->column->values, b->column->values);
    return 1. - line.fit <= same_open && fabs(line.slope - 1.) <= same_slope;
}

/* Ranks begin at their best: a fixed scale would have steps, with what is alike
 * now and then on both sides of one, and what is not on the same. */
static void put_in_ranks(const struct view *view, struct climbed *all,
                         size_t count)
{
    const struct climbed *best = all;
    int rank = 0;
    qsort(all, count, sizeof *all, by_open);
    for (size_t i = 0; i < count; i++) {
        bool is_alike =
            goes_badly(best)
                ? goes_badly(&all[i])
                : all[i].open <=
                          fmax(alike_open, alike_open_factor * best->open) ||
                      is_same(view, best, &all[i]);
        if (!is_alike || all[i].column->is_level != best->column->is_level) {
            best = &all[i];
            rank++;
        }
        all[i].rank = rank;
        /* Likewise its growth: what is about as much as the best's is 0. */
        all[i].size = (int)round(log(all[i].per_hour / best->per_hour) /
                                 log(alike_factor));
    }
}

/* Of one thing under two names the judge may have been sure by the one and not
 * by the other, which says nothing of either. */
static void share_verdicts(const struct view *view, struct climbed *all,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        all[i].has_climbed = all[i].column->has_climbed;
        for (size_t k = 0; k < count && !all[i].has_climbed; k++) {
            all[i].has_climbed = all[k].column->has_climbed &&
                                 all[k].rank == all[i].rank &&
                                 is_same(view, &all[i], &all[k]);
        }
    }
}

static int compare_counts(const void *a, const void *b)
{
    const struct climbed *left = a, *right = b;
    const struct panel_column *l = left->column, *r = right->column;
    int size = left->size - right->size;
    int kind = (int)left->kind - (int)right->kind;
    const int keys[] = {
        left->rank - right->rank,
        (int)right->has_climbed - (int)left->has_climbed,
        goes_badly(left) ? kind : size,
        goes_badly(left) ? size : kind,
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i] != 0) {
            return keys[i];
        }
    }
    return l < r ? -1 : 1;
}

static bool measure(const struct view *view, const struct panel_column *column,
                    struct climbed *ret_climbed)
{
    struct line by_time = fit_rows(view, view->panel->t_s, column->values);
    struct line line = fit_growth(view, column->values);
    if (!line_climbs(&line)) {
        return false;
    }
    *ret_climbed = (struct climbed){
        .kind =
            column->metric->kind == METRIC_PAIR ? CLIMBED_PAIR : CLIMBED_GAUGE,
        .column = column,
        .alive = by_time.last_y,
        .per_event = view->has_events ? line.slope : (double)NAN,
        .per_hour = by_time.slope * 3600.,
        .with_memory = NAN,
        .each = NAN,
        .explains = NAN,
    };
    (void)snprintf(ret_climbed->name, sizeof ret_climbed->name, "%s",
                   column->name);
    if (view->grows) {
        line = fit_rows(view, column->values, view->memory->values);
        ret_climbed->with_memory = line.slope > 0. ? line.fit : 0.;
        ret_climbed->each = line.slope;
    }
    /* Memory that is not sure to climb does not say which count comes first. */
    ret_climbed->open = view->memory->has_climbed && view->grows
                            ? 1. - ret_climbed->with_memory
                            : 1.;
    return ret_climbed->per_hour > 0.;
}

static bool is_beside(const struct panel_column *column,
                      const struct panel_column *memory)
{
    return column->slot_id == memory->slot_id &&
           strcmp(column->role, memory->role) == 0;
}

/* The counts that grow, best first; the caller has room for RANKED_MAX. */
static size_t take_counts(const struct view *view, struct climbed *all)
{
    const struct panel *panel = view->panel;
    size_t count = 0;
    for (size_t i = 0; i < panel->columns_count && count < RANKED_MAX; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->metric->role == METRIC_GATE &&
            is_beside(column, view->memory) &&
            measure(view, column, &all[count])) {
            count++;
        }
    }
    if (count > 0) {
        put_in_ranks(view, all, count);
        share_verdicts(view, all, count);
        qsort(all, count, sizeof *all, compare_counts);
    }
    return count < CLIMBED_COUNTS_MAX ? count : CLIMBED_COUNTS_MAX;
}

/* --- what they explain -----------------------------------------------------
 */

/* What the judge called a CLIMB goes before what he did not, however much that
 * may explain: a cache that fills while peers are leaked, for one. But where
 * memory climbs, what is most of its growth climbs, sure by itself or not. */
static int by_explained(const void *a, const void *b)
{
    const struct climbed *left = a, *right = b;
    int sure = (int)right->is_sure - (int)left->is_sure;
    return sure != 0 ? sure
                     : (left->explains < right->explains) -
                           (left->explains > right->explains);
}

/* Of the |fitted| first, the one that |count| goes with best. */
static const struct panel_column *find_companion(const struct view *view,
                                                 const struct climbed *counts,
                                                 size_t fitted,
                                                 const struct climbed *count)
{
    const struct panel_column *found = NULL;
    double best = 0.;
    for (size_t i = 0; i < fitted; i++) {
        double fit =
            fit_rows(view, count->column->values, counts[i].column->values).fit;
        if (fit > best) {
            best = fit;
            found = counts[i].column;
        }
    }
    return found;
}

/* Brings the fitted counts to the front, in the order of what they explain; the
 * others stay in theirs. Returns what all explain together. */
static double put_first(const struct view *view, const struct joint *joint,
                        struct climbed *counts, size_t count)
{
    struct climbed sorted[CLIMBED_COUNTS_MAX];
    bool is_fitted[CLIMBED_COUNTS_MAX] = {false};
    size_t used = 0;
    double together = 0.;
    for (size_t i = 0; i < joint->count; i++) {
        struct climbed *row = &sorted[used++];
        *row = counts[joint->chosen[i]];
        is_fitted[joint->chosen[i]] = true;
        row->each = joint->each[i];
        double growth = view->has_events ? row->per_event : row->per_hour;
        row->explains = fmin(row->each * growth, view->growth);
        row->is_sure = row->has_climbed ||
                       (view->memory->has_climbed && !row->column->is_level &&
                        row->explains >= most * view->growth);
        together += row->explains;
    }
    qsort(sorted, used, sizeof *sorted, by_explained);
    for (size_t i = 0; i < count; i++) {
        if (!is_fitted[i]) {
            sorted[used] = counts[i];
            sorted[used].in_step_with =
                find_companion(view, sorted, joint->count, &counts[i]);
            used++;
        }
    }
    memcpy(counts, sorted, count * sizeof *counts);
    return together;
}

/* What is left of memory's growth; NaN where nothing can be said. */
static double explain(const struct view *view, struct climbed *counts,
                      size_t count)
{
    const double *values[CLIMBED_COUNTS_MAX];
    struct joint joint;
    if (!view->grows || !(view->growth > 0.) || count == 0) {
        return NAN;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = counts[i].column->values + view->first;
    }
    if (fit_rows(view, counts[0].column->values, view->memory->values)
            .certainty < certainty_min) {
        return NAN; /* memory wavers too much to tell what goes with it */
    }
    joint_fit(view->memory->values + view->first, values, count, view->rows,
              &joint);
    if (joint.count == 0) {
        return NAN;
    }
    return fmax(0., view->growth - put_first(view, &joint, counts, count));
}

/* --- parts of the heap -----------------------------------------------------
 */

/* A call site tells more than the size class that its objects lie in. */
static double weight_of(const struct climbed *part)
{
    return part->explains * (part->kind == CLIMBED_CLASS ? class_weight : 1.);
}

static int by_weight(const void *a, const void *b)
{
    double left = weight_of(a), right = weight_of(b);
    return (left < right) - (left > right);
}

/* The slope of a size class is a part of that of memory as the panel has it;
 * that of a site is one of its own observer's, and so is its share. */
static size_t take_classes(const struct view *view, const struct sites *sites,
                           struct climbed *parts)
{
    const struct panel *panel = view->panel;
    const double padding = sites->padding_share * view->growth;
    const double growth = view->growth - padding;
    struct climbed all[RANKED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < panel->columns_count && count < RANKED_MAX; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->metric->kind != METRIC_CLASS ||
            !is_beside(column, view->memory)) {
            continue;
        }
        struct line line = fit_growth(view, column->values);
        double alive = line.last_y;
        if (strcmp(column->name, strrchr(panel_sampled_class, '/') + 1) == 0 &&
            padding > 0. && line.slope > 0.) {
            /* Most of it may be other objects, and there by being samples. */
            alive *= fmax(line.slope - padding, 0.) / line.slope;
            line.slope -= padding;
        }
        if (line.slope < class_share_min * growth ||
            line.slope * line.span_x < class_growth_min * column->quantum ||
            line.certainty < class_certainty_min) {
            continue;
        }
        struct climbed *row = &all[count++];
        *row = (struct climbed){
            .kind = CLIMBED_CLASS,
            .column = column,
            .alive = alive / column->quantum,
            .per_event =
                view->has_events ? line.slope / column->quantum : (double)NAN,
            .per_hour = fit_rows(view, panel->t_s, column->values).slope *
                        3600. / column->quantum,
            .with_memory = fmin(line.slope / growth, 1.),
            .each = column->quantum,
            .explains = line.slope,
        };
        (void)snprintf(row->name, sizeof row->name, "%s", column->name);
    }
    qsort(all, count, sizeof *all, by_weight);
    count = count < CLIMBED_CLASSES_MAX ? count : CLIMBED_CLASSES_MAX;
    memcpy(parts, all, count * sizeof *parts);
    return count;
}

static size_t take_sites(const struct view *view, const struct sites *sites,
                         struct climbed *parts)
{
    for (size_t i = 0; i < sites->grown_count; i++) {
        const struct site_growth *site = &sites->grown[i];
        parts[i] = (struct climbed){
            .kind = CLIMBED_SITE,
            .site = site,
            .alive = site->objects,
            .per_event = view->has_events ? site->objects_growth : (double)NAN,
            .per_hour = view->has_events ? (double)NAN : site->objects_growth,
            .with_memory = fmin(site->share, 1.),
            .each =
                site->objects > 0. ? site->bytes / site->objects : (double)NAN,
            .explains = site->bytes_growth,
        };
        (void)snprintf(parts[i].name, sizeof parts[i].name, "%s",
                       site->function);
    }
    return sites->grown_count;
}

static size_t take_parts(const struct view *view, const struct sites *sites,
                         struct climbed *parts)
{
    if (!view->grows || !(view->growth > 0.)) {
        return 0;
    }
    size_t count = take_sites(view, sites, parts);
    count += take_classes(view, sites, parts + count);
    qsort(parts, count, sizeof *parts, by_weight);
    return count;
}

/* Where the parts come in: behind the counts; but a part that is most of the
 * growth stands before counts that go badly with it. */
static size_t place_of_parts(const struct climbed *counts, size_t count,
                             const struct climbed *parts, size_t parts_count)
{
    size_t place = 0;
    if (parts_count == 0 || parts[0].with_memory < most) {
        return count;
    }
    while (place < count &&
           (!goes_badly(&counts[place]) || counts[place].column->has_climbed)) {
        place++;
    }
    return place;
}

static double left_by_sites(const struct view *view, const struct sites *sites)
{
    double share = sites->others_share;
    for (size_t i = 0; i < sites->grown_count; i++) {
        share += sites->grown[i].share;
    }
    double growth = (1. - sites->padding_share) * view->growth;
    return sites->grown_count > 0 ? fmax(0., (1. - share) * growth)
                                  : (double)NAN;
}

/* --- the whole -------------------------------------------------------------
 */

size_t climbed_rank(const struct panel *panel,
                    const struct panel_column *memory,
                    const struct sites *sites, struct climbed *ret_ranking)
{
    struct climbed parts[SITES_MAX + CLIMBED_CLASSES_MAX];
    struct view view = make_view(panel, memory);
    struct climbed *counts = calloc(RANKED_MAX, sizeof *counts);
    if (counts == NULL) {
        return 0;
    }
    size_t count = take_counts(&view, counts);
    double rest = explain(&view, counts, count);
    size_t parts_count = take_parts(&view, sites, parts);
    size_t place = place_of_parts(counts, count, parts, parts_count);
    memcpy(ret_ranking, counts, place * sizeof *counts);
    memcpy(ret_ranking + place, parts, parts_count * sizeof *parts);
    memcpy(ret_ranking + place + parts_count, counts + place,
           (count - place) * sizeof *counts);
    count += parts_count;
    free(counts);
    rest = isnan(rest) && view.grows ? left_by_sites(&view, sites) : rest;
    if (count > 0 && !isnan(rest)) {
        ret_ranking[count++] = (struct climbed){
            .kind = CLIMBED_REST,
            .name = "the rest",
            .alive = NAN,
            .per_event = NAN,
            .per_hour = NAN,
            .with_memory = rest / view.growth,
            .each = NAN,
            .explains = rest,
        };
    }
    for (size_t i = 0; i < count; i++) {
        ret_ranking[i].bytes_per_event =
            view.has_events ? ret_ranking[i].explains : (double)NAN;
    }
    climbed_say(panel, view.growth, sites, ret_ranking, count);
    return count;
}
