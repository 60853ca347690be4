/* HyParView, after J. Leitao, J. Pereira and L. Rodrigues, "HyParView: a
 * membership protocol for reliable gossip-based broadcast", DSN 2007:
 * algorithm 1 (join), section 4.3 (active view); hyparview_views.c has section
 * 4.4 (passive view), hyparview_shuffle.c 4.5 (view update).
 *
 * Happy path: JOIN to a contact, which takes us in at once and sends our name
 * on random walks; where a walk ends, that node asks us with a NEIGHBOR of
 * high priority. Every so often a SHUFFLE walks off with a sample of our views
 * and a sample of another node's comes straight back.
 *
 * Failure modes: a neighbour that is lost or drops us is replaced from the
 * passive view, several candidates at a time, the next one as soon as one
 * fails; a request without reply times out; an isolated node goes back to its
 * first contacts.
 *
 * A link is in both views or will be in neither. The paper has the side that
 * decides add the other at once; here the one that asks adds it when the
 * acceptance arrives, and three rules keep the ends in step on an ordered
 * connection. (1) A reply counts only if its nonce is that of the request
 * under way. (2) An acceptance that nobody waits for any more is answered by
 * DISCONNECT. (3) So is traffic that only a neighbour sends, from a peer that
 * is none. As each node's last word on a link is the last that arrives, the
 * two can differ only while a message is under way.
 */
#include "hyparview_views.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* What goes out. An operation runs while |is_inside| holds. */

static void enter(struct hyparview *h)
{
    assert(!h->is_inside);
    h->is_inside = true;
}

static void leave(struct hyparview *h)
{
    h->is_inside = false;
}

static void send_to(struct hyparview *h, const struct peer_contact *to,
                    const struct wire_message *message)
{
    h->ops->send(h->context, to, message);
}

static void send_disconnect(struct hyparview *h, const struct peer_contact *to,
                            bool is_leaving)
{
    struct wire_message m = {.type = WIRE_DISCONNECT,
                             .disconnect.is_leaving = is_leaving};

    send_to(h, to, &m);
}

static void send_reply(struct hyparview *h, const struct peer_contact *to,
                       uint32_t nonce, bool is_accepted)
{
    struct wire_message m = {
        .type = WIRE_NEIGHBOR_REPLY,
        .neighbor_reply = {.nonce = nonce, .is_accepted = is_accepted}};

    send_to(h, to, &m);
}

/* A request to a bare address is found by that address. */
static int find_request(const struct hyparview *h,
                        const struct peer_contact *peer)
{
    for (int i = 0; i < h->requests_count; i++) {
        const struct peer_contact *asked = &h->requests[i].peer;

        if (peer_id_is_set(&asked->id)
                ? peer_id_equal(&asked->id, &peer->id)
                : peer_addr_equal(&asked->addr, &peer->addr))
            return i;
    }
    return -1;
}

/* Requests under way. */

static void request_remove(struct hyparview *h, int i)
{
    h->requests[i] = h->requests[--h->requests_count];
}

static void request_forget(struct hyparview *h, const struct peer_id *id)
{
    for (int i = 0; i < h->requests_count; i++) {
        if (peer_id_equal(&h->requests[i].peer.id, id)) {
            request_remove(h, i);
            return;
        }
    }
}

/* Says that the connection may go, unless something else needs it. */
static void let_go(struct hyparview *h, const struct peer_contact *peer)
{
    if (!hyparview_needs(h, peer))
        h->ops->close(h->context, peer);
}

static void request_send(struct hyparview *h, const struct peer_contact *peer,
                         bool is_join, bool is_high, int64_t now_ns)
{
    struct hyparview_request *request = &h->requests[h->requests_count];
    struct wire_message m = {.type = is_join ? WIRE_JOIN : WIRE_NEIGHBOR};

    assert(h->requests_count < HYPARVIEW_REQUESTS_MAX);
    h->requests_count++;
    request->peer = *peer;
    request->deadline_ns = now_ns + h->params.request_timeout_ns;
    request->nonce = (uint32_t)rng_next(&h->rng);
    request->is_join = is_join;
    request->is_high = is_high;
    if (is_join) {
        m.join.nonce = request->nonce;
        h->stats.joins_sent++;
    } else {
        m.neighbor.nonce = request->nonce;
        m.neighbor.is_high = is_high;
    }
    send_to(h, &request->peer, &m);
}

