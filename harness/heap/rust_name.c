/* Happy path: rust_name() -> read_path(), which goes down the grammar of RFC
 * 2603 ("Syntax of mangled names"), a function for each of its rules, and
 * appends what is to be seen as it comes by. What is not to be seen is read
 * likewise while |hidden| is not 0. A reference back ("B") is read where it
 * points to, before itself. Failure modes: anything else than the grammar, or
 * too much of it, sets |is_wrong|, after which nothing is read. */
#include "heap/rust_name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 512 }; /* what is longer is cut */

struct reader {
    const char *start; /* behind "_R" */
    size_t at, end;
    char text[NAME_SIZE];
    size_t used;
    int hidden;
    int depth;
    int steps;
    bool is_wrong;
};

static void read_path(struct reader *reader);
static void read_type(struct reader *reader);

static void append(struct reader *reader, const char *from, size_t bytes)
{
    for (size_t i = 0; reader->hidden == 0 && i < bytes; i++) {
        if (reader->used + 1 < sizeof reader->text) {
            reader->text[reader->used++] = from[i];
        }
    }
}

static void put(struct reader *reader, const char *text)
{
    append(reader, text, strlen(text));
}

static char peek(const struct reader *reader)
{
    return !reader->is_wrong && reader->at < reader->end
               ? reader->start[reader->at]
               : '\0';
}

static char take(struct reader *reader)
{
    char letter = peek(reader);
    reader->at += letter != '\0';
    reader->is_wrong = reader->is_wrong || letter == '\0';
    return letter;
}

static bool take_if(struct reader *reader, char letter)
{
    bool is_there = peek(reader) == letter;
    reader->at += is_there;
    return is_there;
}

/* Whether one more level may be gone down. */
static bool enter(struct reader *reader)
{
    reader->is_wrong = reader->is_wrong ||
                       ++reader->depth > RUST_NAME_DEPTH_MAX ||
                       ++reader->steps > RUST_NAME_STEPS_MAX;
    return !reader->is_wrong;
}

static void leave(struct reader *reader)
{
    reader->depth--;
}

/* base-62-number: "_" is 0, "0_" is 1. */
static uint64_t read_base_62(struct reader *reader)
{
    uint64_t value = 0;
    if (take_if(reader, '_')) {
        return 0;
    }
    for (char letter = take(reader); letter != '_'; letter = take(reader)) {
        uint64_t digit = 0;
        if (letter >= '0' && letter <= '9') {
            digit = (uint64_t)(letter - '0');
        } else if (letter >= 'a' && letter <= 'z') {
            digit = (uint64_t)(letter - 'a') + 10;
        } else if (letter >= 'A' && letter <= 'Z') {
            digit = (uint64_t)(letter - 'A') + 36;
        } else {
            reader->is_wrong = true;
            return 0;
        }
        if (value > (UINT64_MAX - digit - 1) / 62) {
            reader->is_wrong = true;
            return 0;
        }
        value = value * 62 + digit;
    }
    return value + 1;
}

/* 0 where there is none. */
static uint64_t read_optional(struct reader *reader, char letter)
{
    return take_if(reader, letter) ? read_base_62(reader) + 1 : 0;
}

/* undisambiguated-identifier; lent, "" where it is wrong. */
static const char *read_bytes(struct reader *reader, size_t *ret_bytes)
{
    size_t bytes = 0;
    (void)take_if(reader, 'u'); /* Punycode, which is shown as it is */
    if (peek(reader) < '0' || peek(reader) > '9') {
        reader->is_wrong = true;
    }
    if (!take_if(reader, '0')) {
        while (peek(reader) >= '0' && peek(reader) <= '9' &&
               bytes <= reader->end) {
            bytes = bytes * 10 + (size_t)(take(reader) - '0');
        }
    }
    (void)take_if(reader, '_');
    if (reader->is_wrong || bytes > reader->end - reader->at) {
        reader->is_wrong = true;
        *ret_bytes = 0;
        return "";
    }
    const char *text = reader->start + reader->at;
    reader->at += bytes;
    *ret_bytes = bytes;
    return text;
}

