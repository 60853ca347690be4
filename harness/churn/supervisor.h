/* supervisor.h - start the roles, churn them, stop them; lose nobody.
 *
 * Runs a scenario over a libev loop of the caller's. Phases, in order:
 *
 *   OBSERVERS  who has nobody to wait for starts (scenario/order.h):
 *              bystanders and observers one after another, so that the contact
 *              of each joins {peers} of the next
 *   CHURNERS   all of these have been ready; churners start, at most
 *              SUPERVISOR_STARTING_MAX at a time
 *   SETTLING   all are ready: settle_s of stillness
 *   CHURNING   the schedule says what befalls which ready churner (kinds.h): it
 *              comes back, or goes on, and must be ready before anything
 *              befalls it again; where the scenario has waves, an ebb follows
 *              each (waves.h)
 *   STOPPING   each role's signal to all, SIGKILL after its grace
 *   DONE       every child is reaped; nothing of the supervisor's is active in
 *              the loop any more
 *
 * Failures and stops jump to STOPPING from anywhere. A churner that ends by
 * itself is counted and respawned with backoff; after SUPERVISOR_CRASHES_MAX in
 * a row in one slot the run fails. One that ends as its role says that it may
 * (may_exit) is respawned, in an ebb when that is over. An observer or a
 * bystander that ends fails the run.
 *
 * Every child dies with this process, however it dies. What a process started
 * dies with it, also what left its group or session (sample/tree.h: this
 * process adopts orphans, and no other part of it may have children that
 * spawn_process() did not start). DONE comes when nobody descends from us any
 * more. A disk with less than disk_free_min_bytes left ends the run. Who keeps
 * more in {dir} than its role's limits.folder_mib is killed, which counts as if
 * it had ended by itself.
 *
 * A process finds:
 * stdin empty, stdout and stderr in RUN/logs/ROLE-ORDINAL.log (bounded: cut to
 * its last SLOT_LOG_KEEP_BYTES when it passes SLOT_LOG_MAX_BYTES;
 * looked at once a second, oftener when flooded, and at each respawn),
 * {ready_fd} = 3, if it is to be
 * ready by that, on which it writes "ready CONTACT\n" or "ready\n", its tally
 * page at descriptor 4, said by PLATEAU_TALLY=fd:4; PLATEAU_TARGET tells its
 * descendants from others'. How else it is found ready:
 * readiness.h.
 *
 * Placeholders of commands and environments: {role} {ordinal} {slot}
 * {generation} {id} (ROLE-ORDINAL) {host} {port} {dir} (RUN/work/ROLE-ORDINAL,
 * made when the role speaks of it) {seed} {peers} (contacts of the ready
 * observers, separated by commas: what they said, or HOST:PORT) {ready_fd}
 * {meshnode} {preload} {run}; of other roles {host:ROLE} {port:ROLE}
 * {port:ROLE:N}.
 *
 * A partition (kinds.h) is cut when all its events have been told, and healed
 * by a timer, or at the end of churn. An ebb waits for it as for the paused,
 * and its least time begins anew then.
 *
 * All times are nanoseconds of CLOCK_MONOTONIC since |start_ns|.
 */
#ifndef PLATEAU_SUPERVISOR_H
#define PLATEAU_SUPERVISOR_H

#include "churn/schedule.h"
#include "err.h"
#include "isolate/group.h"
#include "sample/cgroup_figures.h"
#include "sample/tally_page.h"
#include "sample/tree.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SUPERVISOR_STARTING_MAX = 8,
    SUPERVISOR_DISK_FREE_MIN_BYTES = 64 << 20,
    SUPERVISOR_CRASHES_MAX = 5,
    SUPERVISOR_READY_LINE_MAX = 512, /* bytes, the newline included */
};

struct ev_loop;

enum supervisor_phase {
    SUPERVISOR_OBSERVERS,
    SUPERVISOR_CHURNERS,
    SUPERVISOR_SETTLING,
    SUPERVISOR_CHURNING,
    SUPERVISOR_STOPPING,
    SUPERVISOR_DONE,
};

