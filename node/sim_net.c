/* Happy path: a node's operations hand messages over; each is encoded and comes
 * out of the queue of events after the pair's latency, is decoded, and goes to
 * HyParView or Plumtree of the receiver, whose next deadline is then entered
 * anew.
 *
 * Failure modes: what is sent to a dead node comes back as a lost connection
 * after a round trip; a connection closed by one side is gone for that side at
 * once and for the other a latency later, and what arrives on it meanwhile is
 * ignored. */
#include "sim_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_NS INT64_C(1000000)

enum { PAYLOAD_SIZE = 40, MILLION = 1000000 };

static uint32_t slot_of(const struct peer_addr *addr)
{
    return (uint32_t)addr->ip[1] << 16 | (uint32_t)addr->ip[2] << 8 |
           addr->ip[3];
}

static struct peer_addr addr_of(uint32_t slot)
{
    return (struct peer_addr){
        .family = PEER_ADDR_IP4,
        .port = 7000,
        .ip = {10, (uint8_t)(slot >> 16), (uint8_t)(slot >> 8), (uint8_t)slot}};
}

static struct sim_node *find(const struct sim *sim,
                             const struct peer_contact *contact)
{
    uint32_t slot = slot_of(&contact->addr);
    struct sim_node *node;

    if (slot >= sim->nodes_max)
        return NULL;
    node = &sim->nodes[slot];
    if (!node->is_alive || (peer_id_is_set(&contact->id) &&
                            !peer_id_equal(&contact->id, &node->self.id)))
        return NULL;
    return node;
}

const struct sim_node *sim_find(const struct sim *sim,
                                const struct peer_contact *contact)
{
    return find(sim, contact);
}

int64_t sim_latency_ns(const struct sim *sim, uint32_t a, uint32_t b)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t pair = low << 32 | high;
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(pair >> (8 * i));
    return sim->latency_min_ns +
           (int64_t)(peer_hash_bytes(bytes, 8, sim->pair_key) %
                     (uint64_t)(sim->latency_max_ns - sim->latency_min_ns + 1));
}

/* Connections. */

static struct sim_link *link_find(struct sim_node *node, uint32_t slot,
                                  uint32_t incarnation)
{
    for (uint32_t i = 0; i < node->links_count; i++)
        if (node->links[i].slot == slot &&
            node->links[i].incarnation == incarnation)
            return &node->links[i];
    return NULL;
}

static void connection_release(struct sim *sim, uint32_t i)
{
    if (--sim->connections[i].uses == 0)
        sim->unused[sim->unused_count++] = i;
}

static struct sim_link *link_add(struct sim_node *node, uint32_t slot,
                                 uint32_t incarnation, uint32_t connection)
{
    struct sim_link *link = &node->links[node->links_count];

    if (node->links_count == SIM_LINKS_MAX) {
        fprintf(stderr, "slot %u holds too many connections\n", node->slot);
        abort();
    }
    node->links_count++;
    if (node->links_count > node->links_peak)
        node->links_peak = node->links_count;
    node->sim->connections[connection].uses++;
    *link = (struct sim_link){slot, incarnation, connection};
    return link;
}

static void link_remove(struct sim_node *node, struct sim_link *link)
{
    connection_release(node->sim, link->connection);
    *link = node->links[--node->links_count];
}

/* What is left of connections to those who had the slot before. */
static void links_to_dead_remove(struct sim_node *node, uint32_t slot)
{
    const struct sim_node *other = &node->sim->nodes[slot];

    for (uint32_t i = node->links_count; i-- > 0;)
        if (node->links[i].slot == slot &&
            (!other->is_alive ||
             node->links[i].incarnation != other->incarnation))
            link_remove(node, &node->links[i]);
}

static void connections_grow(struct sim *sim)
{
    uint32_t capacity = 2 * sim->connections_capacity + 64;

    sim->connections = sim_must(
        realloc(sim->connections, capacity * sizeof(sim->connections[0])));
    sim->unused =
        sim_must(realloc(sim->unused, capacity * sizeof(sim->unused[0])));
    sim->connections_capacity = capacity;
}

/* A connection that nothing names yet. */
static uint32_t dial(struct sim *sim, uint32_t from, uint32_t to)
{
    uint32_t i;

    if (sim->unused_count > 0) {
        i = sim->unused[--sim->unused_count];
    } else {
        if (sim->connections_count == sim->connections_capacity)
            connections_grow(sim);
        i = sim->connections_count++;
    }
    sim->connections[i] = (struct sim_connection){.slots = {from, to}};
    sim->dials_count++;
    return i;
}

