#include "churn/slot_data.h"

#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* Makes the folders on the way to |path|, which is changed and changed back;
 * the first |from| bytes are there. */
static int make_way(char *path, size_t from)
{
    for (char *at = strchr(path + from, '/'); at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        int result = mkdir(path, 0777) < 0 && errno != EEXIST ? -errno : 0;
        *at = '/';
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t count = write(fd, text, left);
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        text += count;
        left -= (size_t)count;
    }
    return 0;
}

static int write_file(const char *dir, const struct launch_file *file,
                      struct err *err)
{
    char path[PATH_SIZE];
    int result = 0;
    if (snprintf(path, sizeof path, "%s/%s", dir, file->path) >= PATH_SIZE) {
        result = -ENAMETOOLONG;
    }
    if (result == 0) {
        result = make_way(path, strlen(dir) + 1);
    }
    if (result == 0) {
        (void)unlink(path);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        result = fd < 0 ? -errno : write_all(fd, file->text);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    if (result < 0) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-result));
    }
    return result;
}

int slot_data_prepare(const char *dir, bool fresh,
                      const struct launch_file *files, uint32_t count,
                      struct err *err)
{
    int result = 0;
    if (fresh) {
        host_remove_folder(dir);
    }
    if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
        result = -errno;
        err_set(err, dir, 0, 0, "cannot make the folder: %s",
                strerror(-result));
    }
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        result = write_file(dir, &files[i], err);
    }
    return result;
}
