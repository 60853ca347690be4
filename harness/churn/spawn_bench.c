/* spawn_bench.c - what spawn_process() costs against the bare system calls.
 *
 *     spawn_bench PROGRAM [COUNT]
 *
 * Spawns, kills (SIGKILL) and reaps PROGRAM COUNT times, in turns: by
 * spawn_process(), by a bare vfork + exec + waitpid loop, by posix_spawn. The
 * best of five turns of each counts. Prints rates and the ratios.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "churn/spawn.h"

extern char **environ;

enum { TURNS = 5 };

static double now_s(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void by_spawn(char **argv, int null_fd)
{
    const struct spawn_fd fds[] = {{null_fd, 0}, {null_fd, 1}, {null_fd, 2}};
    struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = environ,
        .fds = fds,
        .fds_count = 3,
    };
    struct spawn_child child;
    struct spawn_exit end;
    if (spawn_process(&request, &child, NULL) != SPAWN_OK ||
        spawn_signal(&child, SIGKILL) != SPAWN_OK ||
        spawn_reap(&child, true, &end) != SPAWN_OK) {
        exit(1);
    }
}

static void by_vfork(char **argv, int null_fd)
{
    (void)null_fd;
    pid_t pid = vfork();
    if (pid == 0) {
        (void)execve(argv[0], argv, environ);
        _exit(127);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void by_posix_spawn(char **argv, int null_fd)
{
    (void)null_fd;
    pid_t pid;
    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
        exit(1);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static double rate(void (*spawn)(char **, int), char **argv, int null_fd,
                   int count)
{
    double start_s = now_s();
    for (int i = 0; i < count; i++) {
        spawn(argv, null_fd);
    }
    return count / (now_s() - start_s);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: spawn_bench PROGRAM [COUNT]\n");
        return 64;
    }
    int count = argc > 2 ? atoi(argv[2]) : 2000;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char *words[] = {argv[1], (char[]){"forever"}, NULL};
    static void (*const ways[])(char **, int) = {by_spawn, by_vfork,
                                                 by_posix_spawn};
    static const char *const names[] = {"spawn_process", "vfork",
                                        "posix_spawn"};
    double best[3] = {0};
    for (int turn = 0; turn < TURNS; turn++) {
        for (int way = 0; way < 3; way++) {
            double got = rate(ways[way], words, null_fd, count);
            best[way] = got > best[way] ? got : best[way];
        }
    }
    for (int way = 0; way < 3; way++) {
        (void)printf("%-14s %8.0f /s  %.3f\n", names[way], best[way],
                     best[0] / best[way]);
    }
    return 0;
}
