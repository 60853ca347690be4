/* store.c - a store's life: made, opened, committed, closed.
 *
 * Happy path: store_create() lays the tables out and switches the file to
 * WAL; the first write begins a transaction, store_commit() appends it to
 * the WAL; store_close() copies the WAL into the file and removes it.
 *
 * Failure modes: a file that is no store is told by its header before any SQL
 * runs, so that a stranger's database is never touched. A WAL left by a
 * killed writer is recovered by SQLite at the first read. In a folder that
 * cannot be written SQLite cannot make its shared memory; where no WAL is left
 * the file is opened as immutable, where one is left we say so.
 *
 * SQLite drops its locks when anybody in the process closes a descriptor of
 * the file (sqlite.org/howtocorrupt.html, 2.2), so the header is read through
 * SQLite's own descriptor.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_handle.h"

enum {
    HEADER_SIZE = 100, /* of a SQLite file; sqlite.org/fileformat.html, 1.3 */
    SQLITE_FILE_SIZE_MIN = 512,
    BUSY_TIMEOUT_MS = 2000,
};

static const char MAGIC[16] = "SQLite format 3";

/* Errors that lose what is pending; see store_handle.h. */
static bool loses_batch(int error)
{
    return error == -ENOSPC || error == -EFBIG || error == -EIO ||
           error == -EILSEQ || error == -ENOMEM;
}

/* What SQLite's codes mean to us and to a person. */
static const struct meaning {
    int code;
    int error;
    const char *sentence;
} MEANINGS[] = {
    {SQLITE_FULL, ENOSPC,
     "the disk is full; free some space and run again (what was committed "
     "before can be read)"},
    {SQLITE_READONLY, EROFS,
     "the file or its folder can only be read; copy it to a place that can be "
     "written"},
    {SQLITE_BUSY, EBUSY,
     "another program is writing to it; try again when that is done"},
    {SQLITE_LOCKED, EBUSY,
     "another program is writing to it; try again when that is done"},
    {SQLITE_NOMEM, ENOMEM, "out of memory"},
    {SQLITE_CORRUPT, EILSEQ,
     "the store is damaged or cut short; sqlite3's .recover saves what is "
     "left"},
    {SQLITE_NOTADB, EILSEQ,
     "this is no store; give the run.db that a run wrote"},
    {SQLITE_CONSTRAINT, EINVAL, "the row breaks a rule of the schema"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, EEXIST, "it is there already"},
    {SQLITE_CONSTRAINT_ROWID, EEXIST, "it is there already"},
    {SQLITE_CONSTRAINT_UNIQUE, EEXIST, "it is there already"},
    {SQLITE_TOOBIG, EFBIG, "a text is too long"},
    {SQLITE_PERM, EACCES, "permission denied"},
};

/* The meaning of the exact code, or else of its class; NULL: not in the
 * table. */
static const struct meaning *meaning_of(int code)
{
    const struct meaning *found = NULL;
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++) {
        if (MEANINGS[i].code == code) {
            return &MEANINGS[i];
        }
        if (MEANINGS[i].code == (code & 0xff)) {
            found = &MEANINGS[i];
        }
    }
    return found;
}

/* The errno behind SQLite's last I/O error, or 0. SQLite does not record it
 * when a COMMIT fails; the files that it writes to then still know. */
static int system_errno_of(sqlite3 *db)
{
    static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER,
                                SQLITE_FCNTL_FILE_POINTER};
    int found = sqlite3_system_errno(db);
    for (size_t i = 0; db && found == 0 && i < sizeof files / sizeof *files;
         i++) {
        sqlite3_file *file = NULL;
        if (sqlite3_file_control(db, "main", files[i], &file) == SQLITE_OK &&
            file != NULL && file->pMethods != NULL) {
            (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO,
                                               &found);
        }
    }
    return found;
}

