/* The experiments. Happy path: nodes join one by one through the first of
 * them, shuffle for a while, are measured; then, for each percentage of
 * failures, a copy of the network loses so many nodes at random and goes on.
 *
 * Failure modes: an interrupted copy ends the run; everything else that could
 * go wrong is what is measured. */
#include "branch.h"
#include "meshsim.h"
#include "sim_flood.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS_NS INT64_C(1000000)

enum {
    JOIN_GAP_HOPS = 10,
    FLOODS_COUNT = 100,          /* for the last delivery hop */
    HEALING_MESSAGES_COUNT = 10, /* after each cycle, as in [1] */
    TREE_WARM_UP_COUNT = 20,
    TREE_SETTLE_CYCLES = 2,
    MESSAGES_MAX = 10000,
};

const int meshsim_percents[MESHSIM_PERCENTS_COUNT] = {10, 20, 30, 40, 50,
                                                      60, 70, 80, 90, 95};
const int meshsim_tree_percents[MESHSIM_TREES_COUNT] = {10, 30, 50, 70, 90};

/* What is handed down: the network, and what the copies are to do to it. */
struct world {
    const struct meshsim_config *config;
    FILE *progress;
    const volatile sig_atomic_t *is_cancelled;
    struct sim sim;
    struct sim_floods floods;
    struct rng rng;
    int percent;
    uint32_t sender; /* of Plumtree's broadcasts, never crashed */
};

/* On a terminal one line that changes, elsewhere a line each time. */
__attribute__((format(printf, 2, 3))) static void say(const struct world *world,
                                                      const char *format, ...)
{
    va_list arguments;

    if (world->progress == NULL)
        return;
    va_start(arguments, format);
    if (isatty(fileno(world->progress))) {
        (void)fprintf(world->progress, "\r\033[K");
        (void)vfprintf(world->progress, format, arguments);
    } else {
        (void)fprintf(world->progress, "meshsim: ");
        (void)vfprintf(world->progress, format, arguments);
        (void)fputc('\n', world->progress);
    }
    va_end(arguments);
    (void)fflush(world->progress);
}

static void say_done(const struct world *world)
{
    if (world->progress != NULL && isatty(fileno(world->progress)))
        (void)fprintf(world->progress, "\r\033[K");
}

static int64_t cycle_ns(const struct world *world)
{
    return world->config->cycle_ms * MS_NS;
}

/* A generator of its own for each experiment, so that the figures of one do
 * not depend on which others are run. */
static void reseed(struct world *world, uint64_t stream)
{
    rng_init(&world->rng, world->config->seed * 1000003 + stream);
}

static uint32_t random_alive(struct world *world)
{
    uint32_t slot;

    do
        slot = (uint32_t)rng_below(&world->rng, world->sim.nodes_max);
    while (!world->sim.is_alive[slot]);
    return slot;
}

/* Building. */

static void world_init(struct world *world)
{
    const struct meshsim_config *config = world->config;
    struct sim *sim = &world->sim;

    sim_init(sim, (uint32_t)config->nodes, config->seed);
    sim->latency_min_ns = sim->latency_max_ns = config->hop_ms * MS_NS;
    sim->detection_max_ns = config->notice_ms * MS_NS;
    sim->hyparview_params = config->hyparview;
    sim->hyparview_params.shuffle_period_ns = cycle_ns(world);
    sim->plumtree_params = config->plumtree;
    sim_floods_init(&world->floods, sim);
}

