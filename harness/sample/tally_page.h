/* tally_page.h - the harness's end of a tally page (tally/plateau_tally.h).
 *
 * One page a slot: anonymous shared memory whose size is sealed, so that no
 * target can make reading it fail. It is handed to each process of the slot
 * by descriptor and cleared between them; while one lives, we write to it only
 * to ask. What the target writes is not trusted: counts are bounded, names are
 * terminated and reduced to [A-Za-z0-9_./:-], entries of an unknown kind are
 * left out.
 *
 * Members. Processes that the owner started add to its gauges in places of
 * their own (plateau_tally.h). Who has ended does not count, for the kernel
 * says so in the lock of its place.
 */
#ifndef PLATEAU_TALLY_PAGE_H
#define PLATEAU_TALLY_PAGE_H

#include "plateau_tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TALLY_PAGE_ENTRIES = 255,
    TALLY_PAGE_CLASSES = 256,
    TALLY_PAGE_CLASSES_OFFSET = 64 + 64 * TALLY_PAGE_ENTRIES,
    TALLY_PAGE_MEMBERS = 128,
    TALLY_PAGE_MEMBERS_OFFSET =
        TALLY_PAGE_CLASSES_OFFSET + 16 * TALLY_PAGE_CLASSES,
    TALLY_PAGE_BYTES =
        TALLY_PAGE_MEMBERS_OFFSET +
        TALLY_PAGE_MEMBERS * (int)sizeof(struct plateau_tally_member),
};

struct tally_page {
    int fd; /* what the target inherits */
    struct plateau_tally *shared;
};

/* One entry as it stood, made safe. */
struct tally_page_entry {
    char name[PLATEAU_TALLY_NAME_SIZE];
    char unit[PLATEAU_TALLY_UNIT_SIZE];
    enum plateau_tally_kind kind;
    uint64_t value;    /* of a pair: spawned */
    uint64_t finished; /* of a pair; else 0 */
};

/* One size class of which regions are live, made safe: neither figure is 0, or
 * more than 2^40. */
struct tally_page_class {
    uint64_t bytes; /* of one region */
    uint64_t live;
};

/* 0, or -errno with nothing to undo. The page is empty, of generation 0. */
int tally_page_init(struct tally_page *page);
void tally_page_deinit(struct tally_page *page);

/* Clears the page for a new life. Only when the old process is reaped. 0 or
 * -errno. */
int tally_page_reset(struct tally_page *page, uint64_t generation);

/* Asks the program for a purge and for fresh figures; and for a heap profile of
 * the number |profile|, unless it is 0. */
void tally_page_ask(struct tally_page *page, uint32_t profile);

/* Whether it has answered the last that was asked of it, and so have its
 * members. */
bool tally_page_has_answered(const struct tally_page *page);

/* The number of the last request that it has answered; 0: none. */
uint32_t tally_page_answered(const struct tally_page *page);

/* Copies the entries that are ready, in the page's order, into |entries| (room
 * for TALLY_PAGE_ENTRIES), what members hold added. Returns how many. */
size_t tally_page_read(const struct tally_page *page,
                       struct tally_page_entry *entries);

/* How many members add something to the entries. */
uint32_t tally_page_members(const struct tally_page *page);

/* Copies the size classes of which regions are live, in the page's order, into
 * |classes| (room for TALLY_PAGE_CLASSES). Returns how many. What they say is
 * of the last answer. */
size_t tally_page_read_classes(const struct tally_page *page,
                               struct tally_page_class *classes);

#endif