/* Names the failure |code| of |db| in |err|. */
static int name_failure(sqlite3 *db, int code, const char *path,
                        const char *doing, struct err *err)
{
    int system_errno = system_errno_of(db);
    int class = code & 0xff;
    bool from_system = class == SQLITE_IOERR || class == SQLITE_CANTOPEN;
    if (from_system && (system_errno == ENOSPC || system_errno == EDQUOT)) {
        code = SQLITE_FULL;
    } else if (from_system && system_errno == EROFS) {
        code = SQLITE_READONLY;
    } else if (code == SQLITE_IOERR_NOMEM) {
        code = SQLITE_NOMEM;
    } else if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_DATA) {
        code = SQLITE_CORRUPT;
    }
    const struct meaning *meaning = meaning_of(code);
    if (meaning != NULL) {
        err_set(err, path, 0, 0, "%s: %s", doing, meaning->sentence);
        return -meaning->error;
    }
    if (from_system && system_errno == EFBIG) {
        err_set(err, path, 0, 0,
                "%s: the file may not grow so large (see ulimit -f)", doing);
        return -EFBIG;
    }
    if (class == SQLITE_CANTOPEN && system_errno != 0) {
        err_set(err, path, 0, 0, "%s: %s", doing, strerror(system_errno));
        return -system_errno;
    }
    err_set(err, path, 0, 0, "%s: %s%s%s", doing,
            db ? sqlite3_errmsg(db) : sqlite3_errstr(code),
            from_system && system_errno != 0 ? ", " : "",
            from_system && system_errno != 0 ? strerror(system_errno) : "");
    return -EIO;
}

int store_fail(struct store *store, const char *doing)
{
    return name_failure(store->db, sqlite3_extended_errcode(store->db),
                        store->path, doing, &store->err);
}

const struct err *store_err(const struct store *store)
{
    return &store->err;
}

int store_statement(struct store *store, enum store_sql id,
                    sqlite3_stmt **ret_statement)
{
    if (store->statements[id] == NULL &&
        sqlite3_prepare_v3(store->db, store_sql_statements[id], -1,
                           SQLITE_PREPARE_PERSISTENT, &store->statements[id],
                           NULL) != SQLITE_OK) {
        return store_fail(store, "cannot read the store's tables");
    }
    *ret_statement = store->statements[id];
    return 0;
}

/* The ticks that were read from the batch were never there. */
void store_lose_batch(struct store *store, int error)
{
    if (!sqlite3_get_autocommit(store->db)) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store->ticks_count = 0;
    store->waiting_count = 0;
    store->broken = error;
}

int store_begin(struct store *store)
{
    if (store->broken != 0) {
        return store->broken;
    }
    if (!store->is_writable) {
        err_set(&store->err, store->path, 0, 0, "cannot write: %s",
                meaning_of(SQLITE_READONLY)->sentence);
        return -EROFS;
    }
    if (!sqlite3_get_autocommit(store->db)) {
        return 0;
    }
    sqlite3_stmt *begin = NULL;
    int r = store_statement(store, STORE_SQL_BEGIN, &begin);
    return r == 0 ? store_write_run(store, begin, "cannot write") : r;
}

int store_write_statement(struct store *store, enum store_sql id,
                          sqlite3_stmt **ret_statement)
{
    int r = store_begin(store);
    return r == 0 ? store_statement(store, id, ret_statement) : r;
}

int store_write_run(struct store *store, sqlite3_stmt *statement,
                    const char *doing)
{
    int r = 0;
    bool was_in_batch = !sqlite3_get_autocommit(store->db);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        r = store_fail(store, doing);
    }
    (void)sqlite3_reset(statement);
    /* SQLite rolls back by itself after some failures, whatever errno was
     * behind them (sqlite.org/lang_transaction.html, 2.1). Writing on would
     * leave a batch with a hole. */
    bool is_rolled_back =
        r != 0 && was_in_batch && sqlite3_get_autocommit(store->db);
    if (loses_batch(r) || is_rolled_back) {
        store_lose_batch(store, r);
    }
    return r;
}

