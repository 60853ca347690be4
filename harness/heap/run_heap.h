/* run_heap.h - what a recorded run knows about an observer's heap.
 *
 * Of the run: its verdict, and after a CLIMB the attribution. Of one observer:
 * which ebbs left a heap profile (dumps.h), what the allocator said it had
 * handed out at each, what the judge said, and how many of each kind of thing
 * were alive: the pairs of its tally (spawned less finished) and its gauges
 * that count things. Of all observers: the troughs of allocated
 * memory, for a picture.
 */
#ifndef PLATEAU_HEAP_RUN_HEAP_H
#define PLATEAU_HEAP_RUN_HEAP_H

#include "err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RUN_HEAP_LINES_MAX = 8,     /* observers drawn; more are left out */
    RUN_HEAP_COUNTS_MAX = 64,   /* things counted; more are left out */
    RUN_HEAP_CLASSES_MAX = 256, /* size classes; more are left out */
    RUN_HEAP_NAME_SIZE = 80,
    RUN_HEAP_GROWTH_MIN = 6, /* ebbs; with fewer nothing is called growing */
};

/* A trough: events up to then, bytes. */
struct run_heap_point {
    double events;
    double bytes;
};

struct run_heap_line {
    char observer[RUN_HEAP_NAME_SIZE];
    struct run_heap_point *points;
    size_t count;
};

struct run_heap_count {
    char name[40];
    bool is_pair;
    double first, last; /* alive at |first_ebb| and |last_ebb| */
    /* Every reading of the last third of the run lies above every one of the
     * first third. */
    bool is_growing;
};

/* One size class of the allocator. */
struct run_heap_class {
    double size_bytes;  /* of one region */
    double first, last; /* bytes in live regions at these ebbs */
};

struct run_heap {
    char name[RUN_HEAP_NAME_SIZE];     /* of the scenario */
    char observer[RUN_HEAP_NAME_SIZE]; /* ROLE-ORDINAL */
    char verdict[16];                  /* of its allocated memory; "": none */
    char reason[256];
    char whole[16];                /* the verdict of the run; "": none */
    struct store_climbed *climbed; /* after a CLIMB: best explanation first */
    size_t climbed_count;
    bool has_ebbs;       /* a watch has none: its profiles have the numbers of
                          * samples, and so have what follows */
    bool has_profiles;   /* without: of all ebbs of the observer */
    uint32_t first_ebb;  /* the first settled one with a profile */
    uint32_t last_ebb;   /* the last with one; may be the same */
    double allocated[2]; /* bytes at these; NaN when not known */
    struct run_heap_count counts[RUN_HEAP_COUNTS_MAX];
    size_t counts_count;
    struct run_heap_class classes[RUN_HEAP_CLASSES_MAX];
    size_t classes_count;
    struct run_heap_line lines[RUN_HEAP_LINES_MAX]; /* ours is the first */
    size_t lines_count;
};

/* Reads the run in |folder|; |observer| NULL: the one that has a profile and
 * holds most at the end; of observers without profiles the one that holds most.
 * 0, to be released; or -errno and |err|: -ENOENT when there is no such run,
 * -ENODATA when there is no such observer, or what store_open() says. */
int run_heap_load(const char *folder, const char *observer,
                  struct run_heap *run, struct err *err);
void run_heap_deinit(struct run_heap *run);

/* Of at least RUN_HEAP_GROWTH_MIN readings: see is_growing. */
bool run_heap_is_growing(const double *values, size_t count);

#endif
