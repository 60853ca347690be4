#include "recorder.h"

#include "churn/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void keep_error(struct recorder *recorder, int result)
{
    if (result < 0 && recorder->error == 0) {
        recorder->error = result;
    }
}

/* Whether anything can be written: begins a batch where none is open, after
 * which no write of it meets another writer. */
static bool can_write(struct recorder *recorder)
{
    int result = -EBUSY;
    for (int i = 0;
         i < RECORDER_TRIES_MAX && recorder->error == 0 && result == -EBUSY;
         i++) {
        result = store_begin(recorder->store);
    }
    keep_error(recorder, result);
    return recorder->error == 0;
}

int recorder_slots(struct recorder *recorder,
                   const struct supervisor *supervisor, uint32_t self_slot_id)
{
    struct supervisor_counts counts;
    supervisor_counts(supervisor, &counts);
    for (uint32_t i = 0; i < counts.slots && can_write(recorder); i++) {
        struct supervisor_slot slot;
        supervisor_slot(supervisor, i, &slot);
        struct store_slot row = {.id = i,
                                 .ordinal = (int32_t)slot.ordinal,
                                 .is_observer = slot.is_observer};
        (void)snprintf(row.role, sizeof row.role, "%s", slot.role);
        keep_error(recorder, store_slot_add(recorder->store, &row));
    }
    recorder->self_slot_id = self_slot_id;
    struct store_slot self = {.id = self_slot_id, .role = "plateau"};
    return recorder_slot(recorder, &self);
}

int recorder_slot(struct recorder *recorder, const struct store_slot *slot)
{
    if (can_write(recorder)) {
        keep_error(recorder, store_slot_add(recorder->store, slot));
    }
    return recorder->error;
}

void recorder_vnote(struct recorder *recorder, const char *key,
                    const char *format, va_list args)
{
    char value[1024];
    (void)vsnprintf(value, sizeof value, format, args);
    if (can_write(recorder)) {
        keep_error(recorder, store_meta_set(recorder->store, key, value));
    }
}

void recorder_note(struct recorder *recorder, const char *key,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    recorder_vnote(recorder, key, format, args);
    va_end(args);
}

void recorder_process(struct recorder *recorder,
                      const struct supervisor_process *process)
{
    struct store_process row = {
        .id = process->id,
        .slot_id = process->slot_id,
        .generation = process->generation,
        .pid = process->pid,
        .spawned_ns = process->spawned_ns,
        .ready_ns = process->ready_ns,
        .ended_ns = process->ended_ns,
        .exit_code = process->exit_code,
        .signal = process->signal,
    };
    if (can_write(recorder)) {
        keep_error(recorder, store_process_put(recorder->store, &row));
    }
}

void recorder_event(struct recorder *recorder,
                    const struct supervisor_event *event)
{
    struct store_event row = {
        .seq = event->seq,
        .t_ns = event->t_ns,
        .slot_id = event->slot_id,
        .process_id = event->process_id,
        .churned_ns = event->churned_ns,
        .parameter_ns = event->parameter_ns,
    };
    (void)snprintf(row.kind, sizeof row.kind, "%s", kinds_name(event->kind));
    if (can_write(recorder)) {
        keep_error(recorder, store_event_add(recorder->store, &row));
    }
}

void recorder_ebb(struct recorder *recorder, const struct supervisor_ebb *ebb)
{
    struct store_ebb row = {
        .seq = ebb->seq,
        .begin_ns = ebb->begin_ns,
        .read_ns = ebb->read_ns,
        .events = ebb->events,
        .is_settled = ebb->is_settled,
        .has_answered = ebb->has_answered,
    };
    if (can_write(recorder)) {
        keep_error(recorder, store_ebb_add(recorder->store, &row));
    }
}

static int sink_series(void *context, const struct sampler_series *series,
                       int64_t *ret_series_id)
{
    struct recorder *recorder = context;
    struct store_series row = {
        .id = ++recorder->next_series_id,
        .slot_id = series->slot_id,
        .kind = series->is_counter ? STORE_COUNTER : STORE_GAUGE,
        .quantum = series->quantum,
    };
    (void)snprintf(row.metric, sizeof row.metric, "%s", series->metric);
    (void)snprintf(row.unit, sizeof row.unit, "%s", series->unit);
    if (can_write(recorder)) {
        keep_error(recorder, store_series_add(recorder->store, &row));
    }
    size_t known = sizeof recorder->is_private / sizeof recorder->is_private[0];
    if (strcmp(series->metric, "private") == 0 && row.id < (int64_t)known &&
        row.slot_id != recorder->self_slot_id) {
        recorder->is_private[row.id] = true;
        recorder->private_series_max = row.id;
    }
    *ret_series_id = row.id;
    return recorder->error;
}

static int sink_value(void *context, int64_t series_id, int64_t tick,
                      double value)
{
    struct recorder *recorder = context;
    if (series_id <= recorder->private_series_max &&
        recorder->is_private[series_id]) {
        recorder->private_bytes[series_id] = value;
    }
    if (can_write(recorder)) {
        keep_error(recorder,
                   store_value_add(recorder->store, series_id, tick, value));
    }
    return recorder->error;
}

static int sink_tick(void *context, const struct sampler_tick *tick)
{
    struct recorder *recorder = context;
    struct store_tick row = {
        .tick = tick->tick,
        .t_ns = tick->t_ns,
        .events = tick->events,
        .cost_ns = tick->cost_ns,
    };
    if (can_write(recorder)) {
        keep_error(recorder, store_tick_add(recorder->store, &row));
    }
    return recorder->error;
}

static int sink_trough(void *context, int64_t series_id, int64_t ebb,
                       double value)
{
    struct recorder *recorder = context;
    if (can_write(recorder)) {
        keep_error(recorder,
                   store_trough_add(recorder->store, series_id, ebb, value));
    }
    return recorder->error;
}

struct sampler_sink recorder_sink(struct recorder *recorder)
{
    return (struct sampler_sink){
        .context = recorder,
        .series = sink_series,
        .value = sink_value,
        .tick = sink_tick,
        .trough = sink_trough,
    };
}

void recorder_commit(struct recorder *recorder)
{
    if (recorder->error == 0) {
        int result = store_commit(recorder->store);
        /* Then all of the batch waits for the next commit. */
        keep_error(recorder, result == -EBUSY ? 0 : result);
    }
}

int recorder_result(const struct recorder *recorder, const char *path,
                    struct err *err)
{
    if (recorder->error != 0) {
        *err = *store_err(recorder->store);
        if (err->sentence[0] == '\0') {
            err_set(err, path, 0, 0, "cannot record: %s",
                    strerror(-recorder->error));
        }
    }
    return recorder->error;
}

double recorder_private_max(const struct recorder *recorder)
{
    double max = 0.;
    for (int64_t i = 1; i <= recorder->private_series_max; i++) {
        if (recorder->is_private[i] && recorder->private_bytes[i] > max) {
            max = recorder->private_bytes[i];
        }
    }
    return max;
}
