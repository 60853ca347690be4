/* run_facts.h - what a recorded run says of itself.
 *
 * The reading half of what run.c notes in the store: what was asked for, how
 * it ended, what it counted. A run whose supervisor was killed has no end of
 * its own; it ends then with its last sample.
 */
#ifndef PLATEAU_RUN_FACTS_H
#define PLATEAU_RUN_FACTS_H

#include "err.h"
#include "scenario/scenario.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

enum run_how {
    RUN_COMPLETED,
    RUN_INTERRUPTED, /* by a person or a signal: judged as far as it went */
    RUN_CUT_OFF,     /* the supervisor was killed: likewise */
    RUN_INVALID,     /* the targets broke a premise */
    RUN_BROKEN,      /* the machine or we did */
};

/* Of what somebody else started (watch/watching.h). */
struct run_watch {
    char what[256];      /* "process 123 (nginx)"; "": it was a run */
    char events_by[128]; /* who counted events; "": nobody */
    int64_t events_read, events_failed, events_resets; /* readings */
    char events_trouble[256];
    int64_t restarts;      /* the last of which judging began with */
    char command_end[128]; /* "ended with exit status 0"; "": no command, or
                              it had not ended */
};

struct run_facts {
    struct scenario *scenario;
    uint64_t seed;
    double asked_duration_s;
    enum run_how how;
    char sentence[512];     /* how it ended, in words; "" when completed */
    int64_t churn_begin_ns; /* -1: churn never began */
    int64_t churn_end_ns;   /* not before |churn_begin_ns| */
    int64_t events, respawns;
    int64_t by_kind[CHURN_KINDS]; /* of the events */
    int64_t forced;               /* of the stops: only by SIGKILL */
    int64_t abandoned_ready;      /* of the abandoned starts: ready already */
    int64_t partitions, healed;   /* these of them before the end of churn */
    int64_t cut_ns;               /* how long all of them lasted */
    double waves_s;               /* of churn, ebbs left out */
    int64_t ebbs, unsettled;
    int64_t slept_ns;     /* of the machine, while churn went on */
    int64_t wall_jump_ns; /* by so much the wall clock was set meanwhile */
    char early[512];      /* why it ended before its time; "": it did not */
    bool is_replay;       /* of a recorded list, in place of a schedule */
    double due; /* events that the schedule asked for while churn went on */
    double own_cpu_share; /* of one core while churn went on; NaN: not known */
    bool has_events;      /* growth an event can be told */
    struct run_watch watch;
};

/* Whether it was a watch, without churn of ours. */
static inline bool run_facts_is_watch(const struct run_facts *facts)
{
    return facts->watch.what[0] != '\0';
}

/* Reads them. 0 and *ret_facts, to be released; or -errno and |err|: -EILSEQ
 * when what every run records is missing. */
int run_facts_read(struct store *store, struct run_facts *ret_facts,
                   struct err *err);

void run_facts_deinit(struct run_facts *facts);

/* Seconds of churn that there were. */
double run_facts_churn_s(const struct run_facts *facts);

#endif
