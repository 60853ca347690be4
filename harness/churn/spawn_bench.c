/* spawn_bench.c - what spawn_process() costs against the bare system calls.
 *
 *     spawn_bench PROGRAM [COUNT] [LIVE]
 *
 * Spawns, kills (SIGKILL) and reaps PROGRAM COUNT times a turn (default 50):
 * by spawn_process(), by a bare vfork + exec + waitpid loop, by posix_spawn,
 * one after another in an order that changes from turn to turn. All the time
 * LIVE others (default 0) live, and the RSS of each is read once a second,
 * which is part of what all three have to bear. Prints the median rates of
 * TURNS turns, the medians of the ratios of rates within a turn (what else the
 * machine does falls on both sides of those), the processor time of one, child
 * included, and the medians of the ratios of speed by that.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "churn/spawn.h"
#include "sample/probe.h"

extern char **environ;

enum { TURNS = 61, WAYS = 3, LIVE_MAX = 4096 };

static struct spawn_child live[LIVE_MAX];
static struct probe *probes[LIVE_MAX];
static int live_count;
static double swept_s;

static double now_s(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void start(char **argv, int null_fd, struct spawn_child *ret_child)
{
    const struct spawn_fd fds[] = {{null_fd, 0}, {null_fd, 1}, {null_fd, 2}};
    const struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = environ,
        .fds = fds,
        .fds_count = 3,
    };
    const char *step = "";
    if (spawn_process(&request, ret_child, &step) != SPAWN_OK) {
        (void)fprintf(stderr, "spawn_bench: cannot start %s: %s\n", argv[0],
                      step);
        exit(1);
    }
}

static void by_spawn(char **argv, int null_fd)
{
    struct spawn_child child;
    struct spawn_exit end;
    start(argv, null_fd, &child);
    if (spawn_signal(&child, SIGKILL) != SPAWN_OK ||
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

static void sweep_if_due(void)
{
    struct probe_sample sample;
    double now = now_s();
    if (now - swept_s < 1.) {
        return;
    }
    swept_s = now;
    for (int i = 0; i < live_count; i++) {
        (void)probe_sample(probes[i], PROBE_RSS, &sample);
    }
}

/* Of this process and of the children that it has reaped. */
static double cpu_us(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage usage;
        (void)getrusage(whose[i], &usage);
        sum += 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    }
    return sum;
}

static double rate(void (*spawn)(char **, int), char **argv, int null_fd,
                   int count, double *ret_cpu_us)
{
    double start_us = cpu_us();
    double start_s = now_s();
    for (int i = 0; i < count; i++) {
        spawn(argv, null_fd);
        sweep_if_due();
    }
    double took_s = now_s() - start_s;
    *ret_cpu_us = (cpu_us() - start_us) / count;
    return count / took_s;
}

static void let_live(char **argv, int null_fd, int count)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < count && i < LIVE_MAX; i++) {
        start(argv, null_fd, &live[i]);
        if (probe_new(live[i].pid, live[i].pidfd, &probes[i]) != PROBE_OK) {
            (void)fprintf(stderr, "spawn_bench: cannot read process %d\n", i);
            exit(1);
        }
        live_count++;
    }
}

static void end_live(void)
{
    struct spawn_exit end;
    for (int i = 0; i < live_count; i++) {
        probe_free(probes[i]);
        (void)spawn_signal(&live[i], SIGKILL);
        (void)spawn_reap(&live[i], true, &end);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[TURNS])
{
    qsort(values, TURNS, sizeof *values, compare);
    return values[TURNS / 2];
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: spawn_bench PROGRAM [COUNT] [LIVE]\n");
        return 64;
    }
    int count = argc > 2 ? atoi(argv[2]) : 50;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char *words[] = {argv[1], (char[]){"forever"}, NULL};
    static void (*const ways[WAYS])(char **, int) = {by_spawn, by_vfork,
                                                     by_posix_spawn};
    static const char *const names[WAYS] = {"spawn_process", "vfork",
                                            "posix_spawn"};
    double rates[WAYS][TURNS];
    double ratios[WAYS][TURNS];
    double costs[WAYS][TURNS];
    double speeds[WAYS][TURNS];
    let_live(words, null_fd, argc > 3 ? atoi(argv[3]) : 0);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < WAYS; i++) {
            int way = (turn + i) % WAYS;
            rates[way][turn] =
                rate(ways[way], words, null_fd, count, &costs[way][turn]);
        }
        for (int way = 0; way < WAYS; way++) {
            ratios[way][turn] = rates[0][turn] / rates[way][turn];
            speeds[way][turn] = costs[way][turn] / costs[0][turn];
        }
    }
    end_live();
    for (int way = 0; way < WAYS; way++) {
        (void)printf("%-14s %8.0f /s  %.3f  %6.0f us  %.3f\n", names[way],
                     median(rates[way]), median(ratios[way]),
                     median(costs[way]), median(speeds[way]));
    }
    return 0;
}
