/* supervisor_state.h - the supervisor's inside, as supervisor*.c see it.
 *
 * supervisor.c is what happens in a run; supervisor_new.c makes it, looks at it
 * and gives it back.
 */
#ifndef PLATEAU_SUPERVISOR_STATE_H
#define PLATEAU_SUPERVISOR_STATE_H

#include "churn/schedule.h"
#include "churn/slot.h"
#include "churn/supervisor.h"
#include "churn/tide.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum { SUPERVISOR_SENTENCE_SIZE = 640 };

struct supervisor {
    struct supervisor_config config;
    struct slot_config slot_config;
    enum supervisor_phase phase;
    enum supervisor_end end;
    char sentence[SUPERVISOR_SENTENCE_SIZE];
    struct slot *slots;
    uint32_t observers_count; /* the first slots */
    struct schedule schedule; /* on the clock of waves_churn_ns() */
    struct tide tide;
    struct supervisor_counts counts;
    int64_t next_process_id;
    int64_t ready_sum_ns;
    int64_t ready_seen;
    ev_timer phase_timer; /* end of the stillness, end of churn */
    ev_timer kill_timer;
    ev_timer log_timer;
    bool is_stop_asked;
};

/* Prepares the watchers: nothing is active yet. */
void supervisor_init_watchers(struct supervisor *supervisor);
void supervisor_init_slot_watchers(struct slot *slot);

/* What the tide tells and asks; |context| is the supervisor. */
struct tally_page *supervisor_page_of(void *context, uint32_t index);
bool supervisor_is_all_up(void *context);
void supervisor_on_ebb_read(void *context, const struct supervisor_ebb *ebb);
void supervisor_on_turn(void *context, enum waves_state state);

#endif
