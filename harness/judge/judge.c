#include "judge/judge.h"

#include "judge/blocks.h"
#include "judge/covariates.h"
#include "judge/mixture.h"
#include "judge/models.h"
#include "judge/reason.h"
#include "judge/student_t.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TROUGHS_MIN = 8,
    DROPS_MAX = 2, /* of half the largest's size; more are a sawtooth */
};

/* What is beyond is no measurement, and its square may be infinite. */
static const double MAGNITUDE_MAX = 1e100;
static const double START_DROPPED = 0.05; /* of the samples */
static const double EARLIER_PART = 2.0 / 3.0;
static const double EARLIER_SLOPE_SHARE = 0.8;
static const double EARLIER_SLACK = 0.5;
static const double RATCHET_FALLS_SHARE = 0.25;
static const double RATCHET_T_MIN = 1.7;
static const double NOISE_MARGIN_RATIO_MAX = 0.2; /* of the level */
static const double DROP_SHARE = 0.25; /* of the growth that is claimed */
static const double DROP_NOISES = 6.0; /* standard deviations of a trough */
static const double VISIBLE_FACTOR = 3.0;
static const double DETECT_FACTOR = 1.5;
static const double DETECT_POWER = 0.9;
static const double EXTENSION_MIN = 0.25; /* of the run */
static const double EXTENSION_MAX = 7.0;

/* What one axis says. Growth is over the blocks' whole span. */
struct look {
    bool is_usable, is_fired;
    struct blocks blocks;
    double duration_s; /* from the first block's mean to the last one's */
    double events;
    unsigned covariates; /* that explain something, as bits */
    double noise;        /* standard deviation of a trough's */
    double climb_margin, plateau_margin;
    double p_climb, p_plateau;
    struct judge_slope growth;
    struct mixture_moments moments;
    double detectable;
    double drop;
    double rise;                /* that can be seen without any model */
    enum reason_kind objection; /* REASON_CLIMBS when there is none */
};

struct workspace {
    struct blocks_source source; /* without the start of the run */
    struct models_scratch *scratch;
    struct models *models;
    struct models *thinned;
};

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
        .climb_margin_ratio = 0.002,
        .plateau_margin_quanta = 16.0,
        .plateau_margin_ratio = 0.01,
        .plateau_margin_per_event = 16.0,
        .plateau_margin_per_hour = 0.0,
        .climb_margin_noises = 1.0,
        .plateau_margin_noises = 3.0,
        .has_events = true,
        .unit = "B",
    };
}

