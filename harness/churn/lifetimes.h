/* lifetimes.h - how long a churner lives, where lives are heavy-tailed.
 *
 * Pure: numbers of a seeded generator in, times out, in the unit of the mean.
 *
 *   INTERVAL_WEIBULL  P(X > x) = exp(-(x / scale)^shape), with
 *                     scale = mean / Gamma(1 + 1/shape). Below a shape of 1 the
 *                     old live on and the young die. Fits peers of file-sharing
 *                     networks with shapes of 0.34 to 0.59 (Stutzbach, Rejaie:
 *                     "Understanding churn in peer-to-peer networks", IMC 2006)
 *   INTERVAL_PARETO   P(X > x) = (least / x)^shape for x >= least, with
 *                     least = mean * (shape - 1) / shape. Nobody dies before
 *                     that; at shapes of 2 and less the variance has no bound
 *
 * Both are drawn by inversion. A process in which one life follows another has
 * the same rate at all times only if the first life is one that has been going
 * on already: what is left of it is drawn by lifetimes_draw_rest(), whose
 * density is P(X > x) / mean (Cox: "Renewal theory", 1962, section 5.2). Else a
 * run would begin with a wave of early deaths, and its rate would fall all the
 * time, which memory follows.
 */
#ifndef PLATEAU_LIFETIMES_H
#define PLATEAU_LIFETIMES_H

#include "churn/rng.h"
#include "scenario/scenario.h"

#include <stdbool.h>

#define LIFETIMES_WEIBULL_SHAPE 0.5 /* where none is given */
#define LIFETIMES_PARETO_SHAPE 1.5

struct lifetimes {
    enum interval_rule rule;
    double shape;
    double mean;
    double scale; /* Weibull: the scale; Pareto: the least */
};

/* Whether |rule| is about lives, and not about the gaps between events. */
bool lifetimes_is_rule(enum interval_rule rule);

/* |rule| is one of lives, |mean| above 0; |shape| 0 is the default of the rule,
 * else above 0, and above 1 for Pareto. */
void lifetimes_init(struct lifetimes *lifetimes, enum interval_rule rule,
                    double shape, double mean);

/* A whole life. */
double lifetimes_draw(const struct lifetimes *lifetimes, struct rng *rng);

/* What is left of the life that is under way at some moment. */
double lifetimes_draw_rest(const struct lifetimes *lifetimes, struct rng *rng);

#endif
