#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "churn/schedule.h"

static const uint64_t test_seed = 20240817;
enum { SECOND_NS = 1000000000 };
static const int64_t second_ns = SECOND_NS;

enum { CHURNERS = 20, OBSERVERS = 5 };

static bool everybody(void *context, uint32_t churner)
{
    (void)context;
    (void)churner;
    return true;
}

static bool nobody(void *context, uint32_t churner)
{
    (void)context;
    (void)churner;
    return false;
}

/* Those whose bit is set in a uint32_t. */
static bool some(void *context, uint32_t churner)
{
    return (*(const uint32_t *)context >> churner & 1) != 0;
}

static const struct schedule_look all_ready = {NULL, everybody, NULL};
static const struct schedule_look none_ready = {NULL, nobody, NULL};

static void begin_plan(struct schedule *schedule,
                       const struct schedule_plan *plan, uint64_t seed)
{
    assert_int_equal(schedule_init(schedule, plan, seed, 0), 0);
}

static void begin(struct schedule *schedule, enum interval_rule rule,
                  double rate_per_s, uint64_t seed, int64_t start_ns)
{
    const struct schedule_plan plan = {
        .rule = rule, .rate_per_s = rate_per_s, .churners_count = CHURNERS};
    assert_int_equal(schedule_init(schedule, &plan, seed, start_ns), 0);
}

/* What a schedule does, all being ready at all times; with the time of each. */
static size_t list_events(struct schedule *schedule,
                          struct schedule_event *events, size_t count)
{
    size_t filled = 0;
    while (filled < count && schedule_due_ns(schedule) < INT64_MAX) {
        int64_t now_ns = schedule_due_ns(schedule);
        schedule_advance(schedule, now_ns);
        while (filled < count &&
               schedule_take(schedule, &all_ready, &events[filled])) {
            events[filled++].due_ns = now_ns;
        }
    }
    return filled;
}

/* Due times of the first |count| events, one at a time. */
static void timetable(struct schedule *schedule, double *due_ns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        due_ns[i] = schedule->due_ns;
        schedule_advance(schedule, schedule_due_ns(schedule));
        struct schedule_event event;
        while (schedule_take(schedule, &all_ready, &event)) {
            assert_true(event.churner < CHURNERS);
            assert_int_equal(event.kind, CHURN_KILL);
            assert_int_equal(event.parameter_ns, -1);
        }
    }
}

static void expect_same_events(const struct schedule_event *a,
                               const struct schedule_event *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i].due_ns, b[i].due_ns);
        assert_int_equal(a[i].churner, b[i].churner);
        assert_int_equal(a[i].kind, b[i].kind);
        assert_int_equal(a[i].parameter_ns, b[i].parameter_ns);
    }
}

static const struct schedule_plan mixed = {
    .rule = INTERVAL_POISSON,
    .rate_per_s = 50,
    .churners_count = CHURNERS,
    .weights = {[CHURN_KILL] = 8,
                [CHURN_STOP] = 1,
                [CHURN_PAUSE] = 1,
                [CHURN_STARTING] = 1,
                [CHURN_MASS] = 0.1,
                [CHURN_PARTITION] = 0.1},
    .observers_count = OBSERVERS,
    .partition_share = 0.2,
    .partition_min_ns = 2000000000,
    .partition_max_ns = 5000000000,
    .mass_share = 0.5,
    .pause_min_ns = 200000000,
    .pause_max_ns = 1000000000,
    .starting_max_ns = 20000000,
};

static const enum interval_rule rules[] = {INTERVAL_FIXED, INTERVAL_POISSON,
                                           INTERVAL_WEIBULL, INTERVAL_PARETO};

