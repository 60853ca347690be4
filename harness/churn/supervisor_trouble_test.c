#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/soak_fixture.h"

#include "churn/slot_log.h"
#include "host.h"

/* --- what goes wrong ------------------------------------------------------ */

static void a_missing_program_is_found_before_anything_starts(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct err err = {0};
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    struct scenario_role *role =
        add_role(soak, "client", ROLE_CHURNER, 1, lives_on);
    role->command[0] = (char[]){"no-such-program"};
    assert_int_equal(make_supervisor(soak, &err), -ENOENT);
    assert_null(soak->supervisor);
    assert_non_null(strstr(err.sentence, "client"));
    assert_non_null(strstr(err.sentence, "no-such-program"));
    assert_non_null(strstr(err.sentence, "PATH"));
    role->command[0] = (char[]){"/etc/passwd"};
    assert_int_equal(make_supervisor(soak, &err), -EACCES);
    assert_non_null(strstr(err.sentence, "/etc/passwd"));
    assert_int_equal(soak->lives_count, 0);
    nobody_is_left(soak);
    free_soak(soak);
}

static void a_program_that_cannot_be_executed_ends_the_run(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/not-a-program", soak->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("\x7f"
                "ELF, not quite",
                file);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
    add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on)->command[0] = path;
    assert_int_equal(run_soak(soak), SUPERVISOR_BROKEN);
    sentence_has(soak, "not-a-program");
    sentence_has(soak, strerror(ENOEXEC));
    assert_int_equal(soak->lives_count, 0);
    free_soak(soak);
}

static void an_observer_that_is_not_ready_in_time_ends_the_run(void **state)
{
    (void)state;
    static const char *const mute[] = {"log", "still thinking", "forever",
                                       NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, mute)->ready.within_s = 0.1;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 was not ready within 0.1 s");
    sentence_has(soak, "still thinking");
    free_soak(soak);
}

static void an_observer_that_dies_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"ready",         "sleep", "60", "log",
                                        "out of cheese", "exit",  "7",  NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    (void)add_role(soak, "churner", ROLE_CHURNER, 3, lives_on);
    soak->scenario.rate_per_s = 50;
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 ended with exit status 7");
    sentence_has(soak, "out of cheese");
    free_soak(soak);
}

static void an_observer_that_is_killed_names_the_signal(void **state)
{
    (void)state;
    static const char *const words[] = {"abort", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "ABRT");
    sentence_has(soak, "before it was ready");
    free_soak(soak);
}

static void a_wrong_readiness_line_is_quoted(void **state)
{
    (void)state;
    static const char *const lines[] = {"hello there\n", "readyish\n",
                                        "ready a b\n", "ready a,b\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *const words[] = {"say", lines[i], "forever", NULL};
        struct soak *soak = new_soak();
        char quoted[64];
        (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
        assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
        (void)snprintf(quoted, sizeof quoted, "\"%.*s\"",
                       (int)strlen(lines[i]) - 1, lines[i]);
        sentence_has(soak, quoted);
        free_soak(soak);
    }
}

static void a_readiness_line_that_does_not_end_is_refused(void **state)
{
    (void)state;
    static char line[SUPERVISOR_READY_LINE_MAX + 1];
    const char *const words[] = {"say", line, "forever", NULL};
    struct soak *soak = new_soak();
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "ready ", 6);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "it should write \"ready CONTACT\"");
    free_soak(soak);
}

static void a_readiness_line_may_come_in_pieces(void **state)
{
    (void)state;
    static const char *const words[] = {"say", "rea",  "sleep",   "20",
                                        "say", "dy x", "sleep",   "20",
                                        "say", "\n",   "forever", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    soak->scenario.duration_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    free_soak(soak);
}

static void a_churner_that_crashes_now_and_then_is_counted(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "sleep", "40",
                                        "exit",  "3",     NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->scenario.settle_s = 0;
    soak->scenario.rate_per_s = 100;
    soak->scenario.duration_s = 0.5;
    (void)run_soak(soak);
    supervisor_counts(soak->supervisor, &counts);
    assert_true(counts.events > 10);
    assert_true(counts.crashes > 0 ||
                supervisor_end(soak->supervisor) == SUPERVISOR_COMPLETED);
    free_soak(soak);
}

static void a_churner_that_only_crashes_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"log", "no way", "exit", "3", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, SUPERVISOR_CRASHES_MAX);
    assert_int_equal(soak->lives_count, SUPERVISOR_CRASHES_MAX);
    sentence_has(soak, "churner-0 failed 5 times in a row");
    sentence_has(soak, "no way");
    free_soak(soak);
}

