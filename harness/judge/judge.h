/* judge.h - do the troughs of a series plateau, or climb?
 *
 * Pure: points and a rule go in, a verdict comes out. It reads no file, clock
 * or global, keeps no state, and gives the same answer every time. The
 * question is not "is there a trend?" (a warm-up, a cache that fills, an
 * allocator that ratchets are trends) but "is there growth that no bounded
 * explanation accounts for?": the leak's slope and the bounded shapes are
 * fitted together, averaged over some thousands of small regressions by their
 * Bayesian weights (Schwarz 1978; Hoeting et al. 1999, "Bayesian Model
 * Averaging: A Tutorial").
 *
 * It allocates scratch memory while it runs and gives all of it back.
 */
#ifndef PLATEAU_JUDGE_H
#define PLATEAU_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    JUDGE_POINTS_MIN = 30,
    JUDGE_BLOCKS_MAX = 48,
    JUDGE_REASON_SIZE = 256,
};

/* One sample. A sample that was missed is left out, never guessed. Numbers
 * beyond 1e100 are not accepted. */
struct judge_point {
    double t_s;    /* seconds, strictly increasing */
    double value;  /* in the metric's unit, finite */
    double events; /* churn events up to then, never decreasing */
};

enum judge_outcome {
    JUDGE_PLATEAU,
    JUDGE_CLIMB,
    JUDGE_INCONCLUSIVE,
    JUDGE_INVALID, /* the points themselves cannot be judged */
};

/* How a metric is judged. Growth is over the whole analysed run. */
struct judge_rule {
    double quantum;       /* the smallest step of the metric: 4096 for pages */
    double alpha;         /* of a false CLIMB, both axes together */
    double plateau_level; /* P(no growth) that PLATEAU asks for */
    double climb_margin_quanta, climb_margin_ratio; /* the larger counts */
    double plateau_margin_quanta, plateau_margin_ratio;
    double plateau_margin_per_event; /* in the metric's unit */
    /* In standard deviations of a trough's noise, so that a process whose
     * load breathes is not asked to be stiller than it can be. Ends at a
     * fifth of the level. */
    double climb_margin_noises, plateau_margin_noises;
    bool has_events;  /* judge on the event axis as well */
    const char *unit; /* for the reason: "B" is written as KiB, MiB and so on;
                       * "" for a count; lent, not kept */
};

/* The rule of docs/verdict.md for a metric of bytes with that quantum. */
void judge_rule_default(double quantum, struct judge_rule *ret_rule);

/* A slope and the interval that holds it with 1 - alpha. */
struct judge_slope {
    double estimate, low, high;
};

/* A trough: what the verdict was read from. */
struct judge_trough {
    double t_s;
    double events;
    double value;
};

struct judge_verdict {
    enum judge_outcome outcome;
    char reason[JUDGE_REASON_SIZE]; /* a sentence, no full stop */
    struct judge_slope per_hour;    /* unit of the metric, an hour */
    struct judge_slope per_event;   /* NaN where there are no events */
    double level;                   /* median trough */
    double p_climb, p_plateau;      /* of the axis that decided */
    double detectable_per_hour;     /* the smallest leak this run could see */
    double detectable_per_event;    /* NaN where there are no events */
    double suggested_extension_s;   /* 0 when decided, or when no use */
    struct judge_trough troughs[JUDGE_BLOCKS_MAX];
    size_t troughs_count;
};

/* Judges |count| points. 0 and *ret_verdict (bad points give JUDGE_INVALID
 * with the reason); -ENOMEM; nothing else. */
int judge_series(const struct judge_point *points, size_t count,
                 const struct judge_rule *rule,
                 struct judge_verdict *ret_verdict);

/* "PLATEAU", "CLIMB", "INCONCLUSIVE", "INVALID". */
const char *judge_outcome_name(enum judge_outcome outcome);

#endif
