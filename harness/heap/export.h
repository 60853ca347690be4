/* export.h - a comparison in the formats of viewers that people have.
 *
 * Folded stacks (Brendan Gregg's flamegraph.pl and its many readers): a line a
 * site, "outermost;...;innermost BYTES", and of two profiles the two columns
 * of difffolded.pl, "... BEFORE AFTER". A semicolon within a name becomes a
 * colon.
 *
 * pprof (google/pprof, proto/profile.proto): gzipped protobuf with the values
 * inuse_objects and inuse_space; of two profiles before_*, after_* and
 * change_space, of which a viewer shows one at a time.
 */
#ifndef PLATEAU_HEAP_EXPORT_H
#define PLATEAU_HEAP_EXPORT_H

#include "err.h"
#include "heap/compare.h"

/* 0; or -errno and |err|, with no file left. */
int export_folded(const struct compare *compare, const char *path,
                  struct err *err);
int export_pprof(const struct compare *compare, const char *path,
                 struct err *err);

#endif
