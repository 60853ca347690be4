#include "command.h"

#include "exit_code.h"
#include "guardian.h"
#include "judge/budget.h"
#include "judge/judge.h"
#include "report/plot.h"
#include "watch/duration.h"
#include "watch/watching.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Samples in a watch of known length, and how far apart they may be. A short
 * one has fewer, and they are nearer to each other. */
static const double samples_wanted = 300.;
static const double samples_least = 60.;
static const double every_least_s = 0.01;
static const double every_min_s = 0.1;
static const double every_max_s = 10.;
static const double every_unknown_s = 1.; /* where the length is not known */
/* A program that has just been started is not judged at once. */
static const double settle_of_command_s = 1.;

enum {
    KEY_FOLLOW = 256,
    KEY_ALONE,
    KEY_PRELOAD,
    KEY_PROFILE,
    KEY_SUBJECT,
    KEY_EVENTS,
};
enum { PROFILE_KIB = 64, PROFILE_KIB_MAX = 1 << 20 };

struct arguments {
    struct watch_options options;
    const char *times[4]; /* of --for, --every, --settle, --events-every */
    bool wants_preload;
    size_t subjects, events; /* how many of each were named */
};

/* Options that name who is watched, or who counts; by their place in |named|.
 */
static const struct {
    const char *option;
    enum subject_by by;
} subjects[] = {
    {"pid", SUBJECT_BY_PID},
    {"name", SUBJECT_BY_NAME},
    {"cgroup", SUBJECT_BY_CGROUP},
    {"unit", SUBJECT_BY_UNIT},
    {"container", SUBJECT_BY_CONTAINER},
};

static const struct {
    const char *option;
    enum events_by by;
} counters[] = {
    {"events-command", EVENTS_BY_COMMAND},
    {"events-file", EVENTS_BY_FILE},
    {"events-signal", EVENTS_BY_SIGNAL},
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau watch [OPTION...] -- COMMAND [ARGUMENT...]\n"
        "       plateau watch [OPTION...] --pid N | --name PATTERN |\n"
        "              --cgroup PATH | --unit NAME | --container ID\n\n"
        "Samples the memory of a program that somebody else started, or of "
        "COMMAND, and\n"
        "judges it: plateau, or climb? It signals nobody but COMMAND.\n\n"
        "  --pid N            this process, with all that it starts\n"
        "  --name PATTERN     every process of this name (a shell pattern), "
        "each judged\n"
        "  --cgroup PATH      all processes of a cgroup, added up\n"
        "  --unit NAME        those of a unit of systemd\n"
        "  --container ID     those of a container of docker, podman, "
        "containerd, CRI-O\n"
        "  --alone            a process without those that it starts\n"
        "  --follow           when it ends, wait for its successor and judge "
        "that; without\n"
        "                     it, a restart makes the watch INVALID (a pid has "
        "no successor)\n"
        "  --preload          COMMAND tells what its allocator has handed "
        "out, and where: a\n"
        "                     heap profile now and then (dynamically linked "
        "programs;\n"
        "                     LD_PRELOAD)\n"
        "  --profile KIB      a sample of what is allocated so often, a power "
        "of two\n"
        "                     (default %d; 0: no profiles)\n\n",
        PROFILE_KIB);
    (void)printf(
        "  --for TIME         so long (30s, 10m, 8h, 7d); without it until "
        "Ctrl-C, or\n"
        "                     until it ends\n"
        "  --every TIME       a sample so often; as a rule a 300th of --for, "
        "from 100ms (less\n"
        "                     where that is short) to 10s, and 1s without it\n"
        "  --settle TIME      not judged at the beginning (COMMAND: 1s, else "
        "0)\n"
        "  --budget GROWTH    what it may grow: '64 B/event', '1 MiB/h', "
        "'2 %%'\n"
        "  --events-command C a shell command that prints how many requests "
        "there were\n"
        "  --events-every T   how often it is run (default 1s, or --every)\n"
        "  --events-file F    the same from a file: the number in it, or its "
        "lines\n"
        "  --events-signal S  each USR1, USR2 or RTMIN+n that plateau gets is "
        "an event\n"
        "  --out FOLDER       the run folder (default runs/watch-NAME-TIME)\n"
        "  --quiet            no progress\n"
        "  --help             print this\n\n");
    (void)printf(
        "Examples:\n"
        "  plateau watch --for 10m --name nginx --events-file "
        "/var/log/nginx/access.log\n"
        "  plateau watch --for 8h --unit postgresql --follow\n"
        "  plateau watch --for 5m --pid 1234 \\\n"
        "      --events-command 'curl -s localhost:9090/requests_total'\n"
        "  plateau watch --preload -- ./server --port 8080\n\n"
        "Ctrl-C ends the watch and judges what there is; COMMAND gets it as "
        "well, and is\n"
        "killed by a second one. Of COMMAND a status that is not 0 makes the "
        "watch INVALID.\n\n"
        "Exit status: 0 plateau, 1 climb, 2 inconclusive, 3 invalid run,\n"
        "64 bad usage, 70 our own fault, 74 input/output.\n");
}

