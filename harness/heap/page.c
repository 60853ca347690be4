/* Happy path: draw the bars into PATH.parts-XXXXXX, step through the template,
 * copy what is text, and where "{{name}}" stands let the part of that name
 * write itself; remove the folder.
 *
 * Failure modes: no template or one that names an unknown part (the page is
 * not written); no gnuplot (the page says so where the bars would be); no room
 * on the disk (the page is removed).
 */
#include "heap/page.h"

#include "heap/flame.h"
#include "heap/markup.h"
#include "heap/page_plot.h"
#include "whole_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4600, PAGE_PICTURES = 4 };

struct page_picture {
    char stem[PATH_SIZE + 16]; /* see page_plot.h */
    char problem[800];         /* "" when it was drawn, or was not wanted */
};

struct writer {
    const struct page *page;
    const struct report *report;
    const struct compare *compare;
    const char *reports_dir;
    FILE *stream;
    char folder[PATH_SIZE];
    struct page_picture pictures[PAGE_PICTURES];
};

/* --- the pictures --------------------------------------------------------- */

static int draw_buckets(const struct writer *writer, struct err *err)
{
    struct page_plot_bar bars[PAGE_BARS_MAX];
    const struct compare *compare = writer->compare;
    struct report_held row;
    const char *unit = NULL;
    double greatest = 0;
    size_t count = compare->buckets_count < PAGE_BARS_MAX
                       ? compare->buckets_count
                       : PAGE_BARS_MAX;
    for (size_t i = 0; i < count; i++) {
        greatest = fmax(greatest, fmax(compare->buckets[i].amounts[0].bytes,
                                       compare->buckets[i].amounts[1].bytes));
    }
    double divisor = page_plot_unit(greatest, &unit);
    for (size_t i = 0; i < count && report_held(writer->report, i, &row); i++) {
        struct page_plot_bar *bar = &bars[i];
        *bar =
            (struct page_plot_bar){.values = {row.amounts[0].bytes / divisor,
                                              row.amounts[1].bytes / divisor}};
        (void)snprintf(bar->label, sizeof bar->label, "%s", row.name);
        (void)snprintf(bar->texts[0], sizeof bar->texts[0], "%s", row.texts[0]);
        (void)snprintf(bar->texts[1], sizeof bar->texts[1], "%s  %s",
                       row.texts[1], compare->has_before ? row.percent : "");
    }
    return page_plot_bars(writer->reports_dir, writer->pictures[0].stem, bars,
                          count, unit, compare->has_before, err);
}

static int draw_troughs(const struct writer *writer, struct err *err)
{
    return page_plot_troughs(writer->reports_dir, writer->pictures[1].stem,
                             writer->report->runs, err);
}

static int draw_alive(const struct writer *writer, struct err *err)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    struct page_plot_bar bars[REPORT_COUNTS_MAX];
    size_t count = report_counts(writer->report, counts);
    for (size_t i = 0; i < count; i++) {
        struct page_plot_bar *bar = &bars[i];
        *bar = (struct page_plot_bar){
            .values = {counts[i].alive[0], counts[i].alive[1]}};
        (void)snprintf(bar->label, sizeof bar->label, "%s", counts[i].name);
        for (int side = 0; side < 2; side++) {
            (void)snprintf(bar->texts[side], sizeof bar->texts[side], "%s",
                           counts[i].texts[side]);
        }
    }
    return page_plot_bars(writer->reports_dir, writer->pictures[2].stem, bars,
                          count, "", true, err);
}

