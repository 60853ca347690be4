#include "heap/dhat.h"

#include <string.h>

#include <jansson.h>

struct reader {
    const char *file;
    struct profile *profile;
    uint32_t *places; /* of each row of ftbl */
    size_t places_count;
    struct err *err;
};

bool dhat_is(const char *text, size_t size)
{
    size_t i = 0;
    while (i < size && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' ||
                        text[i] == '\t')) {
        i++;
    }
    return i < size && text[i] == '{';
}

static int blame(const struct reader *reader, const char *sentence)
{
    err_set(reader->err, reader->file, 0, 0, "%s", sentence);
    return -EINVAL;
}

static int blame_row(const struct reader *reader, const char *list, size_t row,
                     const char *sentence)
{
    err_set(reader->err, reader->file, 0, 0, "row %zu of '%s' %s", row, list,
            sentence);
    return -EINVAL;
}

static int blame_growth(const struct reader *reader, int error)
{
    err_set(reader->err, reader->file, 0, 0, "%s",
            error == -E2BIG ? "the profile is larger than plateau can take"
                            : "out of memory");
    return error;
}

/* --- frames --------------------------------------------------------------- */

/* "0x10A0B4: main (src/foo.c:12)", "0x4: malloc (in /lib/x.so)", Rust's
 * "0x5: alloc::alloc (alloc.rs:84:14)", "0x1: ???", "[root]". Function names
 * hold parentheses and colons themselves, so the place is looked for from the
 * end. */
struct frame_parts {
    const char *function, *file, *library;
    size_t function_size, file_size, library_size;
    uint32_t line;
};

/* Cuts ":digits" off the end of a text, if it is there. */
static bool cut_number(const char *text, size_t *size, uint32_t *ret_value)
{
    size_t at = *size;
    uint32_t value = 0;
    uint32_t scale = 1;
    while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9' &&
           *size - at < 9) {
        value += scale * (uint32_t)(text[--at] - '0');
        scale *= 10;
    }
    if (at == *size || at == 0 || text[at - 1] != ':') {
        return false;
    }
    *size = at - 1;
    *ret_value = value;
    return true;
}

static void split_place(const char *place, size_t size,
                        struct frame_parts *parts)
{
    uint32_t number = 0;
    if (size > 3 && memcmp(place, "in ", 3) == 0) {
        parts->library = place + 3;
        parts->library_size = size - 3;
        return;
    }
    /* Of "file:line:column" the first number is the line. */
    while (cut_number(place, &size, &number)) {
        parts->line = number;
    }
    parts->file = place;
    parts->file_size = size;
}

static void split_frame(const char *text, struct frame_parts *parts)
{
    size_t size = strlen(text);
    const char *rest = text;
    *parts = (struct frame_parts){0};
    if (size > 2 && memcmp(text, "0x", 2) == 0) {
        const char *colon = strstr(text, ": ");
        if (colon != NULL) {
            rest = colon + 2;
            size = strlen(rest);
        }
    }
    parts->function = rest;
    parts->function_size = size;
    if (size > 0 && rest[size - 1] == ')') {
        size_t at = size - 1;
        while (at > 0 && !(rest[at] == '(' && rest[at - 1] == ' ')) {
            at--;
        }
        if (at > 0) {
            parts->function_size = at - 1;
            split_place(rest + at + 1, size - at - 2, parts);
        }
    }
    if (parts->function_size == 3 && memcmp(parts->function, "???", 3) == 0) {
        parts->function = text;
        parts->function_size = strcspn(text, ":");
    }
}

static int add_frame(const struct reader *reader, const char *text,
                     uint32_t *ret_place)
{
    struct profile *profile = reader->profile;
    struct frame_parts parts;
    struct profile_line line = {0};
    uint32_t library = 0;
    split_frame(text, &parts);
    line.line = parts.line;
    int r = words_add(profile->words, parts.function, parts.function_size,
                      &line.function);
    if (r == 0 && parts.file != NULL) {
        r = words_add(profile->words, parts.file, parts.file_size, &line.file);
    }
    if (r == 0 && parts.library != NULL) {
        r = words_add(profile->words, parts.library, parts.library_size,
                      &library);
    }
    if (r == 0) {
        r = profile_place_new(profile, ret_place);
    }
    if (r == 0) {
        profile->places[*ret_place].library = library;
        r = profile_add_line(profile, *ret_place, &line);
    }
    return r;
}

