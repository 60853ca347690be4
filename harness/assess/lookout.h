/* lookout.h - looks ahead of the end: is it a CLIMB already?
 *
 * Judges what there is of a run that is under way, by the same docket as the
 * final verdict and by the looks of judge.h, which hold the error rate that the
 * docket gives each series. Only a CLIMB can be found early. A look costs some
 * 2 ms for each series that seems to grow, and none for the others; between the
 * looks that are due it costs nothing.
 */
#ifndef PLATEAU_LOOKOUT_H
#define PLATEAU_LOOKOUT_H

#include "assess.h"
#include "err.h"
#include "judge/judge.h"
#include "store/store.h"

#include <stddef.h>

enum {
    LOOKOUT_GO_ON = 0,
    LOOKOUT_CLIMB = 1, /* |ret_sentence| says of what */
    LOOKOUT_SENTENCE_SIZE = 256,
};

/* Zeroes are a lookout. */
struct lookout {
    struct {
        char role[STORE_NAME_MAX];
        char metric[STORE_NAME_MAX];
        struct judge_watch watch;
    } watched[ASSESS_SERIES_MAX];
    size_t watched_count;
    size_t looks; /* that were taken */
    size_t ebbs;  /* at the last one */
};

/* Whether a look is due, when |ebbs| that settled have been read (a run without
 * waves: 0) and |done_ratio| of the planned run is over. */
bool lookout_is_due(const struct lookout *lookout, size_t ebbs,
                    double done_ratio);

/* Looks, at what is committed to |store|. LOOKOUT_*; or -errno. */
int lookout_look(struct lookout *lookout, struct store *store, size_t ebbs,
                 double done_ratio, char ret_sentence[LOOKOUT_SENTENCE_SIZE]);

#endif
