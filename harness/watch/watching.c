/* Happy path: watch_execute() finds or starts the subject, makes folder and
 * store, and runs the loop: every step of the grid on_look() sees who is still
 * there and how many events there were, just before the sampler reads; when
 * the time is over finish() notes the end. Failure modes: who is watched ends
 * (on_look(): INVALID, or the wait for a successor); an interrupt (judged as
 * far as it went); the store cannot be written (the watch ends); of a command
 * that does not end when it is asked to, twice: it is killed. */
#include "watch/watching.h"

#include "guardian.h"
#include "host.h"
#include "progress.h"
#include "recorder.h"
#include "sample/sampler.h"
#include "sample/tree.h"
#include "store/store.h"
#include "watch/command_child.h"
#include "watch/profiles.h"
#include "watch/restarts.h"
#include "watch/watch_notes.h"

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
/* After SIGTERM or SIGINT, before SIGKILL, of a command. */
#define GRACE_S 5.0

enum { SENTENCE_SIZE = 320 };

struct watching;

/* One observer while it lives: what the sampler asks for it. */
struct watched {
    struct watching *watching;
    struct subject_place *place;
    uint32_t slot_id;
    struct probe *probe; /* of a process; NULL */
    int64_t process_id;  /* of the row of its present life */
    int64_t generation;
    int64_t began_ns; /* when we began to watch it */
};

struct watching {
    const struct watch_options *options;
    struct ev_loop *loop;
    struct store *store;
    struct recorder recorder;
    struct sampler *sampler;
    struct subject subject;
    struct watched watched[SUBJECT_PLACES_MAX];
    struct tree *tree; /* NULL: nobody's descendants are followed */
    struct command_child command;
    bool has_command;         /* it was made */
    struct profiles profiles; /* of the command */
    struct events *events;
    struct events_counts events_before; /* when what is judged began */
    struct progress progress;
    ev_signal signals[3];
    ev_timer look_timer;
    ev_timer commit_timer;
    ev_timer progress_timer;
    ev_timer end_timer;
    ev_timer settle_timer;
    ev_timer grace_timer;
    int64_t next_process_id;
    int64_t start_ns;
    int64_t begin_ns; /* of what is judged; -1: not yet */
    int64_t end_ns;   /* -1: not yet */
    int64_t cpu_begin_ns;
    int64_t slept_begin_ns;
    int64_t wall_begin_ns;
    struct restarts restarts;
    bool is_over; /* a command may still be ending */
    char folder[HOST_PATH_MAX];
    char store_path[HOST_PATH_MAX + 16];
};

static int64_t watch_ns(const struct watching *watching)
{
    return host_now_ns() - watching->start_ns;
}

/* --- the end ----------------------------------------------------------------
 */

static void note_end(struct watching *watching, const char *how,
                     const char *sentence)
{
    struct recorder *recorder = &watching->recorder;
    struct sampler_counts sampled;
    sampler_counts(watching->sampler, &sampled);
    recorder_note(recorder, "end.how", "%s", how);
    recorder_note(recorder, "end.sentence", "%s", sentence);
    recorder_note(recorder, "churn.end_ns", "%" PRId64, watching->end_ns);
    recorder_note(recorder, "watch.restarts", "%" PRId64,
                  watching->restarts.count);
    if (watching->begin_ns >= 0) {
        recorder_note(recorder, "supervisor.cpu_churn_ns", "%" PRId64,
                      host_own_cpu_ns() - watching->cpu_begin_ns);
        recorder_note(recorder, "host.slept_ns", "%" PRId64,
                      host_slept_ns() - watching->slept_begin_ns);
        recorder_note(recorder, "host.wall_jump_ns", "%" PRId64,
                      host_wall_offset_ns() - watching->wall_begin_ns);
    }
    watch_note_sampling(recorder, &sampled);
    watch_note_events(recorder, watching->events, &watching->events_before);
}

