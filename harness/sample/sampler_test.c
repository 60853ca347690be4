#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/spawn.h"
#include "sample/sampler.h"
#include "sample/tree.h"
#include "tally/member.h"

enum { SERIES_MAX = 1024, VALUES_MAX = 65536, TICKS_MAX = 256, SLOTS = 2 };
enum { SELF_SLOT = 77, STEP_MS = 20 };

struct kept_series {
    uint32_t slot_id;
    char metric[SAMPLER_METRIC_SIZE];
    char unit[16];
    bool is_counter;
    double quantum;
    size_t values_count;
    double last;
    int64_t last_tick;
    int64_t last_ebb;
    double trough;
};

enum sink_call {
    SINK_NONE,
    SINK_SERIES,
    SINK_VALUE,
    SINK_TICK,
    SINK_TROUGH,
};

/* A sink that keeps everything, and is as strict as the store: a series once,
 * one value of it a tick. */
struct sink {
    struct kept_series series[SERIES_MAX];
    size_t series_count;
    struct sampler_tick ticks[TICKS_MAX];
    size_t ticks_count;
    size_t values_count;
    size_t troughs_count;
    enum sink_call fails_in;
    size_t fails_at; /* and from then on */
    int failures;
    int failure;
};

struct fixture {
    struct ev_loop *loop;
    struct sampler *sampler;
    struct tally_page pages[SLOTS];
    struct tree *tree;
    struct sink sink;
    int64_t start_ns;
    ev_timer end;
};

/* Whether the sink fails now, at its |fails_at|th call of that kind. */
static int result_of(const struct sink *sink, enum sink_call call, size_t count)
{
    return sink->fails_in == call && count >= sink->fails_at ? -ENOSPC : 0;
}

static int keep_series(void *context, const struct sampler_series *series,
                       int64_t *ret_series_id)
{
    struct sink *sink = context;
    assert_true(sink->series_count < SERIES_MAX);
    assert_true(strlen(series->metric) < SAMPLER_METRIC_SIZE);
    for (size_t i = 0; i < sink->series_count; i++) {
        if (sink->series[i].slot_id == series->slot_id) {
            assert_string_not_equal(sink->series[i].metric, series->metric);
        }
    }
    struct kept_series *kept = &sink->series[sink->series_count++];
    *kept = (struct kept_series){
        .slot_id = series->slot_id,
        .is_counter = series->is_counter,
        .quantum = series->quantum,
        .last_tick = -1,
    };
    (void)snprintf(kept->metric, sizeof kept->metric, "%s", series->metric);
    (void)snprintf(kept->unit, sizeof kept->unit, "%s", series->unit);
    *ret_series_id = (int64_t)sink->series_count;
    return result_of(sink, SINK_SERIES, sink->series_count);
}

static int keep_value(void *context, int64_t series_id, int64_t tick,
                      double value)
{
    struct sink *sink = context;
    assert_in_range(series_id, 1, sink->series_count);
    struct kept_series *kept = &sink->series[series_id - 1];
    assert_true(tick > kept->last_tick);
    kept->last_tick = tick;
    kept->last = value;
    kept->values_count++;
    sink->values_count++;
    return result_of(sink, SINK_VALUE, sink->values_count);
}

static int keep_tick(void *context, const struct sampler_tick *tick)
{
    struct sink *sink = context;
    assert_true(sink->ticks_count < TICKS_MAX);
    sink->ticks[sink->ticks_count++] = *tick;
    return result_of(sink, SINK_TICK, sink->ticks_count);
}

static int keep_trough(void *context, int64_t series_id, int64_t ebb,
                       double value)
{
    struct sink *sink = context;
    assert_in_range(series_id, 1, sink->series_count);
    struct kept_series *kept = &sink->series[series_id - 1];
    assert_int_not_equal(ebb, kept->last_ebb);
    kept->last_ebb = ebb;
    kept->trough = value;
    sink->troughs_count++;
    return result_of(sink, SINK_TROUGH, sink->troughs_count);
}

