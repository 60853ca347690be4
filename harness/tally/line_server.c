/* line_server.c - a daemon like many: an unmodified target, for the tests.
 *
 *     line_server PORT [SESSIONS-MAX]
 *
 * It answers each line that a client sends over TCP with "ok N", and keeps a
 * record of each session that has ended, for an operator who asks ("sessions"
 * is answered with how many there were). Nobody drops the old ones: a service
 * whose clients come and go grows by one record a client. With SESSIONS-MAX it
 * keeps so many and forgets the oldest, as it should.
 *
 * It knows nothing of Plateau. One process, poll(2); at most CLIENTS_MAX at
 * once, later ones are turned away.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 512,
    LINE_SIZE = 256,
    TRANSCRIPT_SIZE = 1024, /* the last words of a session */
};

struct record {
    struct record *next;
    time_t ended;
    unsigned long lines;
    char peer[INET_ADDRSTRLEN + 8];
    char *transcript;
};

struct session {
    int fd;
    unsigned long lines;
    size_t used;
    char line[LINE_SIZE];
    char peer[INET_ADDRSTRLEN + 8];
    char *transcript;
};

struct server {
    int fd;
    struct session *sessions[CLIENTS_MAX];
    struct pollfd polls[CLIENTS_MAX + 1];
    size_t count;
    struct record *first, *last; /* of sessions that ended */
    unsigned long records;
    unsigned long records_max; /* 0: all */
};

/* --- sessions that ended ----------------------------------------------------
 */

static void forget_oldest(struct server *server)
{
    struct record *oldest = server->first;
    server->first = oldest->next;
    if (server->first == NULL) {
        server->last = NULL;
    }
    server->records--;
    free(oldest->transcript);
    free(oldest);
}

static void remember_session(struct server *server,
                             const struct session *session)
{
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        return;
    }
    record->ended = time(NULL);
    record->lines = session->lines;
    memcpy(record->peer, session->peer, sizeof record->peer);
    record->transcript = malloc(TRANSCRIPT_SIZE);
    if (record->transcript != NULL) {
        memcpy(record->transcript, session->transcript, TRANSCRIPT_SIZE);
    }
    if (server->last != NULL) {
        server->last->next = record;
    } else {
        server->first = record;
    }
    server->last = record;
    server->records++;
    if (server->records_max > 0 && server->records > server->records_max) {
        forget_oldest(server);
    }
}

/* --- a session --------------------------------------------------------------
 */

static void open_session(struct server *server)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    char address[INET_ADDRSTRLEN] = "?";
    int fd = accept(server->fd, (struct sockaddr *)&from, &size);
    struct session *session = calloc(1, sizeof *session);
    char *transcript = calloc(1, TRANSCRIPT_SIZE);
    if (fd < 0 || session == NULL || transcript == NULL ||
        server->count == CLIENTS_MAX) {
        free(session);
        free(transcript);
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    (void)inet_ntop(AF_INET, &from.sin_addr, address, sizeof address);
    session->fd = fd;
    session->transcript = transcript;
    (void)snprintf(session->peer, sizeof session->peer, "%s:%u", address,
                   ntohs(from.sin_port));
    server->sessions[server->count++] = session;
}

static void close_session(struct server *server, size_t index)
{
    struct session *session = server->sessions[index];
    remember_session(server, session);
    (void)close(session->fd);
    free(session->transcript);
    free(session);
    server->sessions[index] = server->sessions[--server->count];
}

static bool answer_line(struct server *server, struct session *session)
{
    char answer[64];
    size_t length = strlen(session->line);
    session->lines++;
    memmove(session->transcript, session->transcript + length,
            TRANSCRIPT_SIZE - length);
    memcpy(session->transcript + TRANSCRIPT_SIZE - length, session->line,
           length);
    int size =
        snprintf(answer, sizeof answer, "ok %lu\n",
                 strcmp(session->line, "sessions") == 0 ? server->records
                                                        : session->lines);
    return send(session->fd, answer, (size_t)size, MSG_NOSIGNAL) == size;
}

/* False: the client is gone, or talks too long. */
static bool read_session(struct server *server, struct session *session)
{
    ssize_t count = recv(session->fd, session->line + session->used,
                         LINE_SIZE - 1 - session->used, 0);
    if (count <= 0) {
        return count < 0 && errno == EINTR;
    }
    session->used += (size_t)count;
    for (;;) {
        char *end = memchr(session->line, '\n', session->used);
        if (end == NULL) {
            return session->used < LINE_SIZE - 1;
        }
        size_t length = (size_t)(end - session->line) + 1;
        *end = '\0';
        if (!answer_line(server, session)) {
            return false;
        }
        session->used -= length;
        memmove(session->line, session->line + length, session->used);
    }
}

/* --- the server -------------------------------------------------------------
 */

static int listen_on(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, CLIENTS_MAX) < 0) {
        return -1;
    }
    return fd;
}

static void serve(struct server *server)
{
    for (;;) {
        server->polls[0] = (struct pollfd){server->fd, POLLIN, 0};
        for (size_t i = 0; i < server->count; i++) {
            server->polls[i + 1] =
                (struct pollfd){server->sessions[i]->fd, POLLIN, 0};
        }
        if (poll(server->polls, server->count + 1, -1) < 0) {
            continue;
        }
        /* Backwards: a session that is closed is replaced by the last. */
        for (size_t i = server->count; i-- > 0;) {
            if (server->polls[i + 1].revents != 0 &&
                !read_session(server, server->sessions[i])) {
                close_session(server, i);
            }
        }
        if (server->polls[0].revents != 0) {
            open_session(server);
        }
    }
}

int main(int argc, char **argv)
{
    static struct server server;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: line_server PORT [SESSIONS-MAX]\n");
        return 64;
    }
    server.records_max = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    server.fd = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    if (server.fd < 0) {
        perror(argv[1]);
        return 1;
    }
    serve(&server);
    return 0;
}
