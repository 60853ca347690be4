/* Happy path: the files of a group stay open and are read at offset 0, which
 * makes the kernel write them anew. Failure modes: the group is removed while
 * they are open (-ENODEV), a file that this kernel does not have (-1 is told),
 * a file with lines that we do not know (passed over). */
#include "sample/cgroup_figures.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 + 64, STAT_SIZE = 8192, KERNEL_FILES_MAX = 2 };

/* How the two versions call what. */
struct dialect {
    const char *usage;                          /* a file with one number */
    const char *anonymous, *file;               /* lines of memory.stat */
    const char *kernel_lines[2];                /* likewise, to be added up */
    const char *kernel_files[KERNEL_FILES_MAX]; /* files with one number */
};

static const struct dialect dialects[] = {
    {.usage = "memory.current",
     .anonymous = "anon",
     .file = "file",
     .kernel_lines = {"kernel", "sock"}},
    {.usage = "memory.usage_in_bytes",
     .anonymous = "total_rss",
     .file = "total_cache",
     .kernel_files = {"memory.kmem.usage_in_bytes",
                      "memory.kmem.tcp.usage_in_bytes"}},
};

struct cgroup_figures {
    const struct dialect *dialect;
    int usage;
    int stat;
    int kernel[KERNEL_FILES_MAX]; /* -1: there is none */
};

static int open_in(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    if (name == NULL || snprintf(path, sizeof path, "%s/%s", folder, name) >=
                            (int)sizeof path) {
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_all(const struct cgroup_figures *figures)
{
    const int fds[] = {figures->usage, figures->stat, figures->kernel[0],
                       figures->kernel[1]};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

int cgroup_figures_open(const char *folder, struct cgroup_figures **ret_figures)
{
    struct cgroup_figures *figures = malloc(sizeof *figures);
    if (figures == NULL) {
        return -ENOMEM;
    }
    int result = -ENOENT;
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        const struct dialect *dialect = &dialects[i];
        *figures = (struct cgroup_figures){
            .dialect = dialect,
            .usage = open_in(folder, dialect->usage),
        };
        if (figures->usage < 0) {
            result = errno == ENOENT ? result : -errno;
            continue;
        }
        figures->stat = open_in(folder, "memory.stat");
        for (size_t j = 0; j < KERNEL_FILES_MAX; j++) {
            figures->kernel[j] = open_in(folder, dialect->kernel_files[j]);
        }
        *ret_figures = figures;
        return 0;
    }
    free(figures);
    return result;
}

void cgroup_figures_free(struct cgroup_figures *figures)
{
    if (figures != NULL) {
        close_all(figures);
        free(figures);
    }
}

/* The length of what stands in the file, or -errno. */
static ssize_t read_text(int fd, char *text, size_t size)
{
    ssize_t length = fd >= 0 ? pread(fd, text, size - 1, 0) : -1;
    if (length < 0) {
        return fd >= 0 ? -errno : -ENOENT;
    }
    text[length] = '\0';
    return length;
}

/* -1 where there is no such file or number. */
static int64_t read_number(int fd)
{
    char text[32];
    return read_text(fd, text, sizeof text) > 0 ? strtoll(text, NULL, 10) : -1;
}

/* The number behind |name| at the beginning of a line; -1: there is none. */
static int64_t find_number(const char *text, const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    for (const char *line = text; length > 0 && line != NULL;) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            return strtoll(line + length, NULL, 10);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return -1;
}

/* -1 only where neither is known. */
static int64_t add_known(int64_t sum, int64_t value)
{
    if (value < 0) {
        return sum;
    }
    return sum < 0 ? value : sum + value;
}

int cgroup_figures_read(const struct cgroup_figures *figures,
                        struct cgroup_sample *ret_sample)
{
    const struct dialect *dialect = figures->dialect;
    char text[STAT_SIZE];
    char usage[32];
    ssize_t length = read_text(figures->usage, usage, sizeof usage);
    if (length < 0) {
        return (int)length;
    }
    if (read_text(figures->stat, text, sizeof text) < 0) {
        text[0] = '\0';
    }
    struct cgroup_sample sample = {
        .memory_bytes = length > 0 ? strtoll(usage, NULL, 10) : -1,
        .anonymous_bytes = find_number(text, dialect->anonymous),
        .file_bytes = find_number(text, dialect->file),
        .kernel_bytes = find_number(text, dialect->kernel_lines[0]),
    };
    if (sample.kernel_bytes >= 0) {
        sample.kernel_bytes = add_known(
            sample.kernel_bytes, find_number(text, dialect->kernel_lines[1]));
    }
    for (size_t i = 0; i < KERNEL_FILES_MAX; i++) {
        sample.kernel_bytes =
            add_known(sample.kernel_bytes, read_number(figures->kernel[i]));
    }
    *ret_sample = sample;
    return 0;
}
