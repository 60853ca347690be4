#include "judge/blocks.h"

#include "judge/valleys.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double TROUGH_QUANTILE = 0.1;
static const size_t WIDER_COUNTS[] = {32, 24, 16, 12};
/* How much smoother troughs must be for their cut to be taken. The minimum of
 * a block is the better trough of a sawtooth and the worse one of noise. */
static const double WIDER_GAIN = 1.5;
static const double MINIMUM_GAIN = 2.0;
static const double VALLEY_GAIN = 2.0;
enum { SELECT_BUCKETS = 512, SELECT_FEW = 1024, SELECT_TURNS = 4 };
enum { VALLEYS_MIN = 6, VALLEYS_ENOUGH = 8 };
static const double VALLEYS_LEVEL = 0.002;
/* How far apart two may be, or one and an end of the run, by the mean. */
static const double VALLEYS_GAP = 2.5;

static void sift_down(double *heap, size_t count, size_t at)
{
    double value = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && heap[child + 1] > heap[child]) {
            child++;
        }
        if (heap[child] <= value) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

/* A heap of the rank + 1 smallest values, its largest on top. Against
 * quickselect it has no bad inputs, and for a low rank it hardly moves. */
static double select_by_heap(double *values, size_t count, size_t rank)
{
    const size_t size = rank + 1;
    for (size_t i = size / 2; i-- > 0;) {
        sift_down(values, size, i);
    }
    for (size_t i = size; i < count; i++) {
        if (values[i] < values[0]) {
            double larger = values[0];
            values[0] = values[i];
            values[i] = larger;
            sift_down(values, size, 0);
        }
    }
    return values[0];
}

static size_t bucket_of(double value, double lowest, double scale)
{
    const size_t bucket = (size_t)((value - lowest) * scale);
    return bucket < SELECT_BUCKETS ? bucket : SELECT_BUCKETS - 1;
}

/* Leaves in |values| those of the bucket that the rank is in, and counts what
 * is below it off the rank. Returns how many are left; |count| itself when
 * that is no use. */
static size_t narrow(double *values, size_t count, size_t *rank)
{
    size_t held[SELECT_BUCKETS] = {0};
    double lowest = values[0];
    double highest = values[0];
    for (size_t i = 1; i < count; i++) {
        lowest = values[i] < lowest ? values[i] : lowest;
        highest = values[i] > highest ? values[i] : highest;
    }
    const double scale = SELECT_BUCKETS / (highest - lowest);
    if (!(scale > 0.0) || isinf(scale)) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        held[bucket_of(values[i], lowest, scale)]++;
    }
    size_t wanted = 0;
    while (*rank >= held[wanted]) {
        *rank -= held[wanted++];
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (bucket_of(values[i], lowest, scale) == wanted) {
            values[left++] = values[i];
        }
    }
    return left;
}

double blocks_select(double *values, size_t count, size_t rank)
{
    assert(rank < count);
    for (int turn = 0; turn < SELECT_TURNS && count > SELECT_FEW; turn++) {
        const size_t left = narrow(values, count, &rank);
        if (left == count) {
            break;
        }
        count = left;
    }
    return select_by_heap(values, count, rank);
}

double blocks_median(const double *values, size_t count)
{
    double copy[JUDGE_BLOCKS_MAX];
    assert(count > 0 && count <= JUDGE_BLOCKS_MAX);
    memcpy(copy, values, count * sizeof *values);
    double upper = blocks_select(copy, count, count / 2);
    if (count % 2 == 1) {
        return upper;
    }
    memcpy(copy, values, count * sizeof *values);
    return 0.5 * (upper + blocks_select(copy, count, count / 2 - 1));
}

static double place_of(const struct judge_point *point, enum blocks_axis axis)
{
    return axis == BLOCKS_BY_TIME ? point->t_s : point->events;
}

/* Appends the mean of each covariate over the points [from, to) with a value
 * of at most |trough|. */
