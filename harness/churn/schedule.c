#include "churn/schedule.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

enum stream { STREAM_GAPS = 1, STREAM_CHOICES = 2, STREAM_PROCESSES = 3 };

/* Of the gaps that begin at |due_ns|. */
static double mean_gap_ns(const struct schedule *schedule)
{
    return 1e9 / (schedule->due_ns < schedule->change_ns
                      ? schedule->plan.rate_per_s
                      : schedule->plan.change_rate_per_s);
}

/* -ln of a uniform number in (0, 1] is exponential with mean 1. */
static double draw_gap_ns(struct schedule *schedule)
{
    double mean_ns = mean_gap_ns(schedule);
    switch (schedule->plan.rule) {
    case INTERVAL_FIXED:
        return mean_ns;
    case INTERVAL_POISSON:
        return mean_ns * -log(rng_unit(&schedule->gaps));
    }
    assert(!"an interval rule");
    return mean_ns;
}

void schedule_init(struct schedule *schedule, const struct schedule_plan *plan,
                   uint64_t seed, int64_t start_ns)
{
    assert(plan->rate_per_s > 0.);
    assert(plan->change_after_ns == 0 || plan->change_rate_per_s > 0.);
    *schedule = (struct schedule){
        .plan = *plan,
        .change_ns = plan->change_after_ns > 0
                         ? (double)(start_ns + plan->change_after_ns)
                         : INFINITY,
        .due_ns = (double)start_ns,
    };
    rng_init(&schedule->gaps, seed, STREAM_GAPS);
    rng_init(&schedule->choices, seed, STREAM_CHOICES);
    schedule->due_ns += draw_gap_ns(schedule);
}

/* A double holds whole nanoseconds exactly for the first 104 days. */
void schedule_advance(struct schedule *schedule, int64_t now_ns)
{
    double late_ns = (double)now_ns - schedule->due_ns;
    if (late_ns > (double)SCHEDULE_LAG_MAX_NS) {
        schedule->skipped += (uint64_t)(late_ns / mean_gap_ns(schedule)) + 1;
        schedule->due_ns = (double)now_ns;
        schedule->due_ns += draw_gap_ns(schedule);
        return;
    }
    while (schedule->due_ns <= (double)now_ns) {
        if (schedule->owed < SCHEDULE_OWED_MAX) {
            schedule->owed++;
        } else {
            schedule->skipped++;
        }
        schedule->due_ns += draw_gap_ns(schedule);
    }
}

bool schedule_take(struct schedule *schedule, uint32_t ready_count,
                   uint32_t *ret_index)
{
    if (schedule->owed == 0 || ready_count == 0) {
        return false;
    }
    schedule->owed--;
    *ret_index = rng_below(&schedule->choices, ready_count);
    return true;
}

int64_t schedule_due_ns(const struct schedule *schedule)
{
    return (int64_t)ceil(schedule->due_ns);
}

uint64_t schedule_process_seed(uint64_t run_seed, uint32_t slot_id,
                               uint64_t generation)
{
    uint64_t seed = rng_mix(run_seed ^ rng_mix(STREAM_PROCESSES));
    seed = rng_mix(seed ^ rng_mix(slot_id));
    return rng_mix(seed ^ rng_mix(generation));
}
