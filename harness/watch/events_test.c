#include "watch/events.h"

#include "host.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/plateau-events.XXXXXX";
static char path[sizeof folder + 16];
static struct ev_loop *loop;

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/count", folder);
    loop = ev_loop_new(EVFLAG_AUTO);
    return loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ev_loop_destroy(loop);
    (void)unlink(path);
    return rmdir(folder);
}

static void write_file(const char *mode, const char *text)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct events *make(enum events_by by, const char *text)
{
    const struct events_config config = {
        .loop = loop, .by = by, .text = text, .every_s = 1.};
    struct events *events = NULL;
    struct err err = {0};
    if (events_new(&config, &events, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    return events;
}

static int64_t count_after(struct events *events, const char *mode,
                           const char *text)
{
    write_file(mode, text);
    events_poll(events, 0);
    return events_count(events);
}

static void a_number_in_a_file_counts_from_the_first_reading(void **state)
{
    (void)state;
    write_file("w", "  1000\n");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(events_count(events), 0);
    assert_int_equal(count_after(events, "w", "1007"), 7);
    assert_int_equal(count_after(events, "w", "1.5e3\n"), 500);
    events_free(events);
}

static void a_count_that_goes_back_goes_on_from_where_it_was(void **state)
{
    (void)state;
    struct events_counts counts;
    write_file("w", "100\n");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(count_after(events, "w", "160\n"), 60);
    assert_int_equal(count_after(events, "w", "5\n"), 65);
    events_counts(events, &counts);
    assert_int_equal(counts.resets, 1);
    assert_int_equal(counts.failures, 0);
    events_free(events);
}

static void a_number_that_is_lost_is_a_failed_reading(void **state)
{
    (void)state;
    struct events_counts counts;
    write_file("w", "100\n");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(count_after(events, "w", "120\n"), 20);
    assert_int_equal(count_after(events, "w", "half-writ"), 20);
    assert_int_equal(unlink(path), 0);
    events_poll(events, 0);
    events_counts(events, &counts);
    assert_int_equal(counts.failures, 2);
    assert_non_null(strstr(events_trouble(events), "No such file"));
    assert_int_equal(count_after(events, "w", "130\n"), 30);
    events_free(events);
}

static void lines_count_from_where_the_file_ended(void **state)
{
    (void)state;
    char text[128];
    write_file("w", "GET / 200\nGET / 200\n");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(events_count(events), 0);
    assert_int_equal(count_after(events, "a", "GET / 200\n"), 1);
    assert_int_equal(count_after(events, "a", "GET / 404\nGET "), 2);
    assert_int_equal(count_after(events, "a", "/ 200\n7\n"), 4);
    assert_non_null(
        strstr(events_describe(events, text, sizeof text), "the lines of"));
    events_free(events);
}

static void lines_of_a_rotated_file_go_on(void **state)
{
    (void)state;
    struct events_counts counts;
    write_file("w", "a line\na line\na line\n");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(count_after(events, "a", "a line\n"), 1);
    assert_int_equal(count_after(events, "w", "another\n"), 2);
    assert_int_equal(count_after(events, "a", "another\n"), 3);
    events_counts(events, &counts);
    assert_int_equal(counts.resets, 1);
    events_free(events);
}

static void an_empty_file_becomes_what_is_written_to_it(void **state)
{
    (void)state;
    write_file("w", "");
    struct events *events = make(EVENTS_BY_FILE, path);
    assert_int_equal(count_after(events, "w", "first\nsecond\n"), 2);
    events_free(events);
    write_file("w", "");
    events = make(EVENTS_BY_FILE, path);
    assert_int_equal(count_after(events, "w", "12\n"), 12);
    assert_int_equal(count_after(events, "w", "13\n"), 13);
    events_free(events);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {"/nowhere/at/all", "/tmp", "/dev/zero"};
    for (size_t i = 0; i < 3; i++) {
        const struct events_config config = {
            .loop = loop, .by = EVENTS_BY_FILE, .text = wrong[i]};
        struct events *events = NULL;
        struct err err = {0};
        assert_true(events_new(&config, &events, &err) < 0);
        assert_null(events);
        assert_non_null(strstr(err.sentence, wrong[i]));
    }
}

/* Turns the loop until the command that was started has ended. */
static void run_once(struct events *events, int64_t now_ns)
{
    events_poll(events, now_ns);
    while (events_is_busy(events)) {
        (void)ev_run(loop, EVRUN_ONCE);
    }
}

static void a_command_is_asked_again_when_it_is_time(void **state)
{
    (void)state;
    char command[128];
    struct events_counts counts;
    (void)snprintf(command, sizeof command, "cat %s", path);
    write_file("w", "40\n");
    struct events *events = make(EVENTS_BY_COMMAND, command);
    run_once(events, 0);
    write_file("w", "42\n");
    run_once(events, 500000000);
    assert_int_equal(events_count(events), 0);
    run_once(events, 1000000000);
    assert_int_equal(events_count(events), 2);
    events_counts(events, &counts);
    assert_int_equal(counts.readings, 2);
    events_free(events);
}

static void a_command_that_fails_says_how(void **state)
{
    static const struct {
        const char *command, *sentence;
    } wrong[] = {
        {"exit 3", "exit status 3"},
        {"kill -9 $$", "killed by signal 9"},
        {"echo 12 apples", "\"12 apples\", which is no number"},
        {"true", "\"\", which is no number"},
        {"echo -1", "no number"},
        {"printf '\\033[2Jx'", "\"?[2Jx\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct events_counts counts;
        struct events *events = make(EVENTS_BY_COMMAND, wrong[i].command);
        run_once(events, 0);
        events_counts(events, &counts);
        assert_int_equal(counts.failures, 1);
        if (strstr(events_trouble(events), wrong[i].sentence) == NULL) {
            fail_msg("%s: %s", wrong[i].command, events_trouble(events));
        }
        events_free(events);
    }
}

static void what_a_command_leaves_in_the_background_is_ended(void **state)
{
    (void)state;
    char command[128];
    char text[32] = "";
    (void)snprintf(command, sizeof command, "sleep 600 & echo $! > %s; echo 1",
                   path);
    struct events *events = make(EVENTS_BY_COMMAND, command);
    run_once(events, 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    int pidfd = (int)syscall(SYS_pidfd_open, atoi(text), 0);
    if (pidfd >= 0) {
        struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, 10000), 1);
        (void)close(pidfd);
    }
    events_free(events);
}

static void a_command_under_way_ends_with_us(void **state)
{
    (void)state;
    struct events *events = make(EVENTS_BY_COMMAND, "sleep 600");
    events_poll(events, 0);
    assert_true(events_is_busy(events));
    events_free(events);
}

static void signals_are_counted(void **state)
{
    (void)state;
    char name[] = "RTMIN+3";
    struct events *events = make(EVENTS_BY_SIGNAL, name);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(kill(getpid(), SIGRTMIN + 3), 0);
    }
    events_poll(events, 0);
    assert_int_equal(events_count(events), 100);
    events_free(events);
    /* One that comes late ends nobody. */
    assert_int_equal(kill(getpid(), SIGRTMIN + 3), 0);
}

static void only_free_signals_are_taken(void **state)
{
    (void)state;
    assert_int_equal(events_parse_signal("USR1"), SIGUSR1);
    assert_int_equal(events_parse_signal("SIGUSR2"), SIGUSR2);
    assert_int_equal(events_parse_signal("RTMIN"), SIGRTMIN);
    assert_int_equal(events_parse_signal("RTMIN+1"), SIGRTMIN + 1);
    const char *const wrong[] = {"KILL",     "INT",      "",   "RTMIN+99",
                                 "RTMIN+-1", "RTMIN+1x", "10", "usr1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(events_parse_signal(wrong[i]), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_in_a_file_counts_from_the_first_reading),
        cmocka_unit_test(a_count_that_goes_back_goes_on_from_where_it_was),
        cmocka_unit_test(a_number_that_is_lost_is_a_failed_reading),
        cmocka_unit_test(lines_count_from_where_the_file_ended),
        cmocka_unit_test(lines_of_a_rotated_file_go_on),
        cmocka_unit_test(an_empty_file_becomes_what_is_written_to_it),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(a_command_is_asked_again_when_it_is_time),
        cmocka_unit_test(a_command_that_fails_says_how),
        cmocka_unit_test(what_a_command_leaves_in_the_background_is_ended),
        cmocka_unit_test(a_command_under_way_ends_with_us),
        cmocka_unit_test(signals_are_counted),
        cmocka_unit_test(only_free_signals_are_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
