#include "scenario/keys.h"

#include "scenario/scenario.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

/* The largest double below 2^64 is not 2^64 - 1; the check of KEY_WHOLE
 * compares integers and treats this as "no bound but the type's". */
#define SEED_MAX 18446744073709551615.0

#define VALUE_OF(structure, member)                                            \
    .offset = offsetof(structure, member),                                     \
    .size = sizeof(((structure *)NULL)->member)
#define ARRAY_OF(structure, member)                                            \
    .offset = offsetof(structure, member),                                     \
    .count_offset = offsetof(structure, member##_count),                       \
    .size = sizeof(*((structure *)NULL)->member)

static const struct key_word kind_words[] = {
    {"observer", ROLE_OBSERVER, "never killed, its memory is judged"},
    {"churner", ROLE_CHURNER, "killed and respawned by the schedule"},
    {NULL, 0, NULL},
};

static const struct key_word ready_words[] = {
    {"fd", READY_FD, "a line on the descriptor named by {ready_fd}"},
    {"delay", READY_DELAY, "so many seconds after it was started"},
    {NULL, 0, NULL},
};

static const struct key_word interval_words[] = {
    {"fixed", INTERVAL_FIXED, "an event every 1/rate seconds"},
    {"poisson", INTERVAL_POISSON, "exponentially distributed gaps"},
    {"weibull", INTERVAL_WEIBULL,
     "each churner's lives have a Weibull distribution: many are short"},
    {"pareto", INTERVAL_PARETO,
     "likewise Pareto: none is very short, a few are very long"},
    {NULL, 0, NULL},
};

static const struct key_word stop_words[] = {
    {"false", STOP_NEVER, "the run goes on to its end"},
    {"true", STOP_ON_CLIMB, "a CLIMB that is sure ends it"},
    {NULL, 0, NULL},
};

static const struct key_word expect_words[] = {
    {"anything", EXPECT_NOTHING, "nothing is expected"},
    {"PLATEAU", EXPECT_PLATEAU, "a clean run, that the judge can tell"},
    {"CLIMB", EXPECT_CLIMB, "a leak, that the judge can tell"},
    {"no-CLIMB", EXPECT_NO_CLIMB, "no leak: PLATEAU or INCONCLUSIVE"},
    {"no-PLATEAU", EXPECT_NO_PLATEAU, "a leak: CLIMB or INCONCLUSIVE"},
    {NULL, 0, NULL},
};

static const struct key_word switch_words[] = {
    {"false", 0, "no"},
    {"true", 1, "yes"},
    {NULL, 0, NULL},
};

static const struct key root_keys[] = {
    {.name = "name",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, name),
     .min = 1,
     .max = 64,
     .is_optional = true,
     .about = "what the run is called; without it the file's name does"},
    {.name = "about",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, about),
     .max = 2000,
     .fallback = "",
     .about = "what the soak shows, in a sentence"},
    {.name = "seed",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, seed),
     .max = SEED_MAX,
     .is_optional = true,
     .about = "makes a run replayable; without it one is drawn and printed"},
    {.name = "run",
     .type = KEY_MAPPING,
     .child = SECTION_RUN,
     .fallback = "",
     .about = "how long the run is, and how often it is sampled"},
    {.name = "churn",
     .type = KEY_MAPPING,
     .child = SECTION_CHURN,
     .fallback = "",
     .about = "the schedule by which churners are killed and respawned"},
    {.name = "heap",
     .type = KEY_MAPPING,
     .child = SECTION_HEAP,
     .fallback = "",
     .about = "which call sites hold the observers' memory"},
    {.name = "roles",
     .type = KEY_MAPPINGS,
     ARRAY_OF(struct scenario, roles),
     .child = SECTION_ROLE,
     .min = 1,
     .max = SCENARIO_ROLES_MAX,
     .about = "the processes; at least one role is of kind observer"},
    {.name = "health",
     .type = KEY_MAPPINGS,
     ARRAY_OF(struct scenario, health),
     .child = SECTION_HEALTH,
     .max = SCENARIO_HEALTH_MAX,
     .fallback = "",
     .about = "premises about the observers' tally; failed, the run is "
              "INVALID"},
    {.name = "expect",
     .type = KEY_MAPPING,
     .child = SECTION_EXPECT,
     .fallback = "",
     .about = "what a run should say; read by scripts/prove, not by the run"},
};

