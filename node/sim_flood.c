#include "sim_flood.h"

#include <assert.h>
#include <stdlib.h>

static size_t words_count(const struct sim *sim)
{
    return (sim->nodes_max + 63) / 64;
}

void sim_floods_init(struct sim_floods *floods, struct sim *sim)
{
    memset(floods, 0, sizeof(*floods));
    floods->sim = sim;
}

void sim_floods_deinit(struct sim_floods *floods)
{
    for (size_t i = 0; i < SIM_FLOODS_MAX; i++) {
        free(floods->all[i].has);
        free(floods->all[i].wave.copies);
        free(floods->all[i].next.copies);
    }
    memset(floods, 0, sizeof(*floods));
}

/* To every neighbour of |slot| but |from|. */
static void push(struct sim_flood *flood, uint32_t slot, uint32_t from)
{
    const struct sim_neighbors *neighbors =
        &flood->floods->sim->neighbors[slot];
    struct sim_wave *next = &flood->next;

    if (next->count + HYPARVIEW_ACTIVE_MAX > next->capacity) {
        next->capacity = 2 * next->capacity + HYPARVIEW_ACTIVE_MAX;
        next->copies = sim_must(
            realloc(next->copies, next->capacity * sizeof(*next->copies)));
    }
    for (uint32_t i = 0; i < neighbors->count; i++)
        if (neighbors->slots[i] != from)
            next->copies[next->count++] = (struct sim_flood_copy){
                .from = slot, .to = neighbors->slots[i]};
}

static bool is_neighbor(const struct sim *sim, uint32_t slot, uint32_t other)
{
    for (uint32_t i = 0; i < sim->neighbors[slot].count; i++)
        if (sim->neighbors[slot].slots[i] == other)
            return true;
    return false;
}

static void take_copy(struct sim_flood *flood, struct sim_flood_copy copy)
{
    struct sim *sim = flood->floods->sim;
    uint64_t bit = UINT64_C(1) << (copy.to % 64);

    if (!sim->is_alive[copy.to]) {
        if (sim->is_alive[copy.from])
            sim_send_failed(sim, copy.from, copy.to);
        return;
    }
    if ((flood->has[copy.to / 64] & bit) == 0) {
        flood->has[copy.to / 64] |= bit;
        flood->record->delivered++;
        flood->record->hops_max = flood->hops;
        push(flood, copy.to, copy.from);
    }
    if (sim->is_alive[copy.from] && !is_neighbor(sim, copy.to, copy.from))
        sim_stray(sim, copy.to, copy.from);
}

static void wave_arrives(struct sim *sim, void *argument);

static void wave_send(struct sim_flood *flood)
{
    struct sim_wave sent = flood->next;

    flood->next = flood->wave;
    flood->next.count = 0;
    flood->wave = sent;
    flood->record->payloads += (uint32_t)sent.count;
    if (sent.count == 0) {
        flood->is_busy = false;
        return;
    }
    flood->hops++;
    sim_at(flood->floods->sim, flood->floods->sim->latency_max_ns, wave_arrives,
           flood);
}

static void wave_arrives(struct sim *sim, void *argument)
{
    struct sim_flood *flood = argument;

    (void)sim;
    for (size_t i = 0; i < flood->wave.count; i++)
        take_copy(flood, flood->wave.copies[i]);
    wave_send(flood);
}

void sim_flood(struct sim_floods *floods, uint32_t slot,
               struct sim_record *record)
{
    struct sim *sim = floods->sim;
    struct sim_flood *flood = floods->all;

    assert(sim->latency_min_ns == sim->latency_max_ns);
    assert(sim->is_alive[slot]);
    while (flood->is_busy)
        if (++flood == floods->all + SIM_FLOODS_MAX)
            abort();
    flood->floods = floods;
    flood->is_busy = true;
    flood->record = record;
    flood->hops = 0;
    if (flood->has == NULL)
        flood->has = sim_must(malloc(words_count(sim) * sizeof(uint64_t)));
    memset(flood->has, 0, words_count(sim) * sizeof(uint64_t));
    flood->has[slot / 64] |= UINT64_C(1) << (slot % 64);
    record->delivered++;
    push(flood, slot, slot);
    wave_send(flood);
}
