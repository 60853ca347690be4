/* The transport's socket: datagrams to connections, connections to datagrams.
 *
 * Happy path: on_readable() -> feed() hands a datagram to the connection whose
 * id it carries; an Initial that belongs to nobody makes one; before the loop
 * sleeps, on_before_sleep() writes what all of that caused.
 *
 * Failure modes. A killed peer: its kernel refuses our next datagram, see
 * udp.h. A packet of a connection that we do not know: its peer still believes
 * in it, and is told by a stateless reset (RFC 9000 section 10.3), which is
 * also what stands in for a CONNECTION_CLOSE that was lost; only a peer that
 * dialled can be told so (a client announces no reset token, section 18.2),
 * any other finds out by the idle time-out. Another version of QUIC: version
 * negotiation. Noise: dropped. */
#include "transport.h"

#include "clock.h"
#include "quic_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES_A_WAKE = 32, /* then the loop's other watchers get a turn */
    RESET_SIZE =
        NGTCP2_STATELESS_RESET_TOKENLEN + NGTCP2_MIN_STATELESS_RESET_RANDLEN,
};

/* --- datagrams out ------------------------------------------------------- */

int quic_send(struct transport *transport, const struct peer_addr *peer,
              const void *data, size_t size)
{
    if (transport->faults == NULL) {
        return udp_send(transport->udp, peer, data, size);
    }
    net_faults_pass(transport->faults, peer, data, size, clock_now_ns());
    return 0;
}

static void send_after_faults(void *context, const struct peer_addr *peer,
                              const void *data, size_t size)
{
    struct transport *transport = context;
    (void)udp_send(transport->udp, peer, data, size);
}

static void on_held_due(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct transport *transport = timer->data;
    (void)loop;
    (void)revents;
    net_faults_tick(transport->faults, clock_now_ns());
}

static void set_held_timer(struct transport *transport)
{
    int64_t due_ns = net_faults_next_deadline_ns(transport->faults);
    ev_timer_stop(transport->loop, &transport->held_timer);
    if (due_ns != INT64_MAX) {
        int64_t wait_ns = due_ns - clock_now_ns();
        ev_now_update(transport->loop);
        ev_timer_set(&transport->held_timer,
                     wait_ns > 0 ? (double)wait_ns / 1e9 : 0., 0.);
        ev_timer_start(transport->loop, &transport->held_timer);
    }
}

/* --- datagrams in -------------------------------------------------------- */

/* A packet of a connection that we do not know: its peer still believes in
 * one. Tell it, unless the packet is too small for the answer to be smaller:
 * that is what keeps two ends that have both forgotten from answering each
 * other for ever (RFC 9000 section 10.3.3). The answer is as small as can be,
 * since a keep-alive's PING is all that a quiet peer sends. */
static void send_reset(struct transport *transport,
                       const struct udp_datagram *datagram,
                       const ngtcp2_version_cid *ids)
{
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
    uint8_t noise[NGTCP2_MIN_STATELESS_RESET_RANDLEN];
    uint8_t packet[RESET_SIZE];
    ngtcp2_cid cid;
    if (datagram->size <= RESET_SIZE) {
        return;
    }
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(
            token, transport->reset_secret, QUIC_RESET_SECRET_SIZE, &cid) !=
            0 ||
        tls_random(noise, sizeof noise) != 0) {
        return;
    }
    ngtcp2_ssize size = ngtcp2_pkt_write_stateless_reset(
        packet, sizeof packet, token, noise, sizeof noise);
    if (size > 0) {
        (void)quic_send(transport, &datagram->peer, packet, (size_t)size);
    }
}

static void send_versions(struct transport *transport,
                          const struct udp_datagram *datagram,
                          const ngtcp2_version_cid *ids)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    uint8_t packet[128];
    uint8_t noise = 0;
    (void)tls_random(&noise, 1);
    ngtcp2_ssize size = ngtcp2_pkt_write_version_negotiation(
        packet, sizeof packet, noise, ids->scid, ids->scidlen, ids->dcid,
        ids->dcidlen, versions, 1);
    if (size > 0) {
        (void)quic_send(transport, &datagram->peer, packet, (size_t)size);
    }
}

