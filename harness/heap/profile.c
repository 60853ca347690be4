#include "heap/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

/* Makes room for |more| items in an array. */
static int reserve(void **items, size_t size, size_t count, size_t more,
                   size_t most, size_t *room)
{
    if (count + more > most) {
        return -E2BIG;
    }
    if (count + more <= *room) {
        return 0;
    }
    size_t wanted = *room > 0 ? *room : FIRST_ROOM;
    while (wanted < count + more) {
        wanted += wanted / 2 + 1;
    }
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL) {
        return -ENOMEM;
    }
    *items = grown;
    *room = wanted;
    return 0;
}

/* Through a void pointer of our own: the array's is of another type. */
#define RESERVE(profile, what, more, most, r)                                  \
    do {                                                                       \
        void *items_ = (profile)->what;                                        \
        (r) =                                                                  \
            reserve(&items_, sizeof *(profile)->what, (profile)->what##_count, \
                    (more), (most), &(profile)->what##_room);                  \
        (profile)->what = items_;                                              \
    } while (0)

void profile_init(struct profile *profile, struct words *words)
{
    *profile = (struct profile){.words = words};
}

void profile_deinit(struct profile *profile)
{
    free(profile->sites);
    free(profile->frames);
    free(profile->places);
    free(profile->lines);
    free(profile->modules);
    idmap_deinit(&profile->places_map);
    profile_init(profile, profile->words);
}

int profile_place_new(struct profile *profile, uint32_t *ret_place)
{
    int r = 0;
    RESERVE(profile, places, 1, PROFILE_PLACES_MAX, r);
    if (r == 0) {
        *ret_place = (uint32_t)profile->places_count;
        profile->places[profile->places_count++] = (struct profile_place){0};
    }
    return r;
}

/* A return address is behind its call, and may be the first byte of another
 * line or function: one byte before it lies in the call. */
int profile_place_at(struct profile *profile, uint64_t address,
                     uint32_t *ret_place)
{
    address -= address > 0;
    uint32_t hash = idmap_hash(IDMAP_SEED, address);
    for (struct idmap_walk walk = idmap_find(&profile->places_map, hash);
         idmap_next(&profile->places_map, &walk);) {
        if (profile->places[walk.id].address == address) {
            *ret_place = walk.id;
            return 0;
        }
    }
    uint32_t place = 0;
    int r = profile_place_new(profile, &place);
    if (r == 0) {
        r = idmap_add(&profile->places_map, hash, place);
    }
    if (r == 0) {
        profile->places[place].address = address;
        *ret_place = place;
    }
    return r;
}

int profile_add_line(struct profile *profile, uint32_t place,
                     const struct profile_line *line)
{
    int r = 0;
    RESERVE(profile, lines, 1, PROFILE_LINES_MAX, r);
    if (r == 0) {
        struct profile_place *at = &profile->places[place];
        if (at->lines_count == 0) {
            at->lines_first = (uint32_t)profile->lines_count;
        }
        at->lines_count++;
        profile->lines[profile->lines_count++] = *line;
    }
    return r;
}

/* jemalloc samples each byte allocated with the chance 1/R, so that an object
 * of s bytes is in the dump with the chance p = 1 - exp(-s/R); n of them stand
 * for n/p (Horvitz and Thompson, 1952), with the variance n (1-p)/p^2 s^2. Of
 * a site the mean size is known, not each; jeprof does the same for heap_v2. */
static void unbias(double rate, struct profile_site *site)
{
    double size = site->bytes / site->objects;
    double chance = -expm1(-size / rate);
    if (!(chance > 0)) {
        return;
    }
    site->variance =
        site->objects * (1 - chance) / (chance * chance) * size * size;
    site->objects /= chance;
    site->bytes /= chance;
}

int profile_add_site(struct profile *profile, const uint32_t *places,
                     size_t count, double objects, double bytes)
{
    int r = 0;
    if (!(objects > 0)) {
        return 0;
    }
    count = count > PROFILE_STACK_MAX ? PROFILE_STACK_MAX : count;
    RESERVE(profile, sites, 1, PROFILE_SITES_MAX, r);
    if (r == 0) {
        RESERVE(profile, frames, count, PROFILE_FRAMES_MAX, r);
    }
    if (r < 0) {
        return r;
    }
    struct profile_site *site = &profile->sites[profile->sites_count++];
    *site = (struct profile_site){
        .frames_first = profile->frames_count,
        .frames_count = (uint32_t)count,
        .objects = objects,
        .bytes = bytes,
    };
    if (count > 0) {
        memcpy(profile->frames + profile->frames_count, places,
               count * sizeof *places);
    }
    profile->frames_count += count;
    if (profile->sample_bytes > 0) {
        double size = bytes / objects;
        if (size <= PROFILE_SMALL_MAX_BYTES) {
            profile->padding_bytes += objects * (PROFILE_SAMPLED_BYTES - size);
        }
        unbias((double)profile->sample_bytes, site);
    }
    return 0;
}

int profile_add_module(struct profile *profile,
                       const struct profile_module *module)
{
    int r = 0;
    if (profile->modules_count > 0) {
        struct profile_module *last =
            &profile->modules[profile->modules_count - 1];
        if (last->path == module->path && module->start >= last->end &&
            module->offset > last->offset) {
            last->end = module->end;
            return 0;
        }
    }
    RESERVE(profile, modules, 1, PROFILE_MODULES_MAX, r);
    if (r == 0) {
        profile->modules[profile->modules_count++] = *module;
    }
    return r;
}

static int by_start(const void *a, const void *b)
{
    const struct profile_module *left = a;
    const struct profile_module *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static uint32_t find_module(const struct profile *profile, uint64_t address)
{
    size_t low = 0;
    size_t high = profile->modules_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (profile->modules[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address < profile->modules[low - 1].end ? (uint32_t)low
                                                              : 0;
}

void profile_finish(struct profile *profile)
{
    if (profile->modules_count > 0) {
        qsort(profile->modules, profile->modules_count,
              sizeof *profile->modules, by_start);
    }
    for (size_t i = 0; i < profile->places_count; i++) {
        struct profile_place *place = &profile->places[i];
        if (place->address == 0) {
            continue;
        }
        place->module_plus_1 = find_module(profile, place->address);
        if (place->module_plus_1 > 0) {
            place->library = profile->modules[place->module_plus_1 - 1].path;
        }
    }
}

void profile_total(const struct profile *profile, double *ret_objects,
                   double *ret_bytes, double *ret_variance)
{
    double objects = 0;
    double bytes = 0;
    double variance = 0;
    for (size_t i = 0; i < profile->sites_count; i++) {
        objects += profile->sites[i].objects;
        bytes += profile->sites[i].bytes;
        variance += profile->sites[i].variance;
    }
    if (ret_objects != NULL) {
        *ret_objects = objects;
    }
    if (ret_bytes != NULL) {
        *ret_bytes = bytes;
    }
    if (ret_variance != NULL) {
        *ret_variance = variance;
    }
}
