#include "heap/page_plot.h"

#include "report/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4800,
    VARIABLES_SIZE = 16384,
    LINES_MAX = 2 * RUN_HEAP_LINES_MAX,
};

double page_plot_unit(double greatest, const char **ret_unit)
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

static void tell(char *variables, const char *name, size_t index,
                 const char *text)
{
    char full[48];
    (void)snprintf(full, sizeof full, "%s_%zu", name, index + 1);
    gnuplot_tell(variables, VARIABLES_SIZE, full, text);
}

static int close_data(FILE *file, const char *path, struct err *err)
{
    int is_bad = ferror(file);
    if (fclose(file) != 0 || is_bad) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(errno));
        return -EIO;
    }
    return 0;
}

static FILE *open_data(const char *path, struct err *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(errno));
    }
    return file;
}

static int run(const char *reports_dir, const char *script, const char *stem,
               char *variables, struct err *err)
{
    char path[PATH_SIZE];
    char complaints[PATH_SIZE];
    gnuplot_tell(variables, VARIABLES_SIZE, "out", stem);
    (void)snprintf(path, sizeof path, "%s/%s", reports_dir, script);
    (void)snprintf(complaints, sizeof complaints, "%s.complaints", stem);
    return gnuplot_run(path, variables, complaints, err);
}

int page_plot_bars(const char *reports_dir, const char *stem,
                   const struct page_plot_bar *bars, size_t count,
                   const char *unit, bool has_before, struct err *err)
{
    char variables[VARIABLES_SIZE] = "";
    char data[PATH_SIZE];
    if (count == 0) {
        err_set(err, NULL, 0, 0, "there is nothing to draw");
        return -EINVAL;
    }
    (void)snprintf(data, sizeof data, "%s-1.dat", stem);
    FILE *file = open_data(data, err);
    if (file == NULL) {
        return -EIO;
    }
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file, "%.9g %.9g\n", bars[i].values[0],
                      bars[i].values[1]);
        tell(variables, "label", i, bars[i].label);
        tell(variables, "text_before", i, bars[i].texts[0]);
        tell(variables, "text_after", i, bars[i].texts[1]);
    }
    int r = close_data(file, data, err);
    if (r < 0) {
        return r;
    }
    gnuplot_tell(variables, sizeof variables, "data", data);
    gnuplot_tell(variables, sizeof variables, "unit", unit);
    gnuplot_tell_number(variables, sizeof variables, "rows", (double)count);
    gnuplot_tell_number(variables, sizeof variables, "has_before", has_before);
    return run(reports_dir, "heap-bars.gp", stem, variables, err);
}

static double greatest_of(const struct run_heap *const runs[2])
{
    double greatest = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; runs[side] != NULL && i < runs[side]->lines_count;
             i++) {
            const struct run_heap_line *line = &runs[side]->lines[i];
            for (size_t k = 0; k < line->count; k++) {
                greatest = fmax(greatest, line->points[k].bytes);
            }
        }
    }
    return greatest;
}

static int write_line(const char *path, const struct run_heap_line *line,
                      double divisor, struct err *err)
{
    FILE *file = open_data(path, err);
    if (file == NULL) {
        return -EIO;
    }
    for (size_t i = 0; i < line->count; i++) {
        (void)fprintf(file, "%.9g %.9g\n", line->points[i].events,
                      line->points[i].bytes / divisor);
    }
    return close_data(file, path, err);
}

static void tell_label(char *variables, const char *name,
                       const struct run_heap *run, const char *side)
{
    char text[160] = "";
    if (run != NULL) {
        (void)snprintf(text, sizeof text, "%s%s%s", side,
                       side[0] != '\0' && run->verdict[0] != '\0' ? ": " : "",
                       run->verdict);
    }
    gnuplot_tell(variables, VARIABLES_SIZE, name, text);
}

int page_plot_troughs(const char *reports_dir, const char *stem,
                      const struct run_heap *const runs[2], struct err *err)
{
    char variables[VARIABLES_SIZE] = "";
    const char *unit = NULL;
    double divisor = page_plot_unit(greatest_of(runs), &unit);
    size_t lines = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; runs[side] != NULL && i < runs[side]->lines_count;
             i++) {
            char path[PATH_SIZE];
            if (runs[side]->lines[i].count == 0) {
                continue;
            }
            (void)snprintf(path, sizeof path, "%s-%zu.dat", stem, lines + 1);
            int r = write_line(path, &runs[side]->lines[i], divisor, err);
            if (r < 0) {
                return r;
            }
            char name[32];
            (void)snprintf(name, sizeof name, "is_after_%zu", ++lines);
            gnuplot_tell_number(variables, sizeof variables, name, side);
        }
    }
    if (lines == 0) {
        err_set(err, NULL, 0, 0, "there are no troughs to draw");
        return -EINVAL;
    }
    gnuplot_tell_number(variables, sizeof variables, "lines", (double)lines);
    gnuplot_tell(variables, sizeof variables, "data", stem);
    gnuplot_tell(variables, sizeof variables, "unit", unit);
    tell_label(variables, "label_before", runs[0], "before");
    tell_label(variables, "label_after", runs[1],
               runs[0] != NULL ? "after" : "");
    return run(reports_dir, "heap-troughs.gp", stem, variables, err);
}

void page_plot_remove(const char *stem)
{
    static const char *const ends[] = {"-wide.svg", "-narrow.svg",
                                       ".complaints"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", stem, ends[i]);
        (void)unlink(path);
    }
    for (size_t i = 1; i <= LINES_MAX; i++) {
        (void)snprintf(path, sizeof path, "%s-%zu.dat", stem, i);
        (void)unlink(path);
    }
}
