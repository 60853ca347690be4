#include "assess.h"

#include "premises.h"
#include "run_facts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is judged of an observer, best source first: the first that it has is
 * its primary one. */
static const struct {
    const char *metric;
    const char *label;
} metrics[] = {
    {"heap/allocated", "allocated heap"},
    {"private", "private memory"},
};
enum { METRICS_COUNT = sizeof metrics / sizeof metrics[0] };

/* --- points --------------------------------------------------------------- */

static int load_points(struct store *store, const struct run_facts *facts,
                       struct assessed *series)
{
    struct store_point *points = NULL;
    size_t count = 0;
    int result = store_points(store, series->series_id, facts->churn_begin_ns,
                              facts->churn_end_ns, &points, &count);
    if (result != 0) {
        return result;
    }
    series->points = calloc(count ? count : 1, sizeof *series->points);
    if (series->points == NULL) {
        free(points);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        series->points[i] = (struct judge_point){
            .t_s = (double)(points[i].t_ns - facts->churn_begin_ns) / 1e9,
            .value = points[i].value,
            .events = (double)points[i].events,
        };
    }
    series->points_count = count;
    free(points);
    return 0;
}

/* Adds what is judged of one slot. */
static int add_slot(struct store *store, const struct run_facts *facts,
                    const struct store_slot *slot,
                    struct assessment *assessment)
{
    bool has_primary = false;
    for (size_t i = 0; i < METRICS_COUNT; i++) {
        struct store_series row;
        if (assessment->series_count == ASSESS_SERIES_MAX) {
            return 0;
        }
        int result =
            store_find_series(store, slot->id, metrics[i].metric, &row);
        if (result == -ENOENT) {
            continue;
        }
        if (result != 0) {
            return result;
        }
        struct assessed *series =
            &assessment->series[assessment->series_count++];
        series->series_id = row.id;
        series->metric = metrics[i].metric;
        series->label = metrics[i].label;
        series->is_gate = slot->is_observer;
        series->is_primary = slot->is_observer && !has_primary;
        series->quantum = row.quantum;
        has_primary = true;
        (void)snprintf(series->observer, sizeof series->observer, "%.48s-%d",
                       slot->role, (int)slot->ordinal);
        (void)snprintf(series->unit, sizeof series->unit, "%s", row.unit);
        result = load_points(store, facts, series);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* --- judging -------------------------------------------------------------- */

/* The error rate of the whole run is shared out evenly among what gates it, so
 * that many observers are no likelier to raise a false alarm than one
 * (Bonferroni). */
static int judge_all(struct assessment *assessment, bool has_events)
{
    size_t gates = 0;
    for (size_t i = 0; i < assessment->series_count; i++) {
        gates += assessment->series[i].is_gate;
    }
    for (size_t i = 0; i < assessment->series_count; i++) {
        struct assessed *series = &assessment->series[i];
        struct judge_rule rule;
        judge_rule_default(series->quantum, &rule);
        rule.alpha /= gates > 0 ? (double)gates : 1.;
        rule.has_events = has_events;
        rule.unit = series->unit;
        int result = judge_series(series->points, series->points_count, &rule,
                                  &series->verdict);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static const struct assessed *find_outcome(const struct assessment *assessment,
                                           enum judge_outcome outcome,
                                           bool must_be_primary)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (series->is_gate && series->verdict.outcome == outcome &&
            (series->is_primary || !must_be_primary)) {
            return series;
        }
    }
    return NULL;
}

static void conclude(struct summary *summary, enum judge_outcome outcome,
                     const struct assessed *because)
{
    summary->outcome = outcome;
    summary->extension_s = because->verdict.suggested_extension_s;
    (void)snprintf(summary->reason, sizeof summary->reason, "%.40s, %.20s: %s",
                   because->observer, because->label, because->verdict.reason);
}

static bool premises_hold(struct summary *summary)
{
    for (size_t i = 0; i < summary->premises_count; i++) {
        if (!summary->premises[i].is_held) {
            summary->outcome = JUDGE_INVALID;
            (void)snprintf(summary->reason, sizeof summary->reason,
                           "%.50s: %.260s", summary->premises[i].name,
                           summary->premises[i].sentence);
            return false;
        }
    }
    return true;
}

/* What the verdicts add up to. */
static void add_up(struct assessment *assessment)
{
    struct summary *summary = &assessment->summary;
    const struct assessed *found;
    if (!premises_hold(summary)) {
        return;
    }
    if ((found = find_outcome(assessment, JUDGE_CLIMB, true)) != NULL ||
        (found = find_outcome(assessment, JUDGE_CLIMB, false)) != NULL) {
        conclude(summary, JUDGE_CLIMB, found);
    } else if ((found = find_outcome(assessment, JUDGE_INVALID, true)) !=
               NULL) {
        conclude(summary, JUDGE_INVALID, found);
    } else if ((found = find_outcome(assessment, JUDGE_INCONCLUSIVE, true)) !=
               NULL) {
        conclude(summary, JUDGE_INCONCLUSIVE, found);
    } else if ((found = find_outcome(assessment, JUDGE_PLATEAU, true)) !=
               NULL) {
        conclude(summary, JUDGE_PLATEAU, found);
    } else {
        summary->outcome = JUDGE_INVALID;
        (void)snprintf(summary->reason, sizeof summary->reason,
                       "no observer's memory was recorded");
    }
}

static int add_rows(struct assessment *assessment)
{
    struct summary *summary = &assessment->summary;
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (!series->is_gate) {
            summary->has_own_memory = true;
            summary->own_memory = series->verdict.outcome;
            (void)snprintf(summary->own_memory_reason,
                           sizeof summary->own_memory_reason, "%s",
                           series->verdict.reason);
            if (series->points_count > 0) {
                summary->own_private_bytes =
                    series->points[series->points_count - 1].value;
            }
            continue;
        }
        int result = summary_add_series(summary, series->observer,
                                        series->metric, series->unit,
                                        series->is_primary, &series->verdict);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* --- what else a report tells --------------------------------------------- */

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

static int fill_summary(struct store *store, const struct run_facts *facts,
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
    summary->has_seed = true;
    summary->seed = facts->seed;
    summary->duration_s = churn_s;
    summary->has_churn = facts->scenario->rate_per_s > 0.;
    summary->events = (double)facts->events;
    summary->kills = (double)facts->events;
    summary->respawns = (double)facts->respawns;
    summary->asked_per_s = facts->scenario->rate_per_s;
    summary->achieved_per_s =
        churn_s > 0. ? (double)facts->events / churn_s : 0.;
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

/* --- the whole ------------------------------------------------------------ */

static void make_verdict(int64_t series_id, enum judge_outcome outcome,
                         const char *reason, const struct judge_slope *hour,
                         const struct judge_slope *event,
                         struct store_verdict *ret_verdict)
{
    *ret_verdict = (struct store_verdict){
        .series_id = series_id,
        .slope_per_hour = hour->estimate,
        .slope_per_hour_low = hour->low,
        .slope_per_hour_high = hour->high,
        .slope_per_event = event->estimate,
        .slope_per_event_low = event->low,
        .slope_per_event_high = event->high,
    };
    (void)snprintf(ret_verdict->verdict, sizeof ret_verdict->verdict, "%s",
                   judge_outcome_name(outcome));
    (void)snprintf(ret_verdict->reason, sizeof ret_verdict->reason, "%.255s",
                   reason);
}

/* A store that cannot be written keeps the verdicts that it has: judging a run
 * on a read-only disk is no failure. */
static void keep_verdicts(struct store *store,
                          const struct assessment *assessment)
{
    static const struct judge_slope none = {NAN, NAN, NAN};
    struct store_verdict rows[ASSESS_SERIES_MAX + 1];
    size_t count = 0;
    make_verdict(0, assessment->summary.outcome, assessment->summary.reason,
                 &none, &none, &rows[count++]);
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        make_verdict(series->series_id, series->verdict.outcome,
                     series->verdict.reason, &series->verdict.per_hour,
                     &series->verdict.per_event, &rows[count++]);
    }
    (void)store_verdicts_put(store, rows, count);
    (void)store_commit(store);
}

static int assess_slots(struct store *store, const struct run_facts *facts,
                        struct assessment *assessment)
{
    struct store_slot *slots = NULL;
    size_t count = 0;
    int result = store_slots(store, &slots, &count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool is_ourselves = strcmp(slots[i].role, "plateau") == 0;
        if (slots[i].is_observer || is_ourselves) {
            result = add_slot(store, facts, &slots[i], assessment);
        }
    }
    if (result == 0) {
        result = judge_all(assessment, facts->scenario->rate_per_s > 0.);
    }
    if (result == 0) {
        result = fill_summary(store, facts, slots, count, &assessment->summary);
    }
    free(slots);
    return result;
}

static int begin(struct assessment *assessment)
{
    summary_init(&assessment->summary);
    assessment->series = calloc(ASSESS_SERIES_MAX, sizeof *assessment->series);
    assessment->series_count = 0;
    return assessment->series ? 0 : -ENOMEM;
}

int assess_run(struct store *store, struct assessment *ret_assessment,
               struct err *err)
{
    struct run_facts facts = {0};
    struct assessment assessment;
    int result = begin(&assessment);
    if (result == 0) {
        result = run_facts_read(store, &facts, err);
    }
    if (result != 0) {
        assess_deinit(&assessment);
        return result;
    }
    result = premises_check(store, &facts, &assessment.summary);
    if (result == 0) {
        result = assess_slots(store, &facts, &assessment);
    }
    if (result == 0) {
        result = add_rows(&assessment);
    }
    run_facts_deinit(&facts);
    if (result != 0) {
        *err = *store_err(store);
        if (err->sentence[0] == '\0') {
            err_set(err, NULL, 0, 0, "cannot judge: %s", strerror(-result));
        }
        assess_deinit(&assessment);
        return result;
    }
    add_up(&assessment);
    keep_verdicts(store, &assessment);
    *ret_assessment = assessment;
    return 0;
}

int assess_series(const char *name, const char *unit,
                  const struct judge_point *points, size_t count,
                  const struct judge_rule *rule,
                  struct assessment *ret_assessment)
{
    struct assessment assessment;
    int result = begin(&assessment);
    if (result != 0) {
        return result;
    }
    struct assessed *series = &assessment.series[assessment.series_count++];
    series->metric = "value";
    series->label = "value";
    series->is_gate = true;
    series->is_primary = true;
    (void)snprintf(series->observer, sizeof series->observer, "%.63s", name);
    (void)snprintf(series->unit, sizeof series->unit, "%s", unit);
    series->points = calloc(count ? count : 1, sizeof *points);
    result = series->points ? 0 : -ENOMEM;
    if (result == 0 && count > 0) {
        memcpy(series->points, points, count * sizeof *points);
        series->points_count = count;
    }
    if (result == 0) {
        result = judge_series(points, count, rule, &series->verdict);
    }
    if (result == 0) {
        result = add_rows(&assessment);
    }
    if (result != 0) {
        assess_deinit(&assessment);
        return result;
    }
    (void)snprintf(assessment.summary.run_name,
                   sizeof assessment.summary.run_name, "%.63s", name);
    if (count > 0) {
        assessment.summary.duration_s = points[count - 1].t_s - points[0].t_s;
    }
    add_up(&assessment);
    *ret_assessment = assessment;
    return 0;
}

void assess_deinit(struct assessment *assessment)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        free(assessment->series[i].points);
    }
    free(assessment->series);
    summary_deinit(&assessment->summary);
    assessment->series = NULL;
    assessment->series_count = 0;
}

void assess_plot(struct assessment *assessment, const char *reports_folder,
                 const char *folder)
{
    struct plot_series plots[ASSESS_SERIES_MAX];
    struct summary *summary = &assessment->summary;
    struct err err = {0};
    size_t count = 0;
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (series->is_gate && series->points_count > 0) {
            plots[count++] = (struct plot_series){
                .observer = series->observer,
                .metric = series->metric,
                .label = series->label,
                .unit = series->unit,
                .outcome = series->verdict.outcome,
                .points = series->points,
                .points_count = series->points_count,
                .troughs = series->verdict.troughs,
                .troughs_count = series->verdict.troughs_count,
            };
        }
    }
    if (plot_troughs(summary, plots, count, reports_folder, folder, &err) ==
        0) {
        (void)snprintf(summary->plot_path, sizeof summary->plot_path,
                       "%s/troughs.svg", folder);
    } else {
        (void)snprintf(summary->plot_problem, sizeof summary->plot_problem,
                       "%.319s", err.sentence);
    }
}
