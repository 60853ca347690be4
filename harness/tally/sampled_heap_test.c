/* What is sampled stands for what is held, as the reader of heap dumps unbiases
 * it; at the bounds too. Nothing is allocated: objects are addresses. */
#include "sampled_heap.h"

#include "heap/jemalloc_dump.h"
#include "heap/profile.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint64_t seed = 20260414;

struct fixture {
    struct sampled_heap *heap;
    struct sampled_heap_thread thread;
    uintptr_t objects; /* handed out so far */
};

static void begin_with(struct fixture *f, uint64_t sample_bytes,
                       uint64_t its_seed)
{
    *f = (struct fixture){.heap = sampled_heap_open(sample_bytes, its_seed)};
    assert_non_null(f->heap);
}

static void begin(struct fixture *f, uint64_t sample_bytes)
{
    begin_with(f, sample_bytes, seed);
}

static void end(struct fixture *f)
{
    sampled_heap_close(f->heap);
}

static const void *address(uintptr_t object)
{
    return (const void *)(0x550000000000u + object * 16);
}

/* Allocates one object at the site |site|; returns it. */
static const void *allocate(struct fixture *f, size_t bytes, uintptr_t site)
{
    const uintptr_t frames[] = {site, site + 1, 0x1000};
    const void *object = address(f->objects++);
    if (sampled_heap_count(&f->thread, bytes) &&
        sampled_heap_pick(f->heap, &f->thread, bytes)) {
        sampled_heap_take(f->heap, object, bytes, frames, 3);
    }
    return object;
}

static void release(struct fixture *f, const void *object)
{
    if (sampled_heap_may_hold(f->heap, object)) {
        (void)sampled_heap_drop(f->heap, object, NULL);
    }
}

/* The profile, written and read as that of any program. */
static void read_back(struct fixture *f, struct words *words,
                      struct profile *profile)
{
    static char text[64 << 20];
    struct err err = {0};
    int fd = memfd_create("dump", MFD_CLOEXEC);
    assert_int_equal(sampled_heap_write(f->heap, fd), 0);
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    assert_true(size > 0 && (size_t)size < sizeof text - 1);
    text[size] = '\0';
    assert_int_equal(close(fd), 0);
    assert_int_equal(words_init(words), 0);
    profile_init(profile, words);
    int r = jemalloc_dump_parse("dump", text, (size_t)size, profile, &err);
    if (r != 0) {
        fail_msg("%s:%d: %s", err.file, err.line, err.sentence);
    }
}

static void totals(struct fixture *f, double *objects, double *bytes,
                   double *variance)
{
    struct words words;
    struct profile profile;
    read_back(f, &words, &profile);
    profile_total(&profile, objects, bytes, variance);
    profile_deinit(&profile);
    words_deinit(&words);
}

/* Small, about as large as the interval, and far larger; freed in part. */
static void stands_for_what_is_held(void **state)
{
    static const size_t sizes[] = {32, 1040, 65536, 1048576};
    enum { SITES = 4, EACH = 40000, KEPT_EVERY = 4 };
    struct fixture f;
    double held_bytes = 0, objects = 0, bytes = 0, variance = 0;
    (void)state;
    begin(&f, 65536);
    for (int i = 0; i < EACH; i++) {
        for (uintptr_t site = 0; site < SITES; site++) {
            const void *object = allocate(&f, sizes[site], 64 * site);
            if (i % KEPT_EVERY == 0) {
                held_bytes += (double)sizes[site];
            } else {
                release(&f, object);
            }
        }
    }
    totals(&f, &objects, &bytes, &variance);
    print_message("# seed %llu: held %.0f, said %.0f +- %.0f\n",
                  (unsigned long long)seed, held_bytes, bytes, sqrt(variance));
    assert_true(fabs(bytes - held_bytes) < 4 * sqrt(variance));
    assert_true(sqrt(variance) < 0.01 * held_bytes);
    /* Of the small ones few are samples, and each stands for thousands. */
    assert_true(fabs(objects / (SITES * EACH / KEPT_EVERY) - 1) < .5);
    end(&f);
}

