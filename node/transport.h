/* transport.h - authenticated connections to peers, and bytes in order.
 *
 * One UDP socket carries every connection, dialled or accepted. A connection
 * is a QUIC connection (RFC 9000) with mutual TLS 1.3, on which each side
 * opens one unidirectional stream and writes its messages to it, end to end.
 * The transport knows bytes and peers; what they mean, and when a connection
 * is no longer wanted, is its owner's business.
 *
 * Ownership: a connection belongs to the transport until it is established
 * (accepted) or from the start (dialled) to its owner; the owner gives it back
 * with transport_close(), exactly once, also after `lost`. After
 * transport_close() no event of that connection comes any more.
 *
 * Events come from the event loop, never from inside a call of this header,
 * and an event may call anything here. Times are nanoseconds of the monotonic
 * clock.
 *
 * What bounds it: TRANSPORT_CONNECTIONS_MAX connections (further ones are not
 * accepted, dialling gives -EMFILE); TRANSPORT_HANDSHAKES_MAX accepted ones
 * whose handshake is under way; TRANSPORT_WRITE_MAX bytes written and not yet
 * acknowledged on a connection (then -ENOBUFS); and in the receiving direction
 * QUIC's flow control at TRANSPORT_WINDOW bytes.
 *
 * On a bad network (or with faults asked for) every goodbye can be lost: a
 * CONNECTION_CLOSE, the stateless reset that stands in for it, the kernel's
 * refusal. Then the idle time-out, or the handshake's, ends the connection.
 */
#ifndef MESHNODE_TRANSPORT_H
#define MESHNODE_TRANSPORT_H

#include "net_faults.h"
#include "peer_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRANSPORT_CONNECTIONS_MAX = 65536,
    TRANSPORT_HANDSHAKES_MAX = 1024,
    TRANSPORT_WRITE_MAX = 256 * 1024,
    TRANSPORT_WINDOW = 128 * 1024,
};

struct ev_loop;
struct transport;
struct transport_conn;

/* Why a connection is no more. */
enum transport_loss {
    TRANSPORT_LOST_IDLE,      /* nothing heard for the idle time-out */
    TRANSPORT_LOST_CLOSED,    /* the peer closed it, or forgot it (reset) */
    TRANSPORT_LOST_REFUSED,   /* nobody listens at the peer's address */
    TRANSPORT_LOST_HANDSHAKE, /* no handshake: time-out, wrong key, no ALPN */
    TRANSPORT_LOST_PROTOCOL,  /* the peer broke QUIC's rules */
};

struct transport_params {
    int64_t idle_timeout_ns;      /* > 0 */
    int64_t keep_alive_ns;        /* a PING after so long a silence; 0: none */
    int64_t handshake_timeout_ns; /* > 0 */
    /* The bug "orphaned-handshake": a connection given back before its
     * handshake is done is left to the idle time-out, which does not run yet.
     */
    bool has_orphans;
    struct net_faults_params faults; /* of the sending side; zeroes: none */
};

struct transport_events {
    void *user;
    /* The handshake is done, and the peer's key proved. |owner| is NULL for an
     * accepted connection: set one, or it is closed. */
    void (*established)(void *user, struct transport_conn *conn, void *owner);
    /* The next |size| > 0 bytes of the peer's stream. */
    void (*received)(void *owner, const uint8_t *data, size_t size);
    /* The peer has ended its stream; everything was received. */
    void (*peer_finished)(void *owner);
    /* The peer has acknowledged all that was written, and its end. */
    void (*finished)(void *owner);
    /* The connection is dead; transport_close() is still to be called. */
    void (*lost)(void *owner, enum transport_loss why);
};

/* What is there now. */
struct transport_counts {
    uint64_t connections; /* every one that holds memory, of any state */
    uint64_t handshakes;  /* of these, with the handshake under way */
    /* Written to all of them, and not yet acknowledged. */
    uint64_t unacknowledged_bytes;
    /* Since the beginning: how often a connection's timer began to run, and
     * how often it ran out or was stopped. */
    uint64_t timers_started, timers_stopped;
};

/* Opens the socket at |listen| and makes an identity. 0 and *ret_transport,
 * or -errno: that of bind(2), -EIO when TLS cannot start, -ENOMEM. |events| is
 * copied. */
int transport_new(struct ev_loop *loop, const struct peer_addr *listen,
                  const struct transport_params *params,
                  const struct transport_events *events,
                  struct transport **ret_transport);

/* Says goodbye on every connection that is left, sends what the faults still
 * hold, and frees all. Owners hear nothing. Accepts NULL. */
void transport_free(struct transport *transport);

/* Our own id and the address that the socket is bound to. */
const struct peer_contact *transport_self(const struct transport *transport);

void transport_count(const struct transport *transport,
                     struct transport_counts *ret_counts);

/* Begins a handshake with the holder of |contact|'s key at its address. 0 and
 * *ret_conn; -EMFILE, -ENOMEM. */
int transport_dial(struct transport *transport,
                   const struct peer_contact *contact, void *owner,
                   struct transport_conn **ret_conn);

void transport_set_owner(struct transport_conn *conn, void *owner);

/* Whom it leads to, and the address where it was last seen. The id of an
 * accepted connection stands once it is established. */
const struct peer_contact *transport_peer(const struct transport_conn *conn);

/* Appends to our stream; sent as soon as the handshake and flow control let
 * it. Copied. 0; -ENOBUFS when TRANSPORT_WRITE_MAX would be passed (nothing
 * was taken); -ENOTCONN after loss or finish; -ENOMEM. */
int transport_write(struct transport_conn *conn, const void *data, size_t size);

/* Ends our stream after what was written: `finished` follows once that has
 * arrived. */
void transport_finish(struct transport_conn *conn);

/* Gives the connection back, saying CONNECTION_CLOSE if it is not lost. */
void transport_close(struct transport_conn *conn);

#endif
