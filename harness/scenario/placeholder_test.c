#include "scenario/placeholder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct placeholder values[] = {
    {"id", "observer-0"},
    {"ready_fd", "3"},
    {"peers", ""},
    {"odd", "{id}"},
};

static void expect(const char *word, const char *expected)
{
    char *text = NULL;
    assert_int_equal(placeholder_expand(word, values, 4, &text), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_refusal(const char *word, int result)
{
    char *text = NULL;
    assert_int_equal(placeholder_expand(word, values, 4, &text), result);
    assert_null(text);
}

static void plain_words_stay_as_they_are(void **state)
{
    (void)state;
    expect("", "");
    expect("--listen", "--listen");
}

static void values_replace_names_anywhere_in_a_word(void **state)
{
    (void)state;
    expect("{id}", "observer-0");
    expect("a{id}b{ready_fd}", "aobserver-0b3");
    expect("{peers}", "");
    expect("<{peers}>", "<>");
}

static void doubled_braces_are_literal(void **state)
{
    (void)state;
    expect("{{id}}", "{id}");
    expect("{{{id}}}", "{observer-0}");
    expect("}}{{", "}{");
}

static void values_are_not_expanded_again(void **state)
{
    (void)state;
    expect("{odd}", "{id}");
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    expect_refusal("{i}", PLACEHOLDER_UNKNOWN);
    expect_refusal("x{idx}", PLACEHOLDER_UNKNOWN);
}

static void lone_braces_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"{",    "}",    "{id",   "id}",
                                        "{}",   "{ID}", "{ id}", "{id }",
                                        "{_a}", "{{id}"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        expect_refusal(words[i], PLACEHOLDER_BRACE);
    }
}

static void a_lone_brace_is_pointed_at(void **state)
{
    (void)state;
    const char *word = "ab{c";
    const char *cursor = word;
    struct placeholder_part part;
    assert_int_equal(placeholder_next(&cursor, &part), 0);
    assert_int_equal(part.length, 2);
    assert_int_equal(placeholder_next(&cursor, &part), PLACEHOLDER_BRACE);
    assert_ptr_equal(part.start, word + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_stay_as_they_are),
        cmocka_unit_test(values_replace_names_anywhere_in_a_word),
        cmocka_unit_test(doubled_braces_are_literal),
        cmocka_unit_test(values_are_not_expanded_again),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(lone_braces_are_refused),
        cmocka_unit_test(a_lone_brace_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
