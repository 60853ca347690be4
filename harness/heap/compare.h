/* compare.h - two heap profiles side by side, or one by itself.
 *
 * Sites of both are matched by their functions, innermost first, wherever the
 * code was loaded and whatever line it moved to; what the allocator itself
 * adds to a stack is left out (all frames within the outermost malloc(),
 * operator new ... of its first ALLOCATOR_FRAMES_MAX). Each site gets its
 * bucket (buckets.h); those that match no rule are in a bucket of their own.
 *
 * Index 0 is before, 1 after. Of one profile before is all zeroes and
 * |has_before| false.
 */
#ifndef PLATEAU_HEAP_COMPARE_H
#define PLATEAU_HEAP_COMPARE_H

#include "heap/buckets.h"
#include "heap/profile.h"

#include <stdbool.h>

enum {
    COMPARE_ALLOCATOR_FRAMES_MAX = 16,
    COMPARE_LINES_MAX = 2048, /* of one stack; beyond: the outermost left out */
};

struct compare_line {
    uint32_t function; /* words */
    uint32_t file;
    uint32_t library;
    uint32_t line;
};

struct compare_amount {
    double objects;
    double bytes;
    double variance; /* of |bytes| */
};

struct compare_site {
    uint64_t lines_first;
    uint32_t lines_count; /* innermost first; 0: the stack was not known */
    uint32_t bucket;
    struct compare_amount amounts[2];
};

struct compare_bucket {
    const char *name; /* the rules' or static */
    bool is_unmatched;
    struct compare_amount amounts[2];
};

struct compare {
    struct words *words; /* lent */
    bool has_before;
    struct compare_site *sites; /* greatest change first; bytes if no before */
    size_t sites_count, sites_room;
    struct compare_line *lines;
    size_t lines_count, lines_room;
    struct compare_bucket *buckets; /* in the same order; unmatched last */
    size_t buckets_count;
    struct compare_amount total[2];
};

/* Compares |before| (NULL: none) and |after|, which share their words. 0, or
 * -ENOMEM. What was lent (words, rules) stays lent. */
int compare_profiles(const struct profile *before, const struct profile *after,
                     const struct buckets *rules, struct compare *compare);

void compare_deinit(struct compare *compare);

/* after - before, in bytes. */
static inline double compare_change(const struct compare_amount amounts[2])
{
    return amounts[1].bytes - amounts[0].bytes;
}

/* Whether a function of that name is an allocator's: malloc(), operator new ...
 */
bool compare_is_allocator(const char *function);

/* Whether |function| only passes on a wish for memory: strdup(), the inner
 * functions of C++'s containers. Left out where it is the innermost of what is
 * left, unless it is all. */
bool compare_is_between(const char *function);

/* "(matches no rule)" */
extern const char compare_unmatched[];

#endif
