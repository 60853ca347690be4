/* node_tally.h - what a node publishes about itself in the tally page.
 *
 * One table of gauges and counters, each with the function that reads it; the
 * node reads them all a few times a second. Counters of lives (spawned and
 * finished) are counted where the lives are; see connloop.h, reconnect.h,
 * telemetry.h.
 */
#ifndef MESHNODE_NODE_TALLY_H
#define MESHNODE_NODE_TALLY_H

#include "addrbook.h"
#include "heap_jemalloc.h"
#include "hyparview.h"
#include "load.h"
#include "plateau_tally.h"
#include "plumtree.h"
#include "transport.h"

#include <stdint.h>

enum { NODE_TALLY_MAX = 32 };

/* What the node itself counts; they only grow, but for the last two. */
struct node_counts {
    uint64_t published;
    uint64_t delivered;
    uint64_t peers_failed;  /* connections and dials, not deaths */
    uint64_t dials_refused; /* by the backoff */
    int64_t latency_ns;     /* from publishing to delivery, smoothed; between
                             * nodes of one machine, whose clock is one */
    uint64_t cpu_permille;  /* of one core, in the last period */
};

/* Where the figures come from. All lent. */
struct node_tally_sources {
    const struct hyparview *hyparview;
    const struct plumtree *plumtree;
    const struct transport *transport;
    const struct addrbook *addrbook;
    const struct load *load;
    const struct node_counts *counts;
};

struct node_tally {
    struct plateau_tally *page; /* lent */
    struct plateau_tally_entry *entries[NODE_TALLY_MAX];
    struct plateau_tally_entry *timers;
    struct heap heap;
};

/* Declares every entry in |page|. */
void node_tally_open(struct node_tally *tally, struct plateau_tally *page);

/* Reads every source and publishes; where the harness has asked for it, gives
 * unused memory back first, and answers. */
void node_tally_update(const struct node_tally *tally,
                       const struct node_tally_sources *sources);

#endif
