/* bench_pair.h - two processes on two cores, for the handshake benchmarks.
 *
 * Forks: the child is the accepting side, on the second core that we may use,
 * the parent the dialling one, on the first. The child says through a pipe
 * where it listens, and is killed when the parent has measured. For benchmarks
 * only; a fault ends the process with a message.
 */
#ifndef MESHNODE_BENCH_PAIR_H
#define MESHNODE_BENCH_PAIR_H

#include "peer_id.h"

#include <stddef.h>

enum {
    BENCH_PAIR_WINDOW = 16, /* handshakes under way at a time */
};

/* A handshake is done when the accepting side has proved the dialler's key: it
 * closes the connection then, and the dialler counts the close. */
struct bench_pair {
    /* Listens; fills *ret_contact. */
    void *(*open)(struct peer_contact *ret_contact);
    /* The accepting side's loop: never returns. */
    void (*accept)(void *side);
    /* Makes |wanted| handshakes with |to|, BENCH_PAIR_WINDOW at a time. */
    void (*dial)(void *side, const struct peer_contact *to, long wanted);
};

/* Measures and prints, for ARGUMENT 1 handshakes (default 3,000) after a tenth
 * as many to warm up,
 *
 *     N handshakes/s
 *     N us CPU each: N dialling, N accepting
 *
 * of which the second holds on a machine with other work too. Returns the exit
 * status. */
int bench_pair_run(const struct bench_pair *pair, int argc, char **argv);

/* Prints and exits. */
_Noreturn void bench_pair_fail(const char *what);

#endif
