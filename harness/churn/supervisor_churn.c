/* What befalls churners while churn goes on.
 *
 * Happy path: supervisor_churn() asks the schedule what is due, befall() does
 * it by its kind, and the timer is armed for the next. A kill: DYING, and
 * on_exit() in supervisor.c starts the next life. A stop is the same, asked for
 * nicely. A pause: FROZEN until its timer runs out, then READY again. An
 * abandoned start: a kill whose next life is given |abandon_ns|; when that is
 * over it is DYING too, whether it said that it is ready or not. A partition
 * changes no slot's state: supervisor_partition.c cuts when it is whole.
 *
 * Failure modes: nobody is ready: what is due stays owed (schedule.h). Who is
 * asked to end and does not gets SIGKILL after its grace, and is counted. Who
 * ends in a pause, or before its start could be abandoned, has crashed as any
 * other. A run that ends finds the paused: they are told to go on so that they
 * hear that they are to end. An ebb waits until nobody is paused, ending,
 * starting or cut off (supervisor_is_all_up()). */
#include "churn/supervisor_state.h"

#include "churn/kinds.h"

#include <assert.h>
#include <signal.h>

static bool may_go_on(const struct supervisor *supervisor)
{
    return supervisor->phase == SUPERVISOR_CHURNING &&
           supervisor_has_schedule(supervisor) &&
           waves_may_kill(&supervisor->tide.waves);
}

static int64_t churned_ns(const struct supervisor *supervisor)
{
    return waves_churn_ns(&supervisor->tide.waves,
                          supervisor_now_ns(supervisor));
}

/* As the schedule counts: churners, then observers. */
static struct slot *find_slot(struct supervisor *supervisor, uint32_t index)
{
    uint32_t churners = supervisor->churners_count;
    assert(index < churners + supervisor->observers_count);
    return &supervisor
                ->slots[index < churners ? supervisor->churners_first + index
                                         : index - churners];
}

static bool is_ready(void *context, uint32_t index)
{
    return find_slot(context, index)->state == SLOT_READY;
}

static bool is_whole(void *context)
{
    return supervisor_is_whole(context);
}

/* Its descendants stop with it. */
static void signal_all(struct slot *slot, int signal)
{
    (void)spawn_signal(&slot->child, signal);
    spawn_signal_group(&slot->child, signal);
    supervisor_kin_signal(slot, signal);
}

static void kill_slot(struct slot *slot)
{
    slot->state = SLOT_DYING;
    slot->process.was_killed = true;
    (void)spawn_signal(&slot->child, SIGKILL);
}

/* Does to a slot that is ready what |event| says. */
static void befall(struct slot *slot, const struct schedule_event *event)
{
    slot->crashes = 0;
    slot->supervisor->counts.ready--;
    switch (event->kind) {
    case CHURN_STARTING:
        slot->abandon_ns = event->parameter_ns;
        kill_slot(slot);
        break;
    case CHURN_STOP:
        slot->state = SLOT_DYING;
        supervisor_ask_to_end(slot);
        break;
    case CHURN_PAUSE:
        slot->state = SLOT_FROZEN;
        signal_all(slot, SIGSTOP);
        supervisor_arm(slot->supervisor, &slot->timer,
                       (double)event->parameter_ns / 1e9);
        break;
    case CHURN_KILL:
    case CHURN_MASS:
    case CHURN_PARTITION: /* befalls places: carry_out() */
    case CHURN_EXIT:      /* never due */
    case CHURN_KINDS:
        kill_slot(slot);
        break;
    }
}

/* What happens to the slot now, counted. */
static struct supervisor_event
count_event(struct slot *slot, enum churn_kind kind, int64_t parameter_ns)
{
    struct supervisor *supervisor = slot->supervisor;
    supervisor->counts.by_kind[kind]++;
    return (struct supervisor_event){
        .seq = ++supervisor->counts.events,
        .t_ns = supervisor_now_ns(supervisor),
        .churned_ns = churned_ns(supervisor),
        .slot_id = slot->id,
        .process_id = slot->process.id,
        .kind = kind,
        .parameter_ns = parameter_ns,
    };
}

