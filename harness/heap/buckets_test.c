#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/buckets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buckets *parse(const char *text)
{
    struct buckets *buckets = NULL;
    struct err err = {0};
    if (buckets_parse("r.yaml", text, strlen(text), &buckets, &err) != 0) {
        fail_msg("%s", err.sentence);
    }
    return buckets;
}

static void the_first_rule_that_matches_wins(void **state)
{
    (void)state;
    struct buckets *rules = parse("rules:\n"
                                  "  - bucket: first\n"
                                  "    functions: [ab*]\n"
                                  "  - bucket: second\n"
                                  "    functions: [a*, z]\n"
                                  "    libraries: [libq.so*]\n");
    assert_int_equal(buckets_match(rules, "abc", "", ""), 0);
    assert_int_equal(buckets_match(rules, "acc", "", ""), 1);
    assert_int_equal(buckets_match(rules, "z", "", ""), 1);
    assert_int_equal(buckets_match(rules, "zz", "", ""), BUCKETS_NONE);
    assert_int_equal(buckets_match(rules, "zz", "", "/usr/lib/libq.so.1"), 1);
    assert_int_equal(buckets_match(rules, "", "", ""), BUCKETS_NONE);
    buckets_free(rules);
}

static void a_path_matches_from_any_slash_on(void **state)
{
    (void)state;
    struct buckets *rules = parse("rules:\n"
                                  "  - bucket: x\n"
                                  "    files: [node/quic*.c]\n");
    assert_int_equal(buckets_match(rules, "f", "/b/../node/quic_conn.c", ""),
                     0);
    assert_int_equal(buckets_match(rules, "f", "node/quic.c", ""), 0);
    assert_int_equal(buckets_match(rules, "f", "/a/anode/quic.c", ""),
                     BUCKETS_NONE);
    assert_int_equal(buckets_match(rules, "f", "/a/node/quic.cc", ""),
                     BUCKETS_NONE);
    buckets_free(rules);
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *part;
    } wrongs[] = {
        {"", 0, "rules"},
        {"rules: 7\n", 1, "rules"},
        {"rules:\n  - functions: [a]\n", 2, "bucket"},
        {"rules:\n  - bucket: a\n    colour: red\n", 2, "colour"},
        {"rules: [\n", 0, "rules"},
        {"about: x\n", 0, "rules"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct buckets *rules = NULL;
        struct err err = {0};
        assert_int_equal(buckets_parse("r.yaml", wrongs[i].text,
                                       strlen(wrongs[i].text), &rules, &err),
                         -EINVAL);
        assert_null(rules);
        assert_string_equal(err.file, "r.yaml");
        if (wrongs[i].line > 0) {
            assert_int_equal(err.line, wrongs[i].line);
        }
        if (strstr(err.sentence, wrongs[i].part) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.sentence,
                     wrongs[i].part);
        }
    }
}

/* The rules that come with plateau are right, and know their parts. */
static void the_bundled_rules_name_the_parts(void **state)
{
    (void)state;
    static const struct {
        const char *file, *function, *source, *library, *bucket;
    } cases[] = {
        {"meshnode", "ngtcp2_conn_new", "", "", "quic connections"},
        {"meshnode", "x", "../node/telemetry.c", "", "telemetry"},
        {"meshnode", "x", "/b/../node/load_linux.c", "", "process table"},
        {"meshnode", "x", "/b/../node/addrbook.c", "", "address book"},
        {"meshnode", "x", "/b/../node/plumtree_seen.c", "", "peer state"},
        {"general", "SSL_new", "", "", "TLS and cryptography"},
        {"general", "x", "", "/lib/libsqlite3.so.0", "database"},
    };
    const char *folder = getenv("PLATEAU_REPORTS");
    assert_non_null(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[4096];
        struct buckets *rules = NULL;
        struct err err = {0};
        (void)snprintf(path, sizeof path, "%s/buckets/%s.yaml", folder,
                       cases[i].file);
        if (buckets_load(path, &rules, &err) != 0) {
            fail_msg("%s: %s", path, err.sentence);
        }
        int rule = buckets_match(rules, cases[i].function, cases[i].source,
                                 cases[i].library);
        assert_true(rule >= 0);
        assert_string_equal(rules->rules[rule].bucket, cases[i].bucket);
        buckets_free(rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_matches_wins),
        cmocka_unit_test(a_path_matches_from_any_slash_on),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(the_bundled_rules_name_the_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
