/* For builds with a sanitizer, which brings an allocator of its own: there are
 * no figures, and none are declared. */
#include "heap_jemalloc.h"

void heap_open(struct heap *heap, struct plateau_tally *tally)
{
    (void)heap;
    (void)tally;
}

void heap_purge(const struct heap *heap)
{
    (void)heap;
}

void heap_profile(const struct heap *heap, const struct plateau_tally *tally)
{
    (void)heap;
    (void)tally;
}

void heap_publish(const struct heap *heap)
{
    (void)heap;
}

void heap_publish_classes(const struct heap *heap)
{
    (void)heap;
}
