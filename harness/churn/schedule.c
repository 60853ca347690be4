#include "churn/schedule.h"

#include "churn/kinds.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum stream {
    STREAM_GAPS = 1,
    STREAM_CHOICES = 2,
    STREAM_PROCESSES = 3,
    STREAM_KINDS = 4,
    STREAM_OF_LIVES = 16, /* and a pair of them for each churner */
};

/* The clock of lives goes at another pace once the rate has changed, so that
 * what was drawn stays as it was and only comes sooner or later. */
struct schedule_life {
    struct rng lengths, kinds;
    double due_ns; /* on the clock of lives */
    uint32_t owed;
};

/* Recorded victims that are no further apart were hit at once. */
static const int64_t group_ns = 10000000;

/* Beyond that a double is no int64_t. */
static const double far_ns = 9e18;

/* --- what ----------------------------------------------------------------- */

/* Of |count|, one at least. */
static uint32_t share_of(double share, uint32_t count)
{
    double part = round(share * (double)count);
    return part > 1. ? (uint32_t)part : 1;
}

/* How many each drawn event befalls, on the average. */
static void plan_groups(struct schedule *schedule)
{
    struct schedule_plan *plan = &schedule->plan;
    double sum = 0.;
    double victims = 0.;
    uint32_t places = plan->churners_count + plan->observers_count;
    schedule->mass_count = share_of(plan->mass_share, plan->churners_count);
    schedule->partition_count = share_of(plan->partition_share, places);
    if (schedule->partition_count >= places) {
        schedule->partition_count = places - 1;
    }
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        uint32_t count = i == CHURN_MASS        ? schedule->mass_count
                         : i == CHURN_PARTITION ? schedule->partition_count
                                                : 1;
        sum += plan->weights[i];
        victims += plan->weights[i] * (double)count;
    }
    if (sum <= 0.) {
        plan->weights[CHURN_KILL] = sum = victims = 1.;
    }
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        plan->weights[i] /= sum;
    }
    schedule->victims = victims / sum;
}

static enum churn_kind kind_at(const double weights[CHURN_KINDS], double at)
{
    enum churn_kind kind = CHURN_KILL;
    for (size_t i = 0; i < CHURN_KINDS && at > 0.; i++) {
        if (weights[i] > 0.) {
            kind = (enum churn_kind)i;
            at -= weights[i];
        }
    }
    return kind;
}

static int64_t between(int64_t min_ns, int64_t max_ns, double u)
{
    return min_ns + (int64_t)(u * (double)(max_ns - min_ns));
}

/* Two numbers an event, whatever its kind: the next is then the same one. */
static void draw_what(const struct schedule_plan *plan, struct rng *rng,
                      struct schedule_event *event)
{
    event->kind = kind_at(plan->weights, rng_unit(rng));
    double u = rng_unit(rng);
    event->parameter_ns = -1;
    if (event->kind == CHURN_PAUSE) {
        event->parameter_ns =
            between(plan->pause_min_ns, plan->pause_max_ns, u);
    } else if (event->kind == CHURN_PARTITION) {
        event->parameter_ns =
            between(plan->partition_min_ns, plan->partition_max_ns, u);
    } else if (event->kind == CHURN_STARTING) {
        event->parameter_ns = (int64_t)ceil(u * (double)plan->starting_max_ns);
    }
}

/* --- when ----------------------------------------------------------------- */

/* Of the gaps that begin at |due_ns|. */
static double mean_gap_ns(const struct schedule *schedule)
{
    return 1e9 * schedule->victims /
           (schedule->due_ns < schedule->change_ns
                ? schedule->plan.rate_per_s
                : schedule->plan.change_rate_per_s);
}

/* -ln of a uniform number in (0, 1] is exponential with mean 1. */
static double draw_gap_ns(struct schedule *schedule)
{
    double mean_ns = mean_gap_ns(schedule);
    return schedule->plan.rule == INTERVAL_FIXED
               ? mean_ns
               : mean_ns * -log(rng_unit(&schedule->gaps));
}

/* From and to the clock of lives; the same until the rate changes. */
static double lived_ns(const struct schedule *schedule, double now_ns)
{
    double beyond_ns = now_ns - schedule->change_ns;
    return beyond_ns <= 0. ? now_ns
                           : schedule->change_ns +
                                 beyond_ns * schedule->plan.change_rate_per_s /
                                     schedule->plan.rate_per_s;
}

