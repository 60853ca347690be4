#include "scenario/check.h"

#include "isolate/network.h"
#include "judge/budget.h"
#include "scenario/check_role.h"
#include "scenario/order.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 64 };

/* What the checks share. */
struct checking {
    const struct scenario *scenario;
    const struct document *document;
    struct err *err;
};

/* How many of each kind there are, and that they are enough and not too many.
 */
static int check_counts(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    uint32_t slots = 0;
    uint32_t observers = 0;
    uint32_t churners = 0;
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        slots += role->count;
        observers += role->kind == ROLE_OBSERVER ? role->count : 0;
        churners += role->kind == ROLE_CHURNER ? role->count : 0;
        if (slots > SCENARIO_SLOTS_MAX) {
            char path[PATH_SIZE];
            (void)snprintf(path, sizeof path, "roles[%u].count", i);
            return document_blame(checking->document, path, checking->err,
                                  "with role '%s' there are %u processes; "
                                  "right is %d at most",
                                  role->name, slots, SCENARIO_SLOTS_MAX);
        }
    }
    if (observers == 0) {
        return document_blame(checking->document, "roles", checking->err,
                              "no role is an observer, so nothing would be "
                              "judged; add one with 'kind: observer'");
    }
    if (churners == 0 && scenario->rate_per_s > 0) {
        return document_blame(checking->document, "roles", checking->err,
                              "no role is a churner, but the rate is %g "
                              "events/s; add one with 'kind: churner', or set "
                              "churn: {rate_per_s: 0}",
                              scenario->rate_per_s);
    }
    return 0;
}

/* Nobody waits for himself. */
static int check_order(const struct checking *checking)
{
    struct order ignored;
    struct order_fault fault;
    if (order_make(checking->scenario, &ignored, &fault) != ORDER_CIRCLE) {
        return 0; /* names that are unknown were found with their role */
    }
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "roles[%u].after", fault.role);
    return document_blame(checking->document, path, checking->err,
                          "roles wait for each other: %s; leave out one of "
                          "these",
                          fault.circle);
}

static int check_health(const struct checking *checking, uint32_t index)
{
    const struct scenario_health *health = &checking->scenario->health[index];
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "health[%u]", index);
    if (isinf(health->at_least) && isinf(health->grows_at_least)) {
        return document_blame(checking->document, path, checking->err,
                              "the premise '%s' asks for nothing; give "
                              "'at_least' or 'grows_at_least'",
                              health->name);
    }
    return 0;
}

/* The keys of waves and ebbs agree with each other. */
static int check_waves(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    if (scenario->settle_max_s < scenario->settle_min_s) {
        return document_blame(checking->document, "churn.ebb", checking->err,
                              "'settle_max_s' %g is below 'settle_min_s' %g",
                              scenario->settle_max_s, scenario->settle_min_s);
    }
    if (scenario->rate_per_s == 0. && scenario->wave_events > 0 &&
        scenario->wave_s == 0.) {
        return document_blame(checking->document, "churn.wave_events",
                              checking->err,
                              "at a rate of 0 no wave ever has %u events; "
                              "give 'wave_s'",
                              scenario->wave_events);
    }
    if (scenario->change_after_s > 0. &&
        (scenario->change_rate_per_s == 0. || scenario->rate_per_s == 0.)) {
        return document_blame(checking->document, "churn.change", checking->err,
                              "the rate changes from %g to %g events/s; both "
                              "should be above 0",
                              scenario->rate_per_s,
                              scenario->change_rate_per_s);
    }
    if (scenario->waves > 0 && !scenario_has_ebbs(scenario)) {
        return document_blame(checking->document, "churn.waves", checking->err,
                              "there are no waves to count; give "
                              "'wave_events' or 'wave_s'");
    }
    return 0;
}

/* Kinds and lives are possible. */
static int check_kinds(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    if (scenario->pause_max_s < scenario->pause_min_s) {
        return document_blame(checking->document, "churn.kinds", checking->err,
                              "'pause_max_s' %g is below 'pause_min_s' %g",
                              scenario->pause_max_s, scenario->pause_min_s);
    }
    if (scenario->pause_weight > 0. && scenario_has_ebbs(scenario) &&
        scenario->pause_max_s >= scenario->settle_max_s) {
        return document_blame(
            checking->document, "churn.kinds.pause_max_s", checking->err,
            "a pause of %g s outlasts an ebb, which is given up after %g s; "
            "make the one shorter or 'ebb: {settle_max_s: ...}' longer",
            scenario->pause_max_s, scenario->settle_max_s);
    }
    if (scenario->interval == INTERVAL_PARETO &&
        scenario->interval_shape != 0. && scenario->interval_shape <= 1.) {
        return document_blame(checking->document, "churn.shape", checking->err,
                              "lives of a Pareto distribution have no mean at "
                              "a shape of %g; right is above 1",
                              scenario->interval_shape);
    }
    if (scenario->interval_shape != 0. &&
        scenario->interval != INTERVAL_WEIBULL &&
        scenario->interval != INTERVAL_PARETO) {
        return document_blame(checking->document, "churn.shape", checking->err,
                              "only lives have a shape; right is 'interval: "
                              "weibull' or 'interval: pareto' with it");
    }
    return 0;
}

