#include "node_tally.h"

#include <assert.h>

/* Everything that the functions below read, at one moment. */
struct reading {
    const struct node_tally_sources *from;
    struct transport_counts transport;
};

#define FIGURE(name, expression)                                               \
    static uint64_t name(const struct reading *r)                              \
    {                                                                          \
        return (uint64_t)(expression);                                         \
    }

FIGURE(active_peers, hyparview_active_count(r->from->hyparview))
FIGURE(passive_peers, hyparview_passive_count(r->from->hyparview))
FIGURE(neighbors_up, hyparview_stats(r->from->hyparview)->neighbors_up)
FIGURE(connections, r->transport.connections)
FIGURE(handshakes, r->transport.handshakes)
FIGURE(send_queue, r->transport.unacknowledged_bytes)
FIGURE(peer_records, plumtree_records_count(r->from->plumtree))
FIGURE(lazy_queue, plumtree_lazy_queue_count(r->from->plumtree))
FIGURE(message_cache, plumtree_cached_count(r->from->plumtree))
FIGURE(seen_ids, plumtree_seen_count(r->from->plumtree))
FIGURE(missing, plumtree_missing_count(r->from->plumtree))
FIGURE(duplicates, plumtree_stats(r->from->plumtree)->duplicates)
FIGURE(address_book, addrbook_count(r->from->addrbook))
FIGURE(process_table, load_processes_count(r->from->load))
FIGURE(published, r->from->counts->published)
FIGURE(delivered, r->from->counts->delivered)
FIGURE(peers_failed, r->from->counts->peers_failed)
FIGURE(dials_refused, r->from->counts->dials_refused)
FIGURE(latency, r->from->counts->latency_ns)
FIGURE(cpu, r->from->counts->cpu_permille)

static const struct {
    const char *name;
    const char *unit;
    enum plateau_tally_kind kind;
    uint64_t (*read)(const struct reading *reading);
} table[] = {
    {"active_peers", "", PLATEAU_TALLY_GAUGE, active_peers},
    {"passive_peers", "", PLATEAU_TALLY_GAUGE, passive_peers},
    {"quic_connections", "", PLATEAU_TALLY_GAUGE, connections},
    {"handshakes", "", PLATEAU_TALLY_GAUGE, handshakes},
    {"send_queue", "B", PLATEAU_TALLY_GAUGE, send_queue},
    {"peer_records", "", PLATEAU_TALLY_GAUGE, peer_records},
    {"lazy_queue", "", PLATEAU_TALLY_GAUGE, lazy_queue},
    {"message_cache", "", PLATEAU_TALLY_GAUGE, message_cache},
    {"seen_ids", "", PLATEAU_TALLY_GAUGE, seen_ids},
    {"missing_messages", "", PLATEAU_TALLY_GAUGE, missing},
    {"address_book", "", PLATEAU_TALLY_GAUGE, address_book},
    {"process_table", "", PLATEAU_TALLY_GAUGE, process_table},
    {"delivery_latency", "ns", PLATEAU_TALLY_GAUGE, latency},
    {"cpu_permille", "mcore", PLATEAU_TALLY_GAUGE, cpu},
    {"messages_published", "", PLATEAU_TALLY_COUNTER, published},
    {"messages_delivered", "", PLATEAU_TALLY_COUNTER, delivered},
    {"messages_duplicate", "", PLATEAU_TALLY_COUNTER, duplicates},
    {"neighbors_up", "", PLATEAU_TALLY_COUNTER, neighbors_up},
    {"peers_failed", "", PLATEAU_TALLY_COUNTER, peers_failed},
    {"dials_refused", "", PLATEAU_TALLY_COUNTER, dials_refused},
};
#define TABLE_COUNT (sizeof table / sizeof table[0])
static_assert(TABLE_COUNT <= NODE_TALLY_MAX, "node_tally.entries is too small");

void node_tally_open(struct node_tally *tally, struct plateau_tally *page)
{
    tally->page = page;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        tally->entries[i] = plateau_tally_declare(page, table[i].name,
                                                  table[i].unit, table[i].kind);
    }
    tally->timers = plateau_tally_pair(page, "timers");
    heap_open(&tally->heap, page);
}

void node_tally_update(const struct node_tally *tally,
                       const struct node_tally_sources *sources)
{
    struct reading reading = {.from = sources};
    uint32_t asked = plateau_tally_asked(tally->page);
    if (asked != 0) {
        heap_purge(&tally->heap);
        heap_profile(&tally->heap, tally->page);
    }
    transport_count(sources->transport, &reading.transport);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        plateau_tally_set(tally->entries[i], table[i].read(&reading));
    }
    plateau_tally_set_pair(tally->timers, reading.transport.timers_started,
                           reading.transport.timers_stopped);
    heap_publish(&tally->heap);
    if (asked != 0) {
        heap_publish_classes(&tally->heap);
        plateau_tally_answer(tally->page, asked);
    }
}