static bool *closed_by(struct sim *sim, uint32_t connection, uint32_t slot)
{
    struct sim_connection *c = &sim->connections[connection];

    return &c->is_closed[c->slots[0] == slot ? 0 : 1];
}

static void fail_later(struct sim *sim, const struct sim_node *node,
                       const struct peer_contact *peer, int64_t delay_ns)
{
    struct sim_event event = {.at_ns = sim->now_ns + delay_ns,
                              .kind = SIM_EVENT_FAILED,
                              .to = node->slot,
                              .to_incarnation = node->incarnation,
                              .peer = *peer};

    sim_events_push(&sim->events, &event);
}

static bool happens(struct sim *sim, uint32_t ppm)
{
    return ppm > 0 && rng_below(&sim->rng, MILLION) < ppm;
}

static void message_push(struct sim *sim, struct sim_event *event,
                         const struct wire_message *message)
{
    size_t size = wire_encoded_bytes(message);

    if (happens(sim, sim->faults.reorder_ppm))
        event->at_ns += rng_between(&sim->rng, 0, sim->faults.reorder_max_ns);
    event->bytes = sim_must(malloc(size));
    if (wire_encode(message, event->bytes, size, &event->bytes_count) != 0)
        abort();
    sim->connections[event->connection].uses++;
    sim_events_push(&sim->events, event);
}

/* Sends over the link that there is, or dials. Refused dials are reported
 * later, never at once. */
static void transmit(struct sim_node *node, const struct peer_contact *to,
                     const struct wire_message *message)
{
    struct sim *sim = node->sim;
    struct sim_node *target = find(sim, to);
    uint32_t slot = slot_of(&to->addr);
    int64_t delay_ns = sim_latency_ns(sim, node->slot, slot);
    struct sim_event event = {.kind = SIM_EVENT_MESSAGE, .peer = node->self};
    struct sim_link *link;

    if (target == NULL) {
        if (slot < sim->nodes_max)
            links_to_dead_remove(node, slot);
        fail_later(sim, node, to, 2 * delay_ns);
        return;
    }
    link = link_find(node, slot, target->incarnation);
    if (link == NULL)
        link = link_add(node, slot, target->incarnation,
                        dial(sim, node->slot, slot));
    if (sim->drop != NULL && sim->drop(sim, node->slot, slot, message))
        return;
    if (happens(sim, sim->faults.loss_ppm))
        return;
    event.at_ns = sim->now_ns + delay_ns;
    event.to = slot;
    event.to_incarnation = target->incarnation;
    event.connection = link->connection;
    message_push(sim, &event, message);
    if (happens(sim, sim->faults.duplicate_ppm))
        message_push(sim, &event, message);
}

/* The operations of the two protocols. */

static void on_send(void *context, const struct peer_contact *to,
                    const struct wire_message *message)
{
    transmit(context, to, message);
}

static void on_close(void *context, const struct peer_contact *peer)
{
    struct sim_node *node = context;
    struct sim *sim = node->sim;
    uint32_t slot = slot_of(&peer->addr);
    struct sim_node *target = find(sim, peer);
    struct sim_event event = {.kind = SIM_EVENT_CLOSED};
    struct sim_link *link;

    if (target == NULL) {
        if (slot < sim->nodes_max)
            links_to_dead_remove(node, slot);
        return;
    }
    link = link_find(node, slot, target->incarnation);
    if (link == NULL)
        return;
    *closed_by(sim, link->connection, node->slot) = true;
    event.at_ns = sim->now_ns + sim_latency_ns(sim, node->slot, slot);
    event.to = slot;
    event.to_incarnation = target->incarnation;
    event.connection = link->connection;
    event.peer = node->self;
    sim->connections[link->connection].uses++;
    sim_events_push(&sim->events, &event);
    link_remove(node, link);
}

static void on_neighbor_up(void *context, const struct peer_contact *peer)
{
    struct sim_node *node = context;
    struct sim_neighbors *neighbors = &node->sim->neighbors[node->slot];

    assert(neighbors->count < HYPARVIEW_ACTIVE_MAX);
    neighbors->slots[neighbors->count++] = slot_of(&peer->addr);
    if (plumtree_neighbor_up(&node->plumtree, &peer->id) != 0)
        abort();
}

