/* preload.c - a tally for a program that was not written for one.
 *
 * libplateau_preload.so, named in LD_PRELOAD by the harness, publishes what the
 * allocator of a dynamically linked program says about itself: jemalloc's
 * stats.* where the program brings a jemalloc (linked or preloaded), the
 * totals of mallinfo2(3) where it runs on glibc's. Asked by the harness, it has
 * the allocator give back what is free (arena.<all>.purge; malloc_trim(3)),
 * publishes at once and, where that is wanted, writes a heap profile:
 * jemalloc's own, or samples of what glibc handed out (interposed_malloc.h; in
 * libplateau_preload_heap.so only). Besides, it publishes every PERIOD_MS.
 *
 * Happy path: the loader runs begin(), which finds the page and starts one
 * thread with every signal blocked and a small stack; the thread sleeps on the
 * page's |request| word (futex(2)) and publishes when it is woken or the
 * period is over.
 *
 * The page is another program's: so it is for a child of the target, which
 * inherits the variables, and after a fork, which leaves the thread behind and
 * starts one anew. The thread takes one of the page's places for members then
 * (member.h) and adds what its own allocator says to the owner's gauges. Its
 * profile is a part of the owner's: a file of that name, a dot and its number
 * (heap/dumps.h). It writes no size classes.
 *
 * Failure modes: no harness: nothing is started. No memory for a thread, no
 * place free: likewise. Another allocator than these two (tcmalloc, a jemalloc
 * within the executable that hides its mallctl): no figures, rather than those
 * of glibc's allocator, which stands idle. The page itself needs no undoing:
 * its last values stay when the program is killed, and a member counts no more
 * as soon as its thread has ended. vfork(2), and with it posix_spawn(3), runs
 * no handlers: such a child is as if it were not there until it executes.
 *
 * Linux: futexes. It allocates nothing after begin() but what a profile takes
 * while it is written, and takes the allocator's locks only inside the
 * allocator's own functions. With glibc, what sits in the caches of threads
 * (tcache) counts as allocated; and mallinfo2() walks the free lists of every
 * arena under its lock, so that a badly fragmented heap is read less often:
 * the thread is idle for IDLE_TIMES as long as it reads.
 */
#include "plateau_tally.h"

#include "build_ids.h"
#include "dump_folder.h"
#include "interposed_malloc.h"
#include "member.h"
#include "size_classes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PERIOD_MS = 100,
    IDLE_TIMES = 100,
    STACK_BYTES = 128 * 1024,
    PATH_SIZE = 4096,
    PID_SIZE = 16,
};

typedef int mallctl_function(const char *, void *, size_t *, void *, size_t);

enum figure {
    ALLOCATED,
    ACTIVE,
    METADATA,
    RESIDENT,
    MAPPED,
    RETAINED,
    DIRTY,
    MUZZY,
    FIGURES_COUNT,
};

static const struct {
    const char *gauge;
    const char *control; /* of jemalloc */
    bool is_in_pages;
} figures[FIGURES_COUNT] = {
    [ALLOCATED] = {"heap/allocated", "stats.allocated", false},
    [ACTIVE] = {"heap/active", "stats.active", false},
    [METADATA] = {"heap/metadata", "stats.metadata", false},
    [RESIDENT] = {"heap/resident", "stats.resident", false},
    [MAPPED] = {"heap/mapped", "stats.mapped", false},
    [RETAINED] = {"heap/retained", "stats.retained", false},
    [DIRTY] = {"heap/dirty", "stats.arenas.4096.pdirty", true},
    [MUZZY] = {"heap/muzzy", "stats.arenas.4096.pmuzzy", true},
};

/* What the program's memory comes from. */
struct allocator {
    unsigned figures; /* that it has: a bit each */
    void (*purge)(void);
    void (*publish)(void);
    void (*profile)(const char *path);
};

static struct {
    struct plateau_tally *tally;
    struct plateau_tally_member *member; /* NULL: the page is ours */
    bool is_owner;
    struct plateau_tally_entry *entries[FIGURES_COUNT];
    const struct allocator *allocator;
    mallctl_function *mallctl; /* of jemalloc */
    size_t page_bytes;         /* of jemalloc */
    struct size_classes classes;
} preload;

static void put(enum figure figure, uint64_t bytes)
{
    if (preload.is_owner) {
        plateau_tally_set(preload.entries[figure], bytes);
    } else {
        member_set(preload.member, figure, bytes);
    }
}

/* --- jemalloc --------------------------------------------------------------
 */

/* A jemalloc that was built with a prefix has it here too. */
static mallctl_function *find_mallctl(bool *ret_has_prefix)
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
            *ret_has_prefix = i > 0;
            return found.function;
        }
    }
    return NULL;
}

