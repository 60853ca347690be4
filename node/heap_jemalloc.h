/* heap_jemalloc.h - the allocator's own figures, published in the tally page.
 *
 * What jemalloc(3) calls stats.allocated, active, metadata, resident, mapped
 * and retained, as gauges "heap/allocated" ... in bytes. `allocated` counts
 * what the program asked for and has not freed: it has neither the page ties
 * nor the ratchets of resident memory. One reading costs about 6 us.
 *
 * heap_jemalloc.c is the one file that knows jemalloc; it does not allocate.
 * heap_none.c takes its place in builds with a sanitizer.
 */
#ifndef MESHNODE_HEAP_JEMALLOC_H
#define MESHNODE_HEAP_JEMALLOC_H

#include "plateau_tally.h"

enum { HEAP_FIGURES_COUNT = 6, HEAP_MIB_DEPTH = 2 };

/* Zeroes before heap_open(). */
struct heap {
    struct plateau_tally_entry *entries[HEAP_FIGURES_COUNT];
    size_t mibs[HEAP_FIGURES_COUNT][HEAP_MIB_DEPTH];
    size_t epoch_mib[1];
    int is_open;
};

/* Declares the gauges. Where the allocator keeps no statistics it declares
 * nothing, and heap_publish() does nothing. */
void heap_open(struct heap *heap, struct plateau_tally *tally);

/* Gives every unused page back to the kernel, now. It costs what the unused
 * pages cost to return, and again when they are wanted: only when asked. */
void heap_purge(const struct heap *heap);

/* Writes a heap profile, if the harness wants one with the request that waits
 * and the allocator was told to profile (MALLOC_CONF=prof:true): a heap dump,
 * with the build ids of what is mapped behind it. */
void heap_profile(const struct heap *heap, const struct plateau_tally *tally);

/* Reads all figures at one epoch and publishes them. */
void heap_publish(const struct heap *heap);

#endif
