#include "scenario/scenario.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The least that is right; what the cases below vary. */
#define ROLES                                                                  \
    "roles:\n"                                                                 \
    "  - {name: o, kind: observer, command: [x, \"{ready_fd}\"]}\n"            \
    "  - {name: c, kind: churner, command: [x, \"{ready_fd}\"]}\n"

static char folder[] = "/tmp/plateau-scenario-XXXXXX";
static char path[sizeof folder + 16];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/case.yaml", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void write_case(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct scenario *load(const char *text)
{
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    write_case(text, strlen(text));
    int r = scenario_load(path, &scenario, &err);
    if (r != 0) {
        fail_msg("%d:%d: %s", err.line, err.column, err.sentence);
    }
    return scenario;
}

/* A mistake, where it is, and a part of the sentence that names it. */
struct mistake {
    const char *text;
    int line, column;
    const char *says;
};

static void expect_mistakes(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scenario *scenario = NULL;
        struct err err = {.sentence = ""};
        write_case(mistakes[i].text, strlen(mistakes[i].text));
        int r = scenario_load(path, &scenario, &err);
        if (r != -EINVAL || scenario != NULL || err.line != mistakes[i].line ||
            err.column != mistakes[i].column || strcmp(err.file, path) != 0 ||
            strstr(err.sentence, mistakes[i].says) == NULL) {
            fail_msg("%s\nexpected %d:%d: %s\nbut got %d, %d:%d: %s",
                     mistakes[i].text, mistakes[i].line, mistakes[i].column,
                     mistakes[i].says, r, err.line, err.column, err.sentence);
        }
    }
}

#define EXPECT(mistakes)                                                       \
    expect_mistakes(mistakes, sizeof(mistakes) / sizeof(mistakes)[0])

static void defaults_fill_what_is_left_out(void **state)
{
    (void)state;
    struct scenario *scenario = load(ROLES);
    assert_string_equal(scenario->file, path);
    assert_string_equal(scenario->text, ROLES);
    assert_string_equal(scenario->name, "case");
    assert_string_equal(scenario->about, "");
    assert_false(scenario->has_seed);
    assert_true(scenario->seed == 0);
    assert_true(scenario->duration_s == 60.0);
    assert_true(scenario->settle_s == 3.0);
    assert_int_equal(scenario->sample_ms, 100);
    assert_int_equal(scenario->detail_every, 2);
    assert_true(scenario->rate_per_s == 10.0);
    assert_int_equal(scenario->interval, INTERVAL_POISSON);
    assert_false(scenario_has_ebbs(scenario));
    assert_int_equal(scenario->waves, 0);
    assert_true(scenario->settle_min_s == 0.2);
    assert_true(scenario->settle_max_s == 3.0);
    assert_int_equal(scenario->stop_early, STOP_NEVER);
    assert_int_equal(scenario->expected, EXPECT_NOTHING);
    assert_int_equal(scenario->expected_names_count, 0);
    assert_int_equal(scenario->roles_count, 2);
    assert_int_equal(scenario->health_count, 0);
    const struct scenario_role *role = &scenario->roles[1];
    assert_string_equal(role->name, "c");
    assert_int_equal(role->kind, ROLE_CHURNER);
    assert_int_equal(role->count, 1);
    assert_int_equal(role->port, 0);
    assert_int_equal(role->environment_count, 0);
    assert_int_equal(role->ready.by, READY_FD);
    assert_true(role->ready.within_s == 10.0);
    assert_int_equal(role->ready.port, 0);
    assert_string_equal(role->ready.pattern, "");
    assert_string_equal(role->host, "127.0.0.1");
    assert_true(role->stop.grace_s == 2.0);
    scenario_free(scenario);
}

