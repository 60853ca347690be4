/* duration.h - a length of time as people write it.
 *
 * "20" and "20s" are seconds; "250ms", "5m", "2h", "1d" are what they say; a
 * fraction is allowed ("1.5h").
 */
#ifndef PLATEAU_WATCH_DURATION_H
#define PLATEAU_WATCH_DURATION_H

/* 0 and *ret_s, from 0 to 100 years; or -EINVAL. */
int duration_parse(const char *text, double *ret_s);

#endif
