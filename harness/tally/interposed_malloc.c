/* interposed_malloc.c - malloc(3) and its kin, before the program's own.
 *
 * Happy path: the loader resolves the program's calls to the functions below,
 * which pass them on to the next library that defines them (RTLD_NEXT) and
 * count the bytes. Once interposed_malloc_begin() was called, the byte that is
 * picked makes its object a sample: the stack is unwound and remembered, until
 * free() or realloc() is handed that address.
 *
 * Failure modes. The program brings its own malloc: one in the executable is
 * never seen here (but for reallocarray(), which few have); one in a shared
 * library is passed every call, and no samples are taken, for it has functions
 * that free what we would not see (sdallocx). dlsym() allocates while the next
 * functions are looked for: it is served from |early|, which is never freed.
 * The unwinder allocates: |own.is_inside| passes that on uncounted. A fork: the
 * child's heap is an empty one (sampled_heap.h), and there is no lock of ours
 * that a thread it lacks could hold. A signal handler that calls malloc is as
 * broken as without us. A library that was bound to libc's free() alone
 * (RTLD_DEEPBIND) leaves a sample behind until its address is used again.
 *
 * Stacks are unwound by the tables that the ABI wants in every program
 * (.eh_frame), by libgcc's unwinder, as jemalloc's profiler does it: a walk of
 * frame pointers, though ten times as quick, ends in the first library of a
 * distribution, which are built without. The unwinder is linked in, not loaded:
 * backtrace(3) would call dlopen() for it, and that malloc().
 */
#include "interposed_malloc.h"

#include "defined_symbol.h"
#include "sampled_heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

enum {
    EARLY_BYTES = 16 * 1024, /* dlsym() of old C libraries takes 32 */
    EARLY_ALIGNMENT = 16,
    WALK_MAX = SAMPLED_HEAP_DEPTH_MAX + 8, /* our own frames are skipped */
};

#define EXPORTED __attribute__((visibility("default")))
#define UNLIKELY(condition) __builtin_expect((condition), 0)

/* The functions that come next in the order in which the loader looks. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
} next;

static struct sampled_heap *heap; /* NULL: no samples are taken */
static struct {
    uint64_t sample_bytes;
    uint64_t seed;
} settings; /* of |heap| */

/* Static TLS: the dynamic kind is allocated by malloc. */
static __thread struct {
    struct sampled_heap_thread sampling;
    bool is_inside;
} own __attribute__((tls_model("initial-exec")));

static struct {
    bool is_looking;
    size_t used;
    _Alignas(EARLY_ALIGNMENT) unsigned char bytes[EARLY_BYTES];
} early;

/* --- before the next functions are known ------------------------------------
 */

/* POSIX guarantees that a function fits (dlsym(3p), RATIONALE). */
#define LOOK_FOR(name)                                                         \
    do {                                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                                 \
        memcpy(&next.name, &found, sizeof found);                              \
    } while (0)

/* The first call comes from the loader itself, before there are threads. */
static void look_for_next(void)
{
    early.is_looking = true;
    LOOK_FOR(calloc);
    LOOK_FOR(realloc);
    LOOK_FOR(free);
    LOOK_FOR(aligned_alloc);
    LOOK_FOR(memalign);
    LOOK_FOR(posix_memalign);
    LOOK_FOR(valloc);
    LOOK_FOR(pvalloc);
    LOOK_FOR(malloc);
    early.is_looking = false;
}

/* Zeroed. NULL when it is used up. */
static void *take_early(size_t size)
{
    size_t bytes =
        (size + EARLY_ALIGNMENT - 1) & ~(size_t)(EARLY_ALIGNMENT - 1);
    if (size > EARLY_BYTES || bytes > EARLY_BYTES - early.used) {
        errno = ENOMEM;
        return NULL;
    }
    void *object = early.bytes + early.used;
    early.used += bytes;
    return object;
}

static bool is_early(const void *object)
{
    return (uintptr_t)object - (uintptr_t)early.bytes < EARLY_BYTES;
}

