#include "scenario/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct section *keys_section(enum key_section id)
{
    assert(id < SECTION_COUNT);
    assert(keys_sections[id]->count <= KEYS_MAX);
    return keys_sections[id];
}

const struct key *keys_find(enum key_section id, const char *name)
{
    const struct section *section = keys_section(id);
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->keys[i].name, name) == 0) {
            return &section->keys[i];
        }
    }
    return NULL;
}

enum { SLIP_LENGTH_MAX = 40 }; /* names longer than that have no neighbour */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, taken out, exchanged or swapped with
 * their neighbour to make |a| of |b| (F. Damerau, "A technique for computer
 * detection and correction of spelling errors", CACM 7(3), 1964), in the
 * restricted form that edits no place twice. */
static size_t count_slips(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    size_t d[SLIP_LENGTH_MAX + 1][SLIP_LENGTH_MAX + 1];
    if (n > SLIP_LENGTH_MAX || m > SLIP_LENGTH_MAX) {
        return SLIP_LENGTH_MAX;
    }
    for (size_t i = 0; i <= n; i++) {
        d[i][0] = i;
    }
    for (size_t j = 0; j <= m; j++) {
        d[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            size_t shift = smaller(d[i - 1][j], d[i][j - 1]) + 1;
            d[i][j] = smaller(change, shift);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[n][m];
}

const char *keys_nearest(const char *name, const char *const *names,
                         size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t slips = count_slips(name, names[i]);
        /* A unit forgotten ("duration") is more letters than a slip. */
        size_t length = strlen(name);
        if (length >= 4 && strncmp(name, names[i], length) == 0) {
            slips = 1;
        }
        if (slips <= least && (nearest == NULL || slips < least)) {
            nearest = names[i];
            least = slips;
        }
    }
    return nearest;
}

/* Appends to |text| of |size| bytes; what does not fit is cut. */
static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void describe_range(const struct key *key, const char *what, char *text,
                           size_t size)
{
    append(text, size, "%s%s from %.15g to %.15g", what,
           key->is_zero_allowed ? ", 0 or" : "", key->min, key->max);
    if (key->unit != NULL) {
        append(text, size, " %s", key->unit);
    }
}

static void describe_words(const struct key *key, char *text, size_t size)
{
    append(text, size, "one of");
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        append(text, size, "%s '%s'", word == key->words ? "" : ",",
               word->name);
    }
}

char *keys_describe(const struct key *key, char *text, size_t size)
{
    assert(size > 0);
    text[0] = '\0';
    switch (key->type) {
    case KEY_TEXT:
        append(text, size, "text of %.0f to %.0f characters", key->min,
               key->max);
        break;
    case KEY_CHOICE:
        describe_words(key, text, size);
        break;
    case KEY_WHOLE:
        if (key->size == sizeof(uint64_t)) {
            append(text, size, "a whole number from 0 to %llu",
                   (unsigned long long)UINT64_MAX);
        } else {
            describe_range(key, "a whole number", text, size);
        }
        break;
    case KEY_NUMBER:
        describe_range(key, "a number", text, size);
        break;
    case KEY_TEXTS:
        append(text, size, "a list of %.0f to %.0f words of text", key->min,
               key->max);
        break;
    case KEY_MAPPING:
        append(text, size, "a mapping (key: value)");
        break;
    case KEY_MAPPINGS:
        append(text, size, "a list of %.0f to %.0f mappings", key->min,
               key->max);
        break;
    }
    return text;
}
