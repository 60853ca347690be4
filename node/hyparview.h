/* hyparview.h - who my neighbours are: partial membership for gossip.
 *
 * HyParView (Leitao, Pereira, Rodrigues, DSN 2007). A node keeps a small
 * symmetric active view, over whose links everything is sent, and a larger
 * passive view from which a lost neighbour is replaced at once. Sans-I/O: it
 * is given messages, failures and time, and calls the operations below. It
 * reads no clock and no entropy; the same seed and input give the same calls.
 *
 * What the caller owes:
 *
 * - send: deliver in order on the one connection to that peer; where there is
 *   none, dial it first. A contact whose id is not set is an address only:
 *   the handshake finds out the id. What cannot be sent may be dropped, if
 *   the loss is then reported.
 * - hyparview_peer_failed: a dial failed, or a connection was lost in any way
 *   but the other side's orderly close: reset, time-out, broken protocol. It
 *   is the failure detector that TCP is in the paper. Report every one of
 *   them, with the contact as it stood in send, or as known from HELLO. A
 *   dial that reaches ourselves is a failed dial.
 * - hyparview_peer_closed: the other side closed in good order.
 * - hyparview_stray: a Plumtree message came from a peer that is no
 *   neighbour; its view of the link is out of date and is put right.
 *
 * Connections. Those to active peers stay. All others are temporary: they
 * carry a join or neighbour request and its reply, a shuffle reply, or a
 * disconnect. close(peer) says that this side has no more need of the
 * connection: flush what is queued (the last message may be a DISCONNECT or a
 * SHUFFLE_REPLY that must arrive), then close in good order. After that a new
 * send dials anew, and what still arrives on the closing connection is best
 * ignored: the other side learns of its end. close is called for: an active
 * peer that was dropped or that dropped us, a refused or timed-out request of
 * ours, and a shuffle reply to a peer that is not active. The side that refuses
 * a request does not close; the one that asked does. Besides, any connection
 * that hyparview_needs() denies may be closed once it has been idle for a
 * moment.
 *
 * The operations must not call back into the same instance: a dial that fails
 * at once is reported after the call has returned.
 *
 * Ours, beyond the paper: NEIGHBOR and JOIN carry a nonce, so that late
 * replies cannot make a link one-sided; a DISCONNECT says whether the sender
 * leaves for good; peers that failed are not taken back into the passive view
 * for |failed_ttl_ns|; low-priority promotion gives up after some refusals
 * and backs off; an isolated node tries its first contacts again; and a node
 * that is not isolated sends a walk through one of them now and then, soon
 * after it lost a neighbour, rarely in quiet times, so that halves of a mesh
 * that fell apart, each content with its full views, find together again.
 *
 * Bounds: see the parameter table; requests under way are at most
 * HYPARVIEW_REQUESTS_MAX, and one more is not made. Memory: one struct and
 * one block, sized by the parameters, allocated by init; nothing later.
 */
#ifndef HYPARVIEW_H
#define HYPARVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "param.h"
#include "peer_id.h"
#include "rng.h"
#include "wire.h"

enum {
    HYPARVIEW_OK = 0,
    HYPARVIEW_NOT_MINE = 1, /* a message of another protocol: ignored */

    HYPARVIEW_ACTIVE_MAX = 16,
    HYPARVIEW_REQUESTS_MAX = 8,
    HYPARVIEW_CONTACTS_MAX = 16, /* first contacts; more are not kept */
};

/* One int64_t a row of hyparview_param_table; times in nanoseconds. */
struct hyparview_params {
    int64_t active_max;
    int64_t passive_max;
    int64_t active_walk_ttl;
    int64_t passive_walk_ttl;
    int64_t shuffle_active_count;
    int64_t shuffle_passive_count;
    int64_t shuffle_ttl;
    int64_t shuffle_period_ns;
    int64_t request_timeout_ns;
    int64_t promotion_tries;
    int64_t retry_min_ns;
    int64_t retry_max_ns;
    int64_t failed_max;
    int64_t failed_ttl_ns;
    int64_t refresh_min_ns;
    int64_t refresh_max_ns;
};

extern const struct param hyparview_param_table[];
extern const size_t hyparview_param_count;

void hyparview_params_default(struct hyparview_params *ret_params);

/* Why a peer is a neighbour no more. */
enum hyparview_down {
    HYPARVIEW_DOWN_FAILED,  /* connection lost */
    HYPARVIEW_DOWN_CLOSED,  /* the other side closed without a DISCONNECT */
    HYPARVIEW_DOWN_DROPPED, /* by us, to make room */
    HYPARVIEW_DOWN_TOLD,    /* by the peer's DISCONNECT */
    HYPARVIEW_DOWN_LEAVING, /* we leave */
};

struct hyparview_ops {
    void (*send)(void *context, const struct peer_contact *to,
                 const struct wire_message *message);
    void (*close)(void *context, const struct peer_contact *peer);
    void (*neighbor_up)(void *context, const struct peer_contact *peer);
    void (*neighbor_down)(void *context, const struct peer_contact *peer,
                          enum hyparview_down why);
};

