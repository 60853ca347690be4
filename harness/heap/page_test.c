#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/flame.h"
#include "heap/page.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "whole_file.h"

static const char rules_text[] = "rules:\n"
                                 "  - {bucket: a <b> & c, functions: [f_*]}\n"
                                 "  - {bucket: other, functions: [g_*]}\n";

struct fixture {
    struct words words;
    struct profile profiles[2];
    struct buckets *rules;
    struct compare compare;
    struct symbols_notes notes;
    struct report report;
    char folder[64];
    char path[128];
};

static void hold(struct fixture *f, int side, const char *function,
                 const char *caller, double bytes)
{
    uint32_t places[2];
    const char *names[] = {function, caller};
    for (int i = 0; i < 2; i++) {
        struct profile_line line = {.line = 3};
        assert_int_equal(
            words_add(&f->words, names[i], strlen(names[i]), &line.function),
            0);
        assert_int_equal(profile_place_new(&f->profiles[side], &places[i]), 0);
        assert_int_equal(profile_add_line(&f->profiles[side], places[i], &line),
                         0);
    }
    assert_int_equal(profile_add_site(&f->profiles[side], places, 2, 1, bytes),
                     0);
}

static void setup(struct fixture *f, bool has_before)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(words_init(&f->words), 0);
    profile_init(&f->profiles[0], &f->words);
    profile_init(&f->profiles[1], &f->words);
    assert_int_equal(
        buckets_parse("r", rules_text, strlen(rules_text), &f->rules, NULL), 0);
    hold(f, 0, "f_<x>", "main", 4000);
    hold(f, 1, "f_<x>", "main", 1000);
    hold(f, 1, "g_new", "main", 500);
    assert_int_equal(compare_profiles(has_before ? &f->profiles[0] : NULL,
                                      &f->profiles[1], f->rules, &f->compare),
                     0);
    f->report = (struct report){
        .compare = &f->compare,
        .sides = {{.name = "b.heap", .allocated_bytes = NAN},
                  {.name = "a.heap", .allocated_bytes = NAN}},
        .notes = &f->notes,
        .labels = {"before", "after"},
        .rules = "r.yaml",
        .sites_shown = 8,
    };
    (void)strcpy(f->folder, "/tmp/page-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/page.html", f->folder);
}

static void teardown(struct fixture *f)
{
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0); /* nothing else was left */
    compare_deinit(&f->compare);
    profile_deinit(&f->profiles[0]);
    profile_deinit(&f->profiles[1]);
    buckets_free(f->rules);
    words_deinit(&f->words);
}

static char *make_page(struct fixture *f, const char *reports)
{
    char *text = NULL;
    size_t size = 0;
    struct err err = {0};
    const struct page page = {
        .report = &f->report, .title = "T & T", .lead = ""};
    if (page_write(&page, reports, f->path, &err) != 0) {
        fail_msg("%s: %s", err.file, err.sentence);
    }
    assert_int_equal(
        whole_file_read(f->path, 1 << 24, &text, &size, NULL, NULL), 0);
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        found++;
    }
    return found;
}

static void a_page_is_whole_and_needs_nothing_else(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, true);
    char *text = make_page(&f, getenv("PLATEAU_REPORTS"));
    assert_null(strstr(text, "{{"));
    assert_non_null(strstr(text, "</html>"));
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "@import"));
    assert_null(strstr(text, "<link"));
    assert_null(strstr(text, "url("));
    /* The only addresses are names of XML. */
    assert_int_equal(count(text, "http"), count(text, "http://www.w3.org/"));
    assert_int_equal(count(text, "class=\"plot "), 2);
    assert_int_equal(count(text, "class=\"flame\""), 1);
    assert_non_null(strstr(text, "a &lt;b&gt; &amp; c"));
    assert_non_null(strstr(text, "f_&lt;x&gt;"));
    assert_null(strstr(text, "f_<x>"));
    assert_non_null(strstr(text, "3.91 KiB"));
    free(text);
    teardown(&f);
}

static void without_gnuplot_the_page_says_so(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, false);
    char *path = strdup(getenv("PATH"));
    assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
    char *text = make_page(&f, getenv("PLATEAU_REPORTS"));
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_non_null(strstr(text, "Not drawn: gnuplot is not installed"));
    assert_int_equal(count(text, "class=\"plot "), 0);
    free(path);
    free(text);
    teardown(&f);
}

static void a_template_with_an_unknown_part_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct err err = {0};
    char template[160];
    setup(&f, false);
    (void)snprintf(template, sizeof template, "%s/heap.html", f.folder);
    FILE *file = fopen(template, "w");
    assert_non_null(file);
    assert_true(fputs("<p>{{titel}}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    const struct page page = {.report = &f.report, .title = "T", .lead = ""};
    assert_int_equal(page_write(&page, f.folder, f.path, &err), -EINVAL);
    assert_non_null(strstr(err.sentence, "titel"));
    assert_int_equal(access(f.path, F_OK), -1);
    (void)unlink(template);
    teardown(&f);
}

static char *draw_flame(const struct fixture *f, int expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(flame_write(&f->compare, stream), expected);
    (void)fclose(stream);
    return text;
}

/* 4000 -> 1000 and 0 -> 500: the whole is 4500 wide, and 3000 less than it
 * was of 4500. */
static void a_flame_is_as_wide_as_the_larger_side(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, true);
    char *text = draw_flame(&f, 0);
    assert_int_equal(count(text, "<rect"), 4); /* all, main, f_<x>, g_new */
    assert_non_null(strstr(text, "x=\"0.000%\" y=\"38\" width=\"88.889%\""));
    assert_non_null(strstr(text, "x=\"88.889%\" y=\"38\" width=\"11.111%\""));
    assert_int_equal(count(text, "class=\"f-4\""), 1); /* three quarters gone */
    assert_int_equal(count(text, "class=\"f-3\""), 2);
    assert_int_equal(count(text, "class=\"f5\""), 1); /* new */
    free(text);
    teardown(&f);
}

static void nothing_held_is_no_flame(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, false);
    f.compare.sites_count = 0;
    char *text = draw_flame(&f, FLAME_EMPTY);
    assert_string_equal(text, "");
    free(text);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_whole_and_needs_nothing_else),
        cmocka_unit_test(without_gnuplot_the_page_says_so),
        cmocka_unit_test(a_template_with_an_unknown_part_is_refused),
        cmocka_unit_test(a_flame_is_as_wide_as_the_larger_side),
        cmocka_unit_test(nothing_held_is_no_flame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
