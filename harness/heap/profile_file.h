/* profile_file.h - a heap profile from a file, whoever wrote it.
 *
 * Looks at the first bytes, reads (jemalloc_dump.h, dhat.h) and symbolises
 * (symbols.h). The file is at most PROFILE_FILE_MAX_BYTES.
 *
 * A dump may have parts (dumps.h): of processes that have the same program, or
 * another one, at the same addresses. What they hold is added. A part that has
 * something else where another has a file mapped cannot be named together with
 * it; that, and one that cannot be read, is left out, and noted.
 */
#ifndef PLATEAU_HEAP_PROFILE_FILE_H
#define PLATEAU_HEAP_PROFILE_FILE_H

#include "err.h"
#include "heap/profile.h"
#include "heap/symbols.h"

#define PROFILE_FILE_MAX_BYTES ((size_t)1 << 30)

/* From memory, without symbols. As jemalloc_dump_parse(). */
int profile_parse(const char *file, const char *text, size_t size,
                  struct profile *profile, struct err *err);

/* Adds the profile and its parts, without symbols. 0 and *ret_taken_s, when it
 * was written; or -errno and |err| as below. */
int profile_read(const char *path, struct profile *profile,
                 int64_t *ret_taken_s, struct symbols_notes *notes,
                 struct err *err);

/* 0 and |profile|, which was empty; or -errno, |err|, and a |profile| to be
 * thrown away. -EINVAL when it is no profile, or damaged. */
int profile_load(const char *path, struct profile *profile,
                 struct symbols_notes *notes, struct err *err);

#endif
