#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/soak_fixture.h"

#include "churn/slot_log.h"
#include "host.h"

/* --- ebbs ----------------------------------------------------------------- */

static void nobody_is_killed_in_an_ebb(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 4, lives_on);
    soak->scenario.rate_per_s = 200;
    soak->scenario.duration_s = 20;
    soak->scenario.wave_events = 10;
    soak->scenario.waves = 3;
    soak->scenario.settle_min_s = 0.05;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);

    struct supervisor_counts counts;
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(soak->ebbs_count, 3);
    assert_int_equal(counts.ebbs, 3);
    assert_int_equal(counts.unsettled, 0);
    assert_int_equal(counts.events, 30);
    int64_t ebbs_ns = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct supervisor_ebb *ebb = &soak->ebbs[i];
        assert_int_equal(ebb->events, 10 * (i + 1));
        ebbs_ns += ebb->read_ns - ebb->begin_ns;
        for (size_t k = 0; k < soak->events_count; k++) {
            int64_t t_ns = soak->events[k].t_ns;
            assert_true(t_ns <= ebb->begin_ns || t_ns >= ebb->read_ns);
        }
    }
    int64_t phase_ns = soak->phases_ns[4] - soak->phases_ns[3];
    assert_in_range(counts.churned_ns, 1, phase_ns - ebbs_ns + 1000000);
    free_soak(soak);
}

static void all_that_is_to_be_known_ends_the_run(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, lives_on);
    soak->scenario.rate_per_s = 200;
    soak->scenario.duration_s = 20;
    soak->scenario.wave_events = 5;
    soak->completes_at_ebb = 2;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_string_equal(supervisor_sentence(soak->supervisor), "all is known");
    assert_int_equal(soak->ebbs_count, 2);
    assert_int_equal(soak->events_count, 10);
    free_soak(soak);
}

/* --- churn ---------------------------------------------------------------- */

static void churns_at_the_rate_that_was_asked(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 2, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 6, lives_on);
    soak->scenario.rate_per_s = 100;
    soak->scenario.duration_s = 1;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);

    struct supervisor_counts counts;
    supervisor_counts(soak->supervisor, &counts);
    /* Kills that are owed are made up for, so a busy machine costs few; and
     * adds some, where the end comes late. */
    assert_in_range(counts.events, 80, 120);
    assert_int_equal(counts.events, soak->events_count);
    assert_in_range(counts.respawns, counts.events - 6, counts.events);
    assert_int_equal(counts.crashes + counts.late + counts.skipped, 0);
    assert_int_equal(counts.live, 0);
    assert_int_equal(counts.ready, 0);
    assert_true(counts.ready_mean_ns > 0);
    for (size_t i = 0; i < soak->events_count; i++) {
        const struct supervisor_event *event = &soak->events[i];
        const struct supervisor_process *killed =
            &soak->lives[event->process_id - 1];
        assert_int_equal(event->seq, i + 1);
        assert_true(event->slot_id >= 2); /* never an observer */
        assert_int_equal(killed->slot_id, event->slot_id);
        assert_int_equal(killed->signal, SIGKILL);
        assert_true(killed->was_killed);
    }
    free_soak(soak);
}

static void a_slot_has_one_life_at_a_time_numbered_from_one(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    (void)add_role(soak, "churner", ROLE_CHURNER, 3, lives_on);
    soak->scenario.rate_per_s = 200;
    soak->scenario.interval = INTERVAL_POISSON;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    int64_t generation[3] = {0};
    int64_t ended_ns[3] = {0};
    assert_true(soak->lives_count > 6);
    for (size_t i = 0; i < soak->lives_count; i++) {
        const struct supervisor_process *life = &soak->lives[i];
        assert_int_equal(life->generation, ++generation[life->slot_id]);
        assert_true(life->spawned_ns >= ended_ns[life->slot_id]);
        ended_ns[life->slot_id] = life->ended_ns;
    }
    free_soak(soak);
}

static void phases_come_in_order(void **state)
{
    (void)state;
    static const enum supervisor_phase order[] = {
        SUPERVISOR_OBSERVERS, SUPERVISOR_CHURNERS, SUPERVISOR_SETTLING,
        SUPERVISOR_CHURNING,  SUPERVISOR_STOPPING, SUPERVISOR_DONE,
    };
    struct soak *soak = new_soak();
    (void)add_role(soak, "churner", ROLE_CHURNER, 20, lives_on);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    soak->scenario.duration_s = 0.05;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(soak->phases_count, 6);
    assert_memory_equal(soak->phases, order, sizeof order);
    free_soak(soak);
}

