/* A page that answers when it is told to, and a clock of one's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watch/profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t second_ns = 1000000000;

struct fixture {
    char folder[64];
    struct profiles profiles;
    struct tally_page page;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;
    f = (struct fixture){.folder = "/tmp/profiles-test-XXXXXX"};
    *state = &f;
    return mkdtemp(f.folder) == NULL || tally_page_init(&f.page) != 0 ||
                   profiles_open(&f.profiles, f.folder, "/bin/server", &err) !=
                       0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    profiles_close(&f->profiles);
    tally_page_deinit(&f->page);
    host_remove_folder(f->folder);
    return access(f->folder, F_OK) == 0 ? -1 : 0;
}

/* Whether it was asked at |now_ns|; it answers at once. */
static uint32_t look(struct fixture *f, int64_t now_ns)
{
    uint32_t before = f->page.shared->request;
    profiles_look(&f->profiles, &f->page, now_ns, second_ns / 10);
    if (f->page.shared->request == before) {
        return 0;
    }
    f->page.shared->response = f->page.shared->request;
    return f->page.shared->profile;
}

static void the_command_writes_beside_the_store(void **state)
{
    struct fixture *f = *state;
    char wanted[HOST_PATH_MAX + 32];
    struct stat st;
    (void)snprintf(wanted, sizeof wanted, "%s/heap/server-0", f->folder);
    assert_string_equal(f->profiles.prefix, wanted);
    (void)snprintf(wanted, sizeof wanted, "%s/heap", f->folder);
    assert_int_equal(stat(wanted, &st), 0);
}

static void asks_ever_less_often_and_not_before_it_begins(void **state)
{
    struct fixture *f = *state;
    int asked = 0;
    assert_int_equal(look(f, 5 * second_ns), 0);
    profiles_begin(&f->profiles, 6 * second_ns);
    /* The tick of the grid that comes next. */
    assert_int_equal(look(f, 6 * second_ns + 50000000), 61);
    assert_int_equal(look(f, 6 * second_ns + 150000000), 0);
    for (int64_t t = 1; t <= 8 * 3600; t++) {
        asked += look(f, (7 + t) * second_ns) != 0;
    }
    assert_in_range(asked, 100, 300);
}

static void who_does_not_answer_is_not_asked_again(void **state)
{
    struct fixture *f = *state;
    profiles_begin(&f->profiles, 0);
    profiles_look(&f->profiles, &f->page, 0, second_ns);
    assert_int_equal(f->page.shared->request, 1);
    profiles_look(&f->profiles, &f->page, 5 * second_ns, second_ns);
    assert_int_equal(f->page.shared->request, 1);
}

static void zeroes_take_none(void **state)
{
    struct fixture *f = *state;
    struct profiles none = {0};
    profiles_look(&none, &f->page, second_ns, second_ns);
    profiles_close(&none);
    assert_int_equal(f->page.shared->request, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_command_writes_beside_the_store,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            asks_ever_less_often_and_not_before_it_begins, setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_answer_is_not_asked_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(zeroes_take_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
