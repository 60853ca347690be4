/* Profiles of this very program, written by hand with its own addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/site_history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DUMPS = 5 };

static char folder[] = "/tmp/site-history-test.XXXXXX";
static char paths[DUMPS][64];
static const char *list[DUMPS];

/* Functions that a stack can lie in. */
__attribute__((noinline)) static void leak_here(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void serve_there(void)
{
    leak_here();
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void our_malloc(void)
{
    __asm__ volatile("" ::: "memory");
}

/* An address in |function| as a return address: behind a byte of it. */
static unsigned long in(void (*function)(void))
{
    return (unsigned long)(uintptr_t)function + 1;
}

static void put_maps(FILE *file)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4200];
    assert_non_null(maps);
    (void)fputs("\nMAPPED_LIBRARIES:\n", file);
    while (fgets(line, sizeof line, maps) != NULL) {
        (void)fputs(line, file);
    }
    (void)fclose(maps);
}

/* The k-th of them: leak_here() holds |objects| of 64 KiB, a thousand times the
 * interval, so that sampling has no part in it; serve_there() always one. */
static void write_dump(int k, int objects)
{
    FILE *file = fopen(paths[k], "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "heap_v2/64\n  t*: %d: %d [0: 0]\n@ 0x%lx 0x%lx\n"
                  "  t*: %d: %d [0: 0]\n@ 0x%lx\n  t*: 1: 65536 [0: 0]\n",
                  objects + 1, 65536 * (objects + 1), in(leak_here),
                  in(serve_there), objects, 65536 * objects, in(serve_there));
    put_maps(file);
    assert_int_equal(fclose(file), 0);
}

static size_t row_of(const struct site_history *history, uint32_t frames)
{
    for (size_t i = 0; i < history->rows_count; i++) {
        if (history->rows[i].frames_count == frames) {
            return i;
        }
    }
    fail_msg("no row of %u frames", frames);
    return 0;
}

static void follows_a_stack_from_dump_to_dump(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    for (int k = 0; k < DUMPS; k++) {
        write_dump(k, 10 * k);
    }
    assert_int_equal(site_history_load(list, DUMPS, &history, &err), 0);
    assert_int_equal(history.rows_count, 2);
    const struct site_history_row *leak = &history.rows[row_of(&history, 2)];
    const struct site_history_row *serve = &history.rows[row_of(&history, 1)];
    for (int k = 0; k < DUMPS; k++) {
        assert_true(fabs(leak->objects[k] - 10. * k) < 0.01);
        assert_true(fabs(leak->bytes[k] - 655360. * k) < 100.);
        assert_true(fabs(serve->objects[k] - 1.) < 0.01);
    }
    site_history_deinit(&history);
}

/* A process that was forked has the same program at the same addresses; one
 * with another program where this one lies is left out, and so is a damaged
 * file. */
