#include <errno.h>
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

#include "churn/launch.h"

enum { PATH_SIZE = 256, WORDS_MAX = 16 };

extern char **environ;

/* A folder with a program, and PATH leading there and nowhere else. */
struct fixture {
    char name[8];
    char folder[PATH_SIZE / 4];
    char program[PATH_SIZE / 2]; /* executable */
    char text[PATH_SIZE / 2];    /* not executable */
    char *path_before;
    char *words[WORDS_MAX];
    char *settings[WORDS_MAX];
    struct scenario_role role;
    struct launch launch;
    struct err err;
};

static const struct launch_values values = {
    .id = "client-3",
    .ordinal = 3,
    .slot = 12,
    .generation = INT64_C(5000000000),
    .host = "127.0.0.7",
    .port = 40003,
    .seed = UINT64_MAX,
    .dir = "/run/work/client-3",
    .peers = "127.0.0.1:1/a,127.0.0.1:2/b",
    .meshnode = "/opt/meshnode",
    .preload = "/opt/preload.so",
    .heap = "",
    .run = "/run",
};

static int make_file(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return -1;
    }
    (void)fputs("#!/bin/sh\n", file);
    return fclose(file) == 0 ? chmod(path, mode) : -1;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder,
                   "/tmp/plateau-launch-test.XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    (void)snprintf(fixture->program, sizeof fixture->program, "%s/daemon",
                   fixture->folder);
    (void)snprintf(fixture->text, sizeof fixture->text, "%s/text",
                   fixture->folder);
    fixture->path_before = strdup(getenv("PATH"));
    (void)snprintf(fixture->name, sizeof fixture->name, "client");
    fixture->role.name = fixture->name;
    *state = fixture;
    return make_file(fixture->program, 0755) == 0 &&
                   make_file(fixture->text, 0644) == 0 &&
                   setenv("PATH", fixture->folder, 1) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    launch_deinit(&fixture->launch);
    (void)setenv("PATH", fixture->path_before, 1);
    (void)unlink(fixture->program);
    (void)unlink(fixture->text);
    (void)rmdir(fixture->folder);
    free(fixture->path_before);
    free(fixture);
    return 0;
}

static uint32_t copy_words(char *to[WORDS_MAX], const char *const *words)
{
    uint32_t count = 0;
    for (; words[count] != NULL; count++) {
        assert_true(count < WORDS_MAX);
        to[count] = (char *)(uintptr_t)words[count];
    }
    return count;
}

static int make(struct fixture *fixture, const char *const *words,
                const char *const *settings)
{
    struct scenario_role *role = &fixture->role;
    role->command = fixture->words;
    role->command_count = copy_words(fixture->words, words);
    role->environment = fixture->settings;
    role->environment_count = copy_words(fixture->settings, settings);
    launch_deinit(&fixture->launch);
    return launch_make(role, &values, &fixture->launch, &fixture->err);
}

static const char *const nothing[] = {NULL};

static int make_program(struct fixture *fixture, const char *word)
{
    return make(fixture, (const char *const[]){word, NULL}, nothing);
}

/* How often the environment has |name|, and the last value of it. */
static int count_setting(const struct launch *launch, const char *name,
                         const char **ret_value)
{
    size_t length = strlen(name);
    int count = 0;
    for (char **at = launch->envp; *at != NULL; at++) {
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') {
            *ret_value = *at + length + 1;
            count++;
        }
    }
    return count;
}

static void is_set_once(const struct launch *launch, const char *name,
                        const char *value)
{
    const char *found = NULL;
    assert_int_equal(count_setting(launch, name, &found), 1);
    assert_string_equal(found, value);
}

static void sentence_has(const struct fixture *fixture, const char *part)
{
    if (strstr(fixture->err.sentence, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, fixture->err.sentence);
    }
}

static void every_placeholder_has_its_value(void **state)
{
    struct fixture *fixture = *state;
    static const char *const words[] = {
        "daemon",
        "{role}-{ordinal}",
        "{id}",
        "{slot}",
        "{generation}",
        "{host}",
        "{port}",
        "{dir}",
        "{run}",
        "{seed}",
        "--peers={peers}",
        "{{}}",
        "{ready_fd}",
        "",
        "{meshnode}",
        "{preload}",
        NULL,
    };
    static const char *const wanted[] = {
        "daemon",
        "client-3",
        "client-3",
        "12",
        "5000000000",
        "127.0.0.7",
        "40003",
        "/run/work/client-3",
        "/run",
        "18446744073709551615",
        "--peers=127.0.0.1:1/a,127.0.0.1:2/b",
        "{}",
        "3",
        "",
        "/opt/meshnode",
        "/opt/preload.so",
    };
    assert_int_equal(make(fixture, words, nothing), 0);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_string_equal(fixture->launch.argv[i], wanted[i]);
    }
    assert_null(fixture->launch.argv[sizeof wanted / sizeof wanted[0]]);
}