/* Counts since init; they only grow. */
struct hyparview_stats {
    uint64_t joins_received;
    uint64_t shuffles_started, shuffles_answered;
    uint64_t promotions_tried, promotions_accepted, promotions_refused;
    uint64_t requests_timed_out;
    uint64_t peers_failed;
    uint64_t joins_sent, refreshes_sent;
    uint64_t neighbors_up, neighbors_down;
};

struct hyparview_passive;
struct hyparview_failed;

struct hyparview_request {
    struct peer_contact peer; /* id not set: a JOIN to a bare address */
    int64_t deadline_ns;
    uint32_t nonce;
    bool is_join;
    bool is_high;
};

/* Private: use the functions. In the header so that it can be embedded. */
struct hyparview {
    const struct hyparview_ops *ops;
    void *context;
    struct hyparview_params params;
    struct rng rng;
    uint64_t hash_key;
    struct peer_contact self;
    struct peer_contact active[HYPARVIEW_ACTIVE_MAX];
    struct hyparview_request requests[HYPARVIEW_REQUESTS_MAX];
    struct hyparview_failed *failed; /* the one block, with the two below */
    struct hyparview_passive *passive;
    struct peer_contact *contacts;
    uint16_t active_count;
    uint16_t requests_count;
    uint16_t passive_count;
    uint16_t failed_next;
    uint16_t contacts_count;
    uint16_t contacts_tried;
    uint16_t refusals; /* in this round of promotion */
    bool is_left;
    bool is_inside;          /* guards against calls from an operation */
    int64_t failed_until_ns; /* none is remembered after that */
    int64_t shuffle_due_ns;
    int64_t retry_due_ns; /* of the next round, INT64_MAX when none waits */
    int64_t retry_delay_ns;
    int64_t refresh_due_ns; /* INT64_MAX without contacts or neighbours */
    int64_t refresh_delay_ns;
    struct hyparview_stats stats;
};

/* Makes |h| ready, with empty views and no contacts. |params| NULL takes the
 * defaults. |ops| is borrowed until deinit. 0, -ENOMEM, or -EINVAL for a
 * parameter outside its range (param_check() names it). */
int hyparview_init(struct hyparview *h, const struct peer_contact *self,
                   const struct hyparview_params *params, uint64_t seed,
                   const struct hyparview_ops *ops, void *context);

/* Releases memory; tells nobody. Accepts what init refused, or zeroes. */
void hyparview_deinit(struct hyparview *h);

/* Begins to join through |contacts|, whose ids need not be set. They are
 * copied and kept: whenever no neighbour and no passive peer is left they are
 * tried again, in random order, with growing pauses. Without contacts the
 * node waits to be joined. Called once more it replaces them. */
void hyparview_join(struct hyparview *h, const struct peer_contact *contacts,
                    size_t count, int64_t now_ns);

/* Leaves for good: DISCONNECT to every neighbour, then silence. */
void hyparview_leave(struct hyparview *h, int64_t now_ns);

/* Takes a message from a peer whose id the handshake proved and whose address
 * is that of its HELLO. HYPARVIEW_OK or HYPARVIEW_NOT_MINE. */
int hyparview_receive(struct hyparview *h, const struct peer_contact *from,
                      const struct wire_message *message, int64_t now_ns);

void hyparview_peer_failed(struct hyparview *h, const struct peer_contact *peer,
                           int64_t now_ns);
void hyparview_peer_closed(struct hyparview *h, const struct peer_contact *peer,
                           int64_t now_ns);
/* A peer that had failed was reached again: it is worth knowing. Ours, beyond
 * the paper. */
void hyparview_peer_back(struct hyparview *h, const struct peer_contact *peer,
                         int64_t now_ns);
void hyparview_stray(struct hyparview *h, const struct peer_contact *peer,
                     int64_t now_ns);

/* Does what is due. Calling it early or late is harmless. */
void hyparview_tick(struct hyparview *h, int64_t now_ns);

/* When tick is next of use; INT64_MAX for never. It may move with each call
 * above. */
int64_t hyparview_next_deadline_ns(const struct hyparview *h);

bool hyparview_is_active(const struct hyparview *h, const struct peer_id *id);

/* Whether a connection to the peer is wanted: active, or a request of ours is
 * waiting for its reply. */
bool hyparview_needs(const struct hyparview *h,
                     const struct peer_contact *peer);

/* Gauges. */
size_t hyparview_active_count(const struct hyparview *h);
size_t hyparview_passive_count(const struct hyparview *h);
size_t hyparview_requests_count(const struct hyparview *h);
size_t hyparview_failed_count(const struct hyparview *h, int64_t now_ns);
size_t hyparview_heap_bytes(const struct hyparview *h);
const struct hyparview_stats *hyparview_stats(const struct hyparview *h);

/* Lends the views' members, 0 <= i < count; valid until the next call. */
const struct peer_contact *hyparview_active_at(const struct hyparview *h,
                                               size_t i);
const struct peer_contact *hyparview_passive_at(const struct hyparview *h,
                                                size_t i);

#endif