static void
observers_come_first_one_by_one_and_lend_their_contacts(void **state)
{
    (void)state;
    static const char *const words[] = {"log", "<{peers}>", "ready", "forever",
                                        NULL};
    struct soak *soak = new_soak();
    char text[TEXT_SIZE];
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, words);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 3, words);
    soak->scenario.duration_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    for (size_t i = 1; i < 4; i++) {
        assert_true(soak->lives[i].spawned_ns >= soak->lives[i - 1].ready_ns);
    }
    assert_non_null(strstr(read_log(soak, "observer-0", text), "<>"));
    assert_non_null(
        strstr(read_log(soak, "observer-1", text), "<127.0.0.1:1>"));
    assert_non_null(strstr(read_log(soak, "churner-0", text),
                           "<127.0.0.1:1,127.0.0.1:1,127.0.0.1:1>"));
    free_soak(soak);
}

static void words_are_filled_in_for_each_life(void **state)
{
    (void)state;
    static const char *const words[] = {
        "log", "{id} {ordinal} {slot} {generation} {port} {ready_fd} {{}}",
        "ready", "forever", NULL};
    struct soak *soak = new_soak();
    char text[TEXT_SIZE];
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->roles[0].port = 4000;
    soak->scenario.rate_per_s = 100;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    (void)read_log(soak, "churner-1", text);
    assert_non_null(strstr(text, "--- generation 1\n"));
    assert_non_null(strstr(text, "churner-1 1 1 1 4001 3 {}\n"));
    assert_non_null(strstr(text, "--- generation 2\n"));
    assert_non_null(strstr(text, "churner-1 1 1 2 4001 3 {}\n"));
    free_soak(soak);
}

static void a_delay_can_stand_for_readiness(void **state)
{
    (void)state;
    static const char *const mute[] = {"forever", NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, mute)->ready =
        (struct scenario_ready){.by = READY_DELAY, .within_s = 0.05};
    soak->scenario.duration_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    int64_t took_ns = soak->lives[0].ready_ns - soak->lives[0].spawned_ns;
    assert_in_range(took_ns, 45000000, 2000000000);
    free_soak(soak);
}

static void what_a_target_forks_dies_with_it(void **state)
{
    (void)state;
    static const char *const words[] = {"fork", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->scenario.rate_per_s = 50;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_true(soak->events_count > 1);
    free_soak(soak); /* nobody_is_left() has looked at the groups */
}

/* --- stopping ------------------------------------------------------------- */

static void
a_target_that_ignores_sigterm_is_killed_after_its_grace(void **state)
{
    (void)state;
    static const char *const deaf[] = {"deaf", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, deaf)->stop.grace_s = 0.2;
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, lives_on);
    soak->scenario.duration_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(soak->lives[0].signal, SIGKILL);
    assert_int_equal(soak->lives[1].signal, SIGTERM);
    assert_int_equal(soak->phases[4], SUPERVISOR_STOPPING);
    int64_t took_ns = soak->lives[0].ended_ns - soak->phases_ns[4];
    assert_in_range(took_ns, 190000000, 5000000000);
    free_soak(soak);
}

static void a_stop_ends_every_phase_cleanly(void **state)
{
    (void)state;
    for (int phase = SUPERVISOR_OBSERVERS; phase <= SUPERVISOR_CHURNING;
         phase++) {
        struct soak *soak = new_soak();
        (void)add_role(soak, "observer", ROLE_OBSERVER, 2, lives_on);
        (void)add_role(soak, "churner", ROLE_CHURNER, 12, lives_on);
        soak->scenario.rate_per_s = 50;
        soak->scenario.duration_s = 20;
        soak->stops_at_phase = true;
        soak->stop_phase = (enum supervisor_phase)phase;
        assert_int_equal(run_soak(soak), SUPERVISOR_INTERRUPTED);
        assert_string_equal(supervisor_sentence(soak->supervisor),
                            "the test said so");
        assert_int_equal(soak->failures_count, 0);
        assert_int_equal(supervisor_phase(soak->supervisor), SUPERVISOR_DONE);
        free_soak(soak);
    }
}

