/* What is looked after while a run goes on: logs that are flooded, the disk
 * under the run folder, and whom the kernel kills for want of memory.
 *
 * A log is cut once a second; when one had to be, twenty times a second for
 * UPKEEP_ALERT_TURNS looks, so that a flood of hundreds of MiB a second takes
 * the room of some tens at a time.
 *
 * An observer whose worker was killed because of its limit has another one
 * soon: a leak would look like a sawtooth. So the run ends.
 *
 * A disk that is full breaks the store, the logs and whoever else uses it: the
 * run ends before, while there is room to say why. */
#include "churn/supervisor_state.h"

#include "churn/slot_log.h"
#include "host.h"

#include <ev.h>
#include <inttypes.h>

static const double UPKEEP_S = 1.;
static const double UPKEEP_ALERT_S = .05;

enum { UPKEEP_ALERT_TURNS = 20, MIB = 1 << 20 };

static bool cut_logs(struct supervisor *supervisor)
{
    bool has_cut = false;
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        const struct slot *slot = &supervisor->slots[i];
        has_cut |= slot_log_trim(slot->log);
        if (slot->check_log >= 0) {
            has_cut |= slot_log_trim(slot->check_log);
        }
    }
    return has_cut;
}

/* The slot whose folder holds most. */
static const struct slot *largest(const struct supervisor *supervisor,
                                  int64_t *ret_bytes)
{
    const struct slot *found = NULL;
    *ret_bytes = 0;
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        const struct slot *slot = &supervisor->slots[i];
        int64_t bytes = slot->dir != NULL ? host_folder_bytes(slot->dir) : 0;
        if (bytes > *ret_bytes) {
            *ret_bytes = bytes;
            found = slot;
        }
    }
    return found;
}

static int check_disk(const struct supervisor *supervisor, struct err *err)
{
    const char *folder = supervisor->config.run_folder;
    int64_t least = supervisor->config.disk_free_min_bytes != 0
                        ? supervisor->config.disk_free_min_bytes
                        : SUPERVISOR_DISK_FREE_MIN_BYTES;
    int64_t held = 0;
    int64_t free_bytes = host_disk_free(folder);
    if (free_bytes < 0 || free_bytes >= least) {
        return 0;
    }
    const struct slot *slot = largest(supervisor, &held);
    if (slot == NULL) {
        err_set(err, folder, 0, 0,
                "the disk has %lld MiB left and a run needs %lld to end well; "
                "make room",
                (long long)(free_bytes / MIB), (long long)(least / MIB));
        return SUPERVISOR_BROKEN;
    }
    err_set(err, folder, 0, 0,
            "the disk has %lld MiB left and a run needs %lld to end well; of "
            "the targets %s holds most there: %lld MiB in %s",
            (long long)(free_bytes / MIB), (long long)(least / MIB), slot->name,
            (long long)(held / MIB), slot->dir);
    return held >= free_bytes ? SUPERVISOR_INVALID : SUPERVISOR_BROKEN;
}

/* Of an observer itself its end tells. */
static int check_memory(const struct supervisor *supervisor, struct err *err)
{
    char why[SLOT_HOW_SIZE];
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        const struct slot *slot = &supervisor->slots[i];
        int64_t kills = slot->place != NULL && slot->state == SLOT_READY
                            ? slot_out_of_memory(slot, why)
                            : 0;
        if (kills > 0) {
            err_set(err, slot->name, 0, 0,
                    "the kernel has killed %" PRId64
                    " of its processes: %.200s",
                    kills, why);
            return SUPERVISOR_INVALID;
        }
    }
    return 0;
}

int supervisor_upkeep(struct supervisor *supervisor, struct err *err)
{
    ev_timer *timer = &supervisor->log_timer;
    if (cut_logs(supervisor)) {
        supervisor->alert_turns = UPKEEP_ALERT_TURNS;
    } else if (supervisor->alert_turns > 0) {
        supervisor->alert_turns--;
    }
    timer->repeat = supervisor->alert_turns > 0 ? UPKEEP_ALERT_S : UPKEEP_S;
    ev_timer_again(supervisor->config.loop, timer);
    supervisor_kin_look(supervisor);
    int end = check_memory(supervisor, err);
    return end != 0 ? end : check_disk(supervisor, err);
}