static void every_key_lands_where_it_belongs(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("name: all keys\nabout: \"a: {b}\"\n"
             "seed: 18446744073709551615\n"
             "run: {duration_s: 1.5, settle_s: 0, sample_ms: 10,"
             " detail_every: 1000}\n"
             "churn: {rate_per_s: 0.25, interval: fixed}\n"
             "roles:\n"
             "- name: a-1\n  kind: observer\n  count: 3\n"
             "  command: [prog, '', \"{{{id}}}\", \"{port}\"]\n"
             "  environment: [A=1, \"B_2={dir}\"]\n  port: 1024\n"
             "  ready: {by: delay, within_s: 0.001}\n"
             "  stop: {grace_s: 600}\n"
             "- {name: b, kind: churner, command: [p],\n"
             "   ready: {by: delay}}\n"
             "health:\n- {name: peers, at_least: 1}\n"
             "- {name: sent, grows_at_least: -2.5}\n");
    assert_string_equal(scenario->name, "all keys");
    assert_string_equal(scenario->about, "a: {b}");
    assert_true(scenario->has_seed);
    assert_true(scenario->seed == UINT64_MAX);
    assert_true(scenario->duration_s == 1.5);
    assert_true(scenario->settle_s == 0.0);
    assert_int_equal(scenario->sample_ms, 10);
    assert_int_equal(scenario->detail_every, 1000);
    assert_true(scenario->rate_per_s == 0.25);
    assert_int_equal(scenario->interval, INTERVAL_FIXED);
    const struct scenario_role *role = &scenario->roles[0];
    assert_int_equal(role->count, 3);
    assert_int_equal(role->command_count, 4);
    assert_string_equal(role->command[1], "");
    assert_string_equal(role->command[2], "{{{id}}}");
    assert_int_equal(role->environment_count, 2);
    assert_string_equal(role->environment[1], "B_2={dir}");
    assert_int_equal(role->port, 1024);
    assert_int_equal(role->ready.by, READY_DELAY);
    assert_true(role->ready.within_s == 0.001);
    assert_true(role->stop.grace_s == 600.0);
    assert_int_equal(scenario->health_count, 2);
    assert_string_equal(scenario->health[1].name, "sent");
    assert_true(scenario->health[0].at_least == 1.0);
    assert_true(isinf(scenario->health[0].grows_at_least));
    assert_true(scenario->health[1].grows_at_least == -2.5);
    scenario_free(scenario);
}

static void anchors_and_aliases_are_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("roles:\n"
             "- {name: o, kind: observer, command: &c [x, \"{ready_fd}\"],"
             " ready: &r {within_s: 5}}\n"
             "- {name: c, kind: churner, command: *c, ready: *r}\n");
    assert_string_equal(scenario->roles[1].command[1], "{ready_fd}");
    assert_true(scenario->roles[1].ready.within_s == 5.0);
    assert_int_equal(scenario->roles[1].ready.by, READY_FD);
    scenario_free(scenario);
}

static void a_still_run_needs_no_churner(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("churn: {rate_per_s: 0}\nroles:\n"
             "- {name: o, kind: observer, command: [x, \"{ready_fd}\"]}\n");
    assert_true(scenario->rate_per_s == 0.0);
    scenario_free(scenario);
}

static void wrong_keys_name_the_right_ones(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"rolse:\n", 1, 1, "unknown key 'rolse'; did you mean 'roles'?"},
        {ROLES "run:\n  duration: 5\n", 5, 3, "did you mean 'duration_s'?"},
        {ROLES "run: {pace: 5}\n", 4, 7,
         "unknown key 'pace'; keys of the run: duration_s, settle_s, "
         "sample_ms, detail_every"},
        {ROLES "churn: {rate_per_s: 5, rate_per_s: 6}\n", 4, 24,
         "key 'rate_per_s' stands twice, first in line 4"},
        {ROLES "\nroles: []\n", 5, 1, "key 'roles' stands twice, first in"},
        {"name: x\n", 1, 1, "the scenario lacks the key 'roles'"},
        {"roles:\n  - kind: observer\n    command: [x]\n", 2, 5,
         "a role lacks the key 'name'"},
        {"roles:\n  - {name: o, command: [x]}\n", 2, 5,
         "a role lacks the key 'kind': one of 'observer', 'churner'"},
        {ROLES "[a]: 1\n", 4, 1, "unknown key a list"},
    };
    EXPECT(mistakes);
}

