#include "premises.h"

#include "churn/kinds.h"
#include "watch/watch_premises.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shares that a premise still stands at. */
static const double churn_share_min = 0.9;
static const double grid_share_min = 0.9;
/* Where the troughs of ebbs are judged, the grid is only what they are drawn
 * on, and what health is told from: a place of it that is missing changes no
 * trough. Of 100 runs with ebbs on two cores that also compiled and tested, the
 * worst took 72 % of its places, the median 98 %; nine tenths would have
 * refused 19 of them, half none. A long hole is a premise of its own. */
static const double grid_share_min_with_ebbs = 0.5;
static const double hole_max_s = 10.; /* in the grid */
static const double settled_share_min = 0.5;
static const double slept_max_s = 0.1;
static const double wall_jump_max_s = 1.;
static const double health_share_min = 0.9;

/* Where to say what would be right: in a scenario, or to plateau watch. */
static const char *remedy(const struct run_facts *facts, const char *key,
                          const char *option)
{
    return run_facts_is_watch(facts) ? option : key;
}

static int check_end(const struct run_facts *facts, struct summary *summary)
{
    if (run_facts_is_watch(facts)) {
        return watch_premises_end(facts, summary);
    }
    bool is_held = facts->how != RUN_INVALID && facts->how != RUN_BROKEN &&
                   facts->churn_begin_ns >= 0;
    if (facts->how == RUN_COMPLETED && facts->early[0] != '\0') {
        return summary_add_premise(
            summary, "the run", true,
            "was ended after %.1f of %.4g s of churn, all being sure",
            run_facts_churn_s(facts), facts->asked_duration_s);
    }
    if (facts->how == RUN_COMPLETED) {
        return summary_add_premise(
            summary, "the run", true, "ran its %.4g s of churn to the end",
            facts->scenario->waves > 0 ? run_facts_churn_s(facts)
                                       : facts->asked_duration_s);
    }
    if (facts->churn_begin_ns < 0) {
        return summary_add_premise(summary, "the run", false,
                                   "ended before churn began: %s",
                                   facts->sentence);
    }
    return summary_add_premise(
        summary, "the run", is_held, "ended after %.1f of %.4g s of churn: %s",
        run_facts_churn_s(facts), facts->asked_duration_s, facts->sentence);
}

/* What of the events was not all that it is called; "" where all was. */
static char *describe_doubts(const struct run_facts *facts, char *text,
                             size_t size)
{
    text[0] = '\0';
    if (facts->forced > 0) {
        (void)snprintf(text, size,
                       "; %" PRId64 " of the stops only by SIGKILL, after the "
                       "role's grace",
                       facts->forced);
    }
    if (facts->abandoned_ready > 0) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used,
                       "; %" PRId64 " of the abandoned starts were ready "
                       "already (churn.kinds.starting_max_s)",
                       facts->abandoned_ready);
    }
    if (facts->by_kind[CHURN_EXIT] > 0) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used,
                       "; besides, %" PRId64 " ended by themselves, as they "
                       "may, and came again",
                       facts->by_kind[CHURN_EXIT]);
    }
    return text;
}

/* Against what the schedule drew, not the rate: in a short run, Poisson gaps
 * alone make a tenth. */
static int check_churn(const struct run_facts *facts, struct summary *summary)
{
    char kinds[KINDS_TEXT_SIZE];
    char asked[48] = "from a recorded list";
    char doubts[288];
    double rate = facts->scenario->rate_per_s;
    int64_t exits = facts->by_kind[CHURN_EXIT];
    int64_t events = facts->events - exits; /* of those that fell due */
    int64_t by_kind[CHURN_KINDS];
    double achieved =
        facts->waves_s > 0. ? (double)events / facts->waves_s : 0.;
    if (rate == 0. && !facts->is_replay) {
        return 0;
    }
    if (!facts->is_replay) {
        (void)snprintf(asked, sizeof asked, "%.4g asked for", rate);
    }
    memcpy(by_kind, facts->by_kind, sizeof by_kind);
    by_kind[CHURN_EXIT] = 0;
    bool is_held = (double)events >= churn_share_min * facts->due && events > 0;
    return summary_add_premise(
        summary, "the churn", is_held,
        "%s of the %.0f events that fell due, %.1f/s (%s)%s%s",
        kinds_describe(by_kind, kinds), facts->due, achieved, asked,
        is_held ? ""
                : "; ask for a lower rate, or give the targets more time or "
                  "more processors",
        describe_doubts(facts, doubts, sizeof doubts));
}

