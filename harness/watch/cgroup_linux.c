/* Happy path: the trees are read from mountinfo; a unit or a container is a
 * folder somewhere in one of them, found by its name. Failure modes: no tree is
 * mounted, no folder or more than one fits, a folder goes while we look. */
#include "watch/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_SIZE = 4096, ID_SIZE = 64 };

/* --- trees -----------------------------------------------------------------
 */

/* Of one line of mountinfo (proc(5)): the 5th field is the mount point, and
 * after a field "-" comes the file system. Returns whether it is |type|. */
static bool parse_mount(char *line, const char *type, char **ret_folder)
{
    enum { FOLDER = 5 };
    char *end = strstr(line, " - ");
    char *at = line;
    size_t length = strlen(type);
    if (end == NULL || strncmp(end + 3, type, length) != 0 ||
        end[3 + length] != ' ') {
        return false;
    }
    for (int field = 1; at != NULL && field < FOLDER; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL) {
        return false;
    }
    at[strcspn(at, " ")] = '\0';
    *ret_folder = at;
    return true;
}

int cgroup_find_trees(struct cgroup_trees *ret_trees)
{
    static const char *const types[] = {"cgroup2", "cgroup"};
    char line[LINE_SIZE];
    ret_trees->count = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        FILE *file = fopen("/proc/self/mountinfo", "re");
        if (file == NULL) {
            return -errno;
        }
        while (fgets(line, sizeof line, file) != NULL) {
            char *folder = NULL;
            if (ret_trees->count < CGROUP_TREES_MAX &&
                parse_mount(line, types[i], &folder)) {
                (void)snprintf(ret_trees->folders[ret_trees->count++],
                               HOST_PATH_MAX, "%s", folder);
            }
        }
        (void)fclose(file);
    }
    return 0;
}

/* --- looking through a tree -------------------------------------------------
 */

/* Told of each folder: 0 to go on, else the walk ends with that result. */
typedef int visit_folder(void *context, const char *path, const char *name);