static void wrong_types_name_the_right_one(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"- a\n", 1, 1, "the scenario is a list; it is a mapping"},
        {ROLES "run: 5\n", 4, 6, "'run' is '5'; it takes a mapping"},
        {ROLES "run: {sample_ms: fast}\n", 4, 18,
         "'sample_ms' is 'fast'; it takes a whole number from 10 to 60000 ms"},
        {ROLES "run: {sample_ms: 10.5}\n", 4, 18, "whole number"},
        {ROLES "run: {sample_ms: 010}\n", 4, 18, "whole number"},
        {ROLES "run: {sample_ms: }\n", 4, 18, "'sample_ms' is empty"},
        {ROLES "run: {sample_ms: [1]}\n", 4, 18, "'sample_ms' is a list"},
        {ROLES "run: {duration_s: 5s}\n", 4, 19,
         "'duration_s' is '5s'; it takes a number from 1 to 604800 s"},
        {ROLES "churn: {rate_per_s: .inf}\n", 4, 21, "from 0 to 2000 events/s"},
        {ROLES "churn: {rate_per_s: 0x10}\n", 4, 21, "a number"},
        {ROLES "churn: {interval: poison}\n", 4, 19,
         "'interval' is 'poison'; did you mean 'poisson'? It takes one of "
         "'fixed', 'poisson'"},
        {ROLES "name: [a]\n", 4, 7, "'name' is a list; it takes text"},
        {ROLES "about: \"a\\0b\"\n", 4, 8, "NUL byte"},
        {"roles:\n  observer:\n    kind: observer\n", 2, 3,
         "'roles' is a mapping; it takes a list"},
        {"roles:\n- {name: o, kind: obsever, command: [x]}\n", 2, 19,
         "'kind' is 'obsever'; did you mean 'observer'?"},
        {"roles:\n- {name: o, kind: observer, command: x}\n", 2, 38,
         "'command' is 'x'; it takes a list of 1 to 64 words"},
        {"roles:\n- {name: o, kind: observer, command: [{id}]}\n", 2, 39,
         "braces want quotes"},
        {"roles:\n- 5\n", 2, 3, "a role is '5'; it is a mapping"},
    };
    EXPECT(mistakes);
}

static void values_out_of_range_name_range_and_unit(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {ROLES "seed: -1\n", 4, 7, "from 0 to 18446744073709551615"},
        {ROLES "seed: 18446744073709551616\n", 4, 7, "'seed' is"},
        {ROLES "run: {sample_ms: 9}\n", 4, 18, "10 to 60000 ms"},
        {ROLES "run: {sample_ms: 60001}\n", 4, 18, "10 to 60000 ms"},
        {ROLES "run: {sample_ms: 4294967306}\n", 4, 18, "10 to 60000 ms"},
        {ROLES "run: {detail_every: 0}\n", 4, 21, "1 to 1000 samples"},
        {ROLES "run: {duration_s: 0.5}\n", 4, 19, "1 to 604800 s"},
        {ROLES "run: {settle_s: 3601}\n", 4, 17, "0 to 3600 s"},
        {ROLES "churn: {rate_per_s: -3}\n", 4, 21, "'rate_per_s' is '-3'"},
        {ROLES "churn: {rate_per_s: 2001}\n", 4, 21, "0 to 2000 events/s"},
        {"roles:\n- name: o\n  kind: observer\n  command: [x]\n  count: 0\n", 5,
         10, "1 to 4096 processes"},
        {"roles:\n- name: o\n  kind: observer\n  command: [x]\n  port: 80\n", 5,
         9, "'port' is '80'; it takes a whole number, 0 or from 1024 to"},
        {"roles:\n- name: o\n  kind: observer\n  command: [x]\n"
         "  ready: {within_s: 0}\n",
         5, 21, "0.001 to 3600 s"},
        {"roles:\n- name: o\n  kind: observer\n  command: [x]\n"
         "  stop: {grace_s: 601}\n",
         5, 19, "0 to 600 s"},
        {"roles: []\n", 1, 8, "'roles' has 0 entries; it takes a list of 1"},
        {"roles:\n- {name: o, kind: observer, command: []}\n", 2, 38,
         "'command' has 0 entries; it takes a list of 1 to 64 words"},
        {ROLES "name: ''\n", 4, 7, "'name' is empty; it takes text of 1 to"},
    };
    EXPECT(mistakes);
}