static void keep_failure(void *context, int error)
{
    struct sink *sink = context;
    sink->failures++;
    sink->failure = error;
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_end(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)timer;
    (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static void run_for(struct fixture *fixture, double seconds)
{
    ev_now_update(fixture->loop);
    ev_timer_init(&fixture->end, on_end, seconds, 0);
    ev_timer_start(fixture->loop, &fixture->end);
    ev_run(fixture->loop, 0);
    ev_timer_stop(fixture->loop, &fixture->end);
}

/* Until so many samples were taken; a machine that is busy leaves some out. */
static void run_until(struct fixture *fixture, size_t samples)
{
    for (int i = 0; i < 200 && fixture->sink.ticks_count < samples; i++) {
        run_for(fixture, 0.05);
    }
    assert_true(fixture->sink.ticks_count >= samples);
}

/* Slot 0 is an observer, slot 1 is not; nobody lives there yet. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->loop = ev_loop_new(EVFLAG_AUTO);
    fixture->start_ns = now_ns();
    const struct tree_config forest = {.roots_count = SLOTS};
    if (tree_new(&forest, &fixture->tree) != 0) {
        return -1;
    }
    const struct sampler_config config = {
        .loop = fixture->loop,
        .start_ns = fixture->start_ns,
        .sample_ms = STEP_MS,
        .detail_every = 2,
        .has_classes = true,
        .slots_count = SLOTS,
        .self_slot_id = SELF_SLOT,
        .tree = fixture->tree,
        .sink = {.context = &fixture->sink,
                 .series = keep_series,
                 .value = keep_value,
                 .tick = keep_tick,
                 .trough = keep_trough,
                 .on_failure = keep_failure},
    };
    if (sampler_new(&config, &fixture->sampler) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (tally_page_init(&fixture->pages[i]) != 0 ||
            sampler_slot_set(fixture->sampler, i, i == 0, &fixture->pages[i]) !=
                0) {
            return -1;
        }
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sampler_free(fixture->sampler);
    tree_free(fixture->tree);
    for (int i = 0; i < SLOTS; i++) {
        tally_page_deinit(&fixture->pages[i]);
    }
    ev_loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

static struct spawn_child live_in(struct fixture *fixture, uint32_t slot_id)
{
    char *const argv[] = {(char[]){"/bin/sleep"}, (char[]){"60"}, NULL};
    const struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = argv + 2,
    };
    struct spawn_child child;
    assert_int_equal(spawn_process(&request, &child, NULL), SPAWN_OK);
    assert_int_equal(sampler_process_started(fixture->sampler, slot_id,
                                             child.pid, child.pidfd),
                     0);
    return child;
}

static void end_life(struct spawn_child *child)
{
    struct spawn_exit end;
    (void)spawn_signal(child, SIGKILL);
    assert_int_equal(spawn_reap(child, true, &end), SPAWN_OK);
}

static const struct kept_series *find(const struct fixture *fixture,
                                      uint32_t slot_id, const char *metric)
{
    for (size_t i = 0; i < fixture->sink.series_count; i++) {
        const struct kept_series *series = &fixture->sink.series[i];
        if (series->slot_id == slot_id && strcmp(series->metric, metric) == 0) {
            return series;
        }
    }
    return NULL;
}

static void samples_stand_on_the_grid(void **state)
{
    struct fixture *fixture = *state;
    struct sampler_counts counts;
    sampler_events_set(fixture->sampler, 5);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.5);
    sampler_stop(fixture->sampler);
    sampler_counts(fixture->sampler, &counts);
    const struct sink *sink = &fixture->sink;
    assert_int_equal(counts.samples, sink->ticks_count);
    assert_true(sink->ticks_count > 2);
    for (size_t i = 0; i < sink->ticks_count; i++) {
        const struct sampler_tick *tick = &sink->ticks[i];
        int64_t late_ns = tick->t_ns - tick->tick * STEP_MS * 1000000;
        assert_in_range(late_ns, 0, STEP_MS * 1000000 / 2);
        assert_true(i == 0 || tick->tick > tick[-1].tick);
        assert_int_equal(tick->events, 5);
        assert_true(tick->cost_ns > 0);
    }
    /* Every place of the grid is either a sample or a gap. */
    int64_t places =
        sink->ticks[sink->ticks_count - 1].tick - sink->ticks[0].tick + 1;
    assert_in_range(counts.samples + counts.gaps, places, places + 2);
}

static void a_sample_bears_the_events_up_to_then(void **state)
{
    struct fixture *fixture = *state;
    sampler_start(fixture->sampler);
    sampler_events_set(fixture->sampler, 1);
    run_for(fixture, 0.2);
    size_t first = fixture->sink.ticks_count;
    sampler_events_set(fixture->sampler, 8);
    run_for(fixture, 0.2);
    assert_in_range(first, 1, fixture->sink.ticks_count - 1);
    for (size_t i = 0; i < fixture->sink.ticks_count; i++) {
        assert_int_equal(fixture->sink.ticks[i].events, i < first ? 1 : 8);
    }
}

static void what_came_too_late_is_a_gap(void **state)
{
    struct fixture *fixture = *state;
    struct sampler_counts counts;
    sampler_start(fixture->sampler);
    run_for(fixture, 0.05);
    (void)usleep(8 * STEP_MS * 1000); /* the loop stands still */
    run_for(fixture, 0.05);
    sampler_counts(fixture->sampler, &counts);
    assert_true(counts.gaps >= 7);
    assert_int_equal(counts.samples, fixture->sink.ticks_count);
    assert_in_range(counts.late_max_ns, 0, STEP_MS * 1000000 / 2);
    for (size_t i = 0; i < fixture->sink.ticks_count; i++) {
        const struct sampler_tick *tick = &fixture->sink.ticks[i];
        assert_true(tick->t_ns - tick->tick * STEP_MS * 1000000 <=
                    STEP_MS * 1000000 / 2);
    }
}

static void observers_and_we_are_read_in_depth_others_by_rss(void **state)
{
    struct fixture *fixture = *state;
    static const char *const deep[] = {"rss",     "private", "anonymous", "fds",
                                       "threads", "cpu_ns",  NULL};
    struct spawn_child observer = live_in(fixture, 0);
    struct spawn_child churner = live_in(fixture, 1);
    sampler_start(fixture->sampler);
    run_until(fixture, 20);
    for (int i = 0; deep[i] != NULL; i++) {
        const struct kept_series *ours = find(fixture, SELF_SLOT, deep[i]);
        const struct kept_series *its = find(fixture, 0, deep[i]);
        assert_non_null(ours);
        assert_non_null(its);
        assert_true(its->values_count >= 1);
        assert_true(i == 0 || find(fixture, 1, deep[i]) == NULL);
    }
    assert_non_null(find(fixture, 1, "rss"));
    assert_true(find(fixture, 0, "rss")->values_count >
                find(fixture, 0, "private")->values_count);
    assert_string_equal(find(fixture, 0, "rss")->unit, "B");
    assert_true(find(fixture, 0, "rss")->quantum >= 4096);
    assert_true(find(fixture, 0, "cpu_ns")->is_counter);
    end_life(&observer);
    end_life(&churner);
}

static void a_trough_is_read_when_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct spawn_child observer = live_in(fixture, 0);
    struct spawn_child churner = live_in(fixture, 1);
    plateau_tally_set(
        plateau_tally_gauge(fixture->pages[0].shared, "peers", ""), 5);
    sampler_start(fixture->sampler);
    sampler_read_trough(fixture->sampler, 1);
    sampler_read_trough(fixture->sampler, 2);
    const struct kept_series *peers = find(fixture, 0, "tally/peers");
    const struct kept_series *memory = find(fixture, 0, "private");
    assert_non_null(peers);
    assert_non_null(memory);
    assert_int_equal(peers->last_ebb, 2);
    assert_int_equal(peers->trough, 5);
    assert_int_equal(memory->last_ebb, 2);
    assert_true(memory->trough > 0);
    assert_true(find(fixture, SELF_SLOT, "private")->trough > 0);
    assert_null(find(fixture, 1, "rss")); /* a churner has no trough */
    assert_int_equal(fixture->sink.values_count, 0);
    run_for(fixture, 0.1);
    assert_true(peers->values_count > 0); /* the grid goes on */
    end_life(&observer);
    end_life(&churner);
}