static int draw_classes(const struct writer *writer, struct err *err)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    struct page_plot_bar bars[REPORT_CLASSES_MAX];
    size_t count = report_classes(writer->report, classes);
    const char *unit = NULL;
    double greatest = 0;
    for (size_t i = 0; i < count; i++) {
        greatest =
            fmax(greatest, fmax(classes[i].bytes[0], classes[i].bytes[1]));
    }
    double divisor = page_plot_unit(greatest, &unit);
    for (size_t i = 0; i < count; i++) {
        struct page_plot_bar *bar = &bars[i];
        *bar =
            (struct page_plot_bar){.values = {classes[i].bytes[0] / divisor,
                                              classes[i].bytes[1] / divisor}};
        (void)snprintf(bar->label, sizeof bar->label, "%s", classes[i].size);
        for (int side = 0; side < 2; side++) {
            (void)snprintf(bar->texts[side], sizeof bar->texts[side], "%s",
                           classes[i].texts[side]);
        }
    }
    return page_plot_bars(writer->reports_dir, writer->pictures[3].stem, bars,
                          count, unit, true, err);
}

static const struct {
    const char *name;
    int (*draw)(const struct writer *writer, struct err *err);
    bool is_of_runs;
} drawings[PAGE_PICTURES] = {
    {"buckets", draw_buckets, false},
    {"troughs", draw_troughs, true},
    {"alive", draw_alive, true},
    {"classes", draw_classes, true},
};

static void draw_pictures(struct writer *writer)
{
    for (size_t i = 0; i < PAGE_PICTURES; i++) {
        struct page_picture *picture = &writer->pictures[i];
        struct err err = {0};
        (void)snprintf(picture->stem, sizeof picture->stem, "%s/%s",
                       writer->folder, drawings[i].name);
        bool is_wanted = drawings[i].is_of_runs
                             ? writer->report->runs[1] != NULL
                             : !writer->report->has_no_profiles;
        if (is_wanted && drawings[i].draw(writer, &err) < 0) {
            (void)err_format(&err, picture->problem, sizeof picture->problem);
        }
    }
}

static void remove_folder(const struct writer *writer)
{
    for (size_t i = 0; i < PAGE_PICTURES; i++) {
        page_plot_remove(writer->pictures[i].stem);
    }
    (void)rmdir(writer->folder);
}

/* Copies the picture in |path| from its "<svg" on. */
static int copy_svg(const struct writer *writer, const char *path,
                    const char *class, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = whole_file_read(path, PAGE_FILE_MAX_BYTES, &text, &size, NULL, err);
    if (r < 0) {
        return r;
    }
    const char *svg = strstr(text, "<svg");
    if (svg != NULL) {
        (void)fprintf(writer->stream, "<div class=\"plot %s\">", class);
        (void)fputs(svg, writer->stream);
        (void)fputs("</div>\n", writer->stream);
    }
    free(text);
    return 0;
}

/* --- the parts ------------------------------------------------------------ */

static int write_title(const struct writer *writer)
{
    markup_text(writer->page->title, writer->stream);
    return 0;
}

static int write_lead(const struct writer *writer)
{
    markup_text(writer->page->lead, writer->stream);
    return 0;
}

/* The one figure that a reader takes away. */
static int write_headline(const struct writer *writer)
{
    char texts[2][REPORT_AMOUNT_SIZE];
    char percent[REPORT_AMOUNT_SIZE];
    const struct compare *compare = writer->compare;
    const char *after = report_bytes(compare->total[1].bytes, false, texts[1]);
    if (writer->report->has_no_profiles) {
        markup_text(writer->report->runs[1]->whole, writer->stream);
    } else if (compare->has_before) {
        double change = compare_change(compare->total);
        (void)fprintf(
            writer->stream,
            "<span class=\"was\">%s</span> <span class=\"arrow\">&rarr;</span> "
            "<span class=\"is\">%s</span> <span class=\"%s\">%s</span>",
            report_bytes(compare->total[0].bytes, false, texts[0]), after,
            change < 0 ? "less" : "more",
            report_percent(compare->total, percent, sizeof percent));
    } else {
        (void)fprintf(writer->stream, "<span class=\"is\">%s</span>", after);
    }
    return 0;
}