/* What the ticks of the grid say, while churn went on. */
struct grid {
    size_t taken;
    double hole_s; /* the longest stretch without a sample */
};

static struct grid measure_grid(const struct run_facts *facts,
                                const struct store_tick *ticks, size_t count)
{
    struct grid grid = {0};
    int64_t before_ns = facts->churn_begin_ns;
    for (size_t i = 0; i < count; i++) {
        if (ticks[i].t_ns >= facts->churn_begin_ns &&
            ticks[i].t_ns <= facts->churn_end_ns) {
            grid.taken++;
            grid.hole_s =
                fmax(grid.hole_s, (double)(ticks[i].t_ns - before_ns) / 1e9);
            before_ns = ticks[i].t_ns;
        }
    }
    grid.hole_s =
        fmax(grid.hole_s, (double)(facts->churn_end_ns - before_ns) / 1e9);
    return grid;
}

static int check_grid(struct store *store, const struct run_facts *facts,
                      struct summary *summary)
{
    struct store_tick *ticks = NULL;
    size_t count = 0;
    int result = store_ticks(store, &ticks, &count);
    if (result != 0) {
        return result;
    }
    struct grid grid = measure_grid(facts, ticks, count);
    free(ticks);
    double step_s = (double)facts->scenario->sample_ms / 1e3;
    /* Where churn begins on a place of the grid, there is one more. */
    double asked =
        fmax(floor(run_facts_churn_s(facts) / step_s), (double)grid.taken);
    double share = scenario_has_ebbs(facts->scenario) ? grid_share_min_with_ebbs
                                                      : grid_share_min;
    double hole_max = fmax(hole_max_s, 10. * step_s);
    bool is_full = (double)grid.taken >= share * asked && grid.taken > 0;
    if (is_full && grid.hole_s > hole_max) {
        return summary_add_premise(
            summary, "the samples", false,
            "none for %.1f s on end; the machine stood still: keep it awake "
            "and unpaused, and run again",
            grid.hole_s);
    }
    return summary_add_premise(
        summary, "the samples", is_full, "%zu of %.0f places on the grid%s%s%s",
        grid.taken, asked,
        is_full ? ""
                : "; the machine was too busy or asleep: sample less often (",
        is_full ? "" : remedy(facts, "run.sample_ms", "--every"),
        is_full ? "" : ") or run on a quieter machine");
}

static int check_ebbs(const struct run_facts *facts, struct summary *summary)
{
    int64_t settled = facts->ebbs - facts->unsettled;
    bool is_enough = settled >= JUDGE_EBBS_MIN;
    bool is_still = (double)settled >= settled_share_min * (double)facts->ebbs;
    return summary_add_premise(
        summary, "the ebbs", is_enough && is_still,
        "%" PRId64 " read, %" PRId64 " of them at rest%s", facts->ebbs, settled,
        !is_still ? "; the others did not settle in time: give them more "
                    "(churn.ebb.settle_max_s)"
        : !is_enough
            ? "; that is too little run for a verdict: let it run longer "
              "(run.duration_s), or make waves shorter (churn.wave_events)"
            : "");
}

static int check_length(const struct run_facts *facts, struct summary *summary)
{
    double step_s = (double)facts->scenario->sample_ms *
                    (double)facts->scenario->detail_every / 1e3;
    double least_s = step_s * JUDGE_POINTS_MIN;
    double churn_s = run_facts_churn_s(facts);
    if (churn_s >= least_s) {
        return 0;
    }
    return summary_add_premise(
        summary, "the length", false,
        "%.1f s %s are too little for a verdict: let it run for %.0f s or more "
        "(%s), or sample more often",
        churn_s, remedy(facts, "of churn", "watched"),
        ceil(least_s + step_s +
             (run_facts_is_watch(facts) ? facts->scenario->settle_s : 0.)),
        remedy(facts, "run.duration_s", "--for"));
}

static int check_machine(const struct run_facts *facts, struct summary *summary)
{
    double slept_s = (double)facts->slept_ns / 1e9;
    double jump_s = (double)facts->wall_jump_ns / 1e9;
    if (slept_s > slept_max_s) {
        return summary_add_premise(
            summary, "the machine", false,
            "was suspended for %.1f s while churn went on; keep it awake "
            "(systemd-inhibit) and run again",
            slept_s);
    }
    if (fabs(jump_s) > wall_jump_max_s) {
        return summary_add_premise(
            summary, "the machine", false,
            "its wall clock was set by %+.1f s while churn went on, and the "
            "targets may keep time by it; stop what sets it and run again",
            jump_s);
    }
    return 0;
}

