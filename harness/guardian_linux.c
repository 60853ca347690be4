/* Happy path: guardian_begin() forks the guardian, which forks the supervisor;
 * the front sends the signals that it gets through a pipe, one byte each; the
 * supervisor exits, the guardian finds no child left and exits likewise, and so
 * does the front.
 *
 * Failure modes: see guardian.h. Who has died is learned from pidfds; that the
 * front has, from the end of the pipe, which it alone can write to; that the
 * guardian has, by the supervisor's parent-death signal. Front and guardian
 * both adopt orphans (PR_SET_CHILD_SUBREAPER), so that whichever is alive gets
 * all that is left.
 *
 * A PID namespace would let the kernel do this, but needs rights that many
 * machines do not give, a /proc of its own, and gives every process two
 * numbers.
 */
#include "guardian.h"

#include "host.h"
#include "isolate/group.h"
#include "sample/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SWEEP_MS_MAX = 20000, /* somebody may hang in the kernel */
    SWEEP_PAUSE_MS_MAX = 32,
    SECOND_TERM_MS = 200, /* the second says: at once */
    STOP_MS_MAX = 10000,
    SAME_SIGNAL_MS = 100, /* a sender that tells process and group */
};

/* What front, guardian and supervisor share. */
struct shared {
    _Atomic int64_t supervisor;
    _Atomic bool has_folder; /* is set when |folder| is complete */
    char folder[HOST_PATH_MAX];
    _Atomic bool has_group; /* likewise */
    char group[HOST_PATH_MAX];
};

static struct shared *shared;

