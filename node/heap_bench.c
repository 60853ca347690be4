/* heap_bench.c - what a trough's reading of the allocator costs the node.
 *
 *   heap_bench [ROUNDS]
 *
 * Fills a heap with blocks of many sizes, as a node of some hundred connections
 * has them, then reads it as the node does when it is asked: all figures, and
 * all figures with all size classes. Prints the medians, the 99th percentiles,
 * and how many classes there are.
 */
#include "heap_jemalloc.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BLOCKS = 40000,
    ROUNDS_DEFAULT = 20000,
    ROUNDS_MAX = 1000000,
    ENTRIES = 255,
    CLASSES = 256,
    OFFSET = 64 + 64 * ENTRIES,
};

static union {
    struct plateau_tally header;
    unsigned char bytes[OFFSET + 16 * CLASSES];
} page = {.header = {.page_bytes = sizeof page,
                     .capacity = ENTRIES,
                     .classes_offset = OFFSET,
                     .classes_capacity = CLASSES}};

static void *blocks[BLOCKS];

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Between two readings a node works: blocks come and go. */
static void work(int round)
{
    for (int i = 0; i < 16; i++) {
        int at = (round * 16 + i) % BLOCKS;
        free(blocks[at]);
        blocks[at] = malloc((size_t)8 << (at % 14));
    }
}

static void measure(const struct heap *heap, int rounds, bool has_classes,
                    double *times_us, double *ret_median, double *ret_99)
{
    for (int i = 0; i < rounds; i++) {
        work(i);
        double begin = now_us();
        heap_publish(heap);
        if (has_classes) {
            heap_publish_classes(heap);
        }
        times_us[i] = now_us() - begin;
    }
    qsort(times_us, (size_t)rounds, sizeof *times_us, by_size);
    *ret_median = times_us[rounds / 2];
    *ret_99 = times_us[rounds / 100 * 99];
}

int main(int argc, char **argv)
{
    static struct heap heap;
    int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS_DEFAULT;
    if (rounds < 100 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "heap_bench: 100 to %d rounds\n", ROUNDS_MAX);
        return 64;
    }
    double *times_us = calloc((size_t)rounds, sizeof *times_us);
    heap_open(&heap, &page.header);
    if (times_us == NULL || !heap.is_open) {
        (void)fprintf(stderr, "heap_bench: no figures of this allocator\n");
        return 70;
    }
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc((size_t)8 << (i % 14));
    }
    double median[2], most[2];
    measure(&heap, rounds, false, times_us, &median[0], &most[0]);
    measure(&heap, rounds, true, times_us, &median[1], &most[1]);
    (void)printf("%.1f us figures, %.1f us at 99 %%; %.1f us with %u size "
                 "classes, %.1f us at 99 %%\n",
                 median[0], most[0], median[1],
                 heap.classes.kinds[0] + heap.classes.kinds[1], most[1]);
    free(times_us);
    return 0;
}