static void on_neighbor_down(void *context, const struct peer_contact *peer,
                             enum hyparview_down why)
{
    struct sim_node *node = context;
    struct sim_neighbors *neighbors = &node->sim->neighbors[node->slot];
    uint32_t slot = slot_of(&peer->addr);

    (void)why;
    for (uint32_t i = 0; i < neighbors->count; i++) {
        if (neighbors->slots[i] == slot) {
            neighbors->slots[i] = neighbors->slots[--neighbors->count];
            break;
        }
    }
    plumtree_neighbor_down(&node->plumtree, &peer->id, node->sim->now_ns);
}

/* Broadcasts carry their number. */
static uint32_t number_of(const uint8_t *payload, size_t payload_bytes)
{
    uint32_t number;

    if (payload_bytes != PAYLOAD_SIZE)
        abort();
    memcpy(&number, payload, sizeof(number));
    return number;
}

static void on_plumtree_send(void *context, const struct peer_id *to,
                             const struct wire_message *message)
{
    struct sim_node *node = context;
    struct sim *sim = node->sim;
    const struct hyparview *h = &node->hyparview;
    int i = 0;

    while (!peer_id_equal(&hyparview_active_at(h, (size_t)i)->id, to))
        i++;
    if (message->type == WIRE_GOSSIP)
        sim->records[number_of(message->gossip.payload,
                               message->gossip.payload_bytes)]
            .payloads++;
    else
        sim->control_count++;
    transmit(node, hyparview_active_at(h, (size_t)i), message);
}

static void on_deliver(void *context, const struct message_id *id,
                       uint16_t hops, const uint8_t *payload,
                       size_t payload_bytes)
{
    struct sim_node *node = context;
    uint32_t number = number_of(payload, payload_bytes);
    struct sim_record *record = &node->sim->records[number];

    (void)id;
    if (hops == 0)
        abort();
    if (node->delivered[number] == 0)
        record->delivered++;
    if (node->delivered[number] < UINT8_MAX)
        node->delivered[number]++;
    if (hops > record->hops_max)
        record->hops_max = hops;
}

static const struct hyparview_ops hyparview_ops = {
    on_send, on_close, on_neighbor_up, on_neighbor_down};
static const struct plumtree_ops plumtree_ops = {on_plumtree_send, on_deliver};

/* Running. */

static void schedule_tick(struct sim_node *node)
{
    struct sim *sim = node->sim;
    int64_t due_ns = hyparview_next_deadline_ns(&node->hyparview);
    int64_t other_ns = plumtree_next_deadline_ns(&node->plumtree);
    struct sim_event event = {.kind = SIM_EVENT_TICK};

    if (other_ns < due_ns)
        due_ns = other_ns;
    if (due_ns >= node->tick_ns)
        return;
    if (due_ns < sim->now_ns)
        due_ns = sim->now_ns;
    node->tick_ns = due_ns;
    event.at_ns = due_ns;
    event.to = node->slot;
    event.to_incarnation = node->incarnation;
    sim_events_push(&sim->events, &event);
}

static void trace_word(struct sim *sim, uint64_t word)
{
    uint64_t mixed = (sim->trace_hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);

    sim->trace_hash = mixed ^ mixed >> 32;
}

static void trace(struct sim *sim, const struct sim_event *event)
{
    size_t i = 0;

    trace_word(sim, (uint64_t)event->at_ns);
    trace_word(sim, (uint64_t)event->kind << 32 | event->to);
    for (; i + 8 <= event->bytes_count; i += 8) {
        uint64_t word;

        memcpy(&word, event->bytes + i, sizeof(word));
        trace_word(sim, word);
    }
    for (; i < event->bytes_count; i++)
        trace_word(sim, event->bytes[i]);
}

