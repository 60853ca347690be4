/* The message is small and flat, so it is written by hand: each top-level
 * field is put together in a buffer and goes out. Texts are the words, by
 * their own numbers, and a few more behind them; a location is a distinct
 * line, which knows its function and its library.
 *
 * The one file that knows zlib.
 */
#include "heap/export.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

enum {
    MESSAGE_MAX = 16 * COMPARE_LINES_MAX, /* a sample's locations */
    TEXTS_MAX = 8,
};

/* Field numbers of profile.proto, with the wire type: 0 varint, 2 bytes. */
enum {
    PROFILE_SAMPLE_TYPE = 1 << 3 | 2,
    PROFILE_SAMPLE = 2 << 3 | 2,
    PROFILE_MAPPING = 3 << 3 | 2,
    PROFILE_LOCATION = 4 << 3 | 2,
    PROFILE_FUNCTION = 5 << 3 | 2,
    PROFILE_STRING = 6 << 3 | 2,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14 << 3,
    VALUE_TYPE = 1 << 3,
    VALUE_UNIT = 2 << 3,
    SAMPLE_LOCATIONS = 1 << 3 | 2,
    SAMPLE_VALUES = 2 << 3 | 2,
    MAPPING_ID = 1 << 3,
    MAPPING_FILE = 5 << 3,
    MAPPING_HAS_FUNCTIONS = 7 << 3,
    LOCATION_ID = 1 << 3,
    LOCATION_MAPPING = 2 << 3,
    LOCATION_LINE = 4 << 3 | 2,
    LINE_FUNCTION = 1 << 3,
    LINE_NUMBER = 2 << 3,
    FUNCTION_ID = 1 << 3,
    FUNCTION_NAME = 2 << 3,
    FUNCTION_SYSTEM_NAME = 3 << 3,
    FUNCTION_FILE = 4 << 3,
};

struct message {
    unsigned char bytes[MESSAGE_MAX];
    size_t size;
};

/* A location, a function and a mapping are each a row of words. */
struct writer {
    const struct compare *compare;
    gzFile file;
    bool is_failed;
    struct message message;
    struct idmap locations; /* by line, file, function, library */
    struct compare_line *rows;
    size_t rows_count, rows_room;
    const char *texts[TEXTS_MAX];
    size_t texts_count;
};

/* --- protobuf ------------------------------------------------------------- */

static size_t encode_varint(uint64_t value, unsigned char bytes[10])
{
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (unsigned char)value;
    return size;
}

/* A message is never longer than its buffer: see MESSAGE_MAX. */
static void put_varint(struct message *message, uint64_t value)
{
    unsigned char bytes[10];
    size_t size = encode_varint(value, bytes);
    if (message->size + size <= sizeof message->bytes) {
        memcpy(message->bytes + message->size, bytes, size);
        message->size += size;
    }
}

static void put_field(struct message *message, uint64_t tag, uint64_t value)
{
    put_varint(message, tag);
    put_varint(message, value);
}

static void write_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (size > 0 && gzwrite(writer->file, bytes, (unsigned)size) <= 0) {
        writer->is_failed = true;
    }
}

static void write_field(struct writer *writer, uint64_t tag, const void *bytes,
                        size_t size)
{
    unsigned char head[20];
    size_t length = encode_varint(tag, head);
    length += encode_varint(size, head + length);
    write_bytes(writer, head, length);
    write_bytes(writer, bytes, size);
}

static void write_message(struct writer *writer, uint64_t tag)
{
    write_field(writer, tag, writer->message.bytes, writer->message.size);
    writer->message.size = 0;
}

/* The number of a text of ours in the string table. */
static uint64_t text_number(struct writer *writer, const char *text)
{
    size_t i = 0;
    while (i < writer->texts_count && strcmp(writer->texts[i], text) != 0) {
        i++;
    }
    if (i == writer->texts_count && i < TEXTS_MAX) {
        writer->texts[writer->texts_count++] = text;
    }
    return writer->compare->words->count + i;
}

/* --- profile.proto -------------------------------------------------------- */

static void write_types(struct writer *writer)
{
    static const struct {
        const char *type, *unit;
        bool is_of_two;
    } types[] = {
        {"inuse_objects", "count", false}, {"inuse_space", "bytes", false},
        {"before_objects", "count", true}, {"before_space", "bytes", true},
        {"after_objects", "count", true},  {"after_space", "bytes", true},
        {"change_space", "bytes", true},
    };
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].is_of_two == writer->compare->has_before) {
            last = text_number(writer, types[i].type);
            put_field(&writer->message, VALUE_TYPE, last);
            put_field(&writer->message, VALUE_UNIT,
                      text_number(writer, types[i].unit));
            write_message(writer, PROFILE_SAMPLE_TYPE);
        }
    }
    unsigned char bytes[20];
    size_t size = encode_varint(PROFILE_DEFAULT_SAMPLE_TYPE, bytes);
    size += encode_varint(last, bytes + size);
    write_bytes(writer, bytes, size);
}

/* The location of |line|, from 1. A new one is written, with a function and a
 * mapping of the same number: pprof merges what has the same name. */
