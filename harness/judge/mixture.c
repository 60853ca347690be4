#include "judge/mixture.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { WIDEN_STEPS_MAX = 200, HALVE_STEPS_MAX = 60 };
static const double THIN_WEIGHT = 1.0 / 1000.0;
static const double TOLERANCE = 1e-3; /* of a standard error */

static double above(const struct student_t_table *t, double estimate, double se,
                    double growth)
{
    if (!(se > 0.0)) {
        return estimate > growth ? 1.0 : 0.0;
    }
    return student_t_table_cdf(t, (estimate - growth) / se);
}

double mixture_above(const struct models *models, enum mixture_slope slope,
                     double growth)
{
    double sum = 0.0;
    for (size_t i = 0; i < models->count; i++) {
        const struct model_slopes *m = &models->model[i];
        const struct student_t_table *t = &models->t[m->shapes];
        double p = above(t, m->s, m->s_se, growth);
        if (slope == MIXTURE_LOWER && (m->b != m->s || m->b_se != m->s_se)) {
            p = fmin(p, above(t, m->b, m->b_se, growth));
        }
        sum += m->weight * p;
    }
    return sum;
}

void mixture_moments(const struct models *models,
                     struct mixture_moments *ret_moments)
{
    double mean = 0.0;
    double mean_se = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < models->count; i++) {
        mean += models->model[i].weight * models->model[i].s;
        mean_se += models->model[i].weight * models->model[i].s_se;
    }
    for (size_t i = 0; i < models->count; i++) {
        const struct model_slopes *m = &models->model[i];
        double off = m->s - mean;
        variance += m->weight * (m->s_se * m->s_se + off * off);
    }
    *ret_moments = (struct mixture_moments){
        .mean = mean, .deviation = sqrt(variance), .mean_se = mean_se};
}

void mixture_thin(const struct models *models, struct models *ret_models)
{
    double summed = 0.5 * THIN_WEIGHT;
    double total = 0.0;
    ret_models->count = 0;
    ret_models->rho = models->rho;
    memcpy(ret_models->t, models->t, sizeof ret_models->t);
    for (size_t i = 0; i < models->count; i++) {
        struct model_slopes model = models->model[i];
        if (model.weight < THIN_WEIGHT) {
            summed += model.weight;
            if (summed < THIN_WEIGHT) {
                continue;
            }
            summed -= THIN_WEIGHT;
            model.weight = THIN_WEIGHT;
        }
        ret_models->model[ret_models->count++] = model;
        total += model.weight;
    }
    for (size_t i = 0; i < ret_models->count; i++) {
        ret_models->model[i].weight /= total;
    }
}

/* Bisection, speeded up by the secant of the Illinois method (Dowell and
 * Jarratt 1971): a mixture of thousands is dear to evaluate. */
double mixture_quantile(const struct models *models, enum mixture_slope slope,
                        double p)
{
    struct mixture_moments moments;
    assert(p > 0.0 && p < 1.0);
    mixture_moments(models, &moments);
    const double unit = fmax(moments.mean_se, fabs(moments.mean) * 1e-12);
    double step = fmax(moments.deviation, unit);
    if (!(step > 0.0)) {
        return moments.mean;
    }
    double low = moments.mean;
    double f_low = 1.0 - mixture_above(models, slope, low) - p;
    double high = low;
    double f_high = f_low;
    for (int i = 0; i < WIDEN_STEPS_MAX && f_low >= 0.0; i++) {
        high = low;
        f_high = f_low;
        low -= step;
        step *= 2.0;
        f_low = 1.0 - mixture_above(models, slope, low) - p;
    }
    step = fmax(moments.deviation, unit);
    for (int i = 0; i < WIDEN_STEPS_MAX && f_high < 0.0; i++) {
        low = high;
        f_low = f_high;
        high += step;
        step *= 2.0;
        f_high = 1.0 - mixture_above(models, slope, high) - p;
    }
    int side = 0;
    for (int i = 0; i < HALVE_STEPS_MAX && high - low > TOLERANCE * unit; i++) {
        double part = i % 3 == 2 ? 0.5 : f_low / (f_low - f_high);
        double middle = low + part * (high - low);
        double f = 1.0 - mixture_above(models, slope, middle) - p;
        if (fabs(f) < 1e-7) {
            return middle;
        }
        if (f < 0.0) {
            low = middle;
            f_low = f;
            f_high *= side == -1 ? 0.5 : 1.0;
            side = -1;
        } else {
            high = middle;
            f_high = f;
            f_low *= side == 1 ? 0.5 : 1.0;
            side = 1;
        }
    }
    return 0.5 * (low + high);
}
