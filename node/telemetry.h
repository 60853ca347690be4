/* telemetry.h - spans and events: what a node says about itself.
 *
 * A span is a stretch of work with a beginning and an end (a connection, the
 * node itself); an event is a moment within one. An event has a level, and the
 * exporter has a floor: what lies below the floor is dropped where it arises,
 * at the price of one comparison. What is wanted waits in its span until the
 * span ends or is flushed, at most TELEMETRY_EVENTS_MAX of them (then the
 * oldest is dropped, and the number of those is written). A span that lives as
 * long as the process is therefore flushed now and then by its owner.
 *
 * The exporter writes lines to a file, or to nowhere:
 *
 *     t_ns=812345678 level=info span=7 of=1 in=connection: handshake done
 *
 * and stops after TELEMETRY_FILE_BYTES_MAX, saying so in its last line.
 *
 * Not for threads. Times are nanoseconds of the monotonic clock, given in.
 */
#ifndef MESHNODE_TELEMETRY_H
#define MESHNODE_TELEMETRY_H

#include "plateau_tally.h"

#include <stdbool.h>
#include <stdint.h>

enum telemetry_level {
    TELEMETRY_DEBUG,
    TELEMETRY_INFO,
    TELEMETRY_WARN,
    TELEMETRY_OFF, /* as a floor: nothing is wanted */
};

enum {
    TELEMETRY_EVENTS_MAX = 64,       /* waiting in one span */
    TELEMETRY_EVENT_BYTES_MAX = 200, /* of text; longer is cut */
    TELEMETRY_FILE_BYTES_MAX = 64 * 1024 * 1024,
};

struct telemetry;
struct telemetry_span;

struct telemetry_config {
    const char *path;           /* of the file, appended to; NULL: nowhere */
    enum telemetry_level floor; /* what the exporter wants */
    /* The bug "span-events": the floor is looked at when a span ends, and so
     * every event of every level waits in its span until then, without bound.
     */
    bool has_late_floor;
};

/* 0 and *ret_telemetry; -errno of open(2), -ENOMEM. Declares in |page| the
 * pair "spans" and the gauge "span_events" (events that wait). */
int telemetry_new(const struct telemetry_config *config,
                  struct plateau_tally *page, struct telemetry **ret_telemetry);

/* Every span has ended. Accepts NULL. */
void telemetry_free(struct telemetry *telemetry);

/* "debug", "info", "warn", "off". 0 or -EINVAL. */
int telemetry_level_parse(const char *name, enum telemetry_level *ret_level);

/* Begins a span within |parent| (NULL: a root). |name| is static. NULL when
 * |telemetry| is, or when there is no memory: every function here takes that
 * for a span that nobody wants to hear of. */
struct telemetry_span *telemetry_begin(struct telemetry *telemetry,
                                       const struct telemetry_span *parent,
                                       const char *name);

/* Writes out what waits, and ends the span. */
void telemetry_end(struct telemetry_span *span);

/* Writes out what waits; the span goes on. */
void telemetry_flush(struct telemetry_span *span);

/* Notes an event. */
__attribute__((format(printf, 4, 5))) void
telemetry_event(struct telemetry_span *span, enum telemetry_level level,
                int64_t now_ns, const char *format, ...);

/* Events that wait in all spans. */
uint64_t telemetry_waiting_count(const struct telemetry *telemetry);

#endif
