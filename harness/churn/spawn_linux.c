/* Happy path: spawn_process() blocks all signals, clone()s a child that shares
 * our memory and suspends us (CLONE_VM | CLONE_VFORK), and gets its pidfd in
 * the same call (CLONE_PIDFD), so there is no moment at which the child could
 * be mistaken. The child arranges descriptors, group, dispositions and mask,
 * and execs; only then do we go on. No page table is copied: the price does
 * not grow with our memory.
 *
 * Failure modes: whatever fails in the child is written to the request that
 * both share, the child exits, and it is reaped before spawn_process() returns.
 * If we are killed while suspended, the child notices (PR_SET_PDEATHSIG, or,
 * when we were quicker, a parent that is no longer us) and ends.
 *
 * This is clone(2) through the C library, not clone3(2): clone() has had
 * CLONE_PIDFD since Linux 5.2, needs no assembly for the child's stack, and is
 * not refused by the container sandboxes that answer clone3 with ENOSYS.
 */
#include "churn/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { CHILD_STACK_BYTES = 64 << 10 };

/* What runs in the child before exec. It never returns from its frames, and
 * they are in our memory: a sanitizer that marks them would find the marks
 * of the last child under the next one. */
#define IN_CHILD __attribute__((no_sanitize("address")))

/* Shared by parent and child while the parent is suspended. */
struct birth {
    const struct spawn_request *request;
    pid_t parent;
    struct rlimit open_files;
    struct rlimit memory;
    struct rlimit core;
    sigset_t not_default; /* signals that we handle or ignore */
    bool shares_files;    /* the child begins with our table of descriptors */
    int error;            /* 0, or the errno of |step| */
    const char *step;     /* which call failed */
};

/* The numbers of the children that were not reaped: a hash table with linear
 * probing, half full at the most. It is touched by this process only. */
enum { OWNED_SIZE = 2 * SPAWN_CHILDREN_MAX };
static int32_t owned[OWNED_SIZE];
static int32_t owned_count;

static size_t owned_place(int64_t pid)
{
    size_t at = (size_t)pid % OWNED_SIZE;
    while (owned[at] != 0 && owned[at] != pid) {
        at = (at + 1) % OWNED_SIZE;
    }
    return at;
}

static void own(int64_t pid)
{
    owned[owned_place(pid)] = (int32_t)pid;
    owned_count++;
}

/* Those behind it are put where they are looked for now. */
static void disown(int64_t pid)
{
    size_t at = owned_place(pid);
    if (owned[at] == 0) {
        return;
    }
    owned[at] = 0;
    owned_count--;
    for (at = (at + 1) % OWNED_SIZE; owned[at] != 0;
         at = (at + 1) % OWNED_SIZE) {
        int32_t moved = owned[at];
        owned[at] = 0;
        owned[owned_place(moved)] = moved;
    }
}

bool spawn_owns(int64_t pid)
{
    return pid > 0 && owned[owned_place(pid)] == pid;
}

IN_CHILD static int fail(struct birth *birth, const char *step)
{
    birth->error = errno;
    birth->step = step;
    return -1;
}

IN_CHILD static int reset_signals(struct birth *birth)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&birth->not_default, number) == 1) {
            (void)sigaction(number, &action, NULL);
        }
    }
    sigset_t none;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) {
        return fail(birth, "sigprocmask");
    }
    return 0;
}

IN_CHILD static int highest_target(const struct spawn_request *request)
{
    int highest = 2;
    for (size_t i = 0; i < request->fds_count; i++) {
        if (request->fds[i].to > highest) {
            highest = request->fds[i].to;
        }
    }
    return highest;
}

IN_CHILD static bool is_wanted(const struct spawn_request *request, int fd)
{
    for (size_t i = 0; i < request->fds_count; i++) {
        if (request->fds[i].to == fd) {
            return true;
        }
    }
    return false;
}

/* From here on the table of descriptors is the child's own: a copy of ours as
 * far as the last that it needs. A copy of all would cost more than all else
 * together when a thousand children have four descriptors each; close_range()
 * copies what it does not close, and no more (fs/file.c). */
IN_CHILD static int own_table(struct birth *birth, int highest)
{
    const struct spawn_request *request = birth->request;
    for (size_t i = 0; i < request->fds_count; i++) {
        highest =
            request->fds[i].from > highest ? request->fds[i].from : highest;
    }
    if (birth->shares_files && syscall(SYS_close_range, (unsigned)highest + 1,
                                       UINT_MAX, CLOSE_RANGE_UNSHARE) < 0) {
        return fail(birth, "close_range");
    }
    return 0;
}

