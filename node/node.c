/* Happy path: node_new() joins through the contacts -> hyparview asks to send
 * -> send_to() dials -> the peer answers, a neighbour is up -> report_ready()
 * -> publish() broadcasts through plumtree, whose messages go the same way ->
 * node_leave().
 *
 * Failure modes: a dial that cannot even begin, or may not (see addrbook.h), is
 * told to hyparview from the next turn of the loop (its operations may not
 * call back); a dial or a connection that fails is told at once, unless
 * another connection to the same peer stands, and begins a reconnect task if
 * the peer was a neighbour; two connections to one peer (both dialled) live
 * side by side until housekeeping ends the one dialled by the larger id. */
#include "node.h"

#include "clock.h"
#include "connloop.h"
#include "contact.h"
#include "load.h"
#include "node_tally.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILED_DIALS_MAX = 16 /* more in one turn are found by time-out */ };

/* A message that is said to be older was sent by another clock. */
#define LATENCY_MAX_NS INT64_C(60000000000)
#define LATENCY_SMOOTHING 16

#define HOUSEKEEPING_S 0.25
/* A connection that no view needs is closed after so long a silence. */
#define STRAY_IDLE_NS INT64_C(1000000000)
/* Two connections to one peer are let be for as long, so that both sides know
 * both before one ends. */
#define DUPLICATE_IDLE_NS INT64_C(250000000)

