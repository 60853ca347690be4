#include <fcntl.h>
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

#include "churn/folder.h"
#include "host.h"

enum { PATH_SIZE = 4096, BLOCK_BYTES = 512, PLENTY = 1 << 30 };

static char root[] = "/tmp/plateau-folder-test.XXXXXX";

static int begin(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/plateau-folder-test.XXXXXX");
    return mkdtemp(root) == NULL;
}

static int end(void **state)
{
    (void)state;
    host_remove_folder(root);
    return 0;
}

static char *in_root(const char *name, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", root, name);
    return path;
}

static void make_folder(const char *name)
{
    char path[PATH_SIZE];
    assert_int_equal(mkdir(in_root(name, path), 0777), 0);
}

/* Of so many KiB, after a hole of as many MiB. */
static void make_file(const char *name, int kib, int hole_mib)
{
    static const char kibibyte[1024] = "x";
    char path[PATH_SIZE];
    int fd = open(in_root(name, path), O_WRONLY | O_CREAT | O_EXCL, 0666);
    assert_true(fd >= 0);
    for (int i = 0; i < kib; i++) {
        assert_int_equal(pwrite(fd, kibibyte, sizeof kibibyte,
                                ((off_t)hole_mib << 20) + (off_t)i * 1024),
                         sizeof kibibyte);
    }
    assert_int_equal(close(fd), 0);
}

static int64_t allocated(const char *name)
{
    char path[PATH_SIZE];
    struct stat st;
    assert_int_equal(lstat(in_root(name, path), &st), 0);
    return (int64_t)st.st_blocks * BLOCK_BYTES;
}

static struct folder_walk *new_walk(void)
{
    struct folder_walk *walk = NULL;
    assert_int_equal(folder_walk_new(&walk), 0);
    return walk;
}

/* All at once. */
static struct folder_count count_in(const char *path)
{
    struct folder_walk *walk = new_walk();
    struct folder_count counted;
    folder_walk_begin(walk, path);
    assert_int_equal(folder_walk_step(walk, PLENTY, INT64_MAX), FOLDER_DONE);
    folder_walk_count(walk, &counted);
    folder_walk_free(walk);
    return counted;
}

static struct folder_count count(void)
{
    return count_in(root);
}

static void what_is_allocated_counts_wherever_it_is(void **state)
{
    (void)state;
    make_folder("a");
    make_folder("a/b");
    make_file("one", 300, 0);
    make_file("a/two", 5, 0);
    make_file("a/b/three", 1, 0);
    int64_t bytes = allocated(".") + allocated("a") + allocated("a/b") +
                    allocated("one") + allocated("a/two") +
                    allocated("a/b/three");
    struct folder_count counted = count();
    assert_true(bytes >= 306 << 10);
    assert_int_equal(counted.bytes, bytes);
    assert_int_equal(counted.entries, 6);
    assert_false(counted.is_partial);
}

static void a_hole_takes_nothing(void **state)
{
    (void)state;
    make_file("sparse", 64, 512);
    assert_in_range(count().bytes, 64 << 10, 1 << 20);
}

static void links_lead_nowhere(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    int64_t before = count().bytes;
    assert_int_equal(symlink("/usr", in_root("away", path)), 0);
    assert_int_equal(symlink(".", in_root("round", path)), 0);
    struct folder_count counted = count();
    assert_int_equal(counted.entries, 3);
    assert_in_range(counted.bytes, before, before + (64 << 10));
}

/* As a database makes a snapshot of itself. */
static void a_file_of_several_names_counts_once(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    char other[PATH_SIZE];
    make_file("one", 1024, 0);
    int64_t before = count().bytes;
    assert_int_equal(link(in_root("one", path), in_root("two", other)), 0);
    assert_int_equal(link(path, in_root("three", other)), 0);
    struct folder_count counted = count();
    assert_int_equal(counted.entries, 4);
    /* What a third is short of, and the folder's own growth. */
    assert_in_range(counted.bytes, before - 3, before + 4096);
}

/* /dev/shm is a file system of its own in /dev, where there is one. */
static void other_file_systems_are_not_entered(void **state)
{
    (void)state;
    char mounted[] = "/dev/shm/plateau-folder-test.XXXXXX";
    struct folder_count before;
    struct folder_count after;
    struct stat dev;
    struct stat shm;
    if (stat("/dev", &dev) < 0 || stat("/dev/shm", &shm) < 0 ||
        dev.st_dev == shm.st_dev || mkdtemp(mounted) == NULL) {
        skip();
    }
    before = count_in("/dev");
    assert_int_equal(rmdir(mounted), 0);
    after = count_in("/dev");
    assert_true(before.entries > 1);
    assert_int_equal(before.entries, after.entries);
    assert_true(count_in("/dev/shm").entries >= 1);
}

