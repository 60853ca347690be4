/* holdings.h - what a process legitimately held explains part of its memory.
 *
 * Chooses, among the counts of a panel, the few whose ups and downs go with
 * those of a memory figure, for the judge to regress out. Pure. Which of them
 * really say something is the judge's to decide; here they are only found.
 *
 * Looked at are differences between neighbouring rows (of many rows,
 * between the means of HOLDINGS_BLOCKS stretches), in which a leak is next to
 * nothing. Chosen one after another, each time the one that goes best with
 * what the others left.
 */
#ifndef PLATEAU_HOLDINGS_H
#define PLATEAU_HOLDINGS_H

#include "assess/panel.h"

#include <stddef.h>

enum { HOLDINGS_BLOCKS = 96 };

/* Writes at most JUDGE_COVARIATES_MAX columns of the same observer (or of the
 * same ones together) as |column| to |ret_chosen|, best first; returns how
 * many. 0 when there is no memory. */
size_t holdings_choose(const struct panel *panel,
                       const struct panel_column *column,
                       const struct panel_column **ret_chosen);

#endif
