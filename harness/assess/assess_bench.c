/* assess_bench.c - a long run judged again: assess_bench FOLDER [MILLIONS].
 *
 * Writes the store of a run without ebbs as a soak over a night leaves it, of
 * MILLIONS (default 10) of samples: three observers with allocator, counters
 * and gauges, 21 churners with their RSS, ten samples of each a second. Then
 * reads and judges it, as `plateau check` does, and prints the seconds of each.
 */
#include "assess.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    OBSERVERS = 3,
    SLOTS = 24,
    TICK_MS = 100,
    TICKS_A_COMMIT = 50,
    EVENTS_A_TICK = 5,
};

static const char scenario_text[] =
    "run: {duration_s: 600000, settle_s: 0, sample_ms: 100}\n"
    "churn: {rate_per_s: 50}\n"
    "roles:\n"
    "  - {name: observer, kind: observer, count: 3, command: [x, "
    "'{ready_fd}']}\n"
    "  - {name: churner, kind: churner, count: 21, command: [x, "
    "'{ready_fd}']}\n";

/* What is sampled of an observer; of a churner, the first only. */
static const struct {
    const char *metric, *unit;
    double level, spread, per_tick, quantum;
    enum store_kind kind;
} rows[] = {
    {"rss", "B", 7e6, 4e5, 0., 4096., STORE_GAUGE},
    {"private", "B", 3e6, 3e5, 0., 4096., STORE_GAUGE},
    {"heap/allocated", "B", 4e5, 1e5, 0., 1., STORE_GAUGE},
    {"heap/active", "B", 7e5, 1e5, 0., 4096., STORE_GAUGE},
    {"heap/resident", "B", 3e6, 1e5, 0., 4096., STORE_GAUGE},
    {"fds", "", 12., 2., 0., 1., STORE_GAUGE},
    {"threads", "", 1., 0., 0., 1., STORE_GAUGE},
    {"tally/active_peers", "", 5., 2., 0., 1., STORE_GAUGE},
    {"tally/address_book", "", 64., 3., 0., 1., STORE_GAUGE},
    {"tally/messages_delivered", "", 0., 0., 2., 1., STORE_COUNTER},
    {"tally/connection_loops.spawned", "", 9., 3., 5., 1., STORE_COUNTER},
    {"tally/connection_loops.finished", "", 4., 3., 5., 1., STORE_COUNTER},
    {"tally/dials.spawned", "", 3., 1., 4., 1., STORE_COUNTER},
    {"tally/dials.finished", "", 3., 1., 4., 1., STORE_COUNTER},
    {"tally/timers.spawned", "", 9., 3., 5., 1., STORE_COUNTER},
    {"tally/timers.finished", "", 4., 3., 5., 1., STORE_COUNTER},
};
enum { ROWS = sizeof rows / sizeof rows[0] };
enum { VALUES_A_TICK = OBSERVERS * ROWS + (SLOTS - OBSERVERS) };

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int64_t series_id(int slot, int row)
{
    return 1 + (int64_t)slot * ROWS + row;
}

static int rows_of(int slot)
{
    return slot < OBSERVERS ? ROWS : 1;
}

static int add_slot(struct store *store, int id)
{
    struct store_slot slot = {
        .id = id,
        .ordinal = id < OBSERVERS ? id : id - OBSERVERS,
        .is_observer = id < OBSERVERS,
    };
    struct store_process process = {
        .id = id + 1,
        .slot_id = id,
        .generation = 1,
        .pid = 1000 + id,
        .ready_ns = 1,
        .ended_ns = -1,
        .exit_code = -1,
    };
    (void)snprintf(slot.role, sizeof slot.role, "%s",
                   id < OBSERVERS ? "observer" : "churner");
    int result = store_slot_add(store, &slot);
    if (result == 0) {
        result = store_process_put(store, &process);
    }
    for (int row = 0; result == 0 && row < rows_of(id); row++) {
        struct store_series series = {
            .id = series_id(id, row),
            .slot_id = id,
            .quantum = rows[row].quantum,
            .kind = rows[row].kind,
        };
        (void)snprintf(series.metric, sizeof series.metric, "%s",
                       rows[row].metric);
        (void)snprintf(series.unit, sizeof series.unit, "%s", rows[row].unit);
        result = store_series_add(store, &series);
    }
    return result;
}