/* A placeholder that the scenario allows and that has no value here would end
 * a run in its midst. */
static void the_value_table_is_that_of_the_scenario(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        char word[64];
        (void)snprintf(word, sizeof word, "{%s}",
                       scenario_placeholders[i].name);
        assert_int_equal(
            make(fixture, (const char *const[]){"daemon", word, NULL}, nothing),
            0);
        assert_string_not_equal(fixture->launch.argv[1], word);
    }
}

static void a_value_is_not_looked_at_again(void **state)
{
    struct fixture *fixture = *state;
    struct launch_values tricky = values;
    tricky.peers = "{seed}}{";
    assert_int_equal(make(fixture,
                          (const char *const[]){"daemon", "{peers}", NULL},
                          nothing),
                     0);
    launch_deinit(&fixture->launch);
    assert_int_equal(
        launch_make(&fixture->role, &tricky, &fixture->launch, &fixture->err),
        0);
    assert_string_equal(fixture->launch.argv[1], "{seed}}{");
}

static void a_bare_word_is_looked_for_in_path(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(make_program(fixture, "daemon"), 0);
    assert_string_equal(fixture->launch.program, fixture->program);
    assert_string_equal(fixture->launch.argv[0], "daemon");
}

static void path_is_searched_in_its_order_past_what_does_not_fit(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_SIZE * 2];
    char folder[PATH_SIZE];
    /* A folder of the program's name comes first: it is no program. */
    (void)snprintf(folder, sizeof folder, "%s/deep", fixture->folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    (void)strcat(folder, "/daemon");
    assert_int_equal(mkdir(folder, 0755), 0);
    (void)snprintf(path, sizeof path, "/nowhere:%s/deep:%s:/bin",
                   fixture->folder, fixture->folder);
    assert_int_equal(setenv("PATH", path, 1), 0);
    int result = make_program(fixture, "daemon");
    (void)rmdir(folder);
    *strrchr(folder, '/') = '\0';
    (void)rmdir(folder);
    assert_int_equal(result, 0);
    assert_string_equal(fixture->launch.program, fixture->program);
}

/* As execvp(3) has it: a prefix of length zero is the working folder. */
static void an_empty_entry_of_path_is_the_working_folder(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = {":/nowhere", "/nowhere::/nowhere",
                                        "/nowhere:"};
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture->folder), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(setenv("PATH", paths[i], 1), 0);
        assert_int_equal(make_program(fixture, "daemon"), 0);
        assert_string_equal(fixture->launch.program, "./daemon");
    }
    assert_int_equal(chdir(before), 0);
}

static void without_path_the_usual_folders_are_searched(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(unsetenv("PATH"), 0);
    assert_int_equal(make_program(fixture, "sh"), 0);
    assert_non_null(strstr(fixture->launch.program, "/bin/sh"));
    assert_int_equal(make_program(fixture, "no-such-thing"), -ENOENT);
    sentence_has(fixture, "PATH (which is not set)");
}

static void a_word_with_a_slash_is_a_path(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(make_program(fixture, fixture->program), 0);
    assert_string_equal(fixture->launch.program, fixture->program);
    assert_int_equal(make_program(fixture, "./daemon"), -ENOENT);
    sentence_has(fixture, "role client: there is no program './daemon'");
    assert_null(strstr(fixture->err.sentence, "PATH"));
}

static void a_missing_program_is_named_with_its_role_and_path(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(make_program(fixture, "deamon"), -ENOENT);
    sentence_has(fixture, "role client");
    sentence_has(fixture, "'deamon'");
    sentence_has(fixture, fixture->folder);
    assert_null(fixture->launch.program);
    assert_null(fixture->launch.argv);
    assert_int_equal(make_program(fixture, ""), -ENOENT);
}

static void a_tool_that_is_not_there_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct launch_values bare = values;
    bare.preload = "";
    assert_int_equal(make(fixture, (const char *const[]){"daemon", NULL},
                          (const char *const[]){"LD_PRELOAD={preload}", NULL}),
                     0);
    launch_deinit(&fixture->launch);
    assert_int_equal(
        launch_make(&fixture->role, &bare, &fixture->launch, &fixture->err),
        -ENOENT);
    sentence_has(fixture, "role client");
    sentence_has(fixture, "{preload}");
    assert_null(fixture->launch.argv);
}

