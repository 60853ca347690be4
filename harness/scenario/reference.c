#include "scenario/keys.h"

#include <string.h>

static const char *describe_fallback(const struct key *key)
{
    if (key->is_optional) {
        return "optional";
    }
    if (key->fallback == NULL) {
        return "required";
    }
    if (strcmp(key->fallback, "-inf") == 0) {
        return "default: not asked";
    }
    if (key->type == KEY_MAPPING) {
        return "default: as below";
    }
    return key->fallback[0] == '\0' ? "default: none" : NULL;
}

static void print_key(FILE *stream, const struct key *key)
{
    char what[256];
    const char *fallback = describe_fallback(key);
    (void)fprintf(stream, "  %-15s %s; ", key->name,
                  keys_describe(key, what, sizeof what));
    if (fallback != NULL) {
        (void)fprintf(stream, "%s\n", fallback);
    } else {
        (void)fprintf(stream, "default: %s\n", key->fallback);
    }
    (void)fprintf(stream, "  %-15s %s\n", "", key->about);
    if (key->type != KEY_CHOICE) {
        return;
    }
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        (void)fprintf(stream, "  %-15s   %s: %s\n", "", word->name,
                      word->about);
    }
}

void keys_print(FILE *stream)
{
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        (void)fprintf(stream, "%s%s%s\n", id == 0 ? "" : "\n",
                      id == 0 ? "at the top" : section->path,
                      id == 0 ? "" : ":");
        for (size_t i = 0; i < section->count; i++) {
            print_key(stream, &section->keys[i]);
        }
    }
}
