/* Single exchanges against recorded operations. */
#include "hyparview.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

enum {
    SEED = 20070625,
    CALLS_MAX = 128,
};

/* One instance, and what it asked for. */
struct call {
    enum { SENT, CLOSED, UP, DOWN } kind;
    struct peer_contact peer;
    struct wire_message message;
    enum hyparview_down why;
};

static struct call calls[CALLS_MAX];
static size_t calls_count;

static struct call *record(int kind, const struct peer_contact *peer)
{
    struct call *call = &calls[calls_count++];

    assert_true(calls_count <= CALLS_MAX);
    memset(call, 0, sizeof(*call));
    call->kind = (unsigned)kind;
    call->peer = *peer;
    return call;
}

static void record_send(void *context, const struct peer_contact *to,
                        const struct wire_message *message)
{
    (void)context;
    record(SENT, to)->message = *message;
}

static void record_close(void *context, const struct peer_contact *peer)
{
    (void)context;
    record(CLOSED, peer);
}

static void record_up(void *context, const struct peer_contact *peer)
{
    (void)context;
    record(UP, peer);
}

static void record_down(void *context, const struct peer_contact *peer,
                        enum hyparview_down why)
{
    (void)context;
    record(DOWN, peer)->why = why;
}

static const struct hyparview_ops recorder = {record_send, record_close,
                                              record_up, record_down};

static struct peer_contact peer_named(uint8_t name)
{
    struct peer_contact peer = {
        .addr = {.family = PEER_ADDR_IP4, .port = 9, .ip = {127, 0, 0, name}}};

    memset(peer.id.bytes, name, PEER_ID_SIZE);
    return peer;
}

static bool is_named(const struct peer_id *id, uint8_t name)
{
    struct peer_contact peer = peer_named(name);

    return peer_id_equal(id, &peer.id);
}

static bool has_active(const struct hyparview *h, uint8_t name)
{
    struct peer_contact peer = peer_named(name);

    return hyparview_is_active(h, &peer.id);
}

static void start(struct hyparview *h, const struct hyparview_params *params)
{
    struct peer_contact self = peer_named(1);

    calls_count = 0;
    assert_int_equal(hyparview_init(h, &self, params, SEED, &recorder, NULL),
                     0);
}

static void hear(struct hyparview *h, uint8_t from, struct wire_message m,
                 int64_t now_ns)
{
    struct peer_contact peer = peer_named(from);

    calls_count = 0;
    assert_int_equal(hyparview_receive(h, &peer, &m, now_ns), HYPARVIEW_OK);
}

static void hear_neighbor(struct hyparview *h, uint8_t from, bool is_high)
{
    hear(h, from,
         (struct wire_message){.type = WIRE_NEIGHBOR,
                               .neighbor = {.nonce = 5, .is_high = is_high}},
         0);
}

static void fill_active(struct hyparview *h)
{
    for (uint8_t i = 0; i < h->params.active_max; i++)
        hear_neighbor(h, (uint8_t)(10 + i), true);
    assert_int_equal(hyparview_active_count(h), h->params.active_max);
}

static const struct call *find_call(int kind, enum wire_type type)
{
    for (size_t i = 0; i < calls_count; i++)
        if (calls[i].kind == (unsigned)kind &&
            (kind != SENT || calls[i].message.type == type))
            return &calls[i];
    return NULL;
}

static size_t count_sent(enum wire_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < calls_count; i++)
        count += calls[i].kind == SENT && calls[i].message.type == type;
    return count;
}

static void contact_takes_a_joiner_and_sends_walks(void **state)
{
    struct hyparview h;
    struct wire_message join = {.type = WIRE_JOIN, .join.nonce = 77};
    const struct call *call;

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear(&h, 99, join, 0);
    call = find_call(SENT, WIRE_NEIGHBOR_REPLY);
    assert_non_null(call);
    assert_int_equal(call->message.neighbor_reply.nonce, 77);
    assert_true(call->message.neighbor_reply.is_accepted);
    assert_int_equal(count_sent(WIRE_FORWARD_JOIN), 4);
    assert_int_equal(
        find_call(SENT, WIRE_FORWARD_JOIN)->message.forward_join.ttl, 6);
    /* Somebody had to go, is told so, and is kept in reserve. */
    assert_int_equal(hyparview_active_count(&h), 5);
    call = find_call(SENT, WIRE_DISCONNECT);
    assert_non_null(call);
    assert_false(call->message.disconnect.is_leaving);
    assert_int_equal(find_call(DOWN, 0)->why, HYPARVIEW_DOWN_DROPPED);
    assert_non_null(find_call(CLOSED, 0));
    assert_int_equal(hyparview_passive_count(&h), 1);
    hyparview_deinit(&h);
}

