/* folder.h - what the files in a folder take on the disk, counted in steps.
 *
 * A walk goes through a folder and those below it, at each step through a
 * bounded number of entries and for a bounded time, so that who has other
 * things to do can count folders of any size between them. Counted are the
 * bytes that are allocated, as du(1) counts them: of a file with holes what is
 * none. A file with several names counts in equal parts for each, so that no
 * file counts more than once; one that is renamed during a walk may.
 *
 * Symbolic links are not followed and other file systems not entered. What has
 * vanished by the time that it is looked at, and folders that cannot be opened,
 * are left out. Not seen is a file that was removed and is still open.
 *
 * Limits: FOLDER_ENTRIES_MAX entries and FOLDER_DEPTH_MAX folders one in
 * another; what is beyond is not counted, and the count says so. A walk keeps
 * one descriptor open for each folder on the way to where it is.
 *
 * Platform seam: one of folder_linux.c or folder_win32.c.
 */
#ifndef PLATEAU_CHURN_FOLDER_H
#define PLATEAU_CHURN_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FOLDER_DONE = 0,
    FOLDER_MORE = 1, /* the walk is not over */
    FOLDER_DEPTH_MAX = 32,
    FOLDER_ENTRIES_MAX = 1 << 20,
};

struct folder_count {
    int64_t bytes;
    int64_t entries; /* files and folders, the folder itself among them */
    bool is_partial; /* there is more than the limits allow, or than may be
                      * read */
};

struct folder_walk;

/* A walk that has not begun. 0 or -ENOMEM. */
int folder_walk_new(struct folder_walk **ret_walk);

/* Accepts NULL. */
void folder_walk_free(struct folder_walk *walk);

/* Begins anew, with nothing counted, at the folder |path|; one that cannot be
 * opened has nothing in it. */
void folder_walk_begin(struct folder_walk *walk, const char *path);

/* Goes on, through at most |entries_max| entries and, seen after each, not
 * beyond |until_ns| of host_now_ns(). FOLDER_MORE; or FOLDER_DONE: the count
 * is that of the whole, and no descriptor is open. */
int folder_walk_step(struct folder_walk *walk, int entries_max,
                     int64_t until_ns);

/* What was counted so far. */
void folder_walk_count(const struct folder_walk *walk,
                       struct folder_count *ret_count);

#endif
