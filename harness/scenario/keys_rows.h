/* keys_rows.h - what the rows of the table of keys.h are written with.
 *
 * For the files that hold rows: keys_table.c and keys_role.c.
 */
#ifndef PLATEAU_SCENARIO_KEYS_ROWS_H
#define PLATEAU_SCENARIO_KEYS_ROWS_H

#include "scenario/keys.h"

#include <stddef.h>

#define VALUE_OF(structure, member)                                            \
    .offset = offsetof(structure, member),                                     \
    .size = sizeof(((structure *)NULL)->member)
#define ARRAY_OF(structure, member)                                            \
    .offset = offsetof(structure, member),                                     \
    .count_offset = offsetof(structure, member##_count),                       \
    .size = sizeof(*((structure *)NULL)->member)
#define ROWS(rows) rows, sizeof(rows) / sizeof(rows)[0]

/* false and true. */
extern const struct key_word keys_switch_words[];

extern const struct section keys_role, keys_ready, keys_file, keys_limits,
    keys_stop;

#endif
