#include "judge/models.h"

#include "judge/ar1.h"
#include "judge/dictionary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHAPES = DICTIONARY_SHAPES_MAX,
    LANES = 4, /* columns that are summed at once */
    COLUMNS = (SHAPES + 1 + LANES - 1) / LANES * LANES,
};

static const double RHO_FIRST = 0.3;
static const double EFFECTIVE_MIN = 3.0;
static const double NU_MIN = 2.0;
static const double DETERMINANT_MIN = 1e-4; /* of |g|^2 |h|^2 */
static const double SHAPE_RESIDUE_MIN = 1e-9;
static const double COVARIATE_RESIDUE_MIN = 1e-6;
/* Of x beside a covariate. With less, it is nearly a line and keeps its ups
 * and downs only. */
static const double X_RESIDUE_MIN = 0.1;
static const double EXCESS_MAX = 18.4; /* exp(-18.4) = 1e-8 of the best */

enum model_class {
    CLASS_NONE,
    CLASS_SMOOTH,
    CLASS_HINGE,
    CLASS_STEP,
    CLASS_SMOOTH_STEP,
    CLASS_HINGE_STEP,
    CLASS_STEP_STEP,
    CLASS_HINGE_HINGE,
    CLASS_SMOOTH_SMOOTH,
    CLASSES,
};

static const double CLASS_PRIOR[CLASSES] = {
    [CLASS_NONE] = .70,          [CLASS_SMOOTH] = .12,
    [CLASS_HINGE] = .03,         [CLASS_STEP] = .05,
    [CLASS_SMOOTH_STEP] = .04,   [CLASS_HINGE_STEP] = .01,
    [CLASS_STEP_STEP] = .02,     [CLASS_HINGE_HINGE] = .01,
    [CLASS_SMOOTH_SMOOTH] = .02,
};

/* Which class a pair of families is; CLASSES where it is none. Dictionary
 * order makes the first family the lower one. */
static const enum model_class PAIR_CLASS[4][4] = {
    [SHAPE_SMOOTH] = {CLASS_SMOOTH_SMOOTH, CLASSES, CLASSES, CLASS_SMOOTH_STEP},
    [SHAPE_CAPPED] = {CLASSES, CLASSES, CLASSES, CLASS_SMOOTH_STEP},
    [SHAPE_HINGE] = {CLASSES, CLASSES, CLASS_HINGE_HINGE, CLASS_HINGE_STEP},
    [SHAPE_STEP] = {CLASSES, CLASSES, CLASSES, CLASS_STEP_STEP},
};

static const enum model_class SINGLE_CLASS[4] = {
    [SHAPE_SMOOTH] = CLASS_SMOOTH,
    [SHAPE_CAPPED] = CLASS_SMOOTH,
    [SHAPE_HINGE] = CLASS_HINGE,
    [SHAPE_STEP] = CLASS_STEP,
};

/* A model's shapes, the inverse of their 2 x 2 Gram matrix, and how it fits. */
struct candidate {
    enum model_class class;
    size_t shapes;
    size_t at[MODELS_SHAPES_MAX];
    double inverse[3]; /* (1,1), (1,2), (2,2) */
    double a[MODELS_SHAPES_MAX];
    double sse;
    double log_variance; /* ln(sse / count) */
    double crit;
};

/* Columns 0..SHAPES-1 are the shapes off [1, x] and the covariates; SHAPES is
 * x off 1 and the covariates.
 * gram is V'V and gram_r V'RV, with V the columns and R the correlation of
 * the noise. */
struct models_scratch {
    struct dictionary dictionary;
    size_t blocks;
    double value[JUDGE_BLOCKS_MAX][COLUMNS];
    double filtered[JUDGE_BLOCKS_MAX][COLUMNS]; /* R V */
    double gram[COLUMNS][COLUMNS];
    double gram_r[COLUMNS][COLUMNS];
    double x[JUDGE_BLOCKS_MAX]; /* off 1 and the covariates */
    double y[JUDGE_BLOCKS_MAX]; /* off [1, x] and the covariates */
    /* An orthonormal basis of the covariates off 1, and what x, y and the
     * shapes have of it. */
    size_t covariates;
    double covariate[JUDGE_COVARIATES_MAX][JUDGE_BLOCKS_MAX];
    double x_along[JUDGE_COVARIATES_MAX];
    double y_along[JUDGE_COVARIATES_MAX];
    double along[JUDGE_COVARIATES_MAX][COLUMNS];
    double y_dot[SHAPES];
    double x_norm; /* |x|^2 */
    double y_slope;
    double mean[SHAPES];    /* of each shape, likewise */
    double x_slope[SHAPES]; /* of each shape on x, before it was taken off */
    bool is_usable[SHAPES];
    size_t candidates;
    size_t class_count[CLASSES];
    struct candidate candidate[MODELS_MAX];
};

