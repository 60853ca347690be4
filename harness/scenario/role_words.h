/* role_words.h - every text of a role in which placeholders may stand.
 *
 * What is checked, what is looked for and what is filled in go by the same
 * list.
 */
#ifndef PLATEAU_SCENARIO_ROLE_WORDS_H
#define PLATEAU_SCENARIO_ROLE_WORDS_H

#include "scenario/placeholder.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROLE_WORDS_KEY_SIZE = 40 };

struct role_word {
    const char *text; /* the role's */
    enum placeholder_style style;
    char key[ROLE_WORDS_KEY_SIZE]; /* where it stands: "ready.command[2]" */
};

/* Gives the word at *cursor, which begins at 0 and moves on; false when there
 * is none left. */
bool role_words_next(const struct scenario_role *role, uint32_t *cursor,
                     struct role_word *ret_word);

/* Whether any of them has the placeholder {name}, for the role itself. */
bool role_words_mention(const struct scenario_role *role, const char *name);

#endif
