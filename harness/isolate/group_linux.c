/* Happy path: group_new() finds the tree in /proc/self/mountinfo and our place
 * in it in /proc/self/cgroup, makes "plateau-PID" there, and a folder in that
 * for each place. Failure modes: there is no tree, or it is read-only, or not
 * ours to write (nothing is made, and why is said); a group cannot be removed
 * while somebody is in it (rmdir says EBUSY, and it stays). */
#include "isolate/group.h"

#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, PATH_SIZE = HOST_PATH_MAX + 64, STALE_S = 60 };

static const char name_start[] = "plateau-";

struct group_place {
    struct group_place *next;
    int procs;
    char folder[PATH_SIZE];
};

struct group {
    int version;
    struct group_place *places;
    char folder[HOST_PATH_MAX];
};

/* --- the tree ---------------------------------------------------------------
 */

/* A tree with memory figures, and where we are in it. */
struct memory_tree {
    int version;
    char mounted[LINE_SIZE]; /* where */
    char root[LINE_SIZE];    /* which of its groups is seen there */
    char own[LINE_SIZE];     /* our group, from the tree's own root */
};

/* The options of a file system are words between commas. */
static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at++) {
        bool begins = at == words || at[-1] == ',' || at[-1] == ' ';
        bool ends = strchr(", \n", at[length]) != NULL; /* or '\0' */
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

/* One line of mountinfo (proc(5)): ID PARENT DEVICE ROOT PLACE OPTIONS ... -
 * TYPE SOURCE OPTIONS. Returns whether it is a tree that may have the
 * controller. */
static bool parse_mount(const char *line, struct memory_tree *ret_tree)
{
    const char *end = strstr(line, " - ");
    char type[32];
    int at = 0;
    if (end == NULL || sscanf(end + 3, "%31s %*s %n", type, &at) != 1 ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", ret_tree->root,
               ret_tree->mounted) != 2) {
        return false;
    }
    if (strcmp(type, "cgroup2") == 0) {
        ret_tree->version = 2;
        return true;
    }
    ret_tree->version = 1;
    return strcmp(type, "cgroup") == 0 && at > 0 &&
           has_word(end + 3 + at, "memory");
}

/* Whether the file |name| in |folder| has |word|. */
static bool file_has_word(const char *folder, const char *name,
                          const char *word)
{
    char path[PATH_SIZE + LINE_SIZE];
    char line[LINE_SIZE] = "";
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool has = fgets(line, sizeof line, file) != NULL && has_word(line, word);
    (void)fclose(file);
    return has;
}

/* Lines "ID:CONTROLLERS:PATH"; version 2 has the id 0 and no controllers. */
static bool find_own(struct memory_tree *tree)
{
    char line[LINE_SIZE + 64];
    bool is_found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (!is_found && file != NULL && fgets(line, sizeof line, file)) {
        char *words = strchr(line, ':');
        char *path = words != NULL ? strchr(words + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        is_found = tree->version == 2 ? words[1] == '\0'
                                      : has_word(words + 1, "memory");
        if (is_found) {
            (void)snprintf(tree->own, sizeof tree->own, "%.4095s", path);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return is_found;
}

/* A version 2 tree without the controller is of no use: in a hybrid machine the
 * memory controller sits in a tree of version 1. */
static bool find_tree(struct memory_tree *ret_tree)
{
    char line[LINE_SIZE];
    bool is_found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (!is_found && file != NULL && fgets(line, sizeof line, file)) {
        is_found = parse_mount(line, ret_tree) &&
                   (ret_tree->version == 1 ||
                    file_has_word(ret_tree->mounted, "cgroup.controllers",
                                  "memory")) &&
                   find_own(ret_tree);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return is_found;
}

/* Our group as a folder. False: it is not under what is mounted. */
static bool own_folder(const struct memory_tree *tree,
                       char ret_folder[HOST_PATH_MAX])
{
    size_t length = strcmp(tree->root, "/") == 0 ? 0 : strlen(tree->root);
    if (strncmp(tree->own, tree->root, length) != 0 ||
        strstr(tree->own, "/..") != NULL) {
        return false;
    }
    const char *below = tree->own + length;
    return snprintf(ret_folder, HOST_PATH_MAX, "%s%s", tree->mounted,
                    strcmp(below, "/") == 0 ? "" : below) < HOST_PATH_MAX;
}

/* Where groups with memory figures can be made: version 1, under our own;
 * version 2, there if it hands the controller on, else beside it. */
static bool find_base(const struct memory_tree *tree,
                      char ret_folder[HOST_PATH_MAX])
{
    if (!own_folder(tree, ret_folder)) {
        return false;
    }
    if (tree->version == 2 &&
        !file_has_word(ret_folder, "cgroup.subtree_control", "memory")) {
        char *slash = strrchr(ret_folder, '/');
        if (strlen(ret_folder) <= strlen(tree->mounted) || slash == NULL) {
            return false;
        }
        *slash = '\0';
        return file_has_word(ret_folder, "cgroup.subtree_control", "memory");
    }
    return true;
}

/* --- removing ---------------------------------------------------------------
 */

void group_remove(const char *folder)
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
                group_remove(path);
            }
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

/* --- making -----------------------------------------------------------------
 */

static int write_word(const char *folder, const char *name, const char *word)
{
    char path[PATH_SIZE + LINE_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int result = write(fd, word, strlen(word)) < 0 ? -errno : 0;
    (void)close(fd);
    return result;
}

static int make_run_group(struct group *group, const char *base)
{
    if (snprintf(group->folder, sizeof group->folder, "%s/%s%ld", base,
                 name_start, (long)getpid()) >= (int)sizeof group->folder) {
        return -ENAMETOOLONG;
    }
    if (mkdir(group->folder, 0755) < 0) {
        return -errno;
    }
    int result =
        group->version == 2
            ? write_word(group->folder, "cgroup.subtree_control", "+memory")
            : 0;
    if (result != 0) {
        group_remove(group->folder);
    }
    return result;
}

int group_new(struct group **ret_group, struct err *err)
{
    struct memory_tree tree;
    char base[HOST_PATH_MAX];
    if (!find_tree(&tree) || !find_base(&tree, base)) {
        err_set(err, NULL, 0, 0,
                "no tree of control groups hands the memory controller on to "
                "where we are");
        return -ENOENT;
    }
    struct group *group = calloc(1, sizeof *group);
    if (group == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    group->version = tree.version;
    remove_stale(base);
    int result = make_run_group(group, base);
    if (result != 0) {
        err_set(err, base, 0, 0, "no group can be made there: %s",
                strerror(-result));
        free(group);
        return result;
    }
    *ret_group = group;
    return 0;
}

/* Version 1 has no memory.max. What is swapped out would get round the limit
 * of version 2; a machine without swap has no such file. */
static int limit_memory(int version, const char *folder, uint64_t bytes)
{
    char number[32];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
    if (version == 1) {
        return write_word(folder, "memory.limit_in_bytes", number);
    }
    (void)write_word(folder, "memory.swap.max", "0");
    return write_word(folder, "memory.max", number);
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
        result =
            limit_memory(group->version, place->folder, memory_limit_bytes);
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
    return group->version;
}

const char *group_place_folder(const struct group_place *place)
{
    return place->folder;
}

int group_place_fd(const struct group_place *place)
{
    return place->procs;
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
