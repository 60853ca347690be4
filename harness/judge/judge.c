#include "judge/judge.h"

#include "judge/objection.h"
#include "judge/student_t.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is beyond is no measurement, and its square may be infinite. */
static const double MAGNITUDE_MAX = 1e100;
static const double START_DROPPED = 0.05; /* of the samples */
static const double GROWTH_TOLD = 0.25;   /* of what is allowed */
static const double MAXIMA_SHARE = 0.05;
static const double MAXIMA_RANGE_QUANTA = 64.0;
enum { MAXIMA_MIN = 4 };
static const double LIMIT_REACHED = 0.98;
static const double EXTENSION_MIN = 0.25; /* of the run */
static const double EXTENSION_MAX = 7.0;

const char *judge_outcome_name(enum judge_outcome outcome)
{
    static const char *const name[] = {
        [JUDGE_PLATEAU] = "PLATEAU",
        [JUDGE_CLIMB] = "CLIMB",
        [JUDGE_INCONCLUSIVE] = "INCONCLUSIVE",
        [JUDGE_INVALID] = "INVALID",
    };
    return name[outcome];
}

void judge_rule_default(double quantum, struct judge_rule *ret_rule)
{
    *ret_rule = (struct judge_rule){
        .quantum = quantum,
        .alpha = 0.02,
        .plateau_level = 0.95,
        .climb_margin_quanta = 8.0,
        .climb_margin_ratio = 0.005,
        .plateau_margin_quanta = 16.0,
        .plateau_margin_ratio = 0.01,
        .plateau_margin_per_event = 16.0,
        .plateau_margin_per_hour = 4194304.0,
        .climb_margin_noises = 1.0,
        .plateau_margin_noises = 3.0,
        .has_events = true,
        .early_growth_ratio = 1.0,
        .unit = "B",
    };
}

void judge_rule_ebbs(double quantum, struct judge_rule *ret_rule)
{
    judge_rule_default(quantum, ret_rule);
    ret_rule->are_troughs = true;
    ret_rule->climb_margin_ratio = 0.002;
    ret_rule->plateau_margin_per_event = 4.0;
    ret_rule->plateau_margin_noises = 0.0;
}

/* One of 500 events that leaves something behind may stay open. */
void judge_rule_counts(double quantum, double climb_ratio,
                       struct judge_rule *ret_rule)
{
    judge_rule_ebbs(quantum, ret_rule);
    ret_rule->climb_margin_ratio =
        fmax(ret_rule->climb_margin_ratio, climb_ratio);
    ret_rule->plateau_margin_ratio =
        fmax(ret_rule->plateau_margin_ratio, 2.0 * climb_ratio);
    ret_rule->plateau_margin_per_event = 0.002;
    ret_rule->plateau_margin_noises = 3.0;
    ret_rule->early_growth_min = 100.0;
    ret_rule->is_looked_at_each_ebb = true;
    ret_rule->unit = "";
}

/* Writes what is wrong with the points into |text|; false if nothing is. */
static bool find_fault(const struct judge_point *points, size_t count,
                       const struct judge_rule *rule, char *text)
{
    const size_t size = JUDGE_REASON_SIZE;
    const bool has_events = rule->has_events;
    const int least = rule->are_troughs ? JUDGE_EBBS_MIN : JUDGE_POINTS_MIN;
    if (count < (size_t)least) {
        (void)snprintf(text, size, "%zu points, where at least %d are needed",
                       count, least);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        const struct judge_point *p = &points[i];
        const char *fault = NULL;
        if (!(fabs(p->t_s) <= MAGNITUDE_MAX)) {
            fault = "its time is not a finite number below 1e100";
        } else if (!(fabs(p->value) <= MAGNITUDE_MAX)) {
            fault = "its value is not a finite number below 1e100";
        } else if (has_events && !(fabs(p->events) <= MAGNITUDE_MAX)) {
            fault = "its count of events is not a finite number below 1e100";
        } else if (i > 0 && !(p->t_s > points[i - 1].t_s)) {
            fault = "its time is not later than the point's before it";
        } else if (i > 0 && has_events && p->events < points[i - 1].events) {
            fault = "its count of events is lower than the point's before it";
        }
        for (size_t c = 0; c < rule->covariates_count; c++) {
            double value = rule->covariates[i * rule->covariates_count + c];
            if (!(fabs(value) <= MAGNITUDE_MAX)) {
                fault = "a covariate of it is not a finite number below 1e100";
            }
        }
        if (fault != NULL) {
            (void)snprintf(text, size, "point %zu, counted from 0: %s", i,
                           fault);
            return true;
        }
    }
    return false;
}

