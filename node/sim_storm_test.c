/* Storms: whole networks under random loss, doubling, overtaking, crashes,
 * joins and leaves, all from one printed seed, with small tables, so that
 * every bound is met. What must hold at any moment is checked after every
 * step; what must hold once it is quiet, afterwards.
 *
 *     sim_storm_test [ROUNDS [SEED]]
 */
#include "sim_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

enum {
    ROUNDS = 12,
    STAYERS_COUNT = 3, /* never crash: the contacts of all others */
    NODES_MIN = 8,
    NODES_MAX = 64,
    STEPS_COUNT = 400,
    /* Numbers of broadcasts: those of the storm, those after it. */
    QUIET_FIRST = 512,
    QUIET_COUNT = 40,
};

static uint64_t first_seed = 20260925;
static uint64_t rounds_count = ROUNDS;

static uint32_t below(struct sim *sim, uint32_t bound)
{
    return (uint32_t)rng_below(&sim->rng, bound);
}

/* At any moment. */

static void assert_hyparview_sound(const struct sim_node *node)
{
    const struct hyparview *h = &node->hyparview;

    assert_true(hyparview_active_count(h) <= (size_t)h->params.active_max);
    assert_true(hyparview_passive_count(h) <= (size_t)h->params.passive_max);
    assert_true(hyparview_requests_count(h) <= HYPARVIEW_REQUESTS_MAX);
    assert_true(hyparview_failed_count(h, node->sim->now_ns) <=
                (size_t)h->params.failed_max);
    for (size_t i = 0; i < hyparview_active_count(h); i++) {
        const struct peer_id *id = &hyparview_active_at(h, i)->id;

        assert_true(peer_id_is_set(id));
        assert_false(peer_id_equal(id, &node->self.id));
        for (size_t j = 0; j < i; j++)
            assert_false(peer_id_equal(id, &hyparview_active_at(h, j)->id));
    }
    for (size_t i = 0; i < hyparview_passive_count(h); i++) {
        const struct peer_id *id = &hyparview_passive_at(h, i)->id;

        assert_true(peer_id_is_set(id));
        assert_false(peer_id_equal(id, &node->self.id));
        assert_false(hyparview_is_active(h, id));
        for (size_t j = 0; j < i; j++)
            assert_false(peer_id_equal(id, &hyparview_passive_at(h, j)->id));
    }
}

static void assert_plumtree_sound(const struct sim_node *node)
{
    const struct plumtree *p = &node->plumtree;
    size_t peers = plumtree_peers_count(p);

    assert_int_equal(peers, hyparview_active_count(&node->hyparview));
    assert_int_equal(plumtree_records_count(p), peers);
    assert_true(plumtree_seen_count(p) <= (size_t)p->params.seen_max);
    assert_true(plumtree_cached_count(p) <= (size_t)p->params.cache_max);
    assert_true(plumtree_cached_bytes(p) <= (size_t)p->params.cache_bytes_max);
    assert_true(plumtree_missing_count(p) <= (size_t)p->params.missing_max);
    assert_true(plumtree_lazy_queue_count(p) <= peers * WIRE_IHAVE_MAX);
    assert_true(plumtree_heap_bytes(p) < 40000);
}

static void assert_sound(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        if (!sim->nodes[i].is_alive)
            continue;
        assert_hyparview_sound(&sim->nodes[i]);
        assert_plumtree_sound(&sim->nodes[i]);
    }
}

/* The storm. */

static void storm_init(struct sim *sim, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    sim_init(sim, NODES_MIN + (uint32_t)rng_below(&rng, NODES_MAX - NODES_MIN),
             seed);
    sim->faults = (struct sim_faults){
        .loss_ppm = below(sim, 500000),
        .duplicate_ppm = below(sim, 300000),
        .reorder_ppm = below(sim, 300000),
        .reorder_max_ns = rng_between(&sim->rng, MS_NS, 500 * MS_NS),
    };
    sim->detection_max_ns = rng_between(&sim->rng, 0, 2) * SECOND_NS;
    sim->hyparview_params.active_max = rng_between(&sim->rng, 3, 7);
    sim->hyparview_params.passive_max = rng_between(&sim->rng, 4, 30);
    sim->hyparview_params.failed_max = rng_between(&sim->rng, 0, 16);
    sim->hyparview_params.shuffle_period_ns = SECOND_NS;
    sim->plumtree_params.seen_max = 48;
    sim->plumtree_params.cache_max = 12;
    sim->plumtree_params.cache_bytes_max = 400;
    sim->plumtree_params.missing_max = 8;
    sim_spawn(sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < STAYERS_COUNT; i++)
        sim_spawn(sim, i, 0);
}

