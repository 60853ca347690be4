/* Plumtree, after J. Leitao, J. Pereira and L. Rodrigues, "Epidemic broadcast
 * trees", SRDS 2007: algorithm 1 (eager and lazy push), algorithm 2 (missing
 * messages, GRAFT) and algorithm 3 (optimisation).
 *
 * Happy path: a payload comes in over an eager link, is delivered, kept for a
 * while, pushed on over the other eager links and announced over the lazy
 * ones. A second copy prunes its link, which leaves a tree.
 *
 * Failure modes: an announced message that does not come is asked for over
 * the link that announced it first, then the next, and that link is eager
 * from then on; a neighbour that goes down takes its batch and announcements
 * with it; what is announced but never comes is given up.
 */
#include "plumtree_seen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)

enum {
    MISSING_CAPACITY_MIN = 4,
    BATCH_CAPACITY_MIN = 8,
    NOWHERE = -1,
};

struct announcer {
    uint8_t slot; /* in peers */
    uint16_t hops;
};

/* One message that was announced and has not come. */
struct plumtree_missing {
    struct message_id id;
    int64_t due_ns; /* when the next announcer is asked */
    uint8_t count;
    struct announcer announcers[PLUMTREE_PEERS_MAX]; /* first come first */
};

struct plumtree_peer {
    struct plumtree_peer *next_departed;
    struct peer_id id;
    bool is_eager;
    uint16_t batch_count, batch_capacity;
    struct wire_announcement *batch; /* announcements not sent yet */
};

#define ROW(field, low_, high_, fallback_, unit_, prose_)                      \
    {                                                                          \
        .name = #field, .offset = offsetof(struct plumtree_params, field),     \
        .low = low_, .high = high_, .fallback = fallback_, .unit = unit_,      \
        .prose = prose_                                                        \
    }

const struct param plumtree_param_table[] = {
    ROW(flush_delay_ns, 0, 10 * SECOND_NS, 20 * MS_NS, "ns",
        "announcements wait so long for company"),
    ROW(missing_timeout_ns, MS_NS, HOUR_NS, 300 * MS_NS, "ns",
        "an announced message may take so long before it is asked for"),
    ROW(graft_timeout_ns, MS_NS, HOUR_NS, 150 * MS_NS, "ns",
        "then so long before the next announcer is asked; about a round trip"),
    ROW(optimise_hops, 1, 1024, 3, "hops",
        "a link that would be so much shorter takes the place of another"),
    ROW(cache_max, 0, 32768, 256, "count", "payloads kept to answer a GRAFT"),
    ROW(cache_bytes_max, 0, INT64_C(1) << 30, 256 * 1024, "bytes",
        "bytes of these payloads"),
    ROW(cache_ttl_ns, 0, 24 * HOUR_NS, 30 * SECOND_NS, "ns",
        "how long a payload is kept"),
    ROW(seen_max, 1, 32768, 2048, "count",
        "ids remembered, so that a message is delivered once"),
    ROW(seen_ttl_ns, 0, 24 * HOUR_NS, 60 * SECOND_NS, "ns",
        "how long an id is remembered"),
    ROW(missing_max, 1, 1024, 128, "count",
        "messages announced and not yet here"),
};

const size_t plumtree_param_count =
    sizeof(plumtree_param_table) / sizeof(plumtree_param_table[0]);

void plumtree_params_default(struct plumtree_params *ret_params)
{
    param_defaults(plumtree_param_table, plumtree_param_count, ret_params);
}

static uint16_t hops_next(uint16_t hops)
{
    return hops == UINT16_MAX ? hops : (uint16_t)(hops + 1);
}

static void enter(struct plumtree *p)
{
    assert(!p->is_inside);
    p->is_inside = true;
}

static void leave(struct plumtree *p)
{
    p->is_inside = false;
}

/* Neighbours. */

