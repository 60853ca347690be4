#include "judge/ar1.h"

#include <assert.h>
#include <math.h>

enum { GRID_STEPS = 97 };
static const double GRID_WIDTH = 0.01;

/* Both traces are polynomials in rho, because R_ij = rho^|i-j|: tr(A R) is
 * the sum over d of rho^d times the sum of A's d-th diagonals. */
struct traces {
    size_t count;
    double lag[JUDGE_BLOCKS_MAX];      /* of M J M */
    double variance[JUDGE_BLOCKS_MAX]; /* of M */
};

static void projection_off(const struct ar1_basis *basis,
                           double m[JUDGE_BLOCKS_MAX][JUDGE_BLOCKS_MAX])
{
    for (size_t i = 0; i < basis->count; i++) {
        for (size_t j = 0; j < basis->count; j++) {
            double sum = i == j ? 1.0 : 0.0;
            for (size_t r = 0; r < basis->rank; r++) {
                sum -= basis->column[r][i] * basis->column[r][j];
            }
            m[i][j] = sum;
        }
    }
}

static void traces_of(const struct ar1_basis *basis, struct traces *ret)
{
    double m[JUDGE_BLOCKS_MAX][JUDGE_BLOCKS_MAX] = {0};
    const size_t count = basis->count;

    assert(count <= JUDGE_BLOCKS_MAX && basis->rank <= AR1_BASIS_MAX);
    projection_off(basis, m);
    *ret = (struct traces){.count = count};
    for (size_t i = 0; i < count; i++) {
        double row[JUDGE_BLOCKS_MAX] = {0}; /* of M J M */
        for (size_t k = 0; k < count; k++) {
            double mj = 0.5 * ((k > 0 ? m[i][k - 1] : 0.0) +
                               (k + 1 < count ? m[i][k + 1] : 0.0));
            for (size_t j = 0; j < JUDGE_BLOCKS_MAX; j++) {
                row[j] += mj * m[k][j];
            }
        }
        for (size_t j = 0; j < count; j++) {
            size_t apart = i > j ? i - j : j - i;
            ret->lag[apart] += row[j];
            ret->variance[apart] += m[i][j];
        }
    }
}

static double expected(const struct traces *traces, double rho)
{
    double lag = 0.0;
    double variance = 0.0;
    for (size_t d = traces->count; d-- > 0;) {
        lag = lag * rho + traces->lag[d];
        variance = variance * rho + traces->variance[d];
    }
    return lag / variance;
}

double ar1_expected_lag1(const struct ar1_basis *basis, double rho)
{
    struct traces traces;
    traces_of(basis, &traces);
    return expected(&traces, rho);
}

double ar1_rho_from_lag1(const struct ar1_basis *basis, double lag1)
{
    struct traces traces;
    traces_of(basis, &traces);
    double before = expected(&traces, 0.0);
    if (!(lag1 > before)) {
        return 0.0;
    }
    for (int step = 1; step <= GRID_STEPS; step++) {
        double here = expected(&traces, step * GRID_WIDTH);
        if (here >= lag1) {
            double part = (lag1 - before) / (here - before);
            return (step - 1 + part) * GRID_WIDTH;
        }
        before = here;
    }
    return GRID_STEPS * GRID_WIDTH;
}