struct models_scratch *models_scratch_new(void)
{
    return malloc(sizeof(struct models_scratch));
}

void models_scratch_free(struct models_scratch *scratch)
{
    free(scratch);
}

static double dot(const double *a, const double *b, size_t count)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

static void take_off_mean(double *column, size_t count)
{
    double mean = 0.0;
    for (size_t k = 0; k < count; k++) {
        mean += column[k] / (double)count;
    }
    for (size_t k = 0; k < count; k++) {
        column[k] -= mean;
    }
}

/* column -= factor other */
static void take_off(double *column, double factor, const double *other,
                     size_t count)
{
    for (size_t k = 0; k < count; k++) {
        column[k] -= factor * other[k];
    }
}

/* Adds |column| to the basis, and takes it off x. Where it would take nearly
 * all of x it is first made free of x: a covariate that climbs in a line must
 * not explain a leak. */
static void add_covariate(struct models_scratch *s, const double *column,
                          double x_whole)
{
    const size_t count = s->blocks;
    double *q = s->covariate[s->covariates];
    memcpy(q, column, count * sizeof *q);
    take_off_mean(q, count);
    const double whole = dot(q, q, count);
    for (size_t c = 0; c < s->covariates; c++) {
        take_off(q, dot(q, s->covariate[c], count), s->covariate[c], count);
    }
    double norm = dot(q, q, count);
    if (!(norm > COVARIATE_RESIDUE_MIN * whole)) {
        return;
    }
    const double x_left = dot(s->x, s->x, count);
    double along = dot(q, s->x, count);
    if (x_left - along * along / norm < X_RESIDUE_MIN * x_whole) {
        take_off(q, along / x_left, s->x, count);
        norm = dot(q, q, count);
        along = 0.0;
        if (!(norm > COVARIATE_RESIDUE_MIN * whole)) {
            return;
        }
    }
    for (size_t k = 0; k < count; k++) {
        q[k] /= sqrt(norm);
    }
    s->x_along[s->covariates++] = along / sqrt(norm);
    take_off(s->x, along / sqrt(norm), q, count);
}

static void set_axes(const struct blocks *blocks, struct models_scratch *s)
{
    const size_t count = s->blocks;
    memcpy(s->x, blocks->x, count * sizeof *s->x);
    take_off_mean(s->x, count);
    const double x_whole = dot(s->x, s->x, count);
    s->covariates = 0;
    for (size_t c = 0; c < blocks->covariates_count; c++) {
        add_covariate(s, blocks->covariate[c], x_whole);
    }
    s->x_norm = dot(s->x, s->x, count);
    for (size_t k = 0; k < count; k++) {
        s->y[k] = blocks->y[k] - blocks->level;
    }
    take_off_mean(s->y, count);
    for (size_t c = 0; c < s->covariates; c++) {
        s->y_along[c] = dot(s->y, s->covariate[c], count);
        take_off(s->y, s->y_along[c], s->covariate[c], count);
    }
    s->y_slope = dot(s->y, s->x, count) / s->x_norm;
    take_off(s->y, s->y_slope, s->x, count);
}

