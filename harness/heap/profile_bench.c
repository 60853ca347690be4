/* Writes a jemalloc heap dump of STACKS stacks, 32 frames deep, whose addresses
 * lie in the code of this very program and its libraries, to FILE. For
 * scripts/bench, which times what plateau makes of it. */
#include "churn/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 32, PLACES = 60000, RANGES_MAX = 64, LINE_SIZE = 4200 };

struct range {
    uint64_t start, end;
};

/* Copies our own maps to |to| (may be NULL), and lists where code is. */
static size_t read_maps(struct range ranges[RANGES_MAX], FILE *to)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[LINE_SIZE];
    size_t count = 0;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        struct range range = {0, 0};
        char mode[8] = "";
        int got = sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &range.start,
                         &range.end, mode);
        if (got == 3 && mode[2] == 'x' && strchr(line, '/') != NULL &&
            count < RANGES_MAX) {
            ranges[count++] = range;
        }
        if (to != NULL) {
            (void)fputs(line, to);
        }
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    return count;
}

int main(int argc, char **argv)
{
    static uint64_t places[PLACES];
    struct range ranges[RANGES_MAX];
    struct rng rng;
    unsigned long stacks = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    FILE *file = stacks > 0 ? fopen(argv[2], "we") : NULL;
    size_t count = read_maps(ranges, NULL);
    if (file == NULL || count == 0) {
        (void)fprintf(stderr, "Usage: profile_bench STACKS FILE\n");
        return 64;
    }
    rng_init(&rng, 1, 0);
    for (size_t i = 0; i < PLACES; i++) {
        const struct range *range = &ranges[rng_below(&rng, (uint32_t)count)];
        places[i] = range->start +
                    rng_below(&rng, (uint32_t)(range->end - range->start - 1)) +
                    1;
    }
    (void)fputs("heap_v2/524288\n  t*: 1: 1 [0: 0]\n", file);
    for (unsigned long i = 0; i < stacks; i++) {
        (void)fputc('@', file);
        for (int k = 0; k < FRAMES; k++) {
            (void)fprintf(file, " 0x%" PRIx64, places[rng_below(&rng, PLACES)]);
        }
        unsigned bytes = 8 + rng_below(&rng, 100000);
        (void)fprintf(file, "\n  t*: 1: %u [0: 0]\n  t0: 1: %u [0: 0]\n", bytes,
                      bytes);
    }
    (void)fputs("\nMAPPED_LIBRARIES:\n", file);
    (void)read_maps(ranges, file);
    return fclose(file) == 0 ? 0 : 74;
}
