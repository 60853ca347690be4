/* Happy path: on_timer() at each place of the grid -> take_sample() reads every
 * slot and hands the values to the sink, then the tick. Failure modes: we come
 * too late (the place is a gap); a process has ended between its death and our
 * being told (it is left out); the sink fails (the sampler stops, and says so
 * once). */
#include "sample/sampler.h"

#include "host.h"
#include "sample/probe.h"
#include "sample/tree.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum figure {
    FIGURE_RSS,
    FIGURE_PRIVATE,
    FIGURE_ANONYMOUS,
    FIGURE_FDS,
    FIGURE_THREADS,
    FIGURE_CPU,
    FIGURE_PROCESSES,
    FIGURE_HEAP_PROCESSES,
    FIGURE_CGROUP_MEMORY,
    FIGURE_CGROUP_ANONYMOUS,
    FIGURE_CGROUP_FILE,
    FIGURE_CGROUP_KERNEL,
    FIGURES_COUNT,
};

static const struct {
    const char *metric;
    const char *unit;
    bool is_counter;
    bool is_paged; /* moves in whole pages */
} figures[FIGURES_COUNT] = {
    [FIGURE_RSS] = {"rss", "B", false, true},
    [FIGURE_PRIVATE] = {"private", "B", false, true},
    [FIGURE_ANONYMOUS] = {"anonymous", "B", false, true},
    [FIGURE_FDS] = {"fds", "", false, false},
    [FIGURE_THREADS] = {"threads", "", false, false},
    [FIGURE_CPU] = {"cpu_ns", "ns", true, false},
    [FIGURE_PROCESSES] = {"processes", "", false, false},
    [FIGURE_HEAP_PROCESSES] = {"heap/processes", "", false, false},
    [FIGURE_CGROUP_MEMORY] = {"cgroup/memory", "B", false, true},
    [FIGURE_CGROUP_ANONYMOUS] = {"cgroup/anonymous", "B", false, true},
    [FIGURE_CGROUP_FILE] = {"cgroup/file", "B", false, true},
    [FIGURE_CGROUP_KERNEL] = {"cgroup/kernel", "B", false, true},
};

/* The series of one tally entry. */
struct tally_series {
    char name[PLATEAU_TALLY_NAME_SIZE];
    enum plateau_tally_kind kind;
    int64_t ids[2];    /* value, finished; 0: a double, left out */
    int64_t last_tick; /* of its last value: one a sample */
};

/* The series of one size class of the allocator. */
struct class_series {
    uint64_t bytes; /* of one region */
    int64_t id;
    int64_t last_tick; /* at which it held something */
};

struct slot {
    struct probe *probe; /* NULL: nobody lives there, or it cannot be read */
    sampler_read *read;  /* in place of |probe|; NULL: none */
    void *read_context;
    const struct tally_page *page;
    const struct cgroup_figures *cgroup; /* NULL: none */
    bool is_observer;
    bool has_tree;                     /* has been more than one process */
    bool has_members;                  /* likewise, who publish their heap */
    int64_t figure_ids[FIGURES_COUNT]; /* 0: not announced yet */
    struct tally_series *tally; /* of observers with a page: those that were
                                   seen, at most TALLY_PAGE_ENTRIES */
    size_t tally_count;
    struct class_series *classes; /* likewise, at most TALLY_PAGE_CLASSES */
    size_t classes_count;
    uint32_t classes_of; /* the answer of which they were read on the grid */
};

struct sampler {
    struct sampler_config config;
    struct sampler_counts counts;
    ev_timer timer;
    struct slot *slots; /* slots_count of processes, then ourselves */
    int64_t step_ns;
    int64_t next_tick;
    int64_t events;
    int64_t ebb; /* whose trough is being read; 0: a sample of the grid */
    int error;   /* of the sink; nothing is sampled after it */
};

static int64_t now_ns(const struct sampler *sampler)
{
    return host_now_ns() - sampler->config.start_ns;
}

