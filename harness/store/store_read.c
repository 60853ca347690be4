/* store_read.c - rows out of the store.
 *
 * The points of a series are a range scan of its samples, merged with the
 * ticks, which are read once and kept: a join in SQL would look each tick up
 * again in every series. The merge is an aggregate function, so that SQLite
 * hands it the rows without leaving its loop. Measured on 9.9 million samples:
 * join 5.5, merge row by row 9.8, merge in an aggregate 13 million a second.
 *
 * The writer adds ticks in order, so what is kept is brought up to date by
 * reading what lies behind its end.
 */
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_handle.h"

enum {
    ROWS_MAX = 1 << 28, /* that one call hands out; more is -EFBIG */
    ROWS_FIRST = 64,
};

/* Makes one row of |row_size| bytes of what |statement| stands at. */
typedef void (*row_reader)(sqlite3_stmt *statement, void *row);

/* Makes room for one more element in |*rows|. */
static int make_room(struct store *store, void **rows, size_t row_size,
                     size_t count, size_t *capacity)
{
    if (count < *capacity) {
        return 0;
    }
    size_t larger = *capacity == 0 ? ROWS_FIRST : 2 * *capacity;
    if (larger > ROWS_MAX) {
        err_set(&store->err, store->path, 0, 0,
                "cannot read a table of more than %d rows", ROWS_MAX);
        return -EFBIG;
    }
    void *moved = realloc(*rows, larger * row_size);
    if (moved == NULL) {
        err_set(&store->err, store->path, 0, 0, "out of memory");
        return -ENOMEM;
    }
    *rows = moved;
    *capacity = larger;
    return 0;
}

/* Copies every row of |all|, which is bound. */
static int copy_rows(struct store *store, sqlite3_stmt *all, size_t row_size,
                     row_reader reader, void **ret_rows, size_t *ret_count)
{
    int r = 0;
    void *rows = NULL;
    size_t count = 0, capacity = 0;
    int code = SQLITE_DONE;
    while (r == 0 && (code = sqlite3_step(all)) == SQLITE_ROW) {
        r = make_room(store, &rows, row_size, count, &capacity);
        if (r == 0) {
            reader(all, (char *)rows + count++ * row_size);
        }
    }
    if (r == 0 && code != SQLITE_DONE) {
        r = store_fail(store, "cannot read the store");
    }
    (void)sqlite3_reset(all);
    if (r != 0) {
        free(rows);
        return r;
    }
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}

/* Copies every row of the statement |id|. */
static int read_rows(struct store *store, enum store_sql id, size_t row_size,
                     row_reader reader, void **ret_rows, size_t *ret_count)
{
    sqlite3_stmt *all = NULL;
    int r = store_statement(store, id, &all);
    return r == 0 ? copy_rows(store, all, row_size, reader, ret_rows, ret_count)
                  : r;
}

static void read_text(sqlite3_stmt *row, int at, char *text, size_t size)
{
    const unsigned char *found = sqlite3_column_text(row, at);
    (void)snprintf(text, size, "%s", found ? (const char *)found : "");
}

static int64_t read_known(sqlite3_stmt *row, int at, int64_t absent)
{
    return sqlite3_column_type(row, at) == SQLITE_NULL
               ? absent
               : sqlite3_column_int64(row, at);
}

static double read_slope(sqlite3_stmt *row, int at)
{
    return sqlite3_column_type(row, at) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(row, at);
}

static void read_slot(sqlite3_stmt *row, void *ret_slot)
{
    struct store_slot *slot = ret_slot;
    *slot = (struct store_slot){
        .id = sqlite3_column_int64(row, 0),
        .ordinal = sqlite3_column_int(row, 2),
        .is_observer = sqlite3_column_int(row, 3) != 0,
    };
    read_text(row, 1, slot->role, sizeof slot->role);
}

