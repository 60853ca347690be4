#include "patterns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

enum {
    JOURNAL_NOTE_BYTES = 1024,
    CACHE_NOTE_BYTES = 256,
    RECORD_BYTES_MIN = 64,
    RECORD_BYTES_MAX = 4096,
    LONG_LIVED_ONE_IN = 16, /* records that outlive their neighbours */
    VECTOR_CAPACITY_MIN = 16,
};

/* Something that is kept. */
struct pattern_note {
    struct pattern_note *next;
    uint8_t bytes[];
};

#define ROW(field, low_, high_, fallback_, unit_, prose_)                      \
    {                                                                          \
        .name = #field, .offset = offsetof(struct patterns_params, field),     \
        .low = low_, .high = high_, .fallback = fallback_, .unit = unit_,      \
        .prose = prose_                                                        \
    }

const struct param patterns_param_table[] = {
    ROW(journal_messages, 1, 1 << 20, 256, "count",
        "sawtooth: messages of 1 KiB in the journal before it is emptied"),
    ROW(cache_peers, 1, 1 << 20, 500, "count",
        "slow-cache: peers of 256 bytes in the cache, which then is full"),
    ROW(step_after_ns, 0, DAY_NS, 20 * SECOND_NS, "ns",
        "one-step: when the index is built, from the node's start"),
    ROW(step_bytes, 1, INT64_C(1) << 30, 512 * 1024, "bytes",
        "one-step: its size"),
    ROW(records, 16, 1 << 20, 512, "count",
        "fragmentation: records of 64 to 4096 bytes that live at a time"),
    ROW(leak_after_ns, 0, DAY_NS, 30 * SECOND_NS, "ns",
        "late-leak: when it begins, from the node's start"),
    ROW(leak_bytes, sizeof(struct pattern_note), 1 << 20, 64, "bytes",
        "one-object, late-leak: size of the object that is lost"),
};

const size_t patterns_param_count =
    sizeof patterns_param_table / sizeof patterns_param_table[0];

int patterns_init(struct patterns *patterns, const struct defects *defects,
                  const struct patterns_params *params, uint64_t seed,
                  int64_t now_ns)
{
    memset(patterns, 0, sizeof *patterns);
    patterns->defects = defects;
    param_defaults(patterns_param_table, patterns_param_count,
                   &patterns->params);
    if (params != NULL) {
        patterns->params = *params;
    }
    rng_init(&patterns->rng, seed);
    patterns->began_ns = now_ns;
    return param_check(patterns_param_table, patterns_param_count,
                       &patterns->params) == NULL
               ? 0
               : -EINVAL;
}

/* |bytes| in all, the link included. */
static struct pattern_note *note(size_t bytes, const void *what, size_t size)
{
    struct pattern_note *fresh = malloc(bytes);
    if (fresh != NULL) {
        bytes -= sizeof *fresh;
        fresh->next = NULL;
        memset(fresh->bytes, 0x5a, bytes);
        memcpy(fresh->bytes, what, size < bytes ? size : bytes);
    }
    return fresh;
}

static bool keep(struct pattern_note **list, struct pattern_note *fresh)
{
    if (fresh != NULL) {
        fresh->next = *list;
        *list = fresh;
    }
    return fresh != NULL;
}

static void empty(struct pattern_note **list)
{
    while (*list != NULL) {
        struct pattern_note *next = (*list)->next;
        free(*list);
        *list = next;
    }
}

void patterns_deinit(struct patterns *patterns)
{
    empty(&patterns->journal);
    empty(&patterns->cache);
    free(patterns->index);
    for (size_t i = 0;
         patterns->records != NULL && i < (size_t)patterns->params.records;
         i++) {
        free(patterns->records[i]);
    }
    free(patterns->records);
    free(patterns->latest);
    free(patterns->vector);
    memset(patterns, 0, sizeof *patterns);
}

/* --- what is healthy ------------------------------------------------------ */

