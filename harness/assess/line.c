#include "assess/line.h"

#include <math.h>

static const double fit_min = 0.6;
static const double growth_min = 3.;
static const double growth_ratio_min = 0.25;

struct line line_fit(const double *x, const double *y, size_t count)
{
    struct line line = {0};
    double sx = 0., sy = 0., sxx = 0., syy = 0., sxy = 0.;
    double first_x = NAN, last_x = NAN;
    for (size_t i = 0; i < count; i++) {
        if (isnan(x[i]) || isnan(y[i])) {
            continue;
        }
        first_x = isnan(first_x) ? x[i] : first_x;
        last_x = x[i];
        line.last_y = y[i];
        line.count++;
        sx += x[i];
        sy += y[i];
    }
    if (line.count == 0) {
        return line;
    }
    double n = (double)line.count;
    double mean_x = sx / n;
    line.mean_y = sy / n;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(x[i]) && !isnan(y[i])) {
            sxx += (x[i] - mean_x) * (x[i] - mean_x);
            syy += (y[i] - line.mean_y) * (y[i] - line.mean_y);
            sxy += (x[i] - mean_x) * (y[i] - line.mean_y);
        }
    }
    line.span_x = last_x - first_x;
    line.slope = sxx > 0. ? sxy / sxx : 0.;
    line.fit = sxx > 0. && syy > 0. ? sxy * sxy / (sxx * syy) : 0.;
    if (line.count > 2 && line.fit > 0.) {
        double open = fmax(1. - line.fit, 1e-12);
        line.certainty = copysign(sqrt(line.fit * (n - 2.) / open), line.slope);
    }
    return line;
}

bool line_climbs(const struct line *line)
{
    double growth = line->slope * line->span_x;
    return line->count >= 5 && line->fit >= fit_min && growth >= growth_min &&
           growth >= growth_ratio_min * fabs(line->mean_y);
}
