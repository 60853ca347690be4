/* Happy path: assess_run() checks the premises -> docket_make() says what comes
 * before the judge -> judge_all() -> climbed_rank() where memory climbs -> what
 * it adds up to. */
#include "assess.h"

#include "assess/climbed.h"
#include "assess/docket.h"
#include "assess/evidence.h"
#include "assess/extent.h"
#include "assess/panel.h"
#include "assess/particulars.h"
#include "assess/sites.h"
#include "assess/sources.h"
#include "assess/unnamed.h"
#include "premises.h"
#include "run_facts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An observer that by itself climbs as surely as that, though not beyond doubt,
 * is in the way of a PLATEAU of all. */
static const double suspicion = 0.9;

/* --- finding ----------------------------------------------------------------
 */

static int judge_all(struct assessment *assessment)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < assessment->series_count; i++) {
        struct assessed *series = &assessment->series[i];
        result = judge_series(series->points, series->points_count,
                              &series->rule, &series->verdict);
    }
    return result;
}

/* The first series with |outcome| that counts as |counts|; those of several
 * observers together come first. */
static const struct assessed *find_outcome(const struct assessment *assessment,
                                           enum judge_outcome outcome,
                                           enum metric_role counts)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (docket_convicts(series) && series->counts == counts &&
            series->verdict.outcome == outcome) {
            return series;
        }
    }
    return NULL;
}

/* Whether |series| has its say in a verdict of all, which stands for it. */
static bool is_spoken_for(const struct assessment *assessment,
                          const struct assessed *series)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *other = &assessment->series[i];
        if (docket_is_part_of(series, other)) {
            return series->verdict.outcome == JUDGE_PLATEAU ||
                   (series->verdict.outcome == JUDGE_INCONCLUSIVE &&
                    series->verdict.p_climb < suspicion);
        }
    }
    return false;
}

/* The first best source that is neither a PLATEAU nor spoken for. */
static const struct assessed *find_open(const struct assessment *assessment)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (docket_convicts(series) && series->counts == METRIC_PRIMARY &&
            series->verdict.outcome != JUDGE_PLATEAU &&
            !is_spoken_for(assessment, series)) {
            return series;
        }
    }
    return NULL;
}

/* --- adding up --------------------------------------------------------------
 */

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

static const struct assessed *find_climb(const struct assessment *assessment)
{
    static const enum metric_role order[] = {METRIC_PRIMARY, METRIC_WITNESS,
                                             METRIC_GATE};
    const struct assessed *found = NULL;
    for (size_t i = 0; found == NULL && i < 3; i++) {
        found = find_outcome(assessment, JUDGE_CLIMB, order[i]);
    }
    return found;
}

/* What the verdicts add up to. */
static void add_up(struct assessment *assessment)
{
    struct summary *summary = &assessment->summary;
    const struct assessed *found;
    if (!premises_hold(summary)) {
        return;
    }
    if ((found = find_climb(assessment)) != NULL) {
        conclude(summary, JUDGE_CLIMB, found);
    } else if ((found = find_outcome(assessment, JUDGE_INVALID,
                                     METRIC_PRIMARY)) != NULL) {
        conclude(summary, JUDGE_INVALID, found);
    } else if ((found = find_open(assessment)) != NULL) {
        conclude(summary, JUDGE_INCONCLUSIVE, found);
    } else if ((found = find_outcome(assessment, JUDGE_PLATEAU,
                                     METRIC_PRIMARY)) != NULL) {
        conclude(summary, JUDGE_PLATEAU, found);
    } else {
        summary->outcome = JUDGE_INVALID;
        (void)snprintf(summary->reason, sizeof summary->reason,
                       "no observer's memory was recorded");
    }
}

static void tell_sources(struct assessment *assessment)
{
    const struct assessed *found =
        find_outcome(assessment, assessment->summary.outcome, METRIC_PRIMARY);
    if (found == NULL) {
        found = find_climb(assessment);
    }
    if (found != NULL) {
        sources_tell(assessment, found);
    }
}

/* --- what climbed ------------------------------------------------------------
 */

