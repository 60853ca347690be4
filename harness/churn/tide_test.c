#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "churn/tide.h"
#include "host.h"

enum { OBSERVERS = 2, EBBS_MAX = 8 };

/* A tide over pages that nobody but the test writes to; it lasts some tens of
 * milliseconds. */
struct fixture {
    struct ev_loop *loop;
    struct tide tide;
    struct tally_page pages[OBSERVERS];
    struct plateau_tally_entry *loops[OBSERVERS];
    struct plateau_tally_entry *heaps[OBSERVERS];
    bool is_anybody_down;
    bool answers;
    uint64_t drift; /* of the first heap, at each look */
    struct supervisor_ebb ebbs[EBBS_MAX];
    size_t ebbs_count;
    size_t turns_count;
    enum waves_state turned_to;
    bool stops_when_read;
};

/* The target's turn as well: what it answers, and what drifts. */
static struct tally_page *page_of(void *context, uint32_t index)
{
    struct fixture *fixture = context;
    struct plateau_tally *tally = fixture->pages[index].shared;
    uint32_t asked = plateau_tally_asked(tally);
    if (index == 0) {
        plateau_tally_add(fixture->heaps[0], fixture->drift);
    }
    if (asked != 0 && fixture->answers) {
        plateau_tally_answer(tally, asked);
    }
    return &fixture->pages[index];
}

static bool is_all_up(void *context)
{
    const struct fixture *fixture = context;
    return !fixture->is_anybody_down;
}

static void on_read(void *context, const struct supervisor_ebb *ebb)
{
    struct fixture *fixture = context;
    assert_true(fixture->ebbs_count < EBBS_MAX);
    fixture->ebbs[fixture->ebbs_count++] = *ebb;
    if (fixture->stops_when_read) {
        tide_stop(&fixture->tide);
    }
}

static void on_turn(void *context, enum waves_state state)
{
    struct fixture *fixture = context;
    fixture->turns_count++;
    fixture->turned_to = state;
    ev_break(fixture->loop, EVBREAK_ALL);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->loop = ev_loop_new(EVFLAG_AUTO);
    fixture->answers = true;
    const struct tide_config config = {
        .loop = fixture->loop,
        .start_ns = host_now_ns(),
        .waves = {.wave_events = 2,
                  .settle_min_ns = 1000000,
                  .settle_max_ns = 400000000},
        .observers_count = OBSERVERS,
        .context = fixture,
        .page = page_of,
        .is_all_up = is_all_up,
        .on_read = on_read,
        .on_turn = on_turn,
    };
    for (int i = 0; i < OBSERVERS; i++) {
        if (tally_page_init(&fixture->pages[i]) != 0) {
            return -1;
        }
        struct plateau_tally *tally = fixture->pages[i].shared;
        fixture->loops[i] = plateau_tally_pair(tally, "loops");
        fixture->heaps[i] = plateau_tally_gauge(tally, "heap/allocated", "B");
        plateau_tally_set(fixture->heaps[i], 300000);
    }
    *state = fixture;
    return tide_init(&fixture->tide, &config);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tide_deinit(&fixture->tide);
    for (int i = 0; i < OBSERVERS; i++) {
        tally_page_deinit(&fixture->pages[i]);
    }
    ev_loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

/* One wave, and the loop until its ebb has been read. */
static void run_wave(struct fixture *fixture)
{
    tide_killed(&fixture->tide);
    assert_true(waves_may_kill(&fixture->tide.waves));
    tide_killed(&fixture->tide);
    assert_false(waves_may_kill(&fixture->tide.waves));
    ev_run(fixture->loop, 0);
}

static void a_still_mesh_is_read_soon_and_settled(void **state)
{
    struct fixture *fixture = *state;
    tide_begin(&fixture->tide);
    for (int i = 1; i <= 2; i++) {
        run_wave(fixture);
        const struct supervisor_ebb *ebb = &fixture->ebbs[i - 1];
        assert_int_equal(fixture->ebbs_count, i);
        assert_int_equal(ebb->seq, i);
        assert_true(ebb->is_settled);
        assert_true(ebb->has_answered);
        assert_true(ebb->read_ns > ebb->begin_ns);
        assert_int_equal(fixture->turned_to, WAVES_CHURNING);
    }
}

static void what_drifts_is_read_unsettled(void **state)
{
    struct fixture *fixture = *state;
    fixture->drift = 4000;
    tide_begin(&fixture->tide);
    run_wave(fixture);
    assert_false(fixture->ebbs[0].is_settled);
    assert_true(fixture->ebbs[0].read_ns - fixture->ebbs[0].begin_ns >=
                400000000);
}

static void a_cache_that_drifts_is_no_reason_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct plateau_tally *tally = fixture->pages[0].shared;
    fixture->heaps[0] = plateau_tally_gauge(tally, "seen_ids", "");
    fixture->drift = 10;
    tide_begin(&fixture->tide);
    run_wave(fixture);
    assert_true(fixture->ebbs[0].is_settled);
}

static void somebody_who_is_down_leaves_it_unsettled(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_anybody_down = true;
    tide_begin(&fixture->tide);
    run_wave(fixture);
    assert_false(fixture->ebbs[0].is_settled);
}

static void who_does_not_answer_is_read_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    fixture->answers = false;
    tide_begin(&fixture->tide);
    run_wave(fixture);
    assert_true(fixture->ebbs[0].is_settled);
    assert_false(fixture->ebbs[0].has_answered);
}

static void the_end_in_an_ebb_waits_for_its_trough(void **state)
{
    struct fixture *fixture = *state;
    tide_begin(&fixture->tide);
    tide_killed(&fixture->tide);
    tide_killed(&fixture->tide);
    assert_false(tide_end(&fixture->tide));
    ev_run(fixture->loop, 0);
    assert_int_equal(fixture->ebbs_count, 1);
    assert_int_equal(fixture->turned_to, WAVES_OVER);
}

static void a_stop_when_told_of_a_trough_leaves_nothing_active(void **state)
{
    struct fixture *fixture = *state;
    fixture->tide.config.waves.wave_ns = 500000000;
    fixture->stops_when_read = true;
    tide_begin(&fixture->tide);
    run_wave(fixture);
    assert_int_equal(fixture->ebbs_count, 1);
    assert_int_equal(ev_run(fixture->loop, EVRUN_NOWAIT), 0);
}

int main(void)
{
#define CLAIM(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CLAIM(a_still_mesh_is_read_soon_and_settled),
        CLAIM(what_drifts_is_read_unsettled),
        CLAIM(a_cache_that_drifts_is_no_reason_to_wait),
        CLAIM(somebody_who_is_down_leaves_it_unsettled),
        CLAIM(who_does_not_answer_is_read_all_the_same),
        CLAIM(the_end_in_an_ebb_waits_for_its_trough),
        CLAIM(a_stop_when_told_of_a_trough_leaves_nothing_active),
    };
    return cmocka_run_group_tests_name("tide", tests, NULL, NULL);
}
