#include "judge/student_t.h"

#include "judge/beta.h"

#include <assert.h>
#include <math.h>

static const double NEGLIGIBLE = 1e-9;

enum { BISECTION_STEPS = 80 };

double student_t_cdf(double t, double nu)
{
    assert(nu >= 1.0);
    if (isinf(t)) {
        return t > 0.0 ? 1.0 : 0.0;
    }
    double tail = 0.5 * beta_incomplete(0.5 * nu, 0.5, nu / (nu + t * t));
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
