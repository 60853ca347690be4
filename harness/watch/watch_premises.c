#include "watch/watch_premises.h"

#include <inttypes.h>
#include <string.h>

/* Of readings of a count, so many may fail. */
static const double failed_share_max = 0.1;

static int tell_command(const struct run_facts *facts, struct summary *summary)
{
    /* One that ended by itself is in the sentence already. */
    return facts->watch.command_end[0] == '\0' ||
                   strstr(facts->sentence, facts->watch.command_end) != NULL
               ? 0
               : summary_add_premise(summary, "the command", true, "%s",
                                     facts->watch.command_end);
}

int watch_premises_end(const struct run_facts *facts, struct summary *summary)
{
    double watched_s = run_facts_churn_s(facts);
    int result = 0;
    if (facts->churn_begin_ns < 0) {
        result = summary_add_premise(
            summary, "the watch", false,
            "ended before there was anything to judge: %s; shorten --settle, "
            "or let it run longer",
            facts->sentence);
    } else if (facts->how == RUN_COMPLETED) {
        result = summary_add_premise(
            summary, "the watch", true, "judged are %.1f s%s%s", watched_s,
            facts->sentence[0] != '\0' ? ": " : "", facts->sentence);
    } else {
        bool is_held = facts->how != RUN_INVALID && facts->how != RUN_BROKEN;
        result = summary_add_premise(summary, "the watch", is_held,
                                     "ended after %.1f s: %s", watched_s,
                                     facts->sentence);
    }
    return result == 0 ? tell_command(facts, summary) : result;
}

int watch_premises_events(const struct run_facts *facts,
                          struct summary *summary)
{
    const struct run_watch *watch = &facts->watch;
    int64_t all = watch->events_read + watch->events_failed;
    char resets[64] = "";
    if (watch->events_by[0] == '\0') {
        return 0;
    }
    if ((double)watch->events_failed > failed_share_max * (double)all) {
        return summary_add_premise(
            summary, "the events", false,
            "%" PRId64 " of %" PRId64
            " readings failed, the last because %s; correct --events-*",
            watch->events_failed, all, watch->events_trouble);
    }
    if (watch->events_resets > 0) {
        (void)snprintf(
            resets, sizeof resets, "; the count began anew %" PRId64 " time%s",
            watch->events_resets, watch->events_resets == 1 ? "" : "s");
    }
    return summary_add_premise(
        summary, "the events", facts->events > 0, "%" PRId64 " by %s%s%s",
        facts->events, watch->events_by, resets,
        facts->events > 0 ? ""
                          : "; nothing was asked of it while it was watched, "
                            "which proves nothing: give it work, or correct "
                            "--events-*");
}

int watch_premises_lives(const struct run_facts *facts, size_t observers,
                         size_t deaths, struct summary *summary)
{
    bool is_held = deaths == 0 && observers > 0;
    char restarts[96] = "";
    if (facts->watch.restarts > 0) {
        (void)snprintf(
            restarts, sizeof restarts,
            "; %" PRId64 " restart%s before that, the last of which judging "
            "begins with",
            facts->watch.restarts, facts->watch.restarts == 1 ? "" : "s");
    }
    return summary_add_premise(
        summary, "the watched", is_held, "%zu, %s through what is judged%s",
        observers, is_held ? "each lived" : "and not all lived", restarts);
}
