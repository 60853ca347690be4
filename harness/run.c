/* Happy path: run_execute() makes the folder and the store, starts supervisor
 * and sampler in one event loop, lets it run until the supervisor is done,
 * records how it ended. Failure modes: SIGINT or SIGTERM (a clean stop; a
 * second one kills at once); the targets break a premise (the supervisor
 * stops by itself); the store cannot be written (we stop the supervisor: what
 * is in the store stays judgeable, the run is reported as an I/O failure). */
#include "run.h"

#include "assess/lookout.h"
#include "churn/supervisor.h"
#include "guardian.h"
#include "heap/dumps.h"
#include "host.h"
#include "plateau_version.h"
#include "progress.h"
#include "recorder.h"
#include "sample/sampler.h"
#include "store/store.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_S 1.0
#define PROGRESS_S 0.25

struct run {
    const struct run_options *options;
    struct ev_loop *loop;
    struct store *store;
    struct supervisor *supervisor;
    struct sampler *sampler;
    struct recorder recorder;
    struct lookout lookout;
    size_t settled_ebbs;
    struct progress progress;
    ev_signal signals[3];
    ev_timer commit_timer;
    ev_timer progress_timer;
    uint32_t self_slot_id;
    int64_t start_ns;
    int64_t churn_begin_ns; /* -1: it did not */
    int64_t churn_end_ns;
    int64_t slept_begin_ns; /* likewise */
    int64_t wall_begin_ns;
    int64_t cpu_begin_ns; /* of ourselves, when churn began */
    int64_t cpu_churn_ns;
    char folder[HOST_PATH_MAX];
    char store_path[HOST_PATH_MAX + 16];
};

/* --- the run folder ------------------------------------------------------ */

static int make_run_folder(struct run *run, struct err *err)
{
    char path[HOST_PATH_MAX];
    char stamp[HOST_TEXT_MAX];
    const struct run_options *options = run->options;
    if (options->folder != NULL) {
        (void)snprintf(path, sizeof path, "%s", options->folder);
    } else {
        (void)snprintf(path, sizeof path, "runs/%s-%s-%" PRIu64,
                       options->scenario->name, host_stamp(stamp),
                       options->seed);
    }
    int result = host_make_folder(path, run->folder);
    if (result == -EEXIST) {
        err_set(err, path, 0, 0,
                "is there already and not empty; name another folder with "
                "--out");
    } else if (result != 0) {
        err_set(err, path, 0, 0, "cannot make the run folder: %s",
                strerror(-result));
    }
    return result;
}