struct node {
    struct ev_loop *loop;
    const struct node_config *config;
    struct transport *transport;
    struct hyparview hyparview;
    struct plumtree plumtree;
    struct addrbook addrbook;
    struct reconnect reconnect;
    struct patterns patterns;
    struct telemetry *telemetry;
    struct telemetry_span *span; /* the node's own; as long as the node */
    struct load *load;
    struct load_sample load_last;
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
    ev_timer load_timer;
    ev_timer leave_timer;
    uint64_t published_count;
    bool is_ready_reported;
    bool is_leaving;
    struct node_counts counts;
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

/* Dials, unless the address is to be left alone. NULL when it cannot begin. */
static struct connloop *dial(struct node *node, const struct peer_contact *to)
{
    struct connloop *loop = NULL;
    int64_t now = clock_now_ns();
    if (node->is_leaving) {
        return NULL; /* it would be cut off */
    }
    if (!addrbook_may_dial(&node->addrbook, &to->addr, now)) {
        node->counts.dials_refused++;
        return NULL;
    }
    if (connloop_dial(&node->connloops, to, &loop) != 0) {
        return NULL;
    }
    list_add(&node->open, loop);
    connloop_touch(loop, now);
    return loop;
}

static void send_to(void *context, const struct peer_contact *to,
                    const struct wire_message *message)
{
    struct node *node = context;
    struct connloop *loop = find_open(node, to, NULL);
    if (loop == NULL) {
        loop = dial(node, to);
    }
    if (loop != NULL) {
        connloop_touch(loop, clock_now_ns());
        (void)connloop_send(loop, message);
    } else if (node->failed_dials_count < FAILED_DIALS_MAX) {
        node->failed_dials[node->failed_dials_count++] = *to;
    }
}

/* What a reconnect task asks for. If nobody answers, that is noted as with any
 * dial; if the peer does, on_introduced() hears of it. */
static void dial_again(void *context, const struct peer_contact *peer)
{
    struct node *node = context;
    if (find_open(node, peer, NULL) == NULL) {
        (void)dial(node, peer);
    }
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
    int64_t now = clock_now_ns();
    char text[CONTACT_TEXT_SIZE];
    telemetry_event(node->span, TELEMETRY_INFO, now, "neighbour up: %s",
                    contact_format(peer, text));
    (void)plumtree_neighbor_up(&node->plumtree, &peer->id);
    patterns_on_peer(&node->patterns, peer, now);
    report_ready(node);
}

static void on_neighbor_down(void *context, const struct peer_contact *peer,
                             enum hyparview_down why)
{
    struct node *node = context;
    int64_t now = clock_now_ns();
    char text[CONTACT_TEXT_SIZE];
    telemetry_event(node->span, TELEMETRY_INFO, now, "neighbour down: %s",
                    contact_format(peer, text));
    plumtree_neighbor_down(&node->plumtree, &peer->id, now);
    if (why == HYPARVIEW_DOWN_FAILED && !node->is_leaving) {
        reconnect_begin(&node->reconnect, peer, now);
    }
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

/* See publish() for what a payload begins with. */
static void note_latency(struct node *node, const uint8_t *payload,
                         int64_t now_ns)
{
    int64_t sent_ns;
    memcpy(&sent_ns, payload + sizeof node->published_count, sizeof sent_ns);
    int64_t latency = (int64_t)((uint64_t)now_ns - (uint64_t)sent_ns);
    if (latency >= 0 && latency < LATENCY_MAX_NS) {
        node->counts.latency_ns +=
            (latency - node->counts.latency_ns) / LATENCY_SMOOTHING;
    }
}

static void on_deliver(void *context, const struct message_id *id,
                       uint16_t hops, const uint8_t *payload,
                       size_t payload_bytes)
{
    struct node *node = context;
    int64_t now = clock_now_ns();
    if (payload_bytes >= NODE_PAYLOAD_BYTES_MIN) {
        note_latency(node, payload, now);
    }
    node->counts.delivered++;
    telemetry_event(node->span, TELEMETRY_DEBUG, now,
                    "message %02x%02x%02x%02x... of %zu bytes after %u hops",
                    id->bytes[0], id->bytes[1], id->bytes[2], id->bytes[3],
                    payload_bytes, (unsigned)hops);
    patterns_on_message(&node->patterns, payload, payload_bytes);
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
    int64_t now = clock_now_ns();
    connloop_touch(loop, now);
    if (peer_id_equal(&peer->id, &node_self(node)->id)) {
        hyparview_peer_failed(&node->hyparview, peer, now);
        leave(node, loop);
        return;
    }
    hyparview_peer_back(&node->hyparview, peer, now);
    addrbook_answered(&node->addrbook, peer, now);
    reconnect_peer_back(&node->reconnect, &peer->id);
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
    int64_t now = clock_now_ns();
    if (!connloop_is_established(loop)) {
        addrbook_failed(&node->addrbook, peer, now);
    }
    if (connloop_is_open(loop) && find_open(node, peer, loop) == NULL) {
        node->counts.peers_failed++;
        hyparview_peer_failed(&node->hyparview, peer, now);
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
    } else if (!node->is_leaving &&
               connloop_accept(&node->connloops, conn, &loop) == 0) {
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
    reconnect_tick(&node->reconnect, clock_now_ns());
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
    int64_t next = hyparview_next_deadline_ns(&node->hyparview);
    const int64_t others[] = {plumtree_next_deadline_ns(&node->plumtree),
                              reconnect_next_deadline_ns(&node->reconnect)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        next = others[i] < next ? others[i] : next;
    }
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
    addrbook_expire(&node->addrbook, now);
    telemetry_flush(node->span);
}

/* How busy we were since the last time. */
static void sample_load(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    struct load_sample sample;
    (void)ev;
    (void)revents;
    if (load_read(node->load, &sample) != 0) {
        return;
    }
    int64_t used_ns = sample.cpu_ns - node->load_last.cpu_ns;
    node->counts.cpu_permille =
        (uint64_t)(used_ns * 1000 / node->config->load_period_ns);
    node->load_last = sample;
    telemetry_event(node->span, TELEMETRY_DEBUG, clock_now_ns(),
                    "load: %u permille of a core, %llu bytes resident",
                    (unsigned)node->counts.cpu_permille,
                    (unsigned long long)sample.rss_bytes);
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
        node->counts.published++;
    }
}

static void on_leave_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)timer;
    (void)revents;
    ev_break(ev, EVBREAK_ALL);
}

/* --- the tally ----------------------------------------------------------- */

static void open_tally(struct node *node, struct plateau_tally *page)
{
    node->connloops.tally = (struct connloop_tally){
        .dials = plateau_tally_pair(page, "dials"),
        .connection_loops = plateau_tally_pair(page, "connection_loops"),
        .send_loops = plateau_tally_pair(page, "send_loops"),
        .receive_loops = plateau_tally_pair(page, "receive_loops"),
    };
    node_tally_open(&node->tally, page);
}

static void update_tally(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct node *node = timer->data;
    const struct node_tally_sources sources = {
        .hyparview = &node->hyparview,
        .plumtree = &node->plumtree,
        .transport = node->transport,
        .addrbook = &node->addrbook,
        .load = node->load,
        .counts = &node->counts,
    };
    (void)ev;
    (void)revents;
    node_tally_update(&node->tally, &sources);
}

/* --- beginning and end --------------------------------------------------- */

