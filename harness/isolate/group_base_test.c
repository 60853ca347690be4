/* Groups made of ordinary folders; those that a kernel makes are group_test's,
 * on a machine that has them. */
#include "isolate/group_base.h"

#include "host.h"

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
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/plateau-group-base.XXXXXX";
static char base[HOST_PATH_MAX];

static void write_file(const char *path, const char *text)
{
    char full[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", top, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

static void file_holds(const char *path, const char *text)
{
    char full[HOST_PATH_MAX];
    char held[64] = "";
    (void)snprintf(full, sizeof full, "%s/%s", top, path);
    FILE *file = fopen(full, "r");
    assert_non_null(file);
    (void)!fread(held, 1, sizeof held - 1, file);
    (void)fclose(file);
    assert_string_equal(held, text);
}

/* With who is in it: |pid|, if any; and what it hands on. */
static void add_group(const char *path, int64_t pid, const char *handed_on)
{
    char name[HOST_PATH_MAX];
    char made[HOST_PATH_MAX];
    char number[32] = "";
    (void)snprintf(name, sizeof name, "%s/%s", top, path);
    (void)host_make_folder(name, made);
    (void)snprintf(name, sizeof name, "%s/cgroup.procs", path);
    if (pid != 0) {
        (void)snprintf(number, sizeof number, "%lld\n", (long long)pid);
    }
    write_file(name, number);
    (void)snprintf(name, sizeof name, "%s/cgroup.controllers", path);
    write_file(name, "cpu memory pids\n");
    (void)snprintf(name, sizeof name, "%s/cgroup.subtree_control", path);
    write_file(name, handed_on);
}

/* A slice with our unit in it; a leaf has a file as soon as it is made, so ours
 * is there before. */
static int set_up(void **state)
{
    (void)state;
    (void)strcpy(top, "/tmp/plateau-group-base.XXXXXX");
    if (mkdtemp(top) == NULL) {
        return -1;
    }
    add_group("slice", 0, "memory pids\n");
    add_group("slice/unit", getpid(), "");
    add_group("slice/unit/plateau-supervisor", 0, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    host_remove_folder(top);
    return 0;
}

static int open_way(enum group_base_way way, int version, const char *own)
{
    char folder[HOST_PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s/%s", top, own);
    return group_base_open(way, version, top, folder, base);
}

static void base_is(const char *path)
{
    assert_string_equal(base + strlen(top) + 1, path);
}

static bool set_delegated(const char *path)
{
    char folder[HOST_PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s/%s", top, path);
    if (setxattr(folder, "user.delegate", "1", 1, 0) == 0) {
        return true;
    }
    (void)printf("# skipped: no attributes on files in /tmp\n");
    return false;
}

static void version_1_hands_on_from_where_we_are(void **state)
{
    (void)state;
    assert_int_equal(open_way(GROUP_BASE_OWN, 1, "slice/unit"), 0);
    base_is("slice/unit");
    assert_int_equal(open_way(GROUP_BASE_BESIDE, 1, "slice/unit"), -ENOENT);
    assert_int_equal(open_way(GROUP_BASE_LEFT, 1, "slice/unit"), -ENOENT);
}

static void who_holds_processes_has_groups_beside_it(void **state)
{
    (void)state;
    assert_int_equal(open_way(GROUP_BASE_OWN, 2, "slice/unit"), -ENOENT);
    assert_int_equal(open_way(GROUP_BASE_BESIDE, 2, "slice/unit"), 0);
    base_is("slice");
    write_file("slice/cgroup.subtree_control", "cpu\n");
    assert_int_equal(open_way(GROUP_BASE_BESIDE, 2, "slice/unit"), -ENOENT);
    assert_int_equal(open_way(GROUP_BASE_BESIDE, 2, "."), -ENOENT);
}

static void a_group_that_was_given_to_us_is_left_for_a_leaf(void **state)
{
    char number[32];
    (void)state;
    (void)snprintf(number, sizeof number, "%d", (int)getpid());
    assert_int_equal(open_way(GROUP_BASE_DELEGATED, 2, "slice/unit"), -ENOENT);
    if (!set_delegated("slice/unit")) {
        return;
    }
    assert_int_equal(open_way(GROUP_BASE_DELEGATED, 2, "slice/unit"), 0);
    base_is("slice/unit");
    file_holds("slice/unit/plateau-supervisor/cgroup.procs", number);
    file_holds("slice/unit/cgroup.subtree_control", "+memory");
    group_base_close(base);
    file_holds("slice/unit/cgroup.subtree_control", "-memory");
}

static void give_to(uid_t uid, const char *path)
{
    char full[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", top, path);
    assert_int_equal(chown(full, uid, (gid_t)-1), 0);
}

/* As all units of a user's own systemd do, delegated or not. */
static void what_belongs_to_us_is_not_thereby_delegated(void **state)
{
    enum { NOBODY = 65534 };
    static const char *const paths[] = {
        "",
        "slice/unit",
        "slice/unit/cgroup.procs",
        "slice/unit/cgroup.subtree_control",
        "slice/unit/plateau-supervisor",
        "slice/unit/plateau-supervisor/cgroup.procs",
    };
    (void)state;
    if (geteuid() != 0) {
        (void)printf("# skipped: only root gives away what it has\n");
        return;
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        give_to(NOBODY, paths[i]);
    }
    assert_int_equal(seteuid(NOBODY), 0);
    int delegated = open_way(GROUP_BASE_DELEGATED, 2, "slice/unit");
    int beside = open_way(GROUP_BASE_BESIDE, 2, "slice/unit");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(delegated, -ENOENT);
    assert_int_equal(beside, 0);
    base_is("slice");
    file_holds("slice/unit/cgroup.subtree_control", "");
}

static void where_none_is_above_ours_is_left_too(void **state)
{
    (void)state;
    assert_int_equal(open_way(GROUP_BASE_LEFT, 2, "slice/unit"), 0);
    base_is("slice/unit");
    file_holds("slice/unit/cgroup.subtree_control", "+memory");
}

static void a_group_without_memory_is_not_left(void **state)
{
    (void)state;
    write_file("slice/unit/cgroup.controllers", "pids\n");
    assert_int_equal(open_way(GROUP_BASE_LEFT, 2, "slice/unit"), -ENOENT);
    file_holds("slice/unit/plateau-supervisor/cgroup.procs", "");
}

/* A shell, a pipe's other end, a user's whole session. */
static void strangers_are_not_moved(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execlp("sleep", "sleep", "600", NULL);
        _exit(1);
    }
    add_group("slice/unit", pid, "");
    int result = 0; /* until it is another program it is one of us */
    for (int i = 0; i < 10000 && result != -EBUSY; i++) {
        result = open_way(GROUP_BASE_LEFT, 2, "slice/unit");
        add_group("slice/unit", pid, "");
        (void)usleep(1000);
    }
    assert_int_equal(result, -EBUSY);
    add_group("slice/unit/plateau-supervisor", 0, "");
    assert_int_equal(open_way(GROUP_BASE_LEFT, 2, "slice/unit"), -EBUSY);
    file_holds("slice/unit/plateau-supervisor/cgroup.procs", "");
    file_holds("slice/unit/cgroup.subtree_control", "");
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(version_1_hands_on_from_where_we_are),
        TEST(who_holds_processes_has_groups_beside_it),
        TEST(a_group_that_was_given_to_us_is_left_for_a_leaf),
        TEST(what_belongs_to_us_is_not_thereby_delegated),
        TEST(where_none_is_above_ours_is_left_too),
        TEST(a_group_without_memory_is_not_left),
        TEST(strangers_are_not_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
