/* Members of a page, each a thread here: to the kernel, what holds a lock is a
 * thread in any case. */
#include "member.h"

#include "sample/tally_page.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct tally_page page;
    struct plateau_tally_entry *allocated;
};

/* A thread that joins, adds |value| to |gauge|, and stays until it may go. */
struct guest {
    struct plateau_tally *tally;
    const char *gauge;
    uint64_t value;
    struct plateau_tally_member *member;
    pthread_t thread;
    sem_t has_joined, may_go;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    if (tally_page_init(&fixture.page) != 0) {
        return -1;
    }
    fixture.allocated =
        plateau_tally_gauge(fixture.page.shared, "heap/allocated", "B");
    plateau_tally_set(fixture.allocated, 100);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tally_page_deinit(&fixture->page);
    return 0;
}

static void *visit(void *argument)
{
    struct guest *guest = argument;
    guest->member = member_join(guest->tally);
    if (guest->member != NULL) {
        member_gauge(guest->tally, guest->member, 0, guest->gauge);
        member_set(guest->member, 0, guest->value);
    }
    (void)sem_post(&guest->has_joined);
    (void)sem_wait(&guest->may_go);
    return NULL;
}

static void join(struct fixture *fixture, struct guest *guest,
                 const char *gauge, uint64_t value)
{
    *guest = (struct guest){
        .tally = fixture->page.shared, .gauge = gauge, .value = value};
    assert_int_equal(sem_init(&guest->has_joined, 0, 0), 0);
    assert_int_equal(sem_init(&guest->may_go, 0, 0), 0);
    assert_int_equal(pthread_create(&guest->thread, NULL, visit, guest), 0);
    assert_int_equal(sem_wait(&guest->has_joined), 0);
}

static void leave(struct guest *guest)
{
    (void)sem_post(&guest->may_go);
    assert_int_equal(pthread_join(guest->thread, NULL), 0);
}

static uint64_t allocated(const struct fixture *fixture)
{
    static struct tally_page_entry entries[TALLY_PAGE_ENTRIES];
    assert_int_equal(tally_page_read(&fixture->page, entries), 1);
    return entries[0].value;
}

static void counts_for_as_long_as_its_thread_lives(void **state)
{
    struct fixture *fixture = *state;
    struct guest one, two;
    join(fixture, &one, "heap/allocated", 10);
    join(fixture, &two, "heap/allocated", 1);
    assert_int_equal(tally_page_members(&fixture->page), 2);
    assert_int_equal(allocated(fixture), 111);
    leave(&one);
    assert_int_equal(tally_page_members(&fixture->page), 1);
    assert_int_equal(allocated(fixture), 101);
    join(fixture, &one, "heap/allocated", 5); /* in the place that is free */
    assert_int_equal(allocated(fixture), 106);
    assert_ptr_not_equal(one.member, two.member);
    leave(&one);
    leave(&two);
    assert_int_equal(allocated(fixture), 100);
}

static void a_gauge_that_the_owner_has_not_is_part_of_none(void **state)
{
    struct fixture *fixture = *state;
    struct guest guest;
    join(fixture, &guest, "heap/dirty", 10);
    assert_non_null(guest.member);
    assert_int_equal(tally_page_members(&fixture->page), 0);
    assert_int_equal(allocated(fixture), 100);
    leave(&guest);
}

static void answers_are_waited_for_while_members_live(void **state)
{
    struct fixture *fixture = *state;
    struct plateau_tally *tally = fixture->page.shared;
    struct guest one, two;
    join(fixture, &one, "heap/allocated", 10);
    join(fixture, &two, "heap/allocated", 10);
    assert_int_equal(member_asked(tally, one.member), 0);
    tally_page_ask(&fixture->page, 0);
    plateau_tally_answer(tally, plateau_tally_asked(tally));
    assert_false(tally_page_has_answered(&fixture->page));
    member_answer(one.member, member_asked(tally, one.member));
    assert_int_equal(member_asked(tally, one.member), 0);
    assert_false(tally_page_has_answered(&fixture->page));
    leave(&two);
    assert_true(tally_page_has_answered(&fixture->page));
    leave(&one);
}

static void a_full_page_takes_no_more(void **state)
{
    static struct guest guests[TALLY_PAGE_MEMBERS + 1];
    struct fixture *fixture = *state;
    for (int i = 0; i <= TALLY_PAGE_MEMBERS; i++) {
        join(fixture, &guests[i], "heap/allocated", 1);
        assert_true((guests[i].member != NULL) == (i < TALLY_PAGE_MEMBERS));
    }
    assert_int_equal(tally_page_members(&fixture->page), TALLY_PAGE_MEMBERS);
    assert_int_equal(allocated(fixture), 100 + TALLY_PAGE_MEMBERS);
    for (int i = 0; i <= TALLY_PAGE_MEMBERS; i++) {
        leave(&guests[i]);
    }
    assert_int_equal(tally_page_members(&fixture->page), 0);
}

static void a_page_without_places_takes_nobody(void **state)
{
    static const uint32_t offsets[] = {0, 8, 65, TALLY_PAGE_BYTES - 64,
                                       UINT32_MAX - 7};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        fixture->page.shared->members_offset = offsets[i];
        assert_null(member_join(fixture->page.shared));
    }
}

static void a_new_life_of_the_page_has_no_members(void **state)
{
    struct fixture *fixture = *state;
    struct guest guest;
    join(fixture, &guest, "heap/allocated", 10);
    assert_int_equal(tally_page_reset(&fixture->page, 2), 0);
    assert_int_equal(tally_page_members(&fixture->page), 0);
    leave(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_for_as_long_as_its_thread_lives,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_gauge_that_the_owner_has_not_is_part_of_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            answers_are_waited_for_while_members_live, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_page_takes_no_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_page_without_places_takes_nobody,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_life_of_the_page_has_no_members,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