/* Only of a page that has answered: what it says is of the answer. */
static void size_classes_are_read_at_troughs(void **state)
{
    struct fixture *fixture = *state;
    struct tally_page *page = &fixture->pages[0];
    struct plateau_tally *tally = page->shared;
    struct spawn_child child = live_in(fixture, 0);
    (void)plateau_tally_class(tally, 0, 16);
    (void)plateau_tally_class(tally, 1, 4096);
    (void)plateau_tally_class(tally, 2, 16); /* once more: the first counts */
    plateau_tally_set(plateau_tally_gauge(tally, "heap/class/16", ""), 1);
    plateau_tally_set_class(tally, 0, 10);
    plateau_tally_set_class(tally, 2, 99);
    tally_page_ask(page, 0);
    sampler_read_trough(fixture->sampler, 1);
    assert_null(find(fixture, 0, "heap/class/16"));
    plateau_tally_answer(tally, plateau_tally_asked(tally));
    sampler_read_trough(fixture->sampler, 2);
    assert_true(find(fixture, 0, "heap/class/16")->trough == 160);
    assert_string_equal(find(fixture, 0, "heap/class/16")->unit, "B");
    assert_null(find(fixture, 0, "heap/class/4096")); /* nothing lives there */
    assert_non_null(find(fixture, 0, "tally/heap/class/16"));
    plateau_tally_set_class(tally, 0, 0);
    plateau_tally_set_class(tally, 2, 0);
    plateau_tally_set_class(tally, 1, 3);
    sampler_read_trough(fixture->sampler, 3);
    assert_true(find(fixture, 0, "heap/class/16")->trough == 0);
    assert_true(find(fixture, 0, "heap/class/4096")->trough == 12288);
    end_life(&child);
}

