/* Panels that were never recorded: what is named, and for how much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assess/climbed.h"

#include "assess/joint.h"
#include "assess/line.h"
#include "assess/unnamed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 24, COLUMNS = 8, SEED = 41 };

static const struct metric figure = {.kind = METRIC_FIGURE,
                                     .role = METRIC_PRIMARY};
static const struct metric pair = {.kind = METRIC_PAIR, .role = METRIC_GATE};
static const struct metric gauge = {.kind = METRIC_GAUGE, .role = METRIC_GATE};
static const struct metric class = {.kind = METRIC_CLASS, .role = METRIC_PART};
static const struct sites no_sites;

/* A panel of one observer: 30 events a row, the first column is memory. */
struct made {
    double t_s[ROWS], events[ROWS];
    double values[COLUMNS][ROWS];
    struct panel_column columns[COLUMNS];
    struct panel panel;
    struct climbed ranking[CLIMBED_MAX];
    unsigned short seed[3];
};

static double noise(struct made *made, double amplitude)
{
    return amplitude * (erand48(made->seed) - 0.5);
}

static double *add(struct made *made, const struct metric *metric,
                   const char *name, double quantum)
{
    size_t i = made->panel.columns_count++;
    struct panel_column *column = &made->columns[i];
    *column = (struct panel_column){.metric = metric,
                                    .observers = 1,
                                    .quantum = quantum,
                                    .values = made->values[i]};
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    (void)snprintf(column->role, sizeof column->role, "observer");
    return made->values[i];
}

static void begin(struct made *made)
{
    memset(made, 0, sizeof *made);
    made->panel = (struct panel){.are_troughs = true,
                                 .rows = ROWS,
                                 .t_s = made->t_s,
                                 .events = made->events,
                                 .columns = made->columns};
    for (int i = 0; i < 3; i++) {
        made->seed[i] = SEED;
    }
    for (int i = 0; i < ROWS; i++) {
        made->t_s[i] = i;
        made->events[i] = 30. * i;
    }
    (void)add(made, &figure, "heap/allocated", 1);
    made->columns[0].has_climbed = true;
}

static size_t rank(struct made *made, const struct sites *sites)
{
    return climbed_rank(&made->panel, &made->columns[0], sites, made->ranking);
}

static void a_line_knows_how_sure_it_is(void **state)
{
    (void)state;
    /* By hand: y = 2x + (0, 1, -1, 0): slope 1.8, residuals' sum of squares
     * 1.8, standard error sqrt(0.9 / 5). */
    const double x[] = {0, 1, NAN, 2, 3};
    const double y[] = {0, 3, 9, 3, 6};
    struct line line = line_fit(x, y, 5);
    assert_int_equal(line.count, 4);
    assert_true(fabs(line.slope - 1.8) < 1e-9);
    assert_true(fabs(line.certainty - 1.8 / sqrt(0.9 / 5.)) < 1e-9);
    assert_true(line_fit(x, y, 0).slope == 0.);
}

static void two_causes_share_the_growth(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *table = add(&made, &gauge, "table", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 160));
        table[i] = floor(90 * i + noise(&made, 600));
        made.values[0][i] =
            5e5 + 4000 * loops[i] + 300 * table[i] + noise(&made, 40000);
    }
    size_t count = rank(&made, &no_sites);
    assert_int_equal(count, 3);
    assert_string_equal(made.ranking[0].name, "loops");
    assert_string_equal(made.ranking[1].name, "table");
    assert_int_equal(made.ranking[2].kind, CLIMBED_REST);
    assert_true(fabs(made.ranking[0].each - 4000) < 150);
    assert_true(fabs(made.ranking[1].each - 300) < 40);
    assert_true(fabs(made.ranking[0].bytes_per_event - 4000 * 20 / 30.) < 300);
    assert_true(fabs(made.ranking[1].bytes_per_event - 300 * 90 / 30.) < 150);
    assert_true(made.ranking[2].with_memory < 0.02);
}

static void what_is_in_step_is_not_counted_twice(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *timers = add(&made, &pair, "timers", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 16));
        timers[i] = 3 * loops[i];
        made.values[0][i] = 5e5 + 4000 * loops[i] + noise(&made, 400);
    }
    size_t count = rank(&made, &no_sites);
    assert_int_equal(count, 3);
    assert_string_equal(made.ranking[0].name, "loops");
    assert_string_equal(made.ranking[1].name, "timers");
    assert_true(isnan(made.ranking[1].bytes_per_event));
    assert_ptr_equal(made.ranking[1].in_step_with, &made.columns[1]);
    assert_non_null(strstr(made.ranking[1].sentence, "nothing beside loops"));
    assert_non_null(strstr(made.ranking[0].sentence, "(100 % of its growth)"));
}

