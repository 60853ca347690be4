/* The tables. What is published stands beside what was measured, with where it
 * is said; ~ marks what the papers give in prose or as a plot only. */
#include "meshsim.h"

#include <string.h>

enum { PUBLISHED_NODES = 10000 };

const int meshsim_published_reliability[MESHSIM_PERCENTS_COUNT] = {
    100, 100, 100, 100, 100, 100, 100, 100, 100, 90};
static const char *const published_healing[MESHSIM_PERCENTS_COUNT] = {
    "~1-2", "~1-2", "~1-2", "~1-2", "~1-2", "~1-2", "~1-2", "-", "-", "-"};

static void row(FILE *out, const char *what, const char *measured,
                const char *published)
{
    (void)fprintf(out, "  %-42s %12s   %s\n", what, measured, published);
}

static const char *text(char *buffer, int digits, double value,
                        const char *unit)
{
    enum { TEXT_SIZE = 32 };

    (void)snprintf(buffer, TEXT_SIZE, "%.*f%s", digits, value, unit);
    return buffer;
}

static void report_overlay(const struct meshsim_config *config,
                           const struct meshsim_overlay *overlay, FILE *out)
{
    const struct sim_graph_figures *graph = &overlay->graph;
    double nodes = graph->nodes_count;
    uint32_t full = config->hyparview.active_max <= SIM_DEGREE_MAX
                        ? graph->in_degrees[config->hyparview.active_max]
                        : 0;
    char buffer[32];

    (void)fprintf(out, "The overlay, after %lld cycles of shuffles\n",
                  (long long)config->cycles);
    row(out, "", "measured", "published");
    row(out, "connected components",
        text(buffer, 0, graph->components_count, ""), "1 [1]");
    row(out, "nodes named by as many as a view holds",
        text(buffer, 1, 100 * full / nodes, " %"), "~ nearly all [1]");
    row(out, "clustering coefficient",
        text(buffer, 6, graph->clustering_mean, ""), "0.00092 [1, table 1]");
    row(out, "shortest path, mean", text(buffer, 4, graph->path_mean, ""),
        "6.38542 [1, table 1]");
    row(out, "shortest path, longest", text(buffer, 0, graph->path_max, ""),
        "");
    row(out, "hops to the last delivery of a flood",
        text(buffer, 2, overlay->flood_hops, ""), "9.0 [1, table 1]");
    row(out, "the same, some links twice as slow",
        text(buffer, 2, overlay->uneven_hops, ""), "");
    row(out, "active view, mean", text(buffer, 3, graph->degree_mean, ""),
        "5 at most [1]");
    row(out, "passive view, mean", text(buffer, 2, graph->passive_mean, ""),
        "30 at most [1]");
    row(out, "entries that are not returned",
        text(buffer, 0, graph->one_sided_count, ""), "");
    row(out, "membership messages, a node and cycle",
        text(buffer, 1,
             (double)overlay->messages_count / nodes / (double)config->cycles,
             ""),
        "");
    (void)fprintf(
        out,
        "  Paths are those from %u nodes to all others. As in the paper all "
        "nodes join\n  through the same one, without a pause. A random graph "
        "of this size and degree\n  would have a clustering of %.6f. Over "
        "links that are all equally fast\n  a flood takes the shortest paths; "
        "where latencies differ (the second figure),\n  the last delivery "
        "has crossed more links. The paper's lies between, at 10,000 nodes."
        "\n\n",
        graph->sources_count, (graph->degree_mean - 1) / nodes);
}

static void report_in_degrees(const struct sim_graph_figures *graph, FILE *out)
{
    (void)fprintf(out, "  in-degree");
    for (uint32_t i = 0; i <= SIM_DEGREE_MAX; i++)
        if (graph->in_degrees[i] > 0)
            (void)fprintf(out, "%s %u: %u", i == 0 ? "" : " ", i,
                          graph->in_degrees[i]);
    (void)fprintf(out, "\n\n");
}

static void report_failures(const struct meshsim_config *config,
                            const struct meshsim_results *results, FILE *out)
{
    (void)fprintf(
        out,
        "Reliability: survivors that get a message, mean of the %lld messages "
        "right after\n"
        "  failed    a crash is noticed within %lld ms    only by a send that "
        "fails   published\n"
        "              mean    first     last parts        mean    first     "
        "last   [1, fig. 2]\n",
        (long long)config->messages, (long long)config->notice_ms);
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++) {
        const struct meshsim_failures *f = &results->failures[i];

        (void)fprintf(out,
                      "  %4d %% %10.3f %8.2f %8.2f %5u  %10.3f %8.2f %8.2f   "
                      "~%d\n",
                      meshsim_percents[i], 100 * f->noticed,
                      100 * f->noticed_first, 100 * f->noticed_last,
                      f->components_count, 100 * f->sent, 100 * f->sent_first,
                      100 * f->sent_last, meshsim_published_reliability[i]);
    }
    (void)fprintf(
        out,
        "  In per cent; parts: components in the end. The first message goes "
        "out at the\n  moment of the crash and finds the overlay as it was "
        "left. Who has lost all five\n  neighbours gets nothing, sends "
        "nothing and, on the right, notices nothing: its\n  full view of dead "
        "neighbours turns away all who ask. At 95 %% that is three\n  in four "
        "of the survivors, so the published 90 %% takes a failure detector as "
        "on\n  the left: a connection that breaks is noticed without a "
        "send.\n\n");
}

