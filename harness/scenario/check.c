#include "scenario/check.h"

#include "judge/budget.h"
#include "scenario/keys.h"
#include "scenario/placeholder.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SMALL_LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ENVIRONMENT_OURS "PLATEAU_"

enum { PATH_SIZE = 64, PORT_LAST = 65535 };

/* What a role's words ask for. */
struct needs {
    int ready_fd;
    int port;
};

/* What the checks share; |role| is the one under way. */
struct checking {
    const struct scenario *scenario;
    const struct document *document;
    struct err *err;
    uint32_t role;
};

/* "roles[2].command" of the role under way. */
static const char *role_path(const struct checking *checking, const char *key,
                             char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "roles[%u]%s%s", checking->role,
                   key[0] == '\0' ? "" : ".", key);
    return path;
}

static int blame_placeholder(const struct checking *checking, const char *path,
                             const char *name)
{
    char known[256] = "";
    const char *names[SCENARIO_PLACEHOLDERS];
    size_t used = 0;
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        names[i] = scenario_placeholders[i].name;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s{%s}",
                                 i == 0 ? "" : " ", names[i]);
        assert(used < sizeof known);
    }
    const char *near = keys_nearest(name, names, SCENARIO_PLACEHOLDERS);
    if (near != NULL) {
        return document_blame(checking->document, path, checking->err,
                              "unknown placeholder '{%s}'; did you mean "
                              "'{%s}'? Known: %s",
                              name, near, known);
    }
    return document_blame(checking->document, path, checking->err,
                          "unknown placeholder '{%s}'; known: %s", name, known);
}