static int keep_scenario(const struct run *run, struct err *err)
{
    char path[HOST_PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/scenario.yaml", run->folder);
    FILE *file = fopen(path, "w");
    int result = file ? 0 : -errno;
    if (file != NULL) {
        if (fputs(run->options->scenario->text, file) < 0) {
            result = -errno;
        }
        if (fclose(file) != 0 && result == 0) {
            result = -errno;
        }
    }
    if (result != 0) {
        err_set(err, path, 0, 0, "cannot write: %s", strerror(-result));
    }
    return result;
}

/* --- facts --------------------------------------------------------------- */

static void note(struct run *run, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(struct run *run, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    recorder_vnote(&run->recorder, key, format, args);
    va_end(args);
}

static void note_beginning(struct run *run)
{
    const struct run_options *options = run->options;
    char text[HOST_TEXT_MAX];
    note(run, "plateau.version", "%s", PLATEAU_VERSION);
    note(run, "scenario.name", "%s", options->scenario->name);
    note(run, "scenario.file", "%s", options->scenario->file);
    note(run, "run.seed", "%" PRIu64, options->seed);
    note(run, "run.started", "%s", host_local_time(text));
    note(run, "run.duration_s", "%.17g", options->scenario->duration_s);
    if (options->replay != NULL) {
        note(run, "churn.replayed", "%zu", options->replay->count);
        note(run, "churn.replayed_from", "%s", options->replay_path);
    }
    note(run, "machine.system", "%s", host_describe(text));
    note(run, "machine.cpus", "%ld", host_cpus());
    (void)store_meta_set(run->store, "scenario.text", options->scenario->text);
}

static const char *end_name(enum supervisor_end end)
{
    static const char *const names[] = {
        [SUPERVISOR_RUNNING] = "running",
        [SUPERVISOR_COMPLETED] = "completed",
        [SUPERVISOR_INTERRUPTED] = "interrupted",
        [SUPERVISOR_INVALID] = "invalid",
        [SUPERVISOR_BROKEN] = "broken",
    };
    return names[end];
}

static void note_end(struct run *run)
{
    struct supervisor_counts counts;
    struct sampler_counts sampled;
    supervisor_counts(run->supervisor, &counts);
    sampler_counts(run->sampler, &sampled);
    note(run, "end.how", "%s", end_name(supervisor_end(run->supervisor)));
    note(run, "end.sentence", "%s", supervisor_sentence(run->supervisor));
    note(run, "churn.begin_ns", "%" PRId64, run->churn_begin_ns);
    note(run, "churn.end_ns", "%" PRId64, run->churn_end_ns);
    note(run, "churn.events", "%" PRId64, counts.events);
    note(run, "churn.respawns", "%" PRId64, counts.respawns);
    note(run, "churn.forced", "%" PRId64, counts.forced);
    note(run, "churn.abandoned_ready", "%" PRId64, counts.abandoned_ready);
    note(run, "churn.partitions", "%" PRId64, counts.partitions);
    note(run, "churn.healed", "%" PRId64, counts.healed);
    note(run, "churn.cut_ns", "%" PRId64, counts.cut_ns);
    note(run, "churn.crashes", "%" PRId64, counts.crashes);
    note(run, "churn.late", "%" PRId64, counts.late);
    note(run, "churn.due", "%" PRId64,
         counts.events - counts.by_kind[CHURN_EXIT] + counts.owed +
             counts.skipped);
    note(run, "churn.finished", "%" PRId64, counts.finished);
    note(run, "churn.waves_ns", "%" PRId64, counts.churned_ns);
    note(run, "churn.ebbs", "%" PRId64, counts.ebbs);
    note(run, "churn.unsettled", "%" PRId64, counts.unsettled);
    note(run, "churn.skipped", "%" PRId64, counts.skipped);
    note(run, "sample.count", "%" PRId64, sampled.samples);
    note(run, "sample.gaps", "%" PRId64, sampled.gaps);
    note(run, "sample.cost_ns", "%" PRId64, sampled.cost_ns);
    note(run, "sample.cost_max_ns", "%" PRId64, sampled.cost_max_ns);
    note(run, "supervisor.cpu_churn_ns", "%" PRId64, run->cpu_churn_ns);
}

/* --- the event loop ------------------------------------------------------ */

static int64_t run_ns(const struct run *run)
{
    return host_now_ns() - run->start_ns;
}

static void show_progress(struct run *run)
{
    progress_show(&run->progress, run->supervisor,
                  recorder_private_max(&run->recorder), run_ns(run));
}

/* A store that cannot be written ends the run. */
static void stop_if_unwritable(struct run *run)
{
    if (run->recorder.error != 0) {
        supervisor_stop(run->supervisor, "the store cannot be written");
    }
}

static void on_phase(void *context, enum supervisor_phase phase, int64_t now_ns)
{
    struct run *run = context;
    if (phase == SUPERVISOR_CHURNING) {
        run->churn_begin_ns = now_ns;
        run->cpu_begin_ns = host_own_cpu_ns();
        run->slept_begin_ns = host_slept_ns();
        run->wall_begin_ns = host_wall_offset_ns();
        note(run, "churn.begin_ns", "%" PRId64, now_ns);
    } else if (phase == SUPERVISOR_STOPPING && run->churn_begin_ns >= 0) {
        run->churn_end_ns = now_ns;
        run->cpu_churn_ns = host_own_cpu_ns() - run->cpu_begin_ns;
        note(run, "host.slept_ns", "%" PRId64,
             host_slept_ns() - run->slept_begin_ns);
        note(run, "host.wall_jump_ns", "%" PRId64,
             host_wall_offset_ns() - run->wall_begin_ns);
    }
    show_progress(run);
    if (phase == SUPERVISOR_STOPPING) {
        sampler_stop(run->sampler);
    } else if (phase == SUPERVISOR_DONE) {
        ev_break(run->loop, EVBREAK_ALL);
    }
}

static void on_process(void *context, enum supervisor_change change,
                       const struct supervisor_process *process)
{
    struct run *run = context;
    recorder_process(&run->recorder, process);
    if (change == SUPERVISOR_STARTED) {
        (void)sampler_process_started(run->sampler, process->slot_id,
                                      process->pid, process->pidfd);
    } else if (change == SUPERVISOR_ENDED) {
        sampler_process_ended(run->sampler, process->slot_id);
    }
}

static void on_event(void *context, const struct supervisor_event *event)
{
    struct run *run = context;
    recorder_event(&run->recorder, event);
    sampler_events_set(run->sampler, event->seq);
}

/* Ends the run where it is sure by now that memory climbs. */
static void look_ahead(struct run *run)
{
    const struct scenario *scenario = run->options->scenario;
    char sentence[LOOKOUT_SENTENCE_SIZE];
    if (scenario->stop_early != STOP_ON_CLIMB || run->churn_begin_ns < 0 ||
        scenario_has_ebbs(scenario) != (run->settled_ebbs > 0)) {
        return;
    }
    double done_ratio = (double)(run_ns(run) - run->churn_begin_ns) / 1e9 /
                        scenario->duration_s;
    if (run->recorder.error != 0 ||
        !lookout_is_due(&run->lookout, run->settled_ebbs, done_ratio)) {
        return;
    }
    recorder_commit(&run->recorder);
    if (lookout_look(&run->lookout, run->store, run->settled_ebbs, done_ratio,
                     sentence) == LOOKOUT_CLIMB) {
        note(run, "end.early", "%s", sentence);
        supervisor_complete(run->supervisor, sentence);
    }
}

/* Of heap profiles only so many are kept. */
static void thin_dumps(const struct run *run)
{
    struct supervisor_slot slot;
    for (uint32_t i = 0; i < run->self_slot_id; i++) {
        char name[SUPERVISOR_READY_LINE_MAX];
        supervisor_slot(run->supervisor, i, &slot);
        if (slot.is_observer) {
            (void)snprintf(name, sizeof name, "%s-%" PRIu32, slot.role,
                           slot.ordinal);
            dumps_thin(run->folder, name);
        }
    }
}

static void on_group(void *context, const struct group *group)
{
    (void)context;
    guardian_tell_group(group_folder(group));
}

/* The ebb is recorded before its troughs, which speak of it. */
static void on_ebb(void *context, const struct supervisor_ebb *ebb)
{
    struct run *run = context;
    recorder_ebb(&run->recorder, ebb);
    sampler_read_trough(run->sampler, ebb->seq);
    run->settled_ebbs += ebb->is_settled;
    if (run->options->scenario->has_heap_profiles) {
        thin_dumps(run);
    }
    show_progress(run);
    if (ebb->is_settled) {
        look_ahead(run);
    }
}

static void on_sampler_failure(void *context, int error)
{
    struct recorder *recorder = context;
    if (recorder->error == 0) {
        recorder->error = error;
    }
}

static void on_commit_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct run *run = timer->data;
    (void)loop;
    (void)revents;
    recorder_commit(&run->recorder);
    stop_if_unwritable(run);
    if (run->settled_ebbs == 0) {
        look_ahead(run);
    }
}

static void on_progress_timer(struct ev_loop *loop, ev_timer *timer,
                              int revents)
{
    (void)loop;
    (void)revents;
    show_progress(timer->data);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct run *run = watcher->data;
    (void)loop;
    (void)revents;
    progress_clear(&run->progress);
    if (!run->options->is_quiet &&
        supervisor_phase(run->supervisor) != SUPERVISOR_STOPPING) {
        (void)fprintf(stderr, "plateau: stopping all processes; once more "
                              "kills them at once\n");
    }
    supervisor_stop(run->supervisor, watcher->signum == SIGINT
                                         ? "interrupted from the keyboard"
                                         : "told to stop by a signal");
}

static void start_watchers(struct run *run)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < 3; i++) {
        ev_signal_init(&run->signals[i], on_signal, numbers[i]);
        run->signals[i].data = run;
        ev_signal_start(run->loop, &run->signals[i]);
    }
    ev_timer_init(&run->commit_timer, on_commit_timer, COMMIT_S, COMMIT_S);
    ev_timer_init(&run->progress_timer, on_progress_timer, PROGRESS_S,
                  PROGRESS_S);
    run->commit_timer.data = run;
    run->progress_timer.data = run;
    ev_timer_start(run->loop, &run->commit_timer);
    ev_timer_start(run->loop, &run->progress_timer);
}

