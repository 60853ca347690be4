/* watch_notes.h - what a watch writes down about itself.
 *
 * A watch is recorded as a run without churn: a scenario of one role, made up
 * here, so that whatever reads runs reads it as well; and beside it facts under
 * "watch.", which run_facts.h reads.
 */
#ifndef PLATEAU_WATCH_WATCH_NOTES_H
#define PLATEAU_WATCH_WATCH_NOTES_H

#include "recorder.h"
#include "sample/sampler.h"
#include "watch/events.h"
#include "watch/subject.h"
#include "watch/watching.h"

/* What is known before the first sample. */
void watch_note_beginning(struct recorder *recorder,
                          const struct watch_options *options,
                          const struct subject *subject);

/* What sampling has cost. */
void watch_note_sampling(struct recorder *recorder,
                         const struct sampler_counts *sampled);

/* What was counted since |before|; |events| may be NULL. */
void watch_note_events(struct recorder *recorder, const struct events *events,
                       const struct events_counts *before);

#endif
