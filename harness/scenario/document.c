#include "scenario/document.h"

#include "scenario/keys.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

enum { SHOWN_MAX = 60 }; /* bytes of a wrong value that a sentence quotes */

struct document {
    yaml_document_t yaml;
    const char *file;
    const char *text;
    size_t size;
};

/* What the checks share. */
struct checker {
    struct document *document;
    struct err *err;
};

/* --- reading ------------------------------------------------------------- */

/* libyaml gives the place of a byte that it cannot read as an offset only. */
static void blame_byte(const struct document *document, size_t offset,
                       const char *problem, struct err *err)
{
    int line = 1;
    int column = 1;
    for (size_t i = 0; i < offset && i < document->size; i++) {
        unsigned char byte = (unsigned char)document->text[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xC0) != 0x80) {
            column++;
        }
    }
    err_set(err, document->file, line, column,
            "%s; a scenario is plain UTF-8 text", problem);
}

static void blame_syntax(const struct document *document,
                         const yaml_parser_t *parser, struct err *err)
{
    const yaml_mark_t *mark = &parser->problem_mark;
    int line = (int)mark->line + 1;
    int column = (int)mark->column + 1;
    if (mark->index < document->size && document->text[mark->index] == '\t') {
        err_set(err, document->file, line, column,
                "a tab; YAML is indented with spaces only");
    } else if (parser->context != NULL &&
               parser->context_mark.line != mark->line) {
        err_set(err, document->file, line, column,
                "not YAML: %s (%s that began in line %zu)", parser->problem,
                parser->context, parser->context_mark.line + 1);
    } else {
        err_set(err, document->file, line, column, "not YAML: %s",
                parser->problem ? parser->problem : "it cannot be read");
    }
}

/* Whether nothing but comments follows the document. */
static int require_end(struct document *document, yaml_parser_t *parser,
                       struct err *err)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        blame_syntax(document, parser, err);
        return -EINVAL;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    int r = 0;
    if (root != NULL) {
        err_set(err, document->file, (int)root->start_mark.line + 1,
                (int)root->start_mark.column + 1,
                "a second document begins here; a scenario is one document "
                "(remove the '---')");
        r = -EINVAL;
    }
    yaml_document_delete(&next);
    return r;
}

/* Parses into |document|; on failure nothing is left to delete. */
static int parse(struct document *document, struct err *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)document->text,
                                 document->size);
    int r = 0;
    if (!yaml_parser_load(&parser, &document->yaml)) {
        r = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL;
        if (parser.error == YAML_READER_ERROR) {
            blame_byte(document, parser.problem_offset, parser.problem, err);
        } else if (r == -EINVAL) {
            blame_syntax(document, &parser, err);
        }
    } else {
        r = require_end(document, &parser, err);
        if (r < 0) {
            yaml_document_delete(&document->yaml);
        }
    }
    yaml_parser_delete(&parser);
    return r;
}

/* --- looking ------------------------------------------------------------- */

/* libyaml takes documents by a pointer to what is not const, and changes
 * nothing. */
static yaml_node_t *node_at(const struct document *document, int id)
{
    return yaml_document_get_node((yaml_document_t *)&document->yaml, id);
}

static const char *scalar_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static size_t pairs_count(const yaml_node_t *map)
{
    return (size_t)(map->data.mapping.pairs.top -
                    map->data.mapping.pairs.start);
}

static size_t items_count(const yaml_node_t *list)
{
    return (size_t)(list->data.sequence.items.top -
                    list->data.sequence.items.start);
}

static yaml_node_t *find_value(const struct document *document,
                               const yaml_node_t *map, const char *name,
                               size_t length)
{
    for (size_t i = 0; i < pairs_count(map); i++) {
        const yaml_node_pair_t *pair = &map->data.mapping.pairs.start[i];
        const yaml_node_t *key = node_at(document, pair->key);
        if (key->type == YAML_SCALAR_NODE &&
            key->data.scalar.length == length &&
            memcmp(key->data.scalar.value, name, length) == 0) {
            return node_at(document, pair->value);
        }
    }
    return NULL;
}

