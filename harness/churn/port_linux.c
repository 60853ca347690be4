/* TCP is asked by connecting: a listener shows in no other way that it
 * accepts. The connection is closed in order, so the target sees one that came
 * and went. UDP has no such answer; the kernel lists its sockets in
 * /proc/PID/net/udp and udp6 (proc(5)), as that process's network has them. */
#include "churn/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TABLE_LINE_MAX = 512, TABLE_LINES_MAX = 1 << 20, PATH_SIZE = 64 };

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static int make_address(const char *host, uint32_t port, union address *address,
                        socklen_t *ret_size)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->in.sin_addr) == 1) {
        address->in.sin_family = AF_INET;
        address->in.sin_port = htons((uint16_t)port);
        *ret_size = sizeof address->in;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1) {
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = htons((uint16_t)port);
        *ret_size = sizeof address->in6;
        return 0;
    }
    return -EINVAL;
}

/* Where nobody listens on a port from which connections are given out as well,
 * a socket may by chance be given that very port and connect to itself. */
static bool is_to_itself(int fd)
{
    union address ours;
    union address theirs;
    socklen_t ours_size = sizeof ours;
    socklen_t theirs_size = sizeof theirs;
    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    return getsockname(fd, &ours.any, &ours_size) == 0 &&
           getpeername(fd, &theirs.any, &theirs_size) == 0 &&
           ours_size == theirs_size && memcmp(&ours, &theirs, ours_size) == 0;
}

int port_connect(const char *host, uint32_t port, int *ret_fd)
{
    union address address;
    socklen_t size = 0;
    int result = make_address(host, port, &address, &size);
    if (result < 0) {
        return result;
    }
    int fd = socket(address.any.sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, &address.any, size) == 0) {
        result = is_to_itself(fd) ? PORT_REFUSED : 0;
        errno = ECONNREFUSED;
    } else if (errno == EINPROGRESS) {
        *ret_fd = fd;
        return PORT_PENDING;
    } else {
        result = PORT_REFUSED;
    }
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return result;
}

int port_connected(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&poll_fd, 1, wait_ms) == 0) {
        return PORT_PENDING;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        return -errno;
    }
    errno = error != 0 ? error : ECONNREFUSED;
    return error != 0 || is_to_itself(fd) ? PORT_REFUSED : 0;
}

/* "  12: 0100007F:1F90 00000000:0000 07 ...": the second number of the second
 * word is the local port, in hexadecimal. */
static bool has_port(const char *line, uint32_t port)
{
    const char *at = strchr(line, ':');
    if (at == NULL) {
        return false;
    }
    at = strchr(at + 1, ':');
    return at != NULL && strtoul(at + 1, NULL, 16) == port;
}

static int is_in_table(const char *path, uint32_t port)
{
    char line[TABLE_LINE_MAX];
    int found = 0;
    FILE *table = fopen(path, "re");
    if (table == NULL) {
        return -errno;
    }
    for (long i = 0; i < TABLE_LINES_MAX && !found; i++) {
        if (fgets(line, sizeof line, table) == NULL) {
            break;
        }
        found = i > 0 && has_port(line, port); /* the first one is a title */
    }
    (void)fclose(table);
    return found;
}

/* A machine without IPv6 has no udp6: one table that can be read is enough. */
int port_is_bound_udp(int64_t pid, uint32_t port)
{
    static const char *const names[] = {"udp", "udp6"};
    int result = -ENOENT;
    for (size_t i = 0; i < 2 && result <= 0; i++) {
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "/proc/%lld/net/%s", (long long)pid,
                       names[i]);
        int found = is_in_table(path, port);
        result = found >= 0 ? found : (i == 0 ? found : result);
    }
    return result;
}
