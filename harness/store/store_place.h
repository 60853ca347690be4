/* store_place.h - where a test of the store works, and what it puts there.
 *
 * A folder of the test's own under /tmp and the path of a store in it, made
 * and removed around each test. What a forked child needs gives 0 or -errno;
 * what is called create, reopen or expect fails the test by itself.
 */
#ifndef PLATEAU_STORE_PLACE_H
#define PLATEAU_STORE_PLACE_H

#include "store/store.h"

#define SECOND_NS INT64_C(1000000000)

/* Runs |test| in a place of its own, which its state points to. */
#define PLACED(test)                                                           \
    cmocka_unit_test_setup_teardown(test, place_make, place_remove)

struct place {
    char folder[64];
    char path[96];
};

/* Set-up and teardown, for cmocka. */
int place_make(void **state);
int place_remove(void **state);

/* Counts the files of the folder, and with |is_removing| takes them away. */
int place_walk(const struct place *place, bool is_removing);

struct store *place_create(const struct place *place);
struct store *place_reopen(const struct place *place);

/* |err| names |file| and says |part|. */
void place_expect_says(const struct err *err, const char *file,
                       const char *part);

/* Slot 0, with series 1. */
int place_add_series(struct store *store);
/* Ticks [first, end), ten a second, each with a value of series 1. */
int place_add_ticks(struct store *store, int64_t first, int64_t end);
/* Series 1 holds the ticks [0, count), whole and in order. */
void place_expect_points(struct store *store, size_t count);

#endif
