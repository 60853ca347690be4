#include "dry_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *print(const char *yaml)
{
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    char *text = NULL;
    size_t size = 0;
    if (scenario_parse("case.yaml", yaml, &scenario, &err) != 0) {
        fail_msg("%d: %s", err.line, err.sentence);
    }
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    dry_run_print(scenario, stream);
    assert_int_equal(fclose(stream), 0);
    scenario_free(scenario);
    return text;
}

static void who_would_be_started_is_told_in_order(void **state)
{
    (void)state;
    char *text = print("roles:\n"
                       "- {name: c, kind: churner, count: 3,"
                       " command: [c, \"{port:s}\", \"a b\", \"it's\"]}\n"
                       "- {name: s, kind: observer, count: 2, port: 2000,"
                       " command: [s, -x], files: [{path: a, text: b}]}\n"
                       "- {name: l, kind: bystander, command: [l],"
                       " ready: {by: log, pattern: up}}\n");
    assert_string_equal(
        text, "case: 60 s of churn at 10 events/s after 3 s of stillness\n"
              "  l: 1 bystander\n"
              "      command   l\n"
              "      ready     when it prints a line that matches 'up', within "
              "10 s\n"
              "  s: 2 observers\n"
              "      command   s -x\n"
              "      {port}    127.0.0.1, 2000 to 2001\n"
              "      file      {dir}/a\n"
              "      after     l\n"
              "      ready     when it accepts on its TCP port, within 10 s\n"
              "  c: 3 churners\n"
              "      command   c '{port:s}' 'a b' 'it'\\''s'\n"
              "      after     s, l\n"
              "      ready     when it was started, 0.1 s later\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_would_be_started_is_told_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
