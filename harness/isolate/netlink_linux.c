/* Happy path: a request is built in a buffer, sent, and answered with an
 * NLMSG_ERROR of 0. Failure modes: that answer is an errno. nf_tables takes
 * requests in batches only, of which ours hold one each. */
#include "isolate/netlink.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SET_ELEMENT_SIZE = 16, /* its attribute, the key's, the value's; a link */
    REQUEST_SIZE = 1024 + NETLINK_SET_MAX * SET_ELEMENT_SIZE,
    ANSWER_SIZE = 16384,
};

struct request {
    _Alignas(struct nlmsghdr) char bytes[REQUEST_SIZE];
    size_t size;
};

static int open_socket(int protocol)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : fd;
}

int netlink_open(void)
{
    return open_socket(NETLINK_ROUTE);
}

int netlink_open_tables(void)
{
    return open_socket(NETLINK_NETFILTER);
}

/* --- building ---------------------------------------------------------------
 */

/* Appends |size| bytes (NULL: zeroes) and pads. Returns where they are. */
static void *append(struct request *request, const void *bytes, size_t size)
{
    char *at = request->bytes + request->size;
    assert(request->size + NLMSG_ALIGN(size) <= sizeof request->bytes);
    memset(at, 0, NLMSG_ALIGN(size));
    if (bytes != NULL) {
        memcpy(at, bytes, size);
    }
    request->size += NLMSG_ALIGN(size);
    return at;
}

static void begin(struct request *request, uint16_t type, uint16_t flags)
{
    struct nlmsghdr header = {
        .nlmsg_type = type,
        .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
    };
    request->size = 0;
    (void)append(request, &header, sizeof header);
}

static void add_attribute(struct request *request, uint16_t type,
                          const void *bytes, size_t size)
{
    struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(size),
                               .rta_type = type};
    (void)append(request, &attribute, sizeof attribute);
    (void)append(request, bytes, size);
}

static void add_text(struct request *request, uint16_t type, const char *text)
{
    add_attribute(request, type, text, strlen(text) + 1);
}

/* An attribute that holds others, up to close_nest(). */
static struct rtattr *open_nest(struct request *request, uint16_t type)
{
    struct rtattr attribute = {.rta_type = type};
    return append(request, &attribute, sizeof attribute);
}

static void close_nest(struct request *request, struct rtattr *nest)
{
    nest->rta_len =
        (uint16_t)(request->bytes + request->size - (char *)(void *)nest);
}

/* --- asking -----------------------------------------------------------------
 */

/* One answer, of the type that the caller looks for: its size or -errno. The
 * lengths of the messages in the request are right. */
static ssize_t exchange_as_it_is(int fd, const struct request *request,
                                 char answer[ANSWER_SIZE])
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t size;
    if (sendto(fd, request->bytes, request->size, 0, (struct sockaddr *)&kernel,
               sizeof kernel) < 0) {
        return -errno;
    }
    do {
        size = recv(fd, answer, ANSWER_SIZE, 0);
    } while (size < 0 && errno == EINTR);
    const struct nlmsghdr *header = (const void *)answer;
    if (size < 0) {
        return -errno;
    }
    return NLMSG_OK(header, (size_t)size) ? size : -EBADMSG;
}

/* The same, of a request that is one message. */
static ssize_t exchange(int fd, struct request *request,
                        char answer[ANSWER_SIZE])
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->bytes;
    header->nlmsg_len = (uint32_t)request->size;
    return exchange_as_it_is(fd, request, answer);
}

/* The errno that an answer is; 0 for "done". */
static int error_of(const char *answer)
{
    const struct nlmsghdr *header = (const void *)answer;
    const struct nlmsgerr *error = NLMSG_DATA(header);
    return header->nlmsg_type == NLMSG_ERROR ? error->error : -EBADMSG;
}

static int ask(int fd, struct request *request)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    ssize_t size = exchange(fd, request, answer);
    return size < 0 ? (int)size : error_of(answer);
}

int netlink_add_bridge(int fd, int index, const char *name)
{
    struct request request;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    (void)append(&request, &link, sizeof link);
    add_text(&request, IFLA_IFNAME, name);
    struct rtattr *info = open_nest(&request, IFLA_LINKINFO);
    add_text(&request, IFLA_INFO_KIND, "bridge");
    close_nest(&request, info);
    return ask(fd, &request);
}

int netlink_add_pair(int fd, int index, const char *name, int peer_index,
                     const char *peer_name, int peer_network)
{
    struct request request;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct ifinfomsg peer = {.ifi_family = AF_UNSPEC, .ifi_index = peer_index};
    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    (void)append(&request, &link, sizeof link);
    add_text(&request, IFLA_IFNAME, name);
    struct rtattr *info = open_nest(&request, IFLA_LINKINFO);
    add_text(&request, IFLA_INFO_KIND, "veth");
    struct rtattr *data = open_nest(&request, IFLA_INFO_DATA);
    struct rtattr *other = open_nest(&request, VETH_INFO_PEER);
    (void)append(&request, &peer, sizeof peer);
    add_text(&request, IFLA_IFNAME, peer_name);
    add_attribute(&request, IFLA_NET_NS_FD, &peer_network, sizeof peer_network);
    close_nest(&request, other);
    close_nest(&request, data);
    close_nest(&request, info);
    return ask(fd, &request);
}

