/* Happy path: network_enter() -> a network of our own, loopback up -> EACH: for
 * every place a network, a pair of links with one end on our bridge and the
 * other called eth0 in it -> where packets are to be lost, nft is told so; a
 * partition is a set in the same table, which we fill and empty ourselves.
 * Failure modes: no right to make networks (a user namespace is tried first),
 * a kernel without bridges or veth, no nft or one that the kernel refuses: all
 * end before anything is started. */
#include "isolate/network.h"

#include "isolate/address.h"
#include "isolate/netlink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOPBACK = 1, /* in every network */
    /* Chosen beyond what a new network may have by itself (tunl0, sit0). */
    BRIDGE = 1000,
    PLACE_LINK = 1001, /* eth0, in a place's network */
    PAIR_FIRST = 2000,

    PREFIX_BITS = 16,
    TEXT_SIZE = 512,
    RULES_SIZE = 1024,
    LINK_PAUSES_MAX = 5000, /* of a millisecond */
};

_Static_assert((int)NETWORK_PLACES_MAX <= (int)NETLINK_SET_MAX,
               "all places can be cut off at one moment");

static const uint32_t our_address = UINT32_C(10) << 24 | UINT32_C(77) << 16 | 1;

extern char **environ;

struct network {
    struct network_config config;
    int fd;        /* of rtnetlink, in our network */
    int tables_fd; /* of nf_tables, likewise; -1: nothing is ever cut */
    int *places;   /* |count| networks, as descriptors */
    uint32_t count;
};

/* --- a network of our own ---------------------------------------------------
 */

static int write_line(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : write(fd, text, strlen(text));
    int result = size < 0 ? -errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

/* Our user and group stay who they are, and there are no others
 * (user_namespaces(7)). */
static int enter_as_user(void)
{
    char map[64];
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        return -errno;
    }
    (void)snprintf(map, sizeof map, "%u %u 1\n", user, user);
    int result = write_line("/proc/self/uid_map", map);
    if (result == 0) {
        result = write_line("/proc/self/setgroups", "deny\n");
    }
    if (result == 0 || result == -ENOENT) {
        (void)snprintf(map, sizeof map, "%u %u 1\n", group, group);
        result = write_line("/proc/self/gid_map", map);
    }
    return result;
}

static int enter_own(struct err *err)
{
    int result = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
    if (result == -EPERM) {
        result = enter_as_user();
    }
    if (result != 0) {
        err_set(err, NULL, 0, 0,
                "isolate: this machine does not let us make a network of our "
                "own (%s); run as root, allow user namespaces "
                "(user.max_user_namespaces, kernel.unprivileged_userns_clone), "
                "or say network: none",
                strerror(-result));
    }
    return result;
}

static int blame_link(const char *what, int result, struct err *err)
{
    err_set(err, NULL, 0, 0,
            "isolate: %s: %s; the kernel needs network namespaces, veth and "
            "bridge for network: each",
            what, strerror(-result));
    return result;
}

/* --- places -----------------------------------------------------------------
 */

/* Makes a network and comes back from it to |ours|: 0, its descriptor and one
 * of rtnetlink in it. */
static int make_network(int ours, int *ret_network, int *ret_link)
{
    int result = unshare(CLONE_NEWNET) < 0 ? -errno : 0;
    if (result != 0) {
        return result;
    }
    int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    result = network < 0 ? -errno : 0;
    int link = result == 0 ? netlink_open() : result;
    if (setns(ours, CLONE_NEWNET) < 0 && link >= 0) {
        (void)close(link);
        link = -errno;
    }
    if (link < 0) {
        if (network >= 0) {
            (void)close(network);
        }
        return link;
    }
    *ret_network = network;
    *ret_link = link;
    return 0;
}

/* The end that was up first works a moment after the second is. */
static int wait_for_link(int link)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < LINK_PAUSES_MAX; i++) {
        int result = netlink_is_working(link, PLACE_LINK);
        if (result != 0) {
            return result < 0 ? result : 0;
        }
        (void)nanosleep(&pause, NULL);
    }
    return -ETIMEDOUT;
}