static void write_held(const struct writer *writer,
                       const struct report_held *row)
{
    double change = compare_change(row->amounts);
    (void)fprintf(writer->stream, "<tr class=\"%s\"><td>",
                  row->is_total       ? "total"
                  : row->is_unmatched ? "unmatched"
                                      : "");
    markup_text(row->name, writer->stream);
    if (writer->compare->has_before) {
        (void)fprintf(
            writer->stream,
            "</td><td>%s</td><td>%s</td><td class=\"wide-only\">%s</td>"
            "<td class=\"%s\">%s</td></tr>\n",
            row->texts[0], row->texts[1], row->change,
            change < -0.5  ? "less"
            : change > 0.5 ? "more"
                           : "",
            row->percent);
    } else {
        (void)fprintf(writer->stream,
                      "</td><td>%s</td><td>%.1f&nbsp;%%</td>"
                      "<td class=\"wide-only\">%.0f</td></tr>\n",
                      row->texts[1], row->share, row->amounts[1].objects);
    }
}

static void write_sum(const struct writer *writer, const struct report_sum *row)
{
    (void)fprintf(writer->stream, "<tr class=\"aside\"><td>%s%s</td>",
                  row->name, row->is_error ? " (95&nbsp;%)" : "");
    for (int side = writer->compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fprintf(writer->stream, "<td>%s%s</td>",
                      row->is_error && row->has[side] ? "&plusmn;" : "",
                      row->texts[side]);
    }
    (void)fputs("<td class=\"wide-only\"></td><td></td></tr>\n",
                writer->stream);
}

static int write_table(const struct writer *writer)
{
    const struct report *report = writer->report;
    struct report_held row;
    struct report_sum sums[REPORT_SUMS_MAX];
    if (report->has_no_profiles) {
        return 0;
    }
    size_t count = report_sums(report, sums);
    if (report->runs[1] != NULL) {
        (void)fputs("<h2>What is held</h2>\n", writer->stream);
    }
    if (writer->compare->has_before) {
        (void)fprintf(writer->stream,
                      "<table><thead><tr><th>bucket</th><th>%s</th>"
                      "<th>%s</th><th class=\"wide-only\">change</th>"
                      "<th></th></tr></thead><tbody>\n",
                      report->labels[0], report->labels[1]);
    } else {
        (void)fputs("<table><thead><tr><th>bucket</th><th>bytes</th>"
                    "<th>share</th><th class=\"wide-only\">objects</th>"
                    "</tr></thead><tbody>\n",
                    writer->stream);
    }
    for (size_t i = 0; report_held(report, i, &row); i++) {
        write_held(writer, &row);
    }
    for (size_t i = 0; i < count; i++) {
        write_sum(writer, &sums[i]);
    }
    (void)fputs("</tbody></table>\n", writer->stream);
    return 0;
}

static int write_picture(const struct writer *writer, size_t index)
{
    const struct page_picture *picture = &writer->pictures[index];
    char path[PATH_SIZE + 96];
    struct err err = {0};
    if (picture->problem[0] != '\0') {
        (void)fputs("<p class=\"aside\">Not drawn: ", writer->stream);
        markup_text(picture->problem, writer->stream);
        (void)fputs("</p>\n", writer->stream);
        return 0;
    }
    (void)snprintf(path, sizeof path, "%s-wide.svg", picture->stem);
    int r = copy_svg(writer, path, "wide-only", &err);
    if (r == 0) {
        (void)snprintf(path, sizeof path, "%s-narrow.svg", picture->stem);
        r = copy_svg(writer, path, "narrow-only", &err);
    }
    return r;
}

static void write_key(const struct writer *writer)
{
    const struct report *report = writer->report;
    if (writer->compare->has_before || report->has_no_profiles) {
        (void)fprintf(writer->stream,
                      "<p><span class=\"key before\">%s</span> "
                      "<span class=\"key after\">%s</span></p>\n",
                      report->labels[0], report->labels[1]);
    }
}

