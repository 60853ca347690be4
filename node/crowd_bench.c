/* How many live nodes this machine carries: starts COUNT real meshnodes, lets
 * ten more publish for a while, and says how fast all joined, how much of what
 * was published arrived at each, and what a node cost.
 *
 *     crowd_bench MESHNODE [COUNT [SECONDS]]      (default 1000, 30 s)
 *
 * The publishers come last and leave first, so that what every other node has
 * to deliver is known to the message. Each node counts in a tally page of its
 * own. Exit 0 when all joined within a minute and 99.9 % was delivered.
 *
 * Happy path: start() each node, WINDOW not yet ready at a time -> ready()
 * takes its contact, which later ones join through -> publishers -> they leave
 * -> all pages are read -> stop(). A node that dies or is never ready ends the
 * measurement with what is known. */
#include "clock.h"
#include "plateau_tally.h"
#include "rng.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
    NODES_MAX = 6000,
    PUBLISHERS = 10,
    WINDOW = 32, /* started and not ready yet */
    CONTACTS = 3,
    CONTACT_MAX = 128,
    PAGE_ENTRIES = 128,
    PAGE_BYTES = 64 + 64 * PAGE_ENTRIES,
    TALLY_FD = 3,
    READY_FD = 4,
    JOIN_MS = 60000,      /* asked for */
    JOIN_MS_MAX = 240000, /* then it is given up */
    QUIET_MS = 10000,     /* after the last join */
    STRAGGLE_MS = 5000,
};

struct member {
    pid_t pid;
    int ready_fd; /* -1 once it is ready */
    struct plateau_tally *page;
    char contact[CONTACT_MAX];
};

static struct member members[NODES_MAX + PUBLISHERS];
static int started_count, ready_count;
static const char *program;
static struct rng rng;

static void pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

static struct plateau_tally *make_page(int *ret_fd)
{
    int fd = memfd_create("tally", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, PAGE_BYTES) != 0) {
        return NULL;
    }
    struct plateau_tally *page =
        mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    page->magic = PLATEAU_TALLY_MAGIC;
    page->version = PLATEAU_TALLY_VERSION;
    page->page_bytes = PAGE_BYTES;
    page->capacity = PAGE_ENTRIES;
    page->generation = 1;
    *ret_fd = fd;
    return page;
}

static uint64_t value_of(const struct member *member, const char *name)
{
    for (uint32_t i = 0; i < member->page->count; i++) {
        if (strcmp(member->page->entries[i].name, name) == 0) {
            return member->page->entries[i].value;
        }
    }
    return 0;
}

static void write_peers(char *text, size_t size)
{
    size_t at = 0;
    int count = ready_count < CONTACTS ? ready_count : CONTACTS;
    for (int i = 0; i < count; i++) {
        const struct member *other;
        do {
            other = &members[rng_below(&rng, (uint64_t)started_count)];
        } while (other->contact[0] == '\0');
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? "," : "",
                               other->contact);
    }
}

/* Starts one more; -errno when the machine has no room for it. */
static int start(bool is_publisher)
{
    struct member *member = &members[started_count];
    char peers[CONTACTS * CONTACT_MAX] = "127.0.0.1:1", seed[16];
    char *environment[] = {(char[]){"PLATEAU_TALLY=fd:3"}, NULL};
    int tally_fd = -1, ends[2];
    member->page = make_page(&tally_fd);
    if (member->page == NULL || pipe(ends) != 0) {
        return -errno;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    write_peers(peers, sizeof peers);
    (void)snprintf(seed, sizeof seed, "%d", started_count + 1);
    const char *words[] = {program,
                           "--ready-fd",
                           "4",
                           "--seed",
                           seed,
                           "--publish-ms",
                           is_publisher ? "2000" : "0",
                           "--tally-ms",
                           "500",
                           "--load-ms",
                           "0",
                           "--keep-alive-ms",
                           "5000",
                           "--idle-timeout-ms",
                           "30000",
                           "--handshake-timeout-ms",
                           "10000",
                           started_count > 0 ? "--peers" : NULL,
                           peers,
                           NULL};
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    /* By way of numbers that neither can be, then onto 3 and 4. */
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 250);
    (void)posix_spawn_file_actions_adddup2(&actions, tally_fd, TALLY_FD);
    (void)posix_spawn_file_actions_adddup2(&actions, 250, READY_FD);
    (void)posix_spawn_file_actions_addclose(&actions, 250);
    int result = posix_spawn(&member->pid, program, &actions, NULL,
                             (char *const *)(uintptr_t)words, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    (void)close(tally_fd);
    member->ready_fd = ends[0];
    started_count += result == 0;
    return -result;
}

/* Takes the readiness line of whoever has written it within |ms|. */
static void take_ready(int ms)
{
    struct pollfd polls[WINDOW];
    struct member *of[WINDOW];
    nfds_t count = 0;
    for (int i = 0; i < started_count && count < WINDOW; i++) {
        if (members[i].ready_fd >= 0) {
            polls[count] = (struct pollfd){members[i].ready_fd, POLLIN, 0};
            of[count++] = &members[i];
        }
    }
    if (poll(polls, count, ms) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        char line[CONTACT_MAX + 8] = "";
        if (polls[i].revents == 0) {
            continue;
        }
        ssize_t size = read(of[i]->ready_fd, line, sizeof line - 1);
        (void)close(of[i]->ready_fd);
        of[i]->ready_fd = -1;
        if (size > 0 && sscanf(line, "ready %127s", of[i]->contact) == 1) {
            ready_count++;
        }
    }
}

/* Starts |count| more and waits until all are ready; how many are. */
static int start_many(int count, bool is_publisher)
{
    int64_t deadline_ns = clock_now_ns() + JOIN_MS_MAX * INT64_C(1000000);
    int goal = started_count + count, result = 0;
    while (ready_count < goal && clock_now_ns() < deadline_ns && result == 0) {
        int window = started_count == 0 ? 1 : WINDOW;
        while (started_count < goal && result == 0 &&
               started_count - ready_count < window &&
               (started_count == 0 || ready_count > 0)) {
            result = start(is_publisher);
        }
        take_ready(1000);
    }
    if (result != 0) {
        (void)printf("stopped at %d nodes: %s\n", started_count,
                     strerror(-result));
    }
    return ready_count;
}

/* Nanoseconds of CPU that all nodes together have used. */
static uint64_t cpu_ns(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < started_count; i++) {
        char path[64];
        unsigned long long used = 0;
        (void)snprintf(path, sizeof path, "/proc/%d/schedstat",
                       (int)members[i].pid);
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            if (fscanf(file, "%llu", &used) == 1) {
                sum += used;
            }
            (void)fclose(file);
        }
    }
    return sum;
}

