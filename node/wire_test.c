/* Every kind of message there and back, and then everything that could be
 * wrong with its bytes. */
#include "wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rng.h"

enum {
    SEED = 0x5eed,
    ROUNDS = 40, /* random messages of each type */
    NOISE_ROUNDS = 20000,
};

static const enum wire_type types[] = {
    WIRE_HELLO,          WIRE_JOIN,       WIRE_FORWARD_JOIN, WIRE_NEIGHBOR,
    WIRE_NEIGHBOR_REPLY, WIRE_DISCONNECT, WIRE_SHUFFLE,      WIRE_SHUFFLE_REPLY,
    WIRE_GOSSIP,         WIRE_IHAVE,      WIRE_GRAFT,        WIRE_PRUNE,
};

enum { TYPES_COUNT = sizeof(types) / sizeof(types[0]) };

static uint8_t payload[WIRE_PAYLOAD_MAX];

static void fill(struct rng *rng, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)rng_next(rng);
}

static struct peer_addr make_addr(struct rng *rng)
{
    struct peer_addr addr = {.family = PEER_ADDR_IP4};
    size_t size = 4;

    if (rng_below(rng, 2) == 0) {
        addr.family = PEER_ADDR_IP6;
        size = 16;
    }
    addr.port = (uint16_t)rng_between(rng, 1, 65535);
    fill(rng, addr.ip, size);
    return addr;
}

static struct peer_contact make_contact(struct rng *rng)
{
    struct peer_contact contact = {.addr = make_addr(rng)};

    fill(rng, contact.id.bytes, PEER_ID_SIZE);
    return contact;
}

static void make_contacts(struct rng *rng, struct wire_contacts *list)
{
    list->count = (uint8_t)rng_below(rng, WIRE_SHUFFLE_MAX + 1);
    for (size_t i = 0; i < list->count; i++)
        list->items[i] = make_contact(rng);
}

static void make_membership(struct rng *rng, struct wire_message *m)
{
    switch (m->type) {
    case WIRE_HELLO:
        m->hello.addr = make_addr(rng);
        break;
    case WIRE_JOIN:
        m->join.nonce = (uint32_t)rng_next(rng);
        break;
    case WIRE_FORWARD_JOIN:
        m->forward_join.joiner = make_contact(rng);
        m->forward_join.ttl = (uint8_t)rng_below(rng, WIRE_TTL_MAX + 1);
        break;
    case WIRE_NEIGHBOR:
        m->neighbor.nonce = (uint32_t)rng_next(rng);
        m->neighbor.is_high = rng_below(rng, 2) == 1;
        break;
    case WIRE_NEIGHBOR_REPLY:
        m->neighbor_reply.nonce = (uint32_t)rng_next(rng);
        m->neighbor_reply.is_accepted = rng_below(rng, 2) == 1;
        break;
    case WIRE_DISCONNECT:
        m->disconnect.is_leaving = rng_below(rng, 2) == 1;
        break;
    case WIRE_SHUFFLE:
        m->shuffle.origin = make_contact(rng);
        m->shuffle.ttl = (uint8_t)rng_below(rng, WIRE_TTL_MAX + 1);
        make_contacts(rng, &m->shuffle.contacts);
        break;
    default:
        make_contacts(rng, &m->shuffle_reply.contacts);
        break;
    }
}

static void make_broadcast(struct rng *rng, struct wire_message *m)
{
    switch (m->type) {
    case WIRE_GOSSIP:
        fill(rng, m->gossip.id.bytes, MESSAGE_ID_SIZE);
        m->gossip.hops = (uint16_t)rng_next(rng);
        m->gossip.payload_bytes = (uint16_t)rng_below(rng, 200);
        m->gossip.payload = payload;
        fill(rng, payload, m->gossip.payload_bytes);
        break;
    case WIRE_IHAVE:
        m->ihave.count = (uint16_t)rng_between(rng, 1, WIRE_IHAVE_MAX);
        for (size_t i = 0; i < m->ihave.count; i++) {
            fill(rng, m->ihave.items[i].id.bytes, MESSAGE_ID_SIZE);
            m->ihave.items[i].hops = (uint16_t)rng_next(rng);
        }
        break;
    case WIRE_GRAFT:
        m->graft.has_id = rng_below(rng, 2) == 1;
        m->graft.hops = (uint16_t)rng_next(rng);
        if (m->graft.has_id)
            fill(rng, m->graft.id.bytes, MESSAGE_ID_SIZE);
        break;
    default:
        break;
    }
}

static struct wire_message make_message(struct rng *rng, enum wire_type type)
{
    struct wire_message m;

    memset(&m, 0, sizeof(m));
    m.type = type;
    if (wire_protocol_of(type) == WIRE_PROTOCOL_PLUMTREE)
        make_broadcast(rng, &m);
    else
        make_membership(rng, &m);
    return m;
}

static void assert_contacts_equal(const struct wire_contacts *a,
                                  const struct wire_contacts *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(peer_id_equal(&a->items[i].id, &b->items[i].id));
        assert_true(peer_addr_equal(&a->items[i].addr, &b->items[i].addr));
    }
}

