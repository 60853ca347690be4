#include "heap/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AMOUNT_SIZE = 40, LABEL_WIDTH = 30 };

/* 97.5 % of the standard normal distribution lie below it. */
#define NORMAL_TWO_SIDED_95 1.96

double report_error_bytes(const struct compare_amount *amount)
{
    return NORMAL_TWO_SIDED_95 * sqrt(amount->variance);
}

char *report_percent(const struct compare_amount amounts[2], char *text,
                     size_t size)
{
    double before = amounts[0].bytes;
    double change = compare_change(amounts);
    if (fabs(change) < 0.5) {
        (void)snprintf(text, size, "0 %%");
    } else if (before < 0.5) {
        (void)snprintf(text, size, "new");
    } else if (amounts[1].bytes < 0.5) {
        (void)snprintf(text, size, "gone");
    } else if (change / before > 9.995) {
        (void)snprintf(text, size, "%.*f times", change / before < 99 ? 1 : 0,
                       amounts[1].bytes / before);
    } else {
        /* What is nearly gone is not gone. */
        double percent = 100 * change / before;
        bool is_nearly = percent < -99.5 && percent > -100.;
        (void)snprintf(text, size, "%+.*f %%", is_nearly ? 1 : 0,
                       is_nearly ? fmax(percent, -99.9) : percent);
    }
    return text;
}

char *report_place(const struct compare *compare,
                   const struct compare_line *line, char *text, size_t size)
{
    const char *path = words_text(compare->words, line->file);
    const char *from = path + strlen(path);
    int slashes = 0;
    while (from > path && (from[-1] != '/' || ++slashes < 2)) {
        from--;
    }
    if (path[0] == '\0') {
        text[0] = '\0';
    } else if (line->line > 0) {
        (void)snprintf(text, size, "%s:%u", from, (unsigned)line->line);
    } else {
        (void)snprintf(text, size, "%s", from);
    }
    return text;
}

char *report_describe(const struct report_side *side, char *text, size_t size)
{
    static const char *const kinds[] = {
        [PROFILE_JEMALLOC] = "jemalloc heap dump",
        [PROFILE_SAMPLED] = "samples of what glibc handed out",
        [PROFILE_DHAT] = "DHAT profile, live at the end",
        [PROFILE_DHAT_PEAK] = "DHAT profile, live at the peak (nothing was "
                              "live at the end)",
    };
    char rate[AMOUNT_SIZE];
    if (side->sample_bytes > 0) {
        (void)snprintf(text, size, "%s, a sample each %s, %zu stacks",
                       kinds[side->kind],
                       terminal_amount((double)side->sample_bytes, "B", false,
                                       rate, sizeof rate),
                       side->sites_count);
    } else {
        (void)snprintf(text, size, "%s, %zu stacks", kinds[side->kind],
                       side->sites_count);
    }
    return text;
}

static const struct run_heap_count *find_count(const struct run_heap *run,
                                               const char *name)
{
    for (size_t i = 0; run != NULL && i < run->counts_count; i++) {
        if (strcmp(run->counts[i].name, name) == 0) {
            return &run->counts[i];
        }
    }
    return NULL;
}

static int by_alive(const void *a, const void *b)
{
    const struct report_count *left = a;
    const struct report_count *right = b;
    double mine = fmax(left->alive[0], left->alive[1]);
    double theirs = fmax(right->alive[0], right->alive[1]);
    return mine != theirs ? (mine < theirs) - (mine > theirs)
                          : strcmp(left->name, right->name);
}

/* One row; of one run both sides are its own. */
static bool make_count(const struct report *report,
                       const struct run_heap_count *after,
                       struct report_count *ret_count)
{
    const struct run_heap *before = report->runs[0];
    const struct run_heap_count *other = find_count(before, after->name);
    *ret_count = (struct report_count){
        .name = after->name,
        .alive = {before == NULL  ? after->first
                  : other != NULL ? other->last
                                  : 0,
                  after->last},
        .is_growing = {other != NULL && other->is_growing, after->is_growing},
    };
    bool is_alive = ret_count->alive[0] > 0 || ret_count->alive[1] > 0;
    return ret_count->is_growing[0] || ret_count->is_growing[1] ||
           (after->is_pair && is_alive);
}

