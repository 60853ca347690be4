#include "judge/objection.h"

#include "judge/covariates.h"

#include <math.h>

enum {
    RISE_TROUGHS = 5,
    JUMPS_MAX = 4, /* more are a pattern */
    DROPS_MAX = 2, /* of half the largest's size; more are a sawtooth */
};

static const double EARLIER_PART = 2.0 / 3.0;
static const double EARLIER_SLOPE_SHARE = 0.8;
static const double EARLIER_SLACK = 0.5;
static const double RATCHET_FALLS_SHARE = 0.25;
static const double RATCHET_T_MIN = 1.7;
static const double JUMP_NOISES = 6.0;
static const double JUMPS_LEAVE = 0.65; /* of the growth that is claimed */
static const double DOUBLE_LEAST = 1.6;
static const double DOUBLE_MOST = 2.5;
static const double DOUBLING_LEVEL = 0.005; /* of the level */
static const double DROP_SHARE = 0.25;      /* likewise */
static const double DROP_NOISES = 6.0;
static const double VISIBLE_FACTOR = 3.0;

/* Is the climb at the end as steep as it was at two thirds of the run? A
 * warm-up that looked like a leak to half of the models is not. */
static bool is_slowing(enum blocks_axis axis, const struct look *look,
                       const struct judge_rule *rule,
                       struct workspace *workspace)
{
    struct blocks earlier;
    struct mixture_moments moments;
    struct blocks_source part = workspace->source;

    /* As wide as those of the whole. */
    part.blocks_max = (size_t)(EARLIER_PART * JUDGE_BLOCKS_MAX);
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

/* Is the growth of the last two thirds mostly that of a few jumps? Each is a
 * rise between neighbours that stands out of the noise. */
static bool is_staircase(const struct look *look)
{
    const double *y = look->blocks.y;
    const size_t count = look->blocks.count;
    const size_t from = count / 3;
    const double each = look->growth.estimate / (double)(count - 1);
    const double least = JUMP_NOISES * look->noise + each;
    double jumped = 0.0;
    size_t jumps = 0;
    for (size_t k = from + 1; k < count; k++) {
        if (y[k] - y[k - 1] > least) {
            jumped += y[k] - y[k - 1] - each;
            jumps++;
        }
    }
    const size_t end = count / 12 + 1;
    const double rise =
        blocks_median(y + count - end, end) - blocks_median(y + from, end);
    const double claimed = look->growth.estimate *
                           (look->blocks.x[count - 1] - look->blocks.x[from]);
    return jumps > 0 && jumps <= JUMPS_MAX &&
           rise - jumped < JUMPS_LEAVE * claimed;
}

/* The rise at trough |k|, from the median of some before it to that of some
 * from it on. */
static double rise_at(const struct blocks *blocks, size_t k)
{
    const size_t before = k < RISE_TROUGHS ? k : RISE_TROUGHS;
    const size_t left = blocks->count - k;
    const size_t after = left < RISE_TROUGHS ? left : RISE_TROUGHS;
    return blocks_median(&blocks->y[k], after) -
           blocks_median(&blocks->y[k - before], before);
}

bool objection_is_doubling(const struct look *look, double start_s)
{
    const struct blocks *blocks = &look->blocks;
    double height[2] = {0.0};
    double at_s[2] = {0.0};
    size_t found = 0;
    for (size_t k = blocks->count - 1; k > 0 && found < 2; k--) {
        const double step = blocks->y[k] - blocks->y[k - 1];
        const double rise = rise_at(blocks, k);
        if (step > JUMP_NOISES * look->noise && step > 0.5 * rise &&
            rise > JUMP_NOISES * look->noise &&
            rise > DOUBLING_LEVEL * fabs(blocks->level)) {
            height[found] = rise;
            at_s[found++] = blocks->t_s[k] - start_s;
        }
    }
    return found == 2 && height[0] > DOUBLE_LEAST * height[1] &&
           height[0] < DOUBLE_MOST * height[1] &&
           at_s[0] > DOUBLE_LEAST * at_s[1] && at_s[0] < DOUBLE_MOST * at_s[1];
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
    if (look->is_settled) {
        return REASON_WITHIN_BUDGET;
    }
    if (look->drop > DROP_SHARE * look->growth.estimate &&
        look->drop > DROP_NOISES * look->noise) {
        return REASON_GIVES_BACK;
    }
    if (look->growth.estimate > VISIBLE_FACTOR * look->rise) {
        return REASON_UNSEEN;
    }
    if (is_ratchet(&look->blocks) || is_staircase(look)) {
        return REASON_RATCHETS;
    }
    if (is_slowing(axis, look, rule, workspace)) {
        return REASON_SLOWING;
    }
    return REASON_CLIMBS;
}

/* The surer look first: where its climb stands, the other one is not asked,
 * because that costs a fit and changes nothing. */
void objection_raise(const struct judge_rule *rule, struct workspace *workspace,
                     struct look looks[2])
{
    static const enum blocks_axis axes[] = {BLOCKS_BY_TIME, BLOCKS_BY_EVENTS};
    const size_t first = looks[1].p_climb > looks[0].p_climb ? 1 : 0;
    for (size_t turn = 0; turn < 2; turn++) {
        size_t i = turn == 0 ? first : 1 - first;
        if (!looks[i].is_fired) {
            continue;
        }
        looks[i].drop = largest_drop(&looks[i].blocks);
        looks[i].rise = visible_rise(&looks[i].blocks);
        looks[i].objection = objection_to(axes[i], &looks[i], rule, workspace);
        if (looks[i].objection == REASON_CLIMBS) {
            looks[1 - i].is_fired = false;
            return;
        }
    }
}
