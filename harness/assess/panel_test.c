/* Columns that were never read: put together as those of a run are. */
#include "assess/panel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 2, ROOM = 8 };

struct made {
    struct panel panel;
    struct panel_column columns[ROOM];
};

static const struct metric *private(void)
{
    return metric_find("private", "B");
}

static void add(struct made *made, int64_t slot_id, bool is_ourselves,
                double first, double second)
{
    struct panel_column *column = &made->columns[made->panel.columns_count++];
    *column = (struct panel_column){
        .metric = private(),
        .slot_id = slot_id,
        .observers = 1,
        .is_ourselves = is_ourselves,
        .values = calloc(ROWS, sizeof(double)),
    };
    (void)snprintf(column->name, sizeof column->name, "private");
    (void)snprintf(column->role, sizeof column->role, "plateau");
    column->values[0] = first;
    column->values[1] = second;
}

static void drop(struct made *made)
{
    for (size_t i = 0; i < made->panel.columns_count; i++) {
        free(made->columns[i].values);
    }
}

static void observers_of_a_role_have_a_mean(void **state)
{
    struct made made = {.panel = {.rows = ROWS, .columns = made.columns}};
    (void)state;
    add(&made, 0, false, 10, 20);
    add(&made, 1, false, 30, NAN);
    assert_int_equal(panel_put_together(&made.panel), 0);
    assert_int_equal(made.panel.columns_count, 3);
    const struct panel_column *mean =
        panel_find(&made.panel, "plateau", -1, "private");
    assert_non_null(mean);
    assert_int_equal(mean->observers, 2);
    assert_true(mean->values[0] == 20.);
    assert_true(isnan(mean->values[1]));
    drop(&made);
}

/* A plateau that is watched has the name of our own slot. */
static void we_are_not_one_of_the_observers(void **state)
{
    struct made made = {.panel = {.rows = ROWS, .columns = made.columns}};
    (void)state;
    add(&made, 0, false, 10, 20);
    add(&made, 1, true, 30, 40);
    assert_int_equal(panel_put_together(&made.panel), 0);
    assert_int_equal(made.panel.columns_count, 2);
    drop(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observers_of_a_role_have_a_mean),
        cmocka_unit_test(we_are_not_one_of_the_observers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
