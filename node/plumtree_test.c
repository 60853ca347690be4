/* Single exchanges against recorded operations, then broadcasts over whole
 * simulated networks. */
#include "plumtree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim_net.h"

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

enum {
    SEED = 20071010,
    SENT_MAX = 256,
    NODES_COUNT = 200,
};

/* One instance, and what it asked for. */
struct sent {
    struct peer_id to;
    struct wire_message message;
};

static struct sent sent[SENT_MAX];
static size_t sent_count, delivered_count;

static void record_send(void *context, const struct peer_id *to,
                        const struct wire_message *message)
{
    (void)context;
    assert_true(sent_count < SENT_MAX);
    sent[sent_count].to = *to;
    sent[sent_count++].message = *message;
}

static void record_deliver(void *context, const struct message_id *id,
                           uint16_t hops, const uint8_t *payload,
                           size_t payload_bytes)
{
    (void)context;
    (void)id;
    (void)hops;
    (void)payload;
    (void)payload_bytes;
    delivered_count++;
}

static const struct plumtree_ops recorder = {record_send, record_deliver};

static struct peer_id named(uint8_t name)
{
    struct peer_id id;

    memset(id.bytes, name, PEER_ID_SIZE);
    return id;
}

static void start(struct plumtree *p, const struct plumtree_params *params,
                  uint8_t peers_count)
{
    struct peer_id self = named(1);

    assert_int_equal(plumtree_init(p, &self, params, SEED, &recorder, NULL), 0);
    for (uint8_t i = 0; i < peers_count; i++) {
        struct peer_id peer = named((uint8_t)(10 + i));

        assert_int_equal(plumtree_neighbor_up(p, &peer), 0);
    }
    sent_count = delivered_count = 0;
}

static struct wire_message gossip(uint32_t number, uint16_t hops)
{
    static const uint8_t payload[64];
    struct wire_message m = {
        .type = WIRE_GOSSIP,
        .gossip = {.hops = hops, .payload = payload, .payload_bytes = 64}};

    memcpy(m.gossip.id.bytes, &number, sizeof(number));
    return m;
}

static struct wire_message ihave(uint32_t number, uint16_t hops)
{
    struct wire_message m = {.type = WIRE_IHAVE, .ihave.count = 1};

    m.ihave.items[0].hops = hops;
    memcpy(m.ihave.items[0].id.bytes, &number, sizeof(number));
    return m;
}

static void hear(struct plumtree *p, uint8_t from, struct wire_message m,
                 int64_t now_ns)
{
    struct peer_id peer = named(from);

    sent_count = 0;
    assert_int_equal(plumtree_receive(p, &peer, &m, now_ns), PLUMTREE_OK);
}

static size_t count_sent(enum wire_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < sent_count; i++)
        count += sent[i].message.type == type;
    return count;
}

static void first_copy_is_delivered_and_pushed_on(void **state)
{
    struct plumtree p;

    (void)state;
    start(&p, NULL, 5);
    hear(&p, 10, gossip(1, 3), 0);
    assert_int_equal(delivered_count, 1);
    assert_int_equal(count_sent(WIRE_GOSSIP), 4);
    assert_int_equal(sent[0].message.gossip.hops, 4);
    plumtree_deinit(&p);
}

static void second_copy_prunes_its_link(void **state)
{
    struct plumtree p;
    struct peer_id peer = named(11);

    (void)state;
    start(&p, NULL, 5);
    hear(&p, 10, gossip(1, 3), 0);
    hear(&p, 11, gossip(1, 3), 0);
    assert_int_equal(delivered_count, 1);
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].message.type, WIRE_PRUNE);
    assert_false(plumtree_is_eager(&p, &peer));
    assert_int_equal(plumtree_eager_count(&p), 4);
    plumtree_deinit(&p);
}

static void lazy_links_get_one_batch(void **state)
{
    struct plumtree p;

    (void)state;
    start(&p, NULL, 2);
    hear(&p, 11, (struct wire_message){.type = WIRE_PRUNE}, 0);
    for (uint32_t i = 0; i < 10; i++) {
        hear(&p, 10, gossip(i, 1), 0);
        assert_int_equal(sent_count, 0);
    }
    assert_int_equal(plumtree_lazy_queue_count(&p), 10);
    assert_int_equal(plumtree_next_deadline_ns(&p), 20 * MS_NS);
    plumtree_tick(&p, 20 * MS_NS);
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].message.ihave.count, 10);
    assert_int_equal(plumtree_lazy_queue_count(&p), 0);
    plumtree_deinit(&p);
}

