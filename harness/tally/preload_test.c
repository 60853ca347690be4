/* An unmodified program with the library before it, as the harness starts one;
 * with glibc's allocator and with jemalloc. Arguments: the library, the
 * program, and a jemalloc to preload ("" where there is none). */
#include "plateau_tally.h"

#include "sample/tally_page.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *library, *program, *jemalloc;

struct fixture {
    struct tally_page page;
    pid_t pid;
    int to, from;
};

static void begin(struct fixture *f, const char *allocator)
{
    int in[2], out[2];
    char preload[1024], tally[32];
    assert_int_equal(tally_page_init(&f->page), 0);
    assert_int_equal(tally_page_reset(&f->page, 1), 0);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    (void)snprintf(preload, sizeof preload, "%s:%s", library, allocator);
    (void)snprintf(tally, sizeof tally, "fd:%d", 9);
    f->pid = fork();
    if (f->pid == 0) {
        (void)dup2(f->page.fd, 9);
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        (void)setenv("LD_PRELOAD", preload, 1);
        (void)setenv(PLATEAU_TALLY_ENV, tally, 1);
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    assert_true(f->pid > 0);
    (void)close(in[0]);
    (void)close(out[1]);
    f->to = in[1];
    f->from = out[0];
}

static void end(struct fixture *f)
{
    int status;
    (void)close(f->to);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(f->from);
    tally_page_deinit(&f->page);
}

static void tell(struct fixture *f, char letter)
{
    char answer;
    assert_int_equal(write(f->to, &letter, 1), 1);
    assert_int_equal(read(f->from, &answer, 1), 1);
}

/* Asks, and waits for the answer; returns how long it took. */
static double ask(struct fixture *f)
{
    struct timespec from, to;
    const struct timespec moment = {.tv_nsec = 200000};
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    tally_page_ask(&f->page, 0);
    for (int i = 0; i < 10000 && !tally_page_has_answered(&f->page); i++) {
        (void)nanosleep(&moment, NULL);
    }
    assert_true(tally_page_has_answered(&f->page));
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e3 +
           (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static uint64_t allocated(const struct fixture *f)
{
    static struct tally_page_entry entries[TALLY_PAGE_ENTRIES];
    size_t count = tally_page_read(&f->page, entries);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, "heap/allocated") == 0) {
            return entries[i].value;
        }
    }
    fail_msg("no heap/allocated in the page");
    return 0;
}

static void follows(const char *allocator)
{
    struct fixture f;
    begin(&f, allocator);
    tell(&f, 'x');
    (void)ask(&f);
    uint64_t before = allocated(&f);
    tell(&f, 'm');
    (void)ask(&f);
    assert_in_range(allocated(&f) - before, 1 << 20, 5 << 18);
    tell(&f, 'f');
    (void)ask(&f);
    assert_true(allocated(&f) < before + (64 << 10));
    end(&f);
}

static void follows_what_glibc_hands_out(void **state)
{
    (void)state;
    follows("");
}

static void follows_what_jemalloc_hands_out(void **state)
{
    (void)state;
    if (jemalloc[0] == '\0') {
        skip();
    }
    follows(jemalloc);
}

/* Woken, not by its period: of ten answers, most come much sooner. */
static void answers_when_it_is_asked(void **state)
{
    (void)state;
    struct fixture f;
    int soon = 0;
    begin(&f, "");
    tell(&f, 'x');
    for (int i = 0; i < 10; i++) {
        soon += ask(&f) < 40.;
    }
    assert_true(soon >= 6);
    end(&f);
}

static void a_child_does_not_write_into_its_parents_page(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "");
    tell(&f, 'x');
    (void)ask(&f);
    uint64_t before = allocated(&f);
    tell(&f, 'c'); /* it held 1 MiB for two periods */
    assert_true(allocated(&f) < before + (256 << 10));
    (void)ask(&f);
    assert_true(allocated(&f) < before + (256 << 10));
    end(&f);
}

static void nothing_happens_without_a_harness(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("LD_PRELOAD", library, 1);
        (void)unsetenv(PLATEAU_TALLY_ENV);
        (void)execl(program, program, "child", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_what_glibc_hands_out),
        cmocka_unit_test(follows_what_jemalloc_hands_out),
        cmocka_unit_test(answers_when_it_is_asked),
        cmocka_unit_test(a_child_does_not_write_into_its_parents_page),
        cmocka_unit_test(nothing_happens_without_a_harness),
    };
    if (argc != 4) {
        (void)fprintf(stderr, "usage: preload_test LIBRARY PROGRAM JEMALLOC\n");
        return 64;
    }
    library = argv[1];
    program = argv[2];
    jemalloc = argv[3];
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
