#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void fill_facts(struct summary *summary)
{
    summary_init(summary);
    strcpy(summary->run_name, "tight-loop-parked");
    strcpy(summary->scenario_file, "scenarios/tight-loop-parked.yaml");
    summary->has_seed = true;
    summary->seed = UINT64_MAX;
    summary->duration_s = 57;
    summary->outcome = JUDGE_CLIMB;
    strcpy(summary->reason,
           "allocated and private memory of observer-0 and observer-1 grow "
           "with every churn event, and nothing bounded accounts for it");
    summary->has_churn = true;
    summary->events = 2841;
    (void)snprintf(summary->kinds, sizeof summary->kinds, "2,841 kills");
    summary->respawns = 2840;
    summary->asked_per_s = 50;
    summary->achieved_per_s = 49.84;
    summary->ready_median_ms = 3.42;
    summary->own_cpu_share = 0.0213;
    summary->own_private_bytes = 2411725;
    summary->has_own_memory = true;
    summary->own_memory = JUDGE_PLATEAU;
    strcpy(summary->own_memory_reason, "memory holds at 2.3 MiB");
    strcpy(summary->store_path, "runs/x/run.plateau");
    strcpy(summary->plot_path, "runs/x/troughs.png");
    strcpy(summary->sources, "allocated heap and private memory agree");
    strcpy(summary->early, "after 14.2 s: two looks found it");
    summary->has_ebbs = true;
    summary->ebbs = 60;
    summary->unsettled = 2;
    assert_int_equal(summary_add_premise(summary, "churn rate", true,
                                         "%.1f of %d asked", 49.84, 50),
                     0);
    assert_int_equal(summary_add_premise(summary, "grid", false,
                                         "31 samples are missing; raise "
                                         "sample_ms, or give the machine less "
                                         "other work while it soaks"),
                     0);
}

static void fill_series(struct summary *summary)
{
    struct judge_verdict verdict = {
        .outcome = JUDGE_CLIMB,
        .reason = "memory grew 13.8 MiB in 53 s, 5.29 KiB an event; no bounded "
                  "shape explains it",
        .per_hour = {938.0 * 1048576, 908.0 * 1048576, 944.0 * 1048576},
        .per_event = {5386, 5130, 5417},
        .level = 12373196,
        .detectable_per_hour = 15518925,
        .detectable_per_event = 59.7,
    };
    assert_int_equal(summary_add_series(summary, "observer-0", "allocated", "B",
                                        "gate", true, &verdict),
                     0);
    verdict.outcome = JUDGE_INVALID;
    strcpy(verdict.reason, "fewer than 30 samples");
    verdict.per_hour = (struct judge_slope){NAN, NAN, NAN};
    verdict.per_event = verdict.per_hour;
    verdict.level = NAN;
    assert_int_equal(summary_add_series(summary, "observer-0", "fds", "",
                                        "witness", true, &verdict),
                     0);
    verdict.outcome = JUDGE_PLATEAU;
    assert_int_equal(summary_add_series(summary, "observer-0", "dials", "",
                                        "gate", false, &verdict),
                     0);
    assert_int_equal(summary_add_pair(summary, "observer-0", "connection_loops",
                                      1204, 338, 5),
                     0);
    assert_int_equal(
        summary_add_pair(summary, "observer-0", "dials", 12, 12, NAN), 0);
}

static void fill_counts_climbed(struct summary *summary)
{
    const struct summary_climbed climbed = {
        .observer = "observer-0",
        .kind = "pair",
        .name = "connection_loops",
        .alive = 866,
        .per_event = 0.3,
        .with_memory = 0.998,
        .each = 18432,
        .bytes_per_event = 5529.6,
        .sentence = "connection_loops: 866 alive and climbing, 0.3 an event; "
                    "active_peers 5 and level: they outlive what they serve",
    };
    assert_int_equal(summary_add_climbed(summary, &climbed), 0);
    struct summary_climbed other = climbed;
    strcpy(other.name, "send_loops");
    strcpy(other.in_step_with, "connection_loops");
    other.bytes_per_event = NAN;
    other.bytes_per_hour = NAN;
    assert_int_equal(summary_add_climbed(summary, &other), 0);
}

static void fill_heap_climbed(struct summary *summary)
{
    const struct summary_climbed site = {
        .kind = "site",
        .name = "a_function_of_a_name_that_is_too_long",
        .alive = 433,
        .per_event = 0.3,
        .with_memory = 0.28,
        .each = 5120,
        .bytes_per_event = 1536,
        .sentence = "a_function (there.c:7): 1.5 KiB an event",
    };
    assert_int_equal(summary_add_climbed(summary, &site), 0);
    const struct summary_climbed rest = {
        .kind = "rest",
        .name = "the rest",
        .alive = NAN,
        .per_event = NAN,
        .per_hour = NAN,
        .with_memory = 0.06,
        .each = NAN,
        .bytes_per_event = 300,
        .sentence = "unexplained: 300 B an event",
    };
    assert_int_equal(summary_add_climbed(summary, &rest), 0);
}

