/* meshsim.h - the experiments of the HyParView and Plumtree papers, run on this
 * node's own protocol code under virtual time.
 *
 * One network is built and settled; every experiment begins from a copy of it.
 * The same seed and options give the same figures to the last digit. Numbers
 * in brackets in the tables: [1] Leitao, Pereira, Rodrigues, HyParView, DSN
 * 2007; [2] the same, Epidemic broadcast trees (Plumtree), SRDS 2007.
 */
#ifndef MESHSIM_H
#define MESHSIM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim_graph.h"

enum {
    MESHSIM_PERCENTS_COUNT = 10, /* 10, 20 ... 90, 95 */
    MESHSIM_TREES_COUNT = 5,     /* 10, 30 ... 90 */
    MESHSIM_HEALING_MAX = 64,    /* cycles */
};

/* One bit an experiment. */
enum meshsim_experiment {
    MESHSIM_OVERLAY = 1,
    MESHSIM_FAILURES = 2,
    MESHSIM_HEALING = 4,
    MESHSIM_TREES = 8,
    MESHSIM_EVERYTHING = 15,
};

struct meshsim_config {
    uint64_t seed;
    int64_t nodes;
    int64_t cycles;         /* of shuffles, before anything is measured */
    int64_t cycle_ms;       /* between two shuffles of a node */
    int64_t hop_ms;         /* latency of every link */
    int64_t notice_ms;      /* until a lost connection is noticed, at most */
    int64_t messages;       /* flooded right after a failure */
    int64_t gap_ms;         /* between them */
    int64_t tree_messages;  /* broadcast by Plumtree, in each phase */
    int64_t tree_gap_ms;    /* between them */
    int64_t healing_cycles; /* after which it is given up */
    int64_t path_sources;   /* nodes from which paths are measured */
    unsigned experiments;
    struct hyparview_params hyparview;
    struct plumtree_params plumtree;
};

extern const int meshsim_percents[MESHSIM_PERCENTS_COUNT];
extern const int meshsim_tree_percents[MESHSIM_TREES_COUNT];

/* In %, rounded, as [1] gives it in prose and as a plot. */
extern const int meshsim_published_reliability[MESHSIM_PERCENTS_COUNT];

struct meshsim_overlay {
    struct sim_graph_figures graph;
    double flood_hops;  /* mean of the last delivery hops */
    double uneven_hops; /* the same where links take one to two hops */
    uint64_t messages_count, bytes_count; /* while it joined and settled */
};

/* Mean of ratios over the messages; noticed: a crash is noticed by all who
 * hold a connection; sent: only by a send that fails. */
struct meshsim_failures {
    double noticed, noticed_first, noticed_last;
    double sent, sent_first, sent_last;
    uint32_t components_count, largest_count; /* noticed, in the end */
};

struct meshsim_healing {
    int32_t noticed_cycles, sent_cycles; /* 0: not in time */
    double noticed[MESHSIM_HEALING_MAX]; /* reliability after each cycle */
    double sent[MESHSIM_HEALING_MAX];
    uint32_t cycles_count; /* so many are filled in */
};

struct meshsim_broadcasts {
    double reliability; /* of the survivors, how many got it */
    double redundancy;  /* RMR: payloads / (receivers - 1) - 1 */
    double hops;        /* LDH: links to the last that got it */
    double control;     /* messages without payload, per message and node */
};

struct meshsim_trees_before {
    struct meshsim_broadcasts flood, one_sender, many_senders;
};

struct meshsim_trees_after {
    struct meshsim_broadcasts flood, right_after, healed;
};

struct meshsim_results {
    struct meshsim_overlay overlay;
    struct meshsim_failures failures[MESHSIM_PERCENTS_COUNT];
    struct meshsim_healing healing[MESHSIM_PERCENTS_COUNT];
    struct meshsim_trees_before trees_before;
    struct meshsim_trees_after trees[MESHSIM_TREES_COUNT];
};

/* Runs what |config| names and fills that part of the results; the overlay is
 * always measured. |is_cancelled| is set by a signal handler. Progress goes to
 * |progress| unless that is NULL. 0, or as branch_run(). Aborts without
 * memory. */
int meshsim_run(const struct meshsim_config *config, FILE *progress,
                const volatile sig_atomic_t *is_cancelled,
                struct meshsim_results *ret_results);

/* Prints the tables beside the published figures. */
void meshsim_report(const struct meshsim_config *config,
                    const struct meshsim_results *results, FILE *out);

/* Writes data files into |folder|, which is made if need be, and draws
 * meshsim.svg and meshsim.png there with gnuplot and |script|. 0, or -errno
 * after a sentence on stderr. */
int meshsim_plot(const struct meshsim_config *config,
                 const struct meshsim_results *results, const char *folder,
                 const char *script);

#endif
