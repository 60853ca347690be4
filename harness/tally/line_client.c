/* line_client.c - a client of line_server: says a line each PERIOD_MS and waits
 * for the answer, until it is killed or the server is gone.
 *
 *     line_client PORT NAME
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_MS = 50 };

int main(int argc, char **argv)
{
    const struct timespec period = {.tv_nsec = PERIOD_MS * 1000000L};
    char line[128], answer[128];
    if (argc < 3) {
        (void)fprintf(stderr, "usage: line_client PORT NAME\n");
        return 64;
    }
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        perror(argv[1]);
        return 1;
    }
    for (unsigned long turn = 0;; turn++) {
        int size =
            snprintf(line, sizeof line, "%.80s says %lu\n", argv[2], turn);
        if (send(fd, line, (size_t)size, MSG_NOSIGNAL) != size ||
            recv(fd, answer, sizeof answer, 0) <= 0) {
            return 0;
        }
        (void)nanosleep(&period, NULL);
    }
}