static void read_process(sqlite3_stmt *row, void *ret_process)
{
    *(struct store_process *)ret_process = (struct store_process){
        .id = sqlite3_column_int64(row, 0),
        .slot_id = sqlite3_column_int64(row, 1),
        .generation = sqlite3_column_int64(row, 2),
        .pid = sqlite3_column_int64(row, 3),
        .spawned_ns = sqlite3_column_int64(row, 4),
        .ready_ns = read_known(row, 5, -1),
        .ended_ns = read_known(row, 6, -1),
        .exit_code = (int32_t)read_known(row, 7, -1),
        .signal = (int32_t)read_known(row, 8, 0),
    };
}

static void read_series(sqlite3_stmt *row, void *ret_series)
{
    struct store_series *series = ret_series;
    *series = (struct store_series){
        .id = sqlite3_column_int64(row, 0),
        .slot_id = sqlite3_column_int64(row, 1),
        .quantum = sqlite3_column_double(row, 5),
    };
    read_text(row, 2, series->metric, sizeof series->metric);
    read_text(row, 3, series->unit, sizeof series->unit);
    char kind[8];
    read_text(row, 4, kind, sizeof kind);
    series->kind = strcmp(kind, "counter") == 0 ? STORE_COUNTER : STORE_GAUGE;
}

static void read_ebb(sqlite3_stmt *row, void *ret_ebb)
{
    *(struct store_ebb *)ret_ebb = (struct store_ebb){
        .seq = sqlite3_column_int64(row, 0),
        .begin_ns = sqlite3_column_int64(row, 1),
        .read_ns = sqlite3_column_int64(row, 2),
        .events = sqlite3_column_int64(row, 3),
        .is_settled = sqlite3_column_int(row, 4) != 0,
        .has_answered = sqlite3_column_int(row, 5) != 0,
    };
}

static void read_trough(sqlite3_stmt *row, void *ret_trough)
{
    *(struct store_trough *)ret_trough = (struct store_trough){
        .ebb = sqlite3_column_int64(row, 0),
        .value = sqlite3_column_double(row, 1),
    };
}

static void read_verdict(sqlite3_stmt *row, void *ret_verdict)
{
    struct store_verdict *verdict = ret_verdict;
    *verdict = (struct store_verdict){
        .series_id = sqlite3_column_int64(row, 0),
        .slope_per_hour = read_slope(row, 3),
        .slope_per_hour_low = read_slope(row, 4),
        .slope_per_hour_high = read_slope(row, 5),
        .slope_per_event = read_slope(row, 6),
        .slope_per_event_low = read_slope(row, 7),
        .slope_per_event_high = read_slope(row, 8),
    };
    read_text(row, 1, verdict->verdict, sizeof verdict->verdict);
    read_text(row, 2, verdict->reason, sizeof verdict->reason);
}

static void read_climbed(sqlite3_stmt *row, void *ret_climbed)
{
    struct store_climbed *climbed = ret_climbed;
    *climbed = (struct store_climbed){
        .rank = sqlite3_column_int64(row, 0),
        .alive = sqlite3_column_double(row, 2),
        .per_event = read_slope(row, 3),
        .with_memory = read_slope(row, 4),
        .bytes_each = read_slope(row, 5),
        .bytes_per_event = read_slope(row, 8),
    };
    read_text(row, 1, climbed->name, sizeof climbed->name);
    read_text(row, 6, climbed->sentence, sizeof climbed->sentence);
    read_text(row, 7, climbed->kind, sizeof climbed->kind);
}

static void read_event(sqlite3_stmt *row, void *ret_event)
{
    struct store_event *event = ret_event;
    *event = (struct store_event){
        .seq = sqlite3_column_int64(row, 0),
        .t_ns = sqlite3_column_int64(row, 1),
        .slot_id = sqlite3_column_int64(row, 2),
        .process_id = sqlite3_column_int64(row, 3),
        .churned_ns = read_known(row, 5, -1),
        .parameter_ns = read_known(row, 6, -1),
    };
    read_text(row, 4, event->kind, sizeof event->kind);
}

static void read_event_kind(sqlite3_stmt *row, void *ret_kind)
{
    struct store_event_kind *kind = ret_kind;
    kind->count = sqlite3_column_int64(row, 1);
    read_text(row, 0, kind->kind, sizeof kind->kind);
}

