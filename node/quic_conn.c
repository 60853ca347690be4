/* Happy path: quic_conn_dial() or quic_conn_accept() makes a connection and
 * marks it dirty; quic_conn_flush() writes it before the loop sleeps; datagrams
 * come in through quic_conn_read(), and ngtcp2's callbacks report the
 * handshake, the stream's bytes and its end; after each the connection is dirty
 * again. Given back by its owner, it says CONNECTION_CLOSE in the flush and is
 * freed.
 *
 * Failure modes. Silence: ngtcp2's idle time-out, through the connection's
 * timer. A handshake that does not come: the handshake time-out. Broken rules:
 * ngtcp2 says so, we answer with CONNECTION_CLOSE. All end in
 * quic_conn_lose(), once.
 *
 * Nothing is written, lost or freed inside an ngtcp2 callback: callbacks only
 * buffer, mark and report upwards. */
#include "quic_conn.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

enum {
    PACKET_SIZE = 1452,  /* what we send at the most */
    STREAMS_OF_PEER = 3, /* unidirectional; one is used */
};

/* Loopback and a cluster are quick; 333 ms, the default of RFC 9002, would
 * make a lost Initial cost a second. */
#define INITIAL_RTT (30 * NGTCP2_MILLISECONDS)

/* A connection id that leads to a connection. */
struct cid_entry {
    UT_hash_handle hh;
    struct cid_entry *next_of_conn;
    struct transport_conn *conn;
    ngtcp2_cid cid;
};

static ngtcp2_tstamp quic_now_ns(void)
{
    return (ngtcp2_tstamp)clock_now_ns();
}

void quic_conn_mark_dirty(struct transport_conn *conn)
{
    if (!conn->is_dirty) {
        conn->is_dirty = true;
        conn->next_dirty = conn->transport->dirty;
        conn->transport->dirty = conn;
    }
}

/* --- connection ids ------------------------------------------------------ */

struct transport_conn *quic_conn_find(struct transport *transport,
                                      const uint8_t *cid, size_t size)
{
    struct cid_entry *entry = NULL;
    HASH_FIND(hh, transport->by_cid, cid, size, entry);
    return entry ? entry->conn : NULL;
}

static int remember_cid(struct transport_conn *conn, const ngtcp2_cid *cid)
{
    struct cid_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return -ENOMEM;
    }
    entry->conn = conn;
    entry->cid = *cid;
    entry->next_of_conn = conn->cids;
    conn->cids = entry;
    HASH_ADD_KEYPTR(hh, conn->transport->by_cid, entry->cid.data,
                    entry->cid.datalen, entry);
    return 0;
}

static void forget_cid(struct transport_conn *conn, const ngtcp2_cid *cid)
{
    struct cid_entry **link = &conn->cids;
    while (*link != NULL && !ngtcp2_cid_eq(&(*link)->cid, cid)) {
        link = &(*link)->next_of_conn;
    }
    struct cid_entry *entry = *link;
    if (entry != NULL) {
        *link = entry->next_of_conn;
        HASH_DEL(conn->transport->by_cid, entry);
        free(entry);
    }
}

static int make_cid(ngtcp2_cid *ret_cid)
{
    ret_cid->datalen = QUIC_CID_SIZE;
    return tls_random(ret_cid->data, QUIC_CID_SIZE);
}

/* --- what ngtcp2 calls --------------------------------------------------- */

static ngtcp2_conn *quic_of_ref(ngtcp2_crypto_conn_ref *ref)
{
    struct transport_conn *conn = ref->user_data;
    return conn->quic;
}

static void on_rand(uint8_t *dest, size_t size, const ngtcp2_rand_ctx *context)
{
    (void)context;
    (void)tls_random(dest, size);
}

