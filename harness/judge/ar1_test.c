#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/ar1.h"

#include <math.h>
#include <string.h>

enum { COUNT = 12 };

/* Constant and line, orthonormal. */
static struct ar1_basis line_basis(void)
{
    struct ar1_basis basis = {.count = COUNT, .rank = 2};
    const double middle = (COUNT - 1) / 2.0;
    double norm = 0.0;
    for (size_t k = 0; k < COUNT; k++) {
        norm += ((double)k - middle) * ((double)k - middle);
    }
    for (size_t k = 0; k < COUNT; k++) {
        basis.column[0][k] = 1.0 / sqrt(COUNT);
        basis.column[1][k] = ((double)k - middle) / sqrt(norm);
    }
    return basis;
}

/* tr(J M R M) / tr(M R M), by the definition. */
static double brute_force(const struct ar1_basis *basis, double rho)
{
    static double m[COUNT][COUNT], mr[COUNT][COUNT], mrm[COUNT][COUNT];
    memset(mr, 0, sizeof mr);
    memset(mrm, 0, sizeof mrm);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            m[i][j] = i == j ? 1.0 : 0.0;
            for (size_t r = 0; r < basis->rank; r++) {
                m[i][j] -= basis->column[r][i] * basis->column[r][j];
            }
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            for (size_t k = 0; k < COUNT; k++) {
                mr[i][j] += m[i][k] * pow(rho, fabs((double)k - (double)j));
            }
        }
    }
    double lag = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            for (size_t k = 0; k < COUNT; k++) {
                mrm[i][j] += mr[i][k] * m[k][j];
            }
        }
        variance += mrm[i][i];
        lag += i > 0 ? mrm[i][i - 1] : 0.0;
    }
    return lag / variance;
}

static void expectation_equals_the_definition(void **state)
{
    (void)state;
    struct ar1_basis basis = line_basis();
    for (double rho = 0.0; rho < 0.95; rho += 0.1) {
        assert_true(fabs(ar1_expected_lag1(&basis, rho) -
                         brute_force(&basis, rho)) < 1e-12);
    }
}

static void inversion_gives_the_correlation_back(void **state)
{
    (void)state;
    struct ar1_basis basis = line_basis();
    for (double rho = 0.05; rho < 0.95; rho += 0.1) {
        double lag1 = ar1_expected_lag1(&basis, rho);
        assert_true(fabs(ar1_rho_from_lag1(&basis, lag1) - rho) < 1e-3);
    }
}

static void inversion_ends_at_the_ends_of_its_range(void **state)
{
    (void)state;
    struct ar1_basis basis = line_basis();
    assert_true(ar1_rho_from_lag1(&basis, -0.9) == 0.0);
    assert_true(fabs(ar1_rho_from_lag1(&basis, 1.0) - 0.97) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expectation_equals_the_definition),
        cmocka_unit_test(inversion_gives_the_correlation_back),
        cmocka_unit_test(inversion_ends_at_the_ends_of_its_range),
    };
    return cmocka_run_group_tests_name("ar1", tests, NULL, NULL);
}
