/* Happy path: a unit or a container is a folder somewhere in one of the trees,
 * found by its name. Failure modes: no tree is mounted, no folder or more than
 * one fits. */
#include "watch/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 4096, ID_SIZE = 64 };

/* --- finding a group --------------------------------------------------------
 */

enum { FOUND_MAX = 4 };

struct search {
    const char *name;
    bool (*fits)(const char *folder_name, const char *name);
    char found[FOUND_MAX][HOST_PATH_MAX]; /* the first of them */
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

/* "docker/ID", "docker-ID.scope", "libpod-payload-ID",
 * "cri-containerd-ID.scope", "SLICE:cri-containerd:ID" and their like: an id is
 * 64 hexadecimal digits. "libpod-conmon-ID.scope" and "crio-conmon-ID.scope"
 * hold the keeper of the container, not it. */
static bool is_container(const char *folder_name, const char *name)
{
    const char *id = folder_name;
    for (const char *at = folder_name; *at != '\0'; at++) {
        id = *at == '-' || *at == ':' ? at + 1 : id;
    }
    size_t length = strcspn(id, ".");
    bool has_end = id[length] == '\0' || strcmp(id + length, ".scope") == 0;
    return length == ID_SIZE && has_end && is_hexadecimal(id, length) &&
           strstr(folder_name, "conmon") == NULL &&
           strncmp(id, name, strlen(name)) == 0;
}

static int visit_candidate(void *context, const char *path, const char *name)
{
    struct search *search = context;
    if (search->fits(name, search->name) && search->count++ < FOUND_MAX) {
        (void)snprintf(search->found[search->count - 1], HOST_PATH_MAX, "%s",
                       path);
    }
    return 0;
}

/* "in the tree", "in the 12 trees" of this machine. */
static const char *describe_trees(const struct group_trees *trees,
                                  char text[LINE_SIZE])
{
    if (trees->count == 1) {
        return "in the tree of this machine";
    }
    (void)snprintf(text, LINE_SIZE, "in the %zu trees of this machine",
                   trees->count);
    return text;
}

/* A unit of the system and one of somebody's session may be called alike, and
 * so may instances in several sessions. */
static void blame_several(const struct search *search, const char *what,
                          struct err *err)
{
    char list[sizeof err->sentence] = "";
    size_t used = 0;
    for (size_t i = 0; i < search->count && i < FOUND_MAX && used < sizeof list;
         i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, " %s",
                                 search->found[i]);
    }
    err_set(err, NULL, 0, 0,
            "%zu cgroups are called like the %s '%.80s'; name the one that you "
            "mean with --cgroup:%s%s",
            search->count, what, search->name, list,
            search->count > FOUND_MAX ? " ..." : "");
}

/* The first tree that has it decides; within one it must be the only one. */
static int search_trees(const struct group_trees *trees, struct search *search,
                        const char *what, char ret_folder[HOST_PATH_MAX],
                        struct err *err)
{
    char text[LINE_SIZE];
    for (size_t i = 0; i < trees->count && search->count == 0; i++) {
        (void)group_tree_walk(trees->list[i].folder, visit_candidate, search);
    }
    if (search->count == 0) {
        err_set(err, NULL, 0, 0,
                "no cgroup of a running %s '%.80s' %s; is it running?", what,
                search->name, describe_trees(trees, text));
        return -ENOENT;
    }
    if (search->count > 1) {
        blame_several(search, what, err);
        return -EINVAL;
    }
    (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", search->found[0]);
    return 0;
}

static int find_path(const struct group_trees *trees, const char *name,
                     char ret_folder[HOST_PATH_MAX], struct err *err)
{
    char folder[HOST_PATH_MAX];
    char text[LINE_SIZE];
    if (group_tree_is_group(name)) {
        (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", name);
        return 0;
    }
    for (size_t i = 0; i < trees->count; i++) {
        if (snprintf(folder, sizeof folder, "%s/%s", trees->list[i].folder,
                     name + strspn(name, "/")) < (int)sizeof folder &&
            group_tree_is_group(folder)) {
            (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", folder);
            return 0;
        }
    }
    err_set(err, name, 0, 0,
            "is no cgroup: neither a folder with a file cgroup.procs, nor the "
            "path of one %s",
            describe_trees(trees, text));
    return -ENOENT;
}

/* The kinds of systemd.unit(5), by what ends their names. An instance may have
 * dots of its own: "app@1.2" has no ending. */
struct unit_kind {
    const char *ending;
    bool has_processes;
};

static const struct unit_kind *find_unit_kind(const char *name)
{
    static const struct unit_kind kinds[] = {
        {".service", true},    {".scope", true},   {".slice", true},
        {".socket", true},     {".mount", true},   {".swap", true},
        {".timer", false},     {".target", false}, {".path", false},
        {".automount", false}, {".device", false},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(dot, kinds[i].ending) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int find_unit(const struct group_trees *trees, const char *name,
                     char ret_folder[HOST_PATH_MAX], struct err *err)
{
    char unit[LINE_SIZE];
    const struct unit_kind *kind = find_unit_kind(name);
    if (kind != NULL && !kind->has_processes) {
        err_set(err, NULL, 0, 0,
                "'%.80s' has no processes of its own, no unit that ends in "
                "'%s' has; name the service that it starts",
                name, kind->ending);
        return -EINVAL;
    }
    (void)snprintf(unit, sizeof unit, "%s%s", name,
                   kind != NULL ? "" : ".service");
    struct search search = {.name = unit, .fits = is_unit};
    return search_trees(trees, &search, "unit", ret_folder, err);
}

static int find_container(const struct group_trees *trees, const char *name,
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

int cgroup_find(const struct group_trees *trees, enum cgroup_by by,
                const char *name, char ret_folder[HOST_PATH_MAX],
                struct err *err)
{
    static int (*const finders[])(const struct group_trees *, const char *,
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

/* --- figures ----------------------------------------------------------------
 */

enum { MEMBERS_MAX = 1024 }; /* looked through for one of them */

/* The path within |tree| of a folder in it; NULL: it is not in it. */
static const char *path_within(const struct group_tree *tree,
                               const char *folder)
{
    size_t length = strlen(tree->folder);
    bool is_in = strncmp(folder, tree->folder, length) == 0 &&
                 (folder[length] == '/' || folder[length] == '\0');
    return is_in ? folder + length : NULL;
}

static bool has_member(const char *folder, int64_t pid)
{
    int64_t pids[MEMBERS_MAX];
    size_t count = 0;
    if (group_tree_members(folder, pids, MEMBERS_MAX, &count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count && i < MEMBERS_MAX; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

int cgroup_open_figures(const struct group_trees *trees, const char *folder,
                        int64_t pid, struct cgroup_figures **ret_figures)
{
    char twin[HOST_PATH_MAX];
    const char *path = NULL;
    int result = cgroup_figures_open(folder, ret_figures);
    for (size_t i = 0; i < trees->count && path == NULL; i++) {
        path = path_within(&trees->list[i], folder);
    }
    for (size_t i = 0; i < trees->count && result == -ENOENT && path != NULL;
         i++) {
        const struct group_tree *tree = &trees->list[i];
        if (tree->has_memory &&
            snprintf(twin, sizeof twin, "%s%s", tree->folder, path) <
                (int)sizeof twin &&
            has_member(twin, pid)) {
            result = cgroup_figures_open(twin, ret_figures);
        }
    }
    return result;
}
