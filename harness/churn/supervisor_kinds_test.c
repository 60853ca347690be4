/* Every kind of event, befalling real processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "churn/soak_fixture.h"

static const int64_t ms_ns = 1000000;

/* An observer and |count| churners that obey |words|, to whom happens what is
 * on the list; for |duration_s|. */
static struct soak *soak_of(const char *const *words, uint32_t count,
                            const struct schedule_event *list, size_t listed,
                            double duration_s)
{
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, count, words);
    soak->recorded = list;
    soak->recorded_count = listed;
    soak->scenario.duration_s = duration_s;
    return soak;
}

static struct supervisor_counts counts_of(const struct soak *soak)
{
    struct supervisor_counts counts;
    supervisor_counts(soak->supervisor, &counts);
    return counts;
}

/* The |number|th life in slot 1, the first churner's; from 0. */
static const struct supervisor_process *life(const struct soak *soak,
                                             size_t number)
{
    for (size_t i = 0; i < soak->lives_count; i++) {
        if (soak->lives[i].slot_id == 1 && number-- == 0) {
            return &soak->lives[i];
        }
    }
    fail_msg("there was no such life");
    return NULL;
}

static void a_stopped_one_ends_as_it_was_asked_and_comes_back(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {{10000000, 0, CHURN_STOP, -1}};
    struct soak *soak = soak_of(lives_on, 1, list, 1, 0.5);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(counts.events, 1);
    assert_int_equal(counts.by_kind[CHURN_STOP], 1);
    assert_int_equal(counts.forced + counts.crashes, 0);
    assert_int_equal(life(soak, 0)->signal, SIGTERM);
    assert_true(life(soak, 0)->was_killed);
    assert_int_equal(life(soak, 1)->generation, 2);
    assert_true(life(soak, 1)->ready_ns >= 0);
    free_soak(soak);
}

static void who_is_deaf_to_a_stop_is_killed_after_its_grace(void **state)
{
    (void)state;
    static const char *const deaf[] = {"deaf", "ready", "forever", NULL};
    static const struct schedule_event list[] = {{10000000, 0, CHURN_STOP, -1}};
    struct soak *soak = soak_of(deaf, 1, list, 1, 0.3);
    soak->roles[1].stop.grace_s = 0.05;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(counts.forced, 1);
    assert_int_equal(counts.crashes, 0);
    assert_int_equal(life(soak, 0)->signal, SIGKILL);
    assert_true(life(soak, 0)->ended_ns >= soak->events[0].t_ns + 50 * ms_ns);
    assert_int_equal(life(soak, 1)->generation, 2);
    free_soak(soak);
}

static void a_paused_one_stands_still_and_goes_on_as_itself(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_PAUSE, 100000000}, {20000000, 0, CHURN_KILL, -1}};
    struct soak *soak = soak_of(lives_on, 1, list, 2, 0.4);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(soak->stopped_count, 1);
    assert_int_equal(counts.by_kind[CHURN_PAUSE], 1);
    assert_int_equal(counts.by_kind[CHURN_KILL], 1);
    assert_int_equal(counts.events, 2);
    assert_int_equal(counts.crashes, 0);
    /* The kill waited until it was back, and hit the same life. */
    assert_int_equal(soak->events[1].process_id, soak->events[0].process_id);
    assert_true(soak->events[1].t_ns >= soak->events[0].t_ns + 100 * ms_ns);
    assert_int_equal(life(soak, 0)->signal, SIGKILL);
    free_soak(soak);
}

static void a_paused_one_that_dies_has_crashed_and_comes_back(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_PAUSE, 5000000000}};
    struct soak *soak = soak_of(lives_on, 1, list, 1, 0.4);
    soak->kills_the_paused = true;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(counts_of(soak).crashes, 1);
    assert_true(life(soak, 1)->ready_ns >= 0);
    free_soak(soak);
}

/* It hears that it is to end although it stands still. */
static void a_run_that_ends_in_a_pause_ends_gracefully(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_PAUSE, 3600000000000}};
    struct soak *soak = soak_of(lives_on, 1, list, 1, 0.1);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(soak->stopped_count, 1);
    assert_int_equal(life(soak, 0)->signal, SIGTERM);
    free_soak(soak);
}