static int check_observers(struct store *store, const struct run_facts *facts,
                           const struct store_slot *slots, size_t slots_count,
                           struct summary *summary)
{
    struct store_process *processes = NULL;
    size_t count = 0, observers = 0, lives = 0, deaths = 0;
    int result = store_processes(store, &processes, &count);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < slots_count; i++) {
        observers += slots[i].is_observer;
        for (size_t j = 0; j < count && slots[i].is_observer; j++) {
            const struct store_process *process = &processes[j];
            lives += process->slot_id == slots[i].id;
            deaths += process->slot_id == slots[i].id &&
                      process->ended_ns >= facts->churn_begin_ns &&
                      process->ended_ns < facts->churn_end_ns;
        }
    }
    free(processes);
    if (run_facts_is_watch(facts)) {
        return watch_premises_lives(facts, observers, deaths, summary);
    }
    bool is_held = lives == observers && deaths == 0 && observers > 0;
    return summary_add_premise(
        summary, "the observers", is_held,
        is_held ? "%zu, each lived through the whole run"
                : "%zu were to live through the whole run and did not; see "
                  "logs/ in the run folder",
        observers);
}

/* Stretches in which the network was cut: what an observer shows then is no
 * matter of its health, on whichever side it is. */
struct cuts {
    struct cut {
        int64_t begin_ns, end_ns;
    } * cuts; /* |count|, in order of time */
    size_t count;
};

/* Several events, a moment apart, are one cut. */
static int load_cuts(struct store *store, const struct run_facts *facts,
                     struct cuts *ret_cuts)
{
    struct store_event *events = NULL;
    size_t count = 0;
    struct cuts cuts = {0};
    if (facts->by_kind[CHURN_PARTITION] == 0) {
        return 0;
    }
    int result = store_events(store, &events, &count);
    if (result == 0) {
        cuts.cuts =
            calloc((size_t)facts->by_kind[CHURN_PARTITION], sizeof *cuts.cuts);
        result = cuts.cuts == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct store_event *event = &events[i];
        if (strcmp(event->kind, kinds_name(CHURN_PARTITION)) == 0 &&
            (cuts.count == 0 ||
             event->t_ns > cuts.cuts[cuts.count - 1].end_ns)) {
            cuts.cuts[cuts.count++] =
                (struct cut){event->t_ns, event->t_ns + event->parameter_ns};
        }
    }
    free(events);
    if (result == 0) {
        *ret_cuts = cuts;
    }
    return result;
}

/* The points of |name| in one observer's tally while churn went on, whatever
 * kind of entry it is; -ENOENT when it has none. */
static int health_points(struct store *store, const struct run_facts *facts,
                         const char *name, int64_t slot_id,
                         struct store_point **ret_points, size_t *ret_count)
{
    static const struct {
        const char *before, *after;
    } forms[] = {{"tally/", ""}, {"tally/", ".spawned"}, {"", ""}};
    struct store_series series;
    int result = -ENOENT;
    for (size_t i = 0; i < 3 && result == -ENOENT; i++) {
        char metric[STORE_NAME_MAX];
        (void)snprintf(metric, sizeof metric, "%s%s%s", forms[i].before, name,
                       forms[i].after);
        result = store_find_series(store, slot_id, metric, &series);
    }
    if (result == 0) {
        result = store_points(store, series.id, facts->churn_begin_ns,
                              facts->churn_end_ns, ret_points, ret_count);
    }
    return result;
}

/* What one observer's points say of one rule. */
struct health {
    double share; /* of the samples that are high enough */
    double growth;
};

static struct health measure_health(const struct scenario_health *rule,
                                    const struct cuts *cuts,
                                    const struct store_point *points,
                                    size_t count)
{
    size_t high = 0, looked_at = 0, cut = 0;
    for (size_t i = 0; i < count; i++) {
        while (cut < cuts->count && cuts->cuts[cut].end_ns < points[i].t_ns) {
            cut++;
        }
        if (cut == cuts->count || cuts->cuts[cut].begin_ns > points[i].t_ns) {
            looked_at++;
            high += points[i].value >= rule->at_least;
        }
    }
    return (struct health){
        .share = looked_at > 0 ? (double)high / (double)looked_at : 0.,
        .growth = count > 0 ? points[count - 1].value - points[0].value : 0.,
    };
}