static void waves_and_ebbs_are_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("run: {stop_early: true}\n"
             "churn: {wave_events: 100, wave_s: 2.5, waves: 60,\n"
             "        ebb: {settle_min_s: 0, settle_max_s: 0.5}}\n"
             "expect: {verdict: CLIMB, names: [loops, peers]}\n" ROLES);
    assert_true(scenario_has_ebbs(scenario));
    assert_int_equal(scenario->wave_events, 100);
    assert_true(scenario->wave_s == 2.5);
    assert_int_equal(scenario->waves, 60);
    assert_true(scenario->settle_min_s == 0);
    assert_true(scenario->settle_max_s == 0.5);
    assert_int_equal(scenario->stop_early, STOP_ON_CLIMB);
    assert_int_equal(scenario->expected, EXPECT_CLIMB);
    assert_int_equal(scenario->expected_names_count, 2);
    assert_string_equal(scenario->expected_names[1], "peers");
    scenario_free(scenario);
}

static void waves_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const struct mistake mistakes[] = {
        {"churn: {ebb: {settle_min_s: 4}}\n" ROLES, 1, 14,
         "'settle_max_s' 3 is below 'settle_min_s' 4"},
        {"churn: {rate_per_s: 0, wave_events: 5}\n" ROLES, 1, 37,
         "give 'wave_s'"},
        {"churn: {kinds: {pause: 1, pause_max_s: 0.1}}\n" ROLES, 1, 16,
         "below 'pause_min_s' 0.2"},
        {"churn: {wave_s: 5, kinds: {pause: 1, pause_max_s: 3}}\n" ROLES, 1, 51,
         "outlasts an ebb, which is given up after 3 s"},
        {"churn: {interval: pareto, shape: 1}\n" ROLES, 1, 34, "above 1"},
        {"churn: {shape: 0.5}\n" ROLES, 1, 16, "only lives have a shape"},
        {"churn: {kinds: {kil: 1}}\n" ROLES, 1, 17, "did you mean 'kill'"},
        {"churn: {kinds: {kill: -1}}\n" ROLES, 1, 23, "from 0"},
        {"churn: {kinds: {mass_share: 0}}\n" ROLES, 1, 29, "from 0.001 to 1"},
        {"churn: {kinds: {mass_share: 2}}\n" ROLES, 1, 29, "from 0.001 to 1"},
        {"churn: {waves: 5}\n" ROLES, 1, 16, "no waves to count"},
        {"expect: {verdict: climb}\n" ROLES, 1, 19, "'CLIMB'"},
    };
    EXPECT(mistakes);
}

static void a_budget_is_read_or_its_form_is_shown(void **state)
{
    (void)state;
    struct scenario *scenario = load("run: {budget: 64 B/event}\n" ROLES);
    assert_string_equal(scenario->budget, "64 B/event");
    scenario_free(scenario);
    scenario = load(ROLES);
    assert_string_equal(scenario->budget, "");
    scenario_free(scenario);
    const struct mistake mistakes[] = {
        {"run: {budget: 64 bytes}\n" ROLES, 1, 15,
         "\"64 bytes\" is no budget; it should be like \"64 B/event\""},
    };
    EXPECT(mistakes);
}

