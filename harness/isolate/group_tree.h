/* group_tree.h - the trees of control groups that this machine has.
 *
 * A control group is a folder in a tree that the kernel mounts, whose file
 * cgroup.procs lists its processes (cgroups(7)). There is one tree of version
 * 2, several of version 1, or both at once. They are looked for in
 * /proc/self/mountinfo, never assumed.
 *
 * Platform seam: one of group_tree_linux.c or group_tree_win32.c.
 */
#ifndef PLATEAU_ISOLATE_GROUP_TREE_H
#define PLATEAU_ISOLATE_GROUP_TREE_H

#include "host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GROUP_TREES_MAX = 32,           /* what comes after is not looked at */
    GROUP_TREE_FOLDERS_MAX = 20000, /* likewise, in one walk */
    GROUP_TREE_DEPTH_MAX = 16,
    GROUP_TREE_OPTIONS_SIZE = 128,
};

struct group_tree {
    int version;                           /* 1 or 2 */
    bool has_memory;                       /* its groups have memory figures */
    char options[GROUP_TREE_OPTIONS_SIZE]; /* version 1: its controllers */
    char folder[HOST_PATH_MAX];            /* where it is mounted */
    char root[HOST_PATH_MAX]; /* which of its groups is seen there */
};

/* Some 270 KB: not for a stack. */
struct group_trees {
    struct group_tree list[GROUP_TREES_MAX];
    size_t count;
};

/* Finds the trees of this machine, version 2 before version 1. 0 or -errno;
 * none is 0 and a count of 0. */
int group_trees_find(struct group_trees *ret_trees);

/* The same from another file than /proc/self/mountinfo. */
int group_trees_read(const char *mountinfo, struct group_trees *ret_trees);

/* The folder of the group of |tree| that process |pid| is in (0: we). 0; or
 * -ENOENT: it has ended, or is in one that is not seen here. */
int group_tree_place(const struct group_tree *tree, int64_t pid,
                     char ret_folder[HOST_PATH_MAX]);

/* Whether |folder| is a group. */
bool group_tree_is_group(const char *folder);

/* Whether the first line of the file |name| in |folder| has |word|. */
bool group_tree_has_word(const char *folder, const char *name,
                         const char *word);

/* Writes |word| to the file |name| in |folder|. 0 or -errno. */
int group_tree_write_word(const char *folder, const char *name,
                          const char *word);

/* Told of each group: 0 to go on, else the walk ends with that result. */
typedef int group_tree_visit(void *context, const char *path, const char *name);

/* Goes through the groups below |folder|, each before those below it. */
int group_tree_walk(const char *folder, group_tree_visit *visit, void *context);

/* The processes in |folder| and the groups below it, those outside our view
 * left out. 0 and *ret_count, which may be above |max|: so many are written at
 * the most; or -ENOENT: there is no such group any more. */
int group_tree_members(const char *folder, int64_t *ret_pids, size_t max,
                       size_t *ret_count);

#endif