static const struct key run_keys[] = {
    {.name = "duration_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, duration_s),
     .min = 1,
     .max = 604800,
     .unit = "s",
     .fallback = "60",
     .about = "how long churn goes on; this part is judged"},
    {.name = "settle_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_s),
     .max = 3600,
     .unit = "s",
     .fallback = "3",
     .about = "from all ready to the first churn event; not judged"},
    {.name = "sample_ms",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, sample_ms),
     .min = 10,
     .max = 60000,
     .unit = "ms",
     .fallback = "100",
     .about = "the grid: a sample of every process so often"},
    {.name = "detail_every",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, detail_every),
     .min = 1,
     .max = 1000,
     .unit = "samples",
     .fallback = "2",
     .about = "every n-th sample reads private memory too, which is dearer"},
    {.name = "stop_early",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, stop_early),
     .words = stop_words,
     .fallback = "false",
     .about = "whether a verdict that is sure ends the run before its time"},
    {.name = "budget",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, budget),
     .max = 100,
     .fallback = "",
     .about = "what memory may grow, in place of the judge's margins: "
              "\"64 B/event\", \"1 MiB/h\", \"2 %\""},
};

static const struct key churn_keys[] = {
    {.name = "rate_per_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, rate_per_s),
     .max = 2000,
     .unit = "events/s",
     .fallback = "10",
     .about = "events of all kinds together; 0 holds still"},
    {.name = "interval",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, interval),
     .words = interval_words,
     .fallback = "poisson",
     .about = "how the gaps between churn events are drawn; or each churner's "
              "lives, whose mean is churners / rate"},
    {.name = "shape",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, interval_shape),
     .min = 0.2,
     .max = 20,
     .is_zero_allowed = true,
     .fallback = "0",
     .about =
         "of lives: the smaller, the heavier the tail; pareto: above 1; 0: "
         "weibull 0.5, pareto 1.5"},
    {.name = "kinds",
     .type = KEY_MAPPING,
     .child = SECTION_KINDS,
     .fallback = "",
     .about = "what befalls a churner, mixed by weight: {kill: 8, stop: 1}; "
              "without any weight, each is killed"},
    {.name = "wave_events",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, wave_events),
     .max = 1000000,
     .unit = "events",
     .fallback = "0",
     .about = "churn comes in waves of so many events, with an ebb after each; "
              "0: no such end of a wave"},
    {.name = "wave_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, wave_s),
     .max = 86400,
     .unit = "s",
     .fallback = "0",
     .about = "a wave ends after so long at the latest; 0: no such end"},
    {.name = "waves",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, waves),
     .max = 1000000,
     .unit = "waves",
     .fallback = "0",
     .about = "the run is over after so many, if duration_s has not ended it; "
              "0: duration_s alone ends it"},
    {.name = "ebb",
     .type = KEY_MAPPING,
     .child = SECTION_EBB,
     .fallback = "",
     .about = "the stillness after a wave, in which a trough is read"},
    {.name = "change",
     .type = KEY_MAPPING,
     .child = SECTION_CHANGE,
     .fallback = "",
     .about = "another rate from some moment on: to see that a busier mesh is "
              "not taken for a leaking one"},
};

#define WEIGHT .type = KEY_NUMBER, .max = 1e6, .fallback = "0"

