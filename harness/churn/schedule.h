/* schedule.h - what befalls which churner next, and when.
 *
 * Pure: it reads no clock. Events fall due on a timetable of their own that is
 * drawn from the seed alone; the caller says what time it is and who is ready,
 * and is told what to do to whom. Times, kinds, parameters and who is wanted
 * come from streams of their own, so that none of them ever depends on the
 * answers. Three ways to come by a timetable:
 *
 *   gaps    (fixed, Poisson) one event after another; who is wanted is drawn
 *           uniformly. Whoever is not ready is passed over for the next one in
 *           slot order that is: where all are ready, who it befalls is a matter
 *           of the seed too.
 *   lives   (Weibull, Pareto) each churner has a timetable of its own: one life
 *           after another (lifetimes.h), the first under way already. The mean
 *           life is churners / rate, so that the rate is what was asked, from
 *           the first moment on. Who is due is waited for.
 *   replay  a recorded list: each event at its time, in its order; who is due
 *           is waited for, and those behind wait too. Nothing is skipped.
 *
 * Kinds (churn/kinds.h) are drawn by weight. A mass failure befalls
 * max(1, round(mass_share * churners)) of them, or as many as are ready, and
 * counts an event for each; events are drawn as much less often as makes the
 * mean rate of all of them what was asked. So it is with a partition, which
 * befalls as large a share of churners and observers together, drawn without
 * regard to who is ready, and leaves one out at least. While one is under way
 * the next is put off until all is healed, and what falls due goes on; a third
 * is skipped and counted.
 *
 * Catching up: what falls due and cannot be done is owed, and done as soon as
 * it can be. At most SCHEDULE_OWED_MAX are owed at a time; what falls due
 * beyond that is skipped and counted. When the caller comes back more than
 * SCHEDULE_LAG_MAX_NS late (the machine slept), the events of that time are
 * skipped and the timetable goes on from now; a replay goes on where it was.
 *
 * Times are nanoseconds of one clock of the caller's.
 */
#ifndef PLATEAU_SCHEDULE_H
#define PLATEAU_SCHEDULE_H

#include "churn/lifetimes.h"
#include "churn/rng.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_LAG_MAX_NS INT64_C(10000000000)
enum { SCHEDULE_OWED_MAX = 64 };

/* What befalls whom. */
struct schedule_event {
    int64_t due_ns;   /* of a recorded one: since the start */
    uint32_t churner; /* from 0, in slot order; then come the observers, whom
                       * partitions befall as well */
    enum churn_kind kind;
    int64_t parameter_ns; /* -1: the kind has none */
};

/* What falls due when. */
struct schedule_plan {
    enum interval_rule rule;
    double rate_per_s;           /* events, of all kinds together; above 0 */
    double shape;                /* of lives; 0: the rule's own */
    int64_t change_after_ns;     /* from the start; 0: never */
    double change_rate_per_s;    /* above 0, of gaps that begin after that */
    uint32_t churners_count;     /* above 0 */
    uint32_t observers_count;    /* above 0 where there are partitions */
    double weights[CHURN_KINDS]; /* all 0: kills alone */
    double mass_share;           /* 0 to 1 */
    int64_t pause_min_ns, pause_max_ns;
    int64_t starting_max_ns;
    double partition_share; /* 0 to 1 */
    int64_t partition_min_ns, partition_max_ns;
    /* Not NULL: all that comes before is of no account but the numbers of
     * churners and observers. Lent, in order of due_ns, everybody below them.
     */
    const struct schedule_event *recorded;
    size_t recorded_count;
};

/* Who can be befallen. */
struct schedule_look {
    void *context;
    bool (*is_ready)(void *context, uint32_t churner);
    /* Whether nobody is cut off; NULL: nobody ever is. A partition that is
     * being taken, event by event, does not count yet. */
    bool (*is_whole)(void *context);
};

struct schedule_life; /* of one churner */

struct schedule {
    struct schedule_plan plan;
    double start_ns;
    double change_ns; /* INFINITY: never */
    struct rng gaps, choices, kinds;
    double victims; /* mean number of events that a drawn one makes */
    uint32_t mass_count, partition_count;
    double due_ns; /* when the next falls due; exact sum of the gaps */
    bool is_wanted_known;
    struct schedule_event wanted; /* the next of those owed */
    struct schedule_event taken;  /* the last that was */
    uint32_t taken_group;         /* of many: its victims follow from it */
    uint32_t group_left; /* victims of what befalls many, and is being taken */
    uint32_t group_next; /* of a partition: the first who may be one */
    struct rng group;    /* who they are */
    bool has_put_off;    /* a partition that waits for the one before */
    struct schedule_event put_off;
    uint32_t put_off_group;
    struct lifetimes lifetimes;
    struct schedule_life *lives; /* a churner each; NULL: of gaps */
    size_t recorded_next;        /* the first that is not due */
    size_t recorded_done;
    double recorded_late_ns; /* the list lags behind by so much */
    uint32_t owed;    /* due and not yet drawn; schedule_owed() has all */
    uint64_t skipped; /* due and given up */
};

/* The clock begins at |start_ns|. |plan| is copied. 0, or -ENOMEM;
 * schedule_deinit() in any case. */
int schedule_init(struct schedule *schedule, const struct schedule_plan *plan,
                  uint64_t seed, int64_t start_ns);

/* Accepts zeroes. */
void schedule_deinit(struct schedule *schedule);

/* Tells the time: what is due by |now_ns| becomes owed. */
void schedule_advance(struct schedule *schedule, int64_t now_ns);

/* When something is owed and can be done: true, and *ret_event says what; it
 * has to be done. Call again until it says false. */
bool schedule_take(struct schedule *schedule, const struct schedule_look *look,
                   struct schedule_event *ret_event);

/* Whether a mass failure or a partition is being taken: the next calls of
 * schedule_take() name its other victims, and should follow at once. */
bool schedule_is_amid(const struct schedule *schedule);

/* How many are due and not yet done. */
uint32_t schedule_owed(const struct schedule *schedule);

/* When schedule_advance() next has something to say; INT64_MAX: never. */
int64_t schedule_due_ns(const struct schedule *schedule);

/* The {seed} of one process: a pure function, so that any life of any slot can
 * be run again by itself. */
uint64_t schedule_process_seed(uint64_t run_seed, uint32_t slot_id,
                               uint64_t generation);

#endif
