/* Partitions of real networks, with real processes in them. Each soak puts this
 * process into a network of its own, the next one into another; where the
 * machine does not let us make networks the tests say so and claim nothing
 * (cmocka's skip() is 'not ok' to who reads TAP). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/soak_fixture.h"
#include "churn/supervisor_state.h"
#include "isolate/address.h"

enum {
    OBSERVERS = 2, /* their places come first, in the file and here */
    CHURNERS = 3,
    FIRST_OBSERVER = CHURNERS, /* as a list of events counts */
    PORT = 4242,
    MS_NS = 1000000,
    LONG_MS = 1500, /* to look whether readings rest takes a part of it */
};

static bool can_make_networks;

/* In a child, because who enters a network does not come back. */
static bool try_networks(void)
{
    static const struct network_config config = {
        .rule = NETWORK_EACH, .places = 2, .has_partitions = true};
    struct network *network = NULL;
    struct err err = {0};
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int result = network_enter(&config, &network, &err);
        (void)fprintf(stderr, "# %s\n", err.sentence);
        _exit(result != 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Whether the test is to be left; says why. */
static bool is_skipped(void)
{
    if (!can_make_networks) {
        print_message("# skipped: no right to make networks here, or no nft\n");
    }
    return !can_make_networks;
}

static struct soak *soak_of(const struct schedule_event *list, size_t listed,
                            double duration_s)
{
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, OBSERVERS, lives_on);
    (void)add_role(soak, "churner", ROLE_CHURNER, CHURNERS, lives_on);
    soak->recorded = list;
    soak->recorded_count = listed;
    soak->scenario.network = NETWORK_EACH;
    soak->scenario.duration_s = duration_s;
    return soak;
}

static struct supervisor_counts counts_of(const struct soak *soak)
{
    struct supervisor_counts counts;
    supervisor_counts(soak->supervisor, &counts);
    return counts;
}

/* --- looking ---------------------------------------------------------------
 */

/* What the network does, beside what the supervisor says of it. */
struct probe {
    struct soak *soak;
    ev_timer timer;
    int fds[OBSERVERS + CHURNERS];
    int whole, cut; /* looks */
    int wrong;      /* of them */
};

/* A socket in the network of |place|. */
static int open_in(const struct soak *soak, uint32_t place)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int theirs = network_of(soak->supervisor->network, place);
    assert_true(ours >= 0 && theirs > 0);
    assert_int_equal(setns(theirs, CLONE_NEWNET), 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setns(ours, CLONE_NEWNET), 0);
    (void)close(ours);
    at.sin_addr.s_addr = htonl(isolate_place_address(place));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static bool reaches(const struct probe *probe, uint32_t from, uint32_t to)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct pollfd polled = {.fd = probe->fds[to], .events = POLLIN};
    char byte;
    /* What should arrive may take its time on a busy machine. */
    int wait_ms = supervisor_is_whole(probe->soak->supervisor) ? 2000 : 20;
    at.sin_addr.s_addr = htonl(isolate_place_address(to));
    assert_int_equal(
        sendto(probe->fds[from], "x", 1, 0, (struct sockaddr *)&at, sizeof at),
        1);
    return poll(&polled, 1, wait_ms) == 1 &&
           recv(probe->fds[to], &byte, 1, MSG_DONTWAIT) == 1;
}

/* Observer 0 and churner 0 are the ones that are ever cut off here. */
static void look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct probe *probe = timer->data;
    bool is_whole = supervisor_is_whole(probe->soak->supervisor);
    (void)loop;
    (void)revents;
    if (supervisor_phase(probe->soak->supervisor) < SUPERVISOR_CHURNING) {
        return;
    }
    probe->whole += is_whole;
    probe->cut += !is_whole;
    probe->wrong += reaches(probe, 0, 1) != is_whole;
    probe->wrong += reaches(probe, OBSERVERS + 1, OBSERVERS) != is_whole;
    probe->wrong += !reaches(probe, 0, OBSERVERS);
    probe->wrong += !reaches(probe, 1, OBSERVERS + 2);
}

