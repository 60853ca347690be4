#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/series_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_text(const char *text, struct series_csv *series,
                     struct err *err)
{
    FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(stream);
    int result = series_csv_read(stream, "a.csv", NULL, series, err);
    (void)fclose(stream);
    return result;
}

static void expect_error(const char *text, int line, const char *part)
{
    struct series_csv series = {0};
    struct err err = {0};
    assert_int_equal(read_text(text, &series, &err), -EINVAL);
    assert_null(series.points);
    assert_string_equal(err.file, "a.csv");
    assert_int_equal(err.line, line);
    if (strstr(err.sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.sentence, part);
    }
}

static void reads_two_columns_without_names(void **state)
{
    (void)state;
    struct series_csv series = {0};
    assert_int_equal(read_text("0,10\n0.5,20\n", &series, NULL), 0);
    assert_int_equal(series.count, 2);
    assert_false(series.has_events);
    assert_true(series.points[1].t_s == 0.5);
    assert_true(series.points[1].value == 20.0);
    assert_true(series.points[1].events == 0.0);
    series_csv_deinit(&series);
}

static void finds_columns_by_name_in_any_order(void **state)
{
    (void)state;
    struct series_csv series = {0};
    const char *text = "# from elsewhere\r\n\r\n"
                       "events , host,\"value_bytes\",t_seconds\r\n"
                       "3,a,1e6,0\r\n"
                       "4,b,2e6,1\r\n";
    assert_int_equal(read_text(text, &series, NULL), 0);
    assert_int_equal(series.count, 2);
    assert_true(series.has_events);
    assert_true(series.points[1].t_s == 1.0);
    assert_true(series.points[1].value == 2e6);
    assert_true(series.points[1].events == 4.0);
    series_csv_deinit(&series);
}

static void reads_columns_by_the_names_and_delimiter_given(void **state)
{
    (void)state;
    static const char text[] = "when;rss;n;value\r\n0;10;1;x\r\n1;20;2;y\r\n";
    struct series_csv_format format = {
        .time = "when", .value = "rss", .delimiter = ';'};
    struct series_csv series = {0};
    struct err err = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(stream);
    assert_int_equal(series_csv_read(stream, "a", &format, &series, &err), 0);
    assert_int_equal(series.count, 2);
    assert_false(series.has_events);
    assert_true(series.points[1].value == 20.0);
    series_csv_deinit(&series);
    rewind(stream);
    format.events = "kills";
    assert_int_equal(series_csv_read(stream, "a", &format, &series, &err),
                     -EINVAL);
    assert_non_null(strstr(err.sentence, "no column named kills"));
    (void)fclose(stream);
}

static void a_delimiter_may_be_a_tab(void **state)
{
    (void)state;
    static const char text[] = "0\t10\t\n1\t\t3\n2\t5\t4\n";
    struct series_csv_format format = {.delimiter = '\t'};
    struct series_csv series = {0};
    struct err err = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(stream);
    assert_int_equal(series_csv_read(stream, "a", &format, &series, &err),
                     -EINVAL);
    assert_int_equal(err.line, 1);
    assert_non_null(strstr(err.sentence, "events is \"\""));
    (void)fclose(stream);
}

static void accepts_a_byte_order_mark_and_no_last_line_end(void **state)
{
    (void)state;
    struct series_csv series = {0};
    const char *text = "\xef\xbb\xbft_seconds,value\n0,1\n1,2";
    assert_int_equal(read_text(text, &series, NULL), 0);
    assert_int_equal(series.count, 2);
    series_csv_deinit(&series);
}

static void skips_and_counts_missing_values(void **state)
{
    (void)state;
    struct series_csv series = {0};
    assert_int_equal(read_text("0,1,0\n1,,1\n2,nan,2\n3,4,3\n", &series, NULL),
                     0);
    assert_int_equal(series.count, 2);
    assert_int_equal(series.gaps, 2);
    assert_true(series.points[1].t_s == 3.0);
    series_csv_deinit(&series);
}

