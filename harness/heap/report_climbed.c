/* What climbed, as a part of the heap report. */
#include "heap/report.h"

#include "heap/markup.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { AMOUNT_SIZE = 40, FIGURE_WIDTH = 18 };

const char report_no_profiles[] =
    "The run has no heap profiles, so no call sites are known: they are "
    "written "
    "at the ebbs of a scenario that says 'heap: {profile: true}', by observers "
    "that run on jemalloc or with the preload library.";

/* "+62.6 KiB/event"; "-" where a row above explains it as well. */
static const char *explained(const struct store_climbed *row,
                             char text[AMOUNT_SIZE + 8])
{
    char amount[AMOUNT_SIZE];
    (void)snprintf(text, AMOUNT_SIZE + 8, "-");
    if (!isnan(row->bytes_per_event)) {
        (void)snprintf(text, AMOUNT_SIZE + 8, "%s/event",
                       terminal_amount(row->bytes_per_event, "B", true, amount,
                                       sizeof amount));
    }
    return text;
}

/* "What climbed", of which side if there are two. */
static const char *heading_of(const struct report *report, int side,
                              char text[AMOUNT_SIZE + 32])
{
    bool are_two = report->runs[0] != NULL;
    (void)snprintf(text, AMOUNT_SIZE + 32, "What climbed%s%.32s",
                   are_two ? ", " : "", are_two ? report->labels[side] : "");
    return text;
}

static bool has_climbed(const struct run_heap *run)
{
    return run != NULL && run->climbed_count > 0;
}

static void print_run(const struct run_heap *run, FILE *stream)
{
    for (size_t i = 0; i < run->climbed_count; i++) {
        const struct store_climbed *row = &run->climbed[i];
        char figure[AMOUNT_SIZE + 8];
        (void)fprintf(stream, "  %*s  ", FIGURE_WIDTH, explained(row, figure));
        terminal_print_wrapped(row->sentence, FIGURE_WIDTH + 4,
                               FIGURE_WIDTH + 4, stream);
    }
}

void report_print_climbed(const struct report *report,
                          enum terminal_style style, FILE *stream)
{
    const char *bold = style == TERMINAL_COLOUR ? "\033[1m" : "";
    const char *plain = style == TERMINAL_COLOUR ? "\033[0m" : "";
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = report->runs[side];
        char heading[AMOUNT_SIZE + 32];
        if (!has_climbed(run)) {
            continue;
        }
        if (report->runs[0] == NULL) {
            (void)fputs("  climbed: ", stream);
            terminal_print_wrapped(run->climbed[0].sentence, 11, 11, stream);
            (void)fputc('\n', stream);
        }
        (void)fprintf(stream, "%s%s%s%s (best explanation first)\n",
                      report->runs[0] != NULL ? "\n" : "", bold,
                      heading_of(report, side, heading), plain);
        print_run(run, stream);
        if (report->runs[0] == NULL) {
            (void)fputc('\n', stream);
        }
    }
}

void report_print_climbed_markdown(const struct report *report, FILE *stream)
{
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = report->runs[side];
        char heading[AMOUNT_SIZE + 32];
        char figure[AMOUNT_SIZE + 8];
        if (!has_climbed(run)) {
            continue;
        }
        if (report->runs[0] == NULL) {
            (void)fputs("**climbed:** ", stream);
            report_print_escaped(run->climbed[0].sentence, stream);
            (void)fputs("\n\n", stream);
        }
        (void)fprintf(stream,
                      "| explains | %s (best explanation first) |\n"
                      "|---:|---|\n",
                      heading_of(report, side, heading));
        for (size_t i = 0; i < run->climbed_count; i++) {
            (void)fprintf(stream, "| %s | ",
                          explained(&run->climbed[i], figure));
            report_print_escaped(run->climbed[i].sentence, stream);
            (void)fputs(" |\n", stream);
        }
        (void)fputc('\n', stream);
    }
}

/* The name of a row stands out; the rest of the sentence is small print. */
static void write_sentence(const char *sentence, FILE *stream)
{
    const char *colon = strstr(sentence, ": ");
    size_t name = colon != NULL ? (size_t)(colon - sentence) : strlen(sentence);
    char text[STORE_SENTENCE_MAX];
    (void)snprintf(text, sizeof text, "%.*s", (int)name, sentence);
    (void)fputs("<div><code>", stream);
    markup_text(text, stream);
    (void)fputs("</code></div><div class=\"place\">", stream);
    markup_text(sentence + name + (sentence[name] != '\0'), stream);
    (void)fputs("</div>", stream);
}

void report_print_climbed_html(const struct report *report, FILE *stream)
{
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = report->runs[side];
        char heading[AMOUNT_SIZE + 32];
        char figure[AMOUNT_SIZE + 8];
        if (!has_climbed(run)) {
            continue;
        }
        if (report->runs[0] == NULL) {
            (void)fputs("<p><b>climbed:</b> ", stream);
            markup_text(run->climbed[0].sentence, stream);
            (void)fputs("</p>\n", stream);
        }
        (void)fputs("<h2>", stream);
        markup_text(heading_of(report, side, heading), stream);
        (void)fputs(
            "</h2>\n<p class=\"aside\">Best explanation first, with what "
            "it explains of memory's growth.</p>\n",
            stream);
        for (size_t i = 0; i < run->climbed_count; i++) {
            const struct store_climbed *row = &run->climbed[i];
            (void)fprintf(stream,
                          "<div class=\"site\"><div class=\"figure\"><b "
                          "class=\"more\">%s</b></div><div class=\"stack\">",
                          explained(row, figure));
            write_sentence(row->sentence, stream);
            (void)fputs("</div></div>\n", stream);
        }
    }
}
