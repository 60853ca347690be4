/* The transport's mutual handshakes a second, between two processes on two
 * cores. Its floor is bare_pair_bench. */
#include "bench_pair.h"
#include "transport.h"

#include <ev.h>
#include <stdlib.h>

const char *malloc_conf = "narenas:1,tcache:false";

static struct ev_loop *loop;
static struct transport *transport;
static long done_count;

static void on_established(void *user, struct transport_conn *conn, void *owner)
{
    (void)user;
    if (owner == NULL) {
        transport_set_owner(conn, &loop);
        transport_close(conn);
    }
}

static void on_received(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    (void)size;
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void on_lost(void *owner, enum transport_loss why)
{
    struct transport_conn **conn = owner;
    if (why != TRANSPORT_LOST_CLOSED) {
        bench_pair_fail("a handshake failed");
    }
    transport_close(*conn);
    *conn = NULL;
    done_count++;
}

static void *open_side(struct peer_contact *ret_contact)
{
    struct peer_addr listen = {.family = PEER_ADDR_IP4, .ip = {127, 0, 0, 1}};
    struct transport_params params = {
        .idle_timeout_ns = INT64_C(10000000000),
        .keep_alive_ns = INT64_C(500000000),
        .handshake_timeout_ns = INT64_C(5000000000),
    };
    struct transport_events events = {
        .established = on_established,
        .received = on_received,
        .peer_finished = on_nothing,
        .finished = on_nothing,
        .lost = on_lost,
    };
    loop = ev_loop_new(EVFLAG_AUTO);
    if (transport_new(loop, &listen, &params, &events, &transport) != 0) {
        bench_pair_fail("cannot listen");
    }
    *ret_contact = *transport_self(transport);
    return NULL;
}

static void accept_all(void *side)
{
    (void)side;
    ev_run(loop, 0);
}

static void dial_many(void *side, const struct peer_contact *to, long wanted)
{
    struct transport_conn *conns[BENCH_PAIR_WINDOW] = {NULL};
    long begun = 0;
    (void)side;
    done_count = 0;
    while (done_count < wanted) {
        for (int i = 0; i < BENCH_PAIR_WINDOW; i++) {
            if (conns[i] == NULL && begun < wanted) {
                begun++;
                if (transport_dial(transport, to, &conns[i], &conns[i]) != 0) {
                    bench_pair_fail("cannot dial");
                }
            }
        }
        ev_run(loop, EVRUN_ONCE);
    }
}

int main(int argc, char **argv)
{
    const struct bench_pair pair = {open_side, accept_all, dial_many};
    return bench_pair_run(&pair, argc, argv);
}
