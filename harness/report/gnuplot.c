#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMPLAINT_SIZE = 200 };

extern char **environ;

/* Quoted as gnuplot has it: a quote is doubled, and nothing else means anything
 * inside. */
void gnuplot_tell(char *variables, size_t size, const char *name,
                  const char *text)
{
    size_t used = strlen(variables);
    size_t room = size - 8;
    used += (size_t)snprintf(variables + used, size - used, "%s='", name);
    for (; *text != '\0' && used < room; text++) {
        if (*text == '\'') {
            variables[used++] = '\'';
        }
        variables[used++] = *text == '\n' ? ' ' : *text;
    }
    if (used < size) {
        (void)snprintf(variables + used, size - used, "'; ");
    }
}

void gnuplot_tell_number(char *variables, size_t size, const char *name,
                         double value)
{
    size_t used = strlen(variables);
    (void)snprintf(variables + used, size - used, "%s=%.15g; ", name, value);
}

/* Waits for |pid|, and kills it when it takes too long. 0 and *ret_status;
 * -ETIME; -ECHILD when somebody else took the status. */
static int wait_for(pid_t pid, int *ret_status)
{
    /* A kernel without pidfd_open (before 5.3) waits without a limit. */
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int r = 0;
    if (pidfd >= 0) {
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        int n = poll(&ended, 1, GNUPLOT_SECONDS_MAX * 1000);
        if (n == 0) {
            r = -ETIME;
            (void)kill(pid, SIGKILL);
        }
        (void)close(pidfd);
    }
    pid_t got = 0;
    do {
        got = waitpid(pid, ret_status, 0);
    } while (got < 0 && errno == EINTR);
    return r == 0 && got < 0 ? -errno : r;
}

/* The first line in which gnuplot says what it did not like. */
static void read_complaint(const char *path, char complaint[COMPLAINT_SIZE])
{
    char line[COMPLAINT_SIZE];
    complaint[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        size_t blank = strspn(line, " \t\n^");
        line[strcspn(line, "\n")] = '\0';
        if (line[blank] != '\0' && strchr(line, ':') != NULL) {
            (void)snprintf(complaint, COMPLAINT_SIZE, ": %s", line + blank);
            break;
        }
    }
    (void)fclose(file);
}

static int spawn_gnuplot(const char *script, const char *variables,
                         const char *complaints, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return -r;
    }
    char *argv[] = {"gnuplot",         "-d",           "-e",
                    (char *)variables, (char *)script, NULL};
    r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0) {
        r = posix_spawn_file_actions_addopen(
            &actions, 2, complaints, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    if (r == 0) {
        r = posix_spawn_file_actions_adddup2(&actions, 2, 1);
    }
    if (r == 0) {
        r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

int gnuplot_run(const char *script, const char *variables,
                const char *complaints, struct err *err)
{
    char complaint[COMPLAINT_SIZE];
    pid_t pid = 0;
    int status = 0;
    int r = spawn_gnuplot(script, variables, complaints, &pid);
    if (r < 0) {
        err_set(err, NULL, 0, 0,
                r == -ENOENT ? "gnuplot is not installed, so nothing was "
                               "drawn; the package is called gnuplot-nox"
                             : "gnuplot cannot be started: %s",
                strerror(-r));
        return r;
    }
    r = wait_for(pid, &status);
    if (r == -ETIME) {
        err_set(err, script, 0, 0, "gnuplot took more than %d s and was killed",
                GNUPLOT_SECONDS_MAX);
        return r;
    }
    if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        read_complaint(complaints, complaint);
        err_set(err, script, 0, 0, "gnuplot failed%s", complaint);
        return -EIO;
    }
    return r;
}
