/* spawn.h - start one process, signal it, reap it; never the wrong one.
 *
 * A child is held by a pidfd from the moment of its birth: signals and reaping
 * go through that, so a number that the kernel has handed to somebody else is
 * never hit. It leads a process group of its own, has the default signal
 * dispositions and an empty mask, only the descriptors that it was given, and
 * gets SIGKILL when the thread that started it ends, however that ends
 * (programs that are set-uid escape this: the kernel clears it at exec). Start
 * children from the main thread only, and the first when all signals that are
 * to be handled or ignored are: dispositions are looked at once.
 *
 * Platform seam: one of spawn_linux.c or spawn_win32.c; uses nothing of ours.
 * No function here touches the heap.
 */
#ifndef PLATEAU_SPAWN_H
#define PLATEAU_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAWN_OK = 0,
    SPAWN_GONE = 1,  /* spawn_signal: it has ended and was reaped */
    SPAWN_ALIVE = 1, /* spawn_reap: it has not ended yet */
};

enum {
    SPAWN_FDS_MAX = 16,
    SPAWN_CHILDREN_MAX = 1 << 15, /* not reaped at a time; then -EAGAIN */
};

/* The child sees our descriptor |from| as its |to|. */
struct spawn_fd {
    int from;
    int to; /* below SPAWN_FDS_MAX */
};

struct spawn_request {
    const char *program;         /* a path; no search is made */
    char *const *argv;           /* NULL-terminated */
    char *const *envp;           /* NULL-terminated */
    const char *working_folder;  /* NULL: ours */
    const struct spawn_fd *fds;  /* all that the child is to have */
    size_t fds_count;            /* at most SPAWN_FDS_MAX */
    uint64_t open_files_limit;   /* its soft RLIMIT_NOFILE; 0: ours */
    uint64_t memory_limit_bytes; /* private and writable; 0: ours */
    bool has_no_core;            /* it leaves no core file */
    int network; /* descriptor of the network that it is in; 0: ours */
    int group; /* descriptor through which it enters its control group; 0: ours
                */
};

/* A child that has not been reaped; spawn_reap() ends it. */
struct spawn_child {
    int64_t pid;
    int pidfd; /* poll()s readable when the child has ended */
};

/* How a child ended, and what it used (it and its reaped descendants). */
struct spawn_exit {
    int exit_code; /* -1: did not exit by itself */
    int signal;    /* 0: not killed by a signal */
    int64_t cpu_ns;
    int64_t max_rss_bytes;
};

/* Starts a process. SPAWN_OK: the program is running in it. -errno: nothing
 * is left behind, and *ret_step (NULL allowed) names the call that failed, a
 * static string: "exec", "chdir", "clone", ... */
int spawn_process(const struct spawn_request *request,
                  struct spawn_child *ret_child, const char **ret_step);

/* Sends |signal|. SPAWN_OK also for one that has ended and is not reaped. */
int spawn_signal(const struct spawn_child *child, int signal);

/* Whether the child has ended and waits to be reaped. */
bool spawn_has_ended(const struct spawn_child *child);

/* Sends |signal| to all that is left of the child's process group. Only while
 * the child is not reaped: that pins the group's number. */
void spawn_signal_group(const struct spawn_child *child, int signal);

/* Reaps the child if it has ended: SPAWN_OK, *ret_exit is written, the pidfd
 * is closed and *child cleared (pid 0, pidfd -1). SPAWN_ALIVE when it lives;
 * with |wait| that is not returned. -errno on what should not happen. */
int spawn_reap(struct spawn_child *child, bool wait,
               struct spawn_exit *ret_exit);

/* Whether |pid| is a child that spawn_process() started and spawn_reap() has
 * not reaped; of the other children of this process nothing is known here. */
bool spawn_owns(int64_t pid);

#endif