static int peer_slot(const struct plumtree *p, const struct peer_id *id)
{
    for (int i = 0; i < PLUMTREE_PEERS_MAX; i++)
        if (p->peers[i] != NULL && peer_id_equal(&p->peers[i]->id, id))
            return i;
    return NOWHERE;
}

static void peer_free(struct plumtree_peer *peer)
{
    if (peer != NULL)
        free(peer->batch);
    free(peer);
}

/* Sending. */

static void send_gossip(struct plumtree *p, const struct plumtree_peer *to,
                        const struct message_id *id, uint16_t hops,
                        const uint8_t *payload, uint16_t payload_bytes)
{
    struct wire_message m = {.type = WIRE_GOSSIP,
                             .gossip = {.id = *id,
                                        .hops = hops,
                                        .payload = payload,
                                        .payload_bytes = payload_bytes}};

    p->stats.gossips_sent++;
    p->ops->send(p->context, &to->id, &m);
}

static void send_prune(struct plumtree *p, struct plumtree_peer *to)
{
    struct wire_message m = {.type = WIRE_PRUNE};

    to->is_eager = false;
    p->stats.prunes_sent++;
    p->ops->send(p->context, &to->id, &m);
}

/* Makes the link eager at both ends; with an id, also asks for the message. */
static void send_graft(struct plumtree *p, struct plumtree_peer *to,
                       const struct message_id *id, uint16_t hops)
{
    struct wire_message m = {.type = WIRE_GRAFT, .graft.hops = hops};

    if (id != NULL) {
        m.graft.has_id = true;
        m.graft.id = *id;
    }
    to->is_eager = true;
    p->stats.grafts_sent++;
    p->ops->send(p->context, &to->id, &m);
}

static void send_ihave(struct plumtree *p, const struct plumtree_peer *to,
                       const struct wire_announcement *items, uint16_t count)
{
    struct wire_message m;

    memset(&m, 0, sizeof(m));
    m.type = WIRE_IHAVE;
    m.ihave.count = count;
    memcpy(m.ihave.items, items, count * sizeof(items[0]));
    p->stats.ihaves_sent++;
    p->stats.announcements_sent += count;
    p->ops->send(p->context, &to->id, &m);
}

static void batch_flush(struct plumtree *p, struct plumtree_peer *peer)
{
    if (peer->batch_count > 0)
        send_ihave(p, peer, peer->batch, peer->batch_count);
    peer->batch_count = 0;
}

static bool batch_grow(struct plumtree_peer *peer)
{
    uint16_t capacity = BATCH_CAPACITY_MIN;
    struct wire_announcement *batch;

    if (peer->batch_capacity > 0)
        capacity = (uint16_t)(2 * peer->batch_capacity);
    if (capacity > WIRE_IHAVE_MAX)
        return false;
    batch = realloc(peer->batch, capacity * sizeof(*batch));
    if (batch == NULL)
        return false;
    peer->batch = batch;
    peer->batch_capacity = capacity;
    return true;
}

/* Puts an announcement into the peer's batch. A full batch goes out; without
 * memory for one the announcement goes out alone. */
static void announce(struct plumtree *p, struct plumtree_peer *peer,
                     const struct message_id *id, uint16_t hops, int64_t now_ns)
{
    struct wire_announcement item = {.id = *id, .hops = hops};

    if (peer->batch_count == peer->batch_capacity && !batch_grow(peer))
        batch_flush(p, peer);
    if (peer->batch_count == peer->batch_capacity) {
        send_ihave(p, peer, &item, 1);
        return;
    }
    peer->batch[peer->batch_count++] = item;
    if (p->flush_due_ns == INT64_MAX)
        p->flush_due_ns = now_ns + p->params.flush_delay_ns;
}

