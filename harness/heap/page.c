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
#include "heap/whole_file.h"
#include "report/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4600, VARIABLES_SIZE = 16384, AMOUNT_SIZE = 40 };

struct writer {
    const struct page *page;
    const struct report *report;
    const struct compare *compare;
    const char *reports_dir;
    FILE *stream;
    char folder[PATH_SIZE];
    char bars_problem[600]; /* "" when they were drawn */
};

static const char *bytes_text(double bytes, bool is_change,
                              char text[AMOUNT_SIZE])
{
    return terminal_amount(bytes, "B", is_change, text, AMOUNT_SIZE);
}

/* --- the bars ------------------------------------------------------------- */

static double divisor_for(double greatest, const char **ret_unit)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double divisor = 1;
    size_t step = 0;
    while (greatest / divisor >= 1024 && step < 4) {
        divisor *= 1024;
        step++;
    }
    *ret_unit = units[step];
    return divisor;
}

static void tell_row(const struct writer *writer, size_t row, char *variables)
{
    const struct compare_bucket *bucket = &writer->compare->buckets[row];
    char name[32];
    char amount[AMOUNT_SIZE];
    char percent[AMOUNT_SIZE] = "";
    char text[2 * AMOUNT_SIZE + 8];
    (void)snprintf(name, sizeof name, "label_%zu", row + 1);
    gnuplot_tell(variables, VARIABLES_SIZE, name, bucket->name);
    (void)snprintf(name, sizeof name, "text_before_%zu", row + 1);
    gnuplot_tell(variables, VARIABLES_SIZE, name,
                 bytes_text(bucket->amounts[0].bytes, false, amount));
    (void)snprintf(name, sizeof name, "text_after_%zu", row + 1);
    if (writer->compare->has_before) {
        (void)report_percent(bucket->amounts, percent, sizeof percent);
    }
    (void)snprintf(text, sizeof text, "%s  %s",
                   bytes_text(bucket->amounts[1].bytes, false, amount),
                   percent);
    gnuplot_tell(variables, VARIABLES_SIZE, name, text);
}

static int write_bars_data(const struct writer *writer, const char *path,
                           size_t rows, double divisor, struct err *err)
{
    FILE *file = fopen(path, "we");
    int r = file != NULL ? 0 : -errno;
    if (file != NULL) {
        for (size_t i = 0; i < rows; i++) {
            const struct compare_amount *amounts =
                writer->compare->buckets[i].amounts;
            (void)fprintf(file, "%.9g %.9g\n", amounts[0].bytes / divisor,
                          amounts[1].bytes / divisor);
        }
        if (fclose(file) != 0) {
            r = -errno;
        }
    }
    if (r < 0) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
    }
    return r;
}

static int draw_bars(struct writer *writer, struct err *err)
{
    char variables[VARIABLES_SIZE] = "";
    char data[PATH_SIZE + 32];
    char script[PATH_SIZE];
    char complaints[PATH_SIZE + 32];
    const struct compare *compare = writer->compare;
    size_t rows = compare->buckets_count < PAGE_BARS_MAX
                      ? compare->buckets_count
                      : PAGE_BARS_MAX;
    const char *unit = NULL;
    double greatest = 0;
    for (size_t i = 0; i < rows; i++) {
        greatest = fmax(greatest, fmax(compare->buckets[i].amounts[0].bytes,
                                       compare->buckets[i].amounts[1].bytes));
    }
    if (rows == 0) {
        err_set(err, NULL, 0, 0, "nothing is held");
        return -EINVAL;
    }
    double divisor = divisor_for(greatest, &unit);
    (void)snprintf(data, sizeof data, "%s/bars.dat", writer->folder);
    (void)snprintf(complaints, sizeof complaints, "%s/complaints",
                   writer->folder);
    (void)snprintf(script, sizeof script, "%.4500s/heap-bars.gp",
                   writer->reports_dir);
    int r = write_bars_data(writer, data, rows, divisor, err);
    if (r < 0) {
        return r;
    }
    gnuplot_tell(variables, sizeof variables, "data", data);
    gnuplot_tell(variables, sizeof variables, "out", writer->folder);
    gnuplot_tell(variables, sizeof variables, "unit", unit);
    gnuplot_tell_number(variables, sizeof variables, "rows", (double)rows);
    gnuplot_tell_number(variables, sizeof variables, "has_before",
                        compare->has_before);
    for (size_t i = 0; i < rows; i++) {
        tell_row(writer, i, variables);
    }
    return gnuplot_run(script, variables, complaints, err);
}

