/* Happy path: connloop_dial() or connloop_accept() -> open_loop(), which
 * spawns both halves and sends HELLO -> connloop_on_received() takes frames
 * apart and hands messages up -> connloop_leave() closes the queue: the send
 * loop flushes, ends our stream and hears connloop_on_finished() -> the peer
 * ends its stream too, connloop_on_peer_finished() -> both halves have ended:
 * teardown().
 *
 * Failure modes: the dial fails (no half was ever spawned); the connection is
 * lost (both halves end at once); the peer sends what is no message (lost, by
 * our decision); the peer never ends its stream (the linger time-out). */
#include "connloop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum connection_state { CONN_DIALLING, CONN_OPEN, CONN_CLOSING, CONN_ENDED };
enum send_state {
    SEND_NONE,
    SEND_RUNNING,
    SEND_FLUSHING,
    SEND_PARKED,
    SEND_ENDED
};
enum receive_state {
    RECEIVE_NONE,
    RECEIVE_READING,
    RECEIVE_AWAITING, /* another stream: only with a bug */
    RECEIVE_ENDED
};

/* What a half can be told. */
enum send_event {
    SEND_QUEUE_CLOSED,    /* no more messages will be queued */
    SEND_ACKNOWLEDGED,    /* the peer has all of our stream, and its end */
    SEND_CONNECTION_LOST, /* there is nobody to send to */
    SEND_TEARDOWN,        /* the connection loop is being torn down */
};
enum receive_event {
    RECEIVE_LEFT,            /* we have no more to say */
    RECEIVE_STREAM_ENDED,    /* in good order */
    RECEIVE_CONNECTION_LOST, /* and with it the stream */
    RECEIVE_LINGERED,        /* long enough after we have left */
    RECEIVE_TEARDOWN,        /* the connection loop is being torn down */
};

struct connloop {
    const struct connloop_config *config;
    struct transport_conn *conn;
    struct connloop_links links;
    struct peer_contact peer;
    struct telemetry_span *span;
    enum connection_state state;
    enum send_state send;
    enum receive_state receive;
    bool is_dialled;
    bool is_dialling; /* counted as a dial that has not finished */
    bool is_queue_open;
    bool is_introduced;
    bool is_broken; /* the peer talks nonsense, or does not keep up */
    int64_t linger_deadline_ns;
    int64_t used_ns;
    uint8_t *partial; /* a frame of which the end is still to come */
    size_t partial_size;
};

/* --- ends ---------------------------------------------------------------- */

static void end_dial(struct connloop *loop)
{
    if (loop->is_dialling) {
        plateau_tally_finished(loop->config->tally.dials);
    }
    loop->is_dialling = false;
}

static void end_send(struct connloop *loop)
{
    if (loop->send != SEND_NONE && loop->send != SEND_ENDED) {
        plateau_tally_finished(loop->config->tally.send_loops);
    }
    loop->send = SEND_ENDED;
}

static void forget_partial(struct connloop *loop)
{
    free(loop->partial);
    loop->partial = NULL;
    loop->partial_size = 0;
}

static void end_receive(struct connloop *loop)
{
    if (loop->receive != RECEIVE_NONE && loop->receive != RECEIVE_ENDED) {
        plateau_tally_finished(loop->config->tally.receive_loops);
    }
    loop->receive = RECEIVE_ENDED;
    forget_partial(loop);
}

