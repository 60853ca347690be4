/* The rows of everything but roles; see keys.h. */
#include "scenario/keys_rows.h"

#include "scenario/scenario.h"

#include <stdint.h>

/* The largest double below 2^64 is not 2^64 - 1; the check of KEY_WHOLE
 * compares integers and treats this as "no bound but the type's". */
#define SEED_MAX 18446744073709551615.0

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

static const struct key_word network_words[] = {
    {"none", NETWORK_NONE, "the machine's own"},
    {"shared", NETWORK_SHARED, "one of the run's own, with a loopback only"},
    {"each", NETWORK_EACH,
     "besides, one for every process, with an address of its own, {host}"},
    {NULL, 0, NULL},
};

const struct key_word keys_switch_words[] = {
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
     .example = "my-run",
     .about = "what the run is called; without it the file's name does"},
    {.name = "about",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, about),
     .max = 2000,
     .fallback = "",
     .example = "clients come and go; the server keeps its memory",
     .about = "what the soak shows, in a sentence"},
    {.name = "seed",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, seed),
     .max = SEED_MAX,
     .is_optional = true,
     .example = "42",
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
    {.name = "isolate",
     .type = KEY_MAPPING,
     .child = SECTION_ISOLATE,
     .fallback = "",
     .about = "networks of the run's own, out of which nothing leads"},
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
     .example = "120",
     .about = "how long churn goes on; this part is judged"},
    {.name = "settle_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_s),
     .max = 3600,
     .unit = "s",
     .fallback = "3",
     .example = "5",
     .about = "from all ready to the first churn event; not judged"},
    {.name = "sample_ms",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, sample_ms),
     .min = 10,
     .max = 60000,
     .unit = "ms",
     .fallback = "100",
     .example = "50",
     .about = "the grid: a sample of every process so often"},
    {.name = "detail_every",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, detail_every),
     .min = 1,
     .max = 1000,
     .unit = "samples",
     .fallback = "2",
     .example = "5",
     .about = "every n-th sample reads private memory too, which is dearer"},
    {.name = "stop_early",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, stop_early),
     .words = stop_words,
     .fallback = "false",
     .example = "true",
     .about = "whether a verdict that is sure ends the run before its time"},
    {.name = "budget",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, budget),
     .max = 100,
     .fallback = "",
     .example = "64 B/event",
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
     .example = "50",
     .about = "events of all kinds together; 0 holds still"},
    {.name = "interval",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, interval),
     .words = interval_words,
     .fallback = "poisson",
     .example = "weibull",
     .about = "how the gaps between churn events are drawn; or each churner's "
              "lives, whose mean is churners / rate"},
    {.name = "shape",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, interval_shape),
     .min = 0.2,
     .max = 20,
     .is_zero_allowed = true,
     .fallback = "0",
     .example = "0.7",
     .about =
         "of lives: the smaller, the heavier the tail; pareto: above 1; 0: "
         "weibull 0.5, pareto 1.5"},
    {.name = "replay",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario, replay),
     .max = 1000,
     .fallback = "",
     .example = "events.txt",
     .about =
         "a recorded run, or CSV of 'plateau events', whose events are done "
         "again in place of a schedule; from the scenario's folder on"},
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
     .example = "30",
     .about = "churn comes in waves of so many events, with an ebb after each; "
              "0: no such end of a wave"},
    {.name = "wave_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, wave_s),
     .max = 86400,
     .unit = "s",
     .fallback = "0",
     .example = "5",
     .about = "a wave ends after so long at the latest; 0: no such end"},
    {.name = "waves",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, waves),
     .max = 1000000,
     .unit = "waves",
     .fallback = "0",
     .example = "60",
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
     .example = "8",
     .about = "weight of SIGKILL, as a crash is"},
    {.name = "stop",
     WEIGHT,
     VALUE_OF(struct scenario, stop_weight),
     .example = "1",
     .about = "weight of a graceful end, as the role's stop has it"},
    {.name = "pause",
     WEIGHT,
     VALUE_OF(struct scenario, pause_weight),
     .example = "0.5",
     .about = "weight of SIGSTOP and, after a drawn time, SIGCONT"},
    {.name = "starting",
     WEIGHT,
     VALUE_OF(struct scenario, starting_weight),
     .example = "0.5",
     .about = "weight of SIGKILL twice: the second soon after the next life "
              "began, so that its handshakes are abandoned"},
    {.name = "mass",
     WEIGHT,
     VALUE_OF(struct scenario, mass_weight),
     .example = "0.1",
     .about = "weight of SIGKILL to a share of all churners at once; each "
              "counts as an event"},
    {.name = "pause_min_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, pause_min_s),
     .max = 3600,
     .unit = "s",
     .fallback = "0.2",
     .example = "0.1",
     .about = "a pause lasts from so long ..."},
    {.name = "pause_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, pause_max_s),
     .max = 3600,
     .unit = "s",
     .fallback = "1",
     .example = "2",
     .about = "... to so long, uniformly; with ebbs below ebb.settle_max_s"},
    {.name = "starting_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, starting_max_s),
     .min = 0.001,
     .max = 60,
     .unit = "s",
     .fallback = "0.02",
     .example = "0.05",
     .about = "a start is abandoned so long after it at most, uniformly"},
    {.name = "mass_share",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, mass_share),
     .min = 0.001,
     .max = 1,
     .fallback = "0.25",
     .example = "0.5",
     .about = "of all churners, one at least"},
};

