#include "reconnect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)

struct reconnect_task {
    struct reconnect_task *next;
    struct peer_contact peer;
    int64_t due_ns;
    int64_t delay_ns;
    int64_t tries;
    bool is_wanted; /* counts against the bound */
};

#define ROW(field, low_, high_, fallback_, unit_, prose_)                      \
    {                                                                          \
        .name = #field, .offset = offsetof(struct reconnect_params, field),    \
        .low = low_, .high = high_, .fallback = fallback_, .unit = unit_,      \
        .prose = prose_                                                        \
    }

const struct param reconnect_param_table[] = {
    ROW(tasks_max, 0, 4096, 32, "count",
        "neighbours that are tried for at a time; a further one is not"),
    ROW(tries, 1, 1000, 2, "count", "dials before a neighbour is given up"),
    ROW(delay_min_ns, MS_NS, HOUR_NS, 250 * MS_NS, "ns",
        "pause before the first dial; each further one is twice as long"),
    ROW(delay_max_ns, MS_NS, HOUR_NS, 30 * SECOND_NS, "ns",
        "the longest pause"),
};

const size_t reconnect_param_count =
    sizeof reconnect_param_table / sizeof reconnect_param_table[0];

int reconnect_init(struct reconnect *reconnect,
                   const struct reconnect_params *params, uint64_t seed,
                   struct plateau_tally_entry *tally,
                   void (*dial)(void *context, const struct peer_contact *peer),
                   void *context)
{
    memset(reconnect, 0, sizeof *reconnect);
    param_defaults(reconnect_param_table, reconnect_param_count,
                   &reconnect->params);
    if (params != NULL) {
        reconnect->params = *params;
    }
    rng_init(&reconnect->rng, seed);
    reconnect->tally = tally;
    reconnect->dial = dial;
    reconnect->context = context;
    return param_check(reconnect_param_table, reconnect_param_count,
                       &reconnect->params) == NULL
               ? 0
               : -EINVAL;
}

/* Half of the pause is certain, half is drawn. */
static void arm(struct reconnect *reconnect, struct reconnect_task *task,
                int64_t now_ns)
{
    int64_t half = task->delay_ns / 2;
    task->due_ns =
        now_ns + half + rng_between(&reconnect->rng, 0, task->delay_ns - half);
    task->delay_ns *= 2;
    if (task->delay_ns > reconnect->params.delay_max_ns) {
        task->delay_ns = reconnect->params.delay_max_ns;
    }
}

static void end_task(struct reconnect *reconnect, struct reconnect_task **link)
{
    struct reconnect_task *task = *link;
    *link = task->next;
    reconnect->wanted_count -= task->is_wanted;
    plateau_tally_finished(reconnect->tally);
    free(task);
}

void reconnect_deinit(struct reconnect *reconnect)
{
    while (reconnect->tasks != NULL) {
        end_task(reconnect, &reconnect->tasks);
    }
}

static struct reconnect_task **find(struct reconnect *reconnect,
                                    const struct peer_id *peer)
{
    struct reconnect_task **link = &reconnect->tasks;
    while (*link != NULL && !peer_id_equal(&(*link)->peer.id, peer)) {
        link = &(*link)->next;
    }
    return link;
}

void reconnect_begin(struct reconnect *reconnect,
                     const struct peer_contact *peer, int64_t now_ns)
{
    if (reconnect->wanted_count >= (size_t)reconnect->params.tasks_max ||
        *find(reconnect, &peer->id) != NULL) {
        return;
    }
    struct reconnect_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        return;
    }
    task->peer = *peer;
    task->delay_ns = reconnect->params.delay_min_ns;
    task->is_wanted = true;
    arm(reconnect, task, now_ns);
    task->next = reconnect->tasks;
    reconnect->tasks = task;
    reconnect->wanted_count++;
    plateau_tally_spawned(reconnect->tally);
}

void reconnect_peer_back(struct reconnect *reconnect,
                         const struct peer_id *peer)
{
    struct reconnect_task **link = find(reconnect, peer);
    if (*link != NULL && !reconnect->is_deaf) {
        end_task(reconnect, link);
    }
}

/* The tries of a task are used up. True when it has ended. */
static bool give_up(struct reconnect *reconnect, struct reconnect_task **link)
{
    if (!reconnect->is_deaf) {
        end_task(reconnect, link);
        return true;
    }
    /* The bug: the peer is given up, and nobody tells the task. It begins
     * another round, at the longest pause. */
    reconnect->wanted_count -= (*link)->is_wanted;
    (*link)->is_wanted = false;
    (*link)->tries = 0;
    return false;
}

void reconnect_tick(struct reconnect *reconnect, int64_t now_ns)
{
    struct reconnect_task **link = &reconnect->tasks;
    while (*link != NULL) {
        struct reconnect_task *task = *link;
        if (task->due_ns > now_ns) {
            link = &task->next;
            continue;
        }
        if (task->tries == reconnect->params.tries &&
            give_up(reconnect, link)) {
            continue;
        }
        task->tries++;
        arm(reconnect, task, now_ns);
        reconnect->dial(reconnect->context, &task->peer);
        link = &task->next;
    }
}

int64_t reconnect_next_deadline_ns(const struct reconnect *reconnect)
{
    int64_t next = INT64_MAX;
    for (const struct reconnect_task *task = reconnect->tasks; task != NULL;
         task = task->next) {
        next = task->due_ns < next ? task->due_ns : next;
    }
    return next;
}
