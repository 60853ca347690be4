/* premises.h - what must be so for a verdict to mean anything.
 *
 * A run whose mesh never formed, whose churn fell short, whose samples have
 * holes or whose observers died proves nothing, and fails closed: it is
 * INVALID. Each premise is checked and reported, with what to do where it
 * fails.
 */
#ifndef PLATEAU_PREMISES_H
#define PLATEAU_PREMISES_H

#include "report/summary.h"
#include "run_facts.h"
#include "store/store.h"

/* Checks every premise of the run and adds a row for each to |summary|. 0 or
 * -errno of the store. */
int premises_check(struct store *store, const struct run_facts *facts,
                   struct summary *summary);

#endif
