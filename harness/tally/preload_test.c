/* An unmodified program with either library before it, as the harness starts
 * one; with glibc's allocator and with jemalloc. Arguments: the libraries (that
 * which takes heap profiles is the second), the program, the same with an
 * allocator of its own linked in, and a jemalloc to preload ("" where there is
 * none). */
#include "plateau_tally.h"

#include "heap/dumps.h"
#include "heap/profile_file.h"
#include "sample/tally_page.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLE_BYTES = 4096 };

static const char *libraries[2], *program, *program_with_own, *program_fixed,
    *jemalloc;

struct fixture {
    struct tally_page page;
    pid_t pid;
    int to, from;
    char run[64];    /* a folder, closed to others */
    char folder[80]; /* in it, for profiles */
};

/* The environment of a target that is to be profiled. */
static void set_profile(const struct fixture *f)
{
    char prefix[128], sample[32];
    (void)snprintf(prefix, sizeof prefix, "%s/x", f->folder);
    (void)snprintf(sample, sizeof sample, "%d", SAMPLE_BYTES);
    (void)setenv(PLATEAU_TALLY_HEAP_ENV, prefix, 1);
    (void)setenv(PLATEAU_TALLY_HEAP_SAMPLE_ENV, sample, 1);
    (void)setenv("MALLOC_CONF", "prof:true,lg_prof_sample:12", 1);
}

static void begin(struct fixture *f, const char *library, const char *allocator,
                  bool is_profiled)
{
    int in[2], out[2];
    char preload[1024], tally[32];
    (void)snprintf(f->run, sizeof f->run, "/tmp/plateau-preload.XXXXXX");
    assert_non_null(mkdtemp(f->run));
    assert_int_equal(dumps_open_folder(f->run), 0);
    (void)snprintf(f->folder, sizeof f->folder, "%s/heap", f->run);
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
        if (is_profiled) {
            set_profile(f);
        }
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    assert_true(f->pid > 0);
    (void)close(in[0]);
    (void)close(out[1]);
    f->to = in[1];
    f->from = out[0];
}

static char *profile_of(const struct fixture *f, char path[128])
{
    (void)snprintf(path, 128, "%s/x.1.heap", f->folder);
    return path;
}

static void end(struct fixture *f)
{
    int status;
    char path[128];
    (void)close(f->to);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(f->from);
    tally_page_deinit(&f->page);
    (void)unlink(profile_of(f, path));
    assert_int_equal(rmdir(f->folder), 0);
    assert_int_equal(rmdir(f->run), 0);
}

static void tell(struct fixture *f, char letter)
{
    char answer;
    assert_int_equal(write(f->to, &letter, 1), 1);
    assert_int_equal(read(f->from, &answer, 1), 1);
}

