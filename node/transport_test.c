/* Two transports, or more, in one event loop over loopback. Every wait is
 * bounded by a deadline and ends with the event that it waits for. Where a
 * path has to fail, both talk through a relay that can be told to drop. */
#include "transport.h"

#include "udp.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_S 20.0
#define MS INT64_C(1000000)

enum { FAULTS_SEED = 30 };

/* One end of a connection under test. */
struct end {
    struct transport_conn *conn;
    bool is_established;
    bool has_peer_finished;
    bool is_finished;
    bool is_lost;
    enum transport_loss why;
    size_t received_bytes;
    uint64_t received_sum;
};

struct side {
    struct transport *transport;
    struct end accepted[4];
    size_t accepted_count;
};

static struct ev_loop *loop;

static void on_established(void *user, struct transport_conn *conn, void *owner)
{
    struct side *side = user;
    struct end *end = owner;
    if (end == NULL) {
        end = &side->accepted[side->accepted_count++];
        end->conn = conn;
        transport_set_owner(conn, end);
    }
    end->is_established = true;
}

static void on_received(void *owner, const uint8_t *data, size_t size)
{
    struct end *end = owner;
    for (size_t i = 0; i < size; i++) {
        end->received_sum += data[i] * (end->received_bytes + i + 1);
    }
    end->received_bytes += size;
}

static void on_peer_finished(void *owner)
{
    ((struct end *)owner)->has_peer_finished = true;
}

static void on_finished(void *owner)
{
    ((struct end *)owner)->is_finished = true;
}

static void on_lost(void *owner, enum transport_loss why)
{
    struct end *end = owner;
    assert_false(end->is_lost);
    end->is_lost = true;
    end->why = why;
}

static const struct peer_addr loopback = {.family = PEER_ADDR_IP4,
                                          .ip = {127, 0, 0, 1}};

static void open_side_with(struct side *side,
                           const struct transport_params *params)
{
    struct transport_events events = {
        .user = side,
        .established = on_established,
        .received = on_received,
        .peer_finished = on_peer_finished,
        .finished = on_finished,
        .lost = on_lost,
    };
    memset(side, 0, sizeof *side);
    assert_int_equal(
        transport_new(loop, &loopback, params, &events, &side->transport), 0);
}

static void open_side(struct side *side, int64_t idle_ms)
{
    struct transport_params params = {
        .idle_timeout_ns = idle_ms * MS,
        .handshake_timeout_ns = 1000 * MS,
    };
    open_side_with(side, &params);
}

/* A path between whoever writes to it first and |far|. */
struct relay {
    struct udp *udp;
    ev_io readable;
    struct peer_addr near;
    struct peer_addr far;
    bool is_cut;      /* drops everything */
    bool is_cut_back; /* drops what |far| sends */
    size_t passed_count;
};

static void on_relay(struct ev_loop *ev, ev_io *watcher, int revents)
{
    struct relay *relay = watcher->data;
    struct udp_datagram datagrams[UDP_BATCH_MAX];
    (void)ev;
    (void)revents;
    size_t count = udp_receive(relay->udp, datagrams);
    for (size_t i = 0; i < count; i++) {
        const struct udp_datagram *datagram = &datagrams[i];
        bool is_back = peer_addr_equal(&datagram->peer, &relay->far);
        if (datagram->is_refusal || relay->is_cut ||
            (is_back && relay->is_cut_back)) {
            continue;
        }
        if (!is_back) {
            relay->near = datagram->peer;
        }
        relay->passed_count++;
        (void)udp_send(relay->udp, is_back ? &relay->near : &relay->far,
                       datagram->data, datagram->size);
    }
}

static void open_relay(struct relay *relay, const struct side *far)
{
    memset(relay, 0, sizeof *relay);
    relay->far = transport_self(far->transport)->addr;
    assert_int_equal(udp_open(&loopback, &relay->udp), 0);
    ev_io_init(&relay->readable, on_relay, udp_fd(relay->udp), EV_READ);
    relay->readable.data = relay;
    ev_io_start(loop, &relay->readable);
}

