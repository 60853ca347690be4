/* Against folders like the kernel's, with lines in another order and some that
 * we do not know; what the kernel itself says is tested in
 * isolate/group_test.c.
 */
#include "sample/cgroup_figures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/cgroup-figures-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/cgroup-figures-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int clear(void **state)
{
    static const char *const names[] = {
        "memory.current", "memory.stat", "memory.usage_in_bytes",
        "memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static struct cgroup_sample read_once(void)
{
    struct cgroup_figures *figures = NULL;
    struct cgroup_sample sample = {0};
    assert_int_equal(cgroup_figures_open(folder, &figures), 0);
    assert_int_equal(cgroup_figures_read(figures, &sample), 0);
    cgroup_figures_free(figures);
    return sample;
}

static void version_2_adds_sockets_to_the_kernel_s_own(void **state)
{
    (void)state;
    put("memory.current", "1000000\n");
    put("memory.stat", "anon 400000\nkernel_stack 7\nfile 300000\n"
                       "kernel 200000\nsock 5000\nfile_mapped 9\n");
    struct cgroup_sample sample = read_once();
    assert_int_equal(sample.memory_bytes, 1000000);
    assert_int_equal(sample.anonymous_bytes, 400000);
    assert_int_equal(sample.file_bytes, 300000);
    assert_int_equal(sample.kernel_bytes, 205000);
}

static void version_1_counts_the_groups_below(void **state)
{
    (void)state;
    put("memory.usage_in_bytes", "1000000\n");
    put("memory.stat", "cache 1\nrss 2\ntotal_cache 300000\ntotal_rss 400000\n"
                       "total_rss_huge 5\n");
    put("memory.kmem.usage_in_bytes", "200000\n");
    put("memory.kmem.tcp.usage_in_bytes", "5000\n");
    struct cgroup_sample sample = read_once();
    assert_int_equal(sample.memory_bytes, 1000000);
    assert_int_equal(sample.anonymous_bytes, 400000);
    assert_int_equal(sample.file_bytes, 300000);
    assert_int_equal(sample.kernel_bytes, 205000);
}

static void what_an_old_kernel_does_not_tell_is_not_known(void **state)
{
    (void)state;
    put("memory.current", "1000000\n");
    put("memory.stat", "anon 400000\nsock 5000\n");
    struct cgroup_sample sample = read_once();
    assert_int_equal(sample.anonymous_bytes, 400000);
    assert_int_equal(sample.file_bytes, -1);
    assert_int_equal(sample.kernel_bytes, -1);
}

static void a_folder_without_memory_figures_is_none(void **state)
{
    struct cgroup_figures *figures = NULL;
    (void)state;
    put("memory.stat", "anon 1\n");
    assert_int_equal(cgroup_figures_open(folder, &figures), -ENOENT);
    assert_null(figures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            version_2_adds_sockets_to_the_kernel_s_own, make, clear),
        cmocka_unit_test_setup_teardown(version_1_counts_the_groups_below, make,
                                        clear),
        cmocka_unit_test_setup_teardown(
            what_an_old_kernel_does_not_tell_is_not_known, make, clear),
        cmocka_unit_test_setup_teardown(a_folder_without_memory_figures_is_none,
                                        make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