static void walk_goes_on_and_ends_in_a_request(void **state)
{
    struct hyparview h;
    struct wire_message walk = {
        .type = WIRE_FORWARD_JOIN,
        .forward_join = {.joiner = peer_named(99), .ttl = 3}};
    const struct call *call;

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear(&h, 10, walk, 0);
    call = find_call(SENT, WIRE_FORWARD_JOIN);
    assert_non_null(call);
    assert_int_equal(call->message.forward_join.ttl, 2);
    assert_false(is_named(&call->peer.id, 10));
    assert_int_equal(hyparview_passive_count(&h), 1); /* PRWL */
    walk.forward_join.ttl = 0;
    hear(&h, 10, walk, 0);
    call = find_call(SENT, WIRE_NEIGHBOR);
    assert_non_null(call);
    assert_true(call->message.neighbor.is_high);
    assert_true(peer_id_equal(&call->peer.id, &walk.forward_join.joiner.id));
    hyparview_deinit(&h);
}

static void full_view_refuses_low_and_takes_high_priority(void **state)
{
    struct hyparview h;

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear_neighbor(&h, 50, false);
    assert_false(find_call(SENT, WIRE_NEIGHBOR_REPLY)
                     ->message.neighbor_reply.is_accepted);
    assert_null(find_call(CLOSED, 0)); /* who asked closes */
    assert_false(has_active(&h, 50));
    hear_neighbor(&h, 50, true);
    assert_true(has_active(&h, 50));
    assert_int_equal(hyparview_active_count(&h), 5);
    hyparview_deinit(&h);
}

/* The reply comes before anything that a new neighbour may send. */
static void accepts_before_the_link_is_used(void **state)
{
    struct hyparview h;

    (void)state;
    start(&h, NULL);
    hear_neighbor(&h, 50, true);
    assert_int_equal(calls[0].kind, SENT);
    assert_int_equal(calls[1].kind, UP);
    hyparview_deinit(&h);
}

static void failed_peer_is_replaced_from_the_passive_view(void **state)
{
    struct hyparview h;
    struct peer_contact failed = peer_named(10);
    const struct call *call;
    struct wire_message reply = {.type = WIRE_NEIGHBOR_REPLY};
    struct wire_message offer = {.type = WIRE_SHUFFLE_REPLY};

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    offer.shuffle_reply.contacts.count = 2;
    offer.shuffle_reply.contacts.items[0] = peer_named(60);
    offer.shuffle_reply.contacts.items[1] = peer_named(61);
    hear(&h, 11, offer, 0);
    assert_int_equal(hyparview_passive_count(&h), 2);

    calls_count = 0;
    hyparview_peer_failed(&h, &failed, 0);
    assert_int_equal(find_call(DOWN, 0)->why, HYPARVIEW_DOWN_FAILED);
    call = find_call(SENT, WIRE_NEIGHBOR);
    assert_non_null(call);
    assert_false(call->message.neighbor.is_high);
    assert_int_equal(count_sent(WIRE_NEIGHBOR), 1); /* one place, one request */

    /* It is dead too: gone at once, and the next one asked at once. */
    failed = call->peer;
    calls_count = 0;
    hyparview_peer_failed(&h, &failed, 0);
    assert_int_equal(hyparview_passive_count(&h), 1);
    call = find_call(SENT, WIRE_NEIGHBOR);
    assert_non_null(call);
    assert_false(peer_id_equal(&call->peer.id, &failed.id));
    reply.neighbor_reply.nonce = call->message.neighbor.nonce;
    reply.neighbor_reply.is_accepted = true;
    hear(&h, call->peer.id.bytes[0], reply, 0);
    assert_non_null(find_call(UP, 0));
    assert_int_equal(hyparview_active_count(&h), 5);
    assert_int_equal(hyparview_passive_count(&h), 0);
    hyparview_deinit(&h);
}