static double unlived_ns(const struct schedule *schedule, double lived)
{
    double beyond_ns = lived - schedule->change_ns;
    return beyond_ns <= 0.
               ? lived
               : schedule->change_ns + beyond_ns * schedule->plan.rate_per_s /
                                           schedule->plan.change_rate_per_s;
}

/* A look at each: at 4,096 churners and 2,000 events a second half a percent of
 * a core, and a heap would have to be kept. */
static struct schedule_life *first_due(const struct schedule *schedule)
{
    struct schedule_life *first = &schedule->lives[0];
    for (uint32_t i = 1; i < schedule->plan.churners_count; i++) {
        if (schedule->lives[i].due_ns < first->due_ns) {
            first = &schedule->lives[i];
        }
    }
    return first;
}

static int begin_lives(struct schedule *schedule, uint64_t seed)
{
    uint32_t count = schedule->plan.churners_count;
    schedule->lives = calloc(count, sizeof *schedule->lives);
    if (schedule->lives == NULL) {
        return -ENOMEM;
    }
    lifetimes_init(&schedule->lifetimes, schedule->plan.rule,
                   schedule->plan.shape, mean_gap_ns(schedule) * count);
    for (uint32_t i = 0; i < count; i++) {
        struct schedule_life *life = &schedule->lives[i];
        rng_init(&life->lengths, seed, STREAM_OF_LIVES + 2 * (uint64_t)i);
        rng_init(&life->kinds, seed, STREAM_OF_LIVES + 2 * (uint64_t)i + 1);
        life->due_ns =
            schedule->start_ns +
            lifetimes_draw_rest(&schedule->lifetimes, &life->lengths);
    }
    schedule->due_ns = unlived_ns(schedule, first_due(schedule)->due_ns);
    return 0;
}

static void follow_list(struct schedule *schedule)
{
    size_t next = schedule->recorded_next;
    schedule->due_ns = next < schedule->plan.recorded_count
                           ? schedule->start_ns + schedule->recorded_late_ns +
                                 (double)schedule->plan.recorded[next].due_ns
                           : (double)INFINITY;
}

int schedule_init(struct schedule *schedule, const struct schedule_plan *plan,
                  uint64_t seed, int64_t start_ns)
{
    assert(plan->churners_count > 0);
    assert(plan->recorded != NULL || plan->rate_per_s > 0.);
    assert(plan->change_after_ns == 0 || plan->change_rate_per_s > 0.);
    assert(plan->weights[CHURN_PARTITION] <= 0. || plan->observers_count > 0);
    *schedule = (struct schedule){
        .plan = *plan,
        .start_ns = (double)start_ns,
        .change_ns = plan->change_after_ns > 0
                         ? (double)(start_ns + plan->change_after_ns)
                         : (double)INFINITY,
        .due_ns = (double)start_ns,
    };
    plan_groups(schedule);
    if (plan->recorded != NULL) {
        follow_list(schedule);
        return 0;
    }
    if (lifetimes_is_rule(plan->rule)) {
        return begin_lives(schedule, seed);
    }
    rng_init(&schedule->gaps, seed, STREAM_GAPS);
    rng_init(&schedule->choices, seed, STREAM_CHOICES);
    rng_init(&schedule->kinds, seed, STREAM_KINDS);
    schedule->due_ns += draw_gap_ns(schedule);
    return 0;
}

void schedule_deinit(struct schedule *schedule)
{
    free(schedule->lives);
    schedule->lives = NULL;
}

/* Goes on from |now_ns|, as if the time since it fell due had not been. */
static void sleep_over(struct schedule *schedule, double now_ns)
{
    double late_ns = now_ns - schedule->due_ns;
    if (schedule->plan.recorded != NULL) {
        schedule->recorded_late_ns += late_ns;
        follow_list(schedule);
        return;
    }
    schedule->skipped += (uint64_t)(late_ns / mean_gap_ns(schedule)) + 1;
    if (schedule->lives == NULL) {
        schedule->due_ns = now_ns;
        schedule->due_ns += draw_gap_ns(schedule);
        return;
    }
    double lived = lived_ns(schedule, now_ns);
    double slept_ns = lived - first_due(schedule)->due_ns;
    for (uint32_t i = 0; i < schedule->plan.churners_count; i++) {
        schedule->lives[i].due_ns += slept_ns;
    }
    struct schedule_life *first = first_due(schedule);
    first->due_ns += lifetimes_draw(&schedule->lifetimes, &first->lengths);
    schedule->due_ns = unlived_ns(schedule, first_due(schedule)->due_ns);
}

