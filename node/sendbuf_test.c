#include "sendbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void an_empty_buffer_holds_nothing(void **state)
{
    (void)state;
    struct sendbuf buf = {0};
    const uint8_t *data = (const uint8_t *)"x";
    assert_int_equal(sendbuf_append(&buf, "", 0), 0);
    assert_null(buf.first);
    assert_int_equal(sendbuf_borrow(&buf, &data), 0);
    assert_null(data);
}

static void acknowledging_everything_frees_everything(void **state)
{
    (void)state;
    struct sendbuf buf = {0};
    assert_int_equal(sendbuf_append(&buf, "hello", 5), 0);
    sendbuf_sent(&buf, 5);
    sendbuf_acknowledged(&buf, 5);
    assert_null(buf.first);
    assert_null(buf.last);
    assert_int_equal(buf.held_bytes, 0);
}

static void a_write_after_all_was_sent_is_lent_next(void **state)
{
    (void)state;
    struct sendbuf buf = {0};
    const uint8_t *data = NULL;
    assert_int_equal(sendbuf_append(&buf, "ab", 2), 0);
    sendbuf_sent(&buf, 2);
    assert_int_equal(sendbuf_append(&buf, "cd", 2), 0);
    assert_int_equal(sendbuf_borrow(&buf, &data), 2);
    assert_memory_equal(data, "cd", 2);
    sendbuf_clear(&buf);
}

/* Against a plain array: whatever is appended comes out once, in order. */
static void random_use_loses_and_repeats_nothing(void **state)
{
    (void)state;
    enum { TOTAL = 100000, SEED = 7 };
    unsigned short seed[3] = {SEED, SEED, SEED};
    struct sendbuf buf = {0};
    size_t written = 0, sent = 0, acknowledged = 0;
    while (acknowledged < TOTAL) {
        uint8_t bytes[2000];
        size_t size = (size_t)nrand48(seed) % sizeof bytes;
        size = size < TOTAL - written ? size : TOTAL - written;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)((written + i) * 7 + (written + i) / 251);
        }
        assert_int_equal(sendbuf_append(&buf, bytes, size), 0);
        written += size;
        const uint8_t *data = NULL;
        size = sendbuf_borrow(&buf, &data);
        size = size ? (size_t)nrand48(seed) % (size + 1) : 0;
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(data[i],
                             (uint8_t)((sent + i) * 7 + (sent + i) / 251));
        }
        sendbuf_sent(&buf, size);
        sent += size;
        size = (size_t)nrand48(seed) % (sent - acknowledged + 1);
        sendbuf_acknowledged(&buf, size);
        acknowledged += size;
        assert_int_equal(buf.held_bytes, written - acknowledged);
        assert_int_equal(buf.unsent_bytes, written - sent);
    }
    assert_null(buf.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_holds_nothing),
        cmocka_unit_test(acknowledging_everything_frees_everything),
        cmocka_unit_test(a_write_after_all_was_sent_is_lent_next),
        cmocka_unit_test(random_use_loses_and_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
