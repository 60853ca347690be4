/* Happy path: /proc/PID/stat tells name, parent and start time (proc(5));
 * process_hold() opens a pidfd and looks at the start time once more. Failure
 * modes: the process ends between any two of these, which is PROCESS_GONE. */
#include "watch/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TEXT_SIZE = 4096, PATH_SIZE = 64 };

/* Reads the beginning of /proc/|pid|/|file| as text. Its length or -errno. */
static ssize_t read_text(int64_t pid, const char *file, char text[TEXT_SIZE])
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t size = read(fd, text, TEXT_SIZE - 1);
    int error = errno;
    (void)close(fd);
    if (size < 0) {
        return -error;
    }
    text[size] = '\0';
    return size;
}

static bool is_gone(ssize_t result)
{
    return result == -ENOENT || result == -ESRCH || result == 0;
}

static const char *without_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void keep_name(const char *name, size_t length, struct process_info *ret)
{
    length = length < PROCESS_NAME_SIZE - 1 ? length : PROCESS_NAME_SIZE - 1;
    for (size_t i = 0; i < length; i++) {
        ret->name[i] = isprint((unsigned char)name[i]) ? name[i] : '?';
    }
    ret->name[length] = '\0';
}

/* The name stands in parentheses and may hold any of them: the last one ends
 * it. Of the fields after it the 3rd is the state, the 4th the parent, the
 * 22nd the start time, as proc(5) counts. */
static int parse_stat(const char *text, struct process_info *ret)
{
    enum { STATE = 3, PARENT = 4, BEGAN = 22 };
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open || close[1] != ' ') {
        return -EBADMSG;
    }
    keep_name(open + 1, (size_t)(close - open - 1), ret);
    const char *at = close + 2;
    ret->is_zombie = *at == 'Z' || *at == 'X';
    for (int field = STATE; at != NULL && field <= BEGAN; field++) {
        if (field == PARENT) {
            ret->parent = strtoll(at, NULL, 10);
        } else if (field == BEGAN) {
            ret->began = strtoull(at, NULL, 10);
            return PROCESS_OK;
        }
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return -EBADMSG;
}

int process_find(int64_t pid, struct process_info *ret_info)
{
    char text[TEXT_SIZE];
    struct process_info info = {.pid = pid};
    if (pid <= 0) {
        return PROCESS_GONE;
    }
    ssize_t size = read_text(pid, "stat", text);
    if (size <= 0) {
        return is_gone(size) ? PROCESS_GONE : (int)size;
    }
    int result = parse_stat(text, &info);
    if (result == PROCESS_OK) {
        *ret_info = info;
    }
    return result;
}

/* The kernel cuts names to 15 characters, and a program may call itself
 * otherwise: its file and its first word count as well. */
static bool fits(const char *pattern, const struct process_info *info)
{
    char text[TEXT_SIZE];
    char path[PATH_SIZE];
    if (fnmatch(pattern, info->name, 0) == 0) {
        return true;
    }
    (void)snprintf(path, sizeof path, "/proc/%lld/exe", (long long)info->pid);
    ssize_t size = readlink(path, text, sizeof text - 1);
    if (size > 0) {
        text[size] = '\0';
        if (fnmatch(pattern, without_folder(text), 0) == 0) {
            return true;
        }
    }
    return read_text(info->pid, "cmdline", text) > 0 &&
           fnmatch(pattern, without_folder(text), 0) == 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct process_info *left = a;
    const struct process_info *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

int process_list(const char *pattern, struct process_info *ret_list, size_t max,
                 size_t *ret_count)
{
    DIR *folder = opendir("/proc");
    if (folder == NULL) {
        return -errno;
    }
    size_t count = 0;
    struct dirent *entry;
    for (size_t seen = 0;
         seen < PROCESS_LIST_MAX && (entry = readdir(folder)) != NULL;) {
        struct process_info info;
        if (!isdigit((unsigned char)entry->d_name[0])) {
            continue;
        }
        seen++;
        int64_t pid = strtoll(entry->d_name, NULL, 10);
        if (pid == getpid() || process_find(pid, &info) != PROCESS_OK ||
            info.is_zombie || !fits(pattern, &info)) {
            continue;
        }
        if (count < max) {
            ret_list[count] = info;
        }
        count++;
    }
    (void)closedir(folder);
    qsort(ret_list, count < max ? count : max, sizeof *ret_list, by_pid);
    *ret_count = count;
    return PROCESS_OK;
}

int process_hold(const struct process_info *info, int *ret_pidfd)
{
    struct process_info now;
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)info->pid, 0);
    if (pidfd < 0) {
        return errno == ESRCH || errno == EINVAL ? PROCESS_GONE : -errno;
    }
    /* Looked at after the pidfd was opened: what has that number and began at
     * that time is what the pidfd holds. */
    int result = process_find(info->pid, &now);
    if (result == PROCESS_OK &&
        (now.began != info->began || process_has_ended(pidfd))) {
        result = PROCESS_GONE;
    }
    if (result != PROCESS_OK) {
        (void)close(pidfd);
        return result;
    }
    *ret_pidfd = pidfd;
    return PROCESS_OK;
}

bool process_has_ended(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}
