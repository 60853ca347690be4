#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AMOUNT_SIZE = 40, LINE_SIZE = 1024, DETAIL_INDENT = 6 };

/* Where it is printed, and how. */
struct printer {
    FILE *stream;
    enum terminal_style style;
};

struct outcome_look {
    const char *colour; /* ANSI SGR */
    const char *words;  /* "PLATEAU: ..." */
};

static const struct outcome_look looks[] = {
    [JUDGE_PLATEAU] = {"1;32", "memory reached a plateau"},
    [JUDGE_CLIMB] = {"1;31", "memory climbs"},
    [JUDGE_INCONCLUSIVE] = {"1;33", "this run cannot tell"},
    [JUDGE_INVALID] = {"1;35", "the run proves nothing: a premise failed"},
};

enum terminal_style terminal_style_for(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (!isatty(fileno(stream)) || (no_color != NULL && no_color[0] != '\0') ||
        term == NULL || strcmp(term, "dumb") == 0) {
        return TERMINAL_PLAIN;
    }
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8")
                       ? TERMINAL_COLOUR
                       : TERMINAL_PLAIN;
        }
    }
    return TERMINAL_PLAIN;
}

/* --- figures -------------------------------------------------------------- */

/* "-12,345.6": |decimals| behind the point, commas between thousands. */
static void group_digits(double value, int decimals, char *text, size_t size)
{
    char digits[AMOUNT_SIZE];
    int length = snprintf(digits, sizeof digits, "%.*f", decimals, value);
    int whole = (int)strcspn(digits, ".");
    size_t used = 0;
    for (int i = 0; i < length && i < (int)sizeof digits - 1; i++) {
        bool is_group =
            i > 0 && i < whole && (whole - i) % 3 == 0 && digits[i - 1] != '-';
        if (is_group && used + 1 < size) {
            text[used++] = ',';
        }
        if (used + 1 < size) {
            text[used++] = digits[i];
        }
    }
    text[used] = '\0';
}

/* Three figures are what a reader compares. */
static int decimals_for(double value)
{
    double size = fabs(value);
    if (size == floor(size) || size >= 99.95) {
        return 0;
    }
    return size >= 9.995 ? 1 : 2;
}

char *terminal_amount(double value, const char *unit, bool is_change,
                      char *text, size_t size)
{
    static const char *const byte_units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const double huge = 1e15; /* beyond it nobody reads the digits */
    char number[AMOUNT_SIZE];
    const char *shown = unit;
    if (isnan(value)) {
        (void)snprintf(text, size, "-");
        return text;
    }
    if (strcmp(unit, "B") == 0) {
        size_t step = 0;
        while (fabs(value) >= 1023.5 && step < 4) {
            value /= 1024;
            step++;
        }
        shown = byte_units[step];
    }
    value = fabs(value) < 0.005 ? 0.0 : value;
    if (isinf(value) || fabs(value) >= huge) {
        (void)snprintf(number, sizeof number, "%.3g", value);
    } else {
        group_digits(value, decimals_for(value), number, sizeof number);
    }
    (void)snprintf(text, size, "%s%s%s%s", is_change && value > 0 ? "+" : "",
                   number, shown[0] == '\0' ? "" : " ", shown);
    return text;
}

/* --- lines ---------------------------------------------------------------- */

static void print_coloured(const struct printer *printer, const char *colour,
                           const char *text)
{
    if (printer->style == TERMINAL_COLOUR) {
        (void)fprintf(printer->stream, "\033[%sm%s\033[0m", colour, text);
    } else {
        (void)fputs(text, printer->stream);
    }
}

static void print_heading(const struct printer *printer, const char *text)
{
    (void)fputc('\n', printer->stream);
    print_coloured(printer, "1", text);
    (void)fputc('\n', printer->stream);
}

