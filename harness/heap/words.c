#include "heap/words.h"

#include <string.h>

enum { FIRST_BYTES = 4096, FIRST_TEXTS = 256 };

int words_init(struct words *words)
{
    uint32_t empty = 0;
    *words = (struct words){0};
    int r = words_add(words, "", 0, &empty);
    if (r < 0) {
        words_deinit(words);
    }
    return r;
}

void words_deinit(struct words *words)
{
    free(words->bytes);
    free(words->starts);
    idmap_deinit(&words->map);
    *words = (struct words){0};
}

static uint32_t hash_text(const char *text, size_t size)
{
    uint32_t hash = IDMAP_SEED;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

/* Makes room for one more text of |size| bytes. */
static int grow(struct words *words, size_t size)
{
    if (words->count >= WORDS_MAX ||
        words->bytes_used + size + 1 > WORDS_BYTES_MAX) {
        return -E2BIG;
    }
    if (words->bytes_used + size + 1 > words->bytes_room) {
        size_t room = words->bytes_room > 0 ? words->bytes_room : FIRST_BYTES;
        while (room < words->bytes_used + size + 1) {
            room *= 2;
        }
        char *bytes = realloc(words->bytes, room);
        if (bytes == NULL) {
            return -ENOMEM;
        }
        words->bytes = bytes;
        words->bytes_room = room;
    }
    if (words->count == words->room) {
        uint32_t room = words->room > 0 ? words->room * 2 : FIRST_TEXTS;
        uint32_t *starts = realloc(words->starts, room * sizeof *words->starts);
        if (starts == NULL) {
            return -ENOMEM;
        }
        words->starts = starts;
        words->room = room;
    }
    return 0;
}

int words_add(struct words *words, const char *text, size_t size,
              uint32_t *ret_word)
{
    size = size > WORDS_TEXT_MAX ? WORDS_TEXT_MAX : size;
    uint32_t hash = hash_text(text, size);
    for (struct idmap_walk walk = idmap_find(&words->map, hash);
         idmap_next(&words->map, &walk);) {
        const char *known = words_text(words, walk.id);
        if (strncmp(known, text, size) == 0 && known[size] == '\0') {
            *ret_word = walk.id;
            return 0;
        }
    }
    int r = grow(words, size);
    if (r == 0) {
        r = idmap_add(&words->map, hash, words->count);
    }
    if (r < 0) {
        return r;
    }
    words->starts[words->count] = (uint32_t)words->bytes_used;
    memcpy(words->bytes + words->bytes_used, text, size);
    words->bytes_used += size;
    words->bytes[words->bytes_used++] = '\0';
    *ret_word = words->count++;
    return 0;
}
