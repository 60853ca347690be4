/* Happy path: mountinfo names the trees; /proc/PID/cgroup says where a process
 * is in each; below that all is folders. Failure modes: no tree is mounted, a
 * folder goes while we look, a process is in a group above what is mounted (as
 * in a container). */
#include "isolate/group_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, FILE_NAME_MAX = 64 };

/* The options of a file system are words between commas. */
static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *at = words; length > 0 && *at != '\0';) {
        size_t size = strcspn(at, ", \n");
        if (size == length && strncmp(at, word, length) == 0) {
            return true;
        }
        at += size + (at[size] != '\0');
    }
    return false;
}

bool group_tree_has_word(const char *folder, const char *name, const char *word)
{
    char path[HOST_PATH_MAX + FILE_NAME_MAX];
    char line[LINE_SIZE] = "";
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool has = fgets(line, sizeof line, file) != NULL &&
               has_word(line, word, strlen(word));
    (void)fclose(file);
    return has;
}

int group_tree_write_word(const char *folder, const char *name,
                          const char *word)
{
    char path[HOST_PATH_MAX + FILE_NAME_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >=
        (int)sizeof path) {
        return -ENAMETOOLONG;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int result = write(fd, word, strlen(word)) < 0 ? -errno : 0;
    (void)close(fd);
    return result;
}

/* --- mounts -----------------------------------------------------------------
 */

/* Blanks and backslashes in a path are written as \040 (proc(5)). */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        unsigned int letter = 0;
        if (sscanf(from, "\\%3o", &letter) == 1 && letter < 256) {
            *to++ = (char)letter;
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* One line: ID PARENT DEVICE ROOT PLACE OPTIONS ... - TYPE SOURCE OPTIONS. A
 * tree of version 2 without the memory controller is of no use for figures: in
 * a hybrid machine that sits in a tree of version 1. Returns the version, 0:
 * it is no tree. */
static int parse_mount(const char *line, struct group_tree *ret_tree)
{
    const char *end = strstr(line, " - ");
    char type[32] = "";
    *ret_tree = (struct group_tree){0};
    if (end == NULL ||
        sscanf(end + 3, "%31s %*s %127s", type, ret_tree->options) != 2 ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", ret_tree->root,
               ret_tree->folder) != 2) {
        return 0;
    }
    ret_tree->version = strcmp(type, "cgroup2") == 0  ? 2
                        : strcmp(type, "cgroup") == 0 ? 1
                                                      : 0;
    unescape(ret_tree->root);
    unescape(ret_tree->folder);
    ret_tree->has_memory =
        ret_tree->version == 2
            ? group_tree_has_word(ret_tree->folder, "cgroup.controllers",
                                  "memory")
            : has_word(ret_tree->options, "memory", strlen("memory"));
    return ret_tree->version;
}

int group_trees_read(const char *mountinfo, struct group_trees *ret_trees)
{
    char line[LINE_SIZE];
    ret_trees->count = 0;
    for (int version = 2; version >= 1; version--) {
        FILE *file = fopen(mountinfo, "re");
        if (file == NULL) {
            return -errno;
        }
        while (ret_trees->count < GROUP_TREES_MAX &&
               fgets(line, sizeof line, file) != NULL) {
            ret_trees->count +=
                parse_mount(line, &ret_trees->list[ret_trees->count]) ==
                version;
        }
        (void)fclose(file);
    }
    return 0;
}

int group_trees_find(struct group_trees *ret_trees)
{
    return group_trees_read("/proc/self/mountinfo", ret_trees);
}

/* --- where a process is -----------------------------------------------------
 */

/* Of a line "ID:CONTROLLERS:PATH" the path, if it is of |tree|; version 2 has
 * no controllers there. */
static const char *path_of_line(const struct group_tree *tree, char *line)
{
    char *words = strchr(line, ':');
    char *path = words != NULL ? strchr(words + 1, ':') : NULL;
    if (path == NULL) {
        return NULL;
    }
    path[strcspn(path, "\n")] = '\0';
    *path++ = '\0';
    words++;
    bool is_its = tree->version == 2
                      ? words[0] == '\0'
                      : has_word(tree->options, words, strcspn(words, ","));
    return is_its ? path : NULL;
}

/* |path| is from the tree's own root; what is mounted may be a part of it. */
static int folder_of(const struct group_tree *tree, const char *path,
                     char ret_folder[HOST_PATH_MAX])
{
    size_t length = strcmp(tree->root, "/") == 0 ? 0 : strlen(tree->root);
    const char *below = path + length;
    if (strncmp(path, tree->root, length) != 0 || strstr(path, "/..") != NULL ||
        (length > 0 && *below != '\0' && *below != '/')) {
        return -ENOENT;
    }
    return snprintf(ret_folder, HOST_PATH_MAX, "%s%s", tree->folder,
                    strcmp(below, "/") == 0 ? "" : below) < HOST_PATH_MAX
               ? 0
               : -ENOENT;
}

int group_tree_place(const struct group_tree *tree, int64_t pid,
                     char ret_folder[HOST_PATH_MAX])
{
    char name[FILE_NAME_MAX] = "/proc/self/cgroup";
    char line[LINE_SIZE];
    int result = -ENOENT;
    if (pid > 0) {
        (void)snprintf(name, sizeof name, "/proc/%" PRId64 "/cgroup", pid);
    }
    FILE *file = fopen(name, "re");
    while (result != 0 && file != NULL &&
           fgets(line, sizeof line, file) != NULL) {
        const char *path = path_of_line(tree, line);
        result = path != NULL ? folder_of(tree, path, ret_folder) : result;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return result;
}

/* --- folders ----------------------------------------------------------------
 */

bool group_tree_is_group(const char *folder)
{
    char path[HOST_PATH_MAX + FILE_NAME_MAX];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    return stat(path, &st) == 0;
}

struct walk {
    group_tree_visit *visit;
    void *context;
    size_t seen;
};

static int walk_folder(struct walk *walk, const char *path, int depth)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int result = 0;
    if (folder == NULL) {
        return 0; /* it has just gone, or is not ours to see */
    }
    while (result == 0 && depth < GROUP_TREE_DEPTH_MAX &&
           (entry = readdir(folder)) != NULL) {
        char below[HOST_PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            walk->seen >= GROUP_TREE_FOLDERS_MAX ||
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >=
                (int)sizeof below) {
            continue;
        }
        walk->seen++;
        result = walk->visit(walk->context, below, entry->d_name);
        if (result == 0) {
            result = walk_folder(walk, below, depth + 1);
        }
    }
    (void)closedir(folder);
    return result;
}

int group_tree_walk(const char *folder, group_tree_visit *visit, void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    return walk_folder(&walk, folder, 0);
}

/* --- members ----------------------------------------------------------------
 */

struct members {
    int64_t *pids;
    size_t max, count;
};

static int read_members(struct members *members, const char *folder)
{
    char path[HOST_PATH_MAX + FILE_NAME_MAX];
    char line[32];
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -errno;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        int64_t pid = strtoll(line, NULL, 10);
        if (pid <= 0) {
            continue; /* of another name space: 0 */
        }
        if (members->count < members->max) {
            members->pids[members->count] = pid;
        }
        members->count++;
    }
    (void)fclose(file);
    return 0;
}

static int visit_members(void *context, const char *path, const char *name)
{
    (void)name;
    (void)read_members(context, path);
    return 0;
}

int group_tree_members(const char *folder, int64_t *ret_pids, size_t max,
                       size_t *ret_count)
{
    struct members members = {.pids = ret_pids, .max = max};
    int result = read_members(&members, folder);
    if (result != 0) {
        return result == -ENODEV ? -ENOENT : result;
    }
    (void)group_tree_walk(folder, visit_members, &members);
    *ret_count = members.count;
    return 0;
}
