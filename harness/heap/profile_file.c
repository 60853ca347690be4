#include "heap/profile_file.h"

#include "heap/dhat.h"
#include "heap/dumps.h"
#include "heap/jemalloc_dump.h"
#include "whole_file.h"

#include <errno.h>
#include <stdbool.h>
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

static int read_one(const char *path, struct profile *profile,
                    int64_t *ret_taken_s, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = whole_file_read(path, PROFILE_FILE_MAX_BYTES, &text, &size,
                            ret_taken_s, err);
    if (r == 0) {
        r = profile_parse(path, text, size, profile, err);
    }
    free(text);
    return r;
}

static bool is_same_map(const struct profile_module *a,
                        const struct profile_module *b)
{
    return a->path == b->path && a->start - a->offset == b->start - b->offset;
}

static bool has_places(const struct profile *profile, size_t module)
{
    size_t i = 0;
    while (i < profile->places_count &&
           profile->places[i].module_plus_1 != module + 1) {
        i++;
    }
    return i < profile->places_count;
}

/* The module of |part| that lies where |profile| has another, if one of both
 * has code that is in a stack; NULL: none. */
static const struct profile_module *find_clash(const struct profile *profile,
                                               const struct profile *part)
{
    for (size_t i = 0; i < part->modules_count; i++) {
        const struct profile_module *ours = &part->modules[i];
        for (size_t k = 0; k < profile->modules_count; k++) {
            const struct profile_module *other = &profile->modules[k];
            if (ours->start < other->end && other->start < ours->end &&
                !is_same_map(ours, other) &&
                (has_places(part, i) || has_places(profile, k))) {
                return ours;
            }
        }
    }
    return NULL;
}

/* Whether |path| can be read, and named together with what there is: tried on a
 * profile of its own, since what is once added cannot be taken back. 0; 1 and
 * |err|: no; -errno. */
static int try_part(const char *path, const struct profile *profile,
                    struct err *err)
{
    struct profile part;
    int64_t taken_s = 0;
    profile_init(&part, profile->words);
    int r = read_one(path, &part, &taken_s, err);
    if (r == 0) {
        const struct profile_module *clash = find_clash(profile, &part);
        if (clash != NULL) {
            err_set(err, path, 0, 0,
                    "is left out: this process has %s mapped where another "
                    "has something else",
                    words_text(profile->words, clash->path));
            r = 1;
        }
    } else if (r != -ENOMEM && r != -E2BIG) {
        r = 1;
    }
    profile_deinit(&part);
    return r;
}

int profile_read(const char *path, struct profile *profile,
                 int64_t *ret_taken_s, struct symbols_notes *notes,
                 struct err *err)
{
    char **parts = NULL;
    size_t count = 0;
    int r = read_one(path, profile, ret_taken_s, err);
    if (r == 0) {
        r = dumps_parts(path, &parts, &count);
    }
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = try_part(parts[i], profile, err);
        if (r == 0) {
            r = read_one(parts[i], profile, ret_taken_s, err);
        } else if (r > 0) {
            symbols_note(notes, err);
        }
    }
    free(parts);
    return r < 0 ? r : 0;
}

int profile_load(const char *path, struct profile *profile,
                 struct symbols_notes *notes, struct err *err)
{
    int64_t taken_s = 0;
    int r = profile_read(path, profile, &taken_s, notes, err);
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
