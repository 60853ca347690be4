#include "command.h"

#include "assess.h"
#include "exit_code.h"
#include "plateau_version.h"
#include "report/terminal.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = HOST_PATH_MAX + 32 };

/* In the build folder, or as installed. */
static int find_file(const char *const *candidates, char *ret_path)
{
    for (; *candidates != NULL; candidates++) {
        if (host_beside_program(*candidates, ret_path) == 0) {
            return 0;
        }
    }
    return -ENOENT;
}

int command_meshnode(char ret_path[HOST_PATH_MAX])
{
    static const char *const candidates[] = {"../node/meshnode", "meshnode",
                                             NULL};
    return find_file(candidates, ret_path);
}

int command_preload(char ret_path[HOST_PATH_MAX])
{
    static const char *const candidates[] = {
        "tally/libplateau_preload.so", "../lib/plateau/libplateau_preload.so",
        NULL};
    return find_file(candidates, ret_path);
}

int command_reports(char ret_path[HOST_PATH_MAX])
{
    static const char *const candidates[] = {"../../reports",
                                             "../share/plateau/reports", NULL};
    if (find_file(candidates, ret_path) == 0) {
        return 0;
    }
    if (access(PLATEAU_SOURCE_REPORTS, R_OK) != 0) {
        return -ENOENT;
    }
    (void)snprintf(ret_path, HOST_PATH_MAX, "%s", PLATEAU_SOURCE_REPORTS);
    return 0;
}

void command_complain(const struct err *err)
{
    char text[1024];
    (void)fprintf(stderr, "plateau: %s\n", err_format(err, text, sizeof text));
}

int command_exit_code(int error)
{
    switch (-error) {
    case EINVAL:
    case EISDIR:
        return EXIT_USAGE;
    case ENOMEM:
        return EXIT_SOFTWARE;
    case EILSEQ:
        return EXIT_DATA;
    default:
        return EXIT_IO;
    }
}

/* Draws and keeps what can be kept in |folder|; where it cannot be written,
 * the summary says so and the verdict stands. */
static void keep_report(struct assessment *assessment, const char *folder)
{
    char path[PATH_SIZE];
    char reports[HOST_PATH_MAX];
    struct err err = {0};
    struct summary *summary = &assessment->summary;
    if (command_reports(reports) == 0) {
        assess_plot(assessment, reports, folder);
    } else {
        (void)snprintf(summary->plot_problem, sizeof summary->plot_problem,
                       "the folder reports/ is not beside this program");
    }
    terminal_print(summary, terminal_style_for(stdout), stdout);
    (void)snprintf(path, sizeof path, "%s/summary.txt", folder);
    if (terminal_write(summary, path, &err) != 0) {
        command_complain(&err);
    }
}

int command_assess(const char *path, struct assessment *ret_assessment)
{
    struct store *store = NULL;
    struct err err = {0};
    char folder[PATH_SIZE] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        (void)snprintf(folder, sizeof folder, "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
    }
    int result = store_open(path, &store, &err);
    if (result == 0) {
        result = assess_run(store, folder, ret_assessment, &err);
    }
    store_close(store);
    if (result != 0) {
        if (err.file[0] == '\0') {
            (void)snprintf(err.file, sizeof err.file, "%.255s", path);
        }
        command_complain(&err);
        return result == -ENOENT ? EXIT_DATA : command_exit_code(result);
    }
    return 0;
}

int command_judge_store(const char *path, const char *folder)
{
    struct assessment assessment;
    int failure = command_assess(path, &assessment);
    if (failure != 0) {
        return failure;
    }
    (void)snprintf(assessment.summary.store_path,
                   sizeof assessment.summary.store_path, "%.511s", path);
    keep_report(&assessment, folder);
    int code = summary_exit_code(assessment.summary.outcome);
    assess_deinit(&assessment);
    return code;
}

int command_judge(const char *folder)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/run.db", folder);
    return command_judge_store(path, folder);
}
