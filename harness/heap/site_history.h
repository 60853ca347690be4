/* site_history.h - what each call site held, from one heap profile to the next.
 *
 * Reads the profiles that one process wrote in the course of its life. In one
 * process a stack has the same addresses from first to last, so that stacks are
 * matched by these, and only those that are of interest need names. A profile
 * that cannot be read leaves a gap: its column is NaN, and a note says why.
 *
 * Sampled profiles are unbiased as they are read (profile.h): bytes and objects
 * are estimates of what was held.
 */
#ifndef PLATEAU_HEAP_SITE_HISTORY_H
#define PLATEAU_HEAP_SITE_HISTORY_H

#include "err.h"
#include "heap/profile.h"
#include "heap/symbols.h"
#include "heap/words.h"

#include <stddef.h>

enum {
    SITE_HISTORY_DUMPS_MAX = 16, /* of more the caller chooses */
    SITE_HISTORY_SHOWN = 3,      /* frames in site_history_text() */
};

struct site_history_row {
    uint64_t frames_first; /* in the profile: places, innermost first */
    uint32_t frames_count;
    double bytes[SITE_HISTORY_DUMPS_MAX]; /* 0: it held nothing then */
    double objects[SITE_HISTORY_DUMPS_MAX];
};

struct site_history {
    struct words words;
    struct profile profile; /* of all of them: its sites mean nothing */
    size_t dumps_count;
    struct site_history_row *rows;
    size_t rows_count, rows_room;
    /* What the samples themselves held: see profile.padding_bytes. */
    double padding[SITE_HISTORY_DUMPS_MAX];
    int64_t taken_s; /* when the last of them was written */
    struct symbols_notes notes;
};

/* Reads |count| profiles, at most SITE_HISTORY_DUMPS_MAX. 0, to be released;
 * or -errno and |err|: -ENODATA when none can be read, -ENOMEM, -E2BIG. */
int site_history_load(const char *const *paths, size_t count,
                      struct site_history *ret_history, struct err *err);
void site_history_deinit(struct site_history *history);

/* Gives names to what is in |rows|, |count| numbers of rows. Once only: what is
 * in no such row loses its addresses. 0, -ENOMEM or -E2BIG. */
int site_history_name(struct site_history *history, const size_t *rows,
                      size_t count);

/* Adds up those of |rows|, |count| named ones, that read the same: objects of
 * about one size, of one function called from the same two, however these were
 * reached. The first of each keeps the sum and its place; how many are left. */
size_t site_history_merge(struct site_history *history, size_t *rows,
                          size_t count);

/* The function that a named row allocates in, allocators left out, cut to
 * |size|; "unknown" where the stack tells none. Returns |text|. */
char *site_history_function(const struct site_history *history, size_t row,
                            char *text, size_t size);

/* "leak (daemon.c:12) < serve < main": where a named row allocates, and its
 * callers. Returns |text|. */
char *site_history_text(const struct site_history *history, size_t row,
                        char *text, size_t size);

#endif
