/* arguments.h - what the command lines of the node's programs have in common:
 * numbers in a range, seeds, and protocol parameters as NAME=VALUE.
 *
 * A refusal is one sentence on stderr that says what was given and what would
 * be right; it begins with the program's name. Results: 0 or -EINVAL.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "param.h"

/* A module whose parameters can be set; its name is the prefix: "hyparview"
 * for "hyparview.active_max". */
struct arguments_module {
    const char *name;
    const struct param *table;
    size_t count;
    void *params;
};

/* Complains that |value| of |what| should be as |right| says; -EINVAL. */
int arguments_complain(const char *what, const char *value, const char *right);

/* A decimal number from |low| to |high|; says nothing. */
int arguments_number(const char *text, int64_t low, int64_t high,
                     int64_t *ret_value);

/* A number from 0 to 2^64-1; complains. */
int arguments_seed(const char *text, uint64_t *ret_seed);

/* Sets what "module.name=value" says; complains. */
int arguments_set(const char *text, const struct arguments_module *modules,
                  size_t count);

/* Prints every parameter with its value, unit, range and prose on stdout. */
void arguments_print(const struct arguments_module *modules, size_t count);

#endif
