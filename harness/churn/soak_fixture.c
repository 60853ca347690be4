#include "churn/soak_fixture.h"

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

#include "host.h"

static const double guard_s = 30; /* no soak here takes a tenth of it */

char *test_child;

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
    if (change == SUPERVISOR_READY && soak->unlinks_at_ready != NULL) {
        (void)unlink(soak->unlinks_at_ready);
    }
    if (change == SUPERVISOR_ENDED && soak->stops_at_end_of_life) {
        soak->stops_at_end_of_life = false;
        supervisor_stop(soak->supervisor, "the test said so");
    }
}

/* Whether it comes to stand still, as the kernel has it, within a second. */
static bool is_stopped(int64_t pid)
{
    int64_t until_ns = host_now_ns() + 1000000000;
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    while (host_now_ns() < until_ns) {
        char text[TEXT_SIZE] = "";
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
        const char *end = strrchr(text, ')');
        if (end != NULL && strncmp(end, ") T", 3) == 0) {
            return true;
        }
        (void)usleep(1000);
    }
    return false;
}

static void on_event(void *context, const struct supervisor_event *event)
{
    struct soak *soak = context;
    assert_true(soak->events_count < EVENTS_MAX);
    assert_true(soak->lives[event->process_id - 1].ready_ns >= 0 ||
                event->kind == CHURN_EXIT || event->kind == CHURN_PARTITION);
    soak->events[soak->events_count++] = *event;
    if (soak->at_event != NULL) {
        soak->at_event(soak, event);
    }
    if (event->kind == CHURN_PAUSE) {
        int64_t pid = soak->pids[event->process_id - 1];
        soak->stopped_count += is_stopped(pid);
        if (soak->kills_the_paused) {
            assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
        }
    }
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

struct soak *new_soak(void)
{
    struct soak *soak = calloc(1, sizeof *soak);
    assert_non_null(soak);
    (void)snprintf(soak->folder, sizeof soak->folder,
                   "/tmp/plateau-supervisor-test.XXXXXX");
    assert_non_null(mkdtemp(soak->folder));
    soak->loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(soak->loop);
    (void)snprintf(soak->name, sizeof soak->name, "test");
    (void)snprintf(soak->host, sizeof soak->host, "127.0.0.1");
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
struct scenario_role *add_role(struct soak *soak, const char *name,
                               enum role_kind kind, uint32_t count,
                               const char *const *words)
{
    struct scenario_role *role = &soak->roles[soak->scenario.roles_count++];
    assert_true(soak->scenario.roles_count <= ROLES_MAX);
    *role = (struct scenario_role){
        .name = (char *)(uintptr_t)name,
        .kind = kind,
        .count = count,
        .host = soak->host,
        .command = calloc(SCENARIO_COMMAND_WORDS_MAX, sizeof(char *)),
        .ready = {.by = READY_FD, .within_s = 5},
        .stop = {.signal = SIGTERM, .grace_s = 5},
    };
    assert_non_null(role->command);
    role->command[role->command_count++] = test_child;
    for (size_t i = 0; words[i] != NULL; i++) {
        role->command[role->command_count++] = (char *)(uintptr_t)words[i];
    }
    return role;
}

const char *const lives_on[] = {"ready", "forever", NULL};

int make_supervisor(struct soak *soak, struct err *err)
{
    soak->start_ns = host_now_ns();
    struct supervisor_config config = {
        .loop = soak->loop,
        .scenario = &soak->scenario,
        .seed = 7,
        .run_folder = soak->folder,
        .meshnode = "/nowhere/meshnode",
        .preload = "",
        .recorded = soak->recorded,
        .recorded_count = soak->recorded_count,
        .start_ns = soak->start_ns,
        .disk_free_min_bytes = soak->disk_free_min_bytes,
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
size_t reap_orphans(void)
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
void nobody_is_left(const struct soak *soak)
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

enum supervisor_end run_soak(struct soak *soak)
{
    struct err err = {0};
    if (make_supervisor(soak, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    return run_made_soak(soak);
}

enum supervisor_end run_made_soak(struct soak *soak)
{
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

void free_soak(struct soak *soak)
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

char *read_log(const struct soak *soak, const char *name, char text[TEXT_SIZE])
{
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/logs/%s.log", soak->folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

void sentence_has(const struct soak *soak, const char *part)
{
    assert_int_equal(soak->failures_count, 1);
    assert_string_equal(soak->failure, supervisor_sentence(soak->supervisor));
    if (strstr(soak->failure, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, soak->failure);
    }
}
