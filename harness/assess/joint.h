/* joint.h - which few of many counts explain a memory together. Pure.
 *
 * Least squares of memory on the counts, all at once, so that what two of them
 * explain in common is not said of both. One count after another is taken in,
 * each time the one that leaves least, as long as the gain is worth its keep
 * (Schwarz's criterion), no count gets less than nothing for one of it, and
 * there are more rows than can be bent at will.
 */
#ifndef PLATEAU_JOINT_H
#define PLATEAU_JOINT_H

#include <stddef.h>

enum { JOINT_MAX = 4 };

struct joint {
    size_t chosen[JOINT_MAX]; /* of the counts: the first, then as found */
    double each[JOINT_MAX];   /* memory's unit for one of it */
    size_t count;
};

/* |counts| are |counts_count| arrays of |rows| values like |memory|; the first
 * is in by right. Rows with a NaN in what is looked at are left out. A first
 * count that stands still gives a joint of none. */
void joint_fit(const double *memory, const double *const *counts,
               size_t counts_count, size_t rows, struct joint *ret_joint);

#endif
