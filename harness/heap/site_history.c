#include "heap/site_history.h"

#include "heap/compare.h"
#include "heap/idmap.h"
#include "heap/profile_file.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Four size classes lie between a power of two and the next (jemalloc's; those
 * of glibc are finer). */
static const double same_size_factor = 1.25;

static bool is_same_stack(const struct profile *profile,
                          const struct site_history_row *row,
                          const struct profile_site *site)
{
    return row->frames_count == site->frames_count &&
           (site->frames_count == 0 ||
            memcmp(profile->frames + row->frames_first,
                   profile->frames + site->frames_first,
                   site->frames_count * sizeof *profile->frames) == 0);
}

/* The row of that stack, new or known; NULL: no memory. */
static struct site_history_row *find_row(struct site_history *history,
                                         struct idmap *map,
                                         const struct profile_site *site)
{
    const struct profile *profile = &history->profile;
    uint32_t hash = IDMAP_SEED;
    for (uint32_t i = 0; i < site->frames_count; i++) {
        hash = idmap_hash(hash, profile->frames[site->frames_first + i]);
    }
    for (struct idmap_walk walk = idmap_find(map, hash);
         idmap_next(map, &walk);) {
        if (is_same_stack(profile, &history->rows[walk.id], site)) {
            return &history->rows[walk.id];
        }
    }
    if (history->rows_count == history->rows_room) {
        size_t room = history->rows_room > 0 ? 2 * history->rows_room : 256;
        void *grown = reallocarray(history->rows, room, sizeof *history->rows);
        if (grown == NULL) {
            return NULL;
        }
        history->rows = grown;
        history->rows_room = room;
    }
    if (idmap_add(map, hash, (uint32_t)history->rows_count) < 0) {
        return NULL;
    }
    struct site_history_row *row = &history->rows[history->rows_count++];
    *row = (struct site_history_row){.frames_first = site->frames_first,
                                     .frames_count = site->frames_count};
    return row;
}

/* Sums up the sites that were read last, from |first| on. */
static int take_sites(struct site_history *history, struct idmap *map,
                      size_t first, size_t dump)
{
    const struct profile *profile = &history->profile;
    for (size_t i = first; i < profile->sites_count; i++) {
        struct site_history_row *row =
            find_row(history, map, &profile->sites[i]);
        if (row == NULL) {
            return -ENOMEM;
        }
        row->bytes[dump] += profile->sites[i].bytes;
        row->objects[dump] += profile->sites[i].objects;
    }
    return 0;
}

/* 0; 1 when that profile cannot be read; -errno. */
static int load_one(struct site_history *history, struct idmap *map,
                    const char *path, size_t dump, struct err *err)
{
    size_t first = history->profile.sites_count;
    history->profile.padding_bytes = 0.;
    int r = profile_read(path, &history->profile, &history->taken_s,
                         &history->notes, err);
    if (r == 0) {
        history->padding[dump] = history->profile.padding_bytes;
        return take_sites(history, map, first, dump);
    }
    if (r == -ENOMEM || r == -E2BIG) {
        return r;
    }
    symbols_note(&history->notes, err);
    return 1;
}

static void mark_gap(struct site_history *history, size_t dump)
{
    for (size_t i = 0; i < history->rows_count; i++) {
        history->rows[i].bytes[dump] = NAN;
        history->rows[i].objects[dump] = NAN;
    }
    history->padding[dump] = NAN;
}

int site_history_load(const char *const *paths, size_t count,
                      struct site_history *ret_history, struct err *err)
{
    struct site_history history = {.dumps_count = count};
    struct idmap map = {0};
    bool is_read[SITE_HISTORY_DUMPS_MAX] = {false};
    size_t read = 0;
    int r = words_init(&history.words);
    if (r < 0) {
        return r;
    }
    profile_init(&history.profile, &history.words);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = load_one(&history, &map, paths[i], i, err);
        is_read[i] = r == 0;
        read += r == 0;
    }
    idmap_deinit(&map);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        if (!is_read[i]) {
            mark_gap(&history, i);
        }
    }
    if (r >= 0 && read == 0) {
        r = -ENODATA;
    }
    if (r < 0) {
        site_history_deinit(&history);
        return r;
    }
    *ret_history = history; /* and the words have moved with it */
    ret_history->profile.words = &ret_history->words;
    return 0;
}

void site_history_deinit(struct site_history *history)
{
    profile_deinit(&history->profile);
    words_deinit(&history->words);
    free(history->rows);
    history->rows = NULL;
    history->rows_count = 0;
    history->rows_room = 0;
}

/* --- names ---------------------------------------------------------------- */

int site_history_name(struct site_history *history, const size_t *rows,
                      size_t count)
{
    struct profile *profile = &history->profile;
    bool *is_wanted = calloc(profile->places_count + 1, sizeof *is_wanted);
    if (is_wanted == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct site_history_row *row = &history->rows[rows[i]];
        for (uint32_t k = 0; k < row->frames_count; k++) {
            is_wanted[profile->frames[row->frames_first + k]] = true;
        }
    }
    /* A place of no address is not looked up. */
    for (size_t i = 0; i < profile->places_count; i++) {
        if (!is_wanted[i]) {
            profile->places[i].address = 0;
        }
    }
    free(is_wanted);
    return symbols_resolve(profile, history->taken_s, &history->notes);
}

