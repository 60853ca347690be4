/* readiness.h - find out that a process that was started is up.
 *
 * Each way (enum ready_rule) is a row of the table in readiness.c. Where the
 * process tells (a line on a descriptor) or the kernel does (the end of a
 * command), a watcher waits; what has to be asked for (a port, a log, a file)
 * is looked at on a timer: first after READINESS_LOOK_MIN_MS, then whenever a
 * quarter of the time since the start has passed once more, every
 * READINESS_LOOK_MAX_MS at the latest. So a process is found ready at most a
 * quarter later than it was, and a slow one costs ten looks a second.
 *
 * The deadline, and the delay, are the supervisor's. Private to the room churn.
 */
#ifndef PLATEAU_READINESS_H
#define PLATEAU_READINESS_H

#include "churn/launch.h"
#include "churn/spawn.h"
#include "err.h"
#include "scenario/scenario.h"

#include <ev.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    READINESS_LINE_MAX = 512, /* of {ready_fd}, the newline included */
    READINESS_LOOK_MIN_MS = 1,
    READINESS_LOOK_MAX_MS = 100,
    READINESS_COMMAND_MAX_S = 5, /* one run of the command; then SIGKILL */
    READINESS_LOG_BYTES_MAX = 256 << 10, /* of the log, at one look */
    READINESS_WORDS_SIZE = 320,
};

/* What is heard of a process. Nothing is watched any more when one is called.
 */
struct readiness_callbacks {
    /* It is up; |contact| is what it said on {ready_fd}, else "". */
    void (*on_ready)(void *context, const char *contact);
    /* It never will be: |line|, plain text, is no readiness line. */
    void (*on_wrong)(void *context, const char *line);
};

/* Of whom, and where; lent, and outlives the readiness. */
struct readiness_place {
    const struct scenario_ready *rule;
    const char *host;
    uint32_t port; /* the process's own; 0: none */
    int log;       /* descriptor of what the process prints */
    int check_log; /* of what the command prints; -1: nowhere */
    int null_fd;
};

/* What it is looked for by; what belongs to one rule is unused by others. */
struct readiness {
    struct readiness_place place;
    struct readiness_callbacks callbacks;
    void *context;
    struct ev_loop *loop; /* NULL: nothing is watched */
    ev_io io;
    ev_timer look;
    ev_tstamp began;
    int64_t pid;
    int fd;          /* the pipe, or a connection that is being made; -1 */
    bool has_looked; /* whether its port was free, before the first life */
    int last_error;  /* why it was not, as errno; 0: not known */
    size_t line_size;
    char line[READINESS_LINE_MAX];
    bool has_pattern;
    regex_t pattern;
    int64_t log_at;     /* where the first line begins that was not whole */
    int64_t log_begin;  /* of this life's lines */
    int64_t log_size;   /* at the last look */
    struct stat before; /* of the file; st_nlink 0: there was none */
    struct launch_readiness launch; /* owned */
    struct spawn_child child;       /* the command */
    struct spawn_exit last;         /* its last end; signal -1: none yet */
};

/* Nothing is watched. */
void readiness_init(struct readiness *readiness,
                    const struct readiness_place *place);

/* Before the process is started: takes *launch (and leaves zeroes), looks at
 * what there is now, and writes to *ret_fd the descriptor that the process is
 * to find as {ready_fd}, which the caller closes once it is started, or -1.
 * 0; or -errno and |err|: -EADDRINUSE when its own port is somebody else's. */
int readiness_prepare(struct readiness *readiness,
                      struct launch_readiness *launch, int *ret_fd,
                      struct err *err);

/* The process |pid| was started: watches by |loop|, until it calls back or
 * readiness_end() is called. */
void readiness_begin(struct readiness *readiness, struct ev_loop *loop,
                     int64_t pid, const struct readiness_callbacks *callbacks,
                     void *context);

/* Watches no more; kills and reaps the command if it runs. May be called at
 * any time. */
void readiness_end(struct readiness *readiness);

/* Ends it and gives everything back. */
void readiness_deinit(struct readiness *readiness);

/* By what the process was to be ready and what was seen of that, for a
 * sentence: "by tcp: nobody accepts at 127.0.0.1 port 80 (Connection
 * refused)". Right from readiness_begin() to the next readiness_prepare().
 * Returns |text|. */
char *readiness_describe(const struct readiness *readiness,
                         char text[READINESS_WORDS_SIZE]);

#endif
