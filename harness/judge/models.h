/* models.h - leak and bounded shapes fitted together, over some 5,000 models.
 *
 * Every model is "constant + b x + none, one or two shapes of the dictionary".
 * Each gets a weight (how well it explains the troughs, what it costs, how
 * usual its class is) and two slopes with their standard errors: b, the
 * growth that no bounded shape accounts for, and s, the slope that the model
 * still has at the end. Slopes are per x = 0..1, that is over the whole of
 * the blocks. The blocks' covariates are in every model; slopes are what is
 * left beside them. Everything is computed from two matrices of inner products,
 * so that a model costs a constant few dozen operations. Pure.
 */
#ifndef PLATEAU_MODELS_H
#define PLATEAU_MODELS_H

#include "judge/blocks.h"
#include "judge/student_t.h"

enum {
    MODELS_MAX = 6500,
    MODELS_SHAPES_MAX = 2, /* in one model */
    MODELS_BLOCKS_MIN = 6, /* fewer leave no residual to speak of */
};

/* The slopes of one model, Student-t about their estimates. */
struct model_slopes {
    double weight; /* they sum to 1 */
    double b, b_se;
    double s, s_se;
    size_t shapes; /* 0, 1, 2: chooses the t distribution of the mixture */
};

/* The posterior: models of negligible weight are left out. */
struct models {
    size_t count;
    double rho; /* correlation of neighbouring troughs' noise */
    struct student_t_table t[MODELS_SHAPES_MAX + 1];
    struct model_slopes model[MODELS_MAX];
    /* Of each trough, what the best model owes to the covariates, about a mean
     * of 0. */
    double explained[JUDGE_BLOCKS_MAX];
};

/* The working memory of a fit; about 1.2 MB. */
struct models_scratch;

struct models_scratch *models_scratch_new(void); /* NULL: out of memory */
void models_scratch_free(struct models_scratch *scratch);

/* Fits all models to at least MODELS_BLOCKS_MIN |blocks|. |quantum| is the
 * smallest step of the value, > 0. */
void models_fit(const struct blocks *blocks, double quantum,
                struct models_scratch *scratch, struct models *ret_models);

#endif
