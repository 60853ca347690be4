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
static const int64_t second_ns = 1000000000;

static void begin(struct schedule *schedule, enum interval_rule rule,
                  double rate_per_s, uint64_t seed, int64_t start_ns)
{
    const struct schedule_plan plan = {.rule = rule, .rate_per_s = rate_per_s};
    schedule_init(schedule, &plan, seed, start_ns);
}

/* Due times of the first |count| kills, read off in steps of 100 us. */
static void timetable(struct schedule *schedule, double *due_ns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        due_ns[i] = schedule->due_ns;
        schedule_advance(schedule, schedule_due_ns(schedule));
        uint32_t index;
        while (schedule_take(schedule, 7, &index)) {
            assert_true(index < 7);
        }
    }
}

static void same_seed_gives_the_same_decisions(void **state)
{
    (void)state;
    struct schedule a, b;
    begin(&a, INTERVAL_POISSON, 50, test_seed, 5);
    begin(&b, INTERVAL_POISSON, 50, test_seed, 5);
    for (int i = 0; i < 10000; i++) {
        int64_t now_ns = schedule_due_ns(&a);
        assert_int_equal(now_ns, schedule_due_ns(&b));
        schedule_advance(&a, now_ns);
        schedule_advance(&b, now_ns);
        uint32_t ready = 1 + (uint32_t)i % 20, index_a = 0, index_b = 0;
        assert_int_equal(schedule_take(&a, ready, &index_a),
                         schedule_take(&b, ready, &index_b));
        assert_int_equal(index_a, index_b);
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
    begin(&a, INTERVAL_POISSON, 50, test_seed, 0);
    begin(&b, INTERVAL_POISSON, 50, test_seed, 0);
    uint32_t index;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(schedule_due_ns(&a), schedule_due_ns(&b));
        schedule_advance(&a, schedule_due_ns(&a));
        schedule_advance(&b, schedule_due_ns(&b));
        while (schedule_take(&a, 20, &index)) {
        }
        assert_false(schedule_take(&b, 0, &index));
    }
}

static void fixed_gaps_do_not_drift(void **state)
{
    (void)state;
    struct schedule schedule;
    begin(&schedule, INTERVAL_FIXED, 150, test_seed, 0);
    enum { KILLS = 150 * 3600 };
    uint32_t index;
    for (int i = 1; i < KILLS; i++) {
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        while (schedule_take(&schedule, 1, &index)) {
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
    enum { READY = 21, KILLS = 21 * 2000 };
    int hits[READY] = {0};
    for (int i = 0; i < KILLS; i++) {
        uint32_t index = READY;
        schedule_advance(&schedule, schedule_due_ns(&schedule));
        assert_true(schedule_take(&schedule, READY, &index));
        assert_true(index < READY);
        hits[index]++;
    }
    double chi_squared = 0;
    for (int i = 0; i < READY; i++) {
        double off = hits[i] - 2000.0;
        chi_squared += off * off / 2000.0;
    }
    assert_true(chi_squared < 45.3); /* 20 degrees of freedom, p = 0.001 */
}

static void owed_kills_wait_and_are_not_forgotten(void **state)
{
    (void)state;
    struct schedule schedule;
    uint32_t index;
    begin(&schedule, INTERVAL_FIXED, 10, test_seed, 0);
    schedule_advance(&schedule, second_ns);
    assert_false(schedule_take(&schedule, 0, &index));
    for (int i = 0; i < 10; i++) {
        assert_true(schedule_take(&schedule, 3, &index));
    }
    assert_false(schedule_take(&schedule, 3, &index));
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
    };
    struct schedule changing, steady;
    schedule_init(&changing, &plan, test_seed, 0);
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

int main(void)
{
    (void)fprintf(stderr, "# seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_of_rate_begins_at_its_moment),
        cmocka_unit_test(same_seed_gives_the_same_decisions),
        cmocka_unit_test(another_seed_gives_another_timetable),
        cmocka_unit_test(timetable_does_not_depend_on_who_is_ready),
        cmocka_unit_test(fixed_gaps_do_not_drift),
        cmocka_unit_test(poisson_gaps_have_the_mean_and_the_spread),
        cmocka_unit_test(choices_are_uniform),
        cmocka_unit_test(owed_kills_wait_and_are_not_forgotten),
        cmocka_unit_test(owed_kills_are_bounded_and_the_rest_is_counted),
        cmocka_unit_test(a_long_sleep_is_skipped_not_made_up_for),
        cmocka_unit_test(process_seeds_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
