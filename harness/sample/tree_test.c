#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/spawn.h"
#include "host.h"
#include "sample/tree.h"

/* Real processes. Each test says what its target does in words of test_child;
 * everybody who says "ready" is waited for before the test looks. */

enum { MIB = 1 << 20, WORDS_MAX = 24, ROOT = 3, ROOTS = 5 };

static char *test_child; /* its path */

struct family {
    struct tree *tree;
    struct spawn_child child;
};

/* Starts one that does |words| and waits until |readies| of its family have
 * said that they are ready. */
static void start(const char *const *words, char *const *environment,
                  int readies, struct spawn_child *ret_child)
{
    char *argv[WORDS_MAX + 2] = {test_child};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < WORDS_MAX);
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    const struct spawn_fd fds[] = {{0, 0}, {2, 1}, {2, 2}, {ends[1], 3}};
    const struct spawn_request request = {
        .program = test_child,
        .argv = argv,
        .envp = environment,
        .fds = fds,
        .fds_count = 4,
    };
    assert_int_equal(spawn_process(&request, ret_child, NULL), SPAWN_OK);
    (void)close(ends[1]);
    for (char byte = 0; readies > 0; readies -= byte == '\n') {
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    (void)close(ends[0]);
}

static void make_tree(struct family *family, uint32_t members_max)
{
    const struct tree_config config = {
        .roots_count = ROOTS,
        .members_max = members_max,
        .adopts = true,
        .mark_name = "PLATEAU_TREE_TEST",
        .mark = "7:",
    };
    *family = (struct family){0};
    assert_int_equal(tree_new(&config, &family->tree), 0);
    (void)tree_look(family->tree, host_now_ns());
}

static void start_family(struct family *family, const char *const *words,
                         int readies)
{
    char *marked[] = {(char[]){"PATH=/bin"}, (char[]){"PLATEAU_TREE_TEST=7:3"},
                      NULL};
    make_tree(family, 0);
    start(words, marked, readies, &family->child);
    tree_begin(family->tree, ROOT, family->child.pid);
}

static void end_root(struct family *family)
{
    struct spawn_exit end;
    tree_end(family->tree, ROOT);
    (void)spawn_signal(&family->child, SIGKILL);
    assert_int_equal(spawn_reap(&family->child, true, &end), SPAWN_OK);
}

/* All members of |root| are killed; nobody is left, and nothing to reap. */
static void end_members(struct family *family, uint32_t root)
{
    int64_t until_ns = host_now_ns() + 10 * INT64_C(1000000000);
    do {
        (void)tree_look(family->tree, host_now_ns());
        (void)tree_kill(family->tree, root, SIGKILL);
        (void)tree_reap(family->tree);
    } while (tree_has_children() && host_now_ns() < until_ns);
    assert_false(tree_has_children());
    (void)tree_look(family->tree, host_now_ns());
    assert_int_equal(tree_size(family->tree, root), 0);
}

static void end_family(struct family *family)
{
    if (family->child.pidfd >= 0) {
        end_root(family);
    }
    end_members(family, ROOT);
    tree_free(family->tree);
}

static uint32_t look(struct family *family)
{
    return tree_look(family->tree, host_now_ns());
}

