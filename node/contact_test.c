#include "contact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void assert_survives(const char *text)
{
    struct peer_contact contact;
    char back[CONTACT_TEXT_SIZE];
    assert_int_equal(contact_parse(text, strlen(text), &contact), 0);
    assert_string_equal(contact_format(&contact, back), text);
}

static void every_form_survives_the_round_trip(void **state)
{
    (void)state;
    assert_survives("127.0.0.1:4433");
    assert_survives("10.1.2.3:65535/" ID);
    assert_survives("[::1]:1");
    assert_survives("[fe80::12]:4433/" ID);
}

static void what_is_no_contact_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        ":1",
        "127.0.0.1",
        "127.0.0.1:",
        "1.2.3:4",
        "1.2.3.4:65536",
        "1.2.3.4:4x",
        "::1:4433",
        "[::1]4433",
        "1.2.3.4:5/",
        "1.2.3.4:5/00",
        "1.2.3.4:5/" ID "0",
        "1.2.3.4:5/x" ID,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct peer_contact contact;
        assert_int_equal(contact_parse(wrong[i], strlen(wrong[i]), &contact),
                         -EINVAL);
    }
}

static void a_list_is_bounded(void **state)
{
    (void)state;
    struct peer_contact contacts[2];
    size_t count = 9;
    assert_int_equal(contact_parse_list("", contacts, 2, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(
        contact_parse_list("1.2.3.4:5,[::1]:6/" ID, contacts, 2, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(contacts[1].addr.port, 6);
    assert_int_equal(contact_parse_list("1.2.3.4:5,1.2.3.4:6,1.2.3.4:7",
                                        contacts, 2, &count),
                     -E2BIG);
    assert_int_equal(contact_parse_list("1.2.3.4:5,,", contacts, 2, &count),
                     -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_survives_the_round_trip),
        cmocka_unit_test(what_is_no_contact_is_refused),
        cmocka_unit_test(a_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
