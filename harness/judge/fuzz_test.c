/* fuzz_test.c - what nobody meant to write must do no harm.
 *
 * A seeded driver mutates CSV files and series, some thousands of each, and
 * checks what must hold of every answer. FUZZ_SEED and FUZZ_ROUNDS in the
 * environment choose another draw, or a longer one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "judge/judge.h"
#include "judge/series_csv.h"
#include "judge/verdict_json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4096, POINTS_MAX = 400, CSV_ROUNDS = 8, ROUNDS = 3000 };

static uint64_t state;
static unsigned long rounds;

static uint64_t next(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(size_t count)
{
    return (size_t)(next() % count);
}

static double uniform(void)
{
    return (double)(next() >> 11) / 0x1p53;
}

static int set_up(void **ignored)
{
    (void)ignored;
    const char *seed = getenv("FUZZ_SEED");
    const char *count = getenv("FUZZ_ROUNDS");
    state = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    rounds = count == NULL ? ROUNDS : strtoul(count, NULL, 10);
    print_message("# seed %llu, %lu rounds\n", (unsigned long long)state,
                  rounds);
    return 0;
}

/* --- the reader ----------------------------------------------------------- */

static const char *const SEEDS[] = {
    "t_seconds,value_bytes,events\n0,1,0\n1,2,5\n2,3,6\n",
    "events , host,\"value_bytes\",t_seconds\r\n3,a,1e6,0\r\n4,b,2e6,1\r\n",
    "\xef\xbb\xbft_seconds,value\n0,1\n1,2",
    "# remark\n\n0,1,0\n1,,1\n2,nan,2\n3,4,3\n",
    "when;rss\n0;1\n1;2\n",
    "0,0x1p4\n1e-3,inf\n2,-1e300\n",
};

static const char *const PIECES[] = {
    ",",  "\n", "\r\n", "\"", "nan", "inf", "-",  "1e999", "0x",        "\t",
    "\0", "#",  ";",    "e",  " ",   "\v",  "1,", "value", "t_seconds",
};

static size_t mutate(char *text, size_t length)
{
    const size_t at = below(length + 1);
    const char *piece = PIECES[below(sizeof PIECES / sizeof *PIECES)];
    const size_t size = piece[0] == '\0' ? 1 : strlen(piece);
    const size_t cut = below(8) < length - at ? below(8) : 0;
    switch (below(4)) {
    case 0:
        if (at < length) {
            text[at] = (char)next();
        }
        return length;
    case 1:
        if (at + cut <= length) {
            memmove(text + at, text + at + cut, length - at - cut);
            return length - cut;
        }
        return length;
    case 2:
        if (length + size <= TEXT_MAX) {
            memmove(text + at + size, text + at, length - at);
            memcpy(text + at, piece, size);
            return length + size;
        }
        return length;
    default:
        if (2 * length <= TEXT_MAX) {
            memcpy(text + length, text, length);
            return 2 * length;
        }
        return length;
    }
}

static void read_mutation(const char *text, size_t length)
{
    static const struct series_csv_format formats[] = {
        {0}, {.delimiter = ';'}, {.time = "when", .value = "rss"}};
    struct series_csv series = {0};
    struct err err = {0};
    if (length == 0) {
        return;
    }
    FILE *stream = fmemopen((void *)(uintptr_t)text, length, "r");
    assert_non_null(stream);
    int result =
        series_csv_read(stream, "fuzz", &formats[below(3)], &series, &err);
    (void)fclose(stream);
    if (result != 0) {
        assert_int_equal(result, -EINVAL);
        assert_true(err.sentence[0] != '\0');
        assert_null(series.points);
        return;
    }
    for (size_t i = 0; i < series.count; i++) {
        assert_true(isfinite(series.points[i].t_s));
        assert_true(isfinite(series.points[i].value));
        assert_true(i == 0 || series.points[i].t_s > series.points[i - 1].t_s);
        assert_true(i == 0 ||
                    series.points[i].events >= series.points[i - 1].events);
    }
    series_csv_deinit(&series);
}

static void the_reader_reads_or_refuses_and_says_why(void **ignored)
{
    (void)ignored;
    static char text[TEXT_MAX];
    for (unsigned long round = 0; round < CSV_ROUNDS * rounds; round++) {
        const char *seed = SEEDS[below(sizeof SEEDS / sizeof *SEEDS)];
        size_t length = strlen(seed);
        memcpy(text, seed, length);
        for (size_t turns = below(12); turns > 0; turns--) {
            length = mutate(text, length);
        }
        read_mutation(text, length);
    }
}

