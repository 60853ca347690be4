#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/student_t.h"

#include <math.h>

static void agrees_with_the_printed_tables(void **state)
{
    (void)state;
    static const struct {
        double p, nu, t;
    } known[] = {
        {0.75, 1.0, 1.0},      {0.95, 2.0, 2.919986},  {0.99, 5.0, 3.364930},
        {0.975, 10, 2.228139}, {0.975, 30, 2.042272},  {0.995, 45, 2.689585},
        {0.99, 1e6, 2.326352}, {0.025, 10, -2.228139},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(fabs(student_t_cdf(known[i].t, known[i].nu) - known[i].p) <
                    1e-6);
        assert_true(fabs(student_t_quantile(known[i].p, known[i].nu) -
                         known[i].t) < 2e-6);
    }
}

static void equals_the_closed_form_for_one_and_two_degrees(void **state)
{
    (void)state;
    for (double t = -30.0; t <= 30.0; t += 0.37) {
        double one = 0.5 + atan(t) / 3.14159265358979323846;
        double two = 0.5 + t / (2.0 * sqrt(2.0 + t * t));
        assert_true(fabs(student_t_cdf(t, 1.0) - one) < 1e-12);
        assert_true(fabs(student_t_cdf(t, 2.0) - two) < 1e-12);
    }
}

static void the_table_equals_the_function(void **state)
{
    (void)state;
    static const double nus[] = {2.0, 2.3, 3.0, 4.7, 10.0, 30.0, 46.0};
    for (size_t i = 0; i < sizeof nus / sizeof *nus; i++) {
        struct student_t_table table;
        student_t_table_init(&table, nus[i]);
        for (double t = -60.0; t <= 60.0; t += 0.113) {
            double off =
                student_t_table_cdf(&table, t) - student_t_cdf(t, nus[i]);
            assert_true(fabs(off) < 1e-6);
        }
        assert_true(student_t_table_cdf(&table, INFINITY) > 1.0 - 1e-12);
        assert_true(student_t_table_cdf(&table, -INFINITY) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_printed_tables),
        cmocka_unit_test(equals_the_closed_form_for_one_and_two_degrees),
        cmocka_unit_test(the_table_equals_the_function),
    };
    return cmocka_run_group_tests_name("student_t", tests, NULL, NULL);
}
