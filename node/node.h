/* node.h - one mesh node: membership and broadcast over real connections.
 *
 * It joins the protocol modules (hyparview, plumtree: who to talk to, what to
 * pass on) to connection loops over the transport, with an address book for the
 * dials and reconnect tasks for neighbours that were lost; gives all of them
 * time, publishes a small message now and then so that there is something to
 * carry, samples its own load, and keeps telemetry and the tally. One thread,
 * one event loop.
 */
#ifndef MESHNODE_NODE_H
#define MESHNODE_NODE_H

#include "addrbook.h"
#include "defects.h"
#include "hyparview.h"
#include "patterns.h"
#include "peer_id.h"
#include "plumtree.h"
#include "reconnect.h"
#include "telemetry.h"
#include "transport.h"

#include <stdint.h>

enum {
    NODE_CONTACTS_MAX = HYPARVIEW_CONTACTS_MAX,
    NODE_PAYLOAD_BYTES_MIN = 16, /* sequence and time of sending */
};

struct node_config {
    struct peer_addr listen;
    struct peer_contact contacts[NODE_CONTACTS_MAX];
    size_t contacts_count;
    int ready_fd; /* -1: nobody wants to know */
    uint64_t seed;
    int64_t publish_interval_ns; /* 0: never */
    size_t payload_bytes;
    struct defects defects;
    int64_t load_period_ns; /* how often the own load is sampled; 0: never */
    /* How often the tally is brought up to date, and thus how soon a harness
     * that asks gets its answer; one turn costs some 10 us, and a wake. > 0 */
    int64_t tally_period_ns;
    struct telemetry_config telemetry;
    struct transport_params transport;
    struct hyparview_params hyparview;
    struct plumtree_params plumtree;
    struct addrbook_params addrbook;
    struct reconnect_params reconnect;
    struct patterns_params patterns;
};

struct node;

/* Opens the socket, makes an identity and begins to join. 0 and *ret_node;
 * -errno of transport_new(), -ENOMEM. |loop| and |config| are borrowed. */
int node_new(struct ev_loop *loop, const struct node_config *config,
             struct node **ret_node);

/* Leaves the mesh: tells the neighbours, ends every connection loop, and
 * breaks the event loop when all have ended or NODE_LEAVE_NS have passed. */
#define NODE_LEAVE_NS INT64_C(500000000)
void node_leave(struct node *node);

/* Accepts NULL. */
void node_free(struct node *node);

/* Id, and the address that the socket is bound to. */
const struct peer_contact *node_self(const struct node *node);

#endif
