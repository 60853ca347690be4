/* What a role says of its processes, done to real ones. */
#include <errno.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "churn/slot_data.h"
#include "churn/soak_fixture.h"
#include "host.h"

enum { WORD_SIZE = PATH_SIZE + 64 };

static void must_complete(struct soak *soak)
{
    if (run_soak(soak) != SUPERVISOR_COMPLETED) {
        fail_msg("%s", soak->failure);
    }
}

/* |role|'s first life, as last told. */
static const struct supervisor_process *first_life(const struct soak *soak,
                                                   const char *role)
{
    for (size_t i = 0; i < soak->lives_count; i++) {
        struct supervisor_slot slot;
        supervisor_slot(soak->supervisor, soak->lives[i].slot_id, &slot);
        if (strcmp(slot.role, role) == 0) {
            return &soak->lives[i];
        }
    }
    fail_msg("no %s was ever started", role);
    return NULL;
}

static void is_after(const struct soak *soak, const char *later,
                     const char *earlier)
{
    assert_true(first_life(soak, earlier)->ready_ns >= 0);
    assert_true(first_life(soak, later)->spawned_ns >=
                first_life(soak, earlier)->ready_ns);
}

/* --- order ---------------------------------------------------------------- */

static void bystanders_come_first_then_observers_then_churners(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, lives_on);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "bystander", ROLE_BYSTANDER, 1, lives_on);
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    is_after(soak, "observer", "bystander");
    is_after(soak, "churner", "observer");
    assert_int_equal(soak->lives_count, 4);
    free_soak(soak);
}

static void a_role_starts_after_those_that_it_names(void **state)
{
    (void)state;
    char *churner[] = {(char[]){"churner"}};
    struct soak *soak = new_soak();
    struct scenario_role *observer =
        add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, lives_on);
    observer->has_after = true;
    observer->after = churner;
    observer->after_count = 1;
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    is_after(soak, "observer", "churner");
    /* The phases are told as ever: churners are there when observers are. */
    assert_int_equal(soak->phases[0], SUPERVISOR_OBSERVERS);
    assert_int_equal(soak->phases[1], SUPERVISOR_CHURNERS);
    assert_true(soak->phases_ns[1] >= first_life(soak, "observer")->ready_ns);
    free_soak(soak);
}

/* The first churner crashes before it is ready: the observer goes on waiting.
 */
static void who_is_waited_for_may_need_two_lives(void **state)
{
    (void)state;
    char flag[WORD_SIZE];
    char *churner[] = {(char[]){"churner"}};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)snprintf(flag, sizeof flag, "%s/flag", soak->folder);
    const char *const words[] = {"once", flag, "ready", "forever", NULL};
    struct scenario_role *observer =
        add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, words);
    observer->has_after = true;
    observer->after = churner;
    observer->after_count = 1;
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, 1);
    assert_true(first_life(soak, "observer")->spawned_ns >=
                soak->lives[1].ready_ns);
    free_soak(soak);
}

/* --- bystanders ----------------------------------------------------------- */

static void a_bystander_is_neither_killed_nor_observed(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct supervisor_slot slot;
    (void)add_role(soak, "bystander", ROLE_BYSTANDER, 2, lives_on);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, lives_on);
    soak->scenario.rate_per_s = 100;
    must_complete(soak);
    assert_true(soak->events_count > 0);
    for (size_t i = 0; i < soak->events_count; i++) {
        supervisor_slot(soak->supervisor, soak->events[i].slot_id, &slot);
        assert_string_equal(slot.role, "churner");
    }
    for (uint32_t i = 0; i < 4; i++) {
        supervisor_slot(soak->supervisor, i, &slot);
        assert_int_equal(slot.is_observer, i == 0);
    }
    free_soak(soak);
}