static int report_health(const struct scenario_health *rule,
                         const struct cuts *cuts, size_t observers,
                         const struct health *worst, struct summary *summary)
{
    bool wants_level = isfinite(rule->at_least);
    bool wants_growth = isfinite(rule->grows_at_least);
    bool is_held = observers > 0 &&
                   (!wants_level || worst->share >= health_share_min) &&
                   (!wants_growth || worst->growth >= rule->grows_at_least);
    char level[96] = "";
    char growth[96] = "";
    if (observers == 0) {
        return summary_add_premise(summary, rule->name, false,
                                   "no observer's tally has an entry of that "
                                   "name; correct health: in the scenario");
    }
    if (wants_level) {
        (void)snprintf(level, sizeof level,
                       "%.4g or more in %.0f %% of samples%s", rule->at_least,
                       100. * worst->share,
                       cuts->count > 0 ? " outside of partitions" : "");
    }
    if (wants_growth) {
        (void)snprintf(growth, sizeof growth, "%sgrew by %.0f (%.4g asked for)",
                       wants_level ? ", " : "", worst->growth,
                       rule->grows_at_least);
    }
    return summary_add_premise(
        summary, rule->name, is_held, "%s%s%s", level, growth,
        is_held ? ""
                : ", in the worst observer: the target did not work as it "
                  "should; see logs/ in the run folder");
}

static int check_health(struct store *store, const struct run_facts *facts,
                        const struct scenario_health *rule,
                        const struct cuts *cuts, const struct store_slot *slots,
                        size_t slots_count, struct summary *summary)
{
    struct health worst = {.share = 1., .growth = INFINITY};
    size_t observers = 0;
    for (size_t i = 0; i < slots_count; i++) {
        struct store_point *points = NULL;
        size_t count = 0;
        if (!slots[i].is_observer) {
            continue;
        }
        int result = health_points(store, facts, rule->name, slots[i].id,
                                   &points, &count);
        if (result == -ENOENT) {
            continue;
        }
        if (result != 0) {
            return result;
        }
        struct health health = measure_health(rule, cuts, points, count);
        free(points);
        observers++;
        worst.share = fmin(worst.share, health.share);
        worst.growth = fmin(worst.growth, health.growth);
    }
    return report_health(rule, cuts, observers, &worst, summary);
}

/* Had it not been had, nothing would have been started. */
static int tell_network(const struct run_facts *facts, struct summary *summary)
{
    const struct scenario *scenario = facts->scenario;
    char loss[64] = "";
    char cuts[96] = "";
    uint32_t processes = 0;
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        processes += scenario->roles[i].count;
    }
    if (scenario->network == NETWORK_NONE) {
        return 0;
    }
    if (scenario->drop_share > 0.) {
        (void)snprintf(loss, sizeof loss, ", %.4g %% of packets lost at random",
                       100. * scenario->drop_share);
    }
    if (facts->partitions > 0) {
        (void)snprintf(cuts, sizeof cuts,
                       "; %" PRId64 " partition%s, %.1f s in all, %s",
                       facts->partitions, facts->partitions == 1 ? "" : "s",
                       (double)facts->cut_ns / 1e9,
                       facts->healed == facts->partitions
                           ? "healed"
                           : "the last healed by the end of churn");
    }
    return scenario->network == NETWORK_EACH
               ? summary_add_premise(summary, "the network", true,
                                     "one for each of %u processes%s%s",
                                     processes, loss, cuts)
               : summary_add_premise(summary, "the network", true,
                                     "one of the run's own%s", loss);
}

int premises_check(struct store *store, const struct run_facts *facts,
                   struct summary *summary)
{
    struct store_slot *slots = NULL;
    struct cuts cuts = {0};
    size_t count = 0;
    int result = check_end(facts, summary);
    if (result != 0 || facts->churn_begin_ns < 0) {
        return result;
    }
    result = store_slots(store, &slots, &count);
    if (result == 0) {
        result = check_churn(facts, summary);
    }
    if (result == 0) {
        result = tell_network(facts, summary);
    }
    if (result == 0) {
        result = watch_premises_events(facts, summary);
    }
    if (result == 0) {
        result = check_grid(store, facts, summary);
    }
    if (result == 0) {
        result = scenario_has_ebbs(facts->scenario)
                     ? check_ebbs(facts, summary)
                     : check_length(facts, summary);
    }
    if (result == 0) {
        result = check_machine(facts, summary);
    }
    if (result == 0) {
        result = check_observers(store, facts, slots, count, summary);
    }
    if (result == 0) {
        result = load_cuts(store, facts, &cuts);
    }
    for (uint32_t i = 0; result == 0 && i < facts->scenario->health_count;
         i++) {
        result = check_health(store, facts, &facts->scenario->health[i], &cuts,
                              slots, count, summary);
    }
    free(cuts.cuts);
    free(slots);
    return result;
}
