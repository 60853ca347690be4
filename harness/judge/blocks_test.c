#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/blocks.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 480 };

static struct judge_point points[COUNT];
static double scratch[COUNT];

static void fill(double (*value)(size_t i))
{
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = (struct judge_point){.t_s = (double)i * 0.1,
                                         .value = value(i),
                                         .events = (double)(i / 2)};
    }
}

static void cut(enum blocks_axis axis, struct blocks *ret)
{
    blocks_cut(&(struct blocks_source){.points = points,
                                       .count = COUNT,
                                       .scratch = scratch},
               axis, ret);
}

/* Ten samples a block: the values 0 to 9, in an order that is no order. */
static double shuffled_digits(size_t i)
{
    return (double)((i * 7) % 10);
}

static double tooth_of_40(size_t i)
{
    return (double)(i % 40);
}

static void trough_is_the_lowest_decile_of_a_block(void **state)
{
    (void)state;
    struct blocks blocks;
    fill(shuffled_digits);
    cut(BLOCKS_BY_TIME, &blocks);
    assert_int_equal(blocks.count, 48);
    for (size_t k = 1; k + 1 < blocks.count; k++) {
        assert_true(blocks.y[k] == 1.0);
    }
    assert_true(blocks.level == 1.0);
    assert_true(blocks.x[0] == 0.0);
    assert_true(blocks.x[47] == 1.0);
    assert_true(fabs(blocks.span - 47.0) < 0.1);
}

static void blocks_grow_until_each_holds_a_tooth(void **state)
{
    (void)state;
    struct blocks blocks;
    fill(tooth_of_40);
    cut(BLOCKS_BY_TIME, &blocks);
    assert_int_equal(blocks.count, 12);
    for (size_t k = 0; k < blocks.count; k++) {
        assert_true(blocks.y[k] <= 4.0);
    }
}

static void events_are_an_axis_of_their_own(void **state)
{
    (void)state;
    struct blocks blocks;
    fill(shuffled_digits);
    cut(BLOCKS_BY_EVENTS, &blocks);
    assert_int_equal(blocks.count, 48);
    assert_true(fabs(blocks.span - 234.0) < 2.0);
}

static void empty_blocks_are_dropped(void **state)
{
    (void)state;
    struct blocks blocks;
    fill(shuffled_digits);
    for (size_t i = COUNT / 2; i < COUNT; i++) {
        points[i].t_s += 1000.0; /* a long gap */
    }
    cut(BLOCKS_BY_TIME, &blocks);
    assert_true(blocks.count <= 4);
}

static void an_axis_that_stands_still_has_no_blocks(void **state)
{
    (void)state;
    struct blocks blocks;
    fill(shuffled_digits);
    for (size_t i = 0; i < COUNT; i++) {
        points[i].events = 7.0;
    }
    cut(BLOCKS_BY_EVENTS, &blocks);
    assert_int_equal(blocks.count, 0);
}

static void selects_every_rank(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 30; count++) {
        for (size_t rank = 0; rank < count; rank++) {
            double values[30];
            for (size_t i = 0; i < count; i++) {
                values[i] = (double)((i * 17) % 31 / 2); /* with ties */
            }
            double selected = blocks_select(values, count, rank);
            size_t below = 0;
            size_t equal = 0;
            for (size_t i = 0; i < count; i++) {
                below += values[i] < selected ? 1 : 0;
                equal += values[i] == selected ? 1 : 0;
            }
            assert_true(below <= rank && rank < below + equal);
        }
    }
}

static void median_of_an_even_count_is_half_way(void **state)
{
    (void)state;
    const double values[] = {9.0, 1.0, 4.0, 2.0};
    assert_true(blocks_median(values, 4) == 3.0);
    assert_true(blocks_median(values, 3) == 4.0);
    assert_true(values[0] == 9.0);
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void selects_among_many_as_sorting_would(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static double values[MANY];
    static double sorted[MANY];
    for (size_t rank = 0; rank < MANY; rank += 499) {
        for (size_t i = 0; i < MANY; i++) {
            /* Nearly all in one bucket, with ties, and one far away. */
            values[i] = i == 7 ? 1e12 : (double)((i * 7919) % 3001);
            sorted[i] = values[i];
        }
        qsort(sorted, MANY, sizeof *sorted, compare);
        assert_true(blocks_select(values, MANY, rank) == sorted[rank]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trough_is_the_lowest_decile_of_a_block),
        cmocka_unit_test(blocks_grow_until_each_holds_a_tooth),
        cmocka_unit_test(events_are_an_axis_of_their_own),
        cmocka_unit_test(empty_blocks_are_dropped),
        cmocka_unit_test(an_axis_that_stands_still_has_no_blocks),
        cmocka_unit_test(selects_every_rank),
        cmocka_unit_test(selects_among_many_as_sorting_would),
        cmocka_unit_test(median_of_an_even_count_is_half_way),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
