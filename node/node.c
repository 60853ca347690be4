/* Happy path: node_new() joins through the contacts -> hyparview asks to send
 * -> send_to() dials -> the peer answers, a neighbour is up -> report_ready()
 * -> publish() broadcasts through plumtree, whose messages go the same way ->
 * node_leave().
 *
 * Failure modes: a dial that cannot even begin is told to hyparview from the
 * next turn of the loop (its operations may not call back); a dial or a
 * connection that fails is told at once, unless another connection to the
 * same peer stands; two connections to one peer (both dialled) live side by
 * side until housekeeping ends the one dialled by the larger id. */
#include "node.h"

#include "clock.h"
#include "connloop.h"
#include "contact.h"
#include "heap_jemalloc.h"
#include "plateau_tally.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILED_DIALS_MAX = 16 /* more in one turn are found by time-out */ };

#define HOUSEKEEPING_S 0.25
#define TALLY_S 0.05
/* A connection that no view needs is closed after so long a silence. */
#define STRAY_IDLE_NS INT64_C(1000000000)
/* Two connections to one peer are let be for as long, so that both sides know
 * both before one ends. */
#define DUPLICATE_IDLE_NS INT64_C(250000000)

/* One turn's worth of gauges; see node_tally[]. */
struct node_tally {
    struct plateau_tally_entry *active_peers;
    struct plateau_tally_entry *passive_peers;
    struct plateau_tally_entry *connections;
    struct plateau_tally_entry *handshakes;
    struct plateau_tally_entry *lazy_queue;
    struct plateau_tally_entry *message_cache;
    struct plateau_tally_entry *seen_ids;
    struct plateau_tally_entry *published;
    struct plateau_tally_entry *delivered;
    struct plateau_tally_entry *duplicates;
    struct plateau_tally_entry *neighbors_up;
    struct plateau_tally_entry *peers_failed;
};

struct node {
    struct ev_loop *loop;
    const struct node_config *config;
    struct transport *transport;
    struct hyparview hyparview;
    struct plumtree plumtree;
    struct connloop_config connloops;
    struct connloop *open;    /* whose queues take messages */
    struct connloop *closing; /* the others, until they end */
    struct peer_contact failed_dials[FAILED_DIALS_MAX];
    size_t failed_dials_count;
    ev_prepare before_sleep;
    ev_timer protocol_timer;
    ev_timer housekeeping_timer;
    ev_timer tally_timer;
    ev_timer publish_timer;
    ev_timer leave_timer;
    uint64_t published_count;
    bool is_ready_reported;
    bool is_leaving;
    struct heap heap;
    struct node_tally tally;
};

/* --- the lists of connection loops --------------------------------------- */

static void list_add(struct connloop **list, struct connloop *loop)
{
    struct connloop_links *links = connloop_links(loop);
    links->prev = NULL;
    links->next = *list;
    if (*list != NULL) {
        connloop_links(*list)->prev = loop;
    }
    *list = loop;
}

static void list_remove(struct connloop **list, struct connloop *loop)
{
    struct connloop_links *links = connloop_links(loop);
    if (links->prev != NULL) {
        connloop_links(links->prev)->next = links->next;
    } else {
        *list = links->next;
    }
    if (links->next != NULL) {
        connloop_links(links->next)->prev = links->prev;
    }
}

static void leave(struct node *node, struct connloop *loop)
{
    if (connloop_is_open(loop)) {
        list_remove(&node->open, loop);
        list_add(&node->closing, loop);
        connloop_leave(loop, clock_now_ns());
    }
}

static bool leads_to(const struct connloop *loop,
                     const struct peer_contact *contact)
{
    const struct peer_contact *peer = connloop_peer(loop);
    return peer_id_is_set(&contact->id)
               ? peer_id_equal(&peer->id, &contact->id)
               : peer_addr_equal(&peer->addr, &contact->addr);
}

/* The open connection loop to |contact| other than |except|, an established
 * one if there is one; or NULL. */
