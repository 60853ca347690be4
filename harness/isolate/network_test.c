/* Each test is a child, because who enters a network does not come back. What
 * fails in it is a line of this file, which it gives as its answer through a
 * pipe; where the machine does not let us make networks the test
 * says so and claims nothing (cmocka's skip() is 'not ok' to who reads TAP). */
#include "isolate/network.h"

#include "isolate/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SENT = 4000,
    NOBODY = 65534,
    PORT = 4242,
    PLACES = 5,
    MANY = 200, /* whose networks take half a second to make */
    ROUNDS = 20,

    RIGHT = 0,
    SKIPPED = -1, /* no rights, or no nft */
};

#define OURS (UINT32_C(10) << 24 | UINT32_C(77) << 16 | 1)

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

static int enter_as(const struct network_config *config,
                    struct network **ret_network)
{
    struct err err = {0};
    int result = network_enter(config, ret_network, &err);
    if (result != 0) {
        (void)fprintf(stderr, "# %s\n", err.sentence);
    }
    return result;
}

static int enter(enum network_rule rule, uint32_t places, double drop,
                 struct network **ret_network)
{
    const struct network_config config = {
        .rule = rule, .places = places, .drop_share = drop};
    return enter_as(&config, ret_network);
}

static bool cannot(int result)
{
    return result == -EPERM || result == -ENOSPC || result == -ENOENT ||
           result == -EOPNOTSUPP || result == -EACCES;
}

static void in_child(int (*body)(void))
{
    int ends[2];
    int line = __LINE__;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        line = body();
        (void)!write(ends[1], &line, sizeof line);
        _exit(0);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &line, sizeof line), sizeof line);
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    if (line == SKIPPED) {
        print_message("# skipped: no right to make networks here, or no nft\n");
        return;
    }
    if (line != RIGHT) {
        fail_msg("%s:%d", __FILE__, line);
    }
}

/* A UDP socket at |address| in |network| (0: ours). */
static int open_udp(int network, uint32_t address)
{
    int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int bytes = 4 << 20;
    at.sin_addr.s_addr = htonl(address);
    if (network != 0 && setns(network, CLONE_NEWNET) < 0) {
        return -1;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (network != 0) {
        (void)setns(ours, CLONE_NEWNET);
    }
    (void)close(ours);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -1 : fd;
}

/* How many of |count| datagrams from |from| arrive at |to|, |address|. */
static int send_all(int from, int to, uint32_t address, int count)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct pollfd polled = {.fd = to, .events = POLLIN};
    int arrived = 0;
    char byte;
    at.sin_addr.s_addr = htonl(address);
    for (int i = 0; i < count; i++) {
        (void)sendto(from, "x", 1, 0, (struct sockaddr *)&at, sizeof at);
        while (recv(to, &byte, 1, MSG_DONTWAIT) == 1) {
            arrived++;
        }
    }
    while (poll(&polled, 1, 200) > 0 && recv(to, &byte, 1, MSG_DONTWAIT) == 1) {
        arrived++;
    }
    return arrived;
}

/* Five standard deviations of a binomial of |share|. */
static bool is_share(int arrived, double share)
{
    double mean = SENT * share;
    double off = arrived - mean;
    return off * off < 25. * mean * (1. - share);
}

/* --- bodies ----------------------------------------------------------------
 */

static int shared_body(void)
{
    struct network *network = NULL;
    struct stat before, after;
    CHECK(stat("/proc/self/ns/net", &before) == 0);
    int result = enter(NETWORK_SHARED, 3, 0., &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    CHECK(stat("/proc/self/ns/net", &after) == 0);
    CHECK(before.st_ino != after.st_ino);
    CHECK(network_of(network, 0) == 0 && network_of(network, 2) == 0);
    int fd = open_udp(0, INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK(send_all(fd, fd, INADDR_LOOPBACK, 10) == 10);
    /* Nothing leads out: a documentation address (RFC 5737) has no route. */
    struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(9)};
    out.sin_addr.s_addr = htonl(UINT32_C(0xc0000201));
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&out, sizeof out) < 0);
    CHECK(errno == ENETUNREACH);
    network_free(network);
    return RIGHT;
}

/* The files of a process that changed its user are root's, unless it says
 * otherwise. */
static bool is_nobody(void)
{
    return getuid() != 0 || (setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                             setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
                             prctl(PR_SET_DUMPABLE, 1) == 0);
}

