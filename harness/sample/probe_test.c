#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/spawn.h"
#include "sample/probe.h"

enum { MIB = 1 << 20, WORDS_MAX = 8 };

static char *test_child; /* its path */

/* Starts |argv| and waits until it says that it is ready. */
static void start(char *const *argv, struct spawn_child *ret_child)
{
    static char *no_environment[] = {NULL};
    char line[64];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const struct spawn_fd fds[] = {{0, 0}, {2, 1}, {2, 2}, {ends[1], 3}};
    const struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = no_environment,
        .fds = fds,
        .fds_count = 4,
    };
    assert_int_equal(spawn_process(&request, ret_child, NULL), SPAWN_OK);
    (void)close(ends[1]);
    assert_true(read(ends[0], line, sizeof line) > 0);
    (void)close(ends[0]);
}

static void start_words(const char *const *words, struct spawn_child *ret_child)
{
    char *argv[WORDS_MAX + 2] = {test_child};
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < WORDS_MAX);
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    start(argv, ret_child);
}

static void finish(struct spawn_child *child)
{
    struct spawn_exit end;
    (void)spawn_signal(child, SIGKILL);
    assert_int_equal(spawn_reap(child, true, &end), SPAWN_OK);
}

static struct probe_sample sample_of(const char *const *words)
{
    struct spawn_child child;
    struct probe *probe = NULL;
    struct probe_sample sample;
    start_words(words, &child);
    assert_int_equal(probe_new(child.pid, child.pidfd, &probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_OK);
    probe_free(probe);
    finish(&child);
    return sample;
}

static void memory_that_is_held_is_seen_to_a_few_pages(void **state)
{
    (void)state;
    struct probe_sample lean =
        sample_of((const char *const[]){"ready", "forever", NULL});
    struct probe_sample fat = sample_of(
        (const char *const[]){"hog", "8192", "ready", "forever", NULL});
    /* Eight MiB; the page or two that malloc() adds, and the page or two by
     * which two starts of one program differ. */
    assert_in_range(fat.private_bytes - lean.private_bytes, 8 * MIB - 4 * 4096,
                    8 * MIB + 4 * 4096);
    assert_in_range(fat.anonymous_bytes - lean.anonymous_bytes,
                    8 * MIB - 4 * 4096, 8 * MIB + 4 * 4096);
    assert_in_range(fat.rss_bytes - lean.rss_bytes, 7 * MIB, 9 * MIB);
    assert_true(lean.private_bytes > 0 && lean.private_bytes < MIB);
}

static void a_shallow_reading_has_the_rss_only(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    struct probe_sample sample;
    assert_int_equal(probe_new_self(&probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_RSS, &sample), PROBE_OK);
    assert_true(sample.rss_bytes > 0);
    assert_int_equal(sample.rss_bytes % probe_page_bytes(), 0);
    assert_int_equal(sample.private_bytes, -1);
    assert_int_equal(sample.cpu_ns, -1);
    probe_free(probe);
}

static void descriptors_and_threads_are_counted(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    struct probe_sample before, after;
    assert_int_equal(probe_new_self(&probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &before), PROBE_OK);
    int fds[3] = {dup(0), dup(0), dup(0)};
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &after), PROBE_OK);
    assert_int_equal(after.fds_count, before.fds_count + 3);
    assert_int_equal(after.threads_count, 1);
    for (int i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
    struct probe_sample child =
        sample_of((const char *const[]){"ready", "forever", NULL});
    assert_int_equal(child.fds_count, 4);
    assert_int_equal(child.threads_count, 1);
    probe_free(probe);
}

static void *wait_to_be_let_go(void *argument)
{
    char byte;
    return read(*(int *)argument, &byte, 1) < 0 ? argument : NULL;
}

static void threads_come_and_go(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    struct probe *probe = NULL;
    struct probe_sample sample;
    pthread_t threads[THREADS];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(probe_new_self(&probe), PROBE_OK);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_to_be_let_go, &ends[0]), 0);
    }
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_OK);
    assert_int_equal(sample.threads_count, 1 + THREADS);
    (void)close(ends[1]);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)close(ends[0]);
    probe_free(probe);
}

static void a_reading_that_fails_leaves_the_sample_alone(void **state)
{
    (void)state;
    struct spawn_child child;
    struct probe *probe = NULL;
    struct probe_sample sample = {.rss_bytes = 42};
    start_words((const char *const[]){"ready", "forever", NULL}, &child);
    assert_int_equal(probe_new(child.pid, child.pidfd, &probe), PROBE_OK);
    finish(&child);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_GONE);
    assert_int_equal(sample.rss_bytes, 42);
    probe_free(probe);
}

static void cpu_time_grows_with_work(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    struct probe_sample before, after;
    assert_int_equal(probe_new_self(&probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &before), PROBE_OK);
    for (volatile int i = 0; i < 10000000; i++) {
    }
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &after), PROBE_OK);
    assert_true(after.cpu_ns > before.cpu_ns);
    probe_free(probe);
}

