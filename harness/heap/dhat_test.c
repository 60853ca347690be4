#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/dhat.h"

#include <string.h>

/* Frames as valgrind and as Rust's dhat write them. */
#define FRAMES                                                                 \
    "\"ftbl\":[\"[root]\","                                                    \
    "\"0x48417B4: malloc (in /usr/libexec/vgpreload_dhat.so)\","               \
    "\"0x109192: session_open (src/session.c:31)\","                           \
    "\"0x5: <T as core::ops::F(A)>::call::{{closure}} (core/ops.rs:84:14)\","  \
    "\"0x6: ???\"]"
#define HEAD "{\"dhatFileVersion\":2,\"mode\":\"heap\","

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
    return dhat_parse("d.json", text, strlen(text), &reading->profile,
                      &reading->err);
}

static void forget(struct reading *reading)
{
    profile_deinit(&reading->profile);
    words_deinit(&reading->words);
}

static void expect_frame(const struct reading *r, size_t frame,
                         const char *function, const char *file, uint32_t line,
                         const char *library)
{
    const struct profile_place *place =
        &r->profile.places[r->profile.frames[frame]];
    const struct profile_line *at = &r->profile.lines[place->lines_first];
    assert_int_equal(place->lines_count, 1);
    assert_string_equal(words_text(&r->words, at->function), function);
    assert_string_equal(words_text(&r->words, at->file), file);
    assert_int_equal(at->line, line);
    assert_string_equal(words_text(&r->words, place->library), library);
}

static void reads_what_was_live_at_the_end(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(
        read_text(&r, HEAD
                  "\"pps\":[{\"eb\":1000,\"ebk\":2,\"gb\":9,\"gbk\":9,"
                  "\"fs\":[1,2,3,4]},{\"eb\":0,\"ebk\":0,\"gb\":9,\"gbk\":9,"
                  "\"fs\":[1]}]," FRAMES "}"),
        0);
    assert_int_equal(r.profile.kind, PROFILE_DHAT);
    assert_int_equal(r.profile.sample_bytes, 0);
    assert_int_equal(r.profile.sites_count, 1);
    assert_true(r.profile.sites[0].bytes == 1000);
    assert_true(r.profile.sites[0].objects == 2);
    assert_true(r.profile.sites[0].variance == 0);
    expect_frame(&r, 0, "malloc", "", 0, "/usr/libexec/vgpreload_dhat.so");
    expect_frame(&r, 1, "session_open", "src/session.c", 31, "");
    expect_frame(&r, 2, "<T as core::ops::F(A)>::call::{{closure}}",
                 "core/ops.rs", 84, "");
    expect_frame(&r, 3, "0x6", "", 0, "");
    forget(&r);
}

static void shows_the_peak_of_a_program_that_freed_all(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(
        read_text(&r, HEAD "\"pps\":[{\"eb\":0,\"ebk\":0,\"gb\":70,\"gbk\":1,"
                           "\"fs\":[1,2]}]," FRAMES "}"),
        0);
    assert_int_equal(r.profile.kind, PROFILE_DHAT_PEAK);
    assert_true(r.profile.sites[0].bytes == 70);
    forget(&r);
}

static void expect_error(const char *text, const char *part)
{
    struct reading r;
    assert_int_equal(read_text(&r, text), -EINVAL);
    assert_string_equal(r.err.file, "d.json");
    if (strstr(r.err.sentence, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", r.err.sentence, part);
    }
    forget(&r);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    expect_error("{", "no JSON");
    expect_error("{}", "no DHAT profile");
    expect_error("{\"dhatFileVersion\":1}", "version 2");
    expect_error("{\"dhatFileVersion\":2,\"mode\":\"copy\"}", "mode 'heap'");
    expect_error(HEAD "\"pps\":[]}", "ftbl");
    expect_error(HEAD "\"pps\":[],\"ftbl\":[7]}", "row 0 of 'ftbl'");
    expect_error(HEAD FRAMES "}", "pps");
    expect_error(HEAD "\"pps\":[{\"fs\":[1]}]," FRAMES "}", "row 0 of 'pps'");
    expect_error(HEAD "\"pps\":[{\"eb\":1,\"ebk\":1}]," FRAMES "}", "'fs'");
    expect_error(HEAD "\"pps\":[{\"eb\":1,\"ebk\":1,\"fs\":[5]}]," FRAMES "}",
                 "damaged");
    expect_error(HEAD "\"pps\":[{\"eb\":1,\"ebk\":1,\"fs\":[-1]}]," FRAMES "}",
                 "damaged");
    expect_error(HEAD "\"pps\":[{\"eb\":-1,\"ebk\":1,\"fs\":[1]}]," FRAMES "}",
                 "what was live");
}

static void names_the_line_of_bad_json(void **state)
{
    (void)state;
    struct reading r;
    assert_int_equal(read_text(&r, "{\"a\":1\n,\"b\":\n}"), -EINVAL);
    assert_int_equal(r.err.line, 3);
    forget(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_live_at_the_end),
        cmocka_unit_test(shows_the_peak_of_a_program_that_freed_all),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(names_the_line_of_bad_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
