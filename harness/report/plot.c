/* The happy path: make RUN/plot-XXXXXX, write a file of samples and a file of
 * troughs for every series that is shown and one of churn events, hand gnuplot
 * the rest as variables with -e, wait, remove the folder, look that both
 * pictures are there.
 *
 * What fails on the way (no room on the disk, no gnuplot, a script with a
 * mistake, a gnuplot that hangs) goes to |err| in one sentence, with gnuplot's
 * own first complaint where it made one; the folder is removed all the same.
 */
#include "report/plot.h"

#include "host.h"
#include "report/gnuplot.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = 1024,
    VARIABLES_SIZE = 16384,
    EVENTS_POINTS_MAX = 800,
    SHOWN_MAX = PLOT_PANELS_MAX * PLOT_OBSERVERS_MAX,
};

/* What of the series is drawn, panel after panel. */
struct selection {
    size_t panels_count;
    struct {
        const struct plot_series *shown[PLOT_OBSERVERS_MAX];
        size_t shown_count;
        size_t all_count;
        double divisor;
        const char *unit;
    } panels[PLOT_PANELS_MAX];
    double t_divisor;
    const char *t_unit;
};

struct drawing {
    const struct summary *summary;
    struct selection selection;
    const char *reports_dir;
    const char *run_dir;
    char folder[PATH_SIZE];
    struct err *err;
};

/* --- choosing and scaling ------------------------------------------------- */

size_t plot_decimate(const struct judge_point *points, size_t count,
                     size_t limit, struct judge_point *ret_points)
{
    assert(limit >= 4);
    assert(limit % 2 == 0);
    if (count <= limit) {
        if (count > 0) {
            memcpy(ret_points, points, count * sizeof *points);
        }
        return count;
    }
    size_t stretches = limit / 2;
    size_t used = 0;
    for (size_t k = 0; k < stretches; k++) {
        size_t from = k * count / stretches;
        size_t to = (k + 1) * count / stretches;
        size_t least = from;
        size_t greatest = from;
        for (size_t i = from; i < to; i++) {
            least = points[i].value < points[least].value ? i : least;
            greatest = points[i].value > points[greatest].value ? i : greatest;
        }
        size_t first = least < greatest ? least : greatest;
        size_t second = least < greatest ? greatest : least;
        ret_points[used++] = points[first];
        if (second != first) {
            ret_points[used++] = points[second];
        }
    }
    return used;
}

static void choose_unit(const char *unit, double greatest, double *ret_divisor,
                        const char **ret_unit)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t step = 0;
    *ret_divisor = 1;
    *ret_unit = unit;
    if (strcmp(unit, "B") != 0) {
        return;
    }
    while (greatest / *ret_divisor >= 2048 && step < 4) {
        *ret_divisor *= 1024;
        step++;
    }
    *ret_unit = units[step];
}

static void choose_time(double seconds, double *ret_divisor,
                        const char **ret_unit)
{
    bool is_hours = seconds > 3 * 3600.0;
    bool is_minutes = seconds > 15 * 60.0;
    *ret_divisor = is_hours ? 3600 : is_minutes ? 60 : 1;
    *ret_unit = is_hours ? "hours" : is_minutes ? "minutes" : "seconds";
}

/* Puts |series| into its panel; the climbing ones push the others out. */
static void show(struct selection *selection, const struct plot_series *series)
{
    size_t p = 0;
    while (p < selection->panels_count &&
           strcmp(selection->panels[p].shown[0]->metric, series->metric) != 0) {
        p++;
    }
    if (p == PLOT_PANELS_MAX) {
        return;
    }
    if (p == selection->panels_count) {
        selection->panels_count++;
    }
    size_t n = selection->panels[p].shown_count;
    selection->panels[p].all_count++;
    if (n < PLOT_OBSERVERS_MAX) {
        selection->panels[p].shown[n] = series;
        selection->panels[p].shown_count++;
        return;
    }
    for (size_t i = n; i-- > 0 && series->outcome == JUDGE_CLIMB;) {
        if (selection->panels[p].shown[i]->outcome != JUDGE_CLIMB) {
            selection->panels[p].shown[i] = series;
            return;
        }
    }
}

static void select_series(const struct plot_series *series, size_t count,
                          struct selection *selection)
{
    double last_s = 0;
    memset(selection, 0, sizeof *selection);
    for (size_t i = 0; i < count; i++) {
        if (series[i].points_count > 0) {
            show(selection, &series[i]);
            last_s =
                fmax(last_s, series[i].points[series[i].points_count - 1].t_s);
        }
    }
    choose_time(last_s, &selection->t_divisor, &selection->t_unit);
    for (size_t p = 0; p < selection->panels_count; p++) {
        double greatest = 0;
        for (size_t i = 0; i < selection->panels[p].shown_count; i++) {
            const struct plot_series *one = selection->panels[p].shown[i];
            for (size_t k = 0; k < one->points_count; k++) {
                greatest = fmax(greatest, one->points[k].value);
            }
        }
        choose_unit(selection->panels[p].shown[0]->unit, greatest,
                    &selection->panels[p].divisor, &selection->panels[p].unit);
    }
}

