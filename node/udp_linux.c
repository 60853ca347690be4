#include "udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    SEND_TRIES_MAX = 4, /* a pending refusal makes the next send fail once */
    SOCKET_BUFFER_BYTES = 1 << 20,
};

struct udp {
    int fd;
    struct peer_addr local;
    bool has_refusals; /* the error queue may hold something */
    struct mmsghdr messages[UDP_BATCH_MAX];
    struct iovec vectors[UDP_BATCH_MAX];
    struct sockaddr_storage senders[UDP_BATCH_MAX];
    uint8_t bytes[UDP_BATCH_MAX][UDP_DATAGRAM_MAX];
};

socklen_t udp_sockaddr(const struct peer_addr *addr,
                       struct sockaddr_storage *ret_storage)
{
    memset(ret_storage, 0, sizeof *ret_storage);
    if (addr->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_storage;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        memcpy(&in6->sin6_addr, addr->ip, sizeof in6->sin6_addr);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)ret_storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(addr->port);
    memcpy(&in->sin_addr, addr->ip, sizeof in->sin_addr);
    return sizeof *in;
}

static void addr_from_sockaddr(const struct sockaddr_storage *storage,
                               struct peer_addr *ret_addr)
{
    memset(ret_addr, 0, sizeof *ret_addr);
    if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
        ret_addr->family = 6;
        ret_addr->port = ntohs(in6->sin6_port);
        memcpy(ret_addr->ip, &in6->sin6_addr, sizeof in6->sin6_addr);
    } else if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
        ret_addr->family = 4;
        ret_addr->port = ntohs(in->sin_port);
        memcpy(ret_addr->ip, &in->sin_addr, sizeof in->sin_addr);
    }
}

/* Asks to be told of refusals, and for room for bursts; neither is vital. */
static void set_options(int fd, bool is_ipv6)
{
    int on = 1;
    int bytes = SOCKET_BUFFER_BYTES;
    if (is_ipv6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int bind_socket(int fd, const struct peer_addr *listen,
                       struct peer_addr *ret_local)
{
    struct sockaddr_storage storage;
    socklen_t size = udp_sockaddr(listen, &storage);
    if (bind(fd, (struct sockaddr *)&storage, size) < 0) {
        return -errno;
    }
    size = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0) {
        return -errno;
    }
    addr_from_sockaddr(&storage, ret_local);
    return 0;
}

int udp_open(const struct peer_addr *listen, struct udp **ret_udp)
{
    bool is_ipv6 = listen->family == 6;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET,
                    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    set_options(fd, is_ipv6);
    struct udp *udp = calloc(1, sizeof *udp);
    int result = udp ? bind_socket(fd, listen, &udp->local) : -ENOMEM;
    if (result != 0) {
        free(udp);
        close(fd);
        return result;
    }
    udp->fd = fd;
    *ret_udp = udp;
    return 0;
}

void udp_close(struct udp *udp)
{
    if (udp != NULL) {
        close(udp->fd);
        free(udp);
    }
}

int udp_fd(const struct udp *udp)
{
    return udp->fd;
}

const struct peer_addr *udp_local(const struct udp *udp)
{
    return &udp->local;
}

int udp_send(struct udp *udp, const struct peer_addr *peer, const void *data,
             size_t size)
{
    struct sockaddr_storage storage;
    socklen_t storage_size = udp_sockaddr(peer, &storage);
    /* With IP_RECVERR on, an earlier datagram's refusal is a pending error of
     * the socket, which the next call reports instead of doing its work
     * (ip(7)). It says nothing of this datagram: try again. */
    for (int i = 0; i < SEND_TRIES_MAX; i++) {
        if (sendto(udp->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                   (struct sockaddr *)&storage, storage_size) >= 0) {
            return 0;
        }
        if (errno == ECONNREFUSED) {
            udp->has_refusals = true;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return -EAGAIN;
}

/* Reads one entry of the error queue: the head of what we sent, the address
 * it went to, and who says what about it. False when the queue is empty. */
static bool receive_error(struct udp *udp, struct udp_datagram *ret_datagram,
                          bool *ret_is_refusal)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[256];
    } control;
    struct iovec vector = {udp->bytes[0], UDP_DATAGRAM_MAX};
    struct msghdr message = {
        .msg_name = &udp->senders[0],
        .msg_namelen = sizeof udp->senders[0],
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t size = recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size < 0) {
        return false;
    }
    *ret_is_refusal = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL;
         c = CMSG_NXTHDR(&message, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(c), sizeof error);
            *ret_is_refusal = error.ee_errno == ECONNREFUSED;
        }
    }
    ret_datagram->data = udp->bytes[0];
    ret_datagram->size = (size_t)size;
    ret_datagram->is_refusal = true;
    addr_from_sockaddr(&udp->senders[0], &ret_datagram->peer);
    return true;
}

static size_t receive_batch(struct udp *udp, struct udp_datagram *datagrams)
{
    for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
        udp->vectors[i] = (struct iovec){udp->bytes[i], UDP_DATAGRAM_MAX};
        udp->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &udp->senders[i],
            .msg_namelen = sizeof udp->senders[i],
            .msg_iov = &udp->vectors[i],
            .msg_iovlen = 1,
        };
    }
    int count;
    do {
        count =
            recvmmsg(udp->fd, udp->messages, UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        udp->has_refusals = udp->has_refusals || errno == ECONNREFUSED;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        datagrams[i].data = udp->bytes[i];
        datagrams[i].size = udp->messages[i].msg_len;
        datagrams[i].is_refusal = false;
        addr_from_sockaddr(&udp->senders[i], &datagrams[i].peer);
    }
    return (size_t)count;
}

size_t udp_receive(struct udp *udp, struct udp_datagram *datagrams)
{
    bool is_refusal = false;
    while (udp->has_refusals) {
        if (!receive_error(udp, &datagrams[0], &is_refusal)) {
            udp->has_refusals = false;
        } else if (is_refusal) {
            return 1;
        }
    }
    size_t count = receive_batch(udp, datagrams);
    if (count == 0 && receive_error(udp, &datagrams[0], &is_refusal)) {
        /* Only errors were waiting. One that is no refusal (a host or a
         * network out of reach, a path too narrow) is for the time-outs. */
        udp->has_refusals = true;
        return is_refusal ? 1 : udp_receive(udp, datagrams);
    }
    return count;
}