static int world_build(struct world *world)
{
    const struct meshsim_config *config = world->config;
    struct sim *sim = &world->sim;
    bool is_watched =
        world->progress != NULL && isatty(fileno(world->progress));

    say(world, "%lld nodes join", (long long)config->nodes);
    sim_spawn(sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < sim->nodes_max; i++) {
        sim_spawn(sim, i, 0);
        sim_run(sim, JOIN_GAP_HOPS * sim->latency_max_ns);
        if (*world->is_cancelled)
            return -EINTR;
        if (is_watched && i % 500 == 0)
            say(world, "%u of %lld nodes have joined", i,
                (long long)config->nodes);
    }
    if (!is_watched)
        say(world, "%lld cycles of shuffles", (long long)config->cycles);
    for (int64_t i = 0; i < config->cycles; i++) {
        sim_run(sim, cycle_ns(world));
        if (*world->is_cancelled)
            return -EINTR;
        if (is_watched)
            say(world, "cycle %lld of %lld", (long long)i + 1,
                (long long)config->cycles);
    }
    return 0;
}

/* So many per cent of the nodes, but not the sender, at the same moment. */
static void crash_percent(struct world *world)
{
    struct sim *sim = &world->sim;
    uint32_t *slots = sim_must(calloc(sim->nodes_max, sizeof(*slots)));
    uint32_t count =
        (uint32_t)((uint64_t)sim->nodes_max * (uint64_t)world->percent / 100);

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        slots[i] = i;
    slots[world->sender] = slots[sim->nodes_max - 1];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j =
            i + (uint32_t)rng_below(&world->rng, sim->nodes_max - 1 - i);
        uint32_t swapped = slots[j];

        slots[j] = slots[i];
        slots[i] = swapped;
    }
    sim_crash_all(sim, slots, count);
    free(slots);
}

/* Floods. */

/* Sends |count| from random nodes, |gap_ns| apart, waits for the last, and
 * fills |records|. */
static void flood_many(struct world *world, struct sim_record *records,
                       uint32_t count, int64_t gap_ns)
{
    memset(records, 0, count * sizeof(records[0]));
    for (uint32_t i = 0; i < count; i++) {
        sim_flood(&world->floods, random_alive(world), &records[i]);
        sim_run(&world->sim, gap_ns);
    }
    sim_run(&world->sim, SIM_FLOODS_MAX * world->sim.latency_max_ns);
}

static struct meshsim_broadcasts summarise(const struct world *world,
                                           const struct sim_record *records,
                                           uint32_t count)
{
    struct meshsim_broadcasts sum = {0};
    double alive = sim_alive_count(&world->sim);

    for (uint32_t i = 0; i < count; i++) {
        sum.reliability += records[i].delivered / alive;
        sum.hops += records[i].hops_max;
        if (records[i].delivered > 1)
            sum.redundancy +=
                (double)records[i].payloads / (records[i].delivered - 1) - 1;
    }
    sum.reliability /= count;
    sum.hops /= count;
    sum.redundancy /= count;
    return sum;
}

static void overlay_measure(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_overlay *overlay = result;
    struct sim_record records[FLOODS_COUNT];

    reseed(world, 1);
    overlay->messages_count = world->sim.messages_count;
    overlay->bytes_count = world->sim.bytes_count;
    sim_graph_measure(&world->sim, (uint32_t)world->config->path_sources,
                      &world->rng, &overlay->graph);
    flood_many(world, records, FLOODS_COUNT, world->config->gap_ms * MS_NS);
    overlay->flood_hops = summarise(world, records, FLOODS_COUNT).hops;
    world->sim.latency_max_ns *= 2;
    flood_many(world, records, FLOODS_COUNT, world->config->gap_ms * MS_NS);
    overlay->uneven_hops = summarise(world, records, FLOODS_COUNT).hops;
}

/* Reliability right after failures. */

static void failures_measure(struct world *world, double *ret_mean,
                             double *ret_first, double *ret_last)
{
    static struct sim_record records[MESSAGES_MAX];
    uint32_t count = (uint32_t)world->config->messages;

    reseed(world, 100 + (uint64_t)world->percent);
    world->sender = random_alive(world);
    crash_percent(world);
    flood_many(world, records, count, world->config->gap_ms * MS_NS);
    *ret_mean = summarise(world, records, count).reliability;
    *ret_first = summarise(world, records, 1).reliability;
    *ret_last = summarise(world, &records[count - 1], 1).reliability;
}

