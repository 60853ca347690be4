#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/budget.h"

#include <errno.h>
#include <string.h>

static struct judge_budget parse(const char *text)
{
    struct judge_budget budget = {0};
    struct err err = {0};
    if (budget_parse(text, &budget, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    return budget;
}

static void reads_what_people_write(void **state)
{
    (void)state;
    assert_true(parse("64 B/event").per_event == 64.0);
    assert_true(parse("1 MiB/h").per_hour == 1048576.0);
    assert_true(parse(" 2% ").ratio == 0.02);
    assert_true(parse("1.5KB / hour").per_hour == 1500.0);
    assert_true(parse("0.01/event").per_event == 0.01);
    struct judge_budget both = parse("64 B/event, 1 GiB/h");
    assert_true(both.per_event == 64.0);
    assert_true(both.per_hour == 1073741824.0);
    assert_true(both.ratio == 0.0);
}

static void refuses_the_rest_and_says_what_is_right(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",        "B/event",     "64",          "64 B",       "64 B/day",
        "-1 %",    "0 B/event",   "nan %",       "1 XB/event", "2 %,",
        "2 % 3 %", "64 B/events", "inf B/event", "1 MiB/h x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct judge_budget budget = {.ratio = 7.0};
        struct err err = {0};
        assert_int_equal(budget_parse(wrong[i], &budget, &err), -EINVAL);
        assert_true(budget.ratio == 7.0);
        assert_non_null(strstr(err.sentence, "64 B/event"));
    }
}

static void reads_amounts(void **state)
{
    (void)state;
    double amount = 0.0;
    struct err err = {0};
    assert_int_equal(budget_parse_amount("512 MiB", &amount, &err), 0);
    assert_true(amount == 536870912.0);
    assert_int_equal(budget_parse_amount("1024", &amount, &err), 0);
    assert_true(amount == 1024.0);
    assert_int_equal(budget_parse_amount("much", &amount, &err), -EINVAL);
    assert_int_equal(budget_parse_amount("5 MiB/h", &amount, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),
        cmocka_unit_test(refuses_the_rest_and_says_what_is_right),
        cmocka_unit_test(reads_amounts),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
