/* Real readings: of this test, and of a child of it. */
#include "load.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Until the process has used |wanted_ns| of CPU time. */
static void burn(int64_t wanted_ns)
{
    struct timespec used;
    do {
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec * INT64_C(1000000000) + used.tv_nsec < wanted_ns);
}

static void reads_the_own_process(void **state)
{
    (void)state;
    struct load *load = NULL;
    struct load_sample first, second;
    assert_int_equal(load_open(false, &load), 0);
    assert_int_equal(load_read(load, &first), 0);
    assert_true(first.rss_bytes > 100 * 1024 && first.rss_bytes < 1u << 30);
    burn(first.cpu_ns + 50 * 1000 * 1000);
    assert_int_equal(load_read(load, &second), 0);
    /* A clock tick is 10 ms. */
    assert_in_range(second.cpu_ns - first.cpu_ns, 20 * 1000 * 1000,
                    INT64_C(10000000000));
    assert_int_equal(load_processes_count(load), 1);
    load_close(load);
}

/* The bug finds the same figures, and keeps the dead. */
static void a_scan_keeps_processes_that_are_gone(void **state)
{
    (void)state;
    struct load *load = NULL;
    struct load_sample sample;
    assert_int_equal(load_open(true, &load), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(load_read(load, &sample), 0);
    assert_true(sample.rss_bytes > 100 * 1024);
    size_t before = load_processes_count(load);
    assert_true(before >= 2);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    assert_int_equal(load_read(load, &sample), 0);
    assert_true(load_processes_count(load) >= before);
    load_close(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_own_process),
        cmocka_unit_test(a_scan_keeps_processes_that_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
