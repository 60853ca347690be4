#include "dump_folder.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beyond those that a program deals out by number itself. */
enum { LEAST_DESCRIPTOR = 200 };

static struct {
    int fd;
    dev_t device;
    ino_t inode;
    bool is_held;
} folder;

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_ours(void)
{
    struct stat st;
    return folder.is_held && fstat(folder.fd, &st) == 0 &&
           st.st_dev == folder.device && st.st_ino == folder.inode;
}

void dump_folder_hold(const char *prefix)
{
    char path[PATH_MAX];
    struct stat st;
    int length = (int)(name_of(prefix) - prefix);
    (void)snprintf(path, sizeof path, "%.*s", length, prefix);
    int low = length > 0 && length < PATH_MAX
                  ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)
                  : -1;
    if (low < 0) {
        return;
    }
    int high = fcntl(low, F_DUPFD_CLOEXEC, LEAST_DESCRIPTOR);
    folder.fd = high >= 0 ? high : low;
    if (high >= 0) {
        (void)close(low);
    }
    if (fstat(folder.fd, &st) == 0) {
        folder.device = st.st_dev;
        folder.inode = st.st_ino;
        folder.is_held = true;
    }
}

int dump_folder_open_file(const char *path, int flags)
{
    flags |= O_CLOEXEC | O_NOFOLLOW;
    return is_ours() ? openat(folder.fd, name_of(path), flags, 0666)
                     : open(path, flags, 0666);
}

void dump_folder_unlink(const char *path)
{
    (void)(is_ours() ? unlinkat(folder.fd, name_of(path), 0) : unlink(path));
}

const char *dump_folder_path(const char *path, char *text, size_t size)
{
    if (!is_ours()) {
        return path;
    }
    int length =
        snprintf(text, size, "/proc/self/fd/%d/%s", folder.fd, name_of(path));
    return length > 0 && (size_t)length < size ? text : path;
}
