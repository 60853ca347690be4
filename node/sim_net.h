/* sim_net.h - a network of nodes under virtual time, for tests.
 *
 * Nodes run the real HyParView and Plumtree; every message goes through the
 * real codec. Connections are simulated with what matters of them: ordered,
 * dialled by the first message, closed by either side (the other learns it
 * later, and what it sent meanwhile is ignored), lost some time after a crash,
 * refused where nobody listens or somebody else does. Each pair of slots has
 * a latency of its own, drawn from the seed, so that a run is a function of
 * seed and calls; trace_hash says whether two runs were the same.
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

enum {
    SIM_BROADCASTS_MAX = 256, /* numbered broadcasts in one run */
    SIM_LINKS_MAX = 128,      /* connections a node may hold */
    SIM_ALL = -1,
};

struct sim;

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
    uint8_t delivered[SIM_BROADCASTS_MAX]; /* how often */
};

/* Whether a message is lost on the way; NULL where none is. */
typedef bool sim_drop(const struct sim *sim, uint32_t from, uint32_t to,
                      const struct wire_message *message);

struct sim_event;
struct sim_connection;

struct sim {
    struct sim_node *nodes;
    uint32_t nodes_max;
    int64_t now_ns;
    int64_t latency_min_ns, latency_max_ns, detection_max_ns;
    struct rng rng;
    struct hyparview_params hyparview_params;
    struct plumtree_params plumtree_params;
    sim_drop *drop;
    uint64_t trace_hash;
    uint64_t messages_count, bytes_count, dials_count, ticks_count;
    uint64_t pair_key;
    struct sim_event *events; /* a binary heap */
    size_t events_count, events_capacity;
    uint64_t events_sequence;
    struct sim_connection *connections;
    uint32_t connections_count, connections_capacity;
};

/* A network of |nodes_max| empty slots with default parameters, to be changed
 * in place before the first spawn. Aborts without memory. */
void sim_init(struct sim *sim, uint32_t nodes_max, uint64_t seed);
void sim_deinit(struct sim *sim);

/* Starts a node in an empty slot and lets it join through the address of slot
 * |contact|, SIM_ALL for nobody. */
void sim_spawn(struct sim *sim, uint32_t slot, int contact);
void sim_crash(struct sim *sim, uint32_t slot);
void sim_leave(struct sim *sim, uint32_t slot);

void sim_run(struct sim *sim, int64_t duration_ns);

/* Broadcasts number |i| < SIM_BROADCASTS_MAX from the slot. */
void sim_broadcast(struct sim *sim, uint32_t slot, uint32_t i);

/* What tests ask of the whole. */
uint32_t sim_alive_count(const struct sim *sim);
uint32_t sim_reachable_count(const struct sim *sim, uint32_t slot);
uint32_t sim_one_sided_count(const struct sim *sim);
uint32_t sim_delivered_count(const struct sim *sim, uint32_t i, uint8_t times);
uint32_t sim_eager_links_count(const struct sim *sim);
/* Active entries of live nodes that lead to no live node. */
uint32_t sim_dangling_count(const struct sim *sim);
/* The live node that the contact leads to, or NULL. */
const struct sim_node *sim_find(const struct sim *sim,
                                const struct peer_contact *contact);

#endif