int netlink_up(int fd, int index, int bridge)
{
    struct request request;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
                             .ifi_index = index,
                             .ifi_flags = IFF_UP,
                             .ifi_change = IFF_UP};
    begin(&request, RTM_NEWLINK, 0);
    (void)append(&request, &link, sizeof link);
    if (bridge != 0) {
        add_attribute(&request, IFLA_MASTER, &bridge, sizeof bridge);
    }
    return ask(fd, &request);
}

/* The state of RFC 2863 is set in the same step in which the kernel makes the
 * queue of a link that has got its carrier (net/core/link_watch.c). */
int netlink_is_working(int fd, int index)
{
    struct request request;
    _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)request.bytes;
    begin(&request, RTM_GETLINK, 0);
    header->nlmsg_flags = NLM_F_REQUEST; /* the link is the answer */
    (void)append(&request, &link, sizeof link);
    ssize_t size = exchange(fd, &request, answer);
    header = (struct nlmsghdr *)(void *)answer;
    if (size < 0 || header->nlmsg_type != RTM_NEWLINK) {
        return size < 0 ? (int)size : error_of(answer);
    }
    const char *at = (const char *)IFLA_RTA(NLMSG_DATA(header));
    int left = (int)IFLA_PAYLOAD(header);
    for (const struct rtattr *attribute = (const void *)at;
         RTA_OK(attribute, left); attribute = (const void *)at) {
        if (attribute->rta_type == IFLA_OPERSTATE) {
            return *(const uint8_t *)RTA_DATA(attribute) == IF_OPER_UP;
        }
        left -= (int)RTA_ALIGN(attribute->rta_len);
        at += RTA_ALIGN(attribute->rta_len);
    }
    return 1; /* a kernel that tells no state */
}

int netlink_add_address(int fd, int index, uint32_t address, int prefix_bits)
{
    struct request request;
    const uint32_t bytes = htonl(address);
    struct ifaddrmsg message = {.ifa_family = AF_INET,
                                .ifa_prefixlen = (uint8_t)prefix_bits,
                                .ifa_index = (uint32_t)index};
    begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    (void)append(&request, &message, sizeof message);
    add_attribute(&request, IFA_LOCAL, &bytes, sizeof bytes);
    add_attribute(&request, IFA_ADDRESS, &bytes, sizeof bytes);
    return ask(fd, &request);
}

/* --- sets -------------------------------------------------------------------
 */

/* Appends a message of nf_tables, up to close_message(). */
static struct nlmsghdr *open_message(struct request *request, uint16_t type,
                                     uint16_t flags, uint16_t resource)
{
    struct nlmsghdr header = {
        .nlmsg_type = type,
        .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
    };
    struct nfgenmsg family = {.nfgen_family = NFPROTO_BRIDGE,
                              .version = NFNETLINK_V0,
                              .res_id = htons(resource)};
    struct nlmsghdr *message = append(request, &header, sizeof header);
    (void)append(request, &family, sizeof family);
    return message;
}

static void close_message(struct request *request, struct nlmsghdr *message)
{
    message->nlmsg_len =
        (uint32_t)(request->bytes + request->size - (char *)(void *)message);
}

/* What stands at either end of a batch. */
static void add_fence(struct request *request, uint16_t type)
{
    close_message(request,
                  open_message(request, type, 0, NFNL_SUBSYS_NFTABLES));
}

static void add_elements(struct request *request, const int *indices,
                         size_t count)
{
    struct rtattr *list = open_nest(request, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = 0; i < count; i++) {
        struct rtattr *element = open_nest(request, NFTA_LIST_ELEM);
        struct rtattr *key = open_nest(request, NFTA_SET_ELEM_KEY);
        add_attribute(request, NFTA_DATA_VALUE, &indices[i], sizeof indices[i]);
        close_nest(request, key);
        close_nest(request, element);
    }
    close_nest(request, list);
}

/* Only the one in the middle is answered: a batch is done whole or not at all.
 */
static int change_set(int fd, uint16_t type, uint16_t flags, const char *table,
                      const char *set, const int *indices, size_t count)
{
    struct request request;
    _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    request.size = 0;
    add_fence(&request, NFNL_MSG_BATCH_BEGIN);
    struct nlmsghdr *message =
        open_message(&request, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
                     NLM_F_ACK | flags, 0);
    add_text(&request, NFTA_SET_ELEM_LIST_TABLE, table);
    add_text(&request, NFTA_SET_ELEM_LIST_SET, set);
    if (count > 0) {
        add_elements(&request, indices, count);
    }
    close_message(&request, message);
    add_fence(&request, NFNL_MSG_BATCH_END);
    ssize_t size = exchange_as_it_is(fd, &request, answer);
    return size < 0 ? (int)size : error_of(answer);
}

int netlink_set_add(int fd, const char *table, const char *set,
                    const int *indices, size_t count)
{
    assert(count > 0 && count <= NETLINK_SET_MAX);
    return change_set(fd, NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, indices,
                      count);
}

/* A request that names no element means all (net/netfilter/nf_tables_api.c). */
int netlink_set_clear(int fd, const char *table, const char *set)
{
    return change_set(fd, NFT_MSG_DELSETELEM, 0, table, set, NULL, 0);
}