static int unprivileged_body(void)
{
    if (!is_nobody()) {
        return SKIPPED;
    }
    uid_t user = getuid();
    int line = shared_body();
    CHECK(getuid() == user);
    return line;
}

static int each_body(void)
{
    struct network *network = NULL;
    int result = enter(NETWORK_EACH, 3, 0., &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    int fds[3];
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(network_of(network, i) > 0);
        fds[i] = open_udp(network_of(network, i), isolate_place_address(i));
        CHECK(fds[i] >= 0);
    }
    CHECK(network_of(network, 3) == 0);
    /* Nobody else's address is to be had in a place. */
    CHECK(open_udp(network_of(network, 0), isolate_place_address(1)) < 0);
    CHECK(send_all(fds[0], fds[2], isolate_place_address(2), 10) == 10);
    int ours = open_udp(0, INADDR_ANY);
    CHECK(ours >= 0);
    CHECK(send_all(ours, fds[1], isolate_place_address(1), 10) == 10);
    network_free(network);
    return RIGHT;
}

static int lossy_shared_body(void)
{
    struct network *network = NULL;
    int result = enter(NETWORK_SHARED, 1, .3, &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    int fd = open_udp(0, INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK(is_share(send_all(fd, fd, INADDR_LOOPBACK, SENT), .7));
    network_free(network);
    return RIGHT;
}

/* The right that nft was lent is not left to others. */
static int lossy_unprivileged_body(void)
{
    if (!is_nobody()) {
        return SKIPPED;
    }
    int line = lossy_shared_body();
    CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_ADMIN, 0, 0) ==
          0);
    return line;
}

static int lossy_each_body(void)
{
    struct network *network = NULL;
    int result = enter(NETWORK_EACH, 2, .2, &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    int first = open_udp(network_of(network, 0), isolate_place_address(0));
    int second = open_udp(network_of(network, 1), isolate_place_address(1));
    int ours = open_udp(0, INADDR_ANY);
    CHECK(first >= 0 && second >= 0 && ours >= 0);
    CHECK(
        is_share(send_all(first, second, isolate_place_address(1), SENT), .8));
    /* What we ask of a place arrives. */
    CHECK(send_all(ours, first, isolate_place_address(0), 500) == 500);
    network_free(network);
    return RIGHT;
}

/* Everybody sends to everybody, we to all and all to us: whether what arrives
 * is from whom |expected| says, bit |from| of expected[to]; we are PLACES. What
 * is wanted has five seconds to come, what is not a tenth. */
static bool is_reached(const int fds[PLACES + 1],
                       const unsigned expected[PLACES + 1])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct pollfd polled[PLACES + 1];
    unsigned reached[PLACES + 1] = {0};
    for (uint32_t from = 0; from <= PLACES; from++) {
        polled[from] = (struct pollfd){.fd = fds[from], .events = POLLIN};
        for (uint32_t to = 0; to <= PLACES; to++) {
            char byte = (char)from;
            at.sin_addr.s_addr =
                htonl(to < PLACES ? isolate_place_address(to) : OURS);
            (void)sendto(fds[from], &byte, 1, 0, (struct sockaddr *)&at,
                         sizeof at);
        }
    }
    int wait_ms = 5000;
    while (poll(polled, PLACES + 1, wait_ms) > 0) {
        for (uint32_t to = 0; to <= PLACES; to++) {
            char from;
            while (recv(fds[to], &from, 1, MSG_DONTWAIT) == 1) {
                reached[to] |= 1u << from;
            }
        }
        bool is_all = memcmp(reached, expected, sizeof reached) == 0;
        wait_ms = is_all ? 100 : 5000;
    }
    return memcmp(reached, expected, sizeof reached) == 0;
}

