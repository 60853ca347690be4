/* plot.h - the troughs and the churn as a picture, drawn by gnuplot.
 *
 * One panel a metric, one colour an observer: all samples faint, the troughs
 * that were judged bold, the churn events in grey on the second axis. gnuplot
 * is run on reports/troughs.gp; its data stand in a folder of their own inside
 * the run folder, which is gone afterwards, whatever happened.
 *
 * A plot is a convenience: where it fails, the sentence is worth a line, and
 * the run stands as it is.
 */
#ifndef PLATEAU_PLOT_H
#define PLATEAU_PLOT_H

#include "err.h"
#include "judge/judge.h"
#include "report/summary.h"

#include <stddef.h>

enum {
    PLOT_PANELS_MAX = 4,
    PLOT_OBSERVERS_MAX = 6, /* in a panel: climbing ones first */
    PLOT_POINTS_MAX = 2000, /* of a series, after decimation */
};

/* One series of one observer. Everything is borrowed. */
struct plot_series {
    const char *observer;
    const char *metric; /* series of the same metric share a panel */
    const char *label;  /* "private memory"; the panel's heading */
    const char *unit;   /* "B" is scaled to KiB, MiB ...; "" for a count */
    enum judge_outcome outcome;
    const struct judge_point *points;
    size_t points_count;
    const struct judge_trough *troughs;
    size_t troughs_count;
};

/* Draws troughs.svg and troughs.png in |run_dir| with |reports_dir|/troughs.gp.
 * 0; or -errno and |err|: -ENOENT when there is no gnuplot or no script,
 * -EINVAL when there is nothing to draw, -EIO when gnuplot failed, -ETIME. */
int plot_troughs(const struct summary *summary,
                 const struct plot_series *series, size_t count,
                 const char *reports_dir, const char *run_dir, struct err *err);

/* Removes from |run_dir| what a drawing left there that was killed: its data,
 * and pictures that may be half of one. Without such data it removes nothing.
 */
void plot_tidy(const char *run_dir);

/* Thins |points| to at most |limit| (an even number, 4 or more), keeping the
 * least and the greatest value of every stretch, in the order of time, and so
 * every peak and trough. Writes them to |ret_points|, which has room for
 * |limit|, and returns their number. */
size_t plot_decimate(const struct judge_point *points, size_t count,
                     size_t limit, struct judge_point *ret_points);

#endif