/* Eager push and lazy push to all but the one it came from. */
static void push(struct plumtree *p, const struct wire_message *m,
                 uint16_t hops, const struct plumtree_peer *from,
                 int64_t now_ns)
{
    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++) {
        struct plumtree_peer *peer = p->peers[i];

        if (peer == NULL || peer == from)
            continue;
        if (peer->is_eager)
            send_gossip(p, peer, &m->gossip.id, hops_next(hops),
                        m->gossip.payload, m->gossip.payload_bytes);
        else
            announce(p, peer, &m->gossip.id, hops, now_ns);
    }
}

/* Missing messages. */

static struct plumtree_missing *missing_find(const struct plumtree *p,
                                             const struct message_id *id)
{
    for (uint32_t i = 0; i < p->missing_count; i++)
        if (message_id_equal(&p->missing[i].id, id))
            return &p->missing[i];
    return NULL;
}

static void missing_remove(struct plumtree *p, struct plumtree_missing *missing)
{
    *missing = p->missing[--p->missing_count];
    if (p->missing_count == 0) {
        free(p->missing);
        p->missing = NULL;
        p->missing_capacity = 0;
    }
}

/* A new entry, or NULL at the bound or without memory. */
static struct plumtree_missing *
missing_add(struct plumtree *p, const struct message_id *id, int64_t now_ns)
{
    struct plumtree_missing *missing;

    if (p->missing_count >= p->params.missing_max)
        return NULL;
    if (p->missing_count == p->missing_capacity) {
        uint32_t capacity = p->missing_capacity == 0 ? MISSING_CAPACITY_MIN
                                                     : 2 * p->missing_capacity;

        missing = realloc(p->missing, capacity * sizeof(*missing));
        if (missing == NULL)
            return NULL;
        p->missing = missing;
        p->missing_capacity = capacity;
    }
    missing = &p->missing[p->missing_count++];
    memset(missing, 0, sizeof(*missing));
    missing->id = *id;
    missing->due_ns = now_ns + p->params.missing_timeout_ns;
    return missing;
}

static void announcer_remove(struct plumtree_missing *missing, size_t i)
{
    missing->count--;
    memmove(&missing->announcers[i], &missing->announcers[i + 1],
            (missing->count - i) * sizeof(missing->announcers[0]));
}

static void announcer_add(struct plumtree_missing *missing, int slot,
                          uint16_t hops)
{
    for (size_t i = 0; i < missing->count; i++)
        if (missing->announcers[i].slot == slot)
            return;
    assert(missing->count < PLUMTREE_PEERS_MAX);
    missing->announcers[missing->count++] =
        (struct announcer){.slot = (uint8_t)slot, .hops = hops};
}

static void announcers_forget(struct plumtree *p, int slot)
{
    for (uint32_t i = 0; i < p->missing_count; i++)
        for (size_t j = p->missing[i].count; j-- > 0;)
            if (p->missing[i].announcers[j].slot == slot)
                announcer_remove(&p->missing[i], j);
}

/* Asks the next announcer, or gives up when all were asked. False when the
 * entry is gone. */
static bool missing_fire(struct plumtree *p, struct plumtree_missing *missing,
                         int64_t now_ns)
{
    struct announcer first = missing->announcers[0];

    if (missing->count == 0) {
        p->stats.missing_given_up++;
        missing_remove(p, missing);
        return false;
    }
    announcer_remove(missing, 0);
    missing->due_ns = now_ns + p->params.graft_timeout_ns;
    send_graft(p, p->peers[first.slot], &missing->id, first.hops);
    return true;
}

/* Algorithm 3: the payload came the long way round although a lazy link had
 * announced it from much nearer the origin; the two change roles. */
static void optimise(struct plumtree *p, const struct plumtree_missing *missing,
                     uint16_t hops, struct plumtree_peer *from)
{
    const struct announcer *best = NULL;
    struct plumtree_peer *nearer;

    for (size_t i = 0; i < missing->count; i++)
        if (best == NULL || missing->announcers[i].hops < best->hops)
            best = &missing->announcers[i];
    if (best == NULL || hops - (best->hops + 1) < p->params.optimise_hops)
        return;
    nearer = p->peers[best->slot];
    if (nearer == from)
        return;
    p->stats.optimisations++;
    send_graft(p, nearer, NULL, best->hops);
    send_prune(p, from);
}

