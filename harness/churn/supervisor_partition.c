/* Who is cut off from whom, and for how long.
 *
 * Happy path: supervisor_partition_add() for each of a partition's events ->
 * supervisor_partition_begin(): the network is cut, the timer armed -> it is
 * over: supervisor_partition_end() heals, and gives a deadline anew to whoever
 * is starting, on either side, since he may have had nobody to join; an ebb
 * that is under way waits for what comes of it to rest; what was put off is
 * done.
 *
 * Failure modes: the kernel, which cut and healed when it was tried, does not:
 * the run is BROKEN. A run that ends meanwhile heals first, so that who is
 * asked to end can say goodbye. */
#include "churn/supervisor_state.h"

#include "isolate/address.h"
#include "isolate/network.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct supervisor *supervisor = timer->data;
    (void)loop;
    (void)revents;
    int result = supervisor_partition_end(supervisor);
    if (result != 0) {
        supervisor_blame_network(supervisor, result);
        return;
    }
    supervisor->counts.healed++;
    tide_stirred(&supervisor->tide);
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        struct slot *slot = &supervisor->slots[i];
        if (slot->state == SLOT_STARTING && slot->abandon_ns == 0 &&
            slot->role->ready.by != READY_DELAY) {
            supervisor_arm(supervisor, &slot->timer,
                           slot->role->ready.within_s);
        }
    }
    supervisor_churn(supervisor);
}

int supervisor_partition_open(struct supervisor *supervisor)
{
    struct supervisor_partition *partition = &supervisor->partition;
    partition->places = calloc(supervisor->counts.slots, sizeof(uint32_t));
    ev_init(&partition->timer, on_timer);
    partition->timer.data = supervisor;
    return partition->places == NULL ? -ENOMEM : 0;
}

void supervisor_partition_close(struct supervisor *supervisor)
{
    ev_timer_stop(supervisor->config.loop, &supervisor->partition.timer);
    free(supervisor->partition.places);
    supervisor->partition.places = NULL;
}

bool supervisor_is_whole(const struct supervisor *supervisor)
{
    return supervisor->partition.began_ns == 0;
}

void supervisor_partition_add(struct slot *slot, int64_t lasts_ns)
{
    struct supervisor_partition *partition = &slot->supervisor->partition;
    assert(supervisor_is_whole(slot->supervisor));
    if (slot->is_cut) {
        return; /* a list may name it twice */
    }
    slot->is_cut = true;
    partition->lasts_ns = lasts_ns;
    partition->places[partition->count++] = isolate_place(
        slot->supervisor->config.scenario, slot->role, slot->ordinal);
}

void supervisor_partition_begin(struct supervisor *supervisor)
{
    struct supervisor_partition *partition = &supervisor->partition;
    int result =
        network_cut(supervisor->network, partition->places, partition->count);
    if (result != 0) {
        supervisor_blame_network(supervisor, result);
        return;
    }
    partition->began_ns = supervisor_now_ns(supervisor);
    supervisor->counts.partitions++;
    supervisor_arm(supervisor, &partition->timer,
                   (double)partition->lasts_ns / 1e9);
}

int supervisor_partition_end(struct supervisor *supervisor)
{
    struct supervisor_partition *partition = &supervisor->partition;
    ev_timer_stop(supervisor->config.loop, &partition->timer);
    if (supervisor_is_whole(supervisor)) {
        return 0;
    }
    int result = network_heal(supervisor->network);
    supervisor->counts.cut_ns +=
        supervisor_now_ns(supervisor) - partition->began_ns;
    partition->began_ns = 0;
    partition->count = 0;
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        supervisor->slots[i].is_cut = false;
    }
    return result;
}
