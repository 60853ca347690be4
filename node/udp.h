/* udp.h - one UDP socket: datagrams out, datagrams and refusals in.
 *
 * A refusal is the kernel's word that nobody listens at an address we sent to
 * (ICMP port unreachable). It quotes the datagram that was refused, so that
 * the caller can check that it really sent that. Over loopback and inside a
 * cluster it is what a connection reset is to TCP: the quick way to learn that
 * a peer was killed.
 *
 * Platform seam: one of udp_linux.c or udp_win32.c; uses nothing of ours but
 * struct peer_addr.
 */
#ifndef MESHNODE_UDP_H
#define MESHNODE_UDP_H

#include "peer_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    /* Datagrams that one receive can give. With more, peers wait for answers
     * while a batch is worked on: at 8 the handshakes of two processes went at
     * 87 % of the speed that they have at 4. */
    UDP_BATCH_MAX = 4,
    UDP_DATAGRAM_MAX = 1500,
};

struct udp;

struct udp_datagram {
    const uint8_t *data; /* lives until the next udp_receive() */
    size_t size;
    struct peer_addr peer; /* who sent it; or who refused what we sent */
    bool is_refusal;       /* |data| is the head of what was refused */
};

/* Binds a socket to |listen| (port 0: any free one). 0 and *ret_udp, or
 * -errno (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL ...). */
int udp_open(const struct peer_addr *listen, struct udp **ret_udp);

/* Accepts NULL. */
void udp_close(struct udp *udp);

/* The descriptor to wait on for input. */
int udp_fd(const struct udp *udp);

/* Where it is bound. */
const struct peer_addr *udp_local(const struct udp *udp);

/* Sends one datagram. 0, or -errno; a datagram that the kernel had no room
 * for is lost (-EAGAIN), as on any network. */
int udp_send(struct udp *udp, const struct peer_addr *peer, const void *data,
             size_t size);

/* Takes what has come, refusals first, without waiting: up to UDP_BATCH_MAX
 * into |datagrams|. Returns how many; 0 when there is nothing more. */
size_t udp_receive(struct udp *udp, struct udp_datagram *datagrams);

/* |addr| as the system writes it; returns its size in |ret_storage|. */
socklen_t udp_sockaddr(const struct peer_addr *addr,
                       struct sockaddr_storage *ret_storage);

#endif
