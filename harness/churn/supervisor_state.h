/* supervisor_state.h - the supervisor's inside, as supervisor*.c see it.
 *
 * supervisor.c is what happens in a run; supervisor_startup.c who is started
 * when; supervisor_churn.c what befalls churners; supervisor_partition.c who is
 * cut off from whom; supervisor_kin.c what becomes of their descendants;
 * supervisor_upkeep.c looks after logs and disk, supervisor_folders.c after
 * what targets keep in their folders; supervisor_new.c makes it, looks at it
 * and gives it back.
 */
#ifndef PLATEAU_SUPERVISOR_STATE_H
#define PLATEAU_SUPERVISOR_STATE_H

#include "churn/folder.h"
#include "churn/schedule.h"
#include "churn/slot.h"
#include "churn/supervisor.h"
#include "churn/tide.h"
#include "err.h"
#include "sample/tree.h"
#include "scenario/order.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum { SUPERVISOR_SENTENCE_SIZE = 1024 };

/* The look at the targets' folders, which goes round all slots. */
struct supervisor_folders {
    struct folder_walk *walk; /* NULL: nobody's folder has a limit */
    uint32_t slot_id;         /* whose turn it is */
    int64_t generation; /* of that slot, when its walk began; 0: it has not */
    uint32_t turns;     /* that this walk took so far */
    bool is_second;     /* the walk before went over the limit */
    int64_t spent_ns;   /* on the present round */
    ev_timer timer;
};

/* Who is cut off, and until when. */
struct supervisor_partition {
    uint32_t *places; /* |count| of them, as isolate/address.h counts */
    uint32_t count;
    int64_t lasts_ns;
    int64_t began_ns; /* 0: the network is whole */
    ev_timer timer;
};

struct supervisor {
    struct supervisor_config config;
    struct slot_config slot_config;
    struct network *network; /* of our own; NULL: none */
    struct group *group;     /* likewise */
    struct err group_err;    /* why there is none */
    enum supervisor_phase phase;
    enum supervisor_end end;
    char sentence[SUPERVISOR_SENTENCE_SIZE];
    struct slot *slots;
    uint32_t observers_count; /* the first slots; bystanders follow */
    uint32_t churners_first;  /* and so many from there on */
    uint32_t churners_count;
    struct order order;       /* of start */
    struct schedule schedule; /* on the clock of waves_churn_ns() */
    struct tide tide;
    struct supervisor_counts counts;
    int64_t next_process_id;
    int64_t ready_sum_ns;
    int64_t ready_seen;
    ev_timer phase_timer; /* end of the stillness, end of churn */
    ev_timer kill_timer;
    ev_timer log_timer;   /* of upkeep */
    ev_timer kin_timer;   /* while somebody's descendants are dying */
    struct tree *tree;    /* roots are the slots */
    int64_t kin_began_ns; /* 0: targets live */
    int kin_pause_ms;
    struct supervisor_folders folders;
    struct supervisor_partition partition;
    int alert_turns; /* of upkeep: logs are being flooded */
    bool is_stop_asked;
};

/* Whether there is anything that can fall due. */
static inline bool supervisor_has_schedule(const struct supervisor *supervisor)
{
    return supervisor->schedule.plan.churners_count > 0;
}

/* Since the run's start. */
int64_t supervisor_now_ns(const struct supervisor *supervisor);

/* |timer| fires once, in |after_s| from now. */
void supervisor_arm(struct supervisor *supervisor, ev_timer *timer,
                    double after_s);

/* Tells of it. The caller may stop the run when it is told: arm the timers of
 * the phase before, so that they are found. */
void supervisor_enter_phase(struct supervisor *supervisor,
                            enum supervisor_phase phase);

/* Begins the slot's next life, or fails the run. */
void supervisor_start_slot(struct slot *slot);

/* Somebody has become ready, or the run begins: whatever comes next. */
void supervisor_advance(struct supervisor *supervisor);

/* Asks the slot's process to end, as its role has it; the slot's timer says
 * when its grace is over. */
void supervisor_ask_to_end(struct slot *slot);

/* The slot's process has ended by itself, as it may: an event too, while churn
 * goes on. */
void supervisor_note_exit(struct slot *slot);

/* Does what is due, as far as somebody is ready for it. */
void supervisor_churn(struct supervisor *supervisor);

/* The slot's timer said so: its pause is over; the start that is to be
 * abandoned is; it does not end by itself. */
void supervisor_thaw(struct slot *slot);
void supervisor_abandon(struct slot *slot);
void supervisor_force(struct slot *slot);

/* Partitions: makes room for one; the slot is of the next; it begins, until its
 * time is over, or the run fails; whether there is none; it ends now, 0 or
 * -errno of the kernel; gives the room back. */
int supervisor_partition_open(struct supervisor *supervisor);
void supervisor_partition_add(struct slot *slot, int64_t lasts_ns);
void supervisor_partition_begin(struct supervisor *supervisor);
bool supervisor_is_whole(const struct supervisor *supervisor);
int supervisor_partition_end(struct supervisor *supervisor);
void supervisor_partition_close(struct supervisor *supervisor);

/* Fails the run: the kernel refuses what it did when it was tried. */
void supervisor_blame_network(struct supervisor *supervisor, int result);

/* What a pause stopped goes on, with all that descends from it. */
void supervisor_go_on(struct slot *slot);

/* Descendants: makes the tree; the slot's process was started; is there
 * anybody new, and does an orphan wait to be reaped; |signal| to all below the
 * slot's process; it has ended and is not reaped yet: kills what it left, and
 * counts it in the slot. */
int supervisor_kin_open(struct supervisor *supervisor);
void supervisor_kin_begin(struct slot *slot);
void supervisor_kin_look(struct supervisor *supervisor);
void supervisor_kin_signal(struct slot *slot, int signal);
void supervisor_kin_end(struct slot *slot);

/* When no slot has a process any more: whether nobody descends from this
 * process, or it was tried for long enough. If not, kin_timer will fire. */
bool supervisor_kin_is_gone(struct supervisor *supervisor);

/* Waits for the same, and gives the tree back. */
void supervisor_kin_close(struct supervisor *supervisor);

/* Once a second or more often, by log_timer: 0; or how the run has to end
 * (SUPERVISOR_INVALID or SUPERVISOR_BROKEN), and |err|. */
int supervisor_upkeep(struct supervisor *supervisor, struct err *err);

/* Folders that have a limit: makes what looks at them; from now on they are
 * looked at, and whoever keeps more in one than it may is killed; no more;
 * gives it back. */
int supervisor_folders_open(struct supervisor *supervisor);
void supervisor_folders_begin(struct supervisor *supervisor);
void supervisor_folders_stop(struct supervisor *supervisor);
void supervisor_folders_close(struct supervisor *supervisor);

/* Prepares the watchers: nothing is active yet. */
void supervisor_init_watchers(struct supervisor *supervisor);
void supervisor_init_slot_watchers(struct slot *slot);

/* What the tide tells and asks; |context| is the supervisor. */
struct tally_page *supervisor_page_of(void *context, uint32_t index);
bool supervisor_is_all_up(void *context);
void supervisor_on_ebb_read(void *context, const struct supervisor_ebb *ebb);
void supervisor_on_turn(void *context, enum waves_state state);

#endif
