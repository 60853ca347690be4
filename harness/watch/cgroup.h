/* cgroup.h - find the control group of a service or a container.
 *
 * Each is a folder in one of the trees of isolate/group_tree.h; of several
 * trees with the group the first counts, version 2 before version 1.
 *
 * Platform seam: one of cgroup_linux.c or cgroup_win32.c.
 */
#ifndef PLATEAU_WATCH_CGROUP_H
#define PLATEAU_WATCH_CGROUP_H

#include "err.h"
#include "host.h"
#include "isolate/group_tree.h"
#include "sample/cgroup_figures.h"

enum { CGROUP_ID_MIN = 6 }; /* characters of a container's id */

/* How a group is named. */
enum cgroup_by {
    CGROUP_BY_PATH,      /* a folder, or its path within a tree */
    CGROUP_BY_UNIT,      /* "nginx.service"; without an ending, .service */
    CGROUP_BY_CONTAINER, /* the beginning of its id: docker, podman, containerd,
                            CRI-O */
};

/* Finds a group. 0 and its folder in |ret_folder|; or -errno and |err|: -ENOENT
 * when there is none, -EINVAL when there are several or |name| is no name. */
int cgroup_find(const struct group_trees *trees, enum cgroup_by by,
                const char *name, char ret_folder[HOST_PATH_MAX],
                struct err *err);

/* Opens the memory figures of the group |folder|: its own or, where another
 * tree has those (version 1), of the group of the same path there, if |pid|,
 * who is in |folder|, is in that too. 0 and *ret_figures; -ENOENT: there are
 * none; or another -errno. */
int cgroup_open_figures(const struct group_trees *trees, const char *folder,
                        int64_t pid, struct cgroup_figures **ret_figures);

#endif
