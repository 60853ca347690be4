/* scenario.h - what a soak is to do, read from a YAML file.
 *
 * scenario_load() gives a scenario that has been checked in full: every key
 * known, every type right, every value in range, every role sensible; what
 * follows may rely on it. The keys, their types, ranges, defaults and units
 * are one table (keys.h), from which the schema, the checks, the defaults and
 * the reference (reference.h) follow.
 *
 * All strings belong to the scenario and live until scenario_free().
 */
#ifndef PLATEAU_SCENARIO_H
#define PLATEAU_SCENARIO_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SCENARIO_ROLES_MAX = 16,
    SCENARIO_SLOTS_MAX = 4096, /* processes alive at a time, all roles */
    SCENARIO_COMMAND_WORDS_MAX = 64,
    SCENARIO_ENVIRONMENT_MAX = 64,
    SCENARIO_ROLE_FILES_MAX = 16,
    SCENARIO_ROLE_FILE_MAX_BYTES =
        65536, /* before placeholders are filled in */
    SCENARIO_HEALTH_MAX = 32,
    SCENARIO_FILE_MAX_BYTES = 1 << 20,
    SCENARIO_PLACEHOLDERS = 14,
    SCENARIO_OTHER_PLACEHOLDERS = 2,
};

enum role_kind {
    ROLE_OBSERVER,  /* never killed; its memory is judged */
    ROLE_CHURNER,   /* killed and respawned by the schedule */
    ROLE_BYSTANDER, /* neither; should it end, the run is INVALID */
};

/* What a new life finds in {dir}. */
enum data_rule {
    DATA_KEEP,  /* what the life before has left */
    DATA_FRESH, /* nothing but its files */
};

/* What a restart keeps. */
enum identity_rule {
    IDENTITY_NEW,   /* {seed} and {generation} are those of the life */
    IDENTITY_SAME,  /* those of the slot's first life, for ever */
    IDENTITY_MIXED, /* the toss of a coin: those of the life, or of the last */
};

enum ready_rule {
    READY_FD,      /* a line on the inherited descriptor named by {ready_fd} */
    READY_DELAY,   /* so many seconds after it was started */
    READY_TCP,     /* a TCP port accepts a connection */
    READY_UDP,     /* a UDP port is bound */
    READY_LOG,     /* a line of its log matches */
    READY_FILE,    /* a file is there that this life has made */
    READY_COMMAND, /* a command exits with 0 */
    READY_AUTO,    /* in the file only: loading makes one of the others of it */
    READY_RULES = READY_AUTO,
};

/* Loading makes this of READY_AUTO where a role has neither {ready_fd} nor a
 * port. */
static const double SCENARIO_READY_DELAY_S = 0.1;

enum interval_rule {
    INTERVAL_FIXED,   /* an event every 1 / rate */
    INTERVAL_POISSON, /* exponentially distributed gaps of that mean */
    INTERVAL_WEIBULL, /* each churner's lives; churn/lifetimes.h */
    INTERVAL_PARETO,  /* likewise */
};

/* What befalls a churner; churn/kinds.h says what each is. */
enum churn_kind {
    CHURN_KILL,
    CHURN_STOP,
    CHURN_PAUSE,
    CHURN_STARTING,
    CHURN_MASS,
    CHURN_PARTITION, /* observers as well */
    CHURN_EXIT,      /* its own doing: no schedule has it */
    CHURN_KINDS,
};

/* Whether a CLIMB ends the run as soon as it is sure. */
enum stop_rule {
    STOP_NEVER,
    STOP_ON_CLIMB,
};

/* In which networks the processes are; isolate/network.h. */
enum network_rule {
    NETWORK_NONE,   /* the machine's */
    NETWORK_SHARED, /* one of the run's own */
    NETWORK_EACH,   /* besides, one for every process */
};

/* What a run of the scenario is expected to say; for who proves that Plateau
 * is right, not for the run. */
enum expected_verdict {
    EXPECT_NOTHING,
    EXPECT_PLATEAU,
    EXPECT_CLIMB,
    EXPECT_NO_CLIMB,   /* PLATEAU or INCONCLUSIVE */
    EXPECT_NO_PLATEAU, /* CLIMB or INCONCLUSIVE */
};

struct scenario_ready {
    enum ready_rule by;
    double within_s; /* the deadline; DELAY: the delay itself */
    uint32_t port;   /* TCP, UDP: 0: the process's own */
    char *pattern;   /* LOG: an extended regular expression of POSIX */
    char *path;      /* FILE: with placeholders */
    char **command;  /* COMMAND: words, with placeholders; no shell */
    uint32_t command_count;
};

struct scenario_stop {
    int signal;     /* that asks for a graceful end */
    double grace_s; /* from then on, before SIGKILL */
};

/* Of each process by itself. */
struct scenario_limits {
    uint32_t memory_mib;  /* private and writable; 0: ours */
    uint32_t descriptors; /* open at a time; 0: ours */
    uint32_t folder_mib;  /* that it may keep in {dir}; 0: as it likes */
    bool has_core;        /* a core file may be left */
};

/* Written before each start. */
struct scenario_file {
    char *path; /* within {dir} */
    char *text; /* with placeholders, PLACEHOLDER_IN_FILE */
};

