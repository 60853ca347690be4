/* Which evidence a verdict had is said, role by role. */
#include "assess/evidence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct store_slot slots[] = {
    {.id = 0, .role = "server", .ordinal = 0, .is_observer = true},
    {.id = 1, .role = "server", .ordinal = 1, .is_observer = true},
    {.id = 2, .role = "client", .ordinal = 0, .is_observer = false},
    {.id = 3, .role = "proxy", .ordinal = 0, .is_observer = true},
};

/* A panel of |slot|'s figures, three readings of each: a heap, and of how many
 * processes the observer and its heap figures are. */
enum { READINGS = 3, FIGURES = 5 };

static struct panel make_panel(int64_t slot, double values[FIGURES][READINGS])
{
    static struct panel_column columns[FIGURES];
    static const char *const names[] = {"heap/allocated", "processes",
                                        "heap/processes", "private",
                                        "heap/active"};
    for (int i = 0; i < FIGURES; i++) {
        columns[i] = (struct panel_column){
            .slot_id = slot, .observers = 1, .values = values[i]};
        (void)snprintf(columns[i].name, sizeof columns[i].name, "%s", names[i]);
        (void)snprintf(columns[i].role, sizeof columns[i].role, "%s",
                       slot == 3 ? "proxy" : "server");
    }
    return (struct panel){
        .columns = columns, .columns_count = FIGURES, .rows = READINGS};
}

static const struct panel no_panel;

static const char *tell(const char *setting, const struct panel *panel,
                        const struct store_series *series, size_t count)
{
    static char text[512];
    char *environment[] = {(char *)(uintptr_t)setting};
    struct scenario_role roles[] = {
        {.name = (char *)(uintptr_t) "server",
         .environment = environment,
         .environment_count = setting != NULL},
    };
    struct scenario scenario = {.roles = roles, .roles_count = 1};
    struct run_facts facts = {.scenario = &scenario};
    evidence_tell(&facts, panel, slots, sizeof slots / sizeof slots[0], series,
                  count, text, sizeof text);
    return text;
}

static void a_program_without_a_tally_is_judged_from_outside(void **state)
{
    const struct store_series series[] = {{.slot_id = 0, .metric = "private"},
                                          {.slot_id = 3, .metric = "private"}};
    (void)state;
    assert_string_equal(tell(NULL, &no_panel, series, 2),
                        "server: no tally: judged by private memory; "
                        "proxy: no tally: judged by private memory");
}

static void a_library_that_gave_no_tally_is_missed(void **state)
{
    const struct store_series series[] = {{.slot_id = 0, .metric = "private"}};
    (void)state;
    assert_non_null(strstr(tell("LD_PRELOAD={preload}", &no_panel, series, 1),
                           "server: no tally, judged by private memory; the "
                           "library before it gave none"));
}

static void nobody_is_blamed_for_what_was_never_read(void **state)
{
    (void)state;
    assert_string_equal(tell("LD_PRELOAD={preload}", &no_panel, NULL, 0),
                        "server: nothing of it was recorded; "
                        "proxy: nothing of it was recorded");
}

static void a_tally_is_told_from_figures_of_the_heap(void **state)
{
    const struct store_series series[] = {
        {.slot_id = 0, .metric = "tally/loops.spawned"},
        {.slot_id = 3, .metric = "tally/loops.spawned"},
        {.slot_id = 3, .metric = "heap/allocated"}};
    (void)state;
    assert_string_equal(
        tell("LD_PRELOAD={preload}", &no_panel, series, 3),
        "server: a tally without heap figures: judged by private memory; "
        "proxy: what its allocator counts, and private memory");
}

/* Slot 0 is one process; slot 1 of the same role is what is said. */
static const char *tell_of_heaps(double values[FIGURES][READINGS])
{
    static const struct store_series series[] = {
        {.slot_id = 0, .metric = "heap/allocated"},
        {.slot_id = 1, .metric = "heap/allocated"}};
    struct panel panel = make_panel(1, values);
    return tell("LD_PRELOAD={preload}", &panel, series, 2);
}

static void figures_of_one_process_of_several_are_told(void **state)
{
    double unpublished[FIGURES][READINGS] = {
        {1e6, 1e6, 1e6}, {NAN, 3, 3}, {NAN, NAN, NAN}, {2e6, 2e6, 2e6}};
    double published[FIGURES][READINGS] = {
        {1e6, 1e6, 1e6}, {NAN, 3, 3}, {NAN, 3, 3}, {2e6, 2e6, 2e6}};
    double some[FIGURES][READINGS] = {
        {1e6, 1e6, 1e6}, {NAN, 3, 3}, {NAN, 2, 2}, {2e6, 2e6, 2e6}};
    double passing[FIGURES][READINGS] = {
        {1e6, 1e6, 1e6}, {NAN, 1, 3}, {NAN, NAN, NAN}, {2e6, 2e6, 2e6}};
    (void)state;
    assert_non_null(strstr(tell_of_heaps(unpublished), "not all of which"));
    assert_non_null(strstr(tell_of_heaps(some), "not all of which"));
    assert_non_null(
        strstr(tell_of_heaps(published), "the allocators of all its"));
    assert_non_null(strstr(tell_of_heaps(passing), "what its allocator"));
}

static void what_is_held_outside_the_allocator_is_told(void **state)
{
    double outside[FIGURES][READINGS] = {{4e6, 4e6, 4e6},
                                         {1, 1, 1},
                                         {1, 1, 1},
                                         {9e6, 9e6, 9e6},
                                         {4e6, 4e6, 4e6}};
    double spanned[FIGURES][READINGS] = {{4e6, 4e6, 4e6},
                                         {1, 1, 1},
                                         {1, 1, 1},
                                         {9e6, 9e6, 9e6},
                                         {5e6, 5e6, 5e6}};
    double small[FIGURES][READINGS] = {{1e5, 1e5, 1e5},
                                       {1, 1, 1},
                                       {1, 1, 1},
                                       {4e6, 4e6, 4e6},
                                       {1e5, 1e5, 1e5}};
    (void)state;
    assert_non_null(strstr(tell_of_heaps(outside), "outside its allocator"));
    assert_non_null(strstr(tell_of_heaps(spanned), "what its allocator"));
    assert_non_null(strstr(tell_of_heaps(small), "what its allocator"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_without_a_tally_is_judged_from_outside),
        cmocka_unit_test(a_library_that_gave_no_tally_is_missed),
        cmocka_unit_test(figures_of_one_process_of_several_are_told),
        cmocka_unit_test(what_is_held_outside_the_allocator_is_told),
        cmocka_unit_test(nobody_is_blamed_for_what_was_never_read),
        cmocka_unit_test(a_tally_is_told_from_figures_of_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