static void stop_watchers(struct run *run)
{
    for (size_t i = 0; i < 3; i++) {
        ev_signal_stop(run->loop, &run->signals[i]);
    }
    ev_timer_stop(run->loop, &run->commit_timer);
    ev_timer_stop(run->loop, &run->progress_timer);
}

/* --- putting it together ------------------------------------------------- */

static int make_supervisor(struct run *run, struct err *err)
{
    const struct event_list *replay = run->options->replay;
    struct supervisor_config config = {
        .loop = run->loop,
        .scenario = run->options->scenario,
        .seed = run->options->seed,
        .run_folder = run->folder,
        .meshnode = run->options->meshnode,
        .preload = run->options->preload,
        .recorded = replay != NULL ? replay->events : NULL,
        .recorded_count = replay != NULL ? replay->count : 0,
        .start_ns = run->start_ns,
        .callbacks = {.context = run,
                      .on_phase = on_phase,
                      .on_process = on_process,
                      .on_event = on_event,
                      .on_ebb = on_ebb,
                      .on_group = on_group},
    };
    int result = supervisor_new(&config, &run->supervisor, err);
    /* A program that is not there is the scenario's mistake. */
    return result == -ENOENT || result == -EACCES ? -EINVAL : result;
}

static int make_sampler(struct run *run)
{
    struct supervisor_counts counts;
    supervisor_counts(run->supervisor, &counts);
    run->self_slot_id = counts.slots;
    struct sampler_config config = {
        .loop = run->loop,
        .start_ns = run->start_ns,
        .sample_ms = run->options->scenario->sample_ms,
        .detail_every = run->options->scenario->detail_every,
        .slots_count = counts.slots,
        .self_slot_id = run->self_slot_id,
        .sink = recorder_sink(&run->recorder),
        .tree = supervisor_tree(run->supervisor),
    };
    config.sink.on_failure = on_sampler_failure;
    int result = sampler_new(&config, &run->sampler);
    for (uint32_t i = 0; result == 0 && i < counts.slots; i++) {
        struct supervisor_slot slot;
        supervisor_slot(run->supervisor, i, &slot);
        result =
            sampler_slot_set(run->sampler, i, slot.is_observer, slot.tally);
        sampler_slot_group(run->sampler, i, slot.cgroup);
    }
    return result;
}

