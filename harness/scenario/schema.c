#include "scenario/schema.h"

#include "scenario/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cyaml/cyaml.h>

/* libcyaml wants a section's fields side by side, and each nested one by a
 * pointer, so its schema is put together from the table when it is needed. */
struct schema {
    cyaml_schema_field_t fields[SECTION_COUNT][KEYS_MAX + 1];
    cyaml_strval_t words[SECTION_COUNT][KEYS_MAX][WORDS_MAX];
    cyaml_schema_value_t entries[SECTION_COUNT];
    cyaml_schema_value_t text;
    cyaml_schema_value_t root;
};

static void set_choice(const struct key *key, cyaml_strval_t *words,
                       cyaml_schema_value_t *value)
{
    uint32_t count = 0;
    for (const struct key_word *word = key->words;
         word->name != NULL && count < WORDS_MAX; word++) {
        words[count].str = word->name;
        words[count++].val = word->value;
    }
    value->type = CYAML_ENUM;
    value->flags = CYAML_FLAG_STRICT;
    value->enumeration.strings = words;
    value->enumeration.count = count;
}

static void set_list(const struct key *key, const cyaml_schema_value_t *entry,
                     cyaml_schema_field_t *field)
{
    field->count_offset = (uint32_t)key->count_offset;
    field->count_size = sizeof(uint32_t);
    field->value.type = CYAML_SEQUENCE;
    field->value.flags = CYAML_FLAG_POINTER;
    field->value.sequence.entry = entry;
    field->value.sequence.min = (uint32_t)key->min;
    field->value.sequence.max = (uint32_t)key->max;
}

static void set_field(struct schema *schema, enum key_section id, size_t index)
{
    const struct key *key = &keys_section(id)->keys[index];
    cyaml_schema_field_t *field = &schema->fields[id][index];
    cyaml_schema_value_t *value = &field->value;
    field->key = key->name;
    field->data_offset = (uint32_t)key->offset;
    value->data_size = (uint32_t)key->size;
    switch (key->type) {
    case KEY_TEXT:
        value->type = CYAML_STRING;
        value->flags = CYAML_FLAG_POINTER;
        value->data_size = sizeof(char);
        value->string.max = CYAML_UNLIMITED;
        break;
    case KEY_CHOICE:
        set_choice(key, schema->words[id][index], value);
        break;
    case KEY_WHOLE:
        value->type = CYAML_UINT;
        break;
    case KEY_NUMBER:
        value->type = CYAML_FLOAT;
        break;
    case KEY_TEXTS:
        set_list(key, &schema->text, field);
        break;
    case KEY_MAPPING:
        value->type = CYAML_MAPPING;
        value->data_size = (uint32_t)keys_section(key->child)->size;
        value->mapping.fields = schema->fields[key->child];
        break;
    case KEY_MAPPINGS:
        set_list(key, &schema->entries[key->child], field);
        break;
    }
    if (key->is_optional) {
        value->flags = (enum cyaml_flag)(value->flags | CYAML_FLAG_OPTIONAL);
    }
}

static void schema_init(struct schema *schema)
{
    memset(schema, 0, sizeof *schema);
    schema->text = (cyaml_schema_value_t){
        CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        cyaml_schema_value_t *entry = &schema->entries[id];
        entry->type = CYAML_MAPPING;
        entry->data_size = (uint32_t)section->size;
        entry->mapping.fields = schema->fields[id];
        for (size_t i = 0; i < section->count; i++) {
            set_field(schema, (enum key_section)id, i);
        }
    }
    schema->root = schema->entries[SECTION_ROOT];
    schema->root.flags = CYAML_FLAG_POINTER;
}

/* libcyaml's first line says what is wrong, the rest how it came there. */
static void catch_log(cyaml_log_t level, void *context, const char *format,
                      va_list args)
{
    struct err *err = context;
    if (err != NULL && level >= CYAML_LOG_ERROR && err->sentence[0] == '\0') {
        char line[sizeof err->sentence];
        (void)vsnprintf(line, sizeof line, format, args);
        line[strcspn(line, "\n")] = '\0';
        err_set(err, NULL, 0, 0, "%s", line);
    }
}

static cyaml_config_t config_for(struct err *err)
{
    return (cyaml_config_t){
        .log_fn = catch_log,
        .log_ctx = err,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
}

int schema_load(const char *yaml, size_t size, struct scenario **ret_scenario,
                struct err *err)
{
    struct schema schema;
    struct err caught = {.sentence = ""};
    cyaml_config_t config = config_for(&caught);
    cyaml_data_t *data = NULL;
    schema_init(&schema);
    cyaml_err_t r = cyaml_load_data((const uint8_t *)yaml, size, &config,
                                    &schema.root, &data, NULL);
    if (r == CYAML_ERR_OOM) {
        return -ENOMEM;
    }
    if (r != CYAML_OK) {
        err_set(err, NULL, 0, 0, "%s",
                caught.sentence[0] != '\0' ? caught.sentence
                                           : cyaml_strerror(r));
        return -EINVAL;
    }
    *ret_scenario = data;
    return 0;
}

void schema_free(struct scenario *scenario)
{
    struct schema schema;
    const cyaml_config_t config = config_for(NULL);
    schema_init(&schema);
    (void)cyaml_free(&config, &schema.root, scenario, 0);
}
