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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/soak_fixture.h"

#include "churn/slot_log.h"
#include "host.h"
#include "sample/tree.h"

/* Targets that do what no target should. After each run nothing descends from
 * this process, which adopts orphans: run_soak() looks, and so do we. */

static void nobody_descends_from_us(void)
{
    assert_false(tree_has_children());
}

/* Runs one observer and two churners that obey |words|. */
static enum supervisor_end run_with(struct soak *soak, const char *const *words)
{
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->scenario.rate_per_s = 50;
    enum supervisor_end end = run_soak(soak);
    nobody_descends_from_us();
    return end;
}

static void expect_whole_run(const char *const *words)
{
    struct soak *soak = new_soak();
    assert_int_equal(run_with(soak, words), SUPERVISOR_COMPLETED);
    assert_true(soak->events_count > 0); /* more on a machine with time */
    free_soak(soak);
}

static void a_daemon_that_left_its_session_dies_with_its_target(void **state)
{
    (void)state;
    expect_whole_run((const char *const[]){
        "child", "orphan", "session", "orphan", "session", "deaf", "forever",
        "end", "ready", "forever", NULL});
}

static void a_daemon_that_hides_whose_it_is_dies_with_the_run(void **state)
{
    (void)state;
    expect_whole_run((const char *const[]){"child", "wipe", "session", "orphan",
                                           "deaf", "forever", "end", "ready",
                                           "forever", NULL});
}

static void of_an_observer_with_a_group_nobody_hides(void **state)
{
    (void)state;
    static const char *const words[] = {
        "child",   "wipe", "session", "orphan",  "deaf",
        "forever", "end",  "ready",   "forever", NULL};
    struct soak *soak = new_soak();
    struct err err = {0};
    (void)add_role(soak, "observer", ROLE_OBSERVER, 2, words);
    soak->scenario.duration_s = 20;
    soak->scenario.rate_per_s = 0;
    assert_int_equal(make_supervisor(soak, &err), 0);
    struct tree *tree = supervisor_tree(soak->supervisor);
    struct tree_counts counts = {0};
    bool has_groups = supervisor_group(soak->supervisor, NULL) != NULL;
    supervisor_start(soak->supervisor);
    /* Whoever forks the daemon is found as well while it lives. */
    int64_t until_ns = host_now_ns() + 15 * INT64_C(1000000000);
    while (has_groups && host_now_ns() < until_ns &&
           (counts.found < 2 || tree_size(tree, 0) != 1 ||
            tree_size(tree, 1) != 1)) {
        ev_run(soak->loop, EVRUN_ONCE);
        (void)tree_look(tree, host_now_ns());
        tree_counts(tree, &counts);
    }
    if (has_groups) {
        assert_int_equal(counts.nobodys, 0);
        assert_int_equal(tree_size(tree, 0), 1);
        assert_int_equal(tree_size(tree, 1), 1);
    } else {
        (void)printf("# skipped: no control groups here\n");
    }
    supervisor_free(soak->supervisor);
    soak->supervisor = NULL;
    nobody_descends_from_us();
    free_soak(soak);
}

static void zombies_of_a_target_go_with_it(void **state)
{
    (void)state;
    expect_whole_run((const char *const[]){"zombie", "zombie", "zombie",
                                           "ready", "forever", NULL});
}

/* The number stays, and so does all that is known of the process. */
static void a_target_may_execute_itself_anew(void **state)
{
    (void)state;
    expect_whole_run((const char *const[]){"again", "child", "session",
                                           "forever", "end", "again", "ready",
                                           "forever", NULL});
}

static void workers_of_workers_die_with_their_target(void **state)
{
    (void)state;
    expect_whole_run((const char *const[]){
        "child", "child", "session", "child", "forever", "end", "forever",
        "end", "forever", "end", "ready", "forever", NULL});
}

/* What its tree has left at each death is gone before the next life begins: a
 * run of many lives does not gather daemons. */
