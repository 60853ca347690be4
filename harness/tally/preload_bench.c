/* What the preload libraries cost a program that does nothing but allocate and
 * free: HELD objects of 16 bytes to 2 KiB, replaced at random, on glibc's
 * allocator. Pairs of runs, without a library and with one in turn; prints the
 * median of the nanoseconds of a malloc() and its free(), and of the ratios.
 *
 *     preload_bench LIBRARY LIBRARY-WITH-HEAP
 */
#include "plateau_tally.h"

#include "churn/rng.h"
#include "sample/tally_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 10000, TURNS = 3000000, PAIRS = 9, PAGE_FD = 9 };

struct way {
    const char *name;
    int library;        /* which; -1: none */
    const char *sample; /* bytes; NULL: no profile */
};

static const struct way ways[] = {
    {"the tally alone", 0, NULL},
    {"ready to profile, not asked to", 1, NULL},
    {"a sample each 512 KiB", 1, "524288"},
    {"a sample each 64 KiB", 1, "65536"},
};

/* The target: prints nanoseconds a turn. */
static int work(void)
{
    static void *held[HELD];
    struct rng rng;
    struct timespec from, to;
    rng_init(&rng, 1, 1);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < TURNS; i++) {
        uint32_t at = rng_below(&rng, HELD);
        size_t size = 16 + (rng_u32(&rng) & 0x7ff >> (rng_u32(&rng) & 7));
        free(held[at]);
        held[at] = malloc(size);
        if (held[at] == NULL) {
            return 1;
        }
        memset(held[at], 1, 16);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    (void)printf("%.3f\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 +
                            (double)(to.tv_nsec - from.tv_nsec)) /
                               TURNS);
    return 0;
}

static void set_environment(const struct way *way, char **libraries)
{
    (void)unsetenv("LD_PRELOAD");
    if (way != NULL) {
        (void)setenv("LD_PRELOAD", libraries[way->library], 1);
        (void)setenv(PLATEAU_TALLY_ENV, "fd:9", 1);
    }
    if (way != NULL && way->sample != NULL) {
        (void)setenv(PLATEAU_TALLY_HEAP_ENV, "/nowhere", 1);
        (void)setenv(PLATEAU_TALLY_HEAP_SAMPLE_ENV, way->sample, 1);
    }
}

/* Nanoseconds a turn; below 0: it failed. */
static double measure(const struct way *way, char **libraries)
{
    struct tally_page page;
    int ends[2];
    char text[64] = "";
    int status = 1;
    if (tally_page_init(&page) != 0 || tally_page_reset(&page, 1) != 0 ||
        pipe(ends) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(page.fd, PAGE_FD);
        (void)dup2(ends[1], 1);
        set_environment(way, libraries);
        (void)execl("/proc/self/exe", "preload_bench", "work", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    (void)waitpid(pid, &status, 0);
    ssize_t count = read(ends[0], text, sizeof text - 1);
    (void)close(ends[0]);
    tally_page_deinit(&page);
    return status == 0 && count > 0 ? strtod(text, NULL) : -1;
}

static int ascending(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static double median(double *values)
{
    qsort(values, PAIRS, sizeof *values, ascending);
    return values[PAIRS / 2];
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        return work();
    }
    if (argc != 3) {
        (void)fprintf(stderr,
                      "usage: preload_bench LIBRARY LIBRARY-WITH-HEAP\n");
        return 64;
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        double without[PAIRS], with[PAIRS], ratios[PAIRS];
        for (int pair = 0; pair < PAIRS; pair++) {
            without[pair] = measure(NULL, argv + 1);
            with[pair] = measure(&ways[i], argv + 1);
            ratios[pair] = with[pair] / without[pair];
            if (without[pair] < 0 || with[pair] < 0) {
                (void)fprintf(stderr, "preload_bench: a run failed\n");
                return 1;
            }
        }
        (void)printf("%-32s %6.1f ns without, %6.1f with: %.3f times\n",
                     ways[i].name, median(without), median(with),
                     median(ratios));
    }
    return 0;
}
