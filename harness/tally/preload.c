/* preload.c - a tally for a program that was not written for one.
 *
 * libplateau_preload.so, named in LD_PRELOAD by the harness, publishes what the
 * allocator of a dynamically linked program says about itself: jemalloc's
 * stats.* where the program brings a jemalloc (linked or preloaded), the
 * totals of mallinfo2(3) otherwise. Asked by the harness, it has the allocator
 * give back what is free (arena.<all>.purge; malloc_trim(3)) and publishes at
 * once; besides, every PERIOD_MS.
 *
 * Happy path: the loader runs begin(), which finds the page and starts one
 * thread with every signal blocked and a small stack; the thread sleeps on the
 * page's |request| word (futex(2)) and publishes when it is woken or the
 * period is over.
 *
 * Failure modes: no harness, or the page is another program's (a child of the
 * target inherits the variables): nothing is started. No memory for a thread:
 * likewise. A fork leaves the thread behind: the child publishes nothing, and
 * its parent goes on. The page itself needs no undoing: its last values stay
 * when the program is killed.
 *
 * Linux: futexes. It allocates nothing after begin(), and takes the allocator's
 * locks only inside the allocator's own functions. With glibc, what sits in the
 * caches of threads (tcache) counts as allocated.
 */
#include "plateau_tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PERIOD_MS = 100,
    STACK_BYTES = 64 * 1024,
};

typedef int mallctl_function(const char *, void *, size_t *, void *, size_t);

enum figure {
    ALLOCATED,
    ACTIVE,
    METADATA,
    RESIDENT,
    MAPPED,
    RETAINED,
    FIGURES_COUNT,
};

static const struct {
    const char *gauge;
    const char *control; /* of jemalloc */
} figures[FIGURES_COUNT] = {
    [ALLOCATED] = {"heap/allocated", "stats.allocated"},
    [ACTIVE] = {"heap/active", "stats.active"},
    [METADATA] = {"heap/metadata", "stats.metadata"},
    [RESIDENT] = {"heap/resident", "stats.resident"},
    [MAPPED] = {"heap/mapped", "stats.mapped"},
    [RETAINED] = {"heap/retained", "stats.retained"},
};

static struct {
    struct plateau_tally *tally;
    struct plateau_tally_entry *entries[FIGURES_COUNT];
    mallctl_function *mallctl; /* NULL: glibc's allocator */
} preload;

/* --- the allocators --------------------------------------------------------
 */

/* A jemalloc that was built with a prefix has it here too. */
static mallctl_function *find_mallctl(void)
{
    static const char *const names[] = {"mallctl", "je_mallctl"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        /* POSIX guarantees that a function fits (dlsym(3p), RATIONALE). */
        union {
            void *object;
            mallctl_function *function;
        } found = {.object = dlsym(RTLD_DEFAULT, names[i])};
        bool has_stats = false;
        size_t size = sizeof has_stats;
        if (found.object != NULL &&
            found.function("config.stats", &has_stats, &size, NULL, 0) == 0 &&
            has_stats) {
            return found.function;
        }
    }
    return NULL;
}

static void purge(void)
{
    if (preload.mallctl != NULL) {
        (void)preload.mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    } else {
        (void)malloc_trim(0);
    }
}

static void publish_jemalloc(void)
{
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    (void)preload.mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
    for (int i = 0; i < FIGURES_COUNT; i++) {
        size_t bytes = 0;
        size = sizeof bytes;
        if (preload.mallctl(figures[i].control, &bytes, &size, NULL, 0) == 0) {
            plateau_tally_set(preload.entries[i], bytes);
        }
    }
}

/* glibc keeps no count of pages: active is what its arenas span. */
static void publish_glibc(void)
{
    struct mallinfo2 info = mallinfo2();
    plateau_tally_set(preload.entries[ALLOCATED], info.uordblks + info.hblkhd);
    plateau_tally_set(preload.entries[ACTIVE], info.arena + info.hblkhd);
    plateau_tally_set(preload.entries[MAPPED], info.arena + info.hblkhd);
    plateau_tally_set(preload.entries[RETAINED], info.fordblks);
}

static void publish(void)
{
    if (preload.mallctl != NULL) {
        publish_jemalloc();
    } else {
        publish_glibc();
    }
}

/* --- the thread ------------------------------------------------------------
 */

/* Until the harness asks for something else than |seen|, or the period ends. */
/* Of a jemalloc that was told to profile; another says so and writes none. */
static void profile(void)
{
    char path[4096];
    const char *file = path;
    if (preload.mallctl != NULL &&
        plateau_tally_profile(preload.tally, path, sizeof path)) {
        (void)preload.mallctl("prof.dump", NULL, NULL, &file, sizeof file);
    }
}

static void sleep_on_request(uint32_t seen)
{
    const struct timespec period = {.tv_nsec = PERIOD_MS * 1000000L};
    (void)syscall(SYS_futex, &preload.tally->request, FUTEX_WAIT, seen, &period,
                  NULL, 0);
}

static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        uint32_t seen =
            __atomic_load_n(&preload.tally->request, __ATOMIC_ACQUIRE);
        uint32_t asked = plateau_tally_asked(preload.tally);
        if (asked != 0) {
            purge();
        }
        publish();
        if (asked != 0) {
            profile();
            plateau_tally_answer(preload.tally, asked);
        }
        sleep_on_request(seen);
    }
    return NULL;
}

static bool start_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread, &attributes, serve, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return result == 0;
}

__attribute__((constructor)) static void begin(void)
{
    int before = errno;
    struct plateau_tally *tally = plateau_tally_attach();
    if (tally != plateau_tally_private()) {
        preload.tally = tally;
        preload.mallctl = find_mallctl();
        bool is_glibc = preload.mallctl == NULL;
        for (int i = 0; i < FIGURES_COUNT; i++) {
            bool has = !is_glibc || (i != METADATA && i != RESIDENT);
            preload.entries[i] =
                has ? plateau_tally_gauge(tally, figures[i].gauge, "B") : NULL;
        }
        publish();
        (void)start_thread();
    }
    errno = before;
}