/* Whether the next functions are there; looks for them at first. */
static inline bool is_known(void)
{
    if (UNLIKELY(next.malloc == NULL)) {
        if (early.is_looking) {
            return false;
        }
        look_for_next();
        if (next.malloc == NULL) {
            static const char words[] =
                "plateau: no malloc() behind that of the preload library\n";
            (void)!write(2, words, sizeof words - 1);
            abort();
        }
    }
    return true;
}

/* --- samples ----------------------------------------------------------------
 */

struct walk {
    uintptr_t *frames;
    size_t count;
    size_t steps;
    uintptr_t caller; /* where the frames of the program begin */
    bool has_begun;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *argument)
{
    struct walk *walk = argument;
    uintptr_t address = _Unwind_GetIP(context);
    walk->has_begun = walk->has_begun || address == walk->caller;
    if (walk->has_begun && address != 0) {
        walk->frames[walk->count++] = address;
    }
    walk->steps++;
    return address == 0 || walk->count == SAMPLED_HEAP_DEPTH_MAX ||
                   walk->steps == WALK_MAX
               ? _URC_NORMAL_STOP
               : _URC_NO_REASON;
}

/* The stack from the call that returns to |caller| outwards; that call alone
 * where there are no tables to go by. */
static size_t unwind(uintptr_t frames[SAMPLED_HEAP_DEPTH_MAX], void *caller)
{
    struct walk walk = {.frames = frames, .caller = (uintptr_t)caller};
    (void)_Unwind_Backtrace(step, &walk);
    if (walk.count == 0) {
        frames[walk.count++] = walk.caller;
    }
    return walk.count;
}

static __attribute__((noinline)) void consider(const void *object, size_t bytes,
                                               void *caller)
{
    uintptr_t frames[SAMPLED_HEAP_DEPTH_MAX];
    int before = errno;
    if (own.is_inside) {
        return;
    }
    own.is_inside = true;
    if (sampled_heap_pick(heap, &own.sampling, bytes)) {
        sampled_heap_take(heap, object, bytes, frames, unwind(frames, caller));
    }
    own.is_inside = false;
    errno = before;
}

/* What glibc takes for |size| bytes: a header of one word, in steps of two,
 * four words at least (malloc/malloc.c, request2size). Larger blocks that are
 * maps of their own take up to a page more. */
static inline size_t chunk_bytes(size_t size)
{
    const size_t word = sizeof(size_t);
    size_t bytes = (size + 3 * word - 1) & ~(2 * word - 1);
    return bytes < 4 * word ? 4 * word : bytes;
}

/* An object of |size| bytes was allocated, unless it is NULL. */
static inline void allocated(const void *object, size_t size, void *caller)
{
    if (heap != NULL && object != NULL) {
        size_t bytes = chunk_bytes(size);
        if (UNLIKELY(sampled_heap_count(&own.sampling, bytes))) {
            consider(object, bytes, caller);
        }
    }
}

/* --- the functions of the C library ------------------------------------------
 */

EXPORTED void *malloc(size_t size)
{
    if (!is_known()) {
        return take_early(size);
    }
    void *object = next.malloc(size);
    allocated(object, size, __builtin_return_address(0));
    return object;
}

EXPORTED void *calloc(size_t count, size_t size)
{
    size_t bytes = 0;
    bool is_too_much = __builtin_mul_overflow(count, size, &bytes);
    if (!is_known()) {
        return take_early(is_too_much ? SIZE_MAX : bytes);
    }
    void *object = next.calloc(count, size);
    allocated(object, bytes, __builtin_return_address(0));
    return object;
}

EXPORTED void free(void *object)
{
    if (UNLIKELY(is_early(object)) || !is_known()) {
        return;
    }
    if (heap != NULL && UNLIKELY(sampled_heap_may_hold(heap, object))) {
        (void)sampled_heap_drop(heap, object, NULL);
    }
    next.free(object);
}

/* The old object leaves the profile before another thread may be given its
 * address, and comes back where it was not moved for want of memory. */