/* Pages given back with MADV_FREE are free: they are not the leak signal. */
static void memory_that_was_given_back_is_not_private(void **state)
{
    (void)state;
    struct probe *probe = NULL;
    struct probe_sample held, freed;
    assert_int_equal(probe_new_self(&probe), PROBE_OK);
    unsigned char *map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    memset(map, 1, 4 * MIB);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &held), PROBE_OK);
    assert_int_equal(madvise(map, 4 * MIB, MADV_FREE), 0);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &freed), PROBE_OK);
    assert_true(held.private_bytes - freed.private_bytes > 3 * MIB);
    assert_int_equal(munmap(map, 4 * MIB), 0);
    probe_free(probe);
}

static void a_process_that_has_ended_is_gone(void **state)
{
    (void)state;
    struct spawn_child child;
    struct spawn_exit end;
    struct probe *probe = NULL;
    struct probe_sample sample;
    start_words((const char *const[]){"ready", "forever", NULL}, &child);
    assert_int_equal(probe_new(child.pid, child.pidfd, &probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_OK);
    int64_t pid = child.pid;
    assert_int_equal(spawn_signal(&child, SIGKILL), SPAWN_OK);
    while (!spawn_has_ended(&child)) {
        (void)usleep(1000);
    }
    /* Dead, not reaped. */
    assert_int_equal(probe_sample(probe, PROBE_RSS, &sample), PROBE_GONE);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_GONE);
    struct probe *late = NULL;
    assert_int_equal(probe_new(pid, child.pidfd, &late), PROBE_GONE);
    assert_null(late);
    assert_int_equal(spawn_reap(&child, true, &end), SPAWN_OK);
    assert_int_equal(probe_sample(probe, PROBE_RSS, &sample), PROBE_GONE);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_GONE);
    probe_free(probe);
}

static int write_number(const char *path, int64_t number)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return -1;
    }
    int result = fprintf(file, "%lld", (long long)number) > 0 ? 0 : -1;
    return fclose(file) == 0 ? result : -1;
}

/* Needs the right to say which pid comes next (root, proc(5)); tries a few
 * times, because others start processes as well. */
static void survives_a_reused_pid(void **state)
{
    (void)state;
    static const char path[] = "/proc/sys/kernel/ns_last_pid";
    static const char *const words[] = {"ready", "forever", NULL};
    for (int attempt = 0; attempt < 20; attempt++) {
        struct spawn_child child, stranger;
        struct probe *probe = NULL;
        struct probe_sample sample;
        start_words(words, &child);
        int64_t pid = child.pid;
        assert_int_equal(probe_new(pid, child.pidfd, &probe), PROBE_OK);
        finish(&child);
        if (write_number(path, pid - 1) != 0) {
            probe_free(probe);
            print_message("# skipped: process numbers cannot be chosen here\n");
            return;
        }
        start_words(words, &stranger);
        bool is_reused = stranger.pid == pid;
        if (is_reused) {
            assert_int_equal(probe_sample(probe, PROBE_RSS, &sample),
                             PROBE_GONE);
            assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample),
                             PROBE_GONE);
        }
        finish(&stranger);
        probe_free(probe);
        if (is_reused) {
            return;
        }
    }
    print_message("# skipped: process numbers cannot be chosen here\n");
    return;
}

/* A wrapper that ends in "exec daemon": the address space is another one. */
static void sees_the_memory_after_an_exec(void **state)
{
    (void)state;
    struct spawn_child child;
    struct probe *probe = NULL;
    struct probe_sample before, after;
    char script[512];
    (void)snprintf(script, sizeof script,
                   "echo ready >&3; sleep 0.2; exec %s hog 8192 forever",
                   test_child);
    char *const argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, script, NULL};
    start(argv, &child);
    assert_int_equal(probe_new(child.pid, child.pidfd, &probe), PROBE_OK);
    assert_int_equal(probe_sample(probe, PROBE_DETAIL, &before), PROBE_OK);
    assert_true(before.private_bytes >= 0);
    after = before;
    for (int i = 0; i < 500 && after.private_bytes < 8 * MIB; i++) {
        (void)usleep(10000);
        (void)probe_sample(probe, PROBE_DETAIL, &after);
    }
    assert_in_range(after.private_bytes, 8 * MIB, 9 * MIB);
    probe_free(probe);
    finish(&child);
}

static void no_descriptor_is_lost(void **state)
{
    (void)state;
    int before = dup(0);
    (void)close(before);
    for (int i = 0; i < 50; i++) {
        struct probe *probe = NULL;
        struct probe_sample sample;
        assert_int_equal(probe_new_self(&probe), PROBE_OK);
        assert_int_equal(probe_sample(probe, PROBE_DETAIL, &sample), PROBE_OK);
        probe_free(probe);
    }
    int after = dup(0);
    (void)close(after);
    assert_int_equal(before, after);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: probe_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_held_is_seen_to_a_few_pages),
        cmocka_unit_test(a_shallow_reading_has_the_rss_only),
        cmocka_unit_test(descriptors_and_threads_are_counted),
        cmocka_unit_test(threads_come_and_go),
        cmocka_unit_test(a_reading_that_fails_leaves_the_sample_alone),
        cmocka_unit_test(cpu_time_grows_with_work),
        cmocka_unit_test(memory_that_was_given_back_is_not_private),
        cmocka_unit_test(a_process_that_has_ended_is_gone),
        cmocka_unit_test(survives_a_reused_pid),
        cmocka_unit_test(sees_the_memory_after_an_exec),
        cmocka_unit_test(no_descriptor_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
