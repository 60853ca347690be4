#include "command.h"

#include "assess.h"
#include "exit_code.h"
#include "judge/series_csv.h"
#include "report/terminal.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void print_help(void)
{
    (void)printf(
        "Usage: plateau check [OPTION...] RUN | FILE.csv\n\n"
        "Judges a recorded run again (its folder, or the run.db in it), or "
        "anybody's\n"
        "series of memory readings: a CSV file of lines\n"
        "    t_seconds,value_bytes[,events]\n"
        "('-' is standard input; a first line may name the columns).\n\n"
        "  --quantum N      of a CSV: the smallest step its values make "
        "(default 4096)\n"
        "  --help           print this\n\n"
        "Exit status: 0 plateau, 1 climb, 2 inconclusive, 3 invalid,\n"
        "64 bad usage, 65 unreadable data, 70 our own fault, 74 "
        "input/output.\n");
}

static int judge_csv(const char *path, double quantum)
{
    struct series_csv series = {0};
    struct assessment assessment;
    struct judge_rule rule;
    struct err err = {0};
    int result = series_csv_load(path, &series, &err);
    if (result != 0) {
        command_complain(&err);
        return result == -ENOMEM ? EXIT_SOFTWARE : EXIT_DATA;
    }
    judge_rule_default(quantum, &rule);
    rule.has_events = series.has_events;
    rule.unit = "B";
    result = assess_series(path, "B", series.points, series.count, &rule,
                           &assessment);
    if (series.gaps > 0) {
        (void)fprintf(stderr,
                      "plateau: %s: %zu rows without a value were "
                      "left out as gaps\n",
                      path, series.gaps);
    }
    series_csv_deinit(&series);
    if (result != 0) {
        (void)fprintf(stderr, "plateau: cannot judge: %s\n", strerror(-result));
        return EXIT_SOFTWARE;
    }
    terminal_print(&assessment.summary, terminal_style_for(stdout), stdout);
    int code = summary_exit_code(assessment.summary.outcome);
    assess_deinit(&assessment);
    return code;
}

/* "…/run.db" is the store of the run in the folder before it. */
static int judge_path(const char *path, double quantum)
{
    struct stat st;
    size_t length = strlen(path);
    bool is_store = length >= 3 && strcmp(path + length - 3, ".db") == 0;
    if (strcmp(path, "-") != 0 && stat(path, &st) != 0) {
        (void)fprintf(stderr, "plateau: %s: %s\n", path, strerror(errno));
        return EXIT_DATA;
    }
    if (strcmp(path, "-") != 0 && S_ISDIR(st.st_mode)) {
        return command_judge(path);
    }
    if (!is_store) {
        return judge_csv(path, quantum);
    }
    char folder[HOST_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        (void)snprintf(folder, sizeof folder, "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
    }
    return command_judge_store(path, folder);
}

int cmd_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"quantum", required_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    double quantum = 4096.;
    char *end = NULL;
    int key;
    optind = 1;
    while ((key = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (key == 'h') {
            print_help();
            return 0;
        }
        if (key == 'q') {
            quantum = strtod(optarg, &end);
        }
        if (key != 'q' || end == optarg || *end != '\0' || !(quantum > 0.) ||
            !(quantum <= 1e12)) {
            (void)fprintf(stderr, "plateau check: bad option; --quantum takes "
                                  "a number above 0. Try 'plateau check "
                                  "--help'.\n");
            return EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        (void)fprintf(stderr, "plateau check: name one run or one CSV file. "
                              "Try 'plateau check --help'.\n");
        return EXIT_USAGE;
    }
    return judge_path(argv[optind], quantum);
}