/* What falls due at |due_ns| is owed or, when too much is, skipped; the next
 * one is looked for. */
static void fall_due(struct schedule *schedule)
{
    bool has_room =
        schedule->owed < SCHEDULE_OWED_MAX || schedule->plan.recorded != NULL;
    schedule->owed += has_room;
    schedule->skipped += !has_room;
    if (schedule->plan.recorded != NULL) {
        schedule->recorded_next++;
        follow_list(schedule);
    } else if (schedule->lives != NULL) {
        struct schedule_life *life = first_due(schedule);
        life->owed += has_room;
        life->due_ns += lifetimes_draw(&schedule->lifetimes, &life->lengths);
        schedule->due_ns = unlived_ns(schedule, first_due(schedule)->due_ns);
    } else {
        schedule->due_ns += draw_gap_ns(schedule);
    }
}

/* A double holds whole nanoseconds exactly for the first 104 days. */
void schedule_advance(struct schedule *schedule, int64_t now_ns)
{
    if ((double)now_ns - schedule->due_ns > (double)SCHEDULE_LAG_MAX_NS) {
        sleep_over(schedule, (double)now_ns);
        return;
    }
    while (schedule->due_ns <= (double)now_ns) {
        fall_due(schedule);
    }
}

int64_t schedule_due_ns(const struct schedule *schedule)
{
    return schedule->due_ns < far_ns ? (int64_t)ceil(schedule->due_ns)
                                     : INT64_MAX;
}

/* --- who ------------------------------------------------------------------ */

/* The first that is ready, from |from| on, in a circle; churners_count when
 * nobody is. */
static uint32_t next_ready(const struct schedule *schedule,
                           const struct schedule_look *look, uint32_t from)
{
    uint32_t count = schedule->plan.churners_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t churner = (from + i) % count;
        if (look->is_ready(look->context, churner)) {
            return churner;
        }
    }
    return count;
}

static bool take_of_gaps(struct schedule *schedule,
                         const struct schedule_look *look)
{
    struct schedule_event *wanted = &schedule->wanted;
    if (!schedule->is_wanted_known) {
        schedule->is_wanted_known = true;
        wanted->churner =
            rng_below(&schedule->choices, schedule->plan.churners_count);
        draw_what(&schedule->plan, &schedule->kinds, wanted);
    }
    uint32_t churner = next_ready(schedule, look, wanted->churner);
    if (churner == schedule->plan.churners_count) {
        return false;
    }
    schedule->is_wanted_known = false;
    schedule->taken = *wanted;
    schedule->taken.churner = churner;
    return true;
}

static bool take_of_lives(struct schedule *schedule,
                          const struct schedule_look *look)
{
    for (uint32_t i = 0; i < schedule->plan.churners_count; i++) {
        struct schedule_life *life = &schedule->lives[i];
        if (life->owed > 0 && look->is_ready(look->context, i)) {
            life->owed--;
            schedule->taken.churner = i;
            draw_what(&schedule->plan, &life->kinds, &schedule->taken);
            return true;
        }
    }
    return false;
}

static bool is_whole(const struct schedule_look *look)
{
    return look->is_whole == NULL || look->is_whole(look->context);
}

static bool take_recorded(struct schedule *schedule,
                          const struct schedule_look *look)
{
    const struct schedule_event *event =
        &schedule->plan.recorded[schedule->recorded_done];
    if (event->kind == CHURN_PARTITION
            ? !is_whole(look)
            : !look->is_ready(look->context, event->churner)) {
        return false;
    }
    schedule->recorded_done++;
    schedule->taken = *event;
    return true;
}

/* Of a recorded list: its victims stand side by side, microseconds apart. */
static bool is_amid_recorded(const struct schedule *schedule)
{
    const struct schedule_plan *plan = &schedule->plan;
    size_t next = schedule->recorded_done;
    if (plan->recorded == NULL || next == 0 || next >= plan->recorded_count) {
        return false;
    }
    const struct schedule_event *last = &plan->recorded[next - 1];
    const struct schedule_event *event = &plan->recorded[next];
    return last->kind == event->kind && kinds_is_of_many(event->kind) &&
           last->parameter_ns == event->parameter_ns &&
           event->due_ns - last->due_ns < group_ns;
}

/* --- what befalls many ---------------------------------------------------- */

/* The victims come from a stream that belongs to this mass failure or partition
 * alone: how many are found, and when, changes nothing of what comes after. */
