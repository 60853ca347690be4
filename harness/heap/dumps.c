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

/* --- parts ----------------------------------------------------------------
 */

/* Whether |name| is |of|, a dot and a number. */
static bool is_part(const char *name, const char *of)
{
    size_t size = strlen(of);
    if (strncmp(name, of, size) != 0 || name[size] != '.') {
        return false;
    }
    const char *number = name + size + 1;
    return number[0] != '\0' && number[strspn(number, "0123456789")] == '\0';
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: the pointers, and behind them their texts. */
static int list_parts(DIR *dir, const char *path, size_t folder_size,
                      char ***ret_parts, size_t *ret_count)
{
    const size_t each = strlen(path) + 32;
    char **parts = malloc(DUMPS_PARTS_MAX * (sizeof *parts + each));
    size_t count = 0;
    if (parts == NULL) {
        return -ENOMEM;
    }
    char *texts = (char *)(parts + DUMPS_PARTS_MAX);
    for (const struct dirent *entry = readdir(dir);
         entry != NULL && count < DUMPS_PARTS_MAX; entry = readdir(dir)) {
        if (is_part(entry->d_name, path + folder_size)) {
            parts[count] = texts + count * each;
            (void)snprintf(parts[count++], each, "%.*s%s", (int)folder_size,
                           path, entry->d_name);
        }
    }
    qsort(parts, count, sizeof *parts, by_name);
    *ret_parts = parts;
    *ret_count = count;
    return 0;
}

int dumps_parts(const char *path, char ***ret_parts, size_t *ret_count)
{
    char folder[PATH_SIZE] = ".";
    const char *slash = strrchr(path, '/');
    size_t folder_size = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    *ret_parts = NULL;
    *ret_count = 0;
    if (folder_size >= sizeof folder) {
        return 0;
    }
    if (folder_size > 0) {
        memcpy(folder, path, folder_size);
        folder[folder_size] = '\0';
    }
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return 0; /* who reads the dump itself will say why */
    }
    int result = list_parts(dir, path, folder_size, ret_parts, ret_count);
    (void)closedir(dir);
    return result;
}

/* --- keeping some ---------------------------------------------------------
 */

static void remove_dump(const char *path)
{
    char **parts = NULL;
    size_t count = 0;
    (void)dumps_parts(path, &parts, &count);
    for (size_t i = 0; i < count; i++) {
        (void)unlink(parts[i]);
    }
    free(parts);
    (void)unlink(path);
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
        remove_dump(dumps_path(folder, observer, ebbs[at], path, sizeof path));
        memmove(ebbs + at, ebbs + at + 1, (count - at - 1) * sizeof *ebbs);
        count--;
    }
    free(ebbs);
}