static void finish(struct watching *watching, const char *how,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nothing is sampled after it. A command that lives is asked to end by who
 * calls this. */
static void finish(struct watching *watching, const char *how,
                   const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    if (watching->is_over) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    watching->is_over = true;
    watching->end_ns = watch_ns(watching);
    sampler_stop(watching->sampler);
    ev_timer_stop(watching->loop, &watching->look_timer);
    ev_timer_stop(watching->loop, &watching->end_timer);
    ev_timer_stop(watching->loop, &watching->settle_timer);
    note_end(watching, how, sentence);
    if (watching->command.child.pidfd < 0) {
        ev_break(watching->loop, EVBREAK_ALL);
    }
}

/* Asks a command of ours to end, and sees to it that it does. */
static void end_command(struct watching *watching, int number)
{
    if (watching->command.child.pidfd < 0) {
        return;
    }
    command_child_signal(&watching->command, number);
    ev_now_update(watching->loop);
    ev_timer_set(&watching->grace_timer, GRACE_S, 0.);
    ev_timer_start(watching->loop, &watching->grace_timer);
}

/* --- lives ------------------------------------------------------------------
 */

static void record_life(struct watched *watched, int64_t ended_ns)
{
    const struct supervisor_process row = {
        .id = watched->process_id,
        .slot_id = watched->slot_id,
        .generation = watched->generation,
        .pid = watched->place->info.pid,
        .spawned_ns = watched->began_ns,
        .ready_ns = watched->began_ns,
        .ended_ns = ended_ns,
        .exit_code = -1,
    };
    recorder_process(&watched->watching->recorder, &row);
}

/* What the sampler asks: the process with its descendants, or the cgroup. */
static int read_watched(void *context, enum probe_depth depth,
                        struct probe_sample *ret_sample)
{
    struct watched *watched = context;
    struct watching *watching = watched->watching;
    struct probe_sample sum = {0};
    if (watched->place->crowd != NULL) {
        return crowd_sample(watched->place->crowd, depth, ret_sample);
    }
    int result = watched->probe != NULL
                     ? probe_sample(watched->probe, depth, &sum)
                     : PROBE_GONE;
    uint32_t others = 0;
    if (watching->tree != NULL) {
        sum = result == PROBE_OK ? sum : (struct probe_sample){0};
        others = tree_add(watching->tree, watched->slot_id, depth, &sum);
    }
    if (result != PROBE_OK && others == 0) {
        return result;
    }
    *ret_sample = sum;
    return PROBE_OK;
}

static int begin_life(struct watched *watched)
{
    struct watching *watching = watched->watching;
    struct subject_place *place = watched->place;
    int result = 0;
    watched->process_id = ++watching->next_process_id;
    watched->generation++;
    watched->began_ns = watch_ns(watching);
    if (place->crowd == NULL) {
        result = probe_new(place->info.pid, place->pidfd, &watched->probe);
        /* One that has ended already may have left others. */
        if (result >= 0 && watching->tree != NULL) {
            tree_begin(watching->tree, watched->slot_id, place->info.pid);
        }
    }
    record_life(watched, -1);
    sampler_read_by(watching->sampler, watched->slot_id, read_watched, watched);
    sampler_slot_group(watching->sampler, watched->slot_id, place->figures);
    return result < 0 ? result : 0;
}

static void end_life(struct watched *watched)
{
    struct watching *watching = watched->watching;
    sampler_process_ended(watching->sampler, watched->slot_id);
    sampler_slot_group(watching->sampler, watched->slot_id, NULL);
    probe_free(watched->probe);
    watched->probe = NULL;
    if (watching->tree != NULL) {
        tree_end(watching->tree, watched->slot_id);
    }
    record_life(watched, watch_ns(watching));
}

/* What is judged begins now. */
static void begin_judged(struct watching *watching)
{
    watching->begin_ns = watch_ns(watching);
    watching->cpu_begin_ns = host_own_cpu_ns();
    watching->slept_begin_ns = host_slept_ns();
    watching->wall_begin_ns = host_wall_offset_ns();
    profiles_begin(&watching->profiles, watching->begin_ns);
    if (watching->events != NULL) {
        events_counts(watching->events, &watching->events_before);
    }
    recorder_note(&watching->recorder, "churn.begin_ns", "%" PRId64,
                  watching->begin_ns);
}

/* A successor is there: memory begins anew, and so does what is judged. */
static void take_successor(struct watched *watched)
{
    struct watching *watching = watched->watching;
    (void)restarts_note(&watching->restarts, watched->place->crowd != NULL,
                        watch_ns(watching));
    recorder_note(&watching->recorder, "watch.restarts", "%" PRId64,
                  watching->restarts.count);
    if (begin_life(watched) == 0 && watching->begin_ns >= 0) {
        begin_judged(watching);
    }
}

static void lose(struct watched *watched, const char *what)
{
    struct watching *watching = watched->watching;
    finish(watching, "invalid",
           "%.200s %s after %.1f s, which nobody here did; watch it again when "
           "it stays up%s",
           watching->subject.text, what,
           (double)(watch_ns(watching) - watched->began_ns) / 1e9,
           watching->options->by == SUBJECT_BY_PID
               ? ""
               : ", or with --follow, which goes on with its successor");
}

/* --- looking ----------------------------------------------------------------
 */

static void look_at_place(struct watched *watched)
{
    struct watching *watching = watched->watching;
    bool was_filled = watched->place->is_filled;
    if (!was_filled) {
        if (subject_refill(&watching->subject, watched->place) == SUBJECT_OK) {
            take_successor(watched);
        }
        return;
    }
    int result = subject_look(&watching->subject, watched->place);
    if (result == SUBJECT_OK) {
        return;
    }
    if (result < 0) {
        finish(watching, "invalid",
               "%.200s: its processes cannot be held any more: %s",
               watching->subject.text, strerror(-result));
        return;
    }
    end_life(watched);
    if (!watching->options->follows) {
        lose(watched, result == SUBJECT_REPLACED ? "was restarted" : "ended");
    } else if (result == SUBJECT_REPLACED) {
        take_successor(watched);
    }
}

/* The command has ended by itself, or because it was asked to. What it started
 * and left in the background goes on as the command. */
static void on_command_end(struct watching *watching)
{
    char how[COMMAND_CHILD_HOW_SIZE];
    struct watched *watched = &watching->watched[0];
    if (watching->tree != NULL) {
        (void)tree_look_at_all(watching->tree, host_now_ns());
        tree_end(watching->tree, 0);
    }
    command_child_reap(&watching->command);
    ev_timer_stop(watching->loop, &watching->grace_timer);
    (void)command_child_how(&watching->command, how);
    recorder_note(&watching->recorder, "watch.command_end", "%s", how);
    if (watching->is_over) {
        end_life(watched);
        ev_break(watching->loop, EVBREAK_ALL);
        return;
    }
    bool is_well = watching->command.end.exit_code == 0;
    if (is_well && watching->tree != NULL && tree_size(watching->tree, 0) > 0) {
        recorder_note(&watching->recorder, "watch.command_end",
                      "%s and left %u processes behind, which are watched on",
                      how, tree_size(watching->tree, 0));
        probe_free(watched->probe);
        watched->probe = NULL;
        return;
    }
    /* It lived through all that is judged: the end of that comes first. */
    finish(watching, is_well ? "completed" : "invalid", "the command %s", how);
    end_life(watched);
}

static void look_at_command(struct watching *watching)
{
    struct command_child *command = &watching->command;
    if (command->child.pidfd >= 0 && spawn_has_ended(&command->child)) {
        on_command_end(watching);
    } else if (command->has_ended && !watching->is_over &&
               tree_size(watching->tree, 0) == 0) {
        finish(watching, "completed",
               "the command and all that it had started have ended");
        end_life(&watching->watched[0]);
    }
}

/* Before each sample: who is there, and how many events there were. */
static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct watching *watching = timer->data;
    (void)loop;
    (void)revents;
    if (watching->tree != NULL) {
        (void)tree_look(watching->tree, host_now_ns());
    }
    if (watching->has_command) {
        look_at_command(watching);
        /* A command of events is no orphan: it is reaped where it is held. */
        if (watching->events == NULL || !events_is_busy(watching->events)) {
            (void)tree_reap(watching->tree);
        }
        profiles_look(&watching->profiles, &watching->command.page,
                      watch_ns(watching),
                      INT64_C(1000000) * watching->options->sample_ms);
    } else {
        for (size_t i = 0; i < watching->subject.count; i++) {
            look_at_place(&watching->watched[i]);
        }
    }
    if (watching->events != NULL && !watching->is_over) {
        events_poll(watching->events, watch_ns(watching));
        sampler_events_set(watching->sampler, events_count(watching->events));
    }
}

