/* size_classes.h - what each size class of a jemalloc holds, into the tally
 * page.
 *
 * For a target that runs on jemalloc (meshnode, the preload library): the live
 * regions of every class, small and large, over all arenas, read through MIBs
 * that are looked up once (jemalloc(3), mallctlnametomib(), stats.arenas.<i>.
 * bins.<j>.curregs, lextents.<j>.curlextents). A reading costs some 15 us; it
 * allocates nothing. Needs the page's section for classes (plateau_tally.h):
 * where there is none, nothing is done.
 *
 * jemalloc is given by its functions, for it may have been found at run time.
 */
#ifndef PLATEAU_SIZE_CLASSES_H
#define PLATEAU_SIZE_CLASSES_H

#include "plateau_tally.h"

#include <stddef.h>

enum { SIZE_CLASSES_MIB_DEPTH = 6 };

struct size_classes_source {
    int (*mallctl)(const char *, void *, size_t *, void *, size_t);
    int (*mallctlnametomib)(const char *, size_t *, size_t *);
    int (*mallctlbymib)(const size_t *, size_t, void *, size_t *, void *,
                        size_t);
};

/* Zeroes before size_classes_open(). */
struct size_classes {
    struct size_classes_source source;
    struct plateau_tally *tally; /* lent; NULL: nothing is published */
    unsigned kinds[2];           /* how many: small, large */
    size_t mibs[2][SIZE_CLASSES_MIB_DEPTH];
};

/* Looks everything up, and writes the size of each class into the page. */
void size_classes_open(struct size_classes *classes,
                       const struct size_classes_source *source,
                       struct plateau_tally *tally);

/* Publishes what is live as of the allocator's present epoch. */
void size_classes_publish(const struct size_classes *classes);

#endif