/* One role: |count| processes started from the same command. */
struct scenario_role {
    char *name; /* [a-z][a-z0-9-]*, unique, at most 31 characters */
    enum role_kind kind;
    uint32_t count;
    enum identity_rule identity;
    char **command; /* words, with placeholders; command[0] is the program */
    uint32_t command_count;
    char **environment; /* "NAME=value", with placeholders */
    uint32_t environment_count;
    char *host;    /* {host}: a numeric address */
    uint32_t port; /* the first port of {port}; slot n gets port + n; 0: none */
    char *folder;  /* to work in, with placeholders; "": ours */
    enum data_rule data;
    struct scenario_file *files;
    uint32_t files_count;
    bool has_after; /* whether |after| was given, be it empty */
    char **after;   /* names of roles that are to be ready first */
    uint32_t after_count;
    struct scenario_ready ready;
    struct scenario_stop stop;
    struct scenario_limits limits;
    char **may_exit; /* exit codes, in decimal, of a churner that has done its
                      * work: no crash */
    uint32_t may_exit_count;
};

/* A premise about what the observers' tally shows; where it fails, the run is
 * INVALID. It binds every observer whose page has an entry of that name; a
 * run in which no observer has it is INVALID as well. */
struct scenario_health {
    char *name;      /* a tally entry: gauge, counter or pair */
    double at_least; /* in 90 % of the samples; -INFINITY: not asked */
    double
        grows_at_least; /* counters: by the run's end; -INFINITY: not asked */
};

struct scenario {
    char *file;  /* as given to scenario_load() */
    char *text;  /* the file's bytes, for the store */
    char *name;  /* default: the file's name without its ending */
    char *about; /* "" when not given */
    bool has_seed;
    uint64_t seed; /* 0 when has_seed is false */

    double duration_s; /* of churn; judged */
    double settle_s;   /* all ready -> churn begins; not judged */
    uint32_t sample_ms;
    enum stop_rule stop_early;
    char *budget; /* of growth, as budget_parse() reads it; "": not given */
    uint32_t detail_every; /* every n-th sample reads smaps_rollup and such */

    double rate_per_s; /* churn events of all kinds a second */
    enum interval_rule interval;
    char *replay;          /* a list of events in place of all that; "" */
    double interval_shape; /* of lives; 0: the rule's own */
    /* How often each kind is drawn, in proportion; all 0: kills alone. */
    double kill_weight, stop_weight, pause_weight, starting_weight, mass_weight;
    double partition_weight;         /* above 0 with NETWORK_EACH only */
    double pause_min_s, pause_max_s; /* how long a pause lasts */
    double starting_max_s;  /* from the start of a life to its abandonment */
    double mass_share;      /* of all churners, hit at once */
    double partition_share; /* of churners and observers, cut off together */
    double partition_min_s, partition_max_s; /* until they are not any more */
    /* After so long (0: never) of churn, ebbs not counted, the rate is another
     * one, above 0. */
    double change_after_s;
    double change_rate_per_s;

    /* A wave is over after so many events or seconds, whichever comes first;
     * an ebb follows. Both 0: no waves, and no ebbs. */
    uint32_t wave_events;
    double wave_s;
    uint32_t waves;      /* in the run; 0: as many as there is time for */
    double settle_min_s; /* of an ebb */
    double settle_max_s; /* not below settle_min_s */

    enum expected_verdict expected;
    char **expected_names; /* any of them is to be named as what climbed */
    uint32_t expected_names_count;

    /* Heap profiles of the observers, one an ebb: where the target's allocator
     * is a jemalloc that can. Off: not a byte more is asked of anybody. */
    bool has_heap_profiles;
    uint32_t heap_sample_kib; /* mean from sample to sample; a power of two */

    enum network_rule network;
    double drop_share; /* of packets; 0 with NETWORK_NONE */

    struct scenario_role *roles;
    uint32_t roles_count;
    struct scenario_health *health;
    uint32_t health_count;
};

/* The weight of each kind of event. */
static inline void scenario_weights(const struct scenario *scenario,
                                    double ret_weights[CHURN_KINDS])
{
    ret_weights[CHURN_KILL] = scenario->kill_weight;
    ret_weights[CHURN_STOP] = scenario->stop_weight;
    ret_weights[CHURN_PAUSE] = scenario->pause_weight;
    ret_weights[CHURN_STARTING] = scenario->starting_weight;
    ret_weights[CHURN_MASS] = scenario->mass_weight;
    ret_weights[CHURN_PARTITION] = scenario->partition_weight;
    ret_weights[CHURN_EXIT] = 0.;
}

/* Whether a process of the role may end by itself with |exit_code|. */
bool scenario_role_may_exit(const struct scenario_role *role, int exit_code);

/* Whether churn comes in waves. */
static inline bool scenario_has_ebbs(const struct scenario *scenario)
{
    return scenario->wave_events > 0 || scenario->wave_s > 0.;
}

/* What "{name}" in a word of a command or an environment can stand for, and
 * "{name:ROLE}" and "{name:ROLE:N}"; see placeholder.h. */
struct scenario_placeholder {
    const char *name;
    const char *about;
};
extern const struct scenario_placeholder
    scenario_placeholders[SCENARIO_PLACEHOLDERS];
extern const struct scenario_placeholder
    scenario_other_placeholders[SCENARIO_OTHER_PLACEHOLDERS];

/* Reads |path|. 0 and *ret_scenario, which the caller owns; or -errno and
 * |err|: -EINVAL when the scenario is wrong (file, line, what would be right),
 * anything else when the file cannot be read: -ENOENT, -EACCES, -EISDIR,
 * -EFBIG beyond SCENARIO_FILE_MAX_BYTES, -ENOMEM ... */
int scenario_load(const char *path, struct scenario **ret_scenario,
                  struct err *err);

/* The same for a text that is at hand; |file| is what to call it. */
int scenario_parse(const char *file, const char *text,
                   struct scenario **ret_scenario, struct err *err);

/* Accepts NULL. */
void scenario_free(struct scenario *scenario);

#endif