/* The first lines of a stack behind the allocator's own, and behind what only
 * passes a wish on, unless that is all; returns how many. */
static size_t find_lines(const struct site_history *history, size_t number,
                         struct profile_line lines[SITE_HISTORY_SHOWN])
{
    const struct profile *profile = &history->profile;
    const struct site_history_row *row = &history->rows[number];
    size_t count = 0, seen = 0, between = 0;
    for (uint32_t i = 0; i < row->frames_count; i++) {
        const struct profile_place *place =
            &profile->places[profile->frames[row->frames_first + i]];
        for (uint32_t k = 0; k < place->lines_count; k++, seen++) {
            const struct profile_line *line =
                &profile->lines[place->lines_first + k];
            const char *function = words_text(&history->words, line->function);
            if (seen < COMPARE_ALLOCATOR_FRAMES_MAX &&
                compare_is_allocator(function)) {
                /* What came before was the allocator's as well. */
                count = between = 0;
            } else if (count == between && compare_is_between(function)) {
                lines[0] = *line;
                count = between = 1;
            } else if (count < SITE_HISTORY_SHOWN + between) {
                lines[count++ - between] = *line;
            }
        }
    }
    return count > between ? count - between : count;
}

/* How a row reads. */
struct reading {
    size_t row;
    double size; /* of an object; 0: it never held any */
    size_t count;
    struct profile_line lines[SITE_HISTORY_SHOWN];
};

static double size_of_objects(const struct site_history *history, size_t number)
{
    const struct site_history_row *row = &history->rows[number];
    double bytes = 0., objects = 0.;
    for (size_t i = 0; i < history->dumps_count; i++) {
        bytes += isnan(row->bytes[i]) ? 0. : row->bytes[i];
        objects += isnan(row->objects[i]) ? 0. : row->objects[i];
    }
    return objects > 0. ? bytes / objects : 0.;
}

/* The line within the function counts of the innermost only: no other is shown.
 */
static bool reads_the_same(const struct reading *a, const struct reading *b)
{
    bool is_same = a->count == b->count && a->count > 0 &&
                   a->lines[0].line == b->lines[0].line &&
                   a->size <= same_size_factor * b->size &&
                   b->size <= same_size_factor * a->size;
    for (size_t i = 0; is_same && i < a->count; i++) {
        is_same = a->lines[i].function == b->lines[i].function;
    }
    return is_same;
}

static void add_row(struct site_history *history, size_t to, size_t from)
{
    for (size_t i = 0; i < history->dumps_count; i++) {
        history->rows[to].bytes[i] += history->rows[from].bytes[i];
        history->rows[to].objects[i] += history->rows[from].objects[i];
    }
}

size_t site_history_merge(struct site_history *history, size_t *rows,
                          size_t count)
{
    size_t left = 0;
    struct reading *readings = calloc(count + 1, sizeof *readings);
    if (readings == NULL) {
        return count; /* as they are, then */
    }
    for (size_t i = 0; i < count; i++) {
        struct reading *reading = &readings[left];
        size_t same = 0;
        reading->row = rows[i];
        reading->size = size_of_objects(history, rows[i]);
        reading->count = find_lines(history, rows[i], reading->lines);
        while (same < left && !reads_the_same(&readings[same], reading)) {
            same++;
        }
        if (same < left) {
            add_row(history, readings[same].row, rows[i]);
        } else {
            rows[left++] = rows[i];
        }
    }
    free(readings);
    return left;
}

char *site_history_function(const struct site_history *history, size_t row,
                            char *text, size_t size)
{
    struct profile_line lines[SITE_HISTORY_SHOWN];
    size_t count = find_lines(history, row, lines);
    (void)snprintf(text, size, "%s",
                   count > 0 ? words_text(&history->words, lines[0].function)
                             : "unknown");
    return text;
}

char *site_history_text(const struct site_history *history, size_t row,
                        char *text, size_t size)
{
    struct profile_line lines[SITE_HISTORY_SHOWN];
    size_t count = find_lines(history, row, lines);
    size_t used = 0;
    (void)snprintf(text, size, "%s", count > 0 ? "" : "unknown");
    for (size_t i = 0; i < count && used < size; i++) {
        const char *file = words_text(&history->words, lines[i].file);
        const char *slash = strrchr(file, '/');
        int length =
            snprintf(text + used, size - used, "%s%.80s", i > 0 ? " < " : "",
                     words_text(&history->words, lines[i].function));
        used += length > 0 ? (size_t)length : 0;
        if (i == 0 && file[0] != '\0' && lines[i].line > 0 && used < size) {
            length = snprintf(text + used, size - used, " (%.60s:%u)",
                              slash != NULL ? slash + 1 : file,
                              (unsigned)lines[i].line);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    return text;
}