static int on_new_cid(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token,
                      size_t size, void *user_data)
{
    struct transport_conn *conn = user_data;
    (void)quic;
    (void)size;
    if (make_cid(cid) != 0 ||
        ngtcp2_crypto_generate_stateless_reset_token(
            token, conn->transport->reset_secret, QUIC_RESET_SECRET_SIZE,
            cid) != 0 ||
        remember_cid(conn, cid) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_remove_cid(ngtcp2_conn *quic, const ngtcp2_cid *cid,
                         void *user_data)
{
    (void)quic;
    forget_cid(user_data, cid);
    return 0;
}

static int on_crypto_data(ngtcp2_conn *quic, ngtcp2_encryption_level level,
                          uint64_t offset, const uint8_t *data, size_t size,
                          void *user_data)
{
    struct transport_conn *conn = user_data;
    if (conn->session == NULL) {
        return 0; /* a ticket, which nobody here makes use of */
    }
    return ngtcp2_crypto_recv_crypto_data_cb(quic, level, offset, data, size,
                                             user_data);
}

static int on_handshake_completed(ngtcp2_conn *quic, void *user_data)
{
    struct transport_conn *conn = user_data;
    struct transport *transport = conn->transport;
    (void)quic;
    if (!conn->key.is_proved) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    conn->peer.id = conn->key.id;
    conn->state = CONN_OPEN;
    conn->is_session_done = true;
    transport->counts.handshakes--;
    if (conn->is_orphan) {
        conn->is_closed = true;
    } else if (!conn->is_closed) {
        transport->events.established(transport->events.user, conn,
                                      conn->owner);
    }
    if (conn->owner == NULL) {
        conn->is_closed = true;
    }
    return 0;
}

static int on_stream_data(ngtcp2_conn *quic, uint32_t flags, int64_t stream,
                          uint64_t offset, const uint8_t *data, size_t size,
                          void *user_data, void *stream_user_data)
{
    struct transport_conn *conn = user_data;
    (void)offset;
    (void)stream_user_data;
    /* Taken at once: the receiver has a bound of its own. */
    if (size > 0) {
        (void)ngtcp2_conn_extend_max_stream_offset(quic, stream, size);
        ngtcp2_conn_extend_max_offset(quic, size);
        if (conn->owner != NULL) {
            conn->transport->events.received(conn->owner, data, size);
        }
    }
    if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) && conn->owner != NULL) {
        conn->transport->events.peer_finished(conn->owner);
    }
    return 0;
}

static int on_acknowledged(ngtcp2_conn *quic, int64_t stream, uint64_t offset,
                           uint64_t size, void *user_data,
                           void *stream_user_data)
{
    struct transport_conn *conn = user_data;
    (void)quic;
    (void)offset;
    (void)stream_user_data;
    if (stream == conn->out_stream) {
        sendbuf_acknowledged(&conn->out, size);
    }
    return 0;
}

/* Our own stream closes when its end has been acknowledged. */
static int on_stream_close(ngtcp2_conn *quic, uint32_t flags, int64_t stream,
                           uint64_t error, void *user_data,
                           void *stream_user_data)
{
    struct transport_conn *conn = user_data;
    (void)quic;
    (void)flags;
    (void)error;
    (void)stream_user_data;
    if (stream == conn->out_stream && conn->owner != NULL) {
        conn->transport->events.finished(conn->owner);
    }
    return 0;
}

