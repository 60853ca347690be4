/* metrics.h - what is judged of an observer, and as what: one table.
 *
 * A row says which series it is about, what a person calls it, what its
 * verdict counts for, and how large a growth has to be to matter. Everything
 * that a report, a plot or the judge knows of a metric follows from here.
 */
#ifndef PLATEAU_METRICS_H
#define PLATEAU_METRICS_H

#include "judge/judge.h"

#include <stdbool.h>
#include <stddef.h>

/* What a verdict counts for. A CLIMB of any but METRIC_CONTEXT convicts. */
enum metric_role {
    METRIC_PRIMARY, /* the best source: what a PLATEAU of the run rests on */
    METRIC_GATE,    /* what was created and never destroyed */
    METRIC_WITNESS, /* a source that has to agree, or the report says why not */
    METRIC_CONTEXT, /* tells one kind of growth from another; convicts nobody */
    METRIC_PART,    /* a part of the heap: not judged, but growth is laid at its
                     * door */
    METRIC_EXTENT,  /* tells what another is of; not judged */
};

/* How the values come about. */
enum metric_kind {
    METRIC_FIGURE, /* a series of its own */
    METRIC_PAIR,   /* spawned - finished */
    METRIC_GAUGE,  /* any other gauge of the tally, of a unit that is held */
    METRIC_CLASS,  /* what one size class of the allocator holds, bytes; its
                    * quantum is the size */
};

struct metric {
    const char *series; /* of METRIC_FIGURE: its name in the store */
    const char *label;  /* in a person's words; NULL: the entry's own name */
    enum metric_kind kind;
    enum metric_role role;
    bool is_each;       /* judged of each observer, not only of all together */
    bool is_of_ebbs;    /* judged of the readings of ebbs only */
    double climb_ratio; /* growth below that part of the level is none; 0: the
                         * judge's own */
    double ebb_per_event; /* of an ebb's reading: growth an event that may be
                           * left open; NaN: the judge's own */
};

extern const struct metric metrics[];
extern const size_t metrics_count;

/* The row for a series of the store, told by its name and unit, or NULL. Of a
 * pair, ".spawned" has one and ".finished" has none. */
const struct metric *metric_find(const char *series, const char *unit);

/* The name that a person reads: without room and ending. */
void metric_name(const struct metric *metric, const char *series, char *text,
                 size_t size);

/* "primary", "gate", "witness", "context", "part", "extent". */
const char *metric_role_name(enum metric_role role);

/* The judge's rule for it. |are_troughs|: readings of ebbs. */
void metric_rule(const struct metric *metric, double quantum, const char *unit,
                 bool are_troughs, struct judge_rule *ret_rule);

#endif