/* The node that |path| names, or the innermost on the way to it. */
static const yaml_node_t *find_path(const struct document *document,
                                    const char *path, int *ret_is_whole)
{
    const yaml_node_t *node = node_at(document, 1);
    *ret_is_whole = 0;
    while (*path != '\0') {
        const yaml_node_t *next = NULL;
        if (*path == '[') {
            char *end = NULL;
            size_t index = strtoul(path + 1, &end, 10);
            assert(*end == ']');
            path = end + 1;
            if (node->type == YAML_SEQUENCE_NODE && index < items_count(node)) {
                next =
                    node_at(document, node->data.sequence.items.start[index]);
            }
        } else {
            path += *path == '.';
            size_t length = strcspn(path, ".[");
            if (node->type == YAML_MAPPING_NODE) {
                next = find_value(document, node, path, length);
            }
            path += length;
        }
        if (next == NULL) {
            return node;
        }
        node = next;
    }
    *ret_is_whole = 1;
    return node;
}

int document_has(const struct document *document, const char *path)
{
    int is_whole = 0;
    (void)find_path(document, path, &is_whole);
    return is_whole;
}

int document_blame(const struct document *document, const char *path,
                   struct err *err, const char *format, ...)
{
    char sentence[sizeof err->sentence];
    int is_whole = 0;
    const yaml_node_t *node = find_path(document, path, &is_whole);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    err_set(err, document->file, (int)node->start_mark.line + 1,
            (int)node->start_mark.column + 1, "%s", sentence);
    return -EINVAL;
}

/* --- checking ------------------------------------------------------------ */

static int blame(const struct checker *checker, const yaml_node_t *node,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static int blame(const struct checker *checker, const yaml_node_t *node,
                 const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    err_set(checker->err, checker->document->file,
            (int)node->start_mark.line + 1, (int)node->start_mark.column + 1,
            "%s", sentence);
    return -EINVAL;
}

/* What stands there, in words, cut to SHOWN_MAX bytes. */
static const char *show(const yaml_node_t *node, char *text, size_t size)
{
    if (node->type == YAML_MAPPING_NODE) {
        return "a mapping (key: value)";
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        return "a list";
    }
    if (node->data.scalar.length == 0) {
        return "empty";
    }
    size_t length = strcspn(scalar_text(node), "\r\n");
    int is_cut = length > SHOWN_MAX || length < node->data.scalar.length;
    length = length > SHOWN_MAX ? SHOWN_MAX : length;
    (void)snprintf(text, size, "'%.*s%s'", (int)length, scalar_text(node),
                   is_cut ? "..." : "");
    return text;
}

static int blame_value(const struct checker *checker, const struct key *key,
                       const yaml_node_t *node)
{
    char shown[SHOWN_MAX + 8];
    char right[256];
    const char *what = show(node, shown, sizeof shown);
    (void)keys_describe(key, right, sizeof right);
    if (key->type == KEY_CHOICE && node->type == YAML_SCALAR_NODE) {
        const char *names[WORDS_MAX];
        size_t count = 0;
        for (const struct key_word *word = key->words; word->name; word++) {
            names[count++] = word->name;
        }
        const char *near = keys_nearest(scalar_text(node), names, count);
        if (near != NULL) {
            return blame(checker, node,
                         "'%s' is %s; did you mean '%s'? It takes %s",
                         key->name, what, near, right);
        }
    }
    return blame(checker, node, "'%s' is %s; it takes %s", key->name, what,
                 right);
}

/* Digits without a sign or leading zeros: "010" is eight to some readers of
 * YAML and ten to others. */
static int check_whole(const struct checker *checker, const struct key *key,
                       const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length != node->data.scalar.length ||
        (text[0] == '0' && length > 1)) {
        return blame_value(checker, key, node);
    }
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno == ERANGE ||
        (key->size == sizeof(uint32_t) &&
         ((double)value > key->max || (double)value < key->min) &&
         !(value == 0 && key->is_zero_allowed))) {
        return blame_value(checker, key, node);
    }
    return 0;
}