/* How long it is from a partition to the next, on the average, s. */
static double partition_gap_s(const struct scenario *scenario)
{
    double weights[CHURN_KINDS];
    double churners = 0., observers = 0., events = 0.;
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        churners += role->kind == ROLE_CHURNER ? role->count : 0;
        observers += role->kind == ROLE_OBSERVER ? role->count : 0;
    }
    scenario_weights(scenario, weights);
    for (size_t i = 0; i < CHURN_KINDS; i++) {
        double victims = i == CHURN_MASS ? scenario->mass_share * churners
                         : i == CHURN_PARTITION ? scenario->partition_share *
                                                      (churners + observers)
                                                : 1.;
        events += weights[i] * fmax(victims, 1.);
    }
    return events / scenario->partition_weight / scenario->rate_per_s;
}

static int check_partitions(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    const char *path = "churn.kinds.partition";
    if (scenario->partition_max_s < scenario->partition_min_s) {
        return document_blame(checking->document, "churn.kinds", checking->err,
                              "'partition_max_s' %g is below "
                              "'partition_min_s' %g",
                              scenario->partition_max_s,
                              scenario->partition_min_s);
    }
    if (scenario->partition_weight == 0.) {
        return 0;
    }
    if (scenario->network != NETWORK_EACH) {
        return document_blame(checking->document, path, checking->err,
                              "a partition cuts the processes' networks, and "
                              "they have none of their own; give 'isolate: "
                              "{network: each}'");
    }
    if (scenario_has_ebbs(scenario) &&
        scenario->partition_max_s + scenario->settle_min_s >=
            scenario->settle_max_s) {
        return document_blame(
            checking->document, path, checking->err,
            "a partition of %g s, and %g s of rest after it, outlast an ebb, "
            "which is given up after %g s; make 'partition_max_s' shorter or "
            "'ebb: {settle_max_s: ...}' longer",
            scenario->partition_max_s, scenario->settle_min_s,
            scenario->settle_max_s);
    }
    double gap_s = partition_gap_s(scenario);
    double mean_s =
        (scenario->partition_min_s + scenario->partition_max_s) / 2.;
    if (scenario->rate_per_s > 0. && gap_s <= mean_s) {
        return document_blame(checking->document, path, checking->err,
                              "partitions of %.3g s fall due every %.3g s, on "
                              "the average, and there is one at a time; give "
                              "them a smaller weight, or make them shorter",
                              mean_s, gap_s);
    }
    return 0;
}

static int check_budget(const struct checking *checking)
{
    const char *budget = checking->scenario->budget;
    struct judge_budget ignored;
    struct err err = {0};
    if (budget[0] == '\0' || budget_parse(budget, &ignored, &err) == 0) {
        return 0;
    }
    return document_blame(checking->document, "run.budget", checking->err, "%s",
                          err.sentence);
}

/* Where every process has an address of its own, a role has none. */
static int check_isolate(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    uint32_t places = 0;
    if (scenario->network == NETWORK_NONE && scenario->drop_share > 0.) {
        return document_blame(checking->document, "isolate.drop_share",
                              checking->err,
                              "packets of the machine's own network are not "
                              "lost; give 'network: shared' or 'each'");
    }
    for (uint32_t i = 0;
         scenario->network == NETWORK_EACH && i < scenario->roles_count; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "roles[%u].host", i);
        places += scenario->roles[i].count;
        if (document_has(checking->document, path)) {
            return document_blame(checking->document, path, checking->err,
                                  "with network: each every process has an "
                                  "address of its own, {host}; leave this out");
        }
    }
    if (places > NETWORK_PLACES_MAX) {
        return document_blame(checking->document, "isolate.network",
                              checking->err,
                              "'each' takes %d processes at most, and there "
                              "are %u",
                              NETWORK_PLACES_MAX, places);
    }
    return 0;
}

int check_scenario(const struct scenario *scenario,
                   const struct document *document, struct err *err)
{
    struct checking checking = {scenario, document, err};
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        int r = check_role(scenario, i, document, err);
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < scenario->health_count; i++) {
        int r = check_health(&checking, i);
        if (r < 0) {
            return r;
        }
    }
    int r = check_order(&checking);
    if (r < 0) {
        return r;
    }
    uint32_t kib = scenario->heap_sample_kib;
    if ((kib & (kib - 1)) != 0) {
        return document_blame(document, "heap.sample_kib", err,
                              "%u is no power of two; try %u", kib,
                              1u << (31 - __builtin_clz(kib)));
    }
    if (scenario->has_heap_profiles && !scenario_has_ebbs(scenario)) {
        return document_blame(document, "heap.profile", err,
                              "profiles are written at ebbs, and there are "
                              "none; give churn 'wave_events' or 'wave_s'");
    }
    r = check_budget(&checking);
    if (r == 0) {
        r = check_waves(&checking);
    }
    if (r == 0) {
        r = check_isolate(&checking);
    }
    if (r == 0) {
        r = check_kinds(&checking);
    }
    if (r == 0) {
        r = check_partitions(&checking);
    }
    return r < 0 ? r : check_counts(&checking);
}
