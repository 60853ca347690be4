/* Section 4.4 and 4.5 of the HyParView paper (cited in hyparview.c) say what
 * enters the passive view and what makes room. */
#include "hyparview_views.h"

#include <assert.h>

#define ROW(field, low_, high_, fallback_, unit_, prose_)                      \
    {                                                                          \
        .name = #field, .offset = offsetof(struct hyparview_params, field),    \
        .low = low_, .high = high_, .fallback = fallback_, .unit = unit_,      \
        .prose = prose_                                                        \
    }

const struct param hyparview_param_table[] = {
    ROW(active_max, 1, HYPARVIEW_ACTIVE_MAX, 5, "count",
        "neighbours: the active view"),
    ROW(passive_max, 1, 1024, 30, "count",
        "peers kept in reserve: the passive view"),
    ROW(active_walk_ttl, 1, WIRE_TTL_MAX, 6, "hops",
        "length of a joiner's random walk (ARWL)"),
    ROW(passive_walk_ttl, 0, WIRE_TTL_MAX, 3, "hops",
        "hops left where the joiner enters a passive view (PRWL)"),
    ROW(shuffle_active_count, 0, 7, 3, "count",
        "neighbours named in a shuffle (ka)"),
    ROW(shuffle_passive_count, 0, 8, 4, "count",
        "passive peers named in a shuffle (kp)"),
    ROW(shuffle_ttl, 1, WIRE_TTL_MAX, 6, "hops",
        "length of a shuffle's random walk"),
    ROW(shuffle_period_ns, 10 * MS_NS, HOUR_NS, 10 * SECOND_NS, "ns",
        "between shuffles, give or take a tenth"),
    ROW(request_timeout_ns, MS_NS, HOUR_NS, 2 * SECOND_NS, "ns",
        "a join or neighbour request without reply has failed, dial included"),
    ROW(promotion_tries, 1, 1024, 6, "count",
        "refusals after which promotion pauses, with a neighbour left"),
    ROW(retry_min_ns, MS_NS, HOUR_NS, 200 * MS_NS, "ns",
        "first pause before promotion or joining is tried again; doubles"),
    ROW(retry_max_ns, MS_NS, HOUR_NS, 30 * SECOND_NS, "ns",
        "longest such pause"),
    ROW(failed_max, 0, 4096, 64, "count",
        "failed peers remembered, so that shuffles do not bring them back"),
    ROW(failed_ttl_ns, 0, 24 * HOUR_NS, 30 * SECOND_NS, "ns",
        "how long a failed peer is remembered"),
    ROW(refresh_min_ns, MS_NS, 24 * HOUR_NS, 2 * SECOND_NS, "ns",
        "from a lost neighbour to a walk through a first contact; doubles"),
    ROW(refresh_max_ns, MS_NS, 24 * HOUR_NS, 300 * SECOND_NS, "ns",
        "between such walks in quiet times"),
};

const size_t hyparview_param_count =
    sizeof(hyparview_param_table) / sizeof(hyparview_param_table[0]);

void hyparview_params_default(struct hyparview_params *ret_params)
{
    param_defaults(hyparview_param_table, hyparview_param_count, ret_params);
}

int hyparview_find_active(const struct hyparview *h, const struct peer_id *id)
{
    for (int i = 0; i < h->active_count; i++)
        if (peer_id_equal(&h->active[i].id, id))
            return i;
    return -1;
}

int hyparview_find_passive(const struct hyparview *h, const struct peer_id *id)
{
    for (int i = 0; i < h->passive_count; i++)
        if (peer_id_equal(&h->passive[i].contact.id, id))
            return i;
    return -1;
}

bool hyparview_is_self(const struct hyparview *h, const struct peer_id *id)
{
    return peer_id_equal(&h->self.id, id);
}

const struct peer_contact *hyparview_random_active(struct hyparview *h,
                                                   const struct peer_id *a,
                                                   const struct peer_id *b)
{
    const struct peer_contact *candidates[HYPARVIEW_ACTIVE_MAX];
    size_t count = 0;

    for (size_t i = 0; i < h->active_count; i++) {
        const struct peer_contact *peer = &h->active[i];

        if ((a == NULL || !peer_id_equal(&peer->id, a)) &&
            (b == NULL || !peer_id_equal(&peer->id, b)))
            candidates[count++] = peer;
    }
    return count == 0 ? NULL : candidates[rng_below(&h->rng, count)];
}

/* The memory of failed peers: a ring, the oldest is overwritten. A peer that
 * fails again while it is remembered keeps its place. */

static struct hyparview_failed *
failed_find(const struct hyparview *h, const struct peer_id *id, int64_t now_ns)
{
    uint64_t hash;

    if (h->failed_until_ns <= now_ns)
        return NULL;
    hash = peer_id_hash(id, h->hash_key);
    for (int64_t i = 0; i < h->params.failed_max; i++)
        if (h->failed[i].hash == hash && h->failed[i].until_ns > now_ns)
            return &h->failed[i];
    return NULL;
}

