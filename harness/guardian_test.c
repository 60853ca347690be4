#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guardian.h"
#include "isolate/group.h"

/* A whole family of processes: the front is forked by the test, the rest by
 * guardian_begin(). Everybody in it holds the writing end of one pipe: when the
 * pipe ends, nobody is left, whatever sessions and parents they had. */

enum { KILLED = 70, ENDED_MS = 20000, WORDS_SIZE = 4096 };

/* What the supervisor tells the test. */
struct told {
    pid_t guardian;
    pid_t supervisor;
    int strays;
};

struct family {
    pid_t front;
    struct told told;
    int alive; /* reads end of file when nobody is */
    int words; /* what they print to standard error */
};

static char group_folder_told[4096]; /* "": none */
static char folder[] = "/tmp/plateau-guardian-test.XXXXXX";

static void tidy(const char *path)
{
    char half[128];
    (void)snprintf(half, sizeof half, "%s/half", path);
    (void)unlink(half);
}

/* What a supervisor may leave: a child, one in a session of its own, one that
 * was orphaned and ignores all that can be ignored. */
static int leave_strays(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid != 0) {
            if (i == 2) {
                (void)waitpid(pid, NULL, 0); /* orphaned by now */
            }
            continue;
        }
        if (i >= 1) {
            (void)setsid();
        }
        if (i == 2) {
            for (int number = 1; number < NSIG; number++) {
                (void)signal(number, SIG_IGN);
            }
            if (fork() != 0) {
                _exit(0);
            }
        }
        for (;;) {
            (void)pause();
        }
    }
    return 3;
}

static int stops_asked;

static void on_term(int number)
{
    (void)number;
    stops_asked++;
}

/* In the supervisor: does what |how| says, then waits for a signal. */
static void be_supervisor(const char *how, int tell)
{
    struct told told = {.guardian = getppid(), .supervisor = getpid()};
    const struct sigaction action = {.sa_handler = on_term};
    guardian_tell_folder(folder);
    if (group_folder_told[0] != '\0') {
        guardian_tell_group(group_folder_told);
    }
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGINT, SIG_DFL);
    if (strstr(how, "strays") != NULL) {
        told.strays = leave_strays();
    }
    (void)write(tell, &told, sizeof told);
    if (strstr(how, "exits") != NULL) {
        _exit(3);
    }
    while (stops_asked == 0) {
        (void)poll(NULL, 0, 10);
    }
    _exit(5);
}

static void start_family(struct family *family, const char *how)
{
    int tell[2];
    int alive[2];
    int words[2];
    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    assert_int_equal(pipe2(words, O_CLOEXEC), 0);
    family->front = fork();
    assert_true(family->front >= 0);
    if (family->front == 0) {
        const struct guardian_config config = {
            .who = "test", .exit_code = KILLED, .tidy = tidy};
        (void)dup2(words[1], 2);
        (void)signal(SIGINT, SIG_DFL);
        if (guardian_begin(&config) != 0) {
            _exit(99);
        }
        be_supervisor(how, tell[1]);
    }
    (void)close(tell[1]);
    (void)close(alive[1]);
    (void)close(words[1]);
    assert_int_equal(read(tell[0], &family->told, sizeof family->told),
                     sizeof family->told);
    (void)close(tell[0]);
    family->alive = alive[0];
    family->words = words[0];
}

/* The front's wait status, when everybody is dead; what they said in |words|.
 */
static int see_them_end(struct family *family, char words[WORDS_SIZE])
{
    struct pollfd ended = {.fd = family->alive};
    int status = -1;
    size_t size = 0;
    ssize_t count = 0;
    assert_int_equal(poll(&ended, 1, ENDED_MS), 1);
    assert_true(ended.revents & POLLHUP);
    assert_int_equal(waitpid(family->front, &status, 0), family->front);
    while ((count = read(family->words, words + size, WORDS_SIZE - 1 - size)) >
           0) {
        size += (size_t)count;
    }
    words[size] = '\0';
    while (waitpid(-1, NULL, 0) > 0) { /* those that were orphaned to us */
    }
    (void)close(family->alive);
    (void)close(family->words);
    return status;
}

