/* beta.h - the incomplete beta function, and what it says of proportions. Pure.
 */
#ifndef PLATEAU_BETA_H
#define PLATEAU_BETA_H

#include <stddef.h>

/* I_x(a, b) for a, b > 0 (Abramowitz and Stegun 26.5.8). */
double beta_incomplete(double a, double b, double x);

struct beta_interval {
    double low, high;
};

/* The exact interval of a proportion of which |hits| of |count| > 0 were seen
 * (Clopper and Pearson 1934): each end is wrong with probability |tail|. */
struct beta_interval beta_proportion(size_t hits, size_t count, double tail);

#endif
