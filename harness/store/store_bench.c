/* store_bench.c - what the store costs: store_bench FOLDER [HOURS].
 *
 * Writes a run of HOURS (default 1) as the default scenario does, 10 ticks a
 * second and one commit a second, as fast as it can: 24 slots with 2 series
 * and 3 with 30 more. Then reads all of it back. Prints milliseconds a commit
 * (median, 99th percentile, worst), bytes a sample, values read a second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum { SERIES_COUNT = 24 * 2 + 3 * 30, TICKS_A_COMMIT = 10 };

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int add_series(struct store *store)
{
    for (int64_t id = 1; id <= SERIES_COUNT; id++) {
        struct store_series series = {.id = id, .slot_id = 0, .quantum = 1};
        (void)snprintf(series.metric, sizeof series.metric, "m%" PRId64, id);
        int r = store_series_add(store, &series);
        if (r != 0) {
            return r;
        }
    }
    return store_commit(store);
}

static int add_tick(struct store *store, int64_t tick)
{
    struct store_tick row = {
        .tick = tick,
        .t_ns = tick * INT64_C(100000000) + rand() % 1000000,
        .events = tick * 5,
        .cost_ns = 100000 + rand() % 100000,
    };
    int r = store_tick_add(store, &row);
    for (int64_t id = 1; r == 0 && id <= SERIES_COUNT; id++) {
        /* A third each: pages of memory, bytes allocated, small counts. */
        double value = id % 3 == 0   ? 3e6 + 4096 * (rand() % 64)
                       : id % 3 == 1 ? 6e5 + rand() % 100000
                                     : rand() % 100;
        r = store_value_add(store, id, tick, value);
    }
    return r;
}

static int write_run(struct store *store, size_t commits)
{
    int64_t *times = calloc(commits, sizeof *times);
    int r = times == NULL ? -1 : add_series(store);
    for (size_t i = 0; r == 0 && i < commits; i++) {
        int64_t begun_ns = now_ns();
        for (int j = 0; r == 0 && j < TICKS_A_COMMIT; j++) {
            r = add_tick(store, (int64_t)i * TICKS_A_COMMIT + j);
        }
        if (r == 0) {
            r = store_commit(store);
        }
        times[i] = now_ns() - begun_ns;
    }
    if (r == 0) {
        qsort(times, commits, sizeof *times, compare_times);
        (void)printf("batch of %d values, ms: median %.2f, 99 %% %.2f, "
                     "worst %.2f\n",
                     SERIES_COUNT * TICKS_A_COMMIT,
                     (double)times[commits / 2] / 1e6,
                     (double)times[commits * 99 / 100] / 1e6,
                     (double)times[commits - 1] / 1e6);
    }
    free(times);
    return r;
}

static int read_run(struct store *store)
{
    size_t total = 0;
    int64_t begun_ns = now_ns();
    for (int64_t id = 1; id <= SERIES_COUNT; id++) {
        struct store_point *points = NULL;
        size_t count = 0;
        int r = store_points(store, id, 0, INT64_MAX, &points, &count);
        if (r != 0) {
            return r;
        }
        total += count;
        free(points);
    }
    double taken_s = (double)(now_ns() - begun_ns) / 1e9;
    (void)printf("%zu values read in %.3f s: %.2f million a second\n", total,
                 taken_s, (double)total / taken_s / 1e6);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("usage: store_bench FOLDER [HOURS]\n", stderr);
        return 64;
    }
    double hours = argc > 2 ? strtod(argv[2], NULL) : 1;
    size_t commits = hours > 0.01 && hours < 1000 ? (size_t)(hours * 3600) : 36;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/bench-%d.plateau", argv[1],
                   (int)getpid());
    struct err err = {0};
    char text[1024];
    struct store *store = NULL;
    int r = store_create(path, &store, &err);
    if (r == 0 && (r = write_run(store, commits)) != 0) {
        err = *store_err(store);
    }
    int64_t begun_ns = now_ns();
    store_close(store);
    struct stat st;
    if (r == 0 && stat(path, &st) == 0) {
        (void)printf("closed in %.1f ms; %.2f bytes a sample\n",
                     (double)(now_ns() - begun_ns) / 1e6,
                     (double)st.st_size / (double)commits / TICKS_A_COMMIT /
                         SERIES_COUNT);
    }
    store = NULL;
    if (r == 0 && (r = store_open(path, &store, &err)) == 0) {
        r = read_run(store);
        store_close(store);
    }
    if (getenv("STORE_BENCH_KEEP") == NULL) {
        (void)unlink(path);
    }
    if (r != 0) {
        (void)fprintf(stderr, "%s\n", err_format(&err, text, sizeof text));
    }
    return r == 0 ? 0 : 74;
}