/* Some connections have a timer, about the same part of them at all times: that
 * there are fewer timers does not make them the cause. */
static void what_goes_nearly_as_well_is_no_better_for_being_fewer(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *table = add(&made, &gauge, "table", 1);
    double *timers = add(&made, &pair, "timers", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(80 * i + noise(&made, 60));
        table[i] = floor(90 * i + noise(&made, 600));
        timers[i] = floor(0.25 * loops[i] + noise(&made, 12));
        made.values[0][i] =
            5e5 + 4e4 * loops[i] + 300 * table[i] + noise(&made, 4000);
    }
    assert_int_equal(rank(&made, &no_sites), 4);
    assert_string_equal(made.ranking[0].name, "loops");
    assert_string_equal(made.ranking[1].name, "table");
    assert_string_equal(made.ranking[2].name, "timers");
    assert_ptr_equal(made.ranking[2].in_step_with, &made.columns[1]);
    assert_true(1. - made.ranking[2].with_memory < 2e-3);
}

/* Counted one moment apart now and then, and memory with the second of them. */
static void the_same_thing_under_two_names_is_one(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *connections = add(&made, &gauge, "connections", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 16));
        connections[i] = loops[i] + (i % 5 == 0);
        made.values[0][i] = 5e5 + 4000 * connections[i];
    }
    assert_int_equal(rank(&made, &no_sites), 3);
    assert_string_equal(made.ranking[0].name, "loops");
    assert_ptr_equal(made.ranking[1].in_step_with, &made.columns[1]);
}

/* Of the second name the judge was sure, and memory goes better with it. */
static void one_thing_has_one_verdict(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *connections = add(&made, &gauge, "connections", 1);
    made.columns[2].has_climbed = true;
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 16));
        connections[i] = loops[i] + (i % 5 == 0 ? 6 : 0);
        made.values[0][i] = 5e5 + 4000 * connections[i];
    }
    assert_int_equal(rank(&made, &no_sites), 3);
    assert_string_equal(made.ranking[0].name, "loops");
}

static void what_was_judged_level_comes_behind_what_climbs(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *cache = add(&made, &gauge, "cache", 1);
    double *records = add(&made, &gauge, "records", 1);
    made.columns[1].is_level = true;
    made.columns[2].has_climbed = true;
    for (int i = 0; i < ROWS; i++) {
        cache[i] = floor(100 + 30 * i + noise(&made, 90));
        records[i] = floor(20 * i + noise(&made, 4));
        made.values[0][i] =
            5e5 + 400 * cache[i] + 60 * records[i] + noise(&made, 200);
    }
    assert_true(rank(&made, &no_sites) >= 2);
    assert_string_equal(made.ranking[0].name, "records");
    assert_string_equal(made.ranking[1].name, "cache");
    assert_non_null(strstr(made.ranking[1].sentence, "judged level"));
    assert_true(made.ranking[1].bytes_per_event >
                made.ranking[0].bytes_per_event);
}

/* One that nobody was sure of, and another that the judge called a CLIMB. */
static const char *first_of(double each, double of_the_other)
{
    static struct made made;
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    double *table = add(&made, &gauge, "table", 1);
    made.columns[2].has_climbed = true;
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 160));
        table[i] = floor(20 * i + noise(&made, 160));
        made.values[0][i] = 5e5 + each * loops[i] + of_the_other * table[i] +
                            noise(&made, 4000);
    }
    assert_int_equal(rank(&made, &no_sites), 3);
    assert_true(fabs(made.ranking[0].each + made.ranking[1].each - each -
                     of_the_other) < 40);
    return made.ranking[0].name;
}

static void what_is_most_of_a_climb_climbs(void **state)
{
    (void)state;
    assert_string_equal(first_of(4000, 400), "loops");
    assert_string_equal(first_of(2600, 1800), "table");
}

/* A heap that grows by 64 bytes an event, in one class and at one site. */
static void make_silent_leak(struct made *made)
{
    begin(made);
    double *small = add(made, &class, "64", 64);
    double *other = add(made, &class, "4096", 4096);
    for (int i = 0; i < ROWS; i++) {
        small[i] = 64 * (100 + 30 * i);
        other[i] = 4096 * floor(10 + noise(made, 6));
        made->values[0][i] = 4e5 + small[i] + other[i];
    }
}