/* Sources may sit where targets go: those are moved out of the way first. */
IN_CHILD static int arrange_fds(struct birth *birth)
{
    const struct spawn_request *request = birth->request;
    int highest = highest_target(request);
    int from[SPAWN_FDS_MAX];
    if (own_table(birth, highest) < 0) {
        return -1;
    }
    for (size_t i = 0; i < request->fds_count; i++) {
        from[i] = request->fds[i].from;
        if (from[i] <= highest) {
            from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, highest + 1);
        }
        if (from[i] < 0) {
            return fail(birth, "fcntl(F_DUPFD_CLOEXEC)");
        }
    }
    for (size_t i = 0; i < request->fds_count; i++) {
        if (dup2(from[i], request->fds[i].to) < 0) {
            return fail(birth, "dup2");
        }
    }
    for (int fd = 0; fd <= highest; fd++) {
        if (!is_wanted(request, fd)) {
            (void)close(fd);
        }
    }
    /* Without close_range (before Linux 5.11) all of ours are close-on-exec
     * by themselves; what our own parent left open is then inherited. */
    (void)syscall(SYS_close_range, (unsigned)highest + 1, UINT_MAX,
                  CLOSE_RANGE_CLOEXEC);
    return 0;
}

IN_CHILD static int set_limits(struct birth *birth)
{
    const struct spawn_request *request = birth->request;
    if (request->open_files_limit != 0 &&
        setrlimit(RLIMIT_NOFILE, &birth->open_files) < 0) {
        return fail(birth, "setrlimit(RLIMIT_NOFILE)");
    }
    /* Not RLIMIT_AS: a runtime may reserve far more addresses than it uses. */
    if (request->memory_limit_bytes != 0 &&
        setrlimit(RLIMIT_DATA, &birth->memory) < 0) {
        return fail(birth, "setrlimit(RLIMIT_DATA)");
    }
    if (request->has_no_core && setrlimit(RLIMIT_CORE, &birth->core) < 0) {
        return fail(birth, "setrlimit(RLIMIT_CORE)");
    }
    return 0;
}

IN_CHILD static int prepare(struct birth *birth)
{
    const struct spawn_request *request = birth->request;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return fail(birth, "prctl(PR_SET_PDEATHSIG)");
    }
    if (getppid() != birth->parent) {
        _exit(127); /* the supervisor is gone: nobody is there to be told */
    }
    if (setpgid(0, 0) < 0) {
        return fail(birth, "setpgid");
    }
    /* Before anything that it might start: a nought is whoever writes it. */
    if (request->group > 0 && write(request->group, "0", 1) < 0) {
        return fail(birth, "cgroup.procs");
    }
    if (request->network > 0 && setns(request->network, CLONE_NEWNET) < 0) {
        return fail(birth, "setns");
    }
    if (request->working_folder != NULL && chdir(request->working_folder) < 0) {
        return fail(birth, "chdir");
    }
    if (set_limits(birth) < 0) {
        return -1;
    }
    if (arrange_fds(birth) < 0) {
        return -1;
    }
    return reset_signals(birth);
}

IN_CHILD static int child_main(void *argument)
{
    struct birth *birth = argument;
    if (prepare(birth) == 0) {
        (void)execve(birth->request->program, birth->request->argv,
                     birth->request->envp);
        (void)fail(birth, "exec");
    }
    _exit(127);
}

/* A kernel that does not know CLONE_PIDFD leaves *pidfd alone; the child is not
 * reaped, so its number is still its own when the pidfd is opened by it. */
static pid_t clone_child(struct birth *birth, int *ret_pidfd)
{
    static alignas(64) unsigned char stack[CHILD_STACK_BYTES];
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    if (birth->shares_files) {
        flags |= CLONE_FILES;
    }
    *ret_pidfd = -1;
    pid_t pid = clone(child_main, stack + sizeof stack, flags | CLONE_PIDFD,
                      birth, ret_pidfd);
    if (pid < 0 && errno == EINVAL) {
        pid = clone(child_main, stack + sizeof stack, flags, birth);
    }
    if (pid < 0) {
        birth->error = errno;
        birth->step = "clone";
        return -1;
    }
    if (*ret_pidfd < 0) {
        *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (*ret_pidfd < 0) {
            birth->error = errno;
            birth->step = "pidfd_open";
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
            return -1;
        }
    }
    return pid;
}

/* To ask for all dispositions takes as long as an eighth of a birth: it is
 * done once. */
static sigset_t signals_not_default(void)
{
    static sigset_t found;
    static bool has_looked;
    if (!has_looked) {
        (void)sigemptyset(&found);
        for (int number = 1; number < NSIG; number++) {
            struct sigaction action;
            if (sigaction(number, NULL, &action) == 0 &&
                action.sa_handler != SIG_DFL) {
                (void)sigaddset(&found, number);
            }
        }
        has_looked = true;
    }
    return found;
}

