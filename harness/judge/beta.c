#include "judge/beta.h"

#include <math.h>

enum { FRACTION_STEPS_MAX = 2000, BISECTION_STEPS = 60 };

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

/* The continued fraction of 26.5.8 by the modified Lentz method. It converges
 * quickly for x < (a + 1) / (a + b + 2); the caller sees to that. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0;
    double d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= FRACTION_STEPS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1.0 + even * d;
        c = 1.0 + even / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        double odd =
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1.0 + odd * d;
        c = 1.0 + odd / c;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-15) {
            break;
        }
    }
    return h;
}

double beta_incomplete(double a, double b, double x)
{
    if (x <= 0.0) {
        return 0.0;
    }
    if (x >= 1.0) {
        return 1.0;
    }
    double front = exp(a * log(x) + b * log1p(-x) - log_beta(a, b));
    if (x < (a + 1.0) / (a + b + 2.0)) {
        return front * beta_fraction(a, b, x) / a;
    }
    return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

/* The x with I_x(a, b) = p. */
static double quantile(double a, double b, double p)
{
    double low = 0.0;
    double high = 1.0;
    for (int i = 0; i < BISECTION_STEPS; i++) {
        double middle = 0.5 * (low + high);
        if (beta_incomplete(a, b, middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

struct beta_interval beta_proportion(size_t hits, size_t count, double tail)
{
    const double seen = (double)hits;
    const double rest = (double)(count - hits);
    return (struct beta_interval){
        .low = hits == 0 ? 0.0 : quantile(seen, rest + 1.0, tail),
        .high = hits == count ? 1.0 : quantile(seen + 1.0, rest, 1.0 - tail),
    };
}