static void an_ebb_waits_for_the_paused(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_PAUSE, 300000000}};
    struct soak *soak = soak_of(lives_on, 2, list, 1, 20);
    soak->scenario.wave_events = 1;
    soak->scenario.waves = 1;
    soak->scenario.settle_max_s = 10;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(soak->ebbs_count, 1);
    assert_true(soak->ebbs[0].is_settled);
    assert_int_equal(soak->ebbs[0].events, 1);
    assert_true(soak->ebbs[0].read_ns >= soak->events[0].t_ns + 300 * ms_ns);
    free_soak(soak);
}

static void an_abandoned_start_is_over_before_it_is_ready(void **state)
{
    (void)state;
    static const char *const slow[] = {"sleep", "200", "ready", "forever",
                                       NULL};
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_STARTING, 30000000}};
    struct soak *soak = soak_of(slow, 1, list, 1, 0.8);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(counts.events, 1);
    assert_int_equal(counts.by_kind[CHURN_STARTING], 1);
    assert_int_equal(counts.crashes + counts.late + counts.abandoned_ready, 0);
    const struct supervisor_process *abandoned = life(soak, 1);
    assert_int_equal(abandoned->ready_ns, -1);
    assert_int_equal(abandoned->signal, SIGKILL);
    assert_true(abandoned->was_killed);
    assert_true(abandoned->ended_ns >= abandoned->spawned_ns + 30 * ms_ns);
    assert_true(life(soak, 2)->ready_ns >= 0);
    free_soak(soak);
}

static void a_start_that_is_quicker_is_abandoned_all_the_same(void **state)
{
    (void)state;
    static const struct schedule_event list[] = {
        {10000000, 0, CHURN_STARTING, 100000000},
        {10000001, 0, CHURN_STOP, -1}};
    struct soak *soak = soak_of(lives_on, 1, list, 2, 0.5);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(counts_of(soak).abandoned_ready, 1);
    const struct supervisor_process *abandoned = life(soak, 1);
    assert_true(abandoned->ready_ns >= 0);
    assert_int_equal(abandoned->signal, SIGKILL);
    assert_true(abandoned->ended_ns >= abandoned->spawned_ns + 100 * ms_ns);
    /* Nothing else befell it meanwhile. */
    assert_int_equal(soak->events_count, 2);
    assert_int_equal(life(soak, 2)->signal, SIGTERM);
    free_soak(soak);
}

/* Although the wave is over with the first of them. */
static void a_mass_failure_hits_its_share_and_then_there_is_an_ebb(void **state)
{
    (void)state;
    struct soak *soak = soak_of(lives_on, 8, NULL, 0, 20);
    soak->scenario.rate_per_s = 100;
    soak->scenario.mass_weight = 1;
    soak->scenario.mass_share = 0.5;
    soak->scenario.wave_events = 1;
    soak->scenario.waves = 1;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(counts_of(soak).by_kind[CHURN_MASS], 4);
    assert_int_equal(counts_of(soak).events, 4);
    assert_int_equal(soak->ebbs[0].events, 4);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(soak->events[i].slot_id != soak->events[j].slot_id);
        }
    }
    free_soak(soak);
}

