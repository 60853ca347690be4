/* Trees made of ordinary folders, and those that this machine has. */
#include "isolate/group_tree.h"

#include "host.h"

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

static char root[] = "/tmp/plateau-group-tree.XXXXXX";
static struct group_trees *trees;

static void write_file(const char *path, const char *text)
{
    char full[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

static void add_group(const char *path, const char *pids)
{
    char full[HOST_PATH_MAX];
    char made[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    (void)host_make_folder(full, made);
    (void)snprintf(full, sizeof full, "%s/cgroup.procs", path);
    write_file(full, pids);
}

static int set_up(void **state)
{
    (void)state;
    trees = calloc(1, sizeof *trees);
    return trees == NULL || mkdtemp(root) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    host_remove_folder(root);
    free(trees);
    return 0;
}

/* Reads mountinfo of |lines|, in which '@' stands for our folder. */
static void read_mounts(const char *lines)
{
    char text[4 * HOST_PATH_MAX] = "";
    char path[HOST_PATH_MAX];
    size_t used = 0;
    for (const char *at = lines; *at != '\0'; at++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 *at == '@' ? "%s" : "%.1s",
                                 *at == '@' ? root : at);
    }
    write_file("mountinfo", text);
    (void)snprintf(path, sizeof path, "%s/mountinfo", root);
    assert_int_equal(group_trees_read(path, trees), 0);
}

static void a_hybrid_machine_has_its_memory_in_version_1(void **state)
{
    (void)state;
    add_group("unified", "");
    write_file("unified/cgroup.controllers", "\n");
    read_mounts(
        "31 23 0:28 / / rw - ext4 /dev/root rw\n"
        "34 31 0:31 / @/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 /box @/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / @/unified rw,relatime - cgroup2 cgroup2 rw\n"
        "42 31 0:39 / @/no rw - cgroups cgroup2 rw,memory\n");
    assert_int_equal(trees->count, 3);
    assert_int_equal(trees->list[0].version, 2);
    assert_false(trees->list[0].has_memory);
    assert_int_equal(trees->list[1].version, 1);
    assert_false(trees->list[1].has_memory);
    assert_true(trees->list[2].has_memory);
    assert_string_equal(trees->list[2].root, "/box");
    assert_string_equal(trees->list[2].folder + strlen(root), "/memory");
}

static void version_2_has_memory_where_it_is_handed_on(void **state)
{
    (void)state;
    add_group("two groups", "");
    write_file("two groups/cgroup.controllers", "cpu io memory pids\n");
    read_mounts("30 23 0:27 / @/two\\040groups rw - cgroup2 cgroup rw\n");
    assert_int_equal(trees->count, 1);
    assert_true(trees->list[0].has_memory);
    assert_string_equal(trees->list[0].folder + strlen(root), "/two groups");
    write_file("two groups/cgroup.controllers", "cpu memory_hugetlb pids\n");
    read_mounts("30 23 0:27 / @/two\\040groups rw - cgroup2 cgroup rw\n");
    assert_false(trees->list[0].has_memory);
}

static void a_machine_without_trees_has_none(void **state)
{
    (void)state;
    read_mounts("31 23 0:28 / / rw - ext4 /dev/root rw\ntruncated - cg\n");
    assert_int_equal(trees->count, 0);
    assert_int_equal(group_trees_read("/nowhere/mountinfo", trees), -ENOENT);
}

static void members_of_groups_below_count_too(void **state)
{
    (void)state;
    char full[HOST_PATH_MAX];
    int64_t pids[8];
    size_t count = 0;
    add_group("nginx.service", "11\n12\n");
    add_group("nginx.service/workers", "13\n0\n");
    (void)snprintf(full, sizeof full, "%s/nginx.service", root);
    assert_true(group_tree_is_group(full));
    assert_int_equal(group_tree_members(full, pids, 8, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(pids[0] + pids[1] + pids[2], 11 + 12 + 13);
    assert_int_equal(group_tree_members(full, pids, 2, &count), 0);
    assert_int_equal(count, 3);
    (void)snprintf(full, sizeof full, "%s/gone", root);
    assert_false(group_tree_is_group(full));
    assert_int_equal(group_tree_members(full, pids, 8, &count), -ENOENT);
}

/* Where each tree that this machine has says that we are, we are. */
static void we_are_where_our_trees_say(void **state)
{
    (void)state;
    char folder[HOST_PATH_MAX];
    char again[HOST_PATH_MAX];
    assert_int_equal(group_trees_find(trees), 0);
    for (size_t i = 0; i < trees->count; i++) {
        const struct group_tree *tree = &trees->list[i];
        struct stat st;
        assert_int_equal(stat(tree->folder, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        if (group_tree_place(tree, 0, folder) != 0) {
            continue; /* ours is above what is mounted */
        }
        assert_int_equal(group_tree_place(tree, getpid(), again), 0);
        assert_string_equal(folder, again);
        assert_true(group_tree_is_group(folder));
        assert_int_equal(group_tree_place(tree, INT32_MAX, again), -ENOENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hybrid_machine_has_its_memory_in_version_1),
        cmocka_unit_test(version_2_has_memory_where_it_is_handed_on),
        cmocka_unit_test(a_machine_without_trees_has_none),
        cmocka_unit_test(members_of_groups_below_count_too),
        cmocka_unit_test(we_are_where_our_trees_say),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
