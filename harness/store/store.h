/* store.h - one run in one SQLite file; the only place that knows SQL.
 *
 * The file is in WAL mode, readable while the run is under way, and complete
 * to the last batch if the writer is killed. Its schema is documented at
 * harness/store/schema.md. Times are nanoseconds of the monotonic clock since
 * the run's start; sizes are bytes. Writes gather in a transaction until
 * store_commit(), which the caller calls about once a second: what a crash
 * can lose is what came since.
 *
 * Every function returns 0 or -errno (-EIO for what SQLite cannot do,
 * -ENOSPC when the disk is full, -EFBIG at the file size limit, -EROFS where
 * nothing can be written, -EBUSY after two seconds in which another process
 * was writing, -EILSEQ for a file that is no store or a damaged one, -EEXIST
 * for a row that is there, -ENOENT) and fills |err| where it takes one;
 * store_err() tells the last failure of a store that is open.
 */
#ifndef PLATEAU_STORE_H
#define PLATEAU_STORE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_NAME_MAX = 64,
    STORE_SENTENCE_MAX = 320,
    STORE_EVENT_KIND_MAX = 16
};

struct store;

/* Makes a new store; -EEXIST if the file is there. A failure leaves no file. */
int store_create(const char *path, struct store **ret_store, struct err *err);

/* Opens a recorded run (or one under way) for reading, and verdicts. A WAL
 * that a killed writer left is recovered. A run in a place that can only be
 * read is opened as well, and its writes give -EROFS; -EROFS here when a WAL
 * is left that cannot be recovered in such a place. */
int store_open(const char *path, struct store **ret_store, struct err *err);

/* Commits what is pending, moves the WAL into the file and removes it (unless
 * somebody else has the store open). Accepts NULL. */
void store_close(struct store *store);

/* The last failure, in words. Never NULL. */
const struct err *store_err(const struct store *store);

/* Begins a batch unless one is open: until its commit no write gives -EBUSY.
 * -EBUSY: another process is writing; call again. Every write begins a batch by
 * itself where it has to, but one that then gives -EBUSY is not recorded. */
int store_begin(struct store *store);

/* Makes what was written durable and visible to others; 0 if there was
 * nothing. -EBUSY: nothing is lost, call again. A batch is whole or missing:
 * when a write loses what was pending (-ENOSPC, -EFBIG, -EIO, -EILSEQ,
 * -ENOMEM, or any with which SQLite rolled back; here any error but -EBUSY),
 * all of the batch is given up, every later write gives the same error, and
 * earlier batches stay readable. */
int store_commit(struct store *store);

/* --- facts about the run: seed, scenario, versions, machine ------------- */

int store_meta_set(struct store *store, const char *key, const char *value);
/* 0 and *ret_value (caller frees); -ENOENT when not recorded. */
int store_meta_get(struct store *store, const char *key, char **ret_value);

/* --- what was run ------------------------------------------------------- */

/* A place in the run that one process at a time fills. */
struct store_slot {
    int64_t id;                /* from 0 */
    char role[STORE_NAME_MAX]; /* "observer" */
    int32_t ordinal;           /* within the role, from 0 */
    bool is_observer;
};

/* One life in a slot. ended_ns is -1 while it lives. */
struct store_process {
    int64_t id; /* from 1, in the order of spawning */
    int64_t slot_id;
    int64_t generation; /* within the slot, from 1 */
    int64_t pid;
    int64_t spawned_ns;
    int64_t ready_ns;  /* -1: never */
    int64_t ended_ns;  /* -1: alive at the end of the record */
    int32_t exit_code; /* -1: did not exit by itself */
    int32_t signal;    /* 0: not killed by a signal */
};

/* A numbered churn event: what befell one churner (see schema.md). */
struct store_event {
    int64_t seq; /* from 1 */
    int64_t t_ns;
    int64_t slot_id;
    int64_t process_id;              /* whom it befell */
    char kind[STORE_EVENT_KIND_MAX]; /* "kill", "stop" ... */
    int64_t churned_ns; /* of churn by then, ebbs left out; -1: not recorded */
    int64_t parameter_ns; /* what was drawn for it; -1: nothing */
};

/* How many events there are of one kind. */
struct store_event_kind {
    char kind[STORE_EVENT_KIND_MAX];
    int64_t count;
};

int store_slot_add(struct store *store, const struct store_slot *slot);
/* Inserts, or replaces the row with that id. */
int store_process_put(struct store *store, const struct store_process *process);
int store_event_add(struct store *store, const struct store_event *event);

/* Copies the kinds that there are, with their counts, by name; the caller frees
 * *ret_kinds. A store older than version 3 knows kills only. */
int store_event_kinds(struct store *store, struct store_event_kind **ret_kinds,
                      size_t *ret_count);
/* Copies all events, by seq; the caller frees *ret_events. */
int store_events(struct store *store, struct store_event **ret_events,
                 size_t *ret_count);

/* Copies all slots; the caller frees *ret_slots. */
int store_slots(struct store *store, struct store_slot **ret_slots,
                size_t *ret_count);
/* Copies all processes, by id; the caller frees *ret_processes. */
int store_processes(struct store *store, struct store_process **ret_processes,
                    size_t *ret_count);

/* --- samples ------------------------------------------------------------ */