/* What a mixed run did, done again from its list: the same, in its order. */
static void a_recorded_run_is_done_again(void **state)
{
    (void)state;
    static struct schedule_event list[EVENTS_MAX];
    struct soak *first = soak_of(lives_on, 6, NULL, 0, 1.5);
    first->scenario.rate_per_s = 40;
    first->scenario.interval = INTERVAL_PARETO;
    first->scenario.kill_weight = 4;
    first->scenario.stop_weight = first->scenario.pause_weight = 2;
    first->scenario.starting_weight = first->scenario.mass_weight = 1;
    first->scenario.mass_share = 0.5;
    first->scenario.pause_min_s = 0.01;
    first->scenario.pause_max_s = 0.05;
    first->scenario.starting_max_s = 0.01;
    assert_int_equal(run_soak(first), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(first);
    int64_t sum = 0;
    for (size_t i = 0; i < CHURN_EXIT; i++) {
        /* supervisor_partition_test.c has the one that takes networks. */
        assert_int_equal(counts.by_kind[i] > 0, i != CHURN_PARTITION);
        sum += counts.by_kind[i];
    }
    assert_int_equal(sum, counts.events);
    assert_int_equal(counts.crashes, 0);
    assert_int_equal(first->stopped_count, counts.by_kind[CHURN_PAUSE]);
    for (size_t i = 0; i < first->events_count; i++) {
        const struct supervisor_event *event = &first->events[i];
        list[i] = (struct schedule_event){event->churned_ns, event->slot_id - 1,
                                          event->kind, event->parameter_ns};
    }
    struct soak *again = soak_of(lives_on, 6, list, first->events_count, 4);
    again->scenario.rate_per_s = 0;
    assert_int_equal(run_soak(again), SUPERVISOR_COMPLETED);
    assert_int_equal(again->events_count, first->events_count);
    for (size_t i = 0; i < first->events_count; i++) {
        assert_int_equal(again->events[i].slot_id, first->events[i].slot_id);
        assert_int_equal(again->events[i].kind, first->events[i].kind);
        assert_int_equal(again->events[i].parameter_ns,
                         first->events[i].parameter_ns);
        /* The victims of one mass failure follow each other as quickly as they
         * can be killed, which need not be as slowly as before. */
        assert_true(list[i].kind == CHURN_MASS ||
                    again->events[i].churned_ns >= list[i].due_ns);
    }
    free_soak(first);
    free_soak(again);
}

static void who_keeps_its_identity_is_told_the_same_again(void **state)
{
    (void)state;
    static const char *const words[] = {"log", "<{id} {seed} {generation}>",
                                        "ready", "forever", NULL};
    static const struct schedule_event list[] = {{10000000, 0, CHURN_KILL, -1}};
    char first[TEXT_SIZE], log[TEXT_SIZE];
    for (int is_same = 0; is_same < 2; is_same++) {
        struct soak *soak = soak_of(words, 1, list, 1, 0.5);
        soak->roles[1].identity = is_same ? IDENTITY_SAME : IDENTITY_NEW;
        assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
        (void)read_log(soak, "churner-0", log);
        const char *begin = strchr(log, '<');
        assert_non_null(begin);
        size_t length = strcspn(begin, ">");
        (void)snprintf(first, sizeof first, "%.*s>", (int)length, begin);
        assert_non_null(strstr(first, " 1>"));
        const char *second = strchr(begin + 1, '<');
        assert_non_null(second);
        assert_int_equal(strncmp(second, first, strlen(first)) == 0, is_same);
        free_soak(soak);
    }
}

/* Of twenty restarts some keep it and some do not, and each that keeps it keeps
 * that of the life before. */
static void a_mixed_identity_is_new_or_that_of_the_life_before(void **state)
{
    (void)state;
    enum { RESTARTS = 20 };
    static const char *const words[] = {"log", "<{generation}>", "ready",
                                        "forever", NULL};
    struct schedule_event list[RESTARTS];
    char log[TEXT_SIZE];
    for (size_t i = 0; i < RESTARTS; i++) {
        list[i] =
            (struct schedule_event){1000000 * (int64_t)i, 0, CHURN_KILL, -1};
    }
    struct soak *soak = soak_of(words, 1, list, RESTARTS, 20);
    soak->roles[1].identity = IDENTITY_MIXED;
    soak->scenario.wave_events = RESTARTS;
    soak->scenario.waves = 1;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    const char *at = read_log(soak, "churner-0", log);
    long before = 0;
    int news = 0, sames = 0;
    for (long life = 1; (at = strchr(at, '<')) != NULL; life++) {
        long told = strtol(++at, NULL, 10);
        assert_true(told == life || told == before);
        news += told == life;
        sames += told != life;
        before = told;
    }
    assert_int_equal(news + sames, RESTARTS + 1);
    assert_in_range(sames, 3, RESTARTS - 3);
    free_soak(soak);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_one_ends_as_it_was_asked_and_comes_back),
        cmocka_unit_test(who_is_deaf_to_a_stop_is_killed_after_its_grace),
        cmocka_unit_test(a_paused_one_stands_still_and_goes_on_as_itself),
        cmocka_unit_test(a_paused_one_that_dies_has_crashed_and_comes_back),
        cmocka_unit_test(a_run_that_ends_in_a_pause_ends_gracefully),
        cmocka_unit_test(an_ebb_waits_for_the_paused),
        cmocka_unit_test(an_abandoned_start_is_over_before_it_is_ready),
        cmocka_unit_test(a_start_that_is_quicker_is_abandoned_all_the_same),
        cmocka_unit_test(
            a_mass_failure_hits_its_share_and_then_there_is_an_ebb),
        cmocka_unit_test(a_recorded_run_is_done_again),
        cmocka_unit_test(who_keeps_its_identity_is_told_the_same_again),
        cmocka_unit_test(a_mixed_identity_is_new_or_that_of_the_life_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
