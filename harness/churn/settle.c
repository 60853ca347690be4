#include "churn/settle.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 2 * SETTLE_WINDOW };

static const double drift_ratio = 0.01;
static const double waver_share = 0.5;

int settle_init(struct settle *settle, size_t figures_count)
{
    size_t count =
        figures_count < SETTLE_FIGURES_MAX ? figures_count : SETTLE_FIGURES_MAX;
    settle->rows = calloc(ROWS * (count > 0 ? count : 1), sizeof(double));
    settle->figures_count = count;
    settle->rows_count = 0;
    return settle->rows != NULL ? 0 : -ENOMEM;
}

void settle_deinit(struct settle *settle)
{
    free(settle->rows);
    *settle = (struct settle){0};
}

void settle_begin(struct settle *settle)
{
    settle->rows_count = 0;
}

void settle_add(struct settle *settle, const double *figures)
{
    size_t at = settle->rows_count++ % ROWS;
    for (size_t i = 0; i < settle->figures_count; i++) {
        settle->rows[at * settle->figures_count + i] = figures[i];
    }
}

static bool is_at_rest(const struct settle *settle, size_t figure, double step)
{
    double means[2] = {0., 0.};
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < ROWS; i++) {
        /* The oldest row is the one that comes next to be overwritten. */
        size_t at = (settle->rows_count + i) % ROWS;
        double value = settle->rows[at * settle->figures_count + figure];
        means[i / SETTLE_WINDOW] += value / SETTLE_WINDOW;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    double allowed = fmax(step, drift_ratio * fabs(means[1]));
    return fabs(means[1] - means[0]) <=
           fmax(allowed, waver_share * (high - low));
}

bool settle_is_settled(const struct settle *settle, const double *steps)
{
    if (settle->rows_count < ROWS) {
        return false;
    }
    for (size_t i = 0; i < settle->figures_count; i++) {
        if (!is_at_rest(settle, i, steps[i])) {
            return false;
        }
    }
    return true;
}
