/* run.h - carry out a scenario, and leave a run folder behind.
 *
 * Joins the rooms: scenario -> churn -> sample -> store. Judging is not done
 * here: what a run leaves in its store is all that assess.h reads, so that a
 * run judged at once and one judged again a year later get the same verdict.
 *
 * A run folder holds
 *     run.db          the store (harness/store/schema.md)
 *     scenario.yaml   the scenario as it was
 *     logs/           what the processes printed
 * and later summary.txt and the plots.
 */
#ifndef PLATEAU_RUN_H
#define PLATEAU_RUN_H

#include "err.h"
#include "event_list.h"
#include "host.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

struct run_options {
    const struct scenario *scenario; /* borrowed */
    const char *folder;              /* NULL: runs/NAME-TIME-SEED */
    const char *meshnode;            /* path of the bundled node; "": none */
    const char *preload;             /* of the library for LD_PRELOAD; "" */
    uint64_t seed;                   /* resolved */
    /* Events to be done in place of the scenario's schedule; NULL: none. Where
     * they come from is noted. Borrowed. */
    const struct event_list *replay;
    const char *replay_path;
    bool is_quiet; /* no progress */
};

/* Runs |options| to the end, which may be an interrupt. 0 when there is a
 * store to judge, whatever happened in the run; or -errno and |err| when there
 * is none: -EEXIST, -ENOENT, -EACCES, -ENOSPC ... The absolute path of the run
 * folder is in |ret_folder| once it has been made, else "". */
int run_execute(const struct run_options *options,
                char ret_folder[HOST_PATH_MAX], struct err *err);

#endif
