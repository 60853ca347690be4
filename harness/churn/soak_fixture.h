/* soak_fixture.h - a supervisor with a scenario made by hand, for its tests.
 *
 * Real processes (test_child) over a loop of the test's own; every soak is over
 * within some seconds, and leaves nobody alive.
 */
#ifndef PLATEAU_SOAK_FIXTURE_H
#define PLATEAU_SOAK_FIXTURE_H

#include "churn/supervisor.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROLES_MAX = 3,
    LIVES_MAX = 2048,
    EVENTS_MAX = 1024,
    EBBS_MAX = 64,
    PHASES_MAX = 16,
    PATH_SIZE = 512,
    TEXT_SIZE = 1024,
};

extern char *test_child;             /* its path, from the test's arguments */
extern const char *const lives_on[]; /* words: ready, then alive for ever */

/* A scenario made by hand, and all that the supervisor said about it. */
struct soak {
    struct ev_loop *loop;
    struct supervisor *supervisor;
    struct scenario scenario;
    struct scenario_role roles[ROLES_MAX];
    char name[8];
    char host[16];
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
    const struct schedule_event *recorded; /* NULL: the scenario's schedule */
    size_t recorded_count;
    bool kills_the_paused; /* when told of the pause */
    size_t stopped_count;  /* of the paused, those that did stand still */
    struct supervisor_event events[EVENTS_MAX];
    size_t events_count;
    void (*at_event)(struct soak *soak, const struct supervisor_event *event);
    struct supervisor_ebb ebbs[EBBS_MAX];
    size_t ebbs_count;
    int64_t completes_at_ebb; /* 0: at none */
    char failure[TEXT_SIZE];
    size_t failures_count;

    int64_t disk_free_min_bytes; /* 0: as ever */
    bool stops_at_phase;
    enum supervisor_phase stop_phase;
    bool stops_twice;
    const char *unlinks_at_ready; /* a file, when told that one is ready */
    bool stops_at_end_of_life;    /* when told that a churner has ended */
};

struct soak *new_soak(void);
void free_soak(struct soak *soak);

/* A role whose processes obey |words|, which must outlive the soak. */
struct scenario_role *add_role(struct soak *soak, const char *name,
                               enum role_kind kind, uint32_t count,
                               const char *const *words);

int make_supervisor(struct soak *soak, struct err *err);

/* Runs it to its end, whatever that is; nobody is left then. */
enum supervisor_end run_soak(struct soak *soak);

/* The same, after make_supervisor(). */
enum supervisor_end run_made_soak(struct soak *soak);

/* Orphans come to us: waits, within bounds, until all are dead and reaped. Each
 * must have been killed. Returns how many there were. */
size_t reap_orphans(void);

/* Every process that was ever started is dead and reaped, and so is its
 * group. */
void nobody_is_left(const struct soak *soak);

char *read_log(const struct soak *soak, const char *name, char text[TEXT_SIZE]);

/* The one failure that was told has |part| in its sentence. */
void sentence_has(const struct soak *soak, const char *part);

#endif
