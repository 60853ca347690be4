#include "heap/profile_file.h"

#include "heap/dhat.h"
#include "heap/jemalloc_dump.h"
#include "whole_file.h"

#include <errno.h>
#include <stdlib.h>

int profile_parse(const char *file, const char *text, size_t size,
                  struct profile *profile, struct err *err)
{
    if (jemalloc_dump_is(text, size) || size == 0) {
        return jemalloc_dump_parse(file, text, size, profile, err);
    }
    if (dhat_is(text, size)) {
        return dhat_parse(file, text, size, profile, err);
    }
    err_set(err, file, 1, 0,
            "is no heap profile that plateau knows: a jemalloc heap dump "
            "(begins with 'heap_v2/') or DHAT's JSON (begins with '{')");
    return -EINVAL;
}

int profile_load(const char *path, struct profile *profile,
                 struct symbols_notes *notes, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int64_t taken_s = 0;
    int r = whole_file_read(path, PROFILE_FILE_MAX_BYTES, &text, &size,
                            &taken_s, err);
    if (r == 0) {
        r = profile_parse(path, text, size, profile, err);
    }
    free(text);
    if (r == 0) {
        r = symbols_resolve(profile, taken_s, notes);
        if (r < 0) {
            err_set(err, path, 0, 0, "%s",
                    r == -E2BIG ? "the profile is larger than plateau can take"
                                : "out of memory");
        }
    }
    return r;
}
