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

#include "churn/supervisor.h"

#include "churn/slot_log.h"
#include "host.h"

enum {
    ROLES_MAX = 3,
    LIVES_MAX = 2048,
    EVENTS_MAX = 1024,
    EBBS_MAX = 64,
    PHASES_MAX = 16,
    PATH_SIZE = 512,
    TEXT_SIZE = 1024,
};

static const double guard_s = 30; /* no soak here takes a tenth of it */

static char *test_child; /* its path */

/* A scenario made by hand, and all that the supervisor said about it. */
struct soak {
    struct ev_loop *loop;
    struct supervisor *supervisor;
    struct scenario scenario;
    struct scenario_role roles[ROLES_MAX];
    char name[8];
    char folder[PATH_SIZE];
    int64_t start_ns;
    ev_timer guard;
    ev_timer second_stop;
    bool has_timed_out;

    enum supervisor_phase phases[PHASES_MAX];
    int64_t phases_ns[PHASES_MAX];
    size_t phases_count;
    struct supervisor_process lives[LIVES_MAX]; /* by id - 1, as last told */
    int64_t pids[LIVES_MAX];
    size_t lives_count;
    struct supervisor_event events[EVENTS_MAX];
    size_t events_count;
    struct supervisor_ebb ebbs[EBBS_MAX];
    size_t ebbs_count;
    int64_t completes_at_ebb; /* 0: at none */
    char failure[TEXT_SIZE];
    size_t failures_count;

    bool stops_at_phase;
    enum supervisor_phase stop_phase;
    bool stops_twice;
    bool stops_at_end_of_life; /* when told that a churner has ended */
};

static void on_phase(void *context, enum supervisor_phase phase, int64_t now_ns)
{
    struct soak *soak = context;
    assert_true(soak->phases_count < PHASES_MAX);
    soak->phases_ns[soak->phases_count] = now_ns;
    soak->phases[soak->phases_count++] = phase;
    if (phase == SUPERVISOR_DONE) {
        ev_break(soak->loop, EVBREAK_ALL);
    }
    if (soak->stops_at_phase && phase == soak->stop_phase) {
        supervisor_stop(soak->supervisor, "the test said so");
        if (soak->stops_twice) {
            ev_timer_start(soak->loop, &soak->second_stop);
        }
    }
}

static void on_process(void *context, enum supervisor_change change,
                       const struct supervisor_process *process)
{
    struct soak *soak = context;
    assert_in_range(process->id, 1, LIVES_MAX);
    size_t index = (size_t)process->id - 1;
    if (change == SUPERVISOR_STARTED) {
        assert_int_equal(index, soak->lives_count);
        assert_true(process->pidfd >= 0);
        soak->pids[index] = process->pid;
        soak->lives_count++;
    }
    soak->lives[index] = *process;
    soak->lives[index].contact = NULL; /* lent for the call only */
    if (change == SUPERVISOR_ENDED && soak->stops_at_end_of_life) {
        soak->stops_at_end_of_life = false;
        supervisor_stop(soak->supervisor, "the test said so");
    }
}

static void on_event(void *context, const struct supervisor_event *event)
{
    struct soak *soak = context;
    assert_true(soak->events_count < EVENTS_MAX);
    assert_true(soak->lives[event->killed_process_id - 1].ready_ns >= 0);
    soak->events[soak->events_count++] = *event;
}

static void on_ebb(void *context, const struct supervisor_ebb *ebb)
{
    struct soak *soak = context;
    assert_true(soak->ebbs_count < EBBS_MAX);
    soak->ebbs[soak->ebbs_count++] = *ebb;
    if (soak->completes_at_ebb == ebb->seq) {
        supervisor_complete(soak->supervisor, "all is known");
    }
}

static void on_failure(void *context, enum supervisor_end end,
                       const char *sentence)
{
    struct soak *soak = context;
    assert_true(end == SUPERVISOR_INVALID || end == SUPERVISOR_BROKEN);
    soak->failures_count++;
    (void)snprintf(soak->failure, sizeof soak->failure, "%s", sentence);
}

static void on_guard(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct soak *soak = timer->data;
    (void)revents;
    soak->has_timed_out = true;
    ev_break(loop, EVBREAK_ALL);
}

