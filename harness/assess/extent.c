#include "assess/extent.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char heap_figure[] = "heap/allocated";
static const char processes_figure[] = "processes";
static const char heaps_figure[] = "heap/processes";

/* What it is told by, of one observer; NULL: there is no such figure. */
struct figures {
    const struct panel_column *heap;
    const struct panel_column *active;
    const struct panel_column *held; /* private memory */
    const struct panel_column *processes;
    const struct panel_column *heaps;
};

static struct figures find_figures(const struct panel *panel,
                                   const struct panel_column *heap)
{
    const char *role = heap->role;
    int64_t slot_id = heap->slot_id;
    return (struct figures){
        .heap = heap,
        .active = panel_find(panel, role, slot_id, "heap/active"),
        .held = panel_find(panel, role, slot_id, "private"),
        .processes = panel_find(panel, role, slot_id, processes_figure),
        .heaps = panel_find(panel, role, slot_id, heaps_figure),
    };
}

/* Processes are counted where memory is read in detail, not at every row. */
static bool is_counted(const struct figures *figures, size_t row)
{
    return !isnan(figures->heap->values[row]) &&
           (figures->held == NULL || !isnan(figures->held->values[row]));
}

/* Of how many, at that row; a count that was not there yet is of one. */
static double count_at(const struct panel_column *column, size_t row)
{
    return column == NULL || isnan(column->values[row]) ? 1.
                                                        : column->values[row];
}

/* Whether at that row most is outside what the allocator spans, which is its
 * active heap where it says so. */
static bool is_outside(const struct figures *figures, size_t row)
{
    if (figures->held == NULL) {
        return false;
    }
    double held = figures->held->values[row];
    double span = figures->heap->values[row];
    if (figures->active != NULL && figures->active->values[row] > span) {
        span = figures->active->values[row];
    }
    return held - span > EXTENT_OUTSIDE_BYTES && held - span > held / 2.;
}

static enum extent extent_of_one(const struct panel *panel,
                                 const struct panel_column *heap)
{
    const struct figures figures = find_figures(panel, heap);
    size_t read = 0, several = 0, partial = 0, outside = 0;
    for (size_t row = 0; row < panel->rows; row++) {
        if (!is_counted(&figures, row)) {
            continue;
        }
        double processes = count_at(figures.processes, row);
        read++;
        several += processes > 1.;
        partial += processes > count_at(figures.heaps, row);
        outside += is_outside(&figures, row);
    }
    return 2 * partial > read   ? EXTENT_PART
           : 2 * outside > read ? EXTENT_LITTLE
           : 2 * several > read ? EXTENT_ALL
                                : EXTENT_ONE;
}

enum extent extent_of_heap(const struct panel *panel, const char *role)
{
    enum extent worst = EXTENT_NONE;
    for (size_t i = 0; i < panel->columns_count; i++) {
        const struct panel_column *column = &panel->columns[i];
        if (column->slot_id < 0 || column->is_ourselves ||
            strcmp(column->role, role) != 0 ||
            strcmp(column->name, heap_figure) != 0) {
            continue;
        }
        enum extent extent = extent_of_one(panel, column);
        worst = extent > worst ? extent : worst;
    }
    return worst;
}