static void a_churner_that_is_never_ready_ends_the_run(void **state)
{
    (void)state;
    static const char *const mute[] = {"forever", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    add_role(soak, "churner", ROLE_CHURNER, 1, mute)->ready.within_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.late, SUPERVISOR_CRASHES_MAX);
    sentence_has(soak, "was not ready in time");
    free_soak(soak);
}

static void an_observer_that_fills_its_folder_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "log",        "writing",
                                        "fill",  "{dir}/data", NULL};
    struct soak *soak = new_soak();
    char text[TEXT_SIZE];
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->limits.folder_mib = 4;
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 was killed: its folder /");
    sentence_has(soak, "/work/observer-0 took ");
    sentence_has(soak, "and may take 4 (limits.folder_mib of the role "
                       "'observer')");
    sentence_has(soak, "\"writing\"");
    sentence_has(soak, "an observer has to live through the run");
    assert_true(soak->lives[0].was_killed);
    assert_int_equal(soak->lives[0].signal, SIGKILL);
    assert_non_null(strstr(read_log(soak, "observer-0", text),
                           "--- generation 1 was killed: its folder"));
    free_soak(soak);
}

/* Many of them, and the walk takes several turns. */
static void small_files_fill_a_folder_as_well(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "litter", "{dir}", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    add_role(soak, "bystander", ROLE_BYSTANDER, 1, words)->limits.folder_mib =
        32;
    soak->scenario.duration_s = 60;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "bystander-0 was killed: its folder");
    free_soak(soak);
}

static void a_churner_that_fills_its_folder_has_crashed(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "fill", "{dir}/data", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    struct scenario_role *role =
        add_role(soak, "churner", ROLE_CHURNER, 1, words);
    role->limits.folder_mib = 4;
    role->data = DATA_KEEP;
    soak->scenario.rate_per_s = 0;
    soak->scenario.duration_s = 60;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, SUPERVISOR_CRASHES_MAX);
    sentence_has(soak, "churner-0 failed 5 times in a row: it was killed: its "
                       "folder");
    free_soak(soak);
}

static void who_keeps_what_it_may_lives_on(void **state)
{
    (void)state;
    static const char *const words[] = {"touch", "{dir}/data", "ready",
                                        "forever", NULL};
    static const char *const fills[] = {"ready", "fill", "{dir}/data", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    add_role(soak, "observer", ROLE_OBSERVER, 1, words)->limits.folder_mib = 1;
    add_role(soak, "bystander", ROLE_BYSTANDER, 1, fills)->limits.folder_mib =
        0;
    soak->scenario.duration_s = 2.5;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, 0);
    free_soak(soak);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: supervisor_trouble_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_program_is_found_before_anything_starts),
        cmocka_unit_test(a_program_that_cannot_be_executed_ends_the_run),
        cmocka_unit_test(an_observer_that_is_not_ready_in_time_ends_the_run),
        cmocka_unit_test(an_observer_that_dies_ends_the_run),
        cmocka_unit_test(an_observer_that_is_killed_names_the_signal),
        cmocka_unit_test(a_wrong_readiness_line_is_quoted),
        cmocka_unit_test(a_readiness_line_that_does_not_end_is_refused),
        cmocka_unit_test(a_readiness_line_may_come_in_pieces),
        cmocka_unit_test(a_churner_that_crashes_now_and_then_is_counted),
        cmocka_unit_test(a_churner_that_only_crashes_ends_the_run),
        cmocka_unit_test(a_churner_that_is_never_ready_ends_the_run),
        cmocka_unit_test(an_observer_that_fills_its_folder_ends_the_run),
        cmocka_unit_test(small_files_fill_a_folder_as_well),
        cmocka_unit_test(a_churner_that_fills_its_folder_has_crashed),
        cmocka_unit_test(who_keeps_what_it_may_lives_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
