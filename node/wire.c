/* Both directions follow one table: a row per message with its name, the
 * module it is for, and how its body is written and read. The writer checks
 * by the same rules as the reader, so that nothing leaves this node that
 * another would refuse; a sink without a buffer only counts. */
#include "wire.h"

#include <assert.h>
#include <errno.h>

/* Where bytes go. Running out of room or breaking a rule is remembered, and
 * the rest of the message then goes nowhere. */
struct sink {
    uint8_t *bytes; /* NULL: count only */
    size_t size;
    size_t count;
    int error; /* 0 or -errno */
};

/* Where bytes come from. The first thing wrong is remembered, and every later
 * read gives zeroes. */
struct source {
    const uint8_t *bytes;
    size_t count;
    size_t next;
    int condition; /* WIRE_OK or what is wrong */
};

static void put_bytes(struct sink *sink, const void *bytes, size_t count)
{
    if (sink->error != 0 || count == 0)
        return;
    if (sink->bytes != NULL) {
        if (count > sink->size - sink->count) {
            sink->error = -ENOBUFS;
            return;
        }
        memcpy(sink->bytes + sink->count, bytes, count);
    }
    sink->count += count;
}

static void put_u8(struct sink *sink, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    put_bytes(sink, &byte, 1);
}

static void put_u16(struct sink *sink, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    put_bytes(sink, bytes, sizeof(bytes));
}

static void put_u32(struct sink *sink, uint32_t value)
{
    put_u16(sink, value >> 16);
    put_u16(sink, value & 0xffff);
}

static void put_check(struct sink *sink, bool is_right)
{
    if (!is_right && sink->error == 0)
        sink->error = -EINVAL;
}

static const uint8_t *get_bytes(struct source *source, size_t count)
{
    const uint8_t *bytes = source->bytes + source->next;

    if (source->condition != WIRE_OK)
        return NULL;
    if (count > source->count - source->next) {
        source->condition = WIRE_TRUNCATED;
        return NULL;
    }
    source->next += count;
    return bytes;
}

static uint8_t get_u8(struct source *source)
{
    const uint8_t *bytes = get_bytes(source, 1);

    return bytes == NULL ? 0 : bytes[0];
}

static uint16_t get_u16(struct source *source)
{
    const uint8_t *bytes = get_bytes(source, 2);

    return (uint16_t)(bytes == NULL ? 0 : bytes[0] << 8 | bytes[1]);
}

static uint32_t get_u32(struct source *source)
{
    uint32_t high = get_u16(source);

    return high << 16 | get_u16(source);
}

static void get_check(struct source *source, bool is_right, int condition)
{
    if (!is_right && source->condition == WIRE_OK)
        source->condition = condition;
}

static bool get_flag(struct source *source)
{
    uint8_t value = get_u8(source);

    get_check(source, value <= 1, WIRE_BAD_VALUE);
    return value == 1;
}

/* The fields that several messages share. */

static size_t ip_size(uint8_t family)
{
    return family == PEER_ADDR_IP4 ? 4 : 16;
}

static void put_addr(struct sink *sink, const struct peer_addr *addr)
{
    static const uint8_t zeroes[12];

    put_check(sink, peer_addr_is_set(addr));
    put_check(sink, addr->family != PEER_ADDR_IP4 ||
                        memcmp(addr->ip + 4, zeroes, sizeof(zeroes)) == 0);
    put_u8(sink, addr->family);
    put_u16(sink, addr->port);
    put_bytes(sink, addr->ip, ip_size(addr->family));
}

static void get_addr(struct source *source, struct peer_addr *ret_addr)
{
    const uint8_t *ip;

    ret_addr->family = get_u8(source);
    ret_addr->port = get_u16(source);
    get_check(source, peer_addr_is_set(ret_addr), WIRE_BAD_VALUE);
    ip = get_bytes(source, ip_size(ret_addr->family));
    if (ip != NULL)
        memcpy(ret_addr->ip, ip, ip_size(ret_addr->family));
}

static void put_contact(struct sink *sink, const struct peer_contact *contact)
{
    put_check(sink, peer_id_is_set(&contact->id));
    put_bytes(sink, contact->id.bytes, PEER_ID_SIZE);
    put_addr(sink, &contact->addr);
}

