/* plumtree_seen.h - which messages an instance has seen, and the payloads of
 * the newest. Private to plumtree*.c.
 *
 * One ring in order of arrival with a hash index. The newest |cached_count|
 * entries still hold their payload: the cache is a suffix of what was seen, so
 * that both expire from their old end without a search. The ring doubles up to
 * |seen_max| entries and halves again as they expire; at its bounds the oldest
 * entry, or the oldest payload, is forgotten.
 */
#ifndef PLUMTREE_SEEN_H
#define PLUMTREE_SEEN_H

#include "plumtree.h"

/* One message that was seen. */
struct plumtree_seen {
    struct message_id id;
    int64_t arrived_ns;
    uint8_t *payload; /* NULL once out of the cache, or when empty */
    uint16_t payload_bytes;
    uint16_t hops; /* from the origin to here */
};

static inline bool message_id_equal(const struct message_id *a,
                                    const struct message_id *b)
{
    return memcmp(a->bytes, b->bytes, MESSAGE_ID_SIZE) == 0;
}

/* The message's entry or NULL; valid until the next change. */
struct plumtree_seen *plumtree_seen_find(const struct plumtree *p,
                                         const struct message_id *id);

/* The i-th entry, 0 being the oldest; i < seen_count. */
struct plumtree_seen *plumtree_seen_at(const struct plumtree *p, uint32_t i);

/* The oldest that holds its payload; cached_count > 0. */
struct plumtree_seen *plumtree_cached_oldest(const struct plumtree *p);

bool plumtree_seen_is_cached(const struct plumtree *p,
                             const struct plumtree_seen *seen);

/* Remembers a message that is not there yet, with a copy of its payload. 0 or
 * -ENOMEM. */
int plumtree_seen_insert(struct plumtree *p, const struct message_id *id,
                         uint16_t hops, const uint8_t *payload,
                         uint16_t payload_bytes, int64_t now_ns);

/* Forgets what has expired, and gives back a ring that is mostly empty. */
void plumtree_seen_expire(struct plumtree *p, int64_t now_ns);

/* Forgets everything. */
void plumtree_seen_clear(struct plumtree *p);

#endif
