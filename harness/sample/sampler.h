/* sampler.h - read every process on a fixed grid of time.
 *
 * Sample k has its place at k * sample_ms after the run's start, on the
 * monotonic clock; it never drifts. A sample that would begin later than half
 * a step after its place is a gap: that place is skipped and counted, never
 * guessed. At each sample: the RSS of every live process; of observers all
 * tally entries; every |detail_every|-th sample also private and anonymous
 * memory, descriptors, threads and CPU time of observers and of ourselves.
 *
 * Ourselves is a slot of its own (by custom role "plateau", ordinal 0), whose
 * id is |self_slot_id| of the config.
 *
 * With a tree, the figures of a slot are those of its process and of all that
 * descends from it, and one that ever had descendants has a metric
 * "processes" too, itself included. Pages that processes of a tree share are in
 * the rss of each and in the private memory of none.
 *
 * What a page's gauges say is of its owner and of the members that add to them
 * (tally_page.h); where there ever were members, "heap/processes" says of how
 * many processes that is.
 *
 * An observer with a control group has, when its memory is read in detail, what
 * the kernel charges to that too.
 *
 * Metrics: "rss" "private" "anonymous" (unit "B", quantum a page), "fds"
 * "threads" (""), "cpu_ns" ("ns", a counter), "cgroup/memory"
 * "cgroup/anonymous" "cgroup/file" "cgroup/kernel" ("B"), "tally/NAME" for
 * counters and gauges, "tally/NAME.spawned" and "tally/NAME.finished" for
 * pairs; a tally entry whose name begins with "heap/" keeps its name. A series
 * is announced when its first value is at hand. Of two entries that would give
 * the same metric, the first in the page counts.
 *
 * A trough is a reading of its own, off the grid, taken when the caller says
 * so: every observer and ourselves in full, told to the sink as values of an
 * ebb. Only then (but see |has_classes|), and only of observers that have
 * answered, the size classes of the allocator are read as well:
 * "heap/class/SIZE" ("B", quantum SIZE) is what is allocated in regions of SIZE
 * bytes.
 *
 * In the steady state it allocates nothing.
 */
#ifndef PLATEAU_SAMPLER_H
#define PLATEAU_SAMPLER_H

#include "err.h"
#include "sample/cgroup_figures.h"
#include "sample/probe.h"
#include "sample/tally_page.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLER_METRIC_SIZE = 64 };

struct ev_loop;
struct sampler;
struct tree;

/* Reads what fills a slot that is more than one process. */
typedef int sampler_read(void *context, enum probe_depth depth,
                         struct probe_sample *ret_sample);

struct sampler_series {
    uint32_t slot_id;
    const char *metric; /* shorter than SAMPLER_METRIC_SIZE; lent */
    const char *unit;   /* lent */
    bool is_counter;    /* only ever grows; else a gauge */
    double quantum;     /* the smallest step that it can make */
};

struct sampler_tick {
    int64_t tick;    /* its place on the grid, from 0 */
    int64_t t_ns;    /* when it really began, since the run's start */
    int64_t events;  /* churn events up to then */
    int64_t cost_ns; /* wall time that taking it took, sink included */
};

/* Where it all goes. The values of a sample come before its tick. Each returns
 * 0 or -errno; a failure stops the sampler and is told to on_failure. */
struct sampler_sink {
    void *context;
    int (*series)(void *context, const struct sampler_series *series,
                  int64_t *ret_series_id);
    int (*value)(void *context, int64_t series_id, int64_t tick, double value);
    int (*tick)(void *context, const struct sampler_tick *tick);
    /* A value of the trough of ebb |ebb|. May be NULL: no troughs are wanted.
     */
    int (*trough)(void *context, int64_t series_id, int64_t ebb, double value);
    void (*on_failure)(void *context, int error); /* -errno */
};

struct sampler_config {
    struct ev_loop *loop;
    int64_t start_ns; /* CLOCK_MONOTONIC of the run's start */
    uint32_t sample_ms;
    uint32_t detail_every;
    uint32_t slots_count;  /* of processes, ourselves not included */
    uint32_t self_slot_id; /* for the slot "plateau"; not below slots_count */
    struct sampler_sink sink;
    /* Whose roots are the slots, to add what descends from a slot's process to
     * its figures; each sample looks who is new. NULL: processes stand alone.
     * Lent. */
    struct tree *tree;
    /* Size classes are read on the grid too, once for each answer. */
    bool has_classes;
};

/* What sampling has cost so far. */
struct sampler_counts {
    int64_t samples;
    int64_t gaps;
    int64_t late_max_ns; /* begun after its place, of samples that were taken */
    int64_t cost_ns;     /* sum */
    int64_t cost_max_ns;
    int64_t unread; /* readings that failed though the process lives */
};

/* 0 and *ret_sampler, or -errno. Nothing runs yet. */
int sampler_new(const struct sampler_config *config,
                struct sampler **ret_sampler);

/* Accepts NULL. */
void sampler_free(struct sampler *sampler);

/* Declares slot |slot_id| (below slots_count). |page| is lent, and may be
 * NULL. 0 or -ENOMEM. */
int sampler_slot_set(struct sampler *sampler, uint32_t slot_id,
                     bool is_observer, const struct tally_page *page);

/* What is charged to the slot's control group is sampled too, while somebody
 * lives there. |cgroup| is lent; NULL: it has none. */
void sampler_slot_group(struct sampler *sampler, uint32_t slot_id,
                        const struct cgroup_figures *figures);

/* A process lives in the slot now; |pidfd| is lent for this call. 0 (also when
 * it has ended already) or -errno. */
int sampler_process_started(struct sampler *sampler, uint32_t slot_id,
                            int64_t pid, int pidfd);
void sampler_process_ended(struct sampler *sampler, uint32_t slot_id);

/* The slot is read by |read| from now on, which is asked for what probe_sample
 * gives and answers like it, until sampler_process_ended(). */
void sampler_read_by(struct sampler *sampler, uint32_t slot_id,
                     sampler_read *read, void *context);

/* How many churn events there were up to now. */
void sampler_events_set(struct sampler *sampler, int64_t events);

/* Begins at the next place of the grid; stop is idempotent. */
void sampler_start(struct sampler *sampler);
void sampler_stop(struct sampler *sampler);

/* Reads the trough of ebb |ebb|, now. A failure of the sink is told as ever,
 * and nothing is sampled after it. */
void sampler_read_trough(struct sampler *sampler, int64_t ebb);

void sampler_counts(const struct sampler *sampler,
                    struct sampler_counts *ret_counts);

#endif