static void a_child_is_found_and_its_memory_is_added(void **state)
{
    (void)state;
    struct family family;
    struct probe_sample sum = {0};
    start_family(&family,
                 (const char *const[]){"child", "hog", "8192", "ready",
                                       "forever", "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    assert_int_equal(tree_size(family.tree, ROOT), 1);
    assert_int_equal(tree_add(family.tree, ROOT, PROBE_DETAIL, &sum), 1);
    assert_in_range(sum.private_bytes, 8 * MIB, 9 * MIB);
    assert_in_range(sum.rss_bytes, 8 * MIB, 10 * MIB);
    assert_int_equal(sum.threads_count, 1);
    assert_true(sum.fds_count >= 4);
    assert_int_equal(look(&family), 0);
    end_family(&family);
}

static void a_reading_of_the_root_is_added_to(void **state)
{
    (void)state;
    struct family family;
    struct probe_sample sum = {.rss_bytes = 5 * MIB,
                               .private_bytes = -1,
                               .fds_count = 100,
                               .threads_count = 10};
    start_family(&family,
                 (const char *const[]){"child", "ready", "forever", "end",
                                       "child", "ready", "forever", "end",
                                       "forever", NULL},
                 2);
    assert_int_equal(look(&family), 2);
    assert_int_equal(tree_add(family.tree, ROOT, PROBE_DETAIL, &sum), 2);
    assert_true(sum.rss_bytes > 5 * MIB);
    assert_int_equal(sum.private_bytes, -1);
    assert_int_equal(sum.threads_count, 12);
    assert_true(sum.fds_count >= 108);
    end_family(&family);
}

static void grandchildren_are_found_in_one_look(void **state)
{
    (void)state;
    struct family family;
    start_family(&family,
                 (const char *const[]){"child", "child", "child", "ready",
                                       "forever", "end", "forever", "end",
                                       "forever", "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 3);
    assert_int_equal(tree_size(family.tree, ROOT), 3);
    end_family(&family);
}

static void who_leaves_the_session_stays_a_member(void **state)
{
    (void)state;
    struct family family;
    start_family(&family,
                 (const char *const[]){"child", "session", "ready", "forever",
                                       "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    end_root(&family);
    assert_int_equal(look(&family), 0);
    assert_int_equal(tree_size(family.tree, ROOT), 1);
    end_family(&family);
}

static void an_orphan_of_its_group_is_the_roots(void **state)
{
    (void)state;
    struct family family;
    start_family(&family,
                 (const char *const[]){"child", "wipe", "orphan", "ready",
                                       "forever", "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    assert_int_equal(tree_size(family.tree, ROOT), 1);
    end_family(&family);
}

/* daemon(3), and then once more. */
static void a_daemon_is_the_roots_by_its_mark(void **state)
{
    (void)state;
    struct family family;
    start_family(&family,
                 (const char *const[]){"child", "orphan", "session", "orphan",
                                       "session", "ready", "forever", "end",
                                       "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    assert_int_equal(tree_size(family.tree, ROOT), 1);
    end_family(&family);
}

static void a_daemon_without_a_mark_is_nobodys_and_ends(void **state)
{
    (void)state;
    struct family family;
    struct tree_counts counts;
    start_family(&family,
                 (const char *const[]){"child", "wipe", "session", "orphan",
                                       "ready", "forever", "end", "forever",
                                       NULL},
                 1);
    assert_int_equal(look(&family), 1);
    assert_int_equal(tree_size(family.tree, ROOT), 0);
    assert_int_equal(tree_size(family.tree, TREE_NOBODY), 1);
    tree_counts(family.tree, &counts);
    assert_int_equal(counts.nobodys, 1);
    end_root(&family);
    assert_true(tree_has_children());
    assert_int_equal(tree_kill(family.tree, ROOT, SIGKILL), 0);
    end_members(&family, TREE_NOBODY);
    tree_free(family.tree);
}

/* |context|: who is asked for. */
static uint32_t own_it(void *context, int64_t pid)
{
    int64_t *asked = context;
    *asked = pid;
    return ROOT;
}

static void a_daemon_without_a_mark_is_whose_its_owner_says(void **state)
{
    (void)state;
    struct family family = {0};
    int64_t asked = 0;
    char *environment[] = {(char[]){"PATH=/bin"}, NULL};
    const struct tree_config config = {
        .roots_count = ROOTS,
        .adopts = true,
        .owner = own_it,
        .context = &asked,
    };
    assert_int_equal(tree_new(&config, &family.tree), 0);
    (void)look(&family);
    start((const char *const[]){"child", "session", "orphan", "ready",
                                "forever", "end", "forever", NULL},
          environment, 1, &family.child);
    tree_begin(family.tree, ROOT, family.child.pid);
    assert_int_equal(look(&family), 1);
    assert_true(asked > 0 && asked != family.child.pid);
    assert_int_equal(tree_size(family.tree, ROOT), 1);
    assert_int_equal(tree_size(family.tree, TREE_NOBODY), 0);
    end_family(&family);
}

static void a_mark_of_another_run_does_not_count(void **state)
{
    (void)state;
    char *const marks[] = {
        (char[]){"PLATEAU_TREE_TEST=8:3"},  (char[]){"PLATEAU_TREE_TEST=7:5"},
        (char[]){"PLATEAU_TREE_TEST=7:"},   (char[]){"PLATEAU_TREE_TEST=7:3x"},
        (char[]){"PLATEAU_TREE_TEST2=7:3"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        struct family family;
        char *environment[] = {marks[i], NULL};
        make_tree(&family, 0);
        start((const char *const[]){"child", "session", "orphan", "ready",
                                    "forever", "end", "forever", NULL},
              environment, 1, &family.child);
        tree_begin(family.tree, ROOT, family.child.pid);
        assert_int_equal(look(&family), 1);
        assert_int_equal(tree_size(family.tree, TREE_NOBODY), 1);
        end_root(&family);
        end_members(&family, TREE_NOBODY);
        tree_free(family.tree);
    }
}

static void threads_and_zombies_are_no_members(void **state)
{
    (void)state;
    struct family family;
    start_family(&family,
                 (const char *const[]){"thread", "thread", "zombie", "zombie",
                                       "ready", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 0);
    assert_int_equal(tree_look_at_all(family.tree, host_now_ns()), 0);
    end_family(&family);
}

/* As it is when somebody else started it. */
static void a_first_look_finds_those_born_before(void **state)
{
    (void)state;
    struct family family = {0};
    const struct tree_config config = {.roots_count = ROOTS};
    start((const char *const[]){"child", "child", "ready", "forever", "end",
                                "forever", "end", "forever", NULL},
          (char *[]){NULL}, 1, &family.child);
    assert_int_equal(tree_new(&config, &family.tree), 0);
    tree_begin(family.tree, ROOT, family.child.pid);
    assert_int_equal(look(&family), 2);
    assert_int_equal(tree_size(family.tree, ROOT), 2);
    end_family(&family);
}

static void members_that_end_are_dropped_and_reaped(void **state)
{
    (void)state;
    struct family family;
    struct tree_counts counts;
    start_family(&family,
                 (const char *const[]){"child", "orphan", "ready", "forever",
                                       "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    assert_int_equal(tree_kill(family.tree, ROOT, SIGKILL), 1);
    int64_t until_ns = host_now_ns() + 10 * INT64_C(1000000000);
    do {
        (void)tree_reap(family.tree);
        tree_counts(family.tree, &counts);
    } while (counts.reaped == 0 && host_now_ns() < until_ns);
    assert_int_equal(counts.reaped, 1);
    (void)look(&family);
    tree_counts(family.tree, &counts);
    assert_int_equal(counts.members, 0);
    end_family(&family);
}

static void a_root_that_ended_is_left_to_its_owner(void **state)
{
    (void)state;
    struct family family;
    struct spawn_exit end;
    start_family(&family, (const char *const[]){"ready", "exit", "7", NULL}, 1);
    while (!spawn_has_ended(&family.child)) {
    }
    assert_int_equal(tree_reap(family.tree), 0);
    tree_end(family.tree, ROOT);
    assert_int_equal(look(&family), 0);
    assert_int_equal(spawn_reap(&family.child, true, &end), SPAWN_OK);
    assert_int_equal(end.exit_code, 7);
    tree_free(family.tree);
}

static bool is_any(int64_t pid)
{
    return pid > 0;
}

static void a_child_that_is_own_is_no_orphan_and_not_reaped(void **state)
{
    (void)state;
    struct family family = {0};
    struct spawn_exit end;
    const struct tree_config config = {
        .roots_count = ROOTS, .adopts = true, .is_own = is_any};
    assert_int_equal(tree_new(&config, &family.tree), 0);
    start((const char *const[]){"ready", "forever", NULL}, (char *[]){NULL}, 1,
          &family.child);
    assert_int_equal(look(&family), 0);
    (void)spawn_signal(&family.child, SIGKILL);
    while (!spawn_has_ended(&family.child)) {
    }
    assert_int_equal(tree_reap(family.tree), 0);
    assert_int_equal(spawn_reap(&family.child, true, &end), SPAWN_OK);
    assert_false(tree_has_children());
    tree_free(family.tree);
}

static void processor_time_of_members_that_ended_is_kept(void **state)
{
    (void)state;
    struct family family;
    struct probe_sample before = {0};
    struct probe_sample after = {0};
    start_family(&family,
                 (const char *const[]){"child", "burn", "50", "ready",
                                       "forever", "end", "forever", NULL},
                 1);
    assert_int_equal(look(&family), 1);
    (void)tree_add(family.tree, ROOT, PROBE_DETAIL, &before);
    assert_true(before.cpu_ns >= 40000000);
    (void)tree_kill(family.tree, ROOT, SIGKILL);
    while (tree_size(family.tree, ROOT) > 0) {
        (void)look(&family);
    }
    assert_int_equal(tree_add(family.tree, ROOT, PROBE_DETAIL, &after), 0);
    assert_true(after.cpu_ns >= before.cpu_ns);
    assert_int_equal(after.rss_bytes, 0);
    end_family(&family);
}

static void members_beyond_the_most_are_counted(void **state)
{
    (void)state;
    struct family family;
    struct tree_counts counts;
    make_tree(&family, 2);
    start((const char *const[]){"child", "ready", "forever", "end", "child",
                                "ready", "forever", "end", "child", "ready",
                                "forever", "end", "forever", NULL},
          (char *[]){NULL}, 3, &family.child);
    tree_begin(family.tree, ROOT, family.child.pid);
    assert_int_equal(look(&family), 2);
    tree_counts(family.tree, &counts);
    assert_int_equal(counts.members, 2);
    assert_true(counts.unfollowed >= 1);
    /* When there is room again, an orphan is found. */
    end_root(&family);
    int64_t until_ns = host_now_ns() + 10 * INT64_C(1000000000);
    while (tree_has_children() && host_now_ns() < until_ns) {
        (void)tree_look_at_all(family.tree, host_now_ns());
        (void)tree_kill_all(family.tree, SIGKILL);
        (void)tree_reap(family.tree);
    }
    assert_false(tree_has_children());
    tree_free(family.tree);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: tree_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    if (tree_adopt_orphans() != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_found_and_its_memory_is_added),
        cmocka_unit_test(a_reading_of_the_root_is_added_to),
        cmocka_unit_test(grandchildren_are_found_in_one_look),
        cmocka_unit_test(who_leaves_the_session_stays_a_member),
        cmocka_unit_test(an_orphan_of_its_group_is_the_roots),
        cmocka_unit_test(a_daemon_is_the_roots_by_its_mark),
        cmocka_unit_test(a_daemon_without_a_mark_is_nobodys_and_ends),
        cmocka_unit_test(a_daemon_without_a_mark_is_whose_its_owner_says),
        cmocka_unit_test(a_mark_of_another_run_does_not_count),
        cmocka_unit_test(threads_and_zombies_are_no_members),
        cmocka_unit_test(a_first_look_finds_those_born_before),
        cmocka_unit_test(members_that_end_are_dropped_and_reaped),
        cmocka_unit_test(a_root_that_ended_is_left_to_its_owner),
        cmocka_unit_test(a_child_that_is_own_is_no_orphan_and_not_reaped),
        cmocka_unit_test(processor_time_of_members_that_ended_is_kept),
        cmocka_unit_test(members_beyond_the_most_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