/* What the observers' control groups tell comes on top: why there are none is
 * a fact of the machine. */
static void note_groups(struct run *run)
{
    const struct err *why = NULL;
    const struct group *group = supervisor_group(run->supervisor, &why);
    char text[HOST_TEXT_MAX + sizeof why->file];
    if (group == NULL) {
        note(run, "machine.cgroups", "none: %s",
             err_format(why, text, sizeof text));
        return;
    }
    note(run, "machine.cgroups", "version %d: %s", group_version(group),
         group_folder(group));
}

/* With less the run would be ended as soon as it had begun. */
static int check_room(const struct run *run, struct err *err)
{
    int64_t left = host_disk_free(run->folder);
    if (left < 0 || left >= SUPERVISOR_DISK_FREE_MIN_BYTES) {
        return 0;
    }
    err_set(err, run->folder, 0, 0,
            "the disk is nearly full: %lld MiB are left and a run needs %lld; "
            "make room, or name another folder (--out)",
            (long long)(left >> 20),
            (long long)(SUPERVISOR_DISK_FREE_MIN_BYTES >> 20));
    return -ENOSPC;
}

/* Everything that must be there before the first process is. */
static int prepare(struct run *run, struct err *err)
{
    int result = check_room(run, err);
    if (result == 0) {
        result = make_supervisor(run, err);
    }
    if (result != 0) {
        return result;
    }
    result = make_sampler(run);
    if (result != 0) {
        err_set(err, NULL, 0, 0, "cannot sample: %s", strerror(-result));
        return result;
    }
    note_beginning(run);
    note_groups(run);
    (void)recorder_slots(&run->recorder, run->supervisor, run->self_slot_id);
    recorder_commit(&run->recorder);
    return run->recorder.error;
}

