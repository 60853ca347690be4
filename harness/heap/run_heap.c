#include "heap/run_heap.h"

#include "heap/dumps.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char allocated_metric[] = "heap/allocated";
static const char tally_prefix[] = "tally/";
static const char spawned_suffix[] = ".spawned";
static const char class_prefix[] = "heap/class/";

/* While a run is read. */
struct reader {
    const char *folder;
    struct store *store;
    struct run_heap *run;
    struct store_ebb *ebbs;
    size_t ebbs_count;
    struct store_series *series;
    size_t series_count;
    int64_t slot_id; /* of the observer that was chosen */
    struct err *err;
};

bool run_heap_is_growing(const double *values, size_t count)
{
    size_t third = count / 3;
    double greatest = -INFINITY;
    double least = INFINITY;
    if (count < RUN_HEAP_GROWTH_MIN) {
        return false;
    }
    for (size_t i = 0; i < third; i++) {
        greatest = fmax(greatest, values[i]);
        least = fmin(least, values[count - 1 - i]);
    }
    return least > greatest;
}

static int blame_store(const struct reader *reader, int error)
{
    *reader->err = *store_err(reader->store);
    if (reader->err->sentence[0] == '\0') {
        err_set(reader->err, reader->folder, 0, 0, "cannot be read: %s",
                strerror(-error));
    }
    return error;
}

static const struct store_ebb *find_ebb(const struct reader *reader,
                                        int64_t seq)
{
    for (size_t i = 0; i < reader->ebbs_count; i++) {
        if (reader->ebbs[i].seq == seq) {
            return &reader->ebbs[i];
        }
    }
    return NULL;
}

static const struct store_series *
find_series(const struct reader *reader, int64_t slot_id, const char *metric)
{
    for (size_t i = 0; i < reader->series_count; i++) {
        if (reader->series[i].slot_id == slot_id &&
            strcmp(reader->series[i].metric, metric) == 0) {
            return &reader->series[i];
        }
    }
    return NULL;
}

static double value_at(const struct store_trough *troughs, size_t count,
                       uint32_t ebb)
{
    for (size_t i = 0; i < count; i++) {
        if (troughs[i].ebb == ebb) {
            return troughs[i].value;
        }
    }
    return NAN;
}

/* --- which observer, which ebbs ------------------------------------------- */

/* The first and the last ebb that settled; 0 where there is none. */
static void span_ebbs(const struct reader *reader, uint32_t *ret_first,
                      uint32_t *ret_last)
{
    for (size_t i = 0; i < reader->ebbs_count; i++) {
        if (reader->ebbs[i].is_settled) {
            *ret_first =
                *ret_first > 0 ? *ret_first : (uint32_t)reader->ebbs[i].seq;
            *ret_last = (uint32_t)reader->ebbs[i].seq;
        }
    }
}

/* The ebbs of |observer|'s profiles into the run. 0; 1: it has none; -errno. */
static int choose_ebbs(const struct reader *reader, const char *observer,
                       uint32_t *ret_first, uint32_t *ret_last)
{
    uint32_t *dumps = NULL;
    size_t count = 0;
    int r = dumps_list(reader->folder, observer, &dumps, &count);
    if (r == -ENOENT || (r == 0 && count == 0)) {
        free(dumps);
        return 1;
    }
    if (r < 0) {
        err_set(reader->err, reader->folder, 0, 0,
                "its heap profiles cannot be listed: %s", strerror(-r));
        return r;
    }
    *ret_first = dumps[0];
    *ret_last = dumps[count - 1];
    for (size_t i = 0; i < count; i++) {
        const struct store_ebb *ebb = find_ebb(reader, dumps[i]);
        if (ebb != NULL && ebb->is_settled) {
            *ret_first = dumps[i];
            break;
        }
    }
    free(dumps);
    return 0;
}

/* Takes |slot| for the run's if it is the one that was asked for, or holds
 * more than the one before. 0 or -errno. */
static int consider(struct reader *reader, const struct store_slot *slot,
                    const char *wanted, double *most)
{
    char name[RUN_HEAP_NAME_SIZE];
    uint32_t ebbs[2] = {0, 0};
    (void)snprintf(name, sizeof name, "%s-%" PRId32, slot->role, slot->ordinal);
    if (!slot->is_observer || (wanted != NULL && strcmp(wanted, name) != 0)) {
        return 0;
    }
    int r = choose_ebbs(reader, name, &ebbs[0], &ebbs[1]);
    bool has_profiles = r == 0;
    if (r < 0 || (!has_profiles && reader->run->has_profiles)) {
        return r < 0 ? r : 0;
    }
    if (!has_profiles) {
        span_ebbs(reader, &ebbs[0], &ebbs[1]);
    } else if (!reader->run->has_profiles) {
        *most = -1; /* whoever came before had none */
    }
    const struct store_series *series =
        find_series(reader, slot->id, allocated_metric);
    double values[2] = {NAN, NAN};
    if (series != NULL) {
        struct store_trough *troughs = NULL;
        size_t count = 0;
        r = store_troughs(reader->store, series->id, &troughs, &count);
        if (r < 0) {
            return blame_store(reader, r);
        }
        values[0] = value_at(troughs, count, ebbs[0]);
        values[1] = value_at(troughs, count, ebbs[1]);
        free(troughs);
    }
    double held = isnan(values[1]) ? 0 : values[1];
    if (held > *most) {
        struct run_heap *run = reader->run;
        *most = held;
        reader->slot_id = slot->id;
        (void)snprintf(run->observer, sizeof run->observer, "%s", name);
        run->has_profiles = has_profiles;
        run->first_ebb = ebbs[0];
        run->last_ebb = ebbs[1];
        run->allocated[0] = values[0];
        run->allocated[1] = values[1];
    }
    return 0;
}

