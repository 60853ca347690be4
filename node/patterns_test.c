/* What each pattern holds, by the sizes of what it asked for and did not give
 * back (the linker sends its calls here, see meson.build). */
#include "patterns.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static size_t held_bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static void *take(void *block)
{
    held_bytes += malloc_usable_size(block);
    return block;
}

void *__wrap_malloc(size_t size)
{
    return take(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return take(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    held_bytes -= malloc_usable_size(block);
    return take(__real_realloc(block, size));
}

void __wrap_free(void *block)
{
    held_bytes -= malloc_usable_size(block);
    __real_free(block);
}

static size_t held(void)
{
    return held_bytes;
}

struct fixture {
    struct patterns patterns;
    struct defects defects;
};

static void begin(struct fixture *f, enum defect which)
{
    memset(f, 0, sizeof *f);
    f->defects.has[which] = true;
    assert_int_equal(patterns_init(&f->patterns, &f->defects, NULL, 1, 0), 0);
}

static void meet(struct fixture *f, int count, int64_t now_ns)
{
    struct peer_contact peer = {.id = {{1}}};
    for (int i = 0; i < count; i++) {
        patterns_on_peer(&f->patterns, &peer, now_ns);
    }
}

static void deliver(struct fixture *f, int count)
{
    uint8_t payload[128] = {0};
    for (int i = 0; i < count; i++) {
        patterns_on_message(&f->patterns, payload, sizeof payload);
    }
}

static void a_journal_fills_and_empties(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CONTROL_SAWTOOTH);
    size_t before = held(), least = SIZE_MAX, most = 0;
    deliver(&f, 256);
    for (int i = 0; i < 1024; i++) {
        deliver(&f, 1);
        size_t now = held() - before;
        least = now < least ? now : least;
        most = now > most ? now : most;
    }
    assert_in_range(most, 256 * 1024, 300 * 1024);
    assert_true(least < 4096);
    patterns_deinit(&f.patterns);
    assert_int_equal(held(), before);
}

static void a_cache_fills_and_stays(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CONTROL_SLOW_CACHE);
    size_t before = held();
    meet(&f, 500, 0);
    size_t full = held();
    assert_true(full - before >= 500 * 256);
    meet(&f, 500, 0);
    assert_int_equal(held(), full);
    patterns_deinit(&f.patterns);
    assert_int_equal(held(), before);
}

static void an_index_is_built_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CONTROL_ONE_STEP);
    assert_null(f.patterns.index);
    meet(&f, 10, 19 * SECOND);
    assert_null(f.patterns.index);
    meet(&f, 1, 20 * SECOND);
    const uint8_t *index = f.patterns.index;
    assert_non_null(index);
    meet(&f, 10, 60 * SECOND);
    assert_ptr_equal(f.patterns.index, index);
    patterns_deinit(&f.patterns);
}

static void records_turn_over_within_their_number(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CONTROL_FRAGMENTATION);
    size_t before = held();
    deliver(&f, 512);
    size_t first = held() - before;
    for (int i = 0; i < 100; i++) {
        deliver(&f, 512);
        assert_in_range(held() - before, first * 3 / 4, first * 4 / 3);
    }
    patterns_deinit(&f.patterns);
    assert_int_equal(held(), before);
}

static void one_object_is_lost_for_each_peer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, DEFECT_ONE_OBJECT);
    meet(&f, 1, 0);
    size_t before = held();
    struct pattern_note *lost[100];
    for (int i = 0; i < 100; i++) {
        lost[i] = f.patterns.latest;
        meet(&f, 1, 0);
    }
    assert_in_range(held() - before, 100 * 64, 100 * 96);
    patterns_deinit(&f.patterns);
    assert_true(held() > before + 99 * 64 - 96);
    for (int i = 0; i < 100; i++) {
        free(lost[i]); /* so that a leak checker has nothing to say */
    }
}

static void a_late_leak_is_late(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, DEFECT_LATE_LEAK);
    meet(&f, 100, 29 * SECOND);
    assert_null(f.patterns.latest);
    meet(&f, 1, 30 * SECOND);
    assert_non_null(f.patterns.latest);
    patterns_deinit(&f.patterns);
}

static void a_vector_doubles_and_never_shrinks(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, DEFECT_DOUBLING_VECTOR);
    meet(&f, 1000, 0);
    assert_int_equal(f.patterns.vector_count, 1000);
    assert_int_equal(f.patterns.vector_capacity, 1024);
    patterns_deinit(&f.patterns);
}

static void nothing_is_kept_unless_told(void **state)
{
    (void)state;
    struct fixture f = {0};
    assert_int_equal(patterns_init(&f.patterns, &f.defects, NULL, 1, 0), 0);
    size_t before = held();
    meet(&f, 1000, 100 * SECOND);
    deliver(&f, 1000);
    assert_int_equal(held(), before);
    patterns_deinit(&f.patterns);
}

static void a_parameter_out_of_range_is_refused(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct patterns_params params = {.leak_bytes = 1};
    assert_int_equal(patterns_init(&f.patterns, &f.defects, &params, 1, 0),
                     -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_fills_and_empties),
        cmocka_unit_test(a_cache_fills_and_stays),
        cmocka_unit_test(an_index_is_built_once),
        cmocka_unit_test(records_turn_over_within_their_number),
        cmocka_unit_test(one_object_is_lost_for_each_peer),
        cmocka_unit_test(a_late_leak_is_late),
        cmocka_unit_test(a_vector_doubles_and_never_shrinks),
        cmocka_unit_test(nothing_is_kept_unless_told),
        cmocka_unit_test(a_parameter_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
