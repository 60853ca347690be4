/* Who is started when, until all have been up.
 *
 * Happy path: supervisor_advance() is called at the beginning, and whenever
 * somebody has become ready: every role all of whose predecessors (order.h)
 * have been up begins: observers and bystanders one after another, each when
 * the one before is ready, so that {peers} of the later has the earlier;
 * churners a few at a time. When all have been up, the stillness begins.
 *
 * Failure modes: who cannot be started, is late or ends fails the run or comes
 * again, as in supervisor.c; who waits for him goes on waiting meanwhile. A
 * role is not waited for twice: that it was up once is enough. */
#include "churn/supervisor_state.h"

/* Whether it counts as up now: a client that ends when its work is done is not
 * waited for, be it between two lives. */
static bool is_up(const struct slot *slot)
{
    return slot->state == SLOT_READY ||
           (slot->role->may_exit_count > 0 && slot->has_been_up &&
            (slot->state == SLOT_STARTING || slot->state == SLOT_PAUSED));
}

bool supervisor_is_all_up(void *context)
{
    const struct supervisor *supervisor = context;
    if (!supervisor_is_whole(supervisor)) {
        return false;
    }
    if (supervisor->counts.ready == supervisor->counts.slots) {
        return true;
    }
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        if (!is_up(&supervisor->slots[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t role_bit(const struct slot *slot)
{
    return 1u << (slot->role - slot->supervisor->config.scenario->roles);
}

/* The roles all of whose processes have been up. */
static uint32_t roles_up(const struct supervisor *supervisor)
{
    uint32_t down = 0;
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        const struct slot *slot = &supervisor->slots[i];
        down |= slot->has_been_up ? 0 : role_bit(slot);
    }
    return ~down;
}

static bool has_kept_up(const struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->churners_first; i++) {
        if (!supervisor->slots[i].has_been_up) {
            return false;
        }
    }
    return true;
}

static uint32_t count_starting(const struct supervisor *supervisor)
{
    uint32_t count = 0;
    for (uint32_t i = supervisor->churners_first; i < supervisor->counts.slots;
         i++) {
        const struct slot *slot = &supervisor->slots[i];
        count += !slot->has_been_up &&
                 (slot->state == SLOT_STARTING || slot->state == SLOT_PAUSED);
    }
    return count;
}

/* Whether it is the turn of one that was never started. */
static bool is_due(const struct slot *slot, uint32_t up, uint32_t starting)
{
    const struct supervisor *supervisor = slot->supervisor;
    ptrdiff_t role = slot->role - supervisor->config.scenario->roles;
    if (slot->state != SLOT_EMPTY || slot->process.generation > 0 ||
        (supervisor->order.waits_for[role] & ~up) != 0) {
        return false;
    }
    if (slot->role->kind == ROLE_CHURNER) {
        return starting < SUPERVISOR_STARTING_MAX;
    }
    return slot->ordinal == 0 || slot[-1].has_been_up;
}

static void start_who_is_due(struct supervisor *supervisor)
{
    uint32_t up = roles_up(supervisor);
    uint32_t starting = count_starting(supervisor);
    for (uint32_t i = 0; i < supervisor->counts.slots &&
                         supervisor->phase < SUPERVISOR_SETTLING;
         i++) {
        struct slot *slot = &supervisor->slots[i];
        if (is_due(slot, up, starting)) {
            starting += slot->role->kind == ROLE_CHURNER;
            supervisor_start_slot(slot);
        }
    }
}

void supervisor_advance(struct supervisor *supervisor)
{
    if (supervisor->phase == SUPERVISOR_OBSERVERS && has_kept_up(supervisor)) {
        supervisor_enter_phase(supervisor, SUPERVISOR_CHURNERS);
    }
    if (supervisor->phase < SUPERVISOR_SETTLING) {
        start_who_is_due(supervisor);
    }
    if (supervisor->phase == SUPERVISOR_CHURNERS &&
        supervisor_is_all_up(supervisor)) {
        supervisor_arm(supervisor, &supervisor->phase_timer,
                       supervisor->config.scenario->settle_s);
        supervisor_enter_phase(supervisor, SUPERVISOR_SETTLING);
    }
    supervisor_churn(supervisor);
}
