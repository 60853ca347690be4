#include "judge/budget.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double AMOUNT_MAX = 1e18;

static const struct {
    const char *name;
    double factor;
} UNITS[] = {
    {"B", 1.0},  {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
    {"KB", 1e3}, {"MB", 1e6},     {"GB", 1e9},
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Is |word|, of letters only, what |*text| begins with? Then goes beyond. */
static bool take(const char *word, const char **text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t length = strspn(*text, letters);
    if (length != strlen(word) || strncmp(*text, word, length) != 0) {
        return false;
    }
    *text = skip_blanks(*text + length);
    return true;
}

/* A number and perhaps a unit. */
static bool take_amount(const char **text, double *ret_amount)
{
    char *end;
    const double number = strtod(*text, &end);
    if (end == *text || !(number > 0.0) || !(number <= AMOUNT_MAX)) {
        return false;
    }
    *text = skip_blanks(end);
    *ret_amount = number;
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        if (take(UNITS[i].name, text)) {
            *ret_amount = number * UNITS[i].factor;
            return true;
        }
    }
    return true;
}

/* One part, up to a comma or the end. */
static bool take_part(const char **text, struct judge_budget *budget)
{
    double amount;
    if (!take_amount(text, &amount)) {
        return false;
    }
    if (**text == '%') {
        *text = skip_blanks(*text + 1);
        budget->ratio = amount / 100.0;
        return true;
    }
    if (**text != '/') {
        return false;
    }
    *text = skip_blanks(*text + 1);
    if (take("event", text)) {
        budget->per_event = amount;
        return true;
    }
    if (take("h", text) || take("hour", text)) {
        budget->per_hour = amount;
        return true;
    }
    return false;
}

int budget_parse(const char *text, struct judge_budget *ret_budget,
                 struct err *err)
{
    struct judge_budget budget = {0};
    const char *rest = skip_blanks(text);
    bool is_good = take_part(&rest, &budget);
    while (is_good && *rest == ',') {
        rest = skip_blanks(rest + 1);
        is_good = take_part(&rest, &budget);
    }
    if (!is_good || *rest != '\0') {
        err_set(err, NULL, 0, 0,
                "\"%.60s\" is no budget; it should be like \"64 B/event\", "
                "\"1 MiB/h\" or \"2 %%\"",
                text);
        return -EINVAL;
    }
    *ret_budget = budget;
    return 0;
}

int budget_parse_amount(const char *text, double *ret_amount, struct err *err)
{
    const char *rest = skip_blanks(text);
    double amount;
    if (!take_amount(&rest, &amount) || *rest != '\0') {
        err_set(err, NULL, 0, 0,
                "\"%.60s\" is no amount; it should be like \"512 MiB\"", text);
        return -EINVAL;
    }
    *ret_amount = amount;
    return 0;
}
