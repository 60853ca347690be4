/* sampling_bench.c - what it costs to read many processes.
 *
 *     sampling_bench PROGRAM [COUNT]
 *
 * Starts COUNT (default 1000) times PROGRAM forever, and sweeps over them by
 * turns: bare (a pread of each one's statm, kept open: the floor), by probes
 * with a look for descendants before, which is what a sample does, and, where
 * python3 has it, by psutil. Prints the processor time of a sweep (median of
 * TURNS), and its ratio to the floor.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "churn/spawn.h"
#include "host.h"
#include "sample/probe.h"
#include "sample/tree.h"

extern char **environ;

enum { TURNS = 51, COUNT_MAX = 4096, CODE_SIZE = 64 << 10 };

static struct spawn_child children[COUNT_MAX];
static struct probe *probes[COUNT_MAX];
static int statm[COUNT_MAX];
static int count;

static void start_all(char *program)
{
    char *argv[] = {program, (char[]){"forever"}, NULL};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct spawn_fd fds[] = {{null_fd, 0}, {null_fd, 1}, {2, 2}};
    const struct spawn_request request = {.program = program,
                                          .argv = argv,
                                          .envp = environ,
                                          .fds = fds,
                                          .fds_count = 3};
    for (int i = 0; i < count; i++) {
        char path[64];
        if (spawn_process(&request, &children[i], NULL) != SPAWN_OK ||
            probe_new(children[i].pid, children[i].pidfd, &probes[i]) !=
                PROBE_OK) {
            (void)fprintf(stderr, "sampling_bench: cannot start %s\n", program);
            exit(1);
        }
        (void)snprintf(path, sizeof path, "/proc/%lld/statm",
                       (long long)children[i].pid);
        statm[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
}

static void end_all(void)
{
    struct spawn_exit end;
    for (int i = 0; i < count; i++) {
        (void)spawn_signal(&children[i], SIGKILL);
        (void)spawn_reap(&children[i], true, &end);
    }
}

static double sweep_bare(void)
{
    char text[256];
    int64_t start_ns = host_own_cpu_ns();
    for (int i = 0; i < count; i++) {
        if (pread(statm[i], text, sizeof text, 0) <= 0) {
            exit(1);
        }
    }
    return (double)(host_own_cpu_ns() - start_ns) / 1e6;
}

static double sweep(struct tree *tree)
{
    struct probe_sample sample;
    int64_t start_ns = host_own_cpu_ns();
    (void)tree_look(tree, host_now_ns());
    for (int i = 0; i < count; i++) {
        if (probe_sample(probes[i], PROBE_RSS, &sample) != PROBE_OK) {
            exit(1);
        }
    }
    return (double)(host_own_cpu_ns() - start_ns) / 1e6;
}

/* The same by psutil: milliseconds of processor time a sweep, or < 0. */
static double sweep_psutil(void)
{
    static char code[CODE_SIZE];
    double ms = -1;
    int size =
        snprintf(code, sizeof code,
                 "for p in python3 /usr/bin/python3; do\n"
                 "  \"$p\" -c \"import psutil\" && break; done 2>/dev/null\n"
                 "\"$p\" -c 'import sys,time,psutil\n"
                 "p=[psutil.Process(int(x)) for x in sys.argv[1:]]\n"
                 "def s():\n"
                 " t=time.process_time()\n"
                 " for x in p: x.memory_info().rss\n"
                 " return time.process_time()-t\n"
                 "print(1e3*sorted(s() for _ in range(15))[7])'");
    for (int i = 0; i < count && size + 16 < CODE_SIZE; i++) {
        size += snprintf(code + size, (size_t)(CODE_SIZE - size), " %lld",
                         (long long)children[i].pid);
    }
    if (size + 16 < CODE_SIZE) {
        (void)snprintf(code + size, (size_t)(CODE_SIZE - size), " 2>/dev/null");
    }
    FILE *pipe = popen(code, "r");
    if (pipe != NULL && fscanf(pipe, "%lf", &ms) != 1) {
        ms = -1;
    }
    if (pipe != NULL) {
        (void)pclose(pipe);
    }
    return ms;
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
    double bare[TURNS], ours[TURNS], ratios[TURNS];
    uint64_t before = 0;
    uint64_t most = 0;
    struct tree *tree = NULL;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: sampling_bench PROGRAM [COUNT]\n");
        return 64;
    }
    count = argc > 2 ? atoi(argv[2]) : 1000;
    count = count < 1 || count > COUNT_MAX ? COUNT_MAX : count;
    const struct tree_config config = {.roots_count = (uint32_t)count,
                                       .is_own = spawn_owns};
    if (host_raise_open_files((uint64_t)count * 5 + 64, &before, &most) != 0 ||
        tree_new(&config, &tree) != 0) {
        (void)fprintf(stderr, "sampling_bench: too few open files\n");
        return 1;
    }
    start_all(argv[1]);
    for (int i = 0; i < count; i++) {
        tree_begin(tree, (uint32_t)i, children[i].pid);
    }
    (void)tree_look(tree, host_now_ns());
    (void)tree_look(tree, host_now_ns());
    for (int turn = 0; turn < TURNS; turn++) {
        bare[turn] = sweep_bare();
        ours[turn] = sweep(tree);
        ratios[turn] = ours[turn] / bare[turn];
    }
    double psutil = sweep_psutil();
    end_all();
    double sweep_ms = median(ours);
    (void)printf("bare    %8.3f ms\n", median(bare));
    (void)printf("sample  %8.3f ms  %.3f  %.3f %% of a core at one a second\n",
                 sweep_ms, median(ratios), sweep_ms / 10.);
    if (psutil > 0) {
        (void)printf("psutil  %8.3f ms  %.1f times ours\n", psutil,
                     psutil / sweep_ms);
    } else {
        (void)printf("psutil  is not installed\n");
    }
    tree_free(tree);
    return 0;
}
