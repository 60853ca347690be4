#include "scenario/order.h"
#include "scenario/role_words.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STILL "churn: {rate_per_s: 0}\n"
#define OBSERVER STILL "roles:\n- {name: o, kind: observer, command: [x],\n   "

static struct scenario *parse(const char *text)
{
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    if (scenario_parse("case.yaml", text, &scenario, &err) != 0) {
        fail_msg("%d:%d: %s", err.line, err.column, err.sentence);
    }
    return scenario;
}

/* Where the mistake is, and a part of the sentence that names it. */
static void expect_mistake(const char *text, int line, int column,
                           const char *says)
{
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    int r = scenario_parse("case.yaml", text, &scenario, &err);
    if (r != -EINVAL || err.line != line || err.column != column ||
        strstr(err.sentence, says) == NULL) {
        fail_msg("%s\nexpected %d:%d: %s\nbut got %d, %d:%d: %s", text, line,
                 column, says, r, err.line, err.column, err.sentence);
    }
}

/* --- keys ----------------------------------------------------------------- */

static void a_role_needs_little(void **state)
{
    (void)state;
    struct scenario *scenario = parse(OBSERVER "}\n");
    const struct scenario_role *role = &scenario->roles[0];
    assert_string_equal(role->folder, "");
    assert_int_equal(role->data, DATA_KEEP);
    assert_int_equal(role->files_count, 0);
    assert_false(role->has_after);
    assert_int_equal(role->stop.signal, SIGTERM);
    assert_int_equal(role->limits.memory_mib, 0);
    assert_int_equal(role->limits.descriptors, 0);
    assert_int_equal(role->limits.folder_mib, 4096);
    assert_false(role->limits.has_core);
    assert_false(scenario_role_may_exit(role, 0));
    scenario_free(scenario);
}

