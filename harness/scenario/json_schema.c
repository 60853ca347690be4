/* JSON Schema, draft 2020-12 (json-schema.org/draft/2020-12), of the table of
 * keys. What YAML reads as a number or a boolean and we as text is allowed
 * where text is: `command: [sleep, 60]`. */
#include "scenario/reference.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { INDENT = 2 };

static const char text_types[] =
    "\"type\": [\"string\", \"number\", \"boolean\"]";

/* A line that begins so deep; what follows is the caller's. */
static void begin_line(FILE *stream, int depth)
{
    (void)fprintf(stream, "\n%*s", depth * INDENT, "");
}

static void print_string(FILE *stream, const char *text)
{
    (void)fputc('"', stream);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            (void)fprintf(stream, "\\%c", byte);
        } else if (byte < ' ') {
            (void)fprintf(stream, "\\u%04x", byte);
        } else {
            (void)fputc(byte, stream);
        }
    }
    (void)fputc('"', stream);
}

/* A value as the table has it: JSON already unless it is text or a word, of
 * which "true" and "false" are what YAML makes of them. */
static void print_value(FILE *stream, const struct key *key, const char *value)
{
    bool is_switch = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    if (key->type == KEY_TEXT || (key->type == KEY_CHOICE && !is_switch)) {
        print_string(stream, value);
    } else {
        (void)fputs(value, stream);
    }
}

static void print_words(FILE *stream, const struct key *key, int depth)
{
    (void)fputs("\"oneOf\": [", stream);
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        begin_line(stream, depth + 1);
        (void)fputs("{\"const\": ", stream);
        print_value(stream, key, word->name);
        (void)fputs(", \"description\": ", stream);
        print_string(stream, word->about);
        (void)fputs(word[1].name != NULL ? "}," : "}", stream);
    }
    begin_line(stream, depth);
    (void)fputc(']', stream);
}

static void print_range(FILE *stream, const struct key *key, const char *type)
{
    if (key->size == sizeof(uint64_t) && key->type == KEY_WHOLE) {
        (void)fprintf(stream,
                      "\"type\": \"%s\", \"minimum\": 0, \"maximum\": %llu",
                      type, (unsigned long long)UINT64_MAX);
    } else if (key->is_zero_allowed) {
        (void)fprintf(stream,
                      "\"type\": \"%s\", \"anyOf\": [{\"const\": 0}, "
                      "{\"minimum\": %.15g, \"maximum\": %.15g}]",
                      type, key->min, key->max);
    } else {
        (void)fprintf(
            stream, "\"type\": \"%s\", \"minimum\": %.15g, \"maximum\": %.15g",
            type, key->min, key->max);
    }
}

static void print_section(FILE *stream, enum key_section id, int depth);

static void print_list(FILE *stream, const struct key *key, int depth)
{
    (void)fprintf(
        stream, "\"type\": \"array\", \"minItems\": %.0f, \"maxItems\": %.0f,",
        key->min, key->max);
    begin_line(stream, depth);
    (void)fputs("\"items\": {", stream);
    if (key->type == KEY_TEXTS) {
        (void)fputs(text_types, stream);
    } else {
        print_section(stream, key->child, depth + 1);
        begin_line(stream, depth);
    }
    (void)fputc('}', stream);
}

static void print_type(FILE *stream, const struct key *key, int depth)
{
    begin_line(stream, depth);
    switch (key->type) {
    case KEY_TEXT:
        (void)fprintf(stream, "%s, \"minLength\": %.0f, \"maxLength\": %.0f",
                      text_types, key->min, key->max);
        break;
    case KEY_CHOICE:
        print_words(stream, key, depth);
        break;
    case KEY_WHOLE:
        print_range(stream, key, "integer");
        break;
    case KEY_NUMBER:
        print_range(stream, key, "number");
        break;
    case KEY_TEXTS:
    case KEY_MAPPINGS:
        print_list(stream, key, depth);
        break;
    case KEY_MAPPING:
        print_section(stream, key->child, depth);
        break;
    }
}

/* What the member of an object looks like, in its braces. */
static void print_key(FILE *stream, const struct key *key, int depth)
{
    bool is_scalar = key->type == KEY_TEXT || key->type == KEY_CHOICE ||
                     key->type == KEY_WHOLE || key->type == KEY_NUMBER;
    begin_line(stream, depth);
    print_string(stream, key->name);
    (void)fputs(": {", stream);
    begin_line(stream, depth + 1);
    (void)fputs("\"description\": ", stream);
    print_string(stream, key->about);
    (void)fputc(',', stream);
    if (key->unit != NULL) {
        begin_line(stream, depth + 1);
        (void)fputs("\"$comment\": ", stream);
        print_string(stream, key->unit);
        (void)fputc(',', stream);
    }
    if (is_scalar && key->fallback != NULL &&
        strcmp(key->fallback, "-inf") != 0) {
        begin_line(stream, depth + 1);
        (void)fputs("\"default\": ", stream);
        print_value(stream, key, key->fallback);
        (void)fputc(',', stream);
    }
    if (key->example != NULL) {
        begin_line(stream, depth + 1);
        (void)fputs("\"examples\": [", stream);
        print_value(stream, key, key->example);
        (void)fputs("],", stream);
    }
    print_type(stream, key, depth + 1);
    begin_line(stream, depth);
    (void)fputc('}', stream);
}

/* What an object of the section looks like, without its braces. */
static void print_section(FILE *stream, enum key_section id, int depth)
{
    const struct section *section = keys_section(id);
    bool is_first = true;
    begin_line(stream, depth);
    (void)fputs("\"type\": \"object\", \"additionalProperties\": false,",
                stream);
    begin_line(stream, depth);
    (void)fputs("\"required\": [", stream);
    for (size_t i = 0; i < section->count; i++) {
        const struct key *key = &section->keys[i];
        if (key->fallback == NULL && !key->is_optional) {
            (void)fputs(is_first ? "" : ", ", stream);
            print_string(stream, key->name);
            is_first = false;
        }
    }
    (void)fputs("],", stream);
    begin_line(stream, depth);
    (void)fputs("\"properties\": {", stream);
    for (size_t i = 0; i < section->count; i++) {
        print_key(stream, &section->keys[i], depth + 1);
        (void)fputs(i + 1 < section->count ? "," : "", stream);
    }
    begin_line(stream, depth);
    (void)fputc('}', stream);
}

void reference_print_json_schema(FILE *stream)
{
    (void)fputs("{", stream);
    begin_line(stream, 1);
    (void)fputs(
        "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",",
        stream);
    begin_line(stream, 1);
    (void)fputs("\"title\": \"a scenario of Plateau\",", stream);
    print_section(stream, SECTION_ROOT, 1);
    (void)fputs("\n}\n", stream);
}