static void parts_of_a_dump_are_added(void **state)
{
    char beside[3][80];
    struct site_history history;
    struct err err = {0};
    FILE *file;
    (void)state;
    for (int k = 0; k < 2; k++) {
        write_dump(k, 10);
    }
    for (int i = 0; i < 3; i++) {
        (void)snprintf(beside[i], sizeof beside[i], "%s.%d", paths[1], 7 + i);
    }
    assert_int_equal(rename(paths[1], beside[0]), 0);
    write_dump(1, 10);
    file = fopen(beside[1], "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "heap_v2/64\n  t*: 1: 65536 [0: 0]\n@ 0x%lx\n"
                  "  t*: 1: 65536 [0: 0]\n\nMAPPED_LIBRARIES:\n"
                  "%lx-%lx r-xp 00000000 08:01 1 /somewhere/else\n",
                  in(leak_here), in(leak_here) & ~0xffful,
                  (in(leak_here) & ~0xffful) + 0x1000);
    assert_int_equal(fclose(file), 0);
    file = fopen(beside[2], "we");
    assert_non_null(file);
    (void)fputs("heap_v2/64\nnonsense", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(site_history_load(list, 2, &history, &err), 0);
    const struct site_history_row *leak = &history.rows[row_of(&history, 2)];
    assert_true(fabs(leak->objects[0] - 10.) < 0.01);
    assert_true(fabs(leak->objects[1] - 20.) < 0.01);
    assert_int_equal(history.notes.count, 2);
    assert_non_null(strstr(history.notes.texts[0], "/somewhere/else"));
    site_history_deinit(&history);
    for (int i = 0; i < 3; i++) {
        (void)unlink(beside[i]);
    }
}

static void names_only_what_is_asked_for(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    char text[200];
    for (int k = 0; k < DUMPS; k++) {
        write_dump(k, 10 * k);
    }
    assert_int_equal(site_history_load(list, DUMPS, &history, &err), 0);
    size_t row = row_of(&history, 2);
    assert_int_equal(site_history_name(&history, &row, 1), 0);
    assert_string_equal(site_history_function(&history, row, text, 200),
                        "leak_here");
    assert_non_null(strstr(site_history_text(&history, row, text, 200),
                           "leak_here (site_history_test.c:"));
    assert_non_null(strstr(text, ") < serve_there"));
    assert_int_equal(history.notes.count, 0);
    site_history_deinit(&history);
}

static void what_passes_a_wish_on_is_named_only_if_it_is_all(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    size_t rows[] = {0, 1};
    char text[200];
    FILE *file = fopen(paths[0], "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "heap_v2/64\n  t*: 2: 131072 [0: 0]\n"
                  "@ 0x%lx 0x%lx 0x%lx\n  t*: 1: 65536 [0: 0]\n"
                  "@ 0x%lx\n  t*: 1: 65536 [0: 0]\n",
                  in(our_malloc), in(leak_here), in(our_malloc),
                  in(our_malloc));
    put_maps(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(site_history_load(list, 1, &history, &err), 0);
    assert_int_equal(site_history_name(&history, rows, 2), 0);
    assert_string_equal(site_history_function(&history, 0, text, 200),
                        "leak_here");
    assert_non_null(
        strstr(site_history_text(&history, 0, text, 200), ") < our_malloc"));
    assert_string_equal(site_history_function(&history, 1, text, 200),
                        "our_malloc");
    site_history_deinit(&history);
}

/* Five stacks that end in leak_here(): two of them read the same, two are as
 * long, one of which is of larger objects, and the last tells no function. */
static void stacks_that_read_the_same_are_one(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    size_t rows[] = {0, 1, 2, 3, 4};
    unsigned long leak = in(leak_here), serve = in(serve_there);
    FILE *file = fopen(paths[0], "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "heap_v2/64\n  t*: 31: 3276800 [0: 0]\n"
                  "@ 0x%lx 0x%lx 0x%lx 0x%lx\n  t*: 1: 65536 [0: 0]\n"
                  "@ 0x%lx 0x%lx 0x%lx 0x%lx\n  t*: 2: 131072 [0: 0]\n"
                  "@ 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n  t*: 4: 524288 [0: 0]\n"
                  "@ 0x%lx 0x%lx\n  t*: 8: 524288 [0: 0]\n"
                  "@ 0x1\n  t*: 16: 1048576 [0: 0]\n",
                  leak, serve, serve, serve, leak, serve, serve, leak, leak,
                  serve, serve, leak, leak, leak, serve);
    put_maps(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(site_history_load(list, 1, &history, &err), 0);
    assert_int_equal(history.rows_count, 5);
    assert_int_equal(site_history_name(&history, rows, 5), 0);
    assert_int_equal(site_history_merge(&history, rows, 5), 4);
    assert_int_equal(rows[0], 0);
    assert_int_equal(rows[1], 2);
    assert_true(fabs(history.rows[0].objects[0] - 3.) < 0.01);
    assert_true(fabs(history.rows[2].objects[0] - 4.) < 0.01);
    site_history_deinit(&history);
}

/* jemalloc keeps each sample in a region of its own: of the second dump two of
 * 64 bytes. */
static void what_samples_hold_themselves_is_known_of_each_dump(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    for (int k = 0; k < 2; k++) {
        FILE *file = fopen(paths[k], "we");
        assert_non_null(file);
        (void)fprintf(file,
                      "heap_v2/64\n  t*: %d: %d [0: 0]\n@ 0x%lx\n"
                      "  t*: %d: %d [0: 0]\n",
                      1 + k, 64 * (1 + k), in(leak_here), 1 + k, 64 * (1 + k));
        put_maps(file);
        if (k == 0) {
            (void)fputs("sampler: plateau\n", file);
        }
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(site_history_load(list, 2, &history, &err), 0);
    assert_true(history.padding[0] == 0.);
    assert_true(history.padding[1] == 2. * (16384 - 64));
    site_history_deinit(&history);
}

static void a_dump_that_was_cut_off_is_a_gap(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    for (int k = 0; k < DUMPS; k++) {
        write_dump(k, 10 * k + 1);
    }
    assert_int_equal(truncate(paths[2], 10), 0);
    assert_int_equal(site_history_load(list, DUMPS, &history, &err), 0);
    for (size_t i = 0; i < history.rows_count; i++) {
        for (int k = 0; k < DUMPS; k++) {
            assert_int_equal(isnan(history.rows[i].bytes[k]), k == 2);
        }
    }
    assert_int_equal(history.notes.count, 1);
    assert_non_null(strstr(history.notes.texts[0], "2.heap:"));
    site_history_deinit(&history);
}

static void none_that_can_be_read_is_said(void **state)
{
    (void)state;
    struct site_history history;
    struct err err = {0};
    const char *nowhere = "/nowhere/observer-0.1.heap";
    assert_int_equal(site_history_load(&nowhere, 1, &history, &err), -ENODATA);
    assert_non_null(strstr(err.file, "observer-0.1.heap"));
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    for (int k = 0; k < DUMPS; k++) {
        (void)snprintf(paths[k], sizeof paths[k], "%s/%d.heap", folder, k);
        list[k] = paths[k];
    }
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int k = 0; k < DUMPS; k++) {
        (void)unlink(paths[k]);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_stack_from_dump_to_dump),
        cmocka_unit_test(parts_of_a_dump_are_added),
        cmocka_unit_test(names_only_what_is_asked_for),
        cmocka_unit_test(what_passes_a_wish_on_is_named_only_if_it_is_all),
        cmocka_unit_test(stacks_that_read_the_same_are_one),
        cmocka_unit_test(what_samples_hold_themselves_is_known_of_each_dump),
        cmocka_unit_test(a_dump_that_was_cut_off_is_a_gap),
        cmocka_unit_test(none_that_can_be_read_is_said),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
