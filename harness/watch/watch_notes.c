#include "watch/watch_notes.h"

#include "plateau_version.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { SCENARIO_SIZE = 1024, DURATION_MAX_S = 604800, WORDS_SIZE = 320 };

/* The words of the command, as far as they fit, or whom options name. */
static void describe_all(const struct watch_options *options,
                         const struct subject *subject, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    if (options->by != SUBJECT_BY_COMMAND) {
        (void)subject_describe(subject, &subject->places[0], text, size);
        if (subject->count > 1) {
            (void)snprintf(text, size, "%zu processes called %.60s",
                           subject->count, subject->text);
        }
        return;
    }
    for (char *const *word = options->argv; *word != NULL && used < size - 1;
         word++) {
        int more = snprintf(text + used, size - used, "%s%s",
                            word == options->argv ? "" : " ", *word);
        used += more > 0 ? (size_t)more : 0;
    }
    for (char *at = text; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    }
}

/* The budget has been parsed: it has neither quotes nor braces. */
static void make_scenario(const struct watch_options *options,
                          const struct subject *subject,
                          char text[SCENARIO_SIZE])
{
    double duration_s = options->for_s > 0. ? options->for_s : DURATION_MAX_S;
    (void)snprintf(
        text, SCENARIO_SIZE,
        "name: watch-%s\n"
        "about: made up by plateau watch, which starts and churns nobody\n"
        "run: {duration_s: %.3f, settle_s: %.3f, sample_ms: %u, "
        "detail_every: 1, budget: \"%s\"}\n"
        "churn: {rate_per_s: 0}\n"
        "roles:\n"
        "  - name: %s\n"
        "    kind: observer\n"
        "    count: %zu\n"
        "    command: [watched]\n"
        "    ready: {by: delay, within_s: 0.001}\n",
        subject->places[0].role, fmin(fmax(duration_s, 1.), DURATION_MAX_S),
        fmin(options->settle_s, 3600.), options->sample_ms, options->budget,
        subject->places[0].role, subject->count);
}

void watch_note_beginning(struct recorder *recorder,
                          const struct watch_options *options,
                          const struct subject *subject)
{
    char scenario[SCENARIO_SIZE];
    char words[WORDS_SIZE];
    char text[HOST_TEXT_MAX];
    make_scenario(options, subject, scenario);
    describe_all(options, subject, words, sizeof words);
    recorder_note(recorder, "plateau.version", "%s", PLATEAU_VERSION);
    recorder_note(recorder, "scenario.name", "watch-%s",
                  subject->places[0].role);
    recorder_note(recorder, "scenario.file", "%s", "");
    recorder_note(recorder, "scenario.text", "%s", scenario);
    recorder_note(recorder, "run.seed", "0");
    recorder_note(recorder, "run.started", "%s", host_local_time(text));
    recorder_note(recorder, "run.duration_s", "%.17g", options->for_s);
    recorder_note(recorder, "machine.system", "%s", host_describe(text));
    recorder_note(recorder, "machine.cpus", "%ld", host_cpus());
    recorder_note(recorder, "watch.what", "%s", words);
    if (subject->places[0].crowd != NULL) {
        recorder_note(recorder, "machine.cgroups", "%s",
                      subject->places[0].figures != NULL
                          ? "figures of the watched group"
                          : "none: no tree has memory figures of the "
                            "watched group");
    }
}

void watch_note_sampling(struct recorder *recorder,
                         const struct sampler_counts *sampled)
{
    recorder_note(recorder, "sample.count", "%" PRId64, sampled->samples);
    recorder_note(recorder, "sample.gaps", "%" PRId64, sampled->gaps);
    recorder_note(recorder, "sample.cost_ns", "%" PRId64, sampled->cost_ns);
    recorder_note(recorder, "sample.cost_max_ns", "%" PRId64,
                  sampled->cost_max_ns);
}

void watch_note_events(struct recorder *recorder, const struct events *events,
                       const struct events_counts *before)
{
    struct events_counts counts;
    char text[WORDS_SIZE];
    if (events == NULL) {
        return;
    }
    events_counts(events, &counts);
    recorder_note(recorder, "watch.events_by", "%s",
                  events_describe(events, text, sizeof text));
    recorder_note(recorder, "watch.events_read", "%" PRId64,
                  counts.readings - before->readings);
    recorder_note(recorder, "watch.events_failed", "%" PRId64,
                  counts.failures - before->failures);
    recorder_note(recorder, "watch.events_resets", "%" PRId64,
                  counts.resets - before->resets);
    recorder_note(recorder, "watch.events_trouble", "%s",
                  events_trouble(events));
}
