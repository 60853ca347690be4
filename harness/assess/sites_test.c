/* Heap profiles of this very program, written by hand with its own addresses,
 * beside a panel that was never recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assess/sites.h"

#include "heap/dumps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 10, OBSERVERS = 2, BLOCK = 65536 };

static char folder[] = "/tmp/sites-test.XXXXXX";

static const struct metric figure = {.kind = METRIC_FIGURE,
                                     .role = METRIC_PRIMARY};

__attribute__((noinline)) static void leak_here(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void hold_there(void)
{
    __asm__ volatile("" ::: "memory");
}

struct made {
    double t_s[ROWS], events[ROWS], values[OBSERVERS + 1][ROWS];
    int64_t keys[ROWS];
    struct panel_column columns[OBSERVERS + 1];
    struct panel panel;
};

/* Ebbs 1 to ROWS, 30 events each; observer-1 holds more. The last column is of
 * both together. */
static void begin(struct made *made)
{
    memset(made, 0, sizeof *made);
    made->panel = (struct panel){.are_troughs = true,
                                 .rows = ROWS,
                                 .t_s = made->t_s,
                                 .events = made->events,
                                 .keys = made->keys,
                                 .columns = made->columns,
                                 .columns_count = OBSERVERS + 1};
    for (int i = 0; i < ROWS; i++) {
        made->keys[i] = i + 1;
        made->events[i] = 30 * i;
        for (int o = 0; o <= OBSERVERS; o++) {
            made->values[o][i] = BLOCK * (4. * i * (o + 1) + 40);
        }
    }
    for (int o = 0; o <= OBSERVERS; o++) {
        struct panel_column *column = &made->columns[o];
        *column = (struct panel_column){.metric = &figure,
                                        .slot_id = o < OBSERVERS ? o : -1,
                                        .ordinal = o,
                                        .observers = 1,
                                        .quantum = 1,
                                        .values = made->values[o]};
        (void)snprintf(column->name, sizeof column->name, "heap/allocated");
        (void)snprintf(column->role, sizeof column->role, "daemon");
    }
}

/* Of |observer| at |ebb|: leak_here() holds |leaked| blocks, hold_there() 40 or
 * 41 of them by turns. */
static void write_dump(const char *observer, int ebb, int leaked)
{
    char path[160], line[4200];
    FILE *file = fopen(
        dumps_path(folder, observer, (uint32_t)ebb, path, sizeof path), "we");
    FILE *maps = fopen("/proc/self/maps", "re");
    int held = 40 + ebb % 2;
    assert_non_null(file);
    assert_non_null(maps);
    (void)fprintf(file,
                  "heap_v2/64\n  t*: %d: %d [0: 0]\n@ 0x%lx\n"
                  "  t*: %d: %d [0: 0]\n@ 0x%lx\n  t*: %d: %d [0: 0]\n"
                  "\nMAPPED_LIBRARIES:\n",
                  leaked + held, (leaked + held) * BLOCK,
                  (unsigned long)(uintptr_t)leak_here + 1, leaked,
                  leaked * BLOCK, (unsigned long)(uintptr_t)hold_there + 1,
                  held, held * BLOCK);
    while (fgets(line, sizeof line, maps) != NULL) {
        (void)fputs(line, file);
    }
    (void)fclose(maps);
    assert_int_equal(fclose(file), 0);
}

static void remove_dumps(void)
{
    char path[160];
    for (int ebb = 1; ebb <= 11 * ROWS; ebb++) {
        (void)unlink(
            dumps_path(folder, "daemon-0", (uint32_t)ebb, path, sizeof path));
        (void)unlink(
            dumps_path(folder, "daemon-1", (uint32_t)ebb, path, sizeof path));
    }
}

static void the_function_that_leaks_is_named_with_its_share(void **state)
{
    (void)state;
    struct made made;
    struct sites sites;
    begin(&made);
    for (int i = 0; i < ROWS; i++) {
        write_dump("daemon-0", i + 1, 1);
        write_dump("daemon-1", i + 1, 6 * i);
    }
    assert_int_equal(
        sites_find(folder, &made.panel, &made.columns[OBSERVERS], &sites), 0);
    assert_string_equal(sites.observer, "daemon-1");
    assert_int_equal(sites.dumps_count, ROWS);
    assert_int_equal(sites.grown_count, 1);
    assert_string_equal(sites.grown[0].function, "leak_here");
    assert_non_null(strstr(sites.grown[0].text, "(sites_test.c:"));
    /* 6 of 8 blocks a row of 30 events. */
    assert_true(fabs(sites.grown[0].share - 0.75) < 0.01);
    assert_true(fabs(sites.grown[0].bytes_growth - BLOCK / 5.) < 10);
    assert_true(fabs(sites.grown[0].objects - 54) < 0.1);
    assert_int_equal(sites.others_count, 0);
    remove_dumps();
}

