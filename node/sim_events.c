#include "sim_events.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 1024 };

void *sim_must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void grow(struct sim_events *events)
{
    size_t capacity =
        events->capacity == 0 ? (size_t)CAPACITY_MIN : 2 * events->capacity;

    if (capacity > SIM_EVENTS_MAX)
        abort();
    events->heap =
        sim_must(realloc(events->heap, capacity * sizeof(events->heap[0])));
    events->pool =
        sim_must(realloc(events->pool, capacity * sizeof(events->pool[0])));
    events->unused =
        sim_must(realloc(events->unused, capacity * sizeof(events->unused[0])));
    for (size_t i = capacity; i-- > events->capacity;)
        events->unused[events->unused_count++] = (uint32_t)i;
    events->capacity = capacity;
}

void sim_events_deinit(struct sim_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        free(events->pool[events->heap[i].event].bytes);
    free(events->heap);
    free(events->pool);
    free(events->unused);
    memset(events, 0, sizeof(*events));
}

static bool is_before(const struct sim_key *a, const struct sim_key *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns
                                : a->sequence < b->sequence;
}

void sim_events_push(struct sim_events *events, const struct sim_event *event)
{
    struct sim_key key = {.at_ns = event->at_ns};
    size_t i = events->count;

    if (events->count == events->capacity)
        grow(events);
    key.sequence = events->sequence++;
    key.event = events->unused[--events->unused_count];
    events->pool[key.event] = *event;
    events->count++;
    while (i > 0 && is_before(&key, &events->heap[(i - 1) / 2])) {
        events->heap[i] = events->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    events->heap[i] = key;
}

bool sim_events_pop(struct sim_events *events, int64_t end_ns,
                    struct sim_event *ret_event)
{
    struct sim_key first, last;
    size_t i = 0;

    if (events->count == 0 || events->heap[0].at_ns > end_ns)
        return false;
    first = events->heap[0];
    last = events->heap[--events->count];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= events->count)
            break;
        if (child + 1 < events->count &&
            is_before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!is_before(&events->heap[child], &last))
            break;
        events->heap[i] = events->heap[child];
        i = child;
    }
    events->heap[i] = last;
    *ret_event = events->pool[first.event];
    events->unused[events->unused_count++] = first.event;
    return true;
}