static void what_a_role_says_is_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        parse("roles:\n- name: o\n  kind: observer\n  command: [x]\n"
              "  folder: \"{dir}\"\n  data: fresh\n  port: 2000\n"
              "  files:\n  - path: etc/x.conf\n    text: |\n"
              "      events {\n      }\n      listen {port};\n"
              "  after: []\n  stop: {signal: QUIT, grace_s: 1}\n"
              "  limits: {memory_mib: 512, descriptors: 64, core: true,"
              " folder_mib: 0}\n"
              "- {name: c, kind: churner, command: [x], may_exit: [0, 255],"
              " after: [o]}\n"
              "- {name: b, kind: bystander, command: [x]}\n");
    const struct scenario_role *role = &scenario->roles[0];
    assert_string_equal(role->folder, "{dir}");
    assert_int_equal(role->data, DATA_FRESH);
    assert_int_equal(role->files_count, 1);
    assert_string_equal(role->files[0].path, "etc/x.conf");
    assert_string_equal(role->files[0].text, "events {\n}\nlisten {port};\n");
    assert_true(role->has_after);
    assert_int_equal(role->after_count, 0);
    assert_int_equal(role->stop.signal, SIGQUIT);
    assert_int_equal(role->limits.memory_mib, 512);
    assert_int_equal(role->limits.descriptors, 64);
    assert_int_equal(role->limits.folder_mib, 0);
    assert_true(role->limits.has_core);
    role = &scenario->roles[1];
    assert_true(scenario_role_may_exit(role, 0));
    assert_true(scenario_role_may_exit(role, 255));
    assert_false(scenario_role_may_exit(role, 1));
    assert_int_equal(role->after_count, 1);
    assert_int_equal(scenario->roles[2].kind, ROLE_BYSTANDER);
    scenario_free(scenario);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *says;
    } mistakes[] = {
        {OBSERVER "files: [{path: /etc/x, text: a}]}\n", 4, 19,
         "'/etc/x' is no path within {dir}"},
        {OBSERVER "files: [{path: a/../../x, text: a}]}\n", 4, 19, "'..'"},
        {OBSERVER "files: [{path: a//x, text: a}]}\n", 4, 19, "no path"},
        {OBSERVER "files: [{path: a/, text: a}]}\n", 4, 19, "no path"},
        {OBSERVER "files: [{path: ./a, text: a}]}\n", 4, 19, "no path"},
        {OBSERVER "files: [{path: a, text: a}, {path: a, text: b}]}\n", 4, 39,
         "'a' is written twice"},
        {OBSERVER "files: [{path: a, text: \"x {prot} {\"}]}\n", 4, 28,
         "did you mean '{port}'?"},
        {OBSERVER "files: [{path: a}]}\n", 4, 12, "lacks the key 'text'"},
        {OBSERVER "folder: \"{x\"}\n", 4, 12, "a lone '{'"},
        {OBSERVER "data: new}\n", 4, 10, "one of 'keep', 'fresh'"},
        {OBSERVER "may_exit: [0]}\n", 4, 14, "role 'o' is no churner"},
        {OBSERVER "stop: {signal: SIGTERM}}\n", 4, 19, "did you mean 'TERM'"},
        {OBSERVER "limits: {memory_mib: -1}}\n", 4, 25, "1 to 16777216 MiB"},
        {OBSERVER "limits: {descriptors: 2}}\n", 4, 26, "8 to 1048576"},
        {OBSERVER "limits: {folder_mib: 1G}}\n", 4, 25, "1 to 1073741824 MiB"},
        {OBSERVER "limits: {folder: 5}}\n", 4, 13, "did you mean 'folder_mib'"},
        {OBSERVER "after: [p]}\n", 4, 12, "no role is called 'p'"},
        {OBSERVER "after: [o]}\n", 4, 11, "roles wait for each other: o -> o"},
        {OBSERVER "}\n- {name: c, kind: churner, command: [x],"
                  " may_exit: [256]}\n",
         5, 53, "'256' is no exit code"},
        {OBSERVER "}\n- {name: c, kind: churner, command: [x],"
                  " may_exit: [ok]}\n",
         5, 53, "'ok' is no exit code"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        expect_mistake(mistakes[i].text, mistakes[i].line, mistakes[i].column,
                       mistakes[i].says);
    }
}

/* A server, clients that come and go, nothing else said. */
static void twenty_lines_are_a_scenario(void **state)
{
    (void)state;
    struct scenario *scenario = parse("roles:\n"
                                      "  - name: server\n"
                                      "    kind: observer\n"
                                      "    port: 5000\n"
                                      "    command: [d, --port, \"{port}\"]\n"
                                      "  - name: client\n"
                                      "    kind: churner\n"
                                      "    count: 10\n"
                                      "    command: [c, \"{port:server}\"]\n"
                                      "    may_exit: [0]\n");
    assert_int_equal(scenario->roles[0].ready.by, READY_TCP);
    assert_int_equal(scenario->roles[1].ready.by, READY_DELAY);
    scenario_free(scenario);
}

/* --- words ---------------------------------------------------------------- */

static void placeholders_are_found_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const places[] = {
        "command: [x, \"a{seed}\"]}\n",
        "command: [x], environment: [\"A={seed}\"]}\n",
        "command: [x], folder: \"/{seed}\"}\n",
        "command: [x], ready: {by: file, path: \"/{seed}\"}}\n",
        "command: [x], ready: {by: command, command: [y, \"{seed}\"]}}\n",
        "command: [x], files: [{path: a, text: \"{ {seed} }\"}]}\n",
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       STILL "roles:\n- {name: o, kind: observer, %s",
                       places[i]);
        struct scenario *scenario = parse(text);
        assert_true(role_words_mention(&scenario->roles[0], "seed"));
        assert_false(role_words_mention(&scenario->roles[0], "see"));
        assert_false(role_words_mention(&scenario->roles[0], "dir"));
        scenario_free(scenario);
    }
    struct scenario *scenario =
        parse(STILL "roles:\n- {name: o, kind: observer, port: 2000,"
                    " command: [x, \"{{seed}}\", seed, \"{port:o}\"]}\n");
    assert_false(role_words_mention(&scenario->roles[0], "seed"));
    assert_false(role_words_mention(&scenario->roles[0], "port"));
    scenario_free(scenario);
}

