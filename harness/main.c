/* plateau: does a network program's memory plateau under churn, or climb? */
#include "command.h"
#include "exit_code.h"
#include "plateau_version.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"run", cmd_run, "run a scenario, judge it, report"},
    {"watch", cmd_watch, "sample and judge what somebody else started"},
    {"check", cmd_check, "judge a recorded run, or a CSV file, again"},
    {"events", cmd_events, "print the churn events of a recorded run as CSV"},
    {"report", cmd_report, "say what a heap holds, or how two differ"},
    {"reference", cmd_reference, "print what a scenario may say"},
    {"selftest", cmd_selftest, "measure how often the judge is wrong"},
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau COMMAND [ARGUMENT...]\n\n"
        "Churns real processes on a tight loop, watches the ones that are "
        "never killed,\n"
        "and decides from their memory: plateau, or climb?\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        (void)printf("  %-10s %s\n", commands[i].name, commands[i].about);
    }
    (void)printf(
        "  %-10s print the version\n\n"
        "'plateau COMMAND --help' tells more.\n\n"
        "Exit status: 0 plateau, 1 climb, 2 inconclusive, 3 invalid run,\n"
        "64 bad usage or scenario, 65 unreadable data, 70 our own fault, 74 "
        "input/output.\n",
        "--version");
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        print_help();
        return argc > 1 ? 0 : EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0) {
        (void)printf("plateau %s\n", PLATEAU_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "plateau: no command '%s'; there are:", word);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        (void)fprintf(stderr, "%s %s", i == 0 ? "" : ",", commands[i].name);
    }
    (void)fprintf(stderr, ". Try 'plateau --help'.\n");
    return EXIT_USAGE;
}
