/* Mutates profiles of both kinds, by a seeded generator, and reads them. What
 * must hold: no crash, an error says something, and what was read is sound:
 * every number in it points to something. SEED and ROUNDS may be given in the
 * environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "churn/rng.h"
#include "heap/profile_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS_DEFAULT = 60000, TEXT_MAX = 4096, CHANGES_MAX = 8 };

static const char jemalloc_seed[] =
    "heap_v2/524288\n  t*: 6: 4096 [0: 0]\n  t0: 6: 4096 [0: 0]\n"
    "@ 0x55d0c11 0x55d0c12 0x7f0012345678\n  t*: 4: 4000 [9: 9000]\n"
    "  t0: 3: 3000 [0: 0]\n@ 0x55d0c11\n  t*: 2: 96 [0: 0]\n\n"
    "MAPPED_LIBRARIES:\n"
    "055d0000-055e0000 r-xp 00001000 fe:00 11 /opt/daemon\n"
    "7f0012340000-7f0012350000 r-xp 0000 fe:00 12 /lib/libx.so (deleted)\n"
    "build-id: 0a1bff /opt/daemon\n";

static const char dhat_seed[] =
    "{\"dhatFileVersion\":2,\"mode\":\"heap\",\"verb\":\"Allocated\",\"pps\":"
    "[{\"tb\":1000,\"eb\":1000,\"ebk\":1,\"gb\":5,\"gbk\":1,\"fs\":[1,2,2]},"
    "{\"eb\":0,\"ebk\":0,\"gb\":7,\"gbk\":2,\"fs\":[3]}],\"ftbl\":[\"[root]\","
    "\"0x48417B4: malloc (in /usr/lib/x.so)\",\"0x109192: f(int) (a.c:31)\","
    "\"0x6: ???\"]}";

/* Pieces that the parsers know, so that mutations get past the surface. */
static const char *const pieces[] = {
    "@ ",         "0x",       "\n",      "  t*: ",    ": ",
    " [",         "heap_v2/", "-",       "/",         "99999999999999999999",
    "0",          "-1",       "1e308",   "{",         "}",
    "[",          "]",        "\"fs\":", "\"ftbl\":", "MAPPED_LIBRARIES:\n",
    "build-id: ", " (in ",    ":1:2)",   "\\u0000",   "ffffffffffffffff",
    ",",
};

static size_t mutate(struct rng *rng, char *text, size_t size)
{
    uint32_t changes = 1 + rng_u32(rng) % CHANGES_MAX;
    while (changes-- > 0) {
        size_t at = size > 0 ? rng_u32(rng) % size : 0;
        const char *piece =
            pieces[rng_u32(rng) % (sizeof pieces / sizeof pieces[0])];
        size_t length = strlen(piece);
        size_t run = size > at ? rng_u32(rng) % (size - at + 1) : 0;
        switch (rng_u32(rng) % 6) {
        case 0: /* one byte becomes another */
            text[at] = (char)rng_u32(rng);
            break;
        case 1: /* one bit */
            text[at] = (char)(text[at] ^ (1 << rng_u32(rng) % 8));
            break;
        case 2: /* cut off */
            size = rng_u32(rng) % 4 == 0 ? at : size;
            break;
        case 3: /* a piece over what is there */
            if (at + length <= size) {
                memcpy(text + at, piece, length);
            }
            break;
        case 4: /* a piece between */
            if (size + length < TEXT_MAX) {
                memmove(text + at + length, text + at, size - at);
                memcpy(text + at, piece, length);
                size += length;
            }
            break;
        default: /* a run twice */
            run = run > 64 ? 64 : run;
            if (size + run < TEXT_MAX) {
                memmove(text + at + run, text + at, size - at);
                size += run;
            }
            break;
        }
    }
    return size;
}

static void check_sound(const struct profile *profile)
{
    for (size_t i = 0; i < profile->sites_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        assert_true(site->objects > 0);
        assert_true(site->bytes >= 0);
        assert_true(isfinite(site->bytes));
        assert_true(site->frames_first + site->frames_count <=
                    profile->frames_count);
    }
    for (size_t i = 0; i < profile->frames_count; i++) {
        assert_true(profile->frames[i] < profile->places_count);
    }
    for (size_t i = 0; i < profile->places_count; i++) {
        const struct profile_place *place = &profile->places[i];
        assert_true(place->module_plus_1 <= profile->modules_count);
        assert_true(place->library < profile->words->count);
        assert_true((size_t)place->lines_first + place->lines_count <=
                    profile->lines_count);
    }
    for (size_t i = 0; i < profile->lines_count; i++) {
        assert_true(profile->lines[i].function < profile->words->count);
        assert_true(profile->lines[i].file < profile->words->count);
    }
}

static void fuzz(const char *seed_text, uint64_t seed)
{
    const char *given = getenv("ROUNDS");
    unsigned long rounds =
        given != NULL ? strtoul(given, NULL, 10) : ROUNDS_DEFAULT;
    struct rng rng;
    unsigned long read = 0;
    rng_init(&rng, seed, 0);
    for (unsigned long i = 0; i < rounds; i++) {
        char text[TEXT_MAX + 1];
        struct words words;
        struct profile profile;
        struct symbols_notes notes = {.count = 0};
        struct err err = {0};
        size_t size = strlen(seed_text);
        memcpy(text, seed_text, size + 1);
        size = i > 0 ? mutate(&rng, text, size) : size;
        text[size] = '\0';
        assert_int_equal(words_init(&words), 0);
        profile_init(&profile, &words);
        int r = profile_parse("fuzz", text, size, &profile, &err);
        if (r == 0) {
            read++;
            check_sound(&profile);
            assert_int_equal(symbols_resolve(&profile, 1, &notes), 0);
            check_sound(&profile);
        } else {
            assert_true(r == -EINVAL || r == -E2BIG);
            assert_true(err.sentence[0] != '\0');
        }
        profile_deinit(&profile);
        words_deinit(&words);
    }
    (void)printf("# seed %llu: %lu of %lu were read\n",
                 (unsigned long long)seed, read, rounds);
    assert_true(read > 0);
    assert_true(read < rounds || rounds < 100);
}

static uint64_t chosen_seed(void)
{
    const char *given = getenv("SEED");
    return given != NULL ? strtoull(given, NULL, 10) : 1;
}

static void a_damaged_heap_dump_never_harms(void **state)
{
    (void)state;
    fuzz(jemalloc_seed, chosen_seed());
}

static void a_damaged_dhat_profile_never_harms(void **state)
{
    (void)state;
    fuzz(dhat_seed, chosen_seed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_heap_dump_never_harms),
        cmocka_unit_test(a_damaged_dhat_profile_never_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
