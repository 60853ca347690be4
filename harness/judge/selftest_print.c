#include "judge/selftest.h"

#include "judge/beta.h"

#include <string.h>

static const double TAIL = 0.025; /* of an interval of 95 % */
static const double BOUND = 0.05; /* of a one-sided bound of 95 % */

static size_t sum_of(const size_t outcome[SELFTEST_OUTCOMES])
{
    size_t sum = 0;
    for (size_t i = 0; i < SELFTEST_OUTCOMES; i++) {
        sum += outcome[i];
    }
    return sum;
}

static enum judge_outcome wrong_outcome(const struct trial_family *family)
{
    return family->truth == TRIAL_LEAKY ? JUDGE_PLATEAU : JUDGE_CLIMB;
}

static double percent(size_t hits, size_t count)
{
    return count == 0 ? 0.0 : 100.0 * (double)hits / (double)count;
}

static void print_row(const struct selftest *selftest,
                      const struct trial_family *family,
                      const struct selftest_cell *cell, FILE *out)
{
    const size_t count = sum_of(cell->outcome);
    const size_t wrong = cell->outcome[wrong_outcome(family)];
    const struct beta_interval interval = beta_proportion(wrong, count, TAIL);
    (void)fprintf(out, "%-26s %5zu %6.1f %6.1f %6.1f   %5.2f (%.2f-%.2f)%*s",
                  family->name, cell->length,
                  percent(cell->outcome[JUDGE_PLATEAU], count),
                  percent(cell->outcome[JUDGE_INCONCLUSIVE], count),
                  percent(cell->outcome[JUDGE_CLIMB], count),
                  percent(wrong, count), 100.0 * interval.low,
                  100.0 * interval.high, interval.high >= 0.1 ? 2 : 3, "");
    if (family->truth == TRIAL_LEAKY) {
        (void)fprintf(out, " %5.1f", percent(cell->stopped, count));
    } else {
        (void)fprintf(out, " %5.2f", percent(cell->stopped, count));
    }
    for (size_t i = 0; selftest->options.has_rivals && i < RIVALS; i++) {
        (void)fprintf(out, " %6.1f", percent(cell->rival_climbs[i], count));
    }
    (void)fprintf(out, "\n");
}

static void print_families(const struct selftest *selftest,
                           enum trial_truth truth, const char *title, FILE *out)
{
    (void)fprintf(out, "\n%s\n%-26s %5s %6s %6s %6s   %-19s %5s", title,
                  "family", "n", "PLAT.", "INCON.", "CLIMB", "wrong, 95 %",
                  "early");
    if (selftest->options.has_rivals) {
        (void)fprintf(out, " %6s %6s %6s %6s", "M.-K.", "l.sq.", "f./l.",
                      "T.-S.");
    }
    (void)fprintf(out, "\n");
    for (size_t f = 0; f < trial_family_count; f++) {
        if (trial_family[f].truth != truth) {
            continue;
        }
        for (size_t l = 0; l < SELFTEST_LENGTHS; l++) {
            if (selftest->cell[f][l].length > 0) {
                print_row(selftest, &trial_family[f], &selftest->cell[f][l],
                          out);
            }
        }
    }
}

/* --- the figures that are promised ---------------------------------------- */

enum figure_part { PART_ALL, PART_QUIET, PART_LARGE };

/* Of the series that are meant, how many had an outcome. */
struct figure {
    const char *name;
    enum trial_truth truth;
    enum trial_kind kind;
    enum figure_part part;
    size_t length_min;
    const char *family; /* whose name begins so; "": all */
    enum judge_outcome outcome;
    bool is_at_least;
    double asked;      /* in per cent; below 0: nothing */
    size_t length_max; /* 0: no end */
};

