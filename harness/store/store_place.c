#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL) {
        return -1;
    }
    (void)strcpy(place->folder, "/tmp/store-test.XXXXXX");
    if (mkdtemp(place->folder) == NULL || chmod(place->folder, 0755) < 0) {
        free(place);
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/run.db", place->folder);
    *state = place;
    return 0;
}

int place_walk(const struct place *place, bool is_removing)
{
    DIR *folder = opendir(place->folder);
    int count = 0;
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        count++;
        if (is_removing) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

int place_remove(void **state)
{
    struct place *place = *state;
    (void)chmod(place->folder, 0755);
    (void)place_walk(place, true);
    int r = rmdir(place->folder);
    free(place);
    return r;
}

struct store *place_create(const struct place *place)
{
    struct store *store = NULL;
    struct err err = {0};
    if (store_create(place->path, &store, &err) != 0) {
        fail_msg("%s: %s", err.file, err.sentence);
    }
    return store;
}

struct store *place_reopen(const struct place *place)
{
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(place->path, &store, &err) != 0) {
        fail_msg("%s: %s", err.file, err.sentence);
    }
    return store;
}

void place_expect_says(const struct err *err, const char *file,
                       const char *part)
{
    assert_string_equal(err->file, file);
    if (strstr(err->sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err->sentence, part);
    }
}

int place_add_series(struct store *store)
{
    const struct store_slot slot = {
        .id = 0, .role = "observer", .is_observer = true};
    const struct store_series series = {
        .id = 1, .slot_id = 0, .metric = "rss", .unit = "B", .quantum = 4096};
    int r = store_slot_add(store, &slot);
    return r == 0 ? store_series_add(store, &series) : r;
}

static double value_at(int64_t tick)
{
    return (double)(tick * 7 % 1000) * 4096;
}

int place_add_ticks(struct store *store, int64_t first, int64_t end)
{
    int r = 0;
    for (int64_t at = first; r == 0 && at < end; at++) {
        const struct store_tick tick = {
            .tick = at, .t_ns = at * SECOND_NS / 10, .events = at * 5};
        r = store_tick_add(store, &tick);
        if (r == 0) {
            r = store_value_add(store, 1, at, value_at(at));
        }
    }
    return r;
}

void place_expect_points(struct store *store, size_t count)
{
    struct store_point *points = NULL;
    size_t found = 0;
    assert_int_equal(
        store_points(store, 1, INT64_MIN, INT64_MAX, &points, &found), 0);
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++) {
        int64_t tick = (int64_t)i;
        if (points[i].tick != tick || points[i].t_ns != tick * SECOND_NS / 10 ||
            points[i].events != tick * 5 || points[i].value != value_at(tick)) {
            fail_msg("point %zu is wrong", i);
        }
    }
    free(points);
}
