/* Which size classes changed, as a part of the heap report. */
#include "heap/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AMOUNT_SIZE = 40, LABEL_WIDTH = 30 };

static double change_of(const struct report_class *class)
{
    return class->bytes[1] - class->bytes[0];
}

static int by_change(const void *a, const void *b)
{
    const struct report_class *left = a, *right = b;
    double mine = fabs(change_of(left)), theirs = fabs(change_of(right));
    return mine != theirs ? (mine < theirs) - (mine > theirs)
                          : (left->size_bytes > right->size_bytes) -
                                (left->size_bytes < right->size_bytes);
}

/* Adds what |run| held on |side|. Both sides of the same size are one row. */
static size_t add_side(const struct run_heap *run, int side, bool is_first,
                       struct report_class *all, size_t count)
{
    for (size_t i = 0; run != NULL && i < run->classes_count; i++) {
        const struct run_heap_class *class = &run->classes[i];
        size_t at = 0;
        while (at < count && all[at].size_bytes != class->size_bytes) {
            at++;
        }
        if (at == count) {
            all[count++] =
                (struct report_class){.size_bytes = class->size_bytes};
        }
        all[at].bytes[side] = is_first ? class->first : class->last;
    }
    return count;
}

size_t report_classes(const struct report *report,
                      struct report_class classes[REPORT_CLASSES_MAX])
{
    struct report_class all[2 * RUN_HEAP_CLASSES_MAX];
    const struct run_heap *before = report->runs[0], *after = report->runs[1];
    size_t count = 0;
    /* Of one run both sides are its own. */
    count = add_side(before != NULL ? before : after, 0, before == NULL, all,
                     count);
    count = add_side(after, 1, false, all, count);
    qsort(all, count, sizeof *all, by_change);
    count = count < REPORT_CLASSES_MAX ? count : REPORT_CLASSES_MAX;
    while (count > 0 && fabs(change_of(&all[count - 1])) < 0.5) {
        count--;
    }
    memcpy(classes, all, count * sizeof *classes);
    return count;
}

static const char *bytes_text(double bytes, bool is_change,
                              char text[AMOUNT_SIZE])
{
    return terminal_amount(bytes, "B", is_change, text, AMOUNT_SIZE);
}

void report_print_classes(const struct report *report,
                          enum terminal_style style, FILE *stream)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    size_t count = report_classes(report, classes);
    bool is_bold = style == TERMINAL_COLOUR;
    char texts[4][AMOUNT_SIZE];
    if (count == 0) {
        return;
    }
    (void)fprintf(stream, "\n%sSize classes that changed most%s\n",
                  is_bold ? "\033[1m" : "", is_bold ? "\033[0m" : "");
    (void)fprintf(stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH, "regions of",
                  report->labels[0], report->labels[1], "change");
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stream, "  %-*s %12s %12s %12s\n", LABEL_WIDTH,
                      bytes_text(classes[i].size_bytes, false, texts[0]),
                      bytes_text(classes[i].bytes[0], false, texts[1]),
                      bytes_text(classes[i].bytes[1], false, texts[2]),
                      bytes_text(change_of(&classes[i]), true, texts[3]));
    }
}

void report_print_classes_markdown(const struct report *report, FILE *stream)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    size_t count = report_classes(report, classes);
    char texts[4][AMOUNT_SIZE];
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            (void)fprintf(stream,
                          "\n| size class | %s | %s | change |\n"
                          "|---:|---:|---:|---:|\n",
                          report->labels[0], report->labels[1]);
        }
        (void)fprintf(stream, "| %s | %s | %s | %s |\n",
                      bytes_text(classes[i].size_bytes, false, texts[0]),
                      bytes_text(classes[i].bytes[0], false, texts[1]),
                      bytes_text(classes[i].bytes[1], false, texts[2]),
                      bytes_text(change_of(&classes[i]), true, texts[3]));
    }
}