/* --- the rest of the loop ---------------------------------------------------
 */

static void show_progress(struct watching *watching)
{
    const struct watch_options *options = watching->options;
    double watched_s = (double)watch_ns(watching) / 1e9;
    double memory = recorder_private_max(&watching->recorder);
    if (!progress_open_line(&watching->progress, false, watch_ns(watching))) {
        return;
    }
    (void)fprintf(stderr, "watching  %.0f", watched_s);
    if (options->for_s > 0.) {
        (void)fprintf(stderr, "/%.0f", options->for_s);
    }
    (void)fprintf(stderr, " s  %.60s", watching->subject.text);
    if (watching->subject.count > 1) {
        (void)fprintf(stderr, " (%zu, the largest:)", watching->subject.count);
    }
    if (memory > 0.) {
        (void)fprintf(stderr, "  %.2f MiB", memory / 1048576.);
    }
    if (watching->events != NULL) {
        (void)fprintf(stderr, "  %" PRId64 " events",
                      events_count(watching->events));
    }
    if (watching->restarts.count > 0) {
        (void)fprintf(stderr, "  %" PRId64 " restart%s",
                      watching->restarts.count,
                      watching->restarts.count == 1 ? "" : "s");
    }
    progress_close_line(&watching->progress);
}

static void on_commit(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct watching *watching = timer->data;
    (void)loop;
    (void)revents;
    recorder_commit(&watching->recorder);
    if (watching->recorder.error != 0) {
        finish(watching, "broken", "the store cannot be written");
        end_command(watching, SIGTERM);
    }
}