static void full_batch_goes_out_at_once(void **state)
{
    struct plumtree p;

    (void)state;
    start(&p, NULL, 2);
    hear(&p, 11, (struct wire_message){.type = WIRE_PRUNE}, 0);
    for (uint32_t i = 0; i <= WIRE_IHAVE_MAX; i++)
        hear(&p, 10, gossip(i, 1), 0);
    assert_int_equal(count_sent(WIRE_IHAVE), 1);
    assert_int_equal(sent[0].message.ihave.count, WIRE_IHAVE_MAX);
    assert_int_equal(plumtree_lazy_queue_count(&p), 1);
    plumtree_deinit(&p);
}

static void missing_message_is_asked_of_each_announcer_in_turn(void **state)
{
    struct plumtree p;
    struct peer_id first = named(12), second = named(13);

    (void)state;
    start(&p, NULL, 5);
    hear(&p, 12, ihave(1, 2), 0);
    hear(&p, 13, ihave(1, 1), 10 * MS_NS);
    hear(&p, 13, ihave(1, 1), 10 * MS_NS); /* said twice, asked once */
    plumtree_tick(&p, 299 * MS_NS);
    assert_int_equal(sent_count, 0);
    plumtree_tick(&p, 300 * MS_NS);
    assert_int_equal(sent_count, 1);
    assert_true(peer_id_equal(&sent[0].to, &first));
    assert_true(sent[0].message.graft.has_id);
    plumtree_tick(&p, 450 * MS_NS);
    assert_int_equal(sent_count, 2);
    assert_true(peer_id_equal(&sent[1].to, &second));
    plumtree_tick(&p, 600 * MS_NS);
    assert_int_equal(sent_count, 2);
    assert_int_equal(plumtree_missing_count(&p), 0);
    assert_int_equal(plumtree_stats(&p)->missing_given_up, 1);
    plumtree_deinit(&p);
}

static void graft_is_answered_from_the_cache(void **state)
{
    struct plumtree p;
    struct wire_message graft = {.type = WIRE_GRAFT, .graft.has_id = true};
    struct peer_id peer = named(11);

    (void)state;
    start(&p, NULL, 2);
    hear(&p, 10, gossip(1, 2), 0);
    hear(&p, 11, (struct wire_message){.type = WIRE_PRUNE}, 0);
    graft.graft.id = gossip(1, 0).gossip.id;
    hear(&p, 11, graft, 0);
    assert_true(plumtree_is_eager(&p, &peer));
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].message.gossip.hops, 3);
    assert_int_equal(sent[0].message.gossip.payload_bytes, 64);
    /* Out of the cache, it is not; the link is eager nevertheless. */
    plumtree_tick(&p, 31 * SECOND_NS);
    hear(&p, 11, graft, 31 * SECOND_NS);
    assert_int_equal(sent_count, 0);
    assert_int_equal(plumtree_stats(&p)->grafts_unserved, 1);
    plumtree_deinit(&p);
}

static void shorter_announced_path_takes_over(void **state)
{
    struct plumtree p;
    struct peer_id far = named(10), near = named(12);

    (void)state;
    start(&p, NULL, 3);
    hear(&p, 12, (struct wire_message){.type = WIRE_PRUNE}, 0);
    hear(&p, 12, ihave(1, 1), 0);
    hear(&p, 10, gossip(1, 4), 0); /* 2 hops against 4: below the threshold */
    assert_true(plumtree_is_eager(&p, &far));
    hear(&p, 12, ihave(2, 1), 0);
    hear(&p, 10, gossip(2, 5), 0);
    assert_false(plumtree_is_eager(&p, &far));
    assert_true(plumtree_is_eager(&p, &near));
    assert_int_equal(count_sent(WIRE_GRAFT), 1);
    assert_int_equal(count_sent(WIRE_PRUNE), 1);
    assert_int_equal(plumtree_stats(&p)->optimisations, 1);
    plumtree_deinit(&p);
}

static void neighbour_down_takes_everything_of_its_own_along(void **state)
{
    struct plumtree p;
    struct peer_id peer = named(11);

    (void)state;
    start(&p, NULL, 2);
    hear(&p, 11, (struct wire_message){.type = WIRE_PRUNE}, 0);
    hear(&p, 10, gossip(1, 1), 0);
    hear(&p, 11, ihave(2, 1), 0);
    assert_int_equal(plumtree_lazy_queue_count(&p), 1);
    plumtree_neighbor_down(&p, &peer, 0);
    assert_int_equal(plumtree_lazy_queue_count(&p), 0);
    assert_int_equal(plumtree_peers_count(&p), 1);
    /* Nobody is left to ask. */
    sent_count = 0;
    plumtree_tick(&p, SECOND_NS);
    assert_int_equal(sent_count, 0);
    assert_int_equal(plumtree_missing_count(&p), 0);
    plumtree_deinit(&p);
}