static void grows_beyond_its_first_allocation(void **state)
{
    (void)state;
    enum { ROWS = 5000 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (int i = 0; i < ROWS; i++) {
        (void)fprintf(out, "%d,%d\n", i, 2 * i);
    }
    (void)fclose(out);
    struct series_csv series = {0};
    assert_int_equal(read_text(text, &series, NULL), 0);
    assert_int_equal(series.count, ROWS);
    assert_true(series.points[ROWS - 1].value == 2.0 * (ROWS - 1));
    series_csv_deinit(&series);
    free(text);
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    expect_error("0,1\n1,2 KiB\n", 2, "value_bytes is \"2 KiB\"");
    expect_error("0,1\nsoon,2\n", 2, "t_seconds is \"soon\"");
    expect_error("0,1\n,2\n", 2, "t_seconds is \"\"");
    expect_error("0,1,0\n1,2,nan\n", 2, "events is \"nan\"");
    expect_error("0,1\n1,inf\n", 2, "finite");
    expect_error("0,1,2\n1,2\n", 2, "2 columns, where events");
    expect_error("1,2,3,4\n", 1, "4 columns without names");
    expect_error("7\n", 1, "1 columns without names");
    expect_error("time,rss\n1,2\n", 1, "no column named t_seconds");
    expect_error("t_seconds,rss\n1,2\n", 1, "no column named value_bytes");
    expect_error("t_seconds,value,value_bytes\n", 1, "two columns");
    expect_error("0,1\n2,1\n\n1,1\n", 4, "t_seconds is 1, where more than");
    expect_error("0,1\n2,nan\n2,1\n", 3, "t_seconds is 2, where more than");
    expect_error("0,1,5\n1,1,4\n", 2, "events is 4, where at least the 5");
    expect_error("# nothing\n", 0, "no rows");
}

static void refuses_endless_lines_and_binary_files(void **state)
{
    (void)state;
    char *text = malloc(SERIES_CSV_LINE_MAX + 2);
    assert_non_null(text);
    memset(text, '1', SERIES_CSV_LINE_MAX + 1);
    text[SERIES_CSV_LINE_MAX + 1] = '\0';
    expect_error(text, 1, "this is no CSV file");
    free(text);

    static const char binary[] = "\0\0\0\0";
    struct series_csv series = {0};
    struct err err = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)binary, 4, "r");
    assert_non_null(stream);
    assert_int_equal(series_csv_read(stream, "a.bin", NULL, &series, &err),
                     -EINVAL);
    (void)fclose(stream);
}

static void loads_a_file_and_names_one_that_is_missing(void **state)
{
    (void)state;
    char folder[] = "/tmp/series_csv_test.XXXXXX";
    char path[64];
    struct series_csv series = {0};
    struct err err = {0};

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/a.csv", folder);
    assert_int_equal(series_csv_load(path, NULL, &series, &err), -ENOENT);
    assert_string_equal(err.file, path);

    FILE *out = fopen(path, "we");
    assert_non_null(out);
    (void)fputs("t_seconds,value_bytes\n0,1\n", out);
    (void)fclose(out);
    assert_int_equal(series_csv_load(path, NULL, &series, &err), 0);
    assert_int_equal(series.count, 1);
    series_csv_deinit(&series);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_two_columns_without_names),
        cmocka_unit_test(finds_columns_by_name_in_any_order),
        cmocka_unit_test(reads_columns_by_the_names_and_delimiter_given),
        cmocka_unit_test(a_delimiter_may_be_a_tab),
        cmocka_unit_test(accepts_a_byte_order_mark_and_no_last_line_end),
        cmocka_unit_test(skips_and_counts_missing_values),
        cmocka_unit_test(grows_beyond_its_first_allocation),
        cmocka_unit_test(says_where_and_what_is_wrong),
        cmocka_unit_test(refuses_endless_lines_and_binary_files),
        cmocka_unit_test(loads_a_file_and_names_one_that_is_missing),
    };
    return cmocka_run_group_tests_name("series_csv", tests, NULL, NULL);
}
