/* proc(5): /proc/PID/stat has the CPU times (fields 14 and 15, in clock ticks)
 * and the resident pages (field 24); its descriptor can be read again and
 * again. The command, field 2, is in brackets and may hold anything, so the
 * fields are counted from the last closing one. */
#include "load.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

enum {
    STAT_SIZE = 1024,
    COMMAND_LINE_SIZE = 1024,
    UTIME = 14 - 3, /* counted from field 3, the first after the bracket */
    STIME = 15 - 3,
    RSS = 24 - 3,
};

/* What a scan keeps of a process. */
struct process {
    UT_hash_handle hh;
    int pid;
    struct load_sample sample;
    char *command_line;
};

struct load {
    int stat_fd; /* -1 when scanning */
    struct process *processes;
};

int load_open(bool is_scanning, struct load **ret_load)
{
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL) {
        return -ENOMEM;
    }
    load->stat_fd =
        is_scanning ? -1 : open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (load->stat_fd < 0 && !is_scanning) {
        int result = -errno;
        free(load);
        return result;
    }
    *ret_load = load;
    return 0;
}

void load_close(struct load *load)
{
    struct process *process, *next;
    if (load == NULL) {
        return;
    }
    HASH_ITER(hh, load->processes, process, next)
    {
        HASH_DEL(load->processes, process);
        free(process->command_line);
        free(process);
    }
    if (load->stat_fd >= 0) {
        (void)close(load->stat_fd);
    }
    free(load);
}

static int parse_stat(const char *text, struct load_sample *ret_sample)
{
    const char *at = strrchr(text, ')');
    long long values[RSS + 1] = {0};
    if (at == NULL || at[1] == '\0') {
        return -EINVAL;
    }
    at += 2; /* the state, a letter */
    for (int i = 0; i <= RSS; i++) {
        char *end = NULL;
        values[i] = strtoll(at, &end, 10);
        at = strchr(i == 0 ? at : end, ' ');
        if (at == NULL) {
            return -EINVAL;
        }
        at++;
    }
    ret_sample->cpu_ns = (int64_t)(values[UTIME] + values[STIME]) *
                         (INT64_C(1000000000) / sysconf(_SC_CLK_TCK));
    ret_sample->rss_bytes =
        (uint64_t)values[RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static int read_stat(int fd, struct load_sample *ret_sample)
{
    char text[STAT_SIZE];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size < 0) {
        return -errno;
    }
    text[size] = '\0';
    return parse_stat(text, ret_sample);
}

/* --- the long way --------------------------------------------------------- */

static char *read_command_line(int pid)
{
    char path[32];
    char text[COMMAND_LINE_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;
    char *copy = size > 0 ? malloc((size_t)size) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, (size_t)size);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return copy;
}

static struct process *note_process(struct load *load, int pid)
{
    struct process *process = NULL;
    HASH_FIND_INT(load->processes, &pid, process);
    if (process != NULL) {
        return process;
    }
    process = calloc(1, sizeof *process);
    if (process != NULL) {
        process->pid = pid;
        process->command_line = read_command_line(pid);
        HASH_ADD_INT(load->processes, pid, process);
    }
    return process;
}

/* Refreshes the table of processes. What has died since stays in it. */
static int scan(struct load *load, struct load_sample *ret_sample)
{
    const struct dirent *item;
    int result = -ESRCH;
    DIR *folder = opendir("/proc");
    if (folder == NULL) {
        return -errno;
    }
    while ((item = readdir(folder)) != NULL) {
        char path[32];
        int pid = atoi(item->d_name);
        struct process *process = isdigit((unsigned char)item->d_name[0])
                                      ? note_process(load, pid)
                                      : NULL;
        if (process == NULL) {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        if (read_stat(fd, &process->sample) == 0 && pid == getpid()) {
            *ret_sample = process->sample;
            result = 0;
        }
        (void)close(fd);
    }
    (void)closedir(folder);
    return result;
}

int load_read(struct load *load, struct load_sample *ret_sample)
{
    return load->stat_fd < 0 ? scan(load, ret_sample)
                             : read_stat(load->stat_fd, ret_sample);
}

size_t load_processes_count(const struct load *load)
{
    return load->stat_fd < 0 ? HASH_COUNT(load->processes) : 1;
}
