/* One heap of events in order of time, then of creation. Four kinds: a message
 * arrives, a connection's end becomes known (lost, or closed by the other
 * side), a node's deadline has come. */
#include "sim_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_NS INT64_C(1000000)

enum event_kind { EVENT_MESSAGE, EVENT_FAILED, EVENT_CLOSED, EVENT_TICK };

struct sim_event {
    int64_t at_ns;
    uint64_t sequence;
    enum event_kind kind;
    uint32_t to, to_incarnation;
    uint32_t connection;
    struct peer_contact peer; /* sender, or whom it is about */
    uint8_t *bytes;
    size_t bytes_count;
};

struct sim_connection {
    uint32_t slots[2]; /* who dialled, who was dialled */
    bool is_closed[2]; /* by that side */
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

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

/* The heap. */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns
                                : a->sequence < b->sequence;
}

static void event_push(struct sim *sim, struct sim_event event)
{
    size_t i = sim->events_count++;

    if (sim->events_count > sim->events_capacity) {
        sim->events_capacity = 2 * sim->events_count;
        sim->events = must(realloc(sim->events, sim->events_capacity *
                                                    sizeof(sim->events[0])));
    }
    event.sequence = sim->events_sequence++;
    while (i > 0 && is_before(&event, &sim->events[(i - 1) / 2])) {
        sim->events[i] = sim->events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    sim->events[i] = event;
}

static struct sim_event event_pop(struct sim *sim)
{
    struct sim_event first = sim->events[0];
    struct sim_event last = sim->events[--sim->events_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= sim->events_count)
            break;
        if (child + 1 < sim->events_count &&
            is_before(&sim->events[child + 1], &sim->events[child]))
            child++;
        if (!is_before(&sim->events[child], &last))
            break;
        sim->events[i] = sim->events[child];
        i = child;
    }
    sim->events[i] = last;
    return first;
}

/* The same both ways and all the time, so that connections stay in order. */
static int64_t latency_ns(const struct sim *sim, uint32_t a, uint32_t b)
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
    *link = (struct sim_link){slot, incarnation, connection};
    return link;
}

static void link_remove(struct sim_node *node, struct sim_link *link)
{
    *link = node->links[--node->links_count];
}

