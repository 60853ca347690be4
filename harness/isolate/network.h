/* network.h - put a run into networks of its own.
 *
 * network_enter() moves this process, and with it all that it starts from then
 * on, out of the machine's network into an empty one. NETWORK_SHARED: that is
 * all, one loopback for the whole run. NETWORK_EACH: every place has a network
 * besides, joined to ours by a bridge: place n has the address of address.h on
 * "eth0", and we have 10.77.0.1. Nothing leads out of any of them.
 *
 * Where a share of packets is to be lost, the kernel draws for each IP packet
 * by itself (nftables, "numgen random"): SHARED, those that arrive on the
 * loopback; EACH, those from one place to another, while what we ask of them
 * (readiness) arrives. The draws are the kernel's: a seed does not replay them.
 *
 * EACH can be cut in two besides: no IP packet gets from the places that are
 * cut off to the others, nor back; among themselves the ones reach each other
 * as well as the others do, and all hear from us. It is the packets that are
 * lost, as behind a router that has died: nobody is told, links stay up and
 * ARP is answered, so that what comes first after healing arrives. It is the
 * place that is cut, whoever is in it, and whoever comes to be.
 *
 * It takes the right to make networks: CAP_SYS_ADMIN, or a user namespace,
 * which is made where the right is missing (our user stays who he is in it, and
 * nobody else is). Nothing is left behind: a network ends with the last process
 * and descriptor in it.
 *
 * Platform seam: one of network_linux.c or network_win32.c.
 */
#ifndef PLATEAU_ISOLATE_NETWORK_H
#define PLATEAU_ISOLATE_NETWORK_H

#include "err.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Ports of a bridge, of which there are 1024 (net/bridge/br_private.h). */
    NETWORK_PLACES_MAX = 1000,
};

struct network;

struct network_config {
    enum network_rule rule; /* not NETWORK_NONE */
    uint32_t places;        /* EACH: at most NETWORK_PLACES_MAX */
    double drop_share;      /* 0 to below 1 */
    bool has_partitions;    /* EACH: network_cut() will be called */
};

/* Enters. From a process with one thread only. 0 and *ret_network; or -errno
 * and |err|, what is missing in the sentence: -EPERM, -ENOENT (no nft) ... This
 * process may be in another network then: it should end. */
int network_enter(const struct network_config *config,
                  struct network **ret_network, struct err *err);

/* Cuts |count| places off from the others; from those that are cut off already
 * they are not. 0; or -errno, the kernel's own answer, and nothing has changed.
 * A fraction of a millisecond. */
int network_cut(struct network *network, const uint32_t *places, size_t count);

/* All reach all again. Likewise. */
int network_heal(struct network *network);

/* Lets go of the places' networks. This process stays in its own. Accepts
 * NULL. */
void network_free(struct network *network);

/* The network of |place|, for spawn_process(); 0 where it is our own. Accepts
 * NULL. */
int network_of(const struct network *network, uint32_t place);

#endif
