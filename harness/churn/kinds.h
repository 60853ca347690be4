/* kinds.h - what churn can do to a churner, and what each is called.
 *
 * The table that the store, the summary, the list of events and the premises
 * follow; the weights are keys of the scenario (churn.kinds). What counts as an
 * event is one disturbance of one churner that its peers have to notice:
 *
 *   kill      SIGKILL, and the next life
 *   stop      asked to end as the role has it, SIGKILL after its grace, and the
 *             next life
 *   pause     SIGSTOP, for a drawn time; going on again is the end of it and no
 *             event of its own
 *   starting  SIGKILL; the next life gets SIGKILL too, so soon after its start
 *             that it is seldom ready; the life after that stays: two ends, one
 *             event
 *   mass      SIGKILL to a share of all churners at once: an event for each
 *   exit      it ended by itself, as its role says that it may (may_exit), and
 *             the next life; it falls due to nobody, and is not replayed
 */
#ifndef PLATEAU_KINDS_H
#define PLATEAU_KINDS_H

#include "scenario/scenario.h"

#include <stddef.h>
#include <stdint.h>

enum { KINDS_TEXT_SIZE = 224 };

/* "kill"; as the store has it. */
const char *kinds_name(enum churn_kind kind);

/* 0 and *ret_kind; -ENOENT: there is no such kind. */
int kinds_find(const char *name, enum churn_kind *ret_kind);

/* Whether such an event comes with a drawn time. */
bool kinds_has_parameter(enum churn_kind kind);

/* "1204 kill, 12 stop, 3 pause" into |text|: likewise, for a narrow place.
 * Returns |text|. */
char *kinds_list(const int64_t counts[CHURN_KINDS], char text[KINDS_TEXT_SIZE]);

/* "1,204 kills, 12 stops, 3 pauses" into |text|: what |counts| has, kills
 * first; "no events" where it has nothing. Returns |text|. */
char *kinds_describe(const int64_t counts[CHURN_KINDS],
                     char text[KINDS_TEXT_SIZE]);

#endif
