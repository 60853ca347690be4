/* sampled_heap.h - which call sites hold a program's memory, from samples.
 *
 * For a program whose allocator keeps no profile. Of all bytes allocated each
 * is picked with the chance 1/sample_bytes, independently (a Poisson process,
 * as jemalloc and tcmalloc do it): an object of s bytes is a sample with the
 * chance 1 - exp(-s/sample_bytes), which is what harness/heap/profile.c divides
 * by. A sample is remembered, with the stack that allocated it, until it is
 * freed. The rest costs a subtraction to allocate and a load to free.
 *
 * Who counts says how many bytes an object has, and says the same each time:
 * what the allocator takes for it rather than what was asked for, so that the
 * profile sums up to what the allocator counts.
 *
 * Bounds. SAMPLED_HEAP_LIVE_MAX samples live at once; when one more comes,
 * sample_bytes doubles and each sample is kept with the chance that it would
 * have had, as often as is needed. SAMPLED_HEAP_STACKS_MAX stacks of
 * SAMPLED_HEAP_FRAMES_MAX frames in all; what is allocated by others is kept
 * under one stack without frames. Memory is taken once, 13 MiB of address
 * space, and becomes resident as it is used: some 100 bytes a sample, 100 a
 * stack. It allocates nothing else, and takes no lock but its own, under which
 * it calls nobody: an allocator may call it.
 *
 * Threads: any, each with a struct sampled_heap_thread of its own, zeroed at
 * first. Fork: the child finds the memory zeroed, and with it an empty heap
 * that takes no samples (MADV_WIPEONFORK, Linux 4.14) until it is told to begin
 * anew.
 */
#ifndef PLATEAU_SAMPLED_HEAP_H
#define PLATEAU_SAMPLED_HEAP_H

#include "churn/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SAMPLED_HEAP_LIVE_MAX = 1 << 17,
    SAMPLED_HEAP_STACKS_MAX = 1 << 15,
    SAMPLED_HEAP_FRAMES_MAX = 1 << 20,
    SAMPLED_HEAP_DEPTH_MAX = 128, /* frames of a stack; the outermost are cut */
    SAMPLED_HEAP_BUCKETS = 1 << 15,
};

struct sampled_heap {
    /* By address: the first sample of each bucket, plus 1. Read without the
     * lock: who frees a sample has been given it after it was put here. */
    uint32_t buckets[SAMPLED_HEAP_BUCKETS];
    /* The rest is sampled_heap.c's. */
    struct sampled_heap_body *body;
};

struct sampled_heap_thread {
    int64_t left_bytes;    /* up to the next byte that is picked */
    uint64_t sample_bytes; /* with which that was drawn; 0: it was not yet */
    struct rng rng;
};

/* A sample that was taken out. */
struct sampled_heap_sample {
    uint64_t bytes;
    uint32_t stack;
};

/* NULL where there is no memory, or a forked child could not be kept out of it
 * (an older kernel). |sample_bytes| is at least 1. */
struct sampled_heap *sampled_heap_open(uint64_t sample_bytes, uint64_t seed);
void sampled_heap_close(struct sampled_heap *heap);

/* In a forked child, before it has other threads: samples are taken again, of
 * what it allocates from now on. */
void sampled_heap_begin_anew(struct sampled_heap *heap, uint64_t sample_bytes,
                             uint64_t seed);

static inline uint32_t sampled_heap_bucket(const void *object)
{
    uint64_t key = (uint64_t)(uintptr_t)object >> 4;
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 49);
}

/* Counts an object of |bytes|, at most PTRDIFF_MAX. True: sampled_heap_pick()
 * is to be asked whether it is a sample. */
static inline bool sampled_heap_count(struct sampled_heap_thread *thread,
                                      size_t bytes)
{
    thread->left_bytes -= (int64_t)bytes;
    return thread->left_bytes < 0;
}

/* Whether the object that was just counted is a sample. */
bool sampled_heap_pick(struct sampled_heap *heap,
                       struct sampled_heap_thread *thread, size_t bytes);

/* Remembers a sample, with |count| return addresses, innermost first. One that
 * lay at the same address before is forgotten. */
void sampled_heap_take(struct sampled_heap *heap, const void *object,
                       size_t bytes, const uintptr_t *frames, size_t count);

/* False: |object| is no sample, and there is nothing to drop. */
static inline bool sampled_heap_may_hold(const struct sampled_heap *heap,
                                         const void *object)
{
    return __atomic_load_n(&heap->buckets[sampled_heap_bucket(object)],
                           __ATOMIC_RELAXED) != 0;
}

/* Forgets |object|, which is about to be freed. True if it was a sample;
 * *ret_sample, unless NULL, is what sampled_heap_put_back() wants. */
bool sampled_heap_drop(struct sampled_heap *heap, const void *object,
                       struct sampled_heap_sample *ret_sample);

/* It was not freed after all. */
void sampled_heap_put_back(struct sampled_heap *heap, const void *object,
                           const struct sampled_heap_sample *sample);

/* Writes what is held now to |fd|, as a heap dump of jemalloc's (format
 * "heap_v2", see harness/heap/jemalloc_dump.h) with the maps of this process
 * and, behind them, the line "sampler: plateau". Other threads wait for the
 * copy of the sums only. 0 or -errno. From one thread at a time. */
int sampled_heap_write(struct sampled_heap *heap, int fd);

#endif
