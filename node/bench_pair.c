#include "bench_pair.h"

#include "clock.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANDSHAKES_DEFAULT = 3000 };

_Noreturn void bench_pair_fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* To the |index|-th core that this process may use, if there are so many. */
static void pin(int index)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0) {
        return;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all) && index-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

static _Noreturn void run_child(const struct bench_pair *pair, int pipe_end)
{
    struct peer_contact contact = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(1);
    void *side = pair->open(&contact);
    if (write(pipe_end, &contact, sizeof contact) != sizeof contact) {
        bench_pair_fail("pipe");
    }
    pair->accept(side);
    exit(EXIT_FAILURE);
}

static double cpu_us(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

int bench_pair_run(const struct bench_pair *pair, int argc, char **argv)
{
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : HANDSHAKES_DEFAULT;
    int ends[2];
    struct peer_contact ours, theirs;
    struct rusage dialler, acceptor;
    if (wanted < 1 || pipe(ends) != 0) {
        bench_pair_fail("bench");
    }
    pid_t child = fork();
    if (child < 0) {
        bench_pair_fail("fork");
    }
    if (child == 0) {
        run_child(pair, ends[1]);
    }
    (void)close(ends[1]);
    pin(0);
    if (read(ends[0], &theirs, sizeof theirs) != sizeof theirs) {
        bench_pair_fail("the accepting side");
    }
    void *side = pair->open(&ours);
    long warming = wanted / 10 + 1;
    pair->dial(side, &theirs, warming);
    int64_t began_ns = clock_now_ns();
    pair->dial(side, &theirs, wanted);
    int64_t spent_ns = clock_now_ns() - began_ns;
    (void)kill(child, SIGKILL);
    (void)wait4(child, NULL, 0, &acceptor);
    (void)getrusage(RUSAGE_SELF, &dialler);
    double count = (double)(warming + wanted);
    (void)printf("%.0f handshakes/s\n"
                 "%.0f us CPU each: %.0f dialling, %.0f accepting\n",
                 (double)wanted * 1e9 / (double)spent_ns,
                 (cpu_us(&dialler) + cpu_us(&acceptor)) / count,
                 cpu_us(&dialler) / count, cpu_us(&acceptor) / count);
    return EXIT_SUCCESS;
}