static void purge_jemalloc(void)
{
    (void)preload.mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
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
            put((enum figure)i,
                bytes * (figures[i].is_in_pages ? preload.page_bytes : 1));
        }
    }
}

/* The other functions stand beside mallctl() under the same prefix, if any. */
static void open_jemalloc(bool has_prefix)
{
    struct size_classes_source source = {.mallctl = preload.mallctl};
    void *found[2] = {
        dlsym(RTLD_DEFAULT,
              has_prefix ? "je_mallctlnametomib" : "mallctlnametomib"),
        dlsym(RTLD_DEFAULT, has_prefix ? "je_mallctlbymib" : "mallctlbymib"),
    };
    size_t size = sizeof preload.page_bytes;
    (void)preload.mallctl("arenas.page", &preload.page_bytes, &size, NULL, 0);
    if (preload.is_owner && found[0] != NULL && found[1] != NULL) {
        memcpy(&source.mallctlnametomib, &found[0], sizeof found[0]);
        memcpy(&source.mallctlbymib, &found[1], sizeof found[1]);
        size_classes_open(&preload.classes, &source, preload.tally);
    }
}

static void append_build_ids(const char *path)
{
    int fd = dump_folder_open_file(path, O_WRONLY | O_APPEND);
    if (fd >= 0) {
        build_ids_append(fd);
        (void)close(fd);
    }
}

/* Of a jemalloc that was told to profile; another says so and writes none. */
static void profile_jemalloc(const char *path)
{
    char text[PATH_SIZE];
    const char *place = dump_folder_path(path, text, sizeof text);
    if (preload.mallctl("prof.dump", NULL, NULL, &place, sizeof place) == 0) {
        append_build_ids(path);
    }
}

/* --- glibc's ---------------------------------------------------------------
 */

static bool is_in_libc(void *function)
{
    struct mallinfo2 (*const known)(void) = mallinfo2;
    void *libc = NULL;
    Dl_info ours, theirs;
    memcpy(&libc, &known, sizeof libc);
    return function != NULL && dladdr(function, &theirs) != 0 &&
           dladdr(libc, &ours) != 0 && ours.dli_fbase == theirs.dli_fbase;
}

static void purge_glibc(void)
{
    (void)malloc_trim(0);
}

/* All arenas are in these sums, and the blocks that are maps of their own
 * (malloc/malloc.c, __libc_mallinfo2; mallinfo(3) says otherwise, of old). No
 * count of pages is kept: active is what the arenas span. */
static void publish_glibc(void)
{
    struct mallinfo2 info = mallinfo2();
    put(ALLOCATED, info.uordblks + info.hblkhd);
    put(ACTIVE, info.arena + info.hblkhd);
    put(MAPPED, info.arena + info.hblkhd);
    put(RETAINED, info.fordblks);
}

static void profile_glibc(const char *path)
{
    int fd = dump_folder_open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd >= 0) {
        bool has_any = interposed_malloc_write(fd) != -ENODATA;
        (void)close(fd);
        if (has_any) {
            append_build_ids(path);
        } else {
            dump_folder_unlink(path);
        }
    }
}

/* --- another ---------------------------------------------------------------
 */

static void do_nothing(void)
{
}

static void write_nothing(const char *path)
{
    (void)path;
}

enum { BIT_ALL = (1 << FIGURES_COUNT) - 1 };

static const struct allocator jemalloc = {
    .figures = BIT_ALL,
    .purge = purge_jemalloc,
    .publish = publish_jemalloc,
    .profile = profile_jemalloc,
};
static const struct allocator glibc = {
    .figures = 1 << ALLOCATED | 1 << ACTIVE | 1 << MAPPED | 1 << RETAINED,
    .purge = purge_glibc,
    .publish = publish_glibc,
    .profile = profile_glibc,
};
static const struct allocator another = {
    .purge = do_nothing,
    .publish = do_nothing,
    .profile = write_nothing,
};

static const struct allocator *find_allocator(void)
{
    bool has_prefix = false;
    preload.mallctl = find_mallctl(&has_prefix);
    if (preload.mallctl != NULL) {
        open_jemalloc(has_prefix);
    }
    return preload.mallctl != NULL                     ? &jemalloc
           : is_in_libc(interposed_malloc_served_by()) ? &glibc
                                                       : &another;
}

/* --- the thread ------------------------------------------------------------
 */

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Until the harness asks for something else than |seen|, or time is up. */
static void sleep_on_request(uint32_t seen, int64_t most_ns)
{
    const struct timespec most = {
        .tv_sec = most_ns / 1000000000,
        .tv_nsec = most_ns % 1000000000,
    };
    (void)syscall(SYS_futex, &preload.tally->request, FUTEX_WAIT, seen, &most,
                  NULL, 0);
}