enum store_kind { STORE_GAUGE = 0, STORE_COUNTER = 1 };

/* What is measured of a slot: "rss", "private", "tally/active_peers",
 * "tally/connection_loops.spawned", "heap/allocated" ... */
struct store_series {
    int64_t id; /* from 1 */
    int64_t slot_id;
    char metric[STORE_NAME_MAX];
    char unit[16]; /* "B", "" for a count, "ns" */
    enum store_kind kind;
    double quantum; /* the smallest step it can make: 4096 for pages, else 1 */
};

/* A point of the grid. */
struct store_tick {
    int64_t tick;    /* its place on the grid, from 0 */
    int64_t t_ns;    /* when the sample was really begun */
    int64_t events;  /* churn events up to then */
    int64_t cost_ns; /* what taking the sample cost us */
};

/* A value at a tick, joined with its time and the events then. */
struct store_point {
    int64_t tick;
    int64_t t_ns;
    int64_t events;
    double value;
};

int store_series_add(struct store *store, const struct store_series *series);
/* -EINVAL for a tick that does not come after the last one, or goes back in
 * time. */
int store_tick_add(struct store *store, const struct store_tick *tick);
/* -EINVAL for a value that is not finite: one that was missed is left out. The
 * tick may be added before or after, in the same batch. Samples wait until the
 * commit, which gives -EEXIST (and loses the batch) for one that is there.
 * -EBUSY, when 16,384 wait and there is no batch to write them in because
 * another process is writing: those wait on, this one was not taken; commit, or
 * call again. */
int store_value_add(struct store *store, int64_t series_id, int64_t tick,
                    double value);

/* Copies all series, by id; the caller frees *ret_series. */
int store_all_series(struct store *store, struct store_series **ret_series,
                     size_t *ret_count);
/* The series of that slot and metric; -ENOENT when there is none. */
int store_find_series(struct store *store, int64_t slot_id, const char *metric,
                      struct store_series *ret_series);
/* Copies the points of a series with from_ns <= t_ns <= to_ns, by tick; the
 * caller frees *ret_points. No points is 0 with NULL and 0. */
int store_points(struct store *store, int64_t series_id, int64_t from_ns,
                 int64_t to_ns, struct store_point **ret_points,
                 size_t *ret_count);
/* Copies all ticks; the caller frees *ret_ticks. */
int store_ticks(struct store *store, struct store_tick **ret_ticks,
                size_t *ret_count);

/* --- ebbs ---------------------------------------------------------------- */

/* A stillness after a wave of churn, whose trough was read. */
struct store_ebb {
    int64_t seq;      /* from 1 */
    int64_t begin_ns; /* the last kill before it */
    int64_t read_ns;  /* when the trough was read */
    int64_t events;   /* churn events up to then */
    bool is_settled;
    bool has_answered;
};

/* A value of a series at an ebb. */
struct store_trough {
    int64_t ebb;
    double value;
};

int store_ebb_add(struct store *store, const struct store_ebb *ebb);
/* -EINVAL for a value that is not finite. */
int store_trough_add(struct store *store, int64_t series_id, int64_t ebb,
                     double value);
/* Copies all ebbs, by seq; the caller frees *ret_ebbs. None for a store that
 * was written before there were ebbs. */
int store_ebbs(struct store *store, struct store_ebb **ret_ebbs,
               size_t *ret_count);
/* Copies the troughs of a series, by ebb; the caller frees *ret_troughs. */
int store_troughs(struct store *store, int64_t series_id,
                  struct store_trough **ret_troughs, size_t *ret_count);

/* --- verdicts ------------------------------------------------------------ */

/* One row a judged series; series_id 0 is the verdict of the whole run. */
struct store_verdict {
    int64_t series_id;
    char verdict[16]; /* "PLATEAU", "CLIMB", "INCONCLUSIVE", "INVALID" */
    char reason[256];
    double slope_per_hour, slope_per_hour_low, slope_per_hour_high;
    double slope_per_event, slope_per_event_low, slope_per_event_high;
};

/* What grew with the events of a run that climbs. */
struct store_climbed {
    int64_t rank;  /* from 1: the best explanation */
    char kind[16]; /* "pair", "gauge", "site", "class", "rest"; "": not known,
                    * in a store of version 2 */
    char name[STORE_NAME_MAX];
    double alive;           /* at the end */
    double per_event;       /* NaN: not known; likewise below */
    double with_memory;     /* 0 to 1: how far its growth is that of memory */
    double bytes_each;      /* of memory for one of it */
    double bytes_per_event; /* of memory's growth, explained by it */
    char sentence[STORE_SENTENCE_MAX];
};

/* Replaces all verdicts that are stored with these, and commits. A NaN slope
 * is one that is not known. On a run that is being written -EBUSY is likely:
 * its writer is seldom between two batches. */
int store_verdicts_put(struct store *store,
                       const struct store_verdict *verdicts, size_t count,
                       const struct store_climbed *climbed,
                       size_t climbed_count);
/* Copies all verdicts, by series_id; the caller frees *ret_verdicts. */
int store_verdicts(struct store *store, struct store_verdict **ret_verdicts,
                   size_t *ret_count);
/* Copies what climbed, by rank; the caller frees *ret_climbed. */
int store_climbed(struct store *store, struct store_climbed **ret_climbed,
                  size_t *ret_count);

#endif