static int check_number(const struct checker *checker, const struct key *key,
                        const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    char *end = NULL;
    double value = strtod(text, &end);
    if (node->data.scalar.length == 0 ||
        strspn(text, "+-.0123456789eE") != node->data.scalar.length ||
        *end != '\0' || !isfinite(value) || value < key->min ||
        value > key->max) {
        return blame_value(checker, key, node);
    }
    return 0;
}

static int check_choice(const struct checker *checker, const struct key *key,
                        const yaml_node_t *node)
{
    for (const struct key_word *word = key->words; word->name; word++) {
        if (strcmp(word->name, scalar_text(node)) == 0) {
            return 0;
        }
    }
    return blame_value(checker, key, node);
}

/* Text that C can hold: a NUL byte would cut it. */
static int check_bytes(const struct checker *checker, const struct key *key,
                       const yaml_node_t *node)
{
    if (strlen(scalar_text(node)) != node->data.scalar.length) {
        return blame(checker, node, "'%s' holds a NUL byte; remove the \\0",
                     key->name);
    }
    return 0;
}

static int check_scalar(const struct checker *checker, const struct key *key,
                        const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        return blame_value(checker, key, node);
    }
    int r = check_bytes(checker, key, node);
    if (r < 0) {
        return r;
    }
    switch (key->type) {
    case KEY_WHOLE:
        return check_whole(checker, key, node);
    case KEY_NUMBER:
        return check_number(checker, key, node);
    case KEY_CHOICE:
        return check_choice(checker, key, node);
    default:
        if ((double)node->data.scalar.length < key->min ||
            (double)node->data.scalar.length > key->max) {
            return blame_value(checker, key, node);
        }
        return 0;
    }
}

static int check_word(const struct checker *checker, const struct key *key,
                      const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE) {
        return blame(checker, node,
                     "a word of '%s' is a mapping; braces want quotes: "
                     "\"{name}\"",
                     key->name);
    }
    if (node->type != YAML_SCALAR_NODE) {
        return blame(checker, node, "a word of '%s' is a list; it is text",
                     key->name);
    }
    return check_bytes(checker, key, node);
}

static int check_section(const struct checker *checker, enum key_section id,
                         const yaml_node_t *map);

static int check_list(const struct checker *checker, const struct key *key,
                      const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE && key->type == KEY_MAPPINGS) {
        return blame(checker, node,
                     "'%s' is a mapping; it takes a list, each entry begun "
                     "with a hyphen: '- name: ...'",
                     key->name);
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return blame_value(checker, key, node);
    }
    size_t count = items_count(node);
    if ((double)count < key->min || (double)count > key->max) {
        char right[256];
        return blame(checker, node, "'%s' has %zu entries; it takes %s",
                     key->name, count, keys_describe(key, right, sizeof right));
    }
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item =
            node_at(checker->document, node->data.sequence.items.start[i]);
        int r = key->type == KEY_TEXTS
                    ? check_word(checker, key, item)
                    : check_section(checker, key->child, item);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_value(const struct checker *checker, const struct key *key,
                       const yaml_node_t *node)
{
    switch (key->type) {
    case KEY_TEXTS:
    case KEY_MAPPINGS:
        return check_list(checker, key, node);
    case KEY_MAPPING:
        if (node->type != YAML_MAPPING_NODE) {
            return blame_value(checker, key, node);
        }
        return check_section(checker, key->child, node);
    default:
        return check_scalar(checker, key, node);
    }
}

