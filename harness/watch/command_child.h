/* command_child.h - the one process that a watch starts itself.
 *
 * `plateau watch -- COMMAND` runs it as a shell would: in our folder, with our
 * environment, output and error; its input is ours unless that is a terminal,
 * which it does not get (it leads a process group of its own, and a terminal is
 * read by one group). It finds a tally page at descriptor 4, said by
 * PLATEAU_TALLY, and, where that is asked for, the library in LD_PRELOAD that
 * fills it. It dies with us, however we die, and so does what it started.
 */
#ifndef PLATEAU_WATCH_COMMAND_CHILD_H
#define PLATEAU_WATCH_COMMAND_CHILD_H

#include "churn/spawn.h"
#include "err.h"
#include "sample/tally_page.h"
#include "sample/tree.h"

#include <stdbool.h>
#include <stdint.h>

enum { COMMAND_CHILD_HOW_SIZE = 96 };

/* PLATEAU_MARK in its environment tells its descendants: this and 0. */
#define COMMAND_CHILD_MARK_NAME "PLATEAU_MARK"

struct command_child {
    struct spawn_child child; /* pid 0: never started, or reaped */
    struct tally_page page;   /* fd -1: none */
    char mark[32];
    struct spawn_exit end; /* once it has ended */
    bool has_ended;
};

/* Makes one that is not started. 0 or -errno and |err|. */
int command_child_init(struct command_child *command, struct err *err);

/* What is put before the command. */
struct command_child_preload {
    const char *library;  /* the path; "": nothing is */
    const char *heap;     /* PLATEAU_HEAP; "": no heap profiles */
    uint32_t profile_kib; /* of them; a power of two */
};

/* Starts |argv|. 0; or -errno and |err|, -ENOENT or -EACCES when there is no
 * such program. */
int command_child_start(struct command_child *command, char *const *argv,
                        const struct command_child_preload *preload,
                        struct err *err);

/* Sends |signal| to it and to its process group. */
void command_child_signal(struct command_child *command, int signal);

/* Once its pidfd is readable: |end| is known. What it started is left. */
void command_child_reap(struct command_child *command);

/* Kills it if it lives, with all in |tree| (NULL: none), and gives everything
 * back. */
void command_child_deinit(struct command_child *command, struct tree *tree);

/* "ended with exit status 3", "was killed by signal 11 (SEGV)". Returns
 * |text|. */
char *command_child_how(const struct command_child *command,
                        char text[COMMAND_CHILD_HOW_SIZE]);

#endif