static uint32_t dial(struct sim *sim, uint32_t from, uint32_t to)
{
    uint32_t i = sim->connections_count++;

    if (sim->connections_count > sim->connections_capacity) {
        sim->connections_capacity = 2 * sim->connections_count;
        sim->connections =
            must(realloc(sim->connections, sim->connections_capacity *
                                               sizeof(sim->connections[0])));
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
    event_push(sim, (struct sim_event){.at_ns = sim->now_ns + delay_ns,
                                       .kind = EVENT_FAILED,
                                       .to = node->slot,
                                       .to_incarnation = node->incarnation,
                                       .peer = *peer});
}

/* Sends over the link that there is, or dials. Refused dials are reported
 * later, never at once. */
static void transmit(struct sim_node *node, const struct peer_contact *to,
                     const struct wire_message *message)
{
    struct sim *sim = node->sim;
    struct sim_node *target = find(sim, to);
    uint32_t slot = slot_of(&to->addr);
    int64_t delay_ns = latency_ns(sim, node->slot, slot);
    struct sim_event event = {.kind = EVENT_MESSAGE, .peer = node->self};
    struct sim_link *link;

    if (target == NULL) {
        fail_later(sim, node, to, 2 * delay_ns);
        return;
    }
    link = link_find(node, slot, target->incarnation);
    if (link == NULL)
        link = link_add(node, slot, target->incarnation,
                        dial(sim, node->slot, slot));
    if (sim->drop != NULL && sim->drop(sim, node->slot, slot, message))
        return;
    event.at_ns = sim->now_ns + delay_ns;
    event.to = slot;
    event.to_incarnation = target->incarnation;
    event.connection = link->connection;
    event.bytes = must(malloc(wire_encoded_bytes(message)));
    if (wire_encode(message, event.bytes, wire_encoded_bytes(message),
                    &event.bytes_count) != 0)
        abort();
    event_push(sim, event);
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
    struct sim_link *link;

    if (target == NULL)
        return;
    link = link_find(node, slot, target->incarnation);
    if (link == NULL)
        return;
    *closed_by(sim, link->connection, node->slot) = true;
    event_push(sim,
               (struct sim_event){.at_ns = sim->now_ns +
                                           latency_ns(sim, node->slot, slot),
                                  .kind = EVENT_CLOSED,
                                  .to = slot,
                                  .to_incarnation = target->incarnation,
                                  .connection = link->connection,
                                  .peer = node->self});
    link_remove(node, link);
}

static void on_neighbor_up(void *context, const struct peer_contact *peer)
{
    struct sim_node *node = context;

    if (plumtree_neighbor_up(&node->plumtree, &peer->id) != 0)
        abort();
}

static void on_neighbor_down(void *context, const struct peer_contact *peer,
                             enum hyparview_down why)
{
    struct sim_node *node = context;

    (void)why;
    plumtree_neighbor_down(&node->plumtree, &peer->id, node->sim->now_ns);
}

static void on_plumtree_send(void *context, const struct peer_id *to,
                             const struct wire_message *message)
{
    struct sim_node *node = context;
    const struct hyparview *h = &node->hyparview;

    for (size_t i = 0; i < hyparview_active_count(h); i++) {
        if (peer_id_equal(&hyparview_active_at(h, i)->id, to)) {
            transmit(node, hyparview_active_at(h, i), message);
            return;
        }
    }
    abort();
}

static void on_deliver(void *context, const struct message_id *id,
                       uint16_t hops, const uint8_t *payload,
                       size_t payload_bytes)
{
    struct sim_node *node = context;

    (void)id;
    if (payload_bytes < 1 || hops == 0)
        abort();
    node->delivered[payload[0]]++;
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

    if (other_ns < due_ns)
        due_ns = other_ns;
    if (due_ns >= node->tick_ns)
        return;
    if (due_ns < sim->now_ns)
        due_ns = sim->now_ns;
    node->tick_ns = due_ns;
    event_push(sim, (struct sim_event){.at_ns = due_ns,
                                       .kind = EVENT_TICK,
                                       .to = node->slot,
                                       .to_incarnation = node->incarnation});
}

static void trace(struct sim *sim, const struct sim_event *event)
{
    uint64_t words[3] = {(uint64_t)event->at_ns,
                         (uint64_t)event->kind << 32 | event->to,
                         event->connection};

    for (size_t i = 0; i < 3; i++)
        sim->trace_hash =
            (sim->trace_hash ^ words[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < event->bytes_count; i++)
        sim->trace_hash =
            (sim->trace_hash ^ event->bytes[i]) * UINT64_C(0x100000001b3);
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

    if (event->kind == EVENT_FAILED) {
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

static void take(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->to];

    sim->now_ns = event->at_ns;
    if (!node->is_alive || node->incarnation != event->to_incarnation)
        return;
    trace(sim, event);
    switch (event->kind) {
    case EVENT_MESSAGE:
        take_message(node, event);
        break;
    case EVENT_TICK:
        if (event->at_ns != node->tick_ns)
            return;
        node->tick_ns = INT64_MAX;
        sim->ticks_count++;
        hyparview_tick(&node->hyparview, sim->now_ns);
        plumtree_tick(&node->plumtree, sim->now_ns);
        break;
    default:
        take_end(node, event);
        break;
    }
    schedule_tick(node);
}

void sim_run(struct sim *sim, int64_t duration_ns)
{
    int64_t end_ns = sim->now_ns + duration_ns;

    while (sim->events_count > 0 && sim->events[0].at_ns <= end_ns) {
        struct sim_event event = event_pop(sim);

        take(sim, &event);
        free(event.bytes);
    }
    sim->now_ns = end_ns;
}

void sim_init(struct sim *sim, uint32_t nodes_max, uint64_t seed)
{
    memset(sim, 0, sizeof(*sim));
    sim->nodes = must(calloc(nodes_max, sizeof(sim->nodes[0])));
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
    node->links_count = 0;
    hyparview_deinit(&node->hyparview);
    plumtree_deinit(&node->plumtree);
}

void sim_deinit(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            node_stop(&sim->nodes[i]);
    while (sim->events_count > 0)
        free(sim->events[--sim->events_count].bytes);
    free(sim->events);
    free(sim->connections);
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

/* Everybody with a connection to the node learns of its loss, each in its own
 * time. */
void sim_crash(struct sim *sim, uint32_t slot)
{
    struct sim_node *node = &sim->nodes[slot];

    assert(node->is_alive);
    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        struct sim_node *other = &sim->nodes[i];
        struct sim_link *link = link_find(other, slot, node->incarnation);

        if (!other->is_alive || link == NULL)
            continue;
        link_remove(other, link);
        fail_later(sim, other, &node->self,
                   rng_between(&sim->rng, MS_NS, sim->detection_max_ns));
    }
    node_stop(node);
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
    uint8_t payload[40] = {(uint8_t)i};

    assert(i < SIM_BROADCASTS_MAX);
    if (plumtree_broadcast(&node->plumtree, payload, sizeof(payload),
                           sim->now_ns, NULL) != 0)
        abort();
    node->delivered[i]++;
    schedule_tick(node);
}

/* Asking. */

uint32_t sim_alive_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        count += sim->nodes[i].is_alive;
    return count;
}

uint32_t sim_reachable_count(const struct sim *sim, uint32_t slot)
{
    uint32_t *queue = must(calloc(sim->nodes_max, sizeof(*queue)));
    bool *is_reached = must(calloc(sim->nodes_max, sizeof(*is_reached)));
    uint32_t first = 0, count = 0;

    queue[count++] = slot;
    is_reached[slot] = true;
    while (first < count) {
        const struct hyparview *h = &sim->nodes[queue[first++]].hyparview;

        for (size_t i = 0; i < hyparview_active_count(h); i++) {
            const struct sim_node *peer = find(sim, hyparview_active_at(h, i));

            if (peer == NULL || is_reached[peer->slot])
                continue;
            is_reached[peer->slot] = true;
            queue[count++] = peer->slot;
        }
    }
    free(queue);
    free(is_reached);
    return count;
}

uint32_t sim_one_sided_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (!node->is_alive)
            continue;
        for (size_t j = 0; j < hyparview_active_count(&node->hyparview); j++) {
            const struct sim_node *peer =
                find(sim, hyparview_active_at(&node->hyparview, j));

            count += peer != NULL &&
                     !hyparview_is_active(&peer->hyparview, &node->self.id);
        }
    }
    return count;
}

uint32_t sim_dangling_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct hyparview *h = &sim->nodes[i].hyparview;

        if (!sim->nodes[i].is_alive)
            continue;
        for (size_t j = 0; j < hyparview_active_count(h); j++)
            count += find(sim, hyparview_active_at(h, j)) == NULL;
    }
    return count;
}

uint32_t sim_delivered_count(const struct sim *sim, uint32_t i, uint8_t times)
{
    uint32_t count = 0;

    for (uint32_t j = 0; j < sim->nodes_max; j++)
        count += sim->nodes[j].is_alive && sim->nodes[j].delivered[i] == times;
    return count;
}

uint32_t sim_eager_links_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            count += (uint32_t)plumtree_eager_count(&sim->nodes[i].plumtree);
    return count;
}
