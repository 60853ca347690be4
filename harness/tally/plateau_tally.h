/* plateau_tally.h - count what a program creates and destroys, for Plateau.
 *
 * One header, no library. A program that includes it and is started by
 * Plateau publishes live counts in a page of shared memory which the harness
 * reads without stopping it, and whose last values survive SIGKILL. Started
 * by anybody else, the same calls count into private memory and cost the
 * same: about a nanosecond each.
 *
 *     struct plateau_tally *tally = plateau_tally_attach();
 *     struct plateau_tally_entry *loops =
 *         plateau_tally_pair(tally, "connection_loops");
 *     plateau_tally_spawned(loops);   ...   plateau_tally_finished(loops);
 *
 * Declare every entry at start, before threads; count from any thread. Works
 * in C11 and C++11 with GCC or Clang (the __atomic built-ins). Entries live as
 * long as the process; nothing is to be freed.
 *
 * The page (all integers in native order): a header of 64 bytes, then
 * |capacity| entries of 64 bytes, then |classes_capacity| size classes of 16
 * bytes at |classes_offset| (0: the page has none, which older ones have not);
 * zero-filled by the harness except for magic, version, page_bytes, capacity,
 * generation, classes_offset and classes_capacity. An entry is valid once its
 * |is_ready| is 1, and |count| says how many are in use. The harness hands the
 * page over through the environment variable PLATEAU_TALLY, "fd:N" (an
 * inherited descriptor to map shared); other forms are reserved.
 *
 * Being asked. When the churn pauses, the harness wants a reading with nothing
 * in it that is merely late: it adds 1 to |request|. A program that looks there
 * now and then (one load; 20 ms is often enough) gives back what it has freed,
 * brings its entries up to date, and answers:
 *
 *     uint32_t asked = plateau_tally_asked(tally);
 *     if (asked != 0) {
 *         malloc_trim(0);            or the purge of another allocator
 *         plateau_tally_set(...);    everything that is set now and then
 *         plateau_tally_answer(tally, asked);
 *     }
 *
 * A program that never answers is read as it stands, a little later.
 *
 * With a request the harness may want a heap profile as well. Where it does,
 * PLATEAU_HEAP holds the beginning of a path (and PLATEAU_HEAP_SAMPLE_BYTES how
 * many bytes there should be from sample to sample), and
 *
 *     char path[4096];
 *     if (plateau_tally_profile(tally, path, sizeof path)) {
 *         (write the profile to that file, a jemalloc heap dump for one)
 *     }
 *
 * stands before the answer: what is published and what is profiled are then of
 * one moment.
 *
 * Size classes. An allocator that keeps its blocks by size may say of each size
 * how many are live, before it answers: plateau_tally_class() tells the size of
 * class number N once, plateau_tally_set_class() what is live of it. The
 * harness reads them when it has been answered, and at no other time.
 *
 * Members. Other processes that the owner started may add what they hold to its
 * gauges, each through a place of its own at |members_offset| and after, up to
 * the page's end (0: there are none). A place belongs to the thread that holds
 * its lock, a robust mutex shared between processes, and counts for as long:
 * the kernel marks the lock when that thread ends, however it does
 * (set_robust_list(2)). The preload library does so for what a target forks.
 */
#ifndef PLATEAU_TALLY_H
#define PLATEAU_TALLY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define PLATEAU_TALLY_ENV "PLATEAU_TALLY"
#define PLATEAU_TALLY_HEAP_ENV "PLATEAU_HEAP"
#define PLATEAU_TALLY_HEAP_SAMPLE_ENV "PLATEAU_HEAP_SAMPLE_BYTES"
#define PLATEAU_TALLY_MAGIC UINT64_C(0x31594c4c41544c50) /* "PLTALLY1" */
#define PLATEAU_TALLY_VERSION 1u
#define PLATEAU_TALLY_NAME_SIZE 32 /* terminator included; longer is cut */
#define PLATEAU_TALLY_UNIT_SIZE 8
#define PLATEAU_TALLY_PRIVATE_CAPACITY 128u /* entries without a harness */
#define PLATEAU_TALLY_MEMBER_GAUGES 8u

enum plateau_tally_kind {
    PLATEAU_TALLY_COUNTER = 1, /* |value| only ever grows */
    PLATEAU_TALLY_GAUGE = 2,   /* |value| goes up and down */
    PLATEAU_TALLY_PAIR = 3,    /* |value| spawned, |finished| finished */
};

struct plateau_tally_entry {
    char name[PLATEAU_TALLY_NAME_SIZE];
    char unit[PLATEAU_TALLY_UNIT_SIZE]; /* "B", "ns", "" for a count */
    uint32_t kind;                      /* enum plateau_tally_kind */
    uint32_t is_ready;                  /* 1 once the fields above stand */
    uint64_t value;
    uint64_t finished; /* of a pair; else 0 */
};

struct plateau_tally_size {
    uint64_t bytes; /* of one region; 0: not in use */
    uint64_t live;  /* regions */
};