static int64_t now_ms(void)
{
    return host_now_ns() / 1000000;
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static int open_pidfd(int64_t pid)
{
    return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

static void send_signal(int pidfd, int signal)
{
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* --- sweeping ------------------------------------------------------------- */

/* Kills who is in the run's control group. False: nobody is. */
static bool kill_group(void)
{
    return atomic_load(&shared->has_group) && group_kill(shared->group);
}

/* Kills whoever descends from us or is in the run's group until nobody is left;
 * how many descended. */
static int64_t sweep(void)
{
    const struct tree_config config = {.adopts = true};
    struct tree *tree = NULL;
    struct tree_counts counts = {0};
    int64_t until_ms = now_ms() + SWEEP_MS_MAX;
    int64_t pause_ms = 1;
    if ((!tree_has_children() && !kill_group()) ||
        tree_new(&config, &tree) != 0) {
        return 0;
    }
    for (;;) {
        (void)tree_look_at_all(tree, host_now_ns());
        (void)tree_kill_all(tree, SIGKILL);
        bool is_left = kill_group();
        (void)tree_reap(tree);
        if ((!is_left && !tree_has_children()) || now_ms() > until_ms) {
            break;
        }
        sleep_ms(pause_ms);
        pause_ms = pause_ms < SWEEP_PAUSE_MS_MAX ? pause_ms * 2 : pause_ms;
    }
    tree_counts(tree, &counts);
    tree_free(tree);
    return counts.found;
}

/* The supervisor ended with |status|: ends what it left, says so, and returns
 * the exit code. */
static int conclude(const struct guardian_config *config, int status)
{
    int64_t strays = sweep();
    bool is_left = tree_has_children();
    if (atomic_load(&shared->has_group)) {
        group_remove(shared->group);
    }
    const char *folder = atomic_load(&shared->has_folder) ? shared->folder : "";
    if (WIFEXITED(status)) {
        if (strays > 0) {
            (void)fprintf(stderr, "%s: ended %lld processes that were left\n",
                          config->who, (long long)strays);
        }
        return WEXITSTATUS(status);
    }
    if (folder[0] != '\0' && config->tidy != NULL) {
        config->tidy(folder);
    }
    const char *name = sigabbrev_np(WTERMSIG(status));
    (void)fprintf(
        stderr,
        "%s: the supervisor was killed by signal %d (%s); %lld processes that "
        "it left were ended%s%s%s\n",
        config->who, WTERMSIG(status), name ? name : "unknown",
        (long long)strays, is_left ? ", as far as they could be" : "",
        folder[0] ? ". What was recorded can be judged: plateau check " : "",
        folder);
    return config->exit_code;
}

/* --- the guardian --------------------------------------------------------- */

/* Waits until |pidfd| has ended: false after |ms|; -1: for ever. */
static bool wait_for(int pidfd, int64_t ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int64_t until_ms = now_ms() + ms;
    int count = 0;
    do {
        count = poll(&ended, 1, ms < 0 ? -1 : (int)(until_ms - now_ms()));
    } while (count < 0 && errno == EINTR && (ms < 0 || until_ms > now_ms()));
    return count > 0;
}

/* Nobody is there any more to see how it goes on. */
static void stop_supervisor(int pidfd)
{
    send_signal(pidfd, SIGTERM);
    if (!wait_for(pidfd, SECOND_TERM_MS)) {
        send_signal(pidfd, SIGTERM);
        if (!wait_for(pidfd, STOP_MS_MAX)) {
            send_signal(pidfd, SIGKILL);
        }
    }
}

static void be_guardian(const struct guardian_config *config, pid_t supervisor,
                        int pipe_end)
{
    int status = 0;
    int pidfd = open_pidfd(supervisor);
    bool has_front = true;
    (void)prctl(PR_SET_NAME, "plateau-guard");
    (void)signal(SIGPIPE, SIG_IGN); /* of a terminal that is gone */
    for (;;) {
        struct pollfd polled[] = {
            {.fd = pidfd, .events = POLLIN},
            {.fd = has_front ? pipe_end : -1, .events = POLLIN},
        };
        unsigned char number = 0;
        if (poll(polled, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (polled[0].revents != 0) {
            break;
        }
        if (polled[1].revents == 0) {
            continue;
        }
        if (read(pipe_end, &number, 1) == 1) {
            send_signal(pidfd, number);
        } else {
            has_front = false;
            stop_supervisor(pidfd);
        }
    }
    while (waitpid(supervisor, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(conclude(config, status));
}

/* --- the front ------------------------------------------------------------ */

/* The guardian is gone: what it had has come to us. The supervisor was told to
 * stop by the kernel. */
static int replace_guardian(const struct guardian_config *config)
{
    pid_t supervisor = (pid_t)atomic_load(&shared->supervisor);
    int status = 0;
    int pidfd = supervisor > 0 ? open_pidfd(supervisor) : -1;
    if (pidfd < 0 || waitpid(supervisor, &status, WNOHANG) < 0) {
        (void)sweep();
        return config->exit_code;
    }
    if (!wait_for(pidfd, STOP_MS_MAX)) {
        stop_supervisor(pidfd);
    }
    (void)waitpid(supervisor, &status, 0);
    return conclude(config, status);
}

static void hand_on(int signals, int pipe_end)
{
    static int64_t last_ms[NSIG];
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info ||
        info.ssi_signo >= NSIG) {
        return;
    }
    unsigned char number = (unsigned char)info.ssi_signo;
    int64_t now = now_ms();
    if (last_ms[number] == 0 || now - last_ms[number] >= SAME_SIGNAL_MS) {
        (void)write(pipe_end, &number, 1);
    }
    last_ms[number] = now;
}

static void be_front(const struct guardian_config *config, pid_t guardian,
                     int pipe_end, const sigset_t *blocked)
{
    int status = 0;
    int pidfd = open_pidfd(guardian);
    int signals = signalfd(-1, blocked, SFD_CLOEXEC);
    struct pollfd polled[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };
    (void)signal(SIGPIPE, SIG_IGN); /* of a guardian that has died */
    while (polled[0].revents == 0) {
        polled[1].revents = 0;
        if (poll(polled, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (polled[1].revents != 0) {
            hand_on(signals, pipe_end);
        }
    }
    while (waitpid(guardian, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : replace_guardian(config));
}

/* --- beginning ------------------------------------------------------------ */

/* In the guardian's process: forks the supervisor, in which it returns. */
static void split(const struct guardian_config *config, int pipe_end,
                  const sigset_t *mask)
{
    pid_t self = getpid();
    (void)setsid();
    (void)tree_adopt_orphans();
    pid_t pid = fork();
    if (pid < 0) {
        (void)fprintf(stderr, "%s: cannot fork: %s\n", config->who,
                      strerror(errno));
        _exit(config->exit_code);
    }
    if (pid > 0) {
        be_guardian(config, pid, pipe_end);
    }
    (void)close(pipe_end);
    (void)signal(SIGPIPE, SIG_IGN); /* of a reader who has seen enough */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != self) {
        _exit(config->exit_code);
    }
    atomic_store(&shared->supervisor, getpid());
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
}

/* A hangup that was ignored when we were started stays so: nohup(1) means it.
 * An interrupt does not: every shell script ignores it for what it starts in
 * the background, and may send it all the same. */
static void signals_to_hand_on(sigset_t *ret_set)
{
    struct sigaction action;
    (void)sigemptyset(ret_set);
    (void)sigaddset(ret_set, SIGINT);
    (void)sigaddset(ret_set, SIGTERM);
    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        (void)sigaddset(ret_set, SIGHUP);
    }
}

int guardian_begin(const struct guardian_config *config)
{
    sigset_t blocked;
    sigset_t mask;
    int ends[2];
    void *page = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return -errno;
    }
    int result = tree_adopt_orphans();
    if (result == 0 && pipe2(ends, O_CLOEXEC) < 0) {
        result = -errno;
    }
    if (result != 0) {
        (void)munmap(page, sizeof *shared);
        return result;
    }
    shared = page;
    (void)fflush(NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    signals_to_hand_on(&blocked);
    (void)sigprocmask(SIG_BLOCK, &blocked, &mask);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[1]);
        split(config, ends[0], &mask);
        return 0;
    }
    result = pid < 0 ? -errno : 0;
    (void)close(ends[0]);
    if (pid > 0) {
        be_front(config, pid, ends[1], &blocked);
    }
    (void)close(ends[1]);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)munmap(page, sizeof *shared);
    shared = NULL;
    return result;
}

void guardian_tell_folder(const char *folder)
{
    if (shared != NULL) {
        (void)snprintf(shared->folder, sizeof shared->folder, "%s", folder);
        atomic_store(&shared->has_folder, true);
    }
}

void guardian_tell_group(const char *folder)
{
    if (shared != NULL) {
        atomic_store(&shared->has_group, false);
        (void)snprintf(shared->group, sizeof shared->group, "%s",
                       folder != NULL ? folder : "");
        atomic_store(&shared->has_group, folder != NULL);
    }
}