/* The active view. */

static void round_reset(struct hyparview *h)
{
    h->refusals = 0;
    h->retry_due_ns = INT64_MAX;
    h->retry_delay_ns = h->params.retry_min_ns;
}

static int64_t around(struct hyparview *h, int64_t pause_ns)
{
    return rng_between(&h->rng, pause_ns / 2, pause_ns * 3 / 2);
}

/* Ours: a mesh whose nodes die or leave may be falling apart. To be dropped by
 * a live neighbour is no such sign, and must not count as one: refreshing makes
 * some nodes drop others, and would go on for ever. */
static void refresh_soon(struct hyparview *h, int64_t now_ns)
{
    int64_t due_ns = now_ns + around(h, h->params.refresh_min_ns);

    if (h->contacts_count == 0)
        return;
    h->refresh_delay_ns = h->params.refresh_min_ns;
    if (due_ns < h->refresh_due_ns)
        h->refresh_due_ns = due_ns;
}

/* Takes the neighbour out; what becomes of the peer is the caller's choice. */
static struct peer_contact active_remove(struct hyparview *h, int i,
                                         enum hyparview_down why)
{
    struct peer_contact peer = h->active[i];

    h->active[i] = h->active[--h->active_count];
    round_reset(h);
    h->stats.neighbors_down++;
    h->ops->neighbor_down(h->context, &peer, why);
    return peer;
}

static void active_drop_random(struct hyparview *h, int64_t now_ns)
{
    int i = (int)rng_below(&h->rng, h->active_count);
    struct peer_contact peer = active_remove(h, i, HYPARVIEW_DOWN_DROPPED);

    send_disconnect(h, &peer, false);
    hyparview_passive_add(h, &peer, 0, true, now_ns);
    let_go(h, &peer);
}

/* Makes the peer a neighbour, at another's expense if need be. */
static void active_add(struct hyparview *h, const struct peer_contact *peer,
                       int64_t now_ns)
{
    if (hyparview_find_active(h, &peer->id) >= 0)
        return;
    hyparview_passive_remove(h, &peer->id);
    request_forget(h, &peer->id);
    if (h->active_count == h->params.active_max)
        active_drop_random(h, now_ns);
    h->active[h->active_count++] = *peer;
    h->retry_delay_ns = h->params.retry_min_ns;
    if (h->shuffle_due_ns == INT64_MAX)
        h->shuffle_due_ns =
            now_ns + rng_between(&h->rng, 0, h->params.shuffle_period_ns);
    if (h->refresh_due_ns == INT64_MAX)
        refresh_soon(h, now_ns);
    h->stats.neighbors_up++;
    h->ops->neighbor_up(h->context, peer);
}

/* Promotion (section 4.3), and joining, which is its last resort. */

static void contacts_shuffle(struct hyparview *h)
{
    for (size_t i = h->contacts_count; i > 1; i--) {
        size_t j = rng_below(&h->rng, i);
        struct peer_contact swapped = h->contacts[i - 1];

        h->contacts[i - 1] = h->contacts[j];
        h->contacts[j] = swapped;
    }
    h->contacts_tried = 0;
}

static struct hyparview_passive *promotion_candidate(struct hyparview *h)
{
    struct hyparview_passive *chosen = NULL;
    size_t seen = 0;

    for (size_t i = 0; i < h->passive_count; i++) {
        struct hyparview_passive *entry = &h->passive[i];

        if (entry->is_tried || find_request(h, &entry->contact) >= 0)
            continue;
        if (rng_below(&h->rng, ++seen) == 0)
            chosen = entry;
    }
    return chosen;
}

/* One more request if there is a place to fill and somebody to ask. */
static bool promote_one(struct hyparview *h, int64_t now_ns)
{
    bool is_isolated = h->active_count == 0;
    struct hyparview_passive *candidate;

    if (h->active_count + h->requests_count >= h->params.active_max ||
        h->requests_count == HYPARVIEW_REQUESTS_MAX)
        return false;
    if (!is_isolated && h->refusals >= h->params.promotion_tries)
        return false;
    candidate = promotion_candidate(h);
    if (candidate != NULL) {
        candidate->is_tried = true;
        h->stats.promotions_tried++;
        request_send(h, &candidate->contact, false, is_isolated, now_ns);
        return true;
    }
    if (!is_isolated || h->requests_count > 0 ||
        h->contacts_tried == h->contacts_count)
        return false;
    request_send(h, &h->contacts[h->contacts_tried++], true, true, now_ns);
    return true;
}

