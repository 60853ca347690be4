/* patterns.h - memory that behaves in a known way, to try a judge on.
 *
 * Four healthy patterns, which are no leaks whatever a trend line says, and
 * three leaks of the plainest kind. Each hangs on something that really
 * happens in the node: a peer met, a message delivered. A node shows none
 * unless told to (--control NAME, --defect NAME).
 *
 *   sawtooth       a journal of messages is filled, and emptied when full
 *   slow-cache     a cache of peers met, that takes long to fill
 *   one-step       after a while an index is built, once
 *   fragmentation  records of many sizes come and go and leave holes
 *
 *   late-leak        as one-object, but only after a while
 *   one-object       for each peer met one small object is lost
 *   doubling-vector  peers met are appended to a vector that doubles
 *
 * Without memory a pattern leaves out what it would have kept.
 */
#ifndef MESHNODE_PATTERNS_H
#define MESHNODE_PATTERNS_H

#include "defects.h"
#include "param.h"
#include "peer_id.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One int64_t a row of patterns_param_table; times in nanoseconds. */
struct patterns_params {
    int64_t journal_messages;
    int64_t cache_peers;
    int64_t step_after_ns;
    int64_t step_bytes;
    int64_t records;
    int64_t leak_after_ns;
    int64_t leak_bytes;
};

extern const struct param patterns_param_table[];
extern const size_t patterns_param_count;

/* What the patterns hold. Private. */
struct patterns {
    struct patterns_params params;
    const struct defects *defects; /* which are shown; lent */
    struct rng rng;
    int64_t began_ns;
    struct pattern_note *journal; /* newest first, as all of these */
    size_t journal_count;
    struct pattern_note *cache;
    size_t cache_count;
    uint8_t *index;
    struct pattern_note **records; /* a ring */
    size_t record_next;
    struct pattern_note *latest; /* of the peers met */
    struct peer_contact *vector;
    size_t vector_count, vector_capacity;
};

/* Shows those of |defects|, which outlives it. |params| NULL takes the
 * defaults. 0, or -EINVAL for a parameter outside its range. */
int patterns_init(struct patterns *patterns, const struct defects *defects,
                  const struct patterns_params *params, uint64_t seed,
                  int64_t now_ns);

/* Gives back what is held; what the leaks lost is lost. Accepts zeroes. */
void patterns_deinit(struct patterns *patterns);

/* A peer became a neighbour. */
void patterns_on_peer(struct patterns *patterns,
                      const struct peer_contact *peer, int64_t now_ns);

/* A message was delivered. */
void patterns_on_message(struct patterns *patterns, const uint8_t *payload,
                         size_t payload_bytes);

#endif
