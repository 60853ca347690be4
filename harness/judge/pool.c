#include "judge/pool.h"

#include <math.h>
#include <stdio.h>

enum { BISECTION_STEPS = 60 };

/* P(at least |least| of |count| events of probability |p|). */
static double tail(size_t count, size_t least, double p)
{
    double sum = 0.0;
    for (size_t k = least; k <= count; k++) {
        int sign;
        double ways = lgamma_r((double)count + 1.0, &sign) -
                      lgamma_r((double)k + 1.0, &sign) -
                      lgamma_r((double)(count - k) + 1.0, &sign);
        sum += exp(ways + (double)k * log(p) + (double)(count - k) * log1p(-p));
    }
    return sum;
}

double pool_alpha(size_t count, double alpha)
{
    const size_t half = (count + 1) / 2;
    double low = 0.0;
    double high = 0.5;
    if (count < 2) {
        return alpha;
    }
    for (int i = 0; i < BISECTION_STEPS; i++) {
        double middle = 0.5 * (low + high);
        if (tail(count, half, middle) < 0.5 * alpha) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void pool_verdicts(const struct judge_verdict *verdicts, size_t count,
                   double alpha, struct pooled *ret_pooled)
{
    /* An axis fires at 1 - alpha / 2. */
    const double sure = 1.0 - 0.5 * (0.5 * alpha / (double)count);
    struct pooled pooled = {.outcome = JUDGE_INCONCLUSIVE};
    const size_t *n = pooled.outcomes;
    bool is_one_sure = false;
    for (size_t i = 0; i < count; i++) {
        pooled.outcomes[verdicts[i].outcome]++;
        is_one_sure |= verdicts[i].outcome == JUDGE_CLIMB &&
                       (count == 1 || verdicts[i].p_climb > sure);
    }
    if (is_one_sure || (n[JUDGE_CLIMB] > 0 && 2 * n[JUDGE_CLIMB] >= count)) {
        pooled.outcome = JUDGE_CLIMB;
    } else if (n[JUDGE_INVALID] > 0) {
        pooled.outcome = JUDGE_INVALID;
    } else if (n[JUDGE_CLIMB] == 0 && 3 * n[JUDGE_PLATEAU] >= 2 * count) {
        pooled.outcome = JUDGE_PLATEAU;
    }
    (void)snprintf(pooled.reason, sizeof pooled.reason,
                   "of %zu series %zu climb, %zu are at a plateau, %zu are "
                   "inconclusive and %zu invalid%s",
                   count, n[JUDGE_CLIMB], n[JUDGE_PLATEAU],
                   n[JUDGE_INCONCLUSIVE], n[JUDGE_INVALID],
                   is_one_sure && 2 * n[JUDGE_CLIMB] < count
                       ? "; one climbs beyond all doubt"
                       : "");
    *ret_pooled = pooled;
}
