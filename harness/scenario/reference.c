#include "scenario/reference.h"

#include "scenario/scenario.h"

#include <stdbool.h>
#include <string.h>

enum { TEXT_SIZE = 512 };

const char reference_minimal[] =
    "about: clients connect to a server and are killed; its memory stays\n"
    "churn: {rate_per_s: 20}\n"
    "roles:\n"
    "  - name: server\n"
    "    kind: observer\n"
    "    port: 6400\n"
    "    command: [redis-server, --port, \"{port}\", --save, \"\"]\n"
    "  - name: client\n"
    "    kind: churner\n"
    "    count: 10\n"
    "    command: [redis-cli, -p, \"{port:server}\", -r, \"-1\", -i, \"0.02\",\n"
    "              incr, hits]\n";

/* --- what goes into more than one form ----------------------------------- */

/* The default in words where it is none; NULL: it is one. */
static const char *describe_fallback(const struct key *key)
{
    if (key->is_optional) {
        return "optional";
    }
    if (key->fallback == NULL) {
        return "required";
    }
    if (strcmp(key->fallback, "-inf") == 0) {
        return "default: not asked";
    }
    if (key->type == KEY_MAPPING) {
        return "default: as below";
    }
    return key->fallback[0] == '\0' ? "default: none" : NULL;
}

char *reference_example(const struct key *key, char *text, size_t size)
{
    const char *example = key->example != NULL ? key->example : "";
    bool is_quoted = key->type == KEY_TEXT &&
                     strpbrk(example, "{}[]:,#&*!|>'\"%@`\n") != NULL;
    (void)snprintf(text, size, "%s%s%s", is_quoted ? "\"" : "", example,
                   is_quoted ? "\"" : "");
    return text;
}

/* --- for a terminal ------------------------------------------------------ */

static void print_key(FILE *stream, const struct key *key)
{
    char what[TEXT_SIZE];
    const char *fallback = describe_fallback(key);
    (void)fprintf(stream, "  %-15s %s; ", key->name,
                  keys_describe(key, what, sizeof what));
    if (fallback != NULL) {
        (void)fprintf(stream, "%s\n", fallback);
    } else {
        (void)fprintf(stream, "default: %s\n", key->fallback);
    }
    (void)fprintf(stream, "  %-15s %s\n", "", key->about);
    if (key->type == KEY_CHOICE) {
        for (const struct key_word *word = key->words; word->name != NULL;
             word++) {
            (void)fprintf(stream, "  %-15s   %s: %s\n", "", word->name,
                          word->about);
        }
    } else if (key->example != NULL) {
        (void)fprintf(stream, "  %-15s %s: %s\n", "", key->name,
                      reference_example(key, what, sizeof what));
    }
}

void reference_print_text(FILE *stream)
{
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        (void)fprintf(stream, "%s%s%s\n", id == 0 ? "" : "\n",
                      id == 0 ? "at the top" : section->path,
                      id == 0 ? "" : ":");
        for (size_t i = 0; i < section->count; i++) {
            print_key(stream, &section->keys[i]);
        }
    }
    (void)fprintf(stream, "\nplaceholders in commands, environments, folders, "
                          "files and paths:\n");
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        char word[24];
        (void)snprintf(word, sizeof word, "{%s}",
                       scenario_placeholders[i].name);
        (void)fprintf(stream, "  %-15s %s\n", word,
                      scenario_placeholders[i].about);
    }
    for (size_t i = 0; i < SCENARIO_OTHER_PLACEHOLDERS; i++) {
        (void)fprintf(stream, "  {%s:ROLE} {%s:ROLE:N}  %s\n",
                      scenario_other_placeholders[i].name,
                      scenario_other_placeholders[i].name,
                      scenario_other_placeholders[i].about);
    }
    (void)fprintf(stream, "  %-15s %s\n", "{{ and }}", "the braces themselves");
}

/* --- for docs/ ----------------------------------------------------------- */

/* A cell of a table: a bar would end it. */
static void print_cell(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        (void)fprintf(stream, "%s%c", *text == '|' ? "\\" : "", *text);
    }
}

