/* ar1.h - first-order autoregressive noise seen through a regression.
 *
 * Residuals of a fit with few degrees of freedom look less correlated than
 * the noise was: the fit has eaten its slow part. The expectation of what is
 * left is known exactly, and is inverted here. Pure.
 */
#ifndef PLATEAU_AR1_H
#define PLATEAU_AR1_H

#include "judge/judge.h"

#include <stddef.h>

enum { AR1_BASIS_MAX = 4 + JUDGE_COVARIATES_MAX };

/* An orthonormal basis of what was fitted: |rank| columns of |count| values. */
struct ar1_basis {
    size_t count, rank;
    double column[AR1_BASIS_MAX][JUDGE_BLOCKS_MAX];
};

/* E[e'Je] / E[e'e] for e = Mz, z AR(1) noise of correlation |rho|, M the
 * projection off |basis| and e'Je the sum of products of neighbours. */
double ar1_expected_lag1(const struct ar1_basis *basis, double rho);

/* The rho in [0, 0.97] whose expectation is |lag1|; the nearer end of that
 * range where there is none. */
double ar1_rho_from_lag1(const struct ar1_basis *basis, double lag1);

#endif
