/* particulars.h - what else a report tells of a run: churn, readiness, pairs.
 */
#ifndef PLATEAU_PARTICULARS_H
#define PLATEAU_PARTICULARS_H

#include "report/summary.h"
#include "run_facts.h"
#include "store/store.h"

/* Fills |summary|, but for premises, series and verdict. 0 or -errno. */
int particulars_fill(struct store *store, const struct run_facts *facts,
                     const struct store_slot *slots, size_t slots_count,
                     struct summary *summary);

#endif
