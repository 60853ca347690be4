/* waves.h - when churn goes on, when it holds still, when a trough is read.
 *
 * Pure: it reads no clock. The caller says what time it is and how things
 * stand, and is told what to do next. Without waves (see scenario.h) churn
 * simply goes on.
 *
 *   WAVES_CHURNING  churn events of all kinds may happen; after |wave_events|
 *                   of them, or when |wave_ns| are over, the ebb begins
 *   WAVES_SETTLING  nothing befalls anybody; lasts |settle_min_ns| at least,
 *                   from the last stir, and until everybody is up again (the
 *                   paused go on, the stopped are back) and the readings have
 *                   come to rest, but |settle_max_ns| at most (the ebb is then
 *                   unsettled)
 *   WAVES_ASKING    the targets were asked for a purge and fresh figures; ends
 *                   when all have answered, or after WAVES_ANSWER_MAX_NS
 *   WAVES_OVER      the last ebb of the run has been read
 *
 * The schedule of kills runs on a clock that stands still during ebbs
 * (waves_churn_ns()), so that its timetable stays a matter of the seed alone.
 * Times are nanoseconds of one clock of the caller's.
 */
#ifndef PLATEAU_WAVES_H
#define PLATEAU_WAVES_H

#include <stdbool.h>
#include <stdint.h>

#define WAVES_ANSWER_MAX_NS INT64_C(250000000)

enum waves_state {
    WAVES_CHURNING,
    WAVES_SETTLING,
    WAVES_ASKING,
    WAVES_OVER,
};

struct waves_config {
    uint32_t wave_events;  /* 0: no such end */
    int64_t wave_ns;       /* 0: no such end; both 0: one endless wave */
    uint32_t waves;        /* 0: as many as there is time for */
    int64_t settle_min_ns; /* 0 to settle_max_ns */
    int64_t settle_max_ns;
};

/* How things stand while nobody is killed. */
struct waves_look {
    bool is_all_up;    /* every churner is ready again */
    bool is_settled;   /* the readings have come to rest */
    bool has_answered; /* everybody that was asked */
};

/* What to do now. */
enum waves_step {
    WAVES_WAIT,
    WAVES_ASK,  /* ask the targets for a purge and fresh figures */
    WAVES_READ, /* read the trough of ebb |waves.seq|; the ebb is over then */
};

struct waves {
    struct waves_config config;
    enum waves_state state;
    int64_t since_ns;     /* the state began */
    int64_t stirred_ns;   /* likewise, or what was stirred last in it */
    int64_t ebb_began_ns; /* of the last ebb */
    int64_t churned_ns;   /* in the waves before this one */
    uint32_t events;      /* in this wave */
    uint32_t seq;         /* ebbs that were begun */
    bool was_settled;     /* of the last ebb, once it is being asked */
    bool ends_soon;       /* the ebb that is under way is the last one */
};

/* The first wave begins at |now_ns|. */
void waves_init(struct waves *waves, const struct waves_config *config,
                int64_t now_ns);

/* Whether kills may be made. */
bool waves_may_kill(const struct waves *waves);

/* A kill was made: the wave may be over with it. */
void waves_killed(struct waves *waves, int64_t now_ns);

/* Something is going on again that is no event: a network was healed. */
void waves_stir(struct waves *waves, int64_t now_ns);

/* Looks at the clock and at |look|, which counts during an ebb only. */
enum waves_step waves_advance(struct waves *waves,
                              const struct waves_look *look, int64_t now_ns);

/* The run's time is over. True: end it now; false: the ebb that is under way
 * is to be read first, the state is WAVES_OVER then. */
bool waves_end(struct waves *waves);

/* How long churn has gone on so far, ebbs left out. */
int64_t waves_churn_ns(const struct waves *waves, int64_t now_ns);

#endif