static int complain(const char *format, const char *word)
{
    (void)fputs("plateau watch: ", stderr);
    (void)fprintf(stderr, "%s%s", format, word);
    (void)fputs(". Try 'plateau watch --help'.\n", stderr);
    return EXIT_USAGE;
}

/* --- parsing ----------------------------------------------------------------
 */

static const struct option long_options[] = {
    {"pid", required_argument, NULL, KEY_SUBJECT},
    {"name", required_argument, NULL, KEY_SUBJECT},
    {"cgroup", required_argument, NULL, KEY_SUBJECT},
    {"unit", required_argument, NULL, KEY_SUBJECT},
    {"container", required_argument, NULL, KEY_SUBJECT},
    {"events-command", required_argument, NULL, KEY_EVENTS},
    {"events-file", required_argument, NULL, KEY_EVENTS},
    {"events-signal", required_argument, NULL, KEY_EVENTS},
    {"for", required_argument, NULL, 0},
    {"every", required_argument, NULL, 1},
    {"settle", required_argument, NULL, 2},
    {"events-every", required_argument, NULL, 3},
    {"follow", no_argument, NULL, KEY_FOLLOW},
    {"alone", no_argument, NULL, KEY_ALONE},
    {"preload", no_argument, NULL, KEY_PRELOAD},
    {"profile", required_argument, NULL, KEY_PROFILE},
    {"budget", required_argument, NULL, 'b'},
    {"out", required_argument, NULL, 'o'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void take_subject(struct arguments *arguments, const char *option)
{
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (strcmp(subjects[i].option, option) == 0) {
            arguments->options.by = subjects[i].by;
            arguments->options.text = optarg;
            arguments->subjects++;
        }
    }
}

static void take_events(struct arguments *arguments, const char *option)
{
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        if (strcmp(counters[i].option, option) == 0) {
            arguments->options.events_by = counters[i].by;
            arguments->options.events_text = optarg;
            arguments->events++;
        }
    }
}

static int take_profile(struct watch_options *options, const char *text)
{
    char *end = NULL;
    unsigned long kib = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' ||
        kib > PROFILE_KIB_MAX || (kib & (kib - 1)) != 0) {
        return complain("--profile takes a power of two up to 1048576 (KiB), "
                        "or 0, not ",
                        text);
    }
    options->profile_kib = (uint32_t)kib;
    return -1;
}

/* -1 to go on, else the exit code. */
static int take_option(struct arguments *arguments, int key, const char *option)
{
    struct watch_options *options = &arguments->options;
    switch (key) {
    case KEY_SUBJECT:
        take_subject(arguments, option);
        return -1;
    case KEY_EVENTS:
        take_events(arguments, option);
        return -1;
    case 0:
    case 1:
    case 2:
    case 3:
        arguments->times[key] = optarg;
        return -1;
    case KEY_FOLLOW:
        options->follows = true;
        return -1;
    case KEY_ALONE:
        options->is_alone = true;
        return -1;
    case KEY_PRELOAD:
        arguments->wants_preload = true;
        return -1;
    case KEY_PROFILE:
        return take_profile(options, optarg);
    case 'b':
        options->budget = optarg;
        return -1;
    case 'o':
        options->folder = optarg;
        return -1;
    case 'q':
        options->is_quiet = true;
        return -1;
    case 'h':
        print_help();
        return 0;
    default:
        return complain("that is no option of ours", "");
    }
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    int key;
    int index = 0;
    optind = 1;
    while ((key = getopt_long(argc, argv, "+h", long_options, &index)) != -1) {
        int code = take_option(arguments, key, long_options[index].name);
        if (code >= 0) {
            return code;
        }
    }
    if (optind < argc) {
        arguments->options.by = SUBJECT_BY_COMMAND;
        arguments->options.argv = argv + optind;
        arguments->subjects++;
    }
    return -1;
}

/* --- checking ---------------------------------------------------------------
 */

/* What was named fits together: -1, or the exit code. */
static int check_words(const struct arguments *arguments)
{
    const struct watch_options *options = &arguments->options;
    struct judge_budget budget;
    struct err err = {0};
    bool is_command = options->argv != NULL;
    if (arguments->subjects != 1) {
        return complain(arguments->subjects == 0
                            ? "name who is to be watched: --pid, --name, "
                              "--cgroup, --unit, --container or -- COMMAND"
                            : "watch one thing at a time: --pid, --name, "
                              "--cgroup, --unit, --container or -- COMMAND",
                        "");
    }
    if (arguments->events > 1) {
        return complain("count events in one way: --events-command, "
                        "--events-file or --events-signal",
                        "");
    }
    if (arguments->wants_preload && !is_command) {
        return complain("--preload is for -- COMMAND: a program that runs "
                        "cannot be given a library",
                        "");
    }
    if (options->follows && (is_command || options->by == SUBJECT_BY_PID)) {
        return complain("--follow is for --name, --cgroup, --unit and "
                        "--container: this has no successor",
                        "");
    }
    if (options->budget[0] != '\0' &&
        budget_parse(options->budget, &budget, &err) != 0) {
        return complain("--budget: ", err.sentence);
    }
    return -1;
}

