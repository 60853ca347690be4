#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "churn/waves.h"

#define MS INT64_C(1000000)

static const struct waves_config three_kills = {
    .wave_events = 3,
    .settle_min_ns = 200 * MS,
    .settle_max_ns = 1000 * MS,
};
static const struct waves_look at_rest = {.is_all_up = true,
                                          .is_settled = true};
static const struct waves_look restless = {.is_all_up = true};
static const struct waves_look somebody_is_down = {.is_settled = true};
static const struct waves_look answered = {.has_answered = true};

static struct waves begun(const struct waves_config *config, int64_t now_ns)
{
    struct waves waves;
    waves_init(&waves, config, now_ns);
    return waves;
}

/* Kills a whole wave at |now_ns|. */
static void kill_wave(struct waves *waves, int64_t now_ns)
{
    for (uint32_t i = 0; i < waves->config.wave_events; i++) {
        assert_true(waves_may_kill(waves));
        waves_killed(waves, now_ns);
    }
    assert_false(waves_may_kill(waves));
}

static void churn_without_waves_never_ends(void **state)
{
    (void)state;
    const struct waves_config none = {.settle_max_ns = MS};
    struct waves waves = begun(&none, 5 * MS);
    for (int i = 0; i < 100000; i++) {
        waves_killed(&waves, i * MS);
        assert_int_equal(waves_advance(&waves, &at_rest, i * MS), WAVES_WAIT);
    }
    assert_true(waves_may_kill(&waves));
    assert_int_equal(waves_churn_ns(&waves, 100 * MS), 95 * MS);
    assert_true(waves_end(&waves));
}

static void an_ebb_follows_the_last_kill_of_a_wave(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 30 * MS);
    assert_int_equal(waves.seq, 1);
    /* At rest at once, but too soon. */
    assert_int_equal(waves_advance(&waves, &at_rest, 229 * MS), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &at_rest, 230 * MS), WAVES_ASK);
    assert_int_equal(waves_advance(&waves, &at_rest, 240 * MS), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &answered, 250 * MS), WAVES_READ);
    assert_true(waves.was_settled);
    assert_true(waves_may_kill(&waves));
    kill_wave(&waves, 300 * MS);
    assert_int_equal(waves.seq, 2);
}

static void what_never_rests_is_read_unsettled(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 0);
    assert_int_equal(waves_advance(&waves, &restless, 999 * MS), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &restless, 1000 * MS), WAVES_ASK);
    assert_int_equal(waves_advance(&waves, &answered, 1010 * MS), WAVES_READ);
    assert_false(waves.was_settled);
}

static void somebody_who_is_not_back_keeps_the_ebb_going(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 0);
    assert_int_equal(waves_advance(&waves, &somebody_is_down, 999 * MS),
                     WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &at_rest, 999 * MS), WAVES_ASK);
    assert_true(waves.was_settled);
}

/* From then on the least time counts, if not beyond the longest. */
static void what_is_stirred_in_an_ebb_has_its_time_to_rest(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    waves_stir(&waves, 10 * MS); /* in the wave: of no account */
    kill_wave(&waves, 20 * MS);
    assert_int_equal(waves_advance(&waves, &somebody_is_down, 500 * MS),
                     WAVES_WAIT);
    waves_stir(&waves, 500 * MS);
    assert_int_equal(waves_advance(&waves, &at_rest, 699 * MS), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &at_rest, 700 * MS), WAVES_ASK);
    assert_true(waves.was_settled);
    assert_int_equal(waves_advance(&waves, &answered, 800 * MS), WAVES_READ);
    kill_wave(&waves, 1000 * MS);
    waves_stir(&waves, 1900 * MS);
    assert_int_equal(waves_advance(&waves, &restless, 1999 * MS), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &restless, 2000 * MS), WAVES_ASK);
    assert_false(waves.was_settled);
}

