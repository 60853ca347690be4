/* watching.h - sample what somebody else started, and leave a run folder.
 *
 * The counterpart of run.h for programs that Plateau does not churn: finds the
 * subject (subject.h), reads it on a grid with the sampler, counts events where
 * somebody counts them (events.h), records all of it as a run does, so that
 * assess.h judges it and `plateau check` judges it again. Nobody is signalled
 * but a command that was started here.
 *
 * How it ends: the time is over; it is interrupted (what there is is judged);
 * the command ends by itself (with status 0 what there is is judged, with
 * another the watch is INVALID); who is watched ends. That makes it INVALID as
 * well, unless |follows|: then its successor is waited for and watched, and
 * what is judged begins with the last successor, since memory begins anew with
 * every process.
 *
 * Successors of a cgroup that follow each other closely are the steps of one
 * restart (restarts.h).
 *
 * A process is watched with all its descendants, which are added up, unless
 * |is_alone|. Of processes of one name, one that descends from another of them
 * is part of that one.
 */
#ifndef PLATEAU_WATCH_WATCHING_H
#define PLATEAU_WATCH_WATCHING_H

#include "err.h"
#include "host.h"
#include "watch/events.h"
#include "watch/subject.h"

#include <stdbool.h>
#include <stdint.h>

struct watch_options {
    enum subject_by by;
    const char *text;     /* of the subject; not of a command */
    char *const *argv;    /* of a command; NULL-terminated */
    const char *preload;  /* of the library for LD_PRELOAD; "": without */
    uint32_t profile_kib; /* from sample to sample of what is allocated then, a
                           * power of two; 0: no heap profiles */
    const char *folder;   /* NULL: runs/watch-NAME-TIME */
    double for_s;         /* 0: until it ends, or is interrupted */
    double settle_s;      /* not judged, at the beginning */
    uint32_t sample_ms;
    const char *budget; /* of growth, as budget_parse() reads it; "": none */
    bool follows;
    bool is_alone; /* descendants are left out */
    enum events_by events_by;
    const char *events_text;
    double events_every_s; /* of a command */
    bool is_quiet;
};

/* Watches to the end. 0 when there is a store to judge, whatever happened; or
 * -errno and |err| when there is none: what subject_find() and events_new()
 * say, -EEXIST for a folder in use, -ENOSPC ... The absolute path of the run
 * folder is in |ret_folder|, "" where there is none. */
int watch_execute(const struct watch_options *options,
                  char ret_folder[HOST_PATH_MAX], struct err *err);

#endif
