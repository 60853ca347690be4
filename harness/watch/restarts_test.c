#include "watch/restarts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t SECOND = 1000000000;

static void the_steps_of_a_service_are_one_restart(void **state)
{
    (void)state;
    struct restarts restarts = {0};
    assert_true(restarts_note(&restarts, true, SECOND / 10));
    assert_false(restarts_note(&restarts, true, SECOND / 5));
    assert_false(restarts_note(&restarts, true, 4 * SECOND));
    assert_false(restarts_note(&restarts, true, 8 * SECOND)); /* a slow one */
    assert_int_equal(restarts.count, 1);
    assert_true(restarts_note(&restarts, true, 14 * SECOND));
    assert_int_equal(restarts.count, 2);
}

static void a_service_that_crashes_on_and_on_restarts_again(void **state)
{
    (void)state;
    struct restarts restarts = {0};
    for (int i = 1; i <= 120; i++) {
        (void)restarts_note(&restarts, true, i * SECOND);
    }
    assert_int_equal(restarts.count, 4);
}

static void a_process_has_no_steps(void **state)
{
    (void)state;
    struct restarts restarts = {0};
    assert_true(restarts_note(&restarts, false, SECOND));
    assert_true(restarts_note(&restarts, false, SECOND));
    assert_int_equal(restarts.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_steps_of_a_service_are_one_restart),
        cmocka_unit_test(a_service_that_crashes_on_and_on_restarts_again),
        cmocka_unit_test(a_process_has_no_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
