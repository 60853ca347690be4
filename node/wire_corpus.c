/* Writes the seeds from which wire_fuzz starts, one file each: every kind of
 * message as small and as full as it can be, streams of several, and what a
 * decoder must refuse ("bad-..."). The files in the tree were made by this
 * programme; it is run again when the wire format changes.
 *
 *     wire_corpus FOLDER
 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { PORT = 7946, STREAM_MAX = 8192 };

static const char *folder;

static void write_file(const char *name, const uint8_t *bytes, size_t count)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, count, file) != count ||
        fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static size_t encode(const struct wire_message *message, uint8_t *bytes)
{
    size_t count = 0;
    if (wire_encode(message, bytes, WIRE_FRAME_MAX, &count) != 0) {
        (void)fprintf(stderr, "wire_corpus: %s cannot be encoded\n",
                      wire_type_name(message->type));
        exit(EXIT_FAILURE);
    }
    return count;
}

static void write_message(const char *name, const struct wire_message *message)
{
    uint8_t bytes[WIRE_FRAME_MAX];
    write_file(name, bytes, encode(message, bytes));
}

static struct peer_addr addr(uint8_t family, uint8_t last)
{
    struct peer_addr addr = {.family = family, .port = PORT};
    addr.ip[0] = family == PEER_ADDR_IP4 ? 127 : 0xfd;
    addr.ip[family == PEER_ADDR_IP4 ? 3 : 15] = last;
    return addr;
}

static struct peer_contact contact(uint8_t family, uint8_t last)
{
    struct peer_contact contact = {.addr = addr(family, last)};
    memset(contact.id.bytes, last, PEER_ID_SIZE);
    return contact;
}

/* |count| contacts, of both families by turns. */
static void fill(struct wire_contacts *list, uint8_t count)
{
    list->count = count;
    for (uint8_t i = 0; i < count; i++) {
        list->items[i] =
            contact(i % 2 ? PEER_ADDR_IP6 : PEER_ADDR_IP4, (uint8_t)(i + 1));
    }
}

static void write_transport_and_joins(void)
{
    struct wire_message m = {.type = WIRE_HELLO};
    m.hello.addr = addr(PEER_ADDR_IP4, 1);
    write_message("hello-ip4", &m);
    m.hello.addr = addr(PEER_ADDR_IP6, 1);
    write_message("hello-ip6", &m);
    m = (struct wire_message){.type = WIRE_JOIN, .join.nonce = 0x01020304};
    write_message("join", &m);
    m = (struct wire_message){.type = WIRE_FORWARD_JOIN};
    m.forward_join.joiner = contact(PEER_ADDR_IP4, 1);
    write_message("forward-join-last", &m);
    m.forward_join.joiner = contact(PEER_ADDR_IP6, 1);
    m.forward_join.ttl = WIRE_TTL_MAX;
    write_message("forward-join-first", &m);
    m = (struct wire_message){.type = WIRE_DISCONNECT};
    write_message("disconnect", &m);
    m.disconnect.is_leaving = true;
    write_message("disconnect-leaving", &m);
}

static void write_neighbors_and_shuffles(void)
{
    struct wire_message m = {.type = WIRE_NEIGHBOR, .neighbor.nonce = 1};
    write_message("neighbor-low", &m);
    m.neighbor.is_high = true;
    write_message("neighbor-high", &m);
    m = (struct wire_message){.type = WIRE_NEIGHBOR_REPLY,
                              .neighbor_reply.nonce = 1};
    write_message("neighbor-reply-no", &m);
    m.neighbor_reply.is_accepted = true;
    write_message("neighbor-reply-yes", &m);
    m = (struct wire_message){.type = WIRE_SHUFFLE, .shuffle.ttl = 6};
    m.shuffle.origin = contact(PEER_ADDR_IP4, 9);
    write_message("shuffle-empty", &m);
    fill(&m.shuffle.contacts, 7);
    write_message("shuffle-seven", &m);
    fill(&m.shuffle.contacts, WIRE_SHUFFLE_MAX);
    write_message("shuffle-full", &m);
    m = (struct wire_message){.type = WIRE_SHUFFLE_REPLY};
    write_message("shuffle-reply-empty", &m);
    fill(&m.shuffle_reply.contacts, WIRE_SHUFFLE_MAX);
    write_message("shuffle-reply-full", &m);
}

static void write_broadcasts(void)
{
    static const uint8_t payload[1024];
    struct wire_message m = {.type = WIRE_GOSSIP, .gossip.payload = payload};
    memset(m.gossip.id.bytes, 7, MESSAGE_ID_SIZE);
    write_message("gossip-empty", &m);
    m.gossip.hops = 3;
    m.gossip.payload_bytes = sizeof payload;
    write_message("gossip-1k", &m);
    m = (struct wire_message){.type = WIRE_IHAVE, .ihave.count = 1};
    write_message("ihave-one", &m);
    m.ihave.count = WIRE_IHAVE_MAX;
    for (uint16_t i = 0; i < WIRE_IHAVE_MAX; i++) {
        memset(m.ihave.items[i].id.bytes, i, MESSAGE_ID_SIZE);
        m.ihave.items[i].hops = i;
    }
    write_message("ihave-full", &m);
    m = (struct wire_message){.type = WIRE_GRAFT};
    write_message("graft-link", &m);
    m.graft.has_id = true;
    m.graft.hops = UINT16_MAX;
    write_message("graft-message", &m);
    m = (struct wire_message){.type = WIRE_PRUNE};
    write_message("prune", &m);
}

/* What a connection begins with, and what is wrong in one way each. */
static void write_streams(void)
{
    uint8_t bytes[STREAM_MAX + WIRE_FRAME_MAX];
    struct wire_message m = {.type = WIRE_HELLO};
    m.hello.addr = addr(PEER_ADDR_IP4, 1);
    size_t hello = encode(&m, bytes);
    m = (struct wire_message){.type = WIRE_JOIN, .join.nonce = 5};
    size_t count = hello + encode(&m, bytes + hello);
    m = (struct wire_message){.type = WIRE_IHAVE, .ihave.count = 2};
    m.ihave.items[1].hops = 1;
    count += encode(&m, bytes + count);
    write_file("stream-of-three", bytes, count);
    write_file("bad-cut-short", bytes, count - 1);
    bytes[2] = WIRE_VERSION + 1;
    write_file("bad-version", bytes, hello);
    bytes[2] = WIRE_VERSION;
    bytes[3] = 99;
    write_file("bad-type", bytes, hello);
    bytes[3] = WIRE_HELLO;
    bytes[1]++;
    bytes[hello] = 0;
    write_file("bad-trailing", bytes, hello + 1);
    bytes[0] = bytes[1] = 0xff;
    write_file("bad-length", bytes, hello);
    bytes[0] = bytes[1] = 0;
    write_file("bad-no-length", bytes, hello);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: wire_corpus FOLDER\n");
        return 64;
    }
    folder = argv[1];
    write_transport_and_joins();
    write_neighbors_and_shuffles();
    write_broadcasts();
    write_streams();
    return EXIT_SUCCESS;
}
