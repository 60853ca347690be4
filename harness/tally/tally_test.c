#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "plateau_tally.h"

enum { PAGE_BYTES = 64 + 8 * 64 }; /* eight entries */

/* A page as a harness makes it; the descriptor is the caller's. */
static int make_page(uint64_t magic, uint32_t version, uint32_t page_bytes,
                     uint32_t capacity)
{
    struct plateau_tally header = {
        .magic = magic,
        .version = version,
        .page_bytes = page_bytes,
        .capacity = capacity,
        .generation = 1,
    };
    int fd = memfd_create("tally", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PAGE_BYTES), 0);
    assert_int_equal(pwrite(fd, &header, 64, 0), 64);
    return fd;
}

static int make_good_page(void)
{
    return make_page(PLATEAU_TALLY_MAGIC, PLATEAU_TALLY_VERSION, PAGE_BYTES, 8);
}

static struct plateau_tally *attach_to(const char *where)
{
    assert_int_equal(setenv(PLATEAU_TALLY_ENV, where, 1), 0);
    struct plateau_tally *tally = plateau_tally_attach();
    assert_int_equal(unsetenv(PLATEAU_TALLY_ENV), 0);
    return tally;
}

static struct plateau_tally *attach_to_fd(int fd)
{
    char where[32];
    (void)snprintf(where, sizeof where, "fd:%d", fd);
    return attach_to(where);
}

/* What the harness sees, read through the descriptor. */
static struct plateau_tally_entry entry_at(int fd, int index)
{
    struct plateau_tally_entry entry;
    assert_int_equal(pread(fd, &entry, sizeof entry, 64 + 64 * index),
                     sizeof entry);
    return entry;
}

static void layout_is_as_documented(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct plateau_tally, entries), 64);
    assert_int_equal(sizeof(struct plateau_tally_entry), 64);
    assert_int_equal(offsetof(struct plateau_tally, count), 20);
    assert_int_equal(offsetof(struct plateau_tally_entry, value), 48);
}

static void counts_reach_the_page(void **state)
{
    (void)state;
    int fd = make_good_page();
    struct plateau_tally *tally = attach_to_fd(fd);
    assert_ptr_not_equal(tally, plateau_tally_private());
    struct plateau_tally_entry *loops = plateau_tally_pair(tally, "loops");
    struct plateau_tally_entry *peers = plateau_tally_gauge(tally, "peers", "");
    struct plateau_tally_entry *sent =
        plateau_tally_counter(tally, "sent", "B");
    plateau_tally_spawned(loops);
    plateau_tally_spawned(loops);
    plateau_tally_finished(loops);
    plateau_tally_set(peers, 5);
    plateau_tally_set(peers, 4);
    plateau_tally_add(sent, 100);
    plateau_tally_add(sent, 20);
    struct plateau_tally_entry seen = entry_at(fd, 0);
    assert_string_equal(seen.name, "loops");
    assert_int_equal(seen.kind, PLATEAU_TALLY_PAIR);
    assert_int_equal(seen.is_ready, 1);
    assert_int_equal(seen.value, 2);
    assert_int_equal(seen.finished, 1);
    assert_int_equal(entry_at(fd, 1).value, 4);
    assert_int_equal(entry_at(fd, 2).value, 120);
    assert_string_equal(entry_at(fd, 2).unit, "B");
    assert_int_equal(tally->count, 3);
    assert_int_equal(munmap(tally, PAGE_BYTES), 0);
    (void)close(fd);
}

