#include "heap/compare.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char compare_unmatched[] = "(matches no rule)";

/* What a program calls to get memory; what lies within is the allocator. */
static const char *const allocators[] = {
    "malloc",         "calloc",           "realloc",
    "reallocarray",   "memalign",         "aligned_alloc",
    "valloc",         "pvalloc",          "mallocx",
    "posix_memalign", "rallocx",          "xallocx",
    "je_*",           "operator new*",    "_Znw*",
    "_Zna*",          "__rust_alloc*",    "__rdl_alloc*",
    "__rg_alloc*",    "alloc::alloc::*",  "__rustc::__r*",
    "<std::alloc::*", "std::sys::al*::*", "__libc_calloc",
    "__libc_malloc",  "__libc_realloc",   "__libc_memalign",
};

/* What stands between those and the function that wanted something: it says
 * how, not what for. Most programs have their own, named after what they wrap:
 * xmalloc(), mosquitto__strdup(), sqlite3DbMallocRaw(). The public functions of
 * C++'s containers are left to see; Rust's are layers of inlined calls, of
 * which its library is. */
static const char *const between[] = {
    "*[Mm]alloc",
    "*[Mm]alloc[A-Z0-9_]*",
    "*[Cc]alloc",
    "*[Cc]alloc[A-Z0-9_]*",
    "*[Rr]ealloc",
    "*[Rr]ealloc[A-Z0-9_]*",
    "*zalloc",
    "*palloc",
    "*allocarray",
    "*[Ss]trdup",
    "*[Ss]trndup",
    "AllocSetAlloc*",
    "MemoryContextAlloc*",
    "ngx_alloc",
    "ngx_p*alloc*",
    "*memdup*",
    "*memalign",
    "g_malloc*",
    "g_try_malloc*",
    "g_realloc*",
    "g_slice_alloc*",
    "PyMem_*",
    "_PyMem_*",
    "PyObject_*lloc",
    "_PyObject_*lloc",
    "gc_alloc",
    "std::_[!_]*",
    "std::__[!c]*",
    "std::allocat*",
    "std::*::_M_*",
    "__gnu_cxx::*",
    "alloc::raw_v*",
    "alloc::vec::*",
    "alloc::boxed::*",
    "alloc::string::*",
    "alloc::fmt::*",
    "alloc::slice::*",
    "alloc::str::*",
    "alloc::borrow::*",
    "alloc::rc::*",
    "alloc::sync::*",
    "alloc::coll*::*",
    "core::option::*",
    "core::ops::*",
    "core::result::*",
    "core::iter::*",
    "core::convert::*",
    "core::ptr::*",
    "core::slice::*",
    "core::clone::*",
    "hashbrown::*",
    "<hashbrown::*",
    "<alloc::*",
    "<core::*",
    "<&*as core::*",
    "<std::coll*",
    "std::coll*hash::*",
};

/* Of a word: what is remembered of its patterns. */
enum {
    WORD_WAS_ASKED = 1,
    WORD_IS_ALLOCATOR = 2,
    WORD_IS_BETWEEN = 4,
};

/* While sites are matched. */
struct matcher {
    struct compare *compare;
    const struct buckets *rules;
    struct idmap sites;
    struct idmap frames;        /* distinct function, file and library */
    struct compare_line *known; /* by their numbers in |frames| */
    int *known_rules;           /* what each matches */
    size_t known_count, known_room;
    unsigned char *words; /* of each, WORD_... */
    uint32_t *bucket_of_rule;
    uint32_t unmatched; /* bucket */
};

static int double_room(void **items, size_t size, size_t needed, size_t *room)
{
    if (needed <= *room) {
        return 0;
    }
    size_t wanted = *room > 0 ? *room * 2 : 64;
    while (wanted < needed) {
        wanted *= 2;
    }
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL) {
        return -ENOMEM;
    }
    *items = grown;
    *room = wanted;
    return 0;
}

static bool matches(const char *const *patterns, size_t count,
                    const char *function)
{
    for (size_t i = 0; i < count; i++) {
        if (fnmatch(patterns[i], function, 0) == 0) {
            return true;
        }
    }
    return false;
}

