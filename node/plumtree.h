/* plumtree.h - broadcast over the active view, once to every node.
 *
 * Epidemic broadcast trees (Leitao, Pereira, Rodrigues, SRDS 2007). Payloads
 * are pushed at once over eager links, which come to form a tree; over the
 * lazy links go announcements only, in batches, and whoever misses a message
 * grafts the link that announced it. Sans-I/O: messages, neighbours and time
 * go in, the operations below are called. Deterministic from seed and input.
 *
 * What the caller owes: neighbor_up and neighbor_down as HyParView reports
 * them; send in order over the connection to that neighbour, with losses
 * reported through neighbor_down; no call back into the same instance from an
 * operation (broadcast again after deliver has returned).
 *
 * Bounds: PLUMTREE_PEERS_MAX neighbours; every other table by parameter. At
 * its bound the cache and the set of seen ids forget their oldest entry (a
 * message that comes back after that is taken for new), the table of missing
 * messages ignores further announcements, and a batch of announcements that
 * is full is sent at once. Memory: small tables that grow with use up to
 * their bound, and shrink again as entries expire.
 */
#ifndef PLUMTREE_H
#define PLUMTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "param.h"
#include "peer_id.h"
#include "rng.h"
#include "wire.h"

enum {
    PLUMTREE_OK = 0,
    PLUMTREE_NOT_MINE = 1, /* a message of another protocol: ignored */
    PLUMTREE_STRANGER = 2, /* not from a neighbour: tell hyparview_stray() */
    PLUMTREE_FULL = 3,     /* as many neighbours as there can be */

    PLUMTREE_PEERS_MAX = 16,
};

/* One int64_t a row of plumtree_param_table; times in nanoseconds. */
struct plumtree_params {
    int64_t flush_delay_ns;
    int64_t missing_timeout_ns;
    int64_t graft_timeout_ns;
    int64_t optimise_hops;
    int64_t cache_max;
    int64_t cache_bytes_max;
    int64_t cache_ttl_ns;
    int64_t seen_max;
    int64_t seen_ttl_ns;
    int64_t missing_max;
};

extern const struct param plumtree_param_table[];
extern const size_t plumtree_param_count;

void plumtree_params_default(struct plumtree_params *ret_params);

struct plumtree_ops {
    void (*send)(void *context, const struct peer_id *to,
                 const struct wire_message *message);
    /* A message of another node's, the first time it arrives; |hops| links
     * from its origin. The payload is lent for the call. */
    void (*deliver)(void *context, const struct message_id *id, uint16_t hops,
                    const uint8_t *payload, size_t payload_bytes);
};

/* Counts since init; they only grow. */
struct plumtree_stats {
    uint64_t broadcasts, delivered, duplicates;
    uint64_t gossips_sent, ihaves_sent, announcements_sent;
    uint64_t grafts_sent, grafts_received, grafts_unserved;
    uint64_t prunes_sent, prunes_received;
    uint64_t optimisations;
    uint64_t missing_given_up;  /* announced, never obtained */
    uint64_t missing_overflows; /* announcements ignored at the bound */
    uint64_t seen_overflows;    /* ids forgotten before they expired */
};

struct plumtree_peer;
struct plumtree_seen;
struct plumtree_missing;

/* Private: use the functions. In the header so that it can be embedded. */
struct plumtree {
    const struct plumtree_ops *ops;
    void *context;
    struct plumtree_params params;
    uint64_t hash_key;
    uint64_t sequence;
    struct peer_id self;
    struct plumtree_peer *peers[PLUMTREE_PEERS_MAX]; /* by slot, with holes */
    struct plumtree_peer *departed; /* only with the bug below */
    /* The bug "unpruned-peers": what is kept of a neighbour outlives it. Set it
     * after init. */
    bool is_unpruned;
    struct plumtree_seen *seen; /* a ring in order of arrival, */
    uint16_t *seen_index;       /* and its hash index */
    uint32_t seen_capacity;     /* a power of two */
    uint32_t seen_first;        /* position of the oldest */
    uint32_t seen_count;
    uint32_t cached_count; /* the newest ones still hold their payload */
    size_t cached_bytes;
    struct plumtree_missing *missing;
    uint32_t missing_count;
    uint32_t missing_capacity;
    int64_t flush_due_ns; /* INT64_MAX while every batch is empty */
    bool is_inside;       /* guards against calls from an operation */
    struct plumtree_stats stats;
};

/* Makes |p| ready, without neighbours; allocates nothing yet. |params| NULL
 * takes the defaults. |ops| is borrowed until deinit. 0, or -EINVAL for a
 * parameter outside its range. */
int plumtree_init(struct plumtree *p, const struct peer_id *self,
                  const struct plumtree_params *params, uint64_t seed,
                  const struct plumtree_ops *ops, void *context);

/* Releases everything. Accepts what init refused, or zeroes. */
void plumtree_deinit(struct plumtree *p);

/* A new neighbour, eager at first; 0 also when it is known already.
 * PLUMTREE_FULL or -ENOMEM: it is not taken. */
int plumtree_neighbor_up(struct plumtree *p, const struct peer_id *peer);

/* Forgets the neighbour, its batch and its announcements. */
void plumtree_neighbor_down(struct plumtree *p, const struct peer_id *peer,
                            int64_t now_ns);

/* Sends to all. The payload is copied; deliver is not called for it. 0 and,
 * if asked for, its id; -EMSGSIZE beyond WIRE_PAYLOAD_MAX; -ENOMEM. */
int plumtree_broadcast(struct plumtree *p, const uint8_t *payload,
                       size_t payload_bytes, int64_t now_ns,
                       struct message_id *ret_id);

/* Takes a message. PLUMTREE_OK, PLUMTREE_NOT_MINE, PLUMTREE_STRANGER (of a
 * stranger's messages only a payload is used, as it may be news), -ENOMEM
 * (the message is dropped, as if lost). */
int plumtree_receive(struct plumtree *p, const struct peer_id *from,
                     const struct wire_message *message, int64_t now_ns);

/* Does what is due. Calling it early or late is harmless. */
void plumtree_tick(struct plumtree *p, int64_t now_ns);

/* When tick is next of use; INT64_MAX for never. It may move with each call
 * above. */
int64_t plumtree_next_deadline_ns(const struct plumtree *p);

/* Gauges. */
size_t plumtree_peers_count(const struct plumtree *p);
size_t plumtree_records_count(const struct plumtree *p); /* kept of peers */
size_t plumtree_eager_count(const struct plumtree *p);
size_t plumtree_lazy_count(const struct plumtree *p);
size_t plumtree_lazy_queue_count(const struct plumtree *p);
size_t plumtree_cached_count(const struct plumtree *p);
size_t plumtree_cached_bytes(const struct plumtree *p);
size_t plumtree_seen_count(const struct plumtree *p);
size_t plumtree_missing_count(const struct plumtree *p);
size_t plumtree_heap_bytes(const struct plumtree *p);
const struct plumtree_stats *plumtree_stats(const struct plumtree *p);

/* Whether the peer is a neighbour over an eager link. */
bool plumtree_is_eager(const struct plumtree *p, const struct peer_id *peer);

#endif
