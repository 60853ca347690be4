#include "churn/kinds.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *one, *many; /* in a sentence, after a number */
    bool has_parameter;
    bool is_of_many;
} kinds[CHURN_KINDS] = {
    [CHURN_KILL] = {"kill", "kill", "kills", false, false},
    [CHURN_STOP] = {"stop", "stop", "stops", false, false},
    [CHURN_PAUSE] = {"pause", "pause", "pauses", true, false},
    [CHURN_STARTING] = {"starting", "abandoned start", "abandoned starts", true,
                        false},
    [CHURN_MASS] = {"mass", "kill in a mass failure", "kills in mass failures",
                    false, true},
    [CHURN_PARTITION] = {"partition", "cut off by a partition",
                         "cut off by partitions", true, true},
    [CHURN_EXIT] = {"exit", "exit by itself", "exits by themselves", false,
                    false},
};

const char *kinds_name(enum churn_kind kind)
{
    assert(kind < CHURN_KINDS);
    return kinds[kind].name;
}

int kinds_find(const char *name, enum churn_kind *ret_kind)
{
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = (enum churn_kind)i;
            return 0;
        }
    }
    return -ENOENT;
}

bool kinds_has_parameter(enum churn_kind kind)
{
    assert(kind < CHURN_KINDS);
    return kinds[kind].has_parameter;
}

bool kinds_is_of_many(enum churn_kind kind)
{
    assert(kind < CHURN_KINDS);
    return kinds[kind].is_of_many;
}

char *kinds_list(const int64_t counts[CHURN_KINDS], char text[KINDS_TEXT_SIZE])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        if (counts[i] > 0) {
            used += (size_t)snprintf(text + used, KINDS_TEXT_SIZE - used,
                                     "%s%lld %s", used > 0 ? ", " : "",
                                     (long long)counts[i], kinds[i].name);
            assert(used < KINDS_TEXT_SIZE); /* seven numbers of 20 digits fit */
        }
    }
    return used > 0 ? text : strcpy(text, "no events");
}

/* With a comma after each three digits; |number| is not negative. */
static void append_number(char *text, size_t size, int64_t number)
{
    if (number >= 1000) {
        append_number(text, size, number / 1000);
    }
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used,
                   number >= 1000 ? ",%03lld" : "%lld",
                   (long long)(number % 1000));
}

char *kinds_describe(const int64_t counts[CHURN_KINDS],
                     char text[KINDS_TEXT_SIZE])
{
    text[0] = '\0';
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        if (counts[i] == 0) {
            continue;
        }
        size_t used = strlen(text);
        (void)snprintf(text + used, KINDS_TEXT_SIZE - used, "%s",
                       used > 0 ? ", " : "");
        append_number(text, KINDS_TEXT_SIZE, counts[i]);
        used = strlen(text);
        (void)snprintf(text + used, KINDS_TEXT_SIZE - used, " %s",
                       counts[i] == 1 ? kinds[i].one : kinds[i].many);
    }
    if (text[0] == '\0') {
        (void)snprintf(text, KINDS_TEXT_SIZE, "no events");
    }
    return text;
}