static void a_bystander_that_ends_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"ready",   "sleep", "50", "log",
                                        "oh dear", "exit",  "0",  NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "database", ROLE_BYSTANDER, 1, words);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "database-0 ended with exit status 0");
    sentence_has(soak, "oh dear");
    sentence_has(soak, "a bystander has to live through the run");
    free_soak(soak);
}

/* --- clients that end by themselves --------------------------------------- */

static struct soak *soak_of_clients(const char *const *words)
{
    char *zero = strdup("0");
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    struct scenario_role *role =
        add_role(soak, "client", ROLE_CHURNER, 3, words);
    role->may_exit = calloc(1, sizeof *role->may_exit);
    assert_non_null(role->may_exit);
    role->may_exit[0] = zero;
    role->may_exit_count = 1;
    soak->scenario.duration_s = 0.5;
    return soak;
}

static void free_clients(struct soak *soak)
{
    free(soak->roles[1].may_exit[0]);
    free(soak->roles[1].may_exit);
    free_soak(soak);
}

static void a_client_that_has_done_its_work_comes_again(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "sleep", "60",
                                        "exit",  "0",     NULL};
    struct soak *soak = soak_of_clients(words);
    struct supervisor_counts counts;
    must_complete(soak);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, 0);
    assert_true(counts.finished >= 6);
    assert_true(counts.respawns >= 6);
    /* Peers notice each, so each is an event while churn goes on. */
    assert_true(counts.by_kind[CHURN_EXIT] > 0);
    assert_true(counts.by_kind[CHURN_EXIT] <= counts.finished);
    assert_int_equal(counts.events, counts.by_kind[CHURN_EXIT]);
    assert_int_equal(soak->events_count, counts.events);
    for (size_t i = 0; i < soak->events_count; i++) {
        const struct supervisor_event *event = &soak->events[i];
        assert_int_equal(event->kind, CHURN_EXIT);
        assert_int_equal(event->seq, i + 1);
        assert_int_equal(soak->lives[event->process_id - 1].exit_code, 0);
    }
    free_clients(soak);
}

/* It is over before anybody can say that it was ready; and it does not come
 * twenty thousand times a second. */
static void a_client_that_is_through_at_once_is_no_crash(void **state)
{
    (void)state;
    static const char *const words[] = {"exit", "0", NULL};
    struct soak *soak = soak_of_clients(words);
    struct supervisor_counts counts;
    must_complete(soak);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, 0);
    assert_int_equal(counts.late, 0);
    /* Three of them, at most every 50 ms, in half a second and a bit. */
    assert_in_range(counts.finished, 3, 45);
    free_clients(soak);
}

static void another_exit_code_is_a_crash(void **state)
{
    (void)state;
    static const char *const words[] = {"exit", "1", NULL};
    struct soak *soak = soak_of_clients(words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "failed 5 times in a row: it ended with exit status 1");
    free_clients(soak);
}

/* Events of its own doing fill a wave as kills do. */
static void waves_count_those_who_end_by_themselves(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "sleep", "60",
                                        "exit",  "0",     NULL};
    struct soak *soak = soak_of_clients(words);
    soak->scenario.wave_events = 4;
    soak->scenario.waves = 2;
    soak->scenario.settle_max_s = 2;
    soak->scenario.duration_s = 20;
    must_complete(soak);
    assert_int_equal(soak->ebbs_count, 2);
    assert_true(soak->ebbs[0].is_settled);
    assert_in_range(soak->ebbs[0].events, 4, 7);
    free_clients(soak);
}

/* Nobody is started in an ebb, and nobody is waited for. */
static void who_ends_in_an_ebb_rests_until_it_is_over(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "sleep", "70",
                                        "exit",  "0",     NULL};
    struct soak *soak = soak_of_clients(words);
    soak->scenario.wave_s = 0.1;
    soak->scenario.waves = 2;
    soak->scenario.settle_min_s = 0.3;
    soak->scenario.settle_max_s = 2;
    soak->scenario.duration_s = 10;
    must_complete(soak);
    assert_int_equal(soak->ebbs_count, 2);
    const struct supervisor_ebb *ebb = &soak->ebbs[0];
    assert_true(ebb->is_settled);
    size_t after = 0;
    for (size_t i = 0; i < soak->lives_count; i++) {
        int64_t spawned_ns = soak->lives[i].spawned_ns;
        assert_false(spawned_ns > ebb->begin_ns && spawned_ns < ebb->read_ns);
        after += spawned_ns >= ebb->read_ns;
    }
    assert_true(after >= 3);
    free_clients(soak);
}