static int choose_observer(struct reader *reader,
                           const struct store_slot *slots, size_t count,
                           const char *wanted)
{
    double most = -1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = consider(reader, &slots[i], wanted, &most);
    }
    if (r == 0 && reader->run->observer[0] == '\0') {
        err_set(reader->err, reader->folder, 0, 0, "has no observer%s%s",
                wanted != NULL ? " of the name " : "",
                wanted != NULL ? wanted : "");
        r = -ENODATA;
    }
    return r;
}

/* --- what it says --------------------------------------------------------- */

static int read_line(struct reader *reader, const struct store_slot *slot)
{
    struct run_heap *run = reader->run;
    struct store_trough *troughs = NULL;
    size_t count = 0;
    const struct store_series *series =
        find_series(reader, slot->id, allocated_metric);
    if (!slot->is_observer || series == NULL ||
        run->lines_count == RUN_HEAP_LINES_MAX) {
        return 0;
    }
    int r = store_troughs(reader->store, series->id, &troughs, &count);
    if (r < 0) {
        return blame_store(reader, r);
    }
    struct run_heap_line *line = &run->lines[run->lines_count];
    line->points = calloc(count + 1, sizeof *line->points);
    if (line->points == NULL) {
        free(troughs);
        return -ENOMEM;
    }
    (void)snprintf(line->observer, sizeof line->observer, "%s-%" PRId32,
                   slot->role, slot->ordinal);
    for (size_t i = 0; i < count; i++) {
        const struct store_ebb *ebb = find_ebb(reader, troughs[i].ebb);
        if (ebb != NULL && ebb->is_settled) {
            line->points[line->count++] =
                (struct run_heap_point){(double)ebb->events, troughs[i].value};
        }
    }
    free(troughs);
    if (strcmp(line->observer, run->observer) == 0) {
        const struct run_heap_line ours = *line;
        *line = run->lines[0];
        run->lines[0] = ours;
    }
    run->lines_count++;
    return 0;
}

/* Reads how many of a thing were alive at each ebb: |series|, less what
 * finished. */
static int read_count(struct reader *reader, const struct store_series *series)
{
    struct run_heap *run = reader->run;
    struct store_trough *spawned = NULL;
    struct store_trough *finished = NULL;
    size_t counts[2] = {0, 0};
    const char *name = series->metric + sizeof tally_prefix - 1;
    const char *suffix = strstr(name, spawned_suffix);
    int r = store_troughs(reader->store, series->id, &spawned, &counts[0]);
    struct run_heap_count count = {.is_pair = suffix != NULL};
    (void)snprintf(count.name, sizeof count.name, "%.*s",
                   suffix != NULL ? (int)(suffix - name) : (int)strlen(name),
                   name);
    if (r == 0 && suffix != NULL) {
        char metric[STORE_NAME_MAX];
        (void)snprintf(metric, sizeof metric, "tally/%.40s.finished",
                       count.name);
        const struct store_series *other =
            find_series(reader, series->slot_id, metric);
        if (other != NULL) {
            r = store_troughs(reader->store, other->id, &finished, &counts[1]);
        }
    }
    double *alive = r == 0 ? calloc(counts[0] + 1, sizeof *alive) : NULL;
    if (alive != NULL) {
        for (size_t i = 0; i < counts[0]; i++) {
            double ended =
                value_at(finished, counts[1], (uint32_t)spawned[i].ebb);
            alive[i] = spawned[i].value - (isnan(ended) ? 0 : ended);
            if (spawned[i].ebb == run->first_ebb) {
                count.first = alive[i];
            }
            if (spawned[i].ebb == run->last_ebb) {
                count.last = alive[i];
            }
        }
        count.is_growing = run_heap_is_growing(alive, counts[0]);
        if (run->counts_count < RUN_HEAP_COUNTS_MAX && counts[0] > 0) {
            run->counts[run->counts_count++] = count;
        }
    } else if (r == 0) {
        r = -ENOMEM;
    }
    free(alive);
    free(spawned);
    free(finished);
    return r < 0 ? blame_store(reader, r) : 0;
}

