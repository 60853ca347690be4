#include "judge/rivals.h"

#include "judge/student_t.h"

#include <math.h>
#include <stdlib.h>

static const double Z_95 = 1.6449; /* one-sided, 5 % */
static const double FIRST_LAST_RATIO = 1.05;
static const double THEIL_SEN_MARGIN = 0.01; /* of the level */
enum { THEIL_SEN_POINTS = 100 };

const char *rival_name(enum rival rival)
{
    static const char *const name[RIVALS] = {
        [RIVAL_MANN_KENDALL] = "Mann-Kendall",
        [RIVAL_LEAST_SQUARES] = "least squares",
        [RIVAL_FIRST_LAST] = "last/first > 1.05",
        [RIVAL_THEIL_SEN] = "Theil-Sen, margin 1 %",
    };
    return name[rival];
}

/* Sorts |values| and returns how many pairs stood in descending order.
 * Merge sort, O(n log n). */
static double count_descents(double *values, size_t count, double *scratch)
{
    if (count < 2) {
        return 0.0;
    }
    const size_t half = count / 2;
    double descents = count_descents(values, half, scratch) +
                      count_descents(values + half, count - half, scratch);
    size_t left = 0;
    size_t right = half;
    for (size_t i = 0; i < count; i++) {
        if (right == count || (left < half && values[left] <= values[right])) {
            scratch[i] = values[left++];
        } else {
            scratch[i] = values[right++];
            descents += (double)(half - left);
        }
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = scratch[i];
    }
    return descents;
}

static double variance_of_kendall(double n)
{
    return n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
}

/* Kendall 1975: S is the pairs that rise less those that fall. */
static bool mann_kendall(const struct judge_point *points, size_t count,
                         double *scratch)
{
    const double n = (double)count;
    double ties = 0.0; /* pairs */
    double variance = variance_of_kendall(n);
    for (size_t i = 0; i < count; i++) {
        scratch[i] = points[i].value;
    }
    const double descents = count_descents(scratch, count, scratch + count);
    for (size_t from = 0, i = 1; i <= count; i++) {
        if (i == count || scratch[i] != scratch[from]) {
            const double same = (double)(i - from);
            ties += same * (same - 1.0) / 2.0;
            variance -= variance_of_kendall(same);
            from = i;
        }
    }
    const double s = n * (n - 1.0) / 2.0 - ties - 2.0 * descents;
    return variance > 0.0 && s - 1.0 > Z_95 * sqrt(variance);
}

static bool least_squares(const struct judge_point *points, size_t count)
{
    double x_mean = 0.0;
    double y_mean = 0.0;
    double xx = 0.0;
    double xy = 0.0;
    double yy = 0.0;
    for (size_t i = 0; i < count; i++) {
        x_mean += points[i].t_s / (double)count;
        y_mean += points[i].value / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double x = points[i].t_s - x_mean;
        double y = points[i].value - y_mean;
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    const double left = (double)count - 2.0;
    const double rest = fmax(0.0, yy - xy * xy / xx) / left;
    return xy > student_t_quantile(0.95, left) * sqrt(rest * xx);
}

static bool first_last(const struct judge_point *points, size_t count)
{
    const size_t tenth = count < 10 ? 1 : count / 10;
    double first = 0.0;
    double last = 0.0;
    for (size_t i = 0; i < tenth; i++) {
        first += points[i].value;
        last += points[count - 1 - i].value;
    }
    return last > FIRST_LAST_RATIO * first;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Sen 1968: the interval of the median slope from Kendall's variance. */
static bool theil_sen(const struct judge_point *points, size_t count)
{
    static const size_t most = THEIL_SEN_POINTS;
    double slopes[THEIL_SEN_POINTS * (THEIL_SEN_POINTS - 1) / 2];
    double level[THEIL_SEN_POINTS];
    const size_t used = count < most ? count : most;
    size_t pairs = 0;
    for (size_t i = 0; i < used; i++) {
        const struct judge_point *a = &points[i * (count - 1) / (used - 1)];
        level[i] = a->value;
        for (size_t j = i + 1; j < used; j++) {
            const struct judge_point *b = &points[j * (count - 1) / (used - 1)];
            slopes[pairs++] = (b->value - a->value) / (b->t_s - a->t_s);
        }
    }
    qsort(slopes, pairs, sizeof *slopes, compare);
    qsort(level, used, sizeof *level, compare);
    const double half = Z_95 * sqrt(variance_of_kendall((double)used));
    const double rank = fmax(0.0, ((double)pairs - half) / 2.0);
    const double run_s = points[count - 1].t_s - points[0].t_s;
    return slopes[(size_t)rank] * run_s > THEIL_SEN_MARGIN * level[used / 2];
}

bool rival_calls_climb(enum rival rival, const struct judge_point *points,
                       size_t count, double *scratch)
{
    switch (rival) {
    case RIVAL_MANN_KENDALL:
        return mann_kendall(points, count, scratch);
    case RIVAL_LEAST_SQUARES:
        return least_squares(points, count);
    case RIVAL_FIRST_LAST:
        return first_last(points, count);
    default:
        return theil_sen(points, count);
    }
}
