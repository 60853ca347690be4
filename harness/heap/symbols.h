/* symbols.h - give the places of a profile their names.
 *
 * Each place that has an address and no line yet gets one line or more: the
 * function that holds the address, with file and line, and before it those
 * that were inlined into it there. Executables, position-independent ones and
 * shared objects are read from the path at which they were mapped, separate
 * debug files where elfutils looks for them (by build id and by debug link in
 * /usr/lib/debug; and from debuginfod, only if DEBUGINFOD_URLS is set).
 *
 * A file that is missing, or that is another than the one that was mapped, is
 * never guessed from: its places are named "FILE+0xOFFSET", and a note says
 * so. Another is known by its build id where the profile tells it, by having
 * been deleted, or by having been changed after |taken_s|.
 */
#ifndef PLATEAU_HEAP_SYMBOLS_H
#define PLATEAU_HEAP_SYMBOLS_H

#include "err.h"
#include "heap/profile.h"

enum {
    SYMBOLS_NOTES_MAX = 16,   /* of more only the number is kept */
    SYMBOLS_INLINED_MAX = 64, /* in one place; deeper ones are left out */
};

struct symbols_notes {
    char texts[SYMBOLS_NOTES_MAX][400];
    size_t count; /* may be more than are kept */
};

/* Notes what |err| says. */
void symbols_note(struct symbols_notes *notes, const struct err *err);

/* |taken_s|: when the profile was taken, seconds since 1970; 0: not known. 0,
 * -ENOMEM, or -E2BIG at profile.h's bounds. What cannot be found is no
 * failure: it is noted. |notes| is added to. */
int symbols_resolve(struct profile *profile, int64_t taken_s,
                    struct symbols_notes *notes);

#endif