static void failed_peer_does_not_come_back_by_shuffle_for_a_while(void **state)
{
    struct hyparview h;
    struct peer_contact failed = peer_named(60);
    struct wire_message offer = {.type = WIRE_SHUFFLE_REPLY};

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hyparview_peer_failed(&h, &failed, 0);
    offer.shuffle_reply.contacts.count = 1;
    offer.shuffle_reply.contacts.items[0] = failed;
    hear(&h, 11, offer, SECOND_NS);
    assert_int_equal(hyparview_passive_count(&h), 0);
    assert_int_equal(hyparview_failed_count(&h, SECOND_NS), 1);
    hear(&h, 11, offer, 31 * SECOND_NS);
    assert_int_equal(hyparview_passive_count(&h), 1);
    assert_int_equal(hyparview_failed_count(&h, 31 * SECOND_NS), 0);
    hyparview_deinit(&h);
}

/* Or one peer that fails over and over would push all others out. */
static void peer_that_fails_again_takes_no_second_place(void **state)
{
    struct hyparview h;
    struct peer_contact failed = peer_named(60);

    (void)state;
    start(&h, NULL);
    for (int64_t i = 0; i < 100; i++)
        hyparview_peer_failed(&h, &failed, i * SECOND_NS);
    assert_int_equal(hyparview_failed_count(&h, 100 * SECOND_NS), 1);
    hyparview_deinit(&h);
}

static void unanswered_request_times_out(void **state)
{
    struct hyparview h;
    struct wire_message walk = {
        .type = WIRE_FORWARD_JOIN,
        .forward_join = {.joiner = peer_named(99), .ttl = 0}};
    struct wire_message late = {.type = WIRE_NEIGHBOR_REPLY,
                                .neighbor_reply.is_accepted = true};

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear(&h, 10, walk, 0);
    late.neighbor_reply.nonce =
        find_call(SENT, WIRE_NEIGHBOR)->message.neighbor.nonce;
    assert_int_equal(hyparview_requests_count(&h), 1);
    h.shuffle_due_ns = INT64_MAX;
    assert_int_equal(hyparview_next_deadline_ns(&h), 2 * SECOND_NS);
    calls_count = 0;
    hyparview_tick(&h, 2 * SECOND_NS);
    assert_int_equal(hyparview_requests_count(&h), 0);
    assert_non_null(find_call(SENT, WIRE_DISCONNECT));
    assert_non_null(find_call(CLOSED, 0));
    /* Its acceptance comes after all: the link must not stay one-sided. */
    hear(&h, 99, late, 3 * SECOND_NS);
    assert_null(find_call(UP, 0));
    assert_non_null(find_call(SENT, WIRE_DISCONNECT));
    hyparview_deinit(&h);
}

static void reply_with_a_stale_nonce_changes_nothing(void **state)
{
    struct hyparview h;
    struct wire_message walk = {
        .type = WIRE_FORWARD_JOIN,
        .forward_join = {.joiner = peer_named(99), .ttl = 0}};
    struct wire_message reply = {.type = WIRE_NEIGHBOR_REPLY};

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear(&h, 10, walk, 0);
    reply.neighbor_reply.nonce =
        find_call(SENT, WIRE_NEIGHBOR)->message.neighbor.nonce + 1;
    hear(&h, 99, reply, 0);
    assert_int_equal(hyparview_requests_count(&h), 1);
    reply.neighbor_reply.is_accepted = true;
    hear(&h, 99, reply, 0);
    assert_int_equal(calls_count, 0);
    assert_int_equal(hyparview_requests_count(&h), 1);
    hyparview_deinit(&h);
}

static void stranger_is_told_that_it_is_none(void **state)
{
    struct hyparview h;
    struct peer_contact stranger = peer_named(70), friend = peer_named(10);

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    calls_count = 0;
    hyparview_stray(&h, &friend, 0);
    assert_int_equal(calls_count, 0);
    hyparview_stray(&h, &stranger, 0);
    assert_non_null(find_call(SENT, WIRE_DISCONNECT));
    assert_non_null(find_call(CLOSED, 0));
    hyparview_deinit(&h);
}