static void same_seed_gives_the_same_list(void **state)
{
    (void)state;
    enum { EVENTS = 5000 };
    static struct schedule_event a[EVENTS], b[EVENTS];
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct schedule_plan plan = mixed;
        struct schedule one, other;
        plan.rule = rules[i];
        begin_plan(&one, &plan, test_seed);
        begin_plan(&other, &plan, test_seed);
        assert_int_equal(list_events(&one, a, EVENTS), EVENTS);
        assert_int_equal(list_events(&other, b, EVENTS), EVENTS);
        expect_same_events(a, b, EVENTS);
        schedule_deinit(&one);
        schedule_deinit(&other);
    }
}

static void same_seed_and_answers_give_the_same_decisions(void **state)
{
    (void)state;
    struct schedule a, b;
    struct rng answers;
    rng_init(&answers, test_seed, 99);
    begin_plan(&a, &mixed, test_seed);
    begin_plan(&b, &mixed, test_seed);
    for (int i = 0; i < 10000; i++) {
        uint32_t ready = rng_u32(&answers);
        const struct schedule_look look = {&ready, some, NULL};
        int64_t now_ns = schedule_due_ns(&a);
        struct schedule_event event_a = {0}, event_b = {0};
        assert_int_equal(now_ns, schedule_due_ns(&b));
        schedule_advance(&a, now_ns);
        schedule_advance(&b, now_ns);
        assert_int_equal(schedule_take(&a, &look, &event_a),
                         schedule_take(&b, &look, &event_b));
        assert_int_equal(event_a.churner, event_b.churner);
        assert_int_equal(event_a.kind, event_b.kind);
    }
}

static void another_seed_gives_another_timetable(void **state)
{
    (void)state;
    struct schedule a, b;
    begin(&a, INTERVAL_POISSON, 50, test_seed, 0);
    begin(&b, INTERVAL_POISSON, 50, test_seed + 1, 0);
    assert_true(fabs(a.due_ns - b.due_ns) > 1);
}

static void timetable_does_not_depend_on_who_is_ready(void **state)
{
    (void)state;
    struct schedule a, b;
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        begin(&a, rules[r], 50, test_seed, 0);
        begin(&b, rules[r], 50, test_seed, 0);
        struct schedule_event event;
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(schedule_due_ns(&a), schedule_due_ns(&b));
            schedule_advance(&a, schedule_due_ns(&a));
            schedule_advance(&b, schedule_due_ns(&b));
            while (schedule_take(&a, &all_ready, &event)) {
            }
            assert_false(schedule_take(&b, &none_ready, &event));
        }
        schedule_deinit(&a);
        schedule_deinit(&b);
    }
}

/* Whoever is passed over changes neither what comes nor who is wanted next. */
static void who_is_passed_over_changes_nothing_of_what_follows(void **state)
{
    (void)state;
    struct schedule a, b;
    uint32_t all_but_three = ~(UINT32_C(1) << 3);
    const struct schedule_look look = {&all_but_three, some, NULL};
    begin_plan(&a, &mixed, test_seed);
    begin_plan(&b, &mixed, test_seed);
    int passed_over = 0;
    for (int i = 0; i < 5000; i++) {
        struct schedule_event event_a, event_b;
        schedule_advance(&a, schedule_due_ns(&a));
        schedule_advance(&b, schedule_due_ns(&b));
        while (schedule_take(&a, &all_ready, &event_a)) {
            assert_true(schedule_take(&b, &look, &event_b));
            assert_int_equal(event_a.kind, event_b.kind);
            assert_int_equal(event_a.parameter_ns, event_b.parameter_ns);
            /* Of a partition nobody is. */
            bool is_passed_over =
                event_a.churner == 3 && event_a.kind != CHURN_PARTITION;
            passed_over += is_passed_over;
            assert_int_equal(event_b.churner,
                             is_passed_over ? 4 : event_a.churner);
        }
    }
    assert_in_range(passed_over, 100, 1000);
}

static void fixed_gaps_do_not_drift(void **state)
{
    (void)state;
    struct schedule schedule;
    begin(&schedule, INTERVAL_FIXED, 150, test_seed, 0);
    enum { KILLS = 150 * 3600 };
    struct schedule_event event;
    for (int i = 1; i < KILLS; i++) {
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        while (schedule_take(&schedule, &all_ready, &event)) {
        }
    }
    double error_ns = schedule.due_ns - 3600.0 * (double)second_ns;
    assert_true(fabs(error_ns) < 1000);
    assert_int_equal(schedule.skipped, 0);
}

