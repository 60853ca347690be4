#include "sample/tally_page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a new life of the slot finds. */
static void write_header(struct plateau_tally *shared, uint64_t generation)
{
    shared->magic = PLATEAU_TALLY_MAGIC;
    shared->version = PLATEAU_TALLY_VERSION;
    shared->page_bytes = TALLY_PAGE_BYTES;
    shared->capacity = TALLY_PAGE_ENTRIES;
    shared->classes_offset = TALLY_PAGE_CLASSES_OFFSET;
    shared->classes_capacity = TALLY_PAGE_CLASSES;
    shared->members_offset = TALLY_PAGE_MEMBERS_OFFSET;
    shared->generation = generation;
}

int tally_page_init(struct tally_page *page)
{
    int fd = memfd_create("plateau-tally", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    /* The size is sealed: a target that truncated the file would make our
     * next read of the page a SIGBUS (memfd_create(2), file sealing). */
    if (ftruncate(fd, TALLY_PAGE_BYTES) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int result = -errno;
        (void)close(fd);
        return result;
    }
    void *map =
        mmap(NULL, TALLY_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        int result = -errno;
        (void)close(fd);
        return result;
    }
    page->fd = fd;
    page->shared = map;
    write_header(page->shared, 0);
    return 0;
}

void tally_page_deinit(struct tally_page *page)
{
    if (page->shared != NULL) {
        (void)munmap(page->shared, TALLY_PAGE_BYTES);
        (void)close(page->fd);
        page->shared = NULL;
        page->fd = -1;
    }
}

/* What lies beyond the first page of memory is given back, not only cleared:
 * few programs use more than its 63 entries, and with a thousand slots the
 * rest would be the larger part of our own memory. */
int tally_page_reset(struct tally_page *page, uint64_t generation)
{
    enum { KEPT_BYTES = 4096 };
    memset(page->shared, 0, KEPT_BYTES);
    if (fallocate(page->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  KEPT_BYTES, TALLY_PAGE_BYTES - KEPT_BYTES) < 0) {
        memset((unsigned char *)page->shared + KEPT_BYTES, 0,
               TALLY_PAGE_BYTES - KEPT_BYTES);
    }
    write_header(page->shared, generation);
    return 0;
}

/* Copies a text of the target's, terminated, with nothing in it that would
 * surprise a file name, a terminal or a query. The target may write while we
 * read: what was looked at is what is kept, each byte is read once. */
static void copy_text(char *to, const char *from, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./:-";
    size_t i = 0;
    for (; i + 1 < size; i++) {
        char byte = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        if (byte == '\0') {
            break;
        }
        to[i] = strchr(plain, byte) != NULL ? byte : '_';
    }
    to[i] = '\0';
}

/* The place of member |number|; NULL when it is the first that nobody ever
 * took: there are none behind it. */
static const struct plateau_tally_member *
member_at(const struct tally_page *page, uint32_t number)
{
    const unsigned char *bytes = (const unsigned char *)page->shared;
    if (number >= TALLY_PAGE_MEMBERS) {
        return NULL;
    }
    const struct plateau_tally_member *member =
        (const void *)(bytes + TALLY_PAGE_MEMBERS_OFFSET +
                       number * sizeof *member);
    return __atomic_load_n(&member->state, __ATOMIC_ACQUIRE) != 0 ? member
                                                                  : NULL;
}

/* The lock's futex has the number of the thread that holds it, and
 * FUTEX_OWNER_DIED when that has ended (Documentation/locking/robust-futexes.
 * rst). In glibc it is the first word of a mutex. */
static bool is_alive(const struct plateau_tally_member *member)
{
    uint32_t word = __atomic_load_n(
        (const uint32_t *)(const void *)member->lock, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&member->state, __ATOMIC_RELAXED) == 2 &&
           (word & FUTEX_TID_MASK) != 0 && (word & FUTEX_OWNER_DIED) == 0;
}

/* What the members hold of entry |number|. */
static uint64_t of_members(const struct tally_page *page, uint32_t number)
{
    const struct plateau_tally_member *member;
    uint64_t sum = 0;
    for (uint32_t i = 0; (member = member_at(page, i)) != NULL; i++) {
        for (size_t j = 0; j < PLATEAU_TALLY_MEMBER_GAUGES; j++) {
            if (__atomic_load_n(&member->entries[j], __ATOMIC_ACQUIRE) ==
                    number &&
                is_alive(member)) {
                sum += __atomic_load_n(&member->values[j], __ATOMIC_RELAXED);
            }
        }
    }
    return sum;
}

uint32_t tally_page_members(const struct tally_page *page)
{
    const struct plateau_tally_member *member;
    uint32_t count = 0;
    for (uint32_t i = 0; (member = member_at(page, i)) != NULL; i++) {
        bool has_any = false;
        for (size_t j = 0; j < PLATEAU_TALLY_MEMBER_GAUGES; j++) {
            has_any = has_any ||
                      __atomic_load_n(&member->entries[j], __ATOMIC_ACQUIRE) <
                          TALLY_PAGE_ENTRIES;
        }
        count += has_any && is_alive(member);
    }
    return count;
}

size_t tally_page_read(const struct tally_page *page,
                       struct tally_page_entry *entries)
{
    const struct plateau_tally *shared = page->shared;
    uint32_t count = __atomic_load_n(&shared->count, __ATOMIC_ACQUIRE);
    size_t taken = 0;
    for (uint32_t i = 0; i < count && i < TALLY_PAGE_ENTRIES; i++) {
        const struct plateau_tally_entry *from = &shared->entries[i];
        struct tally_page_entry *to = &entries[taken];
        uint32_t kind = __atomic_load_n(&from->kind, __ATOMIC_RELAXED);
        if (__atomic_load_n(&from->is_ready, __ATOMIC_ACQUIRE) != 1 ||
            kind < PLATEAU_TALLY_COUNTER || kind > PLATEAU_TALLY_PAIR) {
            continue;
        }
        copy_text(to->name, from->name, sizeof to->name);
        if (to->name[0] == '\0') {
            continue;
        }
        copy_text(to->unit, from->unit, sizeof to->unit);
        to->kind = (enum plateau_tally_kind)kind;
        to->value = __atomic_load_n(&from->value, __ATOMIC_RELAXED);
        to->value += kind == PLATEAU_TALLY_GAUGE ? of_members(page, i) : 0;
        to->finished = kind == PLATEAU_TALLY_PAIR
                           ? __atomic_load_n(&from->finished, __ATOMIC_RELAXED)
                           : 0;
        taken++;
    }
    return taken;
}

/* Where they lie is ours to say, not the header's, which the target can write.
 */
size_t tally_page_read_classes(const struct tally_page *page,
                               struct tally_page_class *classes)
{
    static const uint64_t most = UINT64_C(1) << 40;
    const unsigned char *bytes = (const unsigned char *)page->shared;
    const struct plateau_tally_size *from =
        (const void *)(bytes + TALLY_PAGE_CLASSES_OFFSET);
    size_t taken = 0;
    for (size_t i = 0; i < TALLY_PAGE_CLASSES; i++) {
        struct tally_page_class class = {
            .bytes = __atomic_load_n(&from[i].bytes, __ATOMIC_RELAXED),
            .live = __atomic_load_n(&from[i].live, __ATOMIC_RELAXED),
        };
        if (class.bytes > 0 && class.bytes <= most && class.live > 0 &&
            class.live <= most) {
            classes[taken++] = class;
        }
    }
    return taken;
}

/* 0 is no request: the number after the greatest is 1. */
void tally_page_ask(struct tally_page *page, uint32_t profile)
{
    __atomic_store_n(&page->shared->profile, profile, __ATOMIC_RELAXED);
    uint32_t next = __atomic_load_n(&page->shared->request, __ATOMIC_RELAXED);
    next = next == UINT32_MAX ? 1 : next + 1;
    __atomic_store_n(&page->shared->request, next, __ATOMIC_RELEASE);
    /* Who sleeps on the word (see tally/preload.c) wakes; nobody else is
     * disturbed. */
    (void)syscall(SYS_futex, &page->shared->request, FUTEX_WAKE, INT_MAX, NULL,
                  NULL, 0);
}

uint32_t tally_page_answered(const struct tally_page *page)
{
    return __atomic_load_n(&page->shared->response, __ATOMIC_ACQUIRE);
}

bool tally_page_has_answered(const struct tally_page *page)
{
    uint32_t request =
        __atomic_load_n(&page->shared->request, __ATOMIC_RELAXED);
    const struct plateau_tally_member *member;
    for (uint32_t i = 0; (member = member_at(page, i)) != NULL; i++) {
        if (__atomic_load_n(&member->response, __ATOMIC_ACQUIRE) != request &&
            is_alive(member)) {
            return false;
        }
    }
    return __atomic_load_n(&page->shared->response, __ATOMIC_ACQUIRE) ==
           request;
}