static const struct figure figures[] = {
    {"healthy, false CLIMB", TRIAL_HEALTHY, TRIAL_SAMPLES, PART_ALL, 30, "",
     JUDGE_CLIMB, false, 0.3, 0},
    {"  of these, n >= 300", TRIAL_HEALTHY, TRIAL_SAMPLES, PART_ALL, 300, "",
     JUDGE_CLIMB, false, 0.3, 0},
    {"unsettled, false CLIMB", TRIAL_UNSETTLED, TRIAL_SAMPLES, PART_ALL, 30, "",
     JUDGE_CLIMB, false, -1, 0},
    {"ebbs, healthy, false CLIMB", TRIAL_HEALTHY, TRIAL_EBBS, PART_ALL, 8, "",
     JUDGE_CLIMB, false, 0.3, 0},
    {"healthy, noise <= 0.25 %, n >= 120: INCONCLUSIVE", TRIAL_HEALTHY,
     TRIAL_SAMPLES, PART_QUIET, 120, "", JUDGE_INCONCLUSIVE, false, 10, 0},
    {"linear leaks >= 5 %, n >= 300: CLIMB", TRIAL_LEAKY, TRIAL_SAMPLES,
     PART_LARGE, 300, "leak ", JUDGE_CLIMB, true, 95, 0},
    {"linear leaks >= 5 %, n >= 300: PLATEAU", TRIAL_LEAKY, TRIAL_SAMPLES,
     PART_LARGE, 300, "leak ", JUDGE_PLATEAU, false, 0.5, 0},
    {"all leaks >= 5 %, n >= 300: CLIMB", TRIAL_LEAKY, TRIAL_SAMPLES,
     PART_LARGE, 300, "", JUDGE_CLIMB, true, -1, 0},
    {"all leaks >= 5 %, n >= 300: PLATEAU", TRIAL_LEAKY, TRIAL_SAMPLES,
     PART_LARGE, 300, "", JUDGE_PLATEAU, false, 0.5, 0},
    {"leaks of 2-5 %, n >= 300: CLIMB", TRIAL_LEAKY, TRIAL_SAMPLES, PART_ALL,
     300, "leak 2-5", JUDGE_CLIMB, true, -1, 0},
    {"60 ebbs, 16 B/event: CLIMB", TRIAL_LEAKY, TRIAL_EBBS, PART_ALL, 60,
     "ebbs, held, 16", JUDGE_CLIMB, true, 90, 60},
    {"60 ebbs, 64 B/event: CLIMB", TRIAL_LEAKY, TRIAL_EBBS, PART_ALL, 60,
     "ebbs, held, 64", JUDGE_CLIMB, true, 99, 60},
    {"60 ebbs, 256 B/event: CLIMB", TRIAL_LEAKY, TRIAL_EBBS, PART_ALL, 60,
     "ebbs, held, 256", JUDGE_CLIMB, true, 99, 60},
    {"counts, healthy, false CLIMB", TRIAL_HEALTHY, TRIAL_COUNTS, PART_ALL, 8,
     "", JUDGE_CLIMB, false, 0.3, 0},
    {"60 ebbs, counts, 0.25 an event: CLIMB", TRIAL_LEAKY, TRIAL_COUNTS,
     PART_ALL, 60, "counts, 0.25", JUDGE_CLIMB, true, -1, 60},
};

static const size_t *part_of(const struct selftest_cell *cell,
                             enum figure_part part)
{
    return part == PART_QUIET   ? cell->quiet
           : part == PART_LARGE ? cell->large
                                : cell->outcome;
}

static bool print_figure(const struct selftest *selftest,
                         const struct figure *figure, FILE *out)
{
    size_t hits = 0;
    size_t count = 0;
    for (size_t f = 0; f < trial_family_count; f++) {
        const struct trial_family *family = &trial_family[f];
        if (family->truth != figure->truth || family->kind != figure->kind ||
            strncmp(family->name, figure->family, strlen(figure->family)) !=
                0) {
            continue;
        }
        for (size_t l = 0; l < SELFTEST_LENGTHS; l++) {
            const struct selftest_cell *cell = &selftest->cell[f][l];
            if (cell->length >= figure->length_min &&
                (figure->length_max == 0 ||
                 cell->length <= figure->length_max)) {
                hits += part_of(cell, figure->part)[figure->outcome];
                count += sum_of(part_of(cell, figure->part));
            }
        }
    }
    if (count == 0) {
        return true;
    }
    const struct beta_interval bound = beta_proportion(hits, count, BOUND);
    const double rate = percent(hits, count);
    const bool holds =
        figure->asked < 0.0 ||
        (figure->is_at_least ? rate >= figure->asked : rate <= figure->asked);
    (void)fprintf(out, "%-49s %7zu %7.2f %s %6.2f", figure->name, count, rate,
                  figure->is_at_least ? ">" : "<",
                  100.0 * (figure->is_at_least ? bound.low : bound.high));
    if (figure->asked >= 0.0) {
        (void)fprintf(out, "   %s %g%s",
                      figure->is_at_least ? ">=" : "<=", figure->asked,
                      holds ? "" : "  MISSED");
    }
    (void)fprintf(out, "\n");
    return holds;
}