/* Whatever the reason: there is no such program. */
static void a_path_that_leads_nowhere_is_a_missing_program(void **state)
{
    struct fixture *fixture = *state;
    char through_a_file[PATH_SIZE];
    char too_long[PATH_SIZE + 100];
    (void)snprintf(through_a_file, sizeof through_a_file, "%s/more",
                   fixture->text);
    memset(too_long, 'x', sizeof too_long);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(make_program(fixture, through_a_file), -ENOENT);
    sentence_has(fixture, "there is no program");
    assert_int_equal(make_program(fixture, too_long), -ENOENT);
    sentence_has(fixture, "scripts/setup --examples");
}

static void what_cannot_be_executed_is_told_apart(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(make_program(fixture, "text"), -EACCES);
    sentence_has(fixture, "'text' cannot be executed");
    assert_int_equal(make_program(fixture, fixture->text), -EACCES);
    assert_int_equal(make_program(fixture, fixture->folder), -EACCES);
    sentence_has(fixture, "it should be a file");
}

static void the_environment_is_ours_with_the_roles_on_top(void **state)
{
    struct fixture *fixture = *state;
    static const char *const settings[] = {
        "LAUNCH_TEST_A=of the role, {id}", "LAUNCH_TEST_NEW=x=y",
        "LAUNCH_TEST_NEW=later", "LAUNCH_TEST_EMPTY=", NULL};
    assert_int_equal(setenv("LAUNCH_TEST_AB", "kept", 1), 0);
    assert_int_equal(setenv("LAUNCH_TEST_A", "ours", 1), 0);
    assert_int_equal(
        make(fixture, (const char *const[]){"daemon", NULL}, settings), 0);
    is_set_once(&fixture->launch, "LAUNCH_TEST_A", "of the role, client-3");
    is_set_once(&fixture->launch, "LAUNCH_TEST_AB", "kept"); /* stands first */
    is_set_once(&fixture->launch, "LAUNCH_TEST_NEW", "later");
    is_set_once(&fixture->launch, "LAUNCH_TEST_EMPTY", "");
    is_set_once(&fixture->launch, "PATH", fixture->folder);
    assert_string_equal(getenv("LAUNCH_TEST_A"), "ours");
    assert_int_equal(unsetenv("LAUNCH_TEST_A"), 0);
    assert_int_equal(unsetenv("LAUNCH_TEST_AB"), 0);
}

/* A harness under a harness, or a role that says otherwise: the page is at
 * the place where the supervisor puts it. */
static void the_place_of_the_tally_page_is_always_ours(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(setenv("PLATEAU_TALLY", "fd:9", 1), 0);
    assert_int_equal(make(fixture, (const char *const[]){"daemon", NULL},
                          (const char *const[]){"PLATEAU_TALLY=fd:11", NULL}),
                     0);
    assert_int_equal(unsetenv("PLATEAU_TALLY"), 0);
    is_set_once(&fixture->launch, "PLATEAU_TALLY", "fd:4");
}

static void heap_profiles_are_switched_on_by_the_environment(void **state)
{
    struct fixture *fixture = *state;
    const char *found = NULL;
    struct launch_values profiled = values;
    profiled.heap = "/r/heap/o-0";
    profiled.heap_sample_kib = 64;
    assert_int_equal(setenv("MALLOC_CONF", "tcache:false", 1), 0);
    assert_int_equal(make_program(fixture, "daemon"), 0);
    assert_int_equal(count_setting(&fixture->launch, "PLATEAU_HEAP", &found),
                     0);
    is_set_once(&fixture->launch, "MALLOC_CONF", "tcache:false");
    launch_deinit(&fixture->launch);
    assert_int_equal(
        launch_make(&fixture->role, &profiled, &fixture->launch, &fixture->err),
        0);
    assert_int_equal(unsetenv("MALLOC_CONF"), 0);
    is_set_once(&fixture->launch, "PLATEAU_HEAP", "/r/heap/o-0");
    is_set_once(&fixture->launch, "MALLOC_CONF",
                "tcache:false,prof:true,lg_prof_sample:16");
    is_set_once(&fixture->launch, "PLATEAU_HEAP_SAMPLE_BYTES", "65536");
}