static void shuffle_names_us_and_parts_of_both_views(void **state)
{
    struct hyparview h;
    struct wire_message offer = {.type = WIRE_SHUFFLE_REPLY};
    const struct call *call;

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    offer.shuffle_reply.contacts.count = 10;
    for (uint8_t i = 0; i < 10; i++)
        offer.shuffle_reply.contacts.items[i] = peer_named((uint8_t)(60 + i));
    hear(&h, 11, offer, 0);
    calls_count = 0;
    hyparview_tick(&h, hyparview_next_deadline_ns(&h));
    call = find_call(SENT, WIRE_SHUFFLE);
    assert_non_null(call);
    assert_true(is_named(&call->message.shuffle.origin.id, 1));
    assert_int_equal(call->message.shuffle.contacts.count, 7);
    assert_int_equal(call->message.shuffle.ttl, 6);
    hyparview_deinit(&h);
}

static void shuffle_ends_in_a_reply_over_a_passing_connection(void **state)
{
    struct hyparview h;
    struct wire_message offer = {.type = WIRE_SHUFFLE_REPLY};
    struct wire_message shuffle = {
        .type = WIRE_SHUFFLE,
        .shuffle = {.origin = peer_named(80),
                    .ttl = 1,
                    .contacts = {.count = 1, .items = {peer_named(81)}}}};
    const struct call *call;

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    offer.shuffle_reply.contacts.count = 3;
    for (uint8_t i = 0; i < 3; i++)
        offer.shuffle_reply.contacts.items[i] = peer_named((uint8_t)(60 + i));
    hear(&h, 11, offer, 0);
    hear(&h, 10, shuffle, 0);
    call = find_call(SENT, WIRE_SHUFFLE_REPLY);
    assert_non_null(call);
    assert_true(is_named(&call->peer.id, 80));
    /* As many as came: the origin and one more. */
    assert_int_equal(call->message.shuffle_reply.contacts.count, 2);
    assert_non_null(find_call(CLOSED, 0));
    assert_int_equal(hyparview_passive_count(&h), 5);
    hyparview_deinit(&h);
}

static void passive_view_stays_within_its_bound(void **state)
{
    struct hyparview h;
    struct wire_message offer = {.type = WIRE_SHUFFLE_REPLY};

    (void)state;
    start(&h, NULL);
    offer.shuffle_reply.contacts.count = 1;
    hear_neighbor(&h, 10, true);
    h.params.promotion_tries = 0;
    h.refusals = 1;
    for (int i = 1; i < 256; i++) {
        offer.shuffle_reply.contacts.items[0] = peer_named((uint8_t)i);
        hear(&h, 10, offer, 0);
    }
    assert_int_equal(hyparview_passive_count(&h), 30);
    for (size_t i = 0; i < 30; i++) {
        const struct peer_id *id = &hyparview_passive_at(&h, i)->id;

        assert_false(is_named(id, 1));
        assert_false(hyparview_is_active(&h, id));
    }
    hyparview_deinit(&h);
}

static void isolated_node_tries_its_contacts_with_growing_pauses(void **state)
{
    struct hyparview h;
    struct peer_contact bare[2] = {{.addr = peer_named(30).addr},
                                   {.addr = peer_named(31).addr}};
    int64_t now_ns = 0, pause_ns = 0, longest_ns = 0;

    (void)state;
    start(&h, NULL);
    calls_count = 0;
    hyparview_join(&h, bare, 2, 0);
    assert_int_equal(count_sent(WIRE_JOIN), 1);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 2; i++) {
            struct peer_contact dialled = calls[calls_count - 1].peer;

            assert_false(peer_id_is_set(&dialled.id));
            assert_int_equal(calls[calls_count - 1].message.type, WIRE_JOIN);
            hyparview_peer_failed(&h, &dialled, now_ns);
        }
        assert_int_equal(hyparview_requests_count(&h), 0);
        pause_ns = hyparview_next_deadline_ns(&h) - now_ns;
        assert_true(pause_ns >= 100 * MS_NS && pause_ns <= 45 * SECOND_NS);
        longest_ns = pause_ns > longest_ns ? pause_ns : longest_ns;
        now_ns += pause_ns;
        calls_count = 0;
        hyparview_tick(&h, now_ns);
    }
    assert_true(longest_ns > 10 * SECOND_NS);
    hyparview_deinit(&h);
}

