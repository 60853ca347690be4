#include "command.h"

#include "dry_run.h"
#include "event_list.h"
#include "exit_code.h"
#include "guardian.h"
#include "report/plot.h"
#include "run.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct arguments {
    const char *scenario;
    const char *folder;
    const char *seed;
    const char *duration;
    const char *replay;
    bool is_quiet;
    bool is_dry;
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau run [OPTION...] SCENARIO.yaml\n"
        "       plateau run [OPTION...] --replay RUN\n\n"
        "Starts the scenario's processes, kills and respawns its churners on "
        "a seeded\n"
        "schedule, samples the memory of its observers, judges it, and leaves "
        "a run\n"
        "folder with the store, the plot, the logs and the summary.\n\n"
        "  --out FOLDER     the run folder (default "
        "runs/NAME-TIME-SEED)\n"
        "  --seed N         of the schedule; a run is replayed from its seed\n"
        "  --duration S     churn for so many seconds instead of the "
        "scenario's\n"
        "  --replay LIST    do the events of LIST, in place of the "
        "scenario's schedule:\n"
        "                   a recorded run (its scenario, seed and duration "
        "count as well,\n"
        "                   where none is given), or CSV of 'plateau "
        "events'\n"
        "  --dry-run        check the scenario and print what it would "
        "start\n"
        "  --quiet          no progress\n"
        "  --help           print this\n\n"
        "Ctrl-C ends the run cleanly and judges what there is; twice kills "
        "at once.\n"
        "'plateau reference' prints what a scenario may say.\n\n"
        "Exit status: 0 plateau, 1 climb, 2 inconclusive, 3 invalid run,\n"
        "64 bad usage or scenario, 70 our own fault, 74 input/output.\n");
}

static int complain(const char *sentence)
{
    (void)fprintf(stderr, "plateau run: %s. Try 'plateau run --help'.\n",
                  sentence);
    return EXIT_USAGE;
}

/* -1 to go on, else the exit code. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"duration", required_argument, NULL, 'd'},
        {"replay", required_argument, NULL, 'r'},
        {"dry-run", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int key;
    optind = 1;
    while ((key = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (key) {
        case 'o':
            arguments->folder = optarg;
            break;
        case 's':
            arguments->seed = optarg;
            break;
        case 'd':
            arguments->duration = optarg;
            break;
        case 'r':
            arguments->replay = optarg;
            break;
        case 'n':
            arguments->is_dry = true;
            break;
        case 'q':
            arguments->is_quiet = true;
            break;
        case 'h':
            print_help();
            return 0;
        default:
            return complain("that is no option of ours");
        }
    }
    if (optind + 1 == argc) {
        arguments->scenario = argv[optind];
        return -1;
    }
    if (optind != argc) {
        return complain("name one scenario only");
    }
    return arguments->replay != NULL ? -1 : complain("name a scenario");
}

/* What was given, else that of the run that is replayed, else the scenario's,
 * else one that is drawn. */
static int apply_seed(const struct arguments *arguments,
                      const struct scenario *scenario,
                      const struct event_list *replay, uint64_t *ret_seed)
{
    char *end = NULL;
    if (arguments->seed == NULL) {
        *ret_seed = replay->has_run ? replay->seed : scenario->seed;
        if (!replay->has_run && !scenario->has_seed) {
            uint32_t drawn = 1;
            (void)getrandom(&drawn, sizeof drawn, 0);
            *ret_seed = drawn;
        }
        return 0;
    }
    errno = 0;
    *ret_seed = strtoull(arguments->seed, &end, 10);
    return *arguments->seed == '-' || end == arguments->seed || *end != '\0' ||
                   errno != 0
               ? -EINVAL
               : 0;
}

static int apply_duration(const struct arguments *arguments,
                          const struct event_list *replay,
                          struct scenario *scenario)
{
    char *end = NULL;
    if (arguments->duration == NULL) {
        if (arguments->scenario == NULL && replay->has_run) {
            scenario->duration_s = replay->duration_s;
        }
        return 0;
    }
    double seconds = strtod(arguments->duration, &end);
    if (end == arguments->duration || *end != '\0' || !(seconds >= 1.) ||
        !(seconds <= 604800.)) {
        return -EINVAL;
    }
    scenario->duration_s = seconds;
    return 0;
}