static void print_code_cell(FILE *stream, const char *text)
{
    if (text[0] != '\0') {
        (void)fputc('`', stream);
        print_cell(stream, text);
        (void)fputc('`', stream);
    }
}

static void print_row(FILE *stream, const struct key *key)
{
    char text[TEXT_SIZE];
    const char *fallback = describe_fallback(key);
    (void)fprintf(stream, "| `%s` | ", key->name);
    if (key->type == KEY_CHOICE) {
        (void)fputs("a word, see below", stream);
    } else {
        print_cell(stream, keys_describe(key, text, sizeof text));
    }
    (void)fputs(" | ", stream);
    if (fallback == NULL) {
        print_code_cell(stream, key->fallback);
    } else {
        static const char prefix[] = "default: ";
        bool has_prefix = strncmp(fallback, prefix, sizeof prefix - 1) == 0;
        print_cell(stream, fallback + (has_prefix ? sizeof prefix - 1 : 0));
    }
    (void)fputs(" | ", stream);
    print_code_cell(stream, reference_example(key, text, sizeof text));
    (void)fputs(" | ", stream);
    print_cell(stream, key->about);
    (void)fputs(" |\n", stream);
}

static void print_words(FILE *stream, const struct key *key)
{
    (void)fprintf(stream, "\n`%s` is one of\n\n", key->name);
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        (void)fprintf(stream, "- `%s`: %s\n", word->name, word->about);
    }
}

static void print_section(FILE *stream, const struct section *section)
{
    (void)fprintf(stream,
                  "\n## %s%s%s\n\n"
                  "| key | takes | default | example | what it is |\n"
                  "|---|---|---|---|---|\n",
                  section->path[0] != '\0' ? "`" : "At the top", section->path,
                  section->path[0] != '\0' ? "`" : "");
    for (size_t i = 0; i < section->count; i++) {
        print_row(stream, &section->keys[i]);
    }
    for (size_t i = 0; i < section->count; i++) {
        if (section->keys[i].type == KEY_CHOICE) {
            print_words(stream, &section->keys[i]);
        }
    }
}

void reference_print_markdown(FILE *stream)
{
    (void)fprintf(
        stream,
        "# Scenarios\n\n"
        "A scenario is one YAML file: who is started, what befalls whom, how "
        "long, and\n"
        "what is to be said of it. This page is what `plateau reference "
        "--markdown`\n"
        "prints; `plateau reference --json-schema` prints the same for "
        "editors, and\n"
        "[scenario.schema.json](scenario.schema.json) is that: a first line "
        "`# yaml-language-server: $schema=PATH`\n"
        "makes many of them complete and check a scenario.\n\n"
        "Nothing but the roles is required. This is a scenario:\n\n"
        "```yaml\n%s```\n\n"
        "Keys that are not listed here are refused, with the place and what "
        "would be right.\n",
        reference_minimal);
    for (int id = 0; id < SECTION_COUNT; id++) {
        print_section(stream, keys_section((enum key_section)id));
    }
    (void)fprintf(stream,
                  "\n## Placeholders\n\n"
                  "In commands, environments, folders, paths and the text of "
                  "files:\n\n"
                  "| placeholder | stands for |\n|---|---|\n");
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        (void)fprintf(stream, "| `{%s}` | ", scenario_placeholders[i].name);
        print_cell(stream, scenario_placeholders[i].about);
        (void)fputs(" |\n", stream);
    }
    for (size_t i = 0; i < SCENARIO_OTHER_PLACEHOLDERS; i++) {
        const char *name = scenario_other_placeholders[i].name;
        (void)fprintf(stream, "| `{%s:ROLE}`, `{%s:ROLE:N}` | ", name, name);
        print_cell(stream, scenario_other_placeholders[i].about);
        (void)fputs(" |\n", stream);
    }
    (void)fprintf(stream, "\n`{{` and `}}` are the braces themselves. In the "
                          "text of a file any brace that is\nnot part of a "
                          "placeholder stands for itself, and `{{name}}` for "
                          "`{name}`.\n");
}
