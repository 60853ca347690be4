#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "event_list.h"
#include "host.h"
#include "store/store.h"

#define COLUMNS "t_s,slot,kind,parameter_s\n"

struct place {
    char folder[64];
    char csv[96];
    char store[96];
    struct scenario *scenario;
};

/* Two roles of churners, an observer between them. */
static const char roles[] =
    "isolate: {network: each}\n"
    "roles:\n"
    "  - {name: client, kind: churner, count: 3, command: [x], "
    "ready: {by: delay}}\n"
    "  - {name: o, kind: observer, command: [x], ready: {by: delay}}\n"
    "  - {name: web-node, kind: churner, count: 2, command: [x], "
    "ready: {by: delay}}\n";

static int set_up(void **state)
{
    static struct place place;
    struct err err = {0};
    (void)snprintf(place.folder, sizeof place.folder,
                   "/tmp/plateau-event-list-test.XXXXXX");
    if (mkdtemp(place.folder) == NULL ||
        scenario_parse("test.yaml", roles, &place.scenario, &err) != 0) {
        return -1;
    }
    (void)snprintf(place.csv, sizeof place.csv, "%s/list.csv", place.folder);
    (void)snprintf(place.store, sizeof place.store, "%s/run.db", place.folder);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    scenario_free(place->scenario);
    host_remove_folder(place->folder);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_event(const struct schedule_event *event, int64_t due_ns,
                         uint32_t churner, enum churn_kind kind,
                         int64_t parameter_ns)
{
    assert_int_equal(event->due_ns, due_ns);
    assert_int_equal(event->churner, churner);
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->parameter_ns, parameter_ns);
}

static void reads_a_list_that_was_written_by_hand(void **state)
{
    const struct place *place = *state;
    struct event_list list;
    struct err err = {0};
    write_text(place->csv,
               "# a burst, then one that hangs\r\n" COLUMNS "0,client-0,kill,\n"
               "0.25,client-2,stop\n"
               "\n"
               "0.25,web-node-1,pause,1.5\n"
               "1e1,web-node-0,starting,0.000000001\n"
               "11,client-1,mass,\n"
               "12,client-1,partition,4.5\n"
               "12.000004,o-0,partition,4.5");
    assert_int_equal(event_list_read(place->csv, place->scenario, &list, &err),
                     0);
    assert_int_equal(list.count, 7);
    assert_false(list.has_run);
    expect_event(&list.events[0], 0, 0, CHURN_KILL, -1);
    expect_event(&list.events[1], 250000000, 2, CHURN_STOP, -1);
    expect_event(&list.events[2], 250000000, 4, CHURN_PAUSE, 1500000000);
    expect_event(&list.events[3], 10000000000, 3, CHURN_STARTING, 1);
    expect_event(&list.events[4], 11000000000, 1, CHURN_MASS, -1);
    expect_event(&list.events[5], 12000000000, 1, CHURN_PARTITION, 4500000000);
    /* Observers come after the churners. */
    expect_event(&list.events[6], 12000004000, 5, CHURN_PARTITION, 4500000000);
    event_list_deinit(&list);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *says;
    } wrong[] = {
        {"", 0, "no events"},
        {COLUMNS, 0, "no events"},
        {"0,client-0,kill,\n", 1, "first line"},
        {COLUMNS "0,client-0\n", 2, "a line is t_s,slot"},
        {COLUMNS "0,client-0,kill,,\n", 2, "a line is t_s,slot"},
        {COLUMNS "\nsoon,client-0,kill,\n", 3, "'soon' is no time"},
        {COLUMNS "-1,client-0,kill,\n", 2, "no time"},
        {COLUMNS "nan,client-0,kill,\n", 2, "no time"},
        {COLUMNS "1e99,client-0,kill,\n", 2, "no time"},
        {COLUMNS "2,client-0,kill,\n1,client-0,kill,\n", 3, "goes back"},
        {COLUMNS "1,client-3,kill,\n", 2, "no churner 'client-3'"},
        {COLUMNS "1,o-0,kill,\n", 2, "no churner 'o-0'"},
        {COLUMNS "1,client,kill,\n", 2, "no churner 'client'"},
        {COLUMNS "1,client-,kill,\n", 2, "no churner"},
        {COLUMNS "1,client-0x,kill,\n", 2, "no churner"},
        {COLUMNS "1,client--1,kill,\n", 2, "no churner"},
        {COLUMNS "1,client-0,burn,\n", 2, "no kind 'burn'"},
        {COLUMNS "1,client-0,pause,\n", 2, "needs its parameter_s"},
        {COLUMNS "1,client-0,pause,0\n", 2, "above 0"},
        {COLUMNS "1,client-0,starting\n", 2, "needs its parameter_s"},
        {COLUMNS "1,client-0,pause,long\n", 2, "'long' is no parameter"},
        {COLUMNS "1,client-0,kill,2\n", 2, "takes no parameter_s"},
        {COLUMNS "1,o-0,partition,\n", 2, "needs its parameter_s"},
        {COLUMNS "1,o-1,partition,2\n", 2, "no churner or observer 'o-1'"},
    };
    const struct place *place = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct event_list list;
        struct err err = {0};
        write_text(place->csv, wrong[i].text);
        int result = event_list_read(place->csv, place->scenario, &list, &err);
        if (result != -EILSEQ || err.line != wrong[i].line ||
            strstr(err.sentence, wrong[i].says) == NULL) {
            fail_msg("%s gave %d, line %d: %s", wrong[i].text, result, err.line,
                     err.sentence);
        }
    }
}

