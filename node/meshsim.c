/* meshsim: ten thousand nodes in one process. Reads the options, runs the
 * experiments, prints the tables, draws the plots. */
#include "meshsim.h"

#include "arguments.h"
#include "clock.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* sysexits.h; and as the shell says it of a signal */
enum { EXIT_BAD_USAGE = 64, EXIT_OWN_FAULT = 70, EXIT_IO = 74 };
enum { EXIT_INTERRUPTED = 130 };

#define MS_NS INT64_C(1000000)
#define HOUR_NS (3600000 * MS_NS)

enum option_key {
    KEY_SEED = 256,
    KEY_EXPERIMENT,
    KEY_PLOT,
    KEY_SET,
    KEY_QUIET,
    KEY_LIST_PARAMS,
    KEY_HELP,
    KEY_NUMBERS, /* from here on: rows of numbers[] */
};

static const struct {
    const char *name;
    size_t offset;
    int64_t low, high, fallback;
    const char *prose;
} numbers[] = {
    {"nodes", offsetof(struct meshsim_config, nodes), 20, 100000, 10000,
     "how many"},
    {"cycles", offsetof(struct meshsim_config, cycles), 1, 10000, 50,
     "shuffles before anything is measured"},
    {"cycle-ms", offsetof(struct meshsim_config, cycle_ms), 1000, 3600000,
     60000, "between two shuffles of a node"},
    {"hop-ms", offsetof(struct meshsim_config, hop_ms), 1, 1000, 1,
     "latency of every link"},
    {"notice-ms", offsetof(struct meshsim_config, notice_ms), 1, 60000, 100,
     "a lost connection is noticed so late"},
    {"messages", offsetof(struct meshsim_config, messages), 1, 10000, 1000,
     "flooded right after each failure"},
    {"gap-ms", offsetof(struct meshsim_config, gap_ms), 1, 60000, 10,
     "between two of them"},
    {"tree-messages", offsetof(struct meshsim_config, tree_messages), 1,
     SIM_BROADCASTS_MAX, 100, "by Plumtree, in each phase"},
    {"tree-gap-ms", offsetof(struct meshsim_config, tree_gap_ms), 1, 60000, 500,
     "between two of them"},
    {"healing-cycles", offsetof(struct meshsim_config, healing_cycles), 1,
     MESHSIM_HEALING_MAX, 20, "healing is given up after so many"},
    {"path-sources", offsetof(struct meshsim_config, path_sources), 1, 100000,
     1000, "nodes whose shortest paths are measured"},
};
enum { NUMBERS_COUNT = sizeof numbers / sizeof numbers[0] };

static const struct {
    const char *name;
    unsigned bit;
    const char *prose;
} experiments[] = {
    {"overlay", MESHSIM_OVERLAY,
     "the settled mesh: components, in-degree, clustering, path length"},
    {"failures", MESHSIM_FAILURES,
     "10 to 95 % fail at once: how many of the survivors get each of the\n"
     "              next messages, flooded over the active views"},
    {"healing", MESHSIM_HEALING,
     "how many cycles of shuffles until every message reaches all again"},
    {"trees", MESHSIM_TREES,
     "Plumtree against flooding: redundancy, hops to the last delivery,\n"
     "              reliability, before and after failures"},
};
enum { EXPERIMENTS_COUNT = sizeof experiments / sizeof experiments[0] };

static volatile sig_atomic_t is_cancelled;

static void on_signal(int number)
{
    (void)number;
    is_cancelled = 1;
}