static bool is_class(const struct reader *reader,
                     const struct store_series *series)
{
    return series->slot_id == reader->slot_id &&
           strncmp(series->metric, class_prefix, sizeof class_prefix - 1) == 0;
}

/* What a class held at the two ebbs; where it was not read, nothing. */
static int read_class(struct reader *reader, const struct store_series *series)
{
    struct run_heap *run = reader->run;
    struct store_trough *troughs = NULL;
    size_t count = 0;
    if (run->classes_count == RUN_HEAP_CLASSES_MAX) {
        return 0;
    }
    int r = store_troughs(reader->store, series->id, &troughs, &count);
    if (r < 0) {
        return blame_store(reader, r);
    }
    double first = value_at(troughs, count, run->first_ebb);
    double last = value_at(troughs, count, run->last_ebb);
    run->classes[run->classes_count++] = (struct run_heap_class){
        .size_bytes = series->quantum,
        .first = isnan(first) ? 0. : first,
        .last = isnan(last) ? 0. : last,
    };
    free(troughs);
    return 0;
}

/* Pairs, by what they spawned, and gauges without a unit. */
static bool is_count(const struct reader *reader,
                     const struct store_series *series)
{
    const char *suffix = strstr(series->metric, spawned_suffix);
    return series->slot_id == reader->slot_id &&
           strncmp(series->metric, tally_prefix, sizeof tally_prefix - 1) ==
               0 &&
           ((suffix != NULL && suffix[sizeof spawned_suffix - 1] == '\0') ||
            (series->kind == STORE_GAUGE && series->unit[0] == '\0'));
}

static int read_verdict(struct reader *reader)
{
    struct store_verdict *verdicts = NULL;
    size_t count = 0;
    const struct store_series *series =
        find_series(reader, reader->slot_id, allocated_metric);
    int r = store_verdicts(reader->store, &verdicts, &count);
    if (r < 0) {
        return blame_store(reader, r);
    }
    for (size_t i = 0; i < count; i++) {
        if (series != NULL && verdicts[i].series_id == series->id) {
            (void)snprintf(reader->run->verdict, sizeof reader->run->verdict,
                           "%s", verdicts[i].verdict);
            (void)snprintf(reader->run->reason, sizeof reader->run->reason,
                           "%s", verdicts[i].reason);
        }
        if (verdicts[i].series_id == 0) {
            (void)snprintf(reader->run->whole, sizeof reader->run->whole, "%s",
                           verdicts[i].verdict);
        }
    }
    free(verdicts);
    if (strcmp(reader->run->whole, "CLIMB") == 0) {
        r = store_climbed(reader->store, &reader->run->climbed,
                          &reader->run->climbed_count);
    }
    return r < 0 ? blame_store(reader, r) : 0;
}

static int read_all(struct reader *reader, const char *wanted)
{
    struct store_slot *slots = NULL;
    size_t count = 0;
    char *name = NULL;
    int r = store_slots(reader->store, &slots, &count);
    if (r == 0) {
        r = store_ebbs(reader->store, &reader->ebbs, &reader->ebbs_count);
    }
    reader->run->has_ebbs = reader->ebbs_count > 0;
    if (r == 0) {
        r = store_all_series(reader->store, &reader->series,
                             &reader->series_count);
    }
    if (r < 0) {
        r = blame_store(reader, r);
    } else {
        r = choose_observer(reader, slots, count, wanted);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = read_line(reader, &slots[i]);
    }
    for (size_t i = 0; r == 0 && i < reader->series_count; i++) {
        if (is_count(reader, &reader->series[i])) {
            r = read_count(reader, &reader->series[i]);
        } else if (is_class(reader, &reader->series[i])) {
            r = read_class(reader, &reader->series[i]);
        }
    }
    if (r == 0) {
        r = read_verdict(reader);
    }
    if (r == 0 && store_meta_get(reader->store, "scenario.name", &name) == 0) {
        (void)snprintf(reader->run->name, sizeof reader->run->name, "%s", name);
    }
    free(name);
    free(slots);
    free(reader->ebbs);
    free(reader->series);
    return r;
}

int run_heap_load(const char *folder, const char *observer,
                  struct run_heap *run, struct err *err)
{
    char path[4600];
    struct reader reader = {.folder = folder, .run = run, .err = err};
    *run = (struct run_heap){.allocated = {NAN, NAN}};
    (void)snprintf(path, sizeof path, "%.4500s/run.db", folder);
    int r = store_open(path, &reader.store, err);
    if (r < 0) {
        return r;
    }
    r = read_all(&reader, observer);
    if (r == -ENOMEM) {
        err_set(err, folder, 0, 0, "out of memory");
    }
    store_close(reader.store);
    if (r < 0) {
        run_heap_deinit(run);
    }
    return r;
}

void run_heap_deinit(struct run_heap *run)
{
    for (size_t i = 0; i < run->lines_count; i++) {
        free(run->lines[i].points);
    }
    free(run->climbed);
    *run = (struct run_heap){.allocated = {NAN, NAN}};
}
