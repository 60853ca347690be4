#include "heap/report.h"

#include <math.h>
#include <string.h>

enum { AMOUNT_SIZE = 40 };

void report_print_escaped(const char *text, FILE *stream)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\`*_{}[]<>|#", *text) != NULL) {
            (void)fputc('\\', stream);
        }
        (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
    }
}

static const char *bytes_text(double bytes, bool is_change,
                              char text[AMOUNT_SIZE])
{
    return terminal_amount(bytes, "B", is_change, text, AMOUNT_SIZE);
}

static void print_row(const struct report *report, const char *label,
                      const struct compare_amount amounts[2], bool is_bold,
                      FILE *stream)
{
    char texts[3][AMOUNT_SIZE];
    char percent[AMOUNT_SIZE];
    const char *mark = is_bold ? "**" : "";
    (void)fprintf(stream, "| %s", mark);
    report_print_escaped(label, stream);
    if (report->compare->has_before) {
        (void)fprintf(
            stream, "%s | %s%s%s | %s%s%s | %s%s%s | %s%s%s |\n", mark, mark,
            bytes_text(amounts[0].bytes, false, texts[0]), mark, mark,
            bytes_text(amounts[1].bytes, false, texts[1]), mark, mark,
            bytes_text(compare_change(amounts), true, texts[2]), mark, mark,
            report_percent(amounts, percent, sizeof percent), mark);
        return;
    }
    double total = report->compare->total[1].bytes;
    (void)fprintf(stream, "%s | %s%s%s | %.1f %% | %.0f |\n", mark, mark,
                  bytes_text(amounts[1].bytes, false, texts[1]), mark,
                  total > 0 ? 100 * amounts[1].bytes / total : 0,
                  amounts[1].objects);
}

static void print_figures(const struct report *report, const char *label,
                          const char *sign, const double figures[2],
                          FILE *stream)
{
    char text[AMOUNT_SIZE];
    (void)fprintf(stream, "| %s", label);
    for (int side = report->compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fprintf(stream, " | %s%s", isnan(figures[side]) ? "" : sign,
                      bytes_text(figures[side], false, text));
    }
    (void)fputs(" | | |\n", stream);
}

static void print_sites(const struct report *report, bool is_growth,
                        const char *heading, FILE *stream)
{
    const struct compare *compare = report->compare;
    const struct compare_site *site = NULL;
    for (size_t i = 0; (site = report_site(report, is_growth, i)) != NULL;
         i++) {
        char text[AMOUNT_SIZE];
        double shown = compare->has_before ? compare_change(site->amounts)
                                           : site->amounts[1].bytes;
        if (i == 0) {
            (void)fprintf(stream,
                          "\n### %s\n\n| bytes | bucket | call site "
                          "|\n|---:|---|---|\n",
                          heading);
        }
        (void)fprintf(stream, "| %s | ",
                      bytes_text(shown, compare->has_before, text));
        report_print_escaped(compare->buckets[site->bucket].name, stream);
        (void)fputs(" | ", stream);
        for (uint32_t k = 0; k < site->lines_count && k < REPORT_STACK_SHOWN;
             k++) {
            char place[128];
            const struct compare_line *line =
                &compare->lines[site->lines_first + k];
            (void)fputs(k > 0 ? " < " : "", stream);
            report_print_escaped(words_text(compare->words, line->function),
                                 stream);
            (void)report_place(compare, line, place, sizeof place);
            if (k == 0 && place[0] != '\0') {
                (void)fputs(" (", stream);
                report_print_escaped(place, stream);
                (void)fputs(")", stream);
            }
        }
        (void)fputs(" |\n", stream);
    }
}

static void print_table(const struct report *report, FILE *stream)
{
    const struct compare *compare = report->compare;
    const double errors[2] = {report_error_bytes(&compare->total[0]),
                              report_error_bytes(&compare->total[1])};
    const double allocated[2] = {report->sides[0].allocated_bytes,
                                 report->sides[1].allocated_bytes};
    if (compare->has_before) {
        (void)fprintf(stream,
                      "| bucket | %s | %s | change | |\n"
                      "|---|---:|---:|---:|---:|\n",
                      report->labels[0], report->labels[1]);
    } else {
        (void)fputs("| bucket | bytes | share | objects |\n"
                    "|---|---:|---:|---:|\n",
                    stream);
    }
    for (size_t i = 0; i < compare->buckets_count; i++) {
        print_row(report, compare->buckets[i].name, compare->buckets[i].amounts,
                  false, stream);
    }
    print_row(report, "total", compare->total, true, stream);
    if (errors[0] > 0 || errors[1] > 0) {
        print_figures(report, "sampling error (95 %)", "±", errors, stream);
    }
    const double padding[2] = {report->sides[0].padding_bytes,
                               report->sides[1].padding_bytes};
    if (padding[0] > 0 || padding[1] > 0) {
        print_figures(report, "held by the samples themselves", "", padding,
                      stream);
    }
    if (!isnan(allocated[0]) || !isnan(allocated[1])) {
        print_figures(report, "allocated, its allocator says", "", allocated,
                      stream);
    }
}

static void print_counts(const struct report *report, FILE *stream)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    size_t count = report_counts(report, counts);
    char texts[2][2 * AMOUNT_SIZE];
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            (void)fprintf(stream, "\n| alive | %s | %s |\n|---|---:|---:|\n",
                          report->labels[0], report->labels[1]);
        }
        (void)fputs("| ", stream);
        report_print_escaped(counts[i].name, stream);
        (void)fprintf(stream, " | %s | %s |\n",
                      report_alive(&counts[i], 0, texts[0], sizeof texts[0]),
                      report_alive(&counts[i], 1, texts[1], sizeof texts[1]));
    }
}

static void print_verdicts(const struct report *report, FILE *stream)
{
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = report->runs[side];
        if (run != NULL && run->verdict[0] != '\0') {
            (void)fprintf(stream, "**%s** (%s): ", run->verdict,
                          report->runs[0] != NULL ? report->labels[side]
                                                  : "the run");
            report_print_escaped(run->reason, stream);
            (void)fputs("\n\n", stream);
        }
    }
}

void report_print_markdown(const struct report *report, FILE *stream)
{
    const struct compare *compare = report->compare;
    const struct symbols_notes *notes = report->notes;
    char text[256];
    (void)fprintf(stream, "## Heap%s\n\n",
                  compare->has_before ? ", before and after" : "");
    if (!compare->has_before) {
        report_print_climbed_markdown(report, stream);
    }
    print_verdicts(report, stream);
    if (!report->has_no_profiles) {
        print_table(report, stream);
    }
    print_counts(report, stream);
    if (compare->has_before) {
        report_print_climbed_markdown(report, stream);
    }
    report_print_classes_markdown(report, stream);
    if (compare->has_before) {
        print_sites(report, false, "Call sites that shrank most", stream);
        print_sites(report, true, "Call sites that grew most", stream);
    } else {
        print_sites(report, true, "Call sites that hold most", stream);
    }
    (void)fputc('\n', stream);
    if (report->has_no_profiles) {
        report_print_escaped(report_no_profiles, stream);
        (void)fputc('\n', stream);
        return;
    }
    for (int side = compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fputs(!compare->has_before ? "Profile: "
                    : side == 0          ? "Before: "
                                         : "After: ",
                    stream);
        report_print_escaped(report->sides[side].name, stream);
        (void)fprintf(stream, " (%s)  \n",
                      report_describe(&report->sides[side], text, sizeof text));
    }
    (void)fputs("Buckets: ", stream);
    report_print_escaped(report->rules, stream);
    (void)fputc('\n', stream);
    for (size_t i = 0; i < notes->count && i < SYMBOLS_NOTES_MAX; i++) {
        (void)fputs("  \nNot named: ", stream);
        report_print_escaped(notes->texts[i], stream);
        (void)fputc('\n', stream);
    }
}