static void a_profile_is_taken_by_the_library_that_can(void **state)
{
    struct fixture *fixture = *state;
    struct launch_values with = values;
    char plain[PATH_SIZE], able[PATH_SIZE];
    (void)snprintf(plain, sizeof plain, "%s/x.so", fixture->folder);
    (void)snprintf(able, sizeof able, "%s/x_heap.so", fixture->folder);
    with.preload = plain;
    with.heap_sample_kib = 64;
    assert_int_equal(make(fixture, (const char *const[]){"daemon", NULL},
                          (const char *const[]){"LD_PRELOAD={preload}", NULL}),
                     0);
    for (int i = 0; i < 3; i++) {
        launch_deinit(&fixture->launch);
        with.heap = i > 0 ? "/r/heap/o-0" : "";
        if (i == 2) {
            assert_int_equal(make_file(able, 0644), 0);
        }
        assert_int_equal(
            launch_make(&fixture->role, &with, &fixture->launch, &fixture->err),
            0);
        is_set_once(&fixture->launch, "LD_PRELOAD", i == 2 ? able : plain);
    }
    assert_int_equal(unlink(able), 0);
}

/* The second server listens one port further. */
static void hosts_and_ports_of_other_roles_are_known(void **state)
{
    struct fixture *fixture = *state;
    char name[] = "server";
    char host[] = "::1";
    struct scenario_role server = {
        .name = name, .count = 2, .host = host, .port = 5000};
    const struct scenario scenario = {.roles = &server, .roles_count = 1};
    struct launch_values among = values;
    among.scenario = &scenario;
    assert_int_equal(
        make(fixture, (const char *const[]){"daemon", NULL}, nothing), 0);
    fixture->words[1] = (char[]){"{host:server} {port:server} {port:server:1}"};
    fixture->role.command_count = 2;
    launch_deinit(&fixture->launch);
    assert_int_equal(
        launch_make(&fixture->role, &among, &fixture->launch, &fixture->err),
        0);
    assert_string_equal(fixture->launch.argv[1], "::1 5000 5001");
    /* What loading refuses is refused here as well. */
    static const char *const wrong[] = {"{port:server:2}", "{port:serve}",
                                        "{dir:server}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct launch launch = {0};
        fixture->words[1] = (char *)(uintptr_t)wrong[i];
        assert_int_equal(
            launch_make(&fixture->role, &among, &launch, &fixture->err),
            -EINVAL);
    }
}

/* It runs beside the process: its page and its preloaded library would make a
 * second tally of it. */
static void the_command_for_readiness_is_made_without_a_tally(void **state)
{
    struct fixture *fixture = *state;
    char *words[] = {(char[]){"daemon"}, (char[]){"ping {port}"}};
    struct scenario_ready *ready = &fixture->role.ready;
    ready->by = READY_COMMAND;
    ready->command = words;
    ready->command_count = 2;
    assert_int_equal(
        make(fixture, (const char *const[]){"daemon", NULL},
             (const char *const[]){"LD_PRELOAD={preload}", "PASS=x", NULL}),
        0);
    const struct launch made = {.envp = fixture->launch.ready.envp};
    const char *value = NULL;
    assert_string_equal(fixture->launch.ready.program, fixture->program);
    assert_string_equal(fixture->launch.ready.argv[1], "ping 40003");
    is_set_once(&made, "PASS", "x");
    is_set_once(&made, "LD_PRELOAD", "");
    assert_int_equal(count_setting(&made, "PLATEAU_TALLY", &value), 0);
    is_set_once(&fixture->launch, "LD_PRELOAD", "/opt/preload.so");
    words[0] = (char[]){"no-such-ping"};
    assert_int_equal(make_program(fixture, "daemon"), -ENOENT);
    sentence_has(fixture, "role client: there is no program 'no-such-ping'");
}

static void deinit_may_come_twice(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(make_program(fixture, "daemon"), 0);
    launch_deinit(&fixture->launch);
    launch_deinit(&fixture->launch);
    assert_null(fixture->launch.envp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_placeholder_has_its_value),
        TEST(the_value_table_is_that_of_the_scenario),
        TEST(a_value_is_not_looked_at_again),
        TEST(a_bare_word_is_looked_for_in_path),
        TEST(path_is_searched_in_its_order_past_what_does_not_fit),
        TEST(an_empty_entry_of_path_is_the_working_folder),
        TEST(without_path_the_usual_folders_are_searched),
        TEST(a_word_with_a_slash_is_a_path),
        TEST(a_missing_program_is_named_with_its_role_and_path),
        TEST(a_tool_that_is_not_there_is_named),
        TEST(a_path_that_leads_nowhere_is_a_missing_program),
        TEST(what_cannot_be_executed_is_told_apart),
        TEST(the_environment_is_ours_with_the_roles_on_top),
        TEST(the_place_of_the_tally_page_is_always_ours),
        TEST(heap_profiles_are_switched_on_by_the_environment),
        TEST(a_profile_is_taken_by_the_library_that_can),
        TEST(hosts_and_ports_of_other_roles_are_known),
        TEST(the_command_for_readiness_is_made_without_a_tally),
        TEST(deinit_may_come_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
