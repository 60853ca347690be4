#include "member.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { NEVER_USED, BEING_MADE, STANDS, NO_ENTRY = UINT8_MAX };

_Static_assert(sizeof(pthread_mutex_t) <=
                   sizeof((struct plateau_tally_member *)0)->lock,
               "a lock fits its place");

static pthread_mutex_t *lock_of(struct plateau_tally_member *member)
{
    return (pthread_mutex_t *)(void *)member->lock;
}

/* Of several that come to a place first, one makes its lock. */
static bool make_lock(struct plateau_tally_member *member)
{
    uint32_t state = NEVER_USED;
    pthread_mutexattr_t attributes;
    if (!__atomic_compare_exchange_n(&member->state, &state, BEING_MADE, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        return state == STANDS;
    }
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    bool is_made = pthread_mutex_init(lock_of(member), &attributes) == 0;
    (void)pthread_mutexattr_destroy(&attributes);
    __atomic_store_n(&member->state, is_made ? STANDS : NEVER_USED,
                     __ATOMIC_RELEASE);
    return is_made;
}

/* What a former member left goes before the place is told as ours; the harness
 * that looks in just that moment sees what was true a moment ago. */
static bool take(struct plateau_tally_member *member)
{
    if (!make_lock(member)) {
        return false;
    }
    int result = pthread_mutex_trylock(lock_of(member));
    if (result != 0 && result != EOWNERDEAD) {
        return false;
    }
    memset(member->entries, NO_ENTRY, sizeof member->entries);
    memset(member->values, 0, sizeof member->values);
    member->pid = (uint64_t)getpid();
    __atomic_store_n(&member->response, 0, __ATOMIC_RELEASE);
    return result == 0 || pthread_mutex_consistent(lock_of(member)) == 0;
}

struct plateau_tally_member *member_join(struct plateau_tally *tally)
{
    uint64_t offset = tally->members_offset;
    uint64_t size = sizeof(struct plateau_tally_member);
    if (offset < 64 || offset % 8 != 0) {
        return NULL;
    }
    for (; offset + size <= tally->page_bytes; offset += size) {
        struct plateau_tally_member *member =
            (void *)((unsigned char *)tally + offset);
        if (take(member)) {
            return member;
        }
    }
    return NULL;
}

void member_gauge(const struct plateau_tally *tally,
                  struct plateau_tally_member *member, uint32_t number,
                  const char *name)
{
    uint32_t count = __atomic_load_n(&tally->count, __ATOMIC_ACQUIRE);
    uint8_t found = NO_ENTRY;
    for (uint32_t i = 0; i < count && i < NO_ENTRY; i++) {
        if (tally->entries[i].kind == PLATEAU_TALLY_GAUGE &&
            strncmp(tally->entries[i].name, name,
                    PLATEAU_TALLY_NAME_SIZE - 1) == 0) {
            found = (uint8_t)i;
        }
    }
    __atomic_store_n(&member->entries[number], found, __ATOMIC_RELEASE);
}

void member_set(struct plateau_tally_member *member, uint32_t number,
                uint64_t value)
{
    __atomic_store_n(&member->values[number], value, __ATOMIC_RELAXED);
}

uint32_t member_asked(const struct plateau_tally *tally,
                      const struct plateau_tally_member *member)
{
    uint32_t asked = __atomic_load_n(&tally->request, __ATOMIC_ACQUIRE);
    return asked != member->response ? asked : 0;
}

void member_answer(struct plateau_tally_member *member, uint32_t asked)
{
    __atomic_store_n(&member->response, asked, __ATOMIC_RELEASE);
}
