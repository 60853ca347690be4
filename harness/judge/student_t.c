#include "judge/student_t.h"

#include <assert.h>
#include <math.h>

static const double NEGLIGIBLE = 1e-9;

enum { FRACTION_STEPS_MAX = 300, BISECTION_STEPS = 80 };

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

static double incomplete_beta(double a, double b, double x)
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

double student_t_cdf(double t, double nu)
{
    assert(nu >= 1.0);
    if (isinf(t)) {
        return t > 0.0 ? 1.0 : 0.0;
    }
    double tail = 0.5 * incomplete_beta(0.5 * nu, 0.5, nu / (nu + t * t));
    return t > 0.0 ? 1.0 - tail : tail;
}

double student_t_quantile(double p, double nu)
{
    assert(p > 0.0 && p < 1.0);
    double low = -1.0;
    double high = 1.0;
    while (student_t_cdf(low, nu) > p) {
        low *= 2.0;
    }
    while (student_t_cdf(high, nu) < p) {
        high *= 2.0;
    }
    for (int i = 0; i < BISECTION_STEPS && high - low > 1e-10; i++) {
        double middle = 0.5 * (low + high);
        if (student_t_cdf(middle, nu) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

/* With u = t / sqrt(nu + t^2) the density is C (1 - u^2)^(nu/2 - 1) on
 * (-1, 1): smooth, and with its whole tail in a finite range. Simpson's rule
 * gives the distribution at the nodes, a cubic through values and slopes the
 * rest. At u = 1 the density may have no derivative: the last interval is
 * taken as the power of 1 - u that it nearly is. */
void student_t_table_init(struct student_t_table *table, double nu)
{
    assert(nu >= 2.0);
    const double width = 1.0 / STUDENT_T_NODES;
    const double power = 0.5 * nu - 1.0;
    double sum = 0.0;
    double before = 1.0;

    table->nu = nu;
    table->tail_power = power + 1.0;
    table->f[0] = 0.0;
    table->slope[0] = 1.0;
    for (int i = 1; i <= STUDENT_T_NODES; i++) {
        double u = i * width;
        double middle = u - 0.5 * width;
        double here = pow(fmax(0.0, 1.0 - u * u), power);
        sum +=
            i < STUDENT_T_NODES
                ? before + 4.0 * pow(1.0 - middle * middle, power) + here
                : 6.0 * pow(width, power) / (power + 1.0) *
                      pow(2.0 - width * (power + 1.0) / (power + 2.0), power);
        table->f[i] = sum;
        table->slope[i] = here;
        before = here;
    }
    /* In units in which the half integral is a half; Simpson's sum is six
     * times the mean over each interval. */
    const double scale = 0.5 / sum;
    for (int i = 0; i <= STUDENT_T_NODES; i++) {
        table->f[i] *= scale;
        table->slope[i] *= 6.0 * scale;
    }
}

double student_t_table_cdf(const struct student_t_table *table, double t)
{
    double u = fabs(t) / sqrt(table->nu + t * t);
    double place = u * STUDENT_T_NODES;
    double half = 0.5;
    if (!(place < STUDENT_T_NODES - 1)) { /* not a number: t is infinite */
        double tail = 0.5 - table->f[STUDENT_T_NODES - 1];
        double left = fmax(0.0, STUDENT_T_NODES - place);
        if (tail > NEGLIGIBLE) { /* spares the power where nu is large */
            half -= tail * pow(left, table->tail_power);
        }
    } else {
        int i = (int)place;
        double r = place - i;
        double f0 = table->f[i];
        double f1 = table->f[i + 1];
        double d0 = table->slope[i];
        double d1 = table->slope[i + 1];
        double rise = f1 - f0;
        half = f0 + r * (d0 + r * (3.0 * rise - 2.0 * d0 - d1 +
                                   r * (d0 + d1 - 2.0 * rise)));
    }
    return t < 0.0 ? 0.5 - half : 0.5 + half;
}
