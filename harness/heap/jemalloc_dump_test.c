#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/jemalloc_dump.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char dump[] =
    "heap_v2/1024\n"
    "  t*: 6: 4096 [0: 0]\n"
    "  t0: 6: 4096 [0: 0]\n"
    "@ 0x1001 0x2001 0x2001\n"
    "  t*: 4: 4000 [9: 9000]\n"
    "  t0: 3: 3000 [0: 0]\n"
    "  t1: 1: 1000 [0: 0]\n"
    "@ 0x1001 0x9001\n"
    "  t*: 2: 96 [0: 0]\n"
    "  t0: 2: 96 [0: 0]\n"
    "@ 0x3001\n"
    "  t*: 0: 0 [7: 100]\n"
    "  t0: 0: 0 [0: 0]\n"
    "\n"
    "MAPPED_LIBRARIES:\n"
    "00001000-00002000 r--p 00000000 fe:00 11 /opt/a b/daemon\n"
    "00002000-00003000 r-xp 00001000 fe:00 11 /opt/a b/daemon\n"
    "00003000-00004000 rw-p 00000000 00:00 0 \n"
    "00008000-0000a000 r-xp 00007000 fe:00 12 /usr/lib/libx.so.1\n"
    "0000a000-0000b000 rw-p 00000000 00:00 0 [heap]\n"
    "build-id: 0a1Bff /opt/a b/daemon\n";

struct reading {
    struct words words;
    struct profile profile;
    struct err err;
};

static int read_text(struct reading *reading, const char *text)
{
    memset(&reading->err, 0, sizeof reading->err);
    assert_int_equal(words_init(&reading->words), 0);
    profile_init(&reading->profile, &reading->words);
    return jemalloc_dump_parse("a.heap", text, strlen(text), &reading->profile,
                               &reading->err);
}

static void forget(struct reading *reading)
{
    profile_deinit(&reading->profile);
    words_deinit(&reading->words);
}

static void reads_stacks_with_what_they_hold(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(read_text(&r, dump), 0);
    assert_int_equal(r.profile.kind, PROFILE_JEMALLOC);
    assert_int_equal(r.profile.sample_bytes, 1024);
    assert_int_equal(r.profile.sites_count, 2);
    assert_int_equal(r.profile.sites[0].frames_count, 3);
    assert_int_equal(r.profile.sites[1].frames_count, 2);
    assert_int_equal(r.profile.places_count, 4);
    const uint32_t *frames = r.profile.frames;
    assert_int_equal(frames[0], frames[3]);
    assert_int_equal(frames[1], frames[2]);
    forget(&r);
}

/* By hand, as jeprof's AdjustSamples() has it for heap_v2: the mean size of a
 * site over the interval is 1000/1024, so a sample stands for 1/(1-e^-0.9766)
 * = 1.6042 objects; and for 48 bytes for 21.838. */
static void unbiases_as_jeprof_does(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(read_text(&r, dump), 0);
    const struct profile_site *large = &r.profile.sites[0];
    const struct profile_site *small = &r.profile.sites[1];
    assert_true(fabs(large->objects - 4 * 1.60420) < 1e-3);
    assert_true(fabs(large->bytes - 4000 * 1.60420) < 1);
    assert_true(fabs(small->objects - 2 * 21.8372) < 1e-2);
    assert_true(fabs(small->bytes - 96 * 21.8372) < 0.1);
    double scale = small->objects / 2;
    assert_true(fabs(small->variance - 2 * 48. * 48. * scale * (scale - 1)) <
                1e-6 * small->variance);
    forget(&r);
}

static void a_place_is_the_call_and_knows_its_file(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(read_text(&r, dump), 0);
    const struct profile_place *call = &r.profile.places[r.profile.frames[1]];
    assert_int_equal(call->address, 0x2000);
    assert_string_equal(words_text(&r.words, call->library), "/opt/a b/daemon");
    const struct profile_place *other = &r.profile.places[r.profile.frames[4]];
    assert_string_equal(words_text(&r.words, other->library),
                        "/usr/lib/libx.so.1");
    assert_int_equal(r.profile.modules_count, 2);
    assert_int_equal(r.profile.modules[0].start, 0x1000);
    assert_int_equal(r.profile.modules[0].end, 0x3000);
    assert_int_equal(r.profile.modules[1].offset, 0x7000);
    forget(&r);
}

