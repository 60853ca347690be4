/* line.h - a straight line through some values, by least squares. Pure. */
#ifndef PLATEAU_LINE_H
#define PLATEAU_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct line {
    size_t count; /* of pairs; what is NaN on either side is left out */
    double slope;
    double fit;       /* 0 to 1: of the variance of y, along the line */
    double certainty; /* the slope over its standard error; 0 of a level */
    double mean_y, span_x, last_y;
};

/* Of |count| pairs. Fewer than two of them, or an x that stands still, give a
 * level line. */
struct line line_fit(const double *x, const double *y, size_t count);

/* Whether a count that goes along it climbs: the line explains most of it, and
 * it grows by more than a few and by a quarter of its level. */
bool line_climbs(const struct line *line);

#endif
