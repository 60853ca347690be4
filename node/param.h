/* param.h - a table of parameters, from which defaults, range checks, options
 * and documentation all follow.
 *
 * A module keeps its parameters in a struct whose fields are all int64_t, and
 * describes each field by one row. Times are nanoseconds in the struct.
 */
#ifndef PARAM_H
#define PARAM_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct param {
    const char *name; /* as in an option or a scenario */
    size_t offset;    /* of the int64_t in the module's struct */
    int64_t low, high, fallback;
    const char *unit; /* "ns", "bytes", "count", "hops" */
    const char *prose;
};

static inline int64_t *param_field(const struct param *row, void *params)
{
    return (int64_t *)(void *)((char *)params + row->offset);
}

/* Writes every default. */
static inline void param_defaults(const struct param *table, size_t count,
                                  void *params)
{
    for (size_t i = 0; i < count; i++)
        *param_field(&table[i], params) = table[i].fallback;
}

/* The row of that name, or NULL. */
static inline const struct param *param_find(const struct param *table,
                                             size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

/* The first row whose value lies outside its range, or NULL. */
static inline const struct param *param_check(const struct param *table,
                                              size_t count, const void *params)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value;

        memcpy(&value, (const char *)params + table[i].offset, sizeof(value));
        if (value < table[i].low || value > table[i].high)
            return &table[i];
    }
    return NULL;
}

#endif