void hyparview_failed_add(struct hyparview *h, const struct peer_id *id,
                          int64_t now_ns)
{
    struct hyparview_failed *failed = failed_find(h, id, now_ns);

    if (h->params.failed_max == 0)
        return;
    if (failed == NULL) {
        failed = &h->failed[h->failed_next];
        h->failed_next =
            (uint16_t)((h->failed_next + 1) % h->params.failed_max);
    }
    failed->hash = peer_id_hash(id, h->hash_key);
    failed->until_ns = now_ns + h->params.failed_ttl_ns;
    h->failed_until_ns = failed->until_ns;
}

bool hyparview_failed_holds(const struct hyparview *h, const struct peer_id *id,
                            int64_t now_ns)
{
    return failed_find(h, id, now_ns) != NULL;
}

void hyparview_failed_forget(struct hyparview *h, const struct peer_id *id,
                             int64_t now_ns)
{
    struct hyparview_failed *failed = failed_find(h, id, now_ns);

    if (failed != NULL)
        failed->until_ns = INT64_MIN;
}

/* The passive view. */

void hyparview_passive_remove(struct hyparview *h, const struct peer_id *id)
{
    int i = hyparview_find_passive(h, id);

    if (i >= 0)
        h->passive[i] = h->passive[--h->passive_count];
}

/* The place of the one to go: one that was |sent| if there is one. */
static size_t passive_victim(struct hyparview *h, uint8_t sent)
{
    for (size_t i = 0; i < h->passive_count; i++)
        if ((h->passive[i].sent & sent) != 0)
            return i;
    return rng_below(&h->rng, h->passive_count);
}

void hyparview_passive_add(struct hyparview *h, const struct peer_contact *peer,
                           uint8_t sent, bool is_tried, int64_t now_ns)
{
    size_t place = h->passive_count;

    if (!peer_id_is_set(&peer->id) || hyparview_is_self(h, &peer->id) ||
        hyparview_find_active(h, &peer->id) >= 0 ||
        hyparview_find_passive(h, &peer->id) >= 0 ||
        hyparview_failed_holds(h, &peer->id, now_ns))
        return;
    if (h->passive_count == h->params.passive_max)
        place = passive_victim(h, sent);
    else
        h->passive_count++;
    h->passive[place] =
        (struct hyparview_passive){.contact = *peer, .is_tried = is_tried};
}

void hyparview_passive_sample(struct hyparview *h, size_t wanted, uint8_t mark,
                              struct wire_contacts *list)
{
    for (size_t i = 0; i < h->passive_count; i++)
        h->passive[i].sent &= (uint8_t)~mark;
    for (size_t i = 0; i < h->passive_count && i < wanted; i++) {
        size_t j = i + rng_below(&h->rng, h->passive_count - i);
        struct hyparview_passive chosen = h->passive[j];

        if (list->count == WIRE_SHUFFLE_MAX)
            return;
        h->passive[j] = h->passive[i];
        chosen.sent |= mark;
        h->passive[i] = chosen;
        list->items[list->count++] = chosen.contact;
    }
}

size_t hyparview_block_bytes(const struct hyparview_params *params)
{
    return (size_t)params->failed_max * sizeof(struct hyparview_failed) +
           (size_t)params->passive_max * sizeof(struct hyparview_passive) +
           HYPARVIEW_CONTACTS_MAX * sizeof(struct peer_contact);
}

bool hyparview_is_active(const struct hyparview *h, const struct peer_id *id)
{
    return hyparview_find_active(h, id) >= 0;
}

size_t hyparview_active_count(const struct hyparview *h)
{
    return h->active_count;
}

size_t hyparview_passive_count(const struct hyparview *h)
{
    return h->passive_count;
}

size_t hyparview_requests_count(const struct hyparview *h)
{
    return h->requests_count;
}

size_t hyparview_failed_count(const struct hyparview *h, int64_t now_ns)
{
    size_t count = 0;

    for (int64_t i = 0; i < h->params.failed_max; i++)
        if (h->failed[i].until_ns > now_ns)
            count++;
    return count;
}

size_t hyparview_heap_bytes(const struct hyparview *h)
{
    return h->failed == NULL ? 0 : hyparview_block_bytes(&h->params);
}

const struct hyparview_stats *hyparview_stats(const struct hyparview *h)
{
    return &h->stats;
}

const struct peer_contact *hyparview_active_at(const struct hyparview *h,
                                               size_t i)
{
    assert(i < h->active_count);
    return &h->active[i];
}

const struct peer_contact *hyparview_passive_at(const struct hyparview *h,
                                                size_t i)
{
    assert(i < h->passive_count);
    return &h->passive[i].contact;
}