static int write_bars(const struct writer *writer)
{
    if (writer->report->has_no_profiles) {
        (void)fprintf(writer->stream, "<p class=\"aside\">");
        markup_text(report_no_profiles, writer->stream);
        (void)fputs("</p>\n", writer->stream);
        return 0;
    }
    (void)fputs("<h2>By bucket</h2>\n", writer->stream);
    write_key(writer);
    return write_picture(writer, 0);
}

static int write_troughs(const struct writer *writer)
{
    if (writer->report->runs[1] == NULL) {
        return 0;
    }
    (void)fputs("<h2>Allocated memory, trough by trough</h2>\n",
                writer->stream);
    return write_picture(writer, 1);
}

static int write_alive(const struct writer *writer)
{
    struct report_count counts[REPORT_COUNTS_MAX];
    if (report_counts(writer->report, counts) == 0) {
        return 0;
    }
    (void)fputs("<h2>What is alive</h2>\n<p class=\"aside\">Spawned and not "
                "finished, or counted by a gauge. Growing: every reading of "
                "the last third of the run lies above every one of the "
                "first.</p>\n",
                writer->stream);
    write_key(writer);
    return write_picture(writer, 2);
}

static int write_classes(const struct writer *writer)
{
    struct report_class classes[REPORT_CLASSES_MAX];
    if (report_classes(writer->report, classes) == 0) {
        return 0;
    }
    (void)fputs("<h2>Size classes that changed most</h2>\n<p class=\"aside\">"
                "What is allocated in regions of each size, by the "
                "allocator&rsquo;s own count.</p>\n",
                writer->stream);
    write_key(writer);
    return write_picture(writer, 3);
}

static int write_verdicts(const struct writer *writer)
{
    for (int side = 0; side < 2; side++) {
        const struct run_heap *run = writer->report->runs[side];
        if (run == NULL || run->verdict[0] == '\0') {
            continue;
        }
        (void)fprintf(
            writer->stream, "<p class=\"verdict\"><b>%s</b> %s: ", run->verdict,
            writer->report->runs[0] != NULL ? writer->report->labels[side]
                                            : "the run");
        markup_text(run->reason, writer->stream);
        (void)fputs("</p>\n", writer->stream);
    }
    return 0;
}

static void write_stack(const struct writer *writer,
                        const struct compare_site *site)
{
    const struct compare *compare = writer->compare;
    for (uint32_t i = 0; i < site->lines_count; i++) {
        char place[256];
        const struct compare_line *line =
            &compare->lines[site->lines_first + i];
        if (i == REPORT_STACK_SHOWN) {
            (void)fprintf(writer->stream,
                          "<details><summary>%u more</summary>\n",
                          site->lines_count - i);
        }
        (void)fputs("<div><code>", writer->stream);
        markup_text(words_text(compare->words, line->function), writer->stream);
        (void)fputs("</code> <span class=\"place\">", writer->stream);
        markup_text(report_place(compare, line, place, sizeof place),
                    writer->stream);
        (void)fputs("</span></div>\n", writer->stream);
    }
    if (site->lines_count > REPORT_STACK_SHOWN) {
        (void)fputs("</details>", writer->stream);
    }
}

static void write_sites_of(const struct writer *writer, bool is_growth,
                           const char *heading)
{
    const struct compare *compare = writer->compare;
    const struct compare_site *site = NULL;
    for (size_t i = 0;
         (site = report_site(writer->report, is_growth, i)) != NULL; i++) {
        char texts[3][REPORT_AMOUNT_SIZE];
        if (i == 0) {
            (void)fprintf(writer->stream, "<h2>%s</h2>\n", heading);
        }
        double shown = compare->has_before ? compare_change(site->amounts)
                                           : site->amounts[1].bytes;
        (void)fprintf(writer->stream,
                      "<div class=\"site\"><div class=\"figure\"><b "
                      "class=\"%s\">%s</b>",
                      !compare->has_before ? ""
                      : is_growth          ? "more"
                                           : "less",
                      report_bytes(shown, compare->has_before, texts[0]));
        if (compare->has_before) {
            (void)fprintf(
                writer->stream, "<br><span>%s &rarr; %s</span>",
                report_bytes(site->amounts[0].bytes, false, texts[1]),
                report_bytes(site->amounts[1].bytes, false, texts[2]));
        }
        (void)fputs("<br><span>", writer->stream);
        markup_text(compare->buckets[site->bucket].name, writer->stream);
        (void)fputs("</span></div><div class=\"stack\">", writer->stream);
        write_stack(writer, site);
        (void)fputs("</div></div>\n", writer->stream);
    }
}