static void on_second_stop(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct soak *soak = timer->data;
    (void)loop;
    (void)revents;
    supervisor_stop(soak->supervisor, "the test insists");
}

/* --- making --------------------------------------------------------------- */

static struct soak *new_soak(void)
{
    struct soak *soak = calloc(1, sizeof *soak);
    assert_non_null(soak);
    (void)snprintf(soak->folder, sizeof soak->folder,
                   "/tmp/plateau-supervisor-test.XXXXXX");
    assert_non_null(mkdtemp(soak->folder));
    soak->loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(soak->loop);
    (void)snprintf(soak->name, sizeof soak->name, "test");
    soak->scenario = (struct scenario){
        .name = soak->name,
        .duration_s = 0.3,
        .settle_s = 0.02,
        .rate_per_s = 0,
        .interval = INTERVAL_FIXED,
        .settle_max_s = 1,
        .roles = soak->roles,
    };
    ev_timer_init(&soak->guard, on_guard, guard_s, 0);
    ev_timer_init(&soak->second_stop, on_second_stop, 0.05, 0);
    soak->guard.data = soak;
    soak->second_stop.data = soak;
    return soak;
}

/* A role whose processes obey |words|, which must outlive the soak. */
static struct scenario_role *add_role(struct soak *soak, const char *name,
                                      enum role_kind kind, uint32_t count,
                                      const char *const *words)
{
    struct scenario_role *role = &soak->roles[soak->scenario.roles_count++];
    assert_true(soak->scenario.roles_count <= ROLES_MAX);
    *role = (struct scenario_role){
        .name = (char *)(uintptr_t)name,
        .kind = kind,
        .count = count,
        .command = calloc(SCENARIO_COMMAND_WORDS_MAX, sizeof(char *)),
        .ready = {.by = READY_FD, .within_s = 5},
        .stop = {.grace_s = 5},
    };
    assert_non_null(role->command);
    role->command[role->command_count++] = test_child;
    for (size_t i = 0; words[i] != NULL; i++) {
        role->command[role->command_count++] = (char *)(uintptr_t)words[i];
    }
    return role;
}

static const char *const lives_on[] = {"ready", "forever", NULL};

static int make_supervisor(struct soak *soak, struct err *err)
{
    soak->start_ns = host_now_ns();
    struct supervisor_config config = {
        .loop = soak->loop,
        .scenario = &soak->scenario,
        .seed = 7,
        .run_folder = soak->folder,
        .meshnode = "/nowhere/meshnode",
        .preload = "",
        .start_ns = soak->start_ns,
        .callbacks = {.context = soak,
                      .on_phase = on_phase,
                      .on_process = on_process,
                      .on_event = on_event,
                      .on_ebb = on_ebb,
                      .on_failure = on_failure},
    };
    return supervisor_new(&config, &soak->supervisor, err);
}

/* Orphans come to us: waits, within bounds, until all are dead and reaped. Each
 * must have been killed. Returns how many there were. */
static size_t reap_orphans(void)
{
    int64_t until_ns = host_now_ns() + 5000000000;
    size_t count = 0;
    while (host_now_ns() < until_ns) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0) {
            assert_int_equal(errno, ECHILD);
            return count;
        }
        if (pid == 0) {
            (void)usleep(1000);
            continue;
        }
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        count++;
    }
    fail_msg("somebody is left alive");
    return count;
}

/* Every process that was ever started is dead and reaped, and so is its
 * group; the supervisor has reaped its own children. */
