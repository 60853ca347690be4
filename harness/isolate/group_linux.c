/* Happy path: group_new() finds the tree in /proc/self/mountinfo and our place
 * in it in /proc/self/cgroup, makes "plateau-PID-N" where group_base.h says,
 * and a folder in that for each place. Failure modes: there is no tree, or it
 * is read-only, or not ours to write (nothing is made, and why is said); a
 * group cannot be removed while somebody is in it (rmdir says EBUSY, and it
 * stays). */
#include "isolate/group.h"

#include "host.h"
#include "isolate/group_base.h"
#include "isolate/group_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_SIZE = 4096,
    PATH_SIZE = HOST_PATH_MAX + 64,
    STALE_S = 60,
    NAMES_MAX = 16,
    KILLED_MAX = 256, /* at a time */
};

static const char name_start[] = "plateau-";

struct group_place {
    struct group_place *next;
    int procs;
    char folder[PATH_SIZE];
};

struct group {
    struct group_tree tree;
    struct group_place *places;
    char folder[HOST_PATH_MAX];
};

/* --- ending -----------------------------------------------------------------
 */

static bool is_listed(int64_t pid, const int64_t *pids, size_t count)
{
    for (size_t i = 0; i < count && i < KILLED_MAX; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* Who is in the list may have ended meanwhile, and its number be another's:
 * all are held first, and signalled is who is in the list still then. */
static bool kill_listed(const char *folder)
{
    int64_t pids[KILLED_MAX], again[KILLED_MAX];
    int pidfds[KILLED_MAX];
    size_t count = 0, count_again = 0;
    if (group_tree_members(folder, pids, KILLED_MAX, &count) != 0) {
        return false;
    }
    size_t held = count < KILLED_MAX ? count : KILLED_MAX;
    for (size_t i = 0; i < held; i++) {
        pidfds[i] = (int)syscall(SYS_pidfd_open, (pid_t)pids[i], 0);
    }
    (void)group_tree_members(folder, again, KILLED_MAX, &count_again);
    for (size_t i = 0; i < held; i++) {
        if (pidfds[i] < 0) {
            continue;
        }
        if (is_listed(pids[i], again, count_again)) {
            (void)syscall(SYS_pidfd_send_signal, pidfds[i], SIGKILL, NULL, 0);
        }
        (void)close(pidfds[i]);
    }
    return count > 0;
}

bool group_kill(const char *folder)
{
    if (group_tree_write_word(folder, "cgroup.kill", "1") != 0) {
        return kill_listed(folder);
    }
    /* "populated 1" is the file's first line (cgroups(7)). */
    return group_tree_has_word(folder, "cgroup.events", "1");
}

/* --- removing ---------------------------------------------------------------
 */

static void remove_folders(const char *folder)
{
    char path[PATH_SIZE + LINE_SIZE];
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            (void)rmdir(path);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    (void)rmdir(folder);
}

void group_remove(const char *folder)
{
    char base[PATH_SIZE];
    const char *slash = strrchr(folder, '/');
    remove_folders(folder);
    if (slash != NULL &&
        snprintf(base, sizeof base, "%.*s", (int)(slash - folder), folder) <
            (int)sizeof base) {
        group_base_close(base);
    }
}

/* Whether it is of a run that is over: its supervisor is not there, and it is
 * not of one in another pid namespace that has just begun either. */
static bool is_stale(const char *path, const char *name)
{
    struct stat st;
    long pid = strtol(name + strlen(name_start), NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH &&
           stat(path, &st) == 0 && time(NULL) - st.st_ctime > STALE_S;
}

/* What runs left whose guardians were killed with them. */
static void remove_stale(const char *base)
{
    char path[PATH_SIZE + LINE_SIZE];
    DIR *entries = opendir(base);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (strncmp(entry->d_name, name_start, strlen(name_start)) == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
            if (is_stale(path, entry->d_name)) {
                remove_folders(path);
            }
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

/* --- making -----------------------------------------------------------------
 */

/* A run in another pid namespace may have our number, and one that is over may
 * have left its group a moment ago: then the next name is taken. */
static int make_run_folder(struct group *group, const char *base)
{
    int result = -EEXIST;
    for (int i = 0; i < NAMES_MAX && result == -EEXIST; i++) {
        if (snprintf(group->folder, sizeof group->folder, "%s/%s%ld-%d", base,
                     name_start, (long)getpid(),
                     i) >= (int)sizeof group->folder) {
            return -ENAMETOOLONG;
        }
        result = mkdir(group->folder, 0755) < 0 ? -errno : 0;
    }
    return result;
}

static int make_run_group(struct group *group, const char *base)
{
    int result = make_run_folder(group, base);
    if (result != 0) {
        return result;
    }
    result = group->tree.version == 2
                 ? group_tree_write_word(group->folder,
                                         "cgroup.subtree_control", "+memory")
                 : 0;
    if (result != 0) {
        remove_folders(group->folder);
    }
    return result;
}

static void blame_place(const char *base, int result, struct err *err)
{
    if (result == -EBUSY) {
        err_set(err, base, 0, 0,
                "no group can be made there, for others than plateau are in "
                "it; let it be the unit's only process");
    } else {
        err_set(err, base, 0, 0, "no group can be made there: %s",
                strerror(-result));
    }
}

/* Makes it where we may in the tree |group|->tree; of several reasons why not
 * the first counts. -ENOENT and no word: there is no such place in it. */
static int make_in_tree(struct group *group, struct err *err)
{
    char own[HOST_PATH_MAX];
    char base[HOST_PATH_MAX];
    int result = group_tree_place(&group->tree, 0, own);
    if (result != 0 || !group->tree.has_memory) {
        return -ENOENT;
    }
    result = -ENOENT;
    for (enum group_base_way way = 0; way < GROUP_BASE_WAYS; way++) {
        int why = group_base_open(way, group->tree.version, group->tree.folder,
                                  own, base);
        bool is_open = why == 0;
        if (is_open) {
            remove_stale(base);
            why = make_run_group(group, base);
        }
        if (why == 0) {
            return 0;
        }
        if (result == -ENOENT && why != -ENOENT) {
            blame_place(base, why, err);
            result = why;
        }
        if (is_open) {
            group_base_close(base);
        }
    }
    return result;
}

int group_new(struct group **ret_group, struct err *err)
{
    struct group *group = calloc(1, sizeof *group);
    struct group_trees *trees = calloc(1, sizeof *trees);
    int result = group != NULL && trees != NULL ? 0 : -ENOMEM;
    if (result != 0) {
        err_set(err, NULL, 0, 0, "out of memory");
        goto out;
    }
    (void)group_trees_find(trees);
    result = -ENOENT;
    for (size_t i = 0; i < trees->count && result == -ENOENT; i++) {
        group->tree = trees->list[i];
        result = make_in_tree(group, err);
    }
    if (result == 0) {
        *ret_group = group;
        group = NULL;
    } else if (result == -ENOENT) {
        err_set(err, NULL, 0, 0,
                "no tree of control groups hands the memory controller on to "
                "where we are");
    }
out:
    free(trees);
    free(group);
    return result;
}

/* Version 1 has no memory.max. What is swapped out would get round the limit
 * of version 2; a machine without swap has no such file. */
static int limit_memory(int version, const char *folder, uint64_t bytes)
{
    char number[32];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
    if (version == 1) {
        return group_tree_write_word(folder, "memory.limit_in_bytes", number);
    }
    (void)group_tree_write_word(folder, "memory.swap.max", "0");
    return group_tree_write_word(folder, "memory.max", number);
}

int group_add(struct group *group, const char *name,
              uint64_t memory_limit_bytes, struct group_place **ret_place,
              struct err *err)
{
    char path[PATH_SIZE + LINE_SIZE];
    struct group_place *place = calloc(1, sizeof *place);
    if (place == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    int length = snprintf(place->folder, sizeof place->folder, "%s/%s",
                          group->folder, name);
    int result = length < (int)sizeof place->folder ? 0 : -ENAMETOOLONG;
    if (result == 0 && mkdir(place->folder, 0755) < 0) {
        result = -errno;
    }
    if (result == 0 && memory_limit_bytes != 0) {
        result = limit_memory(group->tree.version, place->folder,
                              memory_limit_bytes);
    }
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", place->folder);
    place->procs = result == 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (result == 0 && place->procs < 0) {
        result = -errno;
    }
    if (result != 0) {
        err_set(err, place->folder, 0, 0, "no group can be made of it: %s",
                strerror(-result));
        (void)rmdir(place->folder);
        free(place);
        return result;
    }
    place->next = group->places;
    group->places = place;
    *ret_place = place;
    return 0;
}

void group_free(struct group *group)
{
    if (group == NULL) {
        return;
    }
    while (group->places != NULL) {
        struct group_place *place = group->places;
        group->places = place->next;
        (void)close(place->procs);
        free(place);
    }
    group_remove(group->folder);
    free(group);
}

/* --- looking ----------------------------------------------------------------
 */

const char *group_folder(const struct group *group)
{
    return group->folder;
}

int group_version(const struct group *group)
{
    return group->tree.version;
}

const char *group_place_folder(const struct group_place *place)
{
    return place->folder;
}

int group_place_fd(const struct group_place *place)
{
    return place->procs;
}

const struct group_place *group_find(const struct group *group, int64_t pid)
{
    char folder[HOST_PATH_MAX];
    if (group_tree_place(&group->tree, pid, folder) != 0) {
        return NULL;
    }
    for (const struct group_place *place = group->places; place != NULL;
         place = place->next) {
        size_t length = strlen(place->folder);
        if (strncmp(folder, place->folder, length) == 0 &&
            (folder[length] == '\0' || folder[length] == '/')) {
            return place;
        }
    }
    return NULL;
}

/* "oom_kill N" in memory.events of version 2, memory.oom_control of 1. */
int64_t group_place_kills(const struct group_place *place)
{
    static const char *const names[] = {"memory.events", "memory.oom_control"};
    static const char key[] = "oom_kill ";
    char path[PATH_SIZE + LINE_SIZE];
    char line[LINE_SIZE];
    int64_t kills = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", place->folder, names[i]);
        FILE *file = fopen(path, "re");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            if (strncmp(line, key, strlen(key)) == 0) {
                kills = strtoll(line + strlen(key), NULL, 10);
            }
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    return kills;
}
