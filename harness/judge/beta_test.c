#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/beta.h"

#include <math.h>

static void expect_near(double is, double wanted)
{
    if (!(fabs(is - wanted) < 1e-6)) {
        fail_msg("%.9f, where %.9f was expected", is, wanted);
    }
}

static void intervals_are_those_of_clopper_and_pearson(void **state)
{
    (void)state;
    /* No hit: (1 - p)^n = tail. One of two: symmetric. */
    struct beta_interval none = beta_proportion(0, 5000, 0.05);
    assert_true(none.low == 0.0);
    expect_near(none.high, 1.0 - pow(0.05, 1.0 / 5000));
    struct beta_interval all = beta_proportion(20, 20, 0.025);
    assert_true(all.high == 1.0);
    expect_near(all.low, pow(0.025, 1.0 / 20));
    struct beta_interval half = beta_proportion(1, 2, 0.025);
    expect_near(half.low, 1.0 - sqrt(1.0 - 0.025));
    expect_near(half.high, sqrt(1.0 - 0.025));
}

static void tails_are_what_was_asked_for(void **state)
{
    (void)state;
    /* 3 of 10: P(X >= 3 | low) = P(X <= 3 | high) = tail, by summing. */
    static const double choose[] = {1, 10, 45, 120};
    struct beta_interval i = beta_proportion(3, 10, 0.025);
    double below = 0.0;
    double upper = 0.0;
    for (int k = 0; k <= 3; k++) {
        upper += choose[k] * pow(i.high, k) * pow(1.0 - i.high, 10 - k);
        below +=
            k < 3 ? choose[k] * pow(i.low, k) * pow(1.0 - i.low, 10 - k) : 0.0;
    }
    expect_near(upper, 0.025);
    expect_near(1.0 - below, 0.025);
}

static void the_function_is_right_at_known_places(void **state)
{
    (void)state;
    expect_near(beta_incomplete(1.0, 1.0, 0.3), 0.3);
    expect_near(beta_incomplete(2.0, 1.0, 0.3), 0.09);
    expect_near(beta_incomplete(0.5, 0.5, 0.5), 0.5);
    expect_near(beta_incomplete(3000.0, 3000.0, 0.5), 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_those_of_clopper_and_pearson),
        cmocka_unit_test(tails_are_what_was_asked_for),
        cmocka_unit_test(the_function_is_right_at_known_places),
    };
    return cmocka_run_group_tests_name("beta", tests, NULL, NULL);
}
