/* netlink.h - make links and give them addresses, and say which of them a rule
 * is about: the five requests of rtnetlink(7) that a network of our own takes,
 * and the two of nf_tables (linux/netfilter/nf_tables.h).
 *
 * A socket speaks of the network in which it was opened, wherever its process
 * is later. Links are known by numbers that the caller chooses. Each returns 0
 * or -errno, the kernel's own answer. Linux only; private to the room isolate.
 */
#ifndef PLATEAU_ISOLATE_NETLINK_H
#define PLATEAU_ISOLATE_NETLINK_H

#include <stddef.h>
#include <stdint.h>

enum { NETLINK_SET_MAX = 1024 }; /* links put into a set at a time */

/* A descriptor, or -errno. */
int netlink_open(void);

/* The same, for the sets below. */
int netlink_open_tables(void);

int netlink_add_bridge(int fd, int index, const char *name);

/* A pair of links: |index| here, |peer_index| called |peer_name| in the network
 * |peer_network|. */
int netlink_add_pair(int fd, int index, const char *name, int peer_index,
                     const char *peer_name, int peer_network);

/* Makes |index| a port of the bridge |bridge| (0: of none), and takes it up. */
int netlink_up(int fd, int index, int bridge);

/* Whether the other end of the pair is up as well and the kernel has taken note
 * of it, which it does a moment later; what is sent before is lost. 1, 0 or
 * -errno. */
int netlink_is_working(int fd, int index);

/* |address| in the machine's byte order. */
int netlink_add_address(int fd, int index, uint32_t address, int prefix_bits);

/* Adds |count| links, at most NETLINK_SET_MAX, to |set| of |table|, of the
 * bridge family, whose elements are of type iface_index; all of them at one
 * moment. One that is in it stays. */
int netlink_set_add(int fd, const char *table, const char *set,
                    const int *indices, size_t count);

/* Takes all out of it. */
int netlink_set_clear(int fd, const char *table, const char *set);

#endif
