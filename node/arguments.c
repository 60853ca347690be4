#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int arguments_complain(const char *what, const char *value, const char *right)
{
    (void)fprintf(stderr, "%s: %s '%s': %s\n", program_invocation_short_name,
                  what, value, right);
    return -EINVAL;
}

int arguments_number(const char *text, int64_t low, int64_t high,
                     int64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < low ||
        value > high) {
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

int arguments_seed(const char *text, uint64_t *ret_seed)
{
    char *end = NULL;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    if (*text == '-' || end == text || *end != '\0' || errno != 0) {
        return arguments_complain("--seed", text, "should be 0 to 2^64-1");
    }
    *ret_seed = seed;
    return 0;
}

/* The row that "module.name=value" names, and its field. */
static const struct param *find(const char *text,
                                const struct arguments_module *modules,
                                size_t count, int64_t **ret_field)
{
    const char *dot = strchr(text, '.');
    const char *equals = strchr(text, '=');
    char name[64];
    if (dot == NULL || equals == NULL || equals < dot) {
        return NULL;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - dot) - 1, dot + 1);
    for (size_t i = 0; i < count; i++) {
        const struct param *row;
        if (strlen(modules[i].name) != (size_t)(dot - text) ||
            strncmp(modules[i].name, text, (size_t)(dot - text)) != 0) {
            continue;
        }
        row = param_find(modules[i].table, modules[i].count, name);
        if (row != NULL) {
            *ret_field = param_field(row, modules[i].params);
        }
        return row;
    }
    return NULL;
}

int arguments_set(const char *text, const struct arguments_module *modules,
                  size_t count)
{
    int64_t *field = NULL;
    const struct param *row = find(text, modules, count, &field);
    if (row == NULL) {
        return arguments_complain("--set", text,
                                  "no such parameter; see --list-params");
    }
    if (arguments_number(strchr(text, '=') + 1, row->low, row->high, field) !=
        0) {
        return arguments_complain("--set", text,
                                  "out of range; see --list-params");
    }
    return 0;
}

void arguments_print(const struct arguments_module *modules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < modules[i].count; j++) {
            const struct param *row = &modules[i].table[j];
            (void)printf("%s.%s = %lld %s (%lld to %lld)\n    %s\n",
                         modules[i].name, row->name,
                         (long long)*param_field(row, modules[i].params),
                         row->unit, (long long)row->low, (long long)row->high,
                         row->prose);
        }
    }
}