/* What the growth is to be explained of, of the same observers as |series|:
 * allocated heap where there is such a figure, of all that they are or at least
 * of what was found to climb; private memory elsewhere. */
static const struct panel_column *memory_of(const struct panel *panel,
                                            const struct assessed *series)
{
    static const char *const by_heap[] = {"heap/allocated", "private"};
    static const char *const by_pages[] = {"private", "heap/allocated"};
    const char *const *names =
        extent_of_heap(panel, series->role) == EXTENT_PART &&
                strcmp(series->metric, by_heap[0]) != 0
            ? by_pages
            : by_heap;
    int64_t slot_id = -1;
    for (size_t i = 0; i < panel->columns_count; i++) {
        if (!series->is_together &&
            panel->columns[i].series_id == series->series_id) {
            slot_id = panel->columns[i].slot_id;
        }
    }
    const struct panel_column *found = NULL;
    for (size_t i = 0; found == NULL && i < 2; i++) {
        found = panel_find(panel, series->role, slot_id, names[i]);
    }
    return found;
}

/* What was judged of |column|: of that observer alone or of all together, as it
 * is; else of all together. */
static const struct assessed *find_judged(const struct assessment *assessment,
                                          const struct panel_column *column)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (column->series_id != 0 && series->series_id == column->series_id) {
            return series;
        }
    }
    return sources_find(assessment, column->role, column->name);
}

/* Tells the panel what the judge said. */
static void mark_climbs(const struct assessment *assessment,
                        struct panel *panel)
{
    for (size_t i = 0; i < panel->columns_count; i++) {
        struct panel_column *column = &panel->columns[i];
        const struct assessed *series = find_judged(assessment, column);
        column->has_climbed =
            series != NULL && series->verdict.outcome == JUDGE_CLIMB;
        column->is_level =
            series != NULL && series->verdict.outcome == JUDGE_PLATEAU;
    }
}

static int add_climbed(struct assessment *assessment, const char *observer,
                       const struct climbed *climbed)
{
    struct summary_climbed row = {
        .alive = climbed->alive,
        .per_event = climbed->per_event,
        .per_hour = climbed->per_hour,
        .with_memory = climbed->with_memory,
        .each = climbed->each,
        .bytes_per_event = climbed->bytes_per_event,
        .bytes_per_hour =
            isnan(climbed->bytes_per_event) ? climbed->explains : (double)NAN,
    };
    (void)snprintf(row.observer, sizeof row.observer, "%s", observer);
    (void)snprintf(row.kind, sizeof row.kind, "%s",
                   climbed_kind_name(climbed->kind));
    (void)snprintf(row.name, sizeof row.name, "%s", climbed->name);
    (void)snprintf(row.sentence, sizeof row.sentence, "%s", climbed->sentence);
    if (climbed->in_step_with != NULL) {
        (void)snprintf(row.in_step_with, sizeof row.in_step_with, "%s",
                       climbed->in_step_with->name);
    }
    return summary_add_climbed(&assessment->summary, &row);
}

static int rank_climbed(const struct panel *panel, const char *folder,
                        bool is_watch, struct assessment *assessment)
{
    struct climbed ranking[CLIMBED_MAX];
    struct sites sites;
    const struct assessed *because = find_climb(assessment);
    const struct panel_column *memory =
        because ? memory_of(panel, because) : NULL;
    if (memory == NULL) {
        return 0;
    }
    int result = sites_find(folder, panel, memory, &sites);
    size_t count =
        result == 0 ? climbed_rank(panel, memory, &sites, ranking) : 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = add_climbed(assessment, because->observer, &ranking[i]);
    }
    (void)unnamed_say(panel, memory, &sites, count > 0, is_watch,
                      assessment->summary.unnamed,
                      sizeof assessment->summary.unnamed);
    return result;
}

/* --- rows --------------------------------------------------------------------
 */

static void tell_own_memory(struct summary *summary,
                            const struct assessed *series)
{
    summary->has_own_memory = true;
    summary->own_memory = series->verdict.outcome;
    (void)snprintf(summary->own_memory_reason,
                   sizeof summary->own_memory_reason, "%s",
                   series->verdict.reason);
    if (series->points_count > 0) {
        summary->own_private_bytes =
            series->points[series->points_count - 1].value;
    }
}