/* How often a sample is taken in so long a time, where nobody says. */
static double every_of(double judged_s)
{
    double least_s = fmin(every_min_s, judged_s / samples_least);
    double every_s = fmax(judged_s / samples_wanted, least_s);
    return fmin(fmax(every_s, every_least_s), every_max_s);
}

/* It can still be watched for how it goes. */
static void warn_of_few_samples(double judged_s, double every_s)
{
    if (judged_s > 0. && judged_s / every_s < JUDGE_POINTS_MIN) {
        (void)fprintf(stderr,
                      "plateau watch: %g s hold %.0f samples, and a verdict "
                      "takes %d or more: watch for longer, or sample more "
                      "often (--every)\n",
                      judged_s, floor(judged_s / every_s), JUDGE_POINTS_MIN);
    }
}

/* What was not given follows from what was. */
static int check_times(struct arguments *arguments)
{
    struct watch_options *options = &arguments->options;
    double every_s = every_unknown_s;
    double *const places[] = {&options->for_s, &every_s, &options->settle_s,
                              &options->events_every_s};
    static const char *const names[] = {"--for", "--every", "--settle",
                                        "--events-every"};
    options->settle_s = options->argv != NULL ? settle_of_command_s : 0.;
    for (size_t i = 0; i < 4; i++) {
        const char *text = arguments->times[i];
        if (text != NULL && duration_parse(text, places[i]) != 0) {
            (void)fprintf(stderr, "plateau watch: %s ", names[i]);
            (void)fprintf(stderr,
                          "takes a time like 250ms, 30s, 10m, 8h or "
                          "7d, not '%.40s'.\n",
                          text);
            return EXIT_USAGE;
        }
    }
    if (arguments->times[0] != NULL && options->for_s < 1.) {
        return complain("--for should be a second or more", "");
    }
    if (options->for_s > 0. && options->settle_s >= options->for_s) {
        return complain("--settle should be shorter than --for", "");
    }
    double judged_s =
        options->for_s > 0. ? options->for_s - options->settle_s : 0.;
    if (arguments->times[1] == NULL && judged_s > 0.) {
        every_s = every_of(judged_s);
    }
    if (!(every_s >= every_least_s && every_s <= 60.)) {
        return complain("--every should be 10ms to 60s", "");
    }
    warn_of_few_samples(judged_s, every_s);
    options->sample_ms = (uint32_t)lround(every_s * 1e3);
    if (arguments->times[3] == NULL) {
        options->events_every_s = fmax(every_s, 1.);
    }
    return -1;
}

/* What a command of ours starts must not outlive us. Where nobody is started
 * there is nobody to guard; signals that are events must come to this very
 * process, so that it goes without. */
static void begin_guardian(const struct watch_options *options)
{
    const struct guardian_config guardian = {
        .who = "plateau watch", .exit_code = EXIT_SOFTWARE, .tidy = plot_tidy};
    int result = options->by == SUBJECT_BY_COMMAND &&
                         options->events_by != EVENTS_BY_SIGNAL
                     ? guardian_begin(&guardian)
                     : 0;
    if (result != 0) {
        (void)fprintf(stderr,
                      "plateau watch: goes on without its guardian: %s; what "
                      "the command starts may outlive a kill -9 of it\n",
                      strerror(-result));
    }
}

static int watch(struct arguments *arguments)
{
    char preload[HOST_PATH_MAX] = "";
    char folder[HOST_PATH_MAX];
    struct err err = {0};
    if (arguments->wants_preload && command_preload(preload) != 0) {
        return complain("the library for --preload does not lie beside this "
                        "program; build the whole project",
                        "");
    }
    arguments->options.preload = preload;
    begin_guardian(&arguments->options);
    int result = watch_execute(&arguments->options, folder, &err);
    if (result != 0) {
        command_complain(&err);
        /* Whom the arguments name is not there. */
        return result == -ESRCH || result == -E2BIG || result == -ENOENT
                   ? EXIT_USAGE
                   : command_exit_code(result);
    }
    return command_judge(folder);
}

int cmd_watch(int argc, char **argv)
{
    struct arguments arguments = {
        .options = {.budget = "", .profile_kib = PROFILE_KIB}};
    int code = parse(argc, argv, &arguments);
    if (code < 0) {
        code = check_words(&arguments);
    }
    if (code < 0) {
        code = check_times(&arguments);
    }
    return code >= 0 ? code : watch(&arguments);
}