static uint32_t slot_id_of(const struct sampler *sampler,
                           const struct slot *slot)
{
    uint32_t index = (uint32_t)(slot - sampler->slots);
    return index == sampler->config.slots_count ? sampler->config.self_slot_id
                                                : index;
}

/* --- handing on ----------------------------------------------------------- */

static void keep_error(struct sampler *sampler, int result)
{
    if (result < 0 && sampler->error == 0) {
        sampler->error = result;
    }
}

static int64_t announce(struct sampler *sampler, const struct slot *slot,
                        const char *metric, const char *unit, bool is_counter,
                        double quantum)
{
    struct sampler_series series = {
        .slot_id = slot_id_of(sampler, slot),
        .metric = metric,
        .unit = unit,
        .is_counter = is_counter,
        .quantum = quantum,
    };
    int64_t id = 0;
    if (sampler->error == 0) {
        keep_error(sampler, sampler->config.sink.series(
                                sampler->config.sink.context, &series, &id));
    }
    return id;
}

static void hand_on(struct sampler *sampler, int64_t series_id, int64_t tick,
                    double value)
{
    const struct sampler_sink *sink = &sampler->config.sink;
    if (series_id == 0 || sampler->error != 0) {
        return;
    }
    if (sampler->ebb != 0) {
        keep_error(sampler,
                   sink->trough(sink->context, series_id, sampler->ebb, value));
    } else {
        keep_error(sampler, sink->value(sink->context, series_id, tick, value));
    }
}

/* --- one process ---------------------------------------------------------- */

static void hand_on_figure(struct sampler *sampler, struct slot *slot,
                           enum figure figure, int64_t tick, int64_t value)
{
    if (value < 0) {
        return; /* the kernel does not tell */
    }
    if (slot->figure_ids[figure] == 0) {
        bool is_self = slot == &sampler->slots[sampler->config.slots_count];
        double quantum = 1.;
        if (figures[figure].is_paged) {
            quantum = (double)probe_page_bytes();
        } else if (figure == FIGURE_CPU && !is_self) {
            quantum = (double)probe_cpu_step_ns();
        }
        slot->figure_ids[figure] =
            announce(sampler, slot, figures[figure].metric,
                     figures[figure].unit, figures[figure].is_counter, quantum);
    }
    hand_on(sampler, slot->figure_ids[figure], tick, (double)value);
}

static bool is_filled(const struct slot *slot)
{
    return slot->probe != NULL || slot->read != NULL;
}

/* Adds what descends from the slot's process. */
static void add_tree(struct sampler *sampler, struct slot *slot,
                     enum probe_depth depth, struct probe_sample *sample)
{
    struct tree *tree = sampler->config.tree;
    uint32_t index = (uint32_t)(slot - sampler->slots);
    bool is_root = tree != NULL && index != sampler->config.slots_count;
    slot->has_tree = slot->has_tree || sample->processes_count > 1 ||
                     (is_root && tree_size(tree, index) > 0);
    if (is_root && slot->has_tree) {
        (void)tree_add(tree, index, depth, sample);
    }
}

/* Of how many processes the heap figures of the slot's page are; -1 where they
 * never were of more than the one that it belongs to. */
static int64_t count_heaps(struct slot *slot)
{
    uint32_t members = slot->tally != NULL ? tally_page_members(slot->page) : 0;
    slot->has_members = slot->has_members || members > 0;
    return slot->has_members ? 1 + (int64_t)members : -1;
}

