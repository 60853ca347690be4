#include "heap/demangle.h"

#include "heap/rust_name.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_SIZE = 19 }; /* "::h" and 16 digits */

typedef char *demangler(const char *, char *, size_t *, int *);

/* Once: the library stays, and so does its absence. */
static demangler *find_demangler(void)
{
    static demangler *found;
    static bool was_looked_for;
    if (!was_looked_for) {
        void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
        void *function =
            library != NULL ? dlsym(library, "__cxa_demangle") : NULL;
        /* POSIX guarantees that a function fits (dlsym(3p), RATIONALE). */
        memcpy(&found, &function, sizeof found);
        was_looked_for = true;
    }
    return found;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Bytes at |at| of the name of an operator, whose signs are no brackets; 0
 * where there is none. */
static size_t operator_bytes(const char *at)
{
    static const char word[] = "operator";
    /* The longest first. */
    static const char *const signs[] = {
        "<=>", "<<=", ">>=", "->*", "()", "[]", "->", "<<",
        ">>",  "<=",  ">=",  "<",   ">",  ",",  NULL,
    };
    const size_t size = sizeof word - 1;
    if (!starts_with(at, word)) {
        return 0;
    }
    const char *end = at + size;
    if (*end == ' ') { /* "operator new", "operator bool" */
        return size + 1 + strcspn(end + 1, "(<");
    }
    for (size_t i = 0; signs[i] != NULL; i++) {
        if (starts_with(end, signs[i])) {
            return size + strlen(signs[i]);
        }
    }
    return size + strspn(end, "=!+-*/%&|^~");
}

struct shortening {
    char *text;
    size_t size;
    size_t used;
};

static void append(struct shortening *name, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes && name->used + 1 < name->size; i++) {
        name->text[name->used++] = from[i];
    }
}

/* Behind the bracket that closes the one at |at|. */
static const char *skip_brackets(const char *at)
{
    int depth = 0;
    for (; *at != '\0'; at++) {
        depth += strchr("<({[", *at) != NULL;
        /* Not the arrow of a return type. */
        depth -= strchr(">)}]", *at) != NULL && (*at != '>' || at[-1] != '-');
        if (depth == 0) {
            return at + 1;
        }
    }
    return at;
}

static bool is_kept_whole(const char *at)
{
    return starts_with(at, "(anonymous namespace)") || starts_with(at, "{");
}

/* "ret ns::type<args>::name<args>(params) const": what stands before a blank is
 * a type that is returned, the first parenthesis ends the name. A Rust name
 * that begins with "<" is a type's, which is kept. */
void demangle_shorten(const char *full, char *text, size_t size)
{
    struct shortening name = {.text = text, .size = size};
    const char *at = full;
    if (*full == '<') {
        at = skip_brackets(full);
        append(&name, full, (size_t)(at - full));
    }
    while (*at != '\0') {
        size_t bytes = operator_bytes(at);
        if (bytes > 0) {
            append(&name, at, bytes);
            at += bytes;
            at += starts_with(at, " <"); /* apart, so as not to be "<<" */
        } else if (is_kept_whole(at)) {
            const char *end = skip_brackets(at);
            append(&name, at, (size_t)(end - at));
            at = end;
        } else if (*at == '<' || (*at == '(' && name.used == 0)) {
            at = skip_brackets(at);
        } else if (*at == '(') {
            break;
        } else if (*at == ' ') {
            name.used = 0;
            at++;
        } else {
            append(&name, at++, 1);
        }
    }
    if (name.used > HASH_SIZE &&
        memcmp(text + name.used - HASH_SIZE, "::h", 3) == 0) {
        name.used -= HASH_SIZE;
    }
    if (name.used == 0) { /* of a shape not foreseen: as it is */
        append(&name, full, strlen(full));
    }
    text[name.used] = '\0';
}

/* --- older Rust --- */

/* What older Rust writes for signs that a linker may not like. */
static const struct {
    const char *code, *sign;
} codes[] = {
    {"$LT$", "<"}, {"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","},
    {"$RF$", "&"}, {"$BP$", "*"}, {"$SP$", "@"}, {"..", "::"},
};

static bool is_of_rust(const char *full)
{
    size_t size = strlen(full);
    return size > HASH_SIZE && starts_with(full + size - HASH_SIZE, "::h") &&
           strspn(full + size - HASH_SIZE + 3, "0123456789abcdef") ==
               HASH_SIZE - 3;
}

/* "$u7b$" is "{". The sign, or '\0' where |at| is none; it is 5 bytes long. */
static char coded_sign(const char *at)
{
    unsigned value = 0;
    int bytes = 0;
    return sscanf(at, "$u%2x$%n", &value, &bytes) == 1 && bytes == 5 &&
                   value >= ' ' && value <= '~'
               ? (char)value
               : '\0';
}

static size_t coded_bytes(const char *at, const char **ret_sign)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (starts_with(at, codes[i].code)) {
            *ret_sign = codes[i].sign;
            return strlen(codes[i].code);
        }
    }
    return 0;
}

/* In place: no sign is longer than its code. */
void demangle_decode(char *full)
{
    char *to = full;
    /* "_$LT$": a name may not begin with a sign. */
    for (const char *at = full + (starts_with(full, "_$") ? 1 : 0);
         *at != '\0';) {
        const char *sign = "";
        size_t bytes = coded_bytes(at, &sign);
        char one = bytes == 0 ? coded_sign(at) : '\0';
        if (bytes > 0) {
            memcpy(to, sign, strlen(sign));
            to += strlen(sign);
            at += bytes;
        } else if (one != '\0') {
            *to++ = one;
            at += 5;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
}

bool demangle_name(const char *mangled, char *text, size_t size)
{
    int status = -1;
    if (rust_name(mangled, text, size)) {
        return true;
    }
    demangler *demangle = starts_with(mangled, "_Z") ? find_demangler() : NULL;
    char *full =
        demangle != NULL ? demangle(mangled, NULL, NULL, &status) : NULL;
    if (full == NULL || status != 0) {
        free(full);
        return false;
    }
    if (is_of_rust(full)) {
        demangle_decode(full);
    }
    demangle_shorten(full, text, size);
    free(full);
    return true;
}