static int on_stream_reset(ngtcp2_conn *quic, int64_t stream, uint64_t size,
                           uint64_t error, void *user_data,
                           void *stream_user_data)
{
    struct transport_conn *conn = user_data;
    (void)quic;
    (void)stream;
    (void)size;
    (void)error;
    (void)stream_user_data;
    if (conn->owner != NULL) {
        conn->transport->events.peer_finished(conn->owner);
    }
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = on_crypto_data,
    .handshake_completed = on_handshake_completed,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_acknowledged,
    .stream_close = on_stream_close,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = on_rand,
    .get_new_connection_id = on_new_cid,
    .remove_connection_id = on_remove_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .stream_reset = on_stream_reset,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

/* --- life and death of a connection -------------------------------------- */

void quic_conn_stop_timer(struct transport_conn *conn)
{
    conn->transport->counts.timers_stopped += ev_is_active(&conn->timer) != 0;
    ev_timer_stop(conn->transport->loop, &conn->timer);
}

static void free_session(struct transport_conn *conn)
{
    ngtcp2_conn_set_tls_native_handle(conn->quic, NULL);
    tls_session_free(conn->session);
    conn->session = NULL;
}

/* Frees what make_conn() and its callers made, however far they came. */
static void free_conn(struct transport_conn *conn)
{
    struct transport *transport = conn->transport;
    if (conn->state == CONN_HANDSHAKE) {
        transport->counts.handshakes--;
    }
    transport->counts.connections--;
    quic_conn_stop_timer(conn);
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        transport->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    while (conn->cids != NULL) {
        forget_cid(conn, &conn->cids->cid);
    }
    ngtcp2_conn_del(conn->quic);
    tls_session_free(conn->session);
    sendbuf_clear(&conn->out);
    free(conn);
}

/* The connection is dead: its owner hears of it, once. */
void quic_conn_lose(struct transport_conn *conn, enum transport_loss why)
{
    struct transport *transport = conn->transport;
    if (conn->state == CONN_LOST) {
        return;
    }
    if (conn->state == CONN_HANDSHAKE) {
        transport->counts.handshakes--;
        why = why == TRANSPORT_LOST_REFUSED ? why : TRANSPORT_LOST_HANDSHAKE;
    }
    conn->state = CONN_LOST;
    quic_conn_stop_timer(conn);
    if (conn->owner != NULL) {
        transport->events.lost(conn->owner, why);
    } else {
        conn->is_closed = true;
        quic_conn_mark_dirty(conn);
    }
}

static void send_close(struct transport_conn *conn, const ngtcp2_ccerr *error)
{
    uint8_t packet[PACKET_SIZE];
    if (conn->state == CONN_LOST ||
        ngtcp2_conn_in_draining_period(conn->quic) ||
        ngtcp2_conn_in_closing_period(conn->quic)) {
        return;
    }
    ngtcp2_ssize size = ngtcp2_conn_write_connection_close(
        conn->quic, NULL, NULL, packet, sizeof packet, error, quic_now_ns());
    if (size > 0) {
        (void)quic_send(conn->transport, &conn->peer.addr, packet,
                        (size_t)size);
    }
}

/* Turns ngtcp2's verdict on a connection into its loss. */
static void fail(struct transport_conn *conn, int liberr)
{
    ngtcp2_ccerr error;
    switch (liberr) {
    case NGTCP2_ERR_DRAINING:
    case NGTCP2_ERR_CLOSING:
        quic_conn_lose(conn, TRANSPORT_LOST_CLOSED);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        quic_conn_lose(conn, TRANSPORT_LOST_IDLE);
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
        quic_conn_lose(conn, TRANSPORT_LOST_HANDSHAKE);
        return;
    case NGTCP2_ERR_CRYPTO:
        ngtcp2_ccerr_set_tls_alert(
            &error, ngtcp2_conn_get_tls_alert(conn->quic), NULL, 0);
        break;
    default:
        ngtcp2_ccerr_set_liberr(&error, liberr, NULL, 0);
    }
    send_close(conn, &error);
    quic_conn_lose(conn, TRANSPORT_LOST_PROTOCOL);
}

/* --- writing --------------------------------------------------------------*/

static void set_timer(struct transport_conn *conn, ngtcp2_tstamp now)
{
    ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry(conn->quic);
    if (expiry == UINT64_MAX) {
        quic_conn_stop_timer(conn);
        return;
    }
    double seconds = expiry <= now ? 0. : (double)(expiry - now) / 1e9;
    conn->timer.repeat = seconds > 1e-4 ? seconds : 1e-4;
    conn->transport->counts.timers_started += !ev_is_active(&conn->timer);
    ev_timer_again(conn->transport->loop, &conn->timer);
}

/* One packet, with as much of our stream as goes in. Returns its size, 0 when
 * there is nothing to say now, or ngtcp2's error. */
static ngtcp2_ssize write_packet(struct transport_conn *conn, uint8_t *packet,
                                 ngtcp2_tstamp now)
{
    const uint8_t *data = NULL;
    size_t size = sendbuf_borrow(&conn->out, &data);
    bool is_end = conn->wants_finish && size == conn->out.unsent_bytes;
    bool has_stream = size > 0 || (is_end && !conn->is_finish_sent);
    if (has_stream && conn->out_stream < 0 && conn->state == CONN_OPEN &&
        ngtcp2_conn_open_uni_stream(conn->quic, &conn->out_stream, NULL) != 0) {
        conn->out_stream = -1;
    }
    has_stream = has_stream && conn->out_stream >= 0;
    ngtcp2_vec vec = {(uint8_t *)(uintptr_t)data, size};
    ngtcp2_ssize taken = -1;
    ngtcp2_ssize count = ngtcp2_conn_writev_stream(
        conn->quic, NULL, NULL, packet, PACKET_SIZE, &taken,
        has_stream && is_end ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0,
        has_stream ? conn->out_stream : -1, &vec,
        has_stream && size > 0 ? 1 : 0, now);
    if (has_stream && (count == NGTCP2_ERR_STREAM_DATA_BLOCKED ||
                       count == NGTCP2_ERR_STREAM_SHUT_WR ||
                       count == NGTCP2_ERR_STREAM_NOT_FOUND)) {
        /* The stream cannot go on now; acknowledgements still can. */
        taken = -1;
        count =
            ngtcp2_conn_writev_stream(conn->quic, NULL, NULL, packet,
                                      PACKET_SIZE, NULL, 0, -1, NULL, 0, now);
    }
    if (count >= 0 && taken >= 0) {
        sendbuf_sent(&conn->out, (size_t)taken);
        conn->is_finish_sent = is_end && conn->out.unsent_bytes == 0;
    }
    return count;
}

static void write_conn(struct transport_conn *conn)
{
    uint8_t packet[PACKET_SIZE];
    if (conn->state == CONN_LOST) {
        return;
    }
    ngtcp2_tstamp now = quic_now_ns();
    for (;;) {
        ngtcp2_ssize size = write_packet(conn, packet, now);
        if (size < 0) {
            fail(conn, (int)size);
            return;
        }
        if (size == 0) {
            break;
        }
        if (quic_send(conn->transport, &conn->peer.addr, packet,
                      (size_t)size) != 0) {
            break; /* lost, as on any network; recovery will see to it */
        }
    }
    ngtcp2_conn_update_pkt_tx_time(conn->quic, now);
    set_timer(conn, now);
}

void quic_conn_flush(struct transport *transport)
{
    while (transport->dirty != NULL) {
        struct transport_conn *conn = transport->dirty;
        transport->dirty = conn->next_dirty;
        conn->is_dirty = false;
        if (conn->is_closed) {
            ngtcp2_ccerr error;
            ngtcp2_ccerr_set_application_error(&error, 0, NULL, 0);
            send_close(conn, &error);
            free_conn(conn);
            continue;
        }
        if (conn->is_session_done && conn->session != NULL) {
            free_session(conn);
        }
        write_conn(conn);
    }
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct transport_conn *conn = watcher->data;
    (void)loop;
    (void)revents;
    int result = ngtcp2_conn_handle_expiry(conn->quic, quic_now_ns());
    if (result != 0) {
        fail(conn, result);
    } else {
        quic_conn_mark_dirty(conn);
    }
}

/* --- making connections -------------------------------------------------- */

static struct transport_conn *make_conn(struct transport *transport,
                                        const struct peer_contact *peer)
{
    struct transport_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->transport = transport;
    conn->peer = *peer;
    conn->out_stream = -1;
    conn->ref = (ngtcp2_crypto_conn_ref){quic_of_ref, conn};
    ev_init(&conn->timer, on_timer);
    conn->timer.data = conn;
    conn->next = transport->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    transport->conns = conn;
    transport->counts.connections++;
    transport->counts.handshakes++;
    return conn;
}

static void make_settings(const struct transport *transport,
                          ngtcp2_settings *settings,
                          ngtcp2_transport_params *params)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = quic_now_ns();
    settings->initial_rtt = INITIAL_RTT;
    settings->max_tx_udp_payload_size = PACKET_SIZE;
    settings->no_pmtud = 1;
    settings->handshake_timeout =
        (ngtcp2_duration)transport->params.handshake_timeout_ns;
    ngtcp2_transport_params_default(params);
    params->initial_max_streams_uni = STREAMS_OF_PEER;
    params->initial_max_stream_data_uni = TRANSPORT_WINDOW;
    params->initial_max_data = TRANSPORT_WINDOW;
    params->max_idle_timeout =
        (ngtcp2_duration)transport->params.idle_timeout_ns;
    params->disable_active_migration = 1;
}