int store_slots(struct store *store, struct store_slot **ret_slots,
                size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store, STORE_SQL_SLOTS, sizeof **ret_slots, read_slot,
                      &rows, ret_count);
    if (r == 0) {
        *ret_slots = rows;
    }
    return r;
}

int store_processes(struct store *store, struct store_process **ret_processes,
                    size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store, STORE_SQL_PROCESSES, sizeof **ret_processes,
                      read_process, &rows, ret_count);
    if (r == 0) {
        *ret_processes = rows;
    }
    return r;
}

int store_all_series(struct store *store, struct store_series **ret_series,
                     size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store, STORE_SQL_SERIES, sizeof **ret_series, read_series,
                      &rows, ret_count);
    if (r == 0) {
        *ret_series = rows;
    }
    return r;
}

int store_verdicts(struct store *store, struct store_verdict **ret_verdicts,
                   size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store, STORE_SQL_VERDICTS, sizeof **ret_verdicts,
                      read_verdict, &rows, ret_count);
    if (r == 0) {
        *ret_verdicts = rows;
    }
    return r;
}

/* Whether the store has the tables of ebbs, troughs and what climbed: since
 * version 2. */
static bool has_ebbs(const struct store *store)
{
    return store->version >= 2;
}

int store_ebbs(struct store *store, struct store_ebb **ret_ebbs,
               size_t *ret_count)
{
    void *rows = NULL;
    size_t count = 0;
    int r = has_ebbs(store)
                ? read_rows(store, STORE_SQL_EBBS, sizeof **ret_ebbs, read_ebb,
                            &rows, &count)
                : 0;
    if (r == 0) {
        *ret_ebbs = rows;
        *ret_count = count;
    }
    return r;
}

int store_troughs(struct store *store, int64_t series_id,
                  struct store_trough **ret_troughs, size_t *ret_count)
{
    void *rows = NULL;
    size_t count = 0;
    int r = 0;
    if (has_ebbs(store)) {
        sqlite3_stmt *all = NULL;
        r = store_statement(store, STORE_SQL_TROUGHS, &all);
        if (r == 0) {
            (void)sqlite3_bind_int64(all, 1, series_id);
            r = copy_rows(store, all, sizeof **ret_troughs, read_trough, &rows,
                          &count);
        }
    }
    if (r == 0) {
        *ret_troughs = rows;
        *ret_count = count;
    }
    return r;
}

int store_climbed(struct store *store, struct store_climbed **ret_climbed,
                  size_t *ret_count)
{
    void *rows = NULL;
    size_t count = 0;
    enum store_sql statement =
        store->version >= 3 ? STORE_SQL_CLIMBED : STORE_SQL_CLIMBED_2;
    int r = has_ebbs(store) ? read_rows(store, statement, sizeof **ret_climbed,
                                        read_climbed, &rows, &count)
                            : 0;
    if (r == 0) {
        *ret_climbed = rows;
        *ret_count = count;
    }
    return r;
}

int store_meta_get(struct store *store, const char *key, char **ret_value)
{
    sqlite3_stmt *get = NULL;
    int r = store_statement(store, STORE_SQL_META_GET, &get);
    if (r != 0) {
        return r;
    }
    (void)sqlite3_bind_text(get, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(get);
    if (code == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(get, 0);
        char *value = text == NULL ? NULL : strdup((const char *)text);
        if (value == NULL) {
            err_set(&store->err, store->path, 0, 0, "out of memory");
            r = -ENOMEM;
        } else {
            *ret_value = value;
        }
    } else if (code == SQLITE_DONE) {
        err_set(&store->err, store->path, 0, 0, "\"%s\" is not recorded", key);
        r = -ENOENT;
    } else {
        r = store_fail(store, "cannot read the store");
    }
    (void)sqlite3_reset(get);
    (void)sqlite3_clear_bindings(get);
    return r;
}

/* Events had no kind before version 3: each was a kill. */
static bool has_kinds(const struct store *store)
{
    return store->version >= 3;
}

int store_event_kinds(struct store *store, struct store_event_kind **ret_kinds,
                      size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store,
                      has_kinds(store) ? STORE_SQL_EVENT_KINDS
                                       : STORE_SQL_EVENT_KINDS_2,
                      sizeof **ret_kinds, read_event_kind, &rows, ret_count);
    if (r == 0) {
        *ret_kinds = rows;
    }
    return r;
}

