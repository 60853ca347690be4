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
 *   partition a share of all churners and observers is cut off from the rest of
 *             the network, for a drawn time (isolate/network.h): an event for
 *             each, at the same moment, ready or not, since it is the place
 *             that is cut off; who is killed meanwhile comes back in it and is
 *             cut off until all is healed, and is not late before. One at a
 *             time; being healed is the end of it and no event of its own
 *   exit      it ended by itself, as its role says that it may (may_exit), and
 *             the next life; it falls due to nobody, and is not replayed
 */
#ifndef PLATEAU_KINDS_H
#define PLATEAU_KINDS_H

#include "scenario/scenario.h"

#include <stddef.h>
#include <stdint.h>

enum { KINDS_TEXT_SIZE = 256 };

/* "kill"; as the store has it. */
const char *kinds_name(enum churn_kind kind);

/* 0 and *ret_kind; -ENOENT: there is no such kind. */
int kinds_find(const char *name, enum churn_kind *ret_kind);

/* Whether such an event comes with a drawn time. */
bool kinds_has_parameter(enum churn_kind kind);

/* Whether it befalls several at once. */
bool kinds_is_of_many(enum churn_kind kind);

/* "1204 kill, 12 stop, 3 pause" into |text|: likewise, for a narrow place.
 * Returns |text|. */
char *kinds_list(const int64_t counts[CHURN_KINDS], char text[KINDS_TEXT_SIZE]);

/* "1,204 kills, 12 stops, 3 pauses" into |text|: what |counts| has, kills
 * first; "no events" where it has nothing. Returns |text|. */
char *kinds_describe(const int64_t counts[CHURN_KINDS],
                     char text[KINDS_TEXT_SIZE]);

#endif
