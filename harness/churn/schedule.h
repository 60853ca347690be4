/* schedule.h - when the next churner is killed, and which one.
 *
 * Pure: it reads no clock. Kills fall due on a timetable of their own that is
 * drawn from the seed alone; the caller says what time it is and how many
 * churners are ready, and is told whom to kill. The same seed and the same
 * answers give the same decisions, and because gaps and choices are drawn
 * from separate streams, the timetable never depends on the answers.
 *
 * Catching up: a kill that falls due while no churner is ready is owed, and
 * is made as soon as one is ready. At most SCHEDULE_OWED_MAX are owed at a
 * time; what falls due beyond that is skipped and counted. When the caller
 * comes back more than SCHEDULE_LAG_MAX_NS late (the machine slept), the kills
 * of that time are skipped and the timetable goes on from now.
 *
 * Times are nanoseconds of one clock of the caller's.
 */
#ifndef PLATEAU_SCHEDULE_H
#define PLATEAU_SCHEDULE_H

#include "churn/rng.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_LAG_MAX_NS INT64_C(10000000000)
enum { SCHEDULE_OWED_MAX = 64 };

/* What falls due when. */
struct schedule_plan {
    enum interval_rule rule;
    double rate_per_s;        /* above 0 */
    int64_t change_after_ns;  /* from the start; 0: never */
    double change_rate_per_s; /* above 0, of gaps that begin after that */
};

struct schedule {
    struct schedule_plan plan;
    double change_ns; /* INFINITY: never */
    struct rng gaps;
    struct rng choices;
    double due_ns;    /* when the next kill falls due; exact sum of the gaps */
    uint32_t owed;    /* due and not yet made */
    uint64_t skipped; /* due and given up */
};

/* The first kill falls due one gap after |start_ns|. |plan| is copied. */
void schedule_init(struct schedule *schedule, const struct schedule_plan *plan,
                   uint64_t seed, int64_t start_ns);

/* Tells the time: kills due by |now_ns| become owed. */
void schedule_advance(struct schedule *schedule, int64_t now_ns);

/* When a kill is owed and |ready_count| is not 0: true, and *ret_index below
 * |ready_count| is whom to kill (counted in slot order among those that are
 * ready). Call again until it says false. */
bool schedule_take(struct schedule *schedule, uint32_t ready_count,
                   uint32_t *ret_index);

/* When schedule_advance() next has something to say. */
int64_t schedule_due_ns(const struct schedule *schedule);

/* The {seed} of one process: a pure function, so that any life of any slot can
 * be run again by itself. */
uint64_t schedule_process_seed(uint64_t run_seed, uint32_t slot_id,
                               uint64_t generation);

#endif
