/* Happy path: supervisor_start() -> observers one after another, each when the
 * one before is ready -> churners, a few at a time -> all ready: stillness ->
 * churn: supervisor_churn.c does what the schedule says, on_exit() reaps,
 * supervisor_start_slot() begins the next generation; after each wave tide.c
 * holds still for an ebb -> the time is over: stop_all() -> the last one is
 * reaped: finish().
 *
 * Failure modes: an observer ends, or is not ready in time, or says what is no
 * readiness line: fail(). A churner does: counted, and started again after a
 * pause, until it has done so SUPERVISOR_CRASHES_MAX times in a row: fail().
 * Who keeps more in its folder than it may is killed, and has ended by itself
 * (supervisor_folders.c).
 * A process cannot even be started: fail(). All of them, and an interrupt,
 * come to stop_all().
 *
 * A slot's life, as state x event (befall: supervisor_churn.c; timer: what was
 * armed for the state is over):
 *
 *              started   ready   timer        exit           befall  stop
 *   EMPTY      STARTING
 *   STARTING             READY   (SIGKILL)    crash: PAUSED          STOPPING
 *   READY                                     crash: PAUSED  DYING,  STOPPING
 *                                                            FROZEN
 *   DYING                        (SIGKILL)    STARTING               STOPPING
 *   FROZEN                       READY        crash: PAUSED          STOPPING
 *   PAUSED                       STARTING                            EMPTY
 *   STOPPING                     (SIGKILL)    EMPTY
 */
#include "churn/supervisor_state.h"

#include "churn/slot_log.h"
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum {
    PAUSE_FIRST_MS = 50, /* before a crashed churner is started again */
};

int64_t supervisor_now_ns(const struct supervisor *supervisor)
{
    return host_now_ns() - supervisor->config.start_ns;
}

void supervisor_arm(struct supervisor *supervisor, ev_timer *timer,
                    double after_s)
{
    ev_timer_stop(supervisor->config.loop, timer);
    ev_now_update(supervisor->config.loop);
    ev_timer_set(timer, after_s > 0. ? after_s : 0., 0.);
    ev_timer_start(supervisor->config.loop, timer);
}

/* --- telling ---------------------------------------------------------------
 */

static void tell_process(const struct slot *slot, enum supervisor_change change)
{
    const struct supervisor_callbacks *callbacks =
        &slot->supervisor->config.callbacks;
    if (callbacks->on_process != NULL) {
        callbacks->on_process(callbacks->context, change, &slot->process);
    }
}

void supervisor_enter_phase(struct supervisor *supervisor,
                            enum supervisor_phase phase)
{
    const struct supervisor_callbacks *callbacks =
        &supervisor->config.callbacks;
    supervisor->phase = phase;
    if (callbacks->on_phase != NULL) {
        callbacks->on_phase(callbacks->context, phase,
                            supervisor_now_ns(supervisor));
    }
}

/* --- the way out -----------------------------------------------------------
 */

static void stop_slot(struct slot *slot);

static void finish_if_empty(struct supervisor *supervisor)
{
    if (supervisor->phase != SUPERVISOR_STOPPING ||
        supervisor->counts.live > 0 || !supervisor_kin_is_gone(supervisor)) {
        return;
    }
    ev_timer_stop(supervisor->config.loop, &supervisor->log_timer);
    supervisor_enter_phase(supervisor, SUPERVISOR_DONE);
}

static void stop_all(struct supervisor *supervisor, enum supervisor_end end)
{
    if (supervisor->phase == SUPERVISOR_STOPPING ||
        supervisor->phase == SUPERVISOR_DONE) {
        return;
    }
    supervisor->end = end;
    ev_timer_stop(supervisor->config.loop, &supervisor->phase_timer);
    ev_timer_stop(supervisor->config.loop, &supervisor->kill_timer);
    supervisor_folders_stop(supervisor);
    tide_stop(&supervisor->tide);
    (void)supervisor_partition_end(supervisor); /* it ends with us anyhow */
    if (supervisor->phase == SUPERVISOR_CHURNING) {
        supervisor->counts.churned_ns = waves_churn_ns(
            &supervisor->tide.waves, supervisor_now_ns(supervisor));
    }
    supervisor_enter_phase(supervisor, SUPERVISOR_STOPPING);
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        stop_slot(&supervisor->slots[i]);
    }
    finish_if_empty(supervisor);
}