/* The name of a row stands out; the rest of the sentence is small print. */
static void write_sentence(const struct writer *writer, const char *sentence)
{
    const char *colon = strstr(sentence, ": ");
    size_t name = colon != NULL ? (size_t)(colon - sentence) : strlen(sentence);
    char text[STORE_SENTENCE_MAX];
    (void)snprintf(text, sizeof text, "%.*s", (int)name, sentence);
    (void)fputs("<div><code>", writer->stream);
    markup_text(text, writer->stream);
    (void)fputs("</code></div><div class=\"place\">", writer->stream);
    markup_text(sentence + name + (sentence[name] != '\0'), writer->stream);
    (void)fputs("</div>", writer->stream);
}

static void write_climbed_rows(const struct writer *writer)
{
    FILE *stream = writer->stream;
    struct report_climbed row;
    for (size_t i = 0; report_climbed(writer->report, i, &row); i++) {
        if (row.is_first && row.summary != NULL) {
            (void)fputs("<p><b>climbed:</b> ", stream);
            markup_text(row.summary, stream);
            (void)fputs("</p>\n", stream);
        }
        if (row.is_first) {
            (void)fputs("<h2>", stream);
            markup_text(row.heading, stream);
            (void)fputs(
                "</h2>\n<p class=\"aside\">Best explanation first, with what "
                "it explains of memory's growth.</p>\n",
                stream);
        }
        (void)fprintf(stream,
                      "<div class=\"site\"><div class=\"figure\"><b "
                      "class=\"more\">%s</b></div><div class=\"stack\">",
                      row.explains);
        write_sentence(writer, row.sentence);
        (void)fputs("</div></div>\n", stream);
    }
}

/* Of one run the first thing to know; of two, what went is. */
static int write_climbed(const struct writer *writer)
{
    if (!writer->compare->has_before) {
        write_climbed_rows(writer);
    }
    return 0;
}

static int write_climbed_before(const struct writer *writer)
{
    if (writer->compare->has_before) {
        write_climbed_rows(writer);
    }
    return 0;
}

static int write_sites(const struct writer *writer)
{
    if (writer->compare->has_before) {
        write_sites_of(writer, false, "Call sites that shrank most");
        write_sites_of(writer, true, "Call sites that grew most");
    } else {
        write_sites_of(writer, true, "Call sites that hold most");
    }
    return 0;
}

static int write_flame(const struct writer *writer)
{
    if (writer->report->has_no_profiles) {
        return 0;
    }
    (void)fprintf(writer->stream,
                  "<h2>Flame graph</h2>\n<p class=\"aside\">%s Outermost "
                  "functions at the top; point at a frame for its "
                  "figures.</p>\n",
                  writer->compare->has_before
                      ? "As wide as the larger side. Blue: gone or shrunk. "
                        "Red: new or grown. Grey: the same."
                      : "As wide as what is held.");
    int r = flame_write(writer->compare, writer->stream);
    return r == FLAME_EMPTY ? 0 : r;
}