static struct connloop *find_open(const struct node *node,
                                  const struct peer_contact *contact,
                                  const struct connloop *except)
{
    struct connloop *found = NULL;
    for (struct connloop *loop = node->open; loop != NULL;
         loop = connloop_links(loop)->next) {
        if (loop != except && leads_to(loop, contact)) {
            if (connloop_is_established(loop)) {
                return loop;
            }
            found = loop;
        }
    }
    return found;
}

/* --- what the protocols ask for ------------------------------------------ */

static void send_to(void *context, const struct peer_contact *to,
                    const struct wire_message *message)
{
    struct node *node = context;
    struct connloop *loop = find_open(node, to, NULL);
    if (loop == NULL) {
        if (connloop_dial(&node->connloops, to, &loop) != 0) {
            if (node->failed_dials_count < FAILED_DIALS_MAX) {
                node->failed_dials[node->failed_dials_count++] = *to;
            }
            return;
        }
        list_add(&node->open, loop);
    }
    connloop_touch(loop, clock_now_ns());
    (void)connloop_send(loop, message);
}

static void close_peer(void *context, const struct peer_contact *peer)
{
    struct node *node = context;
    struct connloop *next;
    for (struct connloop *loop = node->open; loop != NULL; loop = next) {
        next = connloop_links(loop)->next;
        if (leads_to(loop, peer)) {
            leave(node, loop);
        }
    }
}

static void report_ready(struct node *node)
{
    char contact[CONTACT_TEXT_SIZE];
    char line[CONTACT_TEXT_SIZE + 16];
    if (node->is_ready_reported || node->config->ready_fd < 0) {
        return;
    }
    node->is_ready_reported = true;
    int size = snprintf(line, sizeof line, "ready %s\n",
                        contact_format(node_self(node), contact));
    if (write(node->config->ready_fd, line, (size_t)size) != size) {
        perror("meshnode: cannot report readiness");
    }
    (void)close(node->config->ready_fd);
}

static void on_neighbor_up(void *context, const struct peer_contact *peer)
{
    struct node *node = context;
    plateau_tally_add(node->tally.neighbors_up, 1);
    (void)plumtree_neighbor_up(&node->plumtree, &peer->id);
    report_ready(node);
}

static void on_neighbor_down(void *context, const struct peer_contact *peer,
                             enum hyparview_down why)
{
    struct node *node = context;
    (void)why;
    plumtree_neighbor_down(&node->plumtree, &peer->id, clock_now_ns());
}

static const struct hyparview_ops hyparview_ops = {
    .send = send_to,
    .close = close_peer,
    .neighbor_up = on_neighbor_up,
    .neighbor_down = on_neighbor_down,
};

static void send_to_neighbor(void *context, const struct peer_id *to,
                             const struct wire_message *message)
{
    struct node *node = context;
    struct peer_contact contact = {.id = *to};
    struct connloop *loop = find_open(node, &contact, NULL);
    if (loop != NULL) {
        connloop_touch(loop, clock_now_ns());
        (void)connloop_send(loop, message);
    }
}

static void on_deliver(void *context, const struct message_id *id,
                       uint16_t hops, const uint8_t *payload,
                       size_t payload_bytes)
{
    struct node *node = context;
    (void)id;
    (void)hops;
    (void)payload;
    (void)payload_bytes;
    plateau_tally_add(node->tally.delivered, 1);
}

static const struct plumtree_ops plumtree_ops = {
    .send = send_to_neighbor,
    .deliver = on_deliver,
};

/* --- what the connection loops report ------------------------------------ */

static void on_introduced(void *user, struct connloop *loop)
{
    struct node *node = user;
    const struct peer_contact *peer = connloop_peer(loop);
    connloop_touch(loop, clock_now_ns());
    if (peer_id_equal(&peer->id, &node_self(node)->id)) {
        hyparview_peer_failed(&node->hyparview, peer, clock_now_ns());
        leave(node, loop);
    }
}

static void on_message(void *user, struct connloop *loop,
                       const struct wire_message *message)
{
    struct node *node = user;
    const struct peer_contact *peer = connloop_peer(loop);
    int64_t now = clock_now_ns();
    connloop_touch(loop, now);
    if (wire_protocol_of(message->type) == WIRE_PROTOCOL_HYPARVIEW) {
        (void)hyparview_receive(&node->hyparview, peer, message, now);
    } else if (plumtree_receive(&node->plumtree, &peer->id, message, now) ==
               PLUMTREE_STRANGER) {
        hyparview_stray(&node->hyparview, peer, now);
    }
}

