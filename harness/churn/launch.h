/* launch.h - what a role's command becomes for one life of one slot.
 *
 * Placeholders are filled in, the program is found (PATH is searched when its
 * word has no slash), and the environment is ours with the role's own on top
 * and the place of the tally page.
 */
#ifndef PLATEAU_LAUNCH_H
#define PLATEAU_LAUNCH_H

#include "err.h"
#include "scenario/scenario.h"

#include <stdint.h>

enum {
    LAUNCH_READY_FD = 3, /* {ready_fd} */
    LAUNCH_TALLY_FD = 4, /* PLATEAU_TALLY=fd:4 */
};

/* What the placeholders stand for. */
struct launch_values {
    const char *id; /* ROLE-ORDINAL */
    uint32_t ordinal;
    uint32_t slot;
    int64_t generation;
    const char *host;
    uint32_t port;
    uint64_t seed;
    const char *dir;
    const char *peers;
    const char *meshnode; /* "": there is none */
    const char *preload;  /* likewise; its sibling NAME_heap.so, where it is
                           * there, takes its place for a heap profile */
    const char *run;
    const char *mark_name;    /* a variable of the environment; NULL: none */
    const char *mark;         /* its value */
    const char *heap;         /* PLATEAU_HEAP; "": no heap profiles */
    uint32_t heap_sample_kib; /* a power of two */
    bool leaves_jemalloc;     /* whose own profiler stays as it is */
    /* For the hosts and ports of other roles; NULL: there are none. */
    const struct scenario *scenario;
};

/* By what it is to be found ready: what its rule does not need is NULL. */
struct launch_readiness {
    char *path;    /* of the file */
    char *program; /* of the command; for spawn_process() */
    char **argv;
    char **envp;  /* the role's, without what makes a tally of the process */
    char *folder; /* as the process's */
};

/* To be written into {dir}. */
struct launch_file {
    char *path; /* within it */
    char *text;
};

/* Owned; ready for spawn_process(). */
struct launch {
    char *program; /* with |folder|: absolute */
    char **argv;
    char **envp;
    char *folder; /* to work in; NULL: ours */
    struct launch_file *files;
    uint32_t files_count;
    struct launch_readiness ready;
};

/* 0 and *ret_launch, to be released; or -errno and |err|: -ENOENT or -EACCES
 * when there is no such program (role, word and PATH in the sentence). */
int launch_make(const struct scenario_role *role,
                const struct launch_values *values, struct launch *ret_launch,
                struct err *err);

/* Both accept zeroes, and leave them. */
void launch_deinit(struct launch *launch);
void launch_readiness_deinit(struct launch_readiness *ready);

#endif