static int write_sources(const struct writer *writer)
{
    const struct report *report = writer->report;
    const struct symbols_notes *notes = report->notes;
    char text[256];
    int first = report->has_no_profiles       ? 2
                : writer->compare->has_before ? 0
                                              : 1;
    for (int side = first; side < 2; side++) {
        (void)fprintf(writer->stream, "<li>%s: ",
                      !writer->compare->has_before ? "profile"
                                                   : report->labels[side]);
        markup_text(report->sides[side].name, writer->stream);
        (void)fputs(" (", writer->stream);
        markup_text(report_describe(&report->sides[side], text, sizeof text),
                    writer->stream);
        (void)fputs(")</li>\n", writer->stream);
    }
    (void)fputs(report->has_no_profiles ? "<li>run: " : "<li>buckets: ",
                writer->stream);
    markup_text(report->has_no_profiles ? report->sides[1].name : report->rules,
                writer->stream);
    (void)fputs("</li>\n", writer->stream);
    for (size_t i = 0; i < notes->count && i < SYMBOLS_NOTES_MAX; i++) {
        (void)fputs("<li>not named: ", writer->stream);
        markup_text(notes->texts[i], writer->stream);
        (void)fputs("</li>\n", writer->stream);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*write)(const struct writer *writer);
} parts[] = {
    {"title", write_title},       {"lead", write_lead},
    {"headline", write_headline}, {"table", write_table},
    {"verdicts", write_verdicts}, {"bars", write_bars},
    {"classes", write_classes},   {"troughs", write_troughs},
    {"alive", write_alive},       {"sites", write_sites},
    {"flame", write_flame},       {"climbed", write_climbed},
    {"sources", write_sources},   {"climbed_before", write_climbed_before},
};

/* --- the template --------------------------------------------------------- */

/* Writes the part whose name stands before "}}" at |at|. */
static int write_part(const struct writer *writer, const char *at, size_t size,
                      const char *template, struct err *err)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strlen(parts[i].name) == size &&
            strncmp(parts[i].name, at, size) == 0) {
            int r = parts[i].write(writer);
            if (r < 0) {
                err_set(err, NULL, 0, 0, "the page's part '%s' failed: %s",
                        parts[i].name, strerror(-r));
            }
            return r;
        }
    }
    err_set(err, template, 0, 0, "names a part '%.*s' that there is not",
            size < 40 ? (int)size : 40, at);
    return -EINVAL;
}

static int fill_template(const struct writer *writer, const char *template,
                         const char *text, struct err *err)
{
    for (;;) {
        const char *open = strstr(text, "{{");
        const char *close = open != NULL ? strstr(open, "}}") : NULL;
        if (close == NULL) {
            (void)fputs(text, writer->stream);
            return 0;
        }
        (void)fwrite(text, 1, (size_t)(open - text), writer->stream);
        int r = write_part(writer, open + 2, (size_t)(close - open - 2),
                           template, err);
        if (r < 0) {
            return r;
        }
        text = close + 2;
    }
}

static int write_file(struct writer *writer, const char *path, struct err *err)
{
    char template[PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(template, sizeof template, "%.4500s/heap.html",
                   writer->reports_dir);
    int r =
        whole_file_read(template, PAGE_FILE_MAX_BYTES, &text, &size, NULL, err);
    if (r < 0) {
        return r;
    }
    writer->stream = fopen(path, "we");
    if (writer->stream == NULL) {
        r = -errno;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
        free(text);
        return r;
    }
    r = fill_template(writer, template, text, err);
    errno = 0;
    int is_bad = ferror(writer->stream);
    if ((fclose(writer->stream) != 0 || is_bad) && r == 0) {
        r = errno != 0 ? -errno : -EIO;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
    }
    if (r < 0) {
        (void)unlink(path);
    }
    free(text);
    return r;
}

int page_write(const struct page *page, const char *reports_dir,
               const char *path, struct err *err)
{
    struct writer writer = {.page = page,
                            .report = page->report,
                            .compare = page->report->compare,
                            .reports_dir = reports_dir};
    (void)snprintf(writer.folder, sizeof writer.folder, "%.4500s.parts-XXXXXX",
                   path);
    if (mkdtemp(writer.folder) == NULL) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
        return r;
    }
    draw_pictures(&writer);
    int r = write_file(&writer, path, err);
    remove_folder(&writer);
    return r;
}