static void poisson_gaps_have_the_mean_and_the_spread(void **state)
{
    (void)state;
    enum { KILLS = 20000 };
    static double due_ns[KILLS];
    struct schedule schedule;
    begin(&schedule, INTERVAL_POISSON, 50, test_seed, 0);
    timetable(&schedule, due_ns, KILLS);
    double sum = 0, squares = 0;
    for (size_t i = 1; i < KILLS; i++) {
        double gap_ms = (due_ns[i] - due_ns[i - 1]) / 1e6;
        sum += gap_ms;
        squares += gap_ms * gap_ms;
    }
    double mean = sum / (KILLS - 1);
    double deviation = sqrt(squares / (KILLS - 1) - mean * mean);
    assert_true(fabs(mean - 20) < 0.6); /* 4 standard errors */
    assert_true(fabs(deviation / mean - 1) < 0.05);
}

static void choices_are_uniform(void **state)
{
    (void)state;
    struct schedule schedule;
    begin(&schedule, INTERVAL_FIXED, 1000, test_seed, 0);
    enum { KILLS = CHURNERS * 2000 };
    int hits[CHURNERS] = {0};
    for (int i = 0; i < KILLS; i++) {
        struct schedule_event event;
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        assert_true(schedule_take(&schedule, &all_ready, &event));
        assert_true(event.churner < CHURNERS);
        hits[event.churner]++;
    }
    double chi_squared = 0;
    for (int i = 0; i < CHURNERS; i++) {
        double off = hits[i] - 2000.0;
        chi_squared += off * off / 2000.0;
    }
    assert_true(chi_squared < 43.8); /* 19 degrees of freedom, p = 0.001 */
}

static void owed_kills_wait_and_are_not_forgotten(void **state)
{
    (void)state;
    struct schedule schedule;
    struct schedule_event event;
    begin(&schedule, INTERVAL_FIXED, 10, test_seed, 0);
    schedule_advance(&schedule, second_ns);
    assert_false(schedule_take(&schedule, &none_ready, &event));
    for (int i = 0; i < 10; i++) {
        assert_true(schedule_take(&schedule, &all_ready, &event));
    }
    assert_false(schedule_take(&schedule, &all_ready, &event));
    assert_int_equal(schedule.skipped, 0);
}

static void owed_kills_are_bounded_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct schedule schedule;
    begin(&schedule, INTERVAL_FIXED, 100, test_seed, 0);
    schedule_advance(&schedule, second_ns);
    assert_int_equal(schedule.owed, SCHEDULE_OWED_MAX);
    assert_int_equal(schedule.skipped, 100 - SCHEDULE_OWED_MAX);
}

static void a_long_sleep_is_skipped_not_made_up_for(void **state)
{
    (void)state;
    struct schedule schedule;
    begin(&schedule, INTERVAL_FIXED, 100, test_seed, 0);
    schedule_advance(&schedule, 8 * 3600 * second_ns);
    assert_int_equal(schedule.owed, 0);
    assert_int_equal(schedule.skipped, 8 * 3600 * 100);
    assert_true(schedule_due_ns(&schedule) > 8 * 3600 * second_ns);
}

static void process_seeds_are_distinct(void **state)
{
    (void)state;
    enum { SLOTS = 32, LIVES = 64 };
    static uint64_t seeds[SLOTS * LIVES];
    size_t count = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        for (uint64_t life = 1; life <= LIVES; life++) {
            seeds[count++] = schedule_process_seed(test_seed, slot, life);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_true(seeds[i] != seeds[j]);
        }
    }
    assert_true(schedule_process_seed(1, 2, 3) ==
                schedule_process_seed(1, 2, 3));
}

