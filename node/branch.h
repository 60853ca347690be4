/* branch.h - what would happen if: run a function in a copy of this process.
 *
 * The copy begins with all that the caller's memory holds and gives back one
 * struct of plain values; whatever else it changed is gone with it. So a
 * network that took long to settle can be put through many experiments, each
 * from the same state. The copy shares the pages that it does not write.
 *
 * Platform seam: branch_linux.c.
 */
#ifndef BRANCH_H
#define BRANCH_H

#include <signal.h>
#include <stddef.h>

typedef void branch_work(void *argument, void *result);

/* Runs |work| and copies |size| bytes of its result to |ret_result|, which is
 * borrowed by the copy as its result, zeroes included. 0; -EINTR when
 * |*is_cancelled| (set by a signal handler) ended it or it was ended by a
 * signal; -EIO when it died of itself; -errno when there was no process or
 * pipe to be had. No process is left in any case. */
int branch_run(branch_work *work, void *argument, void *ret_result, size_t size,
               const volatile sig_atomic_t *is_cancelled);

#endif