static void remove_folder(const struct writer *writer)
{
    static const char *const names[] = {"bars.dat", "complaints",
                                        "bars-wide.svg", "bars-narrow.svg"};
    char path[PATH_SIZE + 32];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", writer->folder, names[i]);
        (void)unlink(path);
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
    char texts[2][AMOUNT_SIZE];
    char percent[AMOUNT_SIZE];
    const struct compare *compare = writer->compare;
    const char *after = bytes_text(compare->total[1].bytes, false, texts[1]);
    if (compare->has_before) {
        double change = compare_change(compare->total);
        (void)fprintf(
            writer->stream,
            "<span class=\"was\">%s</span> <span class=\"arrow\">&rarr;</span> "
            "<span class=\"is\">%s</span> <span class=\"%s\">%s</span>",
            bytes_text(compare->total[0].bytes, false, texts[0]), after,
            change < 0 ? "less" : "more",
            report_percent(compare->total, percent, sizeof percent));
    } else {
        (void)fprintf(writer->stream, "<span class=\"is\">%s</span>", after);
    }
    return 0;
}

static void write_row(const struct writer *writer, const char *label,
                      const struct compare_amount amounts[2], const char *class)
{
    char texts[3][AMOUNT_SIZE];
    char percent[AMOUNT_SIZE];
    const char *after = bytes_text(amounts[1].bytes, false, texts[1]);
    double total = writer->compare->total[1].bytes;
    double change = compare_change(amounts);
    (void)fprintf(writer->stream, "<tr class=\"%s\"><td>", class);
    markup_text(label, writer->stream);
    if (writer->compare->has_before) {
        (void)fprintf(
            writer->stream,
            "</td><td>%s</td><td>%s</td><td class=\"wide-only\">%s</td>"
            "<td class=\"%s\">%s</td></tr>\n",
            bytes_text(amounts[0].bytes, false, texts[0]), after,
            bytes_text(change, true, texts[2]),
            change < -0.5  ? "less"
            : change > 0.5 ? "more"
                           : "",
            report_percent(amounts, percent, sizeof percent));
    } else {
        (void)fprintf(writer->stream,
                      "</td><td>%s</td><td>%.1f&nbsp;%%</td>"
                      "<td class=\"wide-only\">%.0f</td></tr>\n",
                      after, total > 0 ? 100 * amounts[1].bytes / total : 0,
                      amounts[1].objects);
    }
}

/* A row of one figure a side. */
static void write_figures(const struct writer *writer, const char *label,
                          const char *sign, const double figures[2])
{
    char text[AMOUNT_SIZE];
    (void)fprintf(writer->stream, "<tr class=\"aside\"><td>%s</td>", label);
    for (int side = writer->compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fprintf(writer->stream, "<td>%s%s</td>",
                      isnan(figures[side]) ? "" : sign,
                      bytes_text(figures[side], false, text));
    }
    (void)fputs("<td class=\"wide-only\"></td><td></td></tr>\n",
                writer->stream);
}

static int write_table(const struct writer *writer)
{
    const struct report *report = writer->report;
    const struct compare *compare = writer->compare;
    const double errors[2] = {report_error_bytes(&compare->total[0]),
                              report_error_bytes(&compare->total[1])};
    const double allocated[2] = {report->sides[0].allocated_bytes,
                                 report->sides[1].allocated_bytes};
    (void)fputs(compare->has_before
                    ? "<table><thead><tr><th>bucket</th><th>before</th>"
                      "<th>after</th><th class=\"wide-only\">change</th>"
                      "<th></th></tr></thead><tbody>\n"
                    : "<table><thead><tr><th>bucket</th><th>bytes</th>"
                      "<th>share</th><th class=\"wide-only\">objects</th>"
                      "</tr></thead><tbody>\n",
                writer->stream);
    for (size_t i = 0; i < compare->buckets_count; i++) {
        const struct compare_bucket *bucket = &compare->buckets[i];
        write_row(writer, bucket->name, bucket->amounts,
                  bucket->is_unmatched ? "unmatched" : "");
    }
    write_row(writer, "total", compare->total, "total");
    if (errors[0] > 0 || errors[1] > 0) {
        write_figures(writer, "sampling error (95&nbsp;%)", "&plusmn;", errors);
    }
    if (!isnan(allocated[0]) || !isnan(allocated[1])) {
        write_figures(writer, "allocated, as jemalloc counts", "", allocated);
    }
    (void)fputs("</tbody></table>\n", writer->stream);
    return 0;
}

