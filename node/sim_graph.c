/* Every node has a row of a table with its neighbours, in either direction. A
 * row is bounded: a node is named by others as long as their views are out of
 * step, but not by many. */
#include "sim_graph.h"

#include <stdlib.h>
#include <string.h>

enum { ROW_MAX = 4 * HYPARVIEW_ACTIVE_MAX, UNREACHED = UINT16_MAX };

struct graph {
    const struct sim *sim;
    struct row *rows;    /* of each slot */
    uint32_t *queue;     /* of a search */
    uint16_t *distances; /* from its source */
};

struct row {
    uint32_t count;
    uint32_t slots[ROW_MAX];
};

static bool row_holds(const struct row *row, uint32_t slot)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (row->slots[i] == slot)
            return true;
    return false;
}

static void row_add(struct row *row, uint32_t slot)
{
    if (row_holds(row, slot))
        return;
    if (row->count == ROW_MAX)
        abort();
    row->slots[row->count++] = slot;
}

/* Fills the rows, and counts what is seen of the views on the way. */
static void graph_build(struct graph *graph, struct sim_graph_figures *figures)
{
    const struct sim *sim = graph->sim;
    uint32_t *in_degrees =
        sim_must(calloc(sim->nodes_max, sizeof(*in_degrees)));
    double active = 0, passive = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (!node->is_alive)
            continue;
        figures->nodes_count++;
        active += (double)hyparview_active_count(&node->hyparview);
        passive += (double)hyparview_passive_count(&node->hyparview);
        for (size_t j = 0; j < hyparview_active_count(&node->hyparview); j++) {
            const struct sim_node *peer =
                sim_find(sim, hyparview_active_at(&node->hyparview, j));

            if (peer == NULL) {
                figures->dangling_count++;
                continue;
            }
            in_degrees[peer->slot]++;
            figures->one_sided_count +=
                !hyparview_is_active(&peer->hyparview, &node->self.id);
            row_add(&graph->rows[i], peer->slot);
            row_add(&graph->rows[peer->slot], i);
        }
    }
    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            figures
                ->in_degrees[in_degrees[i] < SIM_DEGREE_MAX ? in_degrees[i]
                                                            : SIM_DEGREE_MAX]++;
    free(in_degrees);
    if (figures->nodes_count > 0) {
        figures->degree_mean = active / figures->nodes_count;
        figures->passive_mean = passive / figures->nodes_count;
    }
}

/* Breadth first from a node, over what has no distance yet; gives the number
 * of nodes, which stand in the queue. */
static uint32_t search(struct graph *graph, uint32_t source)
{
    uint32_t first = 0, count = 0;

    graph->queue[count++] = source;
    graph->distances[source] = 0;
    while (first < count) {
        uint32_t slot = graph->queue[first++];
        const struct row *row = &graph->rows[slot];

        for (uint32_t i = 0; i < row->count; i++) {
            if (graph->distances[row->slots[i]] != UNREACHED)
                continue;
            graph->distances[row->slots[i]] =
                (uint16_t)(graph->distances[slot] + 1);
            graph->queue[count++] = row->slots[i];
        }
    }
    return count;
}

static void distances_clear(struct graph *graph)
{
    for (uint32_t i = 0; i < graph->sim->nodes_max; i++)
        graph->distances[i] = UNREACHED;
}

static void measure_components(struct graph *graph,
                               struct sim_graph_figures *figures)
{
    distances_clear(graph);
    for (uint32_t i = 0; i < graph->sim->nodes_max; i++) {
        uint32_t count;

        if (!graph->sim->nodes[i].is_alive || graph->distances[i] != UNREACHED)
            continue;
        count = search(graph, i);
        figures->components_count++;
        if (count > figures->largest_count)
            figures->largest_count = count;
    }
}

/* Of a node: how many pairs of its neighbours are neighbours themselves (Watts
 * and Strogatz, 1998). With fewer than two neighbours it is 0. */
static double clustering(const struct graph *graph, uint32_t slot)
{
    const struct row *row = &graph->rows[slot];
    uint32_t linked = 0;

    if (row->count < 2)
        return 0;
    for (uint32_t i = 0; i < row->count; i++)
        for (uint32_t j = i + 1; j < row->count; j++)
            linked += row_holds(&graph->rows[row->slots[i]], row->slots[j]);
    return 2.0 * linked / ((double)row->count * (row->count - 1));
}

static void measure_paths(struct graph *graph, uint32_t sources_max,
                          struct rng *rng, struct sim_graph_figures *figures)
{
    const struct sim *sim = graph->sim;
    uint32_t *sources = sim_must(calloc(sim->nodes_max, sizeof(*sources)));
    double hops = 0, pairs = 0;
    uint32_t alive = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            sources[alive++] = i;
    for (uint32_t i = 0; i < alive && i < sources_max; i++) {
        uint32_t j = i + (uint32_t)rng_below(rng, alive - i);
        uint32_t source = sources[j], count;

        sources[j] = sources[i];
        distances_clear(graph);
        count = search(graph, source);
        for (uint32_t k = 1; k < count; k++) {
            uint32_t distance = graph->distances[graph->queue[k]];

            hops += distance;
            if (distance > figures->path_max)
                figures->path_max = distance;
        }
        pairs += count - 1;
        figures->sources_count++;
    }
    figures->path_mean = pairs > 0 ? hops / pairs : 0;
    free(sources);
}

void sim_graph_measure(const struct sim *sim, uint32_t sources_max,
                       struct rng *rng, struct sim_graph_figures *ret_figures)
{
    struct graph graph = {
        .sim = sim,
        .rows = sim_must(calloc(sim->nodes_max, sizeof(struct row))),
        .queue = sim_must(calloc(sim->nodes_max, sizeof(uint32_t))),
        .distances = sim_must(calloc(sim->nodes_max, sizeof(uint16_t))),
    };
    double clustered = 0;

    memset(ret_figures, 0, sizeof(*ret_figures));
    graph_build(&graph, ret_figures);
    measure_components(&graph, ret_figures);
    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            clustered += clustering(&graph, i);
    if (ret_figures->nodes_count > 0)
        ret_figures->clustering_mean = clustered / ret_figures->nodes_count;
    measure_paths(&graph, sources_max, rng, ret_figures);
    free(graph.rows);
    free(graph.queue);
    free(graph.distances);
}