/* Takes constant, covariates and x off every shape, and keeps how much. */
static void take_off_line(struct models_scratch *s)
{
    const size_t shapes = s->dictionary.count;
    const double per = 1.0 / (double)s->blocks;
    double mean[COLUMNS] = {0};
    double slope[COLUMNS] = {0};
    double norm[COLUMNS] = {0};
    double left[COLUMNS] = {0};

    for (size_t k = 0; k < s->blocks; k++) {
        for (size_t j = 0; j < shapes; j++) {
            mean[j] += s->dictionary.value[k][j] * per;
        }
    }
    memset(s->along, 0, sizeof s->along);
    for (size_t k = 0; k < s->blocks; k++) {
        for (size_t j = 0; j < shapes; j++) {
            double g = s->dictionary.value[k][j] - mean[j];
            slope[j] += s->x[k] * g;
            norm[j] += g * g;
        }
        for (size_t c = 0; c < s->covariates; c++) {
            for (size_t j = 0; j < shapes; j++) {
                s->along[c][j] +=
                    s->covariate[c][k] * s->dictionary.value[k][j];
            }
        }
    }
    for (size_t j = 0; j < shapes; j++) {
        slope[j] /= s->x_norm;
        s->x_slope[j] = slope[j];
        s->mean[j] = mean[j];
    }
    memset(s->value, 0, sizeof s->value);
    for (size_t k = 0; k < s->blocks; k++) {
        s->value[k][SHAPES] = s->x[k];
        for (size_t j = 0; j < shapes; j++) {
            s->value[k][j] =
                s->dictionary.value[k][j] - mean[j] - slope[j] * s->x[k];
        }
        for (size_t c = 0; c < s->covariates; c++) {
            for (size_t j = 0; j < shapes; j++) {
                s->value[k][j] -= s->along[c][j] * s->covariate[c][k];
            }
        }
        for (size_t j = 0; j < shapes; j++) {
            left[j] += s->value[k][j] * s->value[k][j];
        }
    }
    for (size_t j = 0; j < shapes; j++) {
        s->is_usable[j] =
            left[j] > SHAPE_RESIDUE_MIN * norm[j] && left[j] > 1e-18;
    }
}

/* value'right, of which only the upper triangle is meant to be read. Between
 * smooth columns it is summed block by block and some columns at a time: no
 * sum is carried, so that the compiler may vectorise without reordering
 * arithmetic. With a step it is a sum from the step on, less what taking the
 * line and the covariates off the step took away. */
static void inner_products(const struct models_scratch *s,
                           double right[][COLUMNS],
                           double ret[COLUMNS][COLUMNS])
{
    double sum[COLUMNS] = {0};
    double along_x[COLUMNS] = {0};
    double along_covariate[JUDGE_COVARIATES_MAX][COLUMNS] = {0};
    double from_step[COLUMNS] = {0};

    memset(ret, 0, sizeof(double[COLUMNS][COLUMNS]));
    for (size_t k = 0; k < s->blocks; k++) {
        const double *restrict row = right[k];
        const double x = s->value[k][SHAPES];
        for (size_t j = 0; j < COLUMNS; j++) {
            sum[j] += row[j];
            along_x[j] += x * row[j];
        }
        for (size_t c = 0; c < s->covariates; c++) {
            for (size_t j = 0; j < COLUMNS; j++) {
                along_covariate[c][j] += s->covariate[c][k] * row[j];
            }
        }
        for (size_t i = 0; i < DICTIONARY_FIRST_STEP; i++) {
            const double factor = s->value[k][i];
            double *restrict out = ret[i];
            for (size_t j = i / LANES * LANES; j < DICTIONARY_FIRST_STEP;
                 j += LANES) {
                for (size_t lane = 0; lane < LANES; lane++) {
                    out[j + lane] += factor * row[j + lane];
                }
            }
        }
    }
    for (size_t j = 0; j <= SHAPES; j++) {
        ret[j][SHAPES] = along_x[j];
    }
    for (size_t k = s->blocks - 1; k > 0; k--) {
        const size_t step = DICTIONARY_FIRST_STEP + k - 1;
        for (size_t j = 0; j < COLUMNS; j++) {
            from_step[j] += right[k][j];
        }
        for (size_t j = 0; j <= step; j++) {
            ret[j][step] = from_step[j] - s->mean[step] * sum[j] -
                           s->x_slope[step] * along_x[j];
            for (size_t c = 0; c < s->covariates; c++) {
                ret[j][step] -= s->along[c][step] * along_covariate[c][j];
            }
        }
    }
}

/* filtered = R value, R_ij = rho^|i-j|, by one recursion down and one up. */
static void correlate(struct models_scratch *s, double rho)
{
    const size_t count = s->blocks;
    double carry[COLUMNS] = {0};

    memcpy(s->filtered[0], s->value[0], sizeof s->filtered[0]);
    for (size_t k = 1; k < count; k++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            s->filtered[k][j] = s->value[k][j] + rho * s->filtered[k - 1][j];
        }
    }
    for (size_t k = count - 1; k-- > 0;) {
        for (size_t j = 0; j < COLUMNS; j++) {
            carry[j] = rho * (carry[j] + s->value[k + 1][j]);
            s->filtered[k][j] += carry[j];
        }
    }
    inner_products(s, s->filtered, s->gram_r);
}

