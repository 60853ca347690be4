/* Happy path: fork; the copy works, writes its result into a pipe and exits;
 * this side reads until the end and reaps it.
 *
 * Failure modes: a signal here interrupts the read, the copy is killed; the
 * copy dies, the result is short; this process dies, the kernel kills the
 * copy. */
#include "branch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -EIO;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

/* The number of bytes that came before the end, or before a cancellation. */
static size_t read_all(int fd, char *bytes, size_t size,
                       const volatile sig_atomic_t *is_cancelled)
{
    size_t count = 0;

    while (count < size && !*is_cancelled) {
        ssize_t got = read(fd, bytes + count, size - count);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        count += (size_t)got;
    }
    return count;
}

static void work_and_exit(branch_work *work, void *argument, void *result,
                          size_t size, pid_t parent, int fd)
{
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    work(argument, result);
    _exit(write_all(fd, result, size) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int branch_run(branch_work *work, void *argument, void *ret_result, size_t size,
               const volatile sig_atomic_t *is_cancelled)
{
    pid_t parent = getpid(), child;
    int ends[2], status = 0;
    size_t count;

    if (pipe(ends) != 0)
        return -errno;
    child = fork();
    if (child < 0) {
        int r = -errno;

        (void)close(ends[0]);
        (void)close(ends[1]);
        return r;
    }
    if (child == 0) {
        (void)close(ends[0]);
        work_and_exit(work, argument, ret_result, size, parent, ends[1]);
    }
    (void)close(ends[1]);
    count = read_all(ends[0], ret_result, size, is_cancelled);
    (void)close(ends[0]);
    if (count < size)
        (void)kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (*is_cancelled)
        return -EINTR;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS &&
                   count == size
               ? 0
               : -EIO;
}