static void append_covariates(const struct blocks_source *source, size_t from,
                              size_t to, double trough, struct blocks *blocks)
{
    const size_t width = source->covariates_count;
    const size_t k = blocks->count - 1;
    double sum[JUDGE_COVARIATES_MAX] = {0};
    double count = 0.0;
    for (size_t i = from; i < to; i++) {
        if (source->points[i].value > trough) {
            continue;
        }
        count += 1.0;
        for (size_t c = 0; c < width; c++) {
            sum[c] += source->covariates[i * width + c];
        }
    }
    for (size_t c = 0; c < width; c++) {
        blocks->covariate[c][k] = sum[c] / count;
    }
}

/* Appends the block of the points [from, to). A negative |quantile| stands for
 * the mean. */
static void append(const struct blocks_source *source, size_t from, size_t to,
                   enum blocks_axis axis, double quantile,
                   struct blocks *blocks)
{
    const struct judge_point *points = source->points;
    const size_t count = to - from;
    const double per = 1.0 / (double)count;
    const double x0 = place_of(&points[0], axis);
    double x = 0.0;
    double t_s = 0.0;
    double events = 0.0;
    double above = 0.0; /* the first value, so that large ones lose no bits */
    for (size_t i = from; i < to; i++) {
        x += place_of(&points[i], axis) - x0;
        t_s += points[i].t_s;
        events += points[i].events;
        above += points[i].value - points[from].value;
        source->scratch[i - from] = points[i].value;
    }
    size_t k = blocks->count++;
    blocks->x[k] = x * per;
    blocks->t_s[k] = t_s * per;
    blocks->events[k] = events * per;
    blocks->y[k] = quantile < 0.0
                       ? points[from].value + above * per
                       : blocks_select(source->scratch, count,
                                       (size_t)(quantile * (double)count));
    append_covariates(source, from, to,
                      quantile < 0.0 ? INFINITY : blocks->y[k], blocks);
}

/* Scales the places to 0..1. */
static void finish(struct blocks *blocks)
{
    const double first = blocks->x[0];
    blocks->span = blocks->x[blocks->count - 1] - first;
    for (size_t k = 0; k < blocks->count && blocks->span > 0.0; k++) {
        blocks->x[k] = (blocks->x[k] - first) / blocks->span;
    }
    blocks->level = blocks_median(blocks->y, blocks->count);
}

static void cut_into(const struct blocks_source *source, enum blocks_axis axis,
                     size_t wanted, double quantile, struct blocks *ret)
{
    const struct judge_point *points = source->points;
    const size_t count = source->count;
    const double x0 = place_of(&points[0], axis);
    const double width = place_of(&points[count - 1], axis) - x0;
    /* So that a point on a boundary stays on its side when the origin of the
     * axis is moved and the last bits of its place change. */
    const double slack = 1e-9;
    size_t from = 0;

    *ret = (struct blocks){.covariates_count = source->covariates_count};
    for (size_t k = 1; k <= wanted; k++) {
        size_t to = from;
        while (to < count &&
               (k == wanted ||
                (place_of(&points[to], axis) - x0) / width * (double)wanted +
                        slack <
                    (double)k)) {
            to++;
        }
        if (to > from) {
            append(source, from, to, axis, quantile, ret);
        }
        from = to;
    }
    finish(ret);
}

/* The readings as they are, or as few neighbours averaged as make them fit. */
static void take_troughs(const struct blocks_source *source,
                         enum blocks_axis axis, struct blocks *ret)
{
    const size_t each =
        (source->count + JUDGE_BLOCKS_MAX - 1) / JUDGE_BLOCKS_MAX;
    *ret = (struct blocks){.covariates_count = source->covariates_count};
    for (size_t from = source->count % each; from < source->count;
         from += each) {
        append(source, from, from + each, axis, -1.0, ret);
    }
    finish(ret);
    if (!(ret->span > 0.0)) {
        ret->count = 0;
    }
}