static void on_progress(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct watching *watching = timer->data;
    (void)loop;
    (void)revents;
    if (watching->has_command) {
        look_at_command(watching);
    }
    show_progress(watching);
}

static void on_settled(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    begin_judged(timer->data);
}

static void on_time_over(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct watching *watching = timer->data;
    (void)loop;
    (void)revents;
    for (size_t i = 0; i < watching->subject.count; i++) {
        if (!watching->has_command && !watching->watched[i].place->is_filled) {
            finish(watching, "invalid",
                   "%.200s had ended and was not back when the time was over",
                   watching->subject.text);
            return;
        }
    }
    finish(watching, "completed", "%s", "");
    end_command(watching, SIGTERM);
}

static void on_grace_over(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct watching *watching = timer->data;
    (void)loop;
    (void)revents;
    command_child_signal(&watching->command, SIGKILL);
}

/* The first ends the watch, and a command is told; the second kills that. */
static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct watching *watching = watcher->data;
    (void)loop;
    (void)revents;
    progress_clear(&watching->progress);
    if (watching->is_over) {
        command_child_signal(&watching->command, SIGKILL);
        return;
    }
    finish(watching, "interrupted", "%s",
           watcher->signum == SIGINT ? "interrupted from the keyboard"
                                     : "told to stop by a signal");
    end_command(watching, watcher->signum);
}

static void on_sampler_failure(void *context, int error)
{
    struct recorder *recorder = context;
    if (recorder->error == 0) {
        recorder->error = error;
    }
}

static void start_timer(struct watching *watching, ev_timer *timer,
                        void (*callback)(struct ev_loop *, ev_timer *, int),
                        double after_s, double every_s)
{
    ev_timer_init(timer, callback, after_s, every_s);
    timer->data = watching;
    if (after_s > 0.) {
        ev_timer_start(watching->loop, timer);
    }
}

static void start_watchers(struct watching *watching)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct watch_options *options = watching->options;
    double step_s = (double)options->sample_ms / 1e3;
    for (size_t i = 0; i < 3; i++) {
        ev_signal_init(&watching->signals[i], on_signal, numbers[i]);
        watching->signals[i].data = watching;
        ev_signal_start(watching->loop, &watching->signals[i]);
    }
    start_timer(watching, &watching->look_timer, on_look, step_s / 2., step_s);
    start_timer(watching, &watching->commit_timer, on_commit, COMMIT_S,
                COMMIT_S);
    start_timer(watching, &watching->progress_timer, on_progress, PROGRESS_S,
                PROGRESS_S);
    start_timer(watching, &watching->end_timer, on_time_over, options->for_s,
                0.);
    start_timer(watching, &watching->settle_timer, on_settled,
                options->settle_s, 0.);
    start_timer(watching, &watching->grace_timer, on_grace_over, 0., 0.);
}

/* --- putting it together ----------------------------------------------------
 */