void judge_rule_ebbs(double quantum, struct judge_rule *ret_rule)
{
    judge_rule_default(quantum, ret_rule);
    ret_rule->are_troughs = true;
    ret_rule->plateau_margin_per_event = 4.0;
    ret_rule->plateau_margin_noises = 0.0;
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

/* Standard deviation of a trough about a smooth course, from the median
 * second difference, which a single drop does not touch. */
static double trough_noise(const struct blocks *blocks)
{
    const double normal = 0.6745 * 2.4495; /* of |N(0,1)|; sqrt(1 + 4 + 1) */
    double bend[JUDGE_BLOCKS_MAX];
    const size_t count = blocks->count - 2;
    for (size_t k = 0; k < count; k++) {
        bend[k] =
            fabs(blocks->y[k + 2] - 2.0 * blocks->y[k + 1] + blocks->y[k]);
    }
    return blocks_select(bend, count, count / 2) / normal;
}

static double hours(const struct look *look)
{
    return look->duration_s / 3600.0;
}

/* At many events a second a margin an event would allow anything. */
static double margin_by_events(const struct judge_rule *rule,
                               const struct look *look)
{
    const double margin = rule->plateau_margin_per_event * look->events;
    return rule->plateau_margin_per_hour > 0.0
               ? fmin(margin, rule->plateau_margin_per_hour * hours(look))
               : margin;
}

static void set_margins(const struct judge_rule *rule, struct look *look)
{
    const struct judge_budget *budget = &rule->budget;
    const double level = fabs(look->blocks.level);
    const double noise_max = NOISE_MARGIN_RATIO_MAX * level;
    const double allowed = fmax(
        fmax(budget->per_event * look->events, budget->per_hour * hours(look)),
        budget->ratio * level);
    look->noise = trough_noise(&look->blocks);
    look->climb_margin =
        fmax(fmax(rule->climb_margin_quanta * rule->quantum,
                  rule->climb_margin_ratio * level),
             fmin(rule->climb_margin_noises * look->noise, noise_max));
    look->plateau_margin =
        fmax(fmax(fmax(rule->plateau_margin_quanta * rule->quantum,
                       rule->plateau_margin_ratio * level),
                  margin_by_events(rule, look)),
             fmin(rule->plateau_margin_noises * look->noise, noise_max));
    if (budget->per_event > 0.0 || budget->per_hour > 0.0 ||
        budget->ratio > 0.0) {
        look->climb_margin = allowed;
        look->plateau_margin = allowed;
    }
}

/* Is the climb at the end as steep as it was at two thirds of the run? A
 * warm-up that looked like a leak to half of the models is not. */
static bool is_slowing(enum blocks_axis axis, const struct look *look,
                       const struct judge_rule *rule,
                       struct workspace *workspace)
{
    struct blocks earlier;
    struct mixture_moments moments;
    struct blocks_source part = workspace->source;

    part.count = (size_t)(EARLIER_PART * (double)part.count);
    blocks_cut(&part, axis, &earlier);
    if (earlier.count < MODELS_BLOCKS_MIN) {
        return true;
    }
    covariates_keep(&earlier, look->covariates);
    models_fit(&earlier, rule->quantum, workspace->scratch, workspace->models);
    mixture_moments(workspace->models, &moments);
    /* Both in units of the whole span. */
    const double scale = EARLIER_SLOPE_SHARE * look->blocks.span / earlier.span;
    return look->moments.mean +
               EARLIER_SLACK *
                   hypot(look->moments.deviation, scale * moments.deviation) <
           scale * moments.mean;
}

/* Does the growth of the last two thirds hang on its largest jump? */
static bool is_ratchet(const struct blocks *blocks)
{
    const size_t from = blocks->count / 3;
    const size_t count = blocks->count - from - 1;
    double rises = 0.0;
    double falls = 0.0;
    double largest = -INFINITY;
    double sum = 0.0;
    double squares = 0.0;

    for (size_t k = from + 1; k < blocks->count; k++) {
        double step = blocks->y[k] - blocks->y[k - 1];
        rises += fmax(step, 0.0);
        falls += fmax(-step, 0.0);
        largest = fmax(largest, step);
        sum += step;
    }
    if (falls > RATCHET_FALLS_SHARE * rises) {
        return false;
    }
    const double left = (double)count - 1.0;
    const double mean = (sum - largest) / left;
    bool is_removed = false;
    for (size_t k = from + 1; k < blocks->count; k++) {
        double step = blocks->y[k] - blocks->y[k - 1];
        if (step == largest && !is_removed) {
            is_removed = true;
            continue;
        }
        squares += (step - mean) * (step - mean);
    }
    const double deviation = sqrt(squares / (left - 1.0));
    return mean < RATCHET_T_MIN * deviation / sqrt(left);
}

/* The largest fall between neighbouring troughs; 0 where there are more such
 * falls, because then it is the tooth of a saw and not a thing given back. */
static double largest_drop(const struct blocks *blocks)
{
    double drop = 0.0;
    size_t alike = 0;
    for (size_t k = 1; k < blocks->count; k++) {
        drop = fmax(drop, blocks->y[k - 1] - blocks->y[k]);
    }
    for (size_t k = 1; k < blocks->count; k++) {
        alike += blocks->y[k - 1] - blocks->y[k] > 0.5 * drop ? 1 : 0;
    }
    return alike > DROPS_MAX ? 0.0 : drop;
}

/* What the troughs rose by, from the median of their first quarter to that of
 * their last, stretched to the whole run. */
static double visible_rise(const struct blocks *blocks)
{
    const double between = 0.75;
    const size_t quarter = blocks->count / 4;
    const size_t last = blocks->count - quarter;
    return (blocks_median(blocks->y + last, quarter) -
            blocks_median(blocks->y, quarter)) /
           between;
}

/* A climb that is sure on this axis must still stand up to these. */
static enum reason_kind objection_to(enum blocks_axis axis,
                                     const struct look *look,
                                     const struct judge_rule *rule,
                                     struct workspace *workspace)
{
    if (look->p_plateau > rule->plateau_level) {
        return REASON_WITHIN_BUDGET;
    }
    if (look->drop > DROP_SHARE * look->growth.estimate &&
        look->drop > DROP_NOISES * look->noise) {
        return REASON_GIVES_BACK;
    }
    if (look->growth.estimate > VISIBLE_FACTOR * look->rise) {
        return REASON_UNSEEN;
    }
    if (is_ratchet(&look->blocks)) {
        return REASON_RATCHETS;
    }
    if (is_slowing(axis, look, rule, workspace)) {
        return REASON_SLOWING;
    }
    return REASON_CLIMBS;
}

static void look_along(enum blocks_axis axis, const struct judge_rule *rule,
                       struct workspace *workspace, struct look *ret)
{
    const struct models *models = workspace->models;
    const double tail = 0.5 * rule->alpha;

    *ret = (struct look){.objection = REASON_CLIMBS};
    blocks_cut(&workspace->source, axis, &ret->blocks);
    if (ret->blocks.count < TROUGHS_MIN) {
        return;
    }
    const size_t last = ret->blocks.count - 1;
    ret->is_usable = true;
    ret->duration_s = ret->blocks.t_s[last] - ret->blocks.t_s[0];
    ret->events = rule->has_events
                      ? ret->blocks.events[last] - ret->blocks.events[0]
                      : 0.0;
    ret->covariates = covariates_keep_useful(&ret->blocks);
    models_fit(&ret->blocks, rule->quantum, workspace->scratch,
               workspace->models);
    for (size_t k = 0; k <= last; k++) {
        ret->blocks.y[k] -= models->explained[k];
    }
    set_margins(rule, ret);
    mixture_moments(models, &ret->moments);
    ret->p_climb = mixture_above(models, MIXTURE_LOWER, ret->climb_margin);
    ret->p_plateau =
        1.0 - mixture_above(models, MIXTURE_TERMINAL, ret->plateau_margin);
    mixture_thin(models, workspace->thinned);
    ret->growth = (struct judge_slope){
        .estimate = mixture_quantile(workspace->thinned, MIXTURE_TERMINAL, 0.5),
        .low = mixture_quantile(workspace->thinned, MIXTURE_LOWER, tail),
        .high =
            mixture_quantile(workspace->thinned, MIXTURE_TERMINAL, 1.0 - tail),
    };
    const double nu = models->t[0].nu;
    ret->detectable = DETECT_FACTOR * (ret->climb_margin +
                                       (student_t_quantile(1.0 - tail, nu) +
                                        student_t_quantile(DETECT_POWER, nu)) *
                                           ret->moments.mean_se);
    ret->drop = largest_drop(&ret->blocks);
    ret->rise = visible_rise(&ret->blocks);
    ret->is_fired = ret->p_climb > 1.0 - tail;
}

/* The surer look first: where its climb stands, the other one is not asked,
 * because that costs a fit and changes nothing. */
static void raise_objections(const struct judge_rule *rule,
                             struct workspace *workspace, struct look looks[2])
{
    static const enum blocks_axis axes[] = {BLOCKS_BY_TIME, BLOCKS_BY_EVENTS};
    const size_t first = looks[1].p_climb > looks[0].p_climb ? 1 : 0;
    for (size_t turn = 0; turn < 2; turn++) {
        size_t i = turn == 0 ? first : 1 - first;
        if (!looks[i].is_fired) {
            continue;
        }
        looks[i].objection = objection_to(axes[i], &looks[i], rule, workspace);
        if (looks[i].objection == REASON_CLIMBS) {
            looks[1 - i].is_fired = false;
            return;
        }
    }
}

/* The look that the verdict speaks of, and what it says. */
struct decision {
    const struct look *look;
    enum judge_outcome outcome;
    enum reason_kind kind;
};

static struct decision decide(const struct look looks[2],
                              const struct judge_rule *rule)
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
        if (look->p_plateau > rule->plateau_level &&
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
        return (struct decision){settled, JUDGE_PLATEAU, REASON_HOLDS};
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
                                  .troughs_min = TROUGHS_MIN},
                 text);
}

static void fill_verdict(const struct look looks[2],
                         const struct judge_rule *rule,
                         struct judge_verdict *ret)
{
    const struct decision decision = decide(looks, rule);
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

static void judge_valid(const struct judge_rule *rule,
                        struct workspace *workspace, struct look looks[2],
                        struct judge_verdict *ret)
{
    const struct blocks_source *source = &workspace->source;
    look_along(BLOCKS_BY_TIME, rule, workspace, &looks[0]);
    if (rule->has_events) {
        look_along(BLOCKS_BY_EVENTS, rule, workspace, &looks[1]);
    }
    raise_objections(rule, workspace, looks);
    fill_verdict(looks, rule, ret);
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