/* Are the valleys all over the run? Noise on a calm stretch has valleys too,
 * but says nothing about the rest. */
static bool are_throughout(const size_t *at, size_t count, size_t points)
{
    const double span = (double)(at[count - 1] - at[0]);
    const double gap_max = VALLEYS_GAP * span / ((double)count - 1.0);
    for (size_t i = 1; i < count; i++) {
        if ((double)(at[i] - at[i - 1]) > gap_max) {
            return false;
        }
    }
    return (double)at[0] <= gap_max &&
           (double)(points - at[count - 1]) <= gap_max;
}

/* Fewer valleys than VALLEYS_ENOUGH may say that nothing rises, no more. */
static bool are_level(const struct blocks *blocks)
{
    const double first = fmax(blocks->y[0], blocks->y[1]);
    const size_t last = blocks->count - 1;
    return fmin(blocks->y[last], blocks->y[last - 1]) - first <=
           VALLEYS_LEVEL * fabs(blocks->level);
}

/* A block for each low point of a series that goes up and down. */
static void take_valleys(const struct blocks_source *source,
                         enum blocks_axis axis, struct blocks *ret)
{
    size_t at[JUDGE_BLOCKS_MAX];
    const size_t count = valleys_find(source->points, source->count, at);
    *ret = (struct blocks){.covariates_count = source->covariates_count};
    if (count < VALLEYS_MIN || !are_throughout(at, count, source->count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        append(source, at[i], at[i] + 1, axis, 0.0, ret);
    }
    finish(ret);
    if (!(ret->span > 0.0) || (count < VALLEYS_ENOUGH && !are_level(ret))) {
        ret->count = 0;
    }
}

/* How rough the troughs are, in a unit that does not depend on the number of
 * blocks as long as the noise within a block averages out. */
static double roughness(const struct blocks *blocks)
{
    if (blocks->count < 3) {
        return INFINITY;
    }
    double sum = 0.0;
    for (size_t k = 1; k + 1 < blocks->count; k++) {
        sum += fabs(blocks->y[k + 1] - 2.0 * blocks->y[k] + blocks->y[k - 1]);
    }
    double count = (double)blocks->count;
    return sum / (count - 2.0) / sqrt(count);
}

void blocks_cut(const struct blocks_source *source, enum blocks_axis axis,
                struct blocks *ret_blocks)
{
    const struct judge_point *points = source->points;
    const size_t count = source->count;
    const size_t most =
        source->blocks_max == 0 ? JUDGE_BLOCKS_MAX : source->blocks_max;
    size_t wanted = count / 3;
    if (wanted > most) {
        wanted = most;
    }
    *ret_blocks = (struct blocks){0};
    if (wanted < 1 ||
        !(place_of(&points[count - 1], axis) > place_of(&points[0], axis))) {
        return;
    }
    if (source->are_troughs) {
        take_troughs(source, axis, ret_blocks);
        return;
    }
    cut_into(source, axis, wanted, TROUGH_QUANTILE, ret_blocks);
    double best = roughness(ret_blocks);
    struct blocks valleys;
    take_valleys(source, axis, &valleys);
    for (size_t i = 0; i < sizeof WIDER_COUNTS / sizeof *WIDER_COUNTS; i++) {
        struct blocks wider;
        if (WIDER_COUNTS[i] >= wanted) {
            continue;
        }
        cut_into(source, axis, WIDER_COUNTS[i], TROUGH_QUANTILE, &wider);
        double rough = roughness(&wider);
        if (WIDER_GAIN * rough < best) {
            best = rough;
            *ret_blocks = wider;
        }
        cut_into(source, axis, WIDER_COUNTS[i], 0.0, &wider);
        rough = roughness(&wider);
        if (MINIMUM_GAIN * rough < best) {
            best = rough;
            *ret_blocks = wider;
        }
    }
    if (valleys.count > 0 && VALLEY_GAIN * roughness(&valleys) < best) {
        *ret_blocks = valleys;
    }
}
