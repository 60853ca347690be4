#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sample/tally_page.h"

static struct tally_page_entry entries[TALLY_PAGE_ENTRIES];

struct scribbler {
    struct plateau_tally_entry *entry;
    int is_over;
};

static int set_up(void **state)
{
    static struct tally_page page;
    *state = &page;
    return tally_page_init(&page);
}

static int tear_down(void **state)
{
    tally_page_deinit(*state);
    return 0;
}

/* What a target does: it finds the page by its environment. */
static struct plateau_tally *attach(const struct tally_page *page)
{
    char where[32];
    (void)snprintf(where, sizeof where, "fd:%d", page->fd);
    assert_int_equal(setenv(PLATEAU_TALLY_ENV, where, 1), 0);
    struct plateau_tally *tally = plateau_tally_attach();
    assert_int_equal(unsetenv(PLATEAU_TALLY_ENV), 0);
    assert_ptr_not_equal(tally, plateau_tally_private());
    return tally;
}

static void detach(struct plateau_tally *tally)
{
    assert_int_equal(munmap(tally, TALLY_PAGE_BYTES), 0);
}

static void reads_what_a_target_counts(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    struct plateau_tally_entry *loops = plateau_tally_pair(tally, "loops");
    plateau_tally_set(plateau_tally_gauge(tally, "heap/allocated", "B"), 77);
    plateau_tally_add(plateau_tally_counter(tally, "sent", "B"), 5);
    plateau_tally_spawned(loops);
    plateau_tally_spawned(loops);
    plateau_tally_finished(loops);
    detach(tally); /* its values stay */

    assert_int_equal(tally_page_read(page, entries), 3);
    assert_string_equal(entries[0].name, "loops");
    assert_int_equal(entries[0].kind, PLATEAU_TALLY_PAIR);
    assert_int_equal(entries[0].value, 2);
    assert_int_equal(entries[0].finished, 1);
    assert_string_equal(entries[1].name, "heap/allocated");
    assert_string_equal(entries[1].unit, "B");
    assert_int_equal(entries[1].kind, PLATEAU_TALLY_GAUGE);
    assert_int_equal(entries[1].value, 77);
    assert_int_equal(entries[2].kind, PLATEAU_TALLY_COUNTER);
    assert_int_equal(entries[2].value, 5);
}

static void a_question_is_answered_once(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    assert_int_equal(plateau_tally_asked(tally), 0);
    assert_true(tally_page_has_answered(page));
    tally_page_ask(page, 0);
    assert_false(tally_page_has_answered(page));
    uint32_t asked = plateau_tally_asked(tally);
    assert_int_equal(asked, 1);
    tally_page_ask(page, 0);
    plateau_tally_answer(tally, asked);
    assert_false(tally_page_has_answered(page)); /* the second still waits */
    asked = plateau_tally_asked(tally);
    assert_int_equal(asked, 2);
    plateau_tally_answer(tally, asked);
    assert_true(tally_page_has_answered(page));
    assert_int_equal(plateau_tally_asked(tally), 0);
    detach(tally);
}

static void the_number_of_no_question_is_left_out(void **state)
{
    struct tally_page *page = *state;
    page->shared->request = UINT32_MAX;
    tally_page_ask(page, 0);
    assert_int_equal(plateau_tally_asked(page->shared), 1);
}

static void a_profile_is_asked_for_by_number_and_told_where(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    char path[64];
    assert_int_equal(setenv(PLATEAU_TALLY_HEAP_ENV, "/r/heap/o-0", 1), 0);
    tally_page_ask(page, 0);
    assert_false(plateau_tally_profile(tally, path, sizeof path));
    tally_page_ask(page, 12);
    assert_true(plateau_tally_profile(tally, path, sizeof path));
    assert_string_equal(path, "/r/heap/o-0.12.heap");
    assert_false(plateau_tally_profile(tally, path, 19)); /* no room */
    assert_int_equal(unsetenv(PLATEAU_TALLY_HEAP_ENV), 0);
    assert_false(plateau_tally_profile(tally, path, sizeof path));
    detach(tally);
}