/* --- folders and files ---------------------------------------------------- */

static void files_are_written_before_each_start(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    static const char *const words[] = {"cat", "{dir}/etc/deep/x.conf", "ready",
                                        "forever", NULL};
    struct scenario_file file = {
        .path = (char[]){"etc/deep/x.conf"},
        .text = (char[]){"life {generation} {of: {port}} {{port}}\n"}};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_role(soak, "churner", ROLE_CHURNER, 1, words);
    role->port = 4000;
    role->files = &file;
    role->files_count = 1;
    soak->scenario.rate_per_s = 50;
    must_complete(soak);
    (void)read_log(soak, "churner-0", text);
    assert_non_null(strstr(text, "life 1 {of: 4000} {port}\n"));
    assert_non_null(strstr(text, "life 2 {of: 4000} {port}\n"));
    free_soak(soak);
}

static void a_process_works_in_its_folder(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    static const char *const words[] = {"where", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, words)->folder =
        (char[]){"{dir}"};
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    assert_non_null(
        strstr(read_log(soak, "observer-0", text), "/work/observer-0\n"));
    free_soak(soak);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on)->folder =
        (char[]){"/no/such/folder"};
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0: cannot work in /no/such/folder");
    free_soak(soak);
}

/* Each life leaves a file, and crashes if it finds one. */
static void data_is_kept_or_fresh_as_the_role_says(void **state)
{
    (void)state;
    static const char *const words[] = {"fresh", "{dir}/data", "ready",
                                        "forever", NULL};
    for (int fresh = 0; fresh < 2; fresh++) {
        struct soak *soak = new_soak();
        struct supervisor_counts counts;
        add_role(soak, "churner", ROLE_CHURNER, 1, words)->data =
            fresh ? DATA_FRESH : DATA_KEEP;
        soak->scenario.rate_per_s = 50;
        soak->scenario.duration_s = fresh ? 0.3 : 20;
        assert_int_equal(run_soak(soak),
                         fresh ? SUPERVISOR_COMPLETED : SUPERVISOR_INVALID);
        supervisor_counts(soak->supervisor, &counts);
        assert_true(counts.events > 0);
        assert_int_equal(counts.crashes, fresh ? 0 : SUPERVISOR_CRASHES_MAX);
        free_soak(soak);
    }
}

/* Whatever a target has made of its folder: nothing outside is touched. */
static void a_file_takes_the_place_of_a_link(void **state)
{
    (void)state;
    char folder[] = "/tmp/plateau-roles-test.XXXXXX";
    char outside[64], dir[64], link[80];
    struct err err = {0};
    struct stat st;
    struct launch_file file = {.path = (char[]){"x"}, .text = (char[]){"new"}};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(outside, sizeof outside, "%s/outside", folder);
    (void)snprintf(dir, sizeof dir, "%s/dir", folder);
    (void)snprintf(link, sizeof link, "%s/x", dir);
    FILE *out = fopen(outside, "w");
    assert_non_null(out);
    (void)fclose(out);
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(slot_data_prepare(dir, false, &file, 1, &err), 0);
    assert_int_equal(stat(outside, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_size == 3);
    /* Nor when the folder is emptied. */
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(slot_data_prepare(dir, true, NULL, 0, &err), 0);
    assert_int_equal(stat(outside, &st), 0);
    assert_int_equal(lstat(link, &st), -1);
    /* A folder in its place is not removed: it may be what the role works on.
     */
    assert_int_equal(mkdir(link, 0777), 0);
    assert_int_equal(slot_data_prepare(dir, false, &file, 1, &err), -EEXIST);
    assert_string_equal(err.file, link);
    host_remove_folder(folder);
}

/* --- ends and limits ------------------------------------------------------ */

static void the_signal_of_the_role_is_sent(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on)->stop.signal =
        SIGUSR2;
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    assert_int_equal(soak->lives[0].signal, SIGUSR2);
    free_soak(soak);
}