static int blame_unknown(const struct checker *checker,
                         const struct section *section, const yaml_node_t *node)
{
    char shown[SHOWN_MAX + 8];
    char known[512] = "";
    const char *names[KEYS_MAX];
    size_t used = 0;
    for (size_t i = 0; i < section->count; i++) {
        names[i] = section->keys[i].name;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 i == 0 ? "" : ", ", names[i]);
        assert(used < sizeof known);
    }
    const char *what = show(node, shown, sizeof shown);
    const char *near =
        node->type == YAML_SCALAR_NODE
            ? keys_nearest(scalar_text(node), names, section->count)
            : NULL;
    if (near != NULL) {
        return blame(checker, node,
                     "unknown key %s; did you mean '%s'? Keys of %s: %s", what,
                     near, section->about, known);
    }
    return blame(checker, node, "unknown key %s; keys of %s: %s", what,
                 section->about, known);
}

/* One pair: its key is known and new, and its value is right. */
static int check_pair(const struct checker *checker, enum key_section id,
                      const yaml_node_t *map, size_t index)
{
    const struct document *document = checker->document;
    const yaml_node_pair_t *pair = &map->data.mapping.pairs.start[index];
    const yaml_node_t *node = node_at(document, pair->key);
    const struct key *key = NULL;
    if (node->type == YAML_SCALAR_NODE) {
        key = keys_find(id, scalar_text(node));
    }
    if (key == NULL) {
        return blame_unknown(checker, keys_section(id), node);
    }
    for (size_t i = 0; i < index; i++) {
        const yaml_node_t *other =
            node_at(document, map->data.mapping.pairs.start[i].key);
        if (other->type == YAML_SCALAR_NODE &&
            strcmp(scalar_text(other), key->name) == 0) {
            return blame(checker, node,
                         "key '%s' stands twice, first in line %zu; keep one",
                         key->name, other->start_mark.line + 1);
        }
    }
    return check_value(checker, key, node_at(document, pair->value));
}

static int check_section(const struct checker *checker, enum key_section id,
                         const yaml_node_t *map)
{
    const struct section *section = keys_section(id);
    if (map->type != YAML_MAPPING_NODE) {
        char shown[SHOWN_MAX + 8];
        return blame(checker, map, "%s is %s; it is a mapping (key: value)",
                     section->about, show(map, shown, sizeof shown));
    }
    for (size_t i = 0; i < pairs_count(map); i++) {
        int r = check_pair(checker, id, map, i);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct key *key = &section->keys[i];
        if (key->fallback == NULL && !key->is_optional &&
            find_value(checker->document, map, key->name, strlen(key->name)) ==
                NULL) {
            char right[256];
            return blame(checker, map, "%s lacks the key '%s': %s",
                         section->about, key->name,
                         keys_describe(key, right, sizeof right));
        }
    }
    return 0;
}

int document_new(const char *file, const char *text, size_t size,
                 struct document **ret_document, struct err *err)
{
    struct document *document = calloc(1, sizeof *document);
    if (document == NULL) {
        return -ENOMEM;
    }
    document->file = file;
    document->text = text;
    document->size = size;
    int r = parse(document, err);
    if (r < 0) {
        free(document);
        return r;
    }
    const struct checker checker = {document, err};
    const yaml_node_t *root = node_at(document, 1);
    if (root == NULL) {
        err_set(err, file, 1, 1,
                "the file is empty; a scenario has at least 'roles'");
        r = -EINVAL;
    } else {
        r = check_section(&checker, SECTION_ROOT, root);
    }
    if (r < 0) {
        document_free(document);
        return r;
    }
    *ret_document = document;
    return 0;
}

void document_free(struct document *document)
{
    if (document != NULL) {
        yaml_document_delete(&document->yaml);
        free(document);
    }
}

/* --- filling in defaults ------------------------------------------------- */

/* Nodes move when one is added, so this goes by their ids. */
static int complete_section(struct document *document, enum key_section id,
                            int map);

/* Adds |key| with its default to |map|. Returns the id of the value, or
 * -ENOMEM. */
