#include "sampled_heap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    STACK_BUCKETS = 1 << 14,
    BUFFER_BYTES = 1 << 16,
    FRAME_TEXT_MAX = 3 + 16, /* " 0x" and digits */
    LINE_MAX_BYTES = 128,
};

/* Beyond, a sample that finds no room is left out: no program allocates so
 * much. */
#define SAMPLE_BYTES_MAX (UINT64_C(1) << 48)

struct live {
    uintptr_t object;
    uint64_t bytes;
    uint32_t stack;
    uint32_t next; /* in its bucket, or of the free ones; plus 1 */
};

struct sums {
    uint64_t objects;
    uint64_t bytes;
};

struct stack {
    uint64_t hash;
    struct sums sums;
    uint32_t frames_first;
    uint32_t frames_count;
    uint32_t next; /* in its bucket; plus 1 */
};

/* Zeroed memory is an empty heap that takes nothing. Stack 0 has no frames: it
 * stands for those that found no room. */
struct sampled_heap_body {
    pthread_mutex_t mutex;
    uint64_t sample_bytes; /* 0: a forked child's */
    uint64_t seed;
    uint64_t threads_count; /* that have drawn so far */
    struct rng rng;
    uint32_t live_count; /* entries used so far, free ones included */
    uint32_t free_first; /* plus 1 */
    uint32_t stacks_count;
    uint32_t frames_count;
    uint32_t stack_buckets[STACK_BUCKETS];
    struct live live[SAMPLED_HEAP_LIVE_MAX];
    struct stack stacks[SAMPLED_HEAP_STACKS_MAX];
    uintptr_t frames[SAMPLED_HEAP_FRAMES_MAX];
    /* While a dump is written. */
    struct sums copies[SAMPLED_HEAP_STACKS_MAX];
    char buffer[BUFFER_BYTES];
};

struct region {
    struct sampled_heap heap;
    struct sampled_heap_body body;
};

/* --- the heap --------------------------------------------------------------
 */

struct sampled_heap *sampled_heap_open(uint64_t sample_bytes, uint64_t seed)
{
    struct region *region =
        mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        return NULL;
    }
    if (madvise(region, sizeof *region, MADV_WIPEONFORK) != 0) {
        (void)munmap(region, sizeof *region);
        return NULL;
    }
    /* Touched here and there: huge pages would make all of it resident. */
    (void)madvise(region, sizeof *region, MADV_NOHUGEPAGE);
    sampled_heap_begin_anew(&region->heap, sample_bytes, seed);
    return &region->heap;
}

void sampled_heap_begin_anew(struct sampled_heap *heap, uint64_t sample_bytes,
                             uint64_t seed)
{
    struct region *region = (void *)heap; /* its first member */
    struct sampled_heap_body *body = &region->body;
    (void)pthread_mutex_init(&body->mutex, NULL);
    rng_init(&body->rng, seed, 0);
    body->seed = seed;
    body->stacks_count = 1;
    body->sample_bytes = sample_bytes;
    heap->body = body;
}

void sampled_heap_close(struct sampled_heap *heap)
{
    if (heap != NULL) {
        (void)munmap(heap, sizeof(struct region));
    }
}

/* The distance to the next picked byte is exponential. Rounded down: a byte
 * count falls short of it if and only if it falls short of that. */
static int64_t draw(struct rng *rng, uint64_t sample_bytes)
{
    return (int64_t)(-log(rng_unit(rng)) * (double)sample_bytes);
}

static double chance_of(uint64_t bytes, uint64_t sample_bytes)
{
    return -expm1(-(double)bytes / (double)sample_bytes);
}

/* Whether a sample of |from| is one of |to|, which is no less, too. */
static bool survives(struct rng *rng, uint64_t bytes, uint64_t from,
                     uint64_t to)
{
    return rng_unit(rng) * chance_of(bytes, from) <= chance_of(bytes, to);
}

/* The exponential distribution has no memory: after a sample, and after a byte
 * count that fell short, the distance to the next is distributed as ever. */
bool sampled_heap_pick(struct sampled_heap *heap,
                       struct sampled_heap_thread *thread, size_t bytes)
{
    struct sampled_heap_body *body = heap->body;
    uint64_t sample_bytes =
        body == NULL ? 0
                     : __atomic_load_n(&body->sample_bytes, __ATOMIC_RELAXED);
    if (sample_bytes == 0) {
        thread->left_bytes = INT64_MAX;
        return false;
    }
    if (thread->sample_bytes == 0) {
        uint64_t stream =
            __atomic_add_fetch(&body->threads_count, 1, __ATOMIC_RELAXED);
        rng_init(&thread->rng, body->seed, stream);
        thread->sample_bytes = sample_bytes;
        thread->left_bytes = draw(&thread->rng, sample_bytes);
        if (!sampled_heap_count(thread, bytes)) {
            return false;
        }
    }
    bool is_sample =
        survives(&thread->rng, bytes, thread->sample_bytes, sample_bytes);
    thread->sample_bytes = sample_bytes;
    thread->left_bytes = draw(&thread->rng, sample_bytes);
    return is_sample;
}