/* Where there are no ebbs. */
static void size_classes_are_read_once_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct tally_page *page = &fixture->pages[0];
    struct plateau_tally *tally = page->shared;
    struct spawn_child child = live_in(fixture, 0);
    (void)plateau_tally_class(tally, 0, 64);
    plateau_tally_set_class(tally, 0, 10);
    sampler_start(fixture->sampler);
    run_until(fixture, 3);
    assert_null(find(fixture, 0, "heap/class/64")); /* nobody has asked */
    for (size_t asked = 1; asked <= 2; asked++) {
        tally_page_ask(page, 0);
        plateau_tally_answer(tally, plateau_tally_asked(tally));
        run_until(fixture, fixture->sink.ticks_count + 3);
        assert_int_equal(find(fixture, 0, "heap/class/64")->values_count,
                         asked);
    }
    end_life(&child);
}

/* A page whose member is a thread of ours: to the kernel it is one anyhow. */
struct guest {
    struct plateau_tally *tally;
    sem_t has_joined, may_go;
};

static void *visit(void *argument)
{
    struct guest *guest = argument;
    struct plateau_tally_member *member = member_join(guest->tally);
    member_gauge(guest->tally, member, 0, "heap/allocated");
    member_set(member, 0, 7);
    (void)sem_post(&guest->has_joined);
    (void)sem_wait(&guest->may_go);
    return NULL;
}

