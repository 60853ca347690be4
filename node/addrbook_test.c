#include "addrbook.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static struct peer_contact contact(uint16_t port)
{
    return (struct peer_contact){
        .id = {{(uint8_t)port, (uint8_t)(port >> 8), 1}},
        .addr = {.family = PEER_ADDR_IP4, .port = port, .ip = {127, 0, 0, 1}},
    };
}

static void begin(struct addrbook *book, int64_t entries_max)
{
    struct addrbook_params params = {
        .entries_max = entries_max,
        .ttl_ns = 1000 * MS,
        .backoff_min_ns = 100 * MS,
        .backoff_max_ns = 1600 * MS,
    };
    assert_int_equal(addrbook_init(book, &params, 1), 0);
}

static void an_unknown_address_may_be_dialled(void **state)
{
    (void)state;
    struct addrbook book;
    struct peer_contact peer = contact(1);
    begin(&book, 4);
    assert_true(addrbook_may_dial(&book, &peer.addr, 0));
    assert_int_equal(addrbook_count(&book), 0);
    addrbook_deinit(&book);
}

/* Half of the pause is certain, and it doubles up to its bound. */
static void a_silent_address_is_left_alone_ever_longer(void **state)
{
    (void)state;
    struct addrbook book;
    struct peer_contact peer = contact(1);
    int64_t pause = 100 * MS;
    int64_t now = 0;
    begin(&book, 4);
    for (int i = 0; i < 8; i++) {
        addrbook_failed(&book, &peer, now);
        assert_false(addrbook_may_dial(&book, &peer.addr, now + pause / 2 - 1));
        assert_true(addrbook_may_dial(&book, &peer.addr, now + pause));
        now += pause;
        pause = pause < 1600 * MS ? 2 * pause : pause;
    }
    addrbook_answered(&book, &peer, now);
    assert_true(addrbook_may_dial(&book, &peer.addr, now));
    addrbook_failed(&book, &peer, now);
    assert_true(addrbook_may_dial(&book, &peer.addr, now + 100 * MS));
    addrbook_deinit(&book);
}

static void pauses_differ_from_one_to_the_next(void **state)
{
    (void)state;
    struct addrbook book;
    int early = 0;
    begin(&book, 256);
    for (uint16_t port = 1; port <= 200; port++) {
        struct peer_contact peer = contact(port);
        addrbook_failed(&book, &peer, 0);
        early += addrbook_may_dial(&book, &peer.addr, 75 * MS);
    }
    assert_in_range(early, 60, 140);
    addrbook_deinit(&book);
}

static void the_longest_unused_makes_room(void **state)
{
    (void)state;
    struct addrbook book;
    struct peer_contact first = contact(1), second = contact(2);
    begin(&book, 3);
    addrbook_failed(&book, &first, 0);
    addrbook_failed(&book, &second, 1);
    for (uint16_t port = 3; port < 100; port++) {
        struct peer_contact peer = contact(port);
        addrbook_failed(&book, &first, port);
        addrbook_answered(&book, &peer, port);
        assert_true(addrbook_count(&book) <= 3);
    }
    /* Used all the time, the first is still known; the second is forgotten. */
    assert_false(addrbook_may_dial(&book, &first.addr, 100));
    assert_true(addrbook_may_dial(&book, &second.addr, 100));
    addrbook_deinit(&book);
}

static void what_is_not_used_expires(void **state)
{
    (void)state;
    struct addrbook book;
    struct peer_contact first = contact(1), second = contact(2);
    begin(&book, 4);
    addrbook_answered(&book, &first, 0);
    addrbook_answered(&book, &second, 600 * MS);
    addrbook_expire(&book, 1001 * MS);
    assert_int_equal(addrbook_count(&book), 1);
    addrbook_expire(&book, 1601 * MS);
    assert_int_equal(addrbook_count(&book), 0);
    addrbook_deinit(&book);
}

static void an_immortal_book_keeps_everybody(void **state)
{
    (void)state;
    struct addrbook book;
    begin(&book, 3);
    book.is_immortal = true;
    for (uint16_t port = 1; port <= 1000; port++) {
        struct peer_contact peer = contact(port);
        addrbook_answered(&book, &peer, port * MS);
    }
    addrbook_expire(&book, INT64_MAX);
    assert_int_equal(addrbook_count(&book), 1000);
    addrbook_deinit(&book);
}

static void a_parameter_out_of_range_is_refused(void **state)
{
    (void)state;
    struct addrbook book;
    struct addrbook_params params = {.entries_max = 0, .ttl_ns = MS};
    assert_int_equal(addrbook_init(&book, &params, 1), -EINVAL);
    addrbook_deinit(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_address_may_be_dialled),
        cmocka_unit_test(a_silent_address_is_left_alone_ever_longer),
        cmocka_unit_test(pauses_differ_from_one_to_the_next),
        cmocka_unit_test(the_longest_unused_makes_room),
        cmocka_unit_test(what_is_not_used_expires),
        cmocka_unit_test(an_immortal_book_keeps_everybody),
        cmocka_unit_test(a_parameter_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
