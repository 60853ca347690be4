/* store_sql.h - every word of SQL that the store says; for store*.c only.
 *
 * The schema and the statements are data: what a table is, store_sql_schema
 * says; what is asked of it, store_sql_statements.
 */
#ifndef PLATEAU_STORE_SQL_H
#define PLATEAU_STORE_SQL_H

enum {
    STORE_SQL_APPLICATION_ID = 0x504c5441, /* "PLTA", big-endian at byte 68 */
    STORE_SQL_VERSION = 3,                 /* user_version, byte 60 */
};

/* The statements that a store keeps prepared. */
enum store_sql {
    STORE_SQL_BEGIN,
    STORE_SQL_COMMIT,
    STORE_SQL_META_SET,
    STORE_SQL_META_GET,
    STORE_SQL_SLOT_ADD,
    STORE_SQL_SLOTS,
    STORE_SQL_PROCESS_PUT,
    STORE_SQL_PROCESSES,
    STORE_SQL_EVENT_ADD,
    STORE_SQL_EVENT_KINDS,
    STORE_SQL_EVENT_KINDS_2, /* likewise, of a store of version 1 or 2 */
    STORE_SQL_EVENTS,
    STORE_SQL_EVENTS_2,
    STORE_SQL_SERIES_ADD,
    STORE_SQL_SERIES,
    STORE_SQL_SERIES_FIND,
    STORE_SQL_TICK_ADD,
    STORE_SQL_TICK_LAST,
    STORE_SQL_TICKS_AFTER,
    STORE_SQL_SAMPLE_ADD,
    STORE_SQL_SAMPLES,
    STORE_SQL_EBB_ADD,
    STORE_SQL_EBBS,
    STORE_SQL_TROUGH_ADD,
    STORE_SQL_TROUGHS,
    STORE_SQL_VERDICTS_DELETE,
    STORE_SQL_VERDICT_ADD,
    STORE_SQL_VERDICTS,
    STORE_SQL_CLIMBED_DELETE,
    STORE_SQL_CLIMBED_ADD,
    STORE_SQL_CLIMBED,
    STORE_SQL_CLIMBED_ADD_2, /* of a store of version 2 */
    STORE_SQL_CLIMBED_2,
    STORE_SQL_COUNT,
};

/* Makes the tables: of what was recorded, of what was judged. Two, because ISO
 * C promises 4,095 characters of a string and no more. */
extern const char store_sql_schema[];
extern const char store_sql_schema_verdicts[];

extern const char *const store_sql_statements[STORE_SQL_COUNT];

#endif