static void add_candidate(struct models_scratch *s, const struct candidate *c)
{
    assert(s->candidates < MODELS_MAX);
    s->class_count[c->class]++;
    s->candidate[s->candidates] = *c;
    s->candidate[s->candidates++].log_variance =
        log(c->sse / (double)s->blocks);
}

static void add_single(struct models_scratch *s, size_t i, double sse,
                       double floor)
{
    const double inverse = 1.0 / s->gram[i][i];
    const double a = s->y_dot[i] * inverse;
    add_candidate(s, &(struct candidate){
                         .class = SINGLE_CLASS[s->dictionary.family[i]],
                         .shapes = 1,
                         .at = {i, 0},
                         .inverse = {inverse, 0.0, 0.0},
                         .a = {a, 0.0},
                         .sse = fmax(0.0, sse - a * s->y_dot[i]) + floor,
                     });
}

static void add_pair(struct models_scratch *s, size_t i, size_t j, double sse,
                     double floor)
{
    const struct dictionary *d = &s->dictionary;
    const enum model_class class = PAIR_CLASS[d->family[i]][d->family[j]];
    if (class == CLASSES ||
        (class == CLASS_STEP_STEP && d->step_at[j] - d->step_at[i] < 2)) {
        return;
    }
    const double gg = s->gram[i][i];
    const double gh = s->gram[i][j];
    const double hh = s->gram[j][j];
    const double determinant = gg * hh - gh * gh;
    if (determinant < DETERMINANT_MIN * gg * hh) {
        return;
    }
    const double per = 1.0 / determinant;
    const double ai = (hh * s->y_dot[i] - gh * s->y_dot[j]) * per;
    const double aj = (gg * s->y_dot[j] - gh * s->y_dot[i]) * per;
    const double explained = ai * s->y_dot[i] + aj * s->y_dot[j];
    add_candidate(s, &(struct candidate){
                         .class = class,
                         .shapes = 2,
                         .at = {i, j},
                         .inverse = {hh * per, -gh * per, gg * per},
                         .a = {ai, aj},
                         .sse = fmax(0.0, sse - explained) + floor,
                     });
}

/* Every model of the dictionary, with its fit. |floor| is what the quantum
 * adds to every sum of squares: rounding to it has that variance, and ties
 * would otherwise look like certainty. */
static void enumerate(struct models_scratch *s, double floor)
{
    double sse = 0.0;
    for (size_t k = 0; k < s->blocks; k++) {
        sse += s->y[k] * s->y[k];
    }
    for (size_t j = 0; j < s->dictionary.count; j++) {
        s->y_dot[j] = 0.0;
        for (size_t k = 0; k < s->blocks; k++) {
            s->y_dot[j] += s->value[k][j] * s->y[k];
        }
    }
    s->candidates = 0;
    memset(s->class_count, 0, sizeof s->class_count);
    add_candidate(s,
                  &(struct candidate){.class = CLASS_NONE, .sse = sse + floor});
    for (size_t i = 0; i < s->dictionary.count; i++) {
        if (!s->is_usable[i]) {
            continue;
        }
        add_single(s, i, sse, floor);
        for (size_t j = i + 1; j < s->dictionary.count; j++) {
            if (s->is_usable[j]) {
                add_pair(s, i, j, sse, floor);
            }
        }
    }
}

/* Schwarz's criterion with the class priors, for noise of correlation |rho|.
 * Returns the index of the best model. */
static size_t weigh(struct models_scratch *s, double rho)
{
    const double count = (double)s->blocks;
    const double effective =
        fmax(EFFECTIVE_MIN, count * (1.0 - rho) / (1.0 + rho));
    double class_cost[CLASSES];
    size_t best = 0;

    for (size_t c = 0; c < CLASSES; c++) {
        double of_each = CLASS_PRIOR[c] / fmax(1.0, (double)s->class_count[c]);
        class_cost[c] = -2.0 * log(of_each);
    }
    for (size_t i = 0; i < s->candidates; i++) {
        struct candidate *c = &s->candidate[i];
        c->crit = effective * c->log_variance +
                  (double)(2 + c->shapes) * log(effective) +
                  class_cost[c->class];
        if (c->crit < s->candidate[best].crit) {
            best = i;
        }
    }
    return best;
}

