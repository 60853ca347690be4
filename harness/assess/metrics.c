#include "assess/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char tally_room[] = "tally/";
static const char class_room[] = "heap/class/";
static const char spawned_end[] = ".spawned";
static const char finished_end[] = ".finished";

/* What allocated heap may leave open of growth, 8 bytes an event, is half of
 * the smallest leak that is to be found: with the judge's own 4, clean runs of
 * half a minute end undecided as often as not.
 *
 * A pair that climbs is a leak by its nature, so little is enough. A gauge is
 * as a rule a cache or a queue of a target that goes on working: it wanders,
 * and has to grow by a quarter of itself. */
const struct metric metrics[] = {
    {.series = "heap/allocated",
     .label = "allocated heap",
     .kind = METRIC_FIGURE,
     .role = METRIC_PRIMARY,
     .is_each = true,
     .ebb_per_event = 8.},
    {.series = "private",
     .label = "private memory",
     .kind = METRIC_FIGURE,
     .role = METRIC_WITNESS,
     .is_each = true,
     .ebb_per_event = 16.},
    {.series = "heap/active",
     .label = "active heap",
     .kind = METRIC_FIGURE,
     .role = METRIC_CONTEXT,
     .is_of_ebbs = true,
     .ebb_per_event = 16.},
    {.series = "heap/resident",
     .label = "resident heap",
     .kind = METRIC_FIGURE,
     .role = METRIC_CONTEXT,
     .is_of_ebbs = true,
     .ebb_per_event = 16.},
    {.series = "cgroup/kernel",
     .label = "kernel memory of its control group",
     .kind = METRIC_FIGURE,
     .role = METRIC_CONTEXT,
     .ebb_per_event = 64.},
    {.series = "fds",
     .label = "open descriptors",
     .kind = METRIC_FIGURE,
     .role = METRIC_GATE,
     .climb_ratio = .05,
     .ebb_per_event = .002},
    {.series = "threads",
     .label = "threads",
     .kind = METRIC_FIGURE,
     .role = METRIC_GATE,
     .climb_ratio = .05,
     .ebb_per_event = .002},
    {.series = "processes",
     .label = "processes",
     .kind = METRIC_FIGURE,
     .role = METRIC_GATE,
     .climb_ratio = .05,
     .ebb_per_event = .002},
    {.series = "heap/processes",
     .label = "processes with a heap",
     .kind = METRIC_FIGURE,
     .role = METRIC_EXTENT},
    {.kind = METRIC_PAIR,
     .role = METRIC_GATE,
     .climb_ratio = .05,
     .ebb_per_event = .002},
    {.kind = METRIC_GAUGE,
     .role = METRIC_GATE,
     .climb_ratio = .25,
     .ebb_per_event = .002},
    {.kind = METRIC_CLASS, .role = METRIC_PART},
};
const size_t metrics_count = sizeof metrics / sizeof metrics[0];

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    return size > strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static bool is_of_kind(const struct metric *metric, const char *series,
                       const char *unit)
{
    bool is_held = unit[0] == '\0' || strcmp(unit, "B") == 0;
    switch (metric->kind) {
    case METRIC_FIGURE:
        return strcmp(series, metric->series) == 0;
    case METRIC_PAIR:
        return starts_with(series, tally_room) &&
               ends_with(series, spawned_end);
    case METRIC_GAUGE:
        return starts_with(series, tally_room) && is_held &&
               !ends_with(series, spawned_end) &&
               !ends_with(series, finished_end);
    case METRIC_CLASS:
        return starts_with(series, class_room);
    }
    return false;
}

const struct metric *metric_find(const char *series, const char *unit)
{
    for (size_t i = 0; i < metrics_count; i++) {
        if (is_of_kind(&metrics[i], series, unit)) {
            return &metrics[i];
        }
    }
    return NULL;
}

void metric_name(const struct metric *metric, const char *series, char *text,
                 size_t size)
{
    static const char *const rooms[] = {
        [METRIC_FIGURE] = "",
        [METRIC_PAIR] = tally_room,
        [METRIC_GAUGE] = tally_room,
        [METRIC_CLASS] = class_room,
    };
    size_t length = strlen(series);
    size_t skipped = strlen(rooms[metric->kind]);
    if (metric->kind == METRIC_PAIR) {
        length -= strlen(spawned_end);
    }
    (void)snprintf(text, size, "%.*s", (int)(length - skipped),
                   series + skipped);
}

const char *metric_role_name(enum metric_role role)
{
    static const char *const names[] = {
        [METRIC_PRIMARY] = "primary", [METRIC_GATE] = "gate",
        [METRIC_WITNESS] = "witness", [METRIC_CONTEXT] = "context",
        [METRIC_PART] = "part",       [METRIC_EXTENT] = "extent",
    };
    return names[role];
}

void metric_rule(const struct metric *metric, double quantum, const char *unit,
                 bool are_troughs, struct judge_rule *ret_rule)
{
    bool is_count = unit[0] == '\0';
    if (are_troughs && is_count) {
        judge_rule_counts(quantum, metric->climb_ratio, ret_rule);
        return;
    }
    if (are_troughs) {
        judge_rule_ebbs(quantum, ret_rule);
        if (!isnan(metric->ebb_per_event)) {
            ret_rule->plateau_margin_per_event = metric->ebb_per_event;
        }
        if (metric->role != METRIC_PRIMARY) {
            ret_rule->plateau_margin_noises = 3.;
        }
    } else {
        judge_rule_default(quantum, ret_rule);
        if (is_count) {
            ret_rule->plateau_margin_per_event = metric->ebb_per_event;
        }
    }
    ret_rule->climb_margin_ratio =
        fmax(ret_rule->climb_margin_ratio, metric->climb_ratio);
    ret_rule->plateau_margin_ratio =
        fmax(ret_rule->plateau_margin_ratio, 2. * metric->climb_ratio);
    ret_rule->unit = unit;
}
