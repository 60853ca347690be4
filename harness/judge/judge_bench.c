/* judge_bench.c - what a verdict costs.
 *
 * Prints one line for scripts/bench: the CPU time of a verdict on 1,000
 * samples with events (one that is PLATEAU, one that is CLIMB), on 60 ebbs with
 * a covariate, and on ten series of a million samples each.
 */
#include "judge/judge.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SAMPLES = 1000,
    EBBS = 60,
    REPEATS = 100,
    MANY = 1000 * 1000,
    RUNS = 10
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double noise(void)
{
    static uint32_t state = 1;
    double sum = 0.0;
    for (int i = 0; i < 4; i++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        sum += (double)state / 0x1p32 - 0.5;
    }
    return sum;
}

static void fill(struct judge_point *points, double *held, size_t count,
                 double leak)
{
    for (size_t i = 0; i < count; i++) {
        held[i] = floor(4.0 + 2.0 * noise());
        points[i] = (struct judge_point){
            .t_s = (double)i,
            .events = (double)(5 * i),
            .value = 1e7 + 3e4 * held[i] + 3e4 * noise() +
                     leak * 1e7 * (double)i / (double)count};
    }
}

/* Milliseconds a verdict; exits when it is not the one expected. */
static double judge(const struct judge_point *points, size_t count,
                    const struct judge_rule *rule, enum judge_outcome expected,
                    size_t repeats)
{
    const double start_s = now_s();
    for (size_t i = 0; i < repeats; i++) {
        struct judge_verdict verdict;
        if (judge_series(points, count, rule, &verdict) != 0 ||
            verdict.outcome != expected) {
            fprintf(stderr, "judge_bench: not the expected verdict: %s\n",
                    verdict.reason);
            exit(70);
        }
    }
    return 1e3 * (now_s() - start_s) / (double)repeats;
}

int main(void)
{
    struct judge_point *points = calloc(MANY, sizeof *points);
    double *held = calloc(MANY, sizeof *held);
    struct judge_rule rule;
    struct judge_rule ebbs;
    if (points == NULL || held == NULL) {
        return 70;
    }
    judge_rule_default(4096.0, &rule);
    judge_rule_ebbs(1.0, &ebbs);
    ebbs.covariates = held;
    ebbs.covariates_count = 1;
    fill(points, held, SAMPLES, 0.0);
    const double plateau =
        judge(points, SAMPLES, &rule, JUDGE_PLATEAU, REPEATS);
    fill(points, held, SAMPLES, 0.2);
    const double climb = judge(points, SAMPLES, &rule, JUDGE_CLIMB, REPEATS);
    fill(points, held, EBBS, 0.2);
    const double ebb = judge(points, EBBS, &ebbs, JUDGE_CLIMB, REPEATS);
    fill(points, held, MANY, 0.0);
    const double many = judge(points, MANY, &rule, JUDGE_PLATEAU, RUNS);
    printf("verdict_ms %.2f %.2f %.2f ten_million_s %.2f\n", plateau, climb,
           ebb, 1e-3 * many * RUNS);
    free(held);
    free(points);
    return 0;
}