static void basis_of(const struct models_scratch *s, const struct candidate *c,
                     struct ar1_basis *ret)
{
    const double count = (double)s->blocks;
    const size_t first = 2 + s->covariates;
    *ret = (struct ar1_basis){.count = s->blocks, .rank = first + c->shapes};
    for (size_t k = 0; k < s->blocks; k++) {
        ret->column[0][k] = 1.0 / sqrt(count);
        ret->column[1][k] = s->value[k][SHAPES] / sqrt(s->x_norm);
        if (c->shapes > 0) {
            size_t i = c->at[0];
            ret->column[first][k] = s->value[k][i] / sqrt(s->gram[i][i]);
        }
    }
    for (size_t i = 0; i < s->covariates; i++) {
        memcpy(ret->column[2 + i], s->covariate[i], s->blocks * sizeof(double));
    }
    if (c->shapes < 2) {
        return;
    }
    const size_t i = c->at[0];
    const size_t j = c->at[1];
    const double along = s->gram[i][j] / s->gram[i][i];
    const double norm = s->gram[j][j] - along * s->gram[i][j];
    for (size_t k = 0; k < s->blocks; k++) {
        ret->column[first + 1][k] =
            (s->value[k][j] - along * s->value[k][i]) / sqrt(norm);
    }
}

/* The correlation of the noise, from the residuals of model |c|. */
static double estimate_rho(const struct models_scratch *s,
                           const struct candidate *c)
{
    double lag = 0.0;
    double sum = 0.0;
    double before = 0.0;
    for (size_t k = 0; k < s->blocks; k++) {
        double e = s->y[k];
        for (size_t j = 0; j < c->shapes; j++) {
            e -= c->a[j] * s->value[k][c->at[j]];
        }
        lag += e * before;
        sum += e * e;
        before = e;
    }
    if (!(sum > 0.0)) {
        return 0.0;
    }
    struct ar1_basis basis;
    basis_of(s, c, &basis);
    return ar1_rho_from_lag1(&basis, lag / sum);
}

/* w'Rw for w = x / |x|^2 + sum_j c_j v_j. */
static double variance_factor(const struct models_scratch *s,
                              const struct candidate *m, const double *c)
{
    double sum = s->gram_r[SHAPES][SHAPES] / (s->x_norm * s->x_norm);
    for (size_t i = 0; i < m->shapes; i++) {
        sum += 2.0 * c[i] * s->gram_r[m->at[i]][SHAPES] / s->x_norm;
        sum += c[i] * c[i] * s->gram_r[m->at[i]][m->at[i]];
    }
    if (m->shapes == 2) {
        sum += 2.0 * c[0] * c[1] * s->gram_r[m->at[0]][m->at[1]];
    }
    return fmax(0.0, sum);
}

/* tr(Q'RQ) of the model beyond that of [1, x]. */
static double trace_of(const struct models_scratch *s,
                       const struct candidate *m)
{
    double sum = 0.0;
    for (size_t i = 0; i < m->shapes; i++) {
        sum += m->inverse[2 * i] * s->gram_r[m->at[i]][m->at[i]];
    }
    if (m->shapes == 2) {
        sum += 2.0 * m->inverse[1] * s->gram_r[m->at[0]][m->at[1]];
    }
    return sum;
}

/* |trace_line| is tr(Q'RQ) of [1, x]. The slope of a model is that of y less
 * what its shapes contribute; as a sum over troughs its weights are w = x /
 * |x|^2 + G^-1 (effects) v, and its variance sigma^2 w'Rw. */