static void heaps_of_members_are_counted_and_added(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    struct guest guest = {.tally = fixture->pages[0].shared};
    struct spawn_child observer = live_in(fixture, 0);
    plateau_tally_set(plateau_tally_gauge(guest.tally, "heap/allocated", "B"),
                      100);
    sampler_read_trough(fixture->sampler, 1);
    assert_null(find(fixture, 0, "heap/processes"));
    (void)sem_init(&guest.has_joined, 0, 0);
    (void)sem_init(&guest.may_go, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, visit, &guest), 0);
    (void)sem_wait(&guest.has_joined);
    sampler_read_trough(fixture->sampler, 2);
    assert_true(find(fixture, 0, "heap/allocated")->trough == 107);
    assert_true(find(fixture, 0, "heap/processes")->trough == 2);
    (void)sem_post(&guest.may_go);
    assert_int_equal(pthread_join(thread, NULL), 0);
    sampler_read_trough(fixture->sampler, 3);
    assert_true(find(fixture, 0, "heap/allocated")->trough == 100);
    assert_true(find(fixture, 0, "heap/processes")->trough == 1);
    end_life(&observer);
}

static void a_sink_that_fails_in_a_trough_stops_it(void **state)
{
    struct fixture *fixture = *state;
    struct spawn_child observer = live_in(fixture, 0);
    fixture->sink.fails_in = SINK_TROUGH;
    fixture->sink.fails_at = 2;
    sampler_start(fixture->sampler);
    sampler_read_trough(fixture->sampler, 1);
    assert_int_equal(fixture->sink.troughs_count, 2);
    assert_int_equal(fixture->sink.failures, 1);
    sampler_read_trough(fixture->sampler, 2);
    run_for(fixture, 0.1);
    assert_int_equal(fixture->sink.troughs_count, 2);
    assert_int_equal(fixture->sink.ticks_count, 0);
    end_life(&observer);
}

static void nobody_is_read_after_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct spawn_child child = live_in(fixture, 1);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.1);
    end_life(&child); /* the sampler has not been told yet */
    size_t before = find(fixture, 1, "rss")->values_count;
    assert_true(before > 0);
    run_for(fixture, 0.1);
    assert_int_equal(find(fixture, 1, "rss")->values_count, before);
    sampler_process_ended(fixture->sampler, 1);
    child = live_in(fixture, 1);
    run_for(fixture, 0.1);
    assert_true(find(fixture, 1, "rss")->values_count > before);
    end_life(&child);
}

static void tally_entries_become_series_as_they_appear(void **state)
{
    struct fixture *fixture = *state;
    struct plateau_tally *tally = fixture->pages[0].shared;
    struct spawn_child child = live_in(fixture, 0);
    struct plateau_tally_entry *loops = plateau_tally_pair(tally, "loops");
    plateau_tally_spawned(loops);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.1);
    assert_int_equal(find(fixture, 0, "tally/loops.spawned")->last, 1);
    assert_int_equal(find(fixture, 0, "tally/loops.finished")->last, 0);
    plateau_tally_finished(loops);
    plateau_tally_set(plateau_tally_gauge(tally, "heap/allocated", "B"), 99);
    plateau_tally_set(plateau_tally_gauge(tally, "peers", ""), 5);
    plateau_tally_add(plateau_tally_counter(tally, "sent", "B"), 7);
    run_for(fixture, 0.1);
    assert_int_equal(find(fixture, 0, "tally/loops.finished")->last, 1);
    assert_true(find(fixture, 0, "tally/loops.finished")->is_counter);
    assert_int_equal(find(fixture, 0, "heap/allocated")->last, 99);
    assert_string_equal(find(fixture, 0, "heap/allocated")->unit, "B");
    assert_false(find(fixture, 0, "heap/allocated")->is_counter);
    assert_int_equal(find(fixture, 0, "tally/peers")->last, 5);
    assert_int_equal(find(fixture, 0, "tally/sent")->last, 7);
    assert_true(find(fixture, 0, "tally/sent")->is_counter);
    end_life(&child);
}

