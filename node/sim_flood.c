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
        for (size_t j = 0; j <= SIM_FLOOD_STEPS; j++)
            free(floods->all[i].waves[j].copies);
    }
    memset(floods, 0, sizeof(*floods));
}

/* Steps that the longest latency is made of: one where all are the same. */
static uint32_t steps_count(const struct sim *sim)
{
    return sim->latency_min_ns == sim->latency_max_ns ? 1 : SIM_FLOOD_STEPS;
}

static void copy_send(struct sim_flood *flood, struct sim_flood_copy copy)
{
    const struct sim *sim = flood->floods->sim;
    uint32_t steps = steps_count(sim), delay = 1;
    struct sim_wave *wave;

    if (steps > 1)
        delay = (uint32_t)((sim_latency_ns(sim, copy.from, copy.to) * steps +
                            sim->latency_max_ns - 1) /
                           sim->latency_max_ns);
    wave = &flood->waves[(flood->now + delay) % (SIM_FLOOD_STEPS + 1)];
    if (wave->count == wave->capacity) {
        wave->capacity = 2 * wave->capacity + 64;
        wave->copies = sim_must(
            realloc(wave->copies, wave->capacity * sizeof(*wave->copies)));
    }
    wave->copies[wave->count++] = copy;
    flood->copies_count++;
    flood->record->payloads++;
}

/* To every neighbour of |slot| but |from|. */
static void push(struct sim_flood *flood, uint32_t slot, uint32_t from,
                 uint32_t hops)
{
    const struct sim_neighbors *neighbors =
        &flood->floods->sim->neighbors[slot];

    for (uint32_t i = 0; i < neighbors->count; i++)
        if (neighbors->slots[i] != from)
            copy_send(flood, (struct sim_flood_copy){slot, neighbors->slots[i],
                                                     hops + 1});
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
        if (copy.hops > flood->record->hops_max)
            flood->record->hops_max = copy.hops;
        push(flood, copy.to, copy.from, copy.hops);
    }
    if (sim->is_alive[copy.from] && !is_neighbor(sim, copy.to, copy.from))
        sim_stray(sim, copy.to, copy.from);
}

static void wave_arrives(struct sim *sim, void *argument);

static void next_wave(struct sim_flood *flood)
{
    struct sim *sim = flood->floods->sim;

    flood->is_busy = flood->copies_count > 0;
    if (flood->is_busy)
        sim_at(sim, sim->latency_max_ns / steps_count(sim), wave_arrives,
               flood);
}

static void wave_arrives(struct sim *sim, void *argument)
{
    struct sim_flood *flood = argument;
    struct sim_wave *wave;

    (void)sim;
    flood->now = (flood->now + 1) % (SIM_FLOOD_STEPS + 1);
    wave = &flood->waves[flood->now];
    for (size_t i = 0; i < wave->count; i++)
        take_copy(flood, wave->copies[i]);
    flood->copies_count -= wave->count;
    wave->count = 0;
    next_wave(flood);
}

void sim_flood(struct sim_floods *floods, uint32_t slot,
               struct sim_record *record)
{
    struct sim *sim = floods->sim;
    struct sim_flood *flood = floods->all;

    assert(sim->is_alive[slot]);
    while (flood->is_busy)
        if (++flood == floods->all + SIM_FLOODS_MAX)
            abort();
    flood->floods = floods;
    flood->is_busy = true;
    flood->record = record;
    if (flood->has == NULL)
        flood->has = sim_must(malloc(words_count(sim) * sizeof(uint64_t)));
    memset(flood->has, 0, words_count(sim) * sizeof(uint64_t));
    flood->has[slot / 64] |= UINT64_C(1) << (slot % 64);
    record->delivered++;
    push(flood, slot, slot, 0);
    next_wave(flood);
}