/* Of many estimates the mean is what is held, and their spread what the reader
 * says of each. */
static void is_neither_too_high_nor_too_low(void **state)
{
    enum { ROUNDS = 400, HELD = 3000, BYTES = 112 };
    struct fixture f;
    double sum = 0, squares = 0, variances = 0;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double bytes = 0, variance = 0;
        begin_with(&f, 4096, seed + (uint64_t)round);
        for (int i = 0; i < HELD; i++) {
            (void)allocate(&f, BYTES, 1);
        }
        totals(&f, NULL, &bytes, &variance);
        sum += bytes;
        squares += bytes * bytes;
        variances += variance;
        end(&f);
    }
    double mean = sum / ROUNDS;
    double spread = sqrt(squares / ROUNDS - mean * mean);
    print_message("# held %d, mean %.0f, spread %.0f, said %.0f\n",
                  HELD * BYTES, mean, spread, sqrt(variances / ROUNDS));
    assert_true(fabs(mean - HELD * BYTES) < 4 * spread / sqrt(ROUNDS));
    assert_true(fabs(spread / sqrt(variances / ROUNDS) - 1) < .2);
}

static void what_is_freed_is_forgotten(void **state)
{
    struct fixture f;
    const void *objects[1000];
    double bytes = 1;
    (void)state;
    begin(&f, 1);
    for (int i = 0; i < 1000; i++) {
        objects[i] = allocate(&f, 64, (uintptr_t)i);
        assert_true(sampled_heap_may_hold(f.heap, objects[i]));
    }
    for (int i = 0; i < 1000; i++) {
        release(&f, objects[i]);
        assert_false(sampled_heap_drop(f.heap, objects[i], NULL));
    }
    totals(&f, NULL, &bytes, NULL);
    assert_true(bytes == 0);
    end(&f);
}

static void what_was_put_back_is_as_it_was(void **state)
{
    struct fixture f;
    struct sampled_heap_sample sample;
    double before = 0, after = 0;
    (void)state;
    begin(&f, 1);
    const void *object = allocate(&f, 4096, 7);
    (void)allocate(&f, 64, 8);
    totals(&f, NULL, &before, NULL);
    assert_true(sampled_heap_drop(f.heap, object, &sample));
    sampled_heap_put_back(f.heap, object, &sample);
    totals(&f, NULL, &after, NULL);
    assert_true(before == after && before > 4096);
    end(&f);
}

/* Its free was not seen: a library that calls libc by itself. */
static void a_sample_takes_the_place_of_a_stale_one(void **state)
{
    struct fixture f;
    double bytes = 0;
    (void)state;
    begin(&f, 1);
    const uintptr_t frame = 5;
    sampled_heap_take(f.heap, address(1), 4096, &frame, 1);
    sampled_heap_take(f.heap, address(1), 8192, &frame, 1);
    totals(&f, NULL, &bytes, NULL);
    assert_int_equal((int)bytes, 8192);
    end(&f);
}

/* Four times as many samples as there is room for. */
static void beyond_its_room_it_samples_less(void **state)
{
    enum { OBJECTS = 4 * SAMPLED_HEAP_LIVE_MAX, BYTES = 4096 };
    struct fixture f;
    struct words words;
    struct profile profile;
    double bytes = 0, variance = 0;
    (void)state;
    begin(&f, 64); /* nearly every object is a sample */
    for (int i = 0; i < OBJECTS; i++) {
        (void)allocate(&f, BYTES, (uintptr_t)i % 100);
    }
    read_back(&f, &words, &profile);
    profile_total(&profile, NULL, &bytes, &variance);
    assert_true(profile.sample_bytes > 4096);
    double held = (double)OBJECTS * BYTES;
    print_message("# held %.0f, said %.0f +- %.0f, a sample each %llu\n", held,
                  bytes, sqrt(variance),
                  (unsigned long long)profile.sample_bytes);
    assert_true(fabs(bytes - held) < 4 * sqrt(variance));
    assert_true(sqrt(variance) < .01 * held);
    profile_deinit(&profile);
    words_deinit(&words);
    end(&f);
}

