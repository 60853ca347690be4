#include "arguments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct params {
    int64_t size, rate;
};

static const struct param table[] = {
    {"size", offsetof(struct params, size), 1, 9, 5, "count", "how many"},
    {"rate", offsetof(struct params, rate), 0, 100, 50, "count", "how often"},
};

static void number_is_whole_and_within_its_range(void **state)
{
    int64_t value = 77;

    (void)state;
    assert_int_equal(arguments_number("-3", -3, 4, &value), 0);
    assert_int_equal(value, -3);
    assert_int_equal(arguments_number("5", -3, 4, &value), -EINVAL);
    assert_int_equal(arguments_number("4x", -3, 4, &value), -EINVAL);
    assert_int_equal(arguments_number("", -3, 4, &value), -EINVAL);
    assert_int_equal(
        arguments_number("99999999999999999999", 0, INT64_MAX, &value),
        -EINVAL);
    assert_int_equal(value, -3);
}

static void seed_may_be_any_unsigned_number(void **state)
{
    uint64_t seed = 7;

    (void)state;
    assert_int_equal(arguments_seed("-1", &seed), -EINVAL);
    assert_int_equal(arguments_seed("18446744073709551616", &seed), -EINVAL);
    assert_int_equal(seed, 7);
    assert_int_equal(arguments_seed("18446744073709551615", &seed), 0);
    assert_true(seed == UINT64_MAX);
}

static void parameter_is_set_by_module_and_name(void **state)
{
    struct params tree = {5, 50}, treetop = {5, 50};
    const struct arguments_module modules[] = {
        {"tree", table, 2, &tree},
        {"treetop", table, 2, &treetop},
    };

    (void)state;
    assert_int_equal(arguments_set("treetop.size=9", modules, 2), 0);
    assert_int_equal(treetop.size, 9);
    assert_int_equal(tree.size, 5);
    assert_int_equal(arguments_set("tree.rate=0", modules, 2), 0);
    assert_int_equal(tree.rate, 0);
    assert_int_equal(arguments_set("tree.size=10", modules, 2), -EINVAL);
    assert_int_equal(arguments_set("tree.colour=1", modules, 2), -EINVAL);
    assert_int_equal(arguments_set("bush.size=1", modules, 2), -EINVAL);
    assert_int_equal(arguments_set("tree.size", modules, 2), -EINVAL);
    assert_int_equal(arguments_set("size=1.5", modules, 2), -EINVAL);
    assert_int_equal(arguments_set("", modules, 2), -EINVAL);
    assert_int_equal(tree.size, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_is_whole_and_within_its_range),
        cmocka_unit_test(seed_may_be_any_unsigned_number),
        cmocka_unit_test(parameter_is_set_by_module_and_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