static void a_leak_that_nothing_counts_is_laid_at_a_size_class(void **state)
{
    (void)state;
    struct made made;
    make_silent_leak(&made);
    size_t count = rank(&made, &no_sites);
    assert_int_equal(count, 1);
    assert_int_equal(made.ranking[0].kind, CLIMBED_CLASS);
    assert_string_equal(made.ranking[0].name, "64");
    assert_true(fabs(made.ranking[0].bytes_per_event - 64) < 0.01);
    assert_true(fabs(made.ranking[0].per_event - 1) < 1e-6);
    assert_true(fabs(made.ranking[0].alive - 790) < 1e-6);
    assert_non_null(strstr(made.ranking[0].sentence, "memory alone"));
}

/* Of jemalloc's profiler, which keeps each sample in one of 16 KiB. */
static void regions_of_samples_are_no_size_class_that_grows(void **state)
{
    (void)state;
    struct made made;
    struct sites sites = {.dumps_count = 9};
    make_silent_leak(&made);
    double *sampled = add(&made, &class, "16384", 16384);
    for (int i = 0; i < ROWS; i++) {
        sampled[i] = 16384. * (3 + i);
        made.values[0][i] += sampled[i];
    }
    assert_true(rank(&made, &sites) >= 2);
    assert_string_equal(made.ranking[0].name, "16384");
    sites.padding_share = 16384. / (16384. + 64 * 30);
    assert_int_equal(rank(&made, &sites), 1);
    assert_string_equal(made.ranking[0].name, "64");
    assert_true(made.ranking[0].with_memory > 0.9);
}

static void a_call_site_comes_before_a_cache_that_goes_badly(void **state)
{
    (void)state;
    struct made made;
    struct sites sites = {.observer = "observer-0", .grown_count = 1};
    sites.grown[0] = (struct site_growth){.function = "leak",
                                          .text = "leak (d.c:3) < serve",
                                          .bytes = 46080,
                                          .objects = 720,
                                          .bytes_growth = 63,
                                          .objects_growth = 0.98,
                                          .share = 0.98};
    make_silent_leak(&made);
    double *cache = add(&made, &gauge, "cache", 1);
    for (int i = 0; i < ROWS; i++) {
        cache[i] = floor(20 * sqrt(i) + noise(&made, 40));
        made.values[0][i] += noise(&made, 20000);
    }
    size_t count = rank(&made, &sites);
    assert_true(count >= 3);
    assert_string_equal(made.ranking[0].name, "leak");
    assert_int_equal(made.ranking[0].kind, CLIMBED_SITE);
    assert_memory_equal(made.ranking[0].sentence, "leak (d.c:3) < serve: 63 B",
                        26);
}

static void a_count_comes_before_the_sites_that_it_is_made_of(void **state)
{
    (void)state;
    struct made made;
    struct sites sites = {.observer = "observer-0", .grown_count = 1};
    sites.grown[0] = (struct site_growth){.function = "loop_new",
                                          .text = "loop_new",
                                          .bytes = 1,
                                          .objects = 1,
                                          .bytes_growth = 2600,
                                          .share = 1};
    begin(&made);
    double *loops = add(&made, &pair, "loops", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = floor(20 * i + noise(&made, 16));
        made.values[0][i] = 5e5 + 4000 * loops[i] + noise(&made, 40000);
    }
    assert_int_equal(rank(&made, &sites), 3);
    assert_string_equal(made.ranking[0].name, "loops");
    assert_string_equal(made.ranking[1].name, "loop_new");
}

static void without_events_growth_is_told_by_the_hour(void **state)
{
    (void)state;
    struct made made;
    struct sites sites = {.observer = "observer-0", .grown_count = 1};
    sites.grown[0] = (struct site_growth){.function = "leak",
                                          .text = "leak (d.c:3) < serve",
                                          .bytes = 46080,
                                          .objects = 720,
                                          .bytes_growth = 63 * 30 * 3600,
                                          .objects_growth = 30 * 3600,
                                          .share = 0.98};
    make_silent_leak(&made);
    memset(made.events, 0, sizeof made.events);
    assert_int_equal(rank(&made, &sites), 3);
    assert_string_equal(made.ranking[0].name, "leak");
    assert_non_null(strstr(made.ranking[0].sentence, "6.49 MiB an hour (98 %"));
    assert_string_equal(made.ranking[1].name, "64");
    assert_true(fabs(made.ranking[1].explains - 64 * 30 * 3600) < 1.);
    assert_true(isnan(made.ranking[1].bytes_per_event));
    assert_non_null(strstr(made.ranking[2].sentence, "an hour (2 % of"));
}

