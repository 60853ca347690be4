/* report.h - a heap report: what is held, by bucket and by call site.
 *
 * Its facts are rows (report.c). Who prints them steps through the rows and
 * knows only how they look: as text for a terminal (report_terminal.c), as
 * Markdown (report_markdown.c), as a page (page.h). Everything is borrowed.
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
    REPORT_SUMS_MAX = 3,
    REPORT_AMOUNT_SIZE = 40, /* of the text of an amount, its end included */
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

/* A bucket, or all of them together. */
struct report_held {
    const char *name;
    const struct compare_amount *amounts; /* two */
    bool is_unmatched;
    bool is_total;
    char texts[2][REPORT_AMOUNT_SIZE]; /* bytes on either side */
    char change[REPORT_AMOUNT_SIZE];
    char percent[REPORT_AMOUNT_SIZE]; /* of change */
    double share;                     /* percent of the total after */
};

/* One figure a side that is no sum of sites. */
struct report_sum {
    const char *name;
    bool is_error; /* half of the interval of 95 % about the total */
    bool has[2];   /* it is known on this side */
    char texts[2][REPORT_AMOUNT_SIZE]; /* "-" where it is not */
};

/* What explains a climb. The rows of a run follow each other. */
struct report_climbed {
    bool is_first; /* of its run */
    bool is_last;
    char heading[REPORT_AMOUNT_SIZE + 32]; /* of its run, and which of two */
    const char *summary; /* what `plateau run` prints; NULL: of two runs */
    char explains[REPORT_AMOUNT_SIZE + 8]; /* "-": a row before does as well */
    const char *sentence;
};

/* How many of a thing were alive on either side. */
struct report_count {
    const char *name;
    double alive[2];
    bool is_growing[2];                    /* over its run */
    char texts[2][REPORT_AMOUNT_SIZE + 8]; /* "4,545, growing" */
};

/* What one size class of the allocator held on either side. */
struct report_class {
    double size_bytes; /* of one region */
    double bytes[2];   /* in live regions */
    char size[REPORT_AMOUNT_SIZE];
    char texts[2][REPORT_AMOUNT_SIZE];
    char change[REPORT_AMOUNT_SIZE];
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

/* How to get call sites. */
extern const char report_no_profiles[];

/* What would begin or end something in Markdown stands for itself. */
void report_print_escaped(const char *text, FILE *stream);

/* Writes |bytes| as a person reads them, a change with its sign. Returns
 * |text|. */
const char *report_bytes(double bytes, bool is_change,
                         char text[REPORT_AMOUNT_SIZE]);

/* "-81 %", "new", "gone", "" for no change at all. Returns |text|. */
char *report_percent(const struct compare_amount amounts[2], char *text,
                     size_t size);

/* Row |step| of what is held: the buckets, the total last. False: no more. */
bool report_held(const struct report *report, size_t step,
                 struct report_held *ret_row);

/* What the total must be read with: its sampling error, what the samples hold
 * themselves, what the allocator says; those that are known. */
size_t report_sums(const struct report *report,
                   struct report_sum sums[REPORT_SUMS_MAX]);

/* Row |step| of what climbed, the best explanation first, of two runs those of
 * the one before first. False: no more. */
bool report_climbed(const struct report *report, size_t step,
                    struct report_climbed *ret_row);

/* What is alive that should be looked at: what grows on a side, and pairs of
 * which any are alive; most on either side first. Returns how many. */
size_t report_counts(const struct report *report,
                     struct report_count counts[REPORT_COUNTS_MAX]);

/* The size classes of the observer that changed most; what changed most first.
 * Returns how many: none where the run has no such series. */
size_t report_classes(const struct report *report,
                      struct report_class classes[REPORT_CLASSES_MAX]);

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
