/* report.h - a heap report: what is held, by bucket and by call site.
 *
 * The same facts as text for a terminal, as Markdown, and as a page (page.h).
 * Everything is borrowed.
 */
#ifndef PLATEAU_HEAP_REPORT_H
#define PLATEAU_HEAP_REPORT_H

#include "err.h"
#include "heap/compare.h"
#include "heap/run_heap.h"
#include "heap/symbols.h"
#include "report/terminal.h"

#include <stdio.h>

enum {
    REPORT_SITES_DEFAULT = 8,
    REPORT_SITES_MAX = 1000,
    REPORT_STACK_SHOWN = 6, /* frames of a site */
    REPORT_COUNTS_MAX = 12, /* rows of what is alive; more are left out */
    REPORT_CLASSES_MAX = 8, /* rows of size classes; likewise */
};

/* One side: before, or after (also that of a single profile). */
struct report_side {
    const char *name; /* the file, or the run and its moment */
    enum profile_kind kind;
    uint64_t sample_bytes;
    size_t sites_count;
    double padding_bytes;   /* held by the samples themselves; 0: nothing */
    double allocated_bytes; /* by the allocator's own count; NaN: not known */
};

/* How many of a thing were alive on either side. */
struct report_count {
    const char *name;
    double alive[2];
    bool is_growing[2]; /* over its run */
};

/* What one size class of the allocator held on either side. */
struct report_class {
    double size_bytes; /* of one region */
    double bytes[2];   /* in live regions */
};

struct report {
    const struct compare *compare;
    struct report_side sides[2];
    const char *labels[2]; /* "before", "after"; or "first", "last" of a run */
    /* Where the profiles come from: two runs, or (only [1]) first and last of
     * one; NULL: not from runs. */
    const struct run_heap *runs[2];
    bool has_no_profiles; /* then |compare| is empty and the runs are all */
    const struct symbols_notes *notes;
    const char *rules; /* the rules file */
    size_t sites_shown;
};

void report_print(const struct report *report, enum terminal_style style,
                  FILE *stream);
void report_print_markdown(const struct report *report, FILE *stream);

/* What climbed in the runs, whole; nothing where nothing did. The first line is
 * the one that `plateau run` prints (report_climbed.c). */
void report_print_climbed(const struct report *report,
                          enum terminal_style style, FILE *stream);
void report_print_climbed_markdown(const struct report *report, FILE *stream);
void report_print_climbed_html(const struct report *report, FILE *stream);

/* How to get call sites. */
extern const char report_no_profiles[];

/* What would begin or end something in Markdown stands for itself. */
void report_print_escaped(const char *text, FILE *stream);

/* Half of the interval in which 95 of 100 such profiles put |bytes|, for the
 * share that sampling has in it. */
double report_error_bytes(const struct compare_amount *amount);

/* "-81 %", "new", "gone", "" for no change at all. Returns |text|. */
char *report_percent(const struct compare_amount amounts[2], char *text,
                     size_t size);

/* What is alive that should be looked at: what grows on a side, and pairs of
 * which any are alive; most on either side first. Returns how many. */
size_t report_counts(const struct report *report,
                     struct report_count counts[REPORT_COUNTS_MAX]);

/* The size classes of the observer that changed most; what changed most first.
 * Returns how many: none where the run has no such series. */
size_t report_classes(const struct report *report,
                      struct report_class classes[REPORT_CLASSES_MAX]);
void report_print_classes(const struct report *report,
                          enum terminal_style style, FILE *stream);
void report_print_classes_markdown(const struct report *report, FILE *stream);

/* "4,545, growing". Returns |text|. */
char *report_alive(const struct report_count *count, int side, char *text,
                   size_t size);

/* "telemetry.c:120", with the folder that holds the file; "" when it is not
 * known. Returns |text|. */
char *report_place(const struct compare *compare,
                   const struct compare_line *line, char *text, size_t size);

/* "a jemalloc heap dump, a sample each 64 KiB". Returns |text|. */
char *report_describe(const struct report_side *side, char *text, size_t size);

/* What |step| of the order of sites is shown: those that grew, or those that
 * shrank (is_growth false), most first, by more than their sampling error. NULL
 * when there are no more. Of one profile all have grown. */
const struct compare_site *report_site(const struct report *report,
                                       bool is_growth, size_t step);

#endif