static void last_values_survive_sigkill(void **state)
{
    (void)state;
    int fd = make_good_page();
    int ends[2];
    char told;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        plateau_tally_add(plateau_tally_counter(attach_to_fd(fd), "n", ""), 42);
        (void)!write(ends[1], "x", 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ends[0], &told, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(entry_at(fd, 0).value, 42);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(fd);
}

static void without_a_harness_it_counts_in_private(void **state)
{
    (void)state;
    assert_int_equal(unsetenv(PLATEAU_TALLY_ENV), 0);
    struct plateau_tally *tally = plateau_tally_attach();
    assert_ptr_equal(tally, plateau_tally_private());
    struct plateau_tally_entry *entry = plateau_tally_pair(tally, "alone");
    plateau_tally_spawned(entry);
    assert_int_equal(entry->value, 1);
}

static void what_is_no_page_is_not_trusted(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "fd:",
        "fd:x",
        "fd:0x",
        "fd:-1",
        "fd:99999",
        "file:/tmp/x",
        "4",
        "fd:99999999999999999999",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_ptr_equal(attach_to(wrong[i]), plateau_tally_private());
    }
    const int pages[] = {
        make_page(1, PLATEAU_TALLY_VERSION, PAGE_BYTES, 8),
        make_page(PLATEAU_TALLY_MAGIC, 2, PAGE_BYTES, 8),
        make_page(PLATEAU_TALLY_MAGIC, PLATEAU_TALLY_VERSION, 4096, 8),
        make_page(PLATEAU_TALLY_MAGIC, PLATEAU_TALLY_VERSION, PAGE_BYTES, 9),
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_ptr_equal(attach_to_fd(pages[i]), plateau_tally_private());
        (void)close(pages[i]);
    }
    int read_only = open("/dev/null", O_RDONLY);
    assert_ptr_equal(attach_to_fd(read_only), plateau_tally_private());
    (void)close(read_only);
}

static void a_name_is_declared_once(void **state)
{
    (void)state;
    int fd = make_good_page();
    struct plateau_tally *tally = attach_to_fd(fd);
    struct plateau_tally_entry *first = plateau_tally_pair(tally, "loops");
    assert_ptr_equal(plateau_tally_pair(tally, "loops"), first);
    assert_ptr_not_equal(plateau_tally_gauge(tally, "loops", ""), first);
    assert_int_equal(tally->count, 2);
    assert_int_equal(munmap(tally, PAGE_BYTES), 0);
    (void)close(fd);
}

static void a_long_name_is_cut_and_found_again(void **state)
{
    (void)state;
    static const char name[] = "a_name_that_is_longer_than_the_field_can_hold";
    int fd = make_good_page();
    struct plateau_tally *tally = attach_to_fd(fd);
    struct plateau_tally_entry *entry =
        plateau_tally_counter(tally, name, "a long unit");
    assert_int_equal(strlen(entry->name), PLATEAU_TALLY_NAME_SIZE - 1);
    assert_int_equal(strlen(entry->unit), PLATEAU_TALLY_UNIT_SIZE - 1);
    assert_ptr_equal(plateau_tally_counter(tally, name, ""), entry);
    assert_int_equal(munmap(tally, PAGE_BYTES), 0);
    (void)close(fd);
}

static void counting_stays_safe_when_the_page_is_full(void **state)
{
    (void)state;
    int fd = make_good_page();
    struct plateau_tally *tally = attach_to_fd(fd);
    for (int i = 0; i < 20; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        struct plateau_tally_entry *entry = plateau_tally_pair(tally, name);
        assert_int_equal(entry >= tally->entries &&
                             entry < tally->entries + tally->capacity,
                         i < 8);
        plateau_tally_spawned(entry);
    }
    assert_int_equal(tally->count, 8);
    assert_string_equal(entry_at(fd, 7).name, "n7");
    assert_int_equal(munmap(tally, PAGE_BYTES), 0);
    (void)close(fd);
}

static void counting_stays_safe_when_private_memory_is_full(void **state)
{
    (void)state;
    struct plateau_tally *tally = plateau_tally_private();
    for (uint32_t i = 0; i < 2 * PLATEAU_TALLY_PRIVATE_CAPACITY; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%u", i);
        plateau_tally_add(plateau_tally_counter(tally, name, ""), 1);
    }
    assert_int_equal(tally->count, PLATEAU_TALLY_PRIVATE_CAPACITY);
    assert_ptr_equal(plateau_tally_private(), tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_as_documented),
        cmocka_unit_test(counts_reach_the_page),
        cmocka_unit_test(last_values_survive_sigkill),
        cmocka_unit_test(without_a_harness_it_counts_in_private),
        cmocka_unit_test(what_is_no_page_is_not_trusted),
        cmocka_unit_test(a_name_is_declared_once),
        cmocka_unit_test(a_long_name_is_cut_and_found_again),
        cmocka_unit_test(counting_stays_safe_when_the_page_is_full),
        cmocka_unit_test(counting_stays_safe_when_private_memory_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
