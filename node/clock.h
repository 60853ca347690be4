/* clock.h - the one clock that the node reads: monotonic, in nanoseconds.
 *
 * For the parts that do I/O; the protocol modules are given the time. */
#ifndef MESHNODE_CLOCK_H
#define MESHNODE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