static int write_bars(const struct writer *writer)
{
    char path[PATH_SIZE + 32];
    struct err err = {0};
    if (writer->bars_problem[0] != '\0') {
        (void)fputs("<p class=\"aside\">Not drawn: ", writer->stream);
        markup_text(writer->bars_problem, writer->stream);
        (void)fputs("</p>\n", writer->stream);
        return 0;
    }
    (void)snprintf(path, sizeof path, "%s/bars-wide.svg", writer->folder);
    int r = copy_svg(writer, path, "wide-only", &err);
    if (r == 0) {
        (void)snprintf(path, sizeof path, "%s/bars-narrow.svg", writer->folder);
        r = copy_svg(writer, path, "narrow-only", &err);
    }
    return r;
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
        char texts[3][AMOUNT_SIZE];
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
                      bytes_text(shown, compare->has_before, texts[0]));
        if (compare->has_before) {
            (void)fprintf(writer->stream, "<br><span>%s &rarr; %s</span>",
                          bytes_text(site->amounts[0].bytes, false, texts[1]),
                          bytes_text(site->amounts[1].bytes, false, texts[2]));
        }
        (void)fputs("<br><span>", writer->stream);
        markup_text(compare->buckets[site->bucket].name, writer->stream);
        (void)fputs("</span></div><div class=\"stack\">", writer->stream);
        write_stack(writer, site);
        (void)fputs("</div></div>\n", writer->stream);
    }
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

static int write_pictures(const struct writer *writer)
{
    for (size_t i = 0; i < writer->page->pictures_count; i++) {
        const struct page_picture *picture = &writer->page->pictures[i];
        struct err err = {0};
        (void)fputs("<h2>", writer->stream);
        markup_text(picture->heading, writer->stream);
        (void)fputs("</h2>\n", writer->stream);
        if (copy_svg(writer, picture->path, "", &err) < 0) {
            (void)fputs("<p class=\"aside\">Not drawn.</p>\n", writer->stream);
        }
    }
    return 0;
}

static int write_flame(const struct writer *writer)
{
    int r = flame_write(writer->compare, writer->stream);
    return r == FLAME_EMPTY ? 0 : r;
}

static int write_key(const struct writer *writer)
{
    (void)fputs(writer->compare->has_before
                    ? "<span class=\"key before\">before</span> "
                      "<span class=\"key after\">after</span>"
                    : "",
                writer->stream);
    return 0;
}

static int write_flame_key(const struct writer *writer)
{
    (void)fputs(writer->compare->has_before
                    ? "As wide as the larger side. Blue: gone or shrunk. Red: "
                      "new or grown. Grey: the same."
                    : "As wide as what is held.",
                writer->stream);
    return 0;
}

static int write_sources(const struct writer *writer)
{
    const struct report *report = writer->report;
    const struct symbols_notes *notes = report->notes;
    char text[256];
    for (int side = writer->compare->has_before ? 0 : 1; side < 2; side++) {
        (void)fprintf(writer->stream, "<li>%s: ",
                      !writer->compare->has_before ? "profile"
                      : side == 0                  ? "before"
                                                   : "after");
        markup_text(report->sides[side].name, writer->stream);
        (void)fputs(" (", writer->stream);
        markup_text(report_describe(&report->sides[side], text, sizeof text),
                    writer->stream);
        (void)fputs(")</li>\n", writer->stream);
    }
    (void)fputs("<li>buckets: ", writer->stream);
    markup_text(report->rules, writer->stream);
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
    {"key", write_key},           {"bars", write_bars},
    {"pictures", write_pictures}, {"sites", write_sites},
    {"flame", write_flame},       {"flame_key", write_flame_key},
    {"sources", write_sources},
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
    struct err bars = {0};
    (void)snprintf(writer.folder, sizeof writer.folder, "%.4500s.parts-XXXXXX",
                   path);
    if (mkdtemp(writer.folder) == NULL) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
        return r;
    }
    if (draw_bars(&writer, &bars) < 0) {
        (void)err_format(&bars, writer.bars_problem,
                         sizeof writer.bars_problem);
    }
    int r = write_file(&writer, path, err);
    remove_folder(&writer);
    return r;
}