/* What comes in. |slot| is the sender's, or NOWHERE for a stranger. */

static int on_gossip(struct plumtree *p, int slot, const struct wire_message *m,
                     int64_t now_ns)
{
    struct plumtree_peer *from = slot == NOWHERE ? NULL : p->peers[slot];
    struct plumtree_missing *missing;
    uint16_t hops = m->gossip.hops;
    int r;

    if (plumtree_seen_find(p, &m->gossip.id) != NULL) {
        p->stats.duplicates++;
        if (from != NULL)
            send_prune(p, from);
        return 0;
    }
    r = plumtree_seen_insert(p, &m->gossip.id, hops, m->gossip.payload,
                             m->gossip.payload_bytes, now_ns);
    if (r < 0)
        return r;
    p->stats.delivered++;
    p->ops->deliver(p->context, &m->gossip.id, hops, m->gossip.payload,
                    m->gossip.payload_bytes);
    push(p, m, hops, from, now_ns);
    if (from != NULL)
        from->is_eager = true;
    missing = missing_find(p, &m->gossip.id);
    if (missing != NULL) {
        if (from != NULL)
            optimise(p, missing, hops, from);
        missing_remove(p, missing);
    }
    return 0;
}

static int on_ihave(struct plumtree *p, int slot, const struct wire_message *m,
                    int64_t now_ns)
{
    for (size_t i = 0; i < m->ihave.count; i++) {
        const struct wire_announcement *item = &m->ihave.items[i];
        struct plumtree_missing *missing;

        if (plumtree_seen_find(p, &item->id) != NULL)
            continue;
        missing = missing_find(p, &item->id);
        if (missing == NULL)
            missing = missing_add(p, &item->id, now_ns);
        if (missing == NULL)
            p->stats.missing_overflows++;
        else
            announcer_add(missing, slot, item->hops);
    }
    return 0;
}

static int on_graft(struct plumtree *p, int slot, const struct wire_message *m,
                    int64_t now_ns)
{
    struct plumtree_peer *from = p->peers[slot];
    const struct plumtree_seen *seen;

    (void)now_ns;
    from->is_eager = true;
    p->stats.grafts_received++;
    if (!m->graft.has_id)
        return 0;
    seen = plumtree_seen_find(p, &m->graft.id);
    if (seen == NULL || !plumtree_seen_is_cached(p, seen)) {
        p->stats.grafts_unserved++;
        return 0;
    }
    send_gossip(p, from, &seen->id, hops_next(seen->hops), seen->payload,
                seen->payload_bytes);
    return 0;
}

static int on_prune(struct plumtree *p, int slot, const struct wire_message *m,
                    int64_t now_ns)
{
    (void)m;
    (void)now_ns;
    p->peers[slot]->is_eager = false;
    p->stats.prunes_received++;
    return 0;
}

/* The public face. */

int plumtree_init(struct plumtree *p, const struct peer_id *self,
                  const struct plumtree_params *params, uint64_t seed,
                  const struct plumtree_ops *ops, void *context)
{
    struct rng rng;

    memset(p, 0, sizeof(*p));
    plumtree_params_default(&p->params);
    if (params != NULL)
        p->params = *params;
    if (param_check(plumtree_param_table, plumtree_param_count, &p->params) !=
        NULL)
        return -EINVAL;
    rng_init(&rng, seed);
    p->hash_key = rng_next(&rng);
    p->sequence = rng_next(&rng);
    p->self = *self;
    p->ops = ops;
    p->context = context;
    p->flush_due_ns = INT64_MAX;
    return 0;
}