/* Fills the active view as far as it goes now, and otherwise sees to it that
 * there is another round later. */
static void promote(struct hyparview *h, int64_t now_ns)
{
    if (h->is_left)
        return;
    if (h->active_count == h->params.active_max) {
        round_reset(h);
        for (size_t i = 0; i < h->passive_count; i++)
            h->passive[i].is_tried = false;
        return;
    }
    while (promote_one(h, now_ns))
        continue;
    if (h->requests_count > 0 || h->retry_due_ns != INT64_MAX)
        return;
    if (h->passive_count == 0 &&
        (h->active_count > 0 || h->contacts_count == 0))
        return;
    h->retry_due_ns = now_ns + around(h, h->retry_delay_ns);
    h->retry_delay_ns *= 2;
    if (h->retry_delay_ns > h->params.retry_max_ns)
        h->retry_delay_ns = h->params.retry_max_ns;
}

static void promote_next_round(struct hyparview *h, int64_t now_ns)
{
    h->retry_due_ns = INT64_MAX;
    h->refusals = 0;
    for (size_t i = 0; i < h->passive_count; i++)
        h->passive[i].is_tried = false;
    contacts_shuffle(h);
    promote(h, now_ns);
}

static void count_refusal(struct hyparview *h)
{
    if (h->refusals < UINT16_MAX)
        h->refusals++;
    h->stats.promotions_refused++;
}

/* Asks the joiner that a walk has brought here; at the bound of requests it
 * is at least not forgotten. */
static void take_joiner(struct hyparview *h, const struct peer_contact *joiner,
                        int64_t now_ns)
{
    if (hyparview_find_active(h, &joiner->id) >= 0 ||
        find_request(h, joiner) >= 0)
        return;
    if (h->requests_count == HYPARVIEW_REQUESTS_MAX)
        hyparview_passive_add(h, joiner, 0, false, now_ns);
    else
        request_send(h, joiner, false, true, now_ns);
}

/* Ours: a walk on our behalf through a first contact, which ends in a link to
 * wherever the contact's part of the mesh is. To be its neighbour already is
 * as good. */
static void refresh(struct hyparview *h, int64_t now_ns)
{
    const struct peer_contact *contact;
    struct wire_message walk = {
        .type = WIRE_FORWARD_JOIN,
        .forward_join = {.joiner = h->self,
                         .ttl = (uint8_t)h->params.active_walk_ttl}};

    h->refresh_due_ns = INT64_MAX;
    if (h->contacts_count == 0 || h->active_count == 0)
        return;
    h->refresh_due_ns = now_ns + around(h, h->refresh_delay_ns);
    h->refresh_delay_ns *= 2;
    if (h->refresh_delay_ns > h->params.refresh_max_ns)
        h->refresh_delay_ns = h->params.refresh_max_ns;
    contact = &h->contacts[rng_below(&h->rng, h->contacts_count)];
    for (size_t i = 0; i < h->active_count; i++)
        if (peer_addr_equal(&h->active[i].addr, &contact->addr))
            return;
    h->stats.refreshes_sent++;
    send_to(h, contact, &walk);
}

/* What comes in. */

static void stray(struct hyparview *h, const struct peer_contact *peer)
{
    if (hyparview_needs(h, peer))
        return;
    send_disconnect(h, peer, false);
    let_go(h, peer);
}

static void on_join(struct hyparview *h, const struct peer_contact *from,
                    const struct wire_message *m, int64_t now_ns)
{
    struct wire_message walk = {
        .type = WIRE_FORWARD_JOIN,
        .forward_join = {.joiner = *from,
                         .ttl = (uint8_t)h->params.active_walk_ttl}};

    h->stats.joins_received++;
    send_reply(h, from, m->join.nonce, true);
    active_add(h, from, now_ns);
    for (size_t i = 0; i < h->active_count; i++)
        if (!peer_id_equal(&h->active[i].id, &from->id))
            send_to(h, &h->active[i], &walk);
}

