#include "judge/look.h"

#include "judge/covariates.h"
#include "judge/student_t.h"

#include <math.h>
#include <string.h>

static const double NOISE_MARGIN_RATIO_MAX = 0.2; /* of the level */
static const double DETECT_FACTOR = 1.5;
static const double DETECT_POWER = 0.9;
static const double SPIKE_NOISES = 6.0;
static const double SPIKES_MOST = 0.25; /* of the readings */
static const double EVEN_EVENTS = 0.02; /* of the run */
enum { SPIKE_NEIGHBOURS = 3 };

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
    const bool is_explained = look->covariates != 0;
    const double noise_max =
        is_explained ? 0.0 : NOISE_MARGIN_RATIO_MAX * level;
    const double allowed = fmax(
        fmax(budget->per_event * look->events, budget->per_hour * hours(look)),
        budget->ratio * level);
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

/* Removes the blocks of |is_dropped|. */
static void drop_blocks(const bool *is_dropped, struct blocks *blocks)
{
    size_t count = 0;
    for (size_t k = 0; k < blocks->count; k++) {
        if (is_dropped[k]) {
            continue;
        }
        blocks->x[count] = blocks->x[k];
        blocks->y[count] = blocks->y[k];
        blocks->t_s[count] = blocks->t_s[k];
        blocks->events[count] = blocks->events[k];
        for (size_t c = 0; c < blocks->covariates_count; c++) {
            blocks->covariate[c][count] = blocks->covariate[c][k];
        }
        count++;
    }
    blocks->count = count;
    blocks->level = blocks_median(blocks->y, count);
}

/* Marks readings that stand out above three before and three after: ebbs that
 * did not settle. Neither the first nor the last can be told. 0 when there are
 * none, or so many that they are no exceptions. */
static size_t find_spikes(const struct look *look, double quantum,
                          bool is_spike[JUDGE_BLOCKS_MAX])
{
    const struct blocks *blocks = &look->blocks;
    const double least = SPIKE_NOISES * fmax(look->noise, quantum);
    size_t count = 0;
    memset(is_spike, 0, JUDGE_BLOCKS_MAX * sizeof *is_spike);
    for (size_t k = 1; k + 1 < blocks->count; k++) {
        const size_t before = k < SPIKE_NEIGHBOURS ? k : SPIKE_NEIGHBOURS;
        const size_t left = blocks->count - 1 - k;
        const size_t after = left < SPIKE_NEIGHBOURS ? left : SPIKE_NEIGHBOURS;
        const double around =
            fmax(blocks_median(&blocks->y[k - before], before),
                 blocks_median(&blocks->y[k + 1], after));
        is_spike[k] = blocks->y[k] > around + least;
        count += is_spike[k] ? 1 : 0;
    }
    return (double)count <= SPIKES_MOST * (double)blocks->count &&
                   blocks->count - count >= LOOK_TROUGHS_MIN
               ? count
               : 0;
}

/* Fits the models to the troughs and takes off what covariates explain. Of
 * settled readings, those that are spikes are left out, and the fit made
 * again. */
static void fit(const struct judge_rule *rule, struct workspace *workspace,
                struct look *look)
{
    struct blocks whole = look->blocks;
    bool is_spike[JUDGE_BLOCKS_MAX];
    for (size_t turn = 0; turn < 2; turn++) {
        look->blocks = whole;
        look->covariates = covariates_keep_useful(&look->blocks);
        models_fit(&look->blocks, rule->quantum, workspace->scratch,
                   workspace->models);
        for (size_t k = 0; k < whole.count; k++) {
            look->blocks.y[k] -= workspace->models->explained[k];
        }
        look->noise = trough_noise(&look->blocks);
        if (!rule->are_troughs || turn == 1 ||
            find_spikes(look, rule->quantum, is_spike) == 0) {
            return;
        }
        drop_blocks(is_spike, &whole);
    }
}

/* |tail|, |plateau_tail|: how often by chance. */
static void decide(double tail, double plateau_tail, struct look *look)
{
    look->is_settled = look->is_usable && look->p_plateau > 1.0 - plateau_tail;
    look->is_fired = look->is_usable && look->p_climb > 1.0 - tail &&
                     look->blocks.count >= LOOK_CLIMB_TROUGHS_MIN;
}

void look_spend_all(const struct judge_rule *rule, struct look *look)
{
    decide(rule->alpha, 2.0 * (1.0 - rule->plateau_level), look);
}

void look_along(enum blocks_axis axis, const struct judge_rule *rule,
                struct workspace *workspace, struct look *ret_look)
{
    const struct models *models = workspace->models;
    struct look *ret = ret_look;
    const double tail = 0.5 * rule->alpha;

    *ret = (struct look){.objection = REASON_CLIMBS};
    blocks_cut(&workspace->source, axis, &ret->blocks);
    if (ret->blocks.count < LOOK_TROUGHS_MIN) {
        return;
    }
    fit(rule, workspace, ret);
    const size_t last = ret->blocks.count - 1;
    ret->is_usable = true;
    ret->duration_s = ret->blocks.t_s[last] - ret->blocks.t_s[0];
    ret->events = rule->has_events
                      ? ret->blocks.events[last] - ret->blocks.events[0]
                      : 0.0;
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
    decide(tail, 1.0 - rule->plateau_level, ret);
}

bool look_by_even_events(const struct look *by_time, struct look *ret_look)
{
    struct look look = *by_time;
    struct blocks *blocks = &look.blocks;
    const size_t last = blocks->count - 1;
    if (!by_time->is_usable || !(look.events > 0.0)) {
        return false;
    }
    for (size_t k = 0; k <= last; k++) {
        const double x = (blocks->events[k] - blocks->events[0]) / look.events;
        if (fabs(x - blocks->x[k]) > EVEN_EVENTS) {
            return false;
        }
        blocks->x[k] = x;
    }
    blocks->span = look.events;
    *ret_look = look;
    return true;
}
