/* With groups that the kernel makes. Where the machine does not let us make
 * any, the tests say so and claim nothing (cmocka's skip() is 'not ok' to who
 * reads TAP). */
#include "isolate/group.h"

#include "sample/cgroup_figures.h"

#include <errno.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { HELD_BYTES = 16 << 20, PATH_SIZE = 4096 + 128 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_process_holds_is_charged_to_its_place),
        cmocka_unit_test(a_limit_holds_for_all_in_a_place),
        cmocka_unit_test(groups_go_with_their_run),
        cmocka_unit_test(a_place_with_somebody_in_it_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