static void start_timer(struct node *node, ev_timer *timer,
                        void (*callback)(struct ev_loop *, ev_timer *, int),
                        double period_s)
{
    ev_timer_init(timer, callback, period_s, period_s);
    timer->data = node;
    if (period_s > 0.) {
        ev_timer_start(node->loop, timer);
    }
}

static void start_timers(struct node *node)
{
    const struct node_config *config = node->config;
    start_timer(node, &node->protocol_timer, on_protocol_timer, 0.);
    start_timer(node, &node->leave_timer, on_leave_timer, 0.);
    start_timer(node, &node->housekeeping_timer, on_housekeeping,
                HOUSEKEEPING_S);
    start_timer(node, &node->tally_timer, update_tally,
                (double)config->tally_period_ns / 1e9);
    start_timer(node, &node->publish_timer, publish,
                (double)config->publish_interval_ns / 1e9);
    start_timer(node, &node->load_timer, sample_load,
                (double)config->load_period_ns / 1e9);
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
    node->connloops.telemetry = node->telemetry;
    node->connloops.span = node->span;
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

/* What needs no network, in the order in which it depends on each other. */
static int open_parts(struct node *node, struct plateau_tally *page)
{
    const struct node_config *config = node->config;
    const bool *has = config->defects.has;
    struct telemetry_config telemetry = config->telemetry;
    int result;
    telemetry.has_late_floor = has[DEFECT_SPAN_EVENTS];
    if ((result = telemetry_new(&telemetry, page, &node->telemetry)) != 0 ||
        (result = load_open(has[DEFECT_PROCESS_SCAN], &node->load)) != 0 ||
        (result = addrbook_init(&node->addrbook, &config->addrbook,
                                config->seed)) != 0 ||
        (result =
             reconnect_init(&node->reconnect, &config->reconnect, config->seed,
                            plateau_tally_pair(page, "reconnect_tasks"),
                            dial_again, node)) != 0 ||
        (result =
             patterns_init(&node->patterns, &config->defects, &config->patterns,
                           config->seed, clock_now_ns())) != 0) {
        return result;
    }
    node->span = telemetry_begin(node->telemetry, NULL, "node");
    node->addrbook.is_immortal = has[DEFECT_IMMORTAL_ADDRESSES];
    node->reconnect.is_deaf = has[DEFECT_RECONNECT_TASK];
    return 0;
}

static int open_protocols(struct node *node)
{
    const struct node_config *config = node->config;
    int result =
        hyparview_init(&node->hyparview, node_self(node), &config->hyparview,
                       config->seed, &hyparview_ops, node);
    if (result == 0) {
        result =
            plumtree_init(&node->plumtree, &node_self(node)->id,
                          &config->plumtree, config->seed, &plumtree_ops, node);
    }
    node->plumtree.is_unpruned = config->defects.has[DEFECT_UNPRUNED_PEERS];
    return result;
}

/* What open_parts(), open_transport() and open_protocols() made, however far
 * they came. */
static void close_parts(struct node *node)
{
    plumtree_deinit(&node->plumtree);
    hyparview_deinit(&node->hyparview);
    transport_free(node->transport);
    patterns_deinit(&node->patterns);
    reconnect_deinit(&node->reconnect);
    addrbook_deinit(&node->addrbook);
    load_close(node->load);
    telemetry_end(node->span);
    telemetry_free(node->telemetry);
    free(node);
}

int node_new(struct ev_loop *loop, const struct node_config *config,
             struct node **ret_node)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        return -ENOMEM;
    }
    struct plateau_tally *page = plateau_tally_attach();
    node->loop = loop;
    node->config = config;
    open_tally(node, page);
    int result = open_parts(node, page);
    if (result == 0) {
        result = open_transport(node);
    }
    if (result == 0) {
        result = open_protocols(node);
    }
    if (result != 0) {
        close_parts(node);
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
    ev_timer_stop(node->loop, &node->load_timer);
    ev_timer_stop(node->loop, &node->leave_timer);
    ev_prepare_stop(node->loop, &node->before_sleep);
    for (struct connloop *list = node->open; list != NULL; list = node->open) {
        leave(node, list);
    }
    unsigned cut_off = 0;
    while (node->closing != NULL) {
        connloop_kill(node->closing);
        cut_off++;
    }
    telemetry_event(node->span, TELEMETRY_INFO, clock_now_ns(),
                    "gone: %u connection loops were cut off", cut_off);
    reconnect_deinit(&node->reconnect);
    update_tally(node->loop, &node->tally_timer, 0);
    close_parts(node);
}

const struct peer_contact *node_self(const struct node *node)
{
    return transport_self(node->transport);
}
