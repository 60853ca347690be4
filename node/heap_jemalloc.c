#include "heap_jemalloc.h"

#include "build_ids.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

#include <jemalloc/jemalloc.h>

/* One arena: the node has one thread. No thread cache: what is freed counts as
 * freed at once, so that `allocated` is what the node holds and nothing else
 * (with the cache an idle node shows 460 KB, without it 34 KB), and handshakes,
 * which dwarf any malloc, set the pace anyway. Dirty pages go back after a
 * second, so that private memory follows (jemalloc(3), TUNING). */
const char *malloc_conf =
    "narenas:1,tcache:false,dirty_decay_ms:1000,muzzy_decay_ms:0";

static const struct {
    const char *gauge;
    const char *control;
    bool is_in_pages;
} figures[HEAP_FIGURES_COUNT] = {
    {"heap/allocated", "stats.allocated", false},
    {"heap/active", "stats.active", false},
    {"heap/metadata", "stats.metadata", false},
    {"heap/resident", "stats.resident", false},
    {"heap/mapped", "stats.mapped", false},
    {"heap/retained", "stats.retained", false},
    {"heap/dirty", "stats.arenas.4096.pdirty", true},
    {"heap/muzzy", "stats.arenas.4096.pmuzzy", true},
};

void heap_open(struct heap *heap, struct plateau_tally *tally)
{
    bool has_stats = false;
    size_t size = sizeof has_stats;
    size_t depth = 1;
    if (mallctl("config.stats", &has_stats, &size, NULL, 0) != 0 ||
        !has_stats || mallctlnametomib("epoch", heap->epoch_mib, &depth) != 0) {
        return;
    }
    size = sizeof heap->page_bytes;
    if (mallctl("arenas.page", &heap->page_bytes, &size, NULL, 0) != 0) {
        return;
    }
    for (int i = 0; i < HEAP_FIGURES_COUNT; i++) {
        heap->depths[i] = HEAP_MIB_DEPTH;
        if (mallctlnametomib(figures[i].control, heap->mibs[i],
                             &heap->depths[i]) != 0) {
            return;
        }
        heap->entries[i] = plateau_tally_gauge(tally, figures[i].gauge, "B");
    }
    const struct size_classes_source source = {mallctl, mallctlnametomib,
                                               mallctlbymib};
    size_classes_open(&heap->classes, &source, tally);
    heap->is_open = 1;
}

/* All arenas: MALLCTL_ARENAS_ALL is 4096 (jemalloc(3), arena.<i>.purge). */
void heap_purge(const struct heap *heap)
{
    if (heap->is_open) {
        (void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    }
}

void heap_profile(const struct heap *heap, const struct plateau_tally *tally)
{
    char path[PATH_MAX];
    const char *file = path;
    if (!heap->is_open || !plateau_tally_profile(tally, path, sizeof path) ||
        mallctl("prof.dump", NULL, NULL, &file, sizeof file) != 0) {
        return;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd >= 0) {
        build_ids_append(fd);
        (void)close(fd);
    }
}

void heap_publish(const struct heap *heap)
{
    if (!heap->is_open) {
        return;
    }
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    (void)mallctlbymib(heap->epoch_mib, 1, &epoch, &size, &epoch, sizeof epoch);
    for (int i = 0; i < HEAP_FIGURES_COUNT; i++) {
        size_t bytes = 0;
        size = sizeof bytes;
        if (mallctlbymib(heap->mibs[i], heap->depths[i], &bytes, &size, NULL,
                         0) == 0) {
            plateau_tally_set(heap->entries[i], figures[i].is_in_pages
                                                    ? bytes * heap->page_bytes
                                                    : bytes);
        }
    }
}

void heap_publish_classes(const struct heap *heap)
{
    if (heap->is_open) {
        size_classes_publish(&heap->classes);
    }
}