static void draw_group(struct schedule *schedule)
{
    uint64_t number = schedule->taken.churner;
    struct rng *own = schedule->lives != NULL ? &schedule->lives[number].kinds
                                              : &schedule->kinds;
    schedule->taken_group = rng_u32(own);
}

static void begin_group(struct schedule *schedule)
{
    rng_init(&schedule->group, schedule->taken_group, STREAM_CHOICES);
    schedule->group_next = 0;
    schedule->group_left = schedule->taken.kind == CHURN_MASS
                               ? schedule->mass_count - 1
                               : schedule->partition_count;
}

/* The next of so many that are still to be taken of those that are left, each
 * as likely as any: Knuth, The Art of Computer Programming, vol. 2, algorithm
 * 3.4.2 S. */
static void take_of_partition(struct schedule *schedule)
{
    uint32_t places =
        schedule->plan.churners_count + schedule->plan.observers_count;
    while (rng_below(&schedule->group, places - schedule->group_next) >=
           schedule->group_left) {
        schedule->group_next++;
    }
    schedule->taken.churner = schedule->group_next++;
    schedule->group_left--;
}

static bool take_of_group(struct schedule *schedule,
                          const struct schedule_look *look)
{
    if (schedule->group_left == 0) {
        return false;
    }
    if (schedule->taken.kind == CHURN_PARTITION) {
        take_of_partition(schedule);
        return true;
    }
    uint32_t count = schedule->plan.churners_count;
    uint32_t from = rng_below(&schedule->group, count);
    schedule->taken.churner = next_ready(schedule, look, from);
    schedule->group_left--;
    if (schedule->taken.churner == count) {
        schedule->group_left = 0; /* nobody is left to be hit */
        return false;
    }
    return true;
}

/* There is one partition at a time: one that was drawn meanwhile waits. */
static void put_off(struct schedule *schedule)
{
    schedule->skipped += schedule->has_put_off;
    if (!schedule->has_put_off) {
        schedule->has_put_off = true;
        schedule->put_off = schedule->taken;
        schedule->put_off_group = schedule->taken_group;
    }
}

static bool take_put_off(struct schedule *schedule,
                         const struct schedule_look *look)
{
    if (!schedule->has_put_off || !is_whole(look)) {
        return false;
    }
    schedule->has_put_off = false;
    schedule->taken = schedule->put_off;
    schedule->taken_group = schedule->put_off_group;
    begin_group(schedule);
    return take_of_group(schedule, look);
}

/* What was drawn for many has its first victim, or is put off. */
static bool take_drawn(struct schedule *schedule,
                       const struct schedule_look *look)
{
    if (!kinds_is_of_many(schedule->taken.kind)) {
        return true;
    }
    draw_group(schedule);
    if (schedule->taken.kind == CHURN_MASS) {
        begin_group(schedule);
        return true; /* who was drawn first of all */
    }
    if (!is_whole(look)) {
        put_off(schedule);
        return false;
    }
    begin_group(schedule);
    return take_of_group(schedule, look);
}

static bool take_owed(struct schedule *schedule,
                      const struct schedule_look *look)
{
    bool is_taken = false;
    while (schedule->owed > 0 && !is_taken) {
        if (!(schedule->plan.recorded != NULL ? take_recorded(schedule, look)
              : schedule->lives != NULL       ? take_of_lives(schedule, look)
                                              : take_of_gaps(schedule, look))) {
            return false;
        }
        schedule->owed--;
        is_taken =
            schedule->plan.recorded != NULL || take_drawn(schedule, look);
    }
    return is_taken;
}

bool schedule_take(struct schedule *schedule, const struct schedule_look *look,
                   struct schedule_event *ret_event)
{
    if (schedule->owed == 0 && is_amid_recorded(schedule)) {
        fall_due(schedule);
    }
    if (!take_of_group(schedule, look) && !take_put_off(schedule, look) &&
        !take_owed(schedule, look)) {
        return false;
    }
    *ret_event = schedule->taken;
    return true;
}

bool schedule_is_amid(const struct schedule *schedule)
{
    return schedule->group_left > 0 || is_amid_recorded(schedule);
}

uint32_t schedule_owed(const struct schedule *schedule)
{
    return schedule->owed + schedule->has_put_off;
}

uint64_t schedule_process_seed(uint64_t run_seed, uint32_t slot_id,
                               uint64_t generation)
{
    uint64_t seed = rng_mix(run_seed ^ rng_mix(STREAM_PROCESSES));
    seed = rng_mix(seed ^ rng_mix(slot_id));
    return rng_mix(seed ^ rng_mix(generation));
}
