/* Which evidence a verdict had is said, role by role. */
#include "assess/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct store_slot slots[] = {
    {.id = 0, .role = "server", .ordinal = 0, .is_observer = true},
    {.id = 1, .role = "server", .ordinal = 1, .is_observer = true},
    {.id = 2, .role = "client", .ordinal = 0, .is_observer = false},
    {.id = 3, .role = "proxy", .ordinal = 0, .is_observer = true},
};

static const char *tell(const char *setting, const struct store_series *series,
                        size_t count)
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
    evidence_tell(&facts, slots, sizeof slots / sizeof slots[0], series, count,
                  text, sizeof text);
    return text;
}

static void a_program_without_a_tally_is_judged_from_outside(void **state)
{
    const struct store_series series[] = {{.slot_id = 0, .metric = "private"},
                                          {.slot_id = 3, .metric = "private"}};
    (void)state;
    assert_string_equal(tell(NULL, series, 2),
                        "server: no tally: judged by private memory; "
                        "proxy: no tally: judged by private memory");
}

static void a_library_that_gave_no_tally_is_missed(void **state)
{
    const struct store_series series[] = {{.slot_id = 0, .metric = "private"}};
    (void)state;
    assert_non_null(strstr(tell("LD_PRELOAD={preload}", series, 1),
                           "server: no tally, judged by private memory; the "
                           "library before it gave none"));
}

static void a_tally_is_told_from_figures_of_the_heap(void **state)
{
    const struct store_series series[] = {
        {.slot_id = 0, .metric = "tally/loops.spawned"},
        {.slot_id = 3, .metric = "tally/loops.spawned"},
        {.slot_id = 3, .metric = "heap/allocated"}};
    (void)state;
    assert_string_equal(
        tell("LD_PRELOAD={preload}", series, 3),
        "server: a tally without heap figures: judged by private memory; "
        "proxy: what its allocator counts, and private memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_without_a_tally_is_judged_from_outside),
        cmocka_unit_test(a_library_that_gave_no_tally_is_missed),
        cmocka_unit_test(a_tally_is_told_from_figures_of_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
