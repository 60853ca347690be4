#include "defects.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    const char *story;
    const char *where; /* it bites */
    const char *shows; /* the counter or series that gives it away */
} table[DEFECTS_COUNT] = {
    [DEFECT_PARKED_SEND_LOOP] =
        {"parked-send-loop",
         "when its queue closes, a send loop stops listening to the queue "
         "instead of ending, and waits for the connection's teardown, which "
         "waits for the send loop",
         "connection loop, send half",
         "send_loops and connection_loops spawned and not finished; "
         "quic_connections"},
    [DEFECT_JOINED_HALVES] =
        {"joined-halves",
         "a connection loop ends when both halves have; after a local leave "
         "the receive half gives up its stream and waits for the next one, "
         "which is never opened",
         "connection loop, receive half",
         "receive_loops and connection_loops spawned and not finished; "
         "quic_connections"},
    [DEFECT_UNPRUNED_PEERS] =
        {"unpruned-peers",
         "what broadcast keeps of a peer, its lazy-push queue included, "
         "outlives the peer's removal (neighbour down)",
         "plumtree", "peer_records; lazy_queue"},
    [DEFECT_IMMORTAL_ADDRESSES] =
        {"immortal-addresses",
         "the address book evicts nothing: one entry for every remote ever "
         "seen",
         "address book", "address_book"},
    [DEFECT_ORPHANED_HANDSHAKE] =
        {"orphaned-handshake",
         "a dial that is given up before its handshake is done is left to the "
         "idle time-out, and none runs before the handshake: connection, "
         "packet spaces and queues stay",
         "transport", "quic_connections, more than connection_loops are alive"},
    [DEFECT_SPAN_EVENTS] =
        {"span-events",
         "telemetry keeps events of every level in the current span and looks "
         "at the exporter's floor when the span ends; the node's own span "
         "never does",
         "telemetry", "span_events"},
    [DEFECT_PROCESS_SCAN] =
        {"process-scan",
         "to find its own load the sampler lists all processes of the "
         "machine at every tick, and keeps the list",
         "load sampler", "process_table"},
    [DEFECT_RECONNECT_TASK] =
        {"reconnect-task",
         "a reconnect task ends when its peer is removed from the view, which "
         "was before the task began: it tries for ever",
         "reconnect", "reconnect_tasks spawned and not finished"},
    [DEFECT_LATE_LEAK] = {"late-leak",
                          "as one-object, but only from some moment on",
                          "memory patterns", "heap/allocated"},
    [DEFECT_ONE_OBJECT] =
        {"one-object",
         "the note on the peer met last takes the place of the one before, "
         "which nobody frees",
         "memory patterns", "heap/allocated"},
    [DEFECT_DOUBLING_VECTOR] =
        {"doubling-vector",
         "every peer met is appended to a vector that grows by doubling and "
         "never shrinks",
         "memory patterns", "heap/allocated, in steps"},
    [CONTROL_SAWTOOTH] =
        {"sawtooth",
         "a journal of delivered messages fills, and is emptied when full",
         "memory patterns", "heap/allocated up and down by 256 KiB"},
    [CONTROL_SLOW_CACHE] =
        {"slow-cache",
         "every peer met is kept in a cache, until the cache is full",
         "memory patterns",
         "heap/allocated rises for a good part of the run, and stays"},
    [CONTROL_ONE_STEP] = {"one-step",
                          "after a while an index is built, once, and kept",
                          "memory patterns",
                          "heap/allocated rises by 512 KiB at one moment"},
    [CONTROL_FRAGMENTATION] =
        {"fragmentation",
         "records of many sizes come and go; some live long and keep their "
         "pages from being given back",
         "memory patterns", "heap/active stays above heap/allocated"},
};

static int find(const char *name, size_t size, bool are_controls)
{
    int first = are_controls ? DEFECTS_CONTROLS : 0;
    int end = are_controls ? DEFECTS_COUNT : DEFECTS_CONTROLS;
    for (int i = first; i < end; i++) {
        if (strlen(table[i].name) == size &&
            strncmp(table[i].name, name, size) == 0) {
            return i;
        }
    }
    return -ENOENT;
}

int defects_parse(const char *list, bool are_controls, struct defects *defects,
                  char ret_unknown[64])
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        int found = find(list, size, are_controls);
        if (found < 0) {
            (void)snprintf(ret_unknown, 64, "%.*s", (int)size, list);
            return -ENOENT;
        }
        defects->has[found] = true;
        list += size + (list[size] == ',');
    }
    return 0;
}

void defects_print(FILE *stream, bool are_controls)
{
    int first = are_controls ? DEFECTS_CONTROLS : 0;
    int end = are_controls ? DEFECTS_COUNT : DEFECTS_CONTROLS;
    for (int i = first; i < end; i++) {
        (void)fprintf(stream, "%s\n    %s\n    where: %s\n    shows in: %s\n",
                      table[i].name, table[i].story, table[i].where,
                      table[i].shows);
    }
}
