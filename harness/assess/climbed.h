/* climbed.h - what climbed: which counts grow with the events, and how well
 * they account for the memory.
 *
 * Pure: a panel goes in, a ranking comes out. A count qualifies when a line
 * through its growth explains most of it and the growth is more than a few.
 * Ranked by how well it goes with the memory, if that climbs; of counts that go
 * with it equally well, what the judge called a CLIMB comes first, then that of
 * which there is more memory for one (of a connection and its three timers, the
 * connection), then pairs before gauges. Where memory does not climb, or its
 * growth is of too many parts to go with any of them, pairs come before that: a
 * gauge may be a cache that is filling, a pair that climbs is a leak by its
 * nature.
 */
#ifndef PLATEAU_CLIMBED_H
#define PLATEAU_CLIMBED_H

#include "assess/panel.h"

#include <stddef.h>

enum {
    CLIMBED_MAX = 8, /* in a ranking; what comes after is left out */
    CLIMBED_SENTENCE_SIZE = 320,
};

struct climbed {
    const struct panel_column *column;
    double alive;       /* at the last row */
    double per_event;   /* its growth; NaN where there are no events */
    double per_hour;    /* likewise */
    double fit;         /* 0 to 1: of its variance, along a line */
    double with_memory; /* 0 to 1: of the memory's variance; NaN: no memory */
    double each;        /* memory's unit for one of it; NaN likewise */
    char sentence[CLIMBED_SENTENCE_SIZE];
};

/* Ranks the counts of the same observer (or of the same ones together) as
 * |memory|, whose growth is to be explained. Returns how many are in
 * |ret_ranking|, which has room for CLIMBED_MAX. */
size_t climbed_rank(const struct panel *panel,
                    const struct panel_column *memory,
                    struct climbed *ret_ranking);

#endif