static void heap_profiles_are_off_unless_asked_for(void **state)
{
    (void)state;
    struct scenario *scenario = load(ROLES);
    assert_false(scenario->has_heap_profiles);
    assert_int_equal(scenario->heap_sample_kib, 512);
    scenario_free(scenario);
    scenario = load("churn: {wave_s: 1}\n"
                    "heap: {profile: true, sample_kib: 64}\n" ROLES);
    assert_true(scenario->has_heap_profiles);
    assert_int_equal(scenario->heap_sample_kib, 64);
    scenario_free(scenario);
    const struct mistake mistakes[] = {
        {"heap: {sample_kib: 100}\n" ROLES, 1, 20, "try 64"},
        {"heap: {profile: true}\n" ROLES, 1, 17, "wave_events"},
        {"heap: {profile: on}\n" ROLES, 1, 17, "'true'"},
    };
    EXPECT(mistakes);
}

static void roles_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"roles:\n  - {name: c, kind: churner, command: [\"{ready_fd}\"]}\n", 2,
         3, "no role is an observer"},
        {"roles:\n  - {name: o, kind: observer, command: [\"{ready_fd}\"]}\n",
         2, 3, "no role is a churner, but the rate is 10 events/s"},
        {ROLES "  - {name: c, kind: churner, command: [\"{ready_fd}\"]}\n", 4,
         12, "a second role is called 'c'"},
        {"roles:\n- {name: O, kind: observer, command: [x]}\n", 2, 10,
         "'O' is no role name"},
        {"roles:\n- {name: o o, kind: observer, command: [x]}\n", 2, 10,
         "'o o' is no role name"},
        {"roles:\n- {name: o, kind: observer, command: ['']}\n", 2, 39,
         "first word is empty"},
        {"roles:\n- {name: o, kind: observer, command: [x],\n"
         "   ready: {by: fd}}\n",
         2, 38, "no word of its command holds {ready_fd}"},
        {"roles:\n- {name: o, kind: observer, command: [x, \"{ready_fd}\"],\n"
         "   ready: {by: delay}}\n",
         2, 38, "is not ready by fd"},
        {ROLES "  - name: d\n    kind: churner\n"
               "    command: [\"{ready_fd}\"]\n    count: 4095\n",
         7, 12, "there are 4097 processes; right is 4096 at most"},
        {"roles:\n- {name: o, kind: observer, command: [\"{port}\",\n"
         "  \"{ready_fd}\"]}\n",
         2, 39, "{port} is used, but the role has no 'port'"},
        {"roles:\n- {name: o, kind: observer, command: [\"{ready_fd}\"],\n"
         "  port: 65535, count: 2}\n",
         3, 9, "end at 65536, beyond 65535; right is 65534 at most"},
        {"roles:\n- {name: o, kind: observer, command: [\"{ready_fd}\"],\n"
         "  port: 2000, count: 2}\n"
         "- {name: c, kind: churner, command: [\"{ready_fd}\"],\n"
         "  port: 2001}\n",
         5, 9, "ports 2001 to 2001 overlap with those of role 'o'"},
        {"roles:\n- {name: o, kind: observer, command: [\"{ready_fd}\"],\n"
         "  environment: [A=1, 2B=1]}\n",
         3, 22, "'2B=1' is no variable"},
        {"roles:\n- {name: o, kind: observer, command: [\"{ready_fd}\"],\n"
         "  environment: [PLATEAU_TALLY=fd:1]}\n",
         3, 17, "'PLATEAU_TALLY' is set by plateau itself"},
        {ROLES "health: [{name: peers}]\n", 4, 10,
         "the premise 'peers' asks for nothing"},
    };
    EXPECT(mistakes);
}

static void readiness_suits_the_role_where_nothing_is_said(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("churn: {rate_per_s: 0}\nroles:\n"
             "- {name: a, kind: observer, command: [x, \"{ready_fd}\"],"
             " port: 2000}\n"
             "- {name: b, kind: observer, command: [x], port: 2001}\n"
             "- {name: c, kind: observer, command: [x]}\n"
             "- {name: d, kind: observer, command: [x],"
             " environment: [\"R={ready_fd}\"]}\n");
    assert_int_equal(scenario->roles[0].ready.by, READY_FD);
    assert_int_equal(scenario->roles[1].ready.by, READY_TCP);
    assert_int_equal(scenario->roles[2].ready.by, READY_DELAY);
    assert_true(scenario->roles[2].ready.within_s == SCENARIO_READY_DELAY_S);
    assert_int_equal(scenario->roles[3].ready.by, READY_FD);
    scenario_free(scenario);
}