static void fill_journal(struct patterns *patterns, const uint8_t *payload,
                         size_t payload_bytes)
{
    if (patterns->journal_count == (size_t)patterns->params.journal_messages) {
        empty(&patterns->journal);
        patterns->journal_count = 0;
    }
    patterns->journal_count += keep(
        &patterns->journal, note(JOURNAL_NOTE_BYTES, payload, payload_bytes));
}

static void fill_cache(struct patterns *patterns,
                       const struct peer_contact *peer)
{
    if (patterns->cache_count < (size_t)patterns->params.cache_peers) {
        patterns->cache_count +=
            keep(&patterns->cache, note(CACHE_NOTE_BYTES, peer, sizeof *peer));
    }
}

static void build_index(struct patterns *patterns, int64_t now_ns)
{
    size_t bytes = (size_t)patterns->params.step_bytes;
    if (patterns->index == NULL &&
        now_ns - patterns->began_ns >= patterns->params.step_after_ns) {
        patterns->index = malloc(bytes);
        if (patterns->index != NULL) {
            memset(patterns->index, 0x5a, bytes);
        }
    }
}

/* A record a message takes the place of the one that is oldest; one in
 * LONG_LIVED_ONE_IN is spared when its turn comes. */
static void turn_over_records(struct patterns *patterns, const uint8_t *payload,
                              size_t payload_bytes)
{
    size_t count = (size_t)patterns->params.records;
    if (patterns->records == NULL) {
        patterns->records = calloc(count, sizeof *patterns->records);
    }
    if (patterns->records == NULL) {
        return;
    }
    struct pattern_note **place = &patterns->records[patterns->record_next];
    patterns->record_next = (patterns->record_next + 1) % count;
    if (*place != NULL && rng_below(&patterns->rng, LONG_LIVED_ONE_IN) == 0) {
        return;
    }
    free(*place);
    size_t bytes =
        (size_t)rng_between(&patterns->rng, RECORD_BYTES_MIN, RECORD_BYTES_MAX);
    *place = note(bytes, payload, payload_bytes);
}

/* --- what leaks ----------------------------------------------------------- */

static void lose_one(struct patterns *patterns, const struct peer_contact *peer)
{
    /* The bug: what was there before is not freed. */
    patterns->latest =
        note((size_t)patterns->params.leak_bytes, peer, sizeof *peer);
}

static void append(struct patterns *patterns, const struct peer_contact *peer)
{
    if (patterns->vector_count == patterns->vector_capacity) {
        size_t capacity = patterns->vector_capacity > 0
                              ? 2 * patterns->vector_capacity
                              : VECTOR_CAPACITY_MIN;
        struct peer_contact *grown =
            realloc(patterns->vector, capacity * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        patterns->vector = grown;
        patterns->vector_capacity = capacity;
    }
    patterns->vector[patterns->vector_count++] = *peer;
}

/* --- what happens --------------------------------------------------------- */

void patterns_on_peer(struct patterns *patterns,
                      const struct peer_contact *peer, int64_t now_ns)
{
    const bool *has = patterns->defects->has;
    bool is_late =
        now_ns - patterns->began_ns >= patterns->params.leak_after_ns;
    if (has[CONTROL_SLOW_CACHE]) {
        fill_cache(patterns, peer);
    }
    if (has[CONTROL_ONE_STEP]) {
        build_index(patterns, now_ns);
    }
    if (has[DEFECT_ONE_OBJECT] || (has[DEFECT_LATE_LEAK] && is_late)) {
        lose_one(patterns, peer);
    }
    if (has[DEFECT_DOUBLING_VECTOR]) {
        append(patterns, peer);
    }
}

void patterns_on_message(struct patterns *patterns, const uint8_t *payload,
                         size_t payload_bytes)
{
    const bool *has = patterns->defects->has;
    if (has[CONTROL_SAWTOOTH]) {
        fill_journal(patterns, payload, payload_bytes);
    }
    if (has[CONTROL_FRAGMENTATION]) {
        turn_over_records(patterns, payload, payload_bytes);
    }
}
