/* process.h - find and hold a process that somebody else started.
 *
 * A number is not a process: what is found is a number with the time at which
 * its process began, and holding it gives a pidfd only if both still fit. From
 * then on the descriptor stands for that process, and for no other that may
 * get its number (pidfd_open(2)). Nothing here signals anybody.
 *
 * Platform seam: one of process_linux.c or process_win32.c; uses nothing of
 * ours.
 */
#ifndef PLATEAU_WATCH_PROCESS_H
#define PLATEAU_WATCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROCESS_OK = 0,
    PROCESS_GONE = 1, /* there is no such process, or another has its number */
    PROCESS_NAME_SIZE = 64,
    PROCESS_LIST_MAX = 65536, /* looked through; what comes after is not */
};

struct process_info {
    int64_t pid;
    int64_t parent;
    uint64_t began; /* in the kernel's own unit; tells lives of a number apart
                     */
    char name[PROCESS_NAME_SIZE]; /* of the program, without its folder; what
                                     cannot be printed is a '?' */
    bool is_zombie;               /* it has ended and waits to be reaped */
};

/* What is known of |pid|. PROCESS_OK, PROCESS_GONE or -errno. */
int process_find(int64_t pid, struct process_info *ret_info);

/* Every process but this one whose name (the kernel's, or that of its program's
 * file or first word, without a folder) fits the shell pattern |pattern|, by
 * number. PROCESS_OK and *ret_count, which may be above |max|: so many are
 * written at the most; or -errno. */
int process_list(const char *pattern, struct process_info *ret_list, size_t max,
                 size_t *ret_count);

/* Holds the process that |info| was found of. PROCESS_OK and a descriptor that
 * poll()s readable when it has ended; PROCESS_GONE; or -errno (-ENOSYS before
 * Linux 5.3). */
int process_hold(const struct process_info *info, int *ret_pidfd);

/* Whether the process that |pidfd| holds has ended. */
bool process_has_ended(int pidfd);

#endif
