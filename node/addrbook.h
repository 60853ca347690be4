/* addrbook.h - what is known about the addresses that were ever dialled, or
 * that called: who answered there, when, and how often nobody did.
 *
 * Two questions are asked of it: may this address be dialled now (an address
 * that did not answer is left alone for a while: exponential backoff with
 * jitter, so that a crowd does not come back at the same moment), and where
 * was this peer last seen.
 *
 * One entry an address. It evicts: an entry that was not used for |ttl_ns|
 * goes, and at |entries_max| the one that was not used for longest. Sans-I/O.
 */
#ifndef MESHNODE_ADDRBOOK_H
#define MESHNODE_ADDRBOOK_H

#include "param.h"
#include "peer_id.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One int64_t a row of addrbook_param_table; times in nanoseconds. */
struct addrbook_params {
    int64_t entries_max;
    int64_t ttl_ns;
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
};

extern const struct param addrbook_param_table[];
extern const size_t addrbook_param_count;

struct addrbook_entry;

struct addrbook {
    struct addrbook_params params;
    struct rng rng;
    struct addrbook_entry *by_addr;
    struct addrbook_entry *newest, *oldest; /* by last use */
    size_t count;
    bool is_immortal; /* the bug "immortal-addresses": nothing evicts */
};

/* Empty. |params| NULL takes the defaults. 0, or -EINVAL for a parameter
 * outside its range. */
int addrbook_init(struct addrbook *book, const struct addrbook_params *params,
                  uint64_t seed);

/* Accepts zeroes. */
void addrbook_deinit(struct addrbook *book);

/* |contact| answered, or called. Without memory it is not noted. */
void addrbook_answered(struct addrbook *book,
                       const struct peer_contact *contact, int64_t now_ns);

/* Nobody answered at |contact|'s address: it is left alone for a while, each
 * time twice as long. */
void addrbook_failed(struct addrbook *book, const struct peer_contact *contact,
                     int64_t now_ns);

/* Whether the address may be dialled; true for one that is not known. */
bool addrbook_may_dial(const struct addrbook *book,
                       const struct peer_addr *addr, int64_t now_ns);

/* Lets go of what was not used for long. */
void addrbook_expire(struct addrbook *book, int64_t now_ns);

size_t addrbook_count(const struct addrbook *book);

#endif
