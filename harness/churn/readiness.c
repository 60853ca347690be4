/* Happy path: slot_begin() asks readiness_prepare() for a pipe, or for a look
 * at the file as it was before; the process is started; readiness_begin() arms
 * the row of its rule; the pipe, the command's end or a look says yes; all is
 * let go, and on_ready() is called.
 *
 * Failure modes: a line on the pipe that is no readiness line: on_wrong(). A
 * look that cannot be made (no descriptors, no memory) counts as a no, and why
 * is kept for readiness_describe(). A process that is never ready is the
 * supervisor's to notice: it has the deadline. */
#include "churn/readiness.h"

#include "churn/port.h"
#include "churn/slot_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COMMAND_LOOK_MIN_MS = 10,   /* a process each time: dearer than a look */
    TAKEN_WAIT_MS = 200,        /* once, before anything is started */
    LOG_CHUNK_BYTES = 16 << 10, /* and the most of a line that is matched */
    COMMAND_WORDS_SIZE = 120,
};

/* One way of being ready; what is NULL is nothing to do. */
struct way {
    const char *name;
    int (*prepare)(struct readiness *readiness, int *ret_fd, struct err *err);
    void (*begin)(struct readiness *readiness);
    bool (*look)(struct readiness *readiness); /* is it? */
    void (*describe)(const struct readiness *readiness,
                     char text[READINESS_WORDS_SIZE]);
};

static const struct way *way_of(const struct readiness *readiness);

/* --- watching ------------------------------------------------------------ */

static void become_ready(struct readiness *readiness, const char *contact)
{
    readiness_end(readiness);
    readiness->callbacks.on_ready(readiness->context, contact);
}

/* The next look: see readiness.h. */
static void look_later(struct readiness *readiness, double least_s)
{
    ev_now_update(readiness->loop);
    double wait_s = (ev_now(readiness->loop) - readiness->began) / 4;
    wait_s = wait_s > least_s ? wait_s : least_s;
    if (wait_s > READINESS_LOOK_MAX_MS / 1e3) {
        wait_s = READINESS_LOOK_MAX_MS / 1e3;
    }
    ev_timer_stop(readiness->loop, &readiness->look);
    ev_timer_set(&readiness->look, wait_s, 0.);
    ev_timer_start(readiness->loop, &readiness->look);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct readiness *readiness = timer->data;
    (void)loop;
    (void)revents;
    if (way_of(readiness)->look(readiness)) {
        become_ready(readiness, "");
    } else {
        look_later(readiness, READINESS_LOOK_MIN_MS / 1e3);
    }
}

static void begin_looking(struct readiness *readiness)
{
    ev_set_cb(&readiness->look, on_look);
    look_later(readiness, READINESS_LOOK_MIN_MS / 1e3);
}

static void close_fd(struct readiness *readiness)
{
    if (readiness->fd >= 0) {
        (void)close(readiness->fd);
        readiness->fd = -1;
    }
}

/* --- a line on a descriptor ---------------------------------------------- */

static int prepare_pipe(struct readiness *readiness, int *ret_fd,
                        struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        int result = -errno;
        err_set(err, NULL, 0, 0, "no pipe: %s", strerror(-result));
        return result;
    }
    readiness->fd = ends[0];
    readiness->line_size = 0;
    *ret_fd = ends[1];
    return 0;
}

/* "ready CONTACT" or "ready". NULL, or the contact, which may be "". */
static const char *contact_of(const char *line)
{
    static const char word[] = "ready";
    const size_t length = sizeof word - 1;
    if (strncmp(line, word, length) != 0 ||
        (line[length] != '\0' && line[length] != ' ')) {
        return NULL;
    }
    const char *contact = line + length;
    contact += strspn(contact, " ");
    return strpbrk(contact, " ,\t\r") == NULL ? contact : NULL;
}

/* It will be quoted: nothing in it may move a terminal's cursor. */
static void refuse_line(struct readiness *readiness)
{
    for (char *at = readiness->line; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    }
    readiness_end(readiness);
    readiness->callbacks.on_wrong(readiness->context, readiness->line);
}

