/* What a connection costs: two transports in one process and one event loop
 * make and keep connections to each other. Prints
 *
 *     handshakes/s, both sides on one core
 *     heap bytes a connection and side, idle after the handshake
 *
 *     transport_bench [CONNECTIONS]
 */
#include "transport.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jemalloc/jemalloc.h>

const char *malloc_conf = "narenas:1,tcache:false";

enum { WINDOW = 16, CONNECTIONS_DEFAULT = 400 };

struct bench {
    struct transport *dialler;
    struct transport *acceptor;
    long wanted, begun, established, accepted, lost;
    int owner; /* its address stands for every connection's owner */
};

static size_t allocated_bytes(void)
{
    uint64_t epoch = 1;
    size_t bytes = 0;
    size_t size = sizeof epoch;
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
    size = sizeof bytes;
    (void)mallctl("stats.allocated", &bytes, &size, NULL, 0);
    return bytes;
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void dial_more(struct bench *bench)
{
    while (bench->begun < bench->wanted &&
           bench->begun - bench->accepted < WINDOW) {
        struct transport_conn *conn = NULL;
        if (transport_dial(bench->dialler, transport_self(bench->acceptor),
                           bench, &conn) != 0) {
            (void)fprintf(stderr, "transport_bench: cannot dial\n");
            exit(EXIT_FAILURE);
        }
        bench->begun++;
    }
}

static void on_established(void *user, struct transport_conn *conn, void *owner)
{
    struct bench *bench = user;
    if (owner == NULL) {
        transport_set_owner(conn, bench);
        bench->accepted++;
    } else {
        bench->established++;
    }
    dial_more(bench);
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
    struct bench *bench = owner;
    (void)why;
    bench->lost++;
}

static struct transport *open_transport(struct ev_loop *loop,
                                        struct bench *bench)
{
    struct peer_addr listen = {.family = PEER_ADDR_IP4, .ip = {127, 0, 0, 1}};
    struct transport_params params = {
        .idle_timeout_ns = INT64_C(60000000000),
        .handshake_timeout_ns = INT64_C(10000000000),
    };
    struct transport_events events = {
        .user = bench,
        .established = on_established,
        .received = on_received,
        .peer_finished = on_nothing,
        .finished = on_nothing,
        .lost = on_lost,
    };
    struct transport *transport = NULL;
    if (transport_new(loop, &listen, &params, &events, &transport) != 0) {
        (void)fprintf(stderr, "transport_bench: cannot listen\n");
        exit(EXIT_FAILURE);
    }
    return transport;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    struct bench bench = {.wanted = argc > 1 ? strtol(argv[1], NULL, 10)
                                             : CONNECTIONS_DEFAULT};
    bench.dialler = open_transport(loop, &bench);
    bench.acceptor = open_transport(loop, &bench);
    size_t before_bytes = allocated_bytes();
    double before_s = cpu_s();
    dial_more(&bench);
    while (bench.accepted < bench.wanted && bench.lost == 0) {
        ev_run(loop, EVRUN_ONCE);
    }
    double spent_s = cpu_s() - before_s;
    /* The last flights and the freeing of the handshake's state. */
    for (int i = 0; i < 50; i++) {
        struct timespec pause = {0, 10000000};
        ev_run(loop, EVRUN_NOWAIT);
        (void)nanosleep(&pause, NULL);
    }
    size_t held_bytes = allocated_bytes() - before_bytes;
    if (bench.lost > 0 || bench.established < bench.wanted) {
        (void)fprintf(stderr, "transport_bench: %ld connections were lost\n",
                      bench.lost);
        return EXIT_FAILURE;
    }
    (void)printf("%.0f handshakes/s, both sides on one core\n",
                 (double)bench.wanted / spent_s);
    (void)printf("%.1f KB heap a connection and side\n",
                 (double)held_bytes / 2000. / (double)bench.wanted);
    transport_free(bench.dialler);
    transport_free(bench.acceptor);
    return EXIT_SUCCESS;
}
