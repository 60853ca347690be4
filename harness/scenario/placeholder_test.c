#include "scenario/placeholder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct placeholder values[] = {
    {"id", "observer-0"},
    {"ready_fd", "3"},
    {"peers", ""},
    {"odd", "{id}"},
};

/* What |part| is for a role of two processes that is called "server". */
static int of_other(const void *context, const struct placeholder_part *part,
                    char ret_text[PLACEHOLDER_OTHER_SIZE])
{
    (void)context;
    if (part->role_length != 6 || memcmp(part->role, "server", 6) != 0) {
        return PLACEHOLDER_UNKNOWN;
    }
    (void)snprintf(ret_text, PLACEHOLDER_OTHER_SIZE, "<%.*s of server %u>",
                   (int)part->length, part->start, part->ordinal);
    return 0;
}

static const struct placeholder_values all = {values, 4, of_other, NULL};

static void expect(const char *word, const char *expected)
{
    char *text = NULL;
    assert_int_equal(placeholder_expand(word, PLACEHOLDER_IN_WORD, &all, &text),
                     0);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_refusal(const char *word, int result)
{
    char *text = NULL;
    assert_int_equal(placeholder_expand(word, PLACEHOLDER_IN_WORD, &all, &text),
                     result);
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

static void another_role_is_named_after_a_colon(void **state)
{
    (void)state;
    expect("{port:server}", "<port of server 0>");
    expect("a{host:server:17}b", "a<host of server 17>b");
    expect("{{port:server}}", "{port:server}");
    expect_refusal("{port:nobody}", PLACEHOLDER_UNKNOWN);
    static const char *const words[] = {
        "{port:}",
        "{port:Server}",
        "{port:server:}",
        "{port:server:-1}",
        "{port:server:1234567890}",
        "{port:server:1:2}",
        "{port:server",
        "{:server}",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        expect_refusal(words[i], PLACEHOLDER_BRACE);
    }
}

/* {"a":{"b":1}} and "events {" are no business of ours. */
static void braces_of_a_file_stand_for_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"{\"a\":{\"id\":\"{id}\"}}", "{\"a\":{\"id\":\"observer-0\"}}"},
        {"events {\n}\nhttp { listen {ready_fd}; }",
         "events {\n}\nhttp { listen 3; }"},
        {"{{id}} {{ id }} {{", "{id} {{ id }} {{"},
        {"{ready_fd}{port:server}}", "3<port of server 0>}"},
        {"{{id}", "{observer-0"},
        {"}{", "}{"},
        {"{0} {A} {}", "{0} {A} {}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        assert_int_equal(
            placeholder_expand(cases[i].text, PLACEHOLDER_IN_FILE, &all, &text),
            0);
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

/* A slip of the fingers is not written into a configuration. */
static void unknown_names_are_refused_in_files_too(void **state)
{
    (void)state;
    char *text = NULL;
    assert_int_equal(
        placeholder_expand("x {idx} y", PLACEHOLDER_IN_FILE, &all, &text),
        PLACEHOLDER_UNKNOWN);
    assert_null(text);
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
    assert_int_equal(placeholder_next(&cursor, PLACEHOLDER_IN_WORD, &part), 0);
    assert_int_equal(part.length, 2);
    assert_int_equal(placeholder_next(&cursor, PLACEHOLDER_IN_WORD, &part),
                     PLACEHOLDER_BRACE);
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
        cmocka_unit_test(another_role_is_named_after_a_colon),
        cmocka_unit_test(braces_of_a_file_stand_for_themselves),
        cmocka_unit_test(unknown_names_are_refused_in_files_too),
        cmocka_unit_test(lone_braces_are_refused),
        cmocka_unit_test(a_lone_brace_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