#define OBSERVER "roles:\n- {name: o, kind: observer, command: [x],\n   "

static void every_way_of_being_ready_is_read(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("churn: {rate_per_s: 0}\n" OBSERVER
             "host: \"::1\", ready: {by: udp, port: 53}}\n"
             "- {name: l, kind: observer, command: [x],"
             " ready: {by: log, pattern: \"up|ready\"}}\n"
             "- {name: f, kind: observer, command: [x],"
             " ready: {by: file, path: \"{dir}/up\"}}\n"
             "- {name: c, kind: observer, command: [x], port: 6379,"
             " ready: {by: command, command: [redis-cli, -p, \"{port}\"],"
             " within_s: 3}}\n");
    const struct scenario_role *roles = scenario->roles;
    assert_string_equal(roles[0].host, "::1");
    assert_int_equal(roles[0].ready.by, READY_UDP);
    assert_int_equal(roles[0].ready.port, 53);
    assert_int_equal(roles[1].ready.by, READY_LOG);
    assert_string_equal(roles[1].ready.pattern, "up|ready");
    assert_int_equal(roles[2].ready.by, READY_FILE);
    assert_string_equal(roles[2].ready.path, "{dir}/up");
    assert_int_equal(roles[3].ready.by, READY_COMMAND);
    assert_int_equal(roles[3].ready.command_count, 3);
    assert_string_equal(roles[3].ready.command[0], "redis-cli");
    scenario_free(scenario);
}

static void readiness_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {OBSERVER "ready: {by: tcp}}\n", 3, 11, "is ready by a port, but has"},
        {OBSERVER "ready: {by: udp}}\n", 3, 11, "is ready by a port, but has"},
        {OBSERVER "ready: {by: log}}\n", 3, 11, "give the 'pattern'"},
        {OBSERVER "ready: {by: log, pattern: \"a(\"}}\n", 3, 30,
         "'a(' is no regular expression: "},
        {OBSERVER "ready: {by: file}}\n", 3, 11, "give its 'path'"},
        {OBSERVER "ready: {by: file, path: \"{dri}\"}}\n", 3, 28,
         "did you mean '{dir}'?"},
        {OBSERVER "ready: {by: command}}\n", 3, 11, "give the 'command'"},
        {OBSERVER "ready: {by: command, command: [a, \"{\"]}}\n", 3, 38,
         "a lone '{'"},
        {OBSERVER "ready: {by: log, pattern: a, port: 5}}\n", 3, 39,
         "unless the role is ready by tcp or udp"},
        {OBSERVER "ready: {by: delay, pattern: a}}\n", 3, 32,
         "'ready.pattern' says nothing unless the role is ready by log"},
        {OBSERVER "ready: {by: tpc}}\n", 3, 16, "did you mean 'tcp'?"},
        {OBSERVER "ready: {by: tcp, port: 70000}}\n", 3, 27, "1 to 65535"},
        {OBSERVER "host: localhost}\n", 3, 10, "'localhost' is no address"},
    };
    EXPECT(mistakes);
}

