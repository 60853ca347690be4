#include "run_facts.h"

#include "churn/kinds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Meta |key| as a number; |fallback| where it is missing. */
static int64_t number(struct store *store, const char *key, int64_t fallback)
{
    char *text = NULL;
    if (store_meta_get(store, key, &text) != 0) {
        return fallback;
    }
    int64_t value = strtoll(text, NULL, 10);
    free(text);
    return value;
}

static enum run_how read_how(struct store *store)
{
    static const struct {
        const char *name;
        enum run_how how;
    } names[] = {
        {"completed", RUN_COMPLETED},
        {"interrupted", RUN_INTERRUPTED},
        {"invalid", RUN_INVALID},
        {"broken", RUN_BROKEN},
    };
    char *text = NULL;
    enum run_how how = RUN_CUT_OFF;
    if (store_meta_get(store, "end.how", &text) != 0) {
        return how;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0) {
            how = names[i].how;
        }
    }
    free(text);
    return how;
}

static void read_sentence(struct store *store, struct run_facts *facts)
{
    char *text = NULL;
    if (facts->how == RUN_CUT_OFF) {
        (void)snprintf(facts->sentence, sizeof facts->sentence,
                       "the supervisor was killed before the run was over");
    } else if (store_meta_get(store, "end.sentence", &text) == 0) {
        (void)snprintf(facts->sentence, sizeof facts->sentence, "%s", text);
        free(text);
    }
}

static int read_scenario(struct store *store, struct run_facts *facts,
                         struct err *err)
{
    char *text = NULL;
    char *file = NULL;
    int result = store_meta_get(store, "scenario.text", &text);
    if (result == 0) {
        result = store_meta_get(store, "scenario.file", &file);
    }
    if (result == 0) {
        result = scenario_parse(file, text, &facts->scenario, err);
    } else {
        err_set(err, NULL, 0, 0,
                "the store holds no scenario: it is not the store of a run, "
                "or the run ended before it began");
    }
    free(text);
    free(file);
    return result == 0 ? 0 : -EILSEQ;
}

/* Where a run that was cut off ends: with its last sample. */
static int read_last_tick(struct store *store, int64_t *ret_ns)
{
    struct store_tick *ticks = NULL;
    size_t count = 0;
    int result = store_ticks(store, &ticks, &count);
    if (result == 0 && count > 0) {
        *ret_ns = ticks[count - 1].t_ns;
    }
    free(ticks);
    return result;
}

/* How long churn went on, ebbs left out, and what became of the ebbs. */
static int read_waves(struct store *store, struct run_facts *facts)
{
    struct store_ebb *ebbs = NULL;
    size_t count = 0;
    int64_t still_ns = 0;
    int result = store_ebbs(store, &ebbs, &count);
    if (result != 0) {
        return result;
    }
    facts->ebbs = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        facts->unsettled += !ebbs[i].is_settled;
        still_ns += ebbs[i].read_ns - ebbs[i].begin_ns;
    }
    free(ebbs);
    int64_t churn_ns = facts->churn_end_ns - facts->churn_begin_ns;
    facts->waves_s =
        (double)number(store, "churn.waves_ns", churn_ns - still_ns) / 1e9;
    return 0;
}

/* How many events there were, of each kind and in all. A kind that is not known
 * here counts in all. */
static int read_events(struct store *store, struct run_facts *facts)
{
    struct store_event_kind *kinds = NULL;
    size_t count = 0;
    int result = store_event_kinds(store, &kinds, &count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        enum churn_kind kind = CHURN_KILL;
        facts->events += kinds[i].count;
        if (kinds_find(kinds[i].kind, &kind) == 0) {
            facts->by_kind[kind] = kinds[i].count;
        }
    }
    free(kinds);
    return result;
}

/* Meta |key| as text; "" where it is missing. */
static void read_text(struct store *store, const char *key, char *text,
                      size_t size)
{
    char *value = NULL;
    text[0] = '\0';
    if (store_meta_get(store, key, &value) == 0) {
        (void)snprintf(text, size, "%s", value);
        free(value);
    }
}

/* Events while it was judged; in a watch they are no kills, and only ticks tell
 * of them. */
static int count_watched_events(struct store *store, struct run_facts *facts)
{
    struct store_tick *ticks = NULL;
    size_t count = 0;
    int64_t first = -1, last = -1;
    int result = store_ticks(store, &ticks, &count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        if (ticks[i].t_ns >= facts->churn_begin_ns &&
            ticks[i].t_ns <= facts->churn_end_ns) {
            first = first < 0 ? ticks[i].events : first;
            last = ticks[i].events;
        }
    }
    free(ticks);
    facts->events = last - first;
    return result;
}