struct walk {
    visit_folder *visit;
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
    while (result == 0 && depth < CGROUP_DEPTH_MAX &&
           (entry = readdir(folder)) != NULL) {
        char below[HOST_PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            walk->seen >= CGROUP_FOLDERS_MAX ||
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

/* --- finding a group --------------------------------------------------------
 */

struct search {
    const char *name;
    bool (*fits)(const char *folder_name, const char *name);
    char found[HOST_PATH_MAX];
    size_t count;
};

static bool is_unit(const char *folder_name, const char *name)
{
    return strcmp(folder_name, name) == 0;
}

static bool is_hexadecimal(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

/* "docker/ID", "docker-ID.scope", "libpod-ID.scope", "cri-containerd-ID.scope",
 * "crio-ID.scope" and their like: an id is 64 hexadecimal digits. Podman's
 * "libpod-conmon-ID.scope" holds the keeper of the container, not it. */
static bool is_container(const char *folder_name, const char *name)
{
    const char *id = strrchr(folder_name, '-');
    id = id != NULL ? id + 1 : folder_name;
    size_t length = strcspn(id, ".");
    bool has_end = id[length] == '\0' || strcmp(id + length, ".scope") == 0;
    return length == ID_SIZE && has_end && is_hexadecimal(id, length) &&
           strncmp(folder_name, "libpod-conmon", 13) != 0 &&
           strncmp(id, name, strlen(name)) == 0;
}

static int visit_candidate(void *context, const char *path, const char *name)
{
    struct search *search = context;
    if (search->fits(name, search->name) && search->count++ == 0) {
        (void)snprintf(search->found, sizeof search->found, "%s", path);
    }
    return 0;
}

/* The first tree that has it decides; within one it must be the only one. */
static int search_trees(const struct cgroup_trees *trees, struct search *search,
                        const char *what, char ret_folder[HOST_PATH_MAX],
                        struct err *err)
{
    for (size_t i = 0; i < trees->count && search->count == 0; i++) {
        struct walk walk = {.visit = visit_candidate, .context = search};
        (void)walk_folder(&walk, trees->folders[i], 0);
    }
    if (search->count == 0) {
        err_set(err, NULL, 0, 0,
                "no cgroup of a running %s '%.80s' in the %zu trees of this "
                "machine; is it running?",
                what, search->name, trees->count);
        return -ENOENT;
    }
    if (search->count > 1) {
        err_set(err, NULL, 0, 0,
                "%zu cgroups are called like the %s '%.80s'; name one with "
                "--cgroup, the first being %.200s",
                search->count, what, search->name, search->found);
        return -EINVAL;
    }
    (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", search->found);
    return 0;
}

static bool is_group(const char *folder)
{
    char path[HOST_PATH_MAX + 16];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    return stat(path, &st) == 0;
}

static int find_path(const struct cgroup_trees *trees, const char *name,
                     char ret_folder[HOST_PATH_MAX], struct err *err)
{
    char folder[HOST_PATH_MAX];
    if (is_group(name)) {
        (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", name);
        return 0;
    }
    for (size_t i = 0; i < trees->count; i++) {
        if (snprintf(folder, sizeof folder, "%s/%s", trees->folders[i],
                     name + strspn(name, "/")) < (int)sizeof folder &&
            is_group(folder)) {
            (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", folder);
            return 0;
        }
    }
    err_set(err, name, 0, 0,
            "is no cgroup: neither a folder with a file cgroup.procs, nor the "
            "path of one within the %zu trees of this machine",
            trees->count);
    return -ENOENT;
}

/* Of the endings of systemd.unit(5) those of units that hold processes. An
 * instance may have dots of its own: "app@1.2" has no ending. */
static bool has_unit_ending(const char *name)
{
    static const char *const endings[] = {".service", ".scope", ".slice",
                                          ".socket",  ".mount", ".swap"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof endings[0];
         i++) {
        if (strcmp(dot, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int find_unit(const struct cgroup_trees *trees, const char *name,
                     char ret_folder[HOST_PATH_MAX], struct err *err)
{
    char unit[LINE_SIZE];
    (void)snprintf(unit, sizeof unit, "%s%s", name,
                   has_unit_ending(name) ? "" : ".service");
    struct search search = {.name = unit, .fits = is_unit};
    return search_trees(trees, &search, "unit", ret_folder, err);
}

static int find_container(const struct cgroup_trees *trees, const char *name,
                          char ret_folder[HOST_PATH_MAX], struct err *err)
{
    size_t length = strlen(name);
    if (length < CGROUP_ID_MIN || length > ID_SIZE ||
        !is_hexadecimal(name, length)) {
        err_set(err, NULL, 0, 0,
                "'%.80s' is no container's id (%d to %d hexadecimal digits); "
                "'docker inspect -f {{.Id}} NAME' or podman's tells it",
                name, CGROUP_ID_MIN, ID_SIZE);
        return -EINVAL;
    }
    struct search search = {.name = name, .fits = is_container};
    return search_trees(trees, &search, "container", ret_folder, err);
}

int cgroup_find(const struct cgroup_trees *trees, enum cgroup_by by,
                const char *name, char ret_folder[HOST_PATH_MAX],
                struct err *err)
{
    static int (*const finders[])(const struct cgroup_trees *, const char *,
                                  char *, struct err *) = {
        [CGROUP_BY_PATH] = find_path,
        [CGROUP_BY_UNIT] = find_unit,
        [CGROUP_BY_CONTAINER] = find_container,
    };
    if (trees->count == 0 && by != CGROUP_BY_PATH) {
        err_set(err, NULL, 0, 0,
                "no cgroups are mounted on this machine; name the process "
                "itself with --pid or --name");
        return -ENOENT;
    }
    return finders[by](trees, name, ret_folder, err);
}

/* --- members ----------------------------------------------------------------
 */

struct members {
    int64_t *pids;
    size_t max, count;
};

static int read_members(struct members *members, const char *folder)
{
    char path[HOST_PATH_MAX + 16];
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

int cgroup_members(const char *folder, int64_t *ret_pids, size_t max,
                   size_t *ret_count)
{
    struct members members = {.pids = ret_pids, .max = max};
    struct walk walk = {.visit = visit_members, .context = &members};
    int result = read_members(&members, folder);
    if (result != 0) {
        return result == -ENODEV ? -ENOENT : result;
    }
    (void)walk_folder(&walk, folder, 0);
    *ret_count = members.count;
    return 0;
}