static void on_line(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct readiness *readiness = watcher->data;
    size_t room = sizeof readiness->line - 1 - readiness->line_size;
    (void)loop;
    (void)revents;
    ssize_t count =
        read(readiness->fd, readiness->line + readiness->line_size, room);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        /* Closed without a line: the exit or the deadline will tell. */
        readiness_end(readiness);
        return;
    }
    readiness->line_size += (size_t)count;
    readiness->line[readiness->line_size] = '\0';
    char *end = strchr(readiness->line, '\n');
    if (end == NULL && readiness->line_size < sizeof readiness->line - 1) {
        return;
    }
    if (end != NULL) {
        *end = '\0';
    }
    const char *contact = end != NULL ? contact_of(readiness->line) : NULL;
    if (contact != NULL) {
        become_ready(readiness, contact);
    } else {
        refuse_line(readiness);
    }
}

static void begin_line(struct readiness *readiness)
{
    ev_set_cb(&readiness->io, on_line);
    ev_io_set(&readiness->io, readiness->fd, EV_READ);
    ev_io_start(readiness->loop, &readiness->io);
}

static void describe_line(const struct readiness *readiness,
                          char text[READINESS_WORDS_SIZE])
{
    (void)readiness;
    (void)snprintf(text, READINESS_WORDS_SIZE,
                   "it wrote no whole line on {ready_fd}");
}

/* --- a port -------------------------------------------------------------- */

static uint32_t port_of(const struct readiness *readiness)
{
    uint32_t port = readiness->place.rule->port;
    return port != 0 ? port : readiness->place.port;
}

/* Who listens before the first life was begun is somebody else, and would be
 * taken for ours. Not asked of a port that the rule names: several may share
 * that, or it may be another's on purpose. */
static int prepare_port(struct readiness *readiness, int *ret_fd,
                        struct err *err)
{
    const struct readiness_place *place = &readiness->place;
    bool is_tcp = place->rule->by == READY_TCP;
    bool is_taken = false;
    (void)ret_fd;
    if (readiness->has_looked || place->rule->port != 0) {
        return 0;
    }
    readiness->has_looked = true;
    if (is_tcp) {
        int fd = -1;
        int result = port_connect(place->host, place->port, &fd);
        if (result == PORT_PENDING) {
            result = port_connected(fd, TAKEN_WAIT_MS);
        }
        is_taken = result == 0;
        if (fd >= 0) {
            (void)close(fd);
        }
    } else {
        is_taken = port_is_bound_udp((int64_t)getpid(), place->port) > 0;
    }
    if (is_taken) {
        err_set(err, NULL, 0, 0,
                "%s port %u at %s is somebody else's already; stop who has it, "
                "or give the role another 'port'",
                is_tcp ? "TCP" : "UDP", place->port, place->host);
    }
    return is_taken ? -EADDRINUSE : 0;
}

static bool is_accepted(struct readiness *readiness)
{
    int result = 0;
    if (readiness->fd >= 0) {
        result = port_connected(readiness->fd, 0);
    } else {
        result = port_connect(readiness->place.host, port_of(readiness),
                              &readiness->fd);
    }
    if (result == PORT_PENDING) {
        /* A loaded machine answers later, even its own. */
        readiness->last_error =
            readiness->last_error != 0 ? readiness->last_error : ETIMEDOUT;
        return false;
    }
    readiness->last_error = result < 0 ? -result : errno;
    close_fd(readiness);
    return result == 0;
}

static void describe_tcp(const struct readiness *readiness,
                         char text[READINESS_WORDS_SIZE])
{
    (void)snprintf(text, READINESS_WORDS_SIZE,
                   "nobody accepts at %s port %u (%s)", readiness->place.host,
                   port_of(readiness),
                   readiness->last_error != 0 ? strerror(readiness->last_error)
                                              : "never asked");
}

static bool is_bound(struct readiness *readiness)
{
    int result = port_is_bound_udp(readiness->pid, port_of(readiness));
    readiness->last_error = result < 0 ? -result : 0;
    return result > 0;
}

