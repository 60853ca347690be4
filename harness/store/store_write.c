/* store_write.c - rows into the store: bind, run, reset. */
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_handle.h"

/* Integers up to here take at most six bytes and are exact as doubles. */
#define INTEGRAL_MAX 140737488355327.0

static const char *const KIND_NAMES[] = {
    [STORE_GAUGE] = "gauge",
    [STORE_COUNTER] = "counter",
};

/* |text| must outlive the run of the statement. Binding what is there to be
 * bound cannot fail, short of a mistake of ours which the schema's NOT NULL
 * then refuses. */
static void bind_text(sqlite3_stmt *statement, int at, const char *text,
                      size_t size)
{
    (void)sqlite3_bind_text(statement, at, text, (int)strnlen(text, size),
                            SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *statement, int at, int64_t number)
{
    (void)sqlite3_bind_int64(statement, at, number);
}

/* NULL where |number| is |absent|. */
static void bind_known(sqlite3_stmt *statement, int at, int64_t number,
                       int64_t absent)
{
    if (number == absent) {
        (void)sqlite3_bind_null(statement, at);
    } else {
        (void)sqlite3_bind_int64(statement, at, number);
    }
}

/* An integer where it is one: it takes less room. */
static void bind_value(sqlite3_stmt *statement, int at, double value)
{
    if (fabs(value) <= INTEGRAL_MAX && value == trunc(value)) {
        bind_int(statement, at, (int64_t)value);
    } else {
        (void)sqlite3_bind_double(statement, at, value);
    }
}

int store_meta_set(struct store *store, const char *key, const char *value)
{
    sqlite3_stmt *set = NULL;
    int r = store_write_statement(store, STORE_SQL_META_SET, &set);
    if (r != 0) {
        return r;
    }
    (void)sqlite3_bind_text(set, 1, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(set, 2, value, -1, SQLITE_STATIC);
    r = store_write_run(store, set, "cannot record a fact");
    (void)sqlite3_clear_bindings(set);
    return r;
}

int store_slot_add(struct store *store, const struct store_slot *slot)
{
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_SLOT_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, slot->id);
    bind_text(add, 2, slot->role, sizeof slot->role);
    bind_int(add, 3, slot->ordinal);
    bind_int(add, 4, slot->is_observer);
    r = store_write_run(store, add, "cannot record a slot");
    (void)sqlite3_clear_bindings(add);
    return r;
}

int store_process_put(struct store *store, const struct store_process *process)
{
    sqlite3_stmt *put = NULL;
    int r = store_write_statement(store, STORE_SQL_PROCESS_PUT, &put);
    if (r != 0) {
        return r;
    }
    bind_int(put, 1, process->id);
    bind_int(put, 2, process->slot_id);
    bind_int(put, 3, process->generation);
    bind_int(put, 4, process->pid);
    bind_int(put, 5, process->spawned_ns);
    bind_known(put, 6, process->ready_ns, -1);
    bind_known(put, 7, process->ended_ns, -1);
    bind_known(put, 8, process->exit_code, -1);
    bind_known(put, 9, process->signal, 0);
    return store_write_run(store, put, "cannot record a process");
}

int store_event_add(struct store *store, const struct store_event *event)
{
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_EVENT_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, event->seq);
    bind_int(add, 2, event->t_ns);
    bind_int(add, 3, event->slot_id);
    bind_int(add, 4, event->process_id);
    bind_text(add, 5, event->kind, sizeof event->kind);
    bind_int(add, 6, event->churned_ns);
    bind_known(add, 7, event->parameter_ns, -1);
    r = store_write_run(store, add, "cannot record a churn event");
    (void)sqlite3_clear_bindings(add);
    return r;
}

int store_series_add(struct store *store, const struct store_series *series)
{
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_SERIES_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, series->id);
    bind_int(add, 2, series->slot_id);
    bind_text(add, 3, series->metric, sizeof series->metric);
    bind_text(add, 4, series->unit, sizeof series->unit);
    (void)sqlite3_bind_text(add, 5, KIND_NAMES[series->kind], -1,
                            SQLITE_STATIC);
    (void)sqlite3_bind_double(add, 6, series->quantum);
    r = store_write_run(store, add, "cannot record a series");
    (void)sqlite3_clear_bindings(add);
    return r;
}

