/* recorder.h - writes what the supervisor and the sampler report to the store.
 *
 * The one place that joins churn and sample to store; it also keeps the few
 * latest figures that progress shows. A write that fails is remembered, and
 * nothing is written after it. That another process writes to the store is no
 * failure until it has done so for RECORDER_TRIES_MAX times the two seconds
 * that the store waits: ten. Meanwhile all stands still, which the premise of
 * the samples tells.
 */
#ifndef PLATEAU_RECORDER_H
#define PLATEAU_RECORDER_H

#include "churn/supervisor.h"
#include "err.h"
#include "sample/sampler.h"
#include "store/store.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECORDER_TRIES_MAX = 5 };

/* Zeroes and a store are a recorder. */
struct recorder {
    struct store *store; /* borrowed */
    int error;           /* first failure, -errno; 0: none */
    int64_t self_slot_id;
    int64_t next_series_id;
    int64_t private_series_max; /* highest id in |is_private| */
    bool is_private[256];       /* series that are an observer's "private" */
    double private_bytes[256];  /* their latest values */
};

/* Adds a row for every slot of the supervisor, and one for ourselves with the
 * id |self_slot_id|. 0 or -errno. */
int recorder_slots(struct recorder *recorder,
                   const struct supervisor *supervisor, uint32_t self_slot_id);

/* Adds one row; likewise. */
int recorder_slot(struct recorder *recorder, const struct store_slot *slot);

/* Notes a fact about the run, formatted as by printf and cut to 1,023 bytes. */
void recorder_note(struct recorder *recorder, const char *key,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void recorder_vnote(struct recorder *recorder, const char *key,
                    const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The supervisor's reports. */
void recorder_process(struct recorder *recorder,
                      const struct supervisor_process *process);
void recorder_event(struct recorder *recorder,
                    const struct supervisor_event *event);
void recorder_ebb(struct recorder *recorder, const struct supervisor_ebb *ebb);

/* The sink to give to a sampler, but for on_failure, which is the caller's. */
struct sampler_sink recorder_sink(struct recorder *recorder);

/* Commits what is pending; if another process writes, the next commit does. */
void recorder_commit(struct recorder *recorder);

/* Whether all could be written to the store at |path|: 0; or the first failure,
 * -errno, and |err|. */
int recorder_result(const struct recorder *recorder, const char *path,
                    struct err *err);

/* The largest private memory of any observer at its latest reading, bytes; 0
 * before the first. */
double recorder_private_max(const struct recorder *recorder);

#endif