static void get_contact(struct source *source, struct peer_contact *ret_contact)
{
    const uint8_t *id = get_bytes(source, PEER_ID_SIZE);

    if (id != NULL)
        memcpy(ret_contact->id.bytes, id, PEER_ID_SIZE);
    get_check(source, peer_id_is_set(&ret_contact->id), WIRE_BAD_VALUE);
    get_addr(source, &ret_contact->addr);
}

static void put_contacts(struct sink *sink, const struct wire_contacts *list)
{
    put_check(sink, list->count <= WIRE_SHUFFLE_MAX);
    put_u8(sink, list->count);
    for (size_t i = 0; i < list->count && sink->error == 0; i++)
        put_contact(sink, &list->items[i]);
}

static void get_contacts(struct source *source, struct wire_contacts *ret_list)
{
    uint8_t count = get_u8(source);

    get_check(source, count <= WIRE_SHUFFLE_MAX, WIRE_TOO_MANY);
    for (size_t i = 0; i < count && source->condition == WIRE_OK; i++)
        get_contact(source, &ret_list->items[i]);
    ret_list->count = count;
}

static void put_ttl(struct sink *sink, uint8_t ttl)
{
    put_check(sink, ttl <= WIRE_TTL_MAX);
    put_u8(sink, ttl);
}

static uint8_t get_ttl(struct source *source)
{
    uint8_t ttl = get_u8(source);

    get_check(source, ttl <= WIRE_TTL_MAX, WIRE_BAD_VALUE);
    return ttl;
}

static void put_id(struct sink *sink, const struct message_id *id)
{
    put_bytes(sink, id->bytes, MESSAGE_ID_SIZE);
}

static void get_id(struct source *source, struct message_id *ret_id)
{
    const uint8_t *bytes = get_bytes(source, MESSAGE_ID_SIZE);

    if (bytes != NULL)
        memcpy(ret_id->bytes, bytes, MESSAGE_ID_SIZE);
}

/* The bodies. */

static void put_hello(struct sink *sink, const struct wire_message *m)
{
    put_addr(sink, &m->hello.addr);
}

static void get_hello(struct source *source, struct wire_message *m)
{
    get_addr(source, &m->hello.addr);
}

static void put_join(struct sink *sink, const struct wire_message *m)
{
    put_u32(sink, m->join.nonce);
}

static void get_join(struct source *source, struct wire_message *m)
{
    m->join.nonce = get_u32(source);
}

static void put_forward_join(struct sink *sink, const struct wire_message *m)
{
    put_contact(sink, &m->forward_join.joiner);
    put_ttl(sink, m->forward_join.ttl);
}

static void get_forward_join(struct source *source, struct wire_message *m)
{
    get_contact(source, &m->forward_join.joiner);
    m->forward_join.ttl = get_ttl(source);
}

static void put_neighbor(struct sink *sink, const struct wire_message *m)
{
    put_u32(sink, m->neighbor.nonce);
    put_u8(sink, m->neighbor.is_high);
}

static void get_neighbor(struct source *source, struct wire_message *m)
{
    m->neighbor.nonce = get_u32(source);
    m->neighbor.is_high = get_flag(source);
}

static void put_neighbor_reply(struct sink *sink, const struct wire_message *m)
{
    put_u32(sink, m->neighbor_reply.nonce);
    put_u8(sink, m->neighbor_reply.is_accepted);
}

static void get_neighbor_reply(struct source *source, struct wire_message *m)
{
    m->neighbor_reply.nonce = get_u32(source);
    m->neighbor_reply.is_accepted = get_flag(source);
}

static void put_disconnect(struct sink *sink, const struct wire_message *m)
{
    put_u8(sink, m->disconnect.is_leaving);
}

static void get_disconnect(struct source *source, struct wire_message *m)
{
    m->disconnect.is_leaving = get_flag(source);
}

static void put_shuffle(struct sink *sink, const struct wire_message *m)
{
    put_contact(sink, &m->shuffle.origin);
    put_ttl(sink, m->shuffle.ttl);
    put_contacts(sink, &m->shuffle.contacts);
}

static void get_shuffle(struct source *source, struct wire_message *m)
{
    get_contact(source, &m->shuffle.origin);
    m->shuffle.ttl = get_ttl(source);
    get_contacts(source, &m->shuffle.contacts);
}

