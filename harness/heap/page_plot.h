/* page_plot.h - the pictures of a heap report, drawn by gnuplot.
 *
 * Each is drawn twice, for a wide page and for a phone, as STEM-wide.svg and
 * STEM-narrow.svg; data and complaints are STEM-*.dat and STEM.complaints.
 * page_plot_remove() removes whatever of these is there.
 */
#ifndef PLATEAU_HEAP_PAGE_PLOT_H
#define PLATEAU_HEAP_PAGE_PLOT_H

#include "err.h"
#include "heap/run_heap.h"

#include <stdbool.h>

struct page_plot_bar {
    char label[64];
    double values[2];
    char texts[2][96];
};

/* 0; or -errno and |err|. -EINVAL: there is nothing to draw. */
int page_plot_bars(const char *reports_dir, const char *stem,
                   const struct page_plot_bar *bars, size_t count,
                   const char *unit, bool has_before, struct err *err);

/* |runs|: before (may be NULL) and after. As above. */
int page_plot_troughs(const char *reports_dir, const char *stem,
                      const struct run_heap *const runs[2], struct err *err);

void page_plot_remove(const char *stem);

/* The divisor that brings |greatest| bytes below 1024 of *ret_unit. */
double page_plot_unit(double greatest, const char **ret_unit);

#endif