static int add_rows(struct assessment *assessment)
{
    struct summary *summary = &assessment->summary;
    int result = 0;
    for (size_t i = 0; result == 0 && i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (series->is_ourselves) {
            tell_own_memory(summary, series);
        } else {
            result = summary_add_series(summary, series->observer,
                                        series->metric, series->unit,
                                        metric_role_name(series->counts),
                                        series->is_memory, &series->verdict);
        }
    }
    return result;
}

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
    const struct summary *summary = &assessment->summary;
    struct store_verdict rows[ASSESS_SERIES_MAX + 1];
    struct store_climbed climbed[CLIMBED_MAX];
    size_t count = 0;
    make_verdict(0, summary->outcome, summary->reason, &none, &none,
                 &rows[count++]);
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (series->series_id != 0) {
            make_verdict(series->series_id, series->verdict.outcome,
                         series->verdict.reason, &series->verdict.per_hour,
                         &series->verdict.per_event, &rows[count++]);
        }
    }
    for (size_t i = 0; i < summary->climbed_count && i < CLIMBED_MAX; i++) {
        const struct summary_climbed *row = &summary->climbed[i];
        climbed[i] = (struct store_climbed){
            .rank = (int64_t)i + 1,
            /* SQLite takes NaN for NULL, and of the rest none are alive. */
            .alive = isnan(row->alive) ? 0. : row->alive,
            .per_event = row->per_event,
            .with_memory = row->with_memory,
            .bytes_each = row->each,
            .bytes_per_event = row->bytes_per_event,
        };
        (void)snprintf(climbed[i].kind, sizeof climbed[i].kind, "%s",
                       row->kind);
        (void)snprintf(climbed[i].name, sizeof climbed[i].name, "%s",
                       row->name);
        (void)snprintf(climbed[i].sentence, sizeof climbed[i].sentence, "%s",
                       row->sentence);
    }
    (void)store_verdicts_put(store, rows, count, climbed,
                             summary->climbed_count);
    (void)store_commit(store);
}

/* --- samples for the plot ----------------------------------------------------
 */

/* What is drawn behind the troughs of ebbs. */
static int load_samples(struct store *store, const struct run_facts *facts,
                        struct assessed *series)
{
    struct store_point *points = NULL;
    size_t count = 0;
    int result = store_points(store, series->series_id, facts->churn_begin_ns,
                              facts->churn_end_ns, &points, &count);
    if (result != 0) {
        return result;
    }
    series->samples = calloc(count ? count : 1, sizeof *series->samples);
    for (size_t i = 0; series->samples != NULL && i < count; i++) {
        series->samples[i] = (struct judge_point){
            .t_s = (double)(points[i].t_ns - facts->churn_begin_ns) / 1e9,
            .value = points[i].value,
            .events = (double)points[i].events,
        };
        series->samples_count++;
    }
    free(points);
    return series->samples != NULL ? 0 : -ENOMEM;
}

static bool is_drawn(const struct assessed *series)
{
    return series->is_memory && !series->is_together && !series->is_ourselves &&
           series->counts != METRIC_CONTEXT;
}

static int load_all_samples(struct store *store, const struct run_facts *facts,
                            struct assessment *assessment)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < assessment->series_count; i++) {
        struct assessed *series = &assessment->series[i];
        if (is_drawn(series) && scenario_has_ebbs(facts->scenario)) {
            result = load_samples(store, facts, series);
        }
    }
    return result;
}

/* --- the whole
 * ---------------------------------------------------------------- */

static int tell_evidence(struct store *store, const struct run_facts *facts,
                         const struct panel *panel, struct summary *summary)
{
    struct store_slot *slots = NULL;
    struct store_series *series = NULL;
    size_t slots_count = 0, series_count = 0;
    int result = store_slots(store, &slots, &slots_count);
    if (result == 0) {
        result = store_all_series(store, &series, &series_count);
    }
    if (result == 0) {
        evidence_tell(facts, panel, slots, slots_count, series, series_count,
                      summary->evidence, sizeof summary->evidence);
    }
    free(slots);
    free(series);
    return result;
}

