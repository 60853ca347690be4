/* dhat.h - read the JSON of DHAT, valgrind's or that of Rust's `dhat` crate.
 *
 * Version 2 of the format (valgrind, dhat/dh_main.c; its viewer documents it):
 * "ftbl" is a table of frames in words, "pps" the sites: "fs" numbers into
 * the table, innermost first; "eb" bytes and "ebk" blocks that were live when
 * the program ended; "gb" and "gbk" at the peak. Nothing is sampled. What was
 * live at the end is the profile; where that is nothing at all (the program
 * freed everything), what was live at the peak, and |kind| says so.
 *
 * The one file that knows jansson.
 */
#ifndef PLATEAU_HEAP_DHAT_H
#define PLATEAU_HEAP_DHAT_H

#include "err.h"
#include "heap/profile.h"

#include <stdbool.h>

/* Whether |text| begins like JSON. */
bool dhat_is(const char *text, size_t size);

/* As jemalloc_dump_parse(). */
int dhat_parse(const char *file, const char *text, size_t size,
               struct profile *profile, struct err *err);

#endif