static int is_known(const char *name)
{
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        if (strcmp(scenario_placeholders[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Looks through one word of a command or an environment. */
static int check_word(const struct checking *checking, const char *path,
                      const char *word, struct needs *needs)
{
    for (const char *cursor = word; *cursor != '\0';) {
        char name[40];
        struct placeholder_part part;
        if (placeholder_next(&cursor, &part) != 0) {
            return document_blame(checking->document, path, checking->err,
                                  "a lone '%c' at \"%.20s\"; a placeholder is "
                                  "{name}, a brace itself is '%c%c'",
                                  *part.start, part.start, *part.start,
                                  *part.start);
        }
        if (!part.is_name) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)part.length, part.start);
        if (!is_known(name)) {
            return blame_placeholder(checking, path, name);
        }
        needs->ready_fd |= strcmp(name, "ready_fd") == 0;
        needs->port |= strcmp(name, "port") == 0;
    }
    return 0;
}

static int check_command(const struct checking *checking, struct needs *needs)
{
    const struct scenario_role *role =
        &checking->scenario->roles[checking->role];
    char path[PATH_SIZE];
    if (role->command[0][0] == '\0') {
        return document_blame(checking->document,
                              role_path(checking, "command[0]", path),
                              checking->err,
                              "the command's first word is empty; it names "
                              "the program");
    }
    for (uint32_t i = 0; i < role->command_count; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "command[%u]", i);
        int r = check_word(checking, role_path(checking, key, path),
                           role->command[i], needs);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_environment(const struct checking *checking,
                             struct needs *needs)
{
    const struct scenario_role *role =
        &checking->scenario->roles[checking->role];
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < role->environment_count; i++) {
        const char *word = role->environment[i];
        size_t length =
            strspn(word, SMALL_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_" DIGITS);
        char key[32];
        (void)snprintf(key, sizeof key, "environment[%u]", i);
        (void)role_path(checking, key, path);
        if (length == 0 || word[length] != '=' ||
            strchr(DIGITS, word[0]) != NULL) {
            return document_blame(checking->document, path, checking->err,
                                  "'%.60s' is no variable; right is "
                                  "NAME=value, of letters, digits and '_'",
                                  word);
        }
        if (strncmp(word, ENVIRONMENT_OURS, strlen(ENVIRONMENT_OURS)) == 0) {
            return document_blame(checking->document, path, checking->err,
                                  "'%.*s' is set by plateau itself; choose "
                                  "another name",
                                  (int)length, word);
        }
        int r = check_word(checking, path, word, needs);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_name(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    const char *name = scenario->roles[checking->role].name;
    char path[PATH_SIZE];
    (void)role_path(checking, "name", path);
    if (strchr(SMALL_LETTERS, name[0]) == NULL ||
        strspn(name, SMALL_LETTERS DIGITS "-") != strlen(name)) {
        return document_blame(checking->document, path, checking->err,
                              "'%s' is no role name; right is a small letter, "
                              "then small letters, digits and hyphens",
                              name);
    }
    for (uint32_t i = 0; i < checking->role; i++) {
        if (strcmp(scenario->roles[i].name, name) == 0) {
            return document_blame(checking->document, path, checking->err,
                                  "a second role is called '%s'; give each a "
                                  "name of its own",
                                  name);
        }
    }
    return 0;
}

/* The role's ports exist, and no other role has one of them. */
static int check_ports(const struct checking *checking,
                       const struct needs *needs)
{
    const struct scenario_role *role =
        &checking->scenario->roles[checking->role];
    char path[PATH_SIZE];
    if (role->port == 0) {
        if (needs->port) {
            return document_blame(checking->document,
                                  role_path(checking, "command", path),
                                  checking->err,
                                  "{port} is used, but the role has no "
                                  "'port'; give the first one, 1024 to 65535");
        }
        return 0;
    }
    uint32_t last = role->port + role->count - 1;
    (void)role_path(checking, "port", path);
    if (last > PORT_LAST) {
        return document_blame(checking->document, path, checking->err,
                              "'port' %u and a count of %u end at %u, beyond "
                              "65535; right is %u at most",
                              role->port, role->count, last,
                              PORT_LAST - role->count + 1);
    }
    for (uint32_t i = 0; i < checking->role; i++) {
        const struct scenario_role *other = &checking->scenario->roles[i];
        if (other->port != 0 && role->port < other->port + other->count &&
            other->port <= last) {
            return document_blame(checking->document, path, checking->err,
                                  "ports %u to %u overlap with those of role "
                                  "'%s', %u to %u",
                                  role->port, last, other->name, other->port,
                                  other->port + other->count - 1);
        }
    }
    return 0;
}

static int check_ready(const struct checking *checking,
                       const struct needs *needs)
{
    const struct scenario_role *role =
        &checking->scenario->roles[checking->role];
    char path[PATH_SIZE];
    (void)role_path(checking, "command", path);
    if (role->ready.by == READY_FD && !needs->ready_fd) {
        return document_blame(checking->document, path, checking->err,
                              "role '%s' is ready by fd, but no word of its "
                              "command holds {ready_fd}; add it, or use "
                              "ready: {by: delay}",
                              role->name);
    }
    if (role->ready.by != READY_FD && needs->ready_fd) {
        return document_blame(checking->document, path, checking->err,
                              "{ready_fd} is used, but role '%s' is ready by "
                              "delay; use ready: {by: fd}",
                              role->name);
    }
    return 0;
}

static int check_role(const struct checking *checking)
{
    struct needs needs = {0, 0};
    int r = check_name(checking);
    if (r == 0) {
        r = check_command(checking, &needs);
    }
    if (r == 0) {
        r = check_environment(checking, &needs);
    }
    if (r == 0) {
        r = check_ready(checking, &needs);
    }
    return r == 0 ? check_ports(checking, &needs) : r;
}

/* How many of each kind there are, and that they are enough and not too many.
 */
static int check_counts(const struct checking *checking)
{
    const struct scenario *scenario = checking->scenario;
    uint32_t slots = 0;
    uint32_t observers = 0;
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        slots += role->count;
        observers += role->kind == ROLE_OBSERVER ? role->count : 0;
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
    if (slots == observers && scenario->rate_per_s > 0) {
        return document_blame(checking->document, "roles", checking->err,
                              "no role is a churner, but the rate is %g "
                              "events/s; add one with 'kind: churner', or set "
                              "churn: {rate_per_s: 0}",
                              scenario->rate_per_s);
    }
    return 0;
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

int check_scenario(const struct scenario *scenario,
                   const struct document *document, struct err *err)
{
    struct checking checking = {scenario, document, err, 0};
    for (; checking.role < scenario->roles_count; checking.role++) {
        int r = check_role(&checking);
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
    int r = check_budget(&checking);
    if (r == 0) {
        r = check_waves(&checking);
    }
    if (r == 0) {
        r = check_kinds(&checking);
    }
    return r < 0 ? r : check_counts(&checking);
}