static const struct key kinds_keys[] = {
    {.name = "kill",
     WEIGHT,
     VALUE_OF(struct scenario, kill_weight),
     .about = "weight of SIGKILL, as a crash is"},
    {.name = "stop",
     WEIGHT,
     VALUE_OF(struct scenario, stop_weight),
     .about = "weight of a graceful end, as the role's stop has it"},
    {.name = "pause",
     WEIGHT,
     VALUE_OF(struct scenario, pause_weight),
     .about = "weight of SIGSTOP and, after a drawn time, SIGCONT"},
    {.name = "starting",
     WEIGHT,
     VALUE_OF(struct scenario, starting_weight),
     .about = "weight of SIGKILL twice: the second soon after the next life "
              "began, so that its handshakes are abandoned"},
    {.name = "mass",
     WEIGHT,
     VALUE_OF(struct scenario, mass_weight),
     .about = "weight of SIGKILL to a share of all churners at once; each "
              "counts as an event"},
    {.name = "pause_min_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, pause_min_s),
     .max = 3600,
     .unit = "s",
     .fallback = "0.2",
     .about = "a pause lasts from so long ..."},
    {.name = "pause_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, pause_max_s),
     .max = 3600,
     .unit = "s",
     .fallback = "1",
     .about = "... to so long, uniformly; with ebbs below ebb.settle_max_s"},
    {.name = "starting_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, starting_max_s),
     .min = 0.001,
     .max = 60,
     .unit = "s",
     .fallback = "0.02",
     .about = "a start is abandoned so long after it at most, uniformly"},
    {.name = "mass_share",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, mass_share),
     .min = 0.001,
     .max = 1,
     .fallback = "0.25",
     .about = "of all churners, one at least"},
};

static const struct key change_keys[] = {
    {.name = "after_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, change_after_s),
     .max = 31536000,
     .unit = "s",
     .fallback = "0",
     .about = "of churn, ebbs not counted; 0: the rate never changes"},
    {.name = "rate_per_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, change_rate_per_s),
     .max = 2000,
     .unit = "events/s",
     .fallback = "0",
     .about = "the rate from then on; above 0"},
};

static const struct key ebb_keys[] = {
    {.name = "settle_min_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_min_s),
     .max = 3600,
     .unit = "s",
     .fallback = "0.2",
     .about = "an ebb lasts so long at least"},
    {.name = "settle_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_max_s),
     .min = 0.01,
     .max = 3600,
     .unit = "s",
     .fallback = "3",
     .about = "what has not come to rest by then is read as unsettled"},
};

static const struct key heap_keys[] = {
    {.name = "profile",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, has_heap_profiles),
     .words = switch_words,
     .fallback = "false",
     .about = "at each ebb every observer that runs on jemalloc (with its "
              "profiler built in, as Debian's is) writes a heap profile to "
              "RUN/heap/; it is told so by MALLOC_CONF and PLATEAU_HEAP"},
    {.name = "sample_kib",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, heap_sample_kib),
     .min = 1,
     .max = 1048576,
     .unit = "KiB",
     .fallback = "512",
     .about = "mean allocation from sample to sample, a power of two; a sample "
              "of a small object takes 16 KiB, so 512 adds up to 3 % to the "
              "heap, 64 up to 25 %"},
};

static const struct key role_keys[] = {
    {.name = "name",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario_role, name),
     .min = 1,
     .max = 31,
     .about = "unique; a small letter, then small letters, digits, hyphens"},
    {.name = "kind",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario_role, kind),
     .words = kind_words,
     .about = "what happens to its processes"},
    {.name = "count",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario_role, count),
     .min = 1,
     .max = SCENARIO_SLOTS_MAX,
     .unit = "processes",
     .fallback = "1",
     .about = "how many are alive at a time"},
    {.name = "command",
     .type = KEY_TEXTS,
     ARRAY_OF(struct scenario_role, command),
     .min = 1,
     .max = SCENARIO_COMMAND_WORDS_MAX,
     .about = "the program and its arguments, with placeholders; no shell"},
    {.name = "environment",
     .type = KEY_TEXTS,
     ARRAY_OF(struct scenario_role, environment),
     .max = SCENARIO_ENVIRONMENT_MAX,
     .fallback = "",
     .about = "\"NAME=value\" each, with placeholders; added to ours"},
    {.name = "port",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario_role, port),
     .min = 1024,
     .max = 65535,
     .is_zero_allowed = true,
     .fallback = "0",
     .about = "the first port; slot n gets port + n as {port}; 0 for none"},
    {.name = "ready",
     .type = KEY_MAPPING,
     VALUE_OF(struct scenario_role, ready),
     .child = SECTION_READY,
     .fallback = "",
     .about = "when a process that was started counts as up"},
    {.name = "stop",
     .type = KEY_MAPPING,
     VALUE_OF(struct scenario_role, stop),
     .child = SECTION_STOP,
     .fallback = "",
     .about = "how a process is asked to end when the run is over"},
};

