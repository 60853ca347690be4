/* jemalloc_dump.h - read the text of a jemalloc heap dump.
 *
 * The format is prof_dump()'s of jemalloc 5 (src/prof_data.c), version
 * "heap_v2": a line "heap_v2/RATE"; totals; for each stack a line "@ ADDRESS
 * ..." (return addresses, innermost first) and a line "  t*: OBJECTS: BYTES
 * [...]" of what is live, as sampled, over all threads, then a line for each
 * thread, which says no more; "MAPPED_LIBRARIES:" and /proc/PID/maps. Behind
 * the maps a line "build-id: HEX PATH" may stand for each file that was mapped
 * (our own addition, which jeprof passes over), so that a file that changed
 * since is known; and a line "sampler: plateau" where not jemalloc took the
 * samples but our preload library (harness/tally/sampled_heap.h).
 */
#ifndef PLATEAU_HEAP_JEMALLOC_DUMP_H
#define PLATEAU_HEAP_JEMALLOC_DUMP_H

#include "err.h"
#include "heap/profile.h"

#include <stdbool.h>

/* Whether |text| begins like one. */
bool jemalloc_dump_is(const char *text, size_t size);

/* Fills |profile|, which is empty (or holds earlier dumps of the same process,
 * to which it adds), from a text of |size| bytes, followed by a
 * NUL that does not count. 0; or -errno and |err| with the line: -EINVAL when
 * it is not such a dump or is damaged, -E2BIG at profile.h's bounds, -ENOMEM.
 * Then |profile| is to be thrown away. */
int jemalloc_dump_parse(const char *file, const char *text, size_t size,
                        struct profile *profile, struct err *err);

#endif