static void assert_same(const struct wire_message *a,
                        const struct wire_message *b)
{
    assert_int_equal(a->type, b->type);
    switch (a->type) {
    case WIRE_SHUFFLE:
        assert_true(
            peer_id_equal(&a->shuffle.origin.id, &b->shuffle.origin.id));
        assert_int_equal(a->shuffle.ttl, b->shuffle.ttl);
        assert_contacts_equal(&a->shuffle.contacts, &b->shuffle.contacts);
        break;
    case WIRE_SHUFFLE_REPLY:
        assert_contacts_equal(&a->shuffle_reply.contacts,
                              &b->shuffle_reply.contacts);
        break;
    case WIRE_GOSSIP:
        assert_memory_equal(&a->gossip.id, &b->gossip.id, MESSAGE_ID_SIZE);
        assert_int_equal(a->gossip.hops, b->gossip.hops);
        assert_int_equal(a->gossip.payload_bytes, b->gossip.payload_bytes);
        assert_memory_equal(a->gossip.payload, b->gossip.payload,
                            a->gossip.payload_bytes);
        break;
    default:
        /* No pointer and zeroed padding: the bytes themselves compare. */
        assert_memory_equal(a, b, sizeof(*a));
        break;
    }
}

static void decode_gives_what_was_encoded(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT * (size_t)ROUNDS; i++) {
        struct wire_message m = make_message(&rng, types[i % TYPES_COUNT]);
        struct wire_message again;
        size_t count, used;

        assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
        assert_int_equal(count, wire_encoded_bytes(&m));
        assert_int_equal(wire_decode(frame, count, &again, &used), WIRE_OK);
        assert_int_equal(used, count);
        assert_same(&m, &again);
    }
}

static void waits_until_the_frame_is_whole(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        struct wire_message m = make_message(&rng, types[i]);
        struct wire_message out;
        size_t count, used;

        assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
        for (size_t cut = 0; cut < count; cut++) {
            /* A block of exactly that size: a reader that looks further is
             * caught by the sanitizer. */
            uint8_t *part = malloc(cut + 1);

            assert_non_null(part);
            memcpy(part + 1, frame, cut);
            assert_int_equal(wire_decode(part + 1, cut, &out, &used),
                             WIRE_NEED_MORE);
            free(part);
        }
    }
}

/* The same cuts, but with a length that claims the frame is whole. */
static void refuses_every_body_cut_short(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT * 4; i++) {
        struct wire_message m = make_message(&rng, types[i % TYPES_COUNT]);
        struct wire_message out;
        size_t count, used;

        assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
        for (size_t cut = WIRE_HEADER_SIZE; cut < count; cut++) {
            uint8_t *part = malloc(cut);

            assert_non_null(part);
            memcpy(part, frame, cut);
            part[0] = (uint8_t)((cut - 2) >> 8);
            part[1] = (uint8_t)(cut - 2);
            assert_int_equal(wire_decode(part, cut, &out, &used),
                             WIRE_TRUNCATED);
            free(part);
        }
    }
}

static void refuses_what_trails(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        struct wire_message m = make_message(&rng, types[i]);
        struct wire_message out;
        size_t count, used, length;

        assert_int_equal(wire_encode(&m, frame, sizeof(frame) - 1, &count), 0);
        length = count - 1;
        frame[0] = (uint8_t)(length >> 8);
        frame[1] = (uint8_t)length;
        frame[count] = 0;
        assert_int_equal(wire_decode(frame, count + 1, &out, &used),
                         WIRE_TRAILING);
    }
}

/* A frame with any one byte changed is refused, waits for more, or is another
 * message that encodes to these very bytes. */
static void survives_every_single_byte_flip(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX], again[WIRE_FRAME_MAX];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT * 2; i++) {
        struct wire_message m = make_message(&rng, types[i % TYPES_COUNT]);
        size_t count;

        assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
        for (size_t at = 0; at < count; at++) {
            for (unsigned flip = 1; flip < 256; flip += flip < 8 ? 1 : 13) {
                struct wire_message out;
                size_t used, recount;

                frame[at] ^= (uint8_t)flip;
                if (wire_decode(frame, count, &out, &used) == WIRE_OK) {
                    assert_int_equal(
                        wire_encode(&out, again, sizeof(again), &recount), 0);
                    assert_int_equal(recount, used);
                    assert_memory_equal(again, frame, used);
                }
                frame[at] ^= (uint8_t)flip;
            }
        }
    }
}

static void survives_noise(void **state)
{
    struct rng rng;
    uint8_t noise[256];

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < NOISE_ROUNDS; i++) {
        struct wire_message out;
        size_t used;
        size_t count = (size_t)rng_between(&rng, 4, sizeof(noise));

        fill(&rng, noise, count);
        noise[0] = (uint8_t)((count - 2) >> 8);
        noise[1] = (uint8_t)(count - 2);
        noise[2] = WIRE_VERSION;
        noise[3] = (uint8_t)types[rng_below(&rng, TYPES_COUNT)];
        assert_true(wire_decode(noise, count, &out, &used) != WIRE_NEED_MORE);
    }
}

