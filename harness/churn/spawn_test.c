#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/spawn.h"

enum { WORDS_MAX = 8, TEXT_SIZE = 256 };

static char *test_child; /* its path */

/* A child of test_child's that obeys |words| and prints into a pipe. */
struct fixture {
    int null_fd;
    int pipe[2];
    char *argv[WORDS_MAX + 2];
    struct spawn_fd fds[SPAWN_FDS_MAX];
    struct spawn_request request;
    struct spawn_child child;
};

static void prepare(struct fixture *fixture, const char *const *words)
{
    static char *no_environment[] = {NULL};
    *fixture = (struct fixture){.child = {.pidfd = -1}};
    fixture->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(pipe2(fixture->pipe, O_CLOEXEC), 0);
    fixture->argv[0] = test_child;
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < WORDS_MAX);
        fixture->argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    fixture->fds[0] = (struct spawn_fd){fixture->null_fd, 0};
    fixture->fds[1] = (struct spawn_fd){fixture->pipe[1], 1};
    fixture->fds[2] = (struct spawn_fd){fixture->pipe[1], 2};
    fixture->request = (struct spawn_request){
        .program = test_child,
        .argv = fixture->argv,
        .envp = no_environment,
        .fds = fixture->fds,
        .fds_count = 3,
    };
}

static void release(struct fixture *fixture)
{
    (void)close(fixture->null_fd);
    (void)close(fixture->pipe[0]);
    if (fixture->pipe[1] >= 0) {
        (void)close(fixture->pipe[1]);
    }
}

static void spawn(struct fixture *fixture)
{
    const char *step = "";
    int result = spawn_process(&fixture->request, &fixture->child, &step);
    if (result != SPAWN_OK) {
        fail_msg("%s: %s", step, strerror(-result));
    }
}

/* What the child prints until its end, which is waited for. */
static struct spawn_exit finish(struct fixture *fixture, char text[TEXT_SIZE])
{
    struct spawn_exit end;
    size_t size = 0;
    ssize_t count;
    (void)close(fixture->pipe[1]);
    fixture->pipe[1] = -1;
    while ((count = read(fixture->pipe[0], text + size, TEXT_SIZE - 1 - size)) >
           0) {
        size += (size_t)count;
    }
    text[size] = '\0';
    assert_int_equal(spawn_reap(&fixture->child, true, &end), SPAWN_OK);
    assert_int_equal(fixture->child.pidfd, -1);
    return end;
}

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void tells_the_exit_status(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    prepare(&fixture, (const char *const[]){"log", "hello", "exit", "7", NULL});
    spawn(&fixture);
    struct spawn_exit end = finish(&fixture, text);
    assert_string_equal(text, "hello\n");
    assert_int_equal(end.exit_code, 7);
    assert_int_equal(end.signal, 0);
    assert_true(end.max_rss_bytes > 0);
    release(&fixture);
    no_child_is_left();
}

static void tells_the_signal(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    prepare(&fixture, (const char *const[]){"forever", NULL});
    spawn(&fixture);
    struct spawn_exit end;
    assert_int_equal(spawn_reap(&fixture.child, false, &end), SPAWN_ALIVE);
    assert_false(spawn_has_ended(&fixture.child));
    assert_int_equal(spawn_signal(&fixture.child, SIGKILL), SPAWN_OK);
    end = finish(&fixture, text);
    assert_int_equal(end.exit_code, -1);
    assert_int_equal(end.signal, SIGKILL);
    release(&fixture);
}

static void signals_after_the_reaping_reach_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    prepare(&fixture, (const char *const[]){NULL});
    spawn(&fixture);
    int64_t pid = fixture.child.pid;
    (void)finish(&fixture, text);
    assert_int_equal(fixture.child.pid, 0);
    assert_int_equal(spawn_signal(&fixture.child, SIGKILL), SPAWN_GONE);
    spawn_signal_group(&fixture.child, SIGKILL); /* must not be kill(0) */
    assert_int_equal(kill((pid_t)pid, 0), -1);
    release(&fixture);
}

static void a_failed_exec_comes_back_as_errno(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *step = NULL;
    prepare(&fixture, (const char *const[]){NULL});
    fixture.request.program = "/nowhere/at/all";
    assert_int_equal(spawn_process(&fixture.request, &fixture.child, &step),
                     -ENOENT);
    assert_string_equal(step, "exec");
    fixture.request.program = "/dev/null";
    assert_int_equal(spawn_process(&fixture.request, &fixture.child, &step),
                     -EACCES);
    assert_int_equal(fixture.child.pidfd, -1);
    no_child_is_left();
    release(&fixture);
}

static void a_failed_chdir_is_named(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *step = NULL;
    prepare(&fixture, (const char *const[]){NULL});
    fixture.request.working_folder = "/nowhere/at/all";
    assert_int_equal(spawn_process(&fixture.request, &fixture.child, &step),
                     -ENOENT);
    assert_string_equal(step, "chdir");
    no_child_is_left();
    release(&fixture);
}

static void a_descriptor_that_is_not_open_is_told(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *step = NULL;
    prepare(&fixture, (const char *const[]){NULL});
    fixture.fds[1].from = -1;
    assert_int_equal(spawn_process(&fixture.request, &fixture.child, &step),
                     -EBADF);
    assert_non_null(strstr(step, "fcntl"));
    fixture.fds[1].from = 900;
    assert_int_equal(spawn_process(&fixture.request, &fixture.child, &step),
                     -EBADF);
    assert_string_equal(step, "dup2");
    no_child_is_left();
    release(&fixture);
}

