/* look.h - what the troughs along one axis (time, or events) say. Pure. */
#ifndef PLATEAU_LOOK_H
#define PLATEAU_LOOK_H

#include "judge/blocks.h"
#include "judge/mixture.h"
#include "judge/models.h"
#include "judge/reason.h"

enum {
    LOOK_TROUGHS_MIN = 6, /* to say anything */
    LOOK_CLIMB_TROUGHS_MIN = 8,
};

/* Growth is over the blocks' whole span. */
struct look {
    bool is_usable;       /* enough troughs; else nothing below is set */
    bool is_settled;      /* a plateau is sure enough */
    bool is_fired;        /* a climb is sure, unless an objection holds */
    struct blocks blocks; /* less what covariates explain */
    double duration_s;    /* from the first block's mean to the last one's */
    double events;
    unsigned covariates; /* that explain something, as bits */
    double noise;        /* standard deviation of a trough's */
    double climb_margin, plateau_margin;
    double p_climb, p_plateau;
    struct judge_slope growth;
    struct mixture_moments moments;
    double detectable;
    double drop;
    double rise;                /* that can be seen without any model */
    enum reason_kind objection; /* REASON_CLIMBS when there is none */
};

/* What a look works on and in. */
struct workspace {
    struct blocks_source source; /* without the start of the run */
    double start_s;              /* when the run began */
    struct models_scratch *scratch;
    struct models *models;
    struct models *thinned;
};

/* Everything but |objection|. Overwrites the models. */
void look_along(enum blocks_axis axis, const struct judge_rule *rule,
                struct workspace *workspace, struct look *ret_look);

/* An axis that is alone, or as good as alone, spends what two would. */
void look_spend_all(const struct judge_rule *rule, struct look *look);

/* Makes |ret_look| by events from the one by time, where events came so evenly
 * that the models would see the same. false: they did not. */
bool look_by_even_events(const struct look *by_time, struct look *ret_look);

#endif