static void ports_of_other_roles_are_known_or_refused(void **state)
{
    (void)state;
    struct scenario *scenario = load(
        OBSERVER "port: 2000, count: 2}\n"
                 "- {name: c, kind: churner,"
                 " command: [x, \"{host:o}:{port:o}\", \"{port:o:1}\"]}\n");
    scenario_free(scenario);
    static const struct mistake mistakes[] = {
        {OBSERVER "port: 2000}\n"
                  "- {name: c, kind: churner, command: [x, \"{port:o:1}\"]}\n",
         4, 41, "role 'o' has no process 1; it has 1, counted from 0"},
        {OBSERVER "count: 1}\n"
                  "- {name: c, kind: churner, command: [x, \"{port:o}\"]}\n",
         4, 41, "{port:o} is used, but role 'o' has no 'port'"},
        {OBSERVER "port: 2000}\n"
                  "- {name: c, kind: churner, command: [x, \"{port:p}\"]}\n",
         4, 41, "no role is called 'p'"},
        {OBSERVER "port: 2000}\n"
                  "- {name: c, kind: churner, command: [x, \"{dir:o}\"]}\n",
         4, 41, "'{dir:ROLE}' is not to be had"},
    };
    EXPECT(mistakes);
}

static void wrong_placeholders_name_the_right_ones(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"roles:\n- name: o\n  kind: observer\n  command:\n  - x\n"
         "  - \"--seed={sed}\"\n",
         6, 5, "unknown placeholder '{sed}'; did you mean '{seed}'? Known: "},
        {"roles:\n- {name: o, kind: observer, command: [x, \"{hots}\"]}\n", 2,
         42, "did you mean '{host}'? Known: {role}"},
        {"roles:\n- {name: o, kind: observer, command: [x, \"a{\"]}\n", 2, 42,
         "a lone '{' at \"{\""},
        {"roles:\n- {name: o, kind: observer, command: [\"{ready_fd}\"],\n"
         "  environment: [\"A={nothing_like_it}\"]}\n",
         3, 17, "unknown placeholder '{nothing_like_it}'; known: "},
    };
    EXPECT(mistakes);
}

static void what_is_not_yaml_is_pointed_at(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"", 1, 1, "the file is empty"},
        {"# only a comment\n\n", 1, 1, "the file is empty"},
        {ROLES "run:\n\tsample_ms: 10\n", 5, 1, "a tab; YAML is indented"},
        {ROLES "run: {sample_ms: 10\n", 5, 1, "not YAML: did not find"},
        {ROLES "run: *nowhere\n", 4, 6, "not YAML: found undefined alias"},
        {ROLES "---\nname: b\n", 5, 1, "a second document begins here"},
        {ROLES "about: \xff\n", 4, 8, "plain UTF-8 text"},
        {ROLES "about: a\x01\n", 4, 9, "plain UTF-8 text"},
    };
    EXPECT(mistakes);
}

static void files_that_cannot_be_read_say_why(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    char missing[sizeof folder + 16];
    (void)snprintf(missing, sizeof missing, "%s/missing", folder);
    assert_int_equal(scenario_load(missing, &scenario, &err), -ENOENT);
    assert_string_equal(err.file, missing);
    assert_non_null(strstr(err.sentence, "No such file"));
    assert_int_equal(scenario_load(folder, &scenario, &err), -EISDIR);
    assert_non_null(strstr(err.sentence, "is a folder"));
    assert_null(scenario);
}

static void a_file_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    size_t size = SCENARIO_FILE_MAX_BYTES + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '#', size);
    write_case(text, size);
    assert_int_equal(scenario_load(path, &scenario, &err), -EFBIG);
    assert_non_null(strstr(err.sentence, "larger than 1 MiB"));
    memcpy(text, ROLES "#", sizeof ROLES);
    write_case(text, size - 1);
    free(text);
    assert_int_equal(scenario_load(path, &scenario, &err), 0);
    scenario_free(scenario);
}

static void deep_nesting_is_no_crash(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct err err = {.sentence = ""};
    enum { DEPTH = 20000 };
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    write_case(text, DEPTH);
    free(text);
    assert_int_equal(scenario_load(path, &scenario, &err), -EINVAL);
}

