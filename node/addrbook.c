#include "addrbook.h"

#include <stdlib.h>

#include <uthash.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

enum {
    KEY_SIZE = 19,      /* family, port, ip: no padding in it */
    DOUBLINGS_MAX = 20, /* of the backoff */
};

struct addrbook_entry {
    UT_hash_handle hh;
    struct addrbook_entry *newer, *older;
    struct peer_contact contact;
    uint8_t key[KEY_SIZE];
    uint32_t failures; /* since it last answered */
    int64_t used_ns;
    int64_t retry_ns; /* not to be dialled before */
};

#define ROW(field, low_, high_, fallback_, unit_, prose_)                      \
    {                                                                          \
        .name = #field, .offset = offsetof(struct addrbook_params, field),     \
        .low = low_, .high = high_, .fallback = fallback_, .unit = unit_,      \
        .prose = prose_                                                        \
    }

const struct param addrbook_param_table[] = {
    ROW(entries_max, 1, 65536, 256, "count",
        "addresses remembered; then the one that was not used for longest "
        "goes"),
    ROW(ttl_ns, MS_NS, DAY_NS, 60 * SECOND_NS, "ns",
        "an address that is not used for so long is forgotten"),
    ROW(backoff_min_ns, 0, DAY_NS, 50 * MS_NS, "ns",
        "an address that did not answer is left alone for so long"),
    ROW(backoff_max_ns, 0, DAY_NS, 5 * SECOND_NS, "ns",
        "and after more failures for so long at the most"),
};

const size_t addrbook_param_count =
    sizeof addrbook_param_table / sizeof addrbook_param_table[0];

int addrbook_init(struct addrbook *book, const struct addrbook_params *params,
                  uint64_t seed)
{
    memset(book, 0, sizeof *book);
    param_defaults(addrbook_param_table, addrbook_param_count, &book->params);
    if (params != NULL) {
        book->params = *params;
    }
    rng_init(&book->rng, seed);
    return param_check(addrbook_param_table, addrbook_param_count,
                       &book->params) == NULL
               ? 0
               : -EINVAL;
}

static void make_key(const struct peer_addr *addr, uint8_t key[KEY_SIZE])
{
    key[0] = addr->family;
    key[1] = (uint8_t)(addr->port >> 8);
    key[2] = (uint8_t)addr->port;
    memcpy(key + 3, addr->ip, sizeof addr->ip);
}

static struct addrbook_entry *find(const struct addrbook *book,
                                   const struct peer_addr *addr)
{
    struct addrbook_entry *entry = NULL;
    uint8_t key[KEY_SIZE];
    make_key(addr, key);
    HASH_FIND(hh, book->by_addr, key, KEY_SIZE, entry);
    return entry;
}

/* --- the order of use ----------------------------------------------------- */

static void unlink_entry(struct addrbook *book, struct addrbook_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &book->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &book->oldest) = entry->newer;
}

static void put_first(struct addrbook *book, struct addrbook_entry *entry)
{
    entry->newer = NULL;
    entry->older = book->newest;
    *(book->newest ? &book->newest->newer : &book->oldest) = entry;
    book->newest = entry;
}

static void forget(struct addrbook *book, struct addrbook_entry *entry)
{
    unlink_entry(book, entry);
    HASH_DEL(book->by_addr, entry);
    free(entry);
    book->count--;
}

void addrbook_deinit(struct addrbook *book)
{
    while (book->oldest != NULL) {
        forget(book, book->oldest);
    }
}

/* The entry of that address, made if need be, as the newest. */
static struct addrbook_entry *
use(struct addrbook *book, const struct peer_contact *contact, int64_t now_ns)
{
    struct addrbook_entry *entry = find(book, &contact->addr);
    if (entry != NULL) {
        unlink_entry(book, entry);
    } else {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL) {
            return NULL;
        }
        make_key(&contact->addr, entry->key);
        entry->retry_ns = now_ns;
        HASH_ADD_KEYPTR(hh, book->by_addr, entry->key, KEY_SIZE, entry);
        book->count++;
    }
    put_first(book, entry);
    entry->contact = *contact;
    entry->used_ns = now_ns;
    while (book->count > (size_t)book->params.entries_max &&
           !book->is_immortal) {
        forget(book, book->oldest);
    }
    return entry;
}

/* --- what is asked of it -------------------------------------------------- */

void addrbook_answered(struct addrbook *book,
                       const struct peer_contact *contact, int64_t now_ns)
{
    struct addrbook_entry *entry = use(book, contact, now_ns);
    if (entry != NULL) {
        entry->failures = 0;
        entry->retry_ns = now_ns;
    }
}

/* Half of the backoff is certain, half is drawn ("equal jitter"). */
void addrbook_failed(struct addrbook *book, const struct peer_contact *contact,
                     int64_t now_ns)
{
    struct addrbook_entry *entry = use(book, contact, now_ns);
    if (entry == NULL) {
        return;
    }
    int64_t delay = book->params.backoff_min_ns;
    for (uint32_t i = 0;
         i < entry->failures && delay < book->params.backoff_max_ns; i++) {
        delay *= 2;
    }
    if (delay > book->params.backoff_max_ns) {
        delay = book->params.backoff_max_ns;
    }
    entry->failures += entry->failures < DOUBLINGS_MAX;
    entry->retry_ns =
        now_ns + delay / 2 + rng_between(&book->rng, 0, delay - delay / 2);
}

bool addrbook_may_dial(const struct addrbook *book,
                       const struct peer_addr *addr, int64_t now_ns)
{
    const struct addrbook_entry *entry = find(book, addr);
    return entry == NULL || now_ns >= entry->retry_ns;
}

void addrbook_expire(struct addrbook *book, int64_t now_ns)
{
    while (book->oldest != NULL && !book->is_immortal &&
           now_ns - book->oldest->used_ns > book->params.ttl_ns) {
        forget(book, book->oldest);
    }
}

size_t addrbook_count(const struct addrbook *book)
{
    return book->count;
}