static void an_unpruned_neighbour_stays_on_record(void **state)
{
    struct plumtree p;
    struct peer_id peer = named(11);

    (void)state;
    start(&p, NULL, 2);
    p.is_unpruned = true;
    hear(&p, 11, (struct wire_message){.type = WIRE_PRUNE}, 0);
    hear(&p, 10, gossip(1, 1), 0);
    plumtree_neighbor_down(&p, &peer, 0);
    assert_int_equal(plumtree_peers_count(&p), 1);
    assert_int_equal(plumtree_records_count(&p), 2);
    assert_int_equal(plumtree_lazy_queue_count(&p), 1);
    /* It takes no part: nothing is sent to it. */
    sent_count = 0;
    plumtree_tick(&p, SECOND_NS);
    for (size_t i = 0; i < sent_count; i++)
        assert_false(peer_id_equal(&sent[i].to, &peer));
    plumtree_deinit(&p);
}

static void stranger_brings_news_and_nothing_else(void **state)
{
    struct plumtree p;
    struct peer_id stranger = named(99);
    struct wire_message news = gossip(1, 1), hint = ihave(2, 1);

    (void)state;
    start(&p, NULL, 2);
    assert_int_equal(plumtree_receive(&p, &stranger, &news, 0),
                     PLUMTREE_STRANGER);
    assert_int_equal(delivered_count, 1);
    assert_int_equal(count_sent(WIRE_GOSSIP), 2);
    assert_int_equal(plumtree_receive(&p, &stranger, &hint, 0),
                     PLUMTREE_STRANGER);
    assert_int_equal(plumtree_missing_count(&p), 0);
    plumtree_deinit(&p);
}

static void tables_stay_within_their_bounds(void **state)
{
    struct plumtree p;
    struct plumtree_params params;

    (void)state;
    plumtree_params_default(&params);
    params.seen_max = 100;
    params.cache_max = 20;
    params.cache_bytes_max = 640;
    params.missing_max = 30;
    start(&p, &params, 2);
    for (uint32_t i = 0; i < 5000; i++) {
        hear(&p, 10, gossip(i, 1), i * MS_NS);
        hear(&p, 11, ihave(i + 100000, 1), i * MS_NS);
        assert_true(plumtree_seen_count(&p) <= 100);
        assert_true(plumtree_cached_count(&p) <= 10);
        assert_true(plumtree_cached_bytes(&p) <= 640);
        assert_true(plumtree_missing_count(&p) <= 30);
        assert_true(plumtree_lazy_queue_count(&p) <= 2 * WIRE_IHAVE_MAX);
    }
    assert_int_equal(delivered_count, 5000);
    assert_true(plumtree_heap_bytes(&p) < 20000);
    /* The newest hundred are still known. */
    for (uint32_t i = 4900; i < 5000; i++)
        hear(&p, 11, gossip(i, 1), 5 * SECOND_NS);
    assert_int_equal(delivered_count, 5000);
    plumtree_deinit(&p);
}

/* Against a plain array that does it the slow way. */
static void ring_and_index_agree_with_a_plain_list(void **state)
{
    struct plumtree p;
    struct plumtree_params params;
    struct rng rng;
    uint32_t known[64];
    size_t known_count = 0;

    (void)state;
    rng_init(&rng, SEED);
    plumtree_params_default(&params);
    params.seen_max = 48;
    params.seen_ttl_ns = 40 * MS_NS;
    start(&p, &params, 1);
    for (int64_t now_ms = 0; now_ms < 20000; now_ms++) {
        uint32_t number = (uint32_t)rng_below(&rng, 90);
        bool is_known = false;
        size_t before = delivered_count;

        for (size_t i = 0; i < known_count; i++)
            is_known = is_known || known[i] == number;
        hear(&p, 10, gossip(number, 1), 0);
        assert_int_equal(delivered_count - before, !is_known);
        if (!is_known) {
            if (known_count == 48)
                memmove(known, known + 1, --known_count * sizeof(known[0]));
            known[known_count++] = number;
        }
        if (rng_below(&rng, 500) == 0) {
            plumtree_tick(&p, 41 * MS_NS);
            known_count = 0;
            assert_int_equal(plumtree_seen_count(&p), 0);
        }
    }
    plumtree_deinit(&p);
}