static void put_shuffle_reply(struct sink *sink, const struct wire_message *m)
{
    put_contacts(sink, &m->shuffle_reply.contacts);
}

static void get_shuffle_reply(struct source *source, struct wire_message *m)
{
    get_contacts(source, &m->shuffle_reply.contacts);
}

static void put_gossip(struct sink *sink, const struct wire_message *m)
{
    put_check(sink, m->gossip.payload_bytes <= WIRE_PAYLOAD_MAX);
    put_id(sink, &m->gossip.id);
    put_u16(sink, m->gossip.hops);
    put_u16(sink, m->gossip.payload_bytes);
    put_bytes(sink, m->gossip.payload, m->gossip.payload_bytes);
}

static void get_gossip(struct source *source, struct wire_message *m)
{
    get_id(source, &m->gossip.id);
    m->gossip.hops = get_u16(source);
    m->gossip.payload_bytes = get_u16(source);
    get_check(source, m->gossip.payload_bytes <= WIRE_PAYLOAD_MAX,
              WIRE_TOO_MANY);
    m->gossip.payload = get_bytes(source, m->gossip.payload_bytes);
}

static void put_ihave(struct sink *sink, const struct wire_message *m)
{
    put_check(sink, m->ihave.count > 0 && m->ihave.count <= WIRE_IHAVE_MAX);
    put_u16(sink, m->ihave.count);
    for (size_t i = 0; i < m->ihave.count && sink->error == 0; i++) {
        put_id(sink, &m->ihave.items[i].id);
        put_u16(sink, m->ihave.items[i].hops);
    }
}

static void get_ihave(struct source *source, struct wire_message *m)
{
    uint16_t count = get_u16(source);

    get_check(source, count > 0, WIRE_BAD_VALUE);
    get_check(source, count <= WIRE_IHAVE_MAX, WIRE_TOO_MANY);
    for (size_t i = 0; i < count && source->condition == WIRE_OK; i++) {
        get_id(source, &m->ihave.items[i].id);
        m->ihave.items[i].hops = get_u16(source);
    }
    m->ihave.count = count;
}

static void put_graft(struct sink *sink, const struct wire_message *m)
{
    put_u8(sink, m->graft.has_id);
    put_u16(sink, m->graft.hops);
    if (m->graft.has_id)
        put_id(sink, &m->graft.id);
}

static void get_graft(struct source *source, struct wire_message *m)
{
    m->graft.has_id = get_flag(source);
    m->graft.hops = get_u16(source);
    if (m->graft.has_id)
        get_id(source, &m->graft.id);
}

static void put_nothing(struct sink *sink, const struct wire_message *m)
{
    (void)sink;
    (void)m;
}

static void get_nothing(struct source *source, struct wire_message *m)
{
    (void)source;
    (void)m;
}

static const struct row {
    enum wire_type type;
    enum wire_protocol protocol;
    const char *name;
    void (*put)(struct sink *sink, const struct wire_message *m);
    void (*get)(struct source *source, struct wire_message *m);
} rows[] = {
    {WIRE_HELLO, WIRE_PROTOCOL_TRANSPORT, "HELLO", put_hello, get_hello},
    {WIRE_JOIN, WIRE_PROTOCOL_HYPARVIEW, "JOIN", put_join, get_join},
    {WIRE_FORWARD_JOIN, WIRE_PROTOCOL_HYPARVIEW, "FORWARD_JOIN",
     put_forward_join, get_forward_join},
    {WIRE_NEIGHBOR, WIRE_PROTOCOL_HYPARVIEW, "NEIGHBOR", put_neighbor,
     get_neighbor},
    {WIRE_NEIGHBOR_REPLY, WIRE_PROTOCOL_HYPARVIEW, "NEIGHBOR_REPLY",
     put_neighbor_reply, get_neighbor_reply},
    {WIRE_DISCONNECT, WIRE_PROTOCOL_HYPARVIEW, "DISCONNECT", put_disconnect,
     get_disconnect},
    {WIRE_SHUFFLE, WIRE_PROTOCOL_HYPARVIEW, "SHUFFLE", put_shuffle,
     get_shuffle},
    {WIRE_SHUFFLE_REPLY, WIRE_PROTOCOL_HYPARVIEW, "SHUFFLE_REPLY",
     put_shuffle_reply, get_shuffle_reply},
    {WIRE_GOSSIP, WIRE_PROTOCOL_PLUMTREE, "GOSSIP", put_gossip, get_gossip},
    {WIRE_IHAVE, WIRE_PROTOCOL_PLUMTREE, "IHAVE", put_ihave, get_ihave},
    {WIRE_GRAFT, WIRE_PROTOCOL_PLUMTREE, "GRAFT", put_graft, get_graft},
    {WIRE_PRUNE, WIRE_PROTOCOL_PLUMTREE, "PRUNE", put_nothing, get_nothing},
};

