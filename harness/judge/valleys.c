#include "judge/valleys.h"

#include "judge/blocks.h"

#include <math.h>

enum { PARTS = 8, PART_POINTS_MAX = 200 };
static const double DEPTH = 0.5; /* of the common range */

/* The range from the lowest to the highest decile of [from, to), of which no
 * more than PART_POINTS_MAX points are looked at. */
static double range_of(const struct judge_point *points, size_t from, size_t to)
{
    double values[PART_POINTS_MAX];
    const size_t stride = (to - from + PART_POINTS_MAX - 1) / PART_POINTS_MAX;
    size_t count = 0;
    for (size_t i = from; i < to; i += stride) {
        values[count++] = points[i].value;
    }
    const size_t low = count / 10;
    const double high = blocks_select(values, count, count - 1 - low);
    return high - blocks_select(values, count, low);
}

static double depth_of(const struct judge_point *points, size_t count)
{
    double range[PARTS];
    for (size_t part = 0; part < PARTS; part++) {
        range[part] =
            range_of(points, part * count / PARTS, (part + 1) * count / PARTS);
    }
    return DEPTH * blocks_median(range, PARTS);
}

size_t valleys_find(const struct judge_point *points, size_t count,
                    size_t at[JUDGE_BLOCKS_MAX])
{
    size_t found = 0;
    if (count < PARTS) {
        return 0;
    }
    const double depth = depth_of(points, count);
    bool is_falling = false;
    double high = points[0].value;
    size_t lowest = 0;
    for (size_t i = 1; i < count && depth > 0.0; i++) {
        const double value = points[i].value;
        if (!is_falling) {
            high = fmax(high, value);
            if (value < high - depth) {
                is_falling = true;
                lowest = i;
            }
            continue;
        }
        if (value < points[lowest].value) {
            lowest = i;
        } else if (value > points[lowest].value + depth) {
            if (found == JUDGE_BLOCKS_MAX) {
                return 0;
            }
            at[found++] = lowest;
            is_falling = false;
            high = value;
        }
    }
    return found * VALLEYS_POINTS_EACH > count ? 0 : found;
}
