#include "scenario/scenario.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROLE "roles:\n- {name: o, kind: observer, command: [x]"
#define STILL "churn: {rate_per_s: 0}\n"

static int read_text(const char *isolate, const char *more,
                     struct scenario **ret_scenario, struct err *err)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s\n" STILL ROLE "%s}\n", isolate, more);
    return scenario_parse("case.yaml", text, ret_scenario, err);
}

static void without_a_word_the_network_is_the_machines(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {0};
    assert_int_equal(read_text("", "", &scenario, &err), 0);
    assert_int_equal(scenario->network, NETWORK_NONE);
    assert_true(scenario->drop_share == 0.);
    scenario_free(scenario);
}

static void networks_and_their_loss_are_read(void **state)
{
    static const struct {
        const char *text;
        enum network_rule rule;
        double share;
    } right[] = {
        {"isolate: {network: none}", NETWORK_NONE, 0.},
        {"isolate: {network: shared}", NETWORK_SHARED, 0.},
        {"isolate: {network: each, drop_share: 0.25}", NETWORK_EACH, .25},
        {"isolate: {network: shared, drop_share: 0.9}", NETWORK_SHARED, .9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct scenario *scenario = NULL;
        struct err err = {0};
        if (read_text(right[i].text, "", &scenario, &err) != 0) {
            fail_msg("%s: %s", right[i].text, err.sentence);
        }
        assert_int_equal(scenario->network, right[i].rule);
        assert_true(scenario->drop_share == right[i].share);
        scenario_free(scenario);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *isolate, *more, *says;
    } wrong[] = {
        {"isolate: {network: all}", "", "one of 'none', 'shared', 'each'"},
        {"isolate: {network: shared, drop_share: 1}", "", "0 to 0.9"},
        {"isolate: {network: shared, drop_share: -0.1}", "", "0 to 0.9"},
        {"isolate: {drop_share: 0.1}", "", "'network: shared' or 'each'"},
        {"isolate: {network: each}", ", host: 127.0.0.2",
         "an address of its own"},
        {"isolate: {network: each}", ", count: 1001",
         "'each' takes 1000 processes at most"},
        {"isolate: {drop: 0.1}", "", "'drop'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct scenario *scenario = NULL;
        struct err err = {0};
        assert_int_equal(
            read_text(wrong[i].isolate, wrong[i].more, &scenario, &err),
            -EINVAL);
        if (strstr(err.sentence, wrong[i].says) == NULL) {
            fail_msg("%s%s: %s", wrong[i].isolate, wrong[i].more, err.sentence);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_the_network_is_the_machines),
        cmocka_unit_test(networks_and_their_loss_are_read),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
