#include "watch/duration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void times_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } right[] = {{"20", 20.},     {"20s", 20.},    {"250ms", .25}, {"5m", 300.},
                 {"1.5h", 5400.}, {"7d", 604800.}, {"0", 0.}};
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        double seconds = -1.;
        assert_int_equal(duration_parse(right[i].text, &seconds), 0);
        assert_true(seconds > right[i].seconds - 1e-9 &&
                    seconds < right[i].seconds + 1e-9);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const wrong[] = {"",    "s",     "-5",  "+5",   " 5",
                                        "5 s", "5x",    "nan", "inf",  "1e9d",
                                        "5sm", "0x10h", "5S",  "1..2", ".5"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        double seconds = -1.;
        if (duration_parse(wrong[i], &seconds) != -EINVAL) {
            fail_msg("'%s' was taken for %g s", wrong[i], seconds);
        }
        assert_true(seconds == -1.);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