size_t report_counts(const struct report *report,
                     struct report_count counts[REPORT_COUNTS_MAX])
{
    struct report_count all[RUN_HEAP_COUNTS_MAX];
    const struct run_heap *after = report->runs[1];
    size_t count = 0;
    for (size_t i = 0; after != NULL && i < after->counts_count; i++) {
        count += make_count(report, &after->counts[i], &all[count]);
    }
    qsort(all, count, sizeof *all, by_alive);
    count = count < REPORT_COUNTS_MAX ? count : REPORT_COUNTS_MAX;
    memcpy(counts, all, count * sizeof *counts);
    return count;
}

char *report_alive(const struct report_count *count, int side, char *text,
                   size_t size)
{
    char number[AMOUNT_SIZE];
    (void)snprintf(
        text, size, "%s%s",
        terminal_amount(count->alive[side], "", false, number, sizeof number),
        count->is_growing[side] ? ", growing" : "");
    return text;
}

const struct compare_site *report_site(const struct report *report,
                                       bool is_growth, size_t step)
{
    const struct compare *compare = report->compare;
    if (step >= report->sites_shown) {
        return NULL;
    }
    for (size_t i = 0; i < compare->sites_count; i++) {
        const struct compare_amount *amounts = compare->sites[i].amounts;
        double change = compare_change(amounts);
        const struct compare_amount both = {.variance = amounts[0].variance +
                                                        amounts[1].variance};
        if (fabs(change) < 0.5) {
            break;
        }
        if (compare->has_before && fabs(change) < report_error_bytes(&both)) {
            continue;
        }
        if ((change > 0) == is_growth && step-- == 0) {
            return &compare->sites[i];
        }
    }
    return NULL;
}

/* --- for a terminal ------------------------------------------------------- */

struct printer {
    const struct report *report;
    enum terminal_style style;
    FILE *stream;
};

static void print_heading(const struct printer *printer, const char *text)
{
    bool is_bold = printer->style == TERMINAL_COLOUR;
    (void)fprintf(printer->stream, "\n%s%s%s\n", is_bold ? "\033[1m" : "", text,
                  is_bold ? "\033[0m" : "");
}

static const char *bytes_text(double bytes, bool is_change,
                              char text[AMOUNT_SIZE])
{
    return terminal_amount(bytes, "B", is_change, text, AMOUNT_SIZE);
}

/* Less is better, on a heap: green; more is red. */
static const char *colour_of(const struct printer *printer, double change,
                             double scale)
{
    if (printer->style != TERMINAL_COLOUR || fabs(change) < scale * 0.01) {
        return "";
    }
    return change < 0 ? "\033[32m" : "\033[31m";
}

static void print_row(const struct printer *printer, const char *label,
                      const struct compare_amount amounts[2], double total)
{
    char texts[3][AMOUNT_SIZE];
    char percent[AMOUNT_SIZE];
    const char *after = bytes_text(amounts[1].bytes, false, texts[1]);
    if (!printer->report->compare->has_before) {
        (void)snprintf(percent, sizeof percent, "%.1f %%",
                       total > 0 ? 100 * amounts[1].bytes / total : 0);
        (void)fprintf(printer->stream, "  %-*.40s %12s %9s %14.0f\n",
                      LABEL_WIDTH, label, after, percent, amounts[1].objects);
        return;
    }
    double change = compare_change(amounts);
    const char *colour = colour_of(printer, change, total);
    (void)fprintf(printer->stream, "  %-*.40s %12s %12s %s%12s %9s%s\n",
                  LABEL_WIDTH, label,
                  bytes_text(amounts[0].bytes, false, texts[0]), after, colour,
                  bytes_text(change, true, texts[2]),
                  report_percent(amounts, percent, sizeof percent),
                  colour[0] != '\0' ? "\033[0m" : "");
}