static int join_place(const struct network *network, uint32_t place, int link)
{
    char name[16];
    int index = PAIR_FIRST + (int)place;
    (void)snprintf(name, sizeof name, "place%u", place);
    int result = netlink_up(link, LOOPBACK, 0);
    if (result == 0) {
        result = netlink_add_pair(network->fd, index, name, PLACE_LINK, "eth0",
                                  network->places[place]);
    }
    if (result == 0) {
        result = netlink_add_address(link, PLACE_LINK,
                                     isolate_place_address(place), PREFIX_BITS);
    }
    if (result == 0) {
        result = netlink_up(link, PLACE_LINK, 0);
    }
    if (result == 0) {
        result = netlink_up(network->fd, index, BRIDGE);
    }
    return result == 0 ? wait_for_link(link) : result;
}

static int make_bridge(const struct network *network)
{
    int result = netlink_add_bridge(network->fd, BRIDGE, "plateau");
    if (result == 0) {
        result =
            netlink_add_address(network->fd, BRIDGE, our_address, PREFIX_BITS);
    }
    return result == 0 ? netlink_up(network->fd, BRIDGE, 0) : result;
}

static int make_places(struct network *network, struct err *err)
{
    int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int result = ours < 0 ? -errno : make_bridge(network);
    network->places = calloc(network->config.places, sizeof(int));
    if (network->places == NULL) {
        result = -ENOMEM;
    }
    while (result == 0 && network->count < network->config.places) {
        int link = -1;
        uint32_t place = network->count;
        result = make_network(ours, &network->places[place], &link);
        if (result == 0) {
            network->count++;
            result = join_place(network, place, link);
            (void)close(link);
        }
    }
    if (ours >= 0) {
        (void)close(ours);
    }
    return result == 0 ? 0 : blame_link("no networks for all", result, err);
}

/* --- loss and partitions ----------------------------------------------------
 */

static const char table[] = "plateau";
static const char cut_set[] = "cut";

/* EACH: frames from port to port of the bridge; what we send to a port, or a
 * port to us, is not among them. */
static const char each_head[] =
    "chain forward { type filter hook forward priority 0; policy accept;\n"
    "ether type != { ip, ip6 } accept\n";
static const char cuts[] = "iif @cut oif != @cut drop\n"
                           "iif != @cut oif @cut drop\n";
static const char shared_head[] =
    "chain input { type filter hook input priority 0; policy accept;\n";

/* The share is of a million, as nft counts. */
static void make_rules(const struct network_config *config,
                       char text[RULES_SIZE])
{
    unsigned lost = (unsigned)(config->drop_share * 1e6 + 0.5);
    bool is_each = config->rule == NETWORK_EACH;
    char loss[64] = "";
    if (lost > 0) {
        (void)snprintf(loss, sizeof loss,
                       "numgen random mod 1000000 < %u drop\n", lost);
    }
    (void)snprintf(text, RULES_SIZE, "table %s %s {\n%s%s%s%s}\n}\n",
                   is_each ? "bridge" : "inet", table,
                   config->has_partitions ? "set cut { type iface_index; }\n"
                                          : "",
                   is_each ? each_head : shared_head,
                   config->has_partitions ? cuts : "", loss);
}

/* A child of a moment, before there are others: 0 and its wait status. */
static int run_shell(const char *command, int input, int output,
                     int *ret_status)
{
    char *const argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0) {
        return -result;
    }
    (void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    result = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    while (result == 0 && waitpid(pid, ret_status, 0) < 0) {
        result = errno == EINTR ? 0 : errno;
    }
    return -result;
}

/* Who is not root loses the rights of his own name space with the next exec,
 * unless they are ambient (capabilities(7)): nft needs the one over networks.
 */
static void lend_right(bool is_lent)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    const uint32_t right = UINT32_C(1) << CAP_NET_ADMIN;
    if (syscall(SYS_capget, &header, sets) < 0) {
        return; /* nft says what it lacks */
    }
    sets[0].inheritable =
        is_lent ? sets[0].inheritable | right : sets[0].inheritable & ~right;
    if (syscall(SYS_capset, &header, sets) == 0 && is_lent) {
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
    }
}

/* Runs "nft -f -" on |rules|; what it prints comes to |said|. */
static int run_nft(const char *rules, char said[TEXT_SIZE])
{
    static const char command[] = "PATH=$PATH:/usr/sbin:/sbin; exec nft -f -";
    int status = 0;
    int input = memfd_create("plateau-nft", MFD_CLOEXEC);
    int output = memfd_create("plateau-nft", MFD_CLOEXEC);
    int result = input < 0 || output < 0 ||
                         write(input, rules, strlen(rules)) < 0 ||
                         lseek(input, 0, SEEK_SET) < 0
                     ? -errno
                     : run_shell(command, input, output, &status);
    ssize_t size = result == 0 ? pread(output, said, TEXT_SIZE - 1, 0) : 0;
    said[size > 0 ? size : 0] = '\0';
    if (result == 0 && status != 0) {
        bool is_missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
        result = is_missing ? -ENOENT : -EOPNOTSUPP;
    }
    if (input >= 0) {
        (void)close(input);
    }
    if (output >= 0) {
        (void)close(output);
    }
    return result;
}

