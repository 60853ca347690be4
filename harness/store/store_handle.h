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

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_SQL_COUNT]; /* prepared at first use */
    char *path;
    bool is_writable;
    int broken; /* -errno once a batch was lost, else 0 */
    struct err err;
    int64_t last_tick; /* in the file and pending; -1: none */
    int64_t last_t_ns;
    struct store_tick *ticks; /* those read so far, by tick */
    size_t ticks_count;
    size_t ticks_capacity;
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

#endif