static void idle_instance_gives_its_memory_back(void **state)
{
    struct plumtree p;
    size_t at_rest_bytes;

    (void)state;
    start(&p, NULL, 2);
    at_rest_bytes = plumtree_heap_bytes(&p);
    for (uint32_t i = 0; i < 1000; i++)
        hear(&p, 10, gossip(i, 1), 0);
    assert_true(plumtree_heap_bytes(&p) > 40000);
    for (int i = 0; i < 100 && plumtree_next_deadline_ns(&p) != INT64_MAX; i++)
        plumtree_tick(&p, plumtree_next_deadline_ns(&p));
    assert_int_equal(plumtree_next_deadline_ns(&p), INT64_MAX);
    assert_int_equal(plumtree_seen_count(&p), 0);
    assert_int_equal(plumtree_cached_bytes(&p), 0);
    assert_int_equal(plumtree_heap_bytes(&p), at_rest_bytes);
    plumtree_deinit(&p);
}

static void refuses_what_is_too_large_or_too_many(void **state)
{
    struct plumtree p;
    struct plumtree_params params;
    struct peer_id self = named(1), peer = named(200);
    static const uint8_t payload[WIRE_PAYLOAD_MAX + 1];

    (void)state;
    start(&p, NULL, PLUMTREE_PEERS_MAX);
    assert_int_equal(plumtree_neighbor_up(&p, &peer), PLUMTREE_FULL);
    assert_int_equal(plumtree_broadcast(&p, payload, sizeof(payload), 0, NULL),
                     -EMSGSIZE);
    assert_int_equal(
        plumtree_broadcast(&p, payload, sizeof(payload) - 1, 0, NULL), 0);
    assert_int_equal(count_sent(WIRE_GOSSIP), PLUMTREE_PEERS_MAX);
    plumtree_deinit(&p);
    plumtree_params_default(&params);
    params.seen_max = 0;
    assert_int_equal(plumtree_init(&p, &self, &params, SEED, &recorder, NULL),
                     -EINVAL);
}

/* Whole networks. */

static void build(struct sim *sim, uint32_t count, uint64_t seed)
{
    sim_init(sim, count, seed);
    /* So that refreshed links do not blur what is measured. */
    sim->hyparview_params.refresh_min_ns = 3600 * SECOND_NS;
    sim->hyparview_params.refresh_max_ns = 3600 * SECOND_NS;
    sim_spawn(sim, 0, SIM_ALL);
    for (uint32_t i = 1; i < count; i++) {
        sim_spawn(sim, i, (int)rng_below(&sim->rng, i));
        sim_run(sim, 10 * MS_NS);
    }
    sim_run(sim, 60 * SECOND_NS);
}

static uint64_t gossips_sent(const struct sim *sim)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < sim->nodes_max; i++)
        if (sim->nodes[i].is_alive)
            count += plumtree_stats(&sim->nodes[i].plumtree)->gossips_sent;
    return count;
}

static void broadcast_arrives_once_everywhere_and_leaves_a_tree(void **state)
{
    struct sim sim;
    uint64_t first, last;

    (void)state;
    build(&sim, NODES_COUNT, SEED);
    first = gossips_sent(&sim);
    for (uint32_t i = 0; i < 40; i++) {
        if (i == 1)
            first = gossips_sent(&sim) - first;
        last = gossips_sent(&sim);
        sim_broadcast(&sim, i < 30 ? 0 : i * 5, i);
        sim_run(&sim, 2 * SECOND_NS);
        last = gossips_sent(&sim) - last;
        assert_int_equal(sim_delivered_count(&sim, i, 1), NODES_COUNT);
    }
    /* The first floods; then each message crosses n - 1 links, give or take
     * what a link that moved still costs. */
    assert_true(first > 3 * NODES_COUNT);
    assert_in_range(last, NODES_COUNT - 1, NODES_COUNT * 105 / 100);
    assert_in_range(sim_eager_links_count(&sim), 2 * (NODES_COUNT - 1),
                    2 * NODES_COUNT * 110 / 100);
    sim_deinit(&sim);
}

/* From slot 0, payloads over the link to the victim vanish. */
static uint32_t cut_from, cut_to;

static bool drop_payloads_over_the_cut(const struct sim *sim, uint32_t from,
                                       uint32_t to,
                                       const struct wire_message *message)
{
    (void)sim;
    return message->type == WIRE_GOSSIP && from == cut_from && to == cut_to;
}