static int location_of(struct writer *writer, const struct compare_line *line,
                       uint64_t *ret_location)
{
    uint32_t hash = idmap_hash(IDMAP_SEED, line->function);
    hash = idmap_hash(idmap_hash(hash, line->file), line->library);
    hash = idmap_hash(hash, line->line);
    for (struct idmap_walk walk = idmap_find(&writer->locations, hash);
         idmap_next(&writer->locations, &walk);) {
        if (memcmp(&writer->rows[walk.id], line, sizeof *line) == 0) {
            *ret_location = walk.id + 1;
            return 0;
        }
    }
    if (writer->rows_count == writer->rows_room) {
        size_t room = writer->rows_room > 0 ? writer->rows_room * 2 : 256;
        struct compare_line *rows = realloc(writer->rows, room * sizeof *rows);
        if (rows == NULL) {
            return -ENOMEM;
        }
        writer->rows = rows;
        writer->rows_room = room;
    }
    int r = idmap_add(&writer->locations, hash, (uint32_t)writer->rows_count);
    if (r == 0) {
        writer->rows[writer->rows_count++] = *line;
        *ret_location = writer->rows_count;
    }
    return r;
}

static int write_sample(struct writer *writer, const struct compare_site *site)
{
    const struct compare_amount *amounts = site->amounts;
    const double one[] = {amounts[1].objects, amounts[1].bytes};
    const double two[] = {amounts[0].objects, amounts[0].bytes,
                          amounts[1].objects, amounts[1].bytes,
                          compare_change(amounts)};
    bool is_two = writer->compare->has_before;
    struct message packed = {.size = 0};
    uint64_t location = 0;
    for (uint32_t i = 0; i < site->lines_count; i++) {
        int r = location_of(
            writer, &writer->compare->lines[site->lines_first + i], &location);
        if (r < 0) {
            return r;
        }
        put_varint(&packed, location);
    }
    struct message *message = &writer->message;
    put_field(message, SAMPLE_LOCATIONS, packed.size);
    memcpy(message->bytes + message->size, packed.bytes, packed.size);
    message->size += packed.size;
    packed.size = 0;
    for (size_t i = 0; i < (is_two ? 5 : 2); i++) {
        double value = is_two ? two[i] : one[i];
        put_varint(&packed,
                   (uint64_t)(int64_t)(value + (value < 0 ? -.5 : .5)));
    }
    put_field(message, SAMPLE_VALUES, packed.size);
    memcpy(message->bytes + message->size, packed.bytes, packed.size);
    message->size += packed.size;
    write_message(writer, PROFILE_SAMPLE);
    return 0;
}

static void write_row(struct writer *writer, const struct compare_line *row,
                      uint64_t id)
{
    struct message *message = &writer->message;
    struct message line = {.size = 0};
    put_field(message, FUNCTION_ID, id);
    put_field(message, FUNCTION_NAME, row->function);
    put_field(message, FUNCTION_SYSTEM_NAME, row->function);
    put_field(message, FUNCTION_FILE, row->file);
    write_message(writer, PROFILE_FUNCTION);
    put_field(&line, LINE_FUNCTION, id);
    put_field(&line, LINE_NUMBER, row->line);
    put_field(message, LOCATION_ID, id);
    if (row->library != 0) {
        put_field(message, LOCATION_MAPPING, row->library);
    }
    put_field(message, LOCATION_LINE, line.size);
    memcpy(message->bytes + message->size, line.bytes, line.size);
    message->size += line.size;
    write_message(writer, PROFILE_LOCATION);
}

/* A library's mapping has the number of its name. */
static int write_mappings(struct writer *writer)
{
    const struct words *words = writer->compare->words;
    unsigned char *is_library = calloc(words->count, 1);
    if (is_library == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < writer->rows_count; i++) {
        is_library[writer->rows[i].library] = 1;
    }
    for (uint32_t word = 1; word < words->count; word++) {
        if (is_library[word]) {
            put_field(&writer->message, MAPPING_ID, word);
            put_field(&writer->message, MAPPING_FILE, word);
            put_field(&writer->message, MAPPING_HAS_FUNCTIONS, 1);
            write_message(writer, PROFILE_MAPPING);
        }
    }
    free(is_library);
    return 0;
}

static int write_all(struct writer *writer)
{
    const struct compare *compare = writer->compare;
    int r = 0;
    write_types(writer);
    for (size_t i = 0; r == 0 && i < compare->sites_count; i++) {
        r = write_sample(writer, &compare->sites[i]);
    }
    if (r == 0) {
        r = write_mappings(writer);
    }
    for (size_t i = 0; r == 0 && i < writer->rows_count; i++) {
        write_row(writer, &writer->rows[i], i + 1);
    }
    for (uint32_t word = 0; r == 0 && word < compare->words->count; word++) {
        const char *text = words_text(compare->words, word);
        write_field(writer, PROFILE_STRING, text, strlen(text));
    }
    for (size_t i = 0; r == 0 && i < writer->texts_count; i++) {
        write_field(writer, PROFILE_STRING, writer->texts[i],
                    strlen(writer->texts[i]));
    }
    return r;
}

int export_pprof(const struct compare *compare, const char *path,
                 struct err *err)
{
    struct writer *writer = calloc(1, sizeof *writer);
    int r = -ENOMEM;
    if (writer != NULL) {
        writer->compare = compare;
        errno = 0;
        writer->file = gzopen(path, "wbe");
        r = writer->file != NULL ? 0 : errno != 0 ? -errno : -ENOMEM;
    }
    if (r == 0) {
        r = write_all(writer);
        errno = 0;
        if ((gzclose(writer->file) != Z_OK || writer->is_failed) && r == 0) {
            r = errno != 0 ? -errno : -EIO;
        }
        if (r < 0) {
            (void)unlink(path);
        }
    }
    if (r < 0) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
    }
    if (writer != NULL) {
        idmap_deinit(&writer->locations);
        free(writer->rows);
        free(writer);
    }
    return r;
}