static void failures_noticed(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_failures *failures = result;
    struct sim_graph_figures graph;

    failures_measure(world, &failures->noticed, &failures->noticed_first,
                     &failures->noticed_last);
    sim_graph_measure(&world->sim, 0, &world->rng, &graph);
    failures->components_count = graph.components_count;
    failures->largest_count = graph.largest_count;
}

static void failures_sent(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_failures *failures = result;

    world->sim.detection_max_ns = 0;
    failures_measure(world, &failures->sent, &failures->sent_first,
                     &failures->sent_last);
}

/* Healing: after each cycle ten nodes send a message; healed is the first
 * cycle after which all ten reach all. */

static int32_t healing_measure(struct world *world, double *reliabilities)
{
    int32_t healed = 0;

    reseed(world, 200 + (uint64_t)world->percent);
    world->sender = random_alive(world);
    crash_percent(world);
    for (int32_t i = 0; i < world->config->healing_cycles; i++) {
        struct sim_record records[HEALING_MESSAGES_COUNT];

        if (healed > 0) {
            reliabilities[i] = 1;
            continue;
        }
        sim_run(&world->sim, cycle_ns(world));
        flood_many(world, records, HEALING_MESSAGES_COUNT,
                   world->config->gap_ms * MS_NS);
        reliabilities[i] =
            summarise(world, records, HEALING_MESSAGES_COUNT).reliability;
        if (reliabilities[i] >= 1)
            healed = i + 1;
    }
    return healed;
}

static void healing_noticed(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_healing *healing = result;

    healing->cycles_count = (uint32_t)world->config->healing_cycles;
    healing->noticed_cycles = healing_measure(world, healing->noticed);
}

static void healing_sent(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_healing *healing = result;

    world->sim.detection_max_ns = 0;
    healing->sent_cycles = healing_measure(world, healing->sent);
}

/* Plumtree. */

/* Broadcasts |count| from the sender or, when there |are_many|, from random
 * nodes. */
static struct meshsim_broadcasts tree_broadcast(struct world *world,
                                                uint32_t count, bool are_many)
{
    struct sim *sim = &world->sim;
    struct meshsim_broadcasts sum;
    uint64_t control = sim->control_count;

    sim_forget_broadcasts(sim);
    for (uint32_t i = 0; i < count; i++) {
        sim_broadcast(sim, are_many ? random_alive(world) : world->sender, i);
        sim_run(sim, world->config->tree_gap_ms * MS_NS);
    }
    sim_run(sim, 10 * world->config->plumtree.missing_timeout_ns);
    sum = summarise(world, sim->records, count);
    sum.control =
        (double)(sim->control_count - control) / count / sim_alive_count(sim);
    return sum;
}

static struct meshsim_broadcasts tree_flood(struct world *world, uint32_t count)
{
    static struct sim_record records[SIM_BROADCASTS_MAX];

    flood_many(world, records, count, world->config->gap_ms * MS_NS);
    return summarise(world, records, count);
}

static void trees_many_senders(void *argument, void *result)
{
    struct world *world = argument;

    *(struct meshsim_broadcasts *)result =
        tree_broadcast(world, (uint32_t)world->config->tree_messages, true);
}

/* Both begin with the same failures, from a tree that has formed. */
static void trees_flood_after(void *argument, void *result)
{
    struct world *world = argument;

    reseed(world, 300 + (uint64_t)world->percent);
    crash_percent(world);
    *(struct meshsim_broadcasts *)result =
        tree_flood(world, (uint32_t)world->config->tree_messages);
}

static void trees_right_after(void *argument, void *result)
{
    struct world *world = argument;
    struct meshsim_trees_after *after = result;
    uint32_t count = (uint32_t)world->config->tree_messages;

    reseed(world, 300 + (uint64_t)world->percent);
    crash_percent(world);
    after->right_after = tree_broadcast(world, count, false);
    sim_run(&world->sim, TREE_SETTLE_CYCLES * cycle_ns(world));
    (void)tree_broadcast(world, TREE_WARM_UP_COUNT, false);
    after->healed = tree_broadcast(world, count, false);
}

