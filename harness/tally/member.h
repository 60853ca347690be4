/* member.h - a place in the tally page of another process.
 *
 * What a target forks, or executes, has an allocator of its own, and a page has
 * one owner. Such a process takes one of the page's places for members
 * (plateau_tally.h) and adds what it holds to the owner's gauges there. The
 * place is bound to the thread that took it: it is free again, and counts no
 * more, from the moment in which that thread ends, by SIGKILL and execve(2)
 * too. Linux and glibc: robust mutexes (pthread_mutexattr_setrobust(3)).
 * Allocates nothing.
 */
#ifndef PLATEAU_MEMBER_H
#define PLATEAU_MEMBER_H

#include "plateau_tally.h"

#include <stdint.h>

/* Takes a place for the calling thread, until it ends; with no gauge. NULL: the
 * page has none, or none that is free. */
struct plateau_tally_member *member_join(struct plateau_tally *tally);

/* Gauge |number| (below PLATEAU_TALLY_MEMBER_GAUGES) of the place is part of
 * the page's gauge |name|; of none, when the owner has not declared it. */
void member_gauge(const struct plateau_tally *tally,
                  struct plateau_tally_member *member, uint32_t number,
                  const char *name);

/* It now stands at |value|. */
void member_set(struct plateau_tally_member *member, uint32_t number,
                uint64_t value);

/* The request of the harness that this member has yet to answer; 0: none. */
uint32_t member_asked(const struct plateau_tally *tally,
                      const struct plateau_tally_member *member);

void member_answer(struct plateau_tally_member *member, uint32_t asked);

#endif