static void fail(struct supervisor *supervisor, enum supervisor_end end,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The first failure counts; what follows from it does not. */
static void fail(struct supervisor *supervisor, enum supervisor_end end,
                 const char *format, ...)
{
    const struct supervisor_callbacks *callbacks =
        &supervisor->config.callbacks;
    if (supervisor->phase == SUPERVISOR_STOPPING ||
        supervisor->phase == SUPERVISOR_DONE) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(supervisor->sentence, sizeof supervisor->sentence, format,
                    args);
    va_end(args);
    if (callbacks->on_failure != NULL) {
        callbacks->on_failure(callbacks->context, end, supervisor->sentence);
    }
    stop_all(supervisor, end);
}

void supervisor_blame_network(struct supervisor *supervisor, int result)
{
    fail(supervisor, SUPERVISOR_BROKEN,
         "the network can no longer be cut or healed: %s", strerror(-result));
}

/* --- a process begins ------------------------------------------------------
 */

/* The contacts of the observers that are ready, separated by commas; the
 * caller frees it. NULL when there is no memory. */
static char *make_peers(const struct supervisor *supervisor)
{
    size_t size = 1;
    for (uint32_t i = 0; i < supervisor->observers_count; i++) {
        size += strlen(supervisor->slots[i].contact) + 1;
    }
    char *peers = malloc(size);
    char *end = peers;
    if (peers == NULL) {
        return NULL;
    }
    *end = '\0';
    for (uint32_t i = 0; i < supervisor->observers_count; i++) {
        const struct slot *slot = &supervisor->slots[i];
        if (slot->state == SLOT_READY && slot->contact[0] != '\0') {
            end += sprintf(end, "%s%s", end == peers ? "" : ",", slot->contact);
        }
    }
    return peers;
}

static void wake_who_rests(struct supervisor *supervisor);
static void on_ready(void *context, const char *contact);
static void on_wrong(void *context, const char *line);

void supervisor_start_slot(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    struct err err = {0};
    char *peers = make_peers(supervisor);
    int result = -ENOMEM;
    if (peers != NULL) {
        result = slot_begin(slot, peers, supervisor_now_ns(supervisor), &err);
        free(peers);
    } else {
        err_set(&err, NULL, 0, 0, "out of memory");
    }
    if (result != 0) {
        fail(supervisor,
             result == -ENOENT || result == -EACCES || result == -EADDRINUSE
                 ? SUPERVISOR_INVALID
                 : SUPERVISOR_BROKEN,
             "%s", err.sentence);
        return;
    }
    slot->state = SLOT_STARTING;
    slot->process.id = ++supervisor->next_process_id;
    supervisor_kin_begin(slot);
    supervisor->counts.live++;
    supervisor->counts.respawns += slot->process.generation > 1;
    ev_io_set(&slot->exit_watcher, slot->child.pidfd, EV_READ);
    ev_io_start(supervisor->config.loop, &slot->exit_watcher);
    static const struct readiness_callbacks callbacks = {on_ready, on_wrong};
    readiness_begin(&slot->readiness, supervisor->config.loop, slot->child.pid,
                    &callbacks, slot);
    supervisor_arm(supervisor, &slot->timer,
                   slot->abandon_ns > 0 ? (double)slot->abandon_ns / 1e9
                                        : slot->role->ready.within_s);
    tell_process(slot, SUPERVISOR_STARTED);
}

static void on_kill_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    supervisor_churn(timer->data);
}

/* --- the phases ------------------------------------------------------------
 */

static void begin_churn(struct supervisor *supervisor)
{
    supervisor_arm(supervisor, &supervisor->phase_timer,
                   supervisor->config.scenario->duration_s);
    tide_begin(&supervisor->tide);
    supervisor_enter_phase(supervisor, SUPERVISOR_CHURNING);
    supervisor_churn(supervisor);
}

static void on_phase_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct supervisor *supervisor = timer->data;
    (void)loop;
    (void)revents;
    if (supervisor->phase == SUPERVISOR_SETTLING) {
        begin_churn(supervisor);
    } else if (tide_end(&supervisor->tide)) {
        stop_all(supervisor, SUPERVISOR_COMPLETED);
    }
}

/* --- ebbs ------------------------------------------------------------------
 */

struct tally_page *supervisor_page_of(void *context, uint32_t index)
{
    struct supervisor *supervisor = context;
    return &supervisor->slots[index].page;
}

