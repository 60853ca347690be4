/* panel.h - the figures of a run, side by side, as the judge wants them.
 *
 * One row a moment, one column a figure of an observer. A run with ebbs has a
 * row an ebb that settled; one without has a row a sample while churn went on,
 * thinned to every n-th of the grid beyond PANEL_ROWS_MAX. What was not read
 * is NaN. Columns of the same figure of several observers of one role can be
 * put together: their mean, where all of them were read.
 */
#ifndef PLATEAU_PANEL_H
#define PLATEAU_PANEL_H

#include "assess/metrics.h"
#include "judge/judge.h"
#include "run_facts.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PANEL_ROWS_MAX = 65536,
    PANEL_COLUMNS_MAX = 8192, /* what comes after is left out */
    PANEL_PARTS_MAX = 4096,   /* of these, parts of a heap */
};

/* The size class of what heap profiles sampled: with them, it is read always,
 * since allocated heap goes up and down with it. */
extern const char panel_sampled_class[];

/* What is read: all that is judged; or the parts of heaps as well. */
enum panel_extent { PANEL_JUDGED, PANEL_WITH_PARTS };

struct panel_column {
    const struct metric *metric;
    char name[STORE_NAME_MAX]; /* "connection_loops", "heap/allocated"; of a
                                * size class "4096" */
    char unit[16];
    char role[STORE_NAME_MAX]; /* of the slot */
    int64_t slot_id;           /* -1: several observers together */
    int32_t ordinal;
    size_t observers; /* 1, or how many are in it */
    int64_t series_id;
    double quantum;
    bool is_ourselves;
    bool has_climbed; /* so said the judge; false until he was asked */
    bool is_level;    /* likewise: PLATEAU */
    double *values;   /* one a row */
};

struct panel {
    bool are_troughs;
    bool has_profiles;
    struct judge_budget budget; /* of the scenario, for memory */
    size_t rows;
    double *t_s; /* since churn began */
    double *events;
    int64_t *keys;    /* the ebb or the tick of each row */
    size_t unsettled; /* ebbs that are left out */
    struct panel_column *columns;
    size_t columns_count;
};

/* Reads every figure of every observer that has a metric, and our own private
 * memory. 0 or -errno; panel_deinit() after 0 only. */
int panel_read(struct store *store, const struct run_facts *facts,
               enum panel_extent extent, struct panel *ret_panel);
void panel_deinit(struct panel *panel);

/* Adds, for each figure that two or more observers of one role have, a column
 * of their mean, after the others. 0 or -ENOMEM. */
int panel_put_together(struct panel *panel);

/* The column of that slot (-1: together) and name; NULL: none. */
const struct panel_column *panel_find(const struct panel *panel,
                                      const char *role, int64_t slot_id,
                                      const char *name);

#endif