static int read_frames(struct reader *reader, const json_t *table)
{
    size_t count = json_array_size(table);
    if (!json_is_array(table) || count == 0) {
        return blame(reader, "has no table of frames, 'ftbl'; is it a DHAT "
                             "profile?");
    }
    if (count > PROFILE_PLACES_MAX) {
        return blame_growth(reader, -E2BIG);
    }
    reader->places = calloc(count, sizeof *reader->places);
    if (reader->places == NULL) {
        return blame_growth(reader, -ENOMEM);
    }
    reader->places_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(table, i));
        if (text == NULL) {
            return blame_row(reader, "ftbl", i, "is no text");
        }
        int r = add_frame(reader, text, &reader->places[i]);
        if (r < 0) {
            return blame_growth(reader, r);
        }
    }
    return 0;
}

/* --- sites ---------------------------------------------------------------- */

/* What of a site is read. */
static const struct {
    const char *bytes, *blocks;
    enum profile_kind kind;
} moments[] = {
    {"eb", "ebk", PROFILE_DHAT},
    {"gb", "gbk", PROFILE_DHAT_PEAK},
};

static bool take_count(const json_t *site, const char *key, double *ret_value)
{
    const json_t *value = json_object_get(site, key);
    *ret_value = json_number_value(value);
    return json_is_number(value) && *ret_value >= 0 && *ret_value < 1e18;
}

static int read_site(const struct reader *reader, const json_t *site,
                     size_t row, size_t moment)
{
    uint32_t places[PROFILE_STACK_MAX];
    double bytes = 0;
    double blocks = 0;
    const json_t *frames = json_object_get(site, "fs");
    size_t count = json_array_size(frames);
    if (!json_is_array(frames)) {
        return blame_row(reader, "pps", row, "has no list of frames, 'fs'");
    }
    if (!take_count(site, moments[moment].bytes, &bytes) ||
        !take_count(site, moments[moment].blocks, &blocks)) {
        return blame_row(reader, "pps", row,
                         "does not say what was live ('eb', 'ebk', 'gb', "
                         "'gbk'); run DHAT in its mode 'heap'");
    }
    count = count > PROFILE_STACK_MAX ? PROFILE_STACK_MAX : count;
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(frames, i);
        json_int_t at = json_integer_value(number);
        if (!json_is_integer(number) || at < 0 ||
            (uint64_t)at >= reader->places_count) {
            return blame_row(reader, "pps", row,
                             "names a frame that is not in 'ftbl'; the file "
                             "is damaged");
        }
        places[i] = reader->places[at];
    }
    int r = profile_add_site(reader->profile, places, count, blocks, bytes);
    return r < 0 ? blame_growth(reader, r) : 0;
}

static int read_sites(const struct reader *reader, const json_t *sites)
{
    if (!json_is_array(sites)) {
        return blame(reader, "has no list of sites, 'pps'; is it a DHAT "
                             "profile?");
    }
    int r = 0;
    for (size_t m = 0; m < sizeof moments / sizeof moments[0]; m++) {
        reader->profile->kind = moments[m].kind;
        for (size_t i = 0; r == 0 && i < json_array_size(sites); i++) {
            r = read_site(reader, json_array_get(sites, i), i, m);
        }
        if (r < 0 || reader->profile->sites_count > 0) {
            return r;
        }
    }
    return r;
}

static int read_root(struct reader *reader, const json_t *root)
{
    const char *mode = json_string_value(json_object_get(root, "mode"));
    if (json_integer_value(json_object_get(root, "dhatFileVersion")) != 2) {
        return blame(reader, "is JSON, but no DHAT profile of version 2 "
                             "(\"dhatFileVersion\": 2)");
    }
    if (mode == NULL ||
        (strcmp(mode, "heap") != 0 && strcmp(mode, "rust-heap") != 0)) {
        return blame(reader, "is a DHAT profile of another mode; run DHAT in "
                             "its mode 'heap', which is the default");
    }
    int r = read_frames(reader, json_object_get(root, "ftbl"));
    return r < 0 ? r : read_sites(reader, json_object_get(root, "pps"));
}

int dhat_parse(const char *file, const char *text, size_t size,
               struct profile *profile, struct err *err)
{
    struct reader reader = {.file = file, .profile = profile, .err = err};
    json_error_t wrong;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    if (root == NULL) {
        err_set(err, file, wrong.line, wrong.column,
                "is no JSON: %s; was it cut off?", wrong.text);
        return -EINVAL;
    }
    int r = read_root(&reader, root);
    free(reader.places);
    json_decref(root);
    if (r == 0) {
        profile_finish(profile);
    }
    return r;
}
