/* profile.h - a heap profile: who allocated what is still held.
 *
 * Sites are stacks with what they hold. A stack is a row of places (return
 * addresses, or what a profiler said in words), innermost first; each place,
 * once it is known by name, is one line of source or more: the function that
 * the compiler put there, and those inlined into it before, innermost first.
 * Modules are the files that were mapped when the profile was taken.
 *
 * A sampled profile is unbiased as it is read (profile_add_site), so that
 * |bytes| and |objects| estimate what was held, and |variance| says how well.
 *
 * Texts are numbers in |words|, which is lent and may be shared with another
 * profile. Everything else belongs to the profile. Functions that grow it
 * return 0, -ENOMEM, or -E2BIG at the bounds below.
 */
#ifndef PLATEAU_HEAP_PROFILE_H
#define PLATEAU_HEAP_PROFILE_H

#include "heap/idmap.h"
#include "heap/words.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PROFILE_STACK_MAX = 1024, /* frames beyond are left out: the outermost */
    PROFILE_SITES_MAX = 4 << 20,
    PROFILE_FRAMES_MAX = 128 << 20, /* of all stacks */
    PROFILE_PLACES_MAX = 16 << 20,
    PROFILE_LINES_MAX = 64 << 20,
    PROFILE_MODULES_MAX = 1 << 16,
    PROFILE_BUILD_ID_MAX = 32, /* bytes */
    /* jemalloc moves a sampled object of up to SC_SMALL_MAXCLASS bytes to the
     * smallest large class (arena_prof_promote), and counts it as that. */
    PROFILE_SAMPLED_BYTES = 16384,
    PROFILE_SMALL_MAX_BYTES = 14336,
};

/* One line of source. 0 where it is not known. */
struct profile_line {
    uint32_t function; /* words */
    uint32_t file;
    uint32_t line;
};

struct profile_place {
    uint64_t address;       /* the call, not the return; 0: none */
    uint32_t module_plus_1; /* 0: in none that we know */
    uint32_t library;       /* words: the module's path, or what was said */
    uint32_t lines_first;
    uint32_t lines_count; /* 0: not known by name (yet) */
};

struct profile_site {
    uint64_t frames_first;
    uint32_t frames_count; /* in |frames|: places, innermost first */
    double objects;
    double bytes;
    double variance; /* of |bytes|, from sampling; 0: all were counted */
};

struct profile_module {
    uint32_t path; /* words */
    uint64_t start, end;
    uint64_t offset;         /* in the file, of |start| */
    uint32_t build_id_bytes; /* 0: not told */
    unsigned char build_id[PROFILE_BUILD_ID_MAX];
};

enum profile_kind {
    PROFILE_JEMALLOC,  /* a heap dump, sampled */
    PROFILE_SAMPLED,   /* likewise, by our preload library */
    PROFILE_DHAT,      /* every allocation, live at the end */
    PROFILE_DHAT_PEAK, /* nothing lived at the end: live at the peak */
};

struct profile {
    struct words *words; /* lent */
    enum profile_kind kind;
    uint64_t sample_bytes; /* mean bytes from sample to sample; 0: all */
    double padding_bytes; /* what sampling itself holds: of jemalloc's a sampled
                           * object lies in PROFILE_SAMPLED_BYTES of its own */
    struct profile_site *sites;
    size_t sites_count, sites_room;
    uint32_t *frames;
    size_t frames_count, frames_room;
    struct profile_place *places;
    size_t places_count, places_room;
    struct profile_line *lines;
    size_t lines_count, lines_room;
    struct profile_module *modules; /* by |start|, once profile_finish()ed */
    size_t modules_count, modules_room;
    struct idmap places_map;
};

/* An empty profile that holds nothing yet. */
void profile_init(struct profile *profile, struct words *words);
void profile_deinit(struct profile *profile);

/* The place of the call that returns to |address|. */
int profile_place_at(struct profile *profile, uint64_t address,
                     uint32_t *ret_place);
/* A new place of no address. */
int profile_place_new(struct profile *profile, uint32_t *ret_place);

/* Adds a line to |place|, to which the last line was added as well, or none. */
int profile_add_line(struct profile *profile, uint32_t place,
                     const struct profile_line *line);

/* Adds a site of |objects| and |bytes| as they were sampled. |objects| of 0
 * adds nothing. */
int profile_add_site(struct profile *profile, const uint32_t *places,
                     size_t count, double objects, double bytes);

/* Adds a mapping; one that continues the last of the same path grows it. */
int profile_add_module(struct profile *profile,
                       const struct profile_module *module);

/* All is added: sorts the modules and finds each place's. */
void profile_finish(struct profile *profile);

/* Sums over all sites. Any may be NULL. */
void profile_total(const struct profile *profile, double *ret_objects,
                   double *ret_bytes, double *ret_variance);

#endif
