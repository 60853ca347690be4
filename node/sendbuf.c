#include "sendbuf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Small writes share a chunk: most messages are far below this. */
enum { CHUNK_BYTES_MIN = 480 };

struct sendbuf_chunk {
    struct sendbuf_chunk *next;
    size_t acknowledged; /* bytes at the front that are done with */
    size_t used;
    size_t capacity;
    uint8_t bytes[];
};

int sendbuf_append(struct sendbuf *buf, const void *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct sendbuf_chunk *chunk = buf->last;
    if (chunk == NULL || chunk->capacity - chunk->used < size) {
        size_t capacity = size > CHUNK_BYTES_MIN ? size : CHUNK_BYTES_MIN;
        chunk = malloc(sizeof *chunk + capacity);
        if (chunk == NULL) {
            return -ENOMEM;
        }
        *chunk = (struct sendbuf_chunk){.capacity = capacity};
        if (buf->last != NULL) {
            buf->last->next = chunk;
        } else {
            buf->first = chunk;
        }
        buf->last = chunk;
    }
    if (buf->unsent == NULL) {
        buf->unsent = chunk;
        buf->unsent_at = chunk->used;
    }
    memcpy(chunk->bytes + chunk->used, data, size);
    chunk->used += size;
    buf->held_bytes += size;
    buf->unsent_bytes += size;
    return 0;
}

size_t sendbuf_borrow(const struct sendbuf *buf, const uint8_t **ret_data)
{
    if (buf->unsent == NULL) {
        *ret_data = NULL;
        return 0;
    }
    *ret_data = buf->unsent->bytes + buf->unsent_at;
    return buf->unsent->used - buf->unsent_at;
}

void sendbuf_sent(struct sendbuf *buf, size_t size)
{
    assert(size <= buf->unsent_bytes);
    buf->unsent_bytes -= size;
    while (size > 0) {
        size_t left = buf->unsent->used - buf->unsent_at;
        size_t step = size < left ? size : left;
        buf->unsent_at += step;
        size -= step;
        if (step == left) {
            buf->unsent = buf->unsent->next;
            buf->unsent_at = 0;
        }
    }
    if (buf->unsent != NULL && buf->unsent_at == buf->unsent->used) {
        buf->unsent = buf->unsent->next;
        buf->unsent_at = 0;
    }
}

void sendbuf_acknowledged(struct sendbuf *buf, size_t size)
{
    assert(size <= buf->held_bytes - buf->unsent_bytes);
    buf->held_bytes -= size;
    while (buf->first != NULL) {
        struct sendbuf_chunk *chunk = buf->first;
        size_t left = chunk->used - chunk->acknowledged;
        size_t step = size < left ? size : left;
        chunk->acknowledged += step;
        size -= step;
        if (chunk->acknowledged < chunk->used || chunk == buf->unsent) {
            break;
        }
        buf->first = chunk->next;
        if (buf->last == chunk) {
            buf->last = NULL;
        }
        free(chunk);
    }
    assert(size == 0);
}

void sendbuf_clear(struct sendbuf *buf)
{
    while (buf->first != NULL) {
        struct sendbuf_chunk *chunk = buf->first;
        buf->first = chunk->next;
        free(chunk);
    }
    *buf = (struct sendbuf){0};
}
