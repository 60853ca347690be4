/* connloop.h - what serves one connection, from its first packet to its end.
 *
 * A connection loop owns a send loop and a receive loop, one for each
 * direction. All three are state machines with one way in and one way out,
 * and each is counted spawned and finished, so that what was begun and never
 * ended can be seen from outside:
 *
 *     connection   DIALLING -> OPEN -> CLOSING -> ENDED
 *     send                     RUNNING -> FLUSHING -> ENDED
 *     receive                  READING -> ENDED
 *
 * The send loop ends once its queue has closed and the peer has acknowledged
 * the end of our stream; the receive loop ends with the peer's stream, or
 * after CONNLOOP_LINGER_NS when we have left and the peer does not answer;
 * both end when the connection is lost. The connection loop ends when both
 * halves have, gives the connection back to the transport, says `ended` and
 * frees itself. Each has a telemetry span of its own.
 *
 * The send queue is the transport's write buffer, so its bound and its policy
 * are those of TRANSPORT_WRITE_MAX: a peer that leaves that much unacknowledged
 * does not keep up, and is given up as failed.
 */
#ifndef MESHNODE_CONNLOOP_H
#define MESHNODE_CONNLOOP_H

#include "defects.h"
#include "peer_id.h"
#include "plateau_tally.h"
#include "telemetry.h"
#include "transport.h"
#include "wire.h"

#include <stdbool.h>
#include <stdint.h>

/* How long the receive loop waits for the peer's end after we have left. */
#define CONNLOOP_LINGER_NS INT64_C(1000000000)

struct connloop;

struct connloop_events {
    void *user;
    /* The peer has said where it listens: messages follow. */
    void (*introduced)(void *user, struct connloop *loop);
    /* Lent for the call. */
    void (*message)(void *user, struct connloop *loop,
                    const struct wire_message *message);
    /* The peer has ended its stream in good order. */
    void (*peer_closed)(void *user, struct connloop *loop);
    /* The connection, or the dial, failed. */
    void (*failed)(void *user, struct connloop *loop);
    /* The last word; the loop is freed when this returns. */
    void (*ended)(void *user, struct connloop *loop);
};

/* Where the lives of all connection loops of a node are counted. */
struct connloop_tally {
    struct plateau_tally_entry *dials;
    struct plateau_tally_entry *connection_loops;
    struct plateau_tally_entry *send_loops;
    struct plateau_tally_entry *receive_loops;
};

/* What the connection loops of a node have in common; borrowed by each. */
struct connloop_config {
    struct transport *transport;
    const struct defects *defects;
    struct connloop_tally tally;
    struct connloop_events events;
    struct telemetry *telemetry;
    const struct telemetry_span *span; /* the one that theirs are within */
};

/* The events of the transport, for the node to pass on when it makes one;
 * |owner| of a connection is its connection loop. */
void connloop_on_received(void *owner, const uint8_t *data, size_t size);
void connloop_on_peer_finished(void *owner);
void connloop_on_finished(void *owner);
void connloop_on_lost(void *owner, enum transport_loss why);

/* Dials |contact|. 0 and *ret_loop, which frees itself after `ended`; or
 * -errno of transport_dial(), and nothing has begun. */
int connloop_dial(const struct connloop_config *config,
                  const struct peer_contact *contact,
                  struct connloop **ret_loop);

/* Serves an accepted connection; takes it. 0 and *ret_loop, which frees itself
 * after `ended`; or -ENOMEM (then the connection is still the caller's). */
int connloop_accept(const struct connloop_config *config,
                    struct transport_conn *conn, struct connloop **ret_loop);

/* A dialled connection's handshake is done. */
void connloop_established(struct connloop *loop);

/* Queues one message. 0; -EPIPE once the queue is closed; -ENOBUFS when the
 * peer does not keep up (see above): the next connloop_tick() gives it up. */
int connloop_send(struct connloop *loop, const struct wire_message *message);

/* We have no more to say: closes the send queue. What is queued still goes
 * out. Does nothing when it is closed already. */
void connloop_leave(struct connloop *loop, int64_t now_ns);

/* Tears the loop down at once, whatever its halves wait for: the node is
 * going. `ended` comes inside this call. */
void connloop_kill(struct connloop *loop);

/* Ends what has waited long enough, or is broken; `failed` and `ended` may
 * come inside this call. */
void connloop_tick(struct connloop *loop, int64_t now_ns);

/* The peer's id, proved or dialled, and the address where it listens. */
const struct peer_contact *connloop_peer(const struct connloop *loop);

bool connloop_is_dialled(const struct connloop *loop);
bool connloop_is_established(const struct connloop *loop);
/* The queue takes messages. */
bool connloop_is_open(const struct connloop *loop);
/* When a message last went either way. */
int64_t connloop_used_ns(const struct connloop *loop);
void connloop_touch(struct connloop *loop, int64_t now_ns);

/* Links for the owner's list; connloop.c does not look at them. */
struct connloop_links {
    struct connloop *prev, *next;
};
struct connloop_links *connloop_links(struct connloop *loop);

#endif