static void on_peer_closed(void *user, struct connloop *loop)
{
    struct node *node = user;
    const struct peer_contact *peer = connloop_peer(loop);
    if (connloop_is_open(loop) && find_open(node, peer, loop) == NULL) {
        hyparview_peer_closed(&node->hyparview, peer, clock_now_ns());
    }
    leave(node, loop);
}

static void on_failed(void *user, struct connloop *loop)
{
    struct node *node = user;
    const struct peer_contact *peer = connloop_peer(loop);
    if (connloop_is_open(loop) && find_open(node, peer, loop) == NULL) {
        plateau_tally_add(node->tally.peers_failed, 1);
        hyparview_peer_failed(&node->hyparview, peer, clock_now_ns());
    }
    leave(node, loop);
}

static void on_ended(void *user, struct connloop *loop)
{
    struct node *node = user;
    list_remove(connloop_is_open(loop) ? &node->open : &node->closing, loop);
    if (node->is_leaving && node->open == NULL && node->closing == NULL) {
        ev_break(node->loop, EVBREAK_ALL);
    }
}

static void on_established(void *user, struct transport_conn *conn, void *owner)
{
    struct node *node = user;
    struct connloop *loop = owner;
    if (loop != NULL) {
        connloop_established(loop);
    } else if (connloop_accept(&node->connloops, conn, &loop) == 0) {
        list_add(&node->open, loop);
    }
}

/* --- time ---------------------------------------------------------------- */

static void arm(struct node *node, ev_timer *timer, double after_s)
{
    ev_timer_stop(node->loop, timer);
    ev_timer_set(timer, after_s, 0.);
    ev_timer_start(node->loop, timer);
}

static void on_protocol_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    (void)ev;
    (void)revents;
    hyparview_tick(&node->hyparview, clock_now_ns());
    plumtree_tick(&node->plumtree, clock_now_ns());
}

/* Before the loop sleeps: report dials that could not begin, and set the
 * alarm for the next thing that the protocols have to do. */
static void on_before_sleep(struct ev_loop *ev, ev_prepare *watcher,
                            int revents)
{
    struct node *node = watcher->data;
    (void)ev;
    (void)revents;
    while (node->failed_dials_count > 0) {
        struct peer_contact contact =
            node->failed_dials[--node->failed_dials_count];
        hyparview_peer_failed(&node->hyparview, &contact, clock_now_ns());
    }
    int64_t membership = hyparview_next_deadline_ns(&node->hyparview);
    int64_t broadcast = plumtree_next_deadline_ns(&node->plumtree);
    int64_t next = membership < broadcast ? membership : broadcast;
    if (next == INT64_MAX) {
        ev_timer_stop(node->loop, &node->protocol_timer);
        return;
    }
    int64_t wait = next - clock_now_ns();
    arm(node, &node->protocol_timer, wait > 0 ? (double)wait / 1e9 : 0.);
}

/* Of two connections to one peer, the one dialled by the smaller id stays. */
static bool is_surplus(const struct node *node, const struct connloop *loop)
{
    const struct peer_contact *peer = connloop_peer(loop);
    bool is_mine_smaller = peer_id_compare(&node_self(node)->id, &peer->id) < 0;
    if (!connloop_is_established(loop) ||
        connloop_is_dialled(loop) == is_mine_smaller) {
        return false;
    }
    const struct connloop *twin = find_open(node, peer, loop);
    return twin != NULL && connloop_is_established(twin);
}

static void on_housekeeping(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    struct connloop *next;
    int64_t now = clock_now_ns();
    (void)ev;
    (void)revents;
    for (struct connloop *loop = node->open; loop != NULL; loop = next) {
        next = connloop_links(loop)->next;
        int64_t idle = now - connloop_used_ns(loop);
        bool is_stray = connloop_is_established(loop) && idle > STRAY_IDLE_NS &&
                        !hyparview_needs(&node->hyparview, connloop_peer(loop));
        if (is_stray || (idle > DUPLICATE_IDLE_NS && is_surplus(node, loop))) {
            leave(node, loop);
        } else {
            connloop_tick(loop, now);
        }
    }
    for (struct connloop *loop = node->closing; loop != NULL; loop = next) {
        next = connloop_links(loop)->next;
        connloop_tick(loop, now);
    }
}