int store_tick_add(struct store *store, const struct store_tick *tick)
{
    if (tick->tick <= store->last_tick ||
        (store->last_tick >= 0 && tick->t_ns < store->last_t_ns)) {
        err_set(&store->err, store->path, 0, 0,
                "cannot record tick %lld: it does not come after tick %lld",
                (long long)tick->tick, (long long)store->last_tick);
        return -EINVAL;
    }
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_TICK_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, tick->tick);
    bind_int(add, 2, tick->t_ns);
    bind_int(add, 3, tick->events);
    bind_int(add, 4, tick->cost_ns);
    r = store_write_run(store, add, "cannot record a tick");
    if (r == 0) {
        store->last_tick = tick->tick;
        store->last_t_ns = tick->t_ns;
    }
    return r;
}

static int compare_samples(const void *a, const void *b)
{
    const struct store_sample *left = a, *right = b;
    if (left->series_id != right->series_id) {
        return left->series_id < right->series_id ? -1 : 1;
    }
    return (left->tick > right->tick) - (left->tick < right->tick);
}

int store_flush(struct store *store)
{
    if (store->waiting_count == 0) {
        return 0;
    }
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_SAMPLE_ADD, &add);
    if (r == -EBUSY) {
        return r;
    }
    qsort(store->waiting, store->waiting_count, sizeof *store->waiting,
          compare_samples);
    for (size_t i = 0; r == 0 && i < store->waiting_count; i++) {
        const struct store_sample *sample = &store->waiting[i];
        bind_int(add, 1, sample->series_id);
        bind_int(add, 2, sample->tick);
        bind_value(add, 3, sample->value);
        r = store_write_run(store, add, "cannot record a sample");
    }
    store->waiting_count = 0;
    if (r != 0 && store->broken == 0) {
        store_lose_batch(store, r);
    }
    return r;
}

/* Makes room for one more sample to wait, or says why none may. */
static int make_way(struct store *store)
{
    if (store->broken != 0 || !store->is_writable) {
        sqlite3_stmt *add = NULL;
        return store_write_statement(store, STORE_SQL_SAMPLE_ADD, &add);
    }
    if (store->waiting_count < store->waiting_capacity) {
        return 0;
    }
    if (store->waiting_capacity == STORE_WAITING_MAX) {
        return store_flush(store);
    }
    size_t larger =
        store->waiting_capacity == 0 ? 1024 : 2 * store->waiting_capacity;
    void *moved = realloc(store->waiting, larger * sizeof *store->waiting);
    if (moved == NULL) {
        err_set(&store->err, store->path, 0, 0,
                "cannot record a sample: out of memory");
        store_lose_batch(store, -ENOMEM);
        return -ENOMEM;
    }
    store->waiting = moved;
    store->waiting_capacity = larger;
    return 0;
}

int store_value_add(struct store *store, int64_t series_id, int64_t tick,
                    double value)
{
    if (!isfinite(value)) {
        err_set(&store->err, store->path, 0, 0,
                "cannot record a sample that is no number; leave it out");
        return -EINVAL;
    }
    int r = make_way(store);
    if (r == 0) {
        store->waiting[store->waiting_count++] = (struct store_sample){
            .series_id = series_id, .tick = tick, .value = value};
    }
    return r;
}

int store_ebb_add(struct store *store, const struct store_ebb *ebb)
{
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_EBB_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, ebb->seq);
    bind_int(add, 2, ebb->begin_ns);
    bind_int(add, 3, ebb->read_ns);
    bind_int(add, 4, ebb->events);
    bind_int(add, 5, ebb->is_settled);
    bind_int(add, 6, ebb->has_answered);
    return store_write_run(store, add, "cannot record an ebb");
}

