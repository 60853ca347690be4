/* covariates.h - which covariates say something about the troughs.
 *
 * Looks at differences between neighbouring troughs, in which a leak or a
 * warm-up is next to nothing and what the process holds is all there is. Pure.
 */
#ifndef PLATEAU_COVARIATES_H
#define PLATEAU_COVARIATES_H

#include "judge/blocks.h"

/* Leaves in |blocks| the covariates of which more goes with a larger trough,
 * with t > 3, and returns their bits in the old numbering. */
unsigned covariates_keep_useful(struct blocks *blocks);

/* Leaves those of the bits in |kept|. */
void covariates_keep(struct blocks *blocks, unsigned kept);

#endif