/* The look that the verdict speaks of, and what it says. */
struct decision {
    const struct look *look;
    enum judge_outcome outcome;
    enum reason_kind kind;
};

/* Growth that is surely there, and no small part of what is allowed, is named
 * as growth. */
static enum reason_kind kind_of_plateau(const struct look *look)
{
    return look->growth.low > GROWTH_TOLD * look->plateau_margin
               ? REASON_WITHIN_BUDGET
               : REASON_HOLDS;
}

static struct decision decide(const struct look looks[2], double start_s)
{
    const struct look *fired = NULL;    /* the surer of those that fired */
    const struct look *settled = NULL;  /* likewise of those at a plateau */
    const struct look *objected = NULL; /* one that fired and fell */

    if (!looks[0].is_usable) {
        return (struct decision){&looks[0], JUDGE_INCONCLUSIVE,
                                 REASON_TOO_SHORT};
    }
    for (size_t i = 0; i < 2; i++) {
        const struct look *look = &looks[i];
        if (!look->is_usable) {
            continue;
        }
        if (look->is_settled &&
            (settled == NULL || look->p_plateau > settled->p_plateau)) {
            settled = look;
        }
        if (look->is_fired && look->objection == REASON_CLIMBS &&
            (fired == NULL || look->p_climb > fired->p_climb)) {
            fired = look;
        } else if (look->is_fired &&
                   (objected == NULL ||
                    objected->objection == REASON_WITHIN_BUDGET)) {
            objected = look;
        }
    }
    if (fired != NULL && settled == NULL) {
        return (struct decision){fired, JUDGE_CLIMB, REASON_CLIMBS};
    }
    if (fired != NULL) {
        return (struct decision){fired, JUDGE_INCONCLUSIVE, REASON_BORDERLINE};
    }
    if (objected != NULL && objected->objection == REASON_WITHIN_BUDGET) {
        return (struct decision){objected, JUDGE_PLATEAU, REASON_WITHIN_BUDGET};
    }
    if (objected != NULL) {
        return (struct decision){objected, JUDGE_INCONCLUSIVE,
                                 objected->objection};
    }
    if (settled != NULL) {
        return objection_is_doubling(&looks[0], start_s)
                   ? (struct decision){&looks[0], JUDGE_INCONCLUSIVE,
                                       REASON_DOUBLES}
                   : (struct decision){settled, JUDGE_PLATEAU,
                                       kind_of_plateau(settled)};
    }
    return (struct decision){looks[1].is_usable &&
                                     looks[1].p_plateau > looks[0].p_plateau
                                 ? &looks[1]
                                 : &looks[0],
                             JUDGE_INCONCLUSIVE, REASON_UNSURE};
}

/* How much longer the run would have to be, in seconds. The error of the
 * growth over a run falls with the root of its length; a budget an event
 * grows with it as well. */
static double extension_s(const struct decision *decision,
                          const struct judge_rule *rule)
{
    const struct look *look = decision->look;
    if (decision->outcome != JUDGE_INCONCLUSIVE) {
        return 0.0;
    }
    if (decision->kind != REASON_UNSURE) {
        return look->duration_s;
    }
    const double wanted = 2.0 * student_t_quantile(rule->plateau_level, 30.0) *
                          look->moments.deviation;
    const double ratio = wanted / look->plateau_margin;
    const bool is_by_event =
        look->plateau_margin <= rule->plateau_margin_per_event * look->events;
    const double times = pow(ratio, is_by_event ? 2.0 / 3.0 : 2.0) - 1.0;
    return look->duration_s * fmin(fmax(times, EXTENSION_MIN), EXTENSION_MAX);
}

