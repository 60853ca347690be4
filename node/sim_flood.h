/* sim_flood.h - broadcast by flooding the active views, as in the HyParView
 * paper: every node hands the first copy to all its neighbours but the one it
 * came from.
 *
 * It is the paper's eager push, not Plumtree, and measures the overlay alone.
 * A send to a dead neighbour fails and is reported to HyParView, which is how
 * failures are found. A link takes its latency, rounded up to a sixteenth of
 * the longest where latencies differ; no slot may have been used twice. Many
 * million copies a second: those that arrive together are one event, and the
 * tables of neighbours are compact.
 *
 * At most SIM_FLOODS_MAX at a time; a run that begins more aborts.
 */
#ifndef SIM_FLOOD_H
#define SIM_FLOOD_H

#include "sim_net.h"

enum {
    SIM_FLOODS_MAX = 64,
    SIM_FLOOD_STEPS = 16, /* of the longest latency */
};

struct sim_flood_copy {
    uint32_t from, to;
    uint32_t hops; /* links crossed once it arrives */
};

/* What arrives at the same moment. */

struct sim_wave {
    struct sim_flood_copy *copies;
    size_t count, capacity;
};

/* One flood under way, or its memory waiting for the next. */
struct sim_flood {
    struct sim_floods *floods;
    bool is_busy;
    struct sim_record *record;
    uint64_t *has;       /* a bit for each slot */
    size_t copies_count; /* under way */
    uint32_t now;        /* the wave that arrives now; the next is a step on */
    struct sim_wave waves[SIM_FLOOD_STEPS + 1];
};

struct sim_floods {
    struct sim *sim;
    struct sim_flood all[SIM_FLOODS_MAX];
};

void sim_floods_init(struct sim_floods *floods, struct sim *sim);
void sim_floods_deinit(struct sim_floods *floods);

/* Begins one from the slot; what becomes of it is added to |record|, which is
 * borrowed until the network is quiet again. */
void sim_flood(struct sim_floods *floods, uint32_t slot,
               struct sim_record *record);

#endif
