#include "scenario/placeholder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_FIRST "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define NAME_REST NAME_FIRST DIGITS "_"
#define ROLE_REST NAME_FIRST DIGITS "-"

enum { ORDINAL_DIGITS_MAX = 9 };

/* Reads "{name}", "{name:ROLE}" or "{name:ROLE:N}" at |start|. Returns where
 * it ends, or NULL when that is none. */
static const char *read_name(const char *start,
                             struct placeholder_part *ret_part)
{
    struct placeholder_part part = {.start = start + 1, .is_name = true};
    if (start[0] != '{' || strspn(part.start, NAME_FIRST) == 0) {
        return NULL;
    }
    part.length = strspn(part.start, NAME_REST);
    const char *at = part.start + part.length;
    if (at[0] == ':' && strspn(at + 1, NAME_FIRST) > 0) {
        part.role = at + 1;
        part.role_length = strspn(part.role, ROLE_REST);
        at = part.role + part.role_length;
        if (at[0] == ':') {
            size_t digits = strspn(at + 1, DIGITS);
            if (digits == 0 || digits > ORDINAL_DIGITS_MAX) {
                return NULL;
            }
            part.ordinal = (uint32_t)strtoul(at + 1, NULL, 10);
            at += 1 + digits;
        }
    }
    if (at[0] != '}') {
        return NULL;
    }
    *ret_part = part;
    return at + 1;
}

/* A brace in a file is ours only where it is part of a placeholder. */
static void next_in_file(const char **cursor, struct placeholder_part *part)
{
    const char *start = *cursor;
    const char *end = read_name(start, part);
    if (end != NULL) {
        *cursor = end;
        return;
    }
    end = start[0] == '{' ? read_name(start + 1, part) : NULL;
    *part = (struct placeholder_part){.start = start};
    if (end != NULL && end[0] == '}') {
        part->start = start + 1;
        part->length = (size_t)(end - part->start);
        *cursor = end + 1;
    } else {
        part->length = 1 + strcspn(start + 1, "{");
        *cursor = start + part->length;
    }
}

int placeholder_next(const char **cursor, enum placeholder_style style,
                     struct placeholder_part *ret_part)
{
    const char *start = *cursor;
    struct placeholder_part part = {.start = start};
    if (start[0] == '\0') {
        *ret_part = part;
        return 0;
    }
    if (style == PLACEHOLDER_IN_FILE) {
        next_in_file(cursor, &part);
    } else if (start[0] != '{' && start[0] != '}') {
        part.length = strcspn(start, "{}");
        *cursor = start + part.length;
    } else if (start[1] == start[0]) {
        part.length = 1;
        *cursor = start + 2;
    } else {
        const char *end = read_name(start, &part);
        if (end == NULL) {
            ret_part->start = start;
            return PLACEHOLDER_BRACE;
        }
        *cursor = end;
    }
    *ret_part = part;
    return 0;
}

/* Turns the name of |part| into the text that it stands for; |other| is for
 * that of another role. */
static int look_up(const struct placeholder_values *values,
                   struct placeholder_part *part,
                   char other[PLACEHOLDER_OTHER_SIZE])
{
    if (part->role != NULL) {
        int r = values->of_other != NULL
                    ? values->of_other(values->context, part, other)
                    : PLACEHOLDER_UNKNOWN;
        part->start = other;
        part->length = r == 0 ? strlen(other) : 0;
        return r;
    }
    for (size_t i = 0; i < values->own_count; i++) {
        const struct placeholder *own = &values->own[i];
        if (strlen(own->name) == part->length &&
            memcmp(own->name, part->start, part->length) == 0) {
            part->start = own->value;
            part->length = strlen(own->value);
            return 0;
        }
    }
    return PLACEHOLDER_UNKNOWN;
}

/* Writes the expanded word to |text|, or only measures it when that is NULL;
 * the terminator is not counted. */
static int expand(const char *word, enum placeholder_style style,
                  const struct placeholder_values *values, char *text,
                  size_t *ret_length)
{
    size_t length = 0;
    for (const char *cursor = word; *cursor != '\0';) {
        char other[PLACEHOLDER_OTHER_SIZE];
        struct placeholder_part part;
        int r = placeholder_next(&cursor, style, &part);
        if (r == 0 && part.is_name) {
            r = look_up(values, &part, other);
        }
        if (r != 0) {
            return r;
        }
        if (text != NULL) {
            memcpy(text + length, part.start, part.length);
        }
        length += part.length;
    }
    *ret_length = length;
    return 0;
}

int placeholder_expand(const char *word, enum placeholder_style style,
                       const struct placeholder_values *values, char **ret_text)
{
    size_t length = 0;
    int r = expand(word, style, values, NULL, &length);
    if (r != 0) {
        return r;
    }
    char *text = malloc(length + 1);
    if (text == NULL) {
        return -ENOMEM;
    }
    (void)expand(word, style, values, text, &length);
    text[length] = '\0';
    *ret_text = text;
    return 0;
}
