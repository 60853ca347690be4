#include "telemetry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct telemetry {
    struct telemetry_config config;
    FILE *file; /* NULL: nowhere */
    uint64_t file_bytes;
    uint64_t spans_count;
    uint64_t waiting_count;
    struct plateau_tally_entry *spans;
    struct plateau_tally_entry *span_events;
};

struct event {
    struct event *next;
    int64_t t_ns;
    enum telemetry_level level;
    char text[];
};

struct telemetry_span {
    struct telemetry *telemetry;
    const char *name;
    uint64_t id, parent_id;
    struct event *first, *last;
    uint32_t waiting_count;
    uint64_t dropped_count;
};

static const char *const level_names[] = {"debug", "info", "warn", "off"};

int telemetry_level_parse(const char *name, enum telemetry_level *ret_level)
{
    for (int i = 0; i <= TELEMETRY_OFF; i++) {
        if (strcmp(level_names[i], name) == 0) {
            *ret_level = (enum telemetry_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

int telemetry_new(const struct telemetry_config *config,
                  struct plateau_tally *page, struct telemetry **ret_telemetry)
{
    struct telemetry *telemetry = calloc(1, sizeof *telemetry);
    if (telemetry == NULL) {
        return -ENOMEM;
    }
    telemetry->config = *config;
    if (config->path != NULL) {
        telemetry->file = fopen(config->path, "ae");
        if (telemetry->file == NULL) {
            int result = -errno;
            free(telemetry);
            return result;
        }
    }
    telemetry->spans = plateau_tally_pair(page, "spans");
    telemetry->span_events = plateau_tally_gauge(page, "span_events", "");
    *ret_telemetry = telemetry;
    return 0;
}

void telemetry_free(struct telemetry *telemetry)
{
    if (telemetry != NULL && telemetry->file != NULL) {
        (void)fclose(telemetry->file);
    }
    free(telemetry);
}

/* --- the exporter --------------------------------------------------------- */

static void write_line(struct telemetry_span *span, int64_t t_ns,
                       enum telemetry_level level, const char *text)
{
    struct telemetry *telemetry = span->telemetry;
    if (telemetry->file == NULL ||
        telemetry->file_bytes >= TELEMETRY_FILE_BYTES_MAX) {
        return;
    }
    int size = fprintf(
        telemetry->file, "t_ns=%lld level=%s span=%llu of=%llu in=%s: %s\n",
        (long long)t_ns, level_names[level], (unsigned long long)span->id,
        (unsigned long long)span->parent_id, span->name, text);
    telemetry->file_bytes += size > 0 ? (uint64_t)size : 0;
    if (telemetry->file_bytes >= TELEMETRY_FILE_BYTES_MAX) {
        (void)fputs("the file has its greatest size: no more is written\n",
                    telemetry->file);
    }
}

static void forget_first(struct telemetry_span *span)
{
    struct event *event = span->first;
    span->first = event->next;
    if (span->first == NULL) {
        span->last = NULL;
    }
    span->waiting_count--;
    span->telemetry->waiting_count--;
    free(event);
}

static void export(struct telemetry_span *span)
{
    if (span->dropped_count > 0) {
        char text[48];
        (void)snprintf(text, sizeof text, "%llu events dropped",
                       (unsigned long long)span->dropped_count);
        write_line(span, span->first->t_ns, TELEMETRY_WARN, text);
        span->dropped_count = 0;
    }
    while (span->first != NULL) {
        if (span->first->level >= span->telemetry->config.floor) {
            write_line(span, span->first->t_ns, span->first->level,
                       span->first->text);
        }
        forget_first(span);
    }
    plateau_tally_set(span->telemetry->span_events,
                      span->telemetry->waiting_count);
}

void telemetry_flush(struct telemetry_span *span)
{
    /* With the bug, what waits is looked at when the span ends. */
    if (span != NULL && !span->telemetry->config.has_late_floor) {
        export(span);
    }
}

/* --- spans and events ----------------------------------------------------- */

struct telemetry_span *telemetry_begin(struct telemetry *telemetry,
                                       const struct telemetry_span *parent,
                                       const char *name)
{
    struct telemetry_span *span =
        telemetry != NULL ? calloc(1, sizeof *span) : NULL;
    if (span == NULL) {
        return NULL;
    }
    span->telemetry = telemetry;
    span->name = name;
    span->id = ++telemetry->spans_count;
    span->parent_id = parent != NULL ? parent->id : 0;
    plateau_tally_spawned(telemetry->spans);
    return span;
}

void telemetry_end(struct telemetry_span *span)
{
    if (span == NULL) {
        return;
    }
    export(span);
    if (span->telemetry->file != NULL) {
        (void)fflush(span->telemetry->file);
    }
    plateau_tally_finished(span->telemetry->spans);
    free(span);
}

static void append(struct telemetry_span *span, struct event *event)
{
    if (span->last != NULL) {
        span->last->next = event;
    } else {
        span->first = event;
    }
    span->last = event;
    span->waiting_count++;
    span->telemetry->waiting_count++;
}

void telemetry_event(struct telemetry_span *span, enum telemetry_level level,
                     int64_t now_ns, const char *format, ...)
{
    if (span == NULL || (level < span->telemetry->config.floor &&
                         !span->telemetry->config.has_late_floor)) {
        return;
    }
    char text[TELEMETRY_EVENT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size = strlen(text) + 1;
    struct event *event = malloc(sizeof *event + size);
    if (event == NULL) {
        return;
    }
    event->next = NULL;
    event->t_ns = now_ns;
    event->level = level;
    memcpy(event->text, text, size);
    append(span, event);
    if (span->waiting_count > TELEMETRY_EVENTS_MAX &&
        !span->telemetry->config.has_late_floor) {
        forget_first(span);
        span->dropped_count++;
    }
    plateau_tally_set(span->telemetry->span_events,
                      span->telemetry->waiting_count);
}

uint64_t telemetry_waiting_count(const struct telemetry *telemetry)
{
    return telemetry->waiting_count;
}
