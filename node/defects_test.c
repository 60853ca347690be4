#include "defects.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t count(const struct defects *defects)
{
    size_t sum = 0;
    for (int i = 0; i < DEFECTS_COUNT; i++) {
        sum += defects->has[i];
    }
    return sum;
}

static void a_list_switches_on_what_it_names(void **state)
{
    (void)state;
    struct defects defects = {0};
    char unknown[64];
    assert_int_equal(
        defects_parse("span-events,process-scan", false, &defects, unknown), 0);
    assert_true(defects.has[DEFECT_SPAN_EVENTS]);
    assert_true(defects.has[DEFECT_PROCESS_SCAN]);
    assert_int_equal(count(&defects), 2);
    assert_int_equal(defects_parse("sawtooth", true, &defects, unknown), 0);
    assert_true(defects.has[CONTROL_SAWTOOTH]);
    assert_int_equal(count(&defects), 3);
}

static void what_is_not_known_is_named(void **state)
{
    (void)state;
    struct defects defects = {0};
    char unknown[64];
    assert_int_equal(
        defects_parse("one-object,one-subject", false, &defects, unknown),
        -ENOENT);
    assert_string_equal(unknown, "one-subject");
    /* A control is no defect, nor a defect a control. */
    assert_int_equal(defects_parse("sawtooth", false, &defects, unknown),
                     -ENOENT);
    assert_int_equal(defects_parse("late-leak", true, &defects, unknown),
                     -ENOENT);
}

static void every_row_of_the_table_is_told(void **state)
{
    (void)state;
    char text[8192];
    int names = 0;
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    defects_print(file, false);
    defects_print(file, true);
    (void)fclose(file);
    for (char *line = strtok(text, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        assert_null(strstr(line, "(null)"));
        names += line[0] != ' ';
    }
    assert_int_equal(names, DEFECTS_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_switches_on_what_it_names),
        cmocka_unit_test(what_is_not_known_is_named),
        cmocka_unit_test(every_row_of_the_table_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