struct trees {
    int result;
    struct meshsim_trees_before before;
    struct meshsim_trees_after after[MESHSIM_TREES_COUNT];
};

static int trees_after(struct world *world, struct trees *trees)
{
    int r = 0;

    for (size_t i = 0; i < MESHSIM_TREES_COUNT && r == 0; i++) {
        world->percent = meshsim_tree_percents[i];
        say(world, "%d %% fail, broadcast with Plumtree", world->percent);
        r = branch_run(trees_right_after, world, &trees->after[i],
                       sizeof(trees->after[i]), world->is_cancelled);
        if (r == 0)
            r = branch_run(trees_flood_after, world, &trees->after[i].flood,
                           sizeof(trees->after[i].flood), world->is_cancelled);
    }
    return r;
}

static void trees_measure(void *argument, void *result)
{
    struct world *world = argument;
    struct trees *trees = result;
    uint32_t count = (uint32_t)world->config->tree_messages;

    reseed(world, 3);
    world->sender = random_alive(world);
    trees->before.flood = tree_flood(world, count);
    (void)tree_broadcast(world, TREE_WARM_UP_COUNT, false);
    trees->before.one_sender = tree_broadcast(world, count, false);
    trees->result =
        branch_run(trees_many_senders, world, &trees->before.many_senders,
                   sizeof(trees->before.many_senders), world->is_cancelled);
    if (trees->result == 0)
        trees->result = trees_after(world, trees);
}

static int run_trees(struct world *world, struct meshsim_results *results)
{
    struct trees trees;
    int r;

    memset(&trees, 0, sizeof(trees));
    say(world, "broadcast with Plumtree");
    r = branch_run(trees_measure, world, &trees, sizeof(trees),
                   world->is_cancelled);
    results->trees_before = trees.before;
    memcpy(results->trees, trees.after, sizeof(trees.after));
    return r != 0 ? r : trees.result;
}

/* One row after the other, each measured by two copies. */
static int run_rows(struct world *world, const char *what, branch_work *first,
                    branch_work *second, void *rows, size_t row_size)
{
    int r = 0;

    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT && r == 0; i++) {
        char *row = (char *)rows + i * row_size;

        world->percent = meshsim_percents[i];
        say(world, "%d %% fail, %s", world->percent, what);
        r = branch_run(first, world, row, row_size, world->is_cancelled);
        if (r == 0)
            r = branch_run(second, world, row, row_size, world->is_cancelled);
    }
    return r;
}

static int run_experiments(struct world *world, struct meshsim_results *results)
{
    unsigned wanted = world->config->experiments;
    int r = branch_run(overlay_measure, world, &results->overlay,
                       sizeof(results->overlay), world->is_cancelled);

    if (r == 0 && (wanted & MESHSIM_FAILURES) != 0)
        r = run_rows(world, "messages right after", failures_noticed,
                     failures_sent, results->failures,
                     sizeof(results->failures[0]));
    if (r == 0 && (wanted & MESHSIM_HEALING) != 0)
        r = run_rows(world, "healing", healing_noticed, healing_sent,
                     results->healing, sizeof(results->healing[0]));
    if (r == 0 && (wanted & MESHSIM_TREES) != 0)
        r = run_trees(world, results);
    return r;
}

int meshsim_run(const struct meshsim_config *config, FILE *progress,
                const volatile sig_atomic_t *is_cancelled,
                struct meshsim_results *ret_results)
{
    struct world *world = sim_must(calloc(1, sizeof(*world)));
    int r;

    memset(ret_results, 0, sizeof(*ret_results));
    world->config = config;
    world->progress = progress;
    world->is_cancelled = is_cancelled;
    world_init(world);
    r = world_build(world);
    if (r == 0)
        r = run_experiments(world, ret_results);
    say_done(world);
    sim_floods_deinit(&world->floods);
    sim_deinit(&world->sim);
    free(world);
    return r;
}
