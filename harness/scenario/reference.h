/* reference.h - the table of keys, for people and for editors.
 *
 * All three forms follow from keys.h alone; docs/scenario.md and
 * docs/scenario.schema.json are what this prints, and a test holds them to it.
 */
#ifndef PLATEAU_SCENARIO_REFERENCE_H
#define PLATEAU_SCENARIO_REFERENCE_H

#include "scenario/keys.h"

#include <stddef.h>
#include <stdio.h>

/* For a terminal. */
void reference_print_text(FILE *stream);

/* For docs/. */
void reference_print_markdown(FILE *stream);

/* For editors: JSON Schema, draft 2020-12. What only a whole scenario can have
 * wrong (two roles of one name, a pattern where none belongs) it lets pass. */
void reference_print_json_schema(FILE *stream);

/* A scenario of a server and its clients that says no more than it must. */
extern const char reference_minimal[];

/* Writes the key's example as it stands in a scenario: quoted where YAML would
 * read something else into it. Returns |text|; "" where there is none. */
char *reference_example(const struct key *key, char *text, size_t size);

#endif
