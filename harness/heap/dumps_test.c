#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/dumps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int setup(void **state)
{
    char path[80];
    (void)state;
    (void)strcpy(folder, "/tmp/dumps-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    return mkdir(path, 0700);
}

static void leave(const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/heap/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void drop(const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/heap/%s", folder, name);
    (void)unlink(path);
}

static int teardown(void **state)
{
    char path[160];
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        (void)unlink(dumps_path(folder, "o-0", i, path, sizeof path));
    }
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    (void)rmdir(path);
    return rmdir(folder);
}

static void lists_one_observers_dumps_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"o-0.10.heap", "o-0.9.heap",
                                        "o-0.x.heap",  "o-0.3.heap.part",
                                        "o-01.4.heap", "o-0.7.text"};
    uint32_t *ebbs = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        leave(names[i]);
    }
    assert_int_equal(dumps_list(folder, "o-0", &ebbs, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(ebbs[0], 9);
    assert_int_equal(ebbs[1], 10);
    free(ebbs);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        drop(names[i]);
    }
}

static void without_a_folder_there_is_no_list(void **state)
{
    (void)state;
    uint32_t *ebbs = NULL;
    size_t count = 0;
    assert_int_equal(dumps_list("/nowhere", "o-0", &ebbs, &count), -ENOENT);
    assert_null(ebbs);
}

static void keeps_the_first_the_last_and_an_even_rest(void **state)
{
    (void)state;
    uint32_t *ebbs = NULL;
    size_t count = 0;
    char name[32];
    for (unsigned i = 1; i <= 250; i++) {
        (void)snprintf(name, sizeof name, "o-0.%u.heap", i);
        leave(name);
        dumps_thin(folder, "o-0");
    }
    assert_int_equal(dumps_list(folder, "o-0", &ebbs, &count), 0);
    assert_int_equal(count, DUMPS_KEPT_MAX);
    assert_int_equal(ebbs[0], 1);
    assert_int_equal(ebbs[count - 1], 250);
    for (size_t i = 1; i < count; i++) {
        assert_true(ebbs[i] - ebbs[i - 1] <= 64);
    }
    free(ebbs);
}

static void a_dump_has_parts_of_other_processes(void **state)
{
    static const char *const names[] = {"o-0.3.heap",      "o-0.3.heap.71",
                                        "o-0.3.heap.8",    "o-0.3.heap.9x",
                                        "o-0.33.heap.714", "o-0.3.heap."};
    char path[160], expected[200];
    char **parts = NULL;
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        leave(names[i]);
    }
    (void)dumps_path(folder, "o-0", 3, path, sizeof path);
    assert_int_equal(dumps_parts(path, &parts, &count), 0);
    assert_int_equal(count, 2);
    (void)snprintf(expected, sizeof expected, "%s.71", path);
    assert_string_equal(parts[0], expected);
    (void)snprintf(expected, sizeof expected, "%s.8", path);
    assert_string_equal(parts[1], expected);
    free(parts);
    assert_int_equal(dumps_parts("/nowhere/x", &parts, &count), 0);
    assert_int_equal(count, 0);
    assert_null(parts);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        drop(names[i]);
    }
}

/* The dump that is thinned out takes its parts along; the others keep them. */
static void a_dump_goes_with_its_parts(void **state)
{
    char name[32], path[160];
    char **parts = NULL;
    size_t count = 0, left = 0;
    (void)state;
    for (unsigned i = 1; i <= DUMPS_KEPT_MAX + 4; i++) {
        (void)snprintf(name, sizeof name, "o-0.%u.heap", i);
        leave(name);
        (void)strcat(name, ".5");
        leave(name);
    }
    dumps_thin(folder, "o-0");
    for (unsigned i = 1; i <= DUMPS_KEPT_MAX + 4; i++) {
        (void)dumps_path(folder, "o-0", i, path, sizeof path);
        assert_int_equal(dumps_parts(path, &parts, &count), 0);
        assert_int_equal(count == 1, access(path, F_OK) == 0);
        left += count;
        free(parts);
        (void)snprintf(name, sizeof name, "o-0.%u.heap.5", i);
        drop(name);
    }
    assert_int_equal(left, DUMPS_KEPT_MAX);
}

/* Who was started as root may have become somebody else. */
static void while_targets_live_root_lets_everybody_write(void **state)
{
    (void)state;
    char path[80];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(dumps_open_folder(folder), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal((st.st_mode & 07777) == 01777, geteuid() == 0);
    dumps_close_folder(folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 01002, 0);
    assert_int_equal(dumps_open_folder("/nowhere"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_one_observers_dumps_in_order,
                                        setup, teardown),
        cmocka_unit_test(without_a_folder_there_is_no_list),
        cmocka_unit_test_setup_teardown(
            keeps_the_first_the_last_and_an_even_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_has_parts_of_other_processes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_goes_with_its_parts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            while_targets_live_root_lets_everybody_write, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