bool compare_is_allocator(const char *function)
{
    return matches(allocators, sizeof allocators / sizeof allocators[0],
                   function);
}

bool compare_is_between(const char *function)
{
    return matches(between, sizeof between / sizeof between[0], function);
}

static bool word_is(struct matcher *matcher, uint32_t word, unsigned what)
{
    if (matcher->words[word] == 0) {
        const char *name = words_text(matcher->compare->words, word);
        matcher->words[word] =
            (unsigned char)(WORD_WAS_ASKED |
                            (compare_is_allocator(name) ? WORD_IS_ALLOCATOR
                                                        : 0) |
                            (compare_is_between(name) ? WORD_IS_BETWEEN : 0));
    }
    return (matcher->words[word] & what) != 0;
}

/* The lines of a stack, without the allocator's. Returns how many. */
static size_t unfold(struct matcher *matcher, const struct profile *profile,
                     const struct profile_site *site,
                     struct compare_line lines[COMPARE_LINES_MAX])
{
    size_t count = 0;
    size_t skipped = 0;
    for (uint32_t i = 0; i < site->frames_count; i++) {
        const struct profile_place *place =
            &profile->places[profile->frames[site->frames_first + i]];
        for (uint32_t k = 0;
             k < place->lines_count && count < COMPARE_LINES_MAX; k++) {
            const struct profile_line *line =
                &profile->lines[place->lines_first + k];
            lines[count++] = (struct compare_line){line->function, line->file,
                                                   place->library, line->line};
        }
    }
    for (size_t i = 0; i < count && i < COMPARE_ALLOCATOR_FRAMES_MAX; i++) {
        if (word_is(matcher, lines[i].function, WORD_IS_ALLOCATOR)) {
            skipped = i + 1;
        }
    }
    while (skipped + 1 < count &&
           word_is(matcher, lines[skipped].function, WORD_IS_BETWEEN)) {
        skipped++;
    }
    memmove(lines, lines + skipped, (count - skipped) * sizeof *lines);
    return count - skipped;
}

static bool is_same_stack(const struct compare *compare,
                          const struct compare_site *site,
                          const struct compare_line *lines, size_t count)
{
    const struct compare_line *known = compare->lines + site->lines_first;
    if (site->lines_count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (known[i].function != lines[i].function) {
            return false;
        }
    }
    return true;
}

/* The site of that stack, new or known. 0 and *ret_site, or -ENOMEM. */
static int find_site(struct matcher *matcher, const struct compare_line *lines,
                     size_t count, struct compare_site **ret_site)
{
    struct compare *compare = matcher->compare;
    uint32_t hash = IDMAP_SEED;
    for (size_t i = 0; i < count; i++) {
        hash = idmap_hash(hash, lines[i].function);
    }
    for (struct idmap_walk walk = idmap_find(&matcher->sites, hash);
         idmap_next(&matcher->sites, &walk);) {
        if (is_same_stack(compare, &compare->sites[walk.id], lines, count)) {
            *ret_site = &compare->sites[walk.id];
            return 0;
        }
    }
    void *sites = compare->sites;
    void *all = compare->lines;
    int r = double_room(&sites, sizeof *compare->sites,
                        compare->sites_count + 1, &compare->sites_room);
    compare->sites = sites;
    if (r == 0) {
        r = double_room(&all, sizeof *compare->lines,
                        compare->lines_count + count, &compare->lines_room);
        compare->lines = all;
    }
    if (r == 0) {
        r = idmap_add(&matcher->sites, hash, (uint32_t)compare->sites_count);
    }
    if (r < 0) {
        return r;
    }
    *ret_site = &compare->sites[compare->sites_count++];
    **ret_site = (struct compare_site){.lines_first = compare->lines_count,
                                       .lines_count = (uint32_t)count};
    if (count > 0) {
        memcpy(compare->lines + compare->lines_count, lines,
               count * sizeof *lines);
    }
    compare->lines_count += count;
    return 0;
}

