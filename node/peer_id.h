/* peer_id.h - who a peer is, and where it listens.
 *
 * An id is an Ed25519 public key. An address is what a peer says about itself
 * and is worth a try, no more; two contacts are the same peer when their ids
 * are equal, wherever they listen. The all-zero id stands for "not known yet":
 * a contact that was given as an address only.
 *
 * Plain values: copy them, compare them with the functions below (never with
 * memcmp on a whole struct, which would read padding).
 */
#ifndef PEER_ID_H
#define PEER_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    PEER_ID_SIZE = 32,
    PEER_ID_HEX_SIZE = 2 * PEER_ID_SIZE + 1, /* terminator included */
    PEER_ADDR_IP4 = 4,
    PEER_ADDR_IP6 = 6,
};

struct peer_id {
    uint8_t bytes[PEER_ID_SIZE];
};

/* A UDP end point. An IPv4 address fills ip[0..3]; the rest stays zero. */
struct peer_addr {
    uint8_t family; /* PEER_ADDR_IP4, PEER_ADDR_IP6, or 0 for none */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order */
};

struct peer_contact {
    struct peer_id id;
    struct peer_addr addr;
};

static inline bool peer_id_equal(const struct peer_id *a,
                                 const struct peer_id *b)
{
    return memcmp(a->bytes, b->bytes, PEER_ID_SIZE) == 0;
}

/* Less than, equal to or greater than zero: a total order, for ties. */
static inline int peer_id_compare(const struct peer_id *a,
                                  const struct peer_id *b)
{
    return memcmp(a->bytes, b->bytes, PEER_ID_SIZE);
}

/* Whether the id is known at all. */
static inline bool peer_id_is_set(const struct peer_id *id)
{
    static const struct peer_id none;

    return !peer_id_equal(id, &none);
}

/* A keyed 64-bit hash of |count| bytes, a multiple of 8: each word goes
 * through the finaliser of MurmurHash3. Keyed, because peers choose their ids
 * and could otherwise grind collisions; not a cryptographic promise. */
static inline uint64_t peer_hash_bytes(const uint8_t *bytes, size_t count,
                                       uint64_t key)
{
    uint64_t hash = key ^ UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i + 8 <= count; i += 8) {
        uint64_t word = 0;

        for (size_t j = 0; j < 8; j++)
            word |= (uint64_t)bytes[i + j] << (8 * j);
        hash ^= word;
        hash ^= hash >> 33;
        hash *= UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 33;
        hash *= UINT64_C(0xc4ceb9fe1a85ec53);
        hash ^= hash >> 33;
    }
    return hash;
}

static inline uint64_t peer_id_hash(const struct peer_id *id, uint64_t key)
{
    return peer_hash_bytes(id->bytes, PEER_ID_SIZE, key);
}

/* Writes lower-case hex and a terminator. */
static inline void peer_id_hex(const struct peer_id *id,
                               char ret_hex[PEER_ID_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < PEER_ID_SIZE; i++) {
        ret_hex[2 * i] = digits[id->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    ret_hex[2 * PEER_ID_SIZE] = '\0';
}

static inline bool peer_addr_equal(const struct peer_addr *a,
                                   const struct peer_addr *b)
{
    return a->family == b->family && a->port == b->port &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* Whether the address could be dialled: a known family and a port. */
static inline bool peer_addr_is_set(const struct peer_addr *addr)
{
    return (addr->family == PEER_ADDR_IP4 || addr->family == PEER_ADDR_IP6) &&
           addr->port != 0;
}

#endif
