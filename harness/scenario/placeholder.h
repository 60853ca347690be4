/* placeholder.h - "{name}" in a word of a command stands for a value.
 *
 * A name is [a-z][a-z0-9_]*; "{name:ROLE}" and "{name:ROLE:N}" are what it is
 * for the first process of another role, or for its process N (from 0). A value
 * is put in as it is and not looked at again.
 *
 * In a word "{{" and "}}" are literal braces, and any other brace is a
 * mistake. In the text of a file, which may be full of braces that are none of
 * ours (JSON, nginx), every brace that is not part of a placeholder stands for
 * itself, and "{{name}}" for "{name}".
 */
#ifndef PLATEAU_SCENARIO_PLACEHOLDER_H
#define PLATEAU_SCENARIO_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLACEHOLDER_UNKNOWN = 1, /* "{name}" is none of the values */
    PLACEHOLDER_BRACE = 2,   /* a brace stands alone, or holds no name */
};

enum { PLACEHOLDER_OTHER_SIZE = 128 }; /* of a value of another role */

/* Where the braces are. */
enum placeholder_style {
    PLACEHOLDER_IN_WORD,
    PLACEHOLDER_IN_FILE,
};

struct placeholder {
    const char *name; /* without its braces */
    const char *value;
};

/* One part of a word: literal text, or a placeholder. */
struct placeholder_part {
    const char *start; /* within the word; not terminated; of a placeholder:
                        * its name */
    size_t length;     /* 0: the word is at its end */
    bool is_name;
    const char *role; /* NULL: our own */
    size_t role_length;
    uint32_t ordinal; /* of the role's process; UINT32_MAX at the most */
};

/* What placeholders stand for. */
struct placeholder_values {
    const struct placeholder *own;
    size_t own_count;
    /* Writes what |part| is for the role that it names. 0, PLACEHOLDER_UNKNOWN,
     * or -errno. NULL: there are no other roles. */
    int (*of_other)(const void *context, const struct placeholder_part *part,
                    char ret_text[PLACEHOLDER_OTHER_SIZE]);
    const void *context;
};

/* Takes the next part off *cursor, which moves on. 0, with |length| 0 at the
 * end of the word; or PLACEHOLDER_BRACE, with |start| at the brace. */
int placeholder_next(const char **cursor, enum placeholder_style style,
                     struct placeholder_part *ret_part);

/* Puts |values| into |word|. 0 and *ret_text, which the caller frees;
 * PLACEHOLDER_UNKNOWN, PLACEHOLDER_BRACE or -ENOMEM, and *ret_text is left
 * alone. A scenario that was loaded gives neither condition, as long as
 * |values| has every name of scenario_placeholders. */
int placeholder_expand(const char *word, enum placeholder_style style,
                       const struct placeholder_values *values,
                       char **ret_text);

#endif