static void print_help(void)
{
    (void)printf(
        "Usage: meshsim [OPTION...]\n"
        "Runs this node's HyParView and Plumtree, the same code that meshnode "
        "runs,\non a simulated network under virtual time, repeats the "
        "papers' experiments,\nand prints the figures beside the published "
        "ones. A run is a function of its\noptions: the same seed gives the "
        "same table.\n\n"
        "  --experiment NAME[,...] only these (default: all)\n");
    for (size_t i = 0; i < EXPERIMENTS_COUNT; i++)
        (void)printf("    %-9s %s\n", experiments[i].name,
                     experiments[i].prose);
    (void)printf(
        "  --seed N                of every random choice (default 1)\n"
        "  --plot FOLDER           draw the tables there: meshsim.svg, "
        "meshsim.png\n                          and the data files they are "
        "drawn from\n"
        "  --set NAME=VALUE        a protocol parameter; see "
        "--list-params\n");
    for (size_t i = 0; i < NUMBERS_COUNT; i++)
        (void)printf("  --%s N%*s%s (default %lld)\n", numbers[i].name,
                     20 - (int)strlen(numbers[i].name), "", numbers[i].prose,
                     (long long)numbers[i].fallback);
    (void)printf(
        "  --quiet                 no progress on stderr\n"
        "  --list-params           print the protocol parameters and exit\n"
        "  --help                  print this and exit\n\n"
        "A crash is noticed in one of two ways, and both are measured: by "
        "everybody who\nholds a connection to the dead node, within "
        "--notice-ms (a reset or a\nkeep-alive); or only by who next sends "
        "over it. Ours and not the papers' is a\nwalk through a first contact "
        "now and then; it is off here, and on again with\n"
        "  --set hyparview.refresh_min_ns=2000000000 \\\n  "
        "--set hyparview.refresh_max_ns=300000000000\n\n"
        "A first look, in seconds:      meshsim --nodes 500\n"
        "The failure experiment alone:  meshsim --experiment failures\n\n"
        "Exit status: 0 done, 64 bad usage, 70 own fault, 74 no plot, 130 "
        "interrupted.\n");
}

enum { MODULES_COUNT = 2 };

/* Whose parameters --set and --list-params know. */
static void make_modules(struct meshsim_config *config,
                         struct arguments_module *ret_modules)
{
    ret_modules[0] =
        (struct arguments_module){"hyparview", hyparview_param_table,
                                  hyparview_param_count, &config->hyparview};
    ret_modules[1] =
        (struct arguments_module){"plumtree", plumtree_param_table,
                                  plumtree_param_count, &config->plumtree};
}

static int parse_experiments(const char *text, unsigned *ret_bits)
{
    unsigned bits = 0;

    for (const char *name = text; name != NULL;) {
        size_t size = strcspn(name, ",");
        size_t i = 0;

        while (i < EXPERIMENTS_COUNT &&
               (strlen(experiments[i].name) != size ||
                strncmp(experiments[i].name, name, size) != 0))
            i++;
        if (i == EXPERIMENTS_COUNT)
            return arguments_complain(
                "--experiment", text,
                "should be overlay, failures, healing or trees");
        bits |= experiments[i].bit;
        name = name[size] == ',' ? name + size + 1 : NULL;
    }
    *ret_bits = bits;
    return 0;
}

/* What is not a parameter of the simulation. */
struct choices {
    const char *plot_folder;
    bool is_quiet;
};

/* Prints what was asked for and exits, if it was one of those. */
static void print_and_exit(int key, struct meshsim_config *config)
{
    if (key == KEY_HELP) {
        print_help();
    } else if (key == KEY_LIST_PARAMS) {
        struct arguments_module modules[MODULES_COUNT];

        make_modules(config, modules);
        arguments_print(modules, MODULES_COUNT);
    } else {
        return;
    }
    exit(EXIT_SUCCESS);
}

static int apply_option(int key, const char *value,
                        struct meshsim_config *config, struct choices *choices)
{
    static const char period[] = "hyparview.shuffle_period_ns=";
    struct arguments_module modules[MODULES_COUNT];

    switch (key) {
    case KEY_SEED:
        return arguments_seed(value, &config->seed);
    case KEY_EXPERIMENT:
        return parse_experiments(value, &config->experiments);
    case KEY_SET:
        if (strncmp(value, period, sizeof period - 1) == 0)
            return arguments_complain("--set", value, "is --cycle-ms here");
        make_modules(config, modules);
        return arguments_set(value, modules, MODULES_COUNT);
    case KEY_PLOT:
        choices->plot_folder = value;
        return 0;
    case KEY_QUIET:
        choices->is_quiet = true;
        return 0;
    default:
        return -EINVAL;
    }
}

static int64_t *number_field(struct meshsim_config *config, size_t row)
{
    return (int64_t *)(void *)((char *)config + numbers[row].offset);
}

static int apply_number(size_t row, const char *value,
                        struct meshsim_config *config)
{
    char right[96], name[64];

    if (arguments_number(value, numbers[row].low, numbers[row].high,
                         number_field(config, row)) == 0)
        return 0;
    (void)snprintf(right, sizeof right, "should be %lld to %lld",
                   (long long)numbers[row].low, (long long)numbers[row].high);
    (void)snprintf(name, sizeof name, "--%s", numbers[row].name);
    return arguments_complain(name, value, right);
}

