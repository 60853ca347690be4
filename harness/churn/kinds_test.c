#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "churn/kinds.h"
#include "store/store.h"

static void every_kind_is_found_by_its_name_and_fits_the_store(void **state)
{
    (void)state;
    for (int i = 0; i < CHURN_KINDS; i++) {
        enum churn_kind found = CHURN_KINDS;
        const char *name = kinds_name((enum churn_kind)i);
        assert_true(strlen(name) < STORE_EVENT_KIND_MAX);
        assert_int_equal(kinds_find(name, &found), 0);
        assert_int_equal(found, i);
    }
}

static void a_kind_that_is_none_is_not_found(void **state)
{
    (void)state;
    enum churn_kind found = CHURN_STOP;
    assert_int_equal(kinds_find("kil", &found), -ENOENT);
    assert_int_equal(kinds_find("", &found), -ENOENT);
    assert_int_equal(found, CHURN_STOP);
}

static void counts_are_told_in_words(void **state)
{
    (void)state;
    char text[KINDS_TEXT_SIZE];
    const int64_t none[CHURN_KINDS] = {0};
    const int64_t kills[CHURN_KINDS] = {[CHURN_KILL] = 1204};
    const int64_t some[CHURN_KINDS] = {
        [CHURN_KILL] = 1, [CHURN_PAUSE] = 2, [CHURN_MASS] = 1000000};
    assert_string_equal(kinds_describe(none, text), "no events");
    assert_string_equal(kinds_describe(kills, text), "1,204 kills");
    assert_string_equal(kinds_list(none, text), "no events");
    assert_string_equal(kinds_list(some, text),
                        "1 kill, 2 pause, 1000000 mass");
    assert_string_equal(kinds_describe(some, text),
                        "1 kill, 2 pauses, 1,000,000 kills in mass failures");
}

static void the_longest_text_is_not_cut(void **state)
{
    (void)state;
    char text[KINDS_TEXT_SIZE];
    const int64_t many[CHURN_KINDS] = {
        [CHURN_KILL] = 999999999,  [CHURN_STOP] = 999999999,
        [CHURN_PAUSE] = 999999999, [CHURN_STARTING] = 999999999,
        [CHURN_MASS] = 999999999,  [CHURN_PARTITION] = 999999999,
        [CHURN_EXIT] = 999999999,
    };
    assert_non_null(
        strstr(kinds_describe(many, text), "999,999,999 exits by themselves"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_found_by_its_name_and_fits_the_store),
        cmocka_unit_test(a_kind_that_is_none_is_not_found),
        cmocka_unit_test(counts_are_told_in_words),
        cmocka_unit_test(the_longest_text_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