static void make_half(char path[128])
{
    (void)snprintf(path, 128, "%s/half", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void an_exit_code_passes_through(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    char half[128];
    make_half(half);
    start_family(&family, "exits");
    int status = see_them_end(&family, words);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_string_equal(words, "");
    assert_int_equal(unlink(half), 0); /* only who dies is tidied up after */
}

static void what_a_supervisor_forgets_is_ended(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    start_family(&family, "strays, exits");
    int status = see_them_end(&family, words);
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_string_equal(words, "test: ended 3 processes that were left\n");
}

static void a_killed_supervisor_leaves_nobody(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    char half[128];
    make_half(half);
    start_family(&family, "strays");
    assert_int_equal(kill(family.told.supervisor, SIGKILL), 0);
    int status = see_them_end(&family, words);
    assert_int_equal(WEXITSTATUS(status), KILLED);
    assert_non_null(strstr(words, "killed by signal 9 (KILL); 3 processes"));
    assert_non_null(strstr(words, folder));
    assert_int_equal(access(half, F_OK), -1);
}

/* No descendant of the supervisor's, but in its group. */
static pid_t start_stranger(const struct group_place *place)
{
    char byte;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (write(group_place_fd(place), "0", 1) == 1) {
            (void)!write(ends[1], "x", 1);
            (void)pause();
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return pid;
}

static void a_killed_supervisors_group_is_emptied_and_goes(void **state)
{
    (void)state;
    struct family family;
    struct group *group = NULL;
    struct group_place *place = NULL;
    struct err err = {0};
    char words[WORDS_SIZE];
    int status = 0;
    if (group_new(&group, &err) != 0) {
        (void)printf("# skipped: no control groups here: %s\n", err.sentence);
        return;
    }
    assert_int_equal(group_add(group, "a-0", 0, &place, &err), 0);
    (void)snprintf(group_folder_told, sizeof group_folder_told, "%s",
                   group_folder(group));
    pid_t stranger = start_stranger(place);
    start_family(&family, "strays");
    assert_int_equal(kill(family.told.supervisor, SIGKILL), 0);
    assert_int_equal(waitpid(stranger, &status, 0), stranger);
    assert_true(WIFSIGNALED(status));
    (void)see_them_end(&family, words);
    assert_non_null(strstr(words, "3 processes"));
    assert_int_equal(access(group_folder_told, F_OK), -1);
    group_folder_told[0] = '\0';
    group_free(group);
}

static void a_killed_front_stops_the_supervisor(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    start_family(&family, "strays");
    assert_int_equal(kill(family.front, SIGKILL), 0);
    int status = see_them_end(&family, words);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(words, "ended 3 processes"));
}

static void a_killed_guardian_is_replaced_by_the_front(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    start_family(&family, "strays");
    assert_int_equal(kill(family.told.guardian, SIGKILL), 0);
    int status = see_them_end(&family, words);
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_non_null(strstr(words, "ended 3 processes"));
}

/* Two at the same moment: stopped first, so that none can act in between. */
static void kill_two(pid_t one, pid_t other)
{
    assert_int_equal(kill(one, SIGSTOP), 0);
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(kill(one, SIGKILL), 0);
}

static void of_three_two_may_be_killed(void **state)
{
    (void)state;
    for (int spared = 0; spared < 3; spared++) {
        struct family family;
        char words[WORDS_SIZE];
        /* Told to stop, a supervisor ends its own. */
        start_family(&family, spared == 2 ? "" : "strays");
        const pid_t three[] = {family.front, family.told.guardian,
                               family.told.supervisor};
        kill_two(three[(spared + 1) % 3], three[(spared + 2) % 3]);
        (void)see_them_end(&family, words);
    }
}

static void a_signal_is_handed_on(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    start_family(&family, "");
    assert_int_equal(kill(family.front, SIGTERM), 0);
    int status = see_them_end(&family, words);
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_string_equal(words, "");
}

static void a_signal_that_nobody_handles_ends_the_supervisor(void **state)
{
    (void)state;
    struct family family;
    char words[WORDS_SIZE];
    start_family(&family, "strays");
    assert_int_equal(kill(family.front, SIGINT), 0);
    int status = see_them_end(&family, words);
    assert_int_equal(WEXITSTATUS(status), KILLED);
    assert_non_null(strstr(words, "(INT)"));
}

static void unguarded_there_is_nobody_to_tell(void **state)
{
    (void)state;
    guardian_tell_folder("/nowhere");
}

int main(void)
{
    if (mkdtemp(folder) == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_code_passes_through),
        cmocka_unit_test(what_a_supervisor_forgets_is_ended),
        cmocka_unit_test(a_killed_supervisor_leaves_nobody),
        cmocka_unit_test(a_killed_supervisors_group_is_emptied_and_goes),
        cmocka_unit_test(a_killed_front_stops_the_supervisor),
        cmocka_unit_test(a_killed_guardian_is_replaced_by_the_front),
        cmocka_unit_test(of_three_two_may_be_killed),
        cmocka_unit_test(a_signal_is_handed_on),
        cmocka_unit_test(a_signal_that_nobody_handles_ends_the_supervisor),
        cmocka_unit_test(unguarded_there_is_nobody_to_tell),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