static void limits_are_those_of_the_role(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    static const char *const words[] = {"limits", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_role(soak, "limited", ROLE_OBSERVER, 1, words);
    role->limits = (struct scenario_limits){
        .memory_mib = 48, .descriptors = 33, .has_core = false};
    soak->scenario.duration_s = 0.02;
    must_complete(soak);
    assert_non_null(strstr(read_log(soak, "limited-0", text),
                           "data 50331648 files 33 core 0\n"));
    free_soak(soak);
}

static void a_limit_that_cannot_be_given_is_told(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    /* More than the kernel gives to anybody: fs.nr_open is 2^30 at most. */
    add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on)->limits.descriptors =
        UINT32_MAX;
    assert_int_equal(run_soak(soak), SUPERVISOR_BROKEN);
    sentence_has(soak, "observer-0: its limits are beyond what we may give");
    free_soak(soak);
}

/* Its own limit, not the machine's: malloc() says no. */
static void who_takes_more_memory_than_it_may_is_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"hog", "65536", "ready", "forever",
                                        NULL};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->limits.memory_mib = 32;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 ended with exit status 96");
    sentence_has(soak, "no memory");
    role->limits.memory_mib = 128;
    free_soak(soak);
}

/* Each of its two children may have that much; both together may not. */
static void who_takes_too_much_with_its_children_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {
        "child", "hog",     "24576", "forever", "end",     "child", "hog",
        "24576", "forever", "end",   "ready",   "forever", NULL};
    struct soak *soak = new_soak();
    struct err err = {0};
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->limits.memory_mib = 32;
    soak->scenario.duration_s = 20;
    assert_int_equal(make_supervisor(soak, &err), 0);
    bool has_groups = supervisor_group(soak->supervisor, NULL) != NULL;
    supervisor_free(soak->supervisor);
    soak->supervisor = NULL;
    if (has_groups) {
        assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
        sentence_has(soak, "observer-0");
        sentence_has(soak, "limits.memory_mib of 32");
    } else {
        (void)printf("# skipped: no control groups here\n");
    }
    free_soak(soak);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: roles_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bystanders_come_first_then_observers_then_churners),
        cmocka_unit_test(a_role_starts_after_those_that_it_names),
        cmocka_unit_test(who_is_waited_for_may_need_two_lives),
        cmocka_unit_test(a_bystander_is_neither_killed_nor_observed),
        cmocka_unit_test(a_bystander_that_ends_ends_the_run),
        cmocka_unit_test(a_client_that_has_done_its_work_comes_again),
        cmocka_unit_test(a_client_that_is_through_at_once_is_no_crash),
        cmocka_unit_test(another_exit_code_is_a_crash),
        cmocka_unit_test(waves_count_those_who_end_by_themselves),
        cmocka_unit_test(who_ends_in_an_ebb_rests_until_it_is_over),
        cmocka_unit_test(files_are_written_before_each_start),
        cmocka_unit_test(a_process_works_in_its_folder),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(data_is_kept_or_fresh_as_the_role_says),
        cmocka_unit_test(a_file_takes_the_place_of_a_link),
        cmocka_unit_test(the_signal_of_the_role_is_sent),
        cmocka_unit_test(limits_are_those_of_the_role),
        cmocka_unit_test(a_limit_that_cannot_be_given_is_told),
        cmocka_unit_test(who_takes_more_memory_than_it_may_is_refused),
        cmocka_unit_test(who_takes_too_much_with_its_children_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
