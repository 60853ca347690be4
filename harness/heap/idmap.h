/* idmap.h - a hash table of small numbers: open addressing, 8 bytes a slot.
 *
 * The owner keeps the things, numbered from 0; the table finds a number by the
 * hash of its thing, and the owner compares. Zeroes are an empty table.
 *
 *     for (struct idmap_walk walk = idmap_find(&map, hash);
 *          idmap_next(&map, &walk);)
 *         if (things[walk.id] is the one) ...
 */
#ifndef PLATEAU_HEAP_IDMAP_H
#define PLATEAU_HEAP_IDMAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { IDMAP_FIRST_CAPACITY = 64 };

struct idmap_slot {
    uint32_t hash;
    uint32_t id_plus_1; /* 0: empty */
};

struct idmap {
    struct idmap_slot *slots;
    uint32_t capacity; /* 0 or a power of two; at most 2/3 full */
    uint32_t count;
};

struct idmap_walk {
    uint32_t hash;
    uint32_t at;
    uint32_t id; /* what was found */
};

/* FNV-1a, 32 bits, of one more number (Fowler, Noll, Vo). */
static inline uint32_t idmap_hash(uint32_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ (uint32_t)((value >> (8 * i)) & 0xff)) * 16777619u;
    }
    return hash ^ hash >> 15;
}

#define IDMAP_SEED 2166136261u

static inline struct idmap_walk idmap_find(const struct idmap *map,
                                           uint32_t hash)
{
    return (struct idmap_walk){
        .hash = hash, .at = map->capacity > 0 ? hash & (map->capacity - 1) : 0};
}

static inline bool idmap_next(const struct idmap *map, struct idmap_walk *walk)
{
    while (map->capacity > 0 && map->slots[walk->at].id_plus_1 != 0) {
        const struct idmap_slot *slot = &map->slots[walk->at];
        walk->at = (walk->at + 1) & (map->capacity - 1);
        if (slot->hash == walk->hash) {
            walk->id = slot->id_plus_1 - 1;
            return true;
        }
    }
    return false;
}

static inline void idmap_place(struct idmap_slot *slots, uint32_t capacity,
                               struct idmap_slot slot)
{
    uint32_t at = slot.hash & (capacity - 1);
    while (slots[at].id_plus_1 != 0) {
        at = (at + 1) & (capacity - 1);
    }
    slots[at] = slot;
}

/* Adds |id|, which is not in it. 0, or -ENOMEM with the table as it was. */
static inline int idmap_add(struct idmap *map, uint32_t hash, uint32_t id)
{
    if ((uint64_t)(map->count + 1) * 3 > (uint64_t)map->capacity * 2) {
        uint32_t capacity =
            map->capacity > 0 ? map->capacity * 2 : IDMAP_FIRST_CAPACITY;
        struct idmap_slot *slots = calloc(capacity, sizeof *slots);
        if (slots == NULL) {
            return -ENOMEM;
        }
        for (uint32_t i = 0; i < map->capacity; i++) {
            if (map->slots[i].id_plus_1 != 0) {
                idmap_place(slots, capacity, map->slots[i]);
            }
        }
        free(map->slots);
        map->slots = slots;
        map->capacity = capacity;
    }
    idmap_place(map->slots, map->capacity, (struct idmap_slot){hash, id + 1});
    map->count++;
    return 0;
}

static inline void idmap_deinit(struct idmap *map)
{
    free(map->slots);
    *map = (struct idmap){0};
}

#endif
