#include "command.h"

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
    bool is_quiet;
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau run [OPTION...] SCENARIO.yaml\n\n"
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
    if (optind + 1 != argc) {
        return complain(optind == argc ? "name a scenario"
                                       : "name one scenario only");
    }
    arguments->scenario = argv[optind];
    return -1;
}

static int apply_seed(const struct arguments *arguments,
                      const struct scenario *scenario, uint64_t *ret_seed)
{
    char *end = NULL;
    if (arguments->seed == NULL) {
        *ret_seed = scenario->seed;
        if (!scenario->has_seed) {
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
                          struct scenario *scenario)
{
    char *end = NULL;
    if (arguments->duration == NULL) {
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

static int run_scenario(const struct arguments *arguments,
                        struct scenario *scenario)
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
    };
    if (apply_seed(arguments, scenario, &options.seed) != 0) {
        return complain("--seed should be a whole number");
    }
    if (apply_duration(arguments, scenario) != 0) {
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

int cmd_run(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct scenario *scenario = NULL;
    struct err err = {0};
    int code = parse(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    int result = scenario_load(arguments.scenario, &scenario, &err);
    if (result != 0) {
        command_complain(&err);
        return result == -ENOMEM ? EXIT_SOFTWARE : EXIT_USAGE;
    }
    const struct guardian_config guardian = {
        .who = "plateau run", .exit_code = EXIT_SOFTWARE, .tidy = plot_tidy};
    result = guardian_begin(&guardian);
    if (result != 0) {
        (void)fprintf(stderr,
                      "plateau run: goes on without its guardian: %s; what the "
                      "targets start may outlive a kill -9 of it\n",
                      strerror(-result));
    }
    code = run_scenario(&arguments, scenario);
    scenario_free(scenario);
    return code;
}
