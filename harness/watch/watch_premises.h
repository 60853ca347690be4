/* watch_premises.h - what must be so for the verdict of a watch to mean
 * anything; the part of premises.h that speaks of watches.
 *
 * Each adds its rows to |summary| and returns 0 or -ENOMEM.
 */
#ifndef PLATEAU_WATCH_WATCH_PREMISES_H
#define PLATEAU_WATCH_WATCH_PREMISES_H

#include "report/summary.h"
#include "run_facts.h"

#include <stddef.h>

/* How it ended, and how the command did. */
int watch_premises_end(const struct run_facts *facts, struct summary *summary);

/* That events were counted, where somebody was to; nothing for a run. */
int watch_premises_events(const struct run_facts *facts,
                          struct summary *summary);

/* That who is watched lived through what is judged: |deaths| did not. */
int watch_premises_lives(const struct run_facts *facts, size_t observers,
                         size_t deaths, struct summary *summary);

#endif