int store_trough_add(struct store *store, int64_t series_id, int64_t ebb,
                     double value)
{
    sqlite3_stmt *add = NULL;
    if (!isfinite(value)) {
        err_set(&store->err, store->path, 0, 0,
                "cannot record a trough that is no number; leave it out");
        return -EINVAL;
    }
    int r = store_write_statement(store, STORE_SQL_TROUGH_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, series_id);
    bind_int(add, 2, ebb);
    bind_value(add, 3, value);
    return store_write_run(store, add, "cannot record a trough");
}

static int verdict_add(struct store *store, const struct store_verdict *verdict)
{
    sqlite3_stmt *add = NULL;
    int r = store_write_statement(store, STORE_SQL_VERDICT_ADD, &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, verdict->series_id);
    bind_text(add, 2, verdict->verdict, sizeof verdict->verdict);
    bind_text(add, 3, verdict->reason, sizeof verdict->reason);
    /* SQLite makes NULL of a NaN: a slope that is not known. */
    (void)sqlite3_bind_double(add, 4, verdict->slope_per_hour);
    (void)sqlite3_bind_double(add, 5, verdict->slope_per_hour_low);
    (void)sqlite3_bind_double(add, 6, verdict->slope_per_hour_high);
    (void)sqlite3_bind_double(add, 7, verdict->slope_per_event);
    (void)sqlite3_bind_double(add, 8, verdict->slope_per_event_low);
    (void)sqlite3_bind_double(add, 9, verdict->slope_per_event_high);
    r = store_write_run(store, add, "cannot record a verdict");
    (void)sqlite3_clear_bindings(add);
    return r;
}

static int climbed_add(struct store *store, const struct store_climbed *climbed)
{
    sqlite3_stmt *add = NULL;
    bool has_kinds = store->version >= 3;
    int r = store_write_statement(
        store, has_kinds ? STORE_SQL_CLIMBED_ADD : STORE_SQL_CLIMBED_ADD_2,
        &add);
    if (r != 0) {
        return r;
    }
    bind_int(add, 1, climbed->rank);
    bind_text(add, 2, climbed->name, sizeof climbed->name);
    (void)sqlite3_bind_double(add, 3, climbed->alive);
    (void)sqlite3_bind_double(add, 4, climbed->per_event);
    (void)sqlite3_bind_double(add, 5, climbed->with_memory);
    (void)sqlite3_bind_double(add, 6, climbed->bytes_each);
    bind_text(add, 7, climbed->sentence, sizeof climbed->sentence);
    if (has_kinds) {
        bind_text(add, 8, climbed->kind, sizeof climbed->kind);
        (void)sqlite3_bind_double(add, 9, climbed->bytes_per_event);
    }
    r = store_write_run(store, add, "cannot record what climbed");
    (void)sqlite3_clear_bindings(add);
    return r;
}

/* Empties the table of |id|. */
static int delete_all(struct store *store, enum store_sql id)
{
    sqlite3_stmt *delete = NULL;
    int r = store_write_statement(store, id, &delete);
    return r == 0
               ? store_write_run(store, delete, "cannot replace the verdicts")
               : r;
}

/* A store of version 1 has no room for what climbed: it keeps the verdicts. */
static int put_climbed(struct store *store, const struct store_climbed *climbed,
                       size_t count)
{
    if (store->version < 2) {
        return 0;
    }
    int r = delete_all(store, STORE_SQL_CLIMBED_DELETE);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = climbed_add(store, &climbed[i]);
    }
    return r;
}

int store_verdicts_put(struct store *store,
                       const struct store_verdict *verdicts, size_t count,
                       const struct store_climbed *climbed,
                       size_t climbed_count)
{
    int r = store_commit(store);
    if (r == 0) {
        r = delete_all(store, STORE_SQL_VERDICTS_DELETE);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = verdict_add(store, &verdicts[i]);
    }
    if (r == 0) {
        r = put_climbed(store, climbed, climbed_count);
    }
    if (r == 0) {
        return store_commit(store);
    }
    if (!sqlite3_get_autocommit(store->db)) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return r;
}