static void on_forward_join(struct hyparview *h,
                            const struct peer_contact *from,
                            const struct wire_message *m, int64_t now_ns)
{
    const struct peer_contact *joiner = &m->forward_join.joiner;
    const struct peer_contact *next;
    struct wire_message walk = *m;
    bool is_refresh = peer_id_equal(&joiner->id, &from->id);

    if (!is_refresh)
        stray(h, from);
    if (hyparview_is_self(h, &joiner->id))
        return;
    next = hyparview_random_active(h, &from->id, &joiner->id);
    if (m->forward_join.ttl == 0 || h->active_count <= 1 || next == NULL) {
        take_joiner(h, joiner, now_ns);
    } else {
        if (m->forward_join.ttl == h->params.passive_walk_ttl)
            hyparview_passive_add(h, joiner, 0, false, now_ns);
        walk.forward_join.ttl--;
        send_to(h, next, &walk);
    }
    if (is_refresh)
        let_go(h, from);
}

static void on_neighbor(struct hyparview *h, const struct peer_contact *from,
                        const struct wire_message *m, int64_t now_ns)
{
    bool is_accepted = m->neighbor.is_high ||
                       h->active_count < h->params.active_max ||
                       hyparview_find_active(h, &from->id) >= 0;

    send_reply(h, from, m->neighbor.nonce, is_accepted);
    if (is_accepted)
        active_add(h, from, now_ns);
}

/* The request that the reply answers, or -1. */
static int answered_request(const struct hyparview *h,
                            const struct peer_contact *from, uint32_t nonce)
{
    for (int i = 0; i < h->requests_count; i++) {
        const struct hyparview_request *request = &h->requests[i];

        if (request->nonce == nonce &&
            (!peer_id_is_set(&request->peer.id) ||
             peer_id_equal(&request->peer.id, &from->id)))
            return i;
    }
    return -1;
}

static void on_neighbor_reply(struct hyparview *h,
                              const struct peer_contact *from,
                              const struct wire_message *m, int64_t now_ns)
{
    int i = answered_request(h, from, m->neighbor_reply.nonce);
    bool is_accepted = m->neighbor_reply.is_accepted;
    bool is_pressing;

    if (i < 0) {
        if (is_accepted)
            stray(h, from);
        return;
    }
    is_pressing = h->requests[i].is_high;
    if (!h->requests[i].is_join && is_accepted)
        h->stats.promotions_accepted++;
    request_remove(h, i);
    if (!is_accepted) {
        count_refusal(h);
        let_go(h, from);
    } else if (h->active_count < h->params.active_max || is_pressing) {
        active_add(h, from, now_ns);
    } else {
        /* The place was taken while the reply was under way. */
        stray(h, from);
    }
}

static void on_disconnect(struct hyparview *h, const struct peer_contact *from,
                          const struct wire_message *m, int64_t now_ns)
{
    int i = hyparview_find_active(h, &from->id);

    if (i >= 0)
        active_remove(h, i, HYPARVIEW_DOWN_TOLD);
    if (m->disconnect.is_leaving) {
        request_forget(h, &from->id);
        hyparview_passive_remove(h, &from->id);
        hyparview_failed_add(h, &from->id, now_ns);
        refresh_soon(h, now_ns);
    } else if (i >= 0) {
        hyparview_passive_add(h, from, 0, true, now_ns);
    }
    let_go(h, from);
}

static void on_shuffle(struct hyparview *h, const struct peer_contact *from,
                       const struct wire_message *m, int64_t now_ns)
{
    stray(h, from);
    hyparview_shuffle_receive(h, from, m, now_ns);
}

static void on_shuffle_reply(struct hyparview *h,
                             const struct peer_contact *from,
                             const struct wire_message *m, int64_t now_ns)
{
    (void)from;
    hyparview_shuffle_reply(h, m, now_ns);
}

static void request_time_out(struct hyparview *h, int i, int64_t now_ns)
{
    struct peer_contact peer = h->requests[i].peer;

    request_remove(h, i);
    h->stats.requests_timed_out++;
    if (peer_id_is_set(&peer.id)) {
        hyparview_passive_remove(h, &peer.id);
        hyparview_failed_add(h, &peer.id, now_ns);
        send_disconnect(h, &peer, false);
    }
    let_go(h, &peer);
}

/* The public face: guard, act, fill the active view. */