struct plateau_tally_member {
    uint64_t lock[8]; /* a pthread_mutex_t, whose first 32 bits are its futex */
    uint32_t state;   /* 0: never used; 1: is made; 2: the lock stands */
    uint32_t response; /* the last request that was answered */
    uint64_t pid;      /* as the process itself knows it */
    uint8_t entries[PLATEAU_TALLY_MEMBER_GAUGES]; /* whose gauge; 255: none */
    uint64_t values[PLATEAU_TALLY_MEMBER_GAUGES];
};

struct plateau_tally {
    uint64_t magic;
    uint32_t version;
    uint32_t page_bytes; /* header, entries and size classes */
    uint32_t capacity;   /* entries that fit */
    uint32_t count;      /* entries in use */
    uint64_t generation; /* which life of the slot this is, from 1 */
    uint32_t request;    /* the harness's: how often it has asked */
    uint32_t response;   /* ours: the last request that was answered */
    uint64_t owner;      /* pid of the program that counts here; 0: none yet */
    uint32_t profile;    /* the harness's: wanted with the request; 0: none */
    uint32_t classes_offset;   /* from the page's start; 0: none */
    uint32_t classes_capacity; /* that fit there */
    uint32_t members_offset;   /* from the page's start, to its end; 0: none */
    __extension__ struct plateau_tally_entry entries[]; /* not in ISO C++ */
};

/* Where counts go that found no room, or no harness. */
static inline struct plateau_tally *plateau_tally_private(void)
{
    static union {
        struct plateau_tally header;
        unsigned char bytes[64 + 64 * PLATEAU_TALLY_PRIVATE_CAPACITY];
    } page;
    page.header.capacity = PLATEAU_TALLY_PRIVATE_CAPACITY;
    return &page.header;
}

#ifndef _WIN32
/* A page has one owner: the program that was started with it, not those that
 * it starts in turn and which inherit the variable. (What it forks without
 * exec goes on counting in the same page.) */
static inline int plateau_tally_claim(struct plateau_tally *tally)
{
    uint64_t self = (uint64_t)getpid();
    uint64_t owner = 0;
    return __atomic_compare_exchange_n(&tally->owner, &owner, self, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
           owner == self;
}
#endif

#ifndef _WIN32
/* Maps the harness's page, whosever it is; NULL when there is none, or it
 * cannot be trusted. */
static inline struct plateau_tally *plateau_tally_map(void)
{
    const char *where = getenv(PLATEAU_TALLY_ENV);
    if (where != NULL && strncmp(where, "fd:", 3) == 0) {
        char *end = NULL;
        long fd = strtol(where + 3, &end, 10);
        struct stat st;
        if (end != where + 3 && *end == '\0' && fd >= 0 && fd < 1 << 20 &&
            fstat((int)fd, &st) == 0 && st.st_size >= 128 &&
            st.st_size <= 1 << 24) {
            void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                             MAP_SHARED, (int)fd, 0);
            if (map != MAP_FAILED) {
                struct plateau_tally *tally = (struct plateau_tally *)map;
                if (tally->magic == PLATEAU_TALLY_MAGIC &&
                    tally->version == PLATEAU_TALLY_VERSION &&
                    tally->page_bytes == (uint64_t)st.st_size &&
                    tally->capacity <= (tally->page_bytes - 64) / 64) {
                    return tally;
                }
                (void)munmap(map, (size_t)st.st_size);
            }
        }
    }
    return NULL;
}
#endif

/* Maps the harness's page, or hands out private memory when there is none, when
 * it is another program's, or when it cannot be trusted. Never fails, never
 * prints. */
static inline struct plateau_tally *plateau_tally_attach(void)
{
#ifndef _WIN32
    struct plateau_tally *tally = plateau_tally_map();
    if (tally != NULL && plateau_tally_claim(tally)) {
        return tally;
    }
    if (tally != NULL) {
        (void)munmap(tally, tally->page_bytes);
    }
#endif
    return plateau_tally_private();
}

/* Copies a text into a field of zeroes that stays terminated. */
static inline void plateau_tally_copy(char *field, size_t size,
                                      const char *text)
{
    for (size_t i = 0; i + 1 < size && text[i] != '\0'; i++) {
        field[i] = text[i];
    }
}

/* Declares an entry, or finds the one of that name and kind. When the page is
 * full the entry is a private one that nobody reads: counting stays safe. */
static inline struct plateau_tally_entry *
plateau_tally_declare(struct plateau_tally *tally, const char *name,
                      const char *unit, enum plateau_tally_kind kind)
{
    static struct plateau_tally_entry overflow;
    for (uint32_t i = 0; i < tally->count; i++) {
        if (tally->entries[i].kind == (uint32_t)kind &&
            strncmp(tally->entries[i].name, name,
                    PLATEAU_TALLY_NAME_SIZE - 1) == 0) {
            return &tally->entries[i];
        }
    }
    if (tally->count >= tally->capacity) {
        return &overflow;
    }
    struct plateau_tally_entry *entry = &tally->entries[tally->count];
    plateau_tally_copy(entry->name, PLATEAU_TALLY_NAME_SIZE, name);
    plateau_tally_copy(entry->unit, PLATEAU_TALLY_UNIT_SIZE, unit);
    entry->kind = (uint32_t)kind;
    __atomic_store_n(&entry->is_ready, 1u, __ATOMIC_RELEASE);
    __atomic_store_n(&tally->count, tally->count + 1u, __ATOMIC_RELEASE);
    return entry;
}

