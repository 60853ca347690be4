/* The service of the tests: a real TCP server whose leak is switched on and off
 * while it runs.
 *
 *   test_service serve PORT-FILE   listens on a free port of 127.0.0.1, which
 *                                  it writes to PORT-FILE; serves until killed
 *   test_service load PORT RATE S  RATE requests a second for S seconds
 *   test_service ask PORT WORD     one request; prints the answer
 *
 * A request is a word, a connection each. "get" is answered with the number of
 * requests so far. For every request the server makes a record of who asked,
 * puts it into its journal, and answers; then the journal is shortened to its
 * last RECORDS_KEPT records. "leak" switches that shortening off, "mend" on
 * again: what was kept then is the leak, and mending does not give it back.
 * "count" tells the number and is no request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RECORDS_KEPT = 32,
    RECORD_BYTES = 600,
    RECORDS_MAX = 1 << 20, /* the test is wrong: it ends */
    WORD_SIZE = 16,
    ANSWER_SIZE = 32,
};

struct record {
    struct record *next;
    char about[RECORD_BYTES];
};

struct service {
    struct record *first, **last;
    size_t count;
    long requests;
    bool is_leaking;
};

static void append_record(struct service *service, int port)
{
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL || service->count > RECORDS_MAX) {
        exit(1);
    }
    (void)snprintf(record->about, sizeof record->about,
                   "request %ld from port %d", service->requests, port);
    *service->last = record;
    service->last = &record->next;
    service->count++;
}

/* The ones that a leak has left stay: they are cut off and lost. */
static void shorten(struct service *service)
{
    while (!service->is_leaking && service->count > RECORDS_KEPT) {
        struct record *first = service->first;
        service->first = first->next;
        free(first);
        service->count--;
    }
}

static void mend(struct service *service)
{
    service->first = NULL;
    service->last = &service->first;
    service->count = 0;
    service->is_leaking = false;
}

static void answer(struct service *service, const char *word, int port,
                   char text[ANSWER_SIZE])
{
    if (strcmp(word, "leak") == 0) {
        service->is_leaking = true;
    } else if (strcmp(word, "mend") == 0) {
        mend(service);
    } else if (strcmp(word, "get") == 0) {
        service->requests++;
        append_record(service, port);
        shorten(service);
    }
    (void)snprintf(text, ANSWER_SIZE, "%ld\n", service->requests);
}

static int open_socket(int port, bool is_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int result = is_server
                     ? bind(fd, (struct sockaddr *)&address, sizeof address)
                     : connect(fd, (struct sockaddr *)&address, sizeof address);
    if (result < 0 || (is_server && listen(fd, 64) < 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int serve(const char *port_file)
{
    struct service service = {0};
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int server = open_socket(0, true);
    service.last = &service.first;
    FILE *file = fopen(port_file, "w");
    if (server < 0 || file == NULL ||
        getsockname(server, (struct sockaddr *)&address, &size) < 0) {
        return 1;
    }
    (void)fprintf(file, "%d\n", ntohs(address.sin_port));
    (void)fclose(file);
    for (;;) {
        char word[WORD_SIZE], text[ANSWER_SIZE];
        size = sizeof address;
        int fd = accept(server, (struct sockaddr *)&address, &size);
        if (fd < 0) {
            continue;
        }
        ssize_t length = read(fd, word, sizeof word - 1);
        word[length > 0 ? length : 0] = '\0';
        word[strcspn(word, "\n")] = '\0';
        answer(&service, word, ntohs(address.sin_port), text);
        (void)!write(fd, text, strlen(text));
        (void)close(fd);
    }
}

static int ask(int port, const char *word, char text[ANSWER_SIZE])
{
    char line[WORD_SIZE + 1];
    int fd = open_socket(port, false);
    if (fd < 0) {
        return 1;
    }
    (void)snprintf(line, sizeof line, "%.15s\n", word);
    ssize_t length = write(fd, line, strlen(line));
    length = length > 0 ? read(fd, text, ANSWER_SIZE - 1) : 0;
    (void)close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 ? 0 : 1;
}

static int load(int port, double rate_per_s, double seconds)
{
    struct timespec at;
    char text[ANSWER_SIZE];
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    for (long i = 0; i < (long)(rate_per_s * seconds); i++) {
        at.tv_nsec += (long)(1e9 / rate_per_s);
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        if (ask(port, "get", text) != 0) {
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    char text[ANSWER_SIZE];
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        return serve(argv[2]);
    }
    if (argc == 5 && strcmp(argv[1], "load") == 0) {
        return load(atoi(argv[2]), atof(argv[3]), atof(argv[4]));
    }
    if (argc == 4 && strcmp(argv[1], "ask") == 0 &&
        ask(atoi(argv[2]), argv[3], text) == 0) {
        (void)fputs(text, stdout);
        return 0;
    }
    return 2;
}
