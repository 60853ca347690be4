#include "telemetry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char path[64];
    char text[65536];
    struct telemetry *telemetry;
};

static void begin(struct fixture *f, enum telemetry_level floor, bool is_late)
{
    memset(f, 0, sizeof *f);
    (void)snprintf(f->path, sizeof f->path, "/tmp/telemetry_test.XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct telemetry_config config = {
        .path = f->path, .floor = floor, .has_late_floor = is_late};
    assert_int_equal(
        telemetry_new(&config, plateau_tally_private(), &f->telemetry), 0);
}

static void end(struct fixture *f)
{
    telemetry_free(f->telemetry);
    FILE *file = fopen(f->path, "r");
    assert_non_null(file);
    size_t size = fread(f->text, 1, sizeof f->text - 1, file);
    f->text[size] = '\0';
    (void)fclose(file);
    (void)unlink(f->path);
}

static size_t lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

static void what_is_below_the_floor_is_dropped_where_it_arises(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, TELEMETRY_INFO, false);
    struct telemetry_span *node = telemetry_begin(f.telemetry, NULL, "node");
    struct telemetry_span *part = telemetry_begin(f.telemetry, node, "part");
    telemetry_event(part, TELEMETRY_DEBUG, 5, "unheard");
    assert_int_equal(telemetry_waiting_count(f.telemetry), 0);
    telemetry_event(part, TELEMETRY_WARN, 6, "heard %d", 42);
    assert_int_equal(telemetry_waiting_count(f.telemetry), 1);
    telemetry_end(part);
    telemetry_end(node);
    assert_int_equal(telemetry_waiting_count(f.telemetry), 0);
    end(&f);
    assert_string_equal(f.text,
                        "t_ns=6 level=warn span=2 of=1 in=part: heard 42\n");
}

static void a_long_span_keeps_a_bounded_number(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, TELEMETRY_DEBUG, false);
    struct telemetry_span *node = telemetry_begin(f.telemetry, NULL, "node");
    for (int i = 0; i < 3 * TELEMETRY_EVENTS_MAX; i++) {
        telemetry_event(node, TELEMETRY_INFO, i, "event %d", i);
        assert_true(telemetry_waiting_count(f.telemetry) <=
                    TELEMETRY_EVENTS_MAX);
    }
    telemetry_flush(node);
    assert_int_equal(telemetry_waiting_count(f.telemetry), 0);
    telemetry_event(node, TELEMETRY_INFO, 1, "and on");
    telemetry_end(node);
    end(&f);
    assert_non_null(strstr(f.text, "128 events dropped"));
    assert_null(strstr(f.text, ": event 127\n"));
    assert_non_null(strstr(f.text, ": event 128\n"));
    assert_non_null(strstr(f.text, ": and on\n"));
    assert_int_equal(lines(f.text), TELEMETRY_EVENTS_MAX + 2);
}

/* Nothing that the exporter wants is different; what waits is. */
static void a_late_floor_keeps_everything_until_the_span_ends(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, TELEMETRY_INFO, true);
    struct telemetry_span *node = telemetry_begin(f.telemetry, NULL, "node");
    for (int i = 0; i < 1000; i++) {
        telemetry_event(node, TELEMETRY_DEBUG, i, "debug");
        telemetry_flush(node);
    }
    telemetry_event(node, TELEMETRY_INFO, 7, "info");
    assert_int_equal(telemetry_waiting_count(f.telemetry), 1001);
    telemetry_end(node);
    end(&f);
    assert_int_equal(lines(f.text), 1);
}

static void nowhere_is_a_place(void **state)
{
    (void)state;
    struct telemetry_config config = {.floor = TELEMETRY_DEBUG};
    struct telemetry *telemetry = NULL;
    assert_int_equal(
        telemetry_new(&config, plateau_tally_private(), &telemetry), 0);
    struct telemetry_span *span = telemetry_begin(telemetry, NULL, "node");
    telemetry_event(span, TELEMETRY_WARN, 1, "unheard");
    telemetry_end(span);
    telemetry_free(telemetry);
    assert_null(telemetry_begin(NULL, NULL, "node"));
    telemetry_event(NULL, TELEMETRY_WARN, 1, "unheard");
    telemetry_flush(NULL);
    telemetry_end(NULL);
}

static void a_file_that_cannot_be_opened_is_said(void **state)
{
    (void)state;
    struct telemetry_config config = {.path = "/nonexistent/telemetry"};
    struct telemetry *telemetry = NULL;
    assert_int_equal(
        telemetry_new(&config, plateau_tally_private(), &telemetry), -ENOENT);
    assert_null(telemetry);
}

static void level_names_are_read(void **state)
{
    (void)state;
    enum telemetry_level level = TELEMETRY_DEBUG;
    assert_int_equal(telemetry_level_parse("warn", &level), 0);
    assert_int_equal(level, TELEMETRY_WARN);
    assert_int_equal(telemetry_level_parse("off", &level), 0);
    assert_int_equal(level, TELEMETRY_OFF);
    assert_int_equal(telemetry_level_parse("loud", &level), -EINVAL);
    assert_int_equal(level, TELEMETRY_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_below_the_floor_is_dropped_where_it_arises),
        cmocka_unit_test(a_long_span_keeps_a_bounded_number),
        cmocka_unit_test(a_late_floor_keeps_everything_until_the_span_ends),
        cmocka_unit_test(nowhere_is_a_place),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_said),
        cmocka_unit_test(level_names_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
