/* valleys.h - the low points of a series that goes up and down.
 *
 * A collector's teeth, a load that comes and goes by the day: where a cycle is
 * longer than a block, some blocks hold no low point at all. The low points
 * themselves are then the better troughs. Pure.
 */
#ifndef PLATEAU_VALLEYS_H
#define PLATEAU_VALLEYS_H

#include "judge/judge.h"

enum { VALLEYS_POINTS_EACH = 10 }; /* fewer points a cycle are no cycle */

/* Writes the indices of the low points among |count| points into |at|, in
 * ascending order, and returns how many there are: 0 when the series does not
 * go up and down, or more often than JUDGE_BLOCKS_MAX times. A low point lies
 * between two that are higher by half of what the values commonly range over
 * in an eighth of the series. */
size_t valleys_find(const struct judge_point *points, size_t count,
                    size_t at[JUDGE_BLOCKS_MAX]);

#endif
