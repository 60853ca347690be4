/* sim_events.h - what is still to come in a simulated network, in order.
 *
 * A binary heap of small keys (time, then order of creation) over a pool of
 * events, so that a million events a second pass through it. Memory grows to
 * the most events that were ever under way at once, at most
 * SIM_EVENTS_MAX, beyond which the simulation aborts: it is a mistake of its
 * own, since every node's queues are bounded.
 */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer_id.h"

enum { SIM_EVENTS_MAX = 1 << 24 };

enum sim_event_kind {
    SIM_EVENT_MESSAGE, /* arrives */
    SIM_EVENT_FAILED,  /* a connection or dial is known to be lost */
    SIM_EVENT_CLOSED,  /* the other side has closed in good order */
    SIM_EVENT_TICK,    /* a node's deadline has come */
    SIM_EVENT_CALL,    /* somebody else's business */
};

struct sim;

/* The memory, or abort(): a simulation cannot go on with less. */
void *sim_must(void *memory);

typedef void sim_call(struct sim *sim, void *argument);

struct sim_event {
    int64_t at_ns;
    enum sim_event_kind kind;
    uint32_t to, to_incarnation;
    uint32_t connection;
    struct peer_contact peer; /* sender, or whom it is about */
    uint8_t *bytes;           /* owned by the event */
    size_t bytes_count;
    sim_call *call;
    void *argument; /* borrowed */
};

struct sim_key {
    int64_t at_ns;
    uint64_t sequence;
    uint32_t event; /* in the pool */
};

struct sim_events {
    struct sim_key *heap;
    struct sim_event *pool;
    uint32_t *unused; /* places in the pool */
    size_t count, capacity, unused_count;
    uint64_t sequence;
};

/* Zeroes are an empty queue. Frees it with the bytes that are in it. */
void sim_events_deinit(struct sim_events *events);

/* Takes the event in; its bytes are the queue's from now on. Aborts without
 * memory. */
void sim_events_push(struct sim_events *events, const struct sim_event *event);

/* Whether there is one due at |end_ns| or before; then the first is taken out
 * and its bytes belong to the caller. */
bool sim_events_pop(struct sim_events *events, int64_t end_ns,
                    struct sim_event *ret_event);

#endif
