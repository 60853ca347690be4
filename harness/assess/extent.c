#include "assess/extent.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char heap_figure[] = "heap/allocated";
static const char processes_figure[] = "processes";
static const char heaps_figure[] = "heap/processes";

/* Processes are counted where memory is read in detail, not at every row. */
static bool is_counted(const struct panel *panel,
                       const struct panel_column *heap, size_t row)
{
    const struct panel_column *detail =
        panel_find(panel, heap->role, heap->slot_id, "private");
    return !isnan(heap->values[row]) &&
           (detail == NULL || !isnan(detail->values[row]));
}

/* Of how many, at that row; a count that was not there yet is of one. */
static double count_at(const struct panel_column *column, size_t row)
{
    return column == NULL || isnan(column->values[row]) ? 1.
                                                        : column->values[row];
}

/* Whether at that row most is outside what the allocator spans, which is its
 * active heap where it says so. */
static bool is_outside(const struct panel *panel,
                       const struct panel_column *heap, size_t row)
{
    const struct panel_column *held =
        panel_find(panel, heap->role, heap->slot_id, "private");
    const struct panel_column *active =
        panel_find(panel, heap->role, heap->slot_id, "heap/active");
    double span = active != NULL && active->values[row] > heap->values[row]
                      ? active->values[row]
                      : heap->values[row];
    double outside = held != NULL ? held->values[row] - span : 0.;
    return outside > EXTENT_OUTSIDE_BYTES && outside > held->values[row] / 2.;
}

static enum extent extent_of_one(const struct panel *panel,
                                 const struct panel_column *heap)
{
    const struct panel_column *processes =
        panel_find(panel, heap->role, heap->slot_id, processes_figure);
    const struct panel_column *heaps =
        panel_find(panel, heap->role, heap->slot_id, heaps_figure);
    size_t read = 0, several = 0, partial = 0, outside = 0;
    for (size_t row = 0; row < panel->rows; row++) {
        if (!is_counted(panel, heap, row)) {
            continue;
        }
        read++;
        several += count_at(processes, row) > 1.;
        partial += count_at(processes, row) > count_at(heaps, row);
        outside += is_outside(panel, heap, row);
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
