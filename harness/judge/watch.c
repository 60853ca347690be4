#include "judge/judge.h"

/* Samples: at these parts of the planned run. Looks at every moment do not
 * hold their error rate, because early data is a climb. */
static const double SAMPLED_AT[] = {1.0 / 3.0, 1.0 / 2.0, 2.0 / 3.0, 5.0 / 6.0};
enum {
    SAMPLED_LOOKS = sizeof SAMPLED_AT / sizeof *SAMPLED_AT,
    EBBS_FIRST = JUDGE_EBBS_MIN + 2,
    EBBS_STEP = 2,
};

static bool is_due(const struct judge_watch *watch, size_t count,
                   double done_ratio, const struct judge_rule *rule)
{
    if (rule->are_troughs) {
        return watch->looks < JUDGE_EBB_LOOKS_MAX &&
               count >= EBBS_FIRST + EBBS_STEP * watch->looks;
    }
    return watch->looks < SAMPLED_LOOKS && count >= JUDGE_POINTS_MIN &&
           done_ratio >= SAMPLED_AT[watch->looks];
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
    strict.alpha /= rule->are_troughs ? JUDGE_EBB_LOOKS_MAX : SAMPLED_LOOKS;
    int result = judge_series(points, count, &strict, &verdict);
    if (result < 0) {
        return result;
    }
    const bool has_climbed = watch->has_climbed;
    watch->looks++;
    watch->has_climbed = verdict.outcome == JUDGE_CLIMB;
    if (!watch->has_climbed || !has_climbed) {
        return JUDGE_LOOK_GO_ON;
    }
    *ret_verdict = verdict;
    return JUDGE_LOOK_CLIMB;
}
