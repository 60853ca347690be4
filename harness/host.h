/* host.h - what the machine we run on says of itself and of us.
 *
 * Platform seam: one of host_linux.c or host_win32.c; uses nothing of ours.
 */
#ifndef PLATEAU_HOST_H
#define PLATEAU_HOST_H

#include <stddef.h>
#include <stdint.h>

enum { HOST_PATH_MAX = 4096, HOST_TEXT_MAX = 256, HOST_FILES_MAX = 100000 };

/* The monotonic clock, which does not stand still while others run. */
int64_t host_now_ns(void);

/* How long the machine has been suspended since it was started, in which
 * time host_now_ns() stood still. */
int64_t host_slept_ns(void);

/* What the wall clock shows beyond the time since the machine was started: it
 * changes only when somebody sets that clock, or slowly while it is tuned. */
int64_t host_wall_offset_ns(void);

/* User and system time of this process so far. */
int64_t host_own_cpu_ns(void);

/* Processors that we may use, at least 1. */
long host_cpus(void);

/* Kernel, release, architecture. Returns |text|. */
char *host_describe(char text[HOST_TEXT_MAX]);

/* Local time as YYYYMMDD-HHMMSS, and in the form of ISO 8601. */
char *host_stamp(char text[HOST_TEXT_MAX]);
char *host_local_time(char text[HOST_TEXT_MAX]);

/* Resolves |relative| against the folder of the running program. 0, or
 * -ENOENT when nothing is there. */
int host_beside_program(const char *relative, char ret_path[HOST_PATH_MAX]);

/* Makes the folder |path| and those above it, and writes its absolute path.
 * 0; -EEXIST when it is there and not empty; else -errno. */
int host_make_folder(const char *path, char ret_path[HOST_PATH_MAX]);

/* Raises the number of files that we may have open to |wanted|, if it is lower.
 * 0 and what it was before; -EMFILE and the most that is allowed. */
int host_raise_open_files(uint64_t wanted, uint64_t *ret_before,
                          uint64_t *ret_most);

/* From now on large blocks that are freed go back to the machine at once, so
 * that our own memory stands still between the looks at a run. Once, before
 * there are threads. */
void host_give_back_blocks(void);

/* What may still be written to the disk under |path|, in bytes; -errno. */
int64_t host_disk_free(const char *path);

/* What the files in a folder take on the disk, in bytes, of the first
 * HOST_FILES_MAX of them. */
int64_t host_folder_bytes(const char *path);

/* Removes a folder that we made, with all that is in it; as far as it goes. */
void host_remove_folder(const char *path);

#endif