/* Where the list of events is: as given, or as the scenario names it, from its
 * own folder on. "": there is none. */
static void find_list(const struct arguments *arguments,
                      const struct scenario *scenario,
                      char ret_path[HOST_PATH_MAX])
{
    const char *named = scenario->replay;
    const char *slash = strrchr(scenario->file, '/');
    int folder = slash != NULL && named[0] != '/' && named[0] != '\0'
                     ? (int)(slash - scenario->file) + 1
                     : 0;
    (void)snprintf(ret_path, HOST_PATH_MAX, "%.*s%s", folder, scenario->file,
                   named);
    if (arguments->replay != NULL) {
        (void)snprintf(ret_path, HOST_PATH_MAX, "%s", arguments->replay);
    }
}

/* Reads the list of events, if there is to be one. 0 or an exit code. */
static int load_list(const char *path, const struct scenario *scenario,
                     struct event_list *ret_list)
{
    struct err err = {0};
    int result =
        path[0] != '\0' ? event_list_read(path, scenario, ret_list, &err) : 0;
    if (result == 0) {
        return 0;
    }
    if (err.file[0] == '\0') {
        (void)snprintf(err.file, sizeof err.file, "%.255s", path);
    }
    command_complain(&err);
    return result == -ENOENT ? EXIT_DATA : command_exit_code(result);
}

static int run_scenario(const struct arguments *arguments,
                        struct scenario *scenario,
                        const struct event_list *replay, const char *list_path)
{
    char meshnode[HOST_PATH_MAX] = "";
    char preload[HOST_PATH_MAX] = "";
    char folder[HOST_PATH_MAX];
    struct err err = {0};
    struct run_options options = {
        .scenario = scenario,
        .folder = arguments->folder,
        .meshnode = meshnode,
        .preload = preload,
        .is_quiet = arguments->is_quiet,
        .replay = replay->count > 0 ? replay : NULL,
        .replay_path = list_path,
    };
    if (apply_seed(arguments, scenario, replay, &options.seed) != 0) {
        return complain("--seed should be a whole number");
    }
    if (apply_duration(arguments, replay, scenario) != 0) {
        return complain("--duration should be 1 to 604800 seconds");
    }
    (void)command_meshnode(meshnode);
    (void)command_preload(preload);
    int result = run_execute(&options, folder, &err);
    if (result != 0) {
        command_complain(&err);
        return command_exit_code(result);
    }
    return command_judge(folder);
}

static void begin_guardian(void)
{
    const struct guardian_config guardian = {
        .who = "plateau run", .exit_code = EXIT_SOFTWARE, .tidy = plot_tidy};
    int result = guardian_begin(&guardian);
    if (result != 0) {
        (void)fprintf(stderr,
                      "plateau run: goes on without its guardian: %s; what the "
                      "targets start may outlive a kill -9 of it\n",
                      strerror(-result));
    }
}

int cmd_run(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct scenario *scenario = NULL;
    struct event_list replay = {0};
    struct err err = {0};
    char path[HOST_PATH_MAX];
    int code = parse(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    /* A run that is replayed knows its scenario. */
    (void)snprintf(path, sizeof path, "%s/scenario.yaml",
                   arguments.replay != NULL ? arguments.replay : "");
    int result =
        scenario_load(arguments.scenario != NULL ? arguments.scenario : path,
                      &scenario, &err);
    if (result != 0) {
        command_complain(&err);
        return result == -ENOMEM ? EXIT_SOFTWARE : EXIT_USAGE;
    }
    if (arguments.is_dry) {
        dry_run_print(scenario, stdout);
        scenario_free(scenario);
        return 0;
    }
    find_list(&arguments, scenario, path);
    code = load_list(path, scenario, &replay);
    if (code == 0) {
        begin_guardian();
        code = run_scenario(&arguments, scenario, &replay, path);
    }
    event_list_deinit(&replay);
    scenario_free(scenario);
    return code;
}
