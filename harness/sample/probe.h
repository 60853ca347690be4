/* probe.h - read the memory footprint of one running process.
 *
 * A probe pins the process, not the number: it is made from a pidfd, and the
 * files that it keeps open belong to that process for ever. Once the process
 * has ended the probe says PROBE_GONE and never reports a stranger.
 *
 * What |private_bytes| is, and why: Private_Dirty + Swap of smaps_rollup: the
 * pages that this process alone holds and that the kernel cannot drop without
 * writing them out, and those that it did write out. Clean file pages
 * are left out, because reclaim takes and readahead brings them; pages given
 * back with MADV_FREE are left out, because they are free (they are clean to
 * the kernel, yet still in |anonymous_bytes|). A process that forks shares its
 * pages for as long as the child lives: |private_bytes| dips then, and
 * |anonymous_bytes| does not. proc(5), Documentation/filesystems/proc.rst.
 *
 * |rss_bytes| is cheap (about a microsecond) and, on kernels since 6.2, may
 * lag by some hundred KiB; the detailed figures are exact and dear (0.1 ms for
 * a small process, 100 ms at 4 GiB, under the target's mmap lock).
 *
 * Platform seam: one of probe_linux.c or probe_win32.c; uses nothing of ours.
 */
#ifndef PLATEAU_PROBE_H
#define PLATEAU_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PROBE_OK = 0,
    PROBE_GONE = 1, /* the process has ended; under churn, the normal end */
};

/* What to read. */
enum probe_depth {
    PROBE_RSS,    /* rss_bytes only */
    PROBE_DETAIL, /* everything */
};

/* One reading. What the kernel does not tell is -1. */
struct probe_sample {
    int64_t rss_bytes;       /* resident, shared pages included */
    int64_t private_bytes;   /* see above: the leak signal */
    int64_t anonymous_bytes; /* Anonymous: heap, stacks, written file pages */
    int64_t fds_count;
    int64_t threads_count;
    int64_t cpu_ns;          /* user and system, all threads, in steps of
                                probe_cpu_step_ns() */
    int64_t processes_count; /* 1; of a sum, how many are in it */
};

struct probe;

/* Pins process |pid|, held by |pidfd| (lent for this call only). On PROBE_OK
 * *ret_probe belongs to the caller, who releases it with probe_free();
 * otherwise *ret_probe is left alone. */
int probe_new(int64_t pid, int pidfd, struct probe **ret_probe);

/* A probe of this process; its cpu_ns is exact. */
int probe_new_self(struct probe **ret_probe);

/* Lets go of the process. Accepts NULL. */
void probe_free(struct probe *probe);

/* Takes one reading; *ret_sample is written on PROBE_OK only. No heap. */
int probe_sample(struct probe *probe, enum probe_depth depth,
                 struct probe_sample *ret_sample);

/* The step in which cpu_ns of another process moves. */
int64_t probe_cpu_step_ns(void);

/* The step in which the memory figures move. */
int64_t probe_page_bytes(void);

#endif