/* --- writing -------------------------------------------------------------- */

static int blame_write(const struct drawing *drawing, int errnum)
{
    errnum = errnum != 0 ? errnum : EIO;
    err_set(drawing->err, drawing->folder, 0, 0,
            "the data of the plot cannot be written: %s", strerror(errnum));
    return -errnum;
}

static FILE *open_data(const struct drawing *drawing, const char *kind,
                       size_t panel, size_t index)
{
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/%s-%zu-%zu.dat", drawing->folder,
                   kind, panel + 1, index + 1);
    return fopen(path, "we");
}

static int close_data(const struct drawing *drawing, FILE *file)
{
    errno = 0;
    int is_bad = ferror(file);
    if (fclose(file) != 0 || is_bad) {
        return blame_write(drawing, errno);
    }
    return 0;
}

/* "t value events" a line, |limit| lines at most. */
static int write_samples(const struct drawing *drawing, const char *kind,
                         size_t panel, size_t index, size_t limit)
{
    const struct selection *selection = &drawing->selection;
    const struct plot_series *series = selection->panels[panel].shown[index];
    struct judge_point *thinned = calloc(limit, sizeof *thinned);
    if (thinned == NULL) {
        return blame_write(drawing, ENOMEM);
    }
    FILE *file = open_data(drawing, kind, panel, index);
    if (file == NULL) {
        int r = blame_write(drawing, errno);
        free(thinned);
        return r;
    }
    size_t n =
        plot_decimate(series->points, series->points_count, limit, thinned);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(file, "%.9g %.9g %.15g\n",
                      thinned[i].t_s / selection->t_divisor,
                      thinned[i].value / selection->panels[panel].divisor,
                      thinned[i].events);
    }
    free(thinned);
    return close_data(drawing, file);
}

static int write_troughs(const struct drawing *drawing, size_t panel,
                         size_t index)
{
    const struct selection *selection = &drawing->selection;
    const struct plot_series *series = selection->panels[panel].shown[index];
    FILE *file = open_data(drawing, "troughs", panel, index);
    if (file == NULL) {
        return blame_write(drawing, errno);
    }
    for (size_t i = 0; i < series->troughs_count; i++) {
        (void)fprintf(
            file, "%.9g %.9g\n", series->troughs[i].t_s / selection->t_divisor,
            series->troughs[i].value / selection->panels[panel].divisor);
    }
    return close_data(drawing, file);
}

static int write_data(const struct drawing *drawing)
{
    const struct selection *selection = &drawing->selection;
    int r = write_samples(drawing, "events", 0, 0, EVENTS_POINTS_MAX);
    for (size_t p = 0; r == 0 && p < selection->panels_count; p++) {
        for (size_t i = 0; r == 0 && i < selection->panels[p].shown_count;
             i++) {
            r = write_samples(drawing, "samples", p, i, PLOT_POINTS_MAX);
            if (r == 0) {
                r = write_troughs(drawing, p, i);
            }
        }
    }
    return r;
}

/* --- what gnuplot is told --------------------------------------------------
 */

static void tell(char *variables, const char *name, const char *text)
{
    gnuplot_tell(variables, VARIABLES_SIZE, name, text);
}

static void tell_number(char *variables, const char *name, size_t value)
{
    gnuplot_tell_number(variables, VARIABLES_SIZE, name, (double)value);
}

static void tell_panel(const struct drawing *drawing, size_t p, char *variables)
{
    const struct selection *selection = &drawing->selection;
    const struct plot_series *first = selection->panels[p].shown[0];
    char name[48];
    char text[256];
    size_t shown = selection->panels[p].shown_count;
    (void)snprintf(name, sizeof name, "panel_%zu_title", p + 1);
    if (shown < selection->panels[p].all_count) {
        (void)snprintf(text, sizeof text, "%s (%zu of %zu)", first->label,
                       shown, selection->panels[p].all_count);
    } else {
        (void)snprintf(text, sizeof text, "%s", first->label);
    }
    tell(variables, name, text);
    (void)snprintf(name, sizeof name, "panel_%zu_unit", p + 1);
    tell(variables, name, selection->panels[p].unit);
    (void)snprintf(name, sizeof name, "panel_%zu_count", p + 1);
    tell_number(variables, name, shown);
    for (size_t i = 0; i < shown; i++) {
        const struct plot_series *series = selection->panels[p].shown[i];
        (void)snprintf(name, sizeof name, "key_%zu_%zu", p + 1, i + 1);
        (void)snprintf(text, sizeof text, "%.64s: %s", series->observer,
                       judge_outcome_name(series->outcome));
        tell(variables, name, text);
    }
}

