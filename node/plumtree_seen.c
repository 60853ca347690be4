/* The index is a table of open addresses (linear probing, backward-shift
 * deletion, so that it never fills with tombstones). It has two places for
 * each entry of the ring and holds slot + 1; 0 is a free place. */
#include "plumtree_seen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SEEN_CAPACITY_MIN = 16 };

static uint32_t index_mask(const struct plumtree *p)
{
    return 2 * p->seen_capacity - 1;
}

static uint32_t index_home(const struct plumtree *p,
                           const struct message_id *id)
{
    return (uint32_t)peer_hash_bytes(id->bytes, MESSAGE_ID_SIZE, p->hash_key) &
           index_mask(p);
}

/* The place in the index that holds the id, or the free one where it goes. */
static uint32_t index_place(const struct plumtree *p,
                            const struct message_id *id)
{
    uint32_t place = index_home(p, id);

    while (p->seen_index[place] != 0 &&
           !message_id_equal(&p->seen[p->seen_index[place] - 1].id, id))
        place = (place + 1) & index_mask(p);
    return place;
}

/* Empties a place and moves up whatever had been pushed past it. */
static void index_remove(struct plumtree *p, uint32_t hole)
{
    uint32_t mask = index_mask(p);
    uint32_t place = hole;

    for (;;) {
        uint32_t home;

        place = (place + 1) & mask;
        if (p->seen_index[place] == 0)
            break;
        home = index_home(p, &p->seen[p->seen_index[place] - 1].id);
        if (((place - home) & mask) < ((place - hole) & mask))
            continue;
        p->seen_index[hole] = p->seen_index[place];
        hole = place;
    }
    p->seen_index[hole] = 0;
}

struct plumtree_seen *plumtree_seen_find(const struct plumtree *p,
                                         const struct message_id *id)
{
    uint16_t entry;

    if (p->seen_count == 0)
        return NULL;
    entry = p->seen_index[index_place(p, id)];
    return entry == 0 ? NULL : &p->seen[entry - 1];
}

struct plumtree_seen *plumtree_seen_at(const struct plumtree *p, uint32_t i)
{
    return &p->seen[(p->seen_first + i) & (p->seen_capacity - 1)];
}

struct plumtree_seen *plumtree_cached_oldest(const struct plumtree *p)
{
    return plumtree_seen_at(p, p->seen_count - p->cached_count);
}

bool plumtree_seen_is_cached(const struct plumtree *p,
                             const struct plumtree_seen *seen)
{
    uint32_t slot = (uint32_t)(seen - p->seen);
    uint32_t age = (slot - p->seen_first) & (p->seen_capacity - 1);

    return age >= p->seen_count - p->cached_count;
}

static void cache_drop_oldest(struct plumtree *p)
{
    struct plumtree_seen *oldest = plumtree_cached_oldest(p);

    free(oldest->payload);
    oldest->payload = NULL;
    p->cached_bytes -= oldest->payload_bytes;
    p->cached_count--;
}

static void seen_drop_oldest(struct plumtree *p)
{
    struct plumtree_seen *oldest = plumtree_seen_at(p, 0);

    if (p->cached_count == p->seen_count)
        cache_drop_oldest(p);
    index_remove(p, index_place(p, &oldest->id));
    p->seen_first = (p->seen_first + 1) & (p->seen_capacity - 1);
    p->seen_count--;
}

/* Moves the ring to a block of another capacity, 0 for none at all. */
static int seen_resize(struct plumtree *p, uint32_t capacity)
{
    struct plumtree_seen *ring = NULL;

    assert(capacity >= p->seen_count);
    if (capacity > 0) {
        ring = calloc(capacity, sizeof(*ring) + 2 * sizeof(p->seen_index[0]));
        if (ring == NULL)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < p->seen_count; i++)
        ring[i] = *plumtree_seen_at(p, i);
    free(p->seen);
    p->seen = ring;
    p->seen_index = ring == NULL ? NULL : (uint16_t *)(void *)(ring + capacity);
    p->seen_capacity = capacity;
    p->seen_first = 0;
    for (uint32_t i = 0; i < p->seen_count; i++)
        p->seen_index[index_place(p, &ring[i].id)] = (uint16_t)(i + 1);
    return 0;
}

/* Makes room for one more: grows, or else forgets the oldest. */
static int seen_reserve(struct plumtree *p)
{
    int r = 0;

    if (p->seen_count >= p->params.seen_max) {
        p->stats.seen_overflows++;
        seen_drop_oldest(p);
    }
    if (p->seen_count < p->seen_capacity)
        return 0;
    if (p->seen_capacity == 0)
        return seen_resize(p, SEEN_CAPACITY_MIN);
    r = seen_resize(p, 2 * p->seen_capacity);
    if (r < 0) {
        p->stats.seen_overflows++;
        seen_drop_oldest(p);
    }
    return 0;
}

int plumtree_seen_insert(struct plumtree *p, const struct message_id *id,
                         uint16_t hops, const uint8_t *payload,
                         uint16_t payload_bytes, int64_t now_ns)
{
    uint8_t *copy = NULL;
    struct plumtree_seen *seen;
    int r = seen_reserve(p);

    if (r < 0)
        return r;
    if (payload_bytes > 0) {
        copy = malloc(payload_bytes);
        if (copy == NULL)
            return -ENOMEM;
        memcpy(copy, payload, payload_bytes);
    }
    seen = plumtree_seen_at(p, p->seen_count);
    *seen = (struct plumtree_seen){.id = *id,
                                   .arrived_ns = now_ns,
                                   .payload = copy,
                                   .payload_bytes = payload_bytes,
                                   .hops = hops};
    p->seen_index[index_place(p, id)] = (uint16_t)(seen - p->seen + 1);
    p->seen_count++;
    p->cached_count++;
    p->cached_bytes += payload_bytes;
    while (p->cached_count > p->params.cache_max ||
           p->cached_bytes > (size_t)p->params.cache_bytes_max)
        cache_drop_oldest(p);
    return 0;
}

/* A smaller block that cannot be had is no harm. */
void plumtree_seen_expire(struct plumtree *p, int64_t now_ns)
{
    while (p->cached_count > 0 && plumtree_cached_oldest(p)->arrived_ns <=
                                      now_ns - p->params.cache_ttl_ns)
        cache_drop_oldest(p);
    while (p->seen_count > 0 &&
           plumtree_seen_at(p, 0)->arrived_ns <= now_ns - p->params.seen_ttl_ns)
        seen_drop_oldest(p);
    if (p->seen_count == 0 && p->seen_capacity > 0)
        (void)seen_resize(p, 0);
    else if (p->seen_capacity > SEEN_CAPACITY_MIN &&
             p->seen_count < p->seen_capacity / 4)
        (void)seen_resize(p, p->seen_capacity / 2);
}

void plumtree_seen_clear(struct plumtree *p)
{
    while (p->cached_count > 0)
        cache_drop_oldest(p);
    free(p->seen);
    p->seen = NULL;
    p->seen_index = NULL;
    p->seen_capacity = p->seen_first = p->seen_count = 0;
}
