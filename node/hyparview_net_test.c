/* Whole networks under virtual time. */
#include "hyparview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim_net.h"

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

enum {
    SEED = 20070625,
    NODES_COUNT = 200,
};

static void assert_views_sound(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct sim_node *node = &sim->nodes[i];
        const struct hyparview *h = &node->hyparview;

        if (!node->is_alive)
            continue;
        assert_true(hyparview_active_count(h) <= 5);
        assert_true(hyparview_passive_count(h) <= 30);
        assert_true(hyparview_requests_count(h) <= HYPARVIEW_REQUESTS_MAX);
        assert_false(hyparview_is_active(h, &node->self.id));
        for (size_t j = 0; j < hyparview_passive_count(h); j++) {
            const struct peer_id *id = &hyparview_passive_at(h, j)->id;

            assert_false(peer_id_equal(id, &node->self.id));
            assert_false(hyparview_is_active(h, id));
        }
        assert_int_equal(plumtree_peers_count(&node->plumtree),
                         hyparview_active_count(h));
    }
}

/* Connections that serve no link between neighbours are few and passing. */
static void assert_no_needless_links(const struct sim *sim)
{
    size_t links_count = 0, active_count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        if (!sim->nodes[i].is_alive)
            continue;
        links_count += sim->nodes[i].links_count;
        active_count += hyparview_active_count(&sim->nodes[i].hyparview);
    }
    assert_true(links_count <= active_count + 16);
}

/* A link is in one view only while a message about it is under way. */
static void assert_symmetric(struct sim *sim)
{
    for (int i = 0; i < 20 && sim_one_sided_count(sim) > 0; i++)
        sim_run(sim, 50 * MS_NS);
    assert_int_equal(sim_one_sided_count(sim), 0);
}

static void build(struct sim *sim, uint32_t count, uint64_t seed)
{
    sim_init(sim, count, seed);
    sim_spawn(sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < count; i++) {
        sim_spawn(sim, i, (int)rng_below(&sim->rng, i));
        sim_run(sim, 10 * MS_NS);
    }
    sim_run(sim, 60 * SECOND_NS);
}

static void two_hundred_join_into_one_symmetric_overlay(void **state)
{
    struct sim sim;
    uint32_t full = 0;

    (void)state;
    build(&sim, NODES_COUNT, SEED);
    assert_views_sound(&sim);
    assert_int_equal(sim_reachable_count(&sim, 0), NODES_COUNT);
    assert_symmetric(&sim);
    for (uint32_t i = 0; i < NODES_COUNT; i++) {
        const struct hyparview *h = &sim.nodes[i].hyparview;

        full += hyparview_active_count(h) == 5;
        assert_true(hyparview_passive_count(h) >= 15);
    }
    assert_no_needless_links(&sim);
    assert_true(full >= NODES_COUNT * 95 / 100);
    sim_deinit(&sim);
}

static uint64_t links_made(const struct sim *sim)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            count += hyparview_stats(&sim->nodes[i].hyparview)->neighbors_up;
    return count;
}

/* Looking for lost parts makes nodes drop others, which must not make these
 * look in turn. */
static void quiet_mesh_stays_quiet(void **state)
{
    struct sim sim;
    uint64_t before;

    (void)state;
    build(&sim, NODES_COUNT, SEED + 6);
    sim_run(&sim, 600 * SECOND_NS);
    before = links_made(&sim);
    sim_run(&sim, 60 * SECOND_NS);
    /* A walk each 300 s and node moves about two links, with two ends. */
    assert_true(links_made(&sim) - before < NODES_COUNT * 60 / 300 * 8);
    sim_deinit(&sim);
}

static void survivors_of_a_mass_failure_heal(void **state)
{
    struct sim sim;

    (void)state;
    build(&sim, NODES_COUNT, SEED + 1);
    for (uint32_t i = 0; i < NODES_COUNT; i++)
        if (i % 10 < 3)
            sim_crash(&sim, i);
    sim_run(&sim, 10 * SECOND_NS);
    assert_views_sound(&sim);
    assert_int_equal(sim_alive_count(&sim), NODES_COUNT * 7 / 10);
    assert_int_equal(sim_reachable_count(&sim, 3), NODES_COUNT * 7 / 10);
    assert_symmetric(&sim);
    assert_int_equal(sim_dangling_count(&sim), 0);
    sim_deinit(&sim);
}