static void print_rivals(const struct selftest *selftest, FILE *out)
{
    size_t climbs[RIVALS + 1][3] = {{0}};
    size_t plateaus[3] = {0};
    size_t count[3] = {0};
    for (size_t f = 0; f < trial_family_count; f++) {
        const size_t truth = trial_family[f].truth;
        for (size_t l = 0; l < SELFTEST_LENGTHS; l++) {
            const struct selftest_cell *cell = &selftest->cell[f][l];
            if (trial_family[f].kind != TRIAL_SAMPLES) {
                continue;
            }
            for (size_t r = 0; r < RIVALS; r++) {
                climbs[r][truth] += cell->rival_climbs[r];
            }
            climbs[RIVALS][truth] += cell->outcome[JUDGE_CLIMB];
            plateaus[truth] += cell->outcome[JUDGE_PLATEAU];
            count[truth] += sum_of(cell->outcome);
        }
    }
    (void)fprintf(out,
                  "\nOn the same series of samples, per cent\n%-24s %12s %14s "
                  "%14s %14s\n",
                  "", "false CLIMB,", "false CLIMB,", "leak:", "leak:");
    (void)fprintf(out, "%-24s %12s %14s %14s %14s\n", "", "healthy",
                  "unsettled", "CLIMB", "PLATEAU");
    for (size_t r = 0; r <= RIVALS; r++) {
        const double leaks =
            percent(climbs[r][TRIAL_LEAKY], count[TRIAL_LEAKY]);
        const double missed =
            r < RIVALS ? 100.0 - leaks
                       : percent(plateaus[TRIAL_LEAKY], count[TRIAL_LEAKY]);
        (void)fprintf(
            out, "%-24s %12.2f %14.2f %14.1f %14.1f\n",
            r < RIVALS ? rival_name((enum rival)r) : "plateau",
            percent(climbs[r][TRIAL_HEALTHY], count[TRIAL_HEALTHY]),
            percent(climbs[r][TRIAL_UNSETTLED], count[TRIAL_UNSETTLED]), leaks,
            missed);
    }
}

size_t selftest_print(const struct selftest *selftest, FILE *out)
{
    size_t missed = 0;
    (void)fprintf(out,
                  "Seed %llu, %llu series of each family and length; per cent "
                  "of them.\n\"early\": a watch would have stopped for a CLIMB "
                  "before the end.\n",
                  (unsigned long long)selftest->options.seed,
                  (unsigned long long)selftest->options.series);
    print_families(selftest, TRIAL_HEALTHY, "Healthy: CLIMB is wrong", out);
    print_families(selftest, TRIAL_UNSETTLED,
                   "Bounded, but not settled within the run: CLIMB is wrong",
                   out);
    print_families(selftest, TRIAL_LEAKY, "Leaks: PLATEAU is wrong", out);
    if (selftest->options.has_rivals) {
        print_rivals(selftest, out);
    }
    (void)fprintf(out, "\n%-49s %7s %7s %8s   %s\n", "figure", "series", "%",
                  "95 %", "asked for");
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        missed += print_figure(selftest, &figures[i], out) ? 0 : 1;
    }
    (void)fprintf(out, "\nA verdict took %.2f ms of CPU time on average.\n",
                  1e3 * selftest->verdict_s);
    return missed;
}