static void reads_build_ids(void **state)
{
    (void)state;
    static const unsigned char id[] = {0x0a, 0x1b, 0xff};
    struct reading r;
    assert_int_equal(read_text(&r, dump), 0);
    assert_int_equal(r.profile.modules[0].build_id_bytes, sizeof id);
    assert_memory_equal(r.profile.modules[0].build_id, id, sizeof id);
    assert_int_equal(r.profile.modules[1].build_id_bytes, 0);
    forget(&r);
}

static void expect_error(const char *text, int line, const char *part)
{
    struct reading r;
    assert_int_equal(read_text(&r, text), -EINVAL);
    assert_string_equal(r.err.file, "a.heap");
    assert_int_equal(r.err.line, line);
    if (strstr(r.err.sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", r.err.sentence, part);
    }
    forget(&r);
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    expect_error("", 1, "empty");
    expect_error("heap_v1/524288\n", 1, "another version");
    expect_error("heap_v2/\n", 1, "sample interval");
    expect_error("heap_v2/0\n", 1, "sample interval");
    expect_error("heap_v2/9\nwhat\n", 2, "'what' is no line");
    expect_error("heap_v2/9\n@ 0x1 zz\n", 2, "hexadecimal");
    expect_error("heap_v2/9\n@ 0x11111111111111111\n", 2, "hexadecimal");
    expect_error("heap_v2/9\n@ 0x1\n", 2, "cut off");
    expect_error("heap_v2/9\n@ 0x1\n  t*: 4 4000\n", 3, "OBJECTS");
    expect_error("heap_v2/9\n@ 0x1\n  t*: 0: 4000 [0: 0]\n", 3, "OBJECTS");
    expect_error("heap_v2/9\n@ 0x1\n  t*: 1: 4000 [0: 0]\n", 3, "cut off");
    expect_error("heap_v2/9\nMAPPED_LIBRARIES:\nxyz\n", 3, "/proc/PID/maps");
    expect_error("heap_v2/9\nMAPPED_LIBRARIES:\nbuild-id: q /a\n", 3,
                 "build-id");
}

/* Wherever a dump ends, there is an error, or everything that was in it. */
static void knows_every_dump_that_was_cut_off(void **state)
{
    (void)state;
    const char *maps = strstr(dump, "MAPPED_LIBRARIES:");
    size_t end = (size_t)(maps - dump) + strlen("MAPPED_LIBRARIES:");
    for (size_t size = 0; size < end; size++) {
        struct reading r;
        char text[sizeof dump];
        memcpy(text, dump, size);
        text[size] = '\0';
        assert_int_equal(read_text(&r, text), -EINVAL);
        assert_true(r.err.sentence[0] != '\0');
        forget(&r);
    }
}

static void leaves_out_frames_beyond_the_limit(void **state)
{
    (void)state;
    static char text[64 + 8 * (PROFILE_STACK_MAX + 10)];
    struct reading r;
    size_t used = (size_t)snprintf(text, sizeof text, "heap_v2/1\n@");
    for (int i = 0; i < PROFILE_STACK_MAX + 10; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " 0x%x", i + 1);
    }
    (void)snprintf(text + used, sizeof text - used,
                   "\n  t*: 1: 1 [0: 0]\nMAPPED_LIBRARIES:\n");
    assert_int_equal(read_text(&r, text), 0);
    assert_int_equal(r.profile.sites[0].frames_count, PROFILE_STACK_MAX);
    forget(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_stacks_with_what_they_hold),
        cmocka_unit_test(unbiases_as_jeprof_does),
        cmocka_unit_test(a_place_is_the_call_and_knows_its_file),
        cmocka_unit_test(reads_build_ids),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(knows_every_dump_that_was_cut_off),
        cmocka_unit_test(leaves_out_frames_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