/* Something happens to a node that is no stayer. */
static void storm_step(struct sim *sim, uint32_t step)
{
    uint32_t slot = STAYERS_COUNT + below(sim, sim->nodes_max - STAYERS_COUNT);

    if (!sim->nodes[slot].is_alive)
        sim_spawn(sim, slot, (int)below(sim, STAYERS_COUNT));
    else if (below(sim, 4) == 0)
        sim_leave(sim, slot);
    else if (below(sim, 3) == 0)
        sim_crash(sim, slot);
    else
        sim_broadcast(sim, slot, step % QUIET_FIRST);
    sim_run(sim, rng_between(&sim->rng, 0, 300) * MS_NS);
}

/* Broadcasts go on: they are what shows a link that only one end knows of. */
static void quiet_down(struct sim *sim)
{
    memset(&sim->faults, 0, sizeof(sim->faults));
    for (uint32_t i = 0; i < QUIET_COUNT; i++) {
        uint32_t slot = below(sim, sim->nodes_max);

        if (sim->nodes[slot].is_alive)
            sim_broadcast(sim, slot, QUIET_FIRST + i);
        sim_run(sim, 2 * SECOND_NS);
    }
}

/* Once it is quiet. */

static void assert_nothing_kept_of_the_gone(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (!node->is_alive)
            continue;
        assert_int_equal(plumtree_missing_count(&node->plumtree), 0);
        assert_int_equal(plumtree_lazy_queue_count(&node->plumtree), 0);
        for (uint32_t j = 0; j < node->links_count; j++) {
            const struct sim_node *peer = &sim->nodes[node->links[j].slot];

            if (sim->detection_max_ns == 0)
                continue; /* nobody has told the connection */
            assert_true(peer->is_alive);
            assert_int_equal(peer->incarnation, node->links[j].incarnation);
        }
        /* Passing connections of shuffles and requests apart. */
        assert_true(node->links_count <=
                    hyparview_active_count(&node->hyparview) + 8);
    }
}

static void assert_delivered_once_to_all(struct sim *sim)
{
    uint32_t alive = sim_alive_count(sim);

    for (uint32_t i = 0; i < 8; i++) {
        uint32_t number = QUIET_FIRST + QUIET_COUNT + i;
        uint32_t slot;

        do
            slot = below(sim, sim->nodes_max);
        while (!sim->nodes[slot].is_alive);
        sim_broadcast(sim, slot, number);
        sim_run(sim, 3 * SECOND_NS);
        assert_int_equal(sim_delivered_count(sim, number, 1), alive);
    }
}

static void assert_symmetric(struct sim *sim)
{
    for (int i = 0; i < 40 && sim_one_sided_count(sim) > 0; i++)
        sim_run(sim, 50 * MS_NS);
    assert_int_equal(sim_one_sided_count(sim), 0);
}

static uint64_t storm(uint64_t seed)
{
    static struct sim sim;
    uint64_t hash;

    fprintf(stderr, "# storm seed %llu\n", (unsigned long long)seed);
    storm_init(&sim, seed);
    for (uint32_t step = 0; step < STEPS_COUNT; step++) {
        storm_step(&sim, step);
        assert_sound(&sim);
    }
    quiet_down(&sim);
    assert_sound(&sim);
    assert_symmetric(&sim);
    assert_int_equal(sim_dangling_count(&sim), 0);
    assert_int_equal(sim_reachable_count(&sim, 0), sim_alive_count(&sim));
    assert_delivered_once_to_all(&sim);
    assert_nothing_kept_of_the_gone(&sim);
    hash = sim.trace_hash;
    sim_deinit(&sim);
    return hash;
}

static void storms_leave_a_whole_mesh(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < rounds_count; i++)
        (void)storm(first_seed + i);
}

static void storm_is_a_function_of_its_seed(void **state)
{
    (void)state;
    assert_true(storm(first_seed) == storm(first_seed));
    assert_true(storm(first_seed) != storm(first_seed + 1));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms_leave_a_whole_mesh),
        cmocka_unit_test(storm_is_a_function_of_its_seed),
    };

    if (argc > 1)
        rounds_count = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