int hyparview_init(struct hyparview *h, const struct peer_contact *self,
                   const struct hyparview_params *params, uint64_t seed,
                   const struct hyparview_ops *ops, void *context)
{
    char *block;

    memset(h, 0, sizeof(*h));
    hyparview_params_default(&h->params);
    if (params != NULL)
        h->params = *params;
    if (param_check(hyparview_param_table, hyparview_param_count, &h->params) !=
            NULL ||
        h->params.retry_min_ns > h->params.retry_max_ns ||
        h->params.refresh_min_ns > h->params.refresh_max_ns)
        return -EINVAL;
    block = calloc(1, hyparview_block_bytes(&h->params));
    if (block == NULL)
        return -ENOMEM;
    h->failed = (struct hyparview_failed *)(void *)block;
    h->passive =
        (struct hyparview_passive *)(void *)(h->failed + h->params.failed_max);
    h->contacts =
        (struct peer_contact *)(void *)(h->passive + h->params.passive_max);
    for (int64_t i = 0; i < h->params.failed_max; i++)
        h->failed[i].until_ns = INT64_MIN;
    h->self = *self;
    h->ops = ops;
    h->context = context;
    rng_init(&h->rng, seed);
    h->hash_key = rng_next(&h->rng);
    h->shuffle_due_ns = INT64_MAX;
    h->failed_until_ns = INT64_MIN;
    h->refresh_due_ns = INT64_MAX;
    h->refresh_delay_ns = h->params.refresh_min_ns;
    round_reset(h);
    return 0;
}

void hyparview_deinit(struct hyparview *h)
{
    free(h->failed);
    memset(h, 0, sizeof(*h));
}

void hyparview_join(struct hyparview *h, const struct peer_contact *contacts,
                    size_t count, int64_t now_ns)
{
    enter(h);
    h->contacts_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (hyparview_is_self(h, &contacts[i].id) ||
            peer_addr_equal(&h->self.addr, &contacts[i].addr) ||
            h->contacts_count == HYPARVIEW_CONTACTS_MAX)
            continue;
        h->contacts[h->contacts_count++] = contacts[i];
    }
    contacts_shuffle(h);
    round_reset(h);
    promote(h, now_ns);
    leave(h);
}

void hyparview_leave(struct hyparview *h, int64_t now_ns)
{
    (void)now_ns;
    enter(h);
    h->is_left = true;
    while (h->active_count > 0) {
        struct peer_contact peer =
            active_remove(h, h->active_count - 1, HYPARVIEW_DOWN_LEAVING);

        send_disconnect(h, &peer, true);
        let_go(h, &peer);
    }
    while (h->requests_count > 0) {
        struct peer_contact peer = h->requests[--h->requests_count].peer;

        if (peer_id_is_set(&peer.id))
            send_disconnect(h, &peer, true);
        let_go(h, &peer);
    }
    h->passive_count = 0;
    h->contacts_count = 0;
    h->shuffle_due_ns = INT64_MAX;
    h->retry_due_ns = INT64_MAX;
    h->refresh_due_ns = INT64_MAX;
    leave(h);
}

/* A peer that speaks is alive, and where it says. */
static void note_sender(struct hyparview *h, const struct peer_contact *from,
                        int64_t now_ns)
{
    int i = hyparview_find_active(h, &from->id);
    int j = hyparview_find_passive(h, &from->id);

    hyparview_failed_forget(h, &from->id, now_ns);
    if (!peer_addr_is_set(&from->addr))
        return;
    if (i >= 0)
        h->active[i].addr = from->addr;
    if (j >= 0)
        h->passive[j].contact.addr = from->addr;
}

