#include "judge/judge.h"

#include <math.h>

/* Samples: at these parts of the planned run. Looks at every moment do not
 * hold their error rate, because early data is a climb. */
static const double SAMPLED_AT[] = {1.0 / 3.0, 1.0 / 2.0, 2.0 / 3.0, 5.0 / 6.0};
/* Ebbs: at so many of them. Where nothing makes noise, few are enough. */
static const size_t EBBS_AT[JUDGE_EBB_LOOKS_MAX] = {
    10, 12, 14, 16, 19, 22, 26, 31, 37, 44, 52, 62, 74, 88, 105, 126,
};
enum { SAMPLED_LOOKS = sizeof SAMPLED_AT / sizeof *SAMPLED_AT };

static bool is_due(const struct judge_watch *watch, size_t count,
                   double done_ratio, const struct judge_rule *rule)
{
    if (rule->are_troughs) {
        return watch->looks < JUDGE_EBB_LOOKS_MAX &&
               count >= EBBS_AT[watch->looks];
    }
    return watch->looks < SAMPLED_LOOKS && count >= JUDGE_POINTS_MIN &&
           done_ratio >= SAMPLED_AT[watch->looks];
}

/* Could it have grown enough? Saves judging what could not. */
static bool may_have_grown(const struct judge_point *points, size_t count,
                           const struct judge_rule *rule)
{
    double lowest = INFINITY;
    double highest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        lowest = fmin(lowest, points[i].value);
        highest = fmax(highest, points[i].value);
    }
    return highest - lowest >= rule->early_growth_ratio * fmax(lowest, 0.0);
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
    return count > 0 && verdict->troughs[count - 1].value - lowest >=
                            rule->early_growth_ratio * fmax(lowest, 0.0);
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
    if (!may_have_grown(points, count, rule)) {
        watch->looks++;
        watch->has_climbed = false;
        return JUDGE_LOOK_GO_ON;
    }
    strict.alpha /= rule->are_troughs ? JUDGE_EBB_LOOKS_MAX : SAMPLED_LOOKS;
    int result = judge_series(points, count, &strict, &verdict);
    if (result < 0) {
        return result;
    }
    const bool has_climbed = watch->has_climbed;
    watch->looks++;
    watch->has_climbed =
        verdict.outcome == JUDGE_CLIMB && has_grown(&verdict, rule);
    if (!watch->has_climbed || !has_climbed) {
        return JUDGE_LOOK_GO_ON;
    }
    *ret_verdict = verdict;
    return JUDGE_LOOK_CLIMB;
}
