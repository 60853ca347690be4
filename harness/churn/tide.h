/* tide.h - carries out waves and ebbs over the loop and the tally pages.
 *
 * Joins what is pure (waves.h: when; settle.h: has it come to rest?) to a timer
 * and to the observers' tally pages: during an ebb it looks at them,
 * TIDE_LOOK_S apart, asks for a purge and fresh figures when they rest, and
 * says when the trough is to be read.
 *
 * What it looks at: every pair (how many are alive) and "heap/allocated"; where
 * a page has no such entry, every gauge in its place. What a gauge counts and
 * what holds memory shows in `allocated`; caches of a target that goes on
 * working drift all the time and are no reason to wait. Private to the room
 * churn.
 */
#ifndef PLATEAU_TIDE_H
#define PLATEAU_TIDE_H

#include "churn/settle.h"
#include "churn/supervisor.h"
#include "churn/waves.h"

#include <ev.h>

#define TIDE_LOOK_S 0.04
enum { TIDE_FIGURES_MAX = 64 }; /* watched of one observer, in page order */

struct tide_config {
    struct ev_loop *loop;
    int64_t start_ns; /* as the supervisor's */
    struct waves_config waves;
    uint32_t observers_count;
    bool has_profiles; /* a heap profile is asked for at each ebb */
    void *context;
    /* The page of observer |index|, below observers_count. */
    struct tally_page *(*page)(void *context, uint32_t index);
    /* Whether every process is ready. */
    bool (*is_all_up)(void *context);
    /* The trough is to be read, now. */
    void (*on_read)(void *context, const struct supervisor_ebb *ebb);
    /* Churn goes on, or (WAVES_OVER) has ended. */
    void (*on_turn)(void *context, enum waves_state state);
};

struct tide {
    struct tide_config config;
    struct waves waves;
    struct settle settle;
    ev_timer timer;
    double *figures; /* observers_count * TIDE_FIGURES_MAX, and their steps */
    double *steps;
};

/* 0 or -ENOMEM; tide_deinit() in any case. */
int tide_init(struct tide *tide, const struct tide_config *config);
void tide_deinit(struct tide *tide);

/* The first wave begins. Without waves nothing ever comes of it. */
void tide_begin(struct tide *tide);

/* A kill was made. */
void tide_killed(struct tide *tide);

/* What rests has to come to rest anew: a network was healed, or one that was
 * paused goes on. */
void tide_stirred(struct tide *tide);

/* The run's time is over: true: end it now; false: on_turn() will say so. */
bool tide_end(struct tide *tide);

/* Nothing more will come. */
void tide_stop(struct tide *tide);

#endif
