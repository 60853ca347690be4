/* wire.h - the bytes that two nodes exchange.
 *
 * A stream carries frames, one message each:
 *
 *     u16 length of what follows | u8 version | u8 type | body
 *
 * Integers are big-endian. The first frame on a connection, in each
 * direction, is HELLO. A decoder asks for more bytes until a frame is whole,
 * then takes it or says what is wrong with it; after anything wrong the
 * connection is of no more use. Nothing allocates: lists have fixed room in
 * the message, and a payload is lent from the caller's bytes.
 *
 * Every value has one encoding only (flags are 0 or 1, an IPv4 address has 4
 * bytes, nothing trails), so a frame that decodes encodes to the same bytes.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer_id.h"

enum {
    WIRE_VERSION = 1,
    WIRE_HEADER_SIZE = 4,         /* length, version, type */
    WIRE_FRAME_MAX = 16 * 1024,   /* bytes, header included */
    WIRE_PAYLOAD_MAX = 15 * 1024, /* bytes of one broadcast */
    WIRE_SHUFFLE_MAX = 16,        /* contacts in a shuffle or its reply */
    WIRE_IHAVE_MAX = 64,          /* announcements in one IHAVE */
    WIRE_TTL_MAX = 32,            /* hops of a random walk */
    MESSAGE_ID_SIZE = 16,
};

enum {
    WIRE_OK = 0,
    WIRE_NEED_MORE,   /* the frame is not whole yet */
    WIRE_BAD_LENGTH,  /* shorter than its header or longer than the limit */
    WIRE_BAD_VERSION, /* another version of the protocol */
    WIRE_BAD_TYPE,    /* no such message in this version */
    WIRE_TRUNCATED,   /* the body ends in the middle of a field */
    WIRE_TRAILING,    /* bytes are left after the last field */
    WIRE_BAD_VALUE,   /* a field holds what it must not */
    WIRE_TOO_MANY,    /* a list or a payload is longer than its limit */
};

enum wire_type {
    WIRE_HELLO = 1,      /* transport: where the sender listens */
    WIRE_JOIN = 16,      /* HyParView */
    WIRE_FORWARD_JOIN,   /* a joiner's random walk */
    WIRE_NEIGHBOR,       /* asks for a place in the active view */
    WIRE_NEIGHBOR_REPLY, /* answers NEIGHBOR and JOIN */
    WIRE_DISCONNECT,     /* the sender has dropped us from its active view */
    WIRE_SHUFFLE,        /* exchange of passive views, a random walk */
    WIRE_SHUFFLE_REPLY,  /* straight back to the origin */
    WIRE_GOSSIP = 32,    /* Plumtree: eager push, with the payload */
    WIRE_IHAVE,          /* lazy push, ids only */
    WIRE_GRAFT,          /* make the link eager, and send that message */
    WIRE_PRUNE,          /* make the link lazy */
};

enum wire_protocol {
    WIRE_PROTOCOL_TRANSPORT, /* HELLO */
    WIRE_PROTOCOL_HYPARVIEW,
    WIRE_PROTOCOL_PLUMTREE,
};

/* Names one broadcast: 8 bytes of the origin, 8 of its sequence. */
struct message_id {
    uint8_t bytes[MESSAGE_ID_SIZE];
};

struct wire_announcement {
    struct message_id id;
    uint16_t hops; /* that the announcer was from the origin */
};

struct wire_contacts {
    uint8_t count;
    struct peer_contact items[WIRE_SHUFFLE_MAX];
};

struct wire_message {
    enum wire_type type;
    union {
        struct {
            struct peer_addr addr;
        } hello;
        struct {
            uint32_t nonce; /* comes back in the reply */
        } join;
        struct {
            struct peer_contact joiner;
            uint8_t ttl;
        } forward_join;
        struct {
            uint32_t nonce;
            bool is_high; /* high priority: may not be refused */
        } neighbor;
        struct {
            uint32_t nonce;
            bool is_accepted;
        } neighbor_reply;
        struct {
            bool is_leaving; /* for good: do not keep it in a view */
        } disconnect;
        struct {
            struct peer_contact origin;
            uint8_t ttl;
            struct wire_contacts contacts;
        } shuffle;
        struct {
            struct wire_contacts contacts;
        } shuffle_reply;
        struct {
            struct message_id id;
            uint16_t hops; /* links crossed so far, this one included */
            uint16_t payload_bytes;
            const uint8_t *payload; /* borrowed */
        } gossip;
        struct {
            uint16_t count; /* at least 1 */
            struct wire_announcement items[WIRE_IHAVE_MAX];
        } ihave;
        struct {
            bool has_id; /* without one, only the link changes */
            struct message_id id;
            uint16_t hops;
        } graft;
    };
};

/* Which module a message is for. */
enum wire_protocol wire_protocol_of(enum wire_type type);

/* The message's name in capitals, "?" for a type that does not exist. */
const char *wire_type_name(enum wire_type type);

/* Says a WIRE_ condition in words: a clause without full stop. */
const char *wire_reason(int condition);

/* Bytes of the frame that wire_encode() would write. The message must be
 * within the limits. */
size_t wire_encoded_bytes(const struct wire_message *message);

/* Writes one frame. 0 and *ret_count bytes in |buffer|; -ENOBUFS when |size|
 * is too small (WIRE_FRAME_MAX always suffices); -EINVAL when the message
 * breaks a limit or holds what the decoder would refuse. */
int wire_encode(const struct wire_message *message, uint8_t *buffer,
                size_t size, size_t *ret_count);

/* Takes one frame off the front of |bytes|. On WIRE_OK *ret_message holds it,
 * a payload pointing into |bytes|, and *ret_used says how many bytes it took;
 * on any other condition both are left alone. A frame that is too long is
 * refused as soon as its length is known. */
int wire_decode(const uint8_t *bytes, size_t count,
                struct wire_message *ret_message, size_t *ret_used);

#endif