static void nobody_asks_where_there_is_no_harness(void **state)
{
    (void)state;
    assert_int_equal(plateau_tally_asked(plateau_tally_private()), 0);
}

static void a_page_nobody_wrote_to_is_empty(void **state)
{
    assert_int_equal(tally_page_read(*state, entries), 0);
}

static void a_new_life_finds_an_empty_page(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    memset(tally, 0xff, TALLY_PAGE_BYTES); /* far beyond its entries */
    assert_int_equal(tally_page_reset(page, 9), 0);
    assert_int_equal(tally_page_read(page, entries), 0);
    assert_int_equal(tally->magic, PLATEAU_TALLY_MAGIC);
    assert_int_equal(tally->generation, 9);
    assert_int_equal(tally->capacity, TALLY_PAGE_ENTRIES);
    const unsigned char *bytes = (const unsigned char *)tally;
    for (size_t i = sizeof *tally; i < TALLY_PAGE_BYTES; i++) {
        assert_int_equal(bytes[i], 0);
    }
    detach(tally);
}

static void a_full_page_is_read_whole(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    for (int i = 0; i < TALLY_PAGE_ENTRIES + 5; i++) {
        char name[PLATEAU_TALLY_NAME_SIZE];
        (void)snprintf(name, sizeof name, "counter_%d", i);
        plateau_tally_add(plateau_tally_counter(tally, name, ""), 1);
    }
    assert_int_equal(tally_page_read(page, entries), TALLY_PAGE_ENTRIES);
    assert_string_equal(entries[TALLY_PAGE_ENTRIES - 1].name, "counter_254");
    detach(tally);
}

static void size_classes_are_read_if_anything_lives_in_them(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = attach(page);
    struct tally_page_class classes[TALLY_PAGE_CLASSES];
    assert_int_equal(tally_page_read_classes(page, classes), 0);
    assert_true(plateau_tally_class(tally, 0, 8));
    assert_true(plateau_tally_class(tally, 1, 16));
    assert_true(plateau_tally_class(tally, TALLY_PAGE_CLASSES - 1, 4096));
    assert_false(plateau_tally_class(tally, TALLY_PAGE_CLASSES, 8192));
    plateau_tally_set_class(tally, 1, 7);
    plateau_tally_set_class(tally, TALLY_PAGE_CLASSES - 1, 2);
    plateau_tally_set_class(tally, TALLY_PAGE_CLASSES, 9); /* nowhere */
    assert_int_equal(tally_page_read_classes(page, classes), 2);
    assert_int_equal(classes[0].bytes, 16);
    assert_int_equal(classes[0].live, 7);
    assert_int_equal(classes[1].bytes, 4096);
    assert_int_equal(classes[1].live, 2);
    /* Sizes that no allocator has are none; an entry overwrites no class. */
    plateau_tally_set_class(tally, 0, UINT64_MAX);
    assert_int_equal(tally_page_read_classes(page, classes), 2);
    tally->classes_offset = UINT32_MAX - 7;
    assert_false(plateau_tally_class(tally, 0, 8));
    detach(tally);
}

/* What an older harness hands over has no section for them. */
static void a_page_without_size_classes_takes_none(void **state)
{
    struct tally_page *page = *state;
    page->shared->classes_offset = 0;
    page->shared->classes_capacity = 0;
    struct plateau_tally *tally = attach(page);
    assert_false(plateau_tally_class(tally, 0, 8));
    assert_false(plateau_tally_class(plateau_tally_private(), 0, 8));
    detach(tally);
}

static void a_count_that_lies_is_bounded(void **state)
{
    struct tally_page *page = *state;
    (void)plateau_tally_counter(page->shared, "only", "");
    page->shared->count = UINT32_MAX;
    page->shared->capacity = UINT32_MAX;
    page->shared->page_bytes = UINT32_MAX;
    assert_int_equal(tally_page_read(page, entries), 1);
}