/* --- the judge ------------------------------------------------------------ */

static double odd_number(void)
{
    static const double odd[] = {
        0.0,    -0.0,  1.0,   NAN,    (double)INFINITY, -(double)INFINITY,
        1e-310, 1e100, 1e101, -1e100, 1e-100,           4096.0,
        0x1p53, -1.0,
    };
    return odd[below(sizeof odd / sizeof *odd)];
}

static void make_points(struct judge_point *points, size_t count,
                        double *covariates)
{
    const double scale = pow(10.0, 12.0 * uniform() - 3.0);
    const double slope = scale * (uniform() - 0.3) / (double)count;
    const double noise = below(3) == 0 ? 0.0 : scale * uniform() * 0.1;
    double t_s = scale * (uniform() - 0.5);
    double events = 0.0;
    for (size_t i = 0; i < count; i++) {
        t_s += below(50) == 0 ? 100.0 : 0.1 + uniform();
        events += (double)below(3);
        points[i] = (struct judge_point){.t_s = t_s,
                                         .value = scale + slope * (double)i +
                                                  noise * uniform(),
                                         .events = events};
    }
    for (size_t i = 0; i < JUDGE_COVARIATES_MAX * count; i++) {
        covariates[i] = floor(8.0 * uniform());
    }
    for (size_t odd = below(6); odd > 1; odd--) {
        struct judge_point *point = &points[below(count)];
        double *field[] = {&point->t_s, &point->value, &point->value,
                           &point->events};
        *field[below(4)] = odd_number();
        covariates[below(count)] = odd_number();
    }
}

static void make_rule(const double *covariates, struct judge_rule *rule)
{
    if (below(2) == 0) {
        judge_rule_ebbs(1.0, rule);
    } else {
        judge_rule_default(below(2) == 0 ? 1.0 : 4096.0, rule);
    }
    rule->has_events = below(2) == 0;
    rule->covariates_count = below(JUDGE_COVARIATES_MAX + 1);
    rule->covariates = covariates;
    rule->budget.per_event = below(4) == 0 ? 64.0 : 0.0;
    rule->budget.ratio = below(4) == 0 ? 0.02 : 0.0;
    rule->limit = below(4) == 0 ? 1e6 : 0.0;
    rule->unit = below(2) == 0 ? "B" : "";
}

static void expect_share(double p)
{
    assert_true(isnan(p) || (p >= -1e-9 && p <= 1.0 + 1e-9));
}

static void expect_slope(const struct judge_slope *slope)
{
    if (!isnan(slope->estimate)) {
        const double slack = 1e-6 * fabs(slope->high - slope->low);
        assert_true(slope->low <= slope->estimate + slack);
        assert_true(slope->estimate <= slope->high + slack);
    }
}

static void every_verdict_is_whole(void **ignored)
{
    (void)ignored;
    static struct judge_point points[POINTS_MAX];
    static double covariates[JUDGE_COVARIATES_MAX * POINTS_MAX];
    FILE *nowhere = fopen("/dev/null", "we");
    assert_non_null(nowhere);
    for (unsigned long round = 0; round < rounds; round++) {
        const size_t count = 1 + below(below(2) == 0 ? 60 : POINTS_MAX);
        struct judge_rule rule;
        struct judge_verdict verdict;
        memset(&verdict, 0x55, sizeof verdict);
        make_points(points, count, covariates);
        make_rule(covariates, &rule);
        assert_int_equal(judge_series(points, count, &rule, &verdict), 0);
        assert_true((size_t)verdict.outcome <= JUDGE_INVALID);
        assert_non_null(memchr(verdict.reason, '\0', sizeof verdict.reason));
        assert_true(verdict.reason[0] != '\0');
        assert_true(verdict.troughs_count <= JUDGE_BLOCKS_MAX);
        expect_share(verdict.p_climb);
        expect_share(verdict.p_plateau);
        expect_slope(&verdict.per_hour);
        expect_slope(&verdict.per_event);
        verdict_json_members(&verdict, nowhere);
    }
    (void)fclose(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_reads_or_refuses_and_says_why),
        cmocka_unit_test(every_verdict_is_whole),
    };
    return cmocka_run_group_tests_name("fuzz", tests, set_up, NULL);
}
