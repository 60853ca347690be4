#include "judge/covariates.h"

#include <math.h>
#include <string.h>

/* One of no use is kept in one or two of a hundred cases (differences of noise
 * are correlated), which costs a degree of freedom and no more. */
static const double T_MIN = 3.0;
static const double PIVOT_MIN = 1e-9; /* of the covariate's own variance */
enum {
    TROUGHS_EACH = 4, /* that a covariate must be worth */
    SIZE = JUDGE_COVARIATES_MAX + 1,
};

struct regression {
    size_t count; /* covariates */
    size_t at[JUDGE_COVARIATES_MAX];
    double t[JUDGE_COVARIATES_MAX];
};

static double difference(const double *column, size_t k)
{
    return column[k + 1] - column[k];
}

/* Sums of products of the differences about their means, the troughs' own in
 * the last row and column. */
static void products_of(const struct blocks *blocks, const struct regression *r,
                        double ret[SIZE][SIZE])
{
    const size_t count = blocks->count - 1;
    const double *column[SIZE];
    for (size_t i = 0; i < r->count; i++) {
        column[i] = blocks->covariate[r->at[i]];
    }
    column[r->count] = blocks->y;
    for (size_t i = 0; i <= r->count; i++) {
        const double mean_i = (column[i][count] - column[i][0]) / (double)count;
        for (size_t j = 0; j <= r->count; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < count; k++) {
                sum += (difference(column[i], k) - mean_i) *
                       difference(column[j], k);
            }
            ret[i][j] = sum;
        }
    }
}

/* The t statistic of each coefficient: Gauss and Jordan's sweep turns the
 * covariates' block into its inverse, the last column into the coefficients
 * and the last corner into the residual sum of squares. Columns that the
 * others explain get 0. */
static void regress(const struct blocks *blocks, struct regression *r)
{
    double a[SIZE][SIZE];
    double own[SIZE];
    bool is_swept[SIZE] = {0};
    products_of(blocks, r, a);
    const size_t size = r->count + 1;
    for (size_t i = 0; i < size; i++) {
        own[i] = a[i][i];
    }
    for (size_t p = 0; p < r->count; p++) {
        if (!(a[p][p] > PIVOT_MIN * own[p])) {
            continue;
        }
        const double per = 1.0 / a[p][p];
        is_swept[p] = true;
        for (size_t i = 0; i < size; i++) {
            for (size_t j = 0; j < size; j++) {
                if (i != p && j != p) {
                    a[i][j] -= a[i][p] * a[p][j] * per;
                }
            }
        }
        for (size_t i = 0; i < size; i++) {
            if (i != p) {
                a[i][p] *= -per;
                a[p][i] *= per;
            }
        }
        a[p][p] = per;
    }
    const double left = (double)blocks->count - 2.0 - (double)r->count;
    const double variance =
        fmax(a[r->count][r->count], 1e-12 * own[r->count]) / left;
    for (size_t p = 0; p < r->count; p++) {
        const double squared = variance * a[p][p];
        r->t[p] =
            is_swept[p] && squared > 0.0 ? a[p][r->count] / sqrt(squared) : 0.0;
    }
}

void covariates_keep(struct blocks *blocks, unsigned kept)
{
    size_t count = 0;
    for (size_t i = 0; i < blocks->covariates_count; i++) {
        if ((kept >> i & 1u) != 0) {
            memmove(blocks->covariate[count++], blocks->covariate[i],
                    sizeof blocks->covariate[i]);
        }
    }
    blocks->covariates_count = count;
}

unsigned covariates_keep_useful(struct blocks *blocks)
{
    struct regression r = {.count = blocks->covariates_count};
    unsigned kept = 0;
    for (size_t i = 0; i < r.count; i++) {
        r.at[i] = i;
    }
    const size_t most =
        blocks->count < 2 * TROUGHS_EACH ? 0 : blocks->count / TROUGHS_EACH - 1;
    while (r.count > 0) {
        size_t worst = 0;
        regress(blocks, &r);
        for (size_t i = 1; i < r.count; i++) {
            worst = r.t[i] < r.t[worst] ? i : worst;
        }
        if (r.t[worst] > T_MIN && r.count <= most) {
            break;
        }
        memmove(&r.at[worst], &r.at[worst + 1],
                (r.count - worst - 1) * sizeof *r.at);
        r.count--;
    }
    for (size_t i = 0; i < r.count; i++) {
        kept |= 1u << r.at[i];
    }
    covariates_keep(blocks, kept);
    return kept;
}