static void take_message(struct sim_node *node, const struct sim_event *event)
{
    struct sim *sim = node->sim;
    const struct sim_node *sender = &sim->nodes[slot_of(&event->peer.addr)];
    struct wire_message m;
    size_t used;

    if (*closed_by(sim, event->connection, node->slot))
        return;
    /* The sender may be dead by now; its slot may even be another's. */
    if (sender->is_alive && peer_id_equal(&sender->self.id, &event->peer.id) &&
        link_find(node, sender->slot, sender->incarnation) == NULL &&
        !*closed_by(sim, event->connection, sender->slot))
        link_add(node, sender->slot, sender->incarnation, event->connection);
    if (wire_decode(event->bytes, event->bytes_count, &m, &used) != WIRE_OK)
        abort();
    sim->messages_count++;
    sim->bytes_count += used;
    if (hyparview_receive(&node->hyparview, &event->peer, &m, sim->now_ns) ==
            HYPARVIEW_NOT_MINE &&
        plumtree_receive(&node->plumtree, &event->peer.id, &m, sim->now_ns) ==
            PLUMTREE_STRANGER)
        hyparview_stray(&node->hyparview, &event->peer, sim->now_ns);
}

static void take_end(struct sim_node *node, const struct sim_event *event)
{
    struct sim *sim = node->sim;

    if (event->kind == SIM_EVENT_FAILED) {
        hyparview_peer_failed(&node->hyparview, &event->peer, sim->now_ns);
        return;
    }
    for (uint32_t i = 0; i < node->links_count; i++) {
        if (node->links[i].connection == event->connection) {
            *closed_by(sim, event->connection, node->slot) = true;
            link_remove(node, &node->links[i]);
            hyparview_peer_closed(&node->hyparview, &event->peer, sim->now_ns);
            return;
        }
    }
}

static void take_tick(struct sim_node *node, int64_t at_ns)
{
    struct sim *sim = node->sim;

    if (at_ns != node->tick_ns)
        return;
    node->tick_ns = INT64_MAX;
    sim->ticks_count++;
    hyparview_tick(&node->hyparview, sim->now_ns);
    plumtree_tick(&node->plumtree, sim->now_ns);
}

static void take_for_node(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->to];

    if (!node->is_alive || node->incarnation != event->to_incarnation)
        return;
    trace(sim, event);
    if (event->kind == SIM_EVENT_MESSAGE)
        take_message(node, event);
    else if (event->kind == SIM_EVENT_TICK)
        take_tick(node, event->at_ns);
    else
        take_end(node, event);
    schedule_tick(node);
}

void sim_run(struct sim *sim, int64_t duration_ns)
{
    int64_t end_ns = sim->now_ns + duration_ns;
    struct sim_event event;

    while (sim_events_pop(&sim->events, end_ns, &event)) {
        sim->now_ns = event.at_ns;
        if (event.kind == SIM_EVENT_CALL)
            event.call(sim, event.argument);
        else
            take_for_node(sim, &event);
        if (event.kind == SIM_EVENT_MESSAGE || event.kind == SIM_EVENT_CLOSED)
            connection_release(sim, event.connection);
        free(event.bytes);
    }
    sim->now_ns = end_ns;
}

void sim_at(struct sim *sim, int64_t delay_ns, sim_call *call, void *argument)
{
    struct sim_event event = {.at_ns = sim->now_ns + delay_ns,
                              .kind = SIM_EVENT_CALL,
                              .call = call,
                              .argument = argument};

    sim_events_push(&sim->events, &event);
}

void sim_send_failed(struct sim *sim, uint32_t from, uint32_t to)
{
    struct sim_node *node = &sim->nodes[from];

    links_to_dead_remove(node, to);
    fail_later(sim, node, &sim->nodes[to].self, sim_latency_ns(sim, from, to));
}

void sim_stray(struct sim *sim, uint32_t slot, uint32_t from)
{
    struct sim_node *node = &sim->nodes[slot];

    hyparview_stray(&node->hyparview, &sim->nodes[from].self, sim->now_ns);
    schedule_tick(node);
}

void sim_init(struct sim *sim, uint32_t nodes_max, uint64_t seed)
{
    assert(nodes_max <= SIM_NODES_MAX);
    memset(sim, 0, sizeof(*sim));
    sim->nodes = sim_must(calloc(nodes_max, sizeof(sim->nodes[0])));
    sim->neighbors = sim_must(calloc(nodes_max, sizeof(sim->neighbors[0])));
    sim->is_alive = sim_must(calloc(nodes_max, sizeof(sim->is_alive[0])));
    sim->nodes_max = nodes_max;
    sim->latency_min_ns = MS_NS;
    sim->latency_max_ns = 20 * MS_NS;
    sim->detection_max_ns = 100 * MS_NS;
    rng_init(&sim->rng, seed);
    sim->pair_key = rng_next(&sim->rng);
    sim->trace_hash = UINT64_C(0xcbf29ce484222325);
    hyparview_params_default(&sim->hyparview_params);
    plumtree_params_default(&sim->plumtree_params);
}

