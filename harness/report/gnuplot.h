/* gnuplot.h - run gnuplot on one of our scripts, which must not hold us up.
 *
 * A script is told what to draw by variables: one text of assignments, put
 * together with gnuplot_tell(). gnuplot runs with no configuration of the
 * user's, and is killed when it takes too long.
 */
#ifndef PLATEAU_GNUPLOT_H
#define PLATEAU_GNUPLOT_H

#include "err.h"

#include <stddef.h>

enum { GNUPLOT_SECONDS_MAX = 60 };

/* Appends "name='text'; " to |variables| of |size| bytes; what finds no room is
 * cut. */
void gnuplot_tell(char *variables, size_t size, const char *name,
                  const char *text);
void gnuplot_tell_number(char *variables, size_t size, const char *name,
                         double value);

/* Runs |script|. gnuplot's complaints go to the file |complaints|, which the
 * caller removes. 0; or -errno and |err|: -ENOENT when there is no gnuplot,
 * -EIO when it failed, -ETIME. */
int gnuplot_run(const char *script, const char *variables,
                const char *complaints, struct err *err);

#endif