static void describe_udp(const struct readiness *readiness,
                         char text[READINESS_WORDS_SIZE])
{
    bool is_known = readiness->last_error == 0;
    (void)snprintf(
        text, READINESS_WORDS_SIZE, "no UDP socket is bound to port %u%s%s%s",
        port_of(readiness), is_known ? "" : " that we could see (",
        is_known ? "" : strerror(readiness->last_error), is_known ? "" : ")");
}

/* --- a line of the log --------------------------------------------------- */

static int prepare_log(struct readiness *readiness, int *ret_fd,
                       struct err *err)
{
    (void)ret_fd;
    int result = regcomp(&readiness->pattern, readiness->place.rule->pattern,
                         REG_EXTENDED | REG_NOSUB);
    if (result != 0) {
        /* A loaded scenario has none that is wrong. */
        err_set(err, NULL, 0, 0, "ready.pattern '%s' cannot be compiled",
                readiness->place.rule->pattern);
        return result == REG_ESPACE ? -ENOMEM : -EINVAL;
    }
    readiness->has_pattern = true;
    readiness->log_at = slot_log_size(readiness->place.log);
    readiness->log_size = readiness->log_at;
    readiness->log_begin = readiness->log_at;
    return 0;
}

/* Looks through the lines of |text| of |size| bytes, the last of which may not
 * be whole. Returns whether one matches; *ret_used counts the whole ones. */
static bool has_match(const struct readiness *readiness, char *text,
                      size_t size, size_t *ret_used)
{
    size_t used = 0;
    while (used < size) {
        char *line = text + used;
        char *end = memchr(line, '\n', size - used);
        size_t length = end != NULL ? (size_t)(end - line) : size - used;
        line[length] = '\0';
        if (regexec(&readiness->pattern, line, 0, NULL, 0) == 0) {
            return true;
        }
        if (end == NULL) {
            break;
        }
        used += length + 1;
    }
    *ret_used = used;
    return false;
}

/* A log that has become shorter was cut: what is left of this life begins
 * elsewhere. */
static bool is_printed(struct readiness *readiness)
{
    char text[LOG_CHUNK_BYTES + 1];
    int64_t size = slot_log_size(readiness->place.log);
    if (size == readiness->log_size) {
        return false;
    }
    if (size < readiness->log_size) {
        readiness->log_at = slot_log_life_at(readiness->place.log);
    }
    readiness->log_size = size;
    for (int64_t read = 0; read < READINESS_LOG_BYTES_MAX;) {
        size_t used = 0;
        ssize_t count = pread(readiness->place.log, text, LOG_CHUNK_BYTES,
                              readiness->log_at);
        if (count <= 0) {
            return false;
        }
        if (has_match(readiness, text, (size_t)count, &used)) {
            return true;
        }
        /* A line of a whole chunk is done with: the rest of it counts as the
         * next one. */
        used = used == 0 && count == LOG_CHUNK_BYTES ? (size_t)count : used;
        readiness->log_at += (int64_t)used;
        read += (int64_t)used;
        if (used == 0) {
            return false; /* a line that is not whole stays for the next look */
        }
    }
    readiness->log_size = readiness->log_at; /* there is more */
    return false;
}

static void describe_log(const struct readiness *readiness,
                         char text[READINESS_WORDS_SIZE])
{
    bool is_silent =
        slot_log_size(readiness->place.log) == readiness->log_begin;
    /* Many a program's C library holds its lines back, to a file. */
    (void)snprintf(text, READINESS_WORDS_SIZE,
                   "no line that it printed matches '%.160s'%s",
                   readiness->place.rule->pattern,
                   is_silent ? "; to a file, many programs hold back what they "
                               "print: 'stdbuf -oL' before it, or stderr"
                             : "");
}

/* --- a file -------------------------------------------------------------- */