static void close_relay(struct relay *relay)
{
    ev_io_stop(loop, &relay->readable);
    udp_close(relay->udp);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)revents;
    *(bool *)timer->data = true;
    ev_break(ev, EVBREAK_ONE);
}

/* Turns the loop until *flag; false when that takes longer than |most_s|. */
static bool wait_at_most(const bool *flag, double most_s)
{
    bool is_late = false;
    ev_timer timer;
    ev_now_update(loop);
    ev_timer_init(&timer, on_deadline, most_s, 0.);
    timer.data = &is_late;
    ev_timer_start(loop, &timer);
    while (!*flag && !is_late) {
        ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &timer);
    return *flag;
}

static bool wait_for(const bool *flag)
{
    return wait_at_most(flag, WAIT_S);
}

static void dial(struct side *from, const struct peer_contact *to,
                 struct end *end)
{
    memset(end, 0, sizeof *end);
    assert_int_equal(transport_dial(from->transport, to, end, &end->conn), 0);
}

static void connect_sides(struct side *a, struct side *b, struct end *end)
{
    open_side(a, 2000);
    open_side(b, 2000);
    dial(a, transport_self(b->transport), end);
    assert_true(wait_for(&end->is_established));
    assert_true(wait_for(&b->accepted[0].is_established));
}

static void close_sides(struct side *a, struct side *b)
{
    transport_free(a->transport);
    transport_free(b->transport);
}

static void both_sides_prove_their_keys(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    connect_sides(&a, &b, &end);
    assert_true(peer_id_equal(&transport_peer(end.conn)->id,
                              &transport_self(b.transport)->id));
    assert_true(peer_id_equal(&transport_peer(b.accepted[0].conn)->id,
                              &transport_self(a.transport)->id));
    close_sides(&a, &b);
}

static void a_contact_without_an_id_is_told_by_the_handshake(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    open_side(&a, 2000);
    open_side(&b, 2000);
    struct peer_contact bare = {.addr = transport_self(b.transport)->addr};
    dial(&a, &bare, &end);
    assert_true(wait_for(&end.is_established));
    assert_true(peer_id_equal(&transport_peer(end.conn)->id,
                              &transport_self(b.transport)->id));
    close_sides(&a, &b);
}

static void another_key_than_the_dialled_one_is_refused(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    open_side(&a, 2000);
    open_side(&b, 2000);
    struct peer_contact wrong = *transport_self(b.transport);
    wrong.id.bytes[7] ^= 1;
    dial(&a, &wrong, &end);
    assert_true(wait_for(&end.is_lost));
    assert_int_equal(end.why, TRANSPORT_LOST_HANDSHAKE);
    assert_false(end.is_established);
    assert_int_equal(b.accepted_count, 0);
    close_sides(&a, &b);
}

static void bytes_arrive_in_order_and_whole(void **state)
{
    (void)state;
    enum { SIZE = 200 * 1000 };
    struct side a, b;
    struct end end;
    uint8_t *data = malloc(SIZE);
    uint64_t sum = 0;
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 31 + i / 256);
        sum += data[i] * (uint64_t)(i + 1);
    }
    connect_sides(&a, &b, &end);
    assert_int_equal(transport_write(end.conn, data, 1000), 0);
    assert_int_equal(transport_write(end.conn, data + 1000, SIZE - 1000), 0);
    transport_finish(end.conn);
    assert_true(wait_for(&b.accepted[0].has_peer_finished));
    assert_true(wait_for(&end.is_finished));
    assert_int_equal(b.accepted[0].received_bytes, SIZE);
    assert_true(b.accepted[0].received_sum == sum);
    assert_int_equal(transport_write(end.conn, data, 1), -ENOTCONN);
    close_sides(&a, &b);
    free(data);
}

/* Writes |size| bytes from |from|'s end and waits for all of them at |to|. */
static void send_all(struct side *from, struct side *to, size_t size)
{
    struct end end;
    uint8_t *data = malloc(size);
    uint64_t sum = 0;
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 31 + i / 256);
        sum += data[i] * (uint64_t)(i + 1);
    }
    dial(from, transport_self(to->transport), &end);
    for (size_t at = 0; at < size; at += 1000) {
        size_t step = size - at < 1000 ? size - at : 1000;
        assert_int_equal(transport_write(end.conn, data + at, step), 0);
    }
    transport_finish(end.conn);
    assert_true(wait_for(&end.is_finished));
    assert_true(to->accepted[0].has_peer_finished);
    assert_int_equal(to->accepted[0].received_bytes, size);
    assert_true(to->accepted[0].received_sum == sum);
    free(data);
}