/* The sink's own asserts watch: no series twice, no value twice a tick. */
static void a_page_that_changes_its_names_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct plateau_tally *tally = fixture->pages[0].shared;
    struct spawn_child child = live_in(fixture, 0);
    for (int i = 0; i < TALLY_PAGE_ENTRIES; i++) {
        char name[PLATEAU_TALLY_NAME_SIZE];
        (void)snprintf(name, sizeof name, "n%d", i);
        (void)plateau_tally_gauge(tally, name, "");
    }
    sampler_start(fixture->sampler);
    for (int round = 0; round < 5; round++) {
        run_for(fixture, 0.05);
        for (uint32_t i = 0; i < tally->count; i++) {
            (void)snprintf(tally->entries[i].name, PLATEAU_TALLY_NAME_SIZE,
                           "m%d_%u", round, i);
        }
    }
    size_t tallies = 0;
    for (size_t i = 0; i < fixture->sink.series_count; i++) {
        tallies += fixture->sink.series[i].slot_id == 0 &&
                   strncmp(fixture->sink.series[i].metric, "tally/", 6) == 0;
    }
    assert_in_range(tallies, 1, TALLY_PAGE_ENTRIES);
    end_life(&child);
}

static void of_two_entries_with_one_metric_the_first_counts(void **state)
{
    struct fixture *fixture = *state;
    struct plateau_tally *tally = fixture->pages[0].shared;
    struct spawn_child child = live_in(fixture, 0);
    plateau_tally_set(plateau_tally_gauge(tally, "x", ""), 1);
    plateau_tally_add(plateau_tally_counter(tally, "x", ""), 2);
    plateau_tally_spawned(plateau_tally_pair(tally, "y"));
    plateau_tally_set(plateau_tally_gauge(tally, "y.spawned", ""), 9);
    plateau_tally_set(plateau_tally_gauge(tally, "a b", ""), 3);
    plateau_tally_set(plateau_tally_gauge(tally, "a\nb", ""), 4);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.1);
    assert_int_equal(find(fixture, 0, "tally/x")->last, 1);
    assert_int_equal(find(fixture, 0, "tally/y.spawned")->last, 1);
    assert_int_equal(find(fixture, 0, "tally/a_b")->last, 3);
    end_life(&child);
}

static void a_sink_that_fails_stops_it_and_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    struct sink *sink = &fixture->sink;
    sink->fails_in = SINK_TICK;
    sink->fails_at = 3;
    sampler_start(fixture->sampler);
    run_for(fixture, 0.2);
    assert_int_equal(sink->ticks_count, 3);
    assert_int_equal(sink->failures, 1);
    assert_int_equal(sink->failure, -ENOSPC);
}

/* After a failure the sink is left alone, within the same sample as well. */
static void a_sink_that_fails_in_a_value_sees_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct sink *sink = &fixture->sink;
    sink->fails_in = SINK_VALUE;
    sink->fails_at = 2;
    struct spawn_child child = live_in(fixture, 0);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.2);
    end_life(&child);
    assert_int_equal(sink->values_count, 2);
    assert_in_range(sink->ticks_count, 0, 1);
    assert_int_equal(sink->failures, 1);
}

static void a_sink_that_fails_in_a_series_sees_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct sink *sink = &fixture->sink;
    sink->fails_in = SINK_SERIES;
    sink->fails_at = 1;
    sampler_start(fixture->sampler);
    run_for(fixture, 0.2);
    assert_int_equal(sink->series_count, 1);
    assert_int_equal(sink->values_count, 0);
    assert_int_equal(sink->ticks_count, 0);
    assert_int_equal(sink->failures, 1);
}

static void a_stop_may_come_twice_and_ends_the_samples(void **state)
{
    struct fixture *fixture = *state;
    sampler_start(fixture->sampler);
    run_for(fixture, 0.2);
    sampler_stop(fixture->sampler);
    sampler_stop(fixture->sampler);
    size_t before = fixture->sink.ticks_count;
    run_for(fixture, 0.05);
    assert_true(before > 0);
    assert_int_equal(fixture->sink.ticks_count, before);
}

