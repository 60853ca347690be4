#include "churn/slot_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char separator[] = "--- generation ";

enum { TAIL_BYTES = 4096 };

int slot_log_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return fd < 0 ? -errno : fd;
}

void slot_log_begin(int fd, int64_t generation)
{
    if (dprintf(fd, "%s%lld\n", separator, (long long)generation) < 0) {
        return; /* the disk is full: the run goes on without */
    }
}

void slot_log_note(int fd, int64_t generation, const char *note)
{
    if (dprintf(fd, "%s%lld %s\n", separator, (long long)generation, note) <
        0) {
        return;
    }
}

bool slot_log_trim(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size <= SLOT_LOG_MAX_BYTES) {
        return false;
    }
    char *tail = malloc(SLOT_LOG_KEEP_BYTES);
    if (tail == NULL) {
        return false;
    }
    ssize_t size =
        pread(fd, tail, SLOT_LOG_KEEP_BYTES, st.st_size - SLOT_LOG_KEEP_BYTES);
    if (size > 0 && ftruncate(fd, 0) == 0 &&
        write(fd, tail, (size_t)size) < 0) {
        (void)ftruncate(fd, 0);
    }
    free(tail);
    return true;
}

int64_t slot_log_size(int fd)
{
    struct stat st;
    return fstat(fd, &st) < 0 ? 0 : (int64_t)st.st_size;
}

int64_t slot_log_life_at(int fd)
{
    char *text = malloc(SLOT_LOG_KEEP_BYTES);
    int64_t life_at = 0;
    if (text == NULL) {
        return 0;
    }
    ssize_t size = pread(fd, text, SLOT_LOG_KEEP_BYTES, 0);
    const char *at = text;
    for (size_t left = size > 0 ? (size_t)size : 0; left > 0;) {
        const char *end = memchr(at, '\n', left);
        if (end == NULL) {
            break;
        }
        if (left > strlen(separator) &&
            memcmp(at, separator, strlen(separator)) == 0) {
            life_at = end + 1 - text;
        }
        left -= (size_t)(end + 1 - at);
        at = end + 1;
    }
    free(text);
    return life_at;
}

/* Where the line that ends before |end| begins. */
static const char *line_start(const char *text, const char *end)
{
    while (end > text && end[-1] != '\n') {
        end--;
    }
    return end;
}

/* It ends up in a sentence, and that on a terminal. */
static char *copy_plain(char *text, size_t size, const char *line,
                        size_t length)
{
    size_t i = 0;
    for (; i < length && i + 1 < size; i++) {
        unsigned char byte = (unsigned char)line[i];
        text[i] = byte < ' ' || byte == 0x7f ? ' ' : line[i];
    }
    text[i] = '\0';
    return text;
}

char *slot_log_last_line(int fd, char *text, size_t size)
{
    char tail[TAIL_BYTES];
    struct stat st;
    text[0] = '\0';
    if (fstat(fd, &st) < 0) {
        return text;
    }
    off_t at = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    ssize_t count = pread(fd, tail, sizeof tail, at);
    const char *end = tail + (count > 0 ? count : 0);
    while (end > tail) {
        while (end > tail && end[-1] == '\n') {
            end--;
        }
        const char *start = line_start(tail, end);
        size_t length = (size_t)(end - start);
        if (length > 0 && (length < strlen(separator) ||
                           memcmp(start, separator, strlen(separator)) != 0)) {
            return copy_plain(text, size, start, length);
        }
        end = start;
    }
    return text;
}
