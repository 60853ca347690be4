/* sendbuf.h - bytes of a stream from writing to acknowledgement.
 *
 * QUIC may have to send any byte again until the peer has acknowledged it, so
 * what is written is copied here, lent to the packet writer from the first
 * byte not yet sent, and freed once acknowledged. An empty buffer holds no
 * memory.
 */
#ifndef MESHNODE_SENDBUF_H
#define MESHNODE_SENDBUF_H

#include <stddef.h>
#include <stdint.h>

struct sendbuf_chunk;

/* Zeroes are an empty buffer. */
struct sendbuf {
    struct sendbuf_chunk *first;  /* oldest byte not acknowledged */
    struct sendbuf_chunk *last;   /* where writing goes on */
    struct sendbuf_chunk *unsent; /* oldest byte not sent; NULL: all sent */
    size_t unsent_at;             /* within that chunk */
    size_t held_bytes;            /* written and not acknowledged */
    size_t unsent_bytes;
};

/* Copies |size| bytes to the end. 0 or -ENOMEM (then nothing was taken). */
int sendbuf_append(struct sendbuf *buf, const void *data, size_t size);

/* Lends the first contiguous run of unsent bytes; returns its size, 0 when
 * everything is sent. */
size_t sendbuf_borrow(const struct sendbuf *buf, const uint8_t **ret_data);

/* The first |size| unsent bytes are sent now. size <= unsent_bytes. */
void sendbuf_sent(struct sendbuf *buf, size_t size);

/* The first |size| held bytes are acknowledged. size <= held_bytes. */
void sendbuf_acknowledged(struct sendbuf *buf, size_t size);

/* Frees everything; the buffer is empty then. */
void sendbuf_clear(struct sendbuf *buf);

#endif