/* A stateless reset bears no connection id, but noise in its place: it is
 * known by the token at its end (10.3.1), which ngtcp2 looks for in a packet
 * that it cannot decrypt. True if it was one and ended its connection. */
static bool take_reset(struct transport *transport,
                       const struct udp_datagram *datagram)
{
    for (struct transport_conn *conn = transport->conns; conn != NULL;
         conn = conn->next) {
        if (conn->state == CONN_OPEN &&
            peer_addr_equal(&conn->peer.addr, &datagram->peer)) {
            quic_conn_read(conn, datagram);
            if (conn->state == CONN_LOST) {
                return true;
            }
        }
    }
    return false;
}

static void feed(struct transport *transport,
                 const struct udp_datagram *datagram)
{
    ngtcp2_version_cid ids;
    int result = ngtcp2_pkt_decode_version_cid(&ids, datagram->data,
                                               datagram->size, QUIC_CID_SIZE);
    if (result == NGTCP2_ERR_VERSION_NEGOTIATION) {
        send_versions(transport, datagram, &ids);
        return;
    }
    if (result != 0) {
        return; /* noise */
    }
    struct transport_conn *conn =
        quic_conn_find(transport, ids.dcid, ids.dcidlen);
    if (conn == NULL && ids.version == 0) {
        if (!take_reset(transport, datagram)) {
            send_reset(transport, datagram, &ids);
        }
        return;
    }
    ngtcp2_pkt_hd header;
    if (conn == NULL &&
        transport->counts.connections < TRANSPORT_CONNECTIONS_MAX &&
        transport->counts.handshakes < TRANSPORT_HANDSHAKES_MAX &&
        ngtcp2_accept(&header, datagram->data, datagram->size) == 0) {
        conn = quic_conn_accept(transport, &header, &datagram->peer);
    }
    if (conn != NULL) {
        quic_conn_read(conn, datagram);
    }
}

/* Whether the refused datagram is one that this connection sent: it carries
 * the connection id that the peer chose, which nobody off the path knows. */
static bool is_of_conn(const struct transport_conn *conn,
                       const struct udp_datagram *datagram)
{
    const ngtcp2_cid *dcid = ngtcp2_conn_get_dcid(conn->quic);
    size_t at = datagram->size > 0 && (datagram->data[0] & 0x80) ? 6 : 1;
    return conn->state != CONN_LOST &&
           peer_addr_equal(&conn->peer.addr, &datagram->peer) &&
           datagram->size >= at + dcid->datalen &&
           memcmp(datagram->data + at, dcid->data, dcid->datalen) == 0;
}

static void refuse(struct transport *transport,
                   const struct udp_datagram *datagram)
{
    for (struct transport_conn *conn = transport->conns; conn != NULL;
         conn = conn->next) {
        if (is_of_conn(conn, datagram)) {
            quic_conn_lose(conn, TRANSPORT_LOST_REFUSED);
            return;
        }
    }
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct transport *transport = watcher->data;
    struct udp_datagram datagrams[UDP_BATCH_MAX];
    (void)loop;
    (void)revents;
    for (int i = 0; i < BATCHES_A_WAKE; i++) {
        size_t count = udp_receive(transport->udp, datagrams);
        for (size_t j = 0; j < count; j++) {
            if (datagrams[j].is_refusal) {
                refuse(transport, &datagrams[j]);
            } else {
                feed(transport, &datagrams[j]);
            }
        }
        if (count == 0) {
            break;
        }
        /* Not only before the loop sleeps: peers can work on the answers to
         * this batch while we read the next. */
        quic_conn_flush(transport);
    }
}

/* --- the transport ------------------------------------------------------- */

static void on_before_sleep(struct ev_loop *loop, ev_prepare *watcher,
                            int revents)
{
    (void)loop;
    (void)revents;
    struct transport *transport = watcher->data;
    quic_conn_flush(transport);
    if (transport->faults != NULL) {
        set_held_timer(transport);
    }
}