static void healing_text(char *buffer, size_t size, int32_t cycles,
                         const struct meshsim_config *config)
{
    if (cycles > 0)
        (void)snprintf(buffer, size, "%d", cycles);
    else
        (void)snprintf(buffer, size, "> %lld",
                       (long long)config->healing_cycles);
}

static void report_healing(const struct meshsim_config *config,
                           const struct meshsim_results *results, FILE *out)
{
    (void)fprintf(
        out, "Healing: cycles of shuffles until ten messages in a row reach "
             "every survivor\n"
             "  failed    noticed    by sends    published [1, fig. 4]\n");
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++) {
        const struct meshsim_healing *h = &results->healing[i];
        char noticed[16], sent[16];

        healing_text(noticed, sizeof noticed, h->noticed_cycles, config);
        healing_text(sent, sizeof sent, h->sent_cycles, config);
        (void)fprintf(out, "  %4d %% %10s %11s    %s\n", meshsim_percents[i],
                      noticed, sent, published_healing[i]);
    }
    (void)fprintf(
        out,
        "  Between the failure and the end of the first cycle nobody sends "
        "anything but\n  shuffles, so on the right whole regions first have "
        "to find out by these. What\n  has neither a link nor a live peer in "
        "reserve must join anew, through a contact\n  that may be dead "
        "itself: here there is one for all.\n\n");
}

static void trees_row(FILE *out, const char *what,
                      const struct meshsim_broadcasts *b, const char *published)
{
    (void)fprintf(out, "  %-37s %8.3f %8.3f %8.2f %8.2f   %s\n", what,
                  100 * b->reliability, b->redundancy, b->hops, b->control,
                  published);
}

static void report_trees(const struct meshsim_config *config,
                         const struct meshsim_results *results, FILE *out)
{
    const struct meshsim_trees_before *before = &results->trees_before;

    (void)fprintf(
        out,
        "Plumtree against flooding, means of %lld messages\n"
        "  %-34s reliability      RMR      LDH  control   published\n",
        (long long)config->tree_messages, "");
    trees_row(out, "flood (eager push to all)", &before->flood,
              "RMR ~3 [2]; LDH 9.0 [1]");
    trees_row(out, "Plumtree, one sender", &before->one_sender,
              "RMR ~0, LDH as eager [2]");
    trees_row(out, "Plumtree, many senders", &before->many_senders,
              "RMR ~0, LDH longer [2]");
    for (size_t i = 0; i < MESHSIM_TREES_COUNT; i++) {
        const struct meshsim_trees_after *after = &results->trees[i];
        char what[64];

        (void)snprintf(what, sizeof what, "%d %% fail: flood right after",
                       meshsim_tree_percents[i]);
        trees_row(out, what, &after->flood, "");
        trees_row(out, "           Plumtree right after", &after->right_after,
                  i < MESHSIM_TREES_COUNT - 1 ? "~100 %, RMR rises [2]" : "");
        trees_row(out, "           Plumtree after two cycles", &after->healed,
                  "RMR ~0 [2]");
    }
    (void)fprintf(
        out,
        "  Reliability in per cent of the survivors. RMR: payloads sent for "
        "each receiver,\n  less the one it needs (0 is a tree). LDH: links to "
        "the last that got it.\n  Control: messages without payload for each "
        "message and node. The first message\n  after a failure meets the "
        "overlay as it was left: where it reaches nobody, the mean\n  of a "
        "hundred is 99. Repaired branches hang from whoever announced first, "
        "so the\n  tree gets deeper; many senders share one tree that suits "
        "none of them.\n");
}

void meshsim_report(const struct meshsim_config *config,
                    const struct meshsim_results *results, FILE *out)
{
    (void)fprintf(
        out,
        "%lld nodes, seed %llu; active view %lld, passive %lld, walks %lld "
        "and %lld, shuffles\nof %lld + %lld + 1; every link takes %lld ms\n\n",
        (long long)config->nodes, (unsigned long long)config->seed,
        (long long)config->hyparview.active_max,
        (long long)config->hyparview.passive_max,
        (long long)config->hyparview.active_walk_ttl,
        (long long)config->hyparview.passive_walk_ttl,
        (long long)config->hyparview.shuffle_active_count,
        (long long)config->hyparview.shuffle_passive_count,
        (long long)config->hop_ms);
    report_overlay(config, &results->overlay, out);
    report_in_degrees(&results->overlay.graph, out);
    if ((config->experiments & MESHSIM_FAILURES) != 0)
        report_failures(config, results, out);
    if ((config->experiments & MESHSIM_HEALING) != 0)
        report_healing(config, results, out);
    if ((config->experiments & MESHSIM_TREES) != 0)
        report_trees(config, results, out);
    if (config->nodes != PUBLISHED_NODES)
        (void)fprintf(out, "\nThe published figures are those of %d nodes.\n",
                      PUBLISHED_NODES);
    (void)fprintf(
        out, "\n[1] Leitao, Pereira, Rodrigues: HyParView, DSN 2007\n"
             "[2] Leitao, Pereira, Rodrigues: Epidemic broadcast trees, SRDS "
             "2007\n~   in the paper's prose or as a plot only, rounded\n");
}