static int judge_panel(struct store *store, const struct run_facts *facts,
                       const char *folder, struct assessment *assessment)
{
    struct panel panel;
    int result = panel_read(store, facts, PANEL_WITH_PARTS, &panel);
    if (result != 0) {
        return result;
    }
    result = panel_put_together(&panel);
    if (result == 0) {
        result = docket_make(&panel, facts->has_events, assessment->series,
                             ASSESS_SERIES_MAX, &assessment->series_count);
    }
    if (result == 0) {
        result = judge_all(assessment);
    }
    if (result == 0) {
        mark_climbs(assessment, &panel);
        result =
            rank_climbed(&panel, folder, run_facts_is_watch(facts), assessment);
    }
    if (result == 0) {
        result = tell_evidence(store, facts, &panel, &assessment->summary);
    }
    panel_deinit(&panel);
    return result;
}

static int tell_particulars(struct store *store, const struct run_facts *facts,
                            struct assessment *assessment)
{
    struct store_slot *slots = NULL;
    size_t count = 0;
    int result = store_slots(store, &slots, &count);
    if (result == 0) {
        result =
            particulars_fill(store, facts, slots, count, &assessment->summary);
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

int assess_run(struct store *store, const char *folder,
               struct assessment *ret_assessment, struct err *err)
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
        result = judge_panel(store, &facts, folder, &assessment);
    }
    if (result == 0) {
        result = load_all_samples(store, &facts, &assessment);
    }
    if (result == 0) {
        result = tell_particulars(store, &facts, &assessment);
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
    tell_sources(&assessment);
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
    series->counts = METRIC_PRIMARY;
    series->is_memory = true;
    series->rule = *rule;
    (void)snprintf(series->metric, sizeof series->metric, "value");
    (void)snprintf(series->label, sizeof series->label, "value");
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
    if (assessment->series != NULL) {
        docket_deinit(assessment->series, assessment->series_count);
    }
    free(assessment->series);
    summary_deinit(&assessment->summary);
    assessment->series = NULL;
    assessment->series_count = 0;
}

/* The troughs as they are drawn: those of ebbs each by itself, others as the
 * judge took them. The caller frees it; NULL: no memory. */
static struct judge_trough *drawn_troughs(const struct assessed *series,
                                          size_t *ret_count)
{
    bool are_ebbs = series->rule.are_troughs;
    size_t count =
        are_ebbs ? series->points_count : series->verdict.troughs_count;
    struct judge_trough *troughs = calloc(count ? count : 1, sizeof *troughs);
    for (size_t i = 0; troughs != NULL && i < count; i++) {
        troughs[i] = are_ebbs ? (struct judge_trough){
                                    .t_s = series->points[i].t_s,
                                    .events = series->points[i].events,
                                    .value = series->points[i].value,
                                }
                              : series->verdict.troughs[i];
    }
    *ret_count = troughs != NULL ? count : 0;
    return troughs;
}

void assess_plot(struct assessment *assessment, const char *reports_folder,
                 const char *folder)
{
    struct plot_series plots[ASSESS_SERIES_MAX];
    struct summary *summary = &assessment->summary;
    struct judge_trough *troughs[ASSESS_SERIES_MAX];
    struct err err = {0};
    size_t count = 0;
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        bool has_samples = series->samples != NULL;
        size_t troughs_count = 0;
        if (is_drawn(series) && series->points_count > 0) {
            troughs[count] = drawn_troughs(series, &troughs_count);
            plots[count] = (struct plot_series){
                .observer = series->observer,
                .metric = series->metric,
                .label = series->label,
                .unit = series->unit,
                .outcome = series->verdict.outcome,
                .points = has_samples ? series->samples : series->points,
                .points_count =
                    has_samples ? series->samples_count : series->points_count,
                .troughs = troughs[count],
                .troughs_count = troughs_count,
            };
            count++;
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
    for (size_t i = 0; i < count; i++) {
        free(troughs[i]);
    }
}
