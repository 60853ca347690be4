/* sim_net.h - a network of nodes under virtual time, from ten to ten thousand.
 *
 * Nodes run the real HyParView and Plumtree; every message goes through the
 * real codec. Connections are simulated with what matters of them: ordered,
 * dialled by the first message, closed by either side (the other learns it
 * later, and what it sent meanwhile is ignored), lost after a crash, refused
 * where nobody listens or somebody else does. A crash is noticed some time
 * later by all who hold a connection, or only by those who next send over it.
 * Each pair of slots has a latency of its own, drawn from the seed, so that a
 * run is a function of seed and calls; trace_hash says whether two runs were
 * the same. On demand messages are lost, doubled or overtaken by others, which
 * no connection does, to see what the protocols make of it.
 *
 * A slot is an address. A node that is spawned again in a slot has a new id.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hyparview.h"
#include "plumtree.h"
#include "sim_events.h"

enum {
    SIM_NODES_MAX = 1 << 20,
    SIM_BROADCASTS_MAX = 1024, /* numbered broadcasts in one run */
    SIM_LINKS_MAX = 128,       /* connections a node may hold */
    SIM_ALL = -1,
};

struct sim_link {
    uint32_t slot, incarnation, connection;
};

struct sim_node {
    struct sim *sim;
    struct hyparview hyparview;
    struct plumtree plumtree;
    struct peer_contact self;
    uint32_t slot, incarnation;
    bool is_alive;
    int64_t tick_ns; /* of the tick that is scheduled */
    uint32_t links_count, links_peak;
    struct sim_link links[SIM_LINKS_MAX];
    uint8_t delivered[SIM_BROADCASTS_MAX]; /* how often, up to 255 */
};

/* The neighbours of a node by slot: HyParView's active view without the ids,
 * small enough to stay in the processor's cache. Right as long as no slot is
 * used twice. */
struct sim_neighbors {
    uint32_t count;
    uint32_t slots[HYPARVIEW_ACTIVE_MAX];
};

/* What became of one broadcast. */
struct sim_record {
    uint32_t delivered; /* nodes that have it, the origin included */
    uint32_t payloads;  /* copies sent */
    uint32_t hops_max;  /* links from the origin to the last of them */
};

/* What goes wrong on the way, each per million messages. */
struct sim_faults {
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm; /* as late as |reorder_max_ns| more */
    int64_t reorder_max_ns;
};

/* Whether a message is lost on the way; NULL where none is. */
typedef bool sim_drop(const struct sim *sim, uint32_t from, uint32_t to,
                      const struct wire_message *message);

struct sim_connection {
    uint32_t slots[2]; /* who dialled, who was dialled */
    bool is_closed[2]; /* by that side */
    uint32_t uses;     /* links and events that name it; 0: free */
};

struct sim {
    struct sim_node *nodes;
    struct sim_neighbors *neighbors;
    uint8_t *is_alive; /* of each slot */
    uint32_t nodes_max;
    int64_t now_ns;
    int64_t latency_min_ns, latency_max_ns;
    int64_t detection_max_ns; /* of a crash; 0: by a send that fails */
    struct rng rng;
    struct hyparview_params hyparview_params;
    struct plumtree_params plumtree_params;
    sim_drop *drop;
    struct sim_faults faults;
    uint64_t trace_hash;
    uint64_t messages_count, bytes_count, dials_count, ticks_count;
    uint64_t control_count; /* Plumtree's messages without payload, sent */
    uint64_t pair_key;
    struct sim_events events;
    struct sim_connection *connections;
    uint32_t connections_count, connections_capacity;
    uint32_t *unused; /* places in connections */
    uint32_t unused_count;
    struct sim_record records[SIM_BROADCASTS_MAX];
};

/* A network of |nodes_max| empty slots with default parameters, to be changed
 * in place before the first spawn. Aborts without memory. */
void sim_init(struct sim *sim, uint32_t nodes_max, uint64_t seed);
void sim_deinit(struct sim *sim);

/* Starts a node in an empty slot and lets it join through the address of slot
 * |contact|, SIM_ALL for nobody. */
void sim_spawn(struct sim *sim, uint32_t slot, int contact);

/* Everybody with a connection to the node learns of its loss, each in its own
 * time, up to |detection_max_ns|; where that is 0, when it next sends over
 * it. sim_crash_all lets many die at the same moment. */
void sim_crash(struct sim *sim, uint32_t slot);
void sim_crash_all(struct sim *sim, const uint32_t *slots, uint32_t count);

void sim_leave(struct sim *sim, uint32_t slot);

void sim_run(struct sim *sim, int64_t duration_ns);

/* Calls back after so long, in the order of all events. */
void sim_at(struct sim *sim, int64_t delay_ns, sim_call *call, void *argument);

/* Of messages between two slots: the same both ways and all the time, so that
 * connections stay in order. */
int64_t sim_latency_ns(const struct sim *sim, uint32_t a, uint32_t b);

/* Tells a node, some time from now, that what it sent to the dead node in slot
 * |to| did not arrive. */
void sim_send_failed(struct sim *sim, uint32_t from, uint32_t to);

/* Tells a node that a payload came from a node that is no neighbour. */
void sim_stray(struct sim *sim, uint32_t slot, uint32_t from);

/* Broadcasts number |i| < SIM_BROADCASTS_MAX from the slot with Plumtree. */
void sim_broadcast(struct sim *sim, uint32_t slot, uint32_t i);

/* Forgets the broadcasts so far, so that their numbers can be used again. None
 * may be under way. */
void sim_forget_broadcasts(struct sim *sim);

/* The live node that the contact leads to, or NULL. */
const struct sim_node *sim_find(const struct sim *sim,
                                const struct peer_contact *contact);

/* What tests ask of the whole. */
uint32_t sim_alive_count(const struct sim *sim);
uint32_t sim_reachable_count(const struct sim *sim, uint32_t slot);
uint32_t sim_one_sided_count(const struct sim *sim);
uint32_t sim_delivered_count(const struct sim *sim, uint32_t i, uint8_t times);
uint32_t sim_eager_links_count(const struct sim *sim);
/* Active entries of live nodes that lead to no live node. */
uint32_t sim_dangling_count(const struct sim *sim);

#endif
