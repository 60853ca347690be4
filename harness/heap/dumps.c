#include "heap/dumps.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4600 };

char *dumps_path(const char *folder, const char *observer, uint32_t ebb,
                 char *path, size_t size)
{
    (void)snprintf(path, size, "%s/heap/%s.%u.heap", folder, observer,
                   (unsigned)ebb);
    return path;
}

static char *folder_path(const char *folder, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%.4500s/heap", folder);
    return path;
}

int dumps_open_folder(const char *folder)
{
    char path[PATH_SIZE];
    (void)folder_path(folder, path);
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        return -errno;
    }
    /* The umask is not asked. */
    return geteuid() == 0 && chmod(path, 01777) < 0 ? -errno : 0;
}

void dumps_close_folder(const char *folder)
{
    char path[PATH_SIZE];
    if (geteuid() == 0) {
        (void)chmod(folder_path(folder, path), 0755);
    }
}

/* "observer-0.12.heap" of "observer-0" is 12; 0 is none. */
static uint32_t ebb_of(const char *name, const char *observer)
{
    size_t size = strlen(observer);
    char *end = NULL;
    if (strncmp(name, observer, size) != 0 || name[size] != '.' ||
        name[size + 1] < '0' || name[size + 1] > '9') {
        return 0;
    }
    unsigned long ebb = strtoul(name + size + 1, &end, 10);
    return strcmp(end, ".heap") == 0 && ebb <= UINT32_MAX ? (uint32_t)ebb : 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

int dumps_list(const char *folder, const char *observer, uint32_t **ret_ebbs,
               size_t *ret_count)
{
    char path[PATH_SIZE];
    size_t count = 0;
    DIR *dir = opendir(folder_path(folder, path));
    if (dir == NULL) {
        return -errno;
    }
    uint32_t *ebbs = calloc(DUMPS_LISTED_MAX, sizeof *ebbs);
    if (ebbs == NULL) {
        (void)closedir(dir);
        return -ENOMEM;
    }
    for (const struct dirent *entry = readdir(dir);
         entry != NULL && count < DUMPS_LISTED_MAX; entry = readdir(dir)) {
        uint32_t ebb = ebb_of(entry->d_name, observer);
        if (ebb > 0) {
            ebbs[count++] = ebb;
        }
    }
    (void)closedir(dir);
    qsort(ebbs, count, sizeof *ebbs, by_number);
    *ret_ebbs = ebbs;
    *ret_count = count;
    return 0;
}

/* Of those between the first and the last the one goes whose neighbours are
 * nearest to each other: what is left stays even, however long it goes on. */
static size_t find_surplus(const uint32_t *ebbs, size_t count)
{
    size_t found = 1;
    for (size_t i = 2; i + 1 < count; i++) {
        if (ebbs[i + 1] - ebbs[i - 1] < ebbs[found + 1] - ebbs[found - 1]) {
            found = i;
        }
    }
    return found;
}

void dumps_thin(const char *folder, const char *observer)
{
    uint32_t *ebbs = NULL;
    size_t count = 0;
    if (dumps_list(folder, observer, &ebbs, &count) != 0) {
        return;
    }
    while (count > DUMPS_KEPT_MAX) {
        char path[PATH_SIZE + 64];
        size_t at = find_surplus(ebbs, count);
        (void)unlink(dumps_path(folder, observer, ebbs[at], path, sizeof path));
        memmove(ebbs + at, ebbs + at + 1, (count - at - 1) * sizeof *ebbs);
        count--;
    }
    free(ebbs);
}
