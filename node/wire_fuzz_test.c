/* The short run of the fuzzer, without libFuzzer: the seeds in the tree, and
 * two million mutants of them, the same each time. What is fed and what must
 * hold of it is wire_fuzz.c's affair; it aborts when it does not.
 *
 *     wire_fuzz_test FOLDER [ROUNDS]
 */
#include "wire.h"

#include "rng.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    SEED = 0xf022,
    ROUNDS = 2000000,
    SEEDS_MAX = 64,
    MUTATIONS_MAX = 6, /* in one mutant */
    INPUT_MAX = 4096,
    CONDITIONS = WIRE_TOO_MANY + 1,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    char name[64];
    size_t size;
    uint8_t bytes[INPUT_MAX];
};

static struct input seeds[SEEDS_MAX];
static size_t seeds_count;
static long rounds = ROUNDS;

static bool is_bad(const struct input *input)
{
    return strncmp(input->name, "bad-", 4) == 0;
}

/* What the last frame of the input decodes to: WIRE_OK when all do. Marks the
 * types that were seen. */
static int condition_of(const struct input *input, bool *is_seen)
{
    size_t at = 0;
    int result = WIRE_OK;
    while (result == WIRE_OK && at < input->size) {
        struct wire_message message;
        size_t used = 0;
        result =
            wire_decode(input->bytes + at, input->size - at, &message, &used);
        if (result == WIRE_OK && is_seen != NULL) {
            is_seen[message.type] = true;
        }
        at += used;
    }
    return result;
}

static void the_seeds_are_what_their_names_say(void **state)
{
    (void)state;
    bool is_seen[WIRE_PRUNE + 1] = {false};
    for (size_t i = 0; i < seeds_count; i++) {
        int condition = condition_of(&seeds[i], is_seen);
        if ((condition == WIRE_OK) == is_bad(&seeds[i])) {
            fail_msg("%s: %s", seeds[i].name, wire_reason(condition));
        }
        (void)LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].size);
    }
    for (int type = 0; type <= WIRE_PRUNE; type++) {
        if (strcmp(wire_type_name((enum wire_type)type), "?") != 0) {
            assert_true(is_seen[type]);
        }
    }
}

/* Moves what follows |at| by |by| bytes, up or down, within the input. */
static void shift(struct input *input, size_t at, long by)
{
    size_t size = (size_t)((long)input->size + by);
    if (by > 0 && size <= INPUT_MAX) {
        memmove(input->bytes + at + by, input->bytes + at, input->size - at);
        input->size = size;
    } else if (by < 0 && at + (size_t)-by <= input->size) {
        memmove(input->bytes + at, input->bytes + at - by,
                input->size - at - (size_t)-by);
        input->size = size;
    }
}

static void mutate(struct rng *rng, struct input *input)
{
    size_t at = input->size ? rng_below(rng, input->size) : 0;
    const struct input *other = &seeds[rng_below(rng, seeds_count)];
    size_t from = rng_below(rng, other->size);
    size_t count = rng_below(rng, other->size - from) + 1;
    switch (rng_below(rng, 6)) {
    case 0:
        input->bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        break;
    case 1:
        input->bytes[at] = (uint8_t)rng_next(rng);
        break;
    case 2:
        input->bytes[at] = rng_below(rng, 2) ? 0xff : 0;
        break;
    case 3:
        shift(input, at, (long)rng_below(rng, 32) + 1);
        break;
    case 4:
        shift(input, at, -(long)rng_below(rng, 32) - 1);
        break;
    default:
        if (at + count <= INPUT_MAX) {
            memcpy(input->bytes + at, other->bytes + from, count);
            input->size = at + count > input->size ? at + count : input->size;
        }
    }
}

/* Makes the first frame's length fit, else few mutants would get further. */
static void fit_length(struct input *input)
{
    if (input->size > 2) {
        input->bytes[0] = (uint8_t)((input->size - 2) >> 8);
        input->bytes[1] = (uint8_t)(input->size - 2);
    }
}

static void no_mutant_breaks_the_decoder(void **state)
{
    (void)state;
    static struct input input;
    struct rng rng;
    long met[CONDITIONS] = {0};
    rng_init(&rng, SEED);
    print_message("# seed %#x, %ld rounds\n", SEED, rounds);
    for (long i = 0; i < rounds; i++) {
        input = seeds[rng_below(&rng, seeds_count)];
        uint64_t mutations = rng_below(&rng, MUTATIONS_MAX) + 1;
        for (uint64_t j = 0; j < mutations; j++) {
            mutate(&rng, &input);
        }
        if (rng_below(&rng, 2) == 0) {
            fit_length(&input);
        }
        met[condition_of(&input, NULL)]++;
        (void)LLVMFuzzerTestOneInput(input.bytes, input.size);
    }
    /* A fuzzer that never gets past the header has shown nothing. */
    for (int i = 0; i < CONDITIONS; i++) {
        if (met[i] == 0) {
            fail_msg("no mutant was met with: %s", wire_reason(i));
        }
    }
}

static int read_seeds(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "rb") : NULL;
        if (file == NULL || seeds_count == SEEDS_MAX) {
            continue;
        }
        struct input *input = &seeds[seeds_count++];
        (void)snprintf(input->name, sizeof input->name, "%.63s", entry->d_name);
        input->size = fread(input->bytes, 1, INPUT_MAX, file);
        (void)fclose(file);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return seeds_count > 0 ? 0 : -1;
}

/* The order of a folder is the file system's: the run must not depend on it. */
static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name,
                  ((const struct input *)b)->name);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_are_what_their_names_say),
        cmocka_unit_test(no_mutant_breaks_the_decoder),
    };
    if (argc < 2 || read_seeds(argv[1]) != 0) {
        (void)fprintf(stderr, "usage: wire_fuzz_test FOLDER [ROUNDS]\n");
        return 64;
    }
    qsort(seeds, seeds_count, sizeof seeds[0], by_name);
    rounds = argc > 2 ? strtol(argv[2], NULL, 10) : ROUNDS;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
