/* Questions about the whole network, asked through the contacts that the nodes
 * themselves hold, so that they are right under any churn. */
#include "sim_net.h"

#include <stdlib.h>

uint32_t sim_alive_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        count += sim->nodes[i].is_alive;
    return count;
}

uint32_t sim_reachable_count(const struct sim *sim, uint32_t slot)
{
    uint32_t *queue = sim_must(calloc(sim->nodes_max, sizeof(*queue)));
    bool *is_reached = sim_must(calloc(sim->nodes_max, sizeof(*is_reached)));
    uint32_t first = 0, count = 0;

    queue[count++] = slot;
    is_reached[slot] = true;
    while (first < count) {
        const struct hyparview *h = &sim->nodes[queue[first++]].hyparview;

        for (size_t i = 0; i < hyparview_active_count(h); i++) {
            const struct sim_node *peer =
                sim_find(sim, hyparview_active_at(h, i));

            if (peer == NULL || is_reached[peer->slot])
                continue;
            is_reached[peer->slot] = true;
            queue[count++] = peer->slot;
        }
    }
    free(queue);
    free(is_reached);
    return count;
}

uint32_t sim_one_sided_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (!node->is_alive)
            continue;
        for (size_t j = 0; j < hyparview_active_count(&node->hyparview); j++) {
            const struct sim_node *peer =
                sim_find(sim, hyparview_active_at(&node->hyparview, j));

            count += peer != NULL &&
                     !hyparview_is_active(&peer->hyparview, &node->self.id);
        }
    }
    return count;
}

uint32_t sim_dangling_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++) {
        const struct hyparview *h = &sim->nodes[i].hyparview;

        if (!sim->nodes[i].is_alive)
            continue;
        for (size_t j = 0; j < hyparview_active_count(h); j++)
            count += sim_find(sim, hyparview_active_at(h, j)) == NULL;
    }
    return count;
}

uint32_t sim_delivered_count(const struct sim *sim, uint32_t i, uint8_t times)
{
    uint32_t count = 0;

    for (uint32_t j = 0; j < sim->nodes_max; j++)
        count += sim->nodes[j].is_alive && sim->nodes[j].delivered[i] == times;
    return count;
}

uint32_t sim_eager_links_count(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            count += (uint32_t)plumtree_eager_count(&sim->nodes[i].plumtree);
    return count;
}