static void says_what_is_wrong(void **state)
{
    struct wire_message m = {.type = WIRE_PRUNE}, out;
    uint8_t frame[16];
    size_t count, used = 77;
    static const struct {
        uint8_t bytes[8];
        size_t count;
        int condition;
    } cases[] = {
        {{0, 1, 1}, 3, WIRE_BAD_LENGTH},
        {{0, 0}, 2, WIRE_BAD_LENGTH},
        {{0x40, 0x00}, 2, WIRE_BAD_LENGTH},
        {{0x3f, 0xfe}, 2, WIRE_NEED_MORE},
        {{0, 2, 2, WIRE_PRUNE}, 4, WIRE_BAD_VERSION},
        {{0, 2, 1, 200}, 4, WIRE_BAD_TYPE},
        {{0, 2, 1, 0}, 4, WIRE_BAD_TYPE},
        {{0, 3, 1, WIRE_DISCONNECT, 2}, 5, WIRE_BAD_VALUE},
        {{0, 3, 1, WIRE_SHUFFLE_REPLY, 17}, 5, WIRE_TOO_MANY},
        {{0, 4, 1, WIRE_IHAVE, 0, 0}, 6, WIRE_BAD_VALUE},
        {{0, 4, 1, WIRE_IHAVE, 0, 65}, 6, WIRE_TOO_MANY},
    };

    (void)state;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
    assert_int_equal(count, WIRE_HEADER_SIZE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            wire_decode(cases[i].bytes, cases[i].count, &out, &used),
            cases[i].condition);
    assert_int_equal(used, 77);
    for (int i = WIRE_OK; i <= WIRE_TOO_MANY; i++)
        assert_string_not_equal(wire_reason(i), "?");
    assert_string_equal(wire_reason(99), "?");
    assert_string_equal(wire_type_name(WIRE_FORWARD_JOIN), "FORWARD_JOIN");
    assert_string_equal(wire_type_name((enum wire_type)99), "?");
}

/* What the decoder would refuse is not sent in the first place. */
static void encoder_refuses_what_breaks_a_limit(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];
    struct wire_message m;
    size_t count;

    (void)state;
    rng_init(&rng, SEED);
    m = make_message(&rng, WIRE_HELLO);
    m.hello.addr.port = 0;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_HELLO);
    m.hello.addr.family = PEER_ADDR_IP4;
    m.hello.addr.ip[15] = 1;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_FORWARD_JOIN);
    m.forward_join.ttl = WIRE_TTL_MAX + 1;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_SHUFFLE);
    m.shuffle.contacts.count = WIRE_SHUFFLE_MAX + 1;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_GOSSIP);
    m.gossip.payload_bytes = WIRE_PAYLOAD_MAX + 1;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_IHAVE);
    m.ihave.count = 0;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m.type = (enum wire_type)3;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), -EINVAL);
    m = make_message(&rng, WIRE_JOIN);
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(wire_encode(&m, frame, size, &count), -ENOBUFS);
    assert_int_equal(wire_encode(&m, frame, 8, &count), 0);
}

static void largest_messages_fit_a_frame(void **state)
{
    struct rng rng;
    uint8_t frame[WIRE_FRAME_MAX];
    struct wire_message m;
    size_t count;

    (void)state;
    rng_init(&rng, SEED);
    m = make_message(&rng, WIRE_GOSSIP);
    m.gossip.payload_bytes = WIRE_PAYLOAD_MAX;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
    m = make_message(&rng, WIRE_IHAVE);
    m.ihave.count = WIRE_IHAVE_MAX;
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
    m = make_message(&rng, WIRE_SHUFFLE);
    m.shuffle.contacts.count = WIRE_SHUFFLE_MAX;
    for (size_t i = 0; i < WIRE_SHUFFLE_MAX; i++)
        m.shuffle.contacts.items[i] = make_contact(&rng);
    assert_int_equal(wire_encode(&m, frame, sizeof(frame), &count), 0);
}

static void takes_frames_off_a_stream_one_by_one(void **state)
{
    struct rng rng;
    uint8_t stream[4 * WIRE_FRAME_MAX];
    size_t end = 0, next = 0;

    (void)state;
    rng_init(&rng, SEED);
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        struct wire_message m = make_message(&rng, types[i]);
        size_t count;

        assert_int_equal(
            wire_encode(&m, stream + end, sizeof(stream) - end, &count), 0);
        end += count;
    }
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        struct wire_message out;
        size_t used;

        assert_int_equal(wire_decode(stream + next, end - next, &out, &used),
                         WIRE_OK);
        assert_int_equal(out.type, types[i]);
        next += used;
    }
    assert_int_equal(next, end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_gives_what_was_encoded),
        cmocka_unit_test(waits_until_the_frame_is_whole),
        cmocka_unit_test(refuses_every_body_cut_short),
        cmocka_unit_test(refuses_what_trails),
        cmocka_unit_test(survives_every_single_byte_flip),
        cmocka_unit_test(survives_noise),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(encoder_refuses_what_breaks_a_limit),
        cmocka_unit_test(largest_messages_fit_a_frame),
        cmocka_unit_test(takes_frames_off_a_stream_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