void supervisor_on_ebb_read(void *context, const struct supervisor_ebb *ebb)
{
    struct supervisor *supervisor = context;
    const struct supervisor_callbacks *callbacks =
        &supervisor->config.callbacks;
    struct supervisor_ebb told = *ebb;
    told.events = supervisor->counts.events;
    supervisor->counts.ebbs++;
    supervisor->counts.unsettled += !ebb->is_settled;
    if (callbacks->on_ebb != NULL) {
        callbacks->on_ebb(callbacks->context, &told);
    }
}

void supervisor_on_turn(void *context, enum waves_state state)
{
    struct supervisor *supervisor = context;
    if (supervisor->phase == SUPERVISOR_CHURNING && state == WAVES_OVER) {
        stop_all(supervisor, SUPERVISOR_COMPLETED);
    } else {
        wake_who_rests(supervisor);
        supervisor_churn(supervisor);
    }
}

/* --- readiness -------------------------------------------------------------
 */

static void become_ready(struct slot *slot, const char *contact)
{
    struct supervisor *supervisor = slot->supervisor;
    assert(slot->state == SLOT_STARTING);
    readiness_end(&slot->readiness);
    slot_set_contact(slot, contact);
    slot->process.ready_ns = supervisor_now_ns(supervisor);
    if (slot->abandon_ns > 0) {
        /* It is quicker than we: nobody is to count on it all the same. */
        tell_process(slot, SUPERVISOR_READY);
        return;
    }
    ev_timer_stop(supervisor->config.loop, &slot->timer);
    slot->state = SLOT_READY;
    slot->has_been_up = true;
    int64_t took_ns = slot->process.ready_ns - slot->process.spawned_ns;
    supervisor->counts.ready++;
    supervisor->ready_seen++;
    supervisor->ready_sum_ns += took_ns;
    if (took_ns > supervisor->counts.ready_max_ns) {
        supervisor->counts.ready_max_ns = took_ns;
    }
    tell_process(slot, SUPERVISOR_READY);
    supervisor_advance(supervisor);
}

static void on_ready(void *context, const char *contact)
{
    become_ready(context, contact);
}

static void on_wrong(void *context, const char *line)
{
    const struct slot *slot = context;
    fail(slot->supervisor, SUPERVISOR_INVALID,
         "%s wrote \"%.120s\" on {ready_fd}; it should write \"ready "
         "CONTACT\", one line, no blanks or commas in the contact",
         slot->name, line);
}

/* Not ready in time. */
static void be_late(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    char words[SLOT_WORDS_SIZE];
    char why[READINESS_WORDS_SIZE];
    if (slot->role->kind != ROLE_CHURNER) {
        fail(supervisor, SUPERVISOR_INVALID,
             "%s was not ready within %.4g s (%s)%s; give it more time "
             "(ready.within_s), or see %s/logs/%s.log",
             slot->name, slot->role->ready.within_s,
             readiness_describe(&slot->readiness, why),
             slot_last_words(slot, words), supervisor->config.run_folder,
             slot->name);
        return;
    }
    supervisor->counts.late++;
    readiness_end(&slot->readiness);
    slot->was_late = true;
    slot->process.was_killed = true;
    (void)spawn_signal(&slot->child, SIGKILL);
}

/* --- a process ends --------------------------------------------------------
 */

static void pause_slot(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    char words[SLOT_WORDS_SIZE];
    char how[SLOT_HOW_SIZE];
    char why[READINESS_WORDS_SIZE] = "";
    if (++slot->crashes >= SUPERVISOR_CRASHES_MAX) {
        if (slot->was_late) {
            (void)readiness_describe(&slot->readiness, why);
        }
        fail(supervisor, SUPERVISOR_INVALID,
             "%s failed %u times in a row: it %s%s%s%s%s; see %s/logs/%s.log",
             slot->name, slot->crashes,
             slot->was_late ? "was not ready in time (" : "", why,
             slot->was_late ? "), and " : "", slot_how_it_ended(slot, how),
             slot_last_words(slot, words), supervisor->config.run_folder,
             slot->name);
        return;
    }
    slot->state = SLOT_PAUSED;
    supervisor_arm(supervisor, &slot->timer,
                   (double)(PAUSE_FIRST_MS << (slot->crashes - 1)) / 1e3);
}