static void names_are_terminated_and_plain(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally_entry *entry =
        plateau_tally_counter(page->shared, "x", "");
    memset(entry->name, 'n', sizeof entry->name);
    memset(entry->unit, 'u', sizeof entry->unit);
    memcpy(entry->name, "a b\n\x1b'\";<", 9);
    assert_int_equal(tally_page_read(page, entries), 1);
    assert_string_equal(entries[0].name, "a_b______nnnnnnnnnnnnnnnnnnnnnn");
    assert_string_equal(entries[0].unit, "uuuuuuu");
}

static void entries_that_make_no_sense_are_left_out(void **state)
{
    struct tally_page *page = *state;
    struct plateau_tally *tally = page->shared;
    plateau_tally_counter(tally, "unknown_kind", "")->kind = 77;
    plateau_tally_counter(tally, "not_ready", "")->is_ready = 0;
    plateau_tally_counter(tally, "no_name", "")->name[0] = '\0';
    plateau_tally_add(plateau_tally_counter(tally, "good", ""), 3);
    assert_int_equal(tally_page_read(page, entries), 1);
    assert_string_equal(entries[0].name, "good");
}

static void a_target_cannot_change_the_size(void **state)
{
    struct tally_page *page = *state;
    assert_int_equal(ftruncate(page->fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(page->fd, 1 << 20), -1);
    assert_int_equal(fcntl(page->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

/* Whatever bytes are there, reading them is safe and gives sane entries. */
static void random_pages_are_harmless(void **state)
{
    struct tally_page *page = *state;
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 2000; round++) {
        uint64_t *words = (uint64_t *)(void *)page->shared;
        for (size_t i = 0; i < TALLY_PAGE_BYTES / sizeof *words; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            words[i] = (x & 3) ? x : 0x0000000100000001u + (x >> 62);
        }
        size_t count = tally_page_read(page, entries);
        struct tally_page_class classes[TALLY_PAGE_CLASSES];
        assert_true(count <= TALLY_PAGE_ENTRIES);
        assert_true(tally_page_read_classes(page, classes) <=
                    TALLY_PAGE_CLASSES);
        for (size_t i = 0; i < count; i++) {
            assert_true(strlen(entries[i].name) > 0);
            assert_true(strlen(entries[i].name) < PLATEAU_TALLY_NAME_SIZE);
            assert_in_range(entries[i].kind, 1, 3);
        }
    }
}

/* A target that changes its page while we read it. */
static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    static const char first[] = {'a', '\n', '\0', 'b'};
    for (unsigned i = 0;
         !__atomic_load_n(&scribbler->is_over, __ATOMIC_RELAXED); i++) {
        struct plateau_tally_entry *entry = scribbler->entry;
        __atomic_store_n(&entry->name[0], first[i % 4], __ATOMIC_RELAXED);
        __atomic_store_n(&entry->kind, i % 8, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void what_was_checked_is_what_is_kept(void **state)
{
    struct tally_page *page = *state;
    struct scribbler scribbler = {
        .entry = plateau_tally_counter(page->shared, "ayz", ""),
    };
    pthread_t thread;
    int bad = 0;
    assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler), 0);
    for (int i = 0; i < 2000000; i++) {
        if (tally_page_read(page, entries) == 1) {
            bad += strcmp(entries[0].name, "ayz") != 0 &&
                   strcmp(entries[0].name, "byz") != 0 &&
                   strcmp(entries[0].name, "_yz") != 0;
            bad += entries[0].kind < PLATEAU_TALLY_COUNTER ||
                   entries[0].kind > PLATEAU_TALLY_PAIR;
        }
    }
    __atomic_store_n(&scribbler.is_over, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_a_target_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_question_is_answered_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_profile_is_asked_for_by_number_and_told_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_of_no_question_is_left_out,
                                        set_up, tear_down),
        cmocka_unit_test(nobody_asks_where_there_is_no_harness),
        cmocka_unit_test_setup_teardown(a_page_nobody_wrote_to_is_empty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_life_finds_an_empty_page, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_page_is_read_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            size_classes_are_read_if_anything_lives_in_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_without_size_classes_takes_none,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_count_that_lies_is_bounded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_terminated_and_plain, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(entries_that_make_no_sense_are_left_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_target_cannot_change_the_size, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_checked_is_what_is_kept,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_pages_are_harmless, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
