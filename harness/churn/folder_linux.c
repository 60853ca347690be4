/* The folders on the way to where a walk is are held open, innermost last, and
 * their entries looked at by name from there: a folder that is renamed or
 * removed meanwhile leads nowhere else, and no path can be too long.
 *
 * Failure modes: all of them mean that something is left out, and the count
 * says so; what has merely vanished (ENOENT) is no failure. */
#include "churn/folder.h"

#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 512 }; /* what st_blocks counts: stat(3type) */

struct folder_walk {
    DIR *path[FOLDER_DEPTH_MAX];
    int depth;    /* of them are open */
    dev_t device; /* of the folder that the walk began at */
    struct folder_count count;
};

int folder_walk_new(struct folder_walk **ret_walk)
{
    struct folder_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) {
        return -ENOMEM;
    }
    *ret_walk = walk;
    return 0;
}

static void leave(struct folder_walk *walk)
{
    (void)closedir(walk->path[--walk->depth]);
}

void folder_walk_free(struct folder_walk *walk)
{
    while (walk != NULL && walk->depth > 0) {
        leave(walk);
    }
    free(walk);
}

static void add(struct folder_walk *walk, const struct stat *st)
{
    int64_t bytes = (int64_t)st->st_blocks * BLOCK_BYTES;
    bool has_names = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
    walk->count.entries++;
    walk->count.bytes += has_names ? bytes / (int64_t)st->st_nlink : bytes;
}

/* The folder |name| in the folder |at| is where the walk goes on. */
static void enter(struct folder_walk *walk, int at, const char *name)
{
    if (walk->depth == FOLDER_DEPTH_MAX) {
        walk->count.is_partial = true;
        return;
    }
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder != NULL) {
        walk->path[walk->depth++] = folder;
        return;
    }
    walk->count.is_partial |= errno != ENOENT && errno != ENOTDIR;
    if (fd >= 0) {
        (void)close(fd);
    }
}

void folder_walk_begin(struct folder_walk *walk, const char *path)
{
    struct stat st;
    while (walk->depth > 0) {
        leave(walk);
    }
    walk->count = (struct folder_count){0};
    enter(walk, AT_FDCWD, path);
    if (walk->depth > 0 && fstat(dirfd(walk->path[0]), &st) == 0) {
        walk->device = st.st_dev;
        add(walk, &st);
    }
}

static void look_at(struct folder_walk *walk, const char *name)
{
    int at = dirfd(walk->path[walk->depth - 1]);
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return;
    }
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
        walk->count.is_partial |= errno != ENOENT;
        return;
    }
    if (st.st_dev != walk->device) {
        return;
    }
    add(walk, &st);
    if (S_ISDIR(st.st_mode)) {
        enter(walk, at, name);
    }
}

int folder_walk_step(struct folder_walk *walk, int entries_max,
                     int64_t until_ns)
{
    while (walk->depth > 0) {
        if (walk->count.entries >= FOLDER_ENTRIES_MAX) {
            walk->count.is_partial = true;
            leave(walk);
            continue;
        }
        if (entries_max-- <= 0) {
            return FOLDER_MORE;
        }
        const struct dirent *entry = readdir(walk->path[walk->depth - 1]);
        if (entry == NULL) {
            leave(walk);
        } else {
            look_at(walk, entry->d_name);
        }
        if (walk->depth > 0 && host_now_ns() >= until_ns) {
            return FOLDER_MORE;
        }
    }
    return FOLDER_DONE;
}

void folder_walk_count(const struct folder_walk *walk,
                       struct folder_count *ret_count)
{
    *ret_count = walk->count;
}
