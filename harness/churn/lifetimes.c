#include "churn/lifetimes.h"

#include <math.h>

bool lifetimes_is_rule(enum interval_rule rule)
{
    return rule == INTERVAL_WEIBULL || rule == INTERVAL_PARETO;
}

void lifetimes_init(struct lifetimes *lifetimes, enum interval_rule rule,
                    double shape, double mean)
{
    bool is_weibull = rule == INTERVAL_WEIBULL;
    assert(lifetimes_is_rule(rule));
    if (shape == 0.) {
        shape = is_weibull ? LIFETIMES_WEIBULL_SHAPE : LIFETIMES_PARETO_SHAPE;
    }
    assert(shape > (is_weibull ? 0. : 1.));
    *lifetimes = (struct lifetimes){
        .rule = rule,
        .shape = shape,
        .mean = mean,
        .scale = is_weibull ? mean / tgamma(1. + 1. / shape)
                            : mean * (shape - 1.) / shape,
    };
}

double lifetimes_draw(const struct lifetimes *lifetimes, struct rng *rng)
{
    double u = rng_unit(rng);
    return lifetimes->rule == INTERVAL_WEIBULL
               ? lifetimes->scale * pow(-log(u), 1. / lifetimes->shape)
               : lifetimes->scale * pow(u, -1. / lifetimes->shape);
}

/* Box and Muller, Annals of Mathematical Statistics 29(2), 1958. */
static double draw_normal(struct rng *rng)
{
    double radius = sqrt(-2. * log(rng_unit(rng)));
    return radius * cos(2. * M_PI * rng_unit(rng));
}

/* Gamma-distributed, for shapes of 1 and more: Marsaglia and Tsang, "A simple
 * method for generating gamma variables", ACM TOMS 26(3), 2000. */
static double draw_gamma(double shape, struct rng *rng)
{
    double d = shape - 1. / 3.;
    double c = 1. / sqrt(9. * d);
    for (;;) { /* ends: more than 95 % of all draws are taken */
        double x = draw_normal(rng);
        double v = 1. + c * x;
        if (v <= 0.) {
            continue;
        }
        v = v * v * v;
        if (log(rng_unit(rng)) < 0.5 * x * x + d - d * v + d * log(v)) {
            return d * v;
        }
    }
}

/* A moment falls into a life with a chance that grows with its length, and
 * anywhere within it alike: what is left is a uniform part of a life of length-
 * biased distribution. For Weibull such a life is scale * G^(1/shape) with G
 * gamma-distributed of shape 1 + 1/shape. For Pareto the integral of P(X > x) /
 * mean has an inverse: mean * (1 - u) below |least|, and beyond it
 * least * (shape * u)^(-1 / (shape - 1)). */
double lifetimes_draw_rest(const struct lifetimes *lifetimes, struct rng *rng)
{
    double shape = lifetimes->shape;
    double u = rng_unit(rng);
    if (lifetimes->rule == INTERVAL_WEIBULL) {
        double biased = draw_gamma(1. + 1. / shape, rng);
        return u * lifetimes->scale * pow(biased, 1. / shape);
    }
    return shape * u > 1.
               ? lifetimes->mean * (1. - u)
               : lifetimes->scale * pow(shape * u, -1. / (shape - 1.));
}