/* Ten seconds at 50 a second, then at 100: the gaps of the first ten are those
 * of a schedule that never changes. */
static void a_change_of_rate_begins_at_its_moment(void **state)
{
    (void)state;
    const struct schedule_plan plan = {
        .rule = INTERVAL_POISSON,
        .rate_per_s = 50,
        .change_after_ns = 10 * second_ns,
        .change_rate_per_s = 100,
        .churners_count = CHURNERS,
    };
    struct schedule changing, steady;
    begin_plan(&changing, &plan, test_seed);
    begin(&steady, INTERVAL_POISSON, 50, test_seed, 0);
    double due[1600], same[1600];
    timetable(&changing, due, 1600);
    timetable(&steady, same, 1600);
    size_t before = 0, after = 0;
    for (size_t i = 0; i < 1600; i++) {
        if (due[i] < 10e9) {
            assert_true(fabs(due[i] - same[i]) < 1e-3);
            before++;
        }
        after += due[i] >= 10e9 && due[i] < 20e9;
    }
    assert_in_range(before, 430, 570);
    assert_in_range(after, 900, 1100);
}

/* --- kinds ---------------------------------------------------------------- */

static void kinds_come_by_their_weights(void **state)
{
    (void)state;
    enum { EVENTS = 100000 };
    static struct schedule_event events[EVENTS];
    struct schedule schedule;
    int64_t counts[CHURN_KINDS] = {0};
    begin_plan(&schedule, &mixed, test_seed);
    assert_int_equal(list_events(&schedule, events, EVENTS), EVENTS);
    for (size_t i = 0; i < EVENTS; i++) {
        counts[events[i].kind]++;
        assert_int_equal(events[i].parameter_ns >= 0,
                         events[i].kind == CHURN_PAUSE ||
                             events[i].kind == CHURN_STARTING ||
                             events[i].kind == CHURN_PARTITION);
    }
    /* Of 12.5 parts of the events 8, 1, 1, 1, 0.1 times 10 victims and 0.1
     * times 5; within four standard errors, larger for masses that come ten at
     * a time. */
    const double parts[CHURN_KINDS] = {8, 1, 1, 1, 1, 0.5};
    assert_int_equal(counts[CHURN_EXIT], 0); /* no schedule has it */
    for (size_t i = 0; i < CHURN_EXIT; i++) {
        double right = EVENTS * parts[i] / 12.5;
        double error = sqrt(right * (i == CHURN_MASS        ? 10
                                     : i == CHURN_PARTITION ? 5
                                                            : 1));
        assert_true(fabs((double)counts[i] - right) < 4 * error);
    }
}

static void parameters_keep_to_their_bounds_and_fill_them(void **state)
{
    (void)state;
    enum { EVENTS = 20000 };
    static struct schedule_event events[EVENTS];
    struct schedule schedule;
    int64_t least[CHURN_KINDS], most[CHURN_KINDS] = {0};
    begin_plan(&schedule, &mixed, test_seed);
    assert_int_equal(list_events(&schedule, events, EVENTS), EVENTS);
    for (size_t k = 0; k < CHURN_KINDS; k++) {
        least[k] = INT64_MAX;
    }
    for (size_t i = 0; i < EVENTS; i++) {
        int64_t parameter_ns = events[i].parameter_ns;
        enum churn_kind kind = events[i].kind;
        least[kind] = parameter_ns < least[kind] ? parameter_ns : least[kind];
        most[kind] = parameter_ns > most[kind] ? parameter_ns : most[kind];
    }
    assert_in_range(least[CHURN_PAUSE], 200000000, 210000000);
    assert_in_range(most[CHURN_PAUSE], 990000000, 1000000000);
    assert_in_range(least[CHURN_STARTING], 1, 200000);
    assert_in_range(most[CHURN_STARTING], 19800000, 20000000);
    assert_in_range(least[CHURN_PARTITION], 2000000000, 2200000000);
    assert_in_range(most[CHURN_PARTITION], 4800000000, 5000000000);
}

