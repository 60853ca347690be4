#include "judge/judge.h"

#include <math.h>

/* Samples: at these parts of the planned run. Looks at every moment do not
 * hold their error rate, because early data is a climb. */
static const double SAMPLED_AT[] = {1.0 / 3.0, 1.0 / 2.0, 2.0 / 3.0, 5.0 / 6.0};
enum { SAMPLED_LOOKS = sizeof SAMPLED_AT / sizeof *SAMPLED_AT };
/* Of alpha, a look spends so much. Looks at ebbs are many, but each sees all
 * that the one before saw; of counts, whose margins hold them back far more,
 * each spends all of it. `plateau selftest` shows what comes of that. */
static const double LOOK_SHARE = 0.25;
static const double COUNT_LOOK_SHARE = 1.0;

size_t judge_next_look(size_t ebbs, bool is_each)
{
    const size_t step = is_each ? ebbs / 16 : (ebbs + 5) / 6;
    const size_t least = is_each ? 1 : 2;
    if (ebbs < JUDGE_LOOK_EBBS_MIN) {
        return JUDGE_LOOK_EBBS_MIN;
    }
    return ebbs + (step > least ? step : least);
}

static bool is_due(const struct judge_watch *watch, size_t count,
                   double done_ratio, const struct judge_rule *rule)
{
    if (rule->are_troughs) {
        return count >= JUDGE_LOOK_EBBS_MIN && count >= watch->next;
    }
    return watch->looks < SAMPLED_LOOKS && count >= JUDGE_POINTS_MIN &&
           done_ratio >= SAMPLED_AT[watch->looks];
}

static bool is_enough(double lowest, double highest,
                      const struct judge_rule *rule)
{
    return highest - lowest >=
           fmax(rule->early_growth_ratio * fmax(lowest, 0.0),
                rule->early_growth_min);
}

static double mean_of(const struct judge_point *points, size_t from, size_t to)
{
    double sum = 0.0;
    for (size_t i = from; i < to; i++) {
        sum += points[i].value;
    }
    return sum / (double)(to - from);
}

/* Could it have grown enough, and is it larger in its last third than in the
 * one before? Saves judging what could not climb. */
static bool may_climb(const struct judge_point *points, size_t count,
                      const struct judge_rule *rule)
{
    const size_t third = count / 3;
    double lowest = INFINITY;
    double highest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        lowest = fmin(lowest, points[i].value);
        highest = fmax(highest, points[i].value);
    }
    return is_enough(lowest, highest, rule) &&
           mean_of(points, count - third, count) >
               mean_of(points, count - 2 * third, count - third) +
                   rule->quantum;
}

/* From the lowest trough to the last one. */
static bool has_grown(const struct judge_verdict *verdict,
                      const struct judge_rule *rule)
{
    const size_t count = verdict->troughs_count;
    double lowest = INFINITY;
    for (size_t k = 0; k < count; k++) {
        lowest = fmin(lowest, verdict->troughs[k].value);
    }
    return count > 0 &&
           is_enough(lowest, verdict->troughs[count - 1].value, rule);
}

int judge_look(struct judge_watch *watch, const struct judge_point *points,
               size_t count, double done_ratio, const struct judge_rule *rule,
               struct judge_verdict *ret_verdict)
{
    struct judge_rule strict = *rule;
    struct judge_verdict verdict;
    if (!is_due(watch, count, done_ratio, rule)) {
        return JUDGE_LOOK_GO_ON;
    }
    const bool has_climbed = watch->has_climbed;
    watch->looks++;
    watch->next = judge_next_look(count, rule->is_looked_at_each_ebb);
    watch->has_climbed = false;
    if (!may_climb(points, count, rule)) {
        return JUDGE_LOOK_GO_ON;
    }
    strict.alpha *= rule->is_looked_at_each_ebb ? COUNT_LOOK_SHARE : LOOK_SHARE;
    int result = judge_series(points, count, &strict, &verdict);
    if (result < 0) {
        return result;
    }
    watch->has_climbed =
        verdict.outcome == JUDGE_CLIMB && has_grown(&verdict, rule);
    if (!watch->has_climbed || !has_climbed) {
        return JUDGE_LOOK_GO_ON;
    }
    *ret_verdict = verdict;
    return JUDGE_LOOK_CLIMB;
}