void terminal_print_wrapped(const char *text, int column, int indent,
                            FILE *stream)
{
    bool is_first = true;
    while (*text != '\0') {
        size_t length = strcspn(text, " \n");
        if (!is_first && column + 1 + (int)length > TERMINAL_COLUMNS) {
            (void)fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (!is_first) {
            (void)fputc(' ', stream);
            column++;
        }
        (void)fwrite(text, 1, length, stream);
        column += (int)length;
        is_first = false;
        text += length;
        text += strspn(text, " \n");
    }
    (void)fputc('\n', stream);
}

static void print_wrapped(const struct printer *printer, const char *text,
                          int column, int indent)
{
    terminal_print_wrapped(text, column, indent, printer->stream);
}

static void print_fact(const struct printer *printer, const char *name,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "  name       the rest, wrapped". */
static void print_fact(const struct printer *printer, const char *name,
                       const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int column = fprintf(printer->stream, "  %-11s", name);
    print_wrapped(printer, text, column, 13);
}

static void print_detail(const struct printer *printer, const char *text)
{
    (void)fprintf(printer->stream, "%*s", DETAIL_INDENT, "");
    print_wrapped(printer, text, DETAIL_INDENT, DETAIL_INDENT);
}

/* --- parts ---------------------------------------------------------------- */

/* The first lines of the attribution: what climbed; what explains a part of
 * its own; the first call site; what is left, if that is worth a line. */
static void print_first_climbed(const struct printer *printer,
                                const struct summary *summary)
{
    enum { ALSO_MAX = 2 };
    static const double rest_min = 0.05;
    size_t also = 0;
    bool has_site = false;
    for (size_t i = 0; i < summary->climbed_count; i++) {
        const struct summary_climbed *row = &summary->climbed[i];
        bool is_site = strcmp(row->kind, "site") == 0;
        bool is_class = strcmp(row->kind, "class") == 0;
        bool is_rest = strcmp(row->kind, "rest") == 0;
        bool is_shown =
            i == 0 || (is_site && !has_site) ||
            (is_rest && row->with_memory >= rest_min) ||
            (!is_site && !is_class && !is_rest &&
             !(isnan(row->bytes_per_event) && isnan(row->bytes_per_hour)) &&
             also++ < ALSO_MAX);
        if (is_shown) {
            (void)fputs(i == 0    ? "  climbed: "
                        : is_site ? "  where:   "
                        : is_rest ? "  besides: "
                                  : "  also:    ",
                        printer->stream);
            print_wrapped(printer, row->sentence, 11, 11);
        }
        has_site = has_site || is_site;
    }
}

static void print_verdict(const struct printer *printer,
                          const struct summary *summary)
{
    const char *name = judge_outcome_name(summary->outcome);
    print_coloured(printer, looks[summary->outcome].colour, name);
    (void)fprintf(printer->stream, "  %s\n", summary->run_name);
    if (summary->reason[0] != '\0') {
        (void)fputs("  ", printer->stream);
        print_wrapped(printer, summary->reason, 2, 2);
    }
    if (summary->sources[0] != '\0') {
        (void)fputs("  ", printer->stream);
        print_wrapped(printer, summary->sources, 2, 2);
    }
    if (summary->outcome == JUDGE_CLIMB && summary->climbed_count > 0) {
        print_first_climbed(printer, summary);
    }
    if (summary->outcome == JUDGE_CLIMB && summary->unnamed[0] != '\0') {
        (void)fputs(summary->climbed_count > 0 ? "  besides: " : "  climbed: ",
                    printer->stream);
        print_wrapped(printer, summary->unnamed, 11, 11);
    }
    if (summary->early[0] != '\0') {
        (void)fputs("  ", printer->stream);
        print_wrapped(printer, summary->early, 2, 2);
    }
    if (summary->outcome == JUDGE_INCONCLUSIVE && summary->extension_s > 0.) {
        (void)fprintf(printer->stream,
                      "  about %.0f s in all might settle it\n",
                      ceil(summary->duration_s + summary->extension_s));
    }
}

static void print_churn(const struct printer *printer,
                        const struct summary *summary)
{
    char events[AMOUNT_SIZE], other[AMOUNT_SIZE], respawns[AMOUNT_SIZE];
    print_fact(
        printer, "churn", "%s events: %s, %s respawns",
        terminal_amount(summary->events, "", false, events, AMOUNT_SIZE),
        summary->kinds,
        terminal_amount(summary->respawns, "", false, respawns, AMOUNT_SIZE));
    if (summary->asked_per_s > 0) {
        print_fact(printer, "rate", "%.1f events/s of %.4g asked (%.0f %%)",
                   summary->achieved_per_s, summary->asked_per_s,
                   100 * summary->achieved_per_s / summary->asked_per_s);
    } else if (!isnan(summary->achieved_per_s)) {
        print_fact(printer, "rate", "%.1f events/s", summary->achieved_per_s);
    }
    if (summary->has_ebbs) {
        print_fact(
            printer, "ebbs", "%s read, of them %s unsettled and left out",
            terminal_amount(summary->ebbs, "", false, events, AMOUNT_SIZE),
            terminal_amount(summary->unsettled, "", false, other, AMOUNT_SIZE));
    }
    if (!isnan(summary->ready_median_ms)) {
        print_fact(printer, "start", "%.1f ms from exec to ready, median",
                   summary->ready_median_ms);
    }
}

static void print_run(const struct printer *printer,
                      const struct summary *summary)
{
    print_heading(printer, "The run");
    if (summary->scenario_file[0] != '\0') {
        print_fact(printer, "scenario", "%s", summary->scenario_file);
    }
    if (summary->has_seed) {
        print_fact(printer, "seed", "%llu (the same seed, the same churn)",
                   (unsigned long long)summary->seed);
    }
    if (summary->watched[0] != '\0') {
        print_fact(printer, "watched", "%s", summary->watched);
    }
    if (!isnan(summary->duration_s)) {
        print_fact(printer, "judged", "%.1f s", summary->duration_s);
    }
    if (summary->evidence[0] != '\0') {
        print_fact(printer, "evidence", "%s", summary->evidence);
    }
    if (summary->has_churn) {
        print_churn(printer, summary);
    } else if (summary->events_by[0] != '\0') {
        char events[AMOUNT_SIZE];
        print_fact(
            printer, "events", "%s, %.1f/s, counted by %s",
            terminal_amount(summary->events, "", false, events, AMOUNT_SIZE),
            summary->events / summary->duration_s, summary->events_by);
    }
}

static void print_premises(const struct printer *printer,
                           const struct summary *summary)
{
    bool is_coloured = printer->style == TERMINAL_COLOUR;
    const char *held = is_coloured ? "\u2713" : "ok";
    const char *failed = is_coloured ? "\u2717" : "FAIL";
    int mark_width = is_coloured ? 1 : 4;
    int name_width = 0;
    for (size_t i = 0; i < summary->premises_count; i++) {
        int width = (int)strlen(summary->premises[i].name);
        name_width = width > name_width ? width : name_width;
    }
    print_heading(printer, "Premises (without them there is no verdict)");
    for (size_t i = 0; i < summary->premises_count; i++) {
        const struct summary_premise *premise = &summary->premises[i];
        const char *mark = premise->is_held ? held : failed;
        int indent = 2 + mark_width + 2 + name_width + 2;
        (void)fputs("  ", printer->stream);
        print_coloured(printer, premise->is_held ? "32" : "1;31", mark);
        (void)fprintf(printer->stream, "%*s  %-*s  ",
                      is_coloured ? 0 : mark_width - (int)strlen(mark), "",
                      name_width, premise->name);
        print_wrapped(printer, premise->sentence, indent, indent);
    }
}

/* "+1.2 KiB/h" or, where the unit is of no size, "+1.2/h". */
static char *rate_text(double value, const char *unit, const char *per,
                       bool is_change, char *text)
{
    char amount[AMOUNT_SIZE];
    (void)snprintf(
        text, AMOUNT_SIZE, "%s%s",
        terminal_amount(value, unit, is_change, amount, sizeof amount),
        isnan(value) ? "" : per);
    return text;
}

static char *slope_text(double value, const char *unit, const char *per,
                        char *text)
{
    return rate_text(value, unit, per, true, text);
}

static void print_interval(const struct printer *printer,
                           const struct summary_series *series)
{
    char line[LINE_SIZE];
    char text[6][AMOUNT_SIZE];
    size_t used = 0;
    const char *unit = series->unit;
    used += (size_t)snprintf(
        line, sizeof line, "between %s and %s",
        slope_text(series->per_hour.low, unit, "/h", text[0]),
        slope_text(series->per_hour.high, unit, "/h", text[1]));
    if (!isnan(series->per_event.estimate)) {
        used += (size_t)snprintf(
            line + used, sizeof line - used, ", %s and %s",
            slope_text(series->per_event.low, unit, "/event", text[2]),
            slope_text(series->per_event.high, unit, "/event", text[3]));
    }
    if (!isnan(series->detectable_per_hour)) {
        used += (size_t)snprintf(
            line + used, sizeof line - used, "; smallest leak it could see: %s",
            rate_text(series->detectable_per_hour, unit, "/h", false, text[4]));
        if (!isnan(series->detectable_per_event)) {
            (void)snprintf(line + used, sizeof line - used, ", %s",
                           rate_text(series->detectable_per_event, unit,
                                     "/event", false, text[5]));
        }
    }
    print_detail(printer, line);
}

static void print_one_series(const struct printer *printer,
                             const struct summary_series *series,
                             int observer_width, int metric_width)
{
    char level[AMOUNT_SIZE], hour[AMOUNT_SIZE], event[AMOUNT_SIZE];
    const char *outcome = judge_outcome_name(series->outcome);
    (void)fprintf(printer->stream, "  %-*s  %-*s  %-7s  ", observer_width,
                  series->observer, metric_width, series->metric,
                  series->counts);
    print_coloured(printer, looks[series->outcome].colour, outcome);
    (void)fprintf(
        printer->stream, "%*s  %10s  %12s  %16s\n", 12 - (int)strlen(outcome),
        "",
        terminal_amount(series->level, series->unit, false, level,
                        sizeof level),
        slope_text(series->per_hour.estimate, series->unit, "/h", hour),
        slope_text(series->per_event.estimate, series->unit, "/event", event));
    if (series->reason[0] != '\0') {
        print_detail(printer, series->reason);
    }
    if (series->outcome != JUDGE_INVALID && !isnan(series->per_hour.low)) {
        print_interval(printer, series);
    }
}

/* Of counts there are many, and most are level: they share a line. */
static bool is_shown(const struct summary_series *series)
{
    return series->is_memory || series->outcome == JUDGE_CLIMB;
}

/* The names of the counts with |outcome|. */
static void print_others(const struct printer *printer,
                         const struct summary *summary,
                         enum judge_outcome outcome, const char *what)
{
    char line[LINE_SIZE];
    int used = snprintf(line, sizeof line, "%s:", what);
    bool is_any = false;
    for (size_t i = 0; i < summary->series_count; i++) {
        const struct summary_series *series = &summary->series[i];
        if (!is_shown(series) && series->outcome == outcome &&
            used < (int)sizeof line) {
            used += snprintf(line + used, sizeof line - (size_t)used, " %s",
                             series->metric);
            is_any = true;
        }
    }
    if (is_any) {
        (void)fputs("  ", printer->stream);
        print_wrapped(printer, line, 2, DETAIL_INDENT);
    }
}

static void print_series(const struct printer *printer,
                         const struct summary *summary)
{
    int observer_width = (int)strlen("observer");
    int metric_width = (int)strlen("metric");
    for (size_t i = 0; i < summary->series_count; i++) {
        int observer = (int)strlen(summary->series[i].observer);
        int metric = (int)strlen(summary->series[i].metric);
        if (is_shown(&summary->series[i])) {
            observer_width =
                observer > observer_width ? observer : observer_width;
            metric_width = metric > metric_width ? metric : metric_width;
        }
    }
    print_heading(printer, "Troughs (what is left when the waves are out)");
    (void)fprintf(printer->stream,
                  "  %-*s  %-*s  %-7s  %-12s  %10s  %12s  %16s\n",
                  observer_width, "observer", metric_width, "metric", "counts",
                  "verdict", "level", "an hour", "an event");
    for (size_t i = 0; i < summary->series_count; i++) {
        if (is_shown(&summary->series[i])) {
            print_one_series(printer, &summary->series[i], observer_width,
                             metric_width);
        }
    }
    print_others(printer, summary, JUDGE_PLATEAU, "counts that are level");
    print_others(printer, summary, JUDGE_INCONCLUSIVE,
                 "counts that this run cannot tell");
}

/* "63.7 KiB/event", or as which row above. */
static const char *explained_text(const struct summary_climbed *row,
                                  char text[AMOUNT_SIZE])
{
    if (row->in_step_with[0] != '\0') {
        (void)snprintf(text, AMOUNT_SIZE, "as %.16s", row->in_step_with);
        return text;
    }
    return isnan(row->bytes_per_event)
               ? slope_text(row->bytes_per_hour, "B", "/h", text)
               : slope_text(row->bytes_per_event, "B", "/event", text);
}

static bool has_events(const struct summary *summary)
{
    for (size_t i = 0; i < summary->climbed_count; i++) {
        if (!isnan(summary->climbed[i].per_event)) {
            return true;
        }
    }
    return false;
}

/* What climbed, how much of memory's growth an event (or an hour) it explains,
 * and how well memory goes with it (of a part of memory: what part of the
 * growth it is). */
static void print_climbed(const struct printer *printer,
                          const struct summary *summary)
{
    enum { NAME_WIDTH_MAX = 24 };
    int name_width = (int)strlen("what");
    for (size_t i = 0; i < summary->climbed_count; i++) {
        int name = (int)strlen(summary->climbed[i].name);
        name_width = name > name_width ? name : name_width;
    }
    name_width = name_width < NAME_WIDTH_MAX ? name_width : NAME_WIDTH_MAX;
    print_heading(printer, "What climbed (best explanation first)");
    (void)fprintf(printer->stream, "  %-*s  %-5s  %9s  %12s  %11s  %19s  %6s\n",
                  name_width, "what", "kind", "alive",
                  has_events(summary) ? "an event" : "an hour", "memory each",
                  "explains", "memory");
    for (size_t i = 0; i < summary->climbed_count; i++) {
        const struct summary_climbed *row = &summary->climbed[i];
        char text[4][AMOUNT_SIZE];
        char share[AMOUNT_SIZE] = "-";
        if (!isnan(row->with_memory)) {
            (void)snprintf(share, sizeof share, "%.0f %%",
                           100. * row->with_memory);
        }
        (void)fprintf(
            printer->stream, "  %-*.*s  %-5s  %9s  %12s  %11s  %19s  %6s\n",
            name_width, name_width, row->name, row->kind,
            terminal_amount(row->alive, "", false, text[0], AMOUNT_SIZE),
            isnan(row->per_event)
                ? slope_text(row->per_hour, "", "/h", text[1])
                : slope_text(row->per_event, "", "/event", text[1]),
            terminal_amount(row->each, "B", false, text[2], AMOUNT_SIZE),
            explained_text(row, text[3]), share);
    }
}

static void print_pairs(const struct printer *printer,
                        const struct summary *summary)
{
    int observer_width = (int)strlen("observer");
    int name_width = (int)strlen("what");
    for (size_t i = 0; i < summary->pairs_count; i++) {
        int observer = (int)strlen(summary->pairs[i].observer);
        int name = (int)strlen(summary->pairs[i].name);
        observer_width = observer > observer_width ? observer : observer_width;
        name_width = name > name_width ? name : name_width;
    }
    print_heading(printer, "Spawned and finished (at the end of the run)");
    (void)fprintf(printer->stream, "  %-*s  %-*s  %10s  %10s  %8s  %12s\n",
                  observer_width, "observer", name_width, "what", "spawned",
                  "finished", "alive", "active_peers");
    for (size_t i = 0; i < summary->pairs_count; i++) {
        const struct summary_pair *pair = &summary->pairs[i];
        char text[4][AMOUNT_SIZE];
        (void)fprintf(
            printer->stream, "  %-*s  %-*s  %10s  %10s  %8s  %12s\n",
            observer_width, pair->observer, name_width, pair->name,
            terminal_amount(pair->spawned, "", false, text[0], AMOUNT_SIZE),
            terminal_amount(pair->finished, "", false, text[1], AMOUNT_SIZE),
            terminal_amount(pair->spawned - pair->finished, "", false, text[2],
                            AMOUNT_SIZE),
            terminal_amount(pair->peers, "", false, text[3], AMOUNT_SIZE));
    }
}

static void print_own(const struct printer *printer,
                      const struct summary *summary)
{
    char amount[AMOUNT_SIZE];
    if (isnan(summary->own_cpu_share) && isnan(summary->own_private_bytes) &&
        !summary->has_own_memory) {
        return;
    }
    print_heading(printer, "Plateau itself");
    if (!isnan(summary->own_cpu_share)) {
        print_fact(printer, "cpu", "%.2f %% of one core",
                   100 * summary->own_cpu_share);
    }
    (void)terminal_amount(summary->own_private_bytes, "B", false, amount,
                          sizeof amount);
    if (summary->has_own_memory) {
        print_fact(printer, "memory", "%s%s%s: %s",
                   isnan(summary->own_private_bytes) ? "" : amount,
                   isnan(summary->own_private_bytes) ? "" : " private, ",
                   judge_outcome_name(summary->own_memory),
                   summary->own_memory_reason);
    } else if (!isnan(summary->own_private_bytes)) {
        print_fact(printer, "memory", "%s private", amount);
    }
}

static void print_files(const struct printer *printer,
                        const struct summary *summary)
{
    if (summary->store_path[0] == '\0' && summary->plot_path[0] == '\0' &&
        summary->plot_problem[0] == '\0') {
        return;
    }
    print_heading(printer, "Files");
    if (summary->store_path[0] != '\0') {
        print_fact(printer, "store", "%s", summary->store_path);
    }
    if (summary->plot_path[0] != '\0') {
        print_fact(printer, "plot", "%s", summary->plot_path);
    }
    if (summary->plot_problem[0] != '\0') {
        print_fact(printer, "no plot", "%s", summary->plot_problem);
    }
}

static void print_last_line(const struct printer *printer,
                            const struct summary *summary)
{
    (void)fputc('\n', printer->stream);
    print_coloured(printer, looks[summary->outcome].colour,
                   judge_outcome_name(summary->outcome));
    (void)fprintf(printer->stream, ": %s (exit code %d)\n",
                  looks[summary->outcome].words,
                  (int)summary_exit_code(summary->outcome));
}

void terminal_print(const struct summary *summary, enum terminal_style style,
                    FILE *stream)
{
    const struct printer printer = {stream, style};
    print_verdict(&printer, summary);
    print_run(&printer, summary);
    if (summary->premises_count > 0) {
        print_premises(&printer, summary);
    }
    if (summary->series_count > 0) {
        print_series(&printer, summary);
    }
    if (summary->outcome == JUDGE_CLIMB && summary->climbed_count > 0) {
        print_climbed(&printer, summary);
    }
    if (summary->pairs_count > 0) {
        print_pairs(&printer, summary);
    }
    print_own(&printer, summary);
    print_files(&printer, summary);
    print_last_line(&printer, summary);
}

int terminal_write(const struct summary *summary, const char *path,
                   struct err *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
        return r;
    }
    terminal_print(summary, TERMINAL_PLAIN, file);
    errno = 0;
    int is_bad = ferror(file);
    if (fclose(file) != 0 || is_bad) {
        int r = errno != 0 ? -errno : -EIO;
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
        return r;
    }
    return 0;
}