static void joins_by_an_address_alone(void **state)
{
    struct hyparview h;
    struct peer_contact bare = {.addr = peer_named(30).addr};
    struct wire_message reply = {.type = WIRE_NEIGHBOR_REPLY,
                                 .neighbor_reply.is_accepted = true};

    (void)state;
    start(&h, NULL);
    calls_count = 0;
    hyparview_join(&h, &bare, 1, 0);
    assert_true(hyparview_needs(&h, &bare));
    reply.neighbor_reply.nonce = calls[0].message.join.nonce;
    hear(&h, 30, reply, 0);
    assert_true(has_active(&h, 30));
    assert_int_equal(hyparview_requests_count(&h), 0);
    hyparview_deinit(&h);
}

static void leaver_is_not_kept_in_reserve(void **state)
{
    struct hyparview h;
    struct wire_message bye = {.type = WIRE_DISCONNECT,
                               .disconnect.is_leaving = true};

    (void)state;
    start(&h, NULL);
    fill_active(&h);
    hear(&h, 10, bye, 0);
    assert_int_equal(hyparview_active_count(&h), 4);
    assert_int_equal(hyparview_passive_count(&h), 0);
    assert_non_null(find_call(CLOSED, 0));
    bye.disconnect.is_leaving = false;
    hear(&h, 11, bye, 0);
    assert_int_equal(hyparview_active_count(&h), 3);
    assert_int_equal(hyparview_passive_count(&h), 1);
    calls_count = 0;
    hyparview_leave(&h, 0);
    assert_int_equal(count_sent(WIRE_DISCONNECT), 3);
    assert_int_equal(hyparview_next_deadline_ns(&h), INT64_MAX);
    calls_count = 0;
    hear_neighbor(&h, 12, true);
    assert_int_equal(calls_count, 0);
    hyparview_deinit(&h);
}

static void refuses_parameters_out_of_range(void **state)
{
    struct hyparview h;
    struct hyparview_params params;
    struct peer_contact self = peer_named(1);

    (void)state;
    hyparview_params_default(&params);
    assert_null(
        param_check(hyparview_param_table, hyparview_param_count, &params));
    params.active_max = HYPARVIEW_ACTIVE_MAX + 1;
    assert_string_equal(
        param_check(hyparview_param_table, hyparview_param_count, &params)
            ->name,
        "active_max");
    assert_int_equal(hyparview_init(&h, &self, &params, 1, &recorder, NULL),
                     -EINVAL);
    hyparview_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contact_takes_a_joiner_and_sends_walks),
        cmocka_unit_test(walk_goes_on_and_ends_in_a_request),
        cmocka_unit_test(full_view_refuses_low_and_takes_high_priority),
        cmocka_unit_test(accepts_before_the_link_is_used),
        cmocka_unit_test(failed_peer_is_replaced_from_the_passive_view),
        cmocka_unit_test(failed_peer_does_not_come_back_by_shuffle_for_a_while),
        cmocka_unit_test(peer_that_fails_again_takes_no_second_place),
        cmocka_unit_test(unanswered_request_times_out),
        cmocka_unit_test(reply_with_a_stale_nonce_changes_nothing),
        cmocka_unit_test(stranger_is_told_that_it_is_none),
        cmocka_unit_test(shuffle_names_us_and_parts_of_both_views),
        cmocka_unit_test(shuffle_ends_in_a_reply_over_a_passing_connection),
        cmocka_unit_test(passive_view_stays_within_its_bound),
        cmocka_unit_test(isolated_node_tries_its_contacts_with_growing_pauses),
        cmocka_unit_test(joins_by_an_address_alone),
        cmocka_unit_test(leaver_is_not_kept_in_reserve),
        cmocka_unit_test(refuses_parameters_out_of_range),
    };

    fprintf(stderr, "# seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
