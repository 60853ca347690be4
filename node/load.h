/* load.h - how much this process works: CPU time and resident memory.
 *
 * It reads the figures of its own process and of no other. (The bug
 * "process-scan" takes the long way: it lists every process of the machine to
 * find its own, and keeps the list.)
 *
 * Platform seam: one of load_linux.c or load_win32.c; uses nothing of ours.
 */
#ifndef MESHNODE_LOAD_H
#define MESHNODE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load;

struct load_sample {
    int64_t cpu_ns; /* used since the process began, user and system */
    uint64_t rss_bytes;
};

/* 0 and *ret_load, or -errno (-ENOMEM, that of open(2)). */
int load_open(bool is_scanning, struct load **ret_load);

/* Accepts NULL. */
void load_close(struct load *load);

/* 0 and *ret_sample, or -errno. */
int load_read(struct load *load, struct load_sample *ret_sample);

/* Processes that it knows of: 1, ourselves. */
size_t load_processes_count(const struct load *load);

#endif
