/* slot_log.h - what the processes of one slot print: a bounded file.
 *
 * Generations follow one another, separated by a line. A log that has grown
 * past SLOT_LOG_MAX_BYTES is cut to its last SLOT_LOG_KEEP_BYTES by
 * slot_log_trim(); what a flood writes in between two calls is the bound's
 * slack. A write that fails (a full disk) is the target's affair.
 */
#ifndef PLATEAU_SLOT_LOG_H
#define PLATEAU_SLOT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SLOT_LOG_MAX_BYTES = 1 << 20,
    SLOT_LOG_KEEP_BYTES = 64 << 10,
};

/* Opens |path| for appending, makes it if need be. The descriptor, or
 * -errno. */
int slot_log_open(const char *path);

/* Begins a generation. */
void slot_log_begin(int fd, int64_t generation);

/* Notes what the supervisor did to this generation: a line of ours. */
void slot_log_note(int fd, int64_t generation, const char *note);

/* Cuts it if it has grown too large; whether it had. */
bool slot_log_trim(int fd);

/* How long it is now, in bytes; 0 when that cannot be told. */
int64_t slot_log_size(int fd);

/* Where the present generation begins, as far as that is still there: after
 * the last line of ours in the first SLOT_LOG_KEEP_BYTES; 0 when there is none.
 * Only right for a log that was cut in this generation. */
int64_t slot_log_life_at(int fd);

/* The last line that is not empty and not one of ours, cut to |size| with a
 * terminator, control characters as blanks; "" when there is none. Returns
 * |text|. */
char *slot_log_last_line(int fd, char *text, size_t size);

#endif
