/* restarts.h - how often what is watched was restarted.
 *
 * A service restarts in steps: it checks its configuration, starts, goes into
 * the background, and each time none of its processes stays. Successors that
 * come within RESTARTS_STEPS_NS of a restart are steps of that one.
 *
 * Pure: the time is passed in.
 */
#ifndef PLATEAU_WATCH_RESTARTS_H
#define PLATEAU_WATCH_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

static const int64_t RESTARTS_STEPS_NS = INT64_C(5000000000);

/* Zeroes are none so far. */
struct restarts {
    int64_t count;
    int64_t last_ns; /* when the last one began; not looked at before that */
};

/* A successor is there. |has_steps|: of a group of processes; one process that
 * follows another is a restart each time. Returns whether it is a restart of
 * its own, which is counted. */
bool restarts_note(struct restarts *restarts, bool has_steps, int64_t now_ns);

#endif