/* Asks, and waits for the answer; returns how long it took. */
static double ask_for(struct fixture *f, uint32_t profile)
{
    struct timespec from, to;
    const struct timespec moment = {.tv_nsec = 200000};
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    tally_page_ask(&f->page, profile);
    for (int i = 0; i < 10000 && !tally_page_has_answered(&f->page); i++) {
        (void)nanosleep(&moment, NULL);
    }
    assert_true(tally_page_has_answered(&f->page));
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e3 +
           (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static double ask(struct fixture *f)
{
    return ask_for(f, 0);
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

static void follows(const char *library, const char *allocator)
{
    struct fixture f;
    begin(&f, library, allocator, false);
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
    follows(libraries[0], "");
    follows(libraries[1], "");
}

static void follows_what_jemalloc_hands_out(void **state)
{
    (void)state;
    if (jemalloc[0] == '\0') {
        skip();
    }
    follows(libraries[0], jemalloc);
    follows(libraries[1], jemalloc);
}

/* What all size classes hold together is what the allocator has handed out. */
static void size_classes_add_up_to_what_is_allocated(void **state)
{
    (void)state;
    struct fixture f;
    struct tally_page_class classes[TALLY_PAGE_CLASSES];
    uint64_t together = 0;
    if (jemalloc[0] == '\0') {
        skip();
    }
    begin(&f, libraries[0], jemalloc, false);
    tell(&f, 'x');
    tell(&f, 'm');
    (void)ask(&f);
    size_t count = tally_page_read_classes(&f.page, classes);
    for (size_t i = 0; i < count; i++) {
        together += classes[i].bytes * classes[i].live;
    }
    assert_true(count > 1);
    assert_int_equal(together, allocated(&f));
    end(&f);
}

/* Woken, not by its period: of ten answers, most come much sooner. */
static void answers_when_it_is_asked(void **state)
{
    (void)state;
    struct fixture f;
    int soon = 0;
    begin(&f, libraries[0], "", false);
    tell(&f, 'x');
    for (int i = 0; i < 10; i++) {
        soon += ask(&f) < 40.;
    }
    assert_true(soon >= 6);
    end(&f);
}

static void wait_for_members(const struct fixture *f, uint32_t count)
{
    for (int i = 0; i < 2000 && tally_page_members(&f->page) < count; i++) {
        (void)usleep(5000);
    }
    assert_int_equal(tally_page_members(&f->page), count);
}

/* A worker that is forked, or a program that is executed, holds 1 MiB: it is in
 * the sum for as long as it lives, zombies not, and its place is taken again.
 */
static void what_children_hold_is_added(const char *library,
                                        const char *allocator)
{
    struct fixture f;
    begin(&f, library, allocator, false);
    tell(&f, 'x');
    (void)ask(&f);
    uint64_t alone = allocated(&f);
    assert_int_equal(tally_page_members(&f.page), 0);
    for (int i = 0; i < 3; i++) {
        tell(&f, i == 1 ? 'c' : 'w');
        wait_for_members(&f, 1);
        (void)ask(&f);
        assert_in_range(allocated(&f) - alone, 1 << 20, 6 << 18);
        tell(&f, 'k');
        assert_int_equal(tally_page_members(&f.page), 0);
        assert_true(allocated(&f) < alone + (128 << 10));
        (void)ask(&f);
        assert_true(allocated(&f) < alone + (128 << 10));
    }
    tell(&f, 'w');
    tell(&f, 'w');
    wait_for_members(&f, 2);
    (void)ask(&f);
    assert_in_range(allocated(&f) - alone, 2 << 20, 10 << 18);
    end(&f);
}

static void what_children_hold_is_added_in_glibc(void **state)
{
    (void)state;
    what_children_hold_is_added(libraries[0], "");
    what_children_hold_is_added(libraries[1], "");
}

static void what_children_hold_is_added_in_jemalloc(void **state)
{
    (void)state;
    if (jemalloc[0] == '\0') {
        skip();
    }
    what_children_hold_is_added(libraries[0], jemalloc);
}

/* Threads have arenas of their own: their sum is published. */
static void the_arenas_of_all_threads_count(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, libraries[0], "", false);
    tell(&f, 'x');
    (void)ask(&f);
    uint64_t before = allocated(&f);
    tell(&f, 't');
    (void)ask(&f);
    assert_in_range(allocated(&f) - before, 8 << 20, 10 << 20);
    end(&f);
}

/* Bytes that the profile says; -1 where there is none. */
static double profiled(const struct fixture *f, double *ret_error,
                       enum profile_kind *ret_kind)
{
    char path[128];
    struct words words;
    struct profile profile;
    struct symbols_notes notes = {0};
    struct err err = {0};
    double bytes = -1, variance = 0;
    if (access(profile_of(f, path), F_OK) != 0) {
        return -1;
    }
    assert_int_equal(words_init(&words), 0);
    profile_init(&profile, &words);
    if (profile_load(path, &profile, &notes, &err) != 0) {
        fail_msg("%s:%d: %s", err.file, err.line, err.sentence);
    }
    profile_total(&profile, NULL, &bytes, &variance);
    *ret_error = sqrt(variance);
    *ret_kind = profile.kind;
    profile_deinit(&profile);
    words_deinit(&words);
    return bytes;
}

/* A worker that was forked writes what it allocated itself; one that executes,
 * all. Both as parts of the owner's dump. */
static void children_write_parts_of_the_profile(void **state)
{
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        char **parts = NULL;
        size_t count = 0;
        char path[128];
        begin(&f, libraries[1], "", true);
        tell(&f, 'm');
        tell(&f, i == 0 ? 'w' : 'c');
        wait_for_members(&f, 1);
        (void)ask_for(&f, 1);
        assert_int_equal(dumps_parts(profile_of(&f, path), &parts, &count), 0);
        assert_int_equal(count, 1);
        double both = profiled(&f, &error, &found);
        (void)unlink(parts[0]);
        free(parts);
        double alone = profiled(&f, &error, &found);
        print_message("# %.0f bytes together, %.0f without the child\n", both,
                      alone);
        assert_true(fabs(both - alone - (1 << 20)) < (1 << 18));
        end(&f);
    }
}

static void a_program_that_executes_itself_goes_on(void **state)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    (void)state;
    begin(&f, libraries[1], "", true);
    tell(&f, 'm');
    tell(&f, 'e');
    tell(&f, 'x'); /* whom its successor answers */
    (void)ask_for(&f, 1);
    assert_true(allocated(&f) < 512 << 10);
    assert_true(profiled(&f, &error, &found) < 512 << 10);
    tell(&f, 'm');
    (void)ask_for(&f, 1);
    assert_true(allocated(&f) > 1 << 20);
    assert_true(profiled(&f, &error, &found) > 512 << 10);
    end(&f);
}

