/* judge_rates.c - how often the judge is right, on series of known truth.
 *
 *     judge_rates [SEED [SERIES-PER-FAMILY-AND-LENGTH [FAMILY]]]
 *
 * Prints, for each family, the outcomes in per cent, and what a verdict cost;
 * then the totals of the healthy and of the leaky. Exits 1 when a healthy
 * series was called CLIMB, or a leaky one PLATEAU, more often than in one of
 * a hundred. With JUDGE_RATES_REASONS in the environment, prints every reason.
 */
#include "judge/judge.h"
#include "series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POINTS_MAX = 5000 };

static const size_t LENGTHS[] = {60, 300, 1000};
static const double WRONG_MAX = 0.01;

struct tally {
    size_t outcome[4];
    size_t count;
    double spent_s;
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int judge_family(const struct series_family *family, size_t length,
                        uint64_t seed, size_t repeats, struct tally *ret)
{
    static struct judge_point points[POINTS_MAX];
    struct judge_rule rule;

    *ret = (struct tally){0};
    judge_rule_default(family->quantum, &rule);
    for (size_t i = 0; i < repeats; i++) {
        struct judge_verdict verdict;
        series_make(family, seed * 1000003 + i * 7919 + length, length, points);
        double start_s = now_s();
        if (judge_series(points, length, &rule, &verdict) < 0) {
            return -1;
        }
        ret->spent_s += now_s() - start_s;
        ret->outcome[verdict.outcome]++;
        ret->count++;
        if (getenv("JUDGE_RATES_REASONS") != NULL) {
            printf("    %-20s %s %s\n", family->name,
                   judge_outcome_name(verdict.outcome), verdict.reason);
        }
    }
    return 0;
}

static void print_row(const char *name, size_t length,
                      const struct tally *tally)
{
    const double per = 100.0 / (double)tally->count;
    printf("%-20s %5zu %6zu %7.1f %7.1f %7.1f %8.2f\n", name, length,
           tally->count, per * (double)tally->outcome[JUDGE_PLATEAU],
           per * (double)tally->outcome[JUDGE_INCONCLUSIVE],
           per * (double)tally->outcome[JUDGE_CLIMB],
           1e3 * tally->spent_s / (double)tally->count);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const size_t repeats = argc > 2 ? strtoull(argv[2], NULL, 10) : 40;
    const char *only = argc > 3 ? argv[3] : "";
    struct tally total[3] = {0};

    if (repeats == 0) {
        fprintf(stderr, "judge_rates: at least one series, please\n");
        return 64;
    }
    printf("seed %llu\n%-20s %5s %6s %7s %7s %7s %8s\n",
           (unsigned long long)seed, "family", "n", "series", "PLATEAU",
           "INCONC.", "CLIMB", "ms each");
    for (size_t f = 0; f < series_family_count; f++) {
        const struct series_family *family = &series_family[f];
        if (strstr(family->name, only) == NULL) {
            continue;
        }
        for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; l++) {
            struct tally tally;
            if (judge_family(family, LENGTHS[l], seed, repeats, &tally) < 0) {
                return 70;
            }
            print_row(family->name, LENGTHS[l], &tally);
            struct tally *sum = &total[family->truth];
            for (size_t o = 0; o < 4; o++) {
                sum->outcome[o] += tally.outcome[o];
            }
            sum->count += tally.count;
            sum->spent_s += tally.spent_s;
        }
    }
    print_row("all healthy", 0, &total[SERIES_HEALTHY]);
    print_row("all unsettled", 0, &total[SERIES_UNSETTLED]);
    print_row("all leaky", 0, &total[SERIES_LEAKY]);
    const double false_climbs =
        (double)total[SERIES_HEALTHY].outcome[JUDGE_CLIMB];
    const double missed = (double)total[SERIES_LEAKY].outcome[JUDGE_PLATEAU];
    return false_climbs > WRONG_MAX * (double)total[SERIES_HEALTHY].count ||
           missed > WRONG_MAX * (double)total[SERIES_LEAKY].count;
}
