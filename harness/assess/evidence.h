/* evidence.h - what a verdict rests on, in words: for each role of observers
 * whether its memory was counted by its allocator, through a tally, or seen
 * from outside alone.
 */
#ifndef PLATEAU_EVIDENCE_H
#define PLATEAU_EVIDENCE_H

#include "assess/panel.h"
#include "run_facts.h"
#include "store/store.h"

#include <stddef.h>

/* Writes the sentence to |text|, of |size| bytes, cut to that: "server: no
 * tally, judged by private memory". "" where there are no observers. */
void evidence_tell(const struct run_facts *facts, const struct panel *panel,
                   const struct store_slot *slots, size_t slots_count,
                   const struct store_series *series, size_t series_count,
                   char *text, size_t size);

#endif