/* The send loop's whole life, as state x event. */
static void tell_send(struct connloop *loop, enum send_event event)
{
    switch (loop->send) {
    case SEND_RUNNING:
        if (event == SEND_QUEUE_CLOSED &&
            loop->config->defects->has[DEFECT_PARKED_SEND_LOOP]) {
            /* The bug: the closed queue is taken out of what the loop waits
             * for, and nothing is put in its place. What is left to wait for
             * is the teardown, and that waits for us. */
            loop->send = SEND_PARKED;
        } else if (event == SEND_QUEUE_CLOSED) {
            transport_finish(loop->conn);
            loop->send = SEND_FLUSHING;
        } else {
            end_send(loop);
        }
        break;
    case SEND_FLUSHING:
        if (event != SEND_QUEUE_CLOSED) {
            end_send(loop);
        }
        break;
    case SEND_PARKED:
        if (event == SEND_TEARDOWN) {
            end_send(loop);
        }
        break;
    case SEND_NONE:
    case SEND_ENDED:
        break;
    }
}

/* The receive loop's whole life, as state x event. */
static void tell_receive(struct connloop *loop, enum receive_event event)
{
    switch (loop->receive) {
    case RECEIVE_READING:
        if (event == RECEIVE_LEFT &&
            loop->config->defects->has[DEFECT_JOINED_HALVES]) {
            /* The bug: having no use for what the peer still says, the loop
             * gives up its stream and waits for the next one, which the peer
             * has no reason to open. A loss is told to those who hold a
             * stream. */
            forget_partial(loop);
            loop->receive = RECEIVE_AWAITING;
        } else if (event != RECEIVE_LEFT) {
            end_receive(loop);
        }
        break;
    case RECEIVE_AWAITING:
        if (event == RECEIVE_TEARDOWN) {
            end_receive(loop);
        }
        break;
    case RECEIVE_NONE:
    case RECEIVE_ENDED:
        break;
    }
}

static void teardown(struct connloop *loop)
{
    const struct connloop_config *config = loop->config;
    tell_send(loop, SEND_TEARDOWN);
    tell_receive(loop, RECEIVE_TEARDOWN);
    loop->state = CONN_ENDED;
    transport_close(loop->conn);
    end_dial(loop);
    plateau_tally_finished(config->tally.connection_loops);
    config->events.ended(config->events.user, loop);
    telemetry_end(loop->span);
    free(loop);
}

/* The connection loop joins its halves: it ends when both have ended. The
 * loop is gone when this returns true. */
static bool end_if_done(struct connloop *loop)
{
    if (loop->send != SEND_ENDED || loop->receive != RECEIVE_ENDED) {
        return false;
    }
    teardown(loop);
    return true;
}

/* --- beginnings ---------------------------------------------------------- */

static struct connloop *make_loop(const struct connloop_config *config,
                                  const struct peer_contact *peer)
{
    struct connloop *loop = calloc(1, sizeof *loop);
    if (loop != NULL) {
        loop->config = config;
        loop->peer = *peer;
        loop->is_queue_open = true;
        loop->span =
            telemetry_begin(config->telemetry, config->span, "connection");
    }
    return loop;
}

static int say_hello(struct connloop *loop)
{
    struct wire_message hello = {.type = WIRE_HELLO};
    hello.hello.addr = transport_self(loop->config->transport)->addr;
    return connloop_send(loop, &hello);
}

static void spawn_halves(struct connloop *loop)
{
    loop->state = CONN_OPEN;
    loop->send = SEND_RUNNING;
    loop->receive = RECEIVE_READING;
    plateau_tally_spawned(loop->config->tally.send_loops);
    plateau_tally_spawned(loop->config->tally.receive_loops);
}

int connloop_dial(const struct connloop_config *config,
                  const struct peer_contact *contact,
                  struct connloop **ret_loop)
{
    struct connloop *loop = make_loop(config, contact);
    if (loop == NULL) {
        return -ENOMEM;
    }
    int result = transport_dial(config->transport, contact, loop, &loop->conn);
    if (result == 0 && (result = say_hello(loop)) != 0) {
        transport_close(loop->conn);
    }
    if (result != 0) {
        telemetry_end(loop->span);
        free(loop);
        return result;
    }
    loop->is_dialled = true;
    loop->is_dialling = true;
    plateau_tally_spawned(config->tally.dials);
    plateau_tally_spawned(config->tally.connection_loops);
    *ret_loop = loop;
    return 0;
}