static int add_default(struct document *document, const struct key *key,
                       int map)
{
    yaml_document_t *yaml = &document->yaml;
    int name = yaml_document_add_scalar(
        yaml, NULL, (const yaml_char_t *)key->name, -1, YAML_ANY_SCALAR_STYLE);
    int value = 0;
    if (key->type == KEY_MAPPING) {
        value = yaml_document_add_mapping(yaml, NULL, YAML_ANY_MAPPING_STYLE);
    } else if (key->type == KEY_TEXTS || key->type == KEY_MAPPINGS) {
        value = yaml_document_add_sequence(yaml, NULL, YAML_ANY_SEQUENCE_STYLE);
    } else {
        value = yaml_document_add_scalar(yaml, NULL,
                                         (const yaml_char_t *)key->fallback, -1,
                                         YAML_ANY_SCALAR_STYLE);
    }
    if (name == 0 || value == 0 ||
        !yaml_document_append_mapping_pair(yaml, map, name, value)) {
        return -ENOMEM;
    }
    return value;
}

static int complete_list(struct document *document, enum key_section id,
                         int list)
{
    for (size_t i = 0; i < items_count(node_at(document, list)); i++) {
        int item = node_at(document, list)->data.sequence.items.start[i];
        int r = complete_section(document, id, item);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int complete_section(struct document *document, enum key_section id,
                            int map)
{
    const struct section *section = keys_section(id);
    for (size_t i = 0; i < section->count; i++) {
        const struct key *key = &section->keys[i];
        const yaml_node_t *value = find_value(document, node_at(document, map),
                                              key->name, strlen(key->name));
        int at = 0;
        if (value != NULL) {
            at = (int)(value - document->yaml.nodes.start) + 1;
        } else if (key->fallback != NULL) {
            at = add_default(document, key, map);
        }
        int r = at < 0 ? at : 0;
        if (at > 0 && key->type == KEY_MAPPING) {
            r = complete_section(document, key->child, at);
        } else if (at > 0 && key->type == KEY_MAPPINGS) {
            r = complete_list(document, key->child, at);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int complete_name(struct document *document, const char *name)
{
    const struct key key = {.name = "name", .type = KEY_TEXT, .fallback = name};
    if (document_has(document, key.name)) {
        return 0;
    }
    int at = add_default(document, &key, 1);
    return at < 0 ? at : 0;
}

struct growing_text {
    char *bytes;
    size_t size;
};

static int write_text(void *context, unsigned char *bytes, size_t size)
{
    struct growing_text *text = context;
    char *grown = realloc(text->bytes, text->size + size + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + text->size, bytes, size);
    text->bytes = grown;
    text->size += size;
    grown[text->size] = '\0';
    return 1;
}

/* Writes the document as YAML; it is gone afterwards, as libyaml has it. */
static int dump(yaml_document_t *yaml, struct growing_text *text)
{
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter)) {
        yaml_document_delete(yaml);
        return -ENOMEM;
    }
    yaml_emitter_set_output(&emitter, write_text, text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    int is_written = yaml_emitter_open(&emitter);
    if (is_written) {
        is_written = yaml_emitter_dump(&emitter, yaml);
    } else {
        yaml_document_delete(yaml);
    }
    is_written = is_written && yaml_emitter_close(&emitter);
    yaml_emitter_delete(&emitter);
    return is_written ? 0 : -ENOMEM;
}

int document_complete(const struct document *document, const char *name,
                      char **ret_text, size_t *ret_size)
{
    /* A second reading: the first keeps the places for later blame. */
    struct document copy = *document;
    struct growing_text text = {NULL, 0};
    int r = parse(&copy, NULL);
    if (r < 0) {
        return r;
    }
    r = complete_name(&copy, name);
    if (r == 0) {
        r = complete_section(&copy, SECTION_ROOT, 1);
    }
    if (r < 0) {
        yaml_document_delete(&copy.yaml);
        return r;
    }
    r = dump(&copy.yaml, &text);
    if (r < 0) {
        free(text.bytes);
        return r;
    }
    *ret_text = text.bytes;
    *ret_size = text.size;
    return 0;
}
