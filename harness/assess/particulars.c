#include "assess/particulars.h"

#include "churn/kinds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* From exec to ready, of everything that was started once churn went on. */
static int fill_ready(struct store *store, const struct run_facts *facts,
                      struct summary *summary)
{
    struct store_process *processes = NULL;
    size_t count = 0, kept = 0;
    int result = store_processes(store, &processes, &count);
    if (result != 0) {
        return result;
    }
    double *ready_ms = calloc(count ? count : 1, sizeof *ready_ms);
    for (size_t i = 0; ready_ms != NULL && i < count; i++) {
        if (processes[i].spawned_ns >= facts->churn_begin_ns &&
            processes[i].ready_ns >= 0) {
            ready_ms[kept++] =
                (double)(processes[i].ready_ns - processes[i].spawned_ns) / 1e6;
        }
    }
    if (kept > 0) {
        qsort(ready_ms, kept, sizeof *ready_ms, compare_doubles);
        summary->ready_median_ms = ready_ms[kept / 2];
    }
    free(ready_ms);
    free(processes);
    return ready_ms != NULL ? 0 : -ENOMEM;
}

/* The last value of a metric before the end of churn; NaN when there is none.
 * It is nearly always within the last second: the whole is read only if not. */
static double last_value(struct store *store, const struct run_facts *facts,
                         int64_t slot_id, const char *metric)
{
    const int64_t from_ns[] = {facts->churn_end_ns - INT64_C(1000000000),
                               facts->churn_begin_ns};
    struct store_series series;
    double value = NAN;
    if (store_find_series(store, slot_id, metric, &series) != 0) {
        return value;
    }
    for (size_t i = 0; i < 2 && isnan(value); i++) {
        struct store_point *points = NULL;
        size_t count = 0;
        int64_t from = from_ns[i] > facts->churn_begin_ns
                           ? from_ns[i]
                           : facts->churn_begin_ns;
        if (store_points(store, series.id, from, facts->churn_end_ns, &points,
                         &count) == 0 &&
            count > 0) {
            value = points[count - 1].value;
        }
        free(points);
    }
    return value;
}

/* Every tally pair of one observer, beside the number of its peers. */
static int fill_pairs(struct store *store, const struct run_facts *facts,
                      const struct store_slot *slot,
                      const struct store_series *series, size_t count,
                      struct summary *summary)
{
    static const char prefix[] = "tally/";
    static const char suffix[] = ".spawned";
    char observer[SUMMARY_NAME_SIZE];
    (void)snprintf(observer, sizeof observer, "%.48s-%d", slot->role,
                   (int)slot->ordinal);
    double peers = last_value(store, facts, slot->id, "tally/active_peers");
    for (size_t i = 0; i < count; i++) {
        const char *metric = series[i].metric;
        size_t length = strlen(metric);
        if (series[i].slot_id != slot->id ||
            strncmp(metric, prefix, strlen(prefix)) != 0 ||
            length <= strlen(prefix) + strlen(suffix) ||
            strcmp(metric + length - strlen(suffix), suffix) != 0) {
            continue;
        }
        char name[STORE_NAME_MAX];
        char finished[STORE_NAME_MAX];
        (void)snprintf(name, sizeof name, "%.*s",
                       (int)(length - strlen(prefix) - strlen(suffix)),
                       metric + strlen(prefix));
        (void)snprintf(finished, sizeof finished, "tally/%.40s.finished", name);
        int result = summary_add_pair(
            summary, observer, name, last_value(store, facts, slot->id, metric),
            last_value(store, facts, slot->id, finished), peers);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int particulars_fill(struct store *store, const struct run_facts *facts,
                     const struct store_slot *slots, size_t slots_count,
                     struct summary *summary)
{
    struct store_series *series = NULL;
    size_t count = 0;
    double churn_s = run_facts_churn_s(facts);
    (void)snprintf(summary->run_name, sizeof summary->run_name, "%s",
                   facts->scenario->name);
    (void)snprintf(summary->scenario_file, sizeof summary->scenario_file, "%s",
                   facts->scenario->file);
    summary->has_seed = !run_facts_is_watch(facts);
    summary->seed = facts->seed;
    summary->duration_s = churn_s;
    int64_t exits = facts->by_kind[CHURN_EXIT];
    summary->has_churn =
        facts->scenario->rate_per_s > 0. || facts->is_replay || exits > 0;
    (void)snprintf(summary->watched, sizeof summary->watched, "%s",
                   facts->watch.what);
    (void)snprintf(summary->events_by, sizeof summary->events_by, "%s",
                   facts->watch.events_by);
    summary->events = (double)facts->events;
    (void)kinds_describe(facts->by_kind, summary->kinds);
    summary->respawns = (double)facts->respawns;
    /* A rate that changes is not one figure, and a list has none. */
    summary->asked_per_s =
        facts->scenario->change_after_s > 0. || facts->is_replay
            ? 0.
            : facts->scenario->rate_per_s;
    /* Nobody asked for those who end by themselves. */
    double events =
        (double)(facts->events - (summary->asked_per_s > 0. ? exits : 0));
    summary->achieved_per_s =
        facts->waves_s > 0. ? events / facts->waves_s : 0.;
    summary->has_ebbs = scenario_has_ebbs(facts->scenario);
    summary->ebbs = (double)facts->ebbs;
    summary->unsettled = (double)facts->unsettled;
    summary->verdict_s = (double)facts->churn_end_ns / 1e9;
    if (facts->early[0] != '\0') {
        (void)snprintf(summary->early, sizeof summary->early,
                       "after %.1f s: %.280s", summary->verdict_s,
                       facts->early);
    }
    summary->own_cpu_share = facts->own_cpu_share;
    int result = fill_ready(store, facts, summary);
    if (result == 0) {
        result = store_all_series(store, &series, &count);
    }
    for (size_t i = 0; result == 0 && i < slots_count; i++) {
        if (slots[i].is_observer) {
            result =
                fill_pairs(store, facts, &slots[i], series, count, summary);
        }
    }
    free(series);
    return result;
}