static const struct key ready_keys[] = {
    {.name = "by",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario_ready, by),
     .words = ready_words,
     .fallback = "fd",
     .about = "what tells that it is ready"},
    {.name = "within_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_ready, within_s),
     .min = 0.001,
     .max = 3600,
     .unit = "s",
     .fallback = "10",
     .about = "by fd: the deadline; by delay: the delay itself"},
};

static const struct key stop_keys[] = {
    {.name = "grace_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_stop, grace_s),
     .max = 600,
     .unit = "s",
     .fallback = "2",
     .about = "after SIGTERM, before SIGKILL"},
};

static const struct key health_keys[] = {
    {.name = "name",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario_health, name),
     .min = 1,
     .max = 31,
     .about = "an entry of the tally: a gauge, a counter or a pair"},
    {.name = "at_least",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_health, at_least),
     .min = -1e15,
     .max = 1e15,
     .fallback = "-inf",
     .about = "the least it may show in 90 % of the samples"},
    {.name = "grows_at_least",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_health, grows_at_least),
     .min = -1e15,
     .max = 1e15,
     .fallback = "-inf",
     .about = "by how much it must have grown by the end of the run"},
};

static const struct key expect_keys[] = {
    {.name = "verdict",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, expected),
     .words = expect_words,
     .fallback = "anything",
     .about = "which verdicts are right"},
    {.name = "names",
     .type = KEY_TEXTS,
     ARRAY_OF(struct scenario, expected_names),
     .max = 8,
     .fallback = "",
     .about = "tally entries, one of which is to be named as what climbed"},
};

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows)[0]

/* run and churn fill members of struct scenario itself. */
static const struct section sections[SECTION_COUNT] = {
    [SECTION_ROOT] = {"", "the scenario", sizeof(struct scenario),
                      ROWS(root_keys)},
    [SECTION_RUN] = {"run", "the run", sizeof(struct scenario), ROWS(run_keys)},
    [SECTION_CHURN] = {"churn", "the churn", sizeof(struct scenario),
                       ROWS(churn_keys)},
    [SECTION_KINDS] = {"churn.kinds", "the kinds of events",
                       sizeof(struct scenario), ROWS(kinds_keys)},
    [SECTION_EBB] = {"churn.ebb", "the ebb", sizeof(struct scenario),
                     ROWS(ebb_keys)},
    [SECTION_CHANGE] = {"churn.change", "the change of rate",
                        sizeof(struct scenario), ROWS(change_keys)},
    [SECTION_HEAP] = {"heap", "the heap profiles", sizeof(struct scenario),
                      ROWS(heap_keys)},
    [SECTION_ROLE] = {"roles[]", "a role", sizeof(struct scenario_role),
                      ROWS(role_keys)},
    [SECTION_READY] = {"roles[].ready", "readiness",
                       sizeof(struct scenario_ready), ROWS(ready_keys)},
    [SECTION_STOP] = {"roles[].stop", "the stop", sizeof(struct scenario_stop),
                      ROWS(stop_keys)},
    [SECTION_EXPECT] = {"expect", "what is expected", sizeof(struct scenario),
                        ROWS(expect_keys)},
    [SECTION_HEALTH] = {"health[]", "a premise", sizeof(struct scenario_health),
                        ROWS(health_keys)},
};

const struct section *keys_section(enum key_section id)
{
    assert(id < SECTION_COUNT);
    assert(sections[id].count <= KEYS_MAX);
    return &sections[id];
}

const struct key *keys_find(enum key_section id, const char *name)
{
    const struct section *section = keys_section(id);
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->keys[i].name, name) == 0) {
            return &section->keys[i];
        }
    }
    return NULL;
}

