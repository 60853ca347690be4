/* Happy path: net_faults_pass() draws a datagram's fate -> it is sent at once,
 * or hold() puts a copy into a heap ordered by when it is due -> the caller
 * sleeps until net_faults_next_deadline_ns() -> net_faults_tick() sends it and
 * frees the copy.
 *
 * Failure modes: the queue is full or there is no memory for a copy (the
 * datagram is lost and counted); the callback cannot send (its own affair: the
 * network has lost it). */
#include "net_faults.h"

#include "rng.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct held {
    int64_t due_ns;
    uint64_t sequence; /* of two that are due together, the older goes first */
    struct peer_addr peer;
    size_t size;
    uint8_t data[];
};

struct net_faults {
    struct net_faults_params params;
    net_faults_send_fn *send;
    void *context;
    struct rng rng;
    struct net_faults_counts counts;
    uint64_t sequence;
    size_t count;
    struct held *heap[NET_FAULTS_HELD_MAX]; /* heap[0] is due first */
};

bool net_faults_wanted(const struct net_faults_params *params)
{
    return params->loss_percent > 0 || params->duplicate_percent > 0 ||
           params->reorder_percent > 0 || params->delay_ns > 0 ||
           params->jitter_ns > 0;
}

int net_faults_new(const struct net_faults_params *params,
                   net_faults_send_fn *send, void *context,
                   struct net_faults **ret_faults)
{
    struct net_faults *faults = calloc(1, sizeof *faults);
    if (faults == NULL) {
        return -ENOMEM;
    }
    faults->params = *params;
    faults->send = send;
    faults->context = context;
    rng_init(&faults->rng, params->seed);
    *ret_faults = faults;
    return 0;
}

void net_faults_free(struct net_faults *faults)
{
    if (faults == NULL) {
        return;
    }
    for (size_t i = 0; i < faults->count; i++) {
        free(faults->heap[i]);
    }
    free(faults);
}

/* --- the heap of what is held -------------------------------------------- */

static bool is_before(const struct held *a, const struct held *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns
                                  : a->sequence < b->sequence;
}

static void push(struct net_faults *faults, struct held *held)
{
    size_t at = faults->count++;
    while (at > 0 && is_before(held, faults->heap[(at - 1) / 2])) {
        faults->heap[at] = faults->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    faults->heap[at] = held;
}

static struct held *pop(struct net_faults *faults)
{
    struct held *first = faults->heap[0];
    struct held *moved = faults->heap[--faults->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= faults->count) {
            break;
        }
        if (child + 1 < faults->count &&
            is_before(faults->heap[child + 1], faults->heap[child])) {
            child++;
        }
        if (!is_before(faults->heap[child], moved)) {
            break;
        }
        faults->heap[at] = faults->heap[child];
        at = child;
    }
    faults->heap[at] = moved;
    return first;
}

/* --- fates --------------------------------------------------------------- */

static bool has_chance(struct net_faults *faults, int64_t percent)
{
    return percent > 0 && rng_below(&faults->rng, 100) < (uint64_t)percent;
}

static void hold(struct net_faults *faults, const struct peer_addr *peer,
                 const void *data, size_t size, int64_t due_ns)
{
    struct held *held = NULL;
    if (faults->count < NET_FAULTS_HELD_MAX) {
        held = malloc(sizeof *held + size);
    }
    if (held == NULL) {
        faults->counts.overflowed++;
        return;
    }
    held->due_ns = due_ns;
    held->sequence = faults->sequence++;
    held->peer = *peer;
    held->size = size;
    memcpy(held->data, data, size);
    push(faults, held);
}

static void pass_copy(struct net_faults *faults, const struct peer_addr *peer,
                      const void *data, size_t size, int64_t now_ns)
{
    const struct net_faults_params *params = &faults->params;
    if (has_chance(faults, params->loss_percent)) {
        faults->counts.lost++;
        return;
    }
    int64_t wait_ns = params->delay_ns;
    if (params->jitter_ns > 0) {
        wait_ns += rng_between(&faults->rng, 0, params->jitter_ns);
    }
    if (has_chance(faults, params->reorder_percent)) {
        wait_ns += rng_between(&faults->rng, 1, NET_FAULTS_OVERTAKEN_NS);
    }
    if (wait_ns > 0) {
        hold(faults, peer, data, size, now_ns + wait_ns);
        return;
    }
    faults->counts.sent++;
    faults->send(faults->context, peer, data, size);
}

void net_faults_pass(struct net_faults *faults, const struct peer_addr *peer,
                     const void *data, size_t size, int64_t now_ns)
{
    assert(size <= NET_FAULTS_DATAGRAM_MAX);
    if (has_chance(faults, faults->params.duplicate_percent)) {
        faults->counts.duplicated++;
        pass_copy(faults, peer, data, size, now_ns);
    }
    pass_copy(faults, peer, data, size, now_ns);
}

/* --- time ---------------------------------------------------------------- */

void net_faults_tick(struct net_faults *faults, int64_t now_ns)
{
    while (faults->count > 0 && faults->heap[0]->due_ns <= now_ns) {
        struct held *held = pop(faults);
        faults->counts.sent++;
        faults->send(faults->context, &held->peer, held->data, held->size);
        free(held);
    }
}

int64_t net_faults_next_deadline_ns(const struct net_faults *faults)
{
    return faults->count > 0 ? faults->heap[0]->due_ns : INT64_MAX;
}

size_t net_faults_held(const struct net_faults *faults)
{
    return faults->count;
}

const struct net_faults_counts *
net_faults_counts(const struct net_faults *faults)
{
    return &faults->counts;
}