/* --- stacks, under the lock ------------------------------------------------
 */

static uint32_t find_stack(struct sampled_heap_body *body,
                           const uintptr_t *frames, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        hash = rng_mix(hash ^ frames[i]);
    }
    uint32_t *bucket = &body->stack_buckets[hash % STACK_BUCKETS];
    for (uint32_t at = *bucket; at != 0; at = body->stacks[at - 1].next) {
        const struct stack *stack = &body->stacks[at - 1];
        if (stack->hash == hash && stack->frames_count == count &&
            memcmp(body->frames + stack->frames_first, frames,
                   count * sizeof *frames) == 0) {
            return at - 1;
        }
    }
    if (count == 0 || body->stacks_count == SAMPLED_HEAP_STACKS_MAX ||
        count > SAMPLED_HEAP_FRAMES_MAX - body->frames_count) {
        return 0;
    }
    uint32_t id = body->stacks_count++;
    struct stack *stack = &body->stacks[id];
    *stack = (struct stack){
        .hash = hash,
        .frames_first = body->frames_count,
        .frames_count = (uint32_t)count,
        .next = *bucket,
    };
    *bucket = id + 1;
    memcpy(body->frames + stack->frames_first, frames, count * sizeof *frames);
    body->frames_count += (uint32_t)count;
    return id;
}

/* --- live samples, under the lock ------------------------------------------
 */

static bool remove_live(struct sampled_heap *heap, uintptr_t object,
                        struct sampled_heap_sample *ret_sample)
{
    struct sampled_heap_body *body = heap->body;
    uint32_t *bucket = &heap->buckets[sampled_heap_bucket((void *)object)];
    uint32_t *at = bucket;
    while (*at != 0 && body->live[*at - 1].object != object) {
        at = &body->live[*at - 1].next;
    }
    if (*at == 0) {
        return false;
    }
    uint32_t id_plus_1 = *at;
    struct live *live = &body->live[id_plus_1 - 1];
    body->stacks[live->stack].sums.objects--;
    body->stacks[live->stack].sums.bytes -= live->bytes;
    *ret_sample = (struct sampled_heap_sample){live->bytes, live->stack};
    __atomic_store_n(at, live->next, __ATOMIC_RELAXED);
    live->object = 0;
    live->next = body->free_first;
    body->free_first = id_plus_1;
    return true;
}

/* Doubles the interval, and leaves of the samples those that it would have
 * taken. */
static void thin(struct sampled_heap *heap)
{
    struct sampled_heap_body *body = heap->body;
    uint64_t from = body->sample_bytes;
    __atomic_store_n(&body->sample_bytes, 2 * from, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < body->live_count; i++) {
        const struct live *live = &body->live[i];
        struct sampled_heap_sample removed;
        if (live->object != 0 &&
            !survives(&body->rng, live->bytes, from, 2 * from)) {
            (void)remove_live(heap, live->object, &removed);
        }
    }
}

/* False: the sample is to be left out. */
static bool make_room(struct sampled_heap *heap, uint64_t bytes)
{
    struct sampled_heap_body *body = heap->body;
    while (body->free_first == 0 && body->live_count == SAMPLED_HEAP_LIVE_MAX) {
        uint64_t from = body->sample_bytes;
        if (from >= SAMPLE_BYTES_MAX) {
            return false;
        }
        thin(heap);
        if (!survives(&body->rng, bytes, from, body->sample_bytes)) {
            return false;
        }
    }
    return true;
}

static void add_live(struct sampled_heap *heap, uintptr_t object,
                     uint64_t bytes, uint32_t stack)
{
    struct sampled_heap_body *body = heap->body;
    uint32_t *bucket = &heap->buckets[sampled_heap_bucket((void *)object)];
    uint32_t id =
        body->free_first != 0 ? body->free_first - 1 : body->live_count++;
    struct live *live = &body->live[id];
    if (body->free_first != 0) {
        body->free_first = live->next;
    }
    *live = (struct live){object, bytes, stack, *bucket};
    __atomic_store_n(bucket, id + 1, __ATOMIC_RELAXED);
    body->stacks[stack].sums.objects++;
    body->stacks[stack].sums.bytes += bytes;
}

void sampled_heap_take(struct sampled_heap *heap, const void *object,
                       size_t bytes, const uintptr_t *frames, size_t count)
{
    struct sampled_heap_body *body = heap->body;
    struct sampled_heap_sample stale;
    count = count > SAMPLED_HEAP_DEPTH_MAX ? SAMPLED_HEAP_DEPTH_MAX : count;
    (void)pthread_mutex_lock(&body->mutex);
    (void)remove_live(heap, (uintptr_t)object, &stale);
    if (make_room(heap, bytes)) {
        add_live(heap, (uintptr_t)object, bytes,
                 find_stack(body, frames, count));
    }
    (void)pthread_mutex_unlock(&body->mutex);
}