/* Why it stopped. */
enum supervisor_end {
    SUPERVISOR_RUNNING,     /* it has not */
    SUPERVISOR_COMPLETED,   /* duration_s of churn are over */
    SUPERVISOR_INTERRUPTED, /* supervisor_stop() */
    SUPERVISOR_INVALID,     /* the targets broke a premise: see the sentence */
    SUPERVISOR_BROKEN, /* the machine or we did: no memory, no descriptors */
};

enum supervisor_change {
    SUPERVISOR_STARTED, /* spawned_ns, pid, pidfd are known */
    SUPERVISOR_READY,   /* ready_ns is known; |contact| for observers */
    SUPERVISOR_ENDED,   /* reaped: ended_ns, exit_code, signal are known */
};

/* One life in a slot. The pidfd is lent for the length of the callback. */
struct supervisor_process {
    int64_t id; /* from 1, in the order of spawning */
    uint32_t slot_id;
    int64_t generation; /* within the slot, from 1 */
    int64_t pid;
    int pidfd; /* -1 when ended */
    int64_t spawned_ns;
    int64_t ready_ns;    /* -1: not (yet) */
    int64_t ended_ns;    /* -1: not yet */
    int exit_code;       /* -1: did not exit by itself */
    int signal;          /* 0: not killed by a signal */
    bool was_killed;     /* by us: churn, time-out, a folder that is too large
                          * or the end of the run */
    const char *contact; /* "" when there is none */
};

/* What befell a churner that was ready; of a partition, an observer as well,
 * and whoever was in the place last. kinds.h says what each kind is. */
struct supervisor_event {
    int64_t seq; /* from 1 */
    int64_t t_ns;
    int64_t churned_ns; /* how long churn had gone on, ebbs left out */
    uint32_t slot_id;
    int64_t process_id; /* that was ready */
    enum churn_kind kind;
    int64_t parameter_ns; /* how long a pause or a partition lasts; after how
                           * long the next life is killed; -1 */
};

/* An ebb, when its trough is to be read: now. */
struct supervisor_ebb {
    int64_t seq; /* from 1 */
    int64_t begin_ns;
    int64_t read_ns;
    int64_t events;    /* of churn up to then */
    bool is_settled;   /* all were up again and the readings had come to rest */
    bool has_answered; /* every observer gave back what it could, as asked */
};

/* What the caller is told. Any may be NULL. None may free the supervisor;
 * supervisor_stop() is allowed. */
struct supervisor_callbacks {
    void *context;
    void (*on_phase)(void *context, enum supervisor_phase phase,
                     int64_t now_ns);
    void (*on_process)(void *context, enum supervisor_change change,
                       const struct supervisor_process *process);
    void (*on_event)(void *context, const struct supervisor_event *event);
    void (*on_ebb)(void *context, const struct supervisor_ebb *ebb);
    /* The run's control group was just made, and nobody is in it: whoever is to
     * remove it should the supervisor be killed can be told. May be NULL. */
    void (*on_group)(void *context, const struct group *group);
    /* Once at the most: SUPERVISOR_INVALID or SUPERVISOR_BROKEN. */
    void (*on_failure)(void *context, enum supervisor_end end,
                       const char *sentence);
};

struct supervisor_config {
    /* Not libev's default loop, which reaps every child by itself. */
    struct ev_loop *loop;
    const struct scenario *scenario; /* lent; outlives the supervisor */
    uint64_t seed;                   /* resolved */
    const char *run_folder;          /* exists; absolute */
    const char *meshnode;            /* path of the bundled node; "": none */
    const char *preload;             /* of the library for LD_PRELOAD; "" */
    /* A recorded list in place of the scenario's schedule; NULL: none. Lent. */
    const struct schedule_event *recorded;
    size_t recorded_count;
    int64_t start_ns;            /* CLOCK_MONOTONIC of time 0 */
    int64_t disk_free_min_bytes; /* 0: SUPERVISOR_DISK_FREE_MIN_BYTES */
    struct supervisor_callbacks callbacks;
};

