/* slot.h - a place in the run, and the one process at a time that fills it.
 *
 * What a life needs is here: the command, the log, the tally page, how it is
 * found ready, the descriptor that holds it. When to begin and to end one is
 * the supervisor's business. Private to the room churn.
 */
#ifndef PLATEAU_SLOT_H
#define PLATEAU_SLOT_H

#include "churn/readiness.h"
#include "churn/spawn.h"
#include "churn/supervisor.h"
#include "err.h"
#include "isolate/address.h"
#include "isolate/group.h"
#include "isolate/network.h"
#include "sample/cgroup_figures.h"
#include "sample/tally_page.h"
#include "scenario/scenario.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SLOT_NAME_SIZE = 48, /* ROLE-ORDINAL */
    SLOT_WORDS_SIZE = 248,
    SLOT_HOW_SIZE = 480,
    SLOT_MARK_SIZE = 32,
    SLOT_HEAP_PATH_SIZE = 4200,
    SLOT_CONTACT_SIZE = READINESS_LINE_MAX,
};

/* The variable that marks the descendants of a target: its value is the run's
 * mark and the number of the slot. */
#define SLOT_MARK_NAME "PLATEAU_TARGET"

enum slot_state {
    SLOT_EMPTY,
    SLOT_STARTING,
    SLOT_READY,
    SLOT_DYING,  /* killed, or asked to end; comes back when it is reaped */
    SLOT_FROZEN, /* paused by churn; goes on when its time is over */
    SLOT_PAUSED, /* it crashed, and waits to be started again */
    SLOT_STOPPING,
};

/* What all slots of a run have in common; borrowed by each. */
struct slot_config {
    const struct scenario *scenario;
    uint64_t seed;
    const char *run_folder;
    const char *meshnode;
    const char *preload;
    bool has_heap_profiles; /* of observers */
    uint32_t heap_sample_kib;
    uint64_t open_files_limit;     /* that targets get; 0: ours */
    char mark[SLOT_MARK_SIZE];     /* of the run; the slot's number follows */
    int null_fd;                   /* their standard input */
    const struct network *network; /* of the run's own; NULL: none */
    struct group *group;           /* likewise, of control groups */
};

struct slot {
    struct supervisor *supervisor; /* for the watchers; not looked at here */
    const struct slot_config *config;
    const struct scenario_role *role;
    enum slot_state state;
    uint32_t id;
    uint32_t ordinal; /* within the role */
    bool is_cut;      /* off from others, by a partition */
    char name[SLOT_NAME_SIZE];
    char host[ISOLATE_ADDRESS_SIZE]; /* {host} */
    char *dir; /* of {dir}; NULL when the role does not speak of it */
    struct tally_page page;
    struct group_place *place;      /* of an observer that has one; NULL */
    struct cgroup_figures *figures; /* of the same */
    int log;                        /* descriptor */
    int check_log;                  /* of what tells that it is ready; -1 */
    struct spawn_child child;
    struct supervisor_process process; /* of the present or last life */
    char contact[SLOT_CONTACT_SIZE];
    struct readiness readiness;
    ev_io exit_watcher;  /* on the pidfd */
    ev_timer timer;      /* readiness, pause or grace, by state */
    int64_t abandon_ns;  /* the present or next life is killed so soon; 0 */
    uint32_t crashes;    /* in a row */
    uint32_t left_count; /* descendants that lived when it ended */
    int64_t over_bytes;  /* killed because its folder held so much; 0 */
    bool was_late;       /* killed because it was not ready in time */
    bool has_been_up;    /* some life was ready, or had done its work */
    bool is_resting;     /* PAUSED until the ebb is over */
};

/* Makes |slot| empty; opens nothing. */
void slot_init(struct slot *slot, const struct slot_config *config,
               const struct scenario_role *role, uint32_t id, uint32_t ordinal);

/* Makes a folder of the run's; one that is there is fine. 0 or -errno and
 * |err|. */
int slot_make_folder(const char *path, struct err *err);

/* Makes page, log and folders, in a run folder that has logs/. 0 or -errno and
 * |err|; slot_close() then still has to be called. */
int slot_open(struct slot *slot, struct err *err);

/* Kills and reaps what may live there, and gives everything back. */
void slot_close(struct slot *slot);

/* Whether the role's program is there: 0, or as launch_make() says. */
int slot_check(const struct slot *slot, struct err *err);

/* Begins the next life at |now_ns|, knowing |peers|. 0: child and process are
 * those of the new one, and its readiness may begin; or -errno and |err|. */
int slot_begin(struct slot *slot, const char *peers, int64_t now_ns,
               struct err *err);

/* It is ready, and has said |contact|, or "": then a role with a port is to be
 * found at HOST:PORT. */
void slot_set_contact(struct slot *slot, const char *contact);

/* For a sentence: what the target printed last, and how it ended. */
char *slot_last_words(const struct slot *slot, char text[SLOT_WORDS_SIZE]);
char *slot_how_it_ended(const struct slot *slot, char text[SLOT_HOW_SIZE]);

/* How many processes of the slot's control group the kernel has killed because
 * memory was out; 0 without a group. |text|: why it would have. */
int64_t slot_out_of_memory(const struct slot *slot, char text[SLOT_HOW_SIZE]);

#endif