static void a_profile_adds_up(const char *library, const char *allocator,
                              enum profile_kind kind)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    begin(&f, library, allocator, true);
    tell(&f, 't');
    tell(&f, 'm');
    (void)ask_for(&f, 1);
    double bytes = profiled(&f, &error, &found);
    print_message("# allocated %llu, profiled %.0f +- %.0f\n",
                  (unsigned long long)allocated(&f), bytes, error);
    assert_int_equal(found, kind);
    assert_true(fabs(bytes - (double)(9 << 20)) < (1 << 20));
    tell(&f, 'f');
    (void)ask_for(&f, 1);
    double after = profiled(&f, &error, &found);
    assert_true(after < bytes - (1 << 19));
    end(&f);
}

static void samples_of_what_glibc_handed_out_add_up(void **state)
{
    (void)state;
    a_profile_adds_up(libraries[1], "", PROFILE_SAMPLED);
}

static void a_profile_of_jemalloc_is_its_own(void **state)
{
    (void)state;
    if (jemalloc[0] == '\0') {
        skip();
    }
    a_profile_adds_up(libraries[0], jemalloc, PROFILE_JEMALLOC);
    a_profile_adds_up(libraries[1], jemalloc, PROFILE_JEMALLOC);
}

static void without_the_sampler_glibc_has_no_profile(void **state)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    (void)state;
    begin(&f, libraries[0], "", true);
    tell(&f, 'm');
    (void)ask_for(&f, 1);
    assert_true(profiled(&f, &error, &found) < 0);
    end(&f);
}

/* And nothing that was freed is left in the profile, whoever freed it. */
/* Figures of glibc's, which stands idle, would be level while it leaks. */
static void an_allocator_of_its_own_has_no_figures(void **state)
{
    static struct tally_page_entry entries[TALLY_PAGE_ENTRIES];
    const char *const usual = program;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        double error = 0;
        enum profile_kind found = PROFILE_DHAT;
        program = program_with_own;
        begin(&f, libraries[i], "", true);
        program = usual;
        tell(&f, 's');
        (void)ask_for(&f, 1);
        assert_int_equal(tally_page_read(&f.page, entries), 0);
        assert_true(profiled(&f, &error, &found) < 0);
        end(&f);
    }
}

/* One that is not position independent and takes the address of malloc(): so is
 * Debian's python3. */
static void a_stub_before_glibcs_malloc_is_no_allocator(void **state)
{
    const char *const usual = program;
    (void)state;
    program = program_fixed;
    for (int i = 0; i < 2; i++) {
        follows(libraries[i], "");
    }
    a_profile_adds_up(libraries[1], "", PROFILE_SAMPLED);
    program = usual;
}

