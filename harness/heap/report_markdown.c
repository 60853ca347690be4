#include "heap/report.h"

#include <string.h>

void report_print_escaped(const char *text, FILE *stream)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\`*_{}[]<>|#", *text) != NULL) {
            (void)fputc('\\', stream);
        }
        (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
    }
}

static void print_held(const struct report *report,
                       const struct report_held *row, FILE *stream)
{
    const char *mark = row->is_total ? "**" : "";
    (void)fprintf(stream, "| %s", mark);
    report_print_escaped(row->name, stream);
    if (report->compare->has_before) {
        (void)fprintf(stream, "%s | %s%s%s | %s%s%s | %s%s%s | %s%s%s |\n",
                      mark, mark, row->texts[0], mark, mark, row->texts[1],
                      mark, mark, row->change, mark, mark, row->percent, mark);
        return;
    }
    (void)fprintf(stream, "%s | %s%s%s | %.1f %% | %.0f |\n", mark, mark,
                  row->texts[1], mark, row->share, row->amounts[1].objects);
}

static void print_sum(const struct report *report, const struct report_sum *row,
                      FILE *stream)
{
    (void)fprintf(stream, "| %s%s", row->name, row->is_error ? " (95 %)" : "");
    for (int side = report->compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fprintf(stream, " | %s%s",
                      row->is_error && row->has[side] ? "±" : "",
                      row->texts[side]);
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
        char text[REPORT_AMOUNT_SIZE];
        double shown = compare->has_before ? compare_change(site->amounts)
                                           : site->amounts[1].bytes;
        if (i == 0) {
            (void)fprintf(stream,
                          "\n### %s\n\n| bytes | bucket | call site "
                          "|\n|---:|---|---|\n",
                          heading);
        }
        (void)fprintf(stream, "| %s | ",
                      report_bytes(shown, compare->has_before, text));
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
    struct report_held row;
    struct report_sum sums[REPORT_SUMS_MAX];
    size_t count = report_sums(report, sums);
    if (report->compare->has_before) {
        (void)fprintf(stream,
                      "| bucket | %s | %s | change | |\n"
                      "|---|---:|---:|---:|---:|\n",
                      report->labels[0], report->labels[1]);
    } else {
        (void)fputs("| bucket | bytes | share | objects |\n"
                    "|---|---:|---:|---:|\n",
                    stream);
    }
    for (size_t i = 0; report_held(report, i, &row); i++) {
        print_held(report, &row, stream);
    }
    for (size_t i = 0; i < count; i++) {
        print_sum(report, &sums[i], stream);
    }
}

static void print_climbed(const struct report *report, FILE *stream)
{
    struct report_climbed row;
    for (size_t i = 0; report_climbed(report, i, &row); i++) {
        if (row.is_first && row.summary != NULL) {
            (void)fputs("**climbed:** ", stream);
            report_print_escaped(row.summary, stream);
            (void)fputs("\n\n", stream);
        }
        if (row.is_first) {
            (void)fprintf(stream,
                          "| explains | %s (best explanation first) |\n"
                          "|---:|---|\n",
                          row.heading);
        }
        (void)fprintf(stream, "| %s | ", row.explains);
        report_print_escaped(row.sentence, stream);
        (void)fprintf(stream, " |\n%s", row.is_last ? "\n" : "");
    }
}

static void print_counts(const struct report *report, FILE *stream)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    size_t count = report_counts(report, counts);
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            (void)fprintf(stream, "\n| alive | %s | %s |\n|---|---:|---:|\n",
                          report->labels[0], report->labels[1]);
        }
        (void)fputs("| ", stream);
        report_print_escaped(counts[i].name, stream);
        (void)fprintf(stream, " | %s | %s |\n", counts[i].texts[0],
                      counts[i].texts[1]);
    }
}

static void print_classes(const struct report *report, FILE *stream)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    size_t count = report_classes(report, classes);
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            (void)fprintf(stream,
                          "\n| size class | %s | %s | change |\n"
                          "|---:|---:|---:|---:|\n",
                          report->labels[0], report->labels[1]);
        }
        (void)fprintf(stream, "| %s | %s | %s | %s |\n", classes[i].size,
                      classes[i].texts[0], classes[i].texts[1],
                      classes[i].change);
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
        print_climbed(report, stream);
    }
    print_verdicts(report, stream);
    if (!report->has_no_profiles) {
        print_table(report, stream);
    }
    print_counts(report, stream);
    if (compare->has_before) {
        print_climbed(report, stream);
    }
    print_classes(report, stream);
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