static void graft_repairs_a_tree_whose_link_is_cut(void **state)
{
    struct sim sim;
    const struct hyparview *h;

    (void)state;
    build(&sim, 100, SEED + 1);
    for (uint32_t i = 0; i < 10; i++) {
        sim_broadcast(&sim, 0, i);
        sim_run(&sim, 2 * SECOND_NS);
    }
    h = &sim.nodes[0].hyparview;
    cut_from = 0;
    cut_to = UINT32_MAX;
    for (size_t i = 0; i < hyparview_active_count(h); i++) {
        const struct peer_contact *peer = hyparview_active_at(h, i);

        if (plumtree_is_eager(&sim.nodes[0].plumtree, &peer->id))
            cut_to = sim_find(&sim, peer)->slot;
    }
    assert_true(cut_to != UINT32_MAX);
    sim.drop = drop_payloads_over_the_cut;
    sim_broadcast(&sim, 0, 50);
    sim_run(&sim, 200 * MS_NS);
    assert_true(sim_delivered_count(&sim, 50, 0) > 0);
    sim_run(&sim, 5 * SECOND_NS);
    assert_int_equal(sim_delivered_count(&sim, 50, 1), 100);
    /* From then on the tree goes round the cut. */
    sim_broadcast(&sim, 0, 51);
    sim_run(&sim, 2 * SECOND_NS);
    assert_int_equal(sim_delivered_count(&sim, 51, 1), 100);
    sim_deinit(&sim);
}

static void broadcasts_reach_all_survivors_of_a_mass_failure(void **state)
{
    struct sim sim;

    (void)state;
    build(&sim, NODES_COUNT, SEED + 2);
    for (uint32_t i = 0; i < 5; i++) {
        sim_broadcast(&sim, 1, i);
        sim_run(&sim, SECOND_NS);
    }
    for (uint32_t i = 0; i < NODES_COUNT; i++)
        if (i % 10 < 3)
            sim_crash(&sim, i);
    sim_run(&sim, 2 * SECOND_NS);
    for (uint32_t i = 100; i < 110; i++) {
        sim_broadcast(&sim, 5, i);
        sim_run(&sim, 3 * SECOND_NS);
        assert_int_equal(sim_delivered_count(&sim, i, 1), 140);
    }
    sim_deinit(&sim);
}

static struct rng loss;

static bool drop_fifth_of_payloads(const struct sim *sim, uint32_t from,
                                   uint32_t to,
                                   const struct wire_message *message)
{
    (void)from;
    (void)to;
    (void)sim;
    return message->type == WIRE_GOSSIP && rng_below(&loss, 5) == 0;
}

static void grafts_recover_nearly_all_of_a_fifth_that_is_lost(void **state)
{
    struct sim sim;
    uint32_t arrived = 0;

    (void)state;
    build(&sim, 100, SEED + 3);
    rng_init(&loss, SEED);
    sim.drop = drop_fifth_of_payloads;
    for (uint32_t i = 0; i < 60; i++) {
        sim_broadcast(&sim, i, i);
        sim_run(&sim, 200 * MS_NS);
    }
    sim_run(&sim, 10 * SECOND_NS);
    for (uint32_t i = 0; i < 60; i++)
        arrived += sim_delivered_count(&sim, i, 1);
    assert_in_range(arrived, 99 * 60, 100 * 60);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(plumtree_missing_count(&sim.nodes[i].plumtree), 0);
    sim_deinit(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_copy_is_delivered_and_pushed_on),
        cmocka_unit_test(second_copy_prunes_its_link),
        cmocka_unit_test(lazy_links_get_one_batch),
        cmocka_unit_test(full_batch_goes_out_at_once),
        cmocka_unit_test(missing_message_is_asked_of_each_announcer_in_turn),
        cmocka_unit_test(graft_is_answered_from_the_cache),
        cmocka_unit_test(shorter_announced_path_takes_over),
        cmocka_unit_test(neighbour_down_takes_everything_of_its_own_along),
        cmocka_unit_test(an_unpruned_neighbour_stays_on_record),
        cmocka_unit_test(stranger_brings_news_and_nothing_else),
        cmocka_unit_test(tables_stay_within_their_bounds),
        cmocka_unit_test(ring_and_index_agree_with_a_plain_list),
        cmocka_unit_test(idle_instance_gives_its_memory_back),
        cmocka_unit_test(refuses_what_is_too_large_or_too_many),
        cmocka_unit_test(broadcast_arrives_once_everywhere_and_leaves_a_tree),
        cmocka_unit_test(graft_repairs_a_tree_whose_link_is_cut),
        cmocka_unit_test(broadcasts_reach_all_survivors_of_a_mass_failure),
        cmocka_unit_test(grafts_recover_nearly_all_of_a_fifth_that_is_lost),
    };

    fprintf(stderr, "# seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
