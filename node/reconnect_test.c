#include "reconnect.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

struct fixture {
    struct reconnect reconnect;
    struct plateau_tally_entry tally;
    int dials;
    struct peer_id last;
};

static void on_dial(void *context, const struct peer_contact *peer)
{
    struct fixture *f = context;
    f->dials++;
    f->last = peer->id;
}

static void begin(struct fixture *f)
{
    const struct reconnect_params params = {
        .tasks_max = 4,
        .tries = 3,
        .delay_min_ns = 100 * MS,
        .delay_max_ns = 1000 * MS,
    };
    memset(f, 0, sizeof *f);
    assert_int_equal(
        reconnect_init(&f->reconnect, &params, 1, &f->tally, on_dial, f), 0);
}

static void lose(struct fixture *f, uint8_t name, int64_t now_ns)
{
    struct peer_contact peer = {.id = {{name}}, .addr = {.port = name}};
    reconnect_begin(&f->reconnect, &peer, now_ns);
}

static uint64_t alive(const struct fixture *f)
{
    return f->tally.value - f->tally.finished;
}

/* Goes from deadline to deadline; returns the time of the last. */
static int64_t run_until(struct fixture *f, int64_t end_ns)
{
    int64_t now = 0;
    int64_t next;
    while ((next = reconnect_next_deadline_ns(&f->reconnect)) <= end_ns) {
        assert_true(next >= now);
        now = next;
        reconnect_tick(&f->reconnect, now);
    }
    return now;
}

static void tries_with_growing_pauses_and_gives_up(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    lose(&f, 7, 0);
    assert_int_equal(alive(&f), 1);
    reconnect_tick(&f.reconnect, 50 * MS - 1);
    assert_int_equal(f.dials, 0);
    int64_t end = run_until(&f, INT64_MAX - 1);
    assert_int_equal(f.dials, 3);
    assert_int_equal(f.last.bytes[0], 7);
    assert_int_equal(alive(&f), 0);
    assert_in_range(end, (50 + 100 + 200 + 400) * MS, 1500 * MS);
    assert_int_equal(reconnect_next_deadline_ns(&f.reconnect), INT64_MAX);
}

static void ends_when_the_peer_is_back(void **state)
{
    (void)state;
    struct fixture f;
    struct peer_id back = {{7}};
    begin(&f);
    lose(&f, 7, 0);
    lose(&f, 8, 0);
    reconnect_peer_back(&f.reconnect, &back);
    assert_int_equal(alive(&f), 1);
    (void)run_until(&f, INT64_MAX - 1);
    assert_int_equal(f.dials, 3);
    assert_int_equal(f.last.bytes[0], 8);
}

static void one_peer_has_one_task_and_all_have_a_bound(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (uint8_t name = 1; name < 20; name++) {
        lose(&f, name, 0);
        lose(&f, name, 0);
    }
    assert_int_equal(alive(&f), 4);
    assert_int_equal(f.tally.value, 4);
    reconnect_deinit(&f.reconnect);
    assert_int_equal(alive(&f), 0);
}

static void a_deaf_task_tries_for_ever(void **state)
{
    (void)state;
    struct fixture f;
    struct peer_id back = {{7}};
    begin(&f);
    f.reconnect.is_deaf = true;
    for (uint8_t name = 1; name < 20; name++) {
        lose(&f, name, 0);
        (void)run_until(&f, 10000 * MS);
    }
    reconnect_peer_back(&f.reconnect, &back);
    assert_int_equal(alive(&f), 19); /* past the bound */
    int dials = f.dials;
    (void)run_until(&f, 60000 * MS);
    assert_true(f.dials >= dials + 19 * 40);
    assert_int_equal(alive(&f), 19);
    reconnect_deinit(&f.reconnect);
    assert_int_equal(alive(&f), 0);
}

static void a_parameter_out_of_range_is_refused(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct reconnect_params params = {.tries = 0};
    assert_int_equal(
        reconnect_init(&f.reconnect, &params, 1, &f.tally, on_dial, &f),
        -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_with_growing_pauses_and_gives_up),
        cmocka_unit_test(ends_when_the_peer_is_back),
        cmocka_unit_test(one_peer_has_one_task_and_all_have_a_bound),
        cmocka_unit_test(a_deaf_task_tries_for_ever),
        cmocka_unit_test(a_parameter_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
