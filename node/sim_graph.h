/* sim_graph.h - the overlay as a graph, and the figures of it that papers on
 * membership give.
 *
 * Nodes are the live ones, edges the entries of their active views that lead
 * to live nodes. Reachability, clustering and path lengths are those of the
 * graph without directions, which differs from the other only by the few
 * one-sided links.
 */
#ifndef SIM_GRAPH_H
#define SIM_GRAPH_H

#include <stdint.h>

#include "rng.h"
#include "sim_net.h"

enum { SIM_DEGREE_MAX = 32 }; /* the last bin holds all above it too */

struct sim_graph_figures {
    uint32_t nodes_count;
    uint32_t components_count;
    uint32_t largest_count;   /* nodes in the largest component */
    uint32_t one_sided_count; /* entries that are not returned */
    uint32_t dangling_count;  /* entries that lead to a dead node */
    uint32_t in_degrees[SIM_DEGREE_MAX + 1]; /* nodes with so many */
    double degree_mean;                      /* size of the active view */
    double passive_mean;                     /* size of the passive view */
    double clustering_mean;
    uint32_t sources_count; /* from which paths were measured */
    double path_mean;       /* hops, over all pairs that are connected */
    uint32_t path_max;
};

/* Measures the whole, and shortest paths from |sources_max| random nodes, or
 * all if there are no more. Aborts without memory. */
void sim_graph_measure(const struct sim *sim, uint32_t sources_max,
                       struct rng *rng, struct sim_graph_figures *ret_figures);

#endif