static void slopes_of(const struct models_scratch *s, const struct candidate *m,
                      double trace_line, struct model_slopes *ret)
{
    double b_effect[MODELS_SHAPES_MAX] = {0};
    double s_effect[MODELS_SHAPES_MAX] = {0};
    double b_weight[MODELS_SHAPES_MAX];
    double s_weight[MODELS_SHAPES_MAX];

    ret->shapes = m->shapes;
    ret->b = s->y_slope;
    ret->s = s->y_slope;
    for (size_t i = 0; i < m->shapes; i++) {
        b_effect[i] = -s->x_slope[m->at[i]];
        s_effect[i] = b_effect[i] + s->dictionary.terminal[m->at[i]];
        ret->b += m->a[i] * b_effect[i];
        ret->s += m->a[i] * s_effect[i];
    }
    for (size_t i = 0; i < MODELS_SHAPES_MAX; i++) {
        b_weight[i] =
            m->inverse[i] * b_effect[0] + m->inverse[i + 1] * b_effect[1];
        s_weight[i] =
            m->inverse[i] * s_effect[0] + m->inverse[i + 1] * s_effect[1];
    }
    const double left = (double)s->blocks - trace_line - trace_of(s, m);
    const double variance = m->sse / fmax(left, 1e-3);
    ret->b_se = sqrt(variance * variance_factor(s, m, b_weight));
    ret->s_se = sqrt(variance * variance_factor(s, m, s_weight));
}

/* q'Rq, R_ij = rho^|i-j|. */
static double correlated_norm(const double *q, size_t count, double rho)
{
    double sum = 0.0;
    double carry = 0.0; /* of what came before */
    for (size_t k = 0; k < count; k++) {
        sum += q[k] * (q[k] + 2.0 * carry);
        carry = rho * (carry + q[k]);
    }
    return sum;
}

static double trace_of_line(const struct models_scratch *s, double rho)
{
    double ones = 1.0; /* 1'R1 / K */
    double power = 1.0;
    for (size_t d = 1; d < s->blocks; d++) {
        power *= rho;
        ones += 2.0 * power * (double)(s->blocks - d) / (double)s->blocks;
    }
    double sum = ones + s->gram_r[SHAPES][SHAPES] / s->x_norm;
    for (size_t c = 0; c < s->covariates; c++) {
        sum += correlated_norm(s->covariate[c], s->blocks, rho);
    }
    return sum;
}

/* What model |m| owes to the covariates at each trough. */
static void explain(const struct models_scratch *s, const struct candidate *m,
                    double *ret_explained)
{
    double b = s->y_slope;
    for (size_t i = 0; i < m->shapes; i++) {
        b -= m->a[i] * s->x_slope[m->at[i]];
    }
    memset(ret_explained, 0, JUDGE_BLOCKS_MAX * sizeof *ret_explained);
    for (size_t c = 0; c < s->covariates; c++) {
        double factor = s->y_along[c] - b * s->x_along[c];
        for (size_t i = 0; i < m->shapes; i++) {
            factor -= m->a[i] * s->along[c][m->at[i]];
        }
        take_off(ret_explained, -factor, s->covariate[c], s->blocks);
    }
}

void models_fit(const struct blocks *blocks, double quantum,
                struct models_scratch *scratch, struct models *ret_models)
{
    struct models_scratch *s = scratch;
    const double count = (double)blocks->count;

    assert(blocks->count >= MODELS_BLOCKS_MIN && quantum > 0.0);
    s->blocks = blocks->count;
    dictionary_build(blocks->x, blocks->count, &s->dictionary);
    set_axes(blocks, s);
    take_off_line(s);
    inner_products(s, s->value, s->gram);
    enumerate(s, count * quantum * quantum / 12.0);

    size_t best = weigh(s, RHO_FIRST);
    const double rho = estimate_rho(s, &s->candidate[best]);
    best = weigh(s, rho);
    correlate(s, rho);

    explain(s, &s->candidate[best], ret_models->explained);
    const double trace_line = trace_of_line(s, rho);
    const double squared = rho * rho;
    double total = 0.0;
    ret_models->count = 0;
    ret_models->rho = rho;
    for (size_t i = 0; i < s->candidates; i++) {
        const struct candidate *c = &s->candidate[i];
        double excess = 0.5 * (c->crit - s->candidate[best].crit);
        if (excess > EXCESS_MAX) {
            continue;
        }
        const double weight = exp(-excess);
        struct model_slopes *m = &ret_models->model[ret_models->count++];
        slopes_of(s, c, trace_line, m);
        m->weight = weight;
        total += weight;
    }
    for (size_t i = 0; i < ret_models->count; i++) {
        ret_models->model[i].weight /= total;
    }
    for (size_t shapes = 0; shapes <= MODELS_SHAPES_MAX; shapes++) {
        double free_count = count - 2.0 - (double)(s->covariates + shapes);
        double nu = free_count * (1.0 - squared) / (1.0 + squared);
        student_t_table_init(&ret_models->t[shapes], fmax(NU_MIN, nu));
    }
}