/* Kilobytes of memory that are a node's own, of all together. */
static uint64_t private_kb(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < started_count; i++) {
        char line[128];
        unsigned long long kb;
        (void)snprintf(line, sizeof line, "/proc/%d/smaps_rollup",
                       (int)members[i].pid);
        FILE *file = fopen(line, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            if (sscanf(line, "Private_%*[CDa-z]: %llu", &kb) == 1) {
                sum += kb;
            }
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    return sum;
}

static void stop(int first, int signal_number)
{
    for (int i = first; i < started_count; i++) {
        (void)kill(members[i].pid, signal_number);
    }
    for (int i = first; i < started_count; i++) {
        (void)waitpid(members[i].pid, NULL, 0);
    }
    started_count = first;
}

/* Prints what arrived; the share of what should have. */
static double print_delivery(int count)
{
    uint64_t published = 0, delivered = 0, least = UINT64_MAX, latency = 0;
    for (int i = count; i < count + PUBLISHERS; i++) {
        published += value_of(&members[i], "messages_published");
    }
    for (int i = 0; i < count; i++) {
        uint64_t here = value_of(&members[i], "messages_delivered");
        delivered += here;
        least = here < least ? here : least;
        latency += value_of(&members[i], "delivery_latency");
    }
    double share = 0;
    if (published > 0) {
        share = (double)delivered / ((double)published * count);
    }
    (void)printf("delivered %.4f %% of %llu messages to each; the worst node "
                 "%llu; latency %.1f ms in the mean\n",
                 100 * share, (unsigned long long)published,
                 (unsigned long long)least,
                 (double)latency / 1e6 / (double)count);
    return share;
}

/* The measurement proper, once |count| nodes are up. */
static double measure(int count, int seconds)
{
    pause_ms(QUIET_MS);
    uint64_t before_ns = cpu_ns();
    pause_ms(QUIET_MS);
    (void)printf("quiet: %.3f cores, %.2f ms of CPU a second and node\n",
                 (double)(cpu_ns() - before_ns) / QUIET_MS / 1e6,
                 (double)(cpu_ns() - before_ns) / QUIET_MS / 1e3 / count);
    (void)start_many(PUBLISHERS, true);
    before_ns = cpu_ns();
    /* Half a second more: nobody shall be told to leave as it publishes. */
    pause_ms(seconds * 1000 + 500);
    (void)printf("ten publish: %.3f cores\n",
                 (double)(cpu_ns() - before_ns) / seconds / 1e9);
    (void)printf("private memory: %.2f MB a node, %.2f GB in all\n",
                 (double)private_kb() / 1e3 / started_count,
                 (double)private_kb() / 1e6);
    stop(count, SIGTERM);
    pause_ms(STRAGGLE_MS);
    return print_delivery(count);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    int seconds = argc > 3 ? atoi(argv[3]) : 30;
    if (argc < 2 || count < 1 || count > NODES_MAX || seconds < 1) {
        (void)fprintf(stderr,
                      "usage: crowd_bench MESHNODE [COUNT [SECONDS]]\n");
        return 64;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    program = argv[1];
    rng_init(&rng, 1);
    int64_t began_ns = clock_now_ns();
    int ready = start_many(count, false);
    double join_s = (double)(clock_now_ns() - began_ns) / 1e9;
    (void)printf("%d of %d nodes joined in %.1f s\n", ready, count, join_s);
    (void)fflush(stdout);
    double share = ready == count ? measure(count, seconds) : 0;
    stop(0, SIGKILL);
    return share >= 0.999 && join_s < JOIN_MS / 1e3 ? 0 : 1;
}
