/* What ngtcp2 and wolfSSL can do by themselves: mutual handshakes a second
 * between two processes on two cores, with the transport's own certificates,
 * cipher, ALPN and QUIC settings, and the shortest loop that makes handshakes.
 * No timers (loopback loses nothing of so few), no hash of connection ids (ours
 * hold the number of a slot), no streams. The floor of transport_pair_bench. */
#include "bench_pair.h"
#include "clock.h"
#include "transport.h"
#include "transport_tls.h"
#include "udp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

const char *malloc_conf = "narenas:1,tcache:false";

enum {
    SLOTS = 4096, /* the accepting side closes at once: few are in use */
    CID_SIZE = 8,
    CID_MARK = 0xb5, /* first byte of the ids that we give out */
    PACKET_SIZE = 1452,
    STALL_MS = 3000,
};

struct bare_conn {
    ngtcp2_conn *quic;
    ngtcp2_crypto_conn_ref ref;
    void *session;
    struct tls_peer key;
    struct peer_addr peer;
    uint16_t slot;
    bool is_done;
};

static struct udp *udp;
static struct tls *tls;
static struct bare_conn conns[SLOTS];
static uint16_t next_slot;
static long open_count;
static struct sockaddr_storage local;
static socklen_t local_size;

static ngtcp2_tstamp now(void)
{
    return (ngtcp2_tstamp)clock_now_ns();
}

static ngtcp2_conn *quic_of_ref(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct bare_conn *)ref->user_data)->quic;
}

static void make_cid(const struct bare_conn *conn, ngtcp2_cid *ret_cid)
{
    ret_cid->datalen = CID_SIZE;
    (void)tls_random(ret_cid->data, CID_SIZE);
    ret_cid->data[0] = CID_MARK;
    memcpy(ret_cid->data + 1, &conn->slot, sizeof conn->slot);
}

static void on_rand(uint8_t *dest, size_t size, const ngtcp2_rand_ctx *context)
{
    (void)context;
    (void)tls_random(dest, size);
}

static int on_new_cid(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token,
                      size_t size, void *user_data)
{
    (void)quic;
    (void)size;
    make_cid(user_data, cid);
    return tls_random(token, NGTCP2_STATELESS_RESET_TOKENLEN);
}

static int on_completed(ngtcp2_conn *quic, void *user_data)
{
    struct bare_conn *conn = user_data;
    (void)quic;
    conn->is_done = true;
    return conn->key.is_proved ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .handshake_completed = on_completed,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = on_rand,
    .get_new_connection_id = on_new_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

static ngtcp2_path path_to(const struct peer_addr *peer,
                           struct sockaddr_storage *remote)
{
    socklen_t size = udp_sockaddr(peer, remote);
    return (ngtcp2_path){.local = {(struct sockaddr *)&local, local_size},
                         .remote = {(struct sockaddr *)remote, size}};
}

static void send_packet(const struct bare_conn *conn, const uint8_t *packet,
                        ngtcp2_ssize size)
{
    if (size > 0 && udp_send(udp, &conn->peer, packet, (size_t)size) != 0) {
        bench_pair_fail("send");
    }
}

static void free_conn(struct bare_conn *conn)
{
    ngtcp2_conn_del(conn->quic);
    tls_session_free(conn->session);
    conn->quic = NULL;
    open_count--;
}

static void write_conn(struct bare_conn *conn, bool is_client)
{
    uint8_t packet[PACKET_SIZE];
    ngtcp2_ssize size;
    if (conn->is_done && !is_client) {
        ngtcp2_ccerr error;
        ngtcp2_ccerr_set_application_error(&error, 0, NULL, 0);
        size = ngtcp2_conn_write_connection_close(
            conn->quic, NULL, NULL, packet, PACKET_SIZE, &error, now());
        send_packet(conn, packet, size);
        free_conn(conn);
        return;
    }
    while ((size = ngtcp2_conn_write_pkt(conn->quic, NULL, NULL, packet,
                                         PACKET_SIZE, now())) > 0) {
        send_packet(conn, packet, size);
    }
    if (size < 0) {
        bench_pair_fail("ngtcp2_conn_write_pkt");
    }
}

static void make_settings(ngtcp2_settings *settings,
                          ngtcp2_transport_params *params)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = now();
    settings->max_tx_udp_payload_size = PACKET_SIZE;
    settings->no_pmtud = 1;
    ngtcp2_transport_params_default(params);
    params->initial_max_streams_uni = 3;
    params->initial_max_stream_data_uni = TRANSPORT_WINDOW;
    params->initial_max_data = TRANSPORT_WINDOW;
    params->max_idle_timeout = 10 * NGTCP2_SECONDS;
    params->disable_active_migration = 1;
}