/* A place that one process at a time fills; fixed for the run. Slots are
 * numbered from 0, observers first, in the order of the file. */
struct supervisor_slot {
    uint32_t id;
    const char *role; /* name */
    uint32_t ordinal; /* within the role */
    bool is_observer;
    const struct tally_page *tally;      /* lent */
    const struct cgroup_figures *cgroup; /* of its group; lent; NULL: none */
};

struct supervisor_counts {
    int64_t events; /* of all kinds */
    int64_t by_kind[CHURN_KINDS];
    int64_t forced;          /* of the stops: SIGKILL after the grace */
    int64_t abandoned_ready; /* of the abandoned starts: it was ready by then */
    int64_t respawns;        /* starts beyond each slot's first */
    int64_t partitions;      /* that the network was cut by */
    int64_t healed;          /* of them, when their time was over */
    int64_t cut_ns;          /* how long all of them lasted */
    int64_t crashes;         /* churners that ended by themselves */
    int64_t finished;        /* churners that ended as they may (may_exit) */
    int64_t late;            /* churners killed because never ready in time */
    int64_t skipped;         /* events that the schedule gave up */
    int64_t owed;            /* that are due and wait for somebody ready */
    int64_t ebbs;            /* troughs that were read */
    int64_t unsettled;       /* of them in ebbs that did not come to rest */
    int64_t churned_ns;      /* how long churn went on, ebbs left out */
    bool is_ebb;             /* nobody is killed just now */
    uint32_t live;           /* processes alive now */
    uint32_t ready;          /* of them ready */
    uint32_t slots;          /* places */
    double ready_mean_ns;    /* spawned to ready, of all that were ready */
    int64_t ready_max_ns;
};

struct supervisor;

/* Checks that every program is there, makes the slots, their folders, logs and
 * tally pages, raises the soft limit of open files as far as needed; starts
 * nothing. 0 and *ret_supervisor; or -errno and |err|: -ENOENT or -EACCES for
 * a program that is missing or not executable (role, word and PATH in the
 * sentence), -EMFILE when the limit of open files is too low, ... */
int supervisor_new(const struct supervisor_config *config,
                   struct supervisor **ret_supervisor, struct err *err);

/* Enters the first phase; all else happens in the loop. Once only. */
void supervisor_start(struct supervisor *supervisor);

/* Ends the run as completed, before its time: all is known that was to be
 * known. |reason| goes into the sentence. Only while churn goes on; else it
 * does nothing. */
void supervisor_complete(struct supervisor *supervisor, const char *reason);

/* Ends the run cleanly, from any phase; |reason| goes into the sentence. A
 * second call sends SIGKILL to what is left at once. */
void supervisor_stop(struct supervisor *supervisor, const char *reason);

/* Kills and reaps what is left (at once, without grace) and gives everything
 * back. Accepts NULL. */
void supervisor_free(struct supervisor *supervisor);

enum supervisor_phase supervisor_phase(const struct supervisor *supervisor);
enum supervisor_end supervisor_end(const struct supervisor *supervisor);
/* Why it ended, in words; "" while it runs. */
const char *supervisor_sentence(const struct supervisor *supervisor);
void supervisor_counts(const struct supervisor *supervisor,
                       struct supervisor_counts *ret_counts);

/* |slot_id| below counts.slots. */
void supervisor_slot(const struct supervisor *supervisor, uint32_t slot_id,
                     struct supervisor_slot *ret_slot);

/* The control groups of the observers; lent. NULL: there are none, and why is
 * in |ret_why| (may be NULL). */
const struct group *supervisor_group(const struct supervisor *supervisor,
                                     const struct err **ret_why);

/* The descendants of the slots' processes, by slot; lent, to sum them. */
struct tree *supervisor_tree(struct supervisor *supervisor);

/* "observers", "churners", "settling", "churning", "stopping", "done". */
const char *supervisor_phase_name(enum supervisor_phase phase);

#endif