static inline struct plateau_tally_entry *
plateau_tally_pair(struct plateau_tally *tally, const char *name)
{
    return plateau_tally_declare(tally, name, "", PLATEAU_TALLY_PAIR);
}

static inline struct plateau_tally_entry *
plateau_tally_counter(struct plateau_tally *tally, const char *name,
                      const char *unit)
{
    return plateau_tally_declare(tally, name, unit, PLATEAU_TALLY_COUNTER);
}

static inline struct plateau_tally_entry *
plateau_tally_gauge(struct plateau_tally *tally, const char *name,
                    const char *unit)
{
    return plateau_tally_declare(tally, name, unit, PLATEAU_TALLY_GAUGE);
}

/* One more of a pair has begun its life. */
static inline void plateau_tally_spawned(struct plateau_tally_entry *entry)
{
    (void)__atomic_fetch_add(&entry->value, 1u, __ATOMIC_RELAXED);
}

/* One of a pair has ended its life and given everything back. */
static inline void plateau_tally_finished(struct plateau_tally_entry *entry)
{
    (void)__atomic_fetch_add(&entry->finished, 1u, __ATOMIC_RELAXED);
}

/* A counter grows by |amount|. */
static inline void plateau_tally_add(struct plateau_tally_entry *entry,
                                     uint64_t amount)
{
    (void)__atomic_fetch_add(&entry->value, amount, __ATOMIC_RELAXED);
}

/* A gauge now stands at |value|. */
static inline void plateau_tally_set(struct plateau_tally_entry *entry,
                                     uint64_t value)
{
    __atomic_store_n(&entry->value, value, __ATOMIC_RELAXED);
}

/* The same for a pair that is counted elsewhere. */
static inline void plateau_tally_set_pair(struct plateau_tally_entry *entry,
                                          uint64_t spawned, uint64_t finished)
{
    __atomic_store_n(&entry->value, spawned, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->finished, finished, __ATOMIC_RELAXED);
}

/* The request that waits for an answer; 0: none. Not 0 at its wrap either: the
 * harness leaves that number out. */
static inline uint32_t plateau_tally_asked(const struct plateau_tally *tally)
{
    uint32_t asked = __atomic_load_n(&tally->request, __ATOMIC_ACQUIRE);
    return asked != __atomic_load_n(&tally->response, __ATOMIC_RELAXED) ? asked
                                                                        : 0;
}

/* Whether a heap profile is wanted with the request that waits; then |path|, of
 * |size| bytes, says where it goes. */
static inline int plateau_tally_profile(const struct plateau_tally *tally,
                                        char *path, size_t size)
{
    const char *prefix = getenv(PLATEAU_TALLY_HEAP_ENV);
    uint32_t number = __atomic_load_n(&tally->profile, __ATOMIC_RELAXED);
    if (prefix == NULL || prefix[0] == '\0' || number == 0) {
        return 0;
    }
    int length = snprintf(path, size, "%s.%u.heap", prefix, (unsigned)number);
    return length > 0 && (size_t)length < size;
}

/* Where class |number| lies in the page; NULL: there is no room for it. */
static inline struct plateau_tally_size *
plateau_tally_size_at(struct plateau_tally *tally, uint32_t number)
{
    uint64_t offset =
        tally->classes_offset +
        (uint64_t)number * (uint64_t)sizeof(struct plateau_tally_size);
    if (tally->classes_offset < 64 || tally->classes_offset % 8 != 0 ||
        number >= tally->classes_capacity ||
        offset + sizeof(struct plateau_tally_size) > tally->page_bytes) {
        return NULL;
    }
    return (struct plateau_tally_size *)(void *)((unsigned char *)tally +
                                                 offset);
}

/* Size class |number| of the allocator is of regions of |bytes|. 0 when the
 * page has no room for it (or there is no harness), which does no harm. */
static inline int plateau_tally_class(struct plateau_tally *tally,
                                      uint32_t number, uint64_t bytes)
{
    struct plateau_tally_size *at = plateau_tally_size_at(tally, number);
    if (at != NULL) {
        __atomic_store_n(&at->bytes, bytes, __ATOMIC_RELAXED);
    }
    return at != NULL;
}

/* So many regions of class |number| are live. */
static inline void plateau_tally_set_class(struct plateau_tally *tally,
                                           uint32_t number, uint64_t live)
{
    struct plateau_tally_size *at = plateau_tally_size_at(tally, number);
    if (at != NULL) {
        __atomic_store_n(&at->live, live, __ATOMIC_RELAXED);
    }
}

/* All that was asked for is done and published. From one thread at a time. */
static inline void plateau_tally_answer(struct plateau_tally *tally,
                                        uint32_t asked)
{
    __atomic_store_n(&tally->response, asked, __ATOMIC_RELEASE);
}

#ifdef __cplusplus
}
#endif

#endif
