/* series_csv.h - read anybody's series from a CSV file, as points to judge.
 *
 * A line is `t_seconds,value_bytes[,events]`. The first line may name the
 * columns, which may then stand in any order and among others: t_seconds,
 * value_bytes (or value), events, or what the format calls them. Without that
 * line there are two or three columns, in this order. Lines end in LF or CRLF;
 * blank lines and lines that begin with # are skipped, as are blanks and double
 * quotes around a cell. Numbers are as strtod() reads them in the C locale.
 *
 * A value that is missing (empty or NaN) is a gap: the row is skipped and
 * counted. Anything else that is not a finite number is an error, and so are a
 * time that is not later than that of the row before, and a count of events
 * that is lower.
 */
#ifndef PLATEAU_SERIES_CSV_H
#define PLATEAU_SERIES_CSV_H

#include "err.h"
#include "judge/judge.h"

#include <stdio.h>

enum {
    SERIES_CSV_ROWS_MAX = 16 * 1000 * 1000, /* more is an error */
    SERIES_CSV_LINE_MAX = 65536,            /* bytes, line end included */
    SERIES_CSV_COLUMNS_MAX = 256,
};

/* What is different in somebody's file. NULL and 0 stand for the usual. A
 * column that is named here must be there. Lent. */
struct series_csv_format {
    const char *time, *value, *events; /* names of columns */
    char delimiter;                    /* between cells; usually ',' */
};

struct series_csv {
    struct judge_point *points; /* owned; NULL when there are none */
    size_t count;
    size_t gaps;     /* rows that were skipped for want of a value */
    bool has_events; /* else the points' events are 0 */
};

/* Reads |path|, "-" being standard input, by |format|, or as usual where that
 * is NULL. 0 and *ret_series, which the caller
 * releases with series_csv_deinit(); -EINVAL for a file that is no such
 * series, -ENOMEM, or -errno of opening or reading, each with |err|. */
int series_csv_load(const char *path, const struct series_csv_format *format,
                    struct series_csv *ret_series, struct err *err);

/* The same from |stream|, which stays open; |name| is what |err| calls it. */
int series_csv_read(FILE *stream, const char *name,
                    const struct series_csv_format *format,
                    struct series_csv *ret_series, struct err *err);

/* Lets go of the points. A zeroed struct is fine. */
void series_csv_deinit(struct series_csv *series);

#endif