static int partitions_body(void)
{
    static const struct network_config config = {
        .rule = NETWORK_EACH, .places = PLACES, .has_partitions = true};
    static const uint32_t first[] = {1, 3}, second[] = {4};
    static const unsigned whole[] = {63, 63, 63, 63, 63, 63},
                          cut[] = {53, 42, 53, 42, 53, 63},
                          more[] = {37, 58, 37, 58, 58, 63};
    struct network *network = NULL;
    int fds[PLACES + 1];
    int result = enter_as(&config, &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    for (uint32_t i = 0; i < PLACES; i++) {
        fds[i] = open_udp(network_of(network, i), isolate_place_address(i));
        CHECK(fds[i] >= 0);
    }
    fds[PLACES] = open_udp(0, INADDR_ANY);
    CHECK(fds[PLACES] >= 0);
    CHECK(is_reached(fds, whole));
    for (int round = 0; round < 2; round++) {
        CHECK(network_cut(network, first, 2) == 0);
        CHECK(is_reached(fds, cut));
        CHECK(network_cut(network, second, 1) == 0);
        CHECK(is_reached(fds, more));
        CHECK(network_heal(network) == 0);
        CHECK(is_reached(fds, whole));
    }
    network_free(network);
    return RIGHT;
}

static int partitions_unprivileged_body(void)
{
    return is_nobody() ? partitions_body() : SKIPPED;
}

/* In one step; what it takes is told, and not asked for. */
static int partition_of_many_body(void)
{
    static const struct network_config config = {
        .rule = NETWORK_EACH, .places = MANY, .has_partitions = true};
    struct network *network = NULL;
    struct timespec before, after;
    uint32_t places[MANY];
    int result = enter_as(&config, &network);
    if (cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == 0);
    for (uint32_t i = 0; i < MANY; i++) {
        places[i] = i;
    }
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(network_cut(network, places, MANY / 2) == 0);
        CHECK(network_heal(network) == 0);
    }
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    (void)printf("# a cut of %d places and its healing: %.3f ms\n", MANY / 2,
                 ((double)(after.tv_sec - before.tv_sec) * 1e3 +
                  (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
                     ROUNDS);
    (void)fflush(stdout);
    network_free(network);
    return RIGHT;
}

/* Nobody finds the program, which is in one of the two. */
static bool hide_nft(void)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/usr/sbin", "tmpfs", 0, NULL) == 0 &&
           mount("none", "/sbin", "tmpfs", 0, NULL) == 0 &&
           setenv("PATH", "/nowhere", 1) == 0;
}

static int without_nft_body(void)
{
    static const struct network_config config = {
        .rule = NETWORK_EACH, .places = 2, .has_partitions = true};
    struct network *network = NULL;
    struct err err = {0};
    if (!hide_nft()) {
        return SKIPPED;
    }
    int result = network_enter(&config, &network, &err);
    if (result != -ENOENT && cannot(result)) {
        return SKIPPED;
    }
    CHECK(result == -ENOENT);
    CHECK(strstr(err.sentence, "churn.kinds.partition: there is no program "
                               "'nft'; install nftables") != NULL);
    return RIGHT;
}

/* --- tests -----------------------------------------------------------------
 */

static void a_shared_network_has_a_loopback_and_no_way_out(void **state)
{
    (void)state;
    in_child(shared_body);
}

static void without_rights_a_user_namespace_gives_them(void **state)
{
    (void)state;
    in_child(unprivileged_body);
}

static void every_place_has_an_address_and_reaches_the_others(void **state)
{
    (void)state;
    in_child(each_body);
}

static void of_the_loopback_so_large_a_share_is_lost(void **state)
{
    (void)state;
    in_child(lossy_shared_body);
}

static void without_rights_packets_are_lost_as_well(void **state)
{
    (void)state;
    in_child(lossy_unprivileged_body);
}

static void between_places_packets_are_lost_and_to_us_none(void **state)
{
    (void)state;
    in_child(lossy_each_body);
}

static void who_is_cut_off_reaches_only_its_own_until_it_is_healed(void **state)
{
    (void)state;
    in_child(partitions_body);
}

static void without_rights_places_are_cut_off_as_well(void **state)
{
    (void)state;
    in_child(partitions_unprivileged_body);
}

static void many_are_cut_off_in_one_step(void **state)
{
    (void)state;
    in_child(partition_of_many_body);
}

static void without_nft_it_is_said_what_needs_it(void **state)
{
    (void)state;
    in_child(without_nft_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_network_has_a_loopback_and_no_way_out),
        cmocka_unit_test(without_rights_a_user_namespace_gives_them),
        cmocka_unit_test(every_place_has_an_address_and_reaches_the_others),
        cmocka_unit_test(of_the_loopback_so_large_a_share_is_lost),
        cmocka_unit_test(without_rights_packets_are_lost_as_well),
        cmocka_unit_test(between_places_packets_are_lost_and_to_us_none),
        cmocka_unit_test(
            who_is_cut_off_reaches_only_its_own_until_it_is_healed),
        cmocka_unit_test(without_rights_places_are_cut_off_as_well),
        cmocka_unit_test(many_are_cut_off_in_one_step),
        cmocka_unit_test(without_nft_it_is_said_what_needs_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