static void tell_event(struct supervisor *supervisor,
                       const struct supervisor_event *event)
{
    const struct supervisor_callbacks *callbacks =
        &supervisor->config.callbacks;
    if (callbacks->on_event != NULL) {
        callbacks->on_event(callbacks->context, event);
    }
}

static void carry_out(struct supervisor *supervisor,
                      const struct schedule_event *due)
{
    struct slot *slot = find_slot(supervisor, due->churner);
    const struct supervisor_event event =
        count_event(slot, due->kind, due->parameter_ns);
    if (due->kind == CHURN_PARTITION) {
        supervisor_partition_add(slot, due->parameter_ns);
    } else {
        befall(slot, due);
    }
    tide_killed(&supervisor->tide);
    tell_event(supervisor, &event);
    /* Who is told may stop the run. */
    if (due->kind == CHURN_PARTITION &&
        supervisor->phase == SUPERVISOR_CHURNING &&
        !schedule_is_amid(&supervisor->schedule)) {
        supervisor_partition_begin(supervisor);
    }
}

/* An ebb goes on: who ends in it is not started before it is over. */
void supervisor_note_exit(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    if (supervisor->phase == SUPERVISOR_CHURNING) {
        const struct supervisor_event event = count_event(slot, CHURN_EXIT, -1);
        if (waves_may_kill(&supervisor->tide.waves)) {
            tide_killed(&supervisor->tide);
        }
        tell_event(supervisor, &event);
    }
}

/* What befalls many is finished although the wave ends with its first victim.
 */
static bool take_next(struct supervisor *supervisor,
                      struct schedule_event *ret_due)
{
    const struct schedule_look look = {supervisor, is_ready, is_whole};
    bool is_amid = supervisor->phase == SUPERVISOR_CHURNING &&
                   schedule_is_amid(&supervisor->schedule);
    return (is_amid || may_go_on(supervisor)) &&
           schedule_take(&supervisor->schedule, &look, ret_due);
}

void supervisor_churn(struct supervisor *supervisor)
{
    struct schedule_event due;
    if (!may_go_on(supervisor)) {
        return;
    }
    schedule_advance(&supervisor->schedule, churned_ns(supervisor));
    while (take_next(supervisor, &due)) {
        carry_out(supervisor, &due);
    }
    supervisor->counts.skipped = (int64_t)supervisor->schedule.skipped;
    supervisor->counts.owed = schedule_owed(&supervisor->schedule);
    int64_t due_ns = schedule_due_ns(&supervisor->schedule);
    if (may_go_on(supervisor) && due_ns < INT64_MAX) {
        supervisor_arm(supervisor, &supervisor->kill_timer,
                       (double)(due_ns - churned_ns(supervisor)) / 1e9);
    }
}

void supervisor_go_on(struct slot *slot)
{
    signal_all(slot, SIGCONT);
}

void supervisor_thaw(struct slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    assert(slot->state == SLOT_FROZEN);
    supervisor_go_on(slot);
    slot->state = SLOT_READY;
    supervisor->counts.ready++;
    tide_stirred(&supervisor->tide);
    supervisor_churn(supervisor);
}

void supervisor_abandon(struct slot *slot)
{
    assert(slot->state == SLOT_STARTING && slot->abandon_ns > 0);
    slot->abandon_ns = 0;
    slot->supervisor->counts.abandoned_ready += slot->process.ready_ns >= 0;
    readiness_end(&slot->readiness); /* whatever it may still say */
    kill_slot(slot);
}

void supervisor_force(struct slot *slot)
{
    assert(slot->state == SLOT_DYING);
    slot->supervisor->counts.forced++;
    (void)spawn_signal(&slot->child, SIGKILL);
}
