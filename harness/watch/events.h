/* events.h - how often something happened, counted by somebody else.
 *
 * A program that is watched is churned by others, or by its users: requests,
 * connections, jobs. Where they can be counted the judge sees growth an event.
 * The count comes from
 *
 *   a command  run again and again, by /bin/sh; it prints a number
 *   a file     that holds one number; or any other, whose lines are counted
 *   a signal   sent to us once an event
 *
 * Events count from the first reading on and only ever grow: a count that goes
 * back (a log that was rotated, a service that was restarted) goes on from
 * where it was. A reading that fails leaves the count as it is and is counted
 * as failed. Of lines at most EVENTS_READ_MAX_BYTES are read at a time, the
 * rest at the next; a command has EVENTS_COMMAND_MAX_S and is killed then, with
 * its process group, and never runs twice at a time.
 *
 * Standard signals (USR1, USR2) that arrive in the same instant are one to the
 * kernel; real-time signals (RTMIN+n) are queued and counted exactly
 * (signal(7)).
 */
#ifndef PLATEAU_WATCH_EVENTS_H
#define PLATEAU_WATCH_EVENTS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENTS_READ_MAX_BYTES = 64 << 20,
    EVENTS_NUMBER_MAX_BYTES = 256, /* what a command or a file of one number
                                      may hold */
    EVENTS_COMMAND_MAX_S = 10,
};

enum events_by {
    EVENTS_BY_NOBODY,
    EVENTS_BY_COMMAND,
    EVENTS_BY_FILE,
    EVENTS_BY_SIGNAL,
};

struct ev_loop;
struct events;

struct events_config {
    struct ev_loop *loop;
    enum events_by by;
    const char *text; /* the command, the file, or the signal; lent */
    double every_s;   /* between two starts of the command */
};

struct events_counts {
    int64_t readings; /* that gave a number */
    int64_t failures;
    int64_t resets; /* the count went back */
};

/* Looks whether it can be done, and for a signal begins to count. 0 and
 * *ret_events; or -errno and |err|: -EINVAL for a signal that there is not, or
 * one that is not free; -ENOENT, -EACCES ... for a file. One of them may count
 * signals at a time. */
int events_new(const struct events_config *config, struct events **ret_events,
               struct err *err);

/* Ends the command that may be running. Accepts NULL. */
void events_free(struct events *events);

/* Reads again, or starts the command if it is time to at |now_ns|. */
void events_poll(struct events *events, int64_t now_ns);

/* Whether the command runs just now. */
bool events_is_busy(const struct events *events);

/* How many there were since the first reading. */
int64_t events_count(const struct events *events);

void events_counts(const struct events *events,
                   struct events_counts *ret_counts);

/* Why the last reading failed; "" when none has. */
const char *events_trouble(const struct events *events);

/* "lines of access.log", "what 'cmd' prints", "SIGUSR1". Returns |text|. */
char *events_describe(const struct events *events, char *text, size_t size);

/* The number that |text| begins with, blanks around it allowed and nothing
 * else: 0 and *ret_number; -EINVAL. */
int events_parse_number(const char *text, double *ret_number);

/* The number of the signal called "USR1", "SIGUSR1" or "RTMIN+3"; -EINVAL for
 * any that ends, stops or is used by us. */
int events_parse_signal(const char *name);

#endif
