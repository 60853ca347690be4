#include "assess/holdings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES_MAX = 128 };

static const double correlation_min = 0.3;

/* A column reduced to differences between blocks of rows. */
struct trace {
    const struct panel_column *column;
    double steps[HOLDINGS_BLOCKS];
};

static size_t blocks_of(const struct panel *panel)
{
    return panel->rows < HOLDINGS_BLOCKS ? panel->rows : HOLDINGS_BLOCKS;
}

/* The differences, about their mean. Blocks in which nothing was read repeat
 * the one before. False: it never moves. */
static bool make_trace(const struct panel *panel,
                       const struct panel_column *column, struct trace *trace)
{
    size_t blocks = blocks_of(panel);
    double before = NAN, sum = 0., size = 0.;
    trace->column = column;
    for (size_t b = 0; b < blocks; b++) {
        double total = 0., count = 0.;
        for (size_t i = b * panel->rows / blocks;
             i < (b + 1) * panel->rows / blocks; i++) {
            if (!isnan(column->values[i])) {
                total += column->values[i];
                count += 1.;
            }
        }
        double now = count > 0. ? total / count : before;
        trace->steps[b] = isnan(before) || isnan(now) ? 0. : now - before;
        before = now;
        sum += trace->steps[b];
    }
    for (size_t b = 1; b < blocks; b++) {
        trace->steps[b] -= sum / (double)(blocks - 1);
        size += trace->steps[b] * trace->steps[b];
    }
    trace->steps[0] = 0.;
    return size > 0.;
}

static double product(const struct trace *a, const struct trace *b,
                      size_t blocks)
{
    double sum = 0.;
    for (size_t i = 0; i < blocks; i++) {
        sum += a->steps[i] * b->steps[i];
    }
    return sum;
}

/* Takes out of |trace| what goes with |other|. */
static void take_out(struct trace *trace, const struct trace *other,
                     size_t blocks)
{
    double size = product(other, other, blocks);
    double share = size > 0. ? product(trace, other, blocks) / size : 0.;
    for (size_t i = 0; i < blocks; i++) {
        trace->steps[i] -= share * other->steps[i];
    }
}

static bool is_candidate(const struct panel *panel,
                         const struct panel_column *column,
                         const struct panel_column *of)
{
    bool is_of_profiles =
        panel->has_profiles && column->metric->kind == METRIC_CLASS &&
        strcmp(column->name, strrchr(panel_sampled_class, '/') + 1) == 0;
    return column->slot_id == of->slot_id &&
           (column->metric->role == METRIC_GATE || is_of_profiles) &&
           strcmp(column->role, of->role) == 0;
}

static size_t find_best(const struct trace *traces, size_t count,
                        const struct trace *of, const double *first_sizes,
                        size_t blocks)
{
    size_t best = count;
    double greatest = correlation_min;
    double of_size = product(of, of, blocks);
    for (size_t i = 0; i < count; i++) {
        double size = product(&traces[i], &traces[i], blocks);
        /* Next to nothing is left of it: the others say the same. */
        if (size < 1e-6 * first_sizes[i] || of_size <= 0.) {
            continue;
        }
        double correlation =
            product(&traces[i], of, blocks) / sqrt(size * of_size);
        if (correlation > greatest) {
            greatest = correlation;
            best = i;
        }
    }
    return best;
}

size_t holdings_choose(const struct panel *panel,
                       const struct panel_column *column,
                       const struct panel_column **ret_chosen)
{
    size_t blocks = blocks_of(panel);
    size_t count = 0, chosen = 0;
    double first_sizes[CANDIDATES_MAX];
    struct trace of;
    struct trace *traces = calloc(CANDIDATES_MAX, sizeof *traces);
    if (traces == NULL || blocks < JUDGE_EBBS_MIN ||
        !make_trace(panel, column, &of)) {
        free(traces);
        return 0;
    }
    for (size_t i = 0; i < panel->columns_count && count < CANDIDATES_MAX;
         i++) {
        if (is_candidate(panel, &panel->columns[i], column) &&
            make_trace(panel, &panel->columns[i], &traces[count])) {
            first_sizes[count] =
                product(&traces[count], &traces[count], blocks);
            count++;
        }
    }
    while (chosen < JUDGE_COVARIATES_MAX) {
        size_t best = find_best(traces, count, &of, first_sizes, blocks);
        if (best == count) {
            break;
        }
        ret_chosen[chosen++] = traces[best].column;
        struct trace taken = traces[best];
        take_out(&of, &taken, blocks);
        for (size_t i = 0; i < count; i++) {
            take_out(&traces[i], &taken, blocks);
        }
    }
    free(traces);
    return chosen;
}
