/* What targets keep in their folders, and the end of those that keep too much.
 *
 * Happy path: on_timer() goes on with the walk through one slot's folder
 * (folder.h) and then with the next slot's, for FOLDERS_TURN_NS at the most. A
 * round that is not over goes on after FOLDERS_TURN_S; the next begins after
 * FOLDERS_ROUND_S, or FOLDERS_REST_TIMES what this one took, so that it costs
 * about a hundredth of a core whatever there is to be looked at.
 *
 * Failure modes: a folder holds more than its role may keep: its process is
 * killed. What a walk of several turns counted may have been renamed before it
 * (a database that compacts, a log that is rotated): only a second walk at once
 * that says the same kills. A new life has found its folder emptied (data:
 * fresh): the walk begins anew. */
#include "churn/supervisor_state.h"

#include "churn/slot_log.h"
#include "host.h"

#include <assert.h>
#include <ev.h>
#include <signal.h>

enum {
    FOLDERS_TURN_NS = 2000000,
    FOLDERS_STEP_ENTRIES = 4096, /* should the clock stand still */
    FOLDERS_REST_TIMES = 100,
    MIB = 1 << 20,
};

static const double FOLDERS_TURN_S = .05;
static const double FOLDERS_ROUND_S = 1.;

static bool has_limit(const struct slot *slot)
{
    return slot->dir != NULL && slot->role->limits.folder_mib != 0;
}

/* Somebody lives there that is not about to end. */
static bool is_up(const struct slot *slot)
{
    return slot->state == SLOT_STARTING || slot->state == SLOT_READY ||
           slot->state == SLOT_FROZEN;
}

static void kill_over(struct slot *slot, int64_t bytes)
{
    char how[SLOT_HOW_SIZE];
    slot->over_bytes = bytes;
    slot->process.was_killed = true;
    slot_log_note(slot->log, slot->process.generation,
                  slot_how_it_ended(slot, how));
    (void)spawn_signal(&slot->child, SIGKILL);
}

/* Whether the walk is under way, and what it has counted is still there. */
static bool goes_on(const struct supervisor_folders *folders,
                    const struct slot *slot)
{
    return folders->generation == slot->process.generation ||
           (folders->generation != 0 && slot->role->data == DATA_KEEP);
}

/* A turn at |slot|'s folder: whether nothing is left to be done there. */
static bool look_at(struct supervisor_folders *folders, struct slot *slot,
                    int64_t until_ns)
{
    struct folder_count count;
    if (!has_limit(slot) || !is_up(slot) || slot->over_bytes > 0) {
        return true;
    }
    if (!goes_on(folders, slot)) {
        folder_walk_begin(folders->walk, slot->dir);
        folders->turns = 0;
    }
    folders->generation = slot->process.generation;
    folders->turns++;
    int result =
        folder_walk_step(folders->walk, FOLDERS_STEP_ENTRIES, until_ns);
    folder_walk_count(folders->walk, &count);
    if (count.bytes <= (int64_t)slot->role->limits.folder_mib * MIB) {
        return result == FOLDER_DONE;
    }
    if (folders->turns > 1 && !folders->is_second) {
        folders->is_second = true;
        folders->generation = 0;
        return false;
    }
    kill_over(slot, count.bytes);
    return true;
}

/* Whether the round is over. */
static bool take_turn(struct supervisor *supervisor)
{
    struct supervisor_folders *folders = &supervisor->folders;
    int64_t until_ns = host_now_ns() + FOLDERS_TURN_NS;
    do {
        if (!look_at(folders, &supervisor->slots[folders->slot_id], until_ns)) {
            return false;
        }
        folders->generation = 0;
        folders->is_second = false;
        if (++folders->slot_id == supervisor->counts.slots) {
            folders->slot_id = 0;
            return true;
        }
    } while (host_now_ns() < until_ns);
    return false;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct supervisor *supervisor = timer->data;
    struct supervisor_folders *folders = &supervisor->folders;
    int64_t began_ns = host_now_ns();
    double pause_s = FOLDERS_TURN_S;
    (void)loop;
    (void)revents;
    bool is_over = take_turn(supervisor);
    folders->spent_ns += host_now_ns() - began_ns;
    if (is_over) {
        double rest_s = (double)folders->spent_ns / 1e9 * FOLDERS_REST_TIMES;
        pause_s = rest_s > FOLDERS_ROUND_S ? rest_s : FOLDERS_ROUND_S;
        folders->spent_ns = 0;
    }
    supervisor_arm(supervisor, timer, pause_s);
}

int supervisor_folders_open(struct supervisor *supervisor)
{
    ev_init(&supervisor->folders.timer, on_timer);
    supervisor->folders.timer.data = supervisor;
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        if (has_limit(&supervisor->slots[i])) {
            return folder_walk_new(&supervisor->folders.walk);
        }
    }
    return 0;
}

void supervisor_folders_begin(struct supervisor *supervisor)
{
    struct supervisor_folders *folders = &supervisor->folders;
    if (folders->walk != NULL) {
        supervisor_arm(supervisor, &folders->timer, FOLDERS_TURN_S);
    }
}

void supervisor_folders_stop(struct supervisor *supervisor)
{
    ev_timer_stop(supervisor->config.loop, &supervisor->folders.timer);
}

void supervisor_folders_close(struct supervisor *supervisor)
{
    supervisor_folders_stop(supervisor);
    folder_walk_free(supervisor->folders.walk);
    supervisor->folders.walk = NULL;
}