static struct judge_slope scaled(struct judge_slope growth, double factor)
{
    return (struct judge_slope){growth.estimate * factor, growth.low * factor,
                                growth.high * factor};
}

static void write_reason(const struct decision *decision,
                         const struct judge_rule *rule, char *text)
{
    const struct look *look = decision->look;
    reason_write(&(struct reason){.kind = decision->kind,
                                  .unit = rule->unit,
                                  .growth = look->growth.estimate,
                                  .growth_most = look->growth.high,
                                  .duration_s = look->duration_s,
                                  .events = look->events,
                                  .budget = look->plateau_margin,
                                  .level = look->blocks.level,
                                  .probability = look->p_plateau,
                                  .p_climb = look->p_climb,
                                  .drop = look->drop,
                                  .rise = look->rise,
                                  .troughs = look->blocks.count,
                                  .troughs_min = LOOK_TROUGHS_MIN},
                 text);
}

static void fill_verdict(const struct look looks[2],
                         const struct judge_rule *rule, double start_s,
                         struct judge_verdict *ret)
{
    const struct decision decision = decide(looks, start_s);
    const struct look *by_time = &looks[0];
    const struct look *by_events = &looks[1];

    ret->outcome = decision.outcome;
    ret->level = decision.look->blocks.level;
    ret->p_climb = decision.look->p_climb;
    ret->p_plateau = decision.look->p_plateau;
    write_reason(&decision, rule, ret->reason);
    if (by_time->is_usable) {
        const double factor = 3600.0 / by_time->blocks.span;
        ret->per_hour = scaled(by_time->growth, factor);
        ret->detectable_per_hour = by_time->detectable * factor;
        ret->suggested_extension_s = extension_s(&decision, rule);
    }
    if (by_events->is_usable) {
        const double factor = 1.0 / by_events->blocks.span;
        ret->per_event = scaled(by_events->growth, factor);
        ret->detectable_per_event = by_events->detectable * factor;
    }
    ret->troughs_count = by_time->blocks.count;
    for (size_t k = 0; k < by_time->blocks.count; k++) {
        ret->troughs[k] = (struct judge_trough){
            .t_s = by_time->blocks.t_s[k],
            .events = by_time->blocks.events[k],
            .value = by_time->blocks.y[k],
        };
    }
}

/* At the estimated slope, until the limit is reached. */
static double limit_in_s(const struct judge_point *last,
                         const struct judge_rule *rule,
                         const struct judge_verdict *verdict)
{
    const double per_s = verdict->per_hour.estimate / 3600.0;
    if (!(rule->limit > 0.0) || isnan(per_s)) {
        return NAN;
    }
    return per_s > 0.0 ? fmax(0.0, rule->limit - last->value) / per_s
                       : (double)INFINITY;
}

/* How many points are at the largest value of all, if it comes up often
 * enough in the second half and the others reach far enough below it. */
static size_t at_maximum(const struct blocks_source *source, double quantum)
{
    double highest = -INFINITY;
    double lowest = INFINITY;
    size_t count = 0;
    const size_t half = source->count / 2;
    for (size_t i = 0; i < source->count; i++) {
        highest = fmax(highest, source->points[i].value);
        lowest = fmin(lowest, source->points[i].value);
    }
    for (size_t i = half; i < source->count; i++) {
        count += source->points[i].value == highest ? 1 : 0;
    }
    return count > MAXIMA_MIN && (double)count > MAXIMA_SHARE * (double)half &&
                   highest - lowest >= MAXIMA_RANGE_QUANTA * quantum
               ? count - 1
               : 0;
}

/* Beneath a limit that was reached there is no telling whether it wanted to
 * grow. */