static int make_run_folder(struct watching *watching, struct err *err)
{
    char path[HOST_PATH_MAX];
    char stamp[HOST_TEXT_MAX];
    char role[SUBJECT_NAME_SIZE];
    const struct watch_options *options = watching->options;
    subject_name_role(options->argv != NULL ? options->argv[0]
                                            : watching->subject.places[0].role,
                      role);
    if (options->folder != NULL) {
        (void)snprintf(path, sizeof path, "%s", options->folder);
    } else {
        (void)snprintf(path, sizeof path, "runs/watch-%s-%s", role,
                       host_stamp(stamp));
    }
    int result = host_make_folder(path, watching->folder);
    if (result == -EEXIST) {
        err_set(err, path, 0, 0,
                "is there already and not empty; name another folder with "
                "--out");
    } else if (result != 0) {
        err_set(err, path, 0, 0, "cannot make the run folder: %s",
                strerror(-result));
    }
    if (result == 0) {
        guardian_tell_folder(watching->folder);
        (void)snprintf(watching->store_path, sizeof watching->store_path,
                       "%s/run.db", watching->folder);
        result = store_create(watching->store_path, &watching->store, err);
    }
    return result;
}

static int start_command(struct watching *watching, struct err *err)
{
    const struct watch_options *options = watching->options;
    const struct command_child_preload preload = {
        .library = options->preload,
        .heap = watching->profiles.prefix,
        .profile_kib = options->profile_kib,
    };
    int result = command_child_init(&watching->command, err);
    watching->has_command = result == 0;
    if (result == 0) {
        result = tree_adopt_orphans();
        result = result == -ENOSYS ? 0 : result;
    }
    if (result == 0 && options->preload[0] != '\0' &&
        options->profile_kib > 0) {
        result = profiles_open(&watching->profiles, watching->folder,
                               options->argv[0], err);
    }
    if (result == 0) {
        result = command_child_start(&watching->command, options->argv,
                                     &preload, err);
    }
    if (result == 0) {
        result = subject_take_child(&watching->subject, options->argv[0],
                                    watching->command.child.pid,
                                    watching->command.child.pidfd, err);
    }
    return result == -ENOENT || result == -EACCES ? -EINVAL : result;
}

static int make_tree(struct watching *watching)
{
    const struct tree_config config = {
        .roots_count = (uint32_t)watching->subject.count,
        .adopts = watching->has_command,
        .mark_name = watching->has_command ? COMMAND_CHILD_MARK_NAME : NULL,
        .mark = watching->command.mark,
    };
    bool is_group = watching->subject.places[0].crowd != NULL;
    if (is_group || (watching->options->is_alone && !watching->has_command)) {
        return 0;
    }
    return tree_new(&config, &watching->tree);
}

static int make_sampler(struct watching *watching)
{
    uint32_t count = (uint32_t)watching->subject.count;
    struct sampler_config config = {
        .loop = watching->loop,
        .start_ns = watching->start_ns,
        .sample_ms = watching->options->sample_ms,
        .detail_every = 1,
        .slots_count = count,
        .self_slot_id = count,
        .sink = recorder_sink(&watching->recorder),
        .has_classes = true,
    };
    config.sink.on_failure = on_sampler_failure;
    int result = sampler_new(&config, &watching->sampler);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        result = sampler_slot_set(
            watching->sampler, i, true,
            watching->has_command ? &watching->command.page : NULL);
    }
    return result;
}

static int add_slots(struct watching *watching)
{
    const struct subject *subject = &watching->subject;
    struct store_slot self = {.id = (int64_t)subject->count, .role = "plateau"};
    for (size_t i = 0; i < subject->count; i++) {
        const struct subject_place *place = &subject->places[i];
        struct store_slot row = {.id = (int64_t)i,
                                 .ordinal = (int32_t)place->ordinal,
                                 .is_observer = true};
        (void)snprintf(row.role, sizeof row.role, "%s", place->role);
        (void)recorder_slot(&watching->recorder, &row);
    }
    watching->recorder.self_slot_id = self.id;
    return recorder_slot(&watching->recorder, &self);
}

static int make_events(struct watching *watching, struct err *err)
{
    const struct events_config config = {
        .loop = watching->loop,
        .by = watching->options->events_by,
        .text = watching->options->events_text,
        .every_s = watching->options->events_every_s,
    };
    return config.by == EVENTS_BY_NOBODY
               ? 0
               : events_new(&config, &watching->events, err);
}