static void add_amount(struct compare_amount *to,
                       const struct compare_amount *amount)
{
    to->objects += amount->objects;
    to->bytes += amount->bytes;
    to->variance += amount->variance;
}

static int add_profile(struct matcher *matcher, const struct profile *profile,
                       int side)
{
    struct compare_line lines[COMPARE_LINES_MAX];
    for (size_t i = 0; i < profile->sites_count; i++) {
        const struct profile_site *from = &profile->sites[i];
        const struct compare_amount amount = {from->objects, from->bytes,
                                              from->variance};
        struct compare_site *site = NULL;
        size_t count = unfold(matcher, profile, from, lines);
        int r = find_site(matcher, lines, count, &site);
        if (r < 0) {
            return r;
        }
        add_amount(&site->amounts[side], &amount);
        add_amount(&matcher->compare->total[side], &amount);
    }
    return 0;
}

/* --- buckets -------------------------------------------------------------- */

/* The rule that a frame matches; asked once of each distinct frame. 0 and
 * *ret_rule, or -ENOMEM. */
static int rule_of(struct matcher *matcher, const struct compare_line *line,
                   int *ret_rule)
{
    const struct words *words = matcher->compare->words;
    uint32_t hash = idmap_hash(IDMAP_SEED, line->function);
    hash = idmap_hash(idmap_hash(hash, line->file), line->library);
    for (struct idmap_walk walk = idmap_find(&matcher->frames, hash);
         idmap_next(&matcher->frames, &walk);) {
        const struct compare_line *known = &matcher->known[walk.id];
        if (known->function == line->function && known->file == line->file &&
            known->library == line->library) {
            *ret_rule = matcher->known_rules[walk.id];
            return 0;
        }
    }
    size_t room = matcher->known_room;
    void *known = matcher->known;
    void *rules = matcher->known_rules;
    int r = double_room(&known, sizeof *matcher->known,
                        matcher->known_count + 1, &room);
    matcher->known = known;
    if (r == 0) {
        r = double_room(&rules, sizeof *matcher->known_rules,
                        matcher->known_count + 1, &matcher->known_room);
        matcher->known_rules = rules;
    }
    if (r == 0) {
        r = idmap_add(&matcher->frames, hash, (uint32_t)matcher->known_count);
    }
    if (r < 0) {
        return r;
    }
    *ret_rule = buckets_match(matcher->rules, words_text(words, line->function),
                              words_text(words, line->file),
                              words_text(words, line->library));
    matcher->known[matcher->known_count] = *line;
    matcher->known_rules[matcher->known_count++] = *ret_rule;
    return 0;
}

static int name_buckets(struct matcher *matcher)
{
    struct compare *compare = matcher->compare;
    const struct buckets *rules = matcher->rules;
    compare->buckets = calloc(rules->rules_count + 1, sizeof *compare->buckets);
    matcher->bucket_of_rule =
        calloc(rules->rules_count + 1, sizeof *matcher->bucket_of_rule);
    if (compare->buckets == NULL || matcher->bucket_of_rule == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < rules->rules_count; i++) {
        uint32_t b = 0;
        while (b < compare->buckets_count &&
               strcmp(compare->buckets[b].name, rules->rules[i].bucket) != 0) {
            b++;
        }
        if (b == compare->buckets_count) {
            compare->buckets[compare->buckets_count++].name =
                rules->rules[i].bucket;
        }
        matcher->bucket_of_rule[i] = b;
    }
    matcher->unmatched = (uint32_t)compare->buckets_count++;
    compare->buckets[matcher->unmatched].name = compare_unmatched;
    compare->buckets[matcher->unmatched].is_unmatched = true;
    return 0;
}

