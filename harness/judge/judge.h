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
    JUDGE_POINTS_MIN = 30, /* samples */
    JUDGE_EBBS_MIN = 8,    /* settled readings, where each is a trough */
    JUDGE_BLOCKS_MAX = 48,
    JUDGE_COVARIATES_MAX = 4,
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

/* What growth a person allows, over the whole analysed run: the largest of
 * those that are above 0. Where one is, it stands in for all margins of the
 * rule: more is a climb, less is a plateau. All 0: the margins count. */
struct judge_budget {
    double per_event; /* in the metric's unit */
    double per_hour;  /* likewise */
    double ratio;     /* of the level */
};

/* How a metric is judged. Growth is over the whole analysed run. */
struct judge_rule {
    double quantum;       /* the smallest step of the metric: 4096 for pages */
    double alpha;         /* of a false CLIMB, both axes together */
    double plateau_level; /* P(no growth) that PLATEAU asks of either axis; of
                           * one that is alone, twice as far from 1 */
    double climb_margin_quanta, climb_margin_ratio; /* the larger counts */
    double plateau_margin_quanta, plateau_margin_ratio;
    double plateau_margin_per_event; /* in the metric's unit; */
    double plateau_margin_per_hour;  /* but no more than this; 0: no end */
    /* In standard deviations of a trough's noise, so that a process whose
     * load breathes is not asked to be stiller than it can be. Ends at a
     * fifth of the level. */
    double climb_margin_noises, plateau_margin_noises;
    struct judge_budget budget;
    /* Each point is one settled reading (an ebb), hence a trough already: no
     * quantile is taken. Up to JUDGE_BLOCKS_MAX are troughs of their own; of
     * more, neighbours are averaged, so many at a time that they fit. */
    bool are_troughs;
    bool has_events; /* judge on the event axis as well */
    /* What the process legitimately held at each point (connections, live
     * peers, queue depth, churn rate): |covariates_count| <=
     * JUDGE_COVARIATES_MAX finite numbers a point, point by point; lent, not
     * kept; NULL where the count is 0. What the value owes to them is fitted
     * together with the models and never counts as growth. More of a
     * covariate must mean a larger value, else it is left out; so are those
     * that explain nothing. One that is nearly a line in time or events
     * explains its ups and downs only, not its trend: a gauge that climbs is
     * no excuse. One that climbs otherwise (in steps, say) does explain the
     * value, therefore every covariate must be judged as a series too. */
    const double *covariates;
    size_t covariates_count;
    /* Of judge_look(): by how much the value must have grown, by the lowest
     * that it was, before it may be called a climb ahead of the end. A cache
     * that is still filling cannot be told from a leak from outside; one that
     * outgrows all else is rare. 0 for what nothing legitimate fills. */
    double early_growth_ratio;
    double early_growth_min;    /* and by so much at the least */
    bool is_looked_at_each_ebb; /* else at ever fewer of them */
    double limit;     /* of the value: a cgroup's, a heap's; 0: not known */
    const char *unit; /* for the reason: "B" is written as KiB, MiB and so on;
                       * "" for a count; lent, not kept */
};

/* The rule of docs/verdict.md for a metric of bytes with that quantum. */
void judge_rule_default(double quantum, struct judge_rule *ret_rule);

/* The same for settled readings of what an allocator handed out (are_troughs,
 * quantum 1): no noise is allowed for, and the margins are smaller. */
void judge_rule_ebbs(double quantum, struct judge_rule *ret_rule);

/* The same for a count of what is alive, where growth below |climb_ratio| of
 * the level is none. */
void judge_rule_counts(double quantum, double climb_ratio,
                       struct judge_rule *ret_rule);

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
    double limit_in_s; /* at the estimated slope, from the last point, to the
                        * rule's limit; INFINITY when it does not grow; NaN
                        * where no limit is known */
    /* So many points of the second half, besides one, are at the very same
     * maximum: perhaps a limit, which hides growth. 0 where that says
     * nothing. */
    size_t at_maximum;
    unsigned covariates_used; /* bit i: covariate i explained something */
    struct judge_trough troughs[JUDGE_BLOCKS_MAX];
    size_t troughs_count;
};

/* Judges |count| points. 0 and *ret_verdict (bad points give JUDGE_INVALID
 * with the reason); -ENOMEM; nothing else. */
int judge_series(const struct judge_point *points, size_t count,
                 const struct judge_rule *rule,
                 struct judge_verdict *ret_verdict);

/* A look before the end of the planned run, which can only find a CLIMB, and
 * only of what grew by early_growth_ratio and early_growth_min. One watch a
 * series, zeroed at first. Samples are looked at 1/3, 1/2, 2/3 and 5/6 of the
 * plan; ebbs from JUDGE_LOOK_EBBS_MIN on as judge_next_look() says. */
enum { JUDGE_LOOK_EBBS_MIN = 10 };
enum {
    JUDGE_LOOK_GO_ON = 0, /* nothing is sure yet, or no look is due */
    JUDGE_LOOK_CLIMB = 1, /* two looks in succession found a CLIMB */
};

struct judge_watch {
    size_t looks;     /* that were taken */
    size_t next;      /* of ebbs: how many there are at the next look */
    bool has_climbed; /* so said the last one */
};

/* How many ebbs there are at the first look after one at |ebbs|. |is_each|: at
 * one more while there are few, and at 1/16 more afterwards; else at 1/6 more,
 * two at the least. */
size_t judge_next_look(size_t ebbs, bool is_each);

/* Judges what there is of the series so far, if a look is due; cheap when none
 * is. |done_ratio| is the part of the planned run that has passed, 0 to 1. On
 * JUDGE_LOOK_CLIMB *ret_verdict is the verdict; otherwise it is left alone.
 * -ENOMEM. */
int judge_look(struct judge_watch *watch, const struct judge_point *points,
               size_t count, double done_ratio, const struct judge_rule *rule,
               struct judge_verdict *ret_verdict);

/* "PLATEAU", "CLIMB", "INCONCLUSIVE", "INVALID". */
const char *judge_outcome_name(enum judge_outcome outcome);

#endif