bool sampled_heap_drop(struct sampled_heap *heap, const void *object,
                       struct sampled_heap_sample *ret_sample)
{
    struct sampled_heap_sample sample;
    (void)pthread_mutex_lock(&heap->body->mutex);
    bool was_held = remove_live(heap, (uintptr_t)object, &sample);
    (void)pthread_mutex_unlock(&heap->body->mutex);
    if (was_held && ret_sample != NULL) {
        *ret_sample = sample;
    }
    return was_held;
}

void sampled_heap_put_back(struct sampled_heap *heap, const void *object,
                           const struct sampled_heap_sample *sample)
{
    (void)pthread_mutex_lock(&heap->body->mutex);
    if (make_room(heap, sample->bytes)) {
        add_live(heap, (uintptr_t)object, sample->bytes, sample->stack);
    }
    (void)pthread_mutex_unlock(&heap->body->mutex);
}

/* --- the dump ---------------------------------------------------------------
 */

struct writer {
    int fd;
    char *buffer;
    size_t used;
    int result; /* the first failure; nothing is written after it */
};

static void flush(struct writer *writer)
{
    size_t done = 0;
    while (writer->result == 0 && done < writer->used) {
        ssize_t count =
            write(writer->fd, writer->buffer + done, writer->used - done);
        if (count < 0 && errno != EINTR) {
            writer->result = -errno;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    writer->used = 0;
}

/* Room for |bytes|, at most BUFFER_BYTES. */
static char *reserve(struct writer *writer, size_t bytes)
{
    if (BUFFER_BYTES - writer->used < bytes) {
        flush(writer);
    }
    return writer->buffer + writer->used;
}

static void write_text(struct writer *writer, const char *text)
{
    size_t size = strlen(text);
    memcpy(reserve(writer, size), text, size);
    writer->used += size;
}

static void write_sums(struct writer *writer, const struct sums *sums)
{
    char *at = reserve(writer, LINE_MAX_BYTES);
    writer->used += (size_t)snprintf(at, LINE_MAX_BYTES,
                                     "  t*: %" PRIu64 ": %" PRIu64 " [0: 0]\n",
                                     sums->objects, sums->bytes);
}

static void write_frame(struct writer *writer, uintptr_t frame)
{
    static const char digits[] = "0123456789abcdef";
    char *at = reserve(writer, FRAME_TEXT_MAX);
    size_t size = 3;
    int shift = 4 * (int)(2 * sizeof frame - 1);
    while (shift > 0 && frame >> shift == 0) {
        shift -= 4;
    }
    memcpy(at, " 0x", size);
    for (; shift >= 0; shift -= 4) {
        at[size++] = digits[frame >> shift & 15];
    }
    writer->used += size;
}

static void write_maps(struct writer *writer)
{
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    ssize_t count = maps < 0 ? -1 : 1;
    while (writer->result == 0 && count > 0) {
        count = read(maps, reserve(writer, BUFFER_BYTES), BUFFER_BYTES);
        writer->used += count > 0 ? (size_t)count : 0;
    }
    if (count < 0 && writer->result == 0) {
        writer->result = -errno;
    }
    if (maps >= 0) {
        (void)close(maps);
    }
}

int sampled_heap_write(struct sampled_heap *heap, int fd)
{
    struct sampled_heap_body *body = heap->body;
    if (body == NULL) {
        return -ENODATA;
    }
    struct writer writer = {.fd = fd, .buffer = body->buffer};
    struct sums total = {0};
    char head[LINE_MAX_BYTES];
    (void)pthread_mutex_lock(&body->mutex);
    uint64_t sample_bytes = body->sample_bytes;
    uint32_t count = body->stacks_count;
    for (uint32_t i = 0; i < count; i++) {
        body->copies[i] = body->stacks[i].sums;
    }
    (void)pthread_mutex_unlock(&body->mutex);

    /* A stack, once it is there, stays as it is. */
    for (uint32_t i = 0; i < count; i++) {
        total.objects += body->copies[i].objects;
        total.bytes += body->copies[i].bytes;
    }
    (void)snprintf(head, sizeof head, "heap_v2/%" PRIu64 "\n", sample_bytes);
    write_text(&writer, head);
    write_sums(&writer, &total);
    for (uint32_t i = 0; i < count; i++) {
        const struct stack *stack = &body->stacks[i];
        if (body->copies[i].objects > 0) {
            write_text(&writer, "@");
            for (uint32_t j = 0; j < stack->frames_count; j++) {
                write_frame(&writer, body->frames[stack->frames_first + j]);
            }
            write_text(&writer, "\n");
            write_sums(&writer, &body->copies[i]);
        }
    }
    write_text(&writer, "\nMAPPED_LIBRARIES:\n");
    write_maps(&writer);
    write_text(&writer, "sampler: plateau\n");
    flush(&writer);
    return writer.result;
}