/* What asked for the rules, and how to do without. */
static int blame_nft(const struct network_config *config, const char *said,
                     int result, struct err *err)
{
    const char *key = !config->has_partitions   ? "isolate.drop_share"
                      : config->drop_share > 0. ? "isolate.drop_share and "
                                                  "churn.kinds.partition"
                                                : "churn.kinds.partition";
    const char *without =
        config->has_partitions ? "leave partitions out" : "lose nothing";
    if (result == -ENOENT) {
        err_set(err, NULL, 0, 0,
                "%s: there is no program 'nft'; install nftables, or %s", key,
                without);
    } else {
        err_set(err, NULL, 0, 0,
                "%s: nft does not take its rules (%.200s): the kernel needs "
                "nf_tables with %s; or %s",
                key, said[0] != '\0' ? said : strerror(-result),
                config->has_partitions ? "its bridge family and numgen"
                                       : "numgen",
                without);
    }
    return result;
}

static int make_table(const struct network_config *config, struct err *err)
{
    char rules[RULES_SIZE];
    char said[TEXT_SIZE];
    make_rules(config, rules);
    lend_right(true);
    int result = run_nft(rules, said);
    /* What is no longer inheritable is no longer ambient either. */
    lend_right(false);
    said[strcspn(said, "\n")] = '\0';
    return result == 0 ? 0 : blame_nft(config, said, result, err);
}

/* A cut is tried: better before anything is started than in the night. */
static int prepare_cuts(struct network *network, struct err *err)
{
    const uint32_t first = 0;
    network->tables_fd = netlink_open_tables();
    int result = network->tables_fd < 0 ? network->tables_fd
                                        : network_cut(network, &first, 1);
    if (result == 0) {
        result = network_heal(network);
    }
    if (result != 0) {
        err_set(err, NULL, 0, 0,
                "churn.kinds.partition: the kernel lets us change no set of "
                "nf_tables (%s); leave partitions out",
                strerror(-result));
    }
    return result;
}

int network_cut(struct network *network, const uint32_t *places, size_t count)
{
    int indices[NETLINK_SET_MAX];
    assert(count <= NETWORK_PLACES_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(places[i] < network->count);
        indices[i] = PAIR_FIRST + (int)places[i];
    }
    return netlink_set_add(network->tables_fd, table, cut_set, indices, count);
}

int network_heal(struct network *network)
{
    return netlink_set_clear(network->tables_fd, table, cut_set);
}

/* --- the whole --------------------------------------------------------------
 */

int network_enter(const struct network_config *config,
                  struct network **ret_network, struct err *err)
{
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    network->config = *config;
    network->fd = network->tables_fd = -1;
    int result = enter_own(err);
    if (result == 0) {
        network->fd = netlink_open();
        result = network->fd < 0 ? network->fd
                                 : netlink_up(network->fd, LOOPBACK, 0);
        if (result != 0) {
            (void)blame_link("no loopback", result, err);
        }
    }
    if (result == 0 && config->rule == NETWORK_EACH) {
        result = make_places(network, err);
    }
    if (result == 0 && (config->drop_share > 0. || config->has_partitions)) {
        result = make_table(config, err);
    }
    if (result == 0 && config->has_partitions) {
        result = prepare_cuts(network, err);
    }
    if (result != 0) {
        network_free(network);
        return result;
    }
    *ret_network = network;
    return 0;
}

void network_free(struct network *network)
{
    if (network == NULL) {
        return;
    }
    for (uint32_t i = 0; i < network->count; i++) {
        (void)close(network->places[i]);
    }
    if (network->fd >= 0) {
        (void)close(network->fd);
    }
    if (network->tables_fd >= 0) {
        (void)close(network->tables_fd);
    }
    free(network->places);
    free(network);
}

int network_of(const struct network *network, uint32_t place)
{
    return network != NULL && place < network->count ? network->places[place]
                                                     : 0;
}
