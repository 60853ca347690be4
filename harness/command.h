/* command.h - plateau's subcommands, as one table in main.c.
 *
 * Each reads its own arguments (argv[0] is its name) and returns an exit code
 * of exit_code.h. What a person must read goes to standard error; results go
 * to standard output.
 */
#ifndef PLATEAU_COMMAND_H
#define PLATEAU_COMMAND_H

#include "err.h"
#include "host.h"

struct assessment;

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_reference(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/* Prints what a person must read to standard error. */
void command_complain(const struct err *err);

/* The exit code for a failure -errno that is no verdict. */
int command_exit_code(int error);

/* Judges the run in |folder|, draws its plots, prints the summary and keeps it
 * there as summary.txt. Returns the exit code. */
int command_judge(const char *folder);

/* The same for a store that may be called otherwise, and its folder. */
int command_judge_store(const char *path, const char *folder);

/* Judges the run in the store at |path|, and that is all. 0 and
 * *ret_assessment, to be released; or an exit code, and what is wrong has been
 * said. */
int command_assess(const char *path, struct assessment *ret_assessment);

/* Where the programs and files that come with plateau are, found from the
 * place of the running program: absolute. 0 or -ENOENT. */
int command_meshnode(char ret_path[HOST_PATH_MAX]);
/* The library for LD_PRELOAD; likewise. */
int command_preload(char ret_path[HOST_PATH_MAX]);
int command_reports(char ret_path[HOST_PATH_MAX]);

#endif
