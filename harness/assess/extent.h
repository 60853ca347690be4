/* extent.h - of how much of an observer its heap figures are.
 *
 * An allocator counts what its own process holds. Where an observer is several
 * processes, each of them may publish its heap (tally/member.h) or not: one
 * that is statically linked, or has wiped its environment, does not. Allocated
 * heap is the best source only where it is of all of them.
 *
 * And a program may hold most of its memory elsewhere: a runtime that collects
 * garbage (Node.js, Java), an interpreter that maps its own (Python). A level
 * heap says little of those, so that private memory has to be level too. Pure.
 */
#ifndef PLATEAU_EXTENT_H
#define PLATEAU_EXTENT_H

#include "assess/panel.h"

/* What a C program has beside its heap (its libraries' data, stacks) is far
 * less. */
#define EXTENT_OUTSIDE_BYTES (4 * 1048576.)

enum extent {
    EXTENT_NONE,   /* no allocator was asked */
    EXTENT_ONE,    /* the observer is one process, whose heap it is */
    EXTENT_ALL,    /* the observer is several processes, and it is of all */
    EXTENT_LITTLE, /* most private memory, and more than EXTENT_OUTSIDE_BYTES,
                    * is outside what the allocator spans */
    EXTENT_PART,   /* for more than half of the readings, not of all */
};

/* Of the role's observers: the worst that is true of one of them. */
enum extent extent_of_heap(const struct panel *panel, const char *role);

#endif