static void daemons_do_not_gather_during_a_run(void **state)
{
    (void)state;
    static const char *const words[] = {"child", "orphan", "session", "forever",
                                        "end",   "ready",  "forever", NULL};
    struct soak *soak = new_soak();
    struct tree_counts counts;
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->scenario.rate_per_s = 50;
    soak->scenario.duration_s = 0.6;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_true(soak->lives_count > 10);
    tree_counts(supervisor_tree(soak->supervisor), &counts);
    assert_true(counts.found >= (int64_t)soak->lives_count / 2);
    assert_int_equal(counts.unfollowed, 0);
    nobody_descends_from_us();
    free_soak(soak);
}

/* As a program does that goes into the background. */
static void a_program_that_goes_into_the_background_is_told(void **state)
{
    (void)state;
    static const char *const words[] = {"child", "orphan", "session", "forever",
                                        "end",   "ready",  "sleep",   "100",
                                        "exit",  "0",      NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 ended with exit status 0 and left 1 ");
    sentence_has(soak, "stay in the foreground");
    nobody_descends_from_us();
    free_soak(soak);
}

static void freeing_in_full_churn_leaves_no_descendant(void **state)
{
    (void)state;
    static const char *const words[] = {
        "child", "session", "deaf", "forever", "end", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    struct err err = {0};
    (void)add_role(soak, "churner", ROLE_CHURNER, 3, words);
    soak->scenario.rate_per_s = 50;
    soak->scenario.duration_s = 600;
    assert_int_equal(make_supervisor(soak, &err), 0);
    supervisor_start(soak->supervisor);
    while (soak->events_count < 10) {
        ev_run(soak->loop, EVRUN_ONCE);
    }
    supervisor_free(soak->supervisor);
    soak->supervisor = NULL;
    nobody_descends_from_us();
    free_soak(soak);
}

static void a_flood_takes_no_more_room_than_a_log_may(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "flood", "300000", "forever",
                                        NULL};
    struct soak *soak = new_soak();
    char path[PATH_SIZE * 2];
    struct stat st;
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    soak->scenario.duration_s = 2.5;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    (void)snprintf(path, sizeof path, "%s/logs/observer-0.log", soak->folder);
    assert_int_equal(stat(path, &st), 0);
    /* 300 MiB were printed: of the last twentieth of a second a part is left.
     */
    assert_true(st.st_size < (int64_t)64 << 20);
    free_soak(soak);
}

static void a_target_that_fills_the_disk_ends_the_run_by_name(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    static const char *const words[] = {"ready", "fill", "{dir}/data", NULL};
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "filler", ROLE_CHURNER, 1, words);
    soak->scenario.duration_s = 20;
    soak->disk_free_min_bytes = INT64_MAX; /* the disk is never that free */
    enum supervisor_end end = run_soak(soak);
    assert_true(end == SUPERVISOR_INVALID || end == SUPERVISOR_BROKEN);
    sentence_has(soak, "the disk has ");
    sentence_has(soak, "filler-0 holds most there");
    sentence_has(soak, "/work/filler-0");
    nobody_descends_from_us();
    free_soak(soak);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: supervisor_kin_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    if (tree_adopt_orphans() != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_that_left_its_session_dies_with_its_target),
        cmocka_unit_test(a_daemon_that_hides_whose_it_is_dies_with_the_run),
        cmocka_unit_test(of_an_observer_with_a_group_nobody_hides),
        cmocka_unit_test(zombies_of_a_target_go_with_it),
        cmocka_unit_test(a_target_may_execute_itself_anew),
        cmocka_unit_test(workers_of_workers_die_with_their_target),
        cmocka_unit_test(daemons_do_not_gather_during_a_run),
        cmocka_unit_test(a_program_that_goes_into_the_background_is_told),
        cmocka_unit_test(freeing_in_full_churn_leaves_no_descendant),
        cmocka_unit_test(a_flood_takes_no_more_room_than_a_log_may),
        cmocka_unit_test(a_target_that_fills_the_disk_ends_the_run_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
