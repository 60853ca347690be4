/* What the simulation is there to show, on a mesh that is small enough for
 * every run of the tests. */
#include "branch.h"
#include "meshsim.h"
#include "sim_flood.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_NS INT64_C(3600000000000)

enum { SEED = 20070625, NODES_COUNT = 500, FULL = 5 };

static struct meshsim_config config;
static struct meshsim_results results;
static volatile sig_atomic_t is_cancelled;

static void small_config(struct meshsim_config *ret_config)
{
    *ret_config = (struct meshsim_config){
        .seed = SEED,
        .nodes = NODES_COUNT,
        .cycles = 20,
        .cycle_ms = 60000,
        .hop_ms = 1,
        .notice_ms = 100,
        .messages = 300,
        .gap_ms = 10,
        .tree_messages = 20,
        .tree_gap_ms = 500,
        .healing_cycles = 10,
        .path_sources = 100,
        .experiments = MESHSIM_EVERYTHING,
    };
    hyparview_params_default(&ret_config->hyparview);
    plumtree_params_default(&ret_config->plumtree);
    ret_config->hyparview.refresh_min_ns = 24 * HOUR_NS;
    ret_config->hyparview.refresh_max_ns = 24 * HOUR_NS;
}

static int run_small(void **state)
{
    (void)state;
    small_config(&config);
    return meshsim_run(&config, NULL, &is_cancelled, &results);
}

static void overlay_is_one_symmetric_random_graph(void **state)
{
    const struct sim_graph_figures *graph = &results.overlay.graph;
    uint32_t above = 0;

    (void)state;
    assert_int_equal(graph->nodes_count, NODES_COUNT);
    assert_int_equal(graph->components_count, 1);
    assert_int_equal(graph->largest_count, NODES_COUNT);
    assert_int_equal(graph->one_sided_count, 0);
    assert_int_equal(graph->dangling_count, 0);
    for (uint32_t i = FULL + 1; i <= SIM_DEGREE_MAX; i++)
        above += graph->in_degrees[i];
    assert_int_equal(above, 0);
    assert_true(graph->in_degrees[FULL] >= NODES_COUNT * 95 / 100);
    /* ln 500 / ln 4 = 4.5 in a random graph of that degree. */
    assert_true(graph->path_mean > 4.0 && graph->path_mean < 4.7);
    assert_true(graph->clustering_mean < 0.02);
    assert_int_equal(graph->sources_count, 100);
    assert_true(results.overlay.flood_hops >= graph->path_mean);
    assert_true(results.overlay.flood_hops <= graph->path_max + 1);
    assert_true(results.overlay.uneven_hops > results.overlay.flood_hops);
}

/* A triangle and a pair that know nothing of each other, where every figure
 * can be told by hand. */
static void figures_of_a_graph_drawn_by_hand_are_right(void **state)
{
    static struct sim sim;
    static struct sim_floods floods;
    struct sim_graph_figures graph;
    struct sim_record record = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, SEED);
    sim_init(&sim, 5, SEED);
    sim_floods_init(&floods, &sim);
    sim.latency_min_ns = sim.latency_max_ns = INT64_C(1000000);
    sim.detection_max_ns = 0;
    for (uint32_t i = 0; i < 5; i++) {
        sim_spawn(&sim, i, i == 0 || i == 3 ? SIM_ALL : i < 3 ? 0 : 3);
        sim_run(&sim, INT64_C(1000000000));
    }
    sim_graph_measure(&sim, 5, &rng, &graph);
    assert_int_equal(graph.components_count, 2);
    assert_int_equal(graph.largest_count, 3);
    assert_int_equal(graph.in_degrees[1], 2);
    assert_int_equal(graph.in_degrees[2], 3);
    assert_true(graph.degree_mean > 1.599 && graph.degree_mean < 1.601);
    assert_true(graph.clustering_mean > 0.599 && graph.clustering_mean < 0.601);
    assert_true(graph.path_mean > 0.999 && graph.path_mean < 1.001);

    sim_flood(&floods, 1, &record);
    sim_run(&sim, INT64_C(100000000));
    assert_int_equal(record.delivered, 3);
    assert_int_equal(record.hops_max, 1);
    assert_int_equal(record.payloads, 4); /* two, then one across each way */

    /* Nobody notices until somebody sends. */
    sim_crash(&sim, 2);
    sim_graph_measure(&sim, 5, &rng, &graph);
    assert_int_equal(graph.nodes_count, 4);
    assert_int_equal(graph.dangling_count, 2);
    sim_flood(&floods, 1, &record);
    sim_run(&sim, INT64_C(100000000));
    sim_graph_measure(&sim, 5, &rng, &graph);
    assert_int_equal(graph.dangling_count, 0);
    sim_floods_deinit(&floods);
    sim_deinit(&sim);
}