static uint32_t find_asked(void)
{
    return preload.is_owner ? plateau_tally_asked(preload.tally)
                            : member_asked(preload.tally, preload.member);
}

static void answer(uint32_t asked)
{
    char path[PATH_SIZE];
    if (preload.is_owner) {
        size_classes_publish(&preload.classes);
    }
    if (plateau_tally_profile(preload.tally, path, sizeof path - PID_SIZE)) {
        if (!preload.is_owner) {
            (void)snprintf(path + strlen(path), PID_SIZE, ".%d", (int)getpid());
        }
        preload.allocator->profile(path);
    }
    if (preload.is_owner) {
        plateau_tally_answer(preload.tally, asked);
    } else {
        member_answer(preload.member, asked);
    }
}

/* Takes a place, for the thread that runs this. */
static bool join(void)
{
    preload.member = member_join(preload.tally);
    for (uint32_t i = 0; preload.member != NULL && i < FIGURES_COUNT; i++) {
        if (preload.allocator->figures & 1u << i) {
            member_gauge(preload.tally, preload.member, i, figures[i].gauge);
        }
    }
    return preload.member != NULL;
}

static void *serve(void *unused)
{
    (void)unused;
    interposed_malloc_exempt();
    if (!preload.is_owner && !join()) {
        return NULL;
    }
    for (;;) {
        uint32_t seen =
            __atomic_load_n(&preload.tally->request, __ATOMIC_ACQUIRE);
        uint32_t asked = find_asked();
        if (asked != 0) {
            preload.allocator->purge();
        }
        int64_t begin_ns = now_ns();
        preload.allocator->publish();
        int64_t idle_ns = (now_ns() - begin_ns) * IDLE_TIMES;
        if (asked != 0) {
            answer(asked);
        }
        sleep_on_request(seen, idle_ns > PERIOD_MS * INT64_C(1000000)
                                   ? idle_ns
                                   : PERIOD_MS * INT64_C(1000000));
    }
    return NULL;
}

/* Who gives up its rights does so in all its threads: the C library has each
 * call setresuid(2) and the like, and aborts the program where that fails in
 * one and not in another (nptl/nptl_setxid.c). The rights that are kept over it
 * (PR_SET_KEEPCAPS, then capset(2): setpriv, chronyd, whoever has libcap-ng)
 * are kept by the thread that asks. Ours keeps all that it is born with, so
 * that it can follow wherever the program goes. What was |before| is for the
 * other threads. */
static void keep_rights(int before, bool is_kept)
{
    if (before >= 0) {
        (void)prctl(PR_SET_SECUREBITS,
                    is_kept ? before | SECBIT_NO_SETUID_FIXUP : before);
    }
}

static bool start_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int bits = prctl(PR_GET_SECUREBITS);
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    keep_rights(bits, true);
    int result = pthread_create(&thread, &attributes, serve, NULL);
    keep_rights(bits, false);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return result == 0;
}

/* Where the harness wants profiles: of glibc's allocator by samples. */
static void begin_profiles(void)
{
    const char *prefix = getenv(PLATEAU_TALLY_HEAP_ENV);
    const char *sample = getenv(PLATEAU_TALLY_HEAP_SAMPLE_ENV);
    unsigned long long sample_bytes =
        sample != NULL ? strtoull(sample, NULL, 10) : 0;
    if (prefix == NULL || prefix[0] == '\0') {
        return;
    }
    dump_folder_hold(prefix);
    if (preload.allocator == &glibc && sample_bytes > 0) {
        (void)interposed_malloc_begin(sample_bytes, preload.tally->generation);
    }
}

/* In the child. Its parent's thread, and with it the page or the place, stayed
 * behind; the allocator is the same. */
static void begin_after_fork(void)
{
    int before = errno;
    preload.is_owner = false;
    preload.member = NULL;
    interposed_malloc_begin_anew();
    (void)start_thread();
    errno = before;
}

/* What the page is to say of the program that was started with it. */
static void begin_page(void)
{
    for (int i = 0; i < FIGURES_COUNT; i++) {
        if (preload.allocator->figures & 1u << i) {
            preload.entries[i] =
                plateau_tally_gauge(preload.tally, figures[i].gauge, "B");
        }
    }
    preload.allocator->publish();
}

__attribute__((constructor)) static void begin(void)
{
    int before = errno;
    preload.tally = plateau_tally_map();
    if (preload.tally != NULL) {
        preload.is_owner = plateau_tally_claim(preload.tally);
        preload.allocator = find_allocator();
        if (preload.is_owner) {
            begin_page();
        }
        begin_profiles();
        (void)start_thread();
        (void)pthread_atfork(NULL, NULL, begin_after_fork);
    }
    errno = before;
}