int connloop_accept(const struct connloop_config *config,
                    struct transport_conn *conn, struct connloop **ret_loop)
{
    struct connloop *loop = make_loop(config, transport_peer(conn));
    if (loop == NULL) {
        return -ENOMEM;
    }
    loop->conn = conn;
    int result = say_hello(loop);
    if (result != 0) {
        telemetry_end(loop->span);
        free(loop);
        return result;
    }
    transport_set_owner(conn, loop);
    plateau_tally_spawned(config->tally.connection_loops);
    spawn_halves(loop);
    *ret_loop = loop;
    return 0;
}

void connloop_established(struct connloop *loop)
{
    loop->peer.id = transport_peer(loop->conn)->id;
    end_dial(loop);
    spawn_halves(loop);
    if (!loop->is_queue_open) {
        loop->state = CONN_CLOSING;
        tell_send(loop, SEND_QUEUE_CLOSED);
        tell_receive(loop, RECEIVE_LEFT);
    }
}

/* --- messages ------------------------------------------------------------ */

int connloop_send(struct connloop *loop, const struct wire_message *message)
{
    uint8_t frame[WIRE_FRAME_MAX];
    size_t size = 0;
    if (!loop->is_queue_open) {
        return -EPIPE;
    }
    int result = wire_encode(message, frame, sizeof frame, &size);
    assert(result == 0);
    result = transport_write(loop->conn, frame, size);
    loop->is_broken = loop->is_broken || result == -ENOBUFS;
    return result == -ENOTCONN ? -EPIPE : result;
}

/* Takes one message; false when the connection has no more use. */
static bool take_message(struct connloop *loop,
                         const struct wire_message *message)
{
    const struct connloop_events *events = &loop->config->events;
    if (loop->is_introduced) {
        if (message->type == WIRE_HELLO) {
            return false;
        }
        events->message(events->user, loop, message);
        return true;
    }
    if (message->type != WIRE_HELLO) {
        return false;
    }
    loop->peer.addr = message->hello.addr;
    loop->is_introduced = true;
    events->introduced(events->user, loop);
    return true;
}

/* Takes the whole frames off the front; returns how many bytes that was. */
static size_t take_frames(struct connloop *loop, const uint8_t *data,
                          size_t size)
{
    size_t at = 0;
    while (!loop->is_broken) {
        struct wire_message message;
        size_t used = 0;
        int result = wire_decode(data + at, size - at, &message, &used);
        if (result == WIRE_NEED_MORE) {
            break;
        }
        loop->is_broken = result != WIRE_OK || !take_message(loop, &message);
        at += used;
    }
    return at;
}

/* Keeps what is left of |data| for the next time. */
static void keep_partial(struct connloop *loop, const uint8_t *data,
                         size_t size)
{
    uint8_t *kept = NULL;
    if (size > 0 && size <= WIRE_FRAME_MAX) {
        kept = malloc(size);
    }
    if (kept != NULL) {
        memcpy(kept, data, size);
    }
    loop->is_broken = loop->is_broken || (size > 0 && kept == NULL);
    free(loop->partial);
    loop->partial = kept;
    loop->partial_size = kept ? size : 0;
}

/* The receive loop's one step. A frame that came in pieces is put together
 * first; the rest is decoded where it lies. */
static void read_frames(struct connloop *loop, const uint8_t *data, size_t size)
{
    if (loop->partial == NULL) {
        size_t used = take_frames(loop, data, size);
        keep_partial(loop, data + used, size - used);
        return;
    }
    size_t total = loop->partial_size + size;
    uint8_t *joined = malloc(total);
    if (joined == NULL) {
        loop->is_broken = true;
        return;
    }
    memcpy(joined, loop->partial, loop->partial_size);
    memcpy(joined + loop->partial_size, data, size);
    size_t used = take_frames(loop, joined, total);
    keep_partial(loop, joined + used, total - used);
    free(joined);
}

