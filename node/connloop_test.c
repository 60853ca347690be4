/* Connection loops over a transport that only notes what it is told. */
#include "connloop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

/* --- the transport that only takes notes --------------------------------- */

struct transport_conn {
    struct peer_contact peer;
    void *owner;
    uint8_t written[4096];
    size_t written_bytes;
    int finishes;
    int closes;
};

struct transport {
    struct peer_contact self;
    struct transport_conn conn; /* the only one */
};

const struct peer_contact *transport_self(const struct transport *transport)
{
    return &transport->self;
}

int transport_dial(struct transport *transport,
                   const struct peer_contact *contact, void *owner,
                   struct transport_conn **ret_conn)
{
    transport->conn.peer = *contact;
    transport->conn.owner = owner;
    *ret_conn = &transport->conn;
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
    assert_true(conn->written_bytes + size <= sizeof conn->written);
    memcpy(conn->written + conn->written_bytes, data, size);
    conn->written_bytes += size;
    return 0;
}

void transport_finish(struct transport_conn *conn)
{
    conn->finishes++;
}

void transport_close(struct transport_conn *conn)
{
    conn->closes++;
}

/* --- the fixture ---------------------------------------------------------- */

struct fixture {
    struct transport transport;
    struct defects defects;
    struct plateau_tally_entry dials, loops, sends, receives;
    struct connloop_config config;
    struct connloop *loop;
    int introduced, messages, peer_closed, failed, ended;
    enum wire_type last_type;
};

static void on_introduced(void *user, struct connloop *loop)
{
    (void)loop;
    ((struct fixture *)user)->introduced++;
}

static void on_message(void *user, struct connloop *loop,
                       const struct wire_message *message)
{
    struct fixture *f = user;
    (void)loop;
    f->messages++;
    f->last_type = message->type;
}

static void on_peer_closed(void *user, struct connloop *loop)
{
    struct fixture *f = user;
    f->peer_closed++;
    connloop_leave(loop, 0);
}

static void on_failed(void *user, struct connloop *loop)
{
    (void)loop;
    ((struct fixture *)user)->failed++;
}

static void on_ended(void *user, struct connloop *loop)
{
    (void)loop;
    ((struct fixture *)user)->ended++;
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->transport.self.addr =
        (struct peer_addr){.family = PEER_ADDR_IP4, .port = 1, .ip = {127}};
    f->transport.conn.peer.id.bytes[0] = 9;
    f->config = (struct connloop_config){
        .transport = &f->transport,
        .defects = &f->defects,
        .tally = {&f->dials, &f->loops, &f->sends, &f->receives},
        .events = {f, on_introduced, on_message, on_peer_closed, on_failed,
                   on_ended},
    };
}

static void accept_one(struct fixture *f)
{
    begin(f);
    assert_int_equal(connloop_accept(&f->config, &f->transport.conn, &f->loop),
                     0);
}

static size_t encode(enum wire_type type, uint8_t *frame, size_t size)
{
    struct wire_message message = {.type = type};
    size_t count = 0;
    message.hello.addr =
        (struct peer_addr){.family = PEER_ADDR_IP4, .port = 7, .ip = {127}};
    if (type != WIRE_HELLO) {
        memset(&message.hello, 0, sizeof message.hello);
    }
    assert_int_equal(wire_encode(&message, frame, size, &count), 0);
    return count;
}

static void receive(struct fixture *f, enum wire_type type)
{
    uint8_t frame[256];
    size_t count = encode(type, frame, sizeof frame);
    connloop_on_received(f->loop, frame, count);
}

static void assert_alive(const struct plateau_tally_entry *pair, uint64_t alive)
{
    assert_int_equal(pair->value - pair->finished, alive);
}

static void assert_all_finished(const struct fixture *f)
{
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->transport.conn.closes, 1);
    assert_alive(&f->dials, 0);
    assert_alive(&f->loops, 0);
    assert_alive(&f->sends, 0);
    assert_alive(&f->receives, 0);
}

/* --- the claims ------------------------------------------------------------
 */

static void ends_when_we_leave_and_the_peer_follows(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    receive(&f, WIRE_HELLO);
    connloop_leave(f.loop, 0);
    assert_int_equal(f.transport.conn.finishes, 1);
    connloop_on_finished(f.loop);
    assert_int_equal(f.ended, 0);
    connloop_on_peer_finished(f.loop);
    assert_all_finished(&f);
}

static void ends_when_the_peer_leaves_first(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    connloop_on_peer_finished(f.loop);
    assert_int_equal(f.peer_closed, 1);
    assert_int_equal(f.ended, 0);
    connloop_on_finished(f.loop);
    assert_all_finished(&f);
}

static void ends_when_the_connection_is_lost(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    connloop_on_lost(f.loop, TRANSPORT_LOST_IDLE);
    assert_int_equal(f.failed, 1);
    assert_all_finished(&f);
}

static void a_dial_that_fails_spawns_no_half(void **state)
{
    (void)state;
    struct fixture f;
    struct peer_contact contact = {.id = {{5}}};
    begin(&f);
    assert_int_equal(connloop_dial(&f.config, &contact, &f.loop), 0);
    assert_alive(&f.dials, 1);
    connloop_on_lost(f.loop, TRANSPORT_LOST_HANDSHAKE);
    assert_int_equal(f.sends.value, 0);
    assert_int_equal(f.receives.value, 0);
    assert_all_finished(&f);
}