static void a_bad_network_loses_delays_and_doubles_nothing(void **state)
{
    (void)state;
    struct side a, b;
    struct transport_params params = {
        .idle_timeout_ns = 10000 * MS,
        .handshake_timeout_ns = 10000 * MS,
        .faults =
            {
                .seed = FAULTS_SEED,
                .loss_percent = 30,
                .duplicate_percent = 30,
                .reorder_percent = 30,
            },
    };
    open_side_with(&a, &params);
    params.faults.seed++;
    open_side_with(&b, &params);
    send_all(&a, &b, 50000);
    close_sides(&a, &b);
}

static void a_long_way_changes_nothing_but_the_time(void **state)
{
    (void)state;
    struct side a, b;
    struct transport_params params = {
        .idle_timeout_ns = 10000 * MS,
        .handshake_timeout_ns = 10000 * MS,
        .faults = {.seed = FAULTS_SEED, .delay_ns = 5 * MS, .jitter_ns = MS},
    };
    open_side_with(&a, &params);
    open_side_with(&b, &params);
    ev_tstamp began_s = ev_time();
    send_all(&a, &b, 50000);
    /* A handshake, and the way there and back of the last byte. */
    assert_true(ev_time() - began_s > 4 * 0.005);
    close_sides(&a, &b);
}

/* Both sides speak through a relay; |params| holds for both. */
static void connect_through_relay(struct side *a, struct side *b,
                                  struct relay *relay, struct end *end,
                                  const struct transport_params *params)
{
    open_side_with(a, params);
    open_side_with(b, params);
    open_relay(relay, b);
    struct peer_contact contact = {.addr = *udp_local(relay->udp)};
    dial(a, &contact, end);
    assert_true(wait_for(&end->is_established));
    assert_true(wait_for(&b->accepted[0].is_established));
    bool never = false;
    assert_false(wait_at_most(&never, 0.05)); /* the last flights */
}

static void assert_holds_nothing(const struct side *side)
{
    struct transport_counts counts;
    transport_count(side->transport, &counts);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.handshakes, 0);
}

static void a_lost_close_ends_in_an_idle_loss(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    struct relay relay;
    struct transport_params params = {
        .idle_timeout_ns = 300 * MS,
        .keep_alive_ns = 50 * MS,
        .handshake_timeout_ns = 1000 * MS,
    };
    connect_through_relay(&a, &b, &relay, &end, &params);
    relay.is_cut = true;
    transport_close(end.conn);
    assert_true(wait_for(&b.accepted[0].is_lost));
    assert_int_equal(b.accepted[0].why, TRANSPORT_LOST_IDLE);
    transport_close(b.accepted[0].conn);
    ev_run(loop, EVRUN_NOWAIT);
    assert_holds_nothing(&a);
    assert_holds_nothing(&b);
    close_relay(&relay);
    close_sides(&a, &b);
}

/* The keep-alive's PING is the smallest packet that there is. The accepting
 * side closes: only a server's reset token is known to its peer. */
static void a_lost_close_is_made_good_by_a_reset(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    struct relay relay;
    struct transport_params params = {
        .idle_timeout_ns = 60000 * MS,
        .keep_alive_ns = 50 * MS,
        .handshake_timeout_ns = 1000 * MS,
    };
    connect_through_relay(&a, &b, &relay, &end, &params);
    relay.is_cut = true;
    transport_close(b.accepted[0].conn);
    bool never = false;
    assert_false(wait_at_most(&never, 0.02));
    relay.is_cut = false;
    assert_true(wait_for(&end.is_lost));
    assert_int_equal(end.why, TRANSPORT_LOST_CLOSED);
    close_relay(&relay);
    close_sides(&a, &b);
}

