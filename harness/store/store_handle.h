/* store_handle.h - the open store, as store*.c see it; nobody else does.
 *
 * A batch is whole or missing: when a write fails in a way that loses what
 * was pending (disk full, I/O error, damage), the batch is rolled back and
 * every later write gives the same error; what was committed stays readable.
 */
#ifndef PLATEAU_STORE_HANDLE_H
#define PLATEAU_STORE_HANDLE_H

#include "store/store.h"
#include "store/store_sql.h"

#include <sqlite3.h>

/* Samples on their way into points; see store_read.c. */
struct store_merge {
    const struct store_tick *at, *end; /* the ticks to come */
    struct store_point *next;          /* where the next point goes */
    int64_t last_tick;                 /* of the samples so far */
    bool is_in_order;
};

/* A sample that waits for its batch. */
struct store_sample {
    int64_t series_id;
    int64_t tick;
    double value;
};

/* Samples wait here, so that they can be written series by series: a batch
 * then touches each page of the file once. When it is full they are written
 * (into the transaction that is open) before their time. */
enum { STORE_WAITING_MAX = 16384 };

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_SQL_COUNT]; /* prepared at first use */
    char *path;
    bool is_writable;
    uint32_t version; /* of the schema */
    int broken;       /* -errno once a batch was lost, else 0 */
    struct err err;
    int64_t last_tick; /* in the file and pending; -1: none */
    int64_t last_t_ns;
    struct store_tick *ticks; /* those read so far, by tick */
    size_t ticks_count;
    size_t ticks_capacity;
    struct store_merge merge;
    struct store_sample *waiting;
    size_t waiting_count;
    size_t waiting_capacity;
};

/* Turns SQLite's last failure into -errno and a sentence that begins with
 * |doing| ("cannot add a sample"). */
int store_fail(struct store *store, const char *doing);

/* The statement |id|, reset and ready to be bound. */
int store_statement(struct store *store, enum store_sql id,
                    sqlite3_stmt **ret_statement);

/* The statement |id| of a write, within the transaction that is open or that
 * this begins. -EROFS where nothing can be written. */
int store_write_statement(struct store *store, enum store_sql id,
                          sqlite3_stmt **ret_statement);

/* Runs a write that gives no rows, and resets it. */
int store_write_run(struct store *store, sqlite3_stmt *statement,
                    const char *doing);

/* Writes the samples that wait. -EBUSY leaves them waiting; any other failure
 * loses the batch. */
int store_flush(struct store *store);

/* Gives up the batch because of |error|. */
void store_lose_batch(struct store *store, int error);

/* Teaches SQLite store_merge(), which STORE_SQL_SAMPLES calls. Returns a code
 * of SQLite's. */
int store_merge_register(struct store *store);

#endif