/* What finds no room for its stack is counted, under one without frames. */
static void beyond_its_stacks_nothing_is_lost(void **state)
{
    enum { STACKS = SAMPLED_HEAP_STACKS_MAX + 1000 };
    struct fixture f;
    struct words words;
    struct profile profile;
    size_t nameless = 0;
    double bytes = 0;
    (void)state;
    begin(&f, 1);
    for (uintptr_t i = 0; i < STACKS; i++) {
        (void)allocate(&f, 1024, 16 * i);
    }
    read_back(&f, &words, &profile);
    profile_total(&profile, NULL, &bytes, NULL);
    for (size_t i = 0; i < profile.sites_count; i++) {
        nameless += profile.sites[i].frames_count == 0;
    }
    assert_int_equal(nameless, 1);
    assert_int_equal((int)bytes, STACKS * 1024);
    profile_deinit(&profile);
    words_deinit(&words);
    end(&f);
}

static void a_stack_is_cut_at_its_outer_end(void **state)
{
    uintptr_t frames[SAMPLED_HEAP_DEPTH_MAX + 50];
    struct fixture f;
    struct words words;
    struct profile profile;
    (void)state;
    begin(&f, 1);
    for (size_t i = 0; i < SAMPLED_HEAP_DEPTH_MAX + 50; i++) {
        frames[i] = 1000 + i;
    }
    sampled_heap_take(f.heap, address(1), 64, frames,
                      SAMPLED_HEAP_DEPTH_MAX + 50);
    read_back(&f, &words, &profile);
    assert_int_equal(profile.sites_count, 1);
    assert_int_equal(profile.sites[0].frames_count, SAMPLED_HEAP_DEPTH_MAX);
    assert_int_equal(profile.places[profile.frames[0]].address, 999);
    profile_deinit(&profile);
    words_deinit(&words);
    end(&f);
}

/* Sampling by us holds no memory of the program's. */
static void samples_have_no_padding(void **state)
{
    struct fixture f;
    struct words words;
    struct profile profile;
    (void)state;
    begin(&f, 1);
    (void)allocate(&f, 64, 1);
    read_back(&f, &words, &profile);
    assert_true(profile.padding_bytes == 0);
    assert_int_equal(profile.kind, PROFILE_SAMPLED);
    profile_deinit(&profile);
    words_deinit(&words);
    end(&f);
}

static void a_forked_child_takes_no_samples(void **state)
{
    struct fixture f;
    int status = 0;
    (void)state;
    begin(&f, 1);
    const void *object = allocate(&f, 4096, 1);
    pid_t child = fork();
    if (child == 0) {
        int wrong = sampled_heap_may_hold(f.heap, object) ? 1 : 0;
        wrong |= sampled_heap_count(&f.thread, 1 << 20) &&
                         sampled_heap_pick(f.heap, &f.thread, 1 << 20)
                     ? 2
                     : 0;
        wrong |= sampled_heap_write(f.heap, 1) != -ENODATA ? 4 : 0;
        _exit(wrong);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(sampled_heap_may_hold(f.heap, object));
    end(&f);
}

static void a_dump_that_cannot_be_written_says_so(void **state)
{
    struct fixture f;
    int ends[2];
    (void)state;
    begin(&f, 1);
    (void)allocate(&f, 64, 1);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sampled_heap_write(f.heap, ends[0]), -EBADF);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_for_what_is_held),
        cmocka_unit_test(is_neither_too_high_nor_too_low),
        cmocka_unit_test(what_is_freed_is_forgotten),
        cmocka_unit_test(what_was_put_back_is_as_it_was),
        cmocka_unit_test(a_sample_takes_the_place_of_a_stale_one),
        cmocka_unit_test(beyond_its_room_it_samples_less),
        cmocka_unit_test(beyond_its_stacks_nothing_is_lost),
        cmocka_unit_test(a_stack_is_cut_at_its_outer_end),
        cmocka_unit_test(samples_have_no_padding),
        cmocka_unit_test(a_forked_child_takes_no_samples),
        cmocka_unit_test(a_dump_that_cannot_be_written_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
