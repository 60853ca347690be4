/* cgroup.h - the processes that a control group holds.
 *
 * A service of systemd and a container are each a cgroup: a folder in a tree
 * that the kernel mounts, whose file cgroup.procs lists its processes (cgroups
 * (7)). Version 2 and the trees of version 1 are looked for in
 * /proc/self/mountinfo, never assumed; of several trees with the group the
 * first counts, version 2 before version 1.
 *
 * Platform seam: one of cgroup_linux.c or cgroup_win32.c.
 */
#ifndef PLATEAU_WATCH_CGROUP_H
#define PLATEAU_WATCH_CGROUP_H

#include "err.h"
#include "host.h"

#include <stddef.h>
#include <stdint.h>

enum {
    CGROUP_TREES_MAX = 32,
    CGROUP_FOLDERS_MAX = 20000, /* looked through; what comes after is not */
    CGROUP_DEPTH_MAX = 16,
    CGROUP_ID_MIN = 6, /* characters of a container's id */
};

/* Where the trees are. */
struct cgroup_trees {
    char folders[CGROUP_TREES_MAX][HOST_PATH_MAX];
    size_t count;
};

/* Finds the trees of this machine. 0 or -errno; none is 0 and a count of 0. */
int cgroup_find_trees(struct cgroup_trees *ret_trees);

/* How a group is named. */
enum cgroup_by {
    CGROUP_BY_PATH,      /* a folder, or its path within a tree */
    CGROUP_BY_UNIT,      /* "nginx.service"; without an ending, .service */
    CGROUP_BY_CONTAINER, /* the beginning of its id: docker, podman, containerd,
                            CRI-O */
};

/* Finds a group. 0 and its folder in |ret_folder|; or -errno and |err|: -ENOENT
 * when there is none, -EINVAL when there are several or |name| is no name. */
int cgroup_find(const struct cgroup_trees *trees, enum cgroup_by by,
                const char *name, char ret_folder[HOST_PATH_MAX],
                struct err *err);

/* The processes in |folder| and the groups below it, those outside our view
 * left out. 0 and *ret_count, which may be above |max|: so many are written at
 * the most; or -ENOENT: there is no such group any more. */
int cgroup_members(const char *folder, int64_t *ret_pids, size_t max,
                   size_t *ret_count);

#endif