static int prepare_file(struct readiness *readiness, int *ret_fd,
                        struct err *err)
{
    (void)ret_fd;
    (void)err;
    if (stat(readiness->launch.path, &readiness->before) < 0) {
        readiness->before = (struct stat){0};
    }
    return 0;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A file that an earlier life has left says nothing of this one, until it is
 * written or replaced. */
static bool is_there(struct readiness *readiness)
{
    const struct stat *before = &readiness->before;
    struct stat now;
    if (stat(readiness->launch.path, &now) < 0) {
        readiness->last_error = errno;
        return false;
    }
    readiness->last_error = 0;
    return before->st_nlink == 0 || now.st_ino != before->st_ino ||
           now.st_dev != before->st_dev || now.st_size != before->st_size ||
           !is_same_time(&now.st_mtim, &before->st_mtim) ||
           !is_same_time(&now.st_ctim, &before->st_ctim);
}

static void describe_file(const struct readiness *readiness,
                          char text[READINESS_WORDS_SIZE])
{
    if (readiness->last_error != 0) {
        (void)snprintf(text, READINESS_WORDS_SIZE, "%.200s: %s",
                       readiness->launch.path, strerror(readiness->last_error));
    } else {
        (void)snprintf(text, READINESS_WORDS_SIZE,
                       "%.200s is of an earlier life: nobody has written it "
                       "since",
                       readiness->launch.path);
    }
}

/* --- a command ----------------------------------------------------------- */

static void on_check_end(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct readiness *readiness = watcher->data;
    (void)revents;
    if (!spawn_has_ended(&readiness->child)) {
        return;
    }
    spawn_signal_group(&readiness->child, SIGKILL);
    ev_io_stop(loop, watcher);
    int result = spawn_reap(&readiness->child, true, &readiness->last);
    assert(result == SPAWN_OK); /* nobody else reaps our children */
    (void)result;
    if (readiness->last.exit_code == 0) {
        become_ready(readiness, "");
    } else {
        look_later(readiness, COMMAND_LOOK_MIN_MS / 1e3);
    }
}

static void start_check(struct readiness *readiness)
{
    const struct launch_readiness *launch = &readiness->launch;
    int log = readiness->place.check_log;
    log = log >= 0 ? log : readiness->place.null_fd;
    const struct spawn_fd fds[] = {
        {readiness->place.null_fd, 0}, {log, 1}, {log, 2}};
    const struct spawn_request request = {
        .program = launch->program,
        .argv = launch->argv,
        .envp = launch->envp,
        .working_folder = launch->folder,
        .fds = fds,
        .fds_count = sizeof fds / sizeof fds[0],
    };
    int result = spawn_process(&request, &readiness->child, NULL);
    if (result != SPAWN_OK) {
        readiness->last_error = -result;
        look_later(readiness, COMMAND_LOOK_MIN_MS / 1e3);
        return;
    }
    ev_io_set(&readiness->io, readiness->child.pidfd, EV_READ);
    ev_io_start(readiness->loop, &readiness->io);
    ev_now_update(readiness->loop);
    ev_timer_stop(readiness->loop, &readiness->look);
    ev_timer_set(&readiness->look, READINESS_COMMAND_MAX_S, 0.);
    ev_timer_start(readiness->loop, &readiness->look);
}

/* Time to run it again, or it has run too long. */
static void on_check_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct readiness *readiness = timer->data;
    (void)loop;
    (void)revents;
    if (readiness->child.pidfd >= 0) {
        (void)spawn_signal(&readiness->child, SIGKILL);
    } else {
        if (readiness->place.check_log >= 0) {
            slot_log_trim(readiness->place.check_log);
        }
        start_check(readiness);
    }
}

static void begin_command(struct readiness *readiness)
{
    ev_set_cb(&readiness->io, on_check_end);
    ev_set_cb(&readiness->look, on_check_timer);
    look_later(readiness, COMMAND_LOOK_MIN_MS / 1e3);
}

static void describe_command(const struct readiness *readiness,
                             char text[READINESS_WORDS_SIZE])
{
    const struct spawn_exit *last = &readiness->last;
    char line[COMMAND_WORDS_SIZE] = "";
    char how[48];
    if (readiness->last_error != 0) {
        (void)snprintf(how, sizeof how, "it cannot be started");
    } else if (last->signal > 0) {
        (void)snprintf(how, sizeof how, "killed by signal %d", last->signal);
    } else if (last->signal < 0) {
        (void)snprintf(how, sizeof how, "it has not ended");
    } else {
        (void)snprintf(how, sizeof how, "exit status %d", last->exit_code);
    }
    if (readiness->place.check_log >= 0) {
        slot_log_last_line(readiness->place.check_log, line, sizeof line);
    }
    (void)snprintf(
        text, READINESS_WORDS_SIZE, "%.100s has not exited with 0 (%s%s%s)",
        readiness->launch.argv[0], how, line[0] != '\0' ? ": " : "", line);
}