static void a_mass_failure_hits_its_share_each_once(void **state)
{
    (void)state;
    struct schedule_plan plan = mixed;
    struct schedule schedule;
    struct schedule_event event;
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        plan.weights[i] = i == CHURN_MASS;
    }
    begin_plan(&schedule, &plan, test_seed);
    for (int round = 0; round < 1000; round++) {
        uint32_t ready = ~UINT32_C(0);
        const struct schedule_look look = {&ready, some, NULL};
        int victims = 0;
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        do {
            assert_true(schedule_take(&schedule, &look, &event));
            assert_int_equal(event.kind, CHURN_MASS);
            assert_true((ready >> event.churner & 1) != 0);
            ready &= ~(UINT32_C(1) << event.churner);
            victims++;
        } while (schedule_is_amid(&schedule));
        assert_int_equal(victims, CHURNERS / 2);
        assert_false(schedule_take(&schedule, &look, &event));
    }
}

static void a_mass_failure_ends_where_nobody_is_left(void **state)
{
    (void)state;
    struct schedule_plan plan = mixed;
    struct schedule schedule;
    struct schedule_event event;
    uint32_t ready = 0x00004100;
    const struct schedule_look look = {&ready, some, NULL};
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        plan.weights[i] = i == CHURN_MASS;
    }
    begin_plan(&schedule, &plan, test_seed);
    schedule_advance(&schedule, schedule_due_ns(&schedule));
    for (int i = 0; i < 2; i++) {
        assert_true(schedule_take(&schedule, &look, &event));
        ready &= ~(UINT32_C(1) << event.churner);
    }
    assert_int_equal(ready, 0);
    assert_false(schedule_take(&schedule, &look, &event));
    assert_false(schedule_is_amid(&schedule));
}

/* --- lives ---------------------------------------------------------------- */

/* The first ten seconds included: with lives that all began with the run they
 * would hold two and a half times as many. */
static void lives_keep_the_rate_from_the_first_moment_on(void **state)
{
    (void)state;
    static const struct {
        enum interval_rule rule;
        double shape;
    } lives[] = {{INTERVAL_WEIBULL, 0.5}, {INTERVAL_PARETO, 1.5}};
    for (size_t k = 0; k < 2; k++) {
        const struct schedule_plan plan = {.rule = lives[k].rule,
                                           .shape = lives[k].shape,
                                           .rate_per_s = 50,
                                           .churners_count = 1000};
        struct schedule schedule;
        struct schedule_event event;
        begin_plan(&schedule, &plan, test_seed);
        for (int64_t part = 1; part <= 10; part++) {
            int events = 0;
            while (schedule_due_ns(&schedule) <= part * 10 * second_ns) {
                schedule_advance(&schedule, schedule_due_ns(&schedule));
                while (schedule_take(&schedule, &all_ready, &event)) {
                    events++;
                }
            }
            /* 500 are right; bursts double the variance and more. */
            assert_in_range(events, 400, 600);
        }
        schedule_deinit(&schedule);
    }
}

static void
a_churner_that_is_due_is_waited_for_and_no_other_is_hit(void **state)
{
    (void)state;
    struct schedule schedule;
    struct schedule_event event;
    begin(&schedule, INTERVAL_PARETO, 50, test_seed, 0);
    schedule_advance(&schedule, schedule_due_ns(&schedule));
    assert_int_equal(schedule.owed, 1);
    uint32_t due = CHURNERS;
    for (uint32_t i = 0; i < CHURNERS; i++) {
        uint32_t ready = UINT32_C(1) << i;
        const struct schedule_look look = {&ready, some, NULL};
        if (schedule_take(&schedule, &look, &event)) {
            assert_int_equal(due, CHURNERS);
            due = i;
            assert_int_equal(event.churner, i);
        }
    }
    assert_true(due < CHURNERS);
    schedule_deinit(&schedule);
}

