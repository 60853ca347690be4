/* words.h - every text once: function names, file names, libraries.
 *
 * A text becomes a number, the same for the same text, so that two profiles
 * that share their words are compared by numbers. Number 0 is "". Texts are
 * bytes without NUL, cut to WORDS_TEXT_MAX.
 */
#ifndef PLATEAU_HEAP_WORDS_H
#define PLATEAU_HEAP_WORDS_H

#include "heap/idmap.h"

#include <stddef.h>
#include <stdint.h>

enum {
    WORDS_TEXT_MAX = 4096,
    WORDS_MAX = 1 << 24,          /* texts */
    WORDS_BYTES_MAX = 1024 << 20, /* in all; beyond either: -E2BIG */
};

struct words {
    char *bytes; /* one terminated text after the other */
    size_t bytes_used, bytes_room;
    uint32_t *starts; /* of each text in |bytes| */
    uint32_t count, room;
    struct idmap map;
};

/* 0 or -ENOMEM. */
int words_init(struct words *words);
void words_deinit(struct words *words);

/* The number of a text of |size| bytes, new or known. 0 and *ret_word;
 * -ENOMEM, -E2BIG. */
int words_add(struct words *words, const char *text, size_t size,
              uint32_t *ret_word);

/* The text; lent until the next words_add(). */
static inline const char *words_text(const struct words *words, uint32_t word)
{
    return words->bytes + words->starts[word];
}

#endif
