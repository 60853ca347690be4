/* heap_jemalloc.h - the allocator's own figures, published in the tally page.
 *
 * What jemalloc(3) calls stats.allocated, active, metadata, resident, mapped
 * and retained, and the dirty and muzzy pages of all arenas, as gauges
 * "heap/allocated" ... in bytes; and what is live of every size class.
 * `allocated` counts what the program asked for and has not freed: it has
 * neither the page ties nor the ratchets of resident memory. One reading costs
 * about 6 us, one with all size classes about 20 us (heap_bench.c).
 *
 * heap_jemalloc.c is the one file that knows jemalloc; it does not allocate.
 * heap_none.c takes its place in builds with a sanitizer.
 */
#ifndef MESHNODE_HEAP_JEMALLOC_H
#define MESHNODE_HEAP_JEMALLOC_H

#include "plateau_tally.h"
#include "size_classes.h"

enum { HEAP_FIGURES_COUNT = 8, HEAP_MIB_DEPTH = 4 };

/* Zeroes before heap_open(). */
struct heap {
    struct plateau_tally_entry *entries[HEAP_FIGURES_COUNT];
    size_t mibs[HEAP_FIGURES_COUNT][HEAP_MIB_DEPTH];
    size_t depths[HEAP_FIGURES_COUNT];
    size_t epoch_mib[1];
    size_t page_bytes;
    struct size_classes classes;
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

/* Publishes what is live of every size class, as of that epoch. For a trough:
 * when the harness has asked. */
void heap_publish_classes(const struct heap *heap);

#endif