static void a_keep_alive_holds_what_silence_would_end(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    struct relay relay;
    struct transport_params params = {
        .idle_timeout_ns = 300 * MS,
        .keep_alive_ns = 50 * MS,
        .handshake_timeout_ns = 1000 * MS,
    };
    connect_through_relay(&a, &b, &relay, &end, &params);
    assert_false(wait_at_most(&end.is_lost, 0.9));
    assert_false(b.accepted[0].is_lost);
    close_relay(&relay);
    close_sides(&a, &b);
}

static void a_half_done_handshake_ends_on_both_sides(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    struct relay relay;
    struct transport_params params = {
        .idle_timeout_ns = 60000 * MS,
        .handshake_timeout_ns = 200 * MS,
    };
    struct transport_counts counts = {0};
    open_side_with(&a, &params);
    open_side_with(&b, &params);
    open_relay(&relay, &b);
    relay.is_cut_back = true; /* |b| answers, and |a| never hears it */
    struct peer_contact contact = {.addr = *udp_local(relay.udp)};
    dial(&a, &contact, &end);
    ev_tstamp began_s = ev_time();
    bool is_late = false;
    while (!end.is_lost && !is_late) {
        (void)wait_at_most(&end.is_lost, 0.02);
        transport_count(b.transport, &counts);
        is_late = ev_time() - began_s > WAIT_S;
        assert_true(is_late || end.is_lost || counts.handshakes == 1);
    }
    assert_true(end.is_lost);
    assert_int_equal(end.why, TRANSPORT_LOST_HANDSHAKE);
    assert_true(relay.passed_count > 1);
    transport_close(end.conn);
    do {
        (void)wait_at_most(&(bool){false}, 0.02);
        transport_count(b.transport, &counts);
    } while (counts.connections > 0 && ev_time() - began_s < WAIT_S);
    assert_holds_nothing(&a);
    assert_holds_nothing(&b);
    assert_int_equal(b.accepted_count, 0);
    close_relay(&relay);
    close_sides(&a, &b);
}

static void a_write_beyond_the_bound_is_refused_whole(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    uint8_t *data = calloc(1, TRANSPORT_WRITE_MAX);
    connect_sides(&a, &b, &end);
    assert_int_equal(transport_write(end.conn, data, TRANSPORT_WRITE_MAX), 0);
    assert_int_equal(transport_write(end.conn, data, 1), -ENOBUFS);
    close_sides(&a, &b);
    free(data);
}

static void what_is_acknowledged_makes_room_again(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    uint8_t *data = calloc(1, TRANSPORT_WRITE_MAX);
    connect_sides(&a, &b, &end);
    assert_int_equal(transport_write(end.conn, data, TRANSPORT_WRITE_MAX), 0);
    ev_tstamp began_s = ev_time();
    while (transport_write(end.conn, data, 1) == -ENOBUFS &&
           ev_time() - began_s < WAIT_S) {
        (void)wait_at_most(&(bool){false}, 0.01);
    }
    assert_int_equal(transport_write(end.conn, data, 1), 0);
    transport_finish(end.conn);
    assert_true(wait_for(&end.is_finished));
    assert_int_equal(b.accepted[0].received_bytes, TRANSPORT_WRITE_MAX + 2);
    close_sides(&a, &b);
    free(data);
}

static void a_dead_address_is_refused_at_once(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    open_side(&a, 2000);
    open_side(&b, 2000);
    struct peer_contact dead = *transport_self(b.transport);
    transport_free(b.transport);
    dial(&a, &dead, &end);
    assert_true(wait_for(&end.is_lost));
    assert_int_equal(end.why, TRANSPORT_LOST_REFUSED);
    transport_free(a.transport);
}

static void a_close_is_heard_by_the_other_side(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    connect_sides(&a, &b, &end);
    transport_close(end.conn);
    assert_true(wait_for(&b.accepted[0].is_lost));
    assert_int_equal(b.accepted[0].why, TRANSPORT_LOST_CLOSED);
    close_sides(&a, &b);
}