static void the_bundled_scenarios_are_right(void **state)
{
    (void)state;
    static const char *const names[] = {"tight-loop", "tight-loop-parked"};
    const char *from = getenv("PLATEAU_SCENARIOS");
    if (from == NULL) {
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        struct scenario *scenario = NULL;
        struct err err = {.sentence = ""};
        char file[512];
        (void)snprintf(file, sizeof file, "%s/%s.yaml", from, names[i]);
        if (scenario_load(file, &scenario, &err) != 0) {
            fail_msg("%s:%d: %s", file, err.line, err.sentence);
        }
        assert_string_equal(scenario->name, names[i]);
        assert_int_equal(scenario->roles[0].count + scenario->roles[1].count,
                         24);
        scenario_free(scenario);
    }
}

static void takes_kinds_and_lives(void **state)
{
    (void)state;
    struct scenario *scenario =
        load("churn: {interval: weibull, shape: 0.4,\n"
             "        kinds: {kill: 8, stop: 1, pause: 1, starting: 1, mass: "
             "0.1,\n"
             "                pause_min_s: 0.5, pause_max_s: 2,\n"
             "                starting_max_s: 0.01, mass_share: 0.3}}\n"
             "roles:\n"
             "  - {name: o, kind: observer, command: [x, \"{ready_fd}\"]}\n"
             "  - {name: c, kind: churner, identity: same,\n"
             "     command: [x, \"{ready_fd}\"]}\n");
    double weights[CHURN_KINDS];
    const double right[CHURN_KINDS] = {8, 1, 1, 1, 0.1};
    scenario_weights(scenario, weights);
    assert_memory_equal(weights, right, sizeof right);
    assert_int_equal(scenario->interval, INTERVAL_WEIBULL);
    assert_true(scenario->interval_shape == 0.4);
    assert_true(scenario->pause_min_s == 0.5 && scenario->pause_max_s == 2.);
    assert_true(scenario->starting_max_s == 0.01);
    assert_true(scenario->mass_share == 0.3);
    assert_int_equal(scenario->roles[0].identity, IDENTITY_NEW);
    assert_int_equal(scenario->roles[1].identity, IDENTITY_SAME);
    scenario_free(scenario);
}

/* As every scenario had it before there were kinds. */
static void without_kinds_every_event_is_a_kill(void **state)
{
    (void)state;
    struct scenario *scenario = load(ROLES);
    double weights[CHURN_KINDS];
    scenario_weights(scenario, weights);
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        assert_true(weights[i] == 0.);
    }
    assert_int_equal(scenario->interval, INTERVAL_POISSON);
    assert_true(scenario->interval_shape == 0.);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_kinds_and_lives),
        cmocka_unit_test(without_kinds_every_event_is_a_kill),
        cmocka_unit_test(defaults_fill_what_is_left_out),
        cmocka_unit_test(every_key_lands_where_it_belongs),
        cmocka_unit_test(anchors_and_aliases_are_read),
        cmocka_unit_test(a_still_run_needs_no_churner),
        cmocka_unit_test(wrong_keys_name_the_right_ones),
        cmocka_unit_test(wrong_types_name_the_right_one),
        cmocka_unit_test(values_out_of_range_name_range_and_unit),
        cmocka_unit_test(waves_and_ebbs_are_read),
        cmocka_unit_test(waves_that_make_no_sense_are_refused),
        cmocka_unit_test(a_budget_is_read_or_its_form_is_shown),
        cmocka_unit_test(heap_profiles_are_off_unless_asked_for),
        cmocka_unit_test(roles_that_make_no_sense_are_refused),
        cmocka_unit_test(readiness_suits_the_role_where_nothing_is_said),
        cmocka_unit_test(every_way_of_being_ready_is_read),
        cmocka_unit_test(readiness_that_makes_no_sense_is_refused),
        cmocka_unit_test(ports_of_other_roles_are_known_or_refused),
        cmocka_unit_test(wrong_placeholders_name_the_right_ones),
        cmocka_unit_test(what_is_not_yaml_is_pointed_at),
        cmocka_unit_test(files_that_cannot_be_read_say_why),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(deep_nesting_is_no_crash),
        cmocka_unit_test(the_bundled_scenarios_are_right),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