static void sample_figures(struct sampler *sampler, struct slot *slot,
                           int64_t tick, bool is_detailed)
{
    struct probe_sample sample;
    enum probe_depth depth =
        is_detailed && slot->is_observer ? PROBE_DETAIL : PROBE_RSS;
    int result = slot->read != NULL
                     ? slot->read(slot->read_context, depth, &sample)
                     : probe_sample(slot->probe, depth, &sample);
    if (result != PROBE_OK) {
        sampler->counts.unread += result < 0;
        return;
    }
    add_tree(sampler, slot, depth, &sample);
    struct cgroup_sample charged = {-1, -1, -1, -1};
    if (depth == PROBE_DETAIL && slot->cgroup != NULL) {
        sampler->counts.unread +=
            cgroup_figures_read(slot->cgroup, &charged) != 0;
    }
    const int64_t values[FIGURES_COUNT] = {
        [FIGURE_RSS] = sample.rss_bytes,
        [FIGURE_PRIVATE] = sample.private_bytes,
        [FIGURE_ANONYMOUS] = sample.anonymous_bytes,
        [FIGURE_FDS] = sample.fds_count,
        [FIGURE_THREADS] = sample.threads_count,
        [FIGURE_CPU] = sample.cpu_ns,
        [FIGURE_PROCESSES] = depth == PROBE_DETAIL && slot->has_tree
                                 ? sample.processes_count
                                 : -1,
        [FIGURE_HEAP_PROCESSES] =
            depth == PROBE_DETAIL ? count_heaps(slot) : -1,
        [FIGURE_CGROUP_MEMORY] = charged.memory_bytes,
        [FIGURE_CGROUP_ANONYMOUS] = charged.anonymous_bytes,
        [FIGURE_CGROUP_FILE] = charged.file_bytes,
        [FIGURE_CGROUP_KERNEL] = charged.kernel_bytes,
    };
    for (int i = 0; i < FIGURES_COUNT; i++) {
        hand_on_figure(sampler, slot, (enum figure)i, tick, values[i]);
    }
}

/* --- one tally ------------------------------------------------------------ */

/* The metrics that an entry gives; "" where it gives one only. */
static void name_metrics(const char *name, enum plateau_tally_kind kind,
                         char metrics[2][SAMPLER_METRIC_SIZE])
{
    static const char heap[] = "heap/";
    static const char class[] =
        "heap/class/"; /* that room is not for entries */
    bool is_heap = strncmp(name, heap, strlen(heap)) == 0 &&
                   strncmp(name, class, strlen(class)) != 0;
    const char *room = is_heap ? "" : "tally/";
    bool is_pair = kind == PLATEAU_TALLY_PAIR;
    (void)snprintf(metrics[0], SAMPLER_METRIC_SIZE, "%s%.31s%s", room, name,
                   is_pair ? ".spawned" : "");
    (void)snprintf(metrics[1], SAMPLER_METRIC_SIZE, "%s%.31s%s",
                   is_pair ? room : "", is_pair ? name : "",
                   is_pair ? ".finished" : "");
}

/* Whether an entry that was seen before has taken one of the metrics: of two,
 * the first counts. */