static void silence_ends_in_an_idle_loss(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    open_side(&a, 200);
    open_side(&b, 200);
    dial(&a, transport_self(b.transport), &end);
    assert_true(wait_for(&end.is_established));
    assert_true(wait_for(&end.is_lost));
    assert_int_equal(end.why, TRANSPORT_LOST_IDLE);
    close_sides(&a, &b);
}

static void closed_connections_leave_nothing_behind(void **state)
{
    (void)state;
    struct side a, b;
    struct end end;
    struct transport_counts counts;
    connect_sides(&a, &b, &end);
    transport_close(end.conn);
    assert_true(wait_for(&b.accepted[0].is_lost));
    transport_close(b.accepted[0].conn);
    ev_run(loop, EVRUN_NOWAIT);
    transport_count(a.transport, &counts);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.handshakes, 0);
    transport_count(b.transport, &counts);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.handshakes, 0);
    close_sides(&a, &b);
}

/* Dials a socket that nobody reads, and gives up when that is noticed. */
static void dial_in_vain(bool has_orphans, struct transport_counts *ret_counts)
{
    struct side a, b;
    struct end end;
    const struct transport_params params = {
        .idle_timeout_ns = INT64_C(100000000),
        .handshake_timeout_ns = INT64_C(50000000),
        .has_orphans = has_orphans,
    };
    open_side(&b, 2000);
    struct peer_contact gone = *transport_self(b.transport);
    transport_free(b.transport);
    open_side_with(&a, &params);
    dial(&a, &gone, &end);
    assert_true(wait_for(&end.is_lost));
    transport_close(end.conn);
    ev_run(loop, EVRUN_NOWAIT);
    transport_count(a.transport, ret_counts);
    transport_free(a.transport);
}

static void a_dial_given_up_leaves_nothing_behind(void **state)
{
    (void)state;
    struct transport_counts counts;
    dial_in_vain(false, &counts);
    assert_int_equal(counts.connections, 0);
    assert_int_equal(counts.timers_started, counts.timers_stopped);
}

static void an_orphaned_handshake_stays(void **state)
{
    (void)state;
    struct transport_counts counts;
    dial_in_vain(true, &counts);
    assert_int_equal(counts.connections, 1);
    assert_int_equal(counts.timers_started, counts.timers_stopped);
}

static void an_address_in_use_is_named(void **state)
{
    (void)state;
    struct side a;
    struct transport *other = NULL;
    struct transport_params params = {.idle_timeout_ns = 1000000000,
                                      .handshake_timeout_ns = 1000000000};
    struct transport_events events = {0};
    open_side(&a, 2000);
    assert_int_equal(transport_new(loop, &transport_self(a.transport)->addr,
                                   &params, &events, &other),
                     -EADDRINUSE);
    assert_null(other);
    transport_free(a.transport);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_prove_their_keys),
        cmocka_unit_test(a_contact_without_an_id_is_told_by_the_handshake),
        cmocka_unit_test(another_key_than_the_dialled_one_is_refused),
        cmocka_unit_test(bytes_arrive_in_order_and_whole),
        cmocka_unit_test(a_bad_network_loses_delays_and_doubles_nothing),
        cmocka_unit_test(a_long_way_changes_nothing_but_the_time),
        cmocka_unit_test(a_lost_close_ends_in_an_idle_loss),
        cmocka_unit_test(a_lost_close_is_made_good_by_a_reset),
        cmocka_unit_test(a_keep_alive_holds_what_silence_would_end),
        cmocka_unit_test(a_half_done_handshake_ends_on_both_sides),
        cmocka_unit_test(a_write_beyond_the_bound_is_refused_whole),
        cmocka_unit_test(what_is_acknowledged_makes_room_again),
        cmocka_unit_test(a_dead_address_is_refused_at_once),
        cmocka_unit_test(a_close_is_heard_by_the_other_side),
        cmocka_unit_test(silence_ends_in_an_idle_loss),
        cmocka_unit_test(closed_connections_leave_nothing_behind),
        cmocka_unit_test(a_dial_given_up_leaves_nothing_behind),
        cmocka_unit_test(an_orphaned_handshake_stays),
        cmocka_unit_test(an_address_in_use_is_named),
    };
    loop = ev_default_loop(EVFLAG_AUTO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
