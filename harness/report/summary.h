/* summary.h - what a report is made of, whoever prints it.
 *
 * `plateau run` and `plateau check` fill it from the store and the judge; the
 * terminal, and later the pages, print it. It does no I/O. The lists belong
 * to the summary; everything in it is copied. Sizes are bytes; a figure that
 * is not known is NaN, and is left out or shown as "-".
 */
#ifndef PLATEAU_SUMMARY_H
#define PLATEAU_SUMMARY_H

#include "exit_code.h"
#include "judge/judge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUMMARY_NAME_SIZE = 64,
    SUMMARY_SENTENCE_SIZE = 320,
    SUMMARY_KINDS_SIZE = 256,
    SUMMARY_PATH_SIZE = 512,
};

/* Something that must be so for the verdict to mean anything. */
struct summary_premise {
    char name[SUMMARY_NAME_SIZE]; /* "churn rate" */
    bool is_held;
    char sentence[SUMMARY_SENTENCE_SIZE]; /* what was found; the remedy */
};

/* One judged series. */
struct summary_series {
    char observer[SUMMARY_NAME_SIZE]; /* "observer-0" */
    char metric[SUMMARY_NAME_SIZE];   /* "private" */
    char unit[16];                    /* "B"; "" for a count */
    char counts[16]; /* what its verdict counts for: "primary", "gate" ... */
    bool is_memory;  /* shown in full; a count only where it is not level */
    enum judge_outcome outcome;
    char reason[JUDGE_REASON_SIZE];
    struct judge_slope per_hour, per_event;
    double level; /* median trough */
    double detectable_per_hour, detectable_per_event;
};

/* A tally pair of an observer at the end of the run. */
struct summary_pair {
    char observer[SUMMARY_NAME_SIZE];
    char name[SUMMARY_NAME_SIZE]; /* "connection_loops" */
    double spawned, finished;
    double peers; /* active_peers then; NaN: not counted */
};

/* What grew with the events, for a run that climbs; best explanation first.
 * See assess/climbed.h, whose kinds and figures these are. */
struct summary_climbed {
    char observer[SUMMARY_NAME_SIZE];
    char kind[16];                /* "pair", "gauge", "site", "class", "rest" */
    char name[SUMMARY_NAME_SIZE]; /* "connection_loops" */
    double alive, per_event, per_hour;
    double with_memory;     /* 0 to 1: how far its growth is that of memory */
    double each;            /* bytes of memory for one of it */
    double bytes_per_event; /* of memory, that it explains; NaN: no events */
    double bytes_per_hour;  /* the same where there are none; else NaN */
    char in_step_with[SUMMARY_NAME_SIZE]; /* a row above; "" */
    char sentence[SUMMARY_SENTENCE_SIZE];
};

struct summary {
    char run_name[SUMMARY_NAME_SIZE];
    char scenario_file[SUMMARY_PATH_SIZE]; /* "" when there is none */
    bool has_seed;
    uint64_t seed;
    double duration_s; /* what was judged */

    enum judge_outcome outcome; /* of the whole run */
    char reason[SUMMARY_SENTENCE_SIZE];
    char sources[SUMMARY_SENTENCE_SIZE]; /* which of them agree; "": one only */
    char unnamed[SUMMARY_SENTENCE_SIZE]; /* of a CLIMB, what has no name; "" */
    char early[SUMMARY_SENTENCE_SIZE]; /* why it ended early; "": it did not */
    char evidence[2 * SUMMARY_SENTENCE_SIZE]; /* what was judged, by role; "" */
    double verdict_s;   /* from the first process to the end of churn; NaN */
    double extension_s; /* more of the run that might settle it; NaN: none */

    char watched[SUMMARY_SENTENCE_SIZE]; /* who started elsewhere; "": a run */
    char events_by[SUMMARY_SENTENCE_SIZE]; /* who counted events that are no
                                              churn of ours; "": nobody */
    bool has_churn; /* false for a series without a run: no rows about it */
    double events, respawns;
    char kinds[SUMMARY_KINDS_SIZE];     /* "2,841 kills"; "": not known */
    double asked_per_s, achieved_per_s; /* while churn went on, ebbs left out */
    bool has_ebbs;
    double ebbs, unsettled;
    double ready_median_ms; /* from exec to ready */

    double own_cpu_share;     /* of one core, 0 to 1 */
    double own_private_bytes; /* the supervisor's, at the end */
    bool has_own_memory;      /* whether the next two are filled */
    enum judge_outcome own_memory;
    char own_memory_reason[JUDGE_REASON_SIZE];

    char store_path[SUMMARY_PATH_SIZE]; /* "" where there is none */
    char plot_path[SUMMARY_PATH_SIZE];
    char plot_problem[SUMMARY_SENTENCE_SIZE]; /* why there is no plot */

    struct summary_premise *premises;
    size_t premises_count;
    struct summary_series *series;
    size_t series_count;
    struct summary_pair *pairs;
    size_t pairs_count;
    struct summary_climbed *climbed;
    size_t climbed_count;
};

/* Empty, with every figure NaN. */
void summary_init(struct summary *summary);

/* Frees the lists. */
void summary_deinit(struct summary *summary);

/* Appends a row. 0 or -ENOMEM. The sentence is formatted as by printf. */
int summary_add_premise(struct summary *summary, const char *name, bool is_held,
                        const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int summary_add_series(struct summary *summary, const char *observer,
                       const char *metric, const char *unit, const char *counts,
                       bool is_memory, const struct judge_verdict *verdict);
int summary_add_pair(struct summary *summary, const char *observer,
                     const char *name, double spawned, double finished,
                     double peers);

/* A copy of |climbed|. */
int summary_add_climbed(struct summary *summary,
                        const struct summary_climbed *climbed);

/* The exit status that says |outcome|. */
enum exit_code summary_exit_code(enum judge_outcome outcome);

#endif