static const struct row *row_of(unsigned type)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((unsigned)rows[i].type == type)
            return &rows[i];
    return NULL;
}

enum wire_protocol wire_protocol_of(enum wire_type type)
{
    const struct row *row = row_of(type);

    return row == NULL ? WIRE_PROTOCOL_TRANSPORT : row->protocol;
}

const char *wire_type_name(enum wire_type type)
{
    const struct row *row = row_of(type);

    return row == NULL ? "?" : row->name;
}

const char *wire_reason(int condition)
{
    static const char *const reasons[] = {
        [WIRE_OK] = "a whole frame",
        [WIRE_NEED_MORE] = "the frame is not whole yet",
        [WIRE_BAD_LENGTH] = "the frame's length is out of range",
        [WIRE_BAD_VERSION] = "the frame is of another protocol version",
        [WIRE_BAD_TYPE] = "the frame's type does not exist",
        [WIRE_TRUNCATED] = "the frame ends within a field",
        [WIRE_TRAILING] = "the frame goes on after its last field",
        [WIRE_BAD_VALUE] = "a field holds a value that it must not",
        [WIRE_TOO_MANY] = "a list or payload is longer than its limit",
    };
    size_t i = (size_t)condition;

    return i < sizeof(reasons) / sizeof(reasons[0]) ? reasons[i] : "?";
}

static void put_message(struct sink *sink, const struct row *row,
                        const struct wire_message *message)
{
    put_u16(sink, 0);
    put_u8(sink, WIRE_VERSION);
    put_u8(sink, row->type);
    row->put(sink, message);
    put_check(sink, sink->count <= WIRE_FRAME_MAX);
}

size_t wire_encoded_bytes(const struct wire_message *message)
{
    struct sink sink = {.bytes = NULL};
    const struct row *row = row_of(message->type);

    assert(row != NULL);
    put_message(&sink, row, message);
    assert(sink.error == 0);
    return sink.count;
}

int wire_encode(const struct wire_message *message, uint8_t *buffer,
                size_t size, size_t *ret_count)
{
    struct sink sink = {.bytes = buffer, .size = size};
    const struct row *row = row_of(message->type);
    size_t length;

    if (row == NULL)
        return -EINVAL;
    put_message(&sink, row, message);
    if (sink.error != 0)
        return sink.error;
    length = sink.count - 2;
    buffer[0] = (uint8_t)(length >> 8);
    buffer[1] = (uint8_t)length;
    *ret_count = sink.count;
    return 0;
}

int wire_decode(const uint8_t *bytes, size_t count,
                struct wire_message *ret_message, size_t *ret_used)
{
    const struct row *row;
    struct wire_message message;
    struct source source = {.bytes = bytes, .next = WIRE_HEADER_SIZE};
    size_t frame;

    if (count < 2)
        return WIRE_NEED_MORE;
    frame = 2 + (size_t)(bytes[0] << 8 | bytes[1]);
    if (frame < WIRE_HEADER_SIZE || frame > WIRE_FRAME_MAX)
        return WIRE_BAD_LENGTH;
    if (count < frame)
        return WIRE_NEED_MORE;
    if (bytes[2] != WIRE_VERSION)
        return WIRE_BAD_VERSION;
    row = row_of(bytes[3]);
    if (row == NULL)
        return WIRE_BAD_TYPE;
    source.count = frame;
    memset(&message, 0, sizeof(message));
    message.type = row->type;
    row->get(&source, &message);
    if (source.condition != WIRE_OK)
        return source.condition;
    if (source.next != frame)
        return WIRE_TRAILING;
    *ret_message = message;
    *ret_used = frame;
    return WIRE_OK;
}
