/* group_base.h - where in a tree of control groups those of a run are made.
 *
 * Version 1: below the group that we are in. In version 2 a group that holds
 * processes hands no controller on (cgroup-v2.rst, "No Internal Process
 * Constraint"). So either they are made beside ours; or in ours, out of which
 * we go first, into a leaf of it. That is what a delegated group is for
 * (systemd's Delegate=yes): what is made in it belongs to the unit still, is
 * limited with it and ends with it. Only if nobody but this program is in it:
 * we move no strangers.
 *
 * Platform seam: one of group_base_linux.c or group_base_win32.c.
 */
#ifndef PLATEAU_ISOLATE_GROUP_BASE_H
#define PLATEAU_ISOLATE_GROUP_BASE_H

#include "host.h"

/* In the order in which they are worth trying. */
enum group_base_way {
    GROUP_BASE_OWN,       /* ours holds processes and hands memory on: the
                             tree's root, and all of version 1 */
    GROUP_BASE_DELEGATED, /* in ours, which was given to us */
    GROUP_BASE_BESIDE,    /* in the one above ours */
    GROUP_BASE_LEFT,      /* in ours: in a container there may be none above */
    GROUP_BASE_WAYS,
};

/* Opens a place for groups, by one way: |own| is the group that we are in,
 * |version| its tree's and |top| where that is mounted. 0 and the folder in
 * |ret_base|, or -errno, and nothing has changed: -ENOENT there is none by that
 * way, -EBUSY others are in our group, ... */
int group_base_open(enum group_base_way way, int version, const char *top,
                    const char *own, char ret_base[HOST_PATH_MAX]);

/* Goes back to where we were, if the way was to leave it, and if no group with
 * memory figures is left in |base|. */
void group_base_close(const char *base);

#endif
