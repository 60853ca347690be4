/* reconnect.h - tasks that try to win back a neighbour whose connection broke.
 *
 * HyParView fills the gap at once with somebody else; but a peer that was only
 * unreachable for a moment is worth knowing again. A task dials it after a
 * pause, a few times, each pause twice as long and with jitter (so that the
 * neighbours of a node that restarts do not all come at the same moment). It
 * ends when the peer is back, when the tries are used up, or with the node.
 *
 * At most |tasks_max| at a time; a further loss begins none. Sans-I/O: time
 * is given in, and the dial is the caller's, who need not tell how it went.
 */
#ifndef MESHNODE_RECONNECT_H
#define MESHNODE_RECONNECT_H

#include "param.h"
#include "peer_id.h"
#include "plateau_tally.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One int64_t a row of reconnect_param_table; times in nanoseconds. */
struct reconnect_params {
    int64_t tasks_max;
    int64_t tries;
    int64_t delay_min_ns;
    int64_t delay_max_ns;
};

extern const struct param reconnect_param_table[];
extern const size_t reconnect_param_count;

struct reconnect_task;

struct reconnect {
    struct reconnect_params params;
    struct rng rng;
    struct reconnect_task *tasks;
    size_t wanted_count; /* tasks whose peer is still hoped for */
    struct plateau_tally_entry *tally;
    /* The bug "reconnect-task": what ends a task is the peer's removal from
     * the view, and that was before the task began. */
    bool is_deaf;
    void (*dial)(void *context, const struct peer_contact *peer);
    void *context;
};

/* |tally| is the pair that counts the tasks. |params| NULL takes the defaults.
 * 0, or -EINVAL for a parameter outside its range. */
int reconnect_init(struct reconnect *reconnect,
                   const struct reconnect_params *params, uint64_t seed,
                   struct plateau_tally_entry *tally,
                   void (*dial)(void *context, const struct peer_contact *peer),
                   void *context);

/* Ends every task. Accepts zeroes. */
void reconnect_deinit(struct reconnect *reconnect);

/* The connection to |peer|, whose id and address are known, broke. Does
 * nothing when a task for it is under way, or at the bound, or without
 * memory. */
void reconnect_begin(struct reconnect *reconnect,
                     const struct peer_contact *peer, int64_t now_ns);

/* The peer is connected again: its task ends. */
void reconnect_peer_back(struct reconnect *reconnect,
                         const struct peer_id *peer);

/* Dials what is due; ends what has been tried often enough. */
void reconnect_tick(struct reconnect *reconnect, int64_t now_ns);

/* When tick is next of use; INT64_MAX for never. */
int64_t reconnect_next_deadline_ns(const struct reconnect *reconnect);

#endif
