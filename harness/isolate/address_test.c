#include "isolate/address.h"

#include "isolate/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char server_host[] = "::1";
static char client_host[] = "127.0.0.1";
static struct scenario_role roles[] = {
    {.host = server_host, .count = 300},
    {.host = client_host, .count = 700},
};
static struct scenario scenario = {.roles = roles, .roles_count = 2};

static void without_networks_it_is_the_host_of_the_role(void **state)
{
    (void)state;
    char text[ISOLATE_ADDRESS_SIZE];
    scenario.network = NETWORK_SHARED;
    assert_string_equal(isolate_address(&scenario, &roles[0], 7, text), "::1");
    assert_string_equal(isolate_address(NULL, &roles[1], 0, text), "127.0.0.1");
}

static void with_each_it_is_counted_through_all_roles(void **state)
{
    (void)state;
    char text[ISOLATE_ADDRESS_SIZE];
    scenario.network = NETWORK_EACH;
    assert_string_equal(isolate_address(&scenario, &roles[0], 0, text),
                        "10.77.1.1");
    assert_string_equal(isolate_address(&scenario, &roles[0], 299, text),
                        "10.77.2.50");
    assert_string_equal(isolate_address(&scenario, &roles[1], 0, text),
                        "10.77.2.51");
    assert_string_equal(isolate_address(&scenario, &roles[1], 699, text),
                        "10.77.4.250");
}

static void no_two_places_share_an_address(void **state)
{
    (void)state;
    for (uint32_t place = 1; place < NETWORK_PLACES_MAX; place++) {
        assert_true(isolate_place_address(place) >
                    isolate_place_address(place - 1));
    }
    assert_int_equal(isolate_place(&scenario, &roles[1], 2), 302);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_networks_it_is_the_host_of_the_role),
        cmocka_unit_test(with_each_it_is_counted_through_all_roles),
        cmocka_unit_test(no_two_places_share_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