/* Beyond the hard limit only who may raise that one gets it. */
static void raise_limit(struct rlimit *limit, rlim_t wanted)
{
    limit->rlim_cur = wanted;
    limit->rlim_max = limit->rlim_max < wanted ? wanted : limit->rlim_max;
}

/* What the child is to set: soft limits, under the hard ones that there are, as
 * far as they go. */
static int read_limits(struct birth *birth)
{
    const struct spawn_request *request = birth->request;
    if (request->open_files_limit != 0) {
        if (getrlimit(RLIMIT_NOFILE, &birth->open_files) < 0) {
            return fail(birth, "getrlimit(RLIMIT_NOFILE)");
        }
        raise_limit(&birth->open_files, request->open_files_limit);
    }
    if (request->memory_limit_bytes != 0) {
        if (getrlimit(RLIMIT_DATA, &birth->memory) < 0) {
            return fail(birth, "getrlimit(RLIMIT_DATA)");
        }
        raise_limit(&birth->memory, request->memory_limit_bytes);
    }
    if (request->has_no_core) {
        if (getrlimit(RLIMIT_CORE, &birth->core) < 0) {
            return fail(birth, "getrlimit(RLIMIT_CORE)");
        }
        birth->core.rlim_cur = 0;
    }
    return 0;
}

/* Since Linux 5.9, where no sandbox forbids it. Closes nothing: there is no
 * such descriptor. */
static bool has_close_range(void)
{
    static int known; /* 1: yes, -1: no */
    if (known == 0) {
        known = syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0) == 0 ? 1 : -1;
    }
    return known > 0;
}

int spawn_process(const struct spawn_request *request,
                  struct spawn_child *ret_child, const char **ret_step)
{
    assert(request->fds_count <= SPAWN_FDS_MAX);
    if (owned_count == SPAWN_CHILDREN_MAX) {
        if (ret_step != NULL) {
            *ret_step = "too many children";
        }
        return -EAGAIN;
    }
    struct birth birth = {
        .request = request,
        .parent = getpid(),
        .not_default = signals_not_default(),
        .shares_files = has_close_range(),
    };
    if (read_limits(&birth) < 0) {
        if (ret_step != NULL) {
            *ret_step = birth.step;
        }
        return -birth.error;
    }
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    struct spawn_child child = {.pidfd = -1};
    child.pid = clone_child(&birth, &child.pidfd);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (child.pid > 0) {
        own(child.pid);
    }
    if (birth.error != 0) {
        if (child.pid > 0) {
            struct spawn_exit end;
            (void)spawn_reap(&child, true, &end);
        }
        if (ret_step != NULL) {
            *ret_step = birth.step;
        }
        return -birth.error;
    }
    *ret_child = child;
    return SPAWN_OK;
}

int spawn_signal(const struct spawn_child *child, int signal)
{
    if (child->pidfd < 0) {
        return SPAWN_GONE;
    }
    if (syscall(SYS_pidfd_send_signal, child->pidfd, signal, NULL, 0) < 0) {
        return errno == ESRCH ? SPAWN_GONE : -errno;
    }
    return SPAWN_OK;
}

bool spawn_has_ended(const struct spawn_child *child)
{
    struct pollfd poll_fd = {.fd = child->pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

void spawn_signal_group(const struct spawn_child *child, int signal)
{
    if (child->pidfd >= 0 && child->pid > 1) {
        (void)kill((pid_t)-child->pid, signal);
    }
}

static int64_t timeval_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

/* The system call itself, because waitid() of the C library drops the usage
 * that the kernel's gives. */
int spawn_reap(struct spawn_child *child, bool wait,
               struct spawn_exit *ret_exit)
{
    siginfo_t info;
    struct rusage usage = {0};
    (void)memset(&info, 0, sizeof info);
    int options = WEXITED | (wait ? 0 : WNOHANG);
    long result;
    do {
        result =
            syscall(SYS_waitid, P_PIDFD, child->pidfd, &info, options, &usage);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        return -errno;
    }
    if (info.si_pid == 0) {
        return SPAWN_ALIVE;
    }
    bool has_exited = info.si_code == CLD_EXITED;
    *ret_exit = (struct spawn_exit){
        .exit_code = has_exited ? info.si_status : -1,
        .signal = has_exited ? 0 : info.si_status,
        .cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime),
        .max_rss_bytes = (int64_t)usage.ru_maxrss * 1024,
    };
    (void)close(child->pidfd);
    disown(child->pid);
    *child = (struct spawn_child){.pidfd = -1};
    return SPAWN_OK;
}
