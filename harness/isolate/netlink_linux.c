/* Happy path: a request is built in a buffer, sent, and answered with an
 * NLMSG_ERROR of 0. Failure modes: that answer is an errno. */
#include "isolate/netlink.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_SIZE = 1024, ANSWER_SIZE = 16384 };

struct request {
    _Alignas(struct nlmsghdr) char bytes[REQUEST_SIZE];
    size_t size;
};

int netlink_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return fd < 0 ? -errno : fd;
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

/* One answer, of the type that the caller looks for: its size or -errno. */
static ssize_t exchange(int fd, struct request *request,
                        char answer[ANSWER_SIZE])
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->bytes;
    ssize_t size;
    header->nlmsg_len = (uint32_t)request->size;
    if (sendto(fd, request->bytes, request->size, 0, (struct sockaddr *)&kernel,
               sizeof kernel) < 0) {
        return -errno;
    }
    do {
        size = recv(fd, answer, ANSWER_SIZE, 0);
    } while (size < 0 && errno == EINTR);
    header = (struct nlmsghdr *)(void *)answer;
    if (size < 0) {
        return -errno;
    }
    return NLMSG_OK(header, (size_t)size) ? size : -EBADMSG;
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