/* A row of one figure a side that is no sum of sites. */
static void print_figures(const struct printer *printer, const char *label,
                          const char *sign, const double figures[2])
{
    char text[AMOUNT_SIZE];
    char shown[AMOUNT_SIZE];
    (void)fprintf(printer->stream, "  %-*.40s", LABEL_WIDTH, label);
    for (int side = printer->report->compare->has_before ? 0 : 1; side < 2;
         side++) {
        (void)snprintf(shown, sizeof shown, "%s%.32s",
                       isnan(figures[side]) ? "" : sign,
                       bytes_text(figures[side], false, text));
        (void)fprintf(printer->stream, " %12s", shown);
    }
    (void)fputc('\n', printer->stream);
}

static void print_buckets(const struct printer *printer)
{
    const struct report *report = printer->report;
    const struct compare *compare = report->compare;
    double scale = fmax(compare->total[0].bytes, compare->total[1].bytes);
    print_heading(printer, "What is held");
    if (compare->has_before) {
        (void)fprintf(printer->stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH,
                      "bucket", report->labels[0], report->labels[1], "change");
    } else {
        (void)fprintf(printer->stream, "  %-*s %12s %9s %14s\n", LABEL_WIDTH,
                      "bucket", "bytes", "share", "objects");
    }
    for (size_t i = 0; i < compare->buckets_count; i++) {
        print_row(printer, compare->buckets[i].name,
                  compare->buckets[i].amounts, scale);
    }
    print_row(printer, "total", compare->total, scale);
    const double errors[2] = {report_error_bytes(&compare->total[0]),
                              report_error_bytes(&compare->total[1])};
    if (errors[0] > 0 || errors[1] > 0) {
        print_figures(printer, "  sampling error (95 %)", "+-", errors);
    }
    const double padding[2] = {report->sides[0].padding_bytes,
                               report->sides[1].padding_bytes};
    const double allocated[2] = {report->sides[0].allocated_bytes,
                                 report->sides[1].allocated_bytes};
    if (padding[0] > 0 || padding[1] > 0) {
        print_figures(printer, "  held by the samples themselves", "", padding);
    }
    if (!isnan(allocated[0]) || !isnan(allocated[1])) {
        print_figures(printer, "  allocated, its allocator says", "",
                      allocated);
    }
}

static void print_counts(const struct printer *printer)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    const struct report *report = printer->report;
    size_t count = report_counts(report, counts);
    char texts[2][2 * AMOUNT_SIZE];
    if (count == 0) {
        return;
    }
    print_heading(printer, "What is alive");
    (void)fprintf(printer->stream, "  %-*s %20s %20s\n", LABEL_WIDTH, "",
                  report->labels[0], report->labels[1]);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(printer->stream, "  %-*s %20s %20s\n", LABEL_WIDTH,
                      counts[i].name,
                      report_alive(&counts[i], 0, texts[0], sizeof texts[0]),
                      report_alive(&counts[i], 1, texts[1], sizeof texts[1]));
    }
}

static void print_stack(const struct printer *printer,
                        const struct compare_site *site)
{
    const struct compare *compare = printer->report->compare;
    int column = 6;
    (void)fputs("      ", printer->stream);
    if (site->lines_count == 0) {
        (void)fputs("(stack not known)", printer->stream);
    }
    for (uint32_t i = 0; i < site->lines_count && i < REPORT_STACK_SHOWN; i++) {
        char text[512];
        char place[128];
        const struct compare_line *line =
            &compare->lines[site->lines_first + i];
        (void)report_place(compare, line, place, sizeof place);
        int length = snprintf(
            text, sizeof text, "%s%.200s%s%s%s", i > 0 ? "< " : "",
            words_text(compare->words, line->function),
            place[0] != '\0' ? " (" : "", place, place[0] != '\0' ? ")" : "");
        if (i > 0 && column + 1 + length > TERMINAL_COLUMNS) {
            (void)fputs("\n       ", printer->stream);
            column = 7;
        } else if (i > 0) {
            (void)fputc(' ', printer->stream);
            column++;
        }
        (void)fputs(text, printer->stream);
        column += length;
    }
    if (site->lines_count > REPORT_STACK_SHOWN) {
        (void)fprintf(printer->stream, " < %u more",
                      site->lines_count - REPORT_STACK_SHOWN);
    }
    (void)fputc('\n', printer->stream);
}