static void lives_go_twice_as_fast_when_the_rate_is_doubled(void **state)
{
    (void)state;
    enum { EVENTS = 4000 };
    static struct schedule_event steady[EVENTS], changed[EVENTS];
    struct schedule_plan plan = {
        .rule = INTERVAL_WEIBULL, .rate_per_s = 50, .churners_count = CHURNERS};
    struct schedule schedule;
    begin_plan(&schedule, &plan, test_seed);
    (void)list_events(&schedule, steady, EVENTS);
    schedule_deinit(&schedule);
    plan.change_after_ns = 10 * second_ns;
    plan.change_rate_per_s = 100;
    begin_plan(&schedule, &plan, test_seed);
    (void)list_events(&schedule, changed, EVENTS);
    schedule_deinit(&schedule);
    for (size_t i = 0; i < EVENTS; i++) {
        int64_t beyond_ns = steady[i].due_ns - 10 * second_ns;
        int64_t right =
            beyond_ns < 0 ? steady[i].due_ns : 10 * second_ns + beyond_ns / 2;
        assert_int_equal(changed[i].churner, steady[i].churner);
        assert_in_range(changed[i].due_ns, right - 1, right + 1);
    }
    assert_true(steady[EVENTS - 1].due_ns > 20 * second_ns);
}

static void lives_sleep_over_a_long_pause(void **state)
{
    (void)state;
    struct schedule schedule;
    int64_t woken_ns = 8 * 3600 * second_ns;
    begin(&schedule, INTERVAL_WEIBULL, 100, test_seed, 0);
    schedule_advance(&schedule, woken_ns);
    assert_int_equal(schedule.owed, 0);
    assert_in_range(schedule.skipped, 8 * 3600 * 100 - 100, 8 * 3600 * 100);
    assert_true(schedule_due_ns(&schedule) > woken_ns);
    assert_true(schedule_due_ns(&schedule) < woken_ns + second_ns);
    schedule_deinit(&schedule);
}

/* --- replay --------------------------------------------------------------- */

static void a_recorded_list_is_done_again_as_it_was(void **state)
{
    (void)state;
    enum { EVENTS = 3000 };
    static struct schedule_event recorded[EVENTS], again[EVENTS];
    struct schedule schedule;
    begin_plan(&schedule, &mixed, test_seed);
    assert_int_equal(list_events(&schedule, recorded, EVENTS), EVENTS);
    const struct schedule_plan plan = {.churners_count = CHURNERS,
                                       .observers_count = OBSERVERS,
                                       .recorded = recorded,
                                       .recorded_count = EVENTS};
    /* Whatever the seed. */
    begin_plan(&schedule, &plan, test_seed + 1);
    assert_int_equal(list_events(&schedule, again, EVENTS), EVENTS);
    expect_same_events(recorded, again, EVENTS);
    assert_true(schedule_due_ns(&schedule) == INT64_MAX);
    assert_int_equal(schedule.owed, 0);
}

static void a_replay_waits_for_whom_the_list_names(void **state)
{
    (void)state;
    static const struct schedule_event recorded[] = {{10, 2, CHURN_KILL, -1},
                                                     {20, 1, CHURN_PAUSE, 7},
                                                     {30, 2, CHURN_STOP, -1}};
    const struct schedule_plan plan = {
        .churners_count = 3, .recorded = recorded, .recorded_count = 3};
    struct schedule schedule;
    struct schedule_event event;
    uint32_t ready = 1 << 1;
    const struct schedule_look look = {&ready, some, NULL};
    begin_plan(&schedule, &plan, 1);
    schedule_advance(&schedule, 25);
    assert_int_equal(schedule.owed, 2);
    assert_false(schedule_take(&schedule, &look, &event)); /* 2 comes first */
    ready = 1 << 2 | 1 << 1;
    assert_true(schedule_take(&schedule, &look, &event));
    assert_int_equal(event.churner, 2);
    assert_true(schedule_take(&schedule, &look, &event));
    assert_int_equal(event.kind, CHURN_PAUSE);
    assert_int_equal(event.parameter_ns, 7);
    assert_false(schedule_take(&schedule, &look, &event)); /* not due */
    assert_int_equal(schedule_due_ns(&schedule), 30);
}