static double last_value(const struct fixture *fixture, const char *metric)
{
    const struct kept_series *series = find(fixture, 0, metric);
    return series != NULL ? series->last : -1;
}

/* A shell alone, then with two that it started, then with none again. */
static void a_target_is_summed_with_what_it_started(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char *const argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"},
                          (char[]){"read go; sleep 60 & a=$!; sleep 60 & b=$!; "
                                   "read go; kill $a $b; wait; read go"},
                          NULL};
    const struct spawn_fd fds[] = {{ends[0], 0}, {2, 2}};
    const struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = argv + 3,
        .fds = fds,
        .fds_count = 2,
    };
    struct spawn_child child;
    assert_int_equal(spawn_process(&request, &child, NULL), SPAWN_OK);
    tree_begin(fixture->tree, 0, child.pid);
    assert_int_equal(
        sampler_process_started(fixture->sampler, 0, child.pid, child.pidfd),
        0);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.2);
    double alone = last_value(fixture, "rss");
    assert_null(find(fixture, 0, "processes"));
    assert_true(last_value(fixture, "threads") == 1);
    assert_int_equal(write(ends[1], "\n", 1), 1);
    for (int i = 0; i < 50 && last_value(fixture, "processes") < 3; i++) {
        run_for(fixture, 0.1);
    }
    run_for(fixture, 0.1);
    assert_true(last_value(fixture, "processes") == 3);
    assert_true(last_value(fixture, "threads") == 3);
    assert_true(last_value(fixture, "rss") > alone);
    assert_int_equal(write(ends[1], "\n", 1), 1);
    for (int i = 0; i < 50 && last_value(fixture, "processes") > 1; i++) {
        run_for(fixture, 0.1);
    }
    assert_true(last_value(fixture, "processes") == 1);
    end_life(&child);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Answers 7 MiB, of which |context| is how often it was asked in depth. */
static int read_seven(void *context, enum probe_depth depth,
                      struct probe_sample *ret_sample)
{
    int *deep = context;
    *deep += depth == PROBE_DETAIL;
    *ret_sample = (struct probe_sample){
        .rss_bytes = 7 << 20,
        .private_bytes = depth == PROBE_DETAIL ? 7 << 20 : -1,
        .anonymous_bytes = -1,
        .fds_count = -1,
        .threads_count = -1,
        .cpu_ns = -1,
    };
    return PROBE_OK;
}

static void a_slot_that_others_read_is_asked_of_them(void **state)
{
    struct fixture *fixture = *state;
    int deep = 0;
    sampler_read_by(fixture->sampler, 0, read_seven, &deep);
    sampler_start(fixture->sampler);
    run_for(fixture, 0.5);
    sampler_process_ended(fixture->sampler, 0);
    int asked = deep;
    run_for(fixture, 0.2);
    sampler_stop(fixture->sampler);
    assert_true(deep > 0);
    assert_int_equal(deep, asked);
    assert_true(last_value(fixture, "rss") == 7 << 20);
    assert_true(last_value(fixture, "private") == 7 << 20);
    assert_null(find(fixture, 0, "threads"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_slot_that_others_read_is_asked_of_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_target_is_summed_with_what_it_started,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(samples_stand_on_the_grid, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_sample_bears_the_events_up_to_then,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_too_late_is_a_gap, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            observers_and_we_are_read_in_depth_others_by_rss, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(size_classes_are_read_once_an_answer,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(size_classes_are_read_at_troughs,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_trough_is_read_when_it_is_asked_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(heaps_of_members_are_counted_and_added,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sink_that_fails_in_a_trough_stops_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_read_after_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            tally_entries_become_series_as_they_appear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_page_that_changes_its_names_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            of_two_entries_with_one_metric_the_first_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sink_that_fails_stops_it_and_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sink_that_fails_in_a_value_sees_nothing_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sink_that_fails_in_a_series_sees_nothing_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_stop_may_come_twice_and_ends_the_samples, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