/* Reads |rule| once more from where the reference points to. */
static void read_back(struct reader *reader, void (*rule)(struct reader *))
{
    size_t before = reader->at - 1;
    uint64_t to = read_base_62(reader);
    size_t behind = reader->at;
    if (reader->is_wrong || to >= before) {
        reader->is_wrong = true;
        return;
    }
    if (reader->hidden == 0) { /* else nothing is to be had there */
        reader->at = (size_t)to;
        rule(reader);
        reader->at = behind;
    }
}

static void read_hidden(struct reader *reader, void (*rule)(struct reader *))
{
    reader->hidden++;
    rule(reader);
    reader->hidden--;
}

/* --- paths ---------------------------------------------------------------- */

/* "Nt path identifier", "NC path s_0": what lies in a path. */
static void read_nested(struct reader *reader)
{
    size_t bytes = 0;
    char space = take(reader);
    read_path(reader);
    uint64_t number = read_optional(reader, 's');
    const char *name = read_bytes(reader, &bytes);
    if (space >= 'a' && space <= 'z') {
        if (bytes > 0) {
            put(reader, "::");
            append(reader, name, bytes);
        }
        return;
    }
    char text[32];
    put(reader, "::{");
    if (space == 'C') {
        put(reader, "closure");
    } else if (space == 'S') {
        put(reader, "shim");
    } else {
        append(reader, &space, 1);
    }
    if (bytes > 0) {
        put(reader, ":");
        append(reader, name, bytes);
    }
    (void)snprintf(text, sizeof text, "#%llu}", (unsigned long long)number);
    put(reader, text);
}

/* Where the impl stands, which nobody asks for. */
static void read_impl_place(struct reader *reader)
{
    (void)read_optional(reader, 's');
    read_hidden(reader, read_path);
}

static bool is_path(char letter)
{
    return letter != '\0' && strchr("CMXYNIB", letter) != NULL;
}

/* "M": of a type that is a path by that, as older names have it. */
static void read_inherent(struct reader *reader)
{
    read_impl_place(reader);
    bool is_plain = is_path(peek(reader));
    put(reader, is_plain ? "" : "<");
    read_type(reader);
    put(reader, is_plain ? "" : ">");
}

static void read_trait(struct reader *reader, bool has_place)
{
    if (has_place) {
        read_impl_place(reader);
    }
    put(reader, "<");
    read_type(reader);
    put(reader, " as ");
    read_path(reader);
    put(reader, ">");
}

static void read_argument(struct reader *reader);

static void read_until_end(struct reader *reader, void (*rule)(struct reader *))
{
    while (!reader->is_wrong && !take_if(reader, 'E')) {
        rule(reader);
    }
}

static void read_crate(struct reader *reader)
{
    size_t bytes = 0;
    (void)read_optional(reader, 's');
    const char *name = read_bytes(reader, &bytes);
    append(reader, name, bytes);
}

static void read_path(struct reader *reader)
{
    if (!enter(reader)) {
        return;
    }
    switch (take(reader)) {
    case 'C':
        read_crate(reader);
        break;
    case 'M':
        read_inherent(reader);
        break;
    case 'X':
        read_trait(reader, true);
        break;
    case 'Y':
        read_trait(reader, false);
        break;
    case 'N':
        read_nested(reader);
        break;
    case 'I':
        read_path(reader);
        reader->hidden++;
        read_until_end(reader, read_argument);
        reader->hidden--;
        break;
    case 'B':
        read_back(reader, read_path);
        break;
    default:
        reader->is_wrong = true;
    }
    leave(reader);
}

/* --- types and constants -------------------------------------------------- */

static const char *basic_type(char letter)
{
    static const char *const names[26] = {
        "i8",    "bool", "char", "f64", "str",  "f32",  "",    "u8", "isize",
        "usize", "",     "i32",  "u32", "i128", "u128", "_",   "",   "",
        "i16",   "u16",  "()",   "...", "",     "i64",  "u64", "!",
    };
    return letter >= 'a' && letter <= 'z' ? names[letter - 'a'] : "";
}

