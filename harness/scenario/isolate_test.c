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

#define MESH                                                                   \
    "roles:\n- {name: o, kind: observer, count: 2, command: [x]}\n"            \
    "- {name: c, kind: churner, count: 6, command: [x]}\n"

static int parse(const char *text, struct scenario **ret_scenario,
                 struct err *err)
{
    return scenario_parse("case.yaml", text, ret_scenario, err);
}

static void partitions_are_read_and_have_defaults(void **state)
{
    static const char given[] =
        "isolate: {network: each}\n"
        "churn: {rate_per_s: 5, wave_s: 9, ebb: {settle_max_s: 9},\n"
        "  kinds: {kill: 9, partition: 0.1, partition_share: 0.5,\n"
        "          partition_min_s: 3, partition_max_s: 8}}\n" MESH;
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {0};
    double weights[CHURN_KINDS];
    assert_int_equal(parse(given, &scenario, &err), 0);
    scenario_weights(scenario, weights);
    assert_true(weights[CHURN_PARTITION] == 0.1);
    assert_true(scenario->partition_share == 0.5);
    assert_true(scenario->partition_min_s == 3.);
    assert_true(scenario->partition_max_s == 8.);
    scenario_free(scenario);
    assert_int_equal(parse(MESH, &scenario, &err), 0);
    scenario_weights(scenario, weights);
    assert_true(weights[CHURN_PARTITION] == 0.);
    assert_true(scenario->partition_min_s == 0.5);
    assert_true(scenario->partition_max_s == 2.);
    assert_true(scenario->partition_share == 0.25);
    scenario_free(scenario);
}

static void partitions_that_cannot_be_are_refused(void **state)
{
#define CHURN                                                                  \
    "isolate: {network: each}\nchurn: {rate_per_s: 5, kinds: {kill: 9, "
    static const struct {
        const char *text, *says;
        int line;
    } wrong[] = {
        {"churn: {kinds: {partition: 1}}\n" MESH, "'isolate: {network: each}'",
         1},
        {"isolate: {network: shared}\nchurn: {kinds: {kill: 1,\n"
         "partition: 1}}\n" MESH,
         "'isolate: {network: each}'", 3},
        {CHURN "partition_max_s: 0.1}}\n" MESH, "below 'partition_min_s' 0.5",
         2},
        {CHURN "partition: 0.1, partition_max_s: 2.8},\nwave_s: 5}\n" MESH,
         "a partition of 2.8 s, and 0.2 s of rest after it, outlast an ebb", 2},
        /* (9 + 2 * 2) / 2 / 5: every 1.3 s one of 1.25 s; */
        {CHURN "partition: 2, partition_max_s: 2.1}}\n" MESH,
         "partitions of 1.3 s fall due every 1.3 s", 2},
        {CHURN "partition: 1, partition_share: 0}}\n" MESH, "0.001 to 0.999",
         2},
        {CHURN "partition: 1, partition_min_s: 0}}\n" MESH, "0.05 to 3600", 2},
    };
#undef CHURN
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct scenario *scenario = NULL;
        struct err err = {0};
        int result = parse(wrong[i].text, &scenario, &err);
        if (result != -EINVAL || err.line != wrong[i].line ||
            strstr(err.sentence, wrong[i].says) == NULL) {
            fail_msg("%s: %d, line %d: %s", wrong[i].text, result, err.line,
                     err.sentence);
        }
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
        cmocka_unit_test(partitions_are_read_and_have_defaults),
        cmocka_unit_test(partitions_that_cannot_be_are_refused),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
