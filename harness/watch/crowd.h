/* crowd.h - several processes that are one thing to whoever watches them.
 *
 * A service or a container is judged as a whole: what its processes hold is
 * added up, whichever of them hold it. They come and go; who belongs to it is
 * told at each update. Resident memory counts shared pages once a process;
 * private memory, which is judged, has none.
 *
 * A figure that cannot be read of one member is -1 of all: a sum with a hole is
 * no figure. CPU time of those that have left stays in the sum.
 */
#ifndef PLATEAU_WATCH_CROWD_H
#define PLATEAU_WATCH_CROWD_H

#include "sample/probe.h"

#include <stddef.h>
#include <stdint.h>

enum {
    CROWD_MEMBERS_MAX = 1024,

    CROWD_OK = 0,
    CROWD_REPLACED = 1, /* it has members, none of which it had before */
    CROWD_EMPTY = 2,    /* none of them lives */
};

struct crowd_member {
    int64_t pid;
    int64_t cpu_ns; /* at its latest detailed reading */
    struct probe *probe;
    int is_wanted; /* while an update goes on */
};

/* Zeroes are an empty crowd. */
struct crowd {
    struct crowd_member members[CROWD_MEMBERS_MAX];
    size_t count;
    int64_t departed_cpu_ns;
};

/* Lets go of all. */
void crowd_deinit(struct crowd *crowd);

/* The members are |pids| now; those that have ended or cannot be looked at are
 * left out. CROWD_*; -E2BIG beyond CROWD_MEMBERS_MAX, or -errno (-EACCES: not
 * ours to look at; -EMFILE), and those that there is room for are in it. */
int crowd_update(struct crowd *crowd, const int64_t *pids, size_t count);

/* Adds one reading of each up. PROBE_OK, or PROBE_GONE when none is left. */
int crowd_sample(struct crowd *crowd, enum probe_depth depth,
                 struct probe_sample *ret_sample);

#endif