static void who_never_answers_is_read_all_the_same(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 0);
    assert_int_equal(waves_advance(&waves, &at_rest, 200 * MS), WAVES_ASK);
    int64_t last_ns = 200 * MS + WAVES_ANSWER_MAX_NS;
    assert_int_equal(waves_advance(&waves, &at_rest, last_ns - 1), WAVES_WAIT);
    assert_int_equal(waves_advance(&waves, &at_rest, last_ns), WAVES_READ);
}

static void ebbs_do_not_count_as_churn(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 100 * MS);
    assert_int_equal(waves_churn_ns(&waves, 250 * MS), 100 * MS);
    (void)waves_advance(&waves, &at_rest, 300 * MS);
    assert_int_equal(waves_churn_ns(&waves, 310 * MS), 100 * MS);
    (void)waves_advance(&waves, &answered, 320 * MS);
    assert_int_equal(waves_churn_ns(&waves, 350 * MS), 130 * MS);
}

static void a_wave_of_time_ends_without_a_kill(void **state)
{
    (void)state;
    struct waves_config config = three_kills;
    config.wave_ns = 500 * MS;
    struct waves waves = begun(&config, 0);
    waves_killed(&waves, 10 * MS);
    assert_int_equal(waves_advance(&waves, &at_rest, 499 * MS), WAVES_WAIT);
    assert_true(waves_may_kill(&waves));
    assert_int_equal(waves_advance(&waves, &at_rest, 500 * MS), WAVES_WAIT);
    assert_false(waves_may_kill(&waves));
    assert_int_equal(waves_advance(&waves, &at_rest, 700 * MS), WAVES_ASK);
}

static void a_late_kill_in_an_ebb_begins_no_second(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 0);
    waves_killed(&waves, 10 * MS);
    assert_int_equal(waves.seq, 1);
    assert_int_equal(waves.since_ns, 0);
}

static void the_last_wave_that_was_asked_for_ends_the_run(void **state)
{
    (void)state;
    struct waves_config config = three_kills;
    config.waves = 2;
    struct waves waves = begun(&config, 0);
    int64_t now = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waves.state, WAVES_CHURNING);
        kill_wave(&waves, now);
        now += 200 * MS;
        (void)waves_advance(&waves, &at_rest, now);
        assert_int_equal(waves_advance(&waves, &answered, now), WAVES_READ);
    }
    assert_int_equal(waves.state, WAVES_OVER);
    assert_false(waves_may_kill(&waves));
    assert_int_equal(waves_advance(&waves, &at_rest, now + MS), WAVES_WAIT);
}

static void an_ebb_that_is_under_way_is_read_before_the_end(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    kill_wave(&waves, 0);
    assert_false(waves_end(&waves));
    (void)waves_advance(&waves, &at_rest, 200 * MS);
    assert_int_equal(waves_advance(&waves, &answered, 210 * MS), WAVES_READ);
    assert_int_equal(waves.state, WAVES_OVER);
}

static void a_wave_that_is_under_way_is_cut_off_at_the_end(void **state)
{
    (void)state;
    struct waves waves = begun(&three_kills, 0);
    waves_killed(&waves, MS);
    assert_true(waves_end(&waves));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(churn_without_waves_never_ends),
        cmocka_unit_test(an_ebb_follows_the_last_kill_of_a_wave),
        cmocka_unit_test(what_never_rests_is_read_unsettled),
        cmocka_unit_test(somebody_who_is_not_back_keeps_the_ebb_going),
        cmocka_unit_test(what_is_stirred_in_an_ebb_has_its_time_to_rest),
        cmocka_unit_test(who_never_answers_is_read_all_the_same),
        cmocka_unit_test(ebbs_do_not_count_as_churn),
        cmocka_unit_test(a_wave_of_time_ends_without_a_kill),
        cmocka_unit_test(a_late_kill_in_an_ebb_begins_no_second),
        cmocka_unit_test(the_last_wave_that_was_asked_for_ends_the_run),
        cmocka_unit_test(an_ebb_that_is_under_way_is_read_before_the_end),
        cmocka_unit_test(a_wave_that_is_under_way_is_cut_off_at_the_end),
    };
    return cmocka_run_group_tests_name("waves", tests, NULL, NULL);
}
