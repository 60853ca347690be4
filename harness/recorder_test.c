#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_handle.h"
#include "store/store_place.h"

/* Somebody else who writes to the store, and ends after so many tries. */
struct other {
    struct store *store;
    int tries;
    int ends_after;
};

/* SQLite calls it instead of waiting; 0: it gives up. */
static int on_busy(void *context, int times)
{
    struct other *other = context;
    (void)times;
    if (++other->tries == other->ends_after) {
        assert_int_equal(store_commit(other->store), 0);
    }
    return 0;
}

static void begin_busy(void **state, int ends_after, struct other *other,
                       struct recorder *recorder)
{
    *other = (struct other){.ends_after = ends_after};
    *recorder = (struct recorder){.store = place_create(*state)};
    assert_int_equal(place_add_series(recorder->store), 0);
    assert_int_equal(store_commit(recorder->store), 0);
    other->store = place_reopen(*state);
    assert_int_equal(store_begin(other->store), 0);
    (void)sqlite3_busy_handler(recorder->store->db, on_busy, other);
}

static void end_busy(struct other *other, struct recorder *recorder)
{
    store_close(recorder->store);
    store_close(other->store);
}

static void loses_nothing_while_another_writes_for_a_while(void **state)
{
    enum { COUNT = STORE_WAITING_MAX + 2 };
    struct other other;
    struct recorder recorder;
    begin_busy(state, RECORDER_TRIES_MAX - 1, &other, &recorder);
    struct sampler_sink sink = recorder_sink(&recorder);
    for (int64_t at = 0; at < COUNT; at++) {
        const struct sampler_tick tick = {.tick = at, .t_ns = at * SECOND_NS};
        assert_int_equal(sink.value(sink.context, 1, at, 1.), 0);
        assert_int_equal(sink.tick(sink.context, &tick), 0);
    }
    recorder_commit(&recorder);
    assert_int_equal(other.tries, RECORDER_TRIES_MAX - 1);
    assert_int_equal(recorder.error, 0);
    struct store_point *points = NULL;
    size_t count = 0;
    assert_int_equal(
        store_points(other.store, 1, 0, INT64_MAX, &points, &count), 0);
    assert_int_equal(count, COUNT);
    free(points);
    end_busy(&other, &recorder);
}

static void gives_up_when_another_does_not_end(void **state)
{
    struct other other;
    struct recorder recorder;
    struct err err = {0};
    begin_busy(state, -1, &other, &recorder);
    recorder_note(&recorder, "seed", "%d", 1);
    recorder_note(&recorder, "seed", "%d", 2);
    assert_int_equal(other.tries, RECORDER_TRIES_MAX);
    assert_int_equal(recorder_result(&recorder, "run.db", &err), -EBUSY);
    assert_non_null(strstr(err.sentence, "writing"));
    end_busy(&other, &recorder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(loses_nothing_while_another_writes_for_a_while),
        PLACED(gives_up_when_another_does_not_end),
    };
    return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
