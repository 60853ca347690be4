/* Happy path: nobody but front, guardian and supervisor is in the group that a
 * unit was given; they move to "plateau-supervisor" in it, and it hands memory
 * on. Failure modes: it is not ours to write, others are in it, it has no
 * memory controller itself (nobody is moved); the kernel does not hand it on,
 * since somebody out of our sight is in it (all move back). */
#include "isolate/group_base.h"

#include "isolate/group_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    OURS_MAX = 8, /* processes of this program: front, guardian, supervisor */
    PATH_SIZE = HOST_PATH_MAX + 64,
};

static const char leaf_name[] = "plateau-supervisor";
static const char handed_on[] = "cgroup.subtree_control";

/* --- who is in it -----------------------------------------------------------
 */

static bool runs_this_program(int64_t pid)
{
    char path[64];
    struct stat own, its;
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/exe", pid);
    return stat("/proc/self/exe", &own) == 0 && stat(path, &its) == 0 &&
           own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

static int list_ours(const char *folder, int64_t pids[OURS_MAX],
                     size_t *ret_count)
{
    int result = group_tree_members(folder, pids, OURS_MAX, ret_count);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < *ret_count; i++) {
        if (i >= OURS_MAX || !runs_this_program(pids[i])) {
            return -EBUSY;
        }
    }
    return 0;
}

/* Moves whoever is in |from|, if all are of this program. */
static int move_ours(const char *from, const char *to)
{
    int64_t pids[OURS_MAX];
    char number[32];
    size_t count = 0;
    int result = list_ours(from, pids, &count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        (void)snprintf(number, sizeof number, "%" PRId64, pids[i]);
        result = group_tree_write_word(to, "cgroup.procs", number);
        result = result == -ESRCH ? 0 : result; /* it has just ended */
    }
    return result;
}

/* --- leaving and going back -------------------------------------------------
 */

static int name_leaf(const char *own, char ret_leaf[PATH_SIZE])
{
    return snprintf(ret_leaf, PATH_SIZE, "%s/%s", own, leaf_name) < PATH_SIZE
               ? 0
               : -ENAMETOOLONG;
}

/* The kernel takes memory back only from groups none of which hands it on. */
void group_base_close(const char *base)
{
    char leaf[PATH_SIZE];
    if (name_leaf(base, leaf) == 0 && group_tree_is_group(leaf) &&
        group_tree_write_word(base, handed_on, "-memory") == 0 &&
        move_ours(leaf, base) == 0) {
        (void)rmdir(leaf);
    }
}

static int leave(const char *own)
{
    int64_t pids[OURS_MAX];
    size_t count = 0;
    char leaf[PATH_SIZE];
    if (!group_tree_has_word(own, "cgroup.controllers", "memory")) {
        return -ENOENT;
    }
    int result = list_ours(own, pids, &count);
    if (result == 0) {
        result = name_leaf(own, leaf);
    }
    if (result == 0 && mkdir(leaf, 0755) < 0 && errno != EEXIST) {
        result = -errno;
    }
    if (result != 0) {
        return result;
    }
    result = move_ours(own, leaf);
    if (result == 0) {
        result = group_tree_write_word(own, handed_on, "+memory");
    }
    if (result != 0) {
        group_base_close(own);
    }
    return result;
}

/* --- the ways ---------------------------------------------------------------
 */

/* systemd says so since version 251 (systemd.resource-control(5)); one of a
 * user's own may not. Being the owner is not enough: systemd stops a unit in
 * which the kernel has killed somebody for want of memory, unless it was
 * delegated (systemd.service(5), OOMPolicy=), and limits are there to be hit.
 */
static bool is_delegated(const char *own)
{
    char value[2] = "";
    return getxattr(own, "user.delegate", value, sizeof value) == 1 &&
           value[0] == '1';
}

static int open_beside(const char *top, const char *own,
                       char ret_base[HOST_PATH_MAX])
{
    const char *slash = strrchr(own, '/');
    if (strlen(own) <= strlen(top) || slash == NULL) {
        return -ENOENT;
    }
    (void)snprintf(ret_base, HOST_PATH_MAX, "%.*s", (int)(slash - own), own);
    return group_tree_has_word(ret_base, handed_on, "memory") ? 0 : -ENOENT;
}

int group_base_open(enum group_base_way way, int version, const char *top,
                    const char *own, char ret_base[HOST_PATH_MAX])
{
    (void)snprintf(ret_base, HOST_PATH_MAX, "%s", own);
    bool hands_on =
        version == 1 || group_tree_has_word(own, handed_on, "memory");
    if (hands_on != (way == GROUP_BASE_OWN)) {
        return -ENOENT;
    }
    switch (way) {
    case GROUP_BASE_DELEGATED:
        return is_delegated(own) ? leave(own) : -ENOENT;
    case GROUP_BASE_BESIDE:
        return open_beside(top, own, ret_base);
    case GROUP_BASE_LEFT:
        return leave(own);
    default:
        return 0;
    }
}