static void leaving_while_dialling_still_flushes(void **state)
{
    (void)state;
    struct fixture f;
    struct peer_contact contact = {.id = {{5}}};
    begin(&f);
    assert_int_equal(connloop_dial(&f.config, &contact, &f.loop), 0);
    connloop_leave(f.loop, 0);
    assert_int_equal(f.transport.conn.finishes, 0);
    connloop_established(f.loop);
    assert_int_equal(f.transport.conn.finishes, 1);
    connloop_on_finished(f.loop);
    connloop_on_peer_finished(f.loop);
    assert_all_finished(&f);
}

static void a_peer_that_never_answers_is_lingered_for_no_longer(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    connloop_leave(f.loop, 100 * MS);
    connloop_on_finished(f.loop);
    connloop_tick(f.loop, 100 * MS + CONNLOOP_LINGER_NS - 1);
    assert_int_equal(f.ended, 0);
    connloop_tick(f.loop, 100 * MS + CONNLOOP_LINGER_NS);
    assert_all_finished(&f);
}

static void a_parked_send_loop_keeps_everything_alive(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    f.defects.has[DEFECT_PARKED_SEND_LOOP] = true;
    connloop_leave(f.loop, 0);
    connloop_on_peer_finished(f.loop);
    connloop_on_lost(f.loop, TRANSPORT_LOST_CLOSED);
    connloop_tick(f.loop, INT64_MAX);
    assert_int_equal(f.ended, 0);
    assert_int_equal(f.transport.conn.closes, 0);
    assert_alive(&f.loops, 1);
    assert_alive(&f.sends, 1);
    assert_alive(&f.receives, 0);
    connloop_kill(f.loop);
    assert_all_finished(&f);
}

static void a_lost_connection_parks_the_defective_send_loop_too(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    f.defects.has[DEFECT_PARKED_SEND_LOOP] = true;
    connloop_on_lost(f.loop, TRANSPORT_LOST_IDLE);
    assert_int_equal(f.failed, 1);
    assert_alive(&f.loops, 1);
    connloop_kill(f.loop);
    assert_all_finished(&f);
}

/* Whether we left, or the connection was lost: the receive half waits on. */
static void
a_receive_half_that_awaits_a_stream_keeps_everything_alive(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    f.defects.has[DEFECT_JOINED_HALVES] = true;
    receive(&f, WIRE_HELLO);
    connloop_leave(f.loop, 0);
    connloop_on_finished(f.loop);
    receive(&f, WIRE_PRUNE);
    assert_int_equal(f.messages, 0);
    connloop_on_peer_finished(f.loop);
    connloop_on_lost(f.loop, TRANSPORT_LOST_CLOSED);
    connloop_tick(f.loop, INT64_MAX);
    assert_int_equal(f.ended, 0);
    assert_alive(&f.loops, 1);
    assert_alive(&f.sends, 0);
    assert_alive(&f.receives, 1);
    connloop_kill(f.loop);
    assert_all_finished(&f);
}

static void messages_come_whole_however_they_are_cut(void **state)
{
    (void)state;
    uint8_t stream[512];
    size_t size = encode(WIRE_HELLO, stream, sizeof stream);
    size += encode(WIRE_PRUNE, stream + size, sizeof stream - size);
    size += encode(WIRE_JOIN, stream + size, sizeof stream - size);
    for (size_t cut = 1; cut <= size; cut++) {
        struct fixture f;
        accept_one(&f);
        for (size_t at = 0; at < size; at += cut) {
            connloop_on_received(f.loop, stream + at,
                                 cut < size - at ? cut : size - at);
        }
        assert_int_equal(f.introduced, 1);
        assert_int_equal(f.messages, 2);
        assert_int_equal(f.last_type, WIRE_JOIN);
        assert_int_equal(connloop_peer(f.loop)->addr.port, 7);
        connloop_kill(f.loop);
    }
}

static void a_peer_that_does_not_introduce_itself_is_lost(void **state)
{
    (void)state;
    struct fixture f;
    accept_one(&f);
    receive(&f, WIRE_PRUNE);
    assert_int_equal(f.messages, 0);
    assert_int_equal(f.failed, 1);
    assert_all_finished(&f);
}

static void nonsense_is_lost(void **state)
{
    (void)state;
    struct fixture f;
    static const uint8_t nonsense[] = {0, 0, 0, 0};
    accept_one(&f);
    receive(&f, WIRE_HELLO);
    connloop_on_received(f.loop, nonsense, sizeof nonsense);
    assert_int_equal(f.failed, 1);
    assert_all_finished(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_when_we_leave_and_the_peer_follows),
        cmocka_unit_test(ends_when_the_peer_leaves_first),
        cmocka_unit_test(ends_when_the_connection_is_lost),
        cmocka_unit_test(a_dial_that_fails_spawns_no_half),
        cmocka_unit_test(leaving_while_dialling_still_flushes),
        cmocka_unit_test(a_peer_that_never_answers_is_lingered_for_no_longer),
        cmocka_unit_test(a_parked_send_loop_keeps_everything_alive),
        cmocka_unit_test(a_lost_connection_parks_the_defective_send_loop_too),
        cmocka_unit_test(
            a_receive_half_that_awaits_a_stream_keeps_everything_alive),
        cmocka_unit_test(messages_come_whole_however_they_are_cut),
        cmocka_unit_test(a_peer_that_does_not_introduce_itself_is_lost),
        cmocka_unit_test(nonsense_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
