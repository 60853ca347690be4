#include "host.h"

#include <errno.h>
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { GIVE_BACK_BYTES = 64 << 10 };

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t host_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t host_slept_ns(void)
{
    return read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC);
}

int64_t host_wall_offset_ns(void)
{
    return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_BOOTTIME);
}

int64_t host_own_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

long host_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? count : 1;
}

char *host_describe(char text[HOST_TEXT_MAX])
{
    struct utsname machine;
    if (uname(&machine) < 0) {
        return strcpy(text, "unknown");
    }
    (void)snprintf(text, HOST_TEXT_MAX, "%.80s %.80s %.80s", machine.sysname,
                   machine.release, machine.machine);
    return text;
}

static char *format_now(const char *format, char *text)
{
    time_t now = time(NULL);
    struct tm local;
    (void)strftime(text, HOST_TEXT_MAX, format, localtime_r(&now, &local));
    return text;
}

char *host_stamp(char text[HOST_TEXT_MAX])
{
    return format_now("%Y%m%d-%H%M%S", text);
}

char *host_local_time(char text[HOST_TEXT_MAX])
{
    return format_now("%Y-%m-%dT%H:%M:%S%z", text);
}

static int resolve(const char *path, char ret_path[HOST_PATH_MAX])
{
    char *resolved = realpath(path, NULL);
    if (resolved == NULL) {
        return -errno;
    }
    int result = strlen(resolved) < HOST_PATH_MAX ? 0 : -ENAMETOOLONG;
    if (result == 0) {
        strcpy(ret_path, resolved);
    }
    free(resolved);
    return result;
}

int host_beside_program(const char *relative, char ret_path[HOST_PATH_MAX])
{
    char program[HOST_PATH_MAX];
    char joined[HOST_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return -ENOENT;
    }
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL ||
        (size_t)(slash - program) + strlen(relative) + 2 > sizeof joined) {
        return -ENOENT;
    }
    *slash = '\0';
    strcpy(joined, program);
    strcat(joined, "/");
    strcat(joined, relative);
    return resolve(joined, ret_path) == 0 ? 0 : -ENOENT;
}

/* Makes |path| and the folders above it; |path| is changed and put back. */
static int make_folders(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            int result = mkdir(path, 0777);
            *at = '/';
            if (result < 0 && errno != EEXIST) {
                return -errno;
            }
        }
    }
    return mkdir(path, 0777) < 0 ? -errno : 0;
}

int host_make_folder(const char *path, char ret_path[HOST_PATH_MAX])
{
    char copy[HOST_PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length == 0 || length >= sizeof copy) {
        return length == 0 ? -ENOENT : -ENAMETOOLONG;
    }
    memcpy(copy, path, length);
    copy[length] = '\0';
    int result = make_folders(copy);
    if (result == -EEXIST) {
        /* rmdir(2) succeeds only on an empty folder: then it is free to use. */
        result = rmdir(copy) == 0 ? make_folders(copy) : -EEXIST;
    }
    return result == 0 ? resolve(copy, ret_path) : result;
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

void host_remove_folder(const char *path)
{
    enum { DESCRIPTORS_MAX = 16 };
    (void)nftw(path, remove_entry, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS);
}

int host_raise_open_files(uint64_t wanted, uint64_t *ret_before,
                          uint64_t *ret_most)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return -errno;
    }
    *ret_before = limit.rlim_cur;
    *ret_most = limit.rlim_max;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) {
        return 0;
    }
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) {
        return -EMFILE;
    }
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -EMFILE : 0;
}

int64_t host_disk_free(const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) < 0) {
        return -errno;
    }
    return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* nftw(3) hands nothing through. */
static int64_t folder_bytes;
static int folder_files;

static int add_bytes(const char *path, const struct stat *st, int kind,
                     struct FTW *where)
{
    (void)path;
    (void)kind;
    (void)where;
    folder_bytes += (int64_t)st->st_blocks * 512;
    return ++folder_files >= HOST_FILES_MAX;
}

int64_t host_folder_bytes(const char *path)
{
    folder_bytes = 0;
    folder_files = 0;
    (void)nftw(path, add_bytes, 16, FTW_PHYS | FTW_MOUNT);
    return folder_bytes;
}

/* Left alone, glibc keeps the more of what is freed the larger the blocks are
 * that it sees (mallopt(3), M_MMAP_THRESHOLD): a run whose looks take 2 MiB
 * each grew by 3.5 MiB in half a minute. */
void host_give_back_blocks(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, GIVE_BACK_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, GIVE_BACK_BYTES);
}
