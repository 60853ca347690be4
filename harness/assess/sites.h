/* sites.h - the call sites at which memory grows, from the heap profiles of a
 * run.
 *
 * Of the observer that holds most at the end, among those that wrote profiles:
 * what each call site held at each ebb with a profile (heap/site_history.h) is
 * regressed on the churn events up to then (on time where there were none), and
 * so is what the allocator said it had handed out at the same ebbs. Of a run
 * without ebbs a profile has the number of a tick of the grid, near which it
 * was written. A site's share is its slope of that one. Sites are parts of
 * memory: their slopes add up, and what is missing in the sum is what sampling
 * missed and what lies in sites that waver.
 */
#ifndef PLATEAU_SITES_H
#define PLATEAU_SITES_H

#include "assess/panel.h"

#include <stddef.h>

enum {
    SITES_MAX = 6,       /* are kept: those that grow most */
    SITES_DUMPS_MIN = 4, /* with fewer profiles nothing is said */
};

struct site_growth {
    char function[STORE_NAME_MAX];       /* that allocates */
    char text[200];                      /* with its place and callers */
    double bytes, objects;               /* at the last profile */
    double bytes_growth, objects_growth; /* an event; an hour without any */
    double share; /* 0 to 1: of the growth of allocated heap, less padding */
};

struct sites {
    char observer[STORE_NAME_MAX + 16]; /* whose profiles; "": there are none */
    size_t dumps_count;
    struct site_growth grown[SITES_MAX]; /* most first */
    size_t grown_count;
    size_t others_count; /* that grow as surely, and less */
    double others_share; /* likewise of the growth */
    /* 0 to 1: of the growth of allocated heap what jemalloc's samples hold
     * themselves, in regions of their own, however small the objects are. */
    double padding_share;
};

/* Of the role of |memory|, and of its observer if it is of one alone. |folder|:
 * of the run. A run without profiles has no sites. 0 or -ENOMEM: what cannot be
 * read is left out. */
int sites_find(const char *folder, const struct panel *panel,
               const struct panel_column *memory, struct sites *ret_sites);

#endif