/* From the callback: nobody is born, or comes back, after the stop. */
static void a_stop_when_told_of_an_end_starts_nobody(void **state)
{
    (void)state;
    static const char *const crashes[] = {"ready", "sleep", "20", NULL};
    static const struct {
        const char *const *words;
        double rate_per_s;
        uint32_t count;
    } cases[] = {
        {lives_on, 100, 1}, /* killed by churn, the last that lives */
        {lives_on, 100, 4}, /* killed by churn, others live */
        {crashes, 0, 1},    /* ended by itself */
        {crashes, 0, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct soak *soak = new_soak();
        (void)add_role(soak, "churner", ROLE_CHURNER, cases[i].count,
                       cases[i].words);
        soak->scenario.rate_per_s = cases[i].rate_per_s;
        soak->scenario.duration_s = 20;
        soak->stops_at_end_of_life = true;
        assert_int_equal(run_soak(soak), SUPERVISOR_INTERRUPTED);
        assert_int_equal(supervisor_phase(soak->supervisor), SUPERVISOR_DONE);
        assert_int_equal(soak->lives_count, cases[i].count);
        free_soak(soak);
    }
}

static void a_second_stop_does_not_wait(void **state)
{
    (void)state;
    static const char *const deaf[] = {"deaf", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 2, deaf)->stop.grace_s = 600;
    soak->scenario.duration_s = 20;
    soak->stops_at_phase = true;
    soak->stops_twice = true;
    soak->stop_phase = SUPERVISOR_CHURNING;
    assert_int_equal(run_soak(soak), SUPERVISOR_INTERRUPTED);
    assert_int_equal(soak->lives[0].signal, SIGKILL);
    free_soak(soak);
}

static void freeing_in_full_churn_leaves_nobody(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct err err = {0};
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, 8, lives_on);
    soak->scenario.rate_per_s = 300;
    soak->scenario.duration_s = 20;
    assert_int_equal(make_supervisor(soak, &err), 0);
    supervisor_start(soak->supervisor);
    int64_t until_ns = host_now_ns() + 20000000000;
    while (soak->events_count < 20 && host_now_ns() < until_ns) {
        ev_run(soak->loop, EVRUN_ONCE);
    }
    assert_true(soak->events_count >= 20);
    supervisor_free(soak->supervisor);
    soak->supervisor = NULL;
    nobody_is_left(soak);
    free_soak(soak);
}

/* The child of this function is a supervisor that is killed in mid-churn. */
static void churn_until_killed(struct soak *soak, int out)
{
    struct err err = {0};
    bool has_told = false;
    if (make_supervisor(soak, &err) != 0) {
        _exit(1);
    }
    supervisor_start(soak->supervisor);
    for (;;) {
        ev_run(soak->loop, EVRUN_ONCE);
        if (!has_told && soak->events_count >= 30) {
            has_told = write(out, "x", 1) == 1;
        }
    }
}

static void all_die_with_a_supervisor_that_is_killed(void **state)
{
    (void)state;
    static const char *const deaf[] = {"deaf", "ready", "forever", NULL};
    struct soak *soak = new_soak();
    int ends[2];
    char told;
    assert_int_equal(pipe(ends), 0);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 2, deaf);
    (void)add_role(soak, "churner", ROLE_CHURNER, 6, deaf);
    soak->scenario.rate_per_s = 100;
    soak->scenario.duration_s = 600;
    pid_t pid = fork();
    if (pid == 0) {
        ev_loop_fork(soak->loop);
        churn_until_killed(soak, ends[1]);
    }
    assert_int_equal(read(ends[0], &told, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    /* The supervisor itself, and those who were alive then. */
    assert_in_range(reap_orphans(), 2, 9);
    (void)close(ends[0]);
    (void)close(ends[1]);
    free_soak(soak);
}

static void a_flood_is_cut_from_the_log(void **state)
{
    (void)state;
    static const char *const words[] = {"flood", "3000",    "log", "the end",
                                        "ready", "forever", NULL};
    struct soak *soak = new_soak();
    char path[PATH_SIZE * 2];
    struct stat st;
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    soak->scenario.duration_s = 1.2; /* it is looked at once a second */
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    (void)snprintf(path, sizeof path, "%s/logs/observer-0.log", soak->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, SLOT_LOG_KEEP_BYTES);
    free_soak(soak);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: supervisor_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_killed_in_an_ebb),
        cmocka_unit_test(all_that_is_to_be_known_ends_the_run),
        cmocka_unit_test(churns_at_the_rate_that_was_asked),
        cmocka_unit_test(a_slot_has_one_life_at_a_time_numbered_from_one),
        cmocka_unit_test(phases_come_in_order),
        cmocka_unit_test(
            observers_come_first_one_by_one_and_lend_their_contacts),
        cmocka_unit_test(words_are_filled_in_for_each_life),
        cmocka_unit_test(a_delay_can_stand_for_readiness),
        cmocka_unit_test(what_a_target_forks_dies_with_it),
        cmocka_unit_test(
            a_target_that_ignores_sigterm_is_killed_after_its_grace),
        cmocka_unit_test(a_stop_ends_every_phase_cleanly),
        cmocka_unit_test(a_stop_when_told_of_an_end_starts_nobody),
        cmocka_unit_test(a_second_stop_does_not_wait),
        cmocka_unit_test(freeing_in_full_churn_leaves_nobody),
        cmocka_unit_test(all_die_with_a_supervisor_that_is_killed),
        cmocka_unit_test(a_flood_is_cut_from_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
