#include "report/plot.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { POINTS = 5000 };

static char folder[] = "/tmp/plateau-plot-XXXXXX";
static struct judge_point points[POINTS];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        points[i] = (struct judge_point){
            .t_s = 0.1 * (double)i,
            .value = 1e6 + 1e4 * sin(0.7 * (double)i),
            .events = (double)(i / 2),
        };
    }
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static void remove_file(const char *name)
{
    char path[sizeof folder + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_file("troughs.svg");
    remove_file("troughs.png");
    remove_file("troughs.gp");
    return rmdir(folder);
}

static size_t count_entries(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count - 2; /* "." and ".." */
}

static void write_script(const char *text)
{
    char path[sizeof folder + 64];
    (void)snprintf(path, sizeof path, "%s/troughs.gp", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Draws two observers and two metrics with the script in |reports_dir|. */
static int draw(const char *reports_dir, size_t points_count, bool has_churn,
                struct err *err)
{
    static const struct judge_trough troughs[] = {
        {10, 50, 990000}, {200, 1000, 990100}, {400, 2000, 990050}};
    struct plot_series series[4];
    struct summary summary;
    for (size_t i = 0; i < 4; i++) {
        series[i] = (struct plot_series){
            .observer = i % 2 ? "it's-1" : "observer_0",
            .metric = i < 2 ? "private" : "loops",
            .label = i < 2 ? "private memory" : "loops alive",
            .unit = i < 2 ? "B" : "",
            .outcome = JUDGE_PLATEAU,
            .points = points,
            .points_count = points_count,
            .troughs = troughs,
            .troughs_count = i == 3 ? 0 : 3,
        };
    }
    summary_init(&summary);
    strcpy(summary.run_name, "it's a \"test\"; `false`");
    summary.has_churn = has_churn;
    int r = plot_troughs(&summary, series, 4, reports_dir, folder, err);
    summary_deinit(&summary);
    return r;
}

static void few_points_are_kept_as_they_are(void **state)
{
    (void)state;
    struct judge_point thinned[8];
    assert_int_equal(plot_decimate(points, 8, 8, thinned), 8);
    assert_memory_equal(thinned, points, sizeof thinned);
    assert_int_equal(plot_decimate(points, 0, 8, thinned), 0);
}

static void thinning_keeps_time_in_order_and_within_the_limit(void **state)
{
    (void)state;
    struct judge_point thinned[200];
    size_t n = plot_decimate(points, POINTS, 200, thinned);
    assert_true(n >= 100 && n <= 200);
    for (size_t i = 1; i < n; i++) {
        assert_true(thinned[i].t_s > thinned[i - 1].t_s);
    }
}

static void thinning_keeps_every_lone_peak_and_trough(void **state)
{
    (void)state;
    static struct judge_point flat[POINTS];
    for (size_t at = 0; at < POINTS; at += 97) {
        struct judge_point thinned[100];
        bool has_peak = false;
        bool has_trough = false;
        for (size_t i = 0; i < POINTS; i++) {
            flat[i] = (struct judge_point){.t_s = (double)i, .value = 5};
        }
        flat[at].value = 9;
        flat[POINTS - 1 - at].value = 1;
        size_t n = plot_decimate(flat, POINTS, 100, thinned);
        for (size_t i = 0; i < n; i++) {
            has_peak |= thinned[i].value > 8;
            has_trough |= thinned[i].value < 2;
        }
        assert_true(has_peak);
        assert_true(has_trough);
    }
}

static void both_pictures_are_drawn_and_nothing_else_is_left(void **state)
{
    (void)state;
    struct err err = {.sentence = ""};
    const char *reports = getenv("PLATEAU_REPORTS");
    if (reports == NULL) {
        print_message("# skipped: no gnuplot here\n");
        return;
    }
    for (int i = 0; i < 4; i++) {
        int r = draw(reports, i % 2 ? POINTS : 1, i / 2 == 1, &err);
        if (r == -ENOENT) {
            print_message("# skipped: no gnuplot here\n");
            return;
        }
        if (r != 0) {
            fail_msg("%s", err.sentence);
        }
        assert_int_equal(count_entries(), 2);
    }
}

static void a_machine_without_gnuplot_gets_a_sentence(void **state)
{
    (void)state;
    struct err err = {.sentence = ""};
    const char *before = getenv("PATH");
    char *path = before != NULL ? strdup(before) : NULL;
    write_script("print 1\n");
    assert_int_equal(setenv("PATH", folder, 1), 0);
    int r = draw(folder, POINTS, true, &err);
    if (path != NULL) {
        assert_int_equal(setenv("PATH", path, 1), 0);
    } else {
        assert_int_equal(unsetenv("PATH"), 0);
    }
    free(path);
    assert_int_equal(r, -ENOENT);
    assert_non_null(strstr(err.sentence, "gnuplot is not installed"));
    assert_int_equal(count_entries(), 1);
}

static void a_script_that_fails_leaves_nothing_behind(void **state)
{
    (void)state;
    struct err err = {.sentence = ""};
    write_script("set output out . \"/troughs.svg\"\nplot nonsense\n");
    int r = draw(folder, POINTS, true, &err);
    if (r == -ENOENT) {
        print_message("# skipped: no gnuplot here\n");
        return;
    }
    assert_int_equal(r, -EIO);
    assert_non_null(strstr(err.sentence, "gnuplot failed: "));
    assert_int_equal(count_entries(), 1);
}

static void a_script_that_draws_nothing_is_noticed(void **state)
{
    (void)state;
    struct err err = {.sentence = ""};
    write_script("x = 1\n");
    int r = draw(folder, POINTS, true, &err);
    if (r == -ENOENT) {
        print_message("# skipped: no gnuplot here\n");
        return;
    }
    assert_int_equal(r, -EIO);
    assert_non_null(strstr(err.sentence, "no picture"));
    assert_int_equal(count_entries(), 1);
}

static void a_missing_script_or_series_is_named(void **state)
{
    (void)state;
    struct err err = {.sentence = ""};
    struct summary summary;
    assert_int_equal(draw("/nowhere", POINTS, true, &err), -ENOENT);
    assert_string_equal(err.file, "/nowhere/troughs.gp");
    summary_init(&summary);
    assert_int_equal(plot_troughs(&summary, NULL, 0, folder, folder, &err),
                     -EINVAL);
    summary_deinit(&summary);
}

static void what_a_killed_drawing_left_is_removed(void **state)
{
    (void)state;
    char path[sizeof folder + 64];
    /* What other tests wrote is none of it. */
    (void)snprintf(path, sizeof path, "%s/troughs.gp", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/plot-a1B2c3", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/plot-a1B2c3/samples-1-1.dat", folder);
    FILE *data = fopen(path, "w");
    assert_non_null(data);
    (void)fclose(data);
    (void)snprintf(path, sizeof path, "%s/troughs.svg", folder);
    FILE *half = fopen(path, "w");
    assert_non_null(half);
    (void)fclose(half);
    plot_tidy(folder);
    assert_int_equal(count_entries(), 0);
    /* A picture without such data is whole. */
    half = fopen(path, "w");
    assert_non_null(half);
    (void)fclose(half);
    plot_tidy(folder);
    assert_int_equal(count_entries(), 1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_points_are_kept_as_they_are),
        cmocka_unit_test(thinning_keeps_time_in_order_and_within_the_limit),
        cmocka_unit_test(thinning_keeps_every_lone_peak_and_trough),
        cmocka_unit_test(both_pictures_are_drawn_and_nothing_else_is_left),
        cmocka_unit_test(a_machine_without_gnuplot_gets_a_sentence),
        cmocka_unit_test(a_script_that_fails_leaves_nothing_behind),
        cmocka_unit_test(a_script_that_draws_nothing_is_noticed),
        cmocka_unit_test(a_missing_script_or_series_is_named),
        cmocka_unit_test(what_a_killed_drawing_left_is_removed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