int store_commit(struct store *store)
{
    if (store->broken != 0) {
        return store->broken;
    }
    int r = store_flush(store);
    if (r != 0 || sqlite3_get_autocommit(store->db)) {
        return r;
    }
    sqlite3_stmt *commit = NULL;
    r = store_statement(store, STORE_SQL_COMMIT, &commit);
    if (r == 0) {
        r = store_write_run(store, commit, "cannot commit");
    }
    if (r != 0 && r != -EBUSY && store->broken == 0) {
        store_lose_batch(store, r);
    }
    return r;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->db != NULL) {
        (void)store_commit(store);
        for (size_t i = 0; i < STORE_SQL_COUNT; i++) {
            (void)sqlite3_finalize(store->statements[i]);
        }
        (void)sqlite3_close(store->db);
    }
    free(store->ticks);
    free(store->waiting);
    free(store->path);
    free(store);
}

/* "file:" URI of |path| and |options|, so that no path is taken for one of
 * SQLite's own names (":memory:", "file:..."). NULL: out of memory. */
static char *uri_of(const char *path, const char *options)
{
    static const char HEX[] = "0123456789ABCDEF";
    const char *prefix = path[0] == '/' ? "file://" : "file:./";
    char *uri = malloc(strlen(prefix) + 3 * strlen(path) + strlen(options) + 1);
    if (uri == NULL) {
        return NULL;
    }
    char *end = stpcpy(uri, prefix);
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        if (strchr("%?#", *c) != NULL) {
            *end++ = '%';
            *end++ = HEX[*c >> 4];
            *end++ = HEX[*c & 15];
        } else {
            *end++ = (char)*c;
        }
    }
    (void)strcpy(end, options);
    return uri;
}

/* A handle on the file; no SQL has run yet. */
static int handle_new(const char *path, const char *options,
                      struct store **ret_store, struct err *err)
{
    int r = -ENOMEM;
    struct store *store = calloc(1, sizeof *store);
    char *uri = uri_of(path, options);
    if (store == NULL || uri == NULL || (store->path = strdup(path)) == NULL) {
        err_set(err, path, 0, 0, "cannot open: out of memory");
        goto out;
    }
    store->last_tick = -1;
    store->version = STORE_SQL_VERSION;
    int code = sqlite3_open_v2(uri, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI |
                                   SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               NULL);
    if (code == SQLITE_OK) {
        code = store_merge_register(store);
    }
    if (code != SQLITE_OK) {
        r = name_failure(store->db, code, path, "cannot open", err);
        goto out;
    }
    (void)sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    store->is_writable = sqlite3_db_readonly(store->db, "main") == 0;
    *ret_store = store;
    store = NULL;
    r = 0;
out:
    free(uri);
    store_close(store);
    return r;
}

/* Runs |sql| while the store is being made ready; the failure is in |err|. */
static int prepare_with(struct store *store, const char *sql, const char *doing,
                        struct err *err)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK) {
        return 0;
    }
    int r = store_fail(store, doing);
    if (err != NULL) {
        *err = store->err;
    }
    return r;
}

/* The tables come before WAL, so that the file alone is a store from the
 * start. A crash in here leaves a file that store_open() calls unfinished. */