static void memory_that_does_not_climb_explains_nothing(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    made.columns[0].has_climbed = false;
    double *loops = add(&made, &pair, "loops", 1);
    for (int i = 0; i < ROWS; i++) {
        loops[i] = 20 * i;
        made.values[0][i] = 5e5 + noise(&made, 1000);
    }
    assert_int_equal(rank(&made, &no_sites), 1);
    assert_true(isnan(made.ranking[0].bytes_per_event));
    assert_true(isnan(made.ranking[0].with_memory));
}

static const char *unnamed(struct made *made, const struct sites *sites,
                           bool is_named)
{
    static char text[320];
    return unnamed_say(&made->panel, &made->columns[0], sites, is_named, false,
                       text, sizeof text);
}

static void a_climb_without_a_name_says_what_would_tell_one(void **state)
{
    (void)state;
    struct made made;
    const struct sites profiled = {.dumps_count = 9};
    begin(&made);
    for (int i = 0; i < ROWS; i++) {
        made.values[0][i] = 5e5 + 4000 * i;
    }
    assert_non_null(strstr(unnamed(&made, &no_sites, false), "profile: true"));
    assert_non_null(strstr(unnamed(&made, &profiled, false), "no call site"));
    assert_string_equal(unnamed(&made, &no_sites, true), "");
    strcpy(made.columns[0].name, "private");
    assert_non_null(strstr(unnamed(&made, &no_sites, false), "{preload}"));
}

/* As Python does, which cuts its small objects from maps of its own. */
static void what_the_allocator_never_saw_is_said_to_be_outside(void **state)
{
    (void)state;
    struct made made;
    begin(&made);
    double *held = add(&made, &figure, "private", 4096);
    double *active = add(&made, &figure, "heap/active", 1);
    made.columns[1].has_climbed = true;
    for (int i = 0; i < ROWS; i++) {
        made.values[0][i] = 5e5 + 4000 * i + noise(&made, 100);
        active[i] = 6e5 + 5000 * i;
        held[i] = 4e6 + 50000 * i + noise(&made, 4096);
    }
    assert_non_null(strstr(unnamed(&made, &no_sites, true), ": 90 % of what"));
    made.columns[1].has_climbed = false;
    assert_string_equal(unnamed(&made, &no_sites, true), "");
    made.columns[1].has_climbed = true;
    for (int i = 0; i < ROWS; i++) {
        active[i] = 6e5 + 30000 * i;
    }
    assert_string_equal(unnamed(&made, &no_sites, true), "");
}

static void a_count_that_stands_still_fits_nothing(void **state)
{
    (void)state;
    const double memory[] = {1, 2, 3, 4, 5, 6};
    const double still[] = {7, 7, 7, 7, 7, 7};
    const double *counts[] = {still};
    struct joint joint;
    joint_fit(memory, counts, 1, 6, &joint);
    assert_int_equal(joint.count, 0);
    joint_fit(memory, counts, 0, 6, &joint);
    assert_int_equal(joint.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_knows_how_sure_it_is),
        cmocka_unit_test(two_causes_share_the_growth),
        cmocka_unit_test(what_is_in_step_is_not_counted_twice),
        cmocka_unit_test(what_goes_nearly_as_well_is_no_better_for_being_fewer),
        cmocka_unit_test(the_same_thing_under_two_names_is_one),
        cmocka_unit_test(one_thing_has_one_verdict),
        cmocka_unit_test(what_was_judged_level_comes_behind_what_climbs),
        cmocka_unit_test(what_is_most_of_a_climb_climbs),
        cmocka_unit_test(a_leak_that_nothing_counts_is_laid_at_a_size_class),
        cmocka_unit_test(regions_of_samples_are_no_size_class_that_grows),
        cmocka_unit_test(a_call_site_comes_before_a_cache_that_goes_badly),
        cmocka_unit_test(a_count_comes_before_the_sites_that_it_is_made_of),
        cmocka_unit_test(without_events_growth_is_told_by_the_hour),
        cmocka_unit_test(memory_that_does_not_climb_explains_nothing),
        cmocka_unit_test(a_climb_without_a_name_says_what_would_tell_one),
        cmocka_unit_test(what_the_allocator_never_saw_is_said_to_be_outside),
        cmocka_unit_test(a_count_that_stands_still_fits_nothing),
    };
    print_message("# seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