static void leaving_frees_the_places_at_once(void **state)
{
    struct sim sim;
    struct peer_id gone;

    (void)state;
    build(&sim, 50, SEED + 2);
    gone = sim.nodes[7].self.id;
    sim_leave(&sim, 7);
    sim_run(&sim, sim.latency_max_ns);
    for (uint32_t i = 0; i < 50; i++) {
        const struct hyparview *h = &sim.nodes[i].hyparview;

        if (i == 7)
            continue;
        assert_false(hyparview_is_active(h, &gone));
    }
    sim_run(&sim, SECOND_NS);
    assert_int_equal(sim_reachable_count(&sim, 0), 49);
    assert_symmetric(&sim);
    sim_deinit(&sim);
}

/* Lost messages may leave a link one-sided; traffic over it puts it right. */
static struct rng loss;

static bool drop_tenth(const struct sim *sim, uint32_t from, uint32_t to,
                       const struct wire_message *message)
{
    (void)from;
    (void)to;
    (void)message;
    (void)sim;
    return rng_below(&loss, 10) == 0;
}

static void symmetry_returns_after_lost_messages(void **state)
{
    struct sim sim;

    (void)state;
    sim_init(&sim, 100, SEED + 3);
    rng_init(&loss, SEED);
    sim.drop = drop_tenth;
    sim_spawn(&sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < 100; i++) {
        sim_spawn(&sim, i, 0);
        sim_run(&sim, 20 * MS_NS);
    }
    sim.drop = NULL;
    for (uint32_t i = 0; i < 40; i++) {
        sim_broadcast(&sim, i, i);
        sim_run(&sim, 3 * SECOND_NS);
    }
    assert_views_sound(&sim);
    assert_symmetric(&sim);
    assert_int_equal(sim_reachable_count(&sim, 0), 100);
    sim_deinit(&sim);
}

/* Kills a random churner of 24 every 10 ms (three are never killed) and
 * spawns another in its place. */
static uint64_t churn(uint64_t seed, uint32_t steps)
{
    struct sim sim;
    uint64_t hash;

    sim_init(&sim, 24, seed);
    sim_spawn(&sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < 24; i++)
        sim_spawn(&sim, i, (int)(i < 3 ? 0 : i % 3));
    sim_run(&sim, SECOND_NS);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t slot = 3 + (uint32_t)rng_below(&sim.rng, 21);

        sim_crash(&sim, slot);
        sim_spawn(&sim, slot, (int)rng_below(&sim.rng, 3));
        if (i % 10 == 0)
            sim_broadcast(&sim, i % 3, i % SIM_BROADCASTS_MAX);
        sim_run(&sim, 10 * MS_NS);
        if (i % 50 == 0)
            assert_views_sound(&sim);
    }
    /* At the next standstill everything is whole again. */
    sim_run(&sim, 10 * SECOND_NS);
    assert_views_sound(&sim);
    assert_int_equal(sim_reachable_count(&sim, 0), 24);
    assert_symmetric(&sim);
    assert_int_equal(sim_dangling_count(&sim), 0);
    assert_no_needless_links(&sim);
    hash = sim.trace_hash;
    sim_deinit(&sim);
    return hash;
}

static void two_thousand_churn_steps_leave_a_whole_mesh(void **state)
{
    (void)state;
    churn(SEED, 2000);
}

static void same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    assert_true(churn(SEED + 4, 200) == churn(SEED + 4, 200));
    assert_true(churn(SEED + 4, 200) != churn(SEED + 5, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_join_into_one_symmetric_overlay),
        cmocka_unit_test(quiet_mesh_stays_quiet),
        cmocka_unit_test(survivors_of_a_mass_failure_heal),
        cmocka_unit_test(leaving_frees_the_places_at_once),
        cmocka_unit_test(symmetry_returns_after_lost_messages),
        cmocka_unit_test(two_thousand_churn_steps_leave_a_whole_mesh),
        cmocka_unit_test(same_seed_gives_the_same_trace),
    };

    fprintf(stderr, "# seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