static int lay_out(struct store *store, struct err *err)
{
    char marks[128];
    (void)snprintf(marks, sizeof marks,
                   "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
                   STORE_SQL_APPLICATION_ID, STORE_SQL_VERSION);
    const char *const steps[] = {
        "PRAGMA journal_mode=MEMORY; BEGIN",
        store_sql_schema,
        store_sql_schema_verdicts,
        marks,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        /* 256 KiB of pages: a writer that only appends needs few, and the 2 MiB
         * that SQLite takes by itself look like a leak until they are full. */
        "PRAGMA cache_size=-256",
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int r = prepare_with(store, steps[i], "cannot make the store", err);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* A writer's memory is level from the first: the pages that it will hold are
 * resident before it has any. Filled one by one they were nine tenths of what a
 * supervisor grew by in its first minute, which its own judge called a climb.
 * Before SQLite is first used in this process only; later it does without. */
static void lay_in_pages(void)
{
    enum { PAGE_BYTES = 4096, HEADER_BYTES_MAX = 512, PAGES = 80 };
    static _Alignas(
        16) unsigned char pages[PAGES * (PAGE_BYTES + HEADER_BYTES_MAX)];
    int header = 0;
    if (sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header) != SQLITE_OK ||
        header <= 0 || header > HEADER_BYTES_MAX) {
        return;
    }
    int each = (PAGE_BYTES + header + 7) / 8 * 8;
    if (sqlite3_config(SQLITE_CONFIG_PAGECACHE, pages, each, PAGES) ==
        SQLITE_OK) {
        memset(pages, 0xff, (size_t)each * PAGES);
    }
}

int store_create(const char *path, struct store **ret_store, struct err *err)
{
    lay_in_pages();
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot make the store: %s",
                r == -EEXIST ? "the file is there already; a run never "
                               "overwrites another"
                             : strerror(-r));
        return r;
    }
    (void)close(fd);
    struct store *store = NULL;
    int r = handle_new(path, "?mode=rw", &store, err);
    if (r == 0) {
        r = lay_out(store, err);
    }
    if (r != 0) {
        store_close(store);
        (void)unlink(path);
        return r;
    }
    *ret_store = store;
    return 0;
}

static uint32_t big_endian(const unsigned char *bytes, size_t size)
{
    uint32_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* Of the write-ahead log beside the file; -1: there is none. */
static int64_t wal_bytes(const char *path)
{
    char *wal = NULL;
    struct stat st;
    if (asprintf(&wal, "%s-wal", path) < 0) {
        return 0;
    }
    int64_t bytes = stat(wal, &st) == 0 ? st.st_size : -1;
    free(wal);
    return bytes;
}

/* What is wrong with a file that begins with |header|, into |sentence|;
 * false: nothing. */
static bool is_wrong_header(const unsigned char *header, int64_t size,
                            bool with_wal, char *sentence, size_t sentence_size)
{
    static const char *const ADVICE = "give the run.db that a run wrote";
    uint32_t page_size = big_endian(header + 16, 2);
    page_size = page_size == 1 ? 65536 : page_size;
    uint32_t application_id = big_endian(header + 68, 4);
    uint32_t version = big_endian(header + 60, 4);
    int64_t expected = (int64_t)page_size * big_endian(header + 28, 4);
    if (size == 0) {
        (void)snprintf(sentence, sentence_size,
                       "the file is empty: the run ended before it recorded "
                       "anything, or this is no store; %s",
                       ADVICE);
    } else if (memcmp(header, MAGIC, sizeof MAGIC) != 0) {
        (void)snprintf(sentence, sentence_size,
                       "this is no store (not even a SQLite file); %s", ADVICE);
    } else if (size < SQLITE_FILE_SIZE_MIN) {
        (void)snprintf(sentence, sentence_size,
                       "the store is cut short: %lld bytes are left; copy it "
                       "again from where it was whole",
                       (long long)size);
    } else if (application_id != STORE_SQL_APPLICATION_ID) {
        (void)snprintf(sentence, sentence_size,
                       "this is a SQLite file of another program "
                       "(application_id 0x%08x, a store has 0x%08x); %s",
                       application_id, STORE_SQL_APPLICATION_ID, ADVICE);
    } else if (version > STORE_SQL_VERSION) {
        (void)snprintf(sentence, sentence_size,
                       "the store was written by a newer plateau (version %u; "
                       "this plateau reads up to %d): read it with that one",
                       version, STORE_SQL_VERSION);
    } else if (version == 0) {
        (void)snprintf(sentence, sentence_size,
                       "the store was never finished: the run ended while "
                       "making it; run again");
    } else if (size < expected && !with_wal) {
        (void)snprintf(sentence, sentence_size,
                       "the store is cut short: %lld of %lld bytes; copy it "
                       "again from where it was whole",
                       (long long)size, (long long)expected);
    } else {
        return false;
    }
    return true;
}

/* Tells a store from anything else without running SQL. */
static int check_header(struct store *store, struct err *err)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    unsigned char header[HEADER_SIZE] = {0};
    int code = sqlite3_file_control(store->db, "main",
                                    SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK) {
        code = file->pMethods->xFileSize(file, &size);
    }
    if (code == SQLITE_OK) {
        code = file->pMethods->xRead(file, header, sizeof header, 0);
    }
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
        err_set(err, store->path, 0, 0, "cannot read: %s",
                sqlite3_errstr(code));
        return -EIO;
    }
    char sentence[sizeof err->sentence];
    if (is_wrong_header(header, size, wal_bytes(store->path) > 0, sentence,
                        sizeof sentence)) {
        err_set(err, store->path, 0, 0, "%s", sentence);
        return -EILSEQ;
    }
    store->version = big_endian(header + 60, 4);
    return 0;
}