static void publish(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    uint8_t payload[WIRE_PAYLOAD_MAX] = {0};
    int64_t now = clock_now_ns();
    (void)ev;
    (void)revents;
    node->published_count++;
    memcpy(payload, &node->published_count, sizeof node->published_count);
    memcpy(payload + sizeof node->published_count, &now, sizeof now);
    if (plumtree_broadcast(&node->plumtree, payload,
                           node->config->payload_bytes, now, NULL) == 0) {
        plateau_tally_add(node->tally.published, 1);
    }
}

static void on_leave_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)timer;
    (void)revents;
    ev_break(ev, EVBREAK_ALL);
}

/* --- the tally ----------------------------------------------------------- */

static void open_tally(struct node *node)
{
    struct plateau_tally *page = plateau_tally_attach();
    struct node_tally *tally = &node->tally;
    node->connloops.tally = (struct connloop_tally){
        .dials = plateau_tally_pair(page, "dials"),
        .connection_loops = plateau_tally_pair(page, "connection_loops"),
        .send_loops = plateau_tally_pair(page, "send_loops"),
        .receive_loops = plateau_tally_pair(page, "receive_loops"),
    };
    const struct {
        struct plateau_tally_entry **entry;
        const char *name;
        enum plateau_tally_kind kind;
    } table[] = {
        {&tally->active_peers, "active_peers", PLATEAU_TALLY_GAUGE},
        {&tally->passive_peers, "passive_peers", PLATEAU_TALLY_GAUGE},
        {&tally->connections, "quic_connections", PLATEAU_TALLY_GAUGE},
        {&tally->handshakes, "handshakes", PLATEAU_TALLY_GAUGE},
        {&tally->lazy_queue, "lazy_queue", PLATEAU_TALLY_GAUGE},
        {&tally->message_cache, "message_cache", PLATEAU_TALLY_GAUGE},
        {&tally->seen_ids, "seen_ids", PLATEAU_TALLY_GAUGE},
        {&tally->published, "messages_published", PLATEAU_TALLY_COUNTER},
        {&tally->delivered, "messages_delivered", PLATEAU_TALLY_COUNTER},
        {&tally->duplicates, "messages_duplicate", PLATEAU_TALLY_GAUGE},
        {&tally->neighbors_up, "neighbors_up", PLATEAU_TALLY_COUNTER},
        {&tally->peers_failed, "peers_failed", PLATEAU_TALLY_COUNTER},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        *table[i].entry =
            plateau_tally_declare(page, table[i].name, "", table[i].kind);
    }
    heap_open(&node->heap, page);
}

static void update_tally(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    const struct node_tally *tally = &node->tally;
    struct transport_counts counts;
    (void)ev;
    (void)revents;
    transport_count(node->transport, &counts);
    plateau_tally_set(tally->active_peers,
                      hyparview_active_count(&node->hyparview));
    plateau_tally_set(tally->passive_peers,
                      hyparview_passive_count(&node->hyparview));
    plateau_tally_set(tally->connections, counts.connections);
    plateau_tally_set(tally->handshakes, counts.handshakes);
    plateau_tally_set(tally->lazy_queue,
                      plumtree_lazy_queue_count(&node->plumtree));
    plateau_tally_set(tally->message_cache,
                      plumtree_cached_count(&node->plumtree));
    plateau_tally_set(tally->seen_ids, plumtree_seen_count(&node->plumtree));
    plateau_tally_set(tally->duplicates,
                      plumtree_stats(&node->plumtree)->duplicates);
    heap_publish(&node->heap);
}

/* --- beginning and end --------------------------------------------------- */