/* Slots of the run: client-0 to 2 are 1 to 3, web-node-0 and 1 are 4 and 5. */
static void record(const struct place *place, const struct store_event *events,
                   size_t count)
{
    static const struct store_slot slots[] = {
        {0, "o", 0, true},         {1, "client", 0, false},
        {2, "client", 1, false},   {3, "client", 2, false},
        {4, "web-node", 0, false}, {5, "web-node", 1, false},
    };
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_create(place->store, &store, &err), 0);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        assert_int_equal(store_slot_add(store, &slots[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(store_event_add(store, &events[i]), 0);
    }
    assert_int_equal(store_meta_set(store, "run.seed", "77"), 0);
    assert_int_equal(store_meta_set(store, "run.duration_s", "12.5"), 0);
    store_close(store);
}

static const struct store_event recorded[] = {
    {1, 900, 3, 1, "kill", 123456789, -1},
    {2, 901, 5, 2, "pause", 123456790, 750000000},
    {3, 999, 1, 3, "starting", 98765432101234, 19999999},
    {4, 999, 4, 3, "mass", 98765432101234, -1},
    /* Its own doing: whoever is replayed does it again by himself. */
    {5, 999, 5, 4, "exit", 98765432101235, -1},
};

static void expect_recorded(const struct event_list *list)
{
    assert_int_equal(list->count, 4);
    expect_event(&list->events[0], 123456789, 2, CHURN_KILL, -1);
    expect_event(&list->events[1], 123456790, 4, CHURN_PAUSE, 750000000);
    expect_event(&list->events[2], 98765432101234, 0, CHURN_STARTING, 19999999);
    expect_event(&list->events[3], 98765432101234, 3, CHURN_MASS, -1);
}

static void reads_the_list_of_a_run_from_its_folder_or_store(void **state)
{
    const struct place *place = *state;
    const char *const paths[] = {place->folder, place->store};
    record(place, recorded, 5);
    for (size_t i = 0; i < 2; i++) {
        struct event_list list;
        struct err err = {0};
        assert_int_equal(
            event_list_read(paths[i], place->scenario, &list, &err), 0);
        expect_recorded(&list);
        assert_true(list.has_run);
        assert_int_equal(list.seed, 77);
        assert_true(list.duration_s == 12.5);
        event_list_deinit(&list);
    }
}

static void what_is_printed_is_read_back_to_the_nanosecond(void **state)
{
    const struct place *place = *state;
    struct event_list list;
    struct err err = {0};
    record(place, recorded, 5);
    FILE *stream = fopen(place->csv, "w");
    assert_non_null(stream);
    assert_int_equal(event_list_print(place->folder, stream, &err), 0);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(event_list_read(place->csv, place->scenario, &list, &err),
                     0);
    expect_recorded(&list);
    event_list_deinit(&list);
}

static void a_run_that_did_not_note_its_churn_is_refused(void **state)
{
    const struct place *place = *state;
    static const struct store_event old = {1, 900, 3, 1, "kill", -1, -1};
    struct event_list list;
    struct err err = {0};
    record(place, &old, 1);
    assert_int_equal(
        event_list_read(place->folder, place->scenario, &list, &err), -EILSEQ);
    assert_non_null(strstr(err.sentence, "did not note"));
}

static void a_partition_takes_networks_of_their_own(void **state)
{
    const struct place *place = *state;
    struct event_list list;
    struct err err = {0};
    place->scenario->network = NETWORK_SHARED;
    write_text(place->csv, COLUMNS "1,client-0,partition,2\n");
    assert_int_equal(event_list_read(place->csv, place->scenario, &list, &err),
                     -EILSEQ);
    assert_int_equal(err.line, 2);
    assert_non_null(strstr(err.sentence, "{network: each}"));
}

static void a_list_that_is_not_there_is_said_so(void **state)
{
    const struct place *place = *state;
    struct event_list list;
    struct err err = {0};
    assert_int_equal(
        event_list_read("/nowhere/list.csv", place->scenario, &list, &err),
        -ENOENT);
    assert_int_equal(event_list_print(place->folder, stdout, &err), -ENOENT);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(reads_a_list_that_was_written_by_hand),
        PLACED(what_is_wrong_is_named_with_its_line),
        PLACED(reads_the_list_of_a_run_from_its_folder_or_store),
        PLACED(what_is_printed_is_read_back_to_the_nanosecond),
        PLACED(a_run_that_did_not_note_its_churn_is_refused),
        PLACED(a_partition_takes_networks_of_their_own),
        PLACED(a_list_that_is_not_there_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