int transport_new(struct ev_loop *loop, const struct peer_addr *listen,
                  const struct transport_params *params,
                  const struct transport_events *events,
                  struct transport **ret_transport)
{
    struct transport *transport = calloc(1, sizeof *transport);
    if (transport == NULL) {
        return -ENOMEM;
    }
    transport->loop = loop;
    transport->params = *params;
    transport->events = *events;
    int result = udp_open(listen, &transport->udp);
    if (result == 0) {
        result = tls_new(&transport->tls);
    }
    if (result == 0) {
        result = tls_random(transport->reset_secret, QUIC_RESET_SECRET_SIZE);
    }
    if (result == 0 && net_faults_wanted(&params->faults)) {
        result = net_faults_new(&params->faults, send_after_faults, transport,
                                &transport->faults);
    }
    if (result != 0) {
        tls_free(transport->tls);
        udp_close(transport->udp);
        free(transport);
        return result;
    }
    transport->self.id = *tls_id(transport->tls);
    transport->self.addr = *udp_local(transport->udp);
    transport->local_size =
        udp_sockaddr(&transport->self.addr, &transport->local);
    ev_io_init(&transport->readable, on_readable, udp_fd(transport->udp),
               EV_READ);
    transport->readable.data = transport;
    ev_io_start(loop, &transport->readable);
    ev_prepare_init(&transport->before_sleep, on_before_sleep);
    transport->before_sleep.data = transport;
    ev_prepare_start(loop, &transport->before_sleep);
    ev_init(&transport->held_timer, on_held_due);
    transport->held_timer.data = transport;
    *ret_transport = transport;
    return 0;
}

static void give_up(struct transport_conn *conn)
{
    conn->owner = NULL;
    conn->is_closed = true;
    quic_conn_mark_dirty(conn);
}

void transport_free(struct transport *transport)
{
    if (transport == NULL) {
        return;
    }
    for (struct transport_conn *conn = transport->conns; conn != NULL;
         conn = conn->next) {
        give_up(conn);
    }
    quic_conn_flush(transport);
    if (transport->faults != NULL) {
        net_faults_tick(transport->faults, INT64_MAX);
        net_faults_free(transport->faults);
    }
    ev_timer_stop(transport->loop, &transport->held_timer);
    ev_io_stop(transport->loop, &transport->readable);
    ev_prepare_stop(transport->loop, &transport->before_sleep);
    tls_free(transport->tls);
    udp_close(transport->udp);
    free(transport);
}

const struct peer_contact *transport_self(const struct transport *transport)
{
    return &transport->self;
}

void transport_count(const struct transport *transport,
                     struct transport_counts *ret_counts)
{
    *ret_counts = transport->counts;
    for (const struct transport_conn *conn = transport->conns; conn != NULL;
         conn = conn->next) {
        ret_counts->unacknowledged_bytes += conn->out.held_bytes;
    }
}

int transport_dial(struct transport *transport,
                   const struct peer_contact *contact, void *owner,
                   struct transport_conn **ret_conn)
{
    assert(owner != NULL);
    if (transport->counts.connections >= TRANSPORT_CONNECTIONS_MAX) {
        return -EMFILE;
    }
    struct transport_conn *conn = quic_conn_dial(transport, contact);
    if (conn == NULL) {
        return -ENOMEM;
    }
    conn->owner = owner;
    *ret_conn = conn;
    return 0;
}

void transport_set_owner(struct transport_conn *conn, void *owner)
{
    conn->owner = owner;
}

const struct peer_contact *transport_peer(const struct transport_conn *conn)
{
    return &conn->peer;
}

int transport_write(struct transport_conn *conn, const void *data, size_t size)
{
    if (conn->state == CONN_LOST || conn->wants_finish) {
        return -ENOTCONN;
    }
    if (size > TRANSPORT_WRITE_MAX - conn->out.held_bytes) {
        return -ENOBUFS;
    }
    quic_conn_mark_dirty(conn);
    return sendbuf_append(&conn->out, data, size);
}

void transport_finish(struct transport_conn *conn)
{
    conn->wants_finish = true;
    quic_conn_mark_dirty(conn);
}

void transport_close(struct transport_conn *conn)
{
    if (conn->transport->params.has_orphans && !conn->is_session_done) {
        /* The bug: nobody owns it any more, and no timer runs that would end
         * it. Should its handshake be done one day, it is closed. */
        conn->owner = NULL;
        conn->is_orphan = true;
        quic_conn_stop_timer(conn);
        return;
    }
    give_up(conn);
}
