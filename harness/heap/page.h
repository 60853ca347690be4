/* page.h - a heap report as one HTML file that needs nothing else.
 *
 * The template (reports/heap.html) holds layout and colours, light and dark,
 * wide and narrow; "{{name}}" in it stands for a part, which page.c's table
 * lists. gnuplot draws the bars (reports/heap-bars.gp) into a folder beside
 * the page that is gone afterwards; where it cannot, the page says why in
 * their place.
 */
#ifndef PLATEAU_HEAP_PAGE_H
#define PLATEAU_HEAP_PAGE_H

#include "err.h"
#include "heap/report.h"

enum {
    PAGE_BARS_MAX = 14,             /* buckets drawn; the table has all */
    PAGE_FILE_MAX_BYTES = 16 << 20, /* template, picture */
};

struct page {
    const struct report *report;
    const char *title;
    const char *lead; /* a sentence or two under it; "" for none */
};

/* Writes |path|. 0; or -errno and |err|, with no file left. */
int page_write(const struct page *page, const char *reports_dir,
               const char *path, struct err *err);

#endif
