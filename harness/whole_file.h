/* whole_file.h - read a file into memory, all of it, up to a bound. */
#ifndef PLATEAU_WHOLE_FILE_H
#define PLATEAU_WHOLE_FILE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/* 0, the bytes (a NUL behind them does not count; the caller frees them), and
 * if |ret_changed_s| is not NULL when the file was last changed, in seconds
 * since 1970. Or -errno and |err|; -EFBIG beyond |most| bytes, -EISDIR. */
int whole_file_read(const char *path, size_t most, char **ret_bytes,
                    size_t *ret_size, int64_t *ret_changed_s, struct err *err);

#endif