ngtcp2_path quic_path(const struct transport *transport,
                      struct sockaddr_storage *remote,
                      const struct peer_addr *addr)
{
    socklen_t size = udp_sockaddr(addr, remote);
    return (ngtcp2_path){
        .local = {(struct sockaddr *)(uintptr_t)&transport->local,
                  transport->local_size},
        .remote = {(struct sockaddr *)remote, size},
    };
}

/* The second half of both kinds: TLS, the timers, the first turn. */
static int start_conn(struct transport_conn *conn, bool is_client)
{
    struct transport *transport = conn->transport;
    if (tls_session_new(transport->tls, is_client, &conn->key, &conn->ref,
                        &conn->session) != 0) {
        return -ENOMEM;
    }
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->session);
    if (transport->params.keep_alive_ns > 0) {
        ngtcp2_conn_set_keep_alive_timeout(
            conn->quic, (ngtcp2_duration)transport->params.keep_alive_ns);
    }
    quic_conn_mark_dirty(conn);
    return 0;
}

struct transport_conn *quic_conn_dial(struct transport *transport,
                                      const struct peer_contact *contact)
{
    struct transport_conn *conn = make_conn(transport, contact);
    if (conn == NULL) {
        return NULL;
    }
    conn->key.id = contact->id;
    conn->key.is_expected = peer_id_is_set(&contact->id);
    ngtcp2_cid dcid = {.datalen = NGTCP2_MIN_INITIAL_DCIDLEN};
    ngtcp2_cid scid;
    struct sockaddr_storage remote;
    ngtcp2_path path = quic_path(transport, &remote, &contact->addr);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    make_settings(transport, &settings, &params);
    if (tls_random(dcid.data, dcid.datalen) != 0 || make_cid(&scid) != 0 ||
        ngtcp2_conn_client_new(&conn->quic, &dcid, &scid, &path,
                               NGTCP2_PROTO_VER_V1, &callbacks, &settings,
                               &params, NULL, conn) != 0 ||
        remember_cid(conn, &scid) != 0 || start_conn(conn, true) != 0) {
        free_conn(conn);
        return NULL;
    }
    return conn;
}

