/* port.h - who listens on a port of this machine.
 *
 * Platform seam: one of port_linux.c or port_win32.c; uses nothing of ours.
 */
#ifndef PLATEAU_PORT_H
#define PLATEAU_PORT_H

#include <stdint.h>

enum {
    PORT_REFUSED = 1, /* port_connect: nobody accepts (errno says why) */
    PORT_PENDING = 2, /* port_connect, port_connected: not known yet */
};

/* Begins to connect to TCP |port| of the numeric address |host|. 0: somebody
 * has accepted; PORT_PENDING and a socket for port_connected() in *ret_fd, to
 * be closed by the caller; PORT_REFUSED; or -errno when no attempt could be
 * made. */
int port_connect(const char *host, uint32_t port, int *ret_fd);

/* The same about a connection that was pending, after |wait_ms| at most; a
 * machine that is busy answers even itself a little later. */
int port_connected(int fd, int wait_ms);

/* Whether a UDP socket is bound to |port| in the network that process |pid|
 * lives in: 1, 0, or -errno when that cannot be looked up. Nothing is sent. */
int port_is_bound_udp(int64_t pid, uint32_t port);

#endif
