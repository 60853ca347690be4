/* dumps.h - the heap profiles that a run leaves in its folder.
 *
 * RUN/heap/OBSERVER.EBB.heap, one an observer and ebb, written by the targets.
 * Where the observer is several processes, those that it started write theirs
 * beside it, as parts of the same dump: RUN/heap/OBSERVER.EBB.heap.PID.
 *
 * A long run has thousands of ebbs; of each observer's dumps the first and the
 * last are kept and, between them, as evenly as it goes, so many that there
 * are at most DUMPS_KEPT_MAX.
 */
#ifndef PLATEAU_HEAP_DUMPS_H
#define PLATEAU_HEAP_DUMPS_H

#include <stddef.h>
#include <stdint.h>

enum {
    DUMPS_KEPT_MAX = 16,
    DUMPS_LISTED_MAX = 4096, /* files looked at; later ones are not seen */
    DUMPS_PARTS_MAX = 1024,  /* of one dump; likewise */
};

/* Makes the run |folder|'s folder for them. Where we are root it is everybody's
 * to write to, though not to remove from, while targets live: one that was
 * started as root may have become somebody else. 0 or -errno. */
int dumps_open_folder(const char *folder);

/* No target writes there any more: it is ours alone. */
void dumps_close_folder(const char *folder);

/* Lists the ebbs at which |observer| ("observer-0") left a dump in the run
 * |folder|, ascending, at most DUMPS_LISTED_MAX; the caller frees *ret_ebbs. 0
 * (also when there are none), or -errno: -ENOENT when there is no folder
 * heap/. */
int dumps_list(const char *folder, const char *observer, uint32_t **ret_ebbs,
               size_t *ret_count);

/* The path of a dump, cut to |size|. Returns |path|. */
char *dumps_path(const char *folder, const char *observer, uint32_t ebb,
                 char *path, size_t size);

/* The parts of the dump |path| that lie beside it, in the order of their names;
 * at most DUMPS_PARTS_MAX. The caller frees *ret_parts, one block. 0 (also when
 * there are none) or -ENOMEM. */
int dumps_parts(const char *path, char ***ret_parts, size_t *ret_count);

/* Removes what is too much of |observer|'s. What cannot be removed stays. */
void dumps_thin(const char *folder, const char *observer);

#endif