/* Runs it to its end, looking every 15 ms. */
static enum supervisor_end run_probed(struct soak *soak, struct probe *probe)
{
    struct err err = {0};
    *probe = (struct probe){.soak = soak};
    if (make_supervisor(soak, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    for (uint32_t i = 0; i < OBSERVERS + CHURNERS; i++) {
        probe->fds[i] = open_in(soak, i);
    }
    ev_timer_init(&probe->timer, look, 0.015, 0.015);
    probe->timer.data = probe;
    ev_timer_start(soak->loop, &probe->timer);
    ev_unref(soak->loop); /* it is no part of what the supervisor left */
    enum supervisor_end end = run_made_soak(soak);
    ev_ref(soak->loop);
    ev_timer_stop(soak->loop, &probe->timer);
    for (uint32_t i = 0; i < OBSERVERS + CHURNERS; i++) {
        (void)close(probe->fds[i]);
    }
    return end;
}

/* --- tests -----------------------------------------------------------------
 */

static void a_partition_cuts_until_its_time_is_over(void **state)
{
    static const struct schedule_event list[] = {
        {100 * MS_NS, 0, CHURN_PARTITION, 300 * MS_NS},
        {100 * MS_NS + 5, FIRST_OBSERVER, CHURN_PARTITION, 300 * MS_NS}};
    struct probe probe;
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *soak = soak_of(list, 2, 1);
    assert_int_equal(run_probed(soak, &probe), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(counts.events, 2);
    assert_int_equal(counts.by_kind[CHURN_PARTITION], 2);
    assert_int_equal(counts.partitions, 1);
    assert_int_equal(counts.healed, 1);
    assert_true(counts.cut_ns >= 300 * MS_NS);
    assert_int_equal(soak->events[0].slot_id, OBSERVERS);
    assert_int_equal(soak->events[1].slot_id, 0);
    assert_true(probe.whole > 1 && probe.cut > 1);
    assert_int_equal(probe.wrong, 0);
    /* Nobody died of it. */
    assert_int_equal(soak->lives_count, OBSERVERS + CHURNERS);
    free_soak(soak);
}

static void an_ebb_waits_until_all_is_healed_and_rests(void **state)
{
    static const struct schedule_event list[] = {
        {10 * MS_NS, 0, CHURN_PARTITION, (int64_t)LONG_MS * MS_NS}};
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *soak = soak_of(list, 1, 20);
    soak->scenario.wave_events = 1;
    soak->scenario.waves = 1;
    soak->scenario.settle_min_s = 0.5;
    soak->scenario.settle_max_s = 10;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(soak->ebbs_count, 1);
    assert_true(soak->ebbs[0].is_settled);
    assert_true(soak->ebbs[0].read_ns >=
                soak->events[0].t_ns + ((int64_t)LONG_MS + 500) * MS_NS);
    assert_int_equal(counts_of(soak).healed, 1);
    free_soak(soak);
}

static void the_end_of_churn_heals(void **state)
{
    static const struct schedule_event list[] = {
        {10 * MS_NS, 0, CHURN_PARTITION, INT64_C(3600000) * MS_NS}};
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *soak = soak_of(list, 1, 0.2);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(soak);
    assert_int_equal(counts.partitions, 1);
    assert_int_equal(counts.healed, 0);
    assert_in_range(counts.cut_ns, 1, INT64_C(60000) * MS_NS);
    assert_true(supervisor_is_whole(soak->supervisor));
    for (size_t i = 0; i < soak->lives_count; i++) {
        assert_int_equal(soak->lives[i].signal, SIGTERM);
    }
    free_soak(soak);
}

/* From the first partition on a new life has nobody to join, and a twentieth of
 * a second to do it in. */
static void let_nobody_join(struct soak *soak,
                            const struct supervisor_event *event)
{
    static char forever[] = "forever";
    if (event->kind == CHURN_PARTITION) {
        soak->roles[1].ready.within_s = 0.05;
        soak->roles[1].command[1] = forever;
    }
}

static struct soak *soak_of_a_kill_within(int64_t lasts_ns, double duration_s,
                                          struct schedule_event list[2])
{
    list[0] = (struct schedule_event){10 * MS_NS, 0, CHURN_PARTITION, lasts_ns};
    list[1] = (struct schedule_event){20 * MS_NS, 0, CHURN_KILL, -1};
    struct soak *soak = soak_of(list, 2, duration_s);
    soak->at_event = let_nobody_join;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    assert_int_equal(counts_of(soak).events, 2);
    return soak;
}

static void who_is_cut_off_is_not_late(void **state)
{
    struct schedule_event list[2];
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *soak =
        soak_of_a_kill_within(INT64_C(3600000) * MS_NS, 0.5, list);
    assert_int_equal(counts_of(soak).late, 0);
    assert_int_equal(soak->lives_count, OBSERVERS + CHURNERS + 1);
    free_soak(soak);
}

static void once_it_is_healed_it_has_its_time_to_be_ready(void **state)
{
    struct schedule_event list[2];
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *soak = soak_of_a_kill_within(200 * MS_NS, 1, list);
    const struct supervisor_process *late = &soak->lives[OBSERVERS + CHURNERS];
    assert_true(counts_of(soak).late > 0);
    assert_int_equal(late->signal, SIGKILL);
    assert_true(late->ended_ns >= soak->events[0].t_ns + 250 * MS_NS);
    free_soak(soak);
}

/* Partitions among kills and stops, and then their list: the same to the same,
 * in the same order, and never two at a time. */
static void a_recorded_run_is_done_again(void **state)
{
    static struct schedule_event list[EVENTS_MAX];
    (void)state;
    if (is_skipped()) {
        return;
    }
    struct soak *first = soak_of(NULL, 0, 2);
    first->scenario.rate_per_s = 40;
    first->scenario.kill_weight = first->scenario.stop_weight = 2;
    first->scenario.partition_weight = 0.5;
    first->scenario.partition_share = 0.4;
    first->scenario.partition_min_s = 0.05;
    first->scenario.partition_max_s = 0.1;
    assert_int_equal(run_soak(first), SUPERVISOR_COMPLETED);
    struct supervisor_counts counts = counts_of(first);
    assert_true(counts.partitions > 1);
    assert_true(counts.by_kind[CHURN_KILL] > 0);
    /* Two fifths of five. */
    assert_int_equal(counts.by_kind[CHURN_PARTITION], 2 * counts.partitions);
    int64_t healed_ns = 0;
    for (size_t i = 0, members = 0; i < first->events_count; i++) {
        const struct supervisor_event *event = &first->events[i];
        bool is_observer = event->slot_id < OBSERVERS;
        list[i] = (struct schedule_event){event->churned_ns,
                                          is_observer
                                              ? FIRST_OBSERVER + event->slot_id
                                              : event->slot_id - OBSERVERS,
                                          event->kind, event->parameter_ns};
        if (event->kind == CHURN_PARTITION && members++ % 2 == 0) {
            assert_true(event->t_ns >= healed_ns);
            healed_ns = event->t_ns + event->parameter_ns;
        }
        assert_true(!is_observer || event->kind == CHURN_PARTITION);
    }
    struct soak *again = soak_of(list, first->events_count, 6);
    assert_int_equal(run_soak(again), SUPERVISOR_COMPLETED);
    assert_int_equal(again->events_count, first->events_count);
    for (size_t i = 0; i < first->events_count; i++) {
        assert_int_equal(again->events[i].slot_id, first->events[i].slot_id);
        assert_int_equal(again->events[i].kind, first->events[i].kind);
        assert_int_equal(again->events[i].parameter_ns,
                         first->events[i].parameter_ns);
    }
    assert_int_equal(counts_of(again).partitions, counts.partitions);
    free_soak(first);
    free_soak(again);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_cuts_until_its_time_is_over),
        cmocka_unit_test(an_ebb_waits_until_all_is_healed_and_rests),
        cmocka_unit_test(the_end_of_churn_heals),
        cmocka_unit_test(who_is_cut_off_is_not_late),
        cmocka_unit_test(once_it_is_healed_it_has_its_time_to_be_ready),
        cmocka_unit_test(a_recorded_run_is_done_again),
    };
    if (argc != 2) {
        return 64;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    can_make_networks = try_networks();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
