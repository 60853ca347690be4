/* climbed.h - what climbed: the attribution of a climb, one ranked list.
 *
 * Pure: a panel, and the call sites that grow (assess/sites.h), go in; a
 * ranking comes out. Everything is regressed on the churn events; where there
 * were none, on time.
 *
 * Counts (pairs and gauges of the tally) say what memory was taken for. One
 * qualifies when a line through its growth explains most of it and the growth
 * is more than a few; what the judge called level comes last all the same.
 * First comes the count that goes best with the memory; of those that go with
 * it about as well as the best, or are the same thing under another name, what
 * the judge called a CLIMB (under either name) comes first, then that of which
 * there are fewer (of a connection and its three timers, the connection), then
 * pairs before gauges: a gauge may be a cache that is filling, a pair that
 * climbs is a leak by its nature. Where memory does not climb, or goes badly
 * with every count, pairs come before that.
 *
 * What a count explains of memory's growth, in bytes an event, is the bytes
 * for one of it (least squares of memory on it) times its growth an event.
 * Several counts that each leave less open are fitted together (joint.h), so
 * that none is given what another explains; of the others it is said beside
 * which of these they explain nothing.
 *
 * Call sites and size classes say where memory was taken. They are parts of it:
 * what one explains is its own growth an event. They come behind the counts,
 * but for a count that goes badly with memory (and that the judge did not call
 * a CLIMB) where one of them is most of the growth by itself.
 *
 * Last comes the rest: memory's growth an event, less what the fitted counts
 * explain; where there are none, less what the listed call sites do.
 */
#ifndef PLATEAU_CLIMBED_H
#define PLATEAU_CLIMBED_H

#include "assess/panel.h"
#include "assess/sites.h"

#include <stddef.h>

enum {
    CLIMBED_COUNTS_MAX = 8, /* in a ranking; what comes after is left out */
    CLIMBED_CLASSES_MAX = 4,
    CLIMBED_MAX = CLIMBED_COUNTS_MAX + CLIMBED_CLASSES_MAX + SITES_MAX + 1,
    CLIMBED_SENTENCE_SIZE = 320,
};

enum climbed_kind {
    CLIMBED_PAIR,
    CLIMBED_GAUGE,
    CLIMBED_SITE,
    CLIMBED_CLASS,
    CLIMBED_REST, /* of which only what it explains is known */
};

struct climbed {
    enum climbed_kind kind;
    const struct panel_column *column; /* NULL: of a call site, the rest */
    const struct site_growth *site;    /* of a call site */
    char name[STORE_NAME_MAX]; /* of the count, the function, the class */
    double alive;              /* at the last row: of it, objects, regions */
    double per_event;          /* its growth; NaN where there are no events */
    double per_hour;           /* likewise; NaN of a site with events */
    double with_memory; /* 0 to 1: of the memory's variance, or of a part its
                         * share of the growth; NaN: memory does not grow */
    double each;        /* memory's unit for one of it; NaN likewise */
    double explains;    /* of memory's growth, an event, or an hour where there
                         * are no events; NaN: not known, or as |in_step_with| */
    double bytes_per_event; /* the same; NaN where there are no events */
    const struct panel_column *in_step_with; /* a count above; NULL */
    double open; /* of a count: 0 to 1, of memory's variance; 1: not known */
    int rank;    /* of a count: 0 go best with memory; the same: alike */
    int size;    /* of a count: how much it grows beside the best of its rank */
    bool has_climbed; /* so said the judge, of it or of the same thing */
    bool is_sure; /* of a fitted count: it climbs, or is most of what does */
    char sentence[CLIMBED_SENTENCE_SIZE];
};

/* "pair", "gauge", "site", "class", "rest": as the store has it. */
const char *climbed_kind_name(enum climbed_kind kind);

/* Ranks what grows in the same observer (or of the same ones together) as
 * |memory|, whose growth is to be explained. |sites| is lent as long as the
 * ranking is used. Returns how many are in |ret_ranking|, which has room for
 * CLIMBED_MAX; 0 also where nothing is found that grows. */
size_t climbed_rank(const struct panel *panel,
                    const struct panel_column *memory,
                    const struct sites *sites, struct climbed *ret_ranking);

/* The row from which on growth is looked at: before it is warm-up. */
size_t climbed_first_row(const struct panel *panel);

/* Writes the sentence of each (climbed_words.c). |growth| of memory, an event
 * or an hour. */
void climbed_say(const struct panel *panel, double growth,
                 const struct sites *sites, struct climbed *ranking,
                 size_t count);

#endif
