/* node.h - one mesh node: membership and broadcast over real connections.
 *
 * It joins the protocol modules (hyparview, plumtree: who to talk to, what to
 * pass on) to connection loops over the transport, gives them time, publishes
 * a small message now and then so that there is something to carry, and keeps
 * the tally. One thread, one event loop.
 */
#ifndef MESHNODE_NODE_H
#define MESHNODE_NODE_H

#include "defects.h"
#include "hyparview.h"
#include "peer_id.h"
#include "plumtree.h"
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
    struct transport_params transport;
    struct hyparview_params hyparview;
    struct plumtree_params plumtree;
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