static int add_tick(struct store *store, int64_t tick)
{
    struct store_tick row = {
        .tick = tick,
        .t_ns = tick * TICK_MS * INT64_C(1000000),
        .events = tick * EVENTS_A_TICK,
        .cost_ns = 200000,
    };
    int result = store_tick_add(store, &row);
    for (int slot = 0; slot < SLOTS; slot++) {
        for (int i = 0; result == 0 && i < rows_of(slot); i++) {
            double value = rows[i].level + rows[i].per_tick * (double)tick +
                           rows[i].spread * rand() / RAND_MAX;
            value = rows[i].quantum * floor(value / rows[i].quantum);
            result = store_value_add(store, series_id(slot, i), tick, value);
        }
    }
    for (int i = 0; result == 0 && i < EVENTS_A_TICK; i++) {
        struct store_event event = {
            .seq = tick * EVENTS_A_TICK + i + 1,
            .t_ns = row.t_ns + i,
            .process_id = OBSERVERS + 1,
            .kind = "kill",
        };
        result = store_event_add(store, &event);
    }
    if (result == 0 && tick % TICKS_A_COMMIT == 0) {
        result = store_commit(store);
    }
    return result;
}

static int add_meta(struct store *store, int64_t ticks)
{
    char end_ns[32], duration_s[32], events[32];
    int64_t end = ticks * TICK_MS;
    (void)snprintf(end_ns, sizeof end_ns, "%" PRId64, end * 1000000);
    (void)snprintf(duration_s, sizeof duration_s, "%" PRId64, end / 1000);
    (void)snprintf(events, sizeof events, "%" PRId64, ticks * EVENTS_A_TICK);
    const char *meta[][2] = {
        {"scenario.text", scenario_text},
        {"scenario.file", "bench.yaml"},
        {"run.seed", "1"},
        {"run.duration_s", duration_s},
        {"churn.begin_ns", "0"},
        {"churn.end_ns", end_ns},
        {"churn.events", events},
        {"churn.respawns", events},
        {"churn.due", events},
        {"end.how", "completed"},
        {"end.sentence", ""},
    };
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof meta / sizeof meta[0]; i++) {
        result = store_meta_set(store, meta[i][0], meta[i][1]);
    }
    return result;
}

static int write_run(const char *path, int64_t ticks)
{
    struct store *store = NULL;
    struct err err = {0};
    int result = store_create(path, &store, &err);
    if (result != 0) {
        (void)fprintf(stderr, "assess_bench: %s\n", err.sentence);
        return result;
    }
    for (int slot = 0; result == 0 && slot < SLOTS; slot++) {
        result = add_slot(store, slot);
    }
    for (int64_t tick = 0; result == 0 && tick < ticks; tick++) {
        result = add_tick(store, tick);
    }
    if (result == 0) {
        result = add_meta(store, ticks);
    }
    if (result == 0) {
        result = store_commit(store);
    }
    store_close(store);
    return result;
}

/* Opened, read, judged: what somebody waits for who asks again. */
static int judge_run(const char *folder, const char *path,
                     struct assessment *ret_assessment)
{
    struct store *store = NULL;
    struct err err = {0};
    int result = store_open(path, &store, &err);
    if (result == 0) {
        result = assess_run(store, folder, ret_assessment, &err);
    }
    if (result != 0) {
        (void)fprintf(stderr, "assess_bench: %s\n", err.sentence);
    }
    store_close(store);
    return result;
}

int main(int argc, char **argv)
{
    static struct assessment assessment;
    char path[4096];
    double millions = argc > 2 ? atof(argv[2]) : 10.;
    if (argc < 2 || millions <= 0. || millions > 1000.) {
        (void)fprintf(stderr, "usage: assess_bench FOLDER [MILLIONS]\n");
        return 64;
    }
    int64_t ticks = (int64_t)(millions * 1e6) / VALUES_A_TICK;
    (void)snprintf(path, sizeof path, "%s/run.db", argv[1]);
    double begin_s = now_s();
    if (write_run(path, ticks) != 0) {
        return 74;
    }
    double written_s = now_s();
    if (judge_run(argv[1], path, &assessment) != 0) {
        return 74;
    }
    double judged_s = now_s();
    (void)printf("%" PRId64 " samples of %d series\n", ticks * VALUES_A_TICK,
                 VALUES_A_TICK);
    (void)printf("%.2f s to write\n", written_s - begin_s);
    (void)printf("%.2f s to read and judge, %zu series: %s\n",
                 judged_s - written_s, assessment.series_count,
                 judge_outcome_name(assessment.summary.outcome));
    assess_deinit(&assessment);
    return 0;
}
