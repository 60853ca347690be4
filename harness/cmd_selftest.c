#include "command.h"

#include "exit_code.h"
#include "judge/selftest.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t SEED = 414213;
static const uint64_t SERIES = 200;
static const uint64_t SERIES_QUICK = 20;

static void print_help(void)
{
    (void)printf(
        "Usage: plateau selftest [OPTION...]\n\n"
        "Judges generated series of known truth (healthy ones, unsettled ones, "
        "leaks) and\n"
        "prints how often the judge was wrong, with exact binomial intervals. "
        "The same\n"
        "seed gives the same tables everywhere.\n\n"
        "  --against        ask Mann-Kendall, least squares, last against "
        "first and\n"
        "                   Theil-Sen with a margin as well, on the same "
        "series\n"
        "  --series N       of each family and length (default 200)\n"
        "  --seed N         another draw (default 414213)\n"
        "  --quick          20 series, and none longer than 300 points\n"
        "  --help           print this\n\n"
        "Exit status: 0 all promised figures hold, 1 some do not, 64 bad "
        "usage,\n70 our own fault.\n");
}

/* A whole number from |least| to |most|. */
static bool parse_count(const char *text, uint64_t least, uint64_t most,
                        uint64_t *ret_count)
{
    char *end;
    errno = 0;
    unsigned long long count = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
        count < least || count > most) {
        return false;
    }
    *ret_count = count;
    return true;
}

/* 0: go on; else what to exit with, less 1. */
static int parse_options(int argc, char **argv,
                         struct selftest_options *options)
{
    static const struct option known[] = {
        {"against", no_argument, NULL, 'a'},
        {"series", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"quick", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int key;
    optind = 1;
    while ((key = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        bool is_good = true;
        if (key == 'h') {
            print_help();
            return 1 + EXIT_SUCCESS;
        } else if (key == 'a') {
            options->has_rivals = true;
        } else if (key == 'k') {
            options->is_quick = true;
        } else if (key == 's') {
            is_good = parse_count(optarg, 0, UINT64_MAX, &options->seed);
        } else if (key == 'n') {
            is_good =
                parse_count(optarg, 1, SELFTEST_SERIES_MAX, &options->series);
        } else {
            is_good = false;
        }
        if (!is_good) {
            break;
        }
    }
    if (key == -1 && optind == argc) {
        return 0;
    }
    (void)fprintf(stderr,
                  "plateau selftest: bad usage; --seed takes a whole number, "
                  "--series one from 1 to %d. Try 'plateau selftest --help'.\n",
                  SELFTEST_SERIES_MAX);
    return 1 + EXIT_USAGE;
}

int cmd_selftest(int argc, char **argv)
{
    struct selftest_options options = {.seed = SEED};
    int early = parse_options(argc, argv, &options);
    if (early != 0) {
        return early - 1;
    }
    if (options.series == 0) {
        options.series = options.is_quick ? SERIES_QUICK : SERIES;
    }
    options.progress = isatty(STDERR_FILENO) ? stderr : NULL;
    struct selftest *selftest = calloc(1, sizeof *selftest);
    int result = selftest == NULL ? -ENOMEM : selftest_run(&options, selftest);
    int code = EXIT_SOFTWARE;
    if (result == 0) {
        code = selftest_print(selftest, stdout) == 0 ? 0 : 1;
    } else {
        (void)fprintf(stderr, "plateau selftest: %s\n", strerror(-result));
    }
    free(selftest);
    return code;
}
