#include "contact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* "HOST:PORT" or "[HOST]:PORT". */
static int parse_addr(char *text, struct peer_addr *ret_addr)
{
    char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || colon == text) {
        return -EINVAL;
    }
    *colon = '\0';
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port > 65535) {
        return -EINVAL;
    }
    struct peer_addr addr = {.family = PEER_ADDR_IP4, .port = (uint16_t)port};
    if (text[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        addr.family = PEER_ADDR_IP6;
        text++;
    }
    if (inet_pton(addr.family == PEER_ADDR_IP6 ? AF_INET6 : AF_INET, text,
                  addr.ip) != 1) {
        return -EINVAL;
    }
    *ret_addr = addr;
    return 0;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static int parse_id(const char *text, struct peer_id *ret_id)
{
    if (strlen(text) != 2 * sizeof ret_id->bytes) {
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof ret_id->bytes; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return -EINVAL;
        }
        ret_id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int contact_parse(const char *text, size_t size,
                  struct peer_contact *ret_contact)
{
    char copy[CONTACT_TEXT_SIZE];
    struct peer_contact contact = {0};
    if (size >= sizeof copy) {
        return -EINVAL;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (parse_id(slash + 1, &contact.id) != 0) {
            return -EINVAL;
        }
    }
    int result = parse_addr(copy, &contact.addr);
    if (result == 0) {
        *ret_contact = contact;
    }
    return result;
}

int contact_parse_list(const char *text, struct peer_contact *contacts,
                       size_t capacity, size_t *ret_count)
{
    size_t count = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (count == capacity) {
            return -E2BIG;
        }
        int result = contact_parse(text, size, &contacts[count]);
        if (result != 0) {
            return result;
        }
        count++;
        text += size + (text[size] == ',');
    }
    *ret_count = count;
    return 0;
}

char *contact_format(const struct peer_contact *contact,
                     char text[CONTACT_TEXT_SIZE])
{
    bool is_ipv6 = contact->addr.family == PEER_ADDR_IP6;
    char ip[INET6_ADDRSTRLEN] = "?";
    char id[PEER_ID_HEX_SIZE + 1] = "";
    (void)inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, contact->addr.ip, ip,
                    sizeof ip);
    if (peer_id_is_set(&contact->id)) {
        id[0] = '/';
        peer_id_hex(&contact->id, id + 1);
    }
    (void)snprintf(text, CONTACT_TEXT_SIZE, is_ipv6 ? "[%s]:%u%s" : "%s:%u%s",
                   ip, (unsigned)contact->addr.port, id);
    return text;
}