/* --- the table ----------------------------------------------------------- */

static const struct way ways[READY_RULES] = {
    [READY_FD] = {"fd", prepare_pipe, begin_line, NULL, describe_line},
    [READY_DELAY] = {"delay", NULL, NULL, NULL, NULL},
    [READY_TCP] = {"tcp", prepare_port, begin_looking, is_accepted,
                   describe_tcp},
    [READY_UDP] = {"udp", prepare_port, begin_looking, is_bound, describe_udp},
    [READY_LOG] = {"log", prepare_log, begin_looking, is_printed, describe_log},
    [READY_FILE] = {"file", prepare_file, begin_looking, is_there,
                    describe_file},
    [READY_COMMAND] = {"command", NULL, begin_command, NULL, describe_command},
};

static const struct way *way_of(const struct readiness *readiness)
{
    assert(readiness->place.rule->by < READY_RULES);
    return &ways[readiness->place.rule->by];
}

void readiness_init(struct readiness *readiness,
                    const struct readiness_place *place)
{
    *readiness = (struct readiness){
        .place = *place,
        .fd = -1,
        .child = {.pidfd = -1},
    };
    ev_init(&readiness->io, NULL);
    ev_init(&readiness->look, NULL);
    readiness->io.data = readiness;
    readiness->look.data = readiness;
}

int readiness_prepare(struct readiness *readiness,
                      struct launch_readiness *launch, int *ret_fd,
                      struct err *err)
{
    const struct way *way = way_of(readiness);
    readiness_deinit(readiness);
    readiness->launch = *launch;
    *launch = (struct launch_readiness){0};
    readiness->last_error = 0;
    readiness->last = (struct spawn_exit){.signal = -1};
    *ret_fd = -1;
    return way->prepare != NULL ? way->prepare(readiness, ret_fd, err) : 0;
}

void readiness_begin(struct readiness *readiness, struct ev_loop *loop,
                     int64_t pid, const struct readiness_callbacks *callbacks,
                     void *context)
{
    const struct way *way = way_of(readiness);
    readiness->loop = loop;
    readiness->pid = pid;
    readiness->callbacks = *callbacks;
    readiness->context = context;
    ev_now_update(loop);
    readiness->began = ev_now(loop);
    if (way->begin != NULL) {
        way->begin(readiness);
    }
}

void readiness_end(struct readiness *readiness)
{
    struct spawn_exit end;
    if (readiness->loop != NULL) {
        ev_io_stop(readiness->loop, &readiness->io);
        ev_timer_stop(readiness->loop, &readiness->look);
        readiness->loop = NULL;
    }
    close_fd(readiness);
    if (readiness->child.pidfd >= 0) {
        (void)spawn_signal(&readiness->child, SIGKILL);
        spawn_signal_group(&readiness->child, SIGKILL);
        (void)spawn_reap(&readiness->child, true, &end);
    }
    if (readiness->has_pattern) {
        regfree(&readiness->pattern);
        readiness->has_pattern = false;
    }
}

void readiness_deinit(struct readiness *readiness)
{
    readiness_end(readiness);
    launch_readiness_deinit(&readiness->launch);
}

char *readiness_describe(const struct readiness *readiness,
                         char text[READINESS_WORDS_SIZE])
{
    const struct way *way = way_of(readiness);
    char what[READINESS_WORDS_SIZE] = "";
    if (way->describe != NULL) {
        way->describe(readiness, what);
    }
    (void)snprintf(text, READINESS_WORDS_SIZE, "by %s: %.*s", way->name,
                   READINESS_WORDS_SIZE - 20, what);
    return text;
}