/* The first read: recovers a WAL, finds damage, learns the last tick. */
static int read_last_tick(struct store *store)
{
    sqlite3_stmt *last = NULL;
    int r = store_statement(store, STORE_SQL_TICK_LAST, &last);
    if (r != 0) {
        return r;
    }
    int code = sqlite3_step(last);
    if (code == SQLITE_ROW) {
        store->last_tick = sqlite3_column_int64(last, 0);
        store->last_t_ns = sqlite3_column_int64(last, 1);
    } else if (code != SQLITE_DONE) {
        r = store_fail(store, "cannot read the store");
    }
    (void)sqlite3_reset(last);
    return r;
}

static bool is_folder_writable(const char *path)
{
    char *copy = strdup(path);
    bool writable = copy == NULL || access(dirname(copy), W_OK) == 0;
    free(copy);
    return writable;
}

static int open_as(const char *path, const char *options,
                   struct store **ret_store, struct err *err)
{
    struct store *store = NULL;
    int r = handle_new(path, options, &store, err);
    if (r != 0) {
        return r;
    }
    r = check_header(store, err);
    if (r == 0 && store->is_writable) {
        r = prepare_with(store, "PRAGMA synchronous=NORMAL",
                         "cannot open the store", err);
    }
    if (r == 0) {
        r = read_last_tick(store);
        if (r != 0 && err != NULL) {
            *err = store->err;
        }
    }
    if (r != 0) {
        store_close(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

/* For a file that does not change. Where the folder cannot be written there is
 * no room for SQLite's shared memory, and nobody who could be writing either;
 * a writer elsewhere keeps a WAL beside the file. Without this, reading a file
 * that cannot be written would leave an empty WAL beside it. */
static int open_immutable(const char *path, struct store **ret_store,
                          struct err *err)
{
    if (wal_bytes(path) > 0) {
        err_set(err, path, 0, 0,
                "the run's last records are still in the -wal file beside it, "
                "and the folder cannot be written; copy both files to one "
                "that can");
        return -EROFS;
    }
    return open_as(path, "?mode=ro&immutable=1", ret_store, err);
}

int store_open(const char *path, struct store **ret_store, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot open: %s", strerror(-r));
        return r;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(err, path, 0, 0,
                "this is not a file; give the run.db that a run wrote");
        return -EILSEQ;
    }
    if (access(path, R_OK) < 0) {
        int r = -errno;
        err_set(err, path, 0, 0, "cannot open: %s", strerror(-r));
        return r;
    }
    if (access(path, W_OK) < 0 && wal_bytes(path) < 0) {
        return open_immutable(path, ret_store, err);
    }
    int r = open_as(path, "?mode=rw", ret_store, err);
    if (r != 0 && r != -EILSEQ && !is_folder_writable(path)) {
        r = open_immutable(path, ret_store, err);
    }
    return r;
}
