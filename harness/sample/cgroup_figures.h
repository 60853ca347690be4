/* cgroup_figures.h - what the kernel charges to a control group, all in one.
 *
 * A group is charged for every page that any of its processes was the first to
 * touch, and for what the kernel keeps on their behalf: page tables, stacks of
 * threads, open files, sockets and what waits in them. No sum over processes
 * shows that, and a process that came and went between two looks is in it. Yet
 * the figures are coarse: the kernel charges a processor in advance and settles
 * later (some 32 pages a processor, 2 s), so that they tell what grew and are
 * not what a verdict rests on.
 *
 * Both kinds of tree: version 2 (Documentation/admin-guide/cgroup-v2.rst,
 * memory.stat) and version 1 (admin-guide/cgroup-v1/memory.rst), told by the
 * files that are there. Groups below are included.
 *
 * Platform seam: one of cgroup_figures_linux.c or cgroup_figures_win32.c (a
 * job object's figures); uses nothing of ours.
 */
#ifndef PLATEAU_CGROUP_FIGURES_H
#define PLATEAU_CGROUP_FIGURES_H

#include <stdint.h>

struct cgroup_figures;

/* One reading, bytes. What the kernel does not tell is -1. */
struct cgroup_sample {
    int64_t memory_bytes;    /* all that is charged */
    int64_t anonymous_bytes; /* of it heap, stacks, written file pages */
    int64_t file_bytes;      /* of it cached files, which reclaim takes */
    int64_t kernel_bytes;    /* of it the kernel's own, sockets included */
};

/* Opens the group that is |folder|. 0 and *ret_figures; -ENOENT: it is no group
 * with memory figures; or another -errno. */
int cgroup_figures_open(const char *folder,
                        struct cgroup_figures **ret_figures);

/* Accepts NULL. */
void cgroup_figures_free(struct cgroup_figures *figures);

/* Takes one reading: 0, or -errno (-ENODEV: the group is gone), and *ret_sample
 * is not written then. No heap; some 20 us. */
int cgroup_figures_read(const struct cgroup_figures *figures,
                        struct cgroup_sample *ret_sample);

#endif
