/* group.h - control groups of a run's own.
 *
 * Where the machine lets us, each process that lives through the run gets a
 * cgroup: what it starts is in it too, whatever becomes of its parent, its
 * session or its environment. What the kernel charges to the group can be read
 * (sample/cgroup_figures.h), and a limit of memory holds for all of them
 * together.
 *
 * The tree with the memory controller is looked for, never assumed: version 2
 * (cgroups(7), Documentation/admin-guide/cgroup-v2.rst) or version 1. Where in
 * it they are made is in group_base.h. That takes the right to write there:
 * root's, or a delegated tree (a unit with Delegate=yes, or any of a user's
 * own: systemd-run --user --scope).
 *
 * The groups are empty folders once their processes have ended; group_free()
 * and, when the supervisor was killed, group_remove() take them away. What both
 * missed is found and removed by the next run.
 *
 * Platform seam: one of group_linux.c or group_win32.c (a job object).
 */
#ifndef PLATEAU_ISOLATE_GROUP_H
#define PLATEAU_ISOLATE_GROUP_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct group;
struct group_place;

/* Makes the run's group, with nobody in it. 0 and *ret_group; or -errno and
 * |err|, why there are none here: -ENOENT no tree with memory figures, -EACCES
 * not ours to make, ... */
int group_new(struct group **ret_group, struct err *err);

/* Lets go of the places and removes what is empty. Accepts NULL. */
void group_free(struct group *group);

/* The run's folder in the tree; absolute, lent. */
const char *group_folder(const struct group *group);

/* The version of the tree, 1 or 2. */
int group_version(const struct group *group);

/* Makes the place |name| (no slash). |memory_limit_bytes|: what all in it may
 * hold together; 0: no limit. 0 and *ret_place, which is the group's; or -errno
 * and |err|. */
int group_add(struct group *group, const char *name,
              uint64_t memory_limit_bytes, struct group_place **ret_place,
              struct err *err);

/* The place's folder; and the descriptor through which a process enters it:
 * spawn_process() does. Both lent. */
const char *group_place_folder(const struct group_place *place);
int group_place_fd(const struct group_place *place);

/* How many processes in it the kernel has killed because of its limit. */
int64_t group_place_kills(const struct group_place *place);

/* The place that process |pid| is in, whatever became of its parent, its
 * session and its environment; the group's. NULL: in none. */
const struct group_place *group_find(const struct group *group, int64_t pid);

/* Ends whoever is in the group |folder| or below it: with one word where the
 * kernel does that (version 2 since Linux 5.14), else one by one, so that who
 * forks meanwhile is missed. To be called until it returns false: nobody is
 * there any more, nor is the group, perhaps. */
bool group_kill(const char *folder);

/* Removes the run's group |folder| and its places, as far as they are empty. */
void group_remove(const char *folder);

#endif
