/* The heap report for a terminal. */
#include "heap/report.h"

#include <math.h>

enum { LABEL_WIDTH = 30, FIGURE_WIDTH = 18 };

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

/* Less is better, on a heap: green; more is red. */
static const char *colour_of(const struct printer *printer, double change,
                             double scale)
{
    if (printer->style != TERMINAL_COLOUR || fabs(change) < scale * 0.01) {
        return "";
    }
    return change < 0 ? "\033[32m" : "\033[31m";
}

static void print_held(const struct printer *printer,
                       const struct report_held *row, double scale)
{
    FILE *stream = printer->stream;
    if (!printer->report->compare->has_before) {
        char share[REPORT_AMOUNT_SIZE];
        (void)snprintf(share, sizeof share, "%.1f %%", row->share);
        (void)fprintf(stream, "  %-*.40s %12s %9s %14.0f\n", LABEL_WIDTH,
                      row->name, row->texts[1], share, row->amounts[1].objects);
        return;
    }
    const char *colour =
        colour_of(printer, compare_change(row->amounts), scale);
    (void)fprintf(stream, "  %-*.40s %12s %12s %s%12s %9s%s\n", LABEL_WIDTH,
                  row->name, row->texts[0], row->texts[1], colour, row->change,
                  row->percent, colour[0] != '\0' ? "\033[0m" : "");
}

static void print_sum(const struct printer *printer,
                      const struct report_sum *row)
{
    char text[REPORT_AMOUNT_SIZE];
    (void)snprintf(text, sizeof text, "  %.30s%s", row->name,
                   row->is_error ? " (95 %)" : "");
    (void)fprintf(printer->stream, "  %-*s", LABEL_WIDTH, text);
    for (int side = printer->report->compare->has_before ? 0 : 1; side < 2;
         side++) {
        (void)snprintf(text, sizeof text, "%s%.32s",
                       row->is_error && row->has[side] ? "+-" : "",
                       row->texts[side]);
        (void)fprintf(printer->stream, " %12s", text);
    }
    (void)fputc('\n', printer->stream);
}

static void print_table(const struct printer *printer)
{
    const struct report *report = printer->report;
    const struct compare *compare = report->compare;
    double scale = fmax(compare->total[0].bytes, compare->total[1].bytes);
    struct report_held row;
    struct report_sum sums[REPORT_SUMS_MAX];
    size_t count = report_sums(report, sums);
    print_heading(printer, "What is held");
    if (compare->has_before) {
        (void)fprintf(printer->stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH,
                      "bucket", report->labels[0], report->labels[1], "change");
    } else {
        (void)fprintf(printer->stream, "  %-*s %12s %9s %14s\n", LABEL_WIDTH,
                      "bucket", "bytes", "share", "objects");
    }
    for (size_t i = 0; report_held(report, i, &row); i++) {
        print_held(printer, &row, scale);
    }
    for (size_t i = 0; i < count; i++) {
        print_sum(printer, &sums[i]);
    }
}

static void print_climbed(const struct printer *printer)
{
    FILE *stream = printer->stream;
    bool is_bold = printer->style == TERMINAL_COLOUR;
    struct report_climbed row;
    for (size_t i = 0; report_climbed(printer->report, i, &row); i++) {
        if (row.is_first && row.summary != NULL) {
            (void)fputs("  climbed: ", stream);
            terminal_print_wrapped(row.summary, 11, 11, stream);
        }
        if (row.is_first) {
            (void)fprintf(stream, "\n%s%s%s (best explanation first)\n",
                          is_bold ? "\033[1m" : "", row.heading,
                          is_bold ? "\033[0m" : "");
        }
        (void)fprintf(stream, "  %*s  ", FIGURE_WIDTH, row.explains);
        terminal_print_wrapped(row.sentence, FIGURE_WIDTH + 4, FIGURE_WIDTH + 4,
                               stream);
        if (row.is_last && row.summary != NULL) {
            (void)fputc('\n', stream);
        }
    }
}

static void print_counts(const struct printer *printer)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    const struct report *report = printer->report;
    size_t count = report_counts(report, counts);
    if (count == 0) {
        return;
    }
    print_heading(printer, "What is alive");
    (void)fprintf(printer->stream, "  %-*s %20s %20s\n", LABEL_WIDTH, "",
                  report->labels[0], report->labels[1]);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(printer->stream, "  %-*s %20s %20s\n", LABEL_WIDTH,
                      counts[i].name, counts[i].texts[0], counts[i].texts[1]);
    }
}

static void print_classes(const struct printer *printer)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    const struct report *report = printer->report;
    size_t count = report_classes(report, classes);
    if (count == 0) {
        return;
    }
    print_heading(printer, "Size classes that changed most");
    (void)fprintf(printer->stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH,
                  "regions of", report->labels[0], report->labels[1], "change");
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(printer->stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH,
                      classes[i].size, classes[i].texts[0], classes[i].texts[1],
                      classes[i].change);
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
        char texts[3][REPORT_AMOUNT_SIZE];
        const char *bucket = compare->buckets[site->bucket].name;
        if (i == 0) {
            print_heading(printer, heading);
        }
        if (compare->has_before) {
            (void)fprintf(
                printer->stream, "  %s  (%s -> %s)  %s\n",
                report_bytes(compare_change(site->amounts), true, texts[0]),
                report_bytes(site->amounts[0].bytes, false, texts[1]),
                report_bytes(site->amounts[1].bytes, false, texts[2]), bucket);
        } else {
            (void)fprintf(printer->stream, "  %s in %.0f objects  %s\n",
                          report_bytes(site->amounts[1].bytes, false, texts[0]),
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
        print_climbed(&printer);
    }
    print_sources(&printer);
    if (report->has_no_profiles) {
        print_counts(&printer);
        print_classes(&printer);
        (void)fputc('\n', stream);
        terminal_print_wrapped(report_no_profiles, 0, 0, stream);
        return;
    }
    print_table(&printer);
    print_counts(&printer);
    if (report->compare->has_before) {
        print_climbed(&printer);
    }
    print_classes(&printer);
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
