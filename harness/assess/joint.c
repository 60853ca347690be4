#include "assess/joint.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Twice the logarithm of the odds that a further count has to bring: what is
 * called very strong evidence (Kass and Raftery, 1995). */
static const double gain_min = 10.;
static const size_t rows_each = 4; /* that many rows at least for each count */
/* What a count varies by itself, beside the others, of all its variance. With
 * less it is the same thing under another name: a connection and its loop are
 * counted one moment apart now and then, and that moment explains nothing. */
static const double own_min = 0.01;

struct fit {
    double each[JOINT_MAX];
    double left; /* sum of squares */
    double rows;
    bool is_sound; /* all of them count for something, and for more than none */
};

static bool is_whole(const double *memory, const double *const *counts,
                     const size_t *chosen, size_t count, size_t row)
{
    bool whole = !isnan(memory[row]);
    for (size_t c = 0; c < count; c++) {
        whole = whole && !isnan(counts[chosen[c]][row]);
    }
    return whole;
}

/* Cross products about the means; column |count| is memory. */
static double cross(const double *memory, const double *const *counts,
                    const size_t *chosen, size_t count, size_t rows,
                    double products[JOINT_MAX + 1][JOINT_MAX + 1])
{
    double means[JOINT_MAX + 1] = {0.}, n = 0.;
    memset(products, 0, sizeof(double[JOINT_MAX + 1][JOINT_MAX + 1]));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < rows; i++) {
            double values[JOINT_MAX + 1];
            if (!is_whole(memory, counts, chosen, count, i)) {
                continue;
            }
            n += pass == 0;
            for (size_t a = 0; a <= count; a++) {
                values[a] = (a < count ? counts[chosen[a]][i] : memory[i]) -
                            (pass == 0 ? 0. : means[a] / n);
                means[a] += pass == 0 ? values[a] : 0.;
            }
            for (size_t a = 0; pass == 1 && a <= count; a++) {
                for (size_t b = 0; b <= count; b++) {
                    products[a][b] += values[a] * values[b];
                }
            }
        }
    }
    return n;
}

/* Gauss and Jordan, in place; a pivot that has shrunk to next to nothing is a
 * count that the others give. */
static struct fit solve(const double *memory, const double *const *counts,
                        const size_t *chosen, size_t count, size_t rows)
{
    double a[JOINT_MAX + 1][JOINT_MAX + 1];
    struct fit fit = {.is_sound = true};
    double whole[JOINT_MAX + 1];
    fit.rows = cross(memory, counts, chosen, count, rows, a);
    fit.left = a[count][count];
    for (size_t i = 0; i < count; i++) {
        whole[i] = a[i][i];
    }
    for (size_t i = 0; i < count; i++) {
        if (!(a[i][i] > own_min * whole[i])) {
            fit.is_sound = false;
            return fit;
        }
        for (size_t r = 0; r <= count; r++) {
            double share = a[r][i] / a[i][i];
            for (size_t c = 0; r != i && c <= count; c++) {
                a[r][c] -= share * a[i][c];
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        fit.each[i] = a[i][count] / a[i][i];
        fit.is_sound = fit.is_sound && fit.each[i] > 0.;
    }
    fit.left = fmax(a[count][count], 1e-12 * fit.left);
    return fit;
}

static double gain_of(const struct fit *before, const struct fit *after)
{
    return before->rows * log(before->left / after->left) - log(before->rows);
}

static bool is_in(const struct joint *joint, size_t candidate)
{
    for (size_t i = 0; i < joint->count; i++) {
        if (joint->chosen[i] == candidate) {
            return true;
        }
    }
    return false;
}

static void take(struct joint *joint, size_t candidate, const struct fit *fit)
{
    joint->chosen[joint->count++] = candidate;
    memcpy(joint->each, fit->each, sizeof joint->each);
}

void joint_fit(const double *memory, const double *const *counts,
               size_t counts_count, size_t rows, struct joint *ret_joint)
{
    struct joint joint = {0};
    const size_t first = 0;
    *ret_joint = joint;
    if (counts_count == 0) {
        return;
    }
    struct fit now = solve(memory, counts, &first, 1, rows);
    if (now.is_sound) {
        take(&joint, first, &now);
    }
    while (joint.count > 0 && joint.count < JOINT_MAX &&
           now.rows >= (double)(rows_each * (joint.count + 1))) {
        struct fit best = now;
        size_t found = counts_count;
        for (size_t i = 0; i < counts_count; i++) {
            struct joint with = joint;
            with.chosen[with.count] = i;
            struct fit fit =
                is_in(&joint, i)
                    ? (struct fit){.is_sound = false}
                    : solve(memory, counts, with.chosen, with.count + 1, rows);
            if (fit.is_sound && fit.rows == now.rows && fit.left < best.left) {
                best = fit;
                found = i;
            }
        }
        if (found == counts_count || gain_of(&now, &best) < gain_min) {
            break;
        }
        take(&joint, found, &best);
        now = best;
    }
    *ret_joint = joint;
}