static int read_watch(struct store *store, struct run_facts *facts)
{
    struct run_watch *watch = &facts->watch;
    read_text(store, "watch.what", watch->what, sizeof watch->what);
    if (!run_facts_is_watch(facts)) {
        facts->has_events = facts->scenario->rate_per_s > 0.;
        return 0;
    }
    read_text(store, "watch.events_by", watch->events_by,
              sizeof watch->events_by);
    read_text(store, "watch.events_trouble", watch->events_trouble,
              sizeof watch->events_trouble);
    read_text(store, "watch.command_end", watch->command_end,
              sizeof watch->command_end);
    watch->events_read = number(store, "watch.events_read", 0);
    watch->events_failed = number(store, "watch.events_failed", 0);
    watch->events_resets = number(store, "watch.events_resets", 0);
    watch->restarts = number(store, "watch.restarts", 0);
    int result = count_watched_events(store, facts);
    facts->has_events = facts->events > 0;
    return result;
}

int run_facts_read(struct store *store, struct run_facts *ret_facts,
                   struct err *err)
{
    struct run_facts facts = {.how = read_how(store)};
    int result = read_scenario(store, &facts, err);
    if (result != 0) {
        return result;
    }
    char *duration = NULL;
    facts.asked_duration_s = facts.scenario->duration_s;
    if (store_meta_get(store, "run.duration_s", &duration) == 0) {
        facts.asked_duration_s = strtod(duration, NULL);
        free(duration);
    }
    char *seed = NULL;
    if (store_meta_get(store, "run.seed", &seed) == 0) {
        facts.seed = strtoull(seed, NULL, 10);
        free(seed);
    }
    read_sentence(store, &facts);
    facts.churn_begin_ns = number(store, "churn.begin_ns", -1);
    facts.churn_end_ns = number(store, "churn.end_ns", -1);
    if (facts.churn_end_ns < 0) {
        (void)read_last_tick(store, &facts.churn_end_ns);
    }
    if (facts.churn_end_ns < facts.churn_begin_ns) {
        facts.churn_end_ns = facts.churn_begin_ns;
    }
    result = read_waves(store, &facts);
    if (result == 0) {
        result = read_events(store, &facts);
    }
    if (result == 0) {
        result = read_watch(store, &facts);
    }
    if (result != 0) {
        *err = *store_err(store);
        run_facts_deinit(&facts);
        return result;
    }
    char *early = NULL;
    if (store_meta_get(store, "end.early", &early) == 0) {
        (void)snprintf(facts.early, sizeof facts.early, "%s", early);
        free(early);
    }
    facts.respawns = number(store, "churn.respawns", facts.events);
    facts.is_replay = number(store, "churn.replayed", 0) > 0;
    /* Clients that come and go by themselves are churn without a schedule. */
    facts.has_events =
        facts.has_events || facts.is_replay || facts.by_kind[CHURN_EXIT] > 0;
    facts.forced = number(store, "churn.forced", 0);
    facts.partitions = number(store, "churn.partitions", 0);
    facts.healed = number(store, "churn.healed", 0);
    facts.cut_ns = number(store, "churn.cut_ns", 0);
    facts.abandoned_ready = number(store, "churn.abandoned_ready", 0);
    /* A run that was cut off did not write down what its schedule drew. */
    facts.due =
        (double)number(store, "churn.due",
                       (int64_t)(facts.scenario->rate_per_s * facts.waves_s));
    facts.slept_ns = number(store, "host.slept_ns", 0);
    facts.wall_jump_ns = number(store, "host.wall_jump_ns", 0);
    int64_t cpu_ns = number(store, "supervisor.cpu_churn_ns", -1);
    double churn_s = run_facts_churn_s(&facts);
    facts.own_cpu_share =
        cpu_ns >= 0 && churn_s > 0. ? (double)cpu_ns / 1e9 / churn_s : NAN;
    *ret_facts = facts;
    return 0;
}

void run_facts_deinit(struct run_facts *facts)
{
    scenario_free(facts->scenario);
    facts->scenario = NULL;
}

double run_facts_churn_s(const struct run_facts *facts)
{
    return facts->churn_begin_ns < 0
               ? 0.
               : (double)(facts->churn_end_ns - facts->churn_begin_ns) / 1e9;
}
