/* net_faults.h - a bad network on a node's own sending side.
 *
 * Stands between whoever makes datagrams and the socket, and gives each its
 * fate: lost, sent now, sent later, sent twice. So a node meets a bad network
 * on any machine, also where the kernel has no netem; put on both ends of a
 * connection it works in both directions. Sans-I/O: it is given the time, draws
 * from a seeded generator, and sends through a callback; same seed, same times
 * and same datagrams, same fates.
 *
 * The fate, in this order (the models are those of Hemminger, "Network
 * Emulation with NetEm", 2005, but for reordering, which works without a
 * delay):
 *
 * - duplicate: so many percent are sent twice; each copy has its own fate in
 *   what follows.
 * - loss: so many percent vanish, each by itself.
 * - delay and jitter: held for the delay and, evenly spread, up to the jitter
 *   more. With jitter, datagrams overtake each other.
 * - reorder: so many percent are held for 1 ns up to NET_FAULTS_OVERTAKEN_NS
 *   more, so that later ones overtake them.
 *
 * What bounds it: NET_FAULTS_HELD_MAX datagrams are held, of
 * NET_FAULTS_DATAGRAM_MAX bytes at the most; when so many are held, one that
 * would have to be held is lost instead, as at a router whose queue is full.
 * Nothing is held on a network without delay, jitter and reordering.
 */
#ifndef MESHNODE_NET_FAULTS_H
#define MESHNODE_NET_FAULTS_H

#include "peer_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NET_FAULTS_HELD_MAX = 1024,
    NET_FAULTS_DATAGRAM_MAX = 1500,
    NET_FAULTS_OVERTAKEN_NS = 10000000,
};

/* Zeroes are a network without faults. */
struct net_faults_params {
    uint64_t seed;
    int64_t loss_percent; /* percentages: 0 to 100 */
    int64_t duplicate_percent;
    int64_t reorder_percent;
    int64_t delay_ns; /* >= 0 */
    int64_t jitter_ns;
};

struct net_faults_counts {
    uint64_t sent; /* handed to the callback, second copies included */
    uint64_t lost; /* by chance */
    uint64_t duplicated;
    uint64_t overflowed; /* lost because the queue was full, or no memory */
};

/* Sends one datagram now. May not call anything here. */
typedef void net_faults_send_fn(void *context, const struct peer_addr *peer,
                                const void *data, size_t size);

struct net_faults;

/* Whether there is any fault in |params|: without one, go without a module. */
bool net_faults_wanted(const struct net_faults_params *params);

/* 0 and *ret_faults, or -ENOMEM. |params| is copied. */
int net_faults_new(const struct net_faults_params *params,
                   net_faults_send_fn *send, void *context,
                   struct net_faults **ret_faults);

/* What is held is lost. Accepts NULL. */
void net_faults_free(struct net_faults *faults);

/* Takes one datagram, of NET_FAULTS_DATAGRAM_MAX bytes at the most: sends it,
 * holds a copy, or loses it. Says nothing of which, as a network does. */
void net_faults_pass(struct net_faults *faults, const struct peer_addr *peer,
                     const void *data, size_t size, int64_t now_ns);

/* Sends what is due, in the order in which it is due. INT64_MAX: all. */
void net_faults_tick(struct net_faults *faults, int64_t now_ns);

/* When the next one is due; INT64_MAX when nothing is held. */
int64_t net_faults_next_deadline_ns(const struct net_faults *faults);

/* How many are held now. */
size_t net_faults_held(const struct net_faults *faults);

/* Totals since the beginning; lives as long as |faults|. */
const struct net_faults_counts *
net_faults_counts(const struct net_faults *faults);

#endif