static int fill_buckets(struct matcher *matcher)
{
    struct compare *compare = matcher->compare;
    for (size_t i = 0; i < compare->sites_count; i++) {
        struct compare_site *site = &compare->sites[i];
        int rule = BUCKETS_NONE;
        for (uint32_t k = 0; k < site->lines_count && rule == BUCKETS_NONE;
             k++) {
            int r =
                rule_of(matcher, &compare->lines[site->lines_first + k], &rule);
            if (r < 0) {
                return r;
            }
        }
        site->bucket = rule == BUCKETS_NONE ? matcher->unmatched
                                            : matcher->bucket_of_rule[rule];
        for (int side = 0; side < 2; side++) {
            add_amount(&compare->buckets[site->bucket].amounts[side],
                       &site->amounts[side]);
        }
    }
    return 0;
}

/* --- order ---------------------------------------------------------------- */

static int by_change(const struct compare_amount *a,
                     const struct compare_amount *b)
{
    double left = fabs(compare_change(a));
    double right = fabs(compare_change(b));
    return (left < right) - (left > right);
}

static int sites_by_change(const void *a, const void *b)
{
    const struct compare_site *left = a;
    const struct compare_site *right = b;
    int order = by_change(left->amounts, right->amounts);
    /* Those that are alike stay in the order of the profile. */
    return order != 0 ? order
                      : (left->lines_first > right->lines_first) -
                            (left->lines_first < right->lines_first);
}

static int buckets_by_change(const void *a, const void *b)
{
    const struct compare_bucket *left = a;
    const struct compare_bucket *right = b;
    if (left->is_unmatched != right->is_unmatched) {
        return left->is_unmatched - right->is_unmatched;
    }
    int order = by_change(left->amounts, right->amounts);
    return order != 0 ? order : strcmp(left->name, right->name);
}

/* Buckets that hold nothing on either side are no news. Sites know theirs by
 * number, so those are looked up anew. */
static void sort_buckets(struct compare *compare)
{
    const char *names[BUCKETS_RULES_MAX + 1];
    uint32_t now[BUCKETS_RULES_MAX + 1] = {0};
    size_t all = compare->buckets_count;
    size_t kept = 0;
    for (size_t i = 0; i < all; i++) {
        names[i] = compare->buckets[i].name;
    }
    qsort(compare->buckets, all, sizeof *compare->buckets, buckets_by_change);
    for (size_t i = 0; i < all; i++) {
        const struct compare_bucket bucket = compare->buckets[i];
        if (bucket.amounts[0].bytes > 0 || bucket.amounts[1].bytes > 0) {
            for (size_t was = 0; was < all; was++) {
                if (names[was] == bucket.name) {
                    now[was] = (uint32_t)kept;
                }
            }
            compare->buckets[kept++] = bucket;
        }
    }
    compare->buckets_count = kept;
    for (size_t i = 0; i < compare->sites_count; i++) {
        compare->sites[i].bucket = now[compare->sites[i].bucket];
    }
}

int compare_profiles(const struct profile *before, const struct profile *after,
                     const struct buckets *rules, struct compare *compare)
{
    struct matcher matcher = {.compare = compare, .rules = rules};
    *compare =
        (struct compare){.words = after->words, .has_before = before != NULL};
    matcher.words = calloc(after->words->count, 1);
    int r = matcher.words != NULL ? 0 : -ENOMEM;
    if (r == 0 && before != NULL) {
        r = add_profile(&matcher, before, 0);
    }
    if (r == 0) {
        r = add_profile(&matcher, after, 1);
    }
    if (r == 0) {
        r = name_buckets(&matcher);
    }
    if (r == 0) {
        r = fill_buckets(&matcher);
    }
    if (r == 0) {
        sort_buckets(compare);
        if (compare->sites_count > 1) {
            qsort(compare->sites, compare->sites_count, sizeof *compare->sites,
                  sites_by_change);
        }
    } else {
        compare_deinit(compare);
    }
    idmap_deinit(&matcher.sites);
    idmap_deinit(&matcher.frames);
    free(matcher.known);
    free(matcher.known_rules);
    free(matcher.words);
    free(matcher.bucket_of_rule);
    return r;
}

void compare_deinit(struct compare *compare)
{
    free(compare->sites);
    free(compare->lines);
    free(compare->buckets);
    *compare = (struct compare){0};
}