static void many_small_files_are_counted_in_steps(void **state)
{
    (void)state;
    enum { FILES = 3000, STEP = 100 };
    struct folder_walk *walk = new_walk();
    struct folder_count counted = {0};
    int64_t before = 0;
    int steps = 0;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "file-%d", i);
        make_file(name, 1, 0);
    }
    folder_walk_begin(walk, root);
    while (folder_walk_step(walk, STEP, INT64_MAX) == FOLDER_MORE) {
        folder_walk_count(walk, &counted);
        assert_true(counted.entries - before <= STEP);
        before = counted.entries;
        steps++;
    }
    folder_walk_count(walk, &counted);
    assert_int_equal(counted.entries, FILES + 1);
    assert_true(counted.bytes >= (int64_t)FILES * 4096);
    assert_true(steps >= FILES / STEP);
    assert_false(counted.is_partial);
    folder_walk_free(walk);
}

static void a_step_ends_when_its_time_is_over(void **state)
{
    (void)state;
    struct folder_walk *walk = new_walk();
    struct folder_count counted;
    make_file("one", 1, 0);
    make_file("two", 1, 0);
    folder_walk_begin(walk, root);
    assert_int_equal(folder_walk_step(walk, PLENTY, 0), FOLDER_MORE);
    folder_walk_count(walk, &counted);
    assert_true(counted.entries <= 2); /* of three */
    for (int i = 0; i < 10; i++) {     /* each does an entry at least */
        (void)folder_walk_step(walk, PLENTY, 0);
    }
    folder_walk_count(walk, &counted);
    assert_int_equal(counted.entries, 3);
    folder_walk_free(walk);
}

static void what_vanishes_meanwhile_is_left_out(void **state)
{
    (void)state;
    struct folder_walk *walk = new_walk();
    struct folder_count counted;
    make_folder("a");
    for (int i = 0; i < 100; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "a/file-%d", i);
        make_file(name, 1, 0);
    }
    folder_walk_begin(walk, root);
    (void)folder_walk_step(walk, 20, INT64_MAX);
    host_remove_folder(root);
    assert_int_equal(folder_walk_step(walk, PLENTY, INT64_MAX), FOLDER_DONE);
    folder_walk_count(walk, &counted);
    assert_false(counted.is_partial);
    folder_walk_begin(walk, root);
    assert_int_equal(folder_walk_step(walk, PLENTY, INT64_MAX), FOLDER_DONE);
    folder_walk_count(walk, &counted);
    assert_int_equal(counted.entries, 0);
    assert_int_equal(counted.bytes, 0);
    folder_walk_free(walk);
}

static void what_is_too_deep_is_left_out_and_said(void **state)
{
    (void)state;
    char name[PATH_SIZE] = "d";
    for (int i = 1; i < FOLDER_DEPTH_MAX; i++) {
        make_folder(name);
        (void)strcat(name, "/d");
    }
    assert_false(count().is_partial);
    make_folder(name);
    (void)strcat(name, "/one");
    make_file(name, 1, 0);
    struct folder_count counted = count();
    assert_true(counted.is_partial);
    assert_int_equal(counted.entries, FOLDER_DEPTH_MAX + 1);
}

static void a_walk_that_begins_anew_forgets(void **state)
{
    (void)state;
    struct folder_walk *walk = new_walk();
    struct folder_count counted;
    make_folder("a");
    make_file("a/one", 1, 0);
    int64_t bytes = count().bytes;
    for (int i = 0; i < 100; i++) { /* and leaves no descriptor open */
        folder_walk_begin(walk, root);
        (void)folder_walk_step(walk, 1 + i % 4, INT64_MAX);
    }
    folder_walk_begin(walk, root);
    assert_int_equal(folder_walk_step(walk, PLENTY, INT64_MAX), FOLDER_DONE);
    folder_walk_count(walk, &counted);
    assert_int_equal(counted.bytes, bytes);
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    assert_in_range(fd, 0, 20);
    (void)close(fd);
    folder_walk_free(walk);
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_allocated_counts_wherever_it_is),
        CLAIM(a_hole_takes_nothing),
        CLAIM(links_lead_nowhere),
        CLAIM(a_file_of_several_names_counts_once),
        CLAIM(other_file_systems_are_not_entered),
        CLAIM(many_small_files_are_counted_in_steps),
        CLAIM(a_step_ends_when_its_time_is_over),
        CLAIM(what_vanishes_meanwhile_is_left_out),
        CLAIM(what_is_too_deep_is_left_out_and_said),
        CLAIM(a_walk_that_begins_anew_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
