/* mixture.h - questions put to the posterior of slopes: a mixture of Student t
 * distributions, one a model. Slopes are as in models.h. Pure.
 */
#ifndef PLATEAU_MIXTURE_H
#define PLATEAU_MIXTURE_H

#include "judge/models.h"

/* Which slope of a model is meant. */
enum mixture_slope {
    MIXTURE_TERMINAL, /* s, the slope at the end */
    MIXTURE_LOWER,    /* the smaller of s and b */
};

/* P(slope > growth); for MIXTURE_LOWER the sum over models of the smaller of
 * both probabilities. */
double mixture_above(const struct models *models, enum mixture_slope slope,
                     double growth);

/* Stands for |models| with far fewer: those of a weight below 1/1000 are
 * drawn at equal steps of their summed weight. Enough for an interval, not
 * for a decision. */
void mixture_thin(const struct models *models, struct models *ret_models);

/* The growth g with 1 - mixture_above(g) = p, 0 < p < 1, to a thousandth of a
 * standard error. Terminal quantiles are never below those of the lower
 * slope at the same p. */
double mixture_quantile(const struct models *models, enum mixture_slope slope,
                        double p);

/* Mean and standard deviation of the terminal slope, and the mean over the
 * models of its standard error. */
struct mixture_moments {
    double mean, deviation, mean_se;
};

void mixture_moments(const struct models *models,
                     struct mixture_moments *ret_moments);

#endif
