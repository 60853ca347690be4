/* placeholder.h - "{name}" in a word of a command stands for a value.
 *
 * A name is [a-z][a-z0-9_]*. "{{" and "}}" are literal braces. A value is put
 * in as it is and not looked at again.
 */
#ifndef PLATEAU_SCENARIO_PLACEHOLDER_H
#define PLATEAU_SCENARIO_PLACEHOLDER_H

#include <stddef.h>

enum {
    PLACEHOLDER_UNKNOWN = 1, /* "{name}" is none of the values */
    PLACEHOLDER_BRACE = 2,   /* a brace stands alone, or holds no name */
};

struct placeholder {
    const char *name; /* without its braces */
    const char *value;
};

/* One part of a word: literal text, or the name of a placeholder. */
struct placeholder_part {
    const char *start; /* within the word; not terminated */
    size_t length;     /* 0: the word is at its end */
    int is_name;
};

/* Takes the next part off *cursor, which moves on. 0, with |length| 0 at the
 * end of the word; or PLACEHOLDER_BRACE, with |start| at the brace. */
int placeholder_next(const char **cursor, struct placeholder_part *ret_part);

/* Puts |values| into |word|. 0 and *ret_text, which the caller frees;
 * PLACEHOLDER_UNKNOWN, PLACEHOLDER_BRACE or -ENOMEM, and *ret_text is left
 * alone. A scenario that was loaded gives neither condition, as long as
 * |values| has every name of scenario_placeholders. */
int placeholder_expand(const char *word, const struct placeholder *values,
                       size_t count, char **ret_text);

#endif