static void a_recorded_mass_failure_is_done_at_once(void **state)
{
    (void)state;
    static const struct schedule_event recorded[] = {{100, 0, CHURN_MASS, -1},
                                                     {150, 1, CHURN_MASS, -1},
                                                     {200, 2, CHURN_KILL, -1}};
    const struct schedule_plan plan = {
        .churners_count = 3, .recorded = recorded, .recorded_count = 3};
    struct schedule schedule;
    struct schedule_event event;
    begin_plan(&schedule, &plan, 1);
    schedule_advance(&schedule, 100);
    assert_true(schedule_take(&schedule, &all_ready, &event));
    assert_true(schedule_is_amid(&schedule));
    assert_true(schedule_take(&schedule, &all_ready, &event));
    assert_int_equal(event.churner, 1);
    assert_false(schedule_is_amid(&schedule));
    assert_false(schedule_take(&schedule, &all_ready, &event));
    assert_int_equal(schedule_due_ns(&schedule), 200);
}

static void a_replay_goes_on_where_it_was_after_a_sleep(void **state)
{
    (void)state;
    static const struct schedule_event recorded[] = {
        {SECOND_NS, 0, CHURN_KILL, -1}, {2 * SECOND_NS, 0, CHURN_KILL, -1}};
    const struct schedule_plan plan = {
        .churners_count = 1, .recorded = recorded, .recorded_count = 2};
    struct schedule schedule;
    begin_plan(&schedule, &plan, 1);
    schedule_advance(&schedule, 100 * second_ns);
    assert_int_equal(schedule.skipped, 0);
    assert_int_equal(schedule_due_ns(&schedule), 100 * second_ns);
    schedule_advance(&schedule, 100 * second_ns);
    assert_int_equal(schedule.owed, 1);
    assert_int_equal(schedule_due_ns(&schedule), 101 * second_ns);
}

int main(void)
{
    (void)fprintf(stderr, "# seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_the_same_list),
        cmocka_unit_test(same_seed_and_answers_give_the_same_decisions),
        cmocka_unit_test(another_seed_gives_another_timetable),
        cmocka_unit_test(timetable_does_not_depend_on_who_is_ready),
        cmocka_unit_test(who_is_passed_over_changes_nothing_of_what_follows),
        cmocka_unit_test(fixed_gaps_do_not_drift),
        cmocka_unit_test(poisson_gaps_have_the_mean_and_the_spread),
        cmocka_unit_test(choices_are_uniform),
        cmocka_unit_test(owed_kills_wait_and_are_not_forgotten),
        cmocka_unit_test(owed_kills_are_bounded_and_the_rest_is_counted),
        cmocka_unit_test(a_long_sleep_is_skipped_not_made_up_for),
        cmocka_unit_test(process_seeds_are_distinct),
        cmocka_unit_test(a_change_of_rate_begins_at_its_moment),
        cmocka_unit_test(kinds_come_by_their_weights),
        cmocka_unit_test(parameters_keep_to_their_bounds_and_fill_them),
        cmocka_unit_test(a_mass_failure_hits_its_share_each_once),
        cmocka_unit_test(a_mass_failure_ends_where_nobody_is_left),
        cmocka_unit_test(lives_keep_the_rate_from_the_first_moment_on),
        cmocka_unit_test(
            a_churner_that_is_due_is_waited_for_and_no_other_is_hit),
        cmocka_unit_test(lives_go_twice_as_fast_when_the_rate_is_doubled),
        cmocka_unit_test(lives_sleep_over_a_long_pause),
        cmocka_unit_test(a_recorded_list_is_done_again_as_it_was),
        cmocka_unit_test(a_replay_waits_for_whom_the_list_names),
        cmocka_unit_test(a_recorded_mass_failure_is_done_at_once),
        cmocka_unit_test(a_replay_goes_on_where_it_was_after_a_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
