/* err.h - what a person must read when something is wrong.
 *
 * A function that can fail for a reason a person can mend takes a
 * `struct err *err` as its last argument, fills it and returns a negative
 * errno. The sentence says what was wrong and what would be right; the
 * place says where. It owns no memory, and is overwritten, never appended.
 */
#ifndef PLATEAU_ERR_H
#define PLATEAU_ERR_H

#include <stddef.h>

struct err {
    char file[256];     /* "" when no file is to blame */
    int line;           /* counted from 1; 0 when not known */
    int column;         /* counted from 1; 0 when not known */
    char sentence[512]; /* no newline, no full stop needed */
};

/* Fills |err| (NULL is allowed: then nothing is written). |file| may be NULL.
 * Text that is too long is cut, never overflown. */
void err_set(struct err *err, const char *file, int line, int column,
             const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Writes "file:line:column: sentence", leaving out what is not known, into
 * |text| of |size| bytes, cut to fit and always terminated. Returns |text|. */
char *err_format(const struct err *err, char *text, size_t size);

#endif
