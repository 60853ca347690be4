/* Happy path: probe_new() opens the process's folder in /proc and its statm,
 * checks by the pidfd that the process was still there when it did, and
 * probe_sample() reads again with pread(2); what only detailed readings need is
 * opened by the first of them, through the folder. Folder and files belong to
 * the process, not to its number: after its end they fail with ENOENT or ESRCH
 * or give nothing, never figures of whoever got the number next (proc(5)).
 *
 * smaps_rollup alone is opened anew each time. The kernel looks the address
 * space up when that file is opened, the others when they are read: one that
 * was kept open goes blind when the process execs (a shell wrapper that ends in
 * "exec daemon" does), and one opened just as a vfork child execs shows the
 * address space of its parent for ever.
 *
 * Failure modes: PROBE_GONE. */
#include "sample/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_SIZE = 2048 }; /* smaps_rollup takes about 800 bytes */

struct probe {
    int64_t page_bytes;
    int64_t clock_step_ns;
    int folder; /* of the process; others are opened through it */
    int statm;
    int stat;      /* -1: no detailed reading has opened it yet */
    int fd_folder; /* the same; stays -1 where we may not */
    bool is_self;
};

int64_t probe_page_bytes(void)
{
    return sysconf(_SC_PAGESIZE);
}

int64_t probe_cpu_step_ns(void)
{
    return INT64_C(1000000000) / sysconf(_SC_CLK_TCK);
}

static int open_at(int folder, const char *name, int flags)
{
    return openat(folder, name, O_RDONLY | O_CLOEXEC | flags);
}

/* Whether the process that |pidfd| holds has ended: a pidfd polls readable
 * then (pidfd_open(2)). */
static bool has_ended(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

static int open_files(struct probe *probe, const char *path)
{
    probe->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (probe->folder < 0) {
        return -errno;
    }
    probe->statm = open_at(probe->folder, "statm", 0);
    return probe->statm < 0 ? -errno : 0;
}

static int make_probe(const char *path, bool is_self, struct probe **ret_probe)
{
    struct probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        return -ENOMEM;
    }
    *probe = (struct probe){
        .page_bytes = probe_page_bytes(),
        .clock_step_ns = probe_cpu_step_ns(),
        .folder = -1,
        .statm = -1,
        .stat = -1,
        .fd_folder = -1,
        .is_self = is_self,
    };
    int result = open_files(probe, path);
    if (result != 0) {
        probe_free(probe);
        return result;
    }
    *ret_probe = probe;
    return 0;
}

int probe_new(int64_t pid, int pidfd, struct probe **ret_probe)
{
    char path[64];
    struct probe *probe = NULL;
    (void)snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    int result = make_probe(path, false, &probe);
    /* Still there after the files were opened: the number was its own. */
    if (has_ended(pidfd)) {
        probe_free(probe);
        return PROBE_GONE;
    }
    if (result == 0) {
        *ret_probe = probe;
    }
    return result;
}

int probe_new_self(struct probe **ret_probe)
{
    return make_probe("/proc/self", true, ret_probe);
}

void probe_free(struct probe *probe)
{
    if (probe == NULL) {
        return;
    }
    const int fds[] = {probe->folder, probe->statm, probe->stat,
                       probe->fd_folder};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    free(probe);
}

/* Reads a whole small file as text; false when the process is gone. */
static bool read_text(int fd, char text[TEXT_SIZE])
{
    ssize_t size = pread(fd, text, TEXT_SIZE - 1, 0);
    if (size <= 0) {
        return false;
    }
    text[size] = '\0';
    return true;
}

/* The second field of statm, in pages: resident. */
static bool read_rss(const struct probe *probe, struct probe_sample *sample)
{
    char text[TEXT_SIZE];
    char *end = NULL;
    if (!read_text(probe->statm, text)) {
        return false;
    }
    (void)strtoll(text, &end, 10);
    long long pages = strtoll(end, NULL, 10);
    sample->rss_bytes = pages * probe->page_bytes;
    return pages > 0;
}

/* The value of "Name:   123 kB" in bytes, or 0. */
static int64_t rollup_field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoll(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_rollup(const struct probe *probe, struct probe_sample *sample)
{
    char text[TEXT_SIZE];
    int fd = open_at(probe->folder, "smaps_rollup", 0);
    if (fd < 0) {
        return; /* this kernel has none, or we may not */
    }
    bool was_read = read_text(fd, text);
    (void)close(fd);
    if (!was_read) {
        return;
    }
    /* The leading newline keeps SwapPss and the like apart. */
    sample->private_bytes =
        rollup_field(text, "\nPrivate_Dirty:") + rollup_field(text, "\nSwap:");
    sample->anonymous_bytes = rollup_field(text, "\nAnonymous:");
}

/* Fields of stat(5) after the name, which may hold blanks and parentheses:
 * utime is the 14th, stime the 15th, num_threads the 20th. */
static void read_stat(struct probe *probe, struct probe_sample *sample)
{
    enum { STATE = 3, UTIME = 14, STIME = 15, THREADS = 20 };
    char text[TEXT_SIZE];
    if (probe->stat < 0) {
        probe->stat = open_at(probe->folder, "stat", 0);
    }
    if (probe->stat < 0 || !read_text(probe->stat, text)) {
        return;
    }
    char *at = strrchr(text, ')');
    int64_t ticks = 0;
    at = at ? strchr(at, ' ') : NULL;
    for (int field = STATE; at != NULL && field <= THREADS; field++) {
        int64_t value = strtoll(at + 1, NULL, 10);
        if (field == UTIME || field == STIME) {
            ticks += value;
        } else if (field == THREADS) {
            sample->threads_count = value;
        }
        at = strchr(at + 1, ' ');
    }
    sample->cpu_ns = ticks * probe->clock_step_ns;
}

/* Since Linux 6.2 the size of /proc/PID/fd is the number of descriptors;
 * before, it is 0, and they must be counted. */
static void read_fds(struct probe *probe, struct probe_sample *sample)
{
    struct stat st;
    if (probe->fd_folder < 0) {
        probe->fd_folder = open_at(probe->folder, "fd", O_DIRECTORY);
    }
    if (probe->fd_folder < 0 || fstat(probe->fd_folder, &st) < 0) {
        return;
    }
    if (st.st_size > 0) {
        sample->fds_count = st.st_size;
        return;
    }
    char entries[4096];
    int64_t count = 0;
    long size;
    if (lseek(probe->fd_folder, 0, SEEK_SET) < 0) {
        return;
    }
    while ((size = syscall(SYS_getdents64, probe->fd_folder, entries,
                           sizeof entries)) > 0) {
        for (long at = 0; at < size;) {
            struct dirent64 *entry = (struct dirent64 *)(void *)(entries + at);
            count += entry->d_name[0] != '.';
            at += entry->d_reclen;
        }
    }
    sample->fds_count = count;
}

int probe_sample(struct probe *probe, enum probe_depth depth,
                 struct probe_sample *ret_sample)
{
    struct probe_sample sample = {-1, -1, -1, -1, -1, -1, 1};
    if (!read_rss(probe, &sample)) {
        return PROBE_GONE;
    }
    if (depth == PROBE_DETAIL) {
        read_rollup(probe, &sample);
        read_stat(probe, &sample);
        read_fds(probe, &sample);
    }
    if (depth == PROBE_DETAIL && probe->is_self) {
        struct timespec used;
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        sample.cpu_ns = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    }
    *ret_sample = sample;
    return PROBE_OK;
}