static void ebbs_that_did_not_settle_are_left_out(void **state)
{
    (void)state;
    struct made made;
    struct sites sites;
    begin(&made);
    made.keys[3] = 99; /* the fourth is no row: nor is its profile */
    for (int i = 0; i < ROWS; i++) {
        write_dump("daemon-1", i + 1, i == 3 ? 5000 : 6 * i);
    }
    assert_int_equal(
        sites_find(folder, &made.panel, &made.columns[OBSERVERS], &sites), 0);
    assert_int_equal(sites.dumps_count, ROWS - 1);
    assert_int_equal(sites.grown_count, 1);
    assert_true(fabs(sites.grown[0].share - 0.75) < 0.01);
    remove_dumps();
}

/* A watch has no ebbs, and may count no events: profiles are written now and
 * then, between two ticks of the grid. */
static void without_events_growth_is_an_hours(void **state)
{
    (void)state;
    struct made made;
    struct sites sites;
    begin(&made);
    made.panel.are_troughs = false;
    for (int i = 0; i < ROWS; i++) {
        made.keys[i] = 20 + 10 * i;
        made.t_s[i] = 36. * i;
        made.events[i] = 0.;
    }
    write_dump("daemon-1", 19, 900); /* before what is judged */
    for (int i = 1; i < ROWS; i++) {
        write_dump("daemon-1", 20 + 10 * i - 3, 6 * i);
    }
    assert_int_equal(
        sites_find(folder, &made.panel, &made.columns[OBSERVERS], &sites), 0);
    assert_int_equal(sites.dumps_count, ROWS - 1);
    assert_int_equal(sites.grown_count, 1);
    assert_true(fabs(sites.grown[0].share - 0.75) < 0.01);
    assert_true(fabs(sites.grown[0].bytes_growth / (BLOCK * 600.) - 1) < 1e-3);
    remove_dumps();
}

/* Ten objects a row are lost; each is a sample, in a region of jemalloc's. */
static void shares_are_of_what_samples_do_not_hold(void **state)
{
    const double padding = 10. * (16384. - 64.);
    (void)state;
    struct made made;
    struct sites sites;
    begin(&made);
    for (int i = 0; i < ROWS; i++) {
        char path[160];
        FILE *file = fopen(
            dumps_path(folder, "daemon-1", (uint32_t)i + 1, path, sizeof path),
            "we");
        assert_non_null(file);
        (void)fprintf(file,
                      "heap_v2/1\n  t*: %d: %d [0: 0]\n@ 0x%lx\n"
                      "  t*: %d: %d [0: 0]\n\nMAPPED_LIBRARIES:\n",
                      1 + 10 * i, 64 * (1 + 10 * i),
                      (unsigned long)(uintptr_t)leak_here + 1, 1 + 10 * i,
                      64 * (1 + 10 * i));
        assert_int_equal(fclose(file), 0);
        made.values[1][i] = 1e6 + 640. * i + padding * i;
    }
    assert_int_equal(sites_find(folder, &made.panel, &made.columns[1], &sites),
                     0);
    assert_int_equal(sites.grown_count, 1);
    assert_true(fabs(sites.grown[0].share - 1.) < 0.01);
    assert_true(fabs(sites.padding_share - padding / (padding + 640.)) < 0.01);
    remove_dumps();
}

static void few_profiles_or_none_say_nothing(void **state)
{
    (void)state;
    struct made made;
    struct sites sites;
    begin(&made);
    assert_int_equal(sites_find(NULL, &made.panel, &made.columns[0], &sites),
                     0);
    assert_int_equal(sites.grown_count, 0);
    assert_int_equal(sites_find(folder, &made.panel, &made.columns[0], &sites),
                     0);
    assert_int_equal(sites.grown_count, 0);
    for (int i = 0; i < SITES_DUMPS_MIN - 1; i++) {
        write_dump("daemon-0", i + 1, 6 * i);
    }
    assert_int_equal(sites_find(folder, &made.panel, &made.columns[0], &sites),
                     0);
    assert_int_equal(sites.grown_count, 0);
    assert_string_equal(sites.observer, "");
    remove_dumps();
}

static int make_folder(void **state)
{
    char path[64];
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    return mkdir(path, 0700);
}

static int remove_folder(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/heap", folder);
    (void)rmdir(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_function_that_leaks_is_named_with_its_share),
        cmocka_unit_test(ebbs_that_did_not_settle_are_left_out),
        cmocka_unit_test(without_events_growth_is_an_hours),
        cmocka_unit_test(shares_are_of_what_samples_do_not_hold),
        cmocka_unit_test(few_profiles_or_none_say_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