/* It ended and nobody had told it to. */
static void end_unexpectedly(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    char words[SLOT_WORDS_SIZE];
    char how[SLOT_HOW_SIZE];
    if (slot->role->kind != ROLE_CHURNER) {
        fail(supervisor, SUPERVISOR_INVALID,
             "%s %s%s%s; %s has to live through the run; see %s/logs/%s.log",
             slot->name, slot_how_it_ended(slot, how),
             slot->process.ready_ns < 0 ? " before it was ready" : "",
             slot_last_words(slot, words),
             slot->role->kind == ROLE_OBSERVER ? "an observer" : "a bystander",
             supervisor->config.run_folder, slot->name);
        return;
    }
    supervisor->counts.crashes += !slot->was_late;
    pause_slot(slot);
}

/* A client may end when it is through, as its role says. */
static bool has_done_its_work(const struct slot *slot)
{
    return slot->role->kind == ROLE_CHURNER && slot->process.signal == 0 &&
           scenario_role_may_exit(slot->role, slot->process.exit_code);
}

/* At once, but not quicker than a crash is: one that ends as soon as it begins
 * would keep us busy with nothing else. In an ebb, when that is over. */
static void begin_anew(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    int64_t lived_ns = slot->process.ended_ns - slot->process.spawned_ns;
    int64_t wait_ns = PAUSE_FIRST_MS * INT64_C(1000000) - lived_ns;
    slot->crashes = 0;
    slot->has_been_up = true;
    supervisor->counts.finished++;
    slot->state = SLOT_PAUSED;
    supervisor_note_exit(slot); /* who may have stopped the run */
    if (supervisor->phase >= SUPERVISOR_STOPPING) {
        return;
    }
    if (supervisor->phase == SUPERVISOR_CHURNING &&
        !waves_may_kill(&supervisor->tide.waves)) {
        slot->is_resting = true;
    } else if (wait_ns > 0) {
        supervisor_arm(supervisor, &slot->timer, (double)wait_ns / 1e9);
    } else {
        supervisor_start_slot(slot);
    }
    supervisor_advance(supervisor);
}

static void wake_who_rests(struct supervisor *supervisor)
{
    for (uint32_t i = supervisor->churners_first;
         i < supervisor->counts.slots &&
         supervisor->phase == SUPERVISOR_CHURNING &&
         waves_may_kill(&supervisor->tide.waves);
         i++) {
        struct slot *slot = &supervisor->slots[i];
        if (slot->is_resting) {
            slot->is_resting = false;
            supervisor_start_slot(slot);
        }
    }
}

static void on_exit_of(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct slot *slot = watcher->data;
    struct supervisor *supervisor = slot->supervisor;
    struct spawn_exit end;
    (void)revents;
    if (!spawn_has_ended(&slot->child)) {
        return; /* libev may call for nothing: ev(3), "spurious readiness" */
    }
    /* What it left dies now, while its number is still pinned. */
    supervisor_kin_end(slot);
    spawn_signal_group(&slot->child, SIGKILL);
    ev_io_stop(loop, watcher);
    int result = spawn_reap(&slot->child, true, &end);
    assert(result == SPAWN_OK); /* nobody else reaps our children */
    enum slot_state before = slot->state;
    ev_timer_stop(loop, &slot->timer);
    readiness_end(&slot->readiness);
    slot->state = SLOT_EMPTY;
    slot->process.ended_ns = supervisor_now_ns(supervisor);
    slot->process.exit_code = end.exit_code;
    slot->process.signal = end.signal;
    slot->process.pidfd = -1;
    supervisor->counts.live--;
    supervisor->counts.ready -= before == SLOT_READY;
    tell_process(slot, SUPERVISOR_ENDED); /* who may have stopped the run */
    if (supervisor->phase < SUPERVISOR_STOPPING) {
        if (before == SLOT_DYING) {
            supervisor_start_slot(slot);
        } else {
            slot->abandon_ns = 0;
            if (has_done_its_work(slot)) {
                begin_anew(slot);
            } else {
                end_unexpectedly(slot);
            }
        }
    }
    finish_if_empty(supervisor);
}