static void nobody_is_left(const struct soak *soak)
{
    for (size_t i = 0; i < soak->lives_count; i++) {
        assert_int_equal(kill((pid_t)soak->pids[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    (void)reap_orphans();
    for (size_t i = 0; i < soak->lives_count; i++) {
        assert_int_equal(kill((pid_t)-soak->pids[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
}

/* Runs it to its end, whatever that is. */
static enum supervisor_end run_soak(struct soak *soak)
{
    struct err err = {0};
    if (make_supervisor(soak, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    ev_timer_start(soak->loop, &soak->guard);
    supervisor_start(soak->supervisor);
    if (supervisor_phase(soak->supervisor) != SUPERVISOR_DONE) {
        ev_run(soak->loop, 0);
    }
    ev_timer_stop(soak->loop, &soak->guard);
    ev_timer_stop(soak->loop, &soak->second_stop);
    assert_false(soak->has_timed_out);
    nobody_is_left(soak);
    for (size_t i = 0; i < soak->lives_count; i++) {
        assert_true(soak->lives[i].ended_ns >= soak->lives[i].spawned_ns);
    }
    /* Nothing of the supervisor's is active any more. */
    assert_int_equal(ev_run(soak->loop, EVRUN_NOWAIT), 0);
    return supervisor_end(soak->supervisor);
}

static void free_soak(struct soak *soak)
{
    supervisor_free(soak->supervisor);
    ev_loop_destroy(soak->loop);
    for (uint32_t i = 0; i < soak->scenario.roles_count; i++) {
        free(soak->roles[i].command);
    }
    host_remove_folder(soak->folder);
    assert_int_equal(access(soak->folder, F_OK), -1);
    free(soak);
}

static char *read_log(const struct soak *soak, const char *name,
                      char text[TEXT_SIZE])
{
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/logs/%s.log", soak->folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void sentence_has(const struct soak *soak, const char *part)
{
    assert_int_equal(soak->failures_count, 1);
    assert_string_equal(soak->failure, supervisor_sentence(soak->supervisor));
    if (strstr(soak->failure, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, soak->failure);
    }
}

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
    /* Kills that are owed are made up for, so a busy machine costs few. */
    assert_in_range(counts.events, 80, 100);
    assert_int_equal(counts.events, soak->events_count);
    assert_in_range(counts.respawns, counts.events - 6, counts.events);
    assert_int_equal(counts.crashes + counts.late + counts.skipped, 0);
    assert_int_equal(counts.live, 0);
    assert_int_equal(counts.ready, 0);
    assert_true(counts.ready_mean_ns > 0);
    for (size_t i = 0; i < soak->events_count; i++) {
        const struct supervisor_event *event = &soak->events[i];
        const struct supervisor_process *killed =
            &soak->lives[event->killed_process_id - 1];
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
        (struct scenario_ready){READY_DELAY, 0.05};
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

/* --- what goes wrong ------------------------------------------------------ */

static void a_missing_program_is_found_before_anything_starts(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct err err = {0};
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
    struct scenario_role *role =
        add_role(soak, "client", ROLE_CHURNER, 1, lives_on);
    role->command[0] = (char[]){"no-such-program"};
    assert_int_equal(make_supervisor(soak, &err), -ENOENT);
    assert_null(soak->supervisor);
    assert_non_null(strstr(err.sentence, "client"));
    assert_non_null(strstr(err.sentence, "no-such-program"));
    assert_non_null(strstr(err.sentence, "PATH"));
    role->command[0] = (char[]){"/etc/passwd"};
    assert_int_equal(make_supervisor(soak, &err), -EACCES);
    assert_non_null(strstr(err.sentence, "/etc/passwd"));
    assert_int_equal(soak->lives_count, 0);
    nobody_is_left(soak);
    free_soak(soak);
}

static void a_program_that_cannot_be_executed_ends_the_run(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/not-a-program", soak->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("\x7f"
                "ELF, not quite",
                file);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
    add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on)->command[0] = path;
    assert_int_equal(run_soak(soak), SUPERVISOR_BROKEN);
    sentence_has(soak, "not-a-program");
    sentence_has(soak, strerror(ENOEXEC));
    assert_int_equal(soak->lives_count, 0);
    free_soak(soak);
}

static void an_observer_that_is_not_ready_in_time_ends_the_run(void **state)
{
    (void)state;
    static const char *const mute[] = {"log", "still thinking", "forever",
                                       NULL};
    struct soak *soak = new_soak();
    add_role(soak, "observer", ROLE_OBSERVER, 1, mute)->ready.within_s = 0.1;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 was not ready within 0.1 s");
    sentence_has(soak, "still thinking");
    free_soak(soak);
}

static void an_observer_that_dies_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"ready",         "sleep", "60", "log",
                                        "out of cheese", "exit",  "7",  NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    (void)add_role(soak, "churner", ROLE_CHURNER, 3, lives_on);
    soak->scenario.rate_per_s = 50;
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 ended with exit status 7");
    sentence_has(soak, "out of cheese");
    free_soak(soak);
}

static void an_observer_that_is_killed_names_the_signal(void **state)
{
    (void)state;
    static const char *const words[] = {"abort", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "ABRT");
    sentence_has(soak, "before it was ready");
    free_soak(soak);
}

static void a_wrong_readiness_line_is_quoted(void **state)
{
    (void)state;
    static const char *const lines[] = {"hello there\n", "readyish\n",
                                        "ready a b\n", "ready a,b\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *const words[] = {"say", lines[i], "forever", NULL};
        struct soak *soak = new_soak();
        char quoted[64];
        (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
        assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
        (void)snprintf(quoted, sizeof quoted, "\"%.*s\"",
                       (int)strlen(lines[i]) - 1, lines[i]);
        sentence_has(soak, quoted);
        free_soak(soak);
    }
}

static void a_readiness_line_that_does_not_end_is_refused(void **state)
{
    (void)state;
    static char line[SUPERVISOR_READY_LINE_MAX + 1];
    const char *const words[] = {"say", line, "forever", NULL};
    struct soak *soak = new_soak();
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "ready ", 6);
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "it should write \"ready CONTACT\"");
    free_soak(soak);
}

static void a_readiness_line_may_come_in_pieces(void **state)
{
    (void)state;
    static const char *const words[] = {"say", "rea",  "sleep",   "20",
                                        "say", "dy x", "sleep",   "20",
                                        "say", "\n",   "forever", NULL};
    struct soak *soak = new_soak();
    (void)add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    soak->scenario.duration_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    free_soak(soak);
}

static void a_churner_that_crashes_now_and_then_is_counted(void **state)
{
    (void)state;
    static const char *const words[] = {"ready", "sleep", "40",
                                        "exit",  "3",     NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)add_role(soak, "churner", ROLE_CHURNER, 2, words);
    soak->scenario.settle_s = 0;
    soak->scenario.rate_per_s = 100;
    soak->scenario.duration_s = 0.5;
    (void)run_soak(soak);
    supervisor_counts(soak->supervisor, &counts);
    assert_true(counts.events > 10);
    assert_true(counts.crashes > 0 ||
                supervisor_end(soak->supervisor) == SUPERVISOR_COMPLETED);
    free_soak(soak);
}

static void a_churner_that_only_crashes_ends_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"log", "no way", "exit", "3", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, words);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.crashes, SUPERVISOR_CRASHES_MAX);
    assert_int_equal(soak->lives_count, SUPERVISOR_CRASHES_MAX);
    sentence_has(soak, "churner-0 failed 5 times in a row");
    sentence_has(soak, "no way");
    free_soak(soak);
}

static void a_churner_that_is_never_ready_ends_the_run(void **state)
{
    (void)state;
    static const char *const mute[] = {"forever", NULL};
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    add_role(soak, "churner", ROLE_CHURNER, 1, mute)->ready.within_s = 0.02;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(counts.late, SUPERVISOR_CRASHES_MAX);
    sentence_has(soak, "was not ready in time");
    free_soak(soak);
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
        cmocka_unit_test(a_missing_program_is_found_before_anything_starts),
        cmocka_unit_test(a_program_that_cannot_be_executed_ends_the_run),
        cmocka_unit_test(an_observer_that_is_not_ready_in_time_ends_the_run),
        cmocka_unit_test(an_observer_that_dies_ends_the_run),
        cmocka_unit_test(an_observer_that_is_killed_names_the_signal),
        cmocka_unit_test(a_wrong_readiness_line_is_quoted),
        cmocka_unit_test(a_readiness_line_that_does_not_end_is_refused),
        cmocka_unit_test(a_readiness_line_may_come_in_pieces),
        cmocka_unit_test(a_churner_that_crashes_now_and_then_is_counted),
        cmocka_unit_test(a_churner_that_only_crashes_ends_the_run),
        cmocka_unit_test(a_churner_that_is_never_ready_ends_the_run),
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