/* --- order ---------------------------------------------------------------- */

/* For whom role |index| waits, as letters: each role is called by one. */
static void expect_waits(const struct scenario *scenario, uint32_t index,
                         const char *names)
{
    struct order order;
    struct order_fault fault;
    char got[SCENARIO_ROLES_MAX + 1] = "";
    assert_int_equal(order_make(scenario, &order, &fault), ORDER_OK);
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        if ((order.waits_for[index] >> i & 1) != 0) {
            (void)strcat(got, scenario->roles[i].name);
        }
    }
    assert_string_equal(got, names);
}

#define ROLE(name, kind, more)                                                 \
    "- {name: " name ", kind: " kind ", command: [x]" more "}\n"

static void observers_come_before_churners(void **state)
{
    (void)state;
    struct scenario *scenario =
        parse("roles:\n" ROLE("c", "churner", "") ROLE("o", "observer", "")
                  ROLE("d", "churner", "") ROLE("p", "observer", "")
                      ROLE("b", "bystander", ""));
    expect_waits(scenario, 0, "opb");
    expect_waits(scenario, 1, "b");
    expect_waits(scenario, 2, "opb");
    expect_waits(scenario, 3, "ob");
    expect_waits(scenario, 4, "");
    scenario_free(scenario);
}

static void who_says_after_waits_for_nobody_else(void **state)
{
    (void)state;
    struct scenario *scenario = parse(
        "roles:\n" ROLE("o", "observer", "") ROLE("c", "churner", ", after: []")
            ROLE("d", "churner", ", after: [c]")
                ROLE("p", "observer", ", after: [d]") ROLE("e", "churner", ""));
    expect_waits(scenario, 0, "");
    expect_waits(scenario, 1, "");
    expect_waits(scenario, 2, "c");
    expect_waits(scenario, 3, "d");
    expect_waits(scenario, 4, "op");
    scenario_free(scenario);
}

/* An observer that waits for a churner: that one does not wait for it. */
static void what_is_usual_gives_way_to_what_is_said(void **state)
{
    (void)state;
    struct scenario *scenario =
        parse("roles:\n" ROLE("o", "observer", ", after: [c]")
                  ROLE("c", "churner", "") ROLE("p", "observer", ""));
    expect_waits(scenario, 0, "c");
    expect_waits(scenario, 1, "p");
    expect_waits(scenario, 2, ""); /* for o, it would wait for itself */
    scenario_free(scenario);
}

static void who_waits_for_each_other_is_named(void **state)
{
    (void)state;
    expect_mistake("roles:\n" ROLE("o", "observer", "")
                       ROLE("a", "churner", ", after: [b, c]")
                           ROLE("b", "churner", ", after: [c]")
                               ROLE("c", "churner", ", after: [o, d]")
                                   ROLE("d", "churner", ", after: [a]"),
                   3, 49, "roles wait for each other: a -> c -> d -> a;");
    expect_mistake("roles:\n" ROLE("o", "observer", ", after: [c]")
                       ROLE("c", "churner", ", after: [o]"),
                   2, 50, "o -> c -> o");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_needs_little),
        cmocka_unit_test(what_a_role_says_is_read),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(twenty_lines_are_a_scenario),
        cmocka_unit_test(placeholders_are_found_wherever_they_stand),
        cmocka_unit_test(observers_come_before_churners),
        cmocka_unit_test(who_says_after_waits_for_nobody_else),
        cmocka_unit_test(what_is_usual_gives_way_to_what_is_said),
        cmocka_unit_test(who_waits_for_each_other_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