static void node_stop(struct sim_node *node)
{
    node->is_alive = false;
    node->sim->is_alive[node->slot] = false;
    node->sim->neighbors[node->slot].count = 0;
    while (node->links_count > 0)
        link_remove(node, &node->links[node->links_count - 1]);
    hyparview_deinit(&node->hyparview);
    plumtree_deinit(&node->plumtree);
}

void sim_deinit(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            node_stop(&sim->nodes[i]);
    sim_events_deinit(&sim->events);
    free(sim->connections);
    free(sim->unused);
    free(sim->neighbors);
    free(sim->is_alive);
    free(sim->nodes);
}

void sim_spawn(struct sim *sim, uint32_t slot, int contact)
{
    struct sim_node *node = &sim->nodes[slot];
    struct peer_contact bare = {.addr = {0}};

    assert(!node->is_alive);
    node->sim = sim;
    node->slot = slot;
    node->incarnation++;
    node->is_alive = true;
    sim->is_alive[slot] = true;
    node->tick_ns = INT64_MAX;
    memset(node->delivered, 0, sizeof(node->delivered));
    for (size_t i = 0; i < PEER_ID_SIZE; i++)
        node->self.id.bytes[i] = (uint8_t)rng_next(&sim->rng);
    node->self.addr = addr_of(slot);
    if (hyparview_init(&node->hyparview, &node->self, &sim->hyparview_params,
                       rng_next(&sim->rng), &hyparview_ops, node) != 0 ||
        plumtree_init(&node->plumtree, &node->self.id, &sim->plumtree_params,
                      rng_next(&sim->rng), &plumtree_ops, node) != 0)
        abort();
    if (contact != SIM_ALL) {
        bare.addr = addr_of((uint32_t)contact);
        hyparview_join(&node->hyparview, &bare, 1, sim->now_ns);
    }
    schedule_tick(node);
}

/* Tells the node, for each of its connections that leads to a dead one, each in
 * its own time. */
static void losses_notice(struct sim_node *node)
{
    struct sim *sim = node->sim;

    for (uint32_t i = node->links_count; i-- > 0;) {
        const struct sim_node *other = &sim->nodes[node->links[i].slot];

        if (other->is_alive && other->incarnation == node->links[i].incarnation)
            continue;
        link_remove(node, &node->links[i]);
        fail_later(sim, node, &other->self,
                   rng_between(&sim->rng, 0, sim->detection_max_ns));
    }
}

void sim_crash_all(struct sim *sim, const uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert(sim->nodes[slots[i]].is_alive);
        node_stop(&sim->nodes[slots[i]]);
    }
    for (uint32_t i = 0; i < sim->nodes_max && sim->detection_max_ns > 0; i++)
        if (sim->nodes[i].is_alive)
            losses_notice(&sim->nodes[i]);
}

void sim_crash(struct sim *sim, uint32_t slot)
{
    sim_crash_all(sim, &slot, 1);
}

/* The goodbyes are under way when the node is gone; the closing is in good
 * order, so nobody sees a failure. */
void sim_leave(struct sim *sim, uint32_t slot)
{
    struct sim_node *node = &sim->nodes[slot];

    assert(node->is_alive);
    hyparview_leave(&node->hyparview, sim->now_ns);
    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        struct sim_link *link =
            link_find(&sim->nodes[i], slot, node->incarnation);

        if (link != NULL)
            link_remove(&sim->nodes[i], link);
    }
    node_stop(node);
}

void sim_broadcast(struct sim *sim, uint32_t slot, uint32_t i)
{
    struct sim_node *node = &sim->nodes[slot];
    uint8_t payload[PAYLOAD_SIZE] = {0};

    assert(i < SIM_BROADCASTS_MAX);
    memcpy(payload, &i, sizeof(i));
    if (plumtree_broadcast(&node->plumtree, payload, sizeof(payload),
                           sim->now_ns, NULL) != 0)
        abort();
    node->delivered[i]++;
    sim->records[i].delivered++;
    schedule_tick(node);
}

void sim_forget_broadcasts(struct sim *sim)
{
    memset(sim->records, 0, sizeof(sim->records));
    for (uint32_t i = 0; i < sim->nodes_max; i++)
        memset(sim->nodes[i].delivered, 0, sizeof(sim->nodes[i].delivered));
}