static void start_timers(struct node *node)
{
    ev_init(&node->protocol_timer, on_protocol_timer);
    ev_timer_init(&node->housekeeping_timer, on_housekeeping, HOUSEKEEPING_S,
                  HOUSEKEEPING_S);
    ev_timer_init(&node->tally_timer, update_tally, TALLY_S, TALLY_S);
    ev_init(&node->leave_timer, on_leave_timer);
    double publish_s = (double)node->config->publish_interval_ns / 1e9;
    ev_timer_init(&node->publish_timer, publish, publish_s, publish_s);
    node->protocol_timer.data = node;
    node->housekeeping_timer.data = node;
    node->tally_timer.data = node;
    node->publish_timer.data = node;
    ev_timer_start(node->loop, &node->housekeeping_timer);
    ev_timer_start(node->loop, &node->tally_timer);
    if (node->config->publish_interval_ns > 0) {
        ev_timer_start(node->loop, &node->publish_timer);
    }
    /* Before the transport's own watcher, which sends what this one causes. */
    ev_prepare_init(&node->before_sleep, on_before_sleep);
    ev_set_priority(&node->before_sleep, EV_MAXPRI);
    node->before_sleep.data = node;
    ev_prepare_start(node->loop, &node->before_sleep);
}

static int open_transport(struct node *node)
{
    struct transport_events events = {
        .user = node,
        .established = on_established,
        .received = connloop_on_received,
        .peer_finished = connloop_on_peer_finished,
        .finished = connloop_on_finished,
        .lost = connloop_on_lost,
    };
    node->connloops.defects = &node->config->defects;
    node->connloops.events = (struct connloop_events){
        .user = node,
        .introduced = on_introduced,
        .message = on_message,
        .peer_closed = on_peer_closed,
        .failed = on_failed,
        .ended = on_ended,
    };
    int result =
        transport_new(node->loop, &node->config->listen,
                      &node->config->transport, &events, &node->transport);
    node->connloops.transport = node->transport;
    return result;
}

int node_new(struct ev_loop *loop, const struct node_config *config,
             struct node **ret_node)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        return -ENOMEM;
    }
    node->loop = loop;
    node->config = config;
    open_tally(node);
    int result = open_transport(node);
    if (result == 0) {
        result = hyparview_init(&node->hyparview, node_self(node),
                                &config->hyparview, config->seed,
                                &hyparview_ops, node);
    }
    if (result == 0) {
        result =
            plumtree_init(&node->plumtree, &node_self(node)->id,
                          &config->plumtree, config->seed, &plumtree_ops, node);
    }
    if (result != 0) {
        hyparview_deinit(&node->hyparview);
        transport_free(node->transport);
        free(node);
        return result;
    }
    start_timers(node);
    if (config->contacts_count > 0) {
        hyparview_join(&node->hyparview, config->contacts,
                       config->contacts_count, clock_now_ns());
    } else {
        report_ready(node);
    }
    *ret_node = node;
    return 0;
}

void node_leave(struct node *node)
{
    if (node->is_leaving) {
        return;
    }
    node->is_leaving = true;
    ev_timer_stop(node->loop, &node->publish_timer);
    hyparview_leave(&node->hyparview, clock_now_ns());
    while (node->open != NULL) {
        leave(node, node->open);
    }
    arm(node, &node->leave_timer,
        node->closing != NULL ? (double)NODE_LEAVE_NS / 1e9 : 0.);
}

void node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    ev_timer_stop(node->loop, &node->protocol_timer);
    ev_timer_stop(node->loop, &node->housekeeping_timer);
    ev_timer_stop(node->loop, &node->tally_timer);
    ev_timer_stop(node->loop, &node->publish_timer);
    ev_timer_stop(node->loop, &node->leave_timer);
    ev_prepare_stop(node->loop, &node->before_sleep);
    for (struct connloop *list = node->open; list != NULL; list = node->open) {
        leave(node, list);
    }
    while (node->closing != NULL) {
        connloop_kill(node->closing);
    }
    update_tally(node->loop, &node->tally_timer, 0);
    transport_free(node->transport);
    plumtree_deinit(&node->plumtree);
    hyparview_deinit(&node->hyparview);
    free(node);
}

const struct peer_contact *node_self(const struct node *node)
{
    return transport_self(node->transport);
}
