/* Two transports, or more, in one event loop over loopback. Every wait is
 * bounded by a deadline and ends with the event that it waits for. */
#include "transport.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_S 1.0

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

static void open_with(struct side *side, const struct transport_params *params)
{
    struct peer_addr listen = {.family = PEER_ADDR_IP4, .ip = {127, 0, 0, 1}};
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
        transport_new(loop, &listen, params, &events, &side->transport), 0);
}

static void open_side(struct side *side, int64_t idle_ms)
{
    const struct transport_params params = {
        .idle_timeout_ns = idle_ms * 1000000,
        .handshake_timeout_ns = INT64_C(1000000000),
    };
    open_with(side, &params);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)revents;
    *(bool *)timer->data = true;
    ev_break(ev, EVBREAK_ONE);
}

/* Turns the loop until *flag; false when it takes too long. */
static bool wait_for(const bool *flag)
{
    bool is_late = false;
    ev_timer timer;
    ev_timer_init(&timer, on_deadline, WAIT_S, 0.);
    timer.data = &is_late;
    ev_timer_start(loop, &timer);
    while (!*flag && !is_late) {
        ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &timer);
    return *flag;
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
    open_with(&a, &params);
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
        cmocka_unit_test(a_write_beyond_the_bound_is_refused_whole),
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