static void a_child_has_the_descriptors_it_was_given_and_no_others(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    int strangers[2];
    assert_int_equal(pipe(strangers), 0); /* not close-on-exec */
    prepare(&fixture, (const char *const[]){"fds", NULL});
    fixture.fds[3] = (struct spawn_fd){fixture.null_fd, 5};
    fixture.request.fds_count = 4;
    spawn(&fixture);
    (void)finish(&fixture, text);
    assert_string_equal(text, "0 1 2 5 \n");
    (void)close(strangers[0]);
    (void)close(strangers[1]);
    release(&fixture);
}

/* Our own descriptors may have the very numbers that the child is to see. */
static void sources_may_sit_where_targets_go(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    int ends[2];
    prepare(&fixture, (const char *const[]){"say", "three", NULL});
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    /* Our 3 becomes its 4, whatever it is; and the pipe becomes its 3. */
    int three = fcntl(3, F_GETFD) < 0 ? dup2(fixture.null_fd, 3) : 3;
    fixture.fds[3] = (struct spawn_fd){three, 4};
    fixture.fds[4] = (struct spawn_fd){ends[1], 3};
    fixture.request.fds_count = 5;
    spawn(&fixture);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], text, TEXT_SIZE), 5);
    assert_memory_equal(text, "three", 5);
    assert_int_equal(finish(&fixture, text).exit_code, 0);
    (void)close(ends[0]);
    release(&fixture);
}

static void a_child_begins_with_default_signals(void **state)
{
    (void)state; /* main() handles one signal and ignores another */
    struct fixture fixture;
    char text[TEXT_SIZE];
    sigset_t some, before;
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR1);
    (void)sigaddset(&some, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &some, &before);
    prepare(&fixture, (const char *const[]){"signals", NULL});
    spawn(&fixture);
    (void)finish(&fixture, text);
    assert_string_equal(text, "blocked 0 ignored 0\n");
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    release(&fixture);
}

static void a_child_leads_its_own_group_which_can_be_killed(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    prepare(&fixture, (const char *const[]){"fork", NULL});
    spawn(&fixture);
    assert_int_equal(getpgid((pid_t)fixture.child.pid), fixture.child.pid);
    while (!spawn_has_ended(&fixture.child)) {
        (void)usleep(1000);
    }
    spawn_signal_group(&fixture.child, SIGKILL);
    /* Ends: the pipe closes when the child's child is dead as well. */
    (void)finish(&fixture, text);
    release(&fixture);
}

static void the_limit_of_open_files_is_the_childs_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[TEXT_SIZE];
    prepare(&fixture, (const char *const[]){"files", NULL});
    fixture.request.open_files_limit = 77;
    spawn(&fixture);
    (void)finish(&fixture, text);
    assert_string_equal(text, "files 77\n");
    assert_true(sysconf(_SC_OPEN_MAX) > 77);
    release(&fixture);
}

/* The middle process: a supervisor that is killed. Tells the number of its
 * child, which tells that it runs. */
static void be_in_the_middle(struct fixture *fixture, int out)
{
    char line[TEXT_SIZE];
    if (spawn_process(&fixture->request, &fixture->child, NULL) != SPAWN_OK ||
        read(fixture->pipe[0], line, sizeof line) <= 0 ||
        write(out, &fixture->child.pid, sizeof fixture->child.pid) < 0) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
}

static void a_child_dies_with_the_parent_that_is_killed(void **state)
{
    (void)state;
    struct fixture fixture;
    int64_t pid = 0;
    int ends[2];
    int status = 0;
    prepare(&fixture,
            (const char *const[]){"deaf", "log", "here", "forever", NULL});
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* orphans: ours */
    pid_t middle = fork();
    if (middle == 0) {
        be_in_the_middle(&fixture, ends[1]);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    (void)close(ends[0]);
    assert_int_equal(kill((pid_t)pid, 0), 0);
    assert_int_equal(kill(middle, SIGKILL), 0);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    pid_t reaped = 0;
    for (int i = 0; i < 2000 && reaped == 0; i++) {
        (void)usleep(1000);
        reaped = waitpid((pid_t)pid, &status, WNOHANG);
    }
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    assert_int_equal(reaped, pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    no_child_is_left();
    release(&fixture);
}

static void no_descriptor_is_lost(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spawn_exit end;
    prepare(&fixture, (const char *const[]){NULL});
    int before = dup(0);
    (void)close(before);
    for (int i = 0; i < 100; i++) {
        spawn(&fixture);
        assert_int_equal(spawn_reap(&fixture.child, true, &end), SPAWN_OK);
    }
    int after = dup(0);
    (void)close(after);
    assert_int_equal(before, after);
    release(&fixture);
}

static void do_nothing(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: spawn_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR2, do_nothing);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_exit_status),
        cmocka_unit_test(tells_the_signal),
        cmocka_unit_test(signals_after_the_reaping_reach_nobody),
        cmocka_unit_test(a_failed_exec_comes_back_as_errno),
        cmocka_unit_test(a_failed_chdir_is_named),
        cmocka_unit_test(a_descriptor_that_is_not_open_is_told),
        cmocka_unit_test(
            a_child_has_the_descriptors_it_was_given_and_no_others),
        cmocka_unit_test(sources_may_sit_where_targets_go),
        cmocka_unit_test(a_child_begins_with_default_signals),
        cmocka_unit_test(a_child_leads_its_own_group_which_can_be_killed),
        cmocka_unit_test(the_limit_of_open_files_is_the_childs_alone),
        cmocka_unit_test(a_child_dies_with_the_parent_that_is_killed),
        cmocka_unit_test(no_descriptor_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