static void loop_until_done(struct run *run)
{
    progress_init(&run->progress, run->options->scenario->duration_s,
                  run->options->is_quiet);
    start_watchers(run);
    sampler_start(run->sampler);
    supervisor_start(run->supervisor);
    if (supervisor_phase(run->supervisor) != SUPERVISOR_DONE) {
        ev_run(run->loop, 0);
    }
    stop_watchers(run);
    if (run->options->scenario->has_heap_profiles) {
        dumps_close_folder(run->folder);
    }
    progress_clear(&run->progress);
    note_end(run);
    recorder_commit(&run->recorder);
}

int run_execute(const struct run_options *options,
                char ret_folder[HOST_PATH_MAX], struct err *err)
{
    struct run *run = calloc(1, sizeof *run);
    bool has_begun = false;
    ret_folder[0] = '\0';
    if (run == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    host_give_back_blocks();
    run->options = options;
    run->churn_begin_ns = -1;
    run->churn_end_ns = -1;
    /* Not the default loop: libev lets that one reap every child itself. */
    run->loop = ev_loop_new(EVFLAG_AUTO);
    if (run->loop == NULL) {
        err_set(err, NULL, 0, 0, "no event loop");
        free(run);
        return -ENOMEM;
    }
    int result = make_run_folder(run, err);
    if (result != 0) {
        goto out;
    }
    (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", run->folder);
    guardian_tell_folder(run->folder);
    (void)snprintf(run->store_path, sizeof run->store_path, "%s/run.db",
                   run->folder);
    result = keep_scenario(run, err);
    if (result == 0) {
        result = store_create(run->store_path, &run->store, err);
    }
    if (result != 0) {
        goto out;
    }
    run->recorder.store = run->store;
    run->start_ns = host_now_ns();
    result = prepare(run, err);
    if (result == 0) {
        has_begun = true;
        loop_until_done(run);
    }
    if (run->recorder.error != 0) {
        result = recorder_result(&run->recorder, run->store_path, err);
    }
out:
    sampler_free(run->sampler);
    supervisor_free(run->supervisor);
    guardian_tell_group(NULL);
    ev_loop_destroy(run->loop);
    store_close(run->store);
    if (!has_begun && run->folder[0] != '\0') {
        /* Nothing ran: leave nothing. */
        host_remove_folder(run->folder);
        ret_folder[0] = '\0';
    }
    free(run);
    return result;
}
