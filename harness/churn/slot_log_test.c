#include <errno.h>
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

#include "churn/slot_log.h"

enum { PATH_SIZE = 128, LINE_SIZE = 64 };

struct fixture {
    char folder[PATH_SIZE / 2];
    char path[PATH_SIZE];
    int fd;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder,
                   "/tmp/plateau-slot-log-test.XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/a.log",
                   fixture->folder);
    fixture->fd = slot_log_open(fixture->path);
    *state = fixture;
    return fixture->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->fd);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void put(const struct fixture *fixture, const char *text)
{
    assert_int_equal(write(fixture->fd, text, strlen(text)), strlen(text));
}

static off_t size_of(const struct fixture *fixture)
{
    struct stat st;
    assert_int_equal(fstat(fixture->fd, &st), 0);
    return st.st_size;
}

static void an_empty_log_has_no_last_line(void **state)
{
    char line[LINE_SIZE];
    struct fixture *fixture = *state;
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE), "");
    slot_log_begin(fixture->fd, 1);
    put(fixture, "\n\n");
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE), "");
}

static void last_line_is_the_targets_not_ours(void **state)
{
    char line[LINE_SIZE];
    struct fixture *fixture = *state;
    put(fixture, "first\nsecond\n\n");
    slot_log_begin(fixture->fd, 2);
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE),
                        "second");
    slot_log_note(fixture->fd, 2, "was killed");
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE),
                        "second");
    put(fixture, "third, unfinished");
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE),
                        "third, unfinished");
}

static void a_long_last_line_is_cut_to_the_room(void **state)
{
    char line[8];
    struct fixture *fixture = *state;
    put(fixture, "0123456789\n");
    assert_string_equal(slot_log_last_line(fixture->fd, line, sizeof line),
                        "0123456");
}

static void control_characters_of_the_last_line_are_blanks(void **state)
{
    char line[LINE_SIZE];
    struct fixture *fixture = *state;
    static const char text[] = "a\0b\t\x1b[2J\x07\x7f\xc3\xbc\r\n";
    assert_int_equal(write(fixture->fd, text, sizeof text - 1),
                     sizeof text - 1);
    assert_string_equal(slot_log_last_line(fixture->fd, line, LINE_SIZE),
                        "a b  [2J  \xc3\xbc ");
}

/* Only the end of the file is looked at. */
static void of_a_line_without_end_the_end_is_told(void **state)
{
    static char text[3 * 4096];
    char line[LINE_SIZE];
    struct fixture *fixture = *state;
    memset(text, 'x', sizeof text - 1);
    put(fixture, text);
    (void)slot_log_last_line(fixture->fd, line, LINE_SIZE);
    assert_int_equal(strlen(line), LINE_SIZE - 1);
    assert_int_equal(strspn(line, "x"), LINE_SIZE - 1);
}

static void generations_follow_each_other_in_one_file(void **state)
{
    char text[LINE_SIZE] = "";
    struct fixture *fixture = *state;
    slot_log_begin(fixture->fd, 1);
    put(fixture, "one\n");
    int again = slot_log_open(fixture->path);
    assert_true(again >= 0);
    slot_log_begin(again, 2);
    (void)close(again);
    assert_true(pread(fixture->fd, text, LINE_SIZE - 1, 0) > 0);
    assert_string_equal(text, "--- generation 1\none\n--- generation 2\n");
}

static void a_log_that_cannot_be_opened_is_told(void **state)
{
    (void)state;
    assert_int_equal(slot_log_open("/nowhere/at/all"), -ENOENT);
    assert_int_equal(slot_log_open("/"), -EISDIR);
}

static void a_small_log_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "hello\n");
    slot_log_trim(fixture->fd);
    assert_int_equal(size_of(fixture), 6);
}

static void a_large_log_keeps_its_tail_and_goes_on(void **state)
{
    char line[LINE_SIZE];
    struct fixture *fixture = *state;
    for (int i = 0; i < SLOT_LOG_MAX_BYTES / 16 + 1; i++) {
        char text[LINE_SIZE];
        (void)snprintf(text, sizeof text, "line %010d\n", i);
        put(fixture, text);
    }
    slot_log_trim(fixture->fd);
    assert_int_equal(size_of(fixture), SLOT_LOG_KEEP_BYTES);
    (void)slot_log_last_line(fixture->fd, line, LINE_SIZE);
    assert_string_equal(line, "line 0000065536");
    put(fixture, "after\n");
    assert_int_equal(size_of(fixture), SLOT_LOG_KEEP_BYTES + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_log_has_no_last_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(last_line_is_the_targets_not_ours,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_last_line_is_cut_to_the_room,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            control_characters_of_the_last_line_are_blanks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_line_without_end_the_end_is_told,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            generations_follow_each_other_in_one_file, set_up, tear_down),
        cmocka_unit_test(a_log_that_cannot_be_opened_is_told),
        cmocka_unit_test_setup_teardown(a_small_log_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_large_log_keeps_its_tail_and_goes_on,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