int hyparview_receive(struct hyparview *h, const struct peer_contact *from,
                      const struct wire_message *message, int64_t now_ns)
{
    static void (*const handlers[])(struct hyparview *,
                                    const struct peer_contact *,
                                    const struct wire_message *, int64_t) = {
        [WIRE_JOIN - WIRE_JOIN] = on_join,
        [WIRE_FORWARD_JOIN - WIRE_JOIN] = on_forward_join,
        [WIRE_NEIGHBOR - WIRE_JOIN] = on_neighbor,
        [WIRE_NEIGHBOR_REPLY - WIRE_JOIN] = on_neighbor_reply,
        [WIRE_DISCONNECT - WIRE_JOIN] = on_disconnect,
        [WIRE_SHUFFLE - WIRE_JOIN] = on_shuffle,
        [WIRE_SHUFFLE_REPLY - WIRE_JOIN] = on_shuffle_reply,
    };

    struct peer_contact sender = *from; /* may be lent from a view */

    if (wire_protocol_of(message->type) != WIRE_PROTOCOL_HYPARVIEW)
        return HYPARVIEW_NOT_MINE;
    if (h->is_left || hyparview_is_self(h, &from->id) ||
        !peer_id_is_set(&from->id))
        return HYPARVIEW_OK;
    enter(h);
    note_sender(h, &sender, now_ns);
    handlers[message->type - WIRE_JOIN](h, &sender, message, now_ns);
    promote(h, now_ns);
    leave(h);
    return HYPARVIEW_OK;
}

void hyparview_peer_failed(struct hyparview *h, const struct peer_contact *peer,
                           int64_t now_ns)
{
    int active = hyparview_find_active(h, &peer->id);
    int request;

    if (h->is_left)
        return;
    enter(h);
    h->stats.peers_failed++;
    while ((request = find_request(h, peer)) >= 0)
        request_remove(h, request);
    if (peer_id_is_set(&peer->id)) {
        hyparview_passive_remove(h, &peer->id);
        hyparview_failed_add(h, &peer->id, now_ns);
    }
    if (active >= 0) {
        active_remove(h, active, HYPARVIEW_DOWN_FAILED);
        refresh_soon(h, now_ns);
    }
    promote(h, now_ns);
    leave(h);
}

void hyparview_peer_back(struct hyparview *h, const struct peer_contact *peer,
                         int64_t now_ns)
{
    if (h->is_left || !hyparview_failed_holds(h, &peer->id, now_ns))
        return;
    enter(h);
    hyparview_failed_forget(h, &peer->id, now_ns);
    hyparview_passive_add(h, peer, 0, false, now_ns);
    promote(h, now_ns);
    leave(h);
}

void hyparview_peer_closed(struct hyparview *h, const struct peer_contact *peer,
                           int64_t now_ns)
{
    int active = hyparview_find_active(h, &peer->id);
    int request;

    if (h->is_left)
        return;
    enter(h);
    while ((request = find_request(h, peer)) >= 0) {
        request_remove(h, request);
        count_refusal(h);
    }
    if (active >= 0) {
        struct peer_contact removed =
            active_remove(h, active, HYPARVIEW_DOWN_CLOSED);

        hyparview_passive_add(h, &removed, 0, true, now_ns);
        refresh_soon(h, now_ns);
    }
    promote(h, now_ns);
    leave(h);
}

void hyparview_stray(struct hyparview *h, const struct peer_contact *peer,
                     int64_t now_ns)
{
    (void)now_ns;
    if (h->is_left)
        return;
    enter(h);
    stray(h, peer);
    leave(h);
}

void hyparview_tick(struct hyparview *h, int64_t now_ns)
{
    if (h->is_left)
        return;
    enter(h);
    for (int i = h->requests_count - 1; i >= 0; i--)
        if (h->requests[i].deadline_ns <= now_ns)
            request_time_out(h, i, now_ns);
    if (h->shuffle_due_ns <= now_ns)
        hyparview_shuffle_start(h, now_ns);
    if (h->refresh_due_ns <= now_ns)
        refresh(h, now_ns);
    if (h->retry_due_ns <= now_ns)
        promote_next_round(h, now_ns);
    else
        promote(h, now_ns);
    leave(h);
}

int64_t hyparview_next_deadline_ns(const struct hyparview *h)
{
    int64_t due_ns = h->shuffle_due_ns;

    if (h->retry_due_ns < due_ns)
        due_ns = h->retry_due_ns;
    if (h->refresh_due_ns < due_ns)
        due_ns = h->refresh_due_ns;
    for (size_t i = 0; i < h->requests_count; i++)
        if (h->requests[i].deadline_ns < due_ns)
            due_ns = h->requests[i].deadline_ns;
    return due_ns;
}

bool hyparview_needs(const struct hyparview *h, const struct peer_contact *peer)
{
    return hyparview_find_active(h, &peer->id) >= 0 ||
           find_request(h, peer) >= 0;
}
