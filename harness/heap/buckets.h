/* buckets.h - rules that turn call sites into the words a team uses.
 *
 * A rules file (YAML, reports/buckets/):
 *
 *     about: the parts of our daemon
 *     rules:
 *       - bucket: telemetry
 *         functions: [telemetry_*, "tracing::*"]
 *         files: [telemetry.c, "trace-*.c"]
 *         libraries: [libotel.so*]
 *
 * Patterns are those of the shell (* ? [...]). A function's matches its whole
 * name; a file's or library's its whole path, or what follows any slash of it.
 *
 * Of a stack, frames are asked from the innermost outwards, and each frame is
 * asked of the rules in their order: the first that matches gives the bucket.
 * So a connection that the peer table dials is a connection, and a note of the
 * peer table's own that is made within a connection's callback is the peer
 * table's. Rules may share a bucket.
 *
 * The one file that knows libcyaml here is buckets.c.
 */
#ifndef PLATEAU_HEAP_BUCKETS_H
#define PLATEAU_HEAP_BUCKETS_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BUCKETS_RULES_MAX = 256,
    BUCKETS_PATTERNS_MAX = 256, /* of one kind in one rule */
    BUCKETS_NAME_MAX = 40,
    BUCKETS_FILE_MAX_BYTES = 1 << 20,
    BUCKETS_NONE = -1, /* no rule matches */
};

struct buckets_rule {
    char *bucket;
    char **functions, **files, **libraries;
    uint32_t functions_count, files_count, libraries_count;
};

struct buckets {
    char *about;
    struct buckets_rule *rules;
    uint32_t rules_count;
};

/* Reads a rules file, from memory or from |path|. 0 and *ret_buckets; or
 * -errno and |err|: -EINVAL with the line when it is wrong, else what open(2)
 * says, -EFBIG, -ENOMEM. */
int buckets_parse(const char *file, const char *text, size_t size,
                  struct buckets **ret_buckets, struct err *err);
int buckets_load(const char *path, struct buckets **ret_buckets,
                 struct err *err);

/* Accepts NULL. */
void buckets_free(struct buckets *buckets);

/* The first rule that matches a frame, from 0, or BUCKETS_NONE. "" is what is
 * not known, and matches nothing. */
int buckets_match(const struct buckets *buckets, const char *function,
                  const char *file, const char *library);

#endif