static void print_sites(const struct printer *printer, bool is_growth,
                        const char *heading)
{
    const struct report *report = printer->report;
    const struct compare *compare = report->compare;
    const struct compare_site *site = NULL;
    for (size_t i = 0; (site = report_site(report, is_growth, i)) != NULL;
         i++) {
        char texts[3][AMOUNT_SIZE];
        const char *bucket = compare->buckets[site->bucket].name;
        if (i == 0) {
            print_heading(printer, heading);
        }
        if (compare->has_before) {
            (void)fprintf(
                printer->stream, "  %s  (%s -> %s)  %s\n",
                bytes_text(compare_change(site->amounts), true, texts[0]),
                bytes_text(site->amounts[0].bytes, false, texts[1]),
                bytes_text(site->amounts[1].bytes, false, texts[2]), bucket);
        } else {
            (void)fprintf(printer->stream, "  %s in %.0f objects  %s\n",
                          bytes_text(site->amounts[1].bytes, false, texts[0]),
                          site->amounts[1].objects, bucket);
        }
        print_stack(printer, site);
    }
}

static void print_sources(const struct printer *printer)
{
    const struct report *report = printer->report;
    char text[256];
    int first = report->has_no_profiles       ? 2
                : report->compare->has_before ? 0
                                              : 1;
    for (int side = first; side < 2; side++) {
        (void)fprintf(printer->stream, "  %-8s %s\n           %s\n",
                      report->compare->has_before ? report->labels[side]
                                                  : "profile",
                      report->sides[side].name,
                      report_describe(&report->sides[side], text, sizeof text));
    }
    if (!report->has_no_profiles) {
        (void)fprintf(printer->stream, "  buckets  %s\n", report->rules);
    }
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = report->runs[side];
        if (run != NULL && run->verdict[0] != '\0') {
            (void)fprintf(printer->stream, "  %-8s %s: %s\n",
                          report->runs[0] != NULL ? report->labels[side]
                                                  : "verdict",
                          run->verdict, run->reason);
        }
    }
}

void report_print(const struct report *report, enum terminal_style style,
                  FILE *stream)
{
    const struct printer printer = {report, style, stream};
    const struct symbols_notes *notes = report->notes;
    /* Of one run the first thing to know; of two, what went is. */
    if (!report->compare->has_before) {
        report_print_climbed(report, style, stream);
    }
    print_sources(&printer);
    if (report->has_no_profiles) {
        print_counts(&printer);
        report_print_classes(report, style, stream);
        (void)fputc('\n', stream);
        terminal_print_wrapped(report_no_profiles, 0, 0, stream);
        return;
    }
    print_buckets(&printer);
    print_counts(&printer);
    if (report->compare->has_before) {
        report_print_climbed(report, style, stream);
    }
    report_print_classes(report, style, stream);
    if (report->compare->has_before) {
        print_sites(&printer, false, "Call sites that shrank most");
        print_sites(&printer, true, "Call sites that grew most");
    } else {
        print_sites(&printer, true, "Call sites that hold most");
    }
    if (notes->count > 0) {
        print_heading(&printer, "Not named");
    }
    for (size_t i = 0; i < notes->count && i < SYMBOLS_NOTES_MAX; i++) {
        (void)fprintf(stream, "  %s\n", notes->texts[i]);
    }
    if (notes->count > SYMBOLS_NOTES_MAX) {
        (void)fprintf(stream, "  and %zu more files\n",
                      notes->count - SYMBOLS_NOTES_MAX);
    }
}
