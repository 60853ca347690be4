#include "report/summary.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void summary_init(struct summary *summary)
{
    memset(summary, 0, sizeof *summary);
    summary->duration_s = NAN;
    summary->extension_s = NAN;
    summary->verdict_s = NAN;
    summary->events = NAN;
    summary->respawns = NAN;
    summary->asked_per_s = NAN;
    summary->achieved_per_s = NAN;
    summary->ready_median_ms = NAN;
    summary->own_cpu_share = NAN;
    summary->own_private_bytes = NAN;
    summary->outcome = JUDGE_INVALID;
}

void summary_deinit(struct summary *summary)
{
    free(summary->premises);
    free(summary->series);
    free(summary->pairs);
    free(summary->climbed);
    memset(summary, 0, sizeof *summary);
}

/* Room for one more of |size| bytes, zeroed, at the end of *list; NULL when
 * there is no memory. A summary has some dozens of rows: each append may
 * reallocate. */
static void *append(void **list, size_t *count, size_t size)
{
    char *grown = reallocarray(*list, *count + 1, size);
    if (grown == NULL) {
        return NULL;
    }
    *list = grown;
    char *row = grown + *count * size;
    memset(row, 0, size);
    (*count)++;
    return row;
}

int summary_add_premise(struct summary *summary, const char *name, bool is_held,
                        const char *format, ...)
{
    void *list = summary->premises;
    struct summary_premise *premise =
        append(&list, &summary->premises_count, sizeof *premise);
    if (premise == NULL) {
        return -ENOMEM;
    }
    summary->premises = list;
    (void)snprintf(premise->name, sizeof premise->name, "%s", name);
    premise->is_held = is_held;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(premise->sentence, sizeof premise->sentence, format, args);
    va_end(args);
    return 0;
}

int summary_add_series(struct summary *summary, const char *observer,
                       const char *metric, const char *unit, const char *counts,
                       bool is_memory, const struct judge_verdict *verdict)
{
    void *list = summary->series;
    struct summary_series *series =
        append(&list, &summary->series_count, sizeof *series);
    if (series == NULL) {
        return -ENOMEM;
    }
    summary->series = list;
    (void)snprintf(series->observer, sizeof series->observer, "%s", observer);
    (void)snprintf(series->metric, sizeof series->metric, "%s", metric);
    (void)snprintf(series->unit, sizeof series->unit, "%s", unit);
    (void)snprintf(series->reason, sizeof series->reason, "%s",
                   verdict->reason);
    (void)snprintf(series->counts, sizeof series->counts, "%s", counts);
    series->is_memory = is_memory;
    series->outcome = verdict->outcome;
    series->per_hour = verdict->per_hour;
    series->per_event = verdict->per_event;
    series->level = verdict->level;
    series->detectable_per_hour = verdict->detectable_per_hour;
    series->detectable_per_event = verdict->detectable_per_event;
    return 0;
}

int summary_add_pair(struct summary *summary, const char *observer,
                     const char *name, double spawned, double finished,
                     double peers)
{
    void *list = summary->pairs;
    struct summary_pair *pair =
        append(&list, &summary->pairs_count, sizeof *pair);
    if (pair == NULL) {
        return -ENOMEM;
    }
    summary->pairs = list;
    (void)snprintf(pair->observer, sizeof pair->observer, "%s", observer);
    (void)snprintf(pair->name, sizeof pair->name, "%s", name);
    pair->spawned = spawned;
    pair->finished = finished;
    pair->peers = peers;
    return 0;
}

int summary_add_climbed(struct summary *summary,
                        const struct summary_climbed *climbed)
{
    void *list = summary->climbed;
    struct summary_climbed *row =
        append(&list, &summary->climbed_count, sizeof *row);
    if (row == NULL) {
        return -ENOMEM;
    }
    summary->climbed = list;
    *row = *climbed;
    return 0;
}

enum exit_code summary_exit_code(enum judge_outcome outcome)
{
    static const enum exit_code codes[] = {
        [JUDGE_PLATEAU] = EXIT_PLATEAU,
        [JUDGE_CLIMB] = EXIT_CLIMB,
        [JUDGE_INCONCLUSIVE] = EXIT_INCONCLUSIVE,
        [JUDGE_INVALID] = EXIT_INVALID,
    };
    assert((size_t)outcome < sizeof codes / sizeof codes[0]);
    return codes[outcome];
}
