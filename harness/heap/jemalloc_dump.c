#include "heap/jemalloc_dump.h"

#include <string.h>

enum { SHOWN_MAX = 40 };

struct reader {
    const char *file;
    const char *at;
    const char *end;
    int line; /* of what stands at |at|, from 1 */
    struct profile *profile;
    double padding_before; /* of what the profile held already */
    struct err *err;
};

static const char magic[] = "heap_v2/";
static const char maps_heading[] = "MAPPED_LIBRARIES:";
static const char build_id_key[] = "build-id: ";
static const char our_sampler[] = "sampler: plateau";

bool jemalloc_dump_is(const char *text, size_t size)
{
    return size >= 6 && memcmp(text, "heap_v", 6) == 0;
}

static int blame(const struct reader *reader, int error, const char *sentence)
{
    err_set(reader->err, reader->file, reader->line, 0, "%s", sentence);
    return error;
}

/* A damaged line, with its beginning. */
static int blame_line(const struct reader *reader, const char *line,
                      size_t size, const char *right)
{
    char shown[SHOWN_MAX + 1];
    size_t kept = size > SHOWN_MAX ? SHOWN_MAX : size;
    for (size_t i = 0; i < kept; i++) {
        shown[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
    }
    shown[kept] = '\0';
    err_set(reader->err, reader->file, reader->line, 0,
            "'%s%s' is no line of a jemalloc heap dump; %s", shown,
            size > kept ? "..." : "", right);
    return -EINVAL;
}

static int blame_growth(const struct reader *reader, int error)
{
    return blame(reader, error,
                 error == -E2BIG
                     ? "the profile is larger than plateau can take; profile "
                       "with a larger sample interval (lg_prof_sample)"
                     : "out of memory");
}

/* Steps over the next line. False at the end of the text. */
static bool next_line(struct reader *reader, const char **ret_line,
                      size_t *ret_size)
{
    if (reader->at >= reader->end) {
        return false;
    }
    size_t left = (size_t)(reader->end - reader->at);
    const char *newline = memchr(reader->at, '\n', left);
    *ret_line = reader->at;
    *ret_size = newline != NULL ? (size_t)(newline - reader->at) : left;
    reader->at = newline != NULL ? newline + 1 : reader->end;
    reader->line++;
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads a number of |base| at *at and moves on. False if there is none, or if
 * it has more than 64 bits. */
static bool take_number(const char **at, const char *end, unsigned base,
                        uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *from = *at;
    for (; *at < end && (unsigned)digit_of(**at) < base; (*at)++) {
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_of(**at), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return *at > from;
}

static bool take_text(const char **at, const char *end, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(end - *at) < size || memcmp(*at, text, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

static int read_head(struct reader *reader)
{
    const char *line = NULL;
    size_t size = 0;
    if (!next_line(reader, &line, &size)) {
        reader->line = 1;
        return blame(reader, -EINVAL,
                     "the file is empty; the program wrote no profile, or was "
                     "killed before it had");
    }
    const char *end = line + size;
    uint64_t rate = 0;
    if (!take_text(&line, end, magic)) {
        return blame(reader, -EINVAL,
                     "is a heap dump of another version; plateau reads "
                     "'heap_v2/RATE', which jemalloc 4 and 5 write");
    }
    if (!take_number(&line, end, 10, &rate) || line != end || rate == 0 ||
        rate > UINT64_C(1) << 62) {
        return blame(reader, -EINVAL,
                     "'heap_v2/' wants the sample interval in bytes behind "
                     "it, as in 'heap_v2/524288'");
    }
    reader->profile->kind = PROFILE_JEMALLOC;
    reader->profile->sample_bytes = rate;
    return 0;
}

/* "@ 0x55d0c1 0x55d0f4 ..." */
static int read_stack(const struct reader *reader, const char *line,
                      size_t size, uint32_t *places, size_t *ret_count)
{
    const char *at = line + 1;
    const char *end = line + size;
    size_t count = 0;
    while (at < end) {
        uint64_t address = 0;
        if (*at == ' ') {
            at++;
            continue;
        }
        if (!take_text(&at, end, "0x") ||
            !take_number(&at, end, 16, &address)) {
            return blame_line(reader, line, size,
                              "addresses are '0x' and hexadecimal digits");
        }
        if (count == PROFILE_STACK_MAX) {
            continue;
        }
        int r = profile_place_at(reader->profile, address, &places[count]);
        if (r < 0) {
            return blame_growth(reader, r);
        }
        count++;
    }
    *ret_count = count;
    return 0;
}

/* "  t*: OBJECTS: BYTES [ALL: BYTES]" */
static int read_sums(const struct reader *reader, const char *line, size_t size,
                     uint64_t *ret_objects, uint64_t *ret_bytes)
{
    const char *at = line;
    const char *end = line + size;
    if (take_text(&at, end, "  t*: ") &&
        take_number(&at, end, 10, ret_objects) && take_text(&at, end, ": ") &&
        take_number(&at, end, 10, ret_bytes) && take_text(&at, end, " [") &&
        (*ret_objects > 0 || *ret_bytes == 0)) {
        return 0;
    }
    return blame_line(reader, line, size,
                      "'  t*: OBJECTS: BYTES [...]' is what should stand here");
}

/* "start-end perms offset dev inode path"; the path may hold blanks. What has
 * no path, or one in brackets, is no file. */
static int read_mapping(const struct reader *reader, const char *line,
                        size_t size)
{
    const char *at = line;
    const char *end = line + size;
    struct profile_module module = {0};
    if (!take_number(&at, end, 16, &module.start) ||
        !take_text(&at, end, "-") || !take_number(&at, end, 16, &module.end) ||
        !take_text(&at, end, " ")) {
        return blame_line(reader, line, size,
                          "behind 'MAPPED_LIBRARIES:' stand lines of "
                          "/proc/PID/maps");
    }
    at = memchr(at, ' ', (size_t)(end - at));
    if (at == NULL) {
        return 0;
    }
    at++;
    const char *path = memchr(at, '/', (size_t)(end - at));
    if (path == NULL || !take_number(&at, end, 16, &module.offset) ||
        module.end <= module.start) {
        return 0;
    }
    int r = words_add(reader->profile->words, path, (size_t)(end - path),
                      &module.path);
    if (r == 0) {
        r = profile_add_module(reader->profile, &module);
    }
    return r < 0 ? blame_growth(reader, r) : 0;
}

/* "build-id: HEX PATH" */
static int read_build_id(const struct reader *reader, const char *line,
                         size_t size)
{
    const char *at = line + sizeof build_id_key - 1;
    const char *end = line + size;
    unsigned char id[PROFILE_BUILD_ID_MAX];
    uint32_t count = 0;
    uint32_t path = 0;
    for (; end - at >= 2 && digit_of(at[0]) < 16 && digit_of(at[1]) < 16 &&
           count < PROFILE_BUILD_ID_MAX;
         at += 2) {
        id[count++] = (unsigned char)(digit_of(at[0]) * 16 + digit_of(at[1]));
    }
    if (count == 0 || !take_text(&at, end, " ")) {
        return blame_line(reader, line, size,
                          "'build-id: HEX PATH' is what should stand here");
    }
    int r = words_add(reader->profile->words, at, (size_t)(end - at), &path);
    if (r < 0) {
        return blame_growth(reader, r);
    }
    for (size_t i = 0; i < reader->profile->modules_count; i++) {
        struct profile_module *module = &reader->profile->modules[i];
        if (module->path == path) {
            memcpy(module->build_id, id, count);
            module->build_id_bytes = count;
        }
    }
    return 0;
}

/* Its samples lie where they would have lain anyway. */
static void mark_as_ours(const struct reader *reader)
{
    reader->profile->kind = PROFILE_SAMPLED;
    reader->profile->padding_bytes = reader->padding_before;
}

static int read_maps(struct reader *reader)
{
    const char *line = NULL;
    size_t size = 0;
    int r = 0;
    while (r == 0 && next_line(reader, &line, &size)) {
        const char *at = line;
        if (size == 0) {
            continue;
        }
        if (take_text(&at, line + size, our_sampler)) {
            mark_as_ours(reader);
            continue;
        }
        r = take_text(&at, line + size, build_id_key)
                ? read_build_id(reader, line, size)
                : read_mapping(reader, line, size);
    }
    return r;
}

static int read_site(struct reader *reader, const char *line, size_t size,
                     uint32_t *places)
{
    size_t count = 0;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    int r = read_stack(reader, line, size, places, &count);
    if (r < 0) {
        return r;
    }
    if (!next_line(reader, &line, &size)) {
        return blame(reader, -EINVAL,
                     "the dump ends within a stack: it was cut off; was the "
                     "disk full, or the program killed while it wrote?");
    }
    r = read_sums(reader, line, size, &objects, &bytes);
    if (r == 0) {
        r = profile_add_site(reader->profile, places, count, (double)objects,
                             (double)bytes);
        r = r < 0 ? blame_growth(reader, r) : 0;
    }
    return r;
}

int jemalloc_dump_parse(const char *file, const char *text, size_t size,
                        struct profile *profile, struct err *err)
{
    struct reader reader = {.file = file,
                            .at = text,
                            .end = text + size,
                            .profile = profile,
                            .padding_before = profile->padding_bytes,
                            .err = err};
    uint32_t places[PROFILE_STACK_MAX];
    const char *line = NULL;
    bool has_maps = false;
    int r = read_head(&reader);
    while (r == 0 && !has_maps && next_line(&reader, &line, &size)) {
        const char *at = line;
        if (size > 0 && line[0] == '@') {
            r = read_site(&reader, line, size, places);
        } else if (take_text(&at, line + size, maps_heading)) {
            has_maps = true;
        } else if (size > 0 && !take_text(&at, line + size, "  t")) {
            r = blame_line(&reader, line, size,
                           "a stack ('@ 0x...'), its sums ('  t*: ...') or "
                           "'MAPPED_LIBRARIES:' is what should stand here");
        }
    }
    if (r == 0 && !has_maps) {
        return blame(&reader, -EINVAL,
                     "the dump ends before 'MAPPED_LIBRARIES:': it was cut "
                     "off; was the disk full, or the program killed while it "
                     "wrote?");
    }
    if (r == 0) {
        r = read_maps(&reader);
    }
    if (r == 0) {
        profile_finish(profile);
    }
    return r;
}
