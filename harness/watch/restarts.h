/* restarts.h - how often what is watched was restarted.
 *
 * A service restarts in steps: it checks its configuration, starts, goes into
 * the background, and each time none of its processes stays. A successor that
 * comes within RESTARTS_STEP_NS of another is a step of the same restart,
 * unless that has taken RESTARTS_WHOLE_NS: a service that crashes on and on
 * restarts.
 *
 * Pure: the time is passed in.
 */
#ifndef PLATEAU_WATCH_RESTARTS_H
#define PLATEAU_WATCH_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

static const int64_t RESTARTS_STEP_NS = INT64_C(5000000000);
static const int64_t RESTARTS_WHOLE_NS = INT64_C(30000000000);

/* Zeroes are none so far. */
struct restarts {
    int64_t count;
    int64_t began_ns; /* the last one; not looked at before there is any */
    int64_t step_ns;  /* its last step */
};

/* A successor is there. |has_steps|: of a group of processes; one process that
 * follows another is a restart each time. Returns whether it is a restart of
 * its own, which is counted. */
bool restarts_note(struct restarts *restarts, bool has_steps, int64_t now_ns);

#endif