static void *resize(void *object, size_t size, void *caller)
{
    struct sampled_heap_sample sample;
    if (!is_known() || UNLIKELY(object != NULL && is_early(object))) {
        void *moved = is_known() ? next.malloc(size) : take_early(size);
        if (moved != NULL && object != NULL) {
            size_t room =
                (size_t)(early.bytes + EARLY_BYTES - (unsigned char *)object);
            memcpy(moved, object, size < room ? size : room);
        }
        return moved;
    }
    bool was_held = heap != NULL && object != NULL &&
                    sampled_heap_may_hold(heap, object) &&
                    sampled_heap_drop(heap, object, &sample);
    void *resized = next.realloc(object, size);
    if (was_held && resized == NULL && size > 0) {
        sampled_heap_put_back(heap, object, &sample);
    }
    allocated(resized, size, caller);
    return resized;
}

EXPORTED void *realloc(void *object, size_t size)
{
    return resize(object, size, __builtin_return_address(0));
}

/* realloc() as it is here, whoever's the program calls. */
static __typeof__(realloc) our_realloc
    __attribute__((alias("realloc"), nothrow));

/* An allocator within the executable may lack this one: glibc's calls whatever
 * realloc() the program has, and so do we. */
EXPORTED void *reallocarray(void *object, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc == our_realloc
               ? resize(object, bytes, __builtin_return_address(0))
               : realloc(object, bytes);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    void *object = is_known() ? next.aligned_alloc(alignment, size) : NULL;
    allocated(object, size, __builtin_return_address(0));
    return object;
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
    void *object = is_known() ? next.memalign(alignment, size) : NULL;
    allocated(object, size, __builtin_return_address(0));
    return object;
}

EXPORTED int posix_memalign(void **ret_object, size_t alignment, size_t size)
{
    int result =
        is_known() ? next.posix_memalign(ret_object, alignment, size) : ENOMEM;
    allocated(result == 0 ? *ret_object : NULL, size,
              __builtin_return_address(0));
    return result;
}

EXPORTED void *valloc(size_t size)
{
    void *object = is_known() ? next.valloc(size) : NULL;
    allocated(object, size, __builtin_return_address(0));
    return object;
}

EXPORTED void *pvalloc(size_t size)
{
    void *object = is_known() ? next.pvalloc(size) : NULL;
    allocated(object, size, __builtin_return_address(0));
    return object;
}

/* --- for preload.c -----------------------------------------------------------
 */

void *interposed_malloc_served_by(void)
{
    Dl_info first, ours;
    void *function = defined_symbol("malloc");
    if (function != NULL && is_known() && dladdr(function, &first) != 0 &&
        dladdr(&heap, &ours) != 0 && first.dli_fbase == ours.dli_fbase) {
        memcpy(&function, &next.malloc, sizeof function);
    }
    return function;
}

bool interposed_malloc_begin(uint64_t sample_bytes, uint64_t seed)
{
    uintptr_t frames[SAMPLED_HEAP_DEPTH_MAX];
    void *served_by = interposed_malloc_served_by();
    if (!is_known() ||
        memcmp(&served_by, &next.malloc, sizeof served_by) != 0) {
        return false;
    }
    (void)unwind(frames, NULL); /* it makes itself ready at its first use */
    settings.sample_bytes = sample_bytes;
    settings.seed = seed;
    struct sampled_heap *opened = sampled_heap_open(sample_bytes, seed);
    __atomic_store_n(&heap, opened, __ATOMIC_RELEASE);
    return opened != NULL;
}

/* With draws of its own: siblings with the same would err alike. */
void interposed_malloc_begin_anew(void)
{
    if (heap != NULL) {
        own.sampling = (struct sampled_heap_thread){0};
        sampled_heap_begin_anew(heap, settings.sample_bytes,
                                settings.seed ^ (uint64_t)getpid() << 32);
    }
}

void interposed_malloc_exempt(void)
{
    own.is_inside = true;
}

int interposed_malloc_write(int fd)
{
    return heap != NULL ? sampled_heap_write(heap, fd) : -ENODATA;
}
