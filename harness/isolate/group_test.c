/* With groups that the kernel makes. Where the machine does not let us make
 * any, the tests say so and claim nothing (cmocka's skip() is 'not ok' to who
 * reads TAP). */
#include "isolate/group.h"

#include "isolate/group_tree.h"
#include "sample/cgroup_figures.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { HELD_BYTES = 16 << 20, PATH_SIZE = 4096 + 128, ROUNDS_MAX = 10000 };

static bool make_group(struct group **ret_group)
{
    struct err err = {0};
    char text[1024];
    int result = group_new(ret_group, &err);
    if (result != 0) {
        assert_true(err.sentence[0] != '\0');
        (void)printf("# skipped: no control groups here: %s\n",
                     err_format(&err, text, sizeof text));
    }
    return result == 0;
}

static struct group_place *add(struct group *group, const char *name,
                               uint64_t limit)
{
    struct group_place *place = NULL;
    struct err err = {0};
    assert_int_equal(group_add(group, name, limit, &place, &err), 0);
    return place;
}

/* A child that enters |place|, touches |bytes|, and writes a byte when it has;
 * it stays until it is killed. */
static pid_t start_holder(const struct group_place *place, size_t bytes)
{
    char byte = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (write(group_place_fd(place), "0", 1) != 1) {
            _exit(1);
        }
        char *held = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (held == MAP_FAILED) {
            _exit(2);
        }
        memset(held, 1, bytes);
        if (write(ends[1], "", 1) == 1) {
            (void)pause();
        }
        _exit(3);
    }
    (void)close(ends[1]);
    (void)read(ends[0], &byte, 1); /* also ends with the child */
    (void)close(ends[0]);
    return pid;
}