static void fill(struct summary *summary)
{
    fill_facts(summary);
    fill_series(summary);
    fill_counts_climbed(summary);
    fill_heap_climbed(summary);
    strcpy(summary->unnamed, "memory outside the allocator");
}

static const char golden[] =
    "CLIMB  tight-loop-parked\n"
    "  allocated and private memory of observer-0 and observer-1 grow with "
    "every churn event, and nothing\n"
    "  bounded accounts for it\n"
    "  allocated heap and private memory agree\n"
    "  climbed: connection_loops: 866 alive and climbing, 0.3 an event; "
    "active_peers 5 and level: they\n"
    "           outlive what they serve\n"
    "  where:   a_function (there.c:7): 1.5 KiB an event\n"
    "  besides: unexplained: 300 B an event\n"
    "  besides: memory outside the allocator\n"
    "  after 14.2 s: two looks found it\n"
    "\n"
    "The run\n"
    "  scenario   scenarios/tight-loop-parked.yaml\n"
    "  seed       18446744073709551615 (the same seed, the same churn)\n"
    "  judged     57.0 s\n"
    "  churn      2,841 events: 2,841 kills, 2,840 respawns\n"
    "  rate       49.8 events/s of 50 asked (100 %)\n"
    "  ebbs       60 read, of them 2 unsettled and left out\n"
    "  start      3.4 ms from exec to ready, median\n"
    "\n"
    "Premises (without them there is no verdict)\n"
    "  ok    churn rate  49.8 of 50 asked\n"
    "  FAIL  grid        31 samples are missing; raise sample_ms, or give the "
    "machine less other work\n"
    "                    while it soaks\n"
    "\n"
    "Troughs (what is left when the waves are out)\n"
    "  observer    metric     counts   verdict            level       an hour "
    "         an event\n"
    "  observer-0  allocated  gate     CLIMB           11.8 MiB    +938 MiB/h "
    "  +5.26 KiB/event\n"
    "      memory grew 13.8 MiB in 53 s, 5.29 KiB an event; no bounded shape "
    "explains it\n"
    "      between +908 MiB/h and +944 MiB/h, +5.01 KiB/event and +5.29 "
    "KiB/event; smallest leak it could\n"
    "      see: 14.8 MiB/h, 59.7 B/event\n"
    "  observer-0  fds        witness  INVALID                -             - "
    "                -\n"
    "      fewer than 30 samples\n"
    "  counts that are level: dials\n"
    "\n"
    "What climbed (best explanation first)\n"
    "  what                      kind       alive      an event  memory each  "
    "           explains  memory\n"
    "  connection_loops          pair         866   +0.30/event       18 KiB  "
    "    +5.40 KiB/event   100 %\n"
    "  send_loops                pair         866   +0.30/event       18 KiB  "
    "as connection_loops   100 %\n"
    "  a_function_of_a_name_tha  site         433   +0.30/event        5 KiB  "
    "    +1.50 KiB/event    28 %\n"
    "  the rest                  rest           -             -            -  "
    "       +300 B/event     6 %\n"
    "\n"
    "Spawned and finished (at the end of the run)\n"
    "  observer    what                 spawned    finished     alive  "
    "active_peers\n"
    "  observer-0  connection_loops       1,204         338       866          "
    "   5\n"
    "  observer-0  dials                     12          12         0          "
    "   -\n"
    "\n"
    "Plateau itself\n"
    "  cpu        2.13 % of one core\n"
    "  memory     2.30 MiB private, PLATEAU: memory holds at 2.3 MiB\n"
    "\n"
    "Files\n"
    "  store      runs/x/run.plateau\n"
    "  plot       runs/x/troughs.png\n"
    "\n"
    "CLIMB: memory climbs (exit code 1)\n";

static char *print(const struct summary *summary, enum terminal_style style)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    terminal_print(summary, style, stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void plain_text_is_as_it_was(void **state)
{
    (void)state;
    struct summary summary;
    fill(&summary);
    char *text = print(&summary, TERMINAL_PLAIN);
    assert_string_equal(text, golden);
    free(text);
    summary_deinit(&summary);
}

static void plain_text_is_ascii_of_100_columns(void **state)
{
    (void)state;
    struct summary summary;
    fill(&summary);
    char *text = print(&summary, TERMINAL_PLAIN);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= TERMINAL_COLUMNS);
        for (const char *c = line; *c != '\0'; c++) {
            assert_true(*c >= ' ' && *c <= '~');
        }
    }
    free(text);
    summary_deinit(&summary);
}

