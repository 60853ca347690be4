/* flame.h - a comparison as a (differential) flame graph, in SVG.
 *
 * Outermost frames at the top. A frame is as wide as what its sites hold: the
 * larger of before and after of each, so that what went away is seen as well
 * as what came; its class tells the change (f-5 all gone ... f0 the same ...
 * f5 all new; of one profile fone), which a style sheet colours (page
 * template). Everything horizontal is in per cent: the picture fits any width
 * without its text becoming small. Each frame has its figures as a title.
 */
#ifndef PLATEAU_HEAP_FLAME_H
#define PLATEAU_HEAP_FLAME_H

#include "heap/compare.h"

#include <stdio.h>

enum {
    FLAME_DEPTH_MAX = 64, /* frames beyond are left out: the innermost */
    FLAME_ROW_PX = 19,
};

/* Frames narrower than this share of the whole are left out. */
#define FLAME_SHARE_MIN 0.001

/* 0, -ENOMEM, or FLAME_EMPTY: nothing was held, and nothing is written. */
enum { FLAME_EMPTY = 1 };
int flame_write(const struct compare *compare, FILE *stream);

#endif