static int end(pid_t pid)
{
    int status = 0;
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool is_there(const char *folder)
{
    return access(folder, F_OK) == 0;
}

static void what_a_process_holds_is_charged_to_its_place(void **state)
{
    struct group *group = NULL;
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    struct cgroup_figures *figures = NULL;
    struct cgroup_sample before, after;
    struct group_place *place = add(group, "holder-0", 0);
    struct group_place *other = add(group, "holder-1", 0);
    assert_true(group_version(group) == 1 || group_version(group) == 2);
    assert_int_equal(cgroup_figures_open(group_place_folder(place), &figures),
                     0);
    assert_int_equal(cgroup_figures_read(figures, &before), 0);
    assert_true(before.anonymous_bytes < HELD_BYTES / 2);
    pid_t pid = start_holder(place, HELD_BYTES);
    assert_int_equal(cgroup_figures_read(figures, &after), 0);
    assert_true(after.memory_bytes >= HELD_BYTES);
    assert_true(after.anonymous_bytes >= HELD_BYTES * 3 / 4);
    assert_true(after.anonymous_bytes < HELD_BYTES * 2);
    assert_true(after.kernel_bytes != 0);
    cgroup_figures_free(figures);
    assert_int_equal(cgroup_figures_open(group_place_folder(other), &figures),
                     0);
    assert_int_equal(cgroup_figures_read(figures, &after), 0);
    assert_true(after.anonymous_bytes < HELD_BYTES / 2);
    cgroup_figures_free(figures);
    (void)end(pid);
    group_free(group);
}

static void a_limit_holds_for_all_in_a_place(void **state)
{
    struct group *group = NULL;
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    struct group_place *place = add(group, "small-0", HELD_BYTES);
    pid_t first = start_holder(place, HELD_BYTES * 3 / 4);
    assert_int_equal(group_place_kills(place), 0);
    pid_t second = start_holder(place, HELD_BYTES * 3 / 4);
    assert_true(group_place_kills(place) > 0);
    (void)end(first);
    (void)end(second);
    group_free(group);
}

static void groups_go_with_their_run(void **state)
{
    struct group *group = NULL;
    char folder[PATH_SIZE];
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    (void)snprintf(folder, sizeof folder, "%s", group_folder(group));
    (void)end(start_holder(add(group, "a-0", 0), 4096));
    assert_true(is_there(folder));
    group_free(group);
    assert_false(is_there(folder));
}

static void a_name_that_is_taken_is_passed_over(void **state)
{
    struct group *group = NULL;
    struct group *another = NULL;
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    assert_true(make_group(&another));
    assert_string_not_equal(group_folder(group), group_folder(another));
    group_free(group);
    assert_true(is_there(group_folder(another)));
    group_free(another);
}

static void a_place_with_somebody_in_it_stays(void **state)
{
    struct group *group = NULL;
    char folder[PATH_SIZE];
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    (void)snprintf(folder, sizeof folder, "%s", group_folder(group));
    pid_t pid = start_holder(add(group, "a-0", 0), 4096);
    group_free(group);
    assert_true(is_there(folder));
    (void)end(pid);
    group_remove(folder);
    assert_false(is_there(folder));
}

/* --- ending --------------------------------------------------------------- */

/* Kills until nobody is there. */
static void kill_all(const char *folder)
{
    for (int rounds = 0; group_kill(folder); rounds++) {
        assert_true(rounds < ROUNDS_MAX);
        (void)usleep(1000);
    }
}

/* Reaps all that is ours, which must have ended; how many were killed. */
static int reap_all(void)
{
    int status = 0;
    int killed = 0;
    while (waitpid(-1, &status, 0) > 0) {
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    return killed;
}

/* One that has left its parent, its session and its environment. */
static pid_t start_runaway(const struct group_place *place)
{
    pid_t pid = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        if (write(group_place_fd(place), "0", 1) != 1 || fork() != 0) {
            _exit(0);
        }
        pid = setsid();
        (void)clearenv();
        (void)!write(ends[1], &pid, sizeof pid);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    return pid;
}

static void who_got_away_is_still_in_its_place_and_dies(void **state)
{
    struct group *group = NULL;
    char folder[PATH_SIZE];
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    (void)snprintf(folder, sizeof folder, "%s", group_folder(group));
    struct group_place *place = add(group, "a-0", 0);
    struct group_place *other = add(group, "a-01", 0);
    pid_t pid = start_runaway(place);
    assert_ptr_equal(group_find(group, pid), place);
    assert_ptr_not_equal(group_find(group, pid), other);
    assert_null(group_find(group, getpid()));
    kill_all(folder);
    assert_int_equal(reap_all(), 1);
    assert_null(group_find(group, pid));
    group_free(group);
    assert_false(is_there(folder));
    assert_false(group_kill(folder));
}

/* In |place|: waits to be killed, or forks until then. Writes a byte when it is
 * there. */
static void be_of_crowd(const struct group_place *place, int told, bool forks)
{
    if (write(group_place_fd(place), "0", 1) != 1 || write(told, "x", 1) != 1) {
        _exit(1);
    }
    (void)signal(SIGCHLD, SIG_IGN);
    for (int i = 0; forks && i < ROUNDS_MAX; i++) {
        (void)usleep(2000);
        if (fork() == 0) {
            (void)usleep(20000);
            _exit(0);
        }
    }
    (void)pause();
    _exit(1);
}

static void more_than_die_at_once_die_and_those_they_fork(void **state)
{
    enum { CROWD = 300 };
    struct group *group = NULL;
    int ends[2];
    (void)state;
    if (!make_group(&group)) {
        return;
    }
    struct group_place *place = add(group, "a-0", 0);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < CROWD; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            be_of_crowd(place, ends[1], i % 100 == 0);
        }
    }
    (void)close(ends[1]);
    for (int i = 0; i < CROWD; i++) {
        char byte;
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    (void)close(ends[0]);
    kill_all(group_folder(group));
    assert_true(reap_all() >= CROWD);
    group_free(group);
}

/* A group of version 2, whether it has memory figures or not. False: there is
 * none to be had. */
static bool make_group_of_version_2(char ret_folder[PATH_SIZE])
{
    char own[HOST_PATH_MAX];
    struct group_trees *trees = calloc(1, sizeof *trees);
    assert_non_null(trees);
    bool is_made = group_trees_find(trees) == 0 && trees->count > 0 &&
                   trees->list[0].version == 2 &&
                   group_tree_place(&trees->list[0], 0, own) == 0;
    free(trees);
    if (is_made) {
        (void)snprintf(ret_folder, PATH_SIZE, "%s/group-test-%ld", own,
                       (long)getpid());
        is_made = mkdir(ret_folder, 0755) == 0;
    }
    if (!is_made) {
        (void)printf("# skipped: no control group of version 2 here\n");
    }
    return is_made;
}

static void a_group_of_version_2_is_ended_by_one_word(void **state)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 16];
    char number[32];
    (void)state;
    if (!make_group_of_version_2(folder)) {
        return;
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    (void)snprintf(number, sizeof number, "%d", (int)pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_in = fd >= 0 && write(fd, number, strlen(number)) > 0;
    (void)close(fd);
    if (is_in) {
        kill_all(folder);
        assert_int_equal(reap_all(), 1);
    } else {
        (void)printf("# skipped: nobody may enter a group of version 2\n");
        (void)end(pid);
    }
    group_remove(folder);
    assert_false(is_there(folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_process_holds_is_charged_to_its_place),
        cmocka_unit_test(a_limit_holds_for_all_in_a_place),
        cmocka_unit_test(groups_go_with_their_run),
        cmocka_unit_test(a_name_that_is_taken_is_passed_over),
        cmocka_unit_test(a_place_with_somebody_in_it_stays),
        cmocka_unit_test(who_got_away_is_still_in_its_place_and_dies),
        cmocka_unit_test(more_than_die_at_once_die_and_those_they_fork),
        cmocka_unit_test(a_group_of_version_2_is_ended_by_one_word),
    };
    /* Orphans come to us. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
