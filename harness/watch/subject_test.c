/* With real processes: children of the test that sleep until they are killed,
 * copies of one program under names of their own. */
#include "watch/subject.h"

#include "isolate/group.h"

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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char name[16]; /* of ours alone */

/* A child called |name|, that itself has |children| of that name. */
static pid_t start(int children)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, name);
        bool is_leaf = false;
        for (int i = 0; i < children && !is_leaf; i++) {
            is_leaf = fork() == 0;
        }
        if (is_leaf) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        (void)!write(ends[1], "x", 1);
        for (;;) {
            (void)pause();
        }
    }
    for (int i = 0; i <= children; i++) {
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return pid;
}

/* Reaps it as well: its number is free. */
static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(name, sizeof name, "sub-%d", (int)getpid());
    return 0;
}

static void assert_refused(enum subject_by by, const char *text, int result,
                           const char *word)
{
    struct subject *subject = calloc(1, sizeof *subject);
    struct err err = {0};
    assert_non_null(subject);
    assert_int_equal(subject_find(subject, by, text, false, &err), result);
    if (strstr(err.sentence, word) == NULL) {
        fail_msg("%s: %s", text, err.sentence);
    }
    free(subject);
}

static struct subject *find(enum subject_by by, const char *text, bool is_alone)
{
    struct subject *subject = calloc(1, sizeof *subject);
    struct err err = {0};
    assert_non_null(subject);
    if (subject_find(subject, by, text, is_alone, &err) != 0) {
        fail_msg("%s: %s", text, err.sentence);
    }
    return subject;
}

static void release(struct subject *subject)
{
    subject_deinit(subject);
    free(subject);
}

static void who_is_not_there_is_refused(void **state)
{
    (void)state;
    char text[32];
    pid_t pid = start(0);
    end(pid);
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    assert_refused(SUBJECT_BY_PID, text, -ESRCH, "there is no process");
    assert_refused(SUBJECT_BY_PID, "12x", -EINVAL, "no process");
    assert_refused(SUBJECT_BY_PID, "-1", -EINVAL, "no process");
    assert_refused(SUBJECT_BY_PID, "", -EINVAL, "too short");
    assert_refused(SUBJECT_BY_NAME, name, -ESRCH, "no process is called");
    assert_refused(SUBJECT_BY_CGROUP, "/no/such/group", -ENOENT,
                   "is no cgroup");
}

static void a_process_is_held_until_it_ends(void **state)
{
    (void)state;
    char text[32];
    pid_t pid = start(0);
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    struct subject *subject = find(SUBJECT_BY_PID, text, false);
    assert_int_equal(subject->count, 1);
    assert_int_equal(subject->places[0].info.pid, pid);
    assert_string_equal(subject->places[0].info.name, name);
    assert_string_equal(subject->places[0].role, name);
    assert_int_equal(subject_look(subject, &subject->places[0]), SUBJECT_OK);
    end(pid);
    assert_int_equal(subject_look(subject, &subject->places[0]), SUBJECT_GONE);
    assert_int_equal(subject_refill(subject, &subject->places[0]),
                     SUBJECT_GONE);
    release(subject);
}

static void a_zombie_is_no_longer_who_it_was(void **state)
{
    (void)state;
    char text[32];
    pid_t pid = start(0);
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    struct subject *subject = find(SUBJECT_BY_PID, text, false);
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(subject_look(subject, &subject->places[0]), SUBJECT_GONE);
    assert_refused(SUBJECT_BY_PID, text, -ESRCH, "there is no process");
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    release(subject);
}

static void a_number_with_another_start_is_another_process(void **state)
{
    (void)state;
    struct process_info info;
    int pidfd = -1;
    pid_t pid = start(0);
    assert_int_equal(process_find(pid, &info), PROCESS_OK);
    info.began++;
    assert_int_equal(process_hold(&info, &pidfd), PROCESS_GONE);
    assert_int_equal(pidfd, -1);
    end(pid);
}

static void all_of_a_name_are_found_and_their_children_are_theirs(void **state)
{
    (void)state;
    char pattern[sizeof name + 1];
    pid_t first = start(2);
    pid_t second = start(0);
    (void)snprintf(pattern, sizeof pattern, "%.14s?", name);
    pattern[strlen(name) - 1] = '?';
    pattern[strlen(name)] = '\0';
    const char *const texts[] = {name, pattern};
    for (size_t i = 0; i < 2; i++) {
        struct subject *subject = find(SUBJECT_BY_NAME, texts[i], false);
        assert_int_equal(subject->count, 2);
        assert_int_equal(subject->places[0].ordinal, 0);
        assert_int_equal(subject->places[1].ordinal, 1);
        assert_int_equal(subject->places[0].info.pid +
                             subject->places[1].info.pid,
                         first + second);
        release(subject);
    }
    struct subject *subject = find(SUBJECT_BY_NAME, name, true);
    assert_int_equal(subject->count, 4);
    release(subject);
    end(first);
    end(second);
}

static void a_successor_of_the_name_fills_the_place(void **state)
{
    (void)state;
    pid_t pid = start(0);
    pid_t other = start(0);
    struct subject *subject = find(SUBJECT_BY_NAME, name, false);
    size_t at = subject->places[0].info.pid == pid ? 0 : 1;
    struct subject_place *place = &subject->places[at];
    end(pid);
    assert_int_equal(subject_look(subject, place), SUBJECT_GONE);
    /* The other one is watched already: it is no successor. */
    assert_int_equal(subject_refill(subject, place), SUBJECT_GONE);
    pid_t next = start(0);
    assert_int_equal(subject_refill(subject, place), SUBJECT_OK);
    assert_int_equal(place->info.pid, next);
    assert_int_equal(subject_look(subject, place), SUBJECT_OK);
    release(subject);
    end(other);
    end(next);
}