static void messages_reach_the_survivors_of_mass_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++) {
        const struct meshsim_failures *failures = &results.failures[i];

        if (meshsim_percents[i] <= 50)
            assert_true(failures->noticed > 0.99);
        if (meshsim_percents[i] <= 80) {
            assert_true(failures->noticed > 0.95);
            assert_true(failures->noticed_last >= 1);
            assert_int_equal(failures->components_count, 1);
        }
        /* The failures are there: the very first message meets them. */
        if (meshsim_percents[i] >= 60)
            assert_true(failures->noticed_first < 0.99);
    }
}

static void overlay_heals_within_two_cycles(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++) {
        if (meshsim_percents[i] > 60)
            continue;
        assert_in_range(results.healing[i].noticed_cycles, 1, 2);
        assert_true(results.healing[i].sent_cycles >=
                    results.healing[i].noticed_cycles);
    }
}

static void plumtree_sends_each_payload_once_and_floods_four_times(void **state)
{
    const struct meshsim_trees_before *before = &results.trees_before;

    (void)state;
    assert_true(before->flood.redundancy > 2.8);
    assert_true(before->flood.redundancy < 3.1);
    assert_true(before->flood.control == 0);
    assert_true(before->one_sender.redundancy < 0.01);
    assert_true(before->many_senders.redundancy < 0.01);
    assert_true(before->one_sender.reliability >= 1);
    assert_true(before->many_senders.reliability >= 1);
    assert_true(before->one_sender.hops <= before->many_senders.hops);
    for (size_t i = 0; i < MESHSIM_TREES_COUNT; i++) {
        if (meshsim_tree_percents[i] > 50)
            continue;
        /* The first message may find no way at all. */
        assert_true(results.trees[i].right_after.reliability >
                    1 - 1.01 / (double)config.tree_messages);
        assert_true(results.trees[i].healed.reliability >= 1);
        assert_true(results.trees[i].healed.redundancy < 0.01);
    }
}

static void same_seed_gives_the_same_figures(void **state)
{
    static struct meshsim_results once, again, other;
    struct meshsim_config small;

    (void)state;
    small_config(&small);
    small.nodes = 100;
    small.cycles = 5;
    small.messages = 20;
    assert_int_equal(meshsim_run(&small, NULL, &is_cancelled, &once), 0);
    assert_int_equal(meshsim_run(&small, NULL, &is_cancelled, &again), 0);
    small.seed++;
    assert_int_equal(meshsim_run(&small, NULL, &is_cancelled, &other), 0);
    assert_memory_equal(&once, &again, sizeof(once));
    assert_memory_not_equal(&once, &other, sizeof(once));
}

static void experiment_does_not_depend_on_which_others_run(void **state)
{
    static struct meshsim_results alone;
    struct meshsim_config small = config;

    (void)state;
    small.experiments = MESHSIM_FAILURES;
    assert_int_equal(meshsim_run(&small, NULL, &is_cancelled, &alone), 0);
    assert_memory_equal(alone.failures, results.failures,
                        sizeof(alone.failures));
    assert_int_equal(alone.healing[0].cycles_count, 0);
}

static void cancelled_run_ends_with_eintr(void **state)
{
    static struct meshsim_results nothing;

    (void)state;
    is_cancelled = 1;
    assert_int_equal(meshsim_run(&config, NULL, &is_cancelled, &nothing),
                     -EINTR);
    is_cancelled = 0;
}

static void answer(void *argument, void *result)
{
    int *number = argument;

    *(int *)result = *number + 1;
    *number = 0;
}

static void die(void *argument, void *result)
{
    (void)argument;
    (void)result;
    _Exit(EXIT_FAILURE);
}

static void branch_gives_its_result_and_leaves_all_else_alone(void **state)
{
    int number = 41, result = 0;

    (void)state;
    assert_int_equal(
        branch_run(answer, &number, &result, sizeof(result), &is_cancelled), 0);
    assert_int_equal(result, 42);
    assert_int_equal(number, 41);
    assert_int_equal(
        branch_run(die, NULL, &result, sizeof(result), &is_cancelled), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlay_is_one_symmetric_random_graph),
        cmocka_unit_test(figures_of_a_graph_drawn_by_hand_are_right),
        cmocka_unit_test(messages_reach_the_survivors_of_mass_failures),
        cmocka_unit_test(overlay_heals_within_two_cycles),
        cmocka_unit_test(
            plumtree_sends_each_payload_once_and_floods_four_times),
        cmocka_unit_test(same_seed_gives_the_same_figures),
        cmocka_unit_test(experiment_does_not_depend_on_which_others_run),
        cmocka_unit_test(cancelled_run_ends_with_eintr),
        cmocka_unit_test(branch_gives_its_result_and_leaves_all_else_alone),
    };

    (void)fprintf(stderr, "# seed %d\n", SEED);
    return cmocka_run_group_tests(tests, run_small, NULL);
}
