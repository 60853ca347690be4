/* Happy path: events_poll() at each sample -> a file is read on the spot; a
 * command is started if the last one has ended and it is time, and on_exit()
 * reads what it left in the pipe; a signal's handler has counted already.
 * Failure modes: the file is gone or holds something else, the command fails,
 * prints no number, or takes too long (it is killed with its group): a failed
 * reading, with the sentence kept. */
#include "watch/events.h"

#include "churn/spawn.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TROUBLE_SIZE = 256,
    CHUNK_BYTES = 64 << 10,
    SHOWN_MAX = 60, /* bytes of somebody's text in a sentence */
};

extern char **environ;

enum file_form { FORM_UNKNOWN, FORM_NUMBER, FORM_LINES };

struct events {
    struct events_config config;
    struct events_counts counts;
    bool has_begun; /* |last| is known */
    double last;    /* as it was read */
    double total;
    char trouble[TROUBLE_SIZE];

    int signal;

    enum file_form form;
    off_t offset; /* up to here lines are counted */
    ino_t inode;
    double lines;

    struct spawn_child child; /* pid 0: none runs */
    int pipe;
    int null_fd;
    bool was_late;
    int64_t due_ns; /* the next start */
    ev_io exit_watcher;
    ev_timer deadline;
};

/* --- counting ---------------------------------------------------------------
 */

static void take_number(struct events *events, double number)
{
    events->counts.readings++;
    if (events->has_begun && number < events->last) {
        events->counts.resets++;
        events->last = 0.;
    }
    if (events->has_begun) {
        events->total += fmax(0., number - events->last);
    }
    events->has_begun = true;
    events->last = number;
}

static void fail(struct events *events, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(struct events *events, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(events->trouble, sizeof events->trouble, format, args);
    va_end(args);
    for (char *at = events->trouble; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    }
    events->counts.failures++;
}

int events_parse_number(const char *text, double *ret_number)
{
    static const char blanks[] = " \t\r\n";
    char *end = NULL;
    text += strspn(text, blanks);
    double number = strtod(text, &end);
    if (end == text || end[strspn(end, blanks)] != '\0' || !isfinite(number) ||
        number < 0. || number > 1e15) {
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

/* --- a signal ---------------------------------------------------------------
 */

static _Atomic int64_t signals_seen;

static void on_counted_signal(int number)
{
    (void)number;
    (void)atomic_fetch_add_explicit(&signals_seen, 1, memory_order_relaxed);
}

int events_parse_signal(const char *name)
{
    int number = -EINVAL;
    name += strncmp(name, "SIG", 3) == 0 ? 3 : 0;
    if (strcmp(name, "USR1") == 0) {
        number = SIGUSR1;
    } else if (strcmp(name, "USR2") == 0) {
        number = SIGUSR2;
    } else if (strncmp(name, "RTMIN", 5) == 0) {
        char *end = NULL;
        long above = name[5] == '+' ? strtol(name + 6, &end, 10) : 0;
        bool is_right = name[5] == '\0' ||
                        (name[5] == '+' && end > name + 6 && *end == '\0');
        number = is_right && above >= 0 && SIGRTMIN + above <= SIGRTMAX
                     ? SIGRTMIN + (int)above
                     : -EINVAL;
    }
    return number;
}

static int begin_signal(struct events *events, struct err *err)
{
    struct sigaction action = {.sa_handler = on_counted_signal,
                               .sa_flags = SA_RESTART};
    events->signal = events_parse_signal(events->config.text);
    if (events->signal < 0) {
        err_set(err, NULL, 0, 0,
                "'%.40s' is no signal that events can be counted by; right is "
                "USR1, USR2 or RTMIN+n",
                events->config.text);
        return -EINVAL;
    }
    atomic_store(&signals_seen, 0);
    events->has_begun = true;
    return sigaction(events->signal, &action, NULL) < 0 ? -errno : 0;
}

/* --- a file -----------------------------------------------------------------
 */

/* One number and nothing else is a count; anything else is lines. What is
 * empty can still become either. */
static int read_small(struct events *events, int fd, const struct stat *st)
{
    char text[EVENTS_NUMBER_MAX_BYTES + 1];
    double number;
    if (st->st_size > EVENTS_NUMBER_MAX_BYTES) {
        return -EINVAL;
    }
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size < 0) {
        return -errno;
    }
    text[size] = '\0';
    int result = events_parse_number(text, &number);
    if (result == 0) {
        events->form = FORM_NUMBER;
        take_number(events, number);
    }
    return result;
}

/* Counts what came since the last time. A file that is shorter than it was, or
 * another one, begins anew. */
static void read_lines(struct events *events, int fd, const struct stat *st)
{
    static char chunk[CHUNK_BYTES];
    int64_t left = EVENTS_READ_MAX_BYTES;
    bool is_first = !events->has_begun;
    if (st->st_ino != events->inode || st->st_size < events->offset) {
        events->offset = 0;
        events->counts.resets += !is_first;
    }
    if (is_first) {
        events->offset = st->st_size;
    }
    events->inode = st->st_ino;
    while (left > 0) {
        ssize_t size = pread(fd, chunk, sizeof chunk, events->offset);
        if (size < 0) {
            fail(events, "%.150s: %s", events->config.text, strerror(errno));
            return;
        }
        if (size == 0) {
            break;
        }
        for (ssize_t i = 0; i < size; i++) {
            events->lines += chunk[i] == '\n';
        }
        events->offset += size;
        left -= size;
    }
    take_number(events, events->lines);
}

static int open_file(struct events *events, struct stat *ret_st)
{
    int fd = open(events->config.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int result = -errno;
        fail(events, "%.150s: %s", events->config.text, strerror(-result));
        return result;
    }
    if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode)) {
        (void)close(fd);
        fail(events, "%.150s is no regular file", events->config.text);
        return -EINVAL;
    }
    return fd;
}