void connloop_on_received(void *owner, const uint8_t *data, size_t size)
{
    struct connloop *loop = owner;
    if (loop->receive != RECEIVE_READING || loop->is_broken) {
        return;
    }
    read_frames(loop, data, size);
    if (loop->is_broken) {
        connloop_on_lost(loop, TRANSPORT_LOST_PROTOCOL);
    }
}

/* --- the way out --------------------------------------------------------- */

void connloop_leave(struct connloop *loop, int64_t now_ns)
{
    if (!loop->is_queue_open) {
        return;
    }
    loop->is_queue_open = false;
    loop->linger_deadline_ns = now_ns + CONNLOOP_LINGER_NS;
    if (loop->state == CONN_OPEN) {
        loop->state = CONN_CLOSING;
        telemetry_event(loop->span, TELEMETRY_DEBUG, now_ns, "left");
        tell_send(loop, SEND_QUEUE_CLOSED);
        tell_receive(loop, RECEIVE_LEFT);
    }
}

void connloop_on_finished(void *owner)
{
    struct connloop *loop = owner;
    tell_send(loop, SEND_ACKNOWLEDGED);
    (void)end_if_done(loop);
}

void connloop_on_peer_finished(void *owner)
{
    struct connloop *loop = owner;
    const struct connloop_events *events = &loop->config->events;
    if (loop->receive != RECEIVE_READING) {
        return;
    }
    /* Told while the receive loop still runs: the loop cannot end under the
     * feet of what this sets off. */
    events->peer_closed(events->user, loop);
    tell_receive(loop, RECEIVE_STREAM_ENDED);
    (void)end_if_done(loop);
}

void connloop_on_lost(void *owner, enum transport_loss why)
{
    struct connloop *loop = owner;
    const struct connloop_events *events = &loop->config->events;
    (void)why;
    /* The peer leaves the active view, and with that the queue closes, before
     * the halves hear that the connection is gone. */
    events->failed(events->user, loop);
    connloop_leave(loop, 0);
    if (loop->state == CONN_DIALLING) {
        loop->send = SEND_ENDED;
        loop->receive = RECEIVE_ENDED;
    } else {
        tell_receive(loop, RECEIVE_CONNECTION_LOST);
    }
    tell_send(loop, SEND_CONNECTION_LOST);
    (void)end_if_done(loop);
}

void connloop_kill(struct connloop *loop)
{
    teardown(loop);
}

void connloop_tick(struct connloop *loop, int64_t now_ns)
{
    if (loop->is_broken && loop->is_queue_open) {
        connloop_on_lost(loop, TRANSPORT_LOST_PROTOCOL);
    } else if (!loop->is_queue_open && now_ns >= loop->linger_deadline_ns &&
               loop->receive == RECEIVE_READING) {
        tell_receive(loop, RECEIVE_LINGERED);
        /* A peer that does not even acknowledge is no peer any more. */
        tell_send(loop, SEND_CONNECTION_LOST);
        (void)end_if_done(loop);
    }
}

/* --- looking ------------------------------------------------------------- */

const struct peer_contact *connloop_peer(const struct connloop *loop)
{
    return &loop->peer;
}

bool connloop_is_dialled(const struct connloop *loop)
{
    return loop->is_dialled;
}

bool connloop_is_established(const struct connloop *loop)
{
    return loop->state == CONN_OPEN || loop->state == CONN_CLOSING;
}

bool connloop_is_open(const struct connloop *loop)
{
    return loop->is_queue_open;
}

int64_t connloop_used_ns(const struct connloop *loop)
{
    return loop->used_ns;
}

void connloop_touch(struct connloop *loop, int64_t now_ns)
{
    loop->used_ns = now_ns;
}

struct connloop_links *connloop_links(struct connloop *loop)
{
    return &loop->links;
}
