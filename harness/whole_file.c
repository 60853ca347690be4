#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int blame(const char *path, int errnum, struct err *err)
{
    err_set(err, path, 0, 0, "cannot be read: %s", strerror(errnum));
    return -errnum;
}

/* What is told of its size is a guess: it may grow, or be a pipe. */
static int read_all(int fd, const char *path, size_t guess, size_t most,
                    char **ret_bytes, size_t *ret_size, struct err *err)
{
    size_t room = (guess < most ? guess : most) + 2;
    char *bytes = malloc(room);
    size_t size = 0;
    if (bytes == NULL) {
        return blame(path, ENOMEM, err);
    }
    for (;;) {
        if (size + 1 >= room) {
            char *grown = realloc(bytes, room * 2);
            if (grown == NULL) {
                free(bytes);
                return blame(path, ENOMEM, err);
            }
            bytes = grown;
            room *= 2;
        }
        ssize_t n = read(fd, bytes + size, room - size - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int r = blame(path, errno, err);
            free(bytes);
            return r;
        }
        size += (size_t)n;
        if (size > most) {
            free(bytes);
            err_set(err, path, 0, 0, "is larger than %zu MiB", most >> 20);
            return -EFBIG;
        }
        if (n == 0) {
            break;
        }
    }
    bytes[size] = '\0';
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

int whole_file_read(const char *path, size_t most, char **ret_bytes,
                    size_t *ret_size, int64_t *ret_changed_s, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0) {
        return blame(path, errno, err);
    }
    int r = 0;
    if (fstat(fd, &st) < 0) {
        r = blame(path, errno, err);
    } else if (S_ISDIR(st.st_mode)) {
        r = blame(path, EISDIR, err);
    } else {
        if (ret_changed_s != NULL) {
            *ret_changed_s = st.st_mtim.tv_sec;
        }
        size_t guess = st.st_size > 0 ? (size_t)st.st_size : 4096;
        r = read_all(fd, path, guess, most, ret_bytes, ret_size, err);
    }
    (void)close(fd);
    return r;
}