void plumtree_deinit(struct plumtree *p)
{
    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
        peer_free(p->peers[i]);
    while (p->departed != NULL) {
        struct plumtree_peer *next = p->departed->next_departed;

        peer_free(p->departed);
        p->departed = next;
    }
    plumtree_seen_clear(p);
    free(p->missing);
    memset(p, 0, sizeof(*p));
}

int plumtree_neighbor_up(struct plumtree *p, const struct peer_id *peer)
{
    struct plumtree_peer *fresh;
    size_t i = 0;

    if (peer_slot(p, peer) != NOWHERE)
        return 0;
    while (i < PLUMTREE_PEERS_MAX && p->peers[i] != NULL)
        i++;
    if (i == PLUMTREE_PEERS_MAX)
        return PLUMTREE_FULL;
    fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    fresh->id = *peer;
    fresh->is_eager = true;
    p->peers[i] = fresh;
    return 0;
}

void plumtree_neighbor_down(struct plumtree *p, const struct peer_id *peer,
                            int64_t now_ns)
{
    int slot = peer_slot(p, peer);

    (void)now_ns;
    if (slot == NOWHERE)
        return;
    announcers_forget(p, slot);
    if (p->is_unpruned) {
        /* The bug: it takes no part any more, and what was kept of it stays,
         * announcements that were never sent included. */
        p->peers[slot]->next_departed = p->departed;
        p->departed = p->peers[slot];
    } else {
        peer_free(p->peers[slot]);
    }
    p->peers[slot] = NULL;
}

int plumtree_broadcast(struct plumtree *p, const uint8_t *payload,
                       size_t payload_bytes, int64_t now_ns,
                       struct message_id *ret_id)
{
    struct wire_message m = {.type = WIRE_GOSSIP, .gossip.payload = payload};
    uint8_t *id = m.gossip.id.bytes;
    int r;

    if (payload_bytes > WIRE_PAYLOAD_MAX)
        return -EMSGSIZE;
    m.gossip.payload_bytes = (uint16_t)payload_bytes;
    memcpy(id, p->self.bytes, 8);
    for (int i = 0; i < 8; i++)
        id[8 + i] = (uint8_t)(p->sequence >> (56 - 8 * i));
    enter(p);
    plumtree_seen_expire(p, now_ns);
    r = plumtree_seen_insert(p, &m.gossip.id, 0, payload,
                             m.gossip.payload_bytes, now_ns);
    if (r == 0) {
        p->sequence++;
        p->stats.broadcasts++;
        push(p, &m, 0, NULL, now_ns);
        if (ret_id != NULL)
            *ret_id = m.gossip.id;
    }
    leave(p);
    return r;
}

int plumtree_receive(struct plumtree *p, const struct peer_id *from,
                     const struct wire_message *message, int64_t now_ns)
{
    static int (*const handlers[])(struct plumtree *, int,
                                   const struct wire_message *, int64_t) = {
        [WIRE_GOSSIP - WIRE_GOSSIP] = on_gossip,
        [WIRE_IHAVE - WIRE_GOSSIP] = on_ihave,
        [WIRE_GRAFT - WIRE_GOSSIP] = on_graft,
        [WIRE_PRUNE - WIRE_GOSSIP] = on_prune,
    };
    int slot = peer_slot(p, from);
    int r = 0;

    if (wire_protocol_of(message->type) != WIRE_PROTOCOL_PLUMTREE)
        return PLUMTREE_NOT_MINE;
    enter(p);
    if (slot != NOWHERE || message->type == WIRE_GOSSIP)
        r = handlers[message->type - WIRE_GOSSIP](p, slot, message, now_ns);
    leave(p);
    if (r == 0 && slot == NOWHERE)
        return PLUMTREE_STRANGER;
    return r;
}

