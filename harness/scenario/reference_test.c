#include "scenario/reference.h"

#include "scenario/document.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 4096 };

static char *print(void (*print_to)(FILE *stream))
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print_to(stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static bool has_rows_below(const struct key *key)
{
    return key->type == KEY_MAPPING || key->type == KEY_MAPPINGS;
}

static void every_key_has_an_example(void **state)
{
    (void)state;
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        for (size_t i = 0; i < section->count; i++) {
            const struct key *key = &section->keys[i];
            if ((key->example != NULL) == has_rows_below(key)) {
                fail_msg("give '%s' of %s an example in the table of keys",
                         key->name, section->about);
            }
        }
    }
}

/* The key that leads to section |id|, and where it stands. */
static const struct key *find_parent(enum key_section id,
                                     enum key_section *ret_parent)
{
    for (int at = 0; at < SECTION_COUNT; at++) {
        const struct section *section = keys_section((enum key_section)at);
        for (size_t i = 0; i < section->count; i++) {
            if (has_rows_below(&section->keys[i]) &&
                section->keys[i].child == id) {
                *ret_parent = (enum key_section)at;
                return &section->keys[i];
            }
        }
    }
    return NULL;
}

/* "KEY: VALUE" and all else that its section requires, by examples, then the
 * same for the section around it, up to the whole document. */
static void wrap(enum key_section id, const struct key *key, const char *value,
                 char text[TEXT_SIZE])
{
    const struct section *section = keys_section(id);
    char body[TEXT_SIZE] = "";
    size_t used =
        (size_t)snprintf(body, sizeof body, "%s: %s", key->name, value);
    for (size_t i = 0; i < section->count; i++) {
        const struct key *other = &section->keys[i];
        char example[TEXT_SIZE / 4];
        if (other == key || other->fallback != NULL || other->is_optional) {
            continue;
        }
        const char *shown = reference_example(other, example, sizeof example);
        if (other->type == KEY_MAPPINGS) {
            shown = "[{name: o, kind: observer, command: [x]}]";
        }
        used += (size_t)snprintf(body + used, sizeof body - used, ", %s: %s",
                                 other->name, shown);
        assert_true(used < sizeof body);
    }
    enum key_section parent = SECTION_ROOT;
    const struct key *way = find_parent(id, &parent);
    if (way == NULL) {
        (void)snprintf(text, TEXT_SIZE, "{%s}\n", body);
        return;
    }
    char inner[TEXT_SIZE + 8];
    bool is_list = way->type == KEY_MAPPINGS;
    (void)snprintf(inner, sizeof inner, "%s{%s}%s", is_list ? "[" : "", body,
                   is_list ? "]" : "");
    wrap(parent, way, inner, text);
}

static void every_example_is_right(void **state)
{
    (void)state;
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        for (size_t i = 0; i < section->count; i++) {
            const struct key *key = &section->keys[i];
            char example[TEXT_SIZE / 4];
            char text[TEXT_SIZE];
            struct document *document = NULL;
            struct err err = {.sentence = ""};
            if (key->example == NULL) {
                continue;
            }
            wrap((enum key_section)id, key,
                 reference_example(key, example, sizeof example), text);
            if (document_new("example", text, strlen(text), &document, &err) !=
                0) {
                fail_msg("%s%s", text, err.sentence);
            }
            document_free(document);
        }
    }
}

static void what_yaml_would_misread_is_quoted(void **state)
{
    (void)state;
    char text[64];
    const struct {
        struct key key;
        const char *expected;
    } cases[] = {
        {{.type = KEY_TEXT, .example = "plain words"}, "plain words"},
        {{.type = KEY_TEXT, .example = "{dir}/up"}, "\"{dir}/up\""},
        {{.type = KEY_TEXT, .example = "::1"}, "\"::1\""},
        {{.type = KEY_TEXTS, .example = "[\"a\"]"}, "[\"a\"]"},
        {{.type = KEY_MAPPING}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(reference_example(&cases[i].key, text, sizeof text),
                            cases[i].expected);
    }
}

static void the_minimal_scenario_is_one(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    if (scenario_parse("minimal", reference_minimal, &scenario, &err) != 0) {
        fail_msg("%d: %s", err.line, err.sentence);
    }
    scenario_free(scenario);
    size_t lines = 0;
    for (const char *at = reference_minimal; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    assert_true(lines <= 20);
}

static void every_form_has_every_key(void **state)
{
    (void)state;
    static void (*const forms[])(FILE *) = {reference_print_text,
                                            reference_print_markdown,
                                            reference_print_json_schema};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *text = print(forms[i]);
        for (int id = 0; id < SECTION_COUNT; id++) {
            const struct section *section = keys_section((enum key_section)id);
            for (size_t j = 0; j < section->count; j++) {
                const char *about = section->keys[j].about;
                char start[TEXT_SIZE]; /* up to what a form escapes */
                (void)snprintf(start, sizeof start, "%.*s",
                               (int)strcspn(about, "\"|"), about);
                assert_non_null(strstr(text, section->keys[j].name));
                assert_non_null(strstr(text, start));
            }
        }
        free(text);
    }
    char *text = print(reference_print_text);
    assert_non_null(strstr(text, "10 to 60000 ms; default: 100"));
    assert_non_null(strstr(text, "roles[].ready:"));
    assert_non_null(strstr(text, "{ready_fd}"));
    free(text);
}

static void bars_do_not_end_a_cell(void **state)
{
    (void)state;
    char *text = print(reference_print_markdown);
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t bars = 0;
        for (const char *at = line; at < end; at++) {
            bars += *at == '|' && (at == line || at[-1] != '\\');
        }
        /* Six around five cells, or three around two. */
        assert_true(bars == 0 || bars == 6 || bars == 3);
        line = end + 1;
    }
    free(text);
}

/* What |file| in docs/ holds; who changes the table prints it anew. */
static void is_printed(const char *file, const char *option,
                       void (*print_to)(FILE *stream))
{
    const char *docs = getenv("PLATEAU_DOCS");
    char path[512];
    assert_non_null(docs);
    (void)snprintf(path, sizeof path, "%s/%s", docs, file);
    char *expected = print(print_to);
    size_t size = strlen(expected);
    char *text = calloc(1, size + 2);
    FILE *stream = fopen(path, "r");
    assert_non_null(text);
    if (stream == NULL || fread(text, 1, size + 1, stream) != size ||
        memcmp(text, expected, size) != 0) {
        fail_msg("docs/%s is out of date; run: build/harness/plateau "
                 "reference %s > docs/%s",
                 file, option, file);
    }
    (void)fclose(stream);
    free(text);
    free(expected);
}

static void the_docs_are_what_is_printed(void **state)
{
    (void)state;
    is_printed("scenario.md", "--markdown", reference_print_markdown);
    is_printed("scenario.schema.json", "--json-schema",
               reference_print_json_schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_an_example),
        cmocka_unit_test(every_example_is_right),
        cmocka_unit_test(what_yaml_would_misread_is_quoted),
        cmocka_unit_test(the_minimal_scenario_is_one),
        cmocka_unit_test(every_form_has_every_key),
        cmocka_unit_test(bars_do_not_end_a_cell),
        cmocka_unit_test(the_docs_are_what_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