static void names_become_fit_for_roles(void **state)
{
    static const char *const names[][2] = {{"Web Server.2", "web-server-2"},
                                           {"(sd-pam)", "sd-pam"},
                                           {"123", "process"},
                                           {"\xc3\xa4", "process"}};
    (void)state;
    char ours[sizeof name];
    (void)strcpy(ours, name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[32];
        (void)snprintf(name, sizeof name, "%s", names[i][0]);
        pid_t pid = start(0);
        (void)snprintf(text, sizeof text, "%d", (int)pid);
        struct subject *subject = find(SUBJECT_BY_PID, text, false);
        assert_string_equal(subject->places[0].role, names[i][1]);
        release(subject);
        end(pid);
    }
    (void)strcpy(name, ours);
}

/* A child in |place|, that stays until it is killed. */
static pid_t start_in(const struct group_place *place)
{
    pid_t pid = start(0);
    char number[32];
    int length = snprintf(number, sizeof number, "%d", (int)pid);
    assert_int_equal(write(group_place_fd(place), number, (size_t)length),
                     length);
    return pid;
}

static void a_group_has_figures_of_its_own_for_as_long_as_it_lives(void **state)
{
    (void)state;
    struct group *group = NULL;
    struct group_place *place = NULL;
    struct cgroup_sample sample;
    struct err err = {0};
    if (group_new(&group, &err) != 0) {
        (void)printf("# skipped: no control groups here: %s\n", err.sentence);
        return;
    }
    assert_int_equal(group_add(group, "watched", 0, &place, &err), 0);
    assert_refused(SUBJECT_BY_CGROUP, group_place_folder(place), -ESRCH,
                   "holds no process");
    pid_t pid = start_in(place);
    struct subject *subject =
        find(SUBJECT_BY_CGROUP, group_place_folder(place), false);
    struct subject_place *watched = &subject->places[0];
    assert_non_null(watched->figures);
    assert_int_equal(cgroup_figures_read(watched->figures, &sample), 0);
    assert_true(sample.memory_bytes >= 0);
    end(pid);
    assert_int_equal(subject_look(subject, watched), SUBJECT_GONE);
    assert_null(watched->figures);
    pid = start_in(place);
    assert_int_equal(subject_refill(subject, watched), SUBJECT_OK);
    assert_non_null(watched->figures);
    release(subject);
    end(pid);
    group_free(group);
}

/* --- crowds --------------------------------------------------------------- */

static void a_crowd_adds_its_members_up(void **state)
{
    (void)state;
    static struct crowd crowd;
    struct probe_sample both, one;
    const int64_t pids[] = {start(0), start(0)};
    assert_int_equal(crowd_update(&crowd, pids, 1), CROWD_OK);
    assert_int_equal(crowd_sample(&crowd, PROBE_DETAIL, &one), PROBE_OK);
    assert_int_equal(crowd_update(&crowd, pids, 2), CROWD_OK);
    assert_int_equal(crowd_sample(&crowd, PROBE_DETAIL, &both), PROBE_OK);
    assert_true(one.private_bytes > 0);
    assert_true(both.private_bytes > one.private_bytes);
    assert_int_equal(both.threads_count, 2);
    end((pid_t)pids[0]);
    assert_int_equal(crowd_sample(&crowd, PROBE_DETAIL, &both), PROBE_OK);
    assert_int_equal(both.threads_count, 1);
    assert_int_equal(crowd_update(&crowd, pids, 2), CROWD_OK);
    assert_int_equal(crowd.count, 1);
    end((pid_t)pids[1]);
    assert_int_equal(crowd_sample(&crowd, PROBE_RSS, &both), PROBE_GONE);
    assert_int_equal(crowd_update(&crowd, pids, 2), CROWD_EMPTY);
    crowd_deinit(&crowd);
}

static void a_crowd_none_of_whom_stayed_was_replaced(void **state)
{
    (void)state;
    static struct crowd crowd;
    const int64_t pids[] = {start(0), start(0), start(0)};
    assert_int_equal(crowd_update(&crowd, pids, 2), CROWD_OK);
    assert_int_equal(crowd_update(&crowd, pids + 1, 2), CROWD_OK);
    assert_int_equal(crowd_update(&crowd, pids, 1), CROWD_REPLACED);
    assert_int_equal(crowd_update(&crowd, pids, 0), CROWD_EMPTY);
    crowd_deinit(&crowd);
    for (size_t i = 0; i < 3; i++) {
        end((pid_t)pids[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_not_there_is_refused),
        cmocka_unit_test(a_process_is_held_until_it_ends),
        cmocka_unit_test(a_zombie_is_no_longer_who_it_was),
        cmocka_unit_test(a_number_with_another_start_is_another_process),
        cmocka_unit_test(all_of_a_name_are_found_and_their_children_are_theirs),
        cmocka_unit_test(a_successor_of_the_name_fills_the_place),
        cmocka_unit_test(names_become_fit_for_roles),
        cmocka_unit_test(
            a_group_has_figures_of_its_own_for_as_long_as_it_lives),
        cmocka_unit_test(a_crowd_adds_its_members_up),
        cmocka_unit_test(a_crowd_none_of_whom_stayed_was_replaced),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