static void heed_limits(const struct blocks_source *source,
                        const struct judge_rule *rule,
                        struct judge_verdict *ret)
{
    const size_t used = strlen(ret->reason);
    double highest = -INFINITY;
    if (ret->outcome != JUDGE_PLATEAU) {
        return;
    }
    if (ret->at_maximum > 0) {
        (void)snprintf(ret->reason + used, sizeof ret->reason - used,
                       "; %zu readings are the very same maximum, and if that "
                       "is a limit it hides growth",
                       ret->at_maximum + 1);
    }
    for (size_t i = 0; i < source->count; i++) {
        highest = fmax(highest, source->points[i].value);
    }
    if (rule->limit > 0.0 && highest >= LIMIT_REACHED * rule->limit) {
        ret->outcome = JUDGE_INCONCLUSIVE;
        (void)snprintf(ret->reason, sizeof ret->reason,
                       "at its limit: the largest value is %.1f %% of what is "
                       "allowed at all; whether it would have grown cannot be "
                       "told, so run it with more",
                       100.0 * highest / rule->limit);
    }
}

static void judge_valid(const struct judge_rule *rule,
                        struct workspace *workspace, struct look looks[2],
                        struct judge_verdict *ret)
{
    const struct blocks_source *source = &workspace->source;
    look_along(BLOCKS_BY_TIME, rule, workspace, &looks[0]);
    if (!rule->has_events || look_by_even_events(&looks[0], &looks[1])) {
        look_spend_all(rule, &looks[0]);
        look_spend_all(rule, &looks[1]);
    } else {
        look_along(BLOCKS_BY_EVENTS, rule, workspace, &looks[1]);
    }
    objection_raise(rule, workspace, looks);
    fill_verdict(looks, rule, workspace->start_s, ret);
    ret->at_maximum = at_maximum(source, rule->quantum);
    heed_limits(source, rule, ret);
    ret->covariates_used = looks[0].covariates | looks[1].covariates;
    ret->limit_in_s = limit_in_s(&source->points[source->count - 1], rule, ret);
}

/* The points less the start of the run, in which everything is built up. */
static struct blocks_source source_of(const struct judge_point *points,
                                      size_t count,
                                      const struct judge_rule *rule)
{
    const double part = START_DROPPED * (double)count;
    const size_t dropped = (size_t)(rule->are_troughs ? part : ceil(part));
    return (struct blocks_source){
        .points = points + dropped,
        .count = count - dropped,
        .covariates = rule->covariates_count == 0
                          ? NULL
                          : rule->covariates + dropped * rule->covariates_count,
        .covariates_count = rule->covariates_count,
        .are_troughs = rule->are_troughs,
    };
}

int judge_series(const struct judge_point *points, size_t count,
                 const struct judge_rule *rule,
                 struct judge_verdict *ret_verdict)
{
    const struct judge_slope unknown = {NAN, NAN, NAN};
    struct judge_verdict verdict = {.outcome = JUDGE_INVALID,
                                    .per_hour = unknown,
                                    .per_event = unknown,
                                    .level = NAN,
                                    .p_climb = NAN,
                                    .p_plateau = NAN,
                                    .detectable_per_hour = NAN,
                                    .detectable_per_event = NAN,
                                    .limit_in_s = NAN};
    struct workspace workspace = {0};
    int result = -ENOMEM;

    assert(rule->quantum > 0.0);
    assert(rule->covariates_count <= JUDGE_COVARIATES_MAX);
    if (find_fault(points, count, rule, verdict.reason)) {
        *ret_verdict = verdict;
        return 0;
    }
    struct look *looks = calloc(2, sizeof *looks);
    double *scratch = calloc(count, sizeof *scratch);
    workspace.source = source_of(points, count, rule);
    workspace.source.scratch = scratch;
    workspace.start_s = points[0].t_s;
    workspace.scratch = models_scratch_new();
    workspace.models = malloc(sizeof *workspace.models);
    workspace.thinned = malloc(sizeof *workspace.thinned);
    if (looks != NULL && scratch != NULL && workspace.scratch != NULL &&
        workspace.models != NULL && workspace.thinned != NULL) {
        judge_valid(rule, &workspace, looks, &verdict);
        *ret_verdict = verdict;
        result = 0;
    }
    free(workspace.thinned);
    free(workspace.models);
    models_scratch_free(workspace.scratch);
    free(scratch);
    free(looks);
    return result;
}