/* The slot's timer, which means what its state says. */
static void on_slot_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct slot *slot = timer->data;
    (void)loop;
    (void)revents;
    switch (slot->state) {
    case SLOT_STARTING:
        if (slot->abandon_ns > 0) {
            supervisor_abandon(slot);
        } else if (slot->role->ready.by == READY_DELAY) {
            become_ready(slot, "");
        } else if (supervisor_is_whole(slot->supervisor)) {
            be_late(slot);
        } /* else it has until after the healing */
        break;
    case SLOT_PAUSED:
        supervisor_start_slot(slot);
        break;
    case SLOT_STOPPING:
        (void)spawn_signal(&slot->child, SIGKILL);
        break;
    case SLOT_DYING:
        supervisor_force(slot);
        break;
    case SLOT_FROZEN:
        supervisor_thaw(slot);
        break;
    case SLOT_EMPTY:
    case SLOT_READY:
        break;
    }
}

void supervisor_ask_to_end(struct slot *slot)
{
    slot->process.was_killed = true;
    (void)spawn_signal(&slot->child, slot->role->stop.signal);
    supervisor_arm(slot->supervisor, &slot->timer, slot->role->stop.grace_s);
}

static void stop_slot(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    switch (slot->state) {
    case SLOT_STARTING:
    case SLOT_READY:
        supervisor->counts.ready -= slot->state == SLOT_READY;
        /* Whatever it may still say: it is not going to be ready. */
        readiness_end(&slot->readiness);
        supervisor_ask_to_end(slot);
        slot->state = SLOT_STOPPING;
        break;
    case SLOT_FROZEN:
        supervisor_ask_to_end(slot);
        supervisor_go_on(slot);
        supervisor_kin_signal(slot, SIGCONT);
        slot->state = SLOT_STOPPING;
        break;
    case SLOT_DYING:
        slot->state = SLOT_STOPPING;
        break;
    case SLOT_PAUSED:
        ev_timer_stop(supervisor->config.loop, &slot->timer);
        slot->state = SLOT_EMPTY;
        break;
    case SLOT_EMPTY:
    case SLOT_STOPPING:
        break;
    }
}

static void on_log_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct supervisor *supervisor = timer->data;
    (void)loop;
    (void)revents;
    struct err err = {0};
    int end = supervisor_upkeep(supervisor, &err);
    if (end != 0) {
        fail(supervisor, (enum supervisor_end)end, "%s: %s", err.file,
             err.sentence);
    }
}

static void on_kin_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    finish_if_empty(timer->data);
}

/* --- beginning and end, as told --------------------------------------------
 */

void supervisor_init_watchers(struct supervisor *supervisor)
{
    ev_init(&supervisor->phase_timer, on_phase_timer);
    ev_init(&supervisor->kill_timer, on_kill_timer);
    ev_timer_init(&supervisor->log_timer, on_log_timer, 1., 1.);
    ev_init(&supervisor->kin_timer, on_kin_timer);
    supervisor->kin_timer.data = supervisor;
    supervisor->phase_timer.data = supervisor;
    supervisor->kill_timer.data = supervisor;
    supervisor->log_timer.data = supervisor;
}

void supervisor_init_slot_watchers(struct slot *slot)
{
    ev_init(&slot->exit_watcher, on_exit_of);
    ev_init(&slot->timer, on_slot_timer);
    slot->exit_watcher.data = slot;
    slot->timer.data = slot;
}

void supervisor_start(struct supervisor *supervisor)
{
    ev_timer_start(supervisor->config.loop, &supervisor->log_timer);
    supervisor_folders_begin(supervisor);
    supervisor_enter_phase(supervisor, SUPERVISOR_OBSERVERS);
    supervisor_advance(supervisor);
}

void supervisor_complete(struct supervisor *supervisor, const char *reason)
{
    if (supervisor->phase == SUPERVISOR_CHURNING) {
        (void)snprintf(supervisor->sentence, sizeof supervisor->sentence, "%s",
                       reason);
        stop_all(supervisor, SUPERVISOR_COMPLETED);
    }
}

void supervisor_stop(struct supervisor *supervisor, const char *reason)
{
    if (supervisor->phase == SUPERVISOR_DONE) {
        return;
    }
    if (supervisor->is_stop_asked) {
        for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
            (void)spawn_signal(&supervisor->slots[i].child, SIGKILL);
        }
        return;
    }
    supervisor->is_stop_asked = true;
    if (supervisor->phase != SUPERVISOR_STOPPING) {
        (void)snprintf(supervisor->sentence, sizeof supervisor->sentence, "%s",
                       reason);
    }
    stop_all(supervisor, SUPERVISOR_INTERRUPTED);
}