void plumtree_tick(struct plumtree *p, int64_t now_ns)
{
    enter(p);
    if (p->flush_due_ns <= now_ns) {
        p->flush_due_ns = INT64_MAX;
        for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
            if (p->peers[i] != NULL)
                batch_flush(p, p->peers[i]);
    }
    for (uint32_t i = 0; i < p->missing_count;) {
        if (p->missing[i].due_ns > now_ns ||
            missing_fire(p, &p->missing[i], now_ns))
            i++;
    }
    plumtree_seen_expire(p, now_ns);
    leave(p);
}

/* Expiry need not be exact: once a second at most, for all that is due. */
static int64_t expiry_due_ns(int64_t arrived_ns, int64_t ttl_ns)
{
    return ((arrived_ns + ttl_ns) / SECOND_NS + 1) * SECOND_NS;
}

int64_t plumtree_next_deadline_ns(const struct plumtree *p)
{
    int64_t due_ns = p->flush_due_ns;
    int64_t other_ns = INT64_MAX;

    for (uint32_t i = 0; i < p->missing_count; i++)
        if (p->missing[i].due_ns < due_ns)
            due_ns = p->missing[i].due_ns;
    if (p->seen_count > 0)
        other_ns = expiry_due_ns(plumtree_seen_at(p, 0)->arrived_ns,
                                 p->params.seen_ttl_ns);
    if (other_ns < due_ns)
        due_ns = other_ns;
    if (p->cached_count > 0)
        other_ns = expiry_due_ns(plumtree_cached_oldest(p)->arrived_ns,
                                 p->params.cache_ttl_ns);
    return other_ns < due_ns ? other_ns : due_ns;
}

size_t plumtree_peers_count(const struct plumtree *p)
{
    size_t count = 0;

    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
        count += p->peers[i] != NULL;
    return count;
}

size_t plumtree_records_count(const struct plumtree *p)
{
    size_t count = plumtree_peers_count(p);

    for (const struct plumtree_peer *peer = p->departed; peer != NULL;
         peer = peer->next_departed)
        count++;
    return count;
}

size_t plumtree_eager_count(const struct plumtree *p)
{
    size_t count = 0;

    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
        count += p->peers[i] != NULL && p->peers[i]->is_eager;
    return count;
}

size_t plumtree_lazy_count(const struct plumtree *p)
{
    return plumtree_peers_count(p) - plumtree_eager_count(p);
}

size_t plumtree_lazy_queue_count(const struct plumtree *p)
{
    size_t count = 0;

    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
        if (p->peers[i] != NULL)
            count += p->peers[i]->batch_count;
    for (const struct plumtree_peer *peer = p->departed; peer != NULL;
         peer = peer->next_departed)
        count += peer->batch_count;
    return count;
}

size_t plumtree_cached_count(const struct plumtree *p)
{
    return p->cached_count;
}

size_t plumtree_cached_bytes(const struct plumtree *p)
{
    return p->cached_bytes;
}

size_t plumtree_seen_count(const struct plumtree *p)
{
    return p->seen_count;
}

size_t plumtree_missing_count(const struct plumtree *p)
{
    return p->missing_count;
}

size_t plumtree_heap_bytes(const struct plumtree *p)
{
    size_t bytes =
        p->cached_bytes + p->missing_capacity * sizeof(p->missing[0]) +
        p->seen_capacity * (sizeof(p->seen[0]) + 2 * sizeof(p->seen_index[0]));

    for (size_t i = 0; i < PLUMTREE_PEERS_MAX; i++)
        if (p->peers[i] != NULL)
            bytes += sizeof(*p->peers[i]) + p->peers[i]->batch_capacity *
                                                sizeof(p->peers[i]->batch[0]);
    return bytes;
}

const struct plumtree_stats *plumtree_stats(const struct plumtree *p)
{
    return &p->stats;
}

bool plumtree_is_eager(const struct plumtree *p, const struct peer_id *peer)
{
    int slot = peer_slot(p, peer);

    return slot != NOWHERE && p->peers[slot]->is_eager;
}