static void tell_all(const struct drawing *drawing, char *variables)
{
    const struct summary *summary = drawing->summary;
    char title[256];
    size_t used =
        (size_t)snprintf(title, sizeof title, "%s: %s", summary->run_name,
                         judge_outcome_name(summary->outcome));
    if (summary->has_seed) {
        (void)snprintf(title + used, sizeof title - used, "   (seed %llu)",
                       (unsigned long long)summary->seed);
    }
    variables[0] = '\0';
    tell(variables, "title", title);
    tell(variables, "data", drawing->folder);
    tell(variables, "out", drawing->run_dir);
    tell(variables, "t_unit", drawing->selection.t_unit);
    tell_number(variables, "has_events",
                summary->has_churn || summary->events_by[0] != '\0');
    tell(variables, "events_name",
         summary->has_churn ? "churn events" : "events");
    tell_number(variables, "panels", drawing->selection.panels_count);
    for (size_t p = 0; p < drawing->selection.panels_count; p++) {
        tell_panel(drawing, p, variables);
    }
}

/* --- running gnuplot ------------------------------------------------------ */

static int require_picture(const struct drawing *drawing, const char *name)
{
    char path[PATH_SIZE + 64];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", drawing->run_dir, name);
    if (stat(path, &st) < 0 || st.st_size == 0) {
        err_set(drawing->err, path, 0, 0, "gnuplot left no picture there");
        return -EIO;
    }
    return 0;
}

/* A picture of an earlier look, or half of one, must not pass for this one. */
static void remove_pictures(const struct drawing *drawing)
{
    static const char *const names[] = {"troughs.svg", "troughs.png"};
    char path[PATH_SIZE + 64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", drawing->run_dir, names[i]);
        (void)unlink(path);
    }
}

static int run_gnuplot(const struct drawing *drawing, const char *script)
{
    char complaints[PATH_SIZE + 64];
    char variables[VARIABLES_SIZE];
    tell_all(drawing, variables);
    (void)snprintf(complaints, sizeof complaints, "%s/complaints",
                   drawing->folder);
    int r = gnuplot_run(script, variables, complaints, drawing->err);
    if (r == 0) {
        r = require_picture(drawing, "troughs.svg");
    }
    return r == 0 ? require_picture(drawing, "troughs.png") : r;
}

/* --- the folder ----------------------------------------------------------- */

static void remove_data(const struct drawing *drawing, const char *kind,
                        size_t panel, size_t index)
{
    char path[PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/%s-%zu-%zu.dat", drawing->folder,
                   kind, panel + 1, index + 1);
    (void)unlink(path);
}

/* Removes what we may have put there, and the folder. */
static void remove_folder(const struct drawing *drawing)
{
    char path[PATH_SIZE + 64];
    for (size_t p = 0; p < PLOT_PANELS_MAX; p++) {
        for (size_t i = 0; i < PLOT_OBSERVERS_MAX; i++) {
            remove_data(drawing, "samples", p, i);
            remove_data(drawing, "troughs", p, i);
        }
    }
    remove_data(drawing, "events", 0, 0);
    (void)snprintf(path, sizeof path, "%s/complaints", drawing->folder);
    (void)unlink(path);
    (void)rmdir(drawing->folder);
}

void plot_tidy(const char *run_dir)
{
    static const char prefix[] = "plot-";
    const struct drawing drawing = {.run_dir = run_dir};
    char path[PATH_SIZE + 300];
    const struct dirent *entry;
    DIR *dir = opendir(run_dir);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0 &&
            strlen(entry->d_name) == sizeof prefix - 1 + 6) {
            (void)snprintf(path, sizeof path, "%s/%s", run_dir, entry->d_name);
            remove_pictures(&drawing);
            host_remove_folder(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

int plot_troughs(const struct summary *summary,
                 const struct plot_series *series, size_t count,
                 const char *reports_dir, const char *run_dir, struct err *err)
{
    struct drawing drawing = {.summary = summary,
                              .reports_dir = reports_dir,
                              .run_dir = run_dir,
                              .err = err};
    char script[PATH_SIZE];
    select_series(series, count, &drawing.selection);
    if (drawing.selection.panels_count == 0) {
        err_set(err, NULL, 0, 0, "there are no samples to draw");
        return -EINVAL;
    }
    int length = snprintf(script, sizeof script, "%s/troughs.gp", reports_dir);
    int folder_length = snprintf(drawing.folder, sizeof drawing.folder,
                                 "%s/plot-XXXXXX", run_dir);
    if (length >= PATH_SIZE || folder_length >= PATH_SIZE) {
        err_set(err, NULL, 0, 0, "the path of the run is too long to draw");
        return -ENAMETOOLONG;
    }
    if (access(script, R_OK) < 0) {
        int r = -errno;
        err_set(err, script, 0, 0, "cannot be read: %s", strerror(-r));
        return r;
    }
    plot_tidy(run_dir);
    if (mkdtemp(drawing.folder) == NULL) {
        return blame_write(&drawing, errno);
    }
    remove_pictures(&drawing);
    int r = write_data(&drawing);
    if (r == 0) {
        r = run_gnuplot(&drawing, script);
    }
    if (r < 0) {
        remove_pictures(&drawing);
    }
    remove_folder(&drawing);
    return r;
}
