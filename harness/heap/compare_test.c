#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/compare.h"
#include "heap/export.h"
#include "heap/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

static const char rules_text[] = "rules:\n"
                                 "  - bucket: connections\n"
                                 "    functions: [conn_*]\n"
                                 "  - bucket: peers\n"
                                 "    functions: [peer_*]\n"
                                 "  - bucket: connections\n"
                                 "    functions: [quic_*]\n"
                                 "  - bucket: nothing of it\n"
                                 "    functions: [never]\n";

struct fixture {
    struct words words;
    struct profile profiles[2];
    struct buckets *rules;
    struct compare compare;
};

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(words_init(&f->words), 0);
    profile_init(&f->profiles[0], &f->words);
    profile_init(&f->profiles[1], &f->words);
    assert_int_equal(
        buckets_parse("r", rules_text, strlen(rules_text), &f->rules, NULL), 0);
}

static void teardown(struct fixture *f)
{
    compare_deinit(&f->compare);
    profile_deinit(&f->profiles[0]);
    profile_deinit(&f->profiles[1]);
    buckets_free(f->rules);
    words_deinit(&f->words);
}

/* |stack|: functions, innermost first, with blanks between. */
static void hold(struct fixture *f, int side, const char *stack, double objects,
                 double bytes)
{
    uint32_t places[16];
    size_t count = 0;
    struct profile *profile = &f->profiles[side];
    while (*stack != '\0') {
        size_t size = strcspn(stack, " ");
        struct profile_line line = {.line = 7};
        assert_int_equal(words_add(&f->words, stack, size, &line.function), 0);
        assert_int_equal(profile_place_new(profile, &places[count]), 0);
        assert_int_equal(profile_add_line(profile, places[count], &line), 0);
        count++;
        stack += size + (stack[size] == ' ');
    }
    assert_int_equal(profile_add_site(profile, places, count, objects, bytes),
                     0);
}

static void compare(struct fixture *f, bool has_before)
{
    assert_int_equal(compare_profiles(has_before ? &f->profiles[0] : NULL,
                                      &f->profiles[1], f->rules, &f->compare),
                     0);
}

static const struct compare_bucket *bucket(const struct fixture *f,
                                           const char *name)
{
    for (size_t i = 0; i < f->compare.buckets_count; i++) {
        if (strcmp(f->compare.buckets[i].name, name) == 0) {
            return &f->compare.buckets[i];
        }
    }
    return NULL;
}

static void matches_sites_by_their_functions(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    hold(&f, 0, "malloc conn_new main", 1, 100);
    hold(&f, 1, "calloc conn_new main", 2, 300);
    hold(&f, 1, "calloc conn_new main", 1, 50);
    hold(&f, 1, "conn_new other main", 1, 10);
    compare(&f, true);
    assert_int_equal(f.compare.sites_count, 2);
    assert_true(f.compare.sites[0].amounts[0].bytes == 100);
    assert_true(f.compare.sites[0].amounts[1].bytes == 350);
    assert_true(f.compare.sites[0].amounts[1].objects == 3);
    assert_int_equal(f.compare.sites[0].lines_count, 2);
    teardown(&f);
}

static void leaves_out_what_the_allocator_adds(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    hold(&f, 1, "prof_backtrace imalloc malloc __rust_alloc peer_add main", 1,
         10);
    compare(&f, false);
    const struct compare_site *site = &f.compare.sites[0];
    assert_int_equal(site->lines_count, 2);
    assert_string_equal(
        words_text(&f.words, f.compare.lines[site->lines_first].function),
        "peer_add");
    teardown(&f);
}

