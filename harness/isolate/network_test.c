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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SENT = 4000,
    NOBODY = 65534,
    PORT = 4242,

    RIGHT = 0,
    SKIPPED = -1, /* no rights, or no nft */
};

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

static int enter(enum network_rule rule, uint32_t places, double drop,
                 struct network **ret_network)
{
    const struct network_config config = {
        .rule = rule, .places = places, .drop_share = drop};
    struct err err = {0};
    int result = network_enter(&config, ret_network, &err);
    if (result != 0) {
        (void)fprintf(stderr, "# %s\n", err.sentence);
    }
    return result;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_network_has_a_loopback_and_no_way_out),
        cmocka_unit_test(without_rights_a_user_namespace_gives_them),
        cmocka_unit_test(every_place_has_an_address_and_reaches_the_others),
        cmocka_unit_test(of_the_loopback_so_large_a_share_is_lost),
        cmocka_unit_test(without_rights_packets_are_lost_as_well),
        cmocka_unit_test(between_places_packets_are_lost_and_to_us_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
