#include "command.h"

#include "event_list.h"
#include "exit_code.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    (void)printf(
        "Usage: plateau events RUN\n\n"
        "Prints the churn events of a recorded run (its folder, or the run.db "
        "in it) as\n"
        "CSV: t_s,slot,kind,parameter_s. t_s is seconds of churn, ebbs left "
        "out; slot is\n"
        "ROLE-ORDINAL; kind is kill, stop, pause, starting, mass "
        "or\n"
        "partition; parameter_s is how long a pause or a partition lasts, or "
        "how soon\n"
        "after its start a life is abandoned.\n\n"
        "'plateau run --replay' does such a list again, from the run or from "
        "the file.\n\n"
        "Exit status: 0, 64 bad usage, 65 unreadable data, 74 input/output.\n");
}

int cmd_events(int argc, char **argv)
{
    struct err err = {0};
    if (argc == 2 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help();
        return 0;
    }
    if (argc != 2 || argv[1][0] == '-') {
        (void)fprintf(stderr, "plateau events: name one run. Try 'plateau "
                              "events --help'.\n");
        return EXIT_USAGE;
    }
    int result = event_list_print(argv[1], stdout, &err);
    if (result == 0) {
        return 0;
    }
    if (err.file[0] == '\0') {
        (void)snprintf(err.file, sizeof err.file, "%.255s", argv[1]);
    }
    command_complain(&err);
    return result == -ENOENT ? EXIT_DATA : command_exit_code(result);
}
