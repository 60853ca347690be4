/* quic_conn.h - one QUIC connection of the transport, over ngtcp2.
 *
 * Private to the transport: transport_quic.c has the socket, quic_conn.c the
 * connections; together they are the only files that know ngtcp2.
 */
#ifndef MESHNODE_QUIC_CONN_H
#define MESHNODE_QUIC_CONN_H

#include "sendbuf.h"
#include "transport.h"
#include "transport_tls.h"
#include "udp.h"

#include <ev.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

enum {
    QUIC_CID_SIZE = 8,           /* of the connection ids that we give out */
    QUIC_RESET_SECRET_SIZE = 32, /* key of the stateless reset tokens */
};

enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_LOST };

struct cid_entry;

struct transport_conn {
    struct transport *transport;
    struct transport_conn *prev, *next;
    struct transport_conn *next_dirty;
    void *owner; /* NULL: the transport's own, or given back */
    struct peer_contact peer;
    struct tls_peer key;
    ngtcp2_conn *quic;
    ngtcp2_crypto_conn_ref ref;
    void *session; /* NULL once the handshake is done */
    struct cid_entry *cids;
    ev_timer timer;
    struct sendbuf out;
    int64_t out_stream; /* -1: not opened yet */
    enum conn_state state;
    bool is_dirty;
    bool is_session_done;
    bool is_closed;      /* given back; to be freed by the flush */
    bool is_orphan;      /* given back, and not to be freed: a bug */
    bool wants_finish;   /* our stream shall end after what is in |out| */
    bool is_finish_sent; /* ... and that has been said */
};

struct transport {
    struct ev_loop *loop;
    struct udp *udp;
    struct net_faults *faults; /* NULL: none asked for */
    struct tls *tls;
    struct transport_params params;
    struct transport_events events;
    struct peer_contact self;
    struct sockaddr_storage local;
    socklen_t local_size;
    ev_io readable;
    ev_prepare before_sleep;
    ev_timer held_timer; /* of the datagrams that the faults hold */
    struct cid_entry *by_cid;
    struct transport_conn *conns;
    struct transport_conn *dirty;
    struct transport_counts counts;
    uint8_t reset_secret[QUIC_RESET_SECRET_SIZE];
};

/* Makes the path that a datagram of |addr| takes; |remote| is its storage. */
ngtcp2_path quic_path(const struct transport *transport,
                      struct sockaddr_storage *remote,
                      const struct peer_addr *addr);

/* Sends one datagram, through the faults if there are any. 0, or -errno of
 * udp_send(). */
int quic_send(struct transport *transport, const struct peer_addr *peer,
              const void *data, size_t size);

/* The connection that has the connection id, or NULL. */
struct transport_conn *quic_conn_find(struct transport *transport,
                                      const uint8_t *cid, size_t size);

/* Makes a connection and its first turn: a client's to |contact|, or a
 * server's for the Initial with |header| from |peer|. NULL when there is no
 * memory. The bounds of transport.h are the caller's to keep. */
struct transport_conn *quic_conn_dial(struct transport *transport,
                                      const struct peer_contact *contact);
struct transport_conn *quic_conn_accept(struct transport *transport,
                                        const ngtcp2_pkt_hd *header,
                                        const struct peer_addr *peer);

/* Feeds it one datagram. */
void quic_conn_read(struct transport_conn *conn,
                    const struct udp_datagram *datagram);

/* It shall be written, or freed, before the loop sleeps. */
void quic_conn_mark_dirty(struct transport_conn *conn);

/* Stops its timer, if that runs. */
void quic_conn_stop_timer(struct transport_conn *conn);

/* The connection is dead: its owner hears of it, once. */
void quic_conn_lose(struct transport_conn *conn, enum transport_loss why);

/* Writes, or frees, every dirty connection. */
void quic_conn_flush(struct transport *transport);

#endif