enum { SLIP_LENGTH_MAX = 40 }; /* names longer than that have no neighbour */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, taken out, exchanged or swapped with
 * their neighbour to make |a| of |b| (F. Damerau, "A technique for computer
 * detection and correction of spelling errors", CACM 7(3), 1964), in the
 * restricted form that edits no place twice. */
static size_t count_slips(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    size_t d[SLIP_LENGTH_MAX + 1][SLIP_LENGTH_MAX + 1];
    if (n > SLIP_LENGTH_MAX || m > SLIP_LENGTH_MAX) {
        return SLIP_LENGTH_MAX;
    }
    for (size_t i = 0; i <= n; i++) {
        d[i][0] = i;
    }
    for (size_t j = 0; j <= m; j++) {
        d[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            size_t shift = smaller(d[i - 1][j], d[i][j - 1]) + 1;
            d[i][j] = smaller(change, shift);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[n][m];
}

const char *keys_nearest(const char *name, const char *const *names,
                         size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t slips = count_slips(name, names[i]);
        /* A unit forgotten ("duration") is more letters than a slip. */
        size_t length = strlen(name);
        if (length >= 4 && strncmp(name, names[i], length) == 0) {
            slips = 1;
        }
        if (slips <= least && (nearest == NULL || slips < least)) {
            nearest = names[i];
            least = slips;
        }
    }
    return nearest;
}

/* Appends to |text| of |size| bytes; what does not fit is cut. */
static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void describe_range(const struct key *key, const char *what, char *text,
                           size_t size)
{
    append(text, size, "%s%s from %.15g to %.15g", what,
           key->is_zero_allowed ? ", 0 or" : "", key->min, key->max);
    if (key->unit != NULL) {
        append(text, size, " %s", key->unit);
    }
}

static void describe_words(const struct key *key, char *text, size_t size)
{
    append(text, size, "one of");
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        append(text, size, "%s '%s'", word == key->words ? "" : ",",
               word->name);
    }
}

char *keys_describe(const struct key *key, char *text, size_t size)
{
    assert(size > 0);
    text[0] = '\0';
    switch (key->type) {
    case KEY_TEXT:
        append(text, size, "text of %.0f to %.0f characters", key->min,
               key->max);
        break;
    case KEY_CHOICE:
        describe_words(key, text, size);
        break;
    case KEY_WHOLE:
        if (key->size == sizeof(uint64_t)) {
            append(text, size, "a whole number from 0 to %llu",
                   (unsigned long long)UINT64_MAX);
        } else {
            describe_range(key, "a whole number", text, size);
        }
        break;
    case KEY_NUMBER:
        describe_range(key, "a number", text, size);
        break;
    case KEY_TEXTS:
        append(text, size, "a list of %.0f to %.0f words of text", key->min,
               key->max);
        break;
    case KEY_MAPPING:
        append(text, size, "a mapping (key: value)");
        break;
    case KEY_MAPPINGS:
        append(text, size, "a list of %.0f to %.0f mappings", key->min,
               key->max);
        break;
    }
    return text;
}

static const char *describe_fallback(const struct key *key)
{
    if (key->is_optional) {
        return "optional";
    }
    if (key->fallback == NULL) {
        return "required";
    }
    if (strcmp(key->fallback, "-inf") == 0) {
        return "default: not asked";
    }
    if (key->type == KEY_MAPPING) {
        return "default: as below";
    }
    return key->fallback[0] == '\0' ? "default: none" : NULL;
}

static void print_key(FILE *stream, const struct key *key)
{
    char what[256];
    const char *fallback = describe_fallback(key);
    (void)fprintf(stream, "  %-15s %s; ", key->name,
                  keys_describe(key, what, sizeof what));
    if (fallback != NULL) {
        (void)fprintf(stream, "%s\n", fallback);
    } else {
        (void)fprintf(stream, "default: %s\n", key->fallback);
    }
    (void)fprintf(stream, "  %-15s %s\n", "", key->about);
    if (key->type != KEY_CHOICE) {
        return;
    }
    for (const struct key_word *word = key->words; word->name != NULL; word++) {
        (void)fprintf(stream, "  %-15s   %s: %s\n", "", word->name,
                      word->about);
    }
}

void keys_print(FILE *stream)
{
    for (int id = 0; id < SECTION_COUNT; id++) {
        const struct section *section = keys_section((enum key_section)id);
        (void)fprintf(stream, "%s%s%s\n", id == 0 ? "" : "\n",
                      id == 0 ? "at the top" : section->path,
                      id == 0 ? "" : ":");
        for (size_t i = 0; i < section->count; i++) {
            print_key(stream, &section->keys[i]);
        }
    }
}