/* All that must be there before the first sample. */
static int prepare(struct watching *watching, struct err *err)
{
    int result = make_tree(watching);
    if (result == 0) {
        result = make_sampler(watching);
    }
    for (size_t i = 0; result == 0 && i < watching->subject.count; i++) {
        watching->watched[i] = (struct watched){
            .watching = watching,
            .place = &watching->subject.places[i],
            .slot_id = (uint32_t)i,
        };
    }
    if (result == 0) {
        watch_note_beginning(&watching->recorder, watching->options,
                             &watching->subject);
        (void)add_slots(watching);
    }
    for (size_t i = 0; result == 0 && i < watching->subject.count; i++) {
        result = begin_life(&watching->watched[i]);
    }
    if (result != 0) {
        err_set(err, NULL, 0, 0, "cannot sample: %s", strerror(-result));
        return result;
    }
    recorder_commit(&watching->recorder);
    return watching->recorder.error;
}

static void loop_until_over(struct watching *watching)
{
    progress_init(&watching->progress, watching->options->for_s,
                  watching->options->is_quiet);
    /* A command prints where we do: a line that is rewritten would be in its
     * way. */
    watching->progress.is_terminal &= !watching->has_command;
    start_watchers(watching);
    if (watching->options->settle_s <= 0.) {
        begin_judged(watching);
    }
    if (watching->tree != NULL) {
        (void)tree_look_at_all(watching->tree, host_now_ns());
    }
    sampler_start(watching->sampler);
    ev_run(watching->loop, 0);
    progress_clear(&watching->progress);
    recorder_commit(&watching->recorder);
}

static void release(struct watching *watching)
{
    events_free(watching->events);
    if (watching->has_command) {
        command_child_deinit(&watching->command, watching->tree);
        profiles_close(&watching->profiles);
    }
    for (size_t i = 0; i < SUBJECT_PLACES_MAX; i++) {
        probe_free(watching->watched[i].probe);
    }
    tree_free(watching->tree);
    sampler_free(watching->sampler);
    subject_deinit(&watching->subject);
    store_close(watching->store);
    ev_loop_destroy(watching->loop);
    free(watching);
}

/* A command is started last of all that can fail; others are found first. */
static int begin(struct watching *watching, struct err *err)
{
    const struct watch_options *options = watching->options;
    int result = options->by == SUBJECT_BY_COMMAND
                     ? 0
                     : subject_find(&watching->subject, options->by,
                                    options->text, options->is_alone, err);
    /* Whose memory is not ours to read is no fault of the machine's. */
    result = result == -EACCES ? -EINVAL : result;
    if (result == 0) {
        result = make_events(watching, err);
    }
    if (result == 0) {
        result = make_run_folder(watching, err);
    }
    if (result == 0 && options->by == SUBJECT_BY_COMMAND) {
        result = start_command(watching, err);
    }
    return result;
}

static int execute(struct watching *watching, struct err *err)
{
    int result = begin(watching, err);
    if (result != 0) {
        return result;
    }
    watching->recorder.store = watching->store;
    watching->start_ns = host_now_ns();
    result = prepare(watching, err);
    if (result != 0) {
        return result;
    }
    loop_until_over(watching);
    return recorder_result(&watching->recorder, watching->store_path, err);
}

int watch_execute(const struct watch_options *options,
                  char ret_folder[HOST_PATH_MAX], struct err *err)
{
    struct watching *watching = calloc(1, sizeof *watching);
    ret_folder[0] = '\0';
    if (watching == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    watching->options = options;
    watching->command.child.pidfd = -1;
    watching->command.page.fd = -1;
    watching->begin_ns = -1;
    watching->end_ns = -1;
    host_give_back_blocks();
    /* Not the default loop: libev lets that one reap every child itself. */
    watching->loop = ev_loop_new(EVFLAG_AUTO);
    if (watching->loop == NULL) {
        err_set(err, NULL, 0, 0, "no event loop");
        free(watching);
        return -ENOMEM;
    }
    int result = execute(watching, err);
    (void)snprintf(ret_folder, HOST_PATH_MAX, "%s", watching->folder);
    bool has_begun = watching->end_ns >= 0;
    release(watching);
    if (!has_begun && ret_folder[0] != '\0') {
        /* Nothing was watched: leave nothing. */
        host_remove_folder(ret_folder);
        ret_folder[0] = '\0';
    }
    return result;
}