struct transport_conn *quic_conn_accept(struct transport *transport,
                                        const ngtcp2_pkt_hd *header,
                                        const struct peer_addr *addr)
{
    struct peer_contact peer = {.addr = *addr};
    struct transport_conn *conn = make_conn(transport, &peer);
    if (conn == NULL) {
        return NULL;
    }
    ngtcp2_cid scid;
    struct sockaddr_storage remote;
    ngtcp2_path path = quic_path(transport, &remote, addr);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    make_settings(transport, &settings, &params);
    params.original_dcid = header->dcid;
    params.original_dcid_present = 1;
    params.stateless_reset_token_present = 1;
    if (make_cid(&scid) != 0 ||
        ngtcp2_crypto_generate_stateless_reset_token(
            params.stateless_reset_token, transport->reset_secret,
            QUIC_RESET_SECRET_SIZE, &scid) != 0 ||
        ngtcp2_conn_server_new(&conn->quic, &header->scid, &scid, &path,
                               header->version, &callbacks, &settings, &params,
                               NULL, conn) != 0 ||
        remember_cid(conn, &scid) != 0 ||
        remember_cid(conn, &header->dcid) != 0 ||
        start_conn(conn, false) != 0) {
        free_conn(conn);
        return NULL;
    }
    return conn;
}

void quic_conn_read(struct transport_conn *conn,
                    const struct udp_datagram *datagram)
{
    if (conn->state == CONN_LOST || conn->is_closed) {
        return;
    }
    struct sockaddr_storage remote;
    ngtcp2_path path = quic_path(conn->transport, &remote, &datagram->peer);
    int result = ngtcp2_conn_read_pkt(conn->quic, &path, NULL, datagram->data,
                                      datagram->size, quic_now_ns());
    if (result != 0) {
        fail(conn, result);
    }
    quic_conn_mark_dirty(conn);
}