static int read_file(struct events *events)
{
    struct stat st;
    int fd = open_file(events, &st);
    if (fd < 0) {
        return fd;
    }
    if (events->form != FORM_LINES && read_small(events, fd, &st) != 0) {
        if (events->form == FORM_NUMBER) {
            fail(events, "%.150s holds no number just now",
                 events->config.text);
        } else if (st.st_size > 0) {
            events->form = FORM_LINES;
        } else {
            /* Empty as yet: whatever it will be, it stands at 0. */
            events->inode = st.st_ino;
            take_number(events, 0.);
        }
    }
    if (events->form == FORM_LINES) {
        read_lines(events, fd, &st);
    }
    (void)close(fd);
    return 0;
}

/* --- a command --------------------------------------------------------------
 */

static void read_answer(struct events *events, const struct spawn_exit *end)
{
    char text[EVENTS_NUMBER_MAX_BYTES + 1];
    double number;
    ssize_t size = read(events->pipe, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    if (events->was_late) {
        fail(events, "'%.*s' took more than %d s and was killed", SHOWN_MAX,
             events->config.text, EVENTS_COMMAND_MAX_S);
    } else if (end->signal != 0) {
        fail(events, "'%.*s' was killed by signal %d", SHOWN_MAX,
             events->config.text, end->signal);
    } else if (end->exit_code != 0) {
        fail(events, "'%.*s' ended with exit status %d", SHOWN_MAX,
             events->config.text, end->exit_code);
    } else if (events_parse_number(text, &number) != 0) {
        text[strcspn(text, "\n")] = '\0';
        fail(events, "'%.*s' prints \"%.*s\", which is no number", SHOWN_MAX,
             events->config.text, SHOWN_MAX, text);
    } else {
        take_number(events, number);
    }
}

static void finish_command(struct events *events)
{
    struct spawn_exit end = {0};
    ev_io_stop(events->config.loop, &events->exit_watcher);
    ev_timer_stop(events->config.loop, &events->deadline);
    /* What it may have left in the background would come back every time. */
    spawn_signal_group(&events->child, SIGKILL);
    if (spawn_reap(&events->child, true, &end) == SPAWN_OK) {
        read_answer(events, &end);
    }
    (void)close(events->pipe);
    events->pipe = -1;
}

static void on_exit_of_command(struct ev_loop *loop, ev_io *watcher,
                               int revents)
{
    (void)loop;
    (void)revents;
    finish_command(watcher->data);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct events *events = timer->data;
    (void)loop;
    (void)revents;
    events->was_late = true;
    (void)spawn_signal(&events->child, SIGKILL);
}

/* Its complaints are shown once, the first time; later they would come again
 * and again. */
static void start_command(struct events *events)
{
    bool is_first = events->counts.readings + events->counts.failures == 0;
    char *const argv[] = {"sh", "-c", (char *)(uintptr_t)events->config.text,
                          NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        fail(events, "no pipe: %s", strerror(errno));
        return;
    }
    const struct spawn_fd fds[] = {
        {events->null_fd, 0},
        {ends[1], 1},
        {is_first ? STDERR_FILENO : events->null_fd, 2},
    };
    const struct spawn_request request = {
        .program = "/bin/sh",
        .argv = argv,
        .envp = environ,
        .fds = fds,
        .fds_count = sizeof fds / sizeof fds[0],
    };
    int result = spawn_process(&request, &events->child, NULL);
    (void)close(ends[1]);
    if (result != SPAWN_OK) {
        (void)close(ends[0]);
        fail(events, "cannot start /bin/sh: %s", strerror(-result));
        return;
    }
    events->pipe = ends[0];
    events->was_late = false;
    ev_io_set(&events->exit_watcher, events->child.pidfd, EV_READ);
    ev_io_start(events->config.loop, &events->exit_watcher);
    ev_now_update(events->config.loop);
    ev_timer_set(&events->deadline, EVENTS_COMMAND_MAX_S, 0.);
    ev_timer_start(events->config.loop, &events->deadline);
}

/* --- the whole --------------------------------------------------------------
 */

static int begin_file(struct events *events, struct err *err)
{
    int result = read_file(events);
    if (result != 0) {
        err_set(err, NULL, 0, 0, "cannot count events: %s", events->trouble);
    }
    return result;
}

int events_new(const struct events_config *config, struct events **ret_events,
               struct err *err)
{
    struct events *events = calloc(1, sizeof *events);
    int result = 0;
    if (events == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    events->config = *config;
    events->pipe = -1;
    events->child.pidfd = -1;
    events->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ev_init(&events->exit_watcher, on_exit_of_command);
    ev_init(&events->deadline, on_deadline);
    events->exit_watcher.data = events;
    events->deadline.data = events;
    if (config->by == EVENTS_BY_SIGNAL) {
        result = begin_signal(events, err);
    } else if (config->by == EVENTS_BY_FILE) {
        result = begin_file(events, err);
    } else if (events->null_fd < 0) {
        result = -errno;
        err_set(err, "/dev/null", 0, 0, "cannot open: %s", strerror(-result));
    }
    if (result != 0) {
        events_free(events);
        return result;
    }
    *ret_events = events;
    return 0;
}

void events_free(struct events *events)
{
    if (events == NULL) {
        return;
    }
    if (events->child.pidfd >= 0) {
        (void)spawn_signal(&events->child, SIGKILL);
        finish_command(events);
    }
    if (events->signal > 0) {
        (void)signal(events->signal, SIG_IGN);
    }
    if (events->null_fd >= 0) {
        (void)close(events->null_fd);
    }
    free(events);
}

void events_poll(struct events *events, int64_t now_ns)
{
    switch (events->config.by) {
    case EVENTS_BY_NOBODY:
        break;
    case EVENTS_BY_COMMAND:
        if (events->child.pidfd < 0 && now_ns >= events->due_ns) {
            events->due_ns = now_ns + (int64_t)(events->config.every_s * 1e9);
            start_command(events);
        }
        break;
    case EVENTS_BY_FILE:
        (void)read_file(events);
        break;
    case EVENTS_BY_SIGNAL:
        take_number(events, (double)atomic_load(&signals_seen));
        break;
    }
}

bool events_is_busy(const struct events *events)
{
    return events->child.pidfd >= 0;
}

int64_t events_count(const struct events *events)
{
    return (int64_t)events->total;
}

void events_counts(const struct events *events,
                   struct events_counts *ret_counts)
{
    *ret_counts = events->counts;
}

const char *events_trouble(const struct events *events)
{
    return events->trouble;
}

char *events_describe(const struct events *events, char *text, size_t size)
{
    switch (events->config.by) {
    case EVENTS_BY_NOBODY:
        (void)snprintf(text, size, "nobody");
        break;
    case EVENTS_BY_COMMAND:
        (void)snprintf(text, size, "what '%.100s' prints", events->config.text);
        break;
    case EVENTS_BY_FILE:
        (void)snprintf(text, size, "%s %.100s",
                       events->form == FORM_LINES ? "the lines of"
                                                  : "the number in",
                       events->config.text);
        break;
    case EVENTS_BY_SIGNAL:
        (void)snprintf(text, size, "signals %.20s", events->config.text);
        break;
    }
    return text;
}