static void config_default(struct meshsim_config *config)
{
    *config =
        (struct meshsim_config){.seed = 1, .experiments = MESHSIM_EVERYTHING};
    for (size_t i = 0; i < NUMBERS_COUNT; i++)
        *number_field(config, i) = numbers[i].fallback;
    hyparview_params_default(&config->hyparview);
    plumtree_params_default(&config->plumtree);
    config->hyparview.refresh_min_ns = 24 * HOUR_NS;
    config->hyparview.refresh_max_ns = 24 * HOUR_NS;
}

/* What each in its range does not make sure. */
static int check_pairs(const struct hyparview_params *params)
{
    if (params->refresh_min_ns > params->refresh_max_ns)
        return arguments_complain("--set", "hyparview.refresh_min_ns",
                                  "above refresh_max_ns; set that as well");
    if (params->retry_min_ns > params->retry_max_ns)
        return arguments_complain("--set", "hyparview.retry_min_ns",
                                  "above retry_max_ns; set that as well");
    return 0;
}

static int parse_arguments(int argc, char **argv, struct meshsim_config *config,
                           struct choices *choices)
{
    static const struct option fixed[] = {
        {"seed", required_argument, NULL, KEY_SEED},
        {"experiment", required_argument, NULL, KEY_EXPERIMENT},
        {"plot", required_argument, NULL, KEY_PLOT},
        {"set", required_argument, NULL, KEY_SET},
        {"quiet", no_argument, NULL, KEY_QUIET},
        {"list-params", no_argument, NULL, KEY_LIST_PARAMS},
        {"help", no_argument, NULL, KEY_HELP},
    };
    enum { FIXED_COUNT = sizeof fixed / sizeof fixed[0] };
    struct option options[FIXED_COUNT + NUMBERS_COUNT + 1] = {0};
    int key, r = 0;

    memcpy(options, fixed, sizeof fixed);
    for (int i = 0; i < NUMBERS_COUNT; i++)
        options[FIXED_COUNT + i] = (struct option){
            numbers[i].name, required_argument, NULL, KEY_NUMBERS + i};
    while (r == 0 && (key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        print_and_exit(key, config);
        r = key < KEY_NUMBERS
                ? apply_option(key, optarg, config, choices)
                : apply_number((size_t)(key - KEY_NUMBERS), optarg, config);
    }
    if (r == 0 && optind != argc)
        r = arguments_complain("argument", argv[optind], "not expected");
    config->hyparview.shuffle_period_ns = config->cycle_ms * MS_NS;
    return r == 0 ? check_pairs(&config->hyparview) : r;
}

/* A copy shares pages with its original, so the sum is an upper bound. */
static void print_cost(int64_t began_ns)
{
    struct rusage own, copies;

    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &copies);
    (void)fprintf(
        stderr,
        "meshsim: %.1f s, of these %.1f s of processor; %ld MiB at most\n",
        (double)(clock_now_ns() - began_ns) / 1e9,
        (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec +
                 copies.ru_utime.tv_sec + copies.ru_stime.tv_sec) +
            (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec +
                     copies.ru_utime.tv_usec + copies.ru_stime.tv_usec) /
                1e6,
        (own.ru_maxrss + copies.ru_maxrss) / 1024);
}

static int simulate(const struct meshsim_config *config,
                    const struct choices *choices)
{
    static struct meshsim_results results;
    int64_t began_ns = clock_now_ns();
    int r = meshsim_run(config, choices->is_quiet ? NULL : stderr,
                        &is_cancelled, &results);

    if (r == -EINTR) {
        (void)fprintf(stderr, "meshsim: interrupted\n");
        return EXIT_INTERRUPTED;
    }
    if (r != 0) {
        (void)fprintf(stderr, "meshsim: the simulation failed: %s\n",
                      strerror(-r));
        return EXIT_OWN_FAULT;
    }
    meshsim_report(config, &results, stdout);
    (void)fflush(stdout);
    if (!choices->is_quiet)
        print_cost(began_ns);
    if (choices->plot_folder != NULL &&
        meshsim_plot(config, &results, choices->plot_folder,
                     MESHSIM_REPORTS_DIR "/meshsim.gp") != 0)
        return EXIT_IO;
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct meshsim_config config;
    struct choices choices = {0};
    struct sigaction action = {.sa_handler = on_signal};

    config_default(&config);
    if (parse_arguments(argc, argv, &config, &choices) != 0) {
        (void)fprintf(stderr, "Try 'meshsim --help'.\n");
        return EXIT_BAD_USAGE;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return simulate(&config, &choices);
}
