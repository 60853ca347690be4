/* progress.h - how a run is getting on, while it does.
 *
 * On a terminal one line that is rewritten four times a second; elsewhere a
 * plain line every ten seconds and at every change of phase, so that a log
 * stays readable. Writes to standard error only.
 */
#ifndef PLATEAU_PROGRESS_H
#define PLATEAU_PROGRESS_H

#include "churn/supervisor.h"

#include <stdbool.h>
#include <stdint.h>

/* Made by progress_init(). */
struct progress {
    bool is_quiet;
    bool is_terminal;
    double duration_s;      /* of churn */
    int64_t churn_begin_ns; /* -1 before */
    int64_t shown_ns;
    enum supervisor_phase shown_phase;
    bool is_line_open; /* the cursor stands at the end of our line */
};

/* Begins; finds out whether standard error is a terminal. */
void progress_init(struct progress *progress, double duration_s, bool is_quiet);

/* Shows how things are, if it is time to. |now_ns| since the run's start;
 * |memory_bytes| of the largest observer. */
void progress_show(struct progress *progress,
                   const struct supervisor *supervisor, double memory_bytes,
                   int64_t now_ns);

/* For who knows no supervisor: whether a line is to be shown at |now_ns|, and
 * if so, the cursor stands where it begins. progress_close_line() after it. */
bool progress_open_line(struct progress *progress, bool is_news,
                        int64_t now_ns);
void progress_close_line(struct progress *progress);

/* Takes the line off the terminal, so that something else can be printed. */
void progress_clear(struct progress *progress);

#endif