/* A client's connection when there is no |header|. */
static struct bare_conn *new_conn(const struct peer_addr *peer,
                                  const ngtcp2_pkt_hd *header)
{
    while (conns[next_slot].quic != NULL) {
        next_slot = (uint16_t)((next_slot + 1) % SLOTS);
    }
    struct bare_conn *conn = &conns[next_slot];
    *conn = (struct bare_conn){.slot = next_slot, .peer = *peer};
    next_slot = (uint16_t)((next_slot + 1) % SLOTS);
    conn->ref = (ngtcp2_crypto_conn_ref){quic_of_ref, conn};
    struct sockaddr_storage remote;
    ngtcp2_path path = path_to(peer, &remote);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid, dcid = {.datalen = NGTCP2_MIN_INITIAL_DCIDLEN};
    make_settings(&settings, &params);
    make_cid(conn, &scid);
    int result;
    if (header == NULL) {
        (void)tls_random(dcid.data, dcid.datalen);
        dcid.data[0] = 0;
        result = ngtcp2_conn_client_new(&conn->quic, &dcid, &scid, &path,
                                        NGTCP2_PROTO_VER_V1, &callbacks,
                                        &settings, &params, NULL, conn);
    } else {
        params.original_dcid = header->dcid;
        params.original_dcid_present = 1;
        result = ngtcp2_conn_server_new(&conn->quic, &header->scid, &scid,
                                        &path, header->version, &callbacks,
                                        &settings, &params, NULL, conn);
    }
    if (result != 0 || tls_session_new(tls, header == NULL, &conn->key,
                                       &conn->ref, &conn->session) != 0) {
        bench_pair_fail("a connection cannot be made");
    }
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->session);
    open_count++;
    return conn;
}

static void take(const struct udp_datagram *datagram, bool is_client)
{
    ngtcp2_version_cid ids;
    ngtcp2_pkt_hd header;
    struct bare_conn *conn = NULL;
    uint16_t slot = SLOTS;
    if (datagram->is_refusal ||
        ngtcp2_pkt_decode_version_cid(&ids, datagram->data, datagram->size,
                                      CID_SIZE) != 0) {
        return;
    }
    if (ids.dcidlen == CID_SIZE && ids.dcid[0] == CID_MARK) {
        memcpy(&slot, ids.dcid + 1, sizeof slot);
        conn = slot < SLOTS && conns[slot].quic ? &conns[slot] : NULL;
    } else if (!is_client &&
               ngtcp2_accept(&header, datagram->data, datagram->size) == 0) {
        conn = new_conn(&datagram->peer, &header);
    }
    if (conn == NULL) {
        return;
    }
    struct sockaddr_storage remote;
    ngtcp2_path path = path_to(&datagram->peer, &remote);
    int result = ngtcp2_conn_read_pkt(conn->quic, &path, NULL, datagram->data,
                                      datagram->size, now());
    if (result == NGTCP2_ERR_DRAINING && conn->is_done) {
        free_conn(conn);
    } else if (result != 0) {
        bench_pair_fail(ngtcp2_strerror(result));
    } else {
        write_conn(conn, is_client);
    }
}

/* Waits, and takes what has come. */
static void turn(bool is_client)
{
    struct udp_datagram datagrams[UDP_BATCH_MAX];
    struct pollfd poller = {.fd = udp_fd(udp), .events = POLLIN};
    size_t count = udp_receive(udp, datagrams);
    if (count == 0 && poll(&poller, 1, is_client ? STALL_MS : -1) == 0) {
        errno = ETIMEDOUT;
        bench_pair_fail("stalled");
    }
    for (size_t i = 0; i < count; i++) {
        take(&datagrams[i], is_client);
    }
}

static void *open_side(struct peer_contact *ret_contact)
{
    struct peer_addr listen = {.family = PEER_ADDR_IP4, .ip = {127, 0, 0, 1}};
    if (udp_open(&listen, &udp) != 0 || tls_new(&tls) != 0) {
        bench_pair_fail("cannot listen");
    }
    ret_contact->addr = *udp_local(udp);
    local_size = udp_sockaddr(udp_local(udp), &local);
    return NULL;
}

static void accept_all(void *side)
{
    (void)side;
    for (;;) {
        turn(false);
    }
}

static void dial_many(void *side, const struct peer_contact *to, long wanted)
{
    long begun = 0;
    (void)side;
    while (begun < wanted || open_count > 0) {
        while (begun < wanted && open_count < BENCH_PAIR_WINDOW) {
            begun++;
            write_conn(new_conn(&to->addr, NULL), true);
        }
        turn(true);
    }
}

int main(int argc, char **argv)
{
    const struct bench_pair pair = {open_side, accept_all, dial_many};
    return bench_pair_run(&pair, argc, argv);
}