/* Takes the ANSI colours out, and makes the ticks what plain text has. */
static void strip(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        if (*from == '\033') {
            from = strchr(from, 'm') + 1;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void colour_changes_no_words(void **state)
{
    (void)state;
    struct summary summary;
    fill(&summary);
    summary.premises_count = 0;
    char *plain = print(&summary, TERMINAL_PLAIN);
    char *coloured = print(&summary, TERMINAL_COLOUR);
    assert_string_not_equal(coloured, plain);
    strip(coloured);
    assert_string_equal(coloured, plain);
    free(plain);
    free(coloured);
    summary_deinit(&summary);
}

static void a_bare_series_has_no_churn_rows(void **state)
{
    (void)state;
    struct summary summary;
    summary_init(&summary);
    strcpy(summary.run_name, "memory.csv");
    summary.duration_s = 600;
    summary.outcome = JUDGE_PLATEAU;
    char *text = print(&summary, TERMINAL_PLAIN);
    assert_string_equal(text, "PLATEAU  memory.csv\n\nThe run\n"
                              "  judged     600.0 s\n\n"
                              "PLATEAU: memory reached a plateau "
                              "(exit code 0)\n");
    free(text);
    summary_deinit(&summary);
}

static void without_events_what_climbed_is_told_by_the_hour(void **state)
{
    (void)state;
    struct summary summary;
    const struct summary_climbed site = {
        .kind = "site",
        .name = "serve",
        .alive = 1032,
        .per_event = NAN,
        .per_hour = 360000,
        .with_memory = 1,
        .each = 2048,
        .bytes_per_event = NAN,
        .bytes_per_hour = 360000 * 2048.,
        .sentence = "serve: 703 MiB an hour",
    };
    summary_init(&summary);
    summary.outcome = JUDGE_CLIMB;
    assert_int_equal(summary_add_climbed(&summary, &site), 0);
    char *text = print(&summary, TERMINAL_PLAIN);
    assert_non_null(strstr(text, "  climbed: serve: 703 MiB an hour\n"));
    assert_non_null(
        strstr(text, "  what   kind       alive       an hour  memory each"));
    assert_non_null(strstr(text, "1,032    +360,000/h        2 KiB          "
                                 " +703 MiB/h   100 %\n"));
    free(text);
    summary_deinit(&summary);
}

static void amounts_are_for_people(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit;
        bool is_change;
        const char *text;
    } cases[] = {
        {0, "B", true, "0 B"},
        {1, "B", true, "+1 B"},
        {-1536, "B", true, "-1.50 KiB"},
        {1023.4, "B", false, "1,023 B"},
        {1023.6, "B", false, "1.00 KiB"},
        {1048576, "B", false, "1 MiB"},
        {-1047552.0, "B", false, "-1,023 KiB"},
        {5e18, "B", false, "4,547,474 TiB"},
        {1234567, "", false, "1,234,567"},
        {-1234, "", true, "-1,234"},
        {12.34, "ms", false, "12.3 ms"},
        {0.001, "B", true, "0 B"},
        {-0.001, "B", true, "0 B"},
        {1e300, "", false, "1e+300"},
        {INFINITY, "B", true, "+inf TiB"},
        {NAN, "B", true, "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        assert_string_equal(terminal_amount(cases[i].value, cases[i].unit,
                                            cases[i].is_change, text,
                                            sizeof text),
                            cases[i].text);
    }
}

static void a_file_is_no_terminal(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(terminal_style_for(file), TERMINAL_PLAIN);
    assert_int_equal(fclose(file), 0);
}

static void a_summary_that_cannot_be_written_says_so(void **state)
{
    (void)state;
    struct summary summary;
    struct err err = {.sentence = ""};
    summary_init(&summary);
    assert_int_equal(terminal_write(&summary, "/nowhere/summary.txt", &err),
                     -ENOENT);
    assert_string_equal(err.file, "/nowhere/summary.txt");
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(terminal_write(&summary, "/dev/full", &err), -ENOSPC);
    }
    summary_deinit(&summary);
}

static void every_outcome_has_its_exit_code(void **state)
{
    (void)state;
    assert_int_equal(summary_exit_code(JUDGE_PLATEAU), 0);
    assert_int_equal(summary_exit_code(JUDGE_CLIMB), 1);
    assert_int_equal(summary_exit_code(JUDGE_INCONCLUSIVE), 2);
    assert_int_equal(summary_exit_code(JUDGE_INVALID), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_as_it_was),
        cmocka_unit_test(plain_text_is_ascii_of_100_columns),
        cmocka_unit_test(colour_changes_no_words),
        cmocka_unit_test(a_bare_series_has_no_churn_rows),
        cmocka_unit_test(without_events_what_climbed_is_told_by_the_hour),
        cmocka_unit_test(amounts_are_for_people),
        cmocka_unit_test(a_file_is_no_terminal),
        cmocka_unit_test(a_summary_that_cannot_be_written_says_so),
        cmocka_unit_test(every_outcome_has_its_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