/* So do mosquitto and nginx, started as root; the run's folder is closed to
 * them then. */
static void who_became_somebody_else_is_profiled(const char *library,
                                                 const char *allocator,
                                                 enum profile_kind kind)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    begin(&f, library, allocator, true);
    tell(&f, 'u');
    tell(&f, 'm');
    (void)ask_for(&f, 1);
    assert_true(profiled(&f, &error, &found) > 0);
    assert_int_equal(found, kind);
    end(&f);
}

static void rights_that_are_given_up_are_not_missed(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("# skipped: only root can become somebody else\n");
        return;
    }
    who_became_somebody_else_is_profiled(libraries[1], "", PROFILE_SAMPLED);
    if (jemalloc[0] != '\0') {
        who_became_somebody_else_is_profiled(libraries[1], jemalloc,
                                             PROFILE_JEMALLOC);
    }
}

static void a_program_may_close_what_it_does_not_know(void **state)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    (void)state;
    begin(&f, libraries[1], "", true);
    tell(&f, 'd');
    tell(&f, 'm');
    (void)ask_for(&f, 1);
    assert_true(profiled(&f, &error, &found) > 0);
    end(&f);
}

/* It is told to every thread, ours too, which must not be the one that fails.
 */
static void a_program_gives_up_its_rights_as_without_it(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("# skipped: it takes root to become somebody\n");
        return;
    }
    for (int i = 0; i < 20; i++) { /* whenever the thread begins */
        struct fixture f;
        begin(&f, libraries[i % 2], "", false);
        tell(&f, 'b');
        (void)ask(&f);
        assert_true(allocated(&f) > 0);
        end(&f);
    }
}

static void threads_and_forks_run_as_without_it(void **state)
{
    struct fixture f;
    double error = 0;
    enum profile_kind found = PROFILE_DHAT;
    (void)state;
    begin(&f, libraries[1], "", true);
    tell(&f, 's');
    (void)ask_for(&f, 1);
    assert_true(profiled(&f, &error, &found) < (64 << 10));
    end(&f);
    begin(&f, libraries[1], jemalloc, true);
    tell(&f, 's');
    end(&f);
}

static void nothing_happens_without_a_harness(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("LD_PRELOAD", libraries[1], 1);
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
        cmocka_unit_test(size_classes_add_up_to_what_is_allocated),
        cmocka_unit_test(answers_when_it_is_asked),
        cmocka_unit_test(what_children_hold_is_added_in_glibc),
        cmocka_unit_test(what_children_hold_is_added_in_jemalloc),
        cmocka_unit_test(children_write_parts_of_the_profile),
        cmocka_unit_test(a_program_that_executes_itself_goes_on),
        cmocka_unit_test(the_arenas_of_all_threads_count),
        cmocka_unit_test(samples_of_what_glibc_handed_out_add_up),
        cmocka_unit_test(a_profile_of_jemalloc_is_its_own),
        cmocka_unit_test(without_the_sampler_glibc_has_no_profile),
        cmocka_unit_test(an_allocator_of_its_own_has_no_figures),
        cmocka_unit_test(a_stub_before_glibcs_malloc_is_no_allocator),
        cmocka_unit_test(rights_that_are_given_up_are_not_missed),
        cmocka_unit_test(a_program_may_close_what_it_does_not_know),
        cmocka_unit_test(a_program_gives_up_its_rights_as_without_it),
        cmocka_unit_test(threads_and_forks_run_as_without_it),
        cmocka_unit_test(nothing_happens_without_a_harness),
    };
    if (argc != 7) {
        (void)fprintf(stderr, "usage: preload_test LIBRARY LIBRARY-WITH-HEAP "
                              "PROGRAM PROGRAM-WITH-OWN PROGRAM-FIXED "
                              "JEMALLOC\n");
        return 64;
    }
    libraries[0] = argv[1];
    libraries[1] = argv[2];
    program = argv[3];
    program_with_own = argv[4];
    program_fixed = argv[5];
    jemalloc = argv[6];
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