static const struct key change_keys[] = {
    {.name = "after_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, change_after_s),
     .max = 31536000,
     .unit = "s",
     .fallback = "0",
     .example = "30",
     .about = "of churn, ebbs not counted; 0: the rate never changes"},
    {.name = "rate_per_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, change_rate_per_s),
     .max = 2000,
     .unit = "events/s",
     .fallback = "0",
     .example = "100",
     .about = "the rate from then on; above 0"},
};

static const struct key ebb_keys[] = {
    {.name = "settle_min_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_min_s),
     .max = 3600,
     .unit = "s",
     .fallback = "0.2",
     .example = "0.5",
     .about = "an ebb lasts so long at least"},
    {.name = "settle_max_s",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, settle_max_s),
     .min = 0.01,
     .max = 3600,
     .unit = "s",
     .fallback = "3",
     .example = "10",
     .about = "what has not come to rest by then is read as unsettled"},
};

static const struct key isolate_keys[] = {
    {.name = "network",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, network),
     .words = network_words,
     .fallback = "none",
     .example = "each",
     .about = "in which network the processes are; all but none take the right "
              "to make networks (root, or user namespaces)"},
    {.name = "drop_share",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario, drop_share),
     .max = 0.9,
     .fallback = "0",
     .example = "0.05",
     .about = "so large a share of IP packets is lost at random (by nftables): "
              "shared, on the loopback; each, from one process to another"},
};

static const struct key heap_keys[] = {
    {.name = "profile",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, has_heap_profiles),
     .words = keys_switch_words,
     .fallback = "false",
     .example = "true",
     .about = "at each ebb every observer that runs on jemalloc (with its "
              "profiler built in, as Debian's is), or on glibc's allocator "
              "with {preload} before it, writes a heap profile to RUN/heap/; "
              "it is told so by MALLOC_CONF and PLATEAU_HEAP"},
    {.name = "sample_kib",
     .type = KEY_WHOLE,
     VALUE_OF(struct scenario, heap_sample_kib),
     .min = 1,
     .max = 1048576,
     .unit = "KiB",
     .fallback = "512",
     .example = "64",
     .about = "mean allocation from sample to sample, a power of two; of "
              "jemalloc's a sample of a small object takes 16 KiB, so 512 "
              "adds up to 3 % to the heap, 64 up to 25 %"},
};

static const struct key health_keys[] = {
    {.name = "name",
     .type = KEY_TEXT,
     VALUE_OF(struct scenario_health, name),
     .min = 1,
     .max = 31,
     .example = "active_peers",
     .about = "an entry of the tally: a gauge, a counter or a pair"},
    {.name = "at_least",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_health, at_least),
     .min = -1e15,
     .max = 1e15,
     .fallback = "-inf",
     .example = "1",
     .about = "the least it may show in 90 % of the samples"},
    {.name = "grows_at_least",
     .type = KEY_NUMBER,
     VALUE_OF(struct scenario_health, grows_at_least),
     .min = -1e15,
     .max = 1e15,
     .fallback = "-inf",
     .example = "100",
     .about = "by how much it must have grown by the end of the run"},
};

static const struct key expect_keys[] = {
    {.name = "verdict",
     .type = KEY_CHOICE,
     VALUE_OF(struct scenario, expected),
     .words = expect_words,
     .fallback = "anything",
     .example = "PLATEAU",
     .about = "which verdicts are right"},
    {.name = "names",
     .type = KEY_TEXTS,
     ARRAY_OF(struct scenario, expected_names),
     .max = 8,
     .fallback = "",
     .example = "[\"connection_loops\"]",
     .about = "tally entries, one of which is to be named as what climbed"},
};

/* run, churn and their like fill members of struct scenario itself. */
static const struct section root = {"", "the scenario", sizeof(struct scenario),
                                    ROWS(root_keys)};
static const struct section run = {"run", "the run", sizeof(struct scenario),
                                   ROWS(run_keys)};
static const struct section churn = {"churn", "the churn",
                                     sizeof(struct scenario), ROWS(churn_keys)};
static const struct section kinds = {"churn.kinds", "the kinds of events",
                                     sizeof(struct scenario), ROWS(kinds_keys)};
static const struct section ebb = {"churn.ebb", "the ebb",
                                   sizeof(struct scenario), ROWS(ebb_keys)};
static const struct section change = {"churn.change", "the change of rate",
                                      sizeof(struct scenario),
                                      ROWS(change_keys)};
static const struct section heap = {"heap", "the heap profiles",
                                    sizeof(struct scenario), ROWS(heap_keys)};
static const struct section isolate = {"isolate", "networks of its own",
                                       sizeof(struct scenario),
                                       ROWS(isolate_keys)};
static const struct section expect = {
    "expect", "what is expected", sizeof(struct scenario), ROWS(expect_keys)};
static const struct section health = {
    "health[]", "a premise", sizeof(struct scenario_health), ROWS(health_keys)};

const struct section *const keys_sections[SECTION_COUNT] = {
    [SECTION_ROOT] = &root,      [SECTION_RUN] = &run,
    [SECTION_CHURN] = &churn,    [SECTION_KINDS] = &kinds,
    [SECTION_EBB] = &ebb,        [SECTION_CHANGE] = &change,
    [SECTION_HEAP] = &heap,      [SECTION_ISOLATE] = &isolate,
    [SECTION_ROLE] = &keys_role, [SECTION_READY] = &keys_ready,
    [SECTION_FILE] = &keys_file, [SECTION_LIMITS] = &keys_limits,
    [SECTION_STOP] = &keys_stop, [SECTION_EXPECT] = &expect,
    [SECTION_HEALTH] = &health,
};
