#include "scenario/placeholder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_FIRST "abcdefghijklmnopqrstuvwxyz"
#define NAME_REST NAME_FIRST "0123456789_"

int placeholder_next(const char **cursor, struct placeholder_part *ret_part)
{
    const char *start = *cursor;
    struct placeholder_part part = {.start = start};
    if (start[0] != '{' && start[0] != '}') {
        part.length = strcspn(start, "{}");
        *cursor = start + part.length;
    } else if (start[1] == start[0]) {
        part.length = 1;
        *cursor = start + 2;
    } else {
        size_t first = strspn(start + 1, NAME_FIRST);
        part.length = first == 0 ? 0 : strspn(start + 1, NAME_REST);
        if (start[0] == '}' || part.length == 0 ||
            start[1 + part.length] != '}') {
            ret_part->start = start;
            return PLACEHOLDER_BRACE;
        }
        part.start = start + 1;
        part.is_name = 1;
        *cursor = part.start + part.length + 1;
    }
    *ret_part = part;
    return 0;
}

/* Turns the name of |part| into the text that it stands for. */
static int look_up(const struct placeholder *values, size_t count,
                   struct placeholder_part *part)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(values[i].name) == part->length &&
            memcmp(values[i].name, part->start, part->length) == 0) {
            part->start = values[i].value;
            part->length = strlen(values[i].value);
            return 0;
        }
    }
    return PLACEHOLDER_UNKNOWN;
}

/* Writes the expanded word to |text|, or only measures it when that is NULL;
 * the terminator is not counted. */
static int expand(const char *word, const struct placeholder *values,
                  size_t count, char *text, size_t *ret_length)
{
    size_t length = 0;
    for (const char *cursor = word; *cursor != '\0';) {
        struct placeholder_part part;
        int r = placeholder_next(&cursor, &part);
        if (r == 0 && part.is_name) {
            r = look_up(values, count, &part);
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

int placeholder_expand(const char *word, const struct placeholder *values,
                       size_t count, char **ret_text)
{
    size_t length = 0;
    int r = expand(word, values, count, NULL, &length);
    if (r != 0) {
        return r;
    }
    char *text = malloc(length + 1);
    if (text == NULL) {
        return -ENOMEM;
    }
    (void)expand(word, values, count, text, &length);
    text[length] = '\0';
    *ret_text = text;
    return 0;
}