int store_events(struct store *store, struct store_event **ret_events,
                 size_t *ret_count)
{
    void *rows = NULL;
    int r = read_rows(store,
                      has_kinds(store) ? STORE_SQL_EVENTS : STORE_SQL_EVENTS_2,
                      sizeof **ret_events, read_event, &rows, ret_count);
    if (r == 0) {
        *ret_events = rows;
    }
    return r;
}

int store_find_series(struct store *store, int64_t slot_id, const char *metric,
                      struct store_series *ret_series)
{
    sqlite3_stmt *find = NULL;
    int r = store_statement(store, STORE_SQL_SERIES_FIND, &find);
    if (r != 0) {
        return r;
    }
    (void)sqlite3_bind_int64(find, 1, slot_id);
    (void)sqlite3_bind_text(find, 2, metric, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    if (code == SQLITE_ROW) {
        read_series(find, ret_series);
    } else if (code == SQLITE_DONE) {
        err_set(&store->err, store->path, 0, 0,
                "slot %lld has no series \"%s\"", (long long)slot_id, metric);
        r = -ENOENT;
    } else {
        r = store_fail(store, "cannot read the store");
    }
    (void)sqlite3_reset(find);
    (void)sqlite3_clear_bindings(find);
    return r;
}

/* Takes the tick that |row| stands at. Merging relies on their order. */
static int keep_tick(struct store *store, sqlite3_stmt *row)
{
    void *ticks = store->ticks;
    int r = make_room(store, &ticks, sizeof *store->ticks, store->ticks_count,
                      &store->ticks_capacity);
    store->ticks = ticks;
    if (r != 0) {
        return r;
    }
    struct store_tick *tick = &store->ticks[store->ticks_count];
    *tick = (struct store_tick){
        .tick = sqlite3_column_int64(row, 0),
        .t_ns = sqlite3_column_int64(row, 1),
        .events = sqlite3_column_int64(row, 2),
        .cost_ns = sqlite3_column_int64(row, 3),
    };
    if (store->ticks_count > 0 &&
        (tick[-1].tick >= tick->tick || tick[-1].t_ns > tick->t_ns)) {
        err_set(&store->err, store->path, 0, 0,
                "the store is damaged: tick %lld goes back in time",
                (long long)tick->tick);
        return -EILSEQ;
    }
    store->ticks_count++;
    return 0;
}

/* Reads the ticks that have come since. */
static int keep_ticks(struct store *store)
{
    sqlite3_stmt *after = NULL;
    int r = store_statement(store, STORE_SQL_TICKS_AFTER, &after);
    if (r != 0) {
        return r;
    }
    size_t count = store->ticks_count;
    (void)sqlite3_bind_int64(
        after, 1, count == 0 ? INT64_MIN : store->ticks[count - 1].tick);
    int code = SQLITE_DONE;
    while (r == 0 && (code = sqlite3_step(after)) == SQLITE_ROW) {
        r = keep_tick(store, after);
    }
    if (r == 0 && code != SQLITE_DONE) {
        r = store_fail(store, "cannot read the ticks");
    }
    (void)sqlite3_reset(after);
    return r;
}

int store_ticks(struct store *store, struct store_tick **ret_ticks,
                size_t *ret_count)
{
    int r = keep_ticks(store);
    if (r != 0) {
        return r;
    }
    struct store_tick *copy = NULL;
    if (store->ticks_count > 0) {
        size_t size = store->ticks_count * sizeof *copy;
        copy = malloc(size);
        if (copy == NULL) {
            err_set(&store->err, store->path, 0, 0, "out of memory");
            return -ENOMEM;
        }
        memcpy(copy, store->ticks, size);
    }
    *ret_ticks = copy;
    *ret_count = store->ticks_count;
    return 0;
}

/* The first kept tick whose time is t_ns or later. */
static size_t tick_at(const struct store *store, int64_t t_ns)
{
    size_t low = 0, high = store->ticks_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->ticks[middle].t_ns < t_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* store_merge(tick, value), called for each sample of a scan: makes the point
 * of it. A sample whose tick is not among the ticks came after these were
 * read: it is left for the next call. No two points have the same tick, so
 * that room for one at each tick is enough. */
static void merge_sample(sqlite3_context *context, int count,
                         sqlite3_value **values)
{
    (void)count;
    struct store_merge *merge = sqlite3_user_data(context);
    int64_t tick = sqlite3_value_int64(values[0]);
    merge->is_in_order = merge->is_in_order && tick > merge->last_tick;
    merge->last_tick = tick;
    while (merge->at < merge->end && merge->at->tick < tick) {
        merge->at++;
    }
    if (merge->at < merge->end && merge->at->tick == tick) {
        *merge->next++ = (struct store_point){
            .tick = tick,
            .t_ns = merge->at->t_ns,
            .events = merge->at->events,
            .value = sqlite3_value_double(values[1]),
        };
        merge->at++;
    }
}

static void merge_done(sqlite3_context *context)
{
    sqlite3_result_null(context);
}

int store_merge_register(struct store *store)
{
    return sqlite3_create_function(
        store->db, "store_merge", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY,
        &store->merge, NULL, merge_sample, merge_done);
}

/* Makes the points of a series at the kept ticks [first, end). */
static int merge_points(struct store *store, int64_t series_id, size_t first,
                        size_t end, struct store_point *points,
                        size_t *ret_count)
{
    sqlite3_stmt *samples = NULL;
    int r = store_statement(store, STORE_SQL_SAMPLES, &samples);
    if (r != 0) {
        return r;
    }
    (void)sqlite3_bind_int64(samples, 1, series_id);
    (void)sqlite3_bind_int64(samples, 2, store->ticks[first].tick);
    (void)sqlite3_bind_int64(samples, 3, store->ticks[end - 1].tick);
    store->merge = (struct store_merge){
        .at = store->ticks + first,
        .end = store->ticks + end,
        .next = points,
        .last_tick = INT64_MIN,
        .is_in_order = true,
    };
    if (sqlite3_step(samples) != SQLITE_ROW) {
        r = store_fail(store, "cannot read the samples");
    } else if (!store->merge.is_in_order) {
        err_set(&store->err, store->path, 0, 0,
                "the store is damaged: the samples of series %lld are out of "
                "order",
                (long long)series_id);
        r = -EILSEQ;
    } else {
        *ret_count = (size_t)(store->merge.next - points);
    }
    (void)sqlite3_reset(samples);
    return r;
}

int store_points(struct store *store, int64_t series_id, int64_t from_ns,
                 int64_t to_ns, struct store_point **ret_points,
                 size_t *ret_count)
{
    int r = keep_ticks(store);
    if (r != 0) {
        return r;
    }
    size_t first = tick_at(store, from_ns);
    size_t end =
        to_ns == INT64_MAX ? store->ticks_count : tick_at(store, to_ns + 1);
    if (first >= end) {
        *ret_points = NULL;
        *ret_count = 0;
        return 0;
    }
    struct store_point *points = malloc((end - first) * sizeof *points);
    if (points == NULL) {
        err_set(&store->err, store->path, 0, 0, "out of memory");
        return -ENOMEM;
    }
    size_t count = 0;
    r = merge_points(store, series_id, first, end, points, &count);
    if (r != 0 || count == 0) {
        free(points);
        points = NULL;
    } else if (count < end - first) {
        struct store_point *fit = realloc(points, count * sizeof *points);
        points = fit != NULL ? fit : points;
    }
    if (r == 0) {
        *ret_points = points;
        *ret_count = count;
    }
    return r;
}