static void read_constant(struct reader *reader)
{
    if (!enter(reader)) {
        return;
    }
    if (take_if(reader, 'B')) {
        read_back(reader, read_constant);
    } else if (take_if(reader, 'p')) {
        put(reader, "_");
    } else {
        /* A number as it is written: the length of an array, and the like. */
        read_hidden(reader, read_type);
        put(reader, take_if(reader, 'n') ? "-0x" : "0x");
        for (char digit = take(reader); digit != '_' && !reader->is_wrong;
             digit = take(reader)) {
            append(reader, &digit, 1);
        }
    }
    leave(reader);
}

static void read_argument(struct reader *reader)
{
    if (take_if(reader, 'L')) {
        (void)read_base_62(reader);
    } else if (take_if(reader, 'K')) {
        read_constant(reader);
    } else {
        read_type(reader);
    }
}

static void read_signature(struct reader *reader)
{
    size_t bytes = 0;
    (void)read_optional(reader, 'G');
    (void)take_if(reader, 'U');
    if (take_if(reader, 'K') && !take_if(reader, 'C')) {
        (void)read_bytes(reader, &bytes);
    }
    put(reader, "fn");
    reader->hidden++;
    read_until_end(reader, read_type);
    read_type(reader);
    reader->hidden--;
}

static void read_bound(struct reader *reader)
{
    size_t bytes = 0;
    read_path(reader);
    reader->hidden++;
    while (take_if(reader, 'p')) {
        (void)read_bytes(reader, &bytes);
        read_type(reader);
    }
    reader->hidden--;
    put(reader, peek(reader) == 'E' ? "" : " + ");
}

static void read_dyn(struct reader *reader)
{
    (void)read_optional(reader, 'G');
    put(reader, "dyn ");
    read_until_end(reader, read_bound);
    if (!take_if(reader, 'L')) {
        reader->is_wrong = true;
    }
    (void)read_base_62(reader);
}

static void read_member(struct reader *reader)
{
    read_type(reader);
    put(reader, peek(reader) == 'E' ? "" : ", ");
}

static void read_reference(struct reader *reader, const char *sign)
{
    put(reader, sign);
    if (take_if(reader, 'L')) {
        (void)read_base_62(reader);
    }
    read_type(reader);
}

static void read_array(struct reader *reader, bool has_length)
{
    put(reader, "[");
    read_type(reader);
    if (has_length) {
        put(reader, "; ");
        read_constant(reader);
    }
    put(reader, "]");
}

static void read_constructed(struct reader *reader)
{
    switch (take(reader)) {
    case 'A':
        read_array(reader, true);
        break;
    case 'S':
        read_array(reader, false);
        break;
    case 'T':
        put(reader, "(");
        read_until_end(reader, read_member);
        put(reader, ")");
        break;
    case 'R':
        read_reference(reader, "&");
        break;
    case 'Q':
        read_reference(reader, "&mut ");
        break;
    case 'P':
        read_reference(reader, "*const ");
        break;
    case 'O':
        read_reference(reader, "*mut ");
        break;
    case 'F':
        read_signature(reader);
        break;
    case 'D':
        read_dyn(reader);
        break;
    default:
        reader->is_wrong = true;
    }
}

static void read_type(struct reader *reader)
{
    char letter = peek(reader);
    if (!enter(reader)) {
        return;
    }
    if (basic_type(letter)[0] != '\0') {
        put(reader, basic_type(take(reader)));
    } else if (letter == 'B') {
        (void)take(reader);
        read_back(reader, read_type);
    } else if (is_path(letter)) {
        read_path(reader);
    } else {
        read_constructed(reader);
    }
    leave(reader);
}

/* --- the whole ------------------------------------------------------------ */

bool rust_name(const char *mangled, char *text, size_t size)
{
    struct reader reader = {.start = mangled + 2};
    if (size == 0 || strncmp(mangled, "_R", 2) != 0 || mangled[2] < 'A' ||
        mangled[2] > 'Z') { /* a number says of what later mangling it is */
        return false;
    }
    /* What tools append, and what no mangled name has in it. */
    reader.end = strcspn(reader.start, ".$");
    read_path(&reader);
    /* For which crate an instance was made. */
    if (!reader.is_wrong && reader.at < reader.end) {
        read_hidden(&reader, read_path);
    }
    if (reader.is_wrong || reader.at != reader.end || reader.used == 0) {
        return false;
    }
    reader.text[reader.used] = '\0';
    (void)snprintf(text, size, "%s", reader.text);
    return true;
}
