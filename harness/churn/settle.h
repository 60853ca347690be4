/* settle.h - have the readings of an ebb come to rest?
 *
 * Pure. A reading is a row of figures, always the same ones in the same order.
 * After a wave some of them drain (connections that wait for their time-out)
 * or fill (peers that come back); others never stand still, because the
 * target goes on working (a cache of messages), and only have to stop drifting.
 *
 * The last SETTLE_WINDOW readings are held against the SETTLE_WINDOW before. A
 * figure rests when their means differ by no more than its step, 1 % of
 * it, or half of what it wavers within the two windows: a straight drift
 * moves the means apart by more than half of its range, noise by less.
 */
#ifndef PLATEAU_SETTLE_H
#define PLATEAU_SETTLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SETTLE_WINDOW = 3,         /* readings */
    SETTLE_FIGURES_MAX = 4096, /* watched; what comes after is not */
};

struct settle {
    double *rows; /* 2 * SETTLE_WINDOW of them, the oldest is overwritten */
    size_t figures_count;
    size_t rows_count; /* so far, since settle_begin() */
};

/* Room for rows of |figures_count| figures (cut to SETTLE_FIGURES_MAX). 0 or
 * -ENOMEM. Zeroes are a struct to be made. */
int settle_init(struct settle *settle, size_t figures_count);
void settle_deinit(struct settle *settle);

/* Forgets the readings: another ebb. */
void settle_begin(struct settle *settle);

/* The next reading; |steps| are the least that each figure can differ by. */
void settle_add(struct settle *settle, const double *figures);

/* Whether all figures rest. False while there are too few readings. */
bool settle_is_settled(const struct settle *settle, const double *steps);

#endif