static void leaves_out_what_only_passes_a_wish_on(void **state)
{
    static const struct {
        const char *stack, *first;
    } stacks[] = {
        {"malloc __strdup peer_add main", "peer_add"},
        {"std::__new_allocator::allocate "
         "std::vector::_M_default_append std::vector::resize peer_add",
         "std::vector::resize"},
        {"std::__cxx11::basic_string::_M_mutate "
         "std::__cxx11::basic_string::append peer_add",
         "std::__cxx11::basic_string::append"},
        {"malloc gc_alloc new_dict", "new_dict"},
        {"malloc peer_add std::_Function_handler::_M_invoke main", "peer_add"},
        {"malloc xmalloc", "xmalloc"},
        {"calloc mosquitto__calloc context__init main", "context__init"},
        {"malloc zmalloc_usable zmalloc sdsdup main", "sdsdup"},
        {"malloc sqlite3MemMalloc sqlite3Malloc sqlite3DbMallocRawNN "
         "sqlite3VdbeCreate main",
         "sqlite3VdbeCreate"},
        {"malloc ngx_alloc ngx_palloc_large ngx_palloc ngx_http_init main",
         "ngx_http_init"},
        {"malloc conn_alloc serve", "conn_alloc"},
        {"malloc mallocator_new serve", "mallocator_new"},
        {"malloc std::sys::alloc::unix::alloc __rustc::__rust_alloc "
         "alloc::raw_vec::RawVecInner::try_allocate_in "
         "alloc::vec::Vec::with_capacity app::Registry::keep app::main",
         "app::Registry::keep"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        struct fixture f;
        char first[128];
        setup(&f);
        hold(&f, 1, stacks[i].stack, 1, 10);
        compare(&f, false);
        const struct compare_site *site = &f.compare.sites[0];
        (void)snprintf(
            first, sizeof first, "%s",
            words_text(&f.words, f.compare.lines[site->lines_first].function));
        assert_string_equal(first, stacks[i].first);
        teardown(&f);
    }
}

/* A connection that peer_ code dials is a connection; a note that peer_ code
 * makes within a connection's callback is the peers'. */
static void the_innermost_frame_that_a_rule_knows_decides(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    hold(&f, 1, "malloc list_grow conn_new peer_dial main", 1, 100);
    hold(&f, 1, "malloc peer_note conn_read main", 1, 10);
    hold(&f, 1, "malloc quic_new main", 1, 1);
    compare(&f, false);
    assert_true(bucket(&f, "connections")->amounts[1].bytes == 101);
    assert_true(bucket(&f, "peers")->amounts[1].bytes == 10);
    assert_null(bucket(&f, "nothing of it"));
    teardown(&f);
}

static void what_matches_no_rule_is_shown_last(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    hold(&f, 0, "malloc strange main", 1, 5000);
    hold(&f, 0, "", 1, 70);
    hold(&f, 1, "conn_a", 1, 10);
    hold(&f, 1, "peer_a", 1, 30);
    compare(&f, true);
    assert_int_equal(f.compare.buckets_count, 3);
    assert_string_equal(f.compare.buckets[0].name, "peers");
    assert_string_equal(f.compare.buckets[1].name, "connections");
    assert_string_equal(f.compare.buckets[2].name, compare_unmatched);
    assert_true(f.compare.buckets[2].amounts[0].bytes == 5070);
    teardown(&f);
}

static void buckets_and_sites_add_up_to_the_total(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.profiles[0].sample_bytes = 512;
    hold(&f, 0, "conn_a main", 3, 1000);
    hold(&f, 0, "peer_a main", 4, 80);
    hold(&f, 0, "else main", 2, 4000);
    hold(&f, 1, "else main", 2, 20);
    compare(&f, true);
    for (int side = 0; side < 2; side++) {
        double sums[2] = {0};
        for (size_t i = 0; i < f.compare.buckets_count; i++) {
            sums[0] += f.compare.buckets[i].amounts[side].bytes;
        }
        for (size_t i = 0; i < f.compare.sites_count; i++) {
            sums[1] += f.compare.sites[i].amounts[side].bytes;
        }
        double total = 0;
        profile_total(&f.profiles[side], NULL, &total, NULL);
        assert_true(fabs(sums[0] - total) < 1e-6);
        assert_true(fabs(sums[1] - total) < 1e-6);
        assert_true(fabs(f.compare.total[side].bytes - total) < 1e-6);
    }
    teardown(&f);
}

static void sites_point_at_their_bucket_after_sorting(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    hold(&f, 1, "else", 1, 1);
    hold(&f, 1, "peer_a", 1, 500);
    hold(&f, 1, "conn_a", 1, 40);
    compare(&f, false);
    assert_string_equal(f.compare.buckets[f.compare.sites[0].bucket].name,
                        "peers");
    assert_string_equal(f.compare.buckets[f.compare.sites[1].bucket].name,
                        "connections");
    assert_string_equal(f.compare.buckets[f.compare.sites[2].bucket].name,
                        compare_unmatched);
    teardown(&f);
}

/* Reads a file, gzipped or not. */
static size_t slurp(const char *path, char *bytes, size_t room)
{
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    int size = gzread(file, bytes, (unsigned)room - 1);
    assert_true(size >= 0);
    assert_int_equal(gzclose(file), Z_OK);
    bytes[size] = '\0';
    return (size_t)size;
}

static void writes_folded_stacks_outermost_first(void **state)
{
    (void)state;
    struct fixture f;
    char path[] = "/tmp/compare-test-XXXXXX";
    char text[1024];
    setup(&f);
    hold(&f, 0, "malloc conn;a main", 1, 100);
    hold(&f, 1, "malloc conn;a main", 1, 50);
    hold(&f, 1, "", 1, 7);
    compare(&f, true);
    (void)close(mkstemp(path));
    assert_int_equal(export_folded(&f.compare, path, NULL), 0);
    (void)slurp(path, text, sizeof text);
    assert_string_equal(text, "main;conn:a 100 50\n(stack not known) 0 7\n");
    (void)unlink(path);
    teardown(&f);
}

static uint64_t take_varint(const unsigned char **at, const unsigned char *end)
{
    uint64_t value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return value;
}

/* A reader of its own: counts the top-level fields, and finds the texts. */
static void writes_a_pprof_profile_that_reads_back(void **state)
{
    (void)state;
    struct fixture f;
    char path[] = "/tmp/compare-test-XXXXXX";
    static char bytes[65536];
    size_t counts[16] = {0};
    char texts[64][64];
    size_t texts_count = 0;
    uint64_t default_type = 0;
    setup(&f);
    hold(&f, 0, "malloc conn_a main", 1, 100);
    hold(&f, 1, "malloc conn_a main", 2, 50);
    hold(&f, 1, "peer_a main", 1, 9);
    compare(&f, true);
    (void)close(mkstemp(path));
    assert_int_equal(export_pprof(&f.compare, path, NULL), 0);
    const unsigned char *at = (const unsigned char *)bytes;
    const unsigned char *end = at + slurp(path, bytes, sizeof bytes);
    while (at < end) {
        uint64_t tag = take_varint(&at, end);
        uint64_t size = take_varint(&at, end);
        assert_true(tag >> 3 < 16);
        counts[tag >> 3]++;
        if ((tag & 7) == 0) {
            default_type = size;
            continue;
        }
        assert_int_equal(tag & 7, 2);
        assert_true(size <= (uint64_t)(end - at));
        if (tag >> 3 == 6) {
            (void)snprintf(texts[texts_count++], sizeof texts[0], "%.*s",
                           (int)size, (const char *)at);
        }
        at += size;
    }
    assert_int_equal(counts[1], 5); /* sample types */
    assert_int_equal(counts[2], 2); /* samples */
    assert_int_equal(counts[4], 3); /* conn_a, peer_a, main */
    assert_int_equal(counts[5], 3);
    assert_string_equal(texts[0], "");
    assert_true(default_type < texts_count);
    assert_string_equal(texts[default_type], "change_space");
    (void)unlink(path);
    teardown(&f);
}

static void says_where_it_could_not_write(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {0};
    setup(&f);
    hold(&f, 1, "peer_a main", 1, 9);
    compare(&f, false);
    assert_int_equal(export_folded(&f.compare, "/nowhere/f", &err), -ENOENT);
    assert_string_equal(err.file, "/nowhere/f");
    assert_int_equal(export_pprof(&f.compare, "/nowhere/p", &err), -ENOENT);
    assert_string_equal(err.file, "/nowhere/p");
    teardown(&f);
}

static void percent_says_new_and_gone(void **state)
{
    (void)state;
    static const struct {
        double before, after;
        const char *text;
    } cases[] = {
        {42.9, 8.1, "-81 %"},  {0, 5, "new"},       {5, 0, "gone"},
        {7, 7, "0 %"},         {10, 15, "+50 %"},   {10, 500, "50.0 times"},
        {772, 2.6, "-99.7 %"}, {1e6, 1, "-99.9 %"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct compare_amount amounts[2] = {{.bytes = cases[i].before},
                                                  {.bytes = cases[i].after}};
        char text[40];
        assert_string_equal(report_percent(amounts, text, sizeof text),
                            cases[i].text);
    }
}

static void markdown_has_a_row_a_bucket_and_escapes(void **state)
{
    (void)state;
    struct fixture f;
    struct symbols_notes notes = {.count = 0};
    char *text = NULL;
    size_t size = 0;
    setup(&f);
    hold(&f, 0, "conn_a|b main", 2, 4096);
    hold(&f, 1, "conn_a|b main", 1, 1024);
    compare(&f, true);
    const struct report report = {
        .compare = &f.compare,
        .sides = {{.name = "a", .allocated_bytes = NAN},
                  {.name = "b", .allocated_bytes = 2048}},
        .notes = &notes,
        .labels = {"before", "after"},
        .rules = "r.yaml",
        .sites_shown = 8,
    };
    FILE *stream = open_memstream(&text, &size);
    report_print_markdown(&report, stream);
    (void)fclose(stream);
    assert_non_null(
        strstr(text, "| connections | 4 KiB | 1 KiB | -3 KiB | -75 % |"));
    assert_non_null(strstr(
        text, "| **total** | **4 KiB** | **1 KiB** | **-3 KiB** | **-75 %** "));
    assert_non_null(
        strstr(text, "| allocated, its allocator says | - | 2 KiB |"));
    assert_non_null(strstr(text, "conn\\_a\\|b"));
    free(text);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_sites_by_their_functions),
        cmocka_unit_test(leaves_out_what_the_allocator_adds),
        cmocka_unit_test(leaves_out_what_only_passes_a_wish_on),
        cmocka_unit_test(the_innermost_frame_that_a_rule_knows_decides),
        cmocka_unit_test(what_matches_no_rule_is_shown_last),
        cmocka_unit_test(buckets_and_sites_add_up_to_the_total),
        cmocka_unit_test(sites_point_at_their_bucket_after_sorting),
        cmocka_unit_test(writes_folded_stacks_outermost_first),
        cmocka_unit_test(writes_a_pprof_profile_that_reads_back),
        cmocka_unit_test(says_where_it_could_not_write),
        cmocka_unit_test(percent_says_new_and_gone),
        cmocka_unit_test(markdown_has_a_row_a_bucket_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