static bool is_double(const struct slot *slot,
                      char metrics[2][SAMPLER_METRIC_SIZE])
{
    for (size_t i = 0; i < slot->tally_count; i++) {
        char taken[2][SAMPLER_METRIC_SIZE];
        name_metrics(slot->tally[i].name, slot->tally[i].kind, taken);
        for (int j = 0; j < 4; j++) {
            if (metrics[j / 2][0] != '\0' &&
                strcmp(taken[j % 2], metrics[j / 2]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static struct tally_series *announce_entry(struct sampler *sampler,
                                           struct slot *slot,
                                           const struct tally_page_entry *entry)
{
    bool is_counter = entry->kind != PLATEAU_TALLY_GAUGE;
    char metrics[2][SAMPLER_METRIC_SIZE];
    name_metrics(entry->name, entry->kind, metrics);
    struct tally_series series = {.kind = entry->kind, .last_tick = -1};
    memcpy(series.name, entry->name, sizeof series.name);
    if (!is_double(slot, metrics)) {
        for (int i = 0; i < 2 && metrics[i][0] != '\0'; i++) {
            series.ids[i] = announce(sampler, slot, metrics[i], entry->unit,
                                     is_counter, 1.);
        }
    }
    slot->tally[slot->tally_count] = series;
    return &slot->tally[slot->tally_count++];
}

static bool is_series_of(const struct tally_series *series,
                         const struct tally_page_entry *entry)
{
    return series->kind == entry->kind &&
           strcmp(series->name, entry->name) == 0;
}

/* The series of entry |index|: as a rule the |index|th that was seen. A page
 * whose names change from sample to sample ends with the room for them; NULL
 * then. */
static struct tally_series *find_series(struct sampler *sampler,
                                        struct slot *slot, size_t index,
                                        const struct tally_page_entry *entry)
{
    if (index < slot->tally_count && is_series_of(&slot->tally[index], entry)) {
        return &slot->tally[index];
    }
    for (size_t i = 0; i < slot->tally_count; i++) {
        if (is_series_of(&slot->tally[i], entry)) {
            return &slot->tally[i];
        }
    }
    return slot->tally_count < TALLY_PAGE_ENTRIES
               ? announce_entry(sampler, slot, entry)
               : NULL;
}

static void sample_tally(struct sampler *sampler, struct slot *slot,
                         int64_t tick)
{
    struct tally_page_entry entries[TALLY_PAGE_ENTRIES];
    size_t count = tally_page_read(slot->page, entries);
    for (size_t i = 0; i < count; i++) {
        struct tally_series *series =
            find_series(sampler, slot, i, &entries[i]);
        if (series == NULL || series->last_tick == tick) {
            continue;
        }
        series->last_tick = tick;
        hand_on(sampler, series->ids[0], tick, (double)entries[i].value);
        hand_on(sampler, series->ids[1], tick, (double)entries[i].finished);
    }
}

/* --- size classes ----------------------------------------------------------
 */

/* The series of that size, as a rule behind the one that was seen last; NULL
 * when the page has told of more sizes than there is room for. */
static struct class_series *find_class(struct sampler *sampler,
                                       struct slot *slot, uint64_t bytes,
                                       size_t *hint)
{
    for (size_t i = 0; i < slot->classes_count; i++) {
        size_t at = (*hint + i) % slot->classes_count;
        if (slot->classes[at].bytes == bytes) {
            *hint = at + 1;
            return &slot->classes[at];
        }
    }
    if (slot->classes_count == TALLY_PAGE_CLASSES) {
        return NULL;
    }
    char metric[SAMPLER_METRIC_SIZE];
    (void)snprintf(metric, sizeof metric, "heap/class/%llu",
                   (unsigned long long)bytes);
    struct class_series *series = &slot->classes[slot->classes_count++];
    *series = (struct class_series){
        .bytes = bytes,
        .id = announce(sampler, slot, metric, "B", false, (double)bytes),
        .last_tick = INT64_MAX,
    };
    return series;
}

/* What each size holds: of every one that has held something once, so that one
 * which is empty again is a zero and no gap. */
static void sample_classes(struct sampler *sampler, struct slot *slot,
                           int64_t tick)
{
    struct tally_page_class classes[TALLY_PAGE_CLASSES];
    size_t count = tally_page_read_classes(slot->page, classes);
    size_t hint = 0;
    for (size_t i = 0; i < count; i++) {
        struct class_series *series =
            find_class(sampler, slot, classes[i].bytes, &hint);
        if (series != NULL && series->last_tick != tick) {
            series->last_tick = tick;
            hand_on(sampler, series->id, tick,
                    (double)classes[i].bytes * (double)classes[i].live);
        }
    }
    for (size_t i = 0; i < slot->classes_count; i++) {
        if (slot->classes[i].last_tick != tick) {
            hand_on(sampler, slot->classes[i].id, tick, 0.);
        }
    }
}

/* They are of the last answer: where somebody asks between ebbs, or without
 * any, each is read once. */
static void sample_new_classes(struct sampler *sampler, struct slot *slot,
                               int64_t tick)
{
    uint32_t answered = tally_page_answered(slot->page);
    if (sampler->config.has_classes && answered != slot->classes_of) {
        slot->classes_of = answered;
        sample_classes(sampler, slot, tick);
    }
}

/* --- the grid ------------------------------------------------------------- */

static void look_for_new(struct sampler *sampler)
{
    if (sampler->config.tree != NULL) {
        (void)tree_look(sampler->config.tree, host_now_ns());
    }
}

static void take_sample(struct sampler *sampler, int64_t tick, int64_t begun_ns)
{
    bool is_detailed = tick % sampler->config.detail_every == 0;
    look_for_new(sampler);
    for (uint32_t i = 0; i <= sampler->config.slots_count; i++) {
        struct slot *slot = &sampler->slots[i];
        if (is_filled(slot)) {
            sample_figures(sampler, slot, tick, is_detailed);
        }
        if (is_filled(slot) && slot->tally != NULL) {
            sample_tally(sampler, slot, tick);
            sample_new_classes(sampler, slot, tick);
        }
    }
    int64_t cost_ns = now_ns(sampler) - begun_ns;
    struct sampler_tick row = {
        .tick = tick,
        .t_ns = begun_ns,
        .events = sampler->events,
        .cost_ns = cost_ns,
    };
    if (sampler->error == 0) {
        keep_error(sampler, sampler->config.sink.tick(
                                sampler->config.sink.context, &row));
    }
    struct sampler_counts *counts = &sampler->counts;
    int64_t late_ns = begun_ns - tick * sampler->step_ns;
    counts->samples++;
    counts->cost_ns += cost_ns;
    counts->cost_max_ns =
        cost_ns > counts->cost_max_ns ? cost_ns : counts->cost_max_ns;
    counts->late_max_ns =
        late_ns > counts->late_max_ns ? late_ns : counts->late_max_ns;
}

/* A tick that the grid never has: a tally entry is told once a sample. */
static int64_t tick_of_ebb(int64_t ebb)
{
    return -1 - ebb;
}

static void tell_failure(const struct sampler *sampler)
{
    if (sampler->config.sink.on_failure != NULL) {
        sampler->config.sink.on_failure(sampler->config.sink.context,
                                        sampler->error);
    }
}

void sampler_read_trough(struct sampler *sampler, int64_t ebb)
{
    if (sampler->error != 0 || sampler->config.sink.trough == NULL) {
        return;
    }
    sampler->ebb = ebb;
    look_for_new(sampler);
    for (uint32_t i = 0; i <= sampler->config.slots_count; i++) {
        struct slot *slot = &sampler->slots[i];
        if (is_filled(slot) && slot->is_observer) {
            sample_figures(sampler, slot, tick_of_ebb(ebb), true);
        }
        if (is_filled(slot) && slot->tally != NULL) {
            sample_tally(sampler, slot, tick_of_ebb(ebb));
            if (tally_page_has_answered(slot->page)) {
                sample_classes(sampler, slot, tick_of_ebb(ebb));
            }
        }
    }
    sampler->ebb = 0;
    if (sampler->error != 0) {
        sampler_stop(sampler);
        tell_failure(sampler);
    }
}

static void arm(struct sampler *sampler)
{
    int64_t wait_ns = sampler->next_tick * sampler->step_ns - now_ns(sampler);
    /* libev counts from the beginning of the present turn of the loop. */
    ev_now_update(sampler->config.loop);
    ev_timer_set(&sampler->timer, wait_ns > 0 ? (double)wait_ns / 1e9 : 0., 0.);
    ev_timer_start(sampler->config.loop, &sampler->timer);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct sampler *sampler = timer->data;
    int64_t now = now_ns(sampler);
    (void)loop;
    (void)revents;
    while (now - sampler->next_tick * sampler->step_ns > sampler->step_ns / 2) {
        sampler->counts.gaps++;
        sampler->next_tick++;
    }
    if (now >= sampler->next_tick * sampler->step_ns) {
        take_sample(sampler, sampler->next_tick, now);
        sampler->next_tick++;
    }
    if (sampler->error == 0) {
        arm(sampler);
    } else {
        tell_failure(sampler);
    }
}

void sampler_start(struct sampler *sampler)
{
    sampler->next_tick = now_ns(sampler) / sampler->step_ns + 1;
    arm(sampler);
}

void sampler_stop(struct sampler *sampler)
{
    ev_timer_stop(sampler->config.loop, &sampler->timer);
}

/* --- beginning and end ---------------------------------------------------- */

int sampler_new(const struct sampler_config *config,
                struct sampler **ret_sampler)
{
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL) {
        return -ENOMEM;
    }
    sampler->config = *config;
    sampler->step_ns = (int64_t)config->sample_ms * 1000000;
    sampler->slots =
        calloc((size_t)config->slots_count + 1, sizeof *sampler->slots);
    ev_init(&sampler->timer, on_timer);
    sampler->timer.data = sampler;
    int result = sampler->slots ? 0 : -ENOMEM;
    if (result == 0) {
        struct slot *self = &sampler->slots[config->slots_count];
        self->is_observer = true;
        result = probe_new_self(&self->probe);
    }
    if (result != 0) {
        sampler_free(sampler);
        return result;
    }
    *ret_sampler = sampler;
    return 0;
}

void sampler_free(struct sampler *sampler)
{
    if (sampler == NULL) {
        return;
    }
    sampler_stop(sampler);
    for (uint32_t i = 0;
         sampler->slots != NULL && i <= sampler->config.slots_count; i++) {
        probe_free(sampler->slots[i].probe);
        free(sampler->slots[i].tally);
        free(sampler->slots[i].classes);
    }
    free(sampler->slots);
    free(sampler);
}

int sampler_slot_set(struct sampler *sampler, uint32_t slot_id,
                     bool is_observer, const struct tally_page *page)
{
    struct slot *slot = &sampler->slots[slot_id];
    slot->is_observer = is_observer;
    slot->page = page;
    if (is_observer && page != NULL && slot->tally == NULL) {
        slot->tally = calloc(TALLY_PAGE_ENTRIES, sizeof *slot->tally);
        slot->classes = calloc(TALLY_PAGE_CLASSES, sizeof *slot->classes);
        return slot->tally && slot->classes ? 0 : -ENOMEM;
    }
    return 0;
}

int sampler_process_started(struct sampler *sampler, uint32_t slot_id,
                            int64_t pid, int pidfd)
{
    struct slot *slot = &sampler->slots[slot_id];
    probe_free(slot->probe);
    slot->probe = NULL;
    int result = probe_new(pid, pidfd, &slot->probe);
    return result == PROBE_GONE ? 0 : result;
}

void sampler_process_ended(struct sampler *sampler, uint32_t slot_id)
{
    struct slot *slot = &sampler->slots[slot_id];
    probe_free(slot->probe);
    slot->probe = NULL;
    slot->read = NULL;
}

void sampler_slot_group(struct sampler *sampler, uint32_t slot_id,
                        const struct cgroup_figures *cgroup)
{
    sampler->slots[slot_id].cgroup = cgroup;
}

void sampler_read_by(struct sampler *sampler, uint32_t slot_id,
                     sampler_read *read, void *context)
{
    sampler_process_ended(sampler, slot_id);
    sampler->slots[slot_id].read = read;
    sampler->slots[slot_id].read_context = context;
}

void sampler_events_set(struct sampler *sampler, int64_t events)
{
    sampler->events = events;
}

void sampler_counts(const struct sampler *sampler,
                    struct sampler_counts *ret_counts)
{
    *ret_counts = sampler->counts;
}
