#include "scenario/role_words.h"

#include <stdio.h>
#include <string.h>

/* A run of words that stand under one key. */
struct words {
    const char *key;
    char *const *list;
    uint32_t count;
    bool is_list; /* its words are numbered */
};

bool role_words_next(const struct scenario_role *role, uint32_t *cursor,
                     struct role_word *ret_word)
{
    const struct scenario_ready *ready = &role->ready;
    const struct words all[] = {
        {"command", role->command, role->command_count, true},
        {"environment", role->environment, role->environment_count, true},
        {"folder", &role->folder, role->folder != NULL, false},
        {"ready.path", &ready->path, ready->path != NULL, false},
        {"ready.command", ready->command, ready->command_count, true},
    };
    uint32_t at = *cursor;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (at < all[i].count) {
            *ret_word = (struct role_word){.text = all[i].list[at],
                                           .style = PLACEHOLDER_IN_WORD};
            if (all[i].is_list) {
                (void)snprintf(ret_word->key, sizeof ret_word->key, "%s[%u]",
                               all[i].key, at);
            } else {
                (void)snprintf(ret_word->key, sizeof ret_word->key, "%s",
                               all[i].key);
            }
            ++*cursor;
            return true;
        }
        at -= all[i].count;
    }
    if (at < role->files_count) {
        *ret_word = (struct role_word){.text = role->files[at].text,
                                       .style = PLACEHOLDER_IN_FILE};
        (void)snprintf(ret_word->key, sizeof ret_word->key, "files[%u].text",
                       at);
        ++*cursor;
        return true;
    }
    return false;
}

static bool mentions(const struct role_word *word, const char *name)
{
    const char *cursor = word->text;
    struct placeholder_part part;
    size_t length = strlen(name);
    while (placeholder_next(&cursor, word->style, &part) == 0 &&
           part.length > 0) {
        if (part.is_name && part.role == NULL && part.length == length &&
            memcmp(part.start, name, length) == 0) {
            return true;
        }
    }
    return false;
}

bool role_words_mention(const struct scenario_role *role, const char *name)
{
    struct role_word word;
    for (uint32_t cursor = 0; role_words_next(role, &cursor, &word);) {
        if (mentions(&word, name)) {
            return true;
        }
    }
    return false;
}
