#include "churn/waves.h"

static void enter(struct waves *waves, enum waves_state state, int64_t now_ns)
{
    waves->state = state;
    waves->since_ns = waves->stirred_ns = now_ns;
}

static void begin_ebb(struct waves *waves, int64_t now_ns)
{
    waves->churned_ns += now_ns - waves->since_ns;
    waves->ebb_began_ns = now_ns;
    waves->was_settled = false;
    waves->seq++;
    enter(waves, WAVES_SETTLING, now_ns);
}

void waves_init(struct waves *waves, const struct waves_config *config,
                int64_t now_ns)
{
    *waves = (struct waves){.config = *config};
    enter(waves, WAVES_CHURNING, now_ns);
}

bool waves_may_kill(const struct waves *waves)
{
    return waves->state == WAVES_CHURNING;
}

void waves_killed(struct waves *waves, int64_t now_ns)
{
    waves->events++;
    if (waves->state == WAVES_CHURNING && waves->config.wave_events > 0 &&
        waves->events >= waves->config.wave_events) {
        begin_ebb(waves, now_ns);
    }
}

void waves_stir(struct waves *waves, int64_t now_ns)
{
    waves->stirred_ns = now_ns;
}

/* The trough of this ebb is read now. */
static void end_ebb(struct waves *waves, int64_t now_ns)
{
    bool was_last = waves->ends_soon || (waves->config.waves > 0 &&
                                         waves->seq >= waves->config.waves);
    waves->events = 0;
    enter(waves, was_last ? WAVES_OVER : WAVES_CHURNING, now_ns);
}

enum waves_step waves_advance(struct waves *waves,
                              const struct waves_look *look, int64_t now_ns)
{
    int64_t age_ns = now_ns - waves->since_ns;
    switch (waves->state) {
    case WAVES_CHURNING:
        if (waves->config.wave_ns > 0 && age_ns >= waves->config.wave_ns) {
            begin_ebb(waves, now_ns);
        }
        return WAVES_WAIT;
    case WAVES_SETTLING:
        if (now_ns - waves->stirred_ns < waves->config.settle_min_ns &&
            age_ns < waves->config.settle_max_ns) {
            return WAVES_WAIT;
        }
        waves->was_settled = look->is_all_up && look->is_settled;
        if (!waves->was_settled && age_ns < waves->config.settle_max_ns) {
            return WAVES_WAIT;
        }
        enter(waves, WAVES_ASKING, now_ns);
        return WAVES_ASK;
    case WAVES_ASKING:
        if (!look->has_answered && age_ns < WAVES_ANSWER_MAX_NS) {
            return WAVES_WAIT;
        }
        end_ebb(waves, now_ns);
        return WAVES_READ;
    case WAVES_OVER:
        break;
    }
    return WAVES_WAIT;
}

bool waves_end(struct waves *waves)
{
    waves->ends_soon = true;
    return waves->state == WAVES_CHURNING || waves->state == WAVES_OVER;
}

int64_t waves_churn_ns(const struct waves *waves, int64_t now_ns)
{
    return waves->churned_ns +
           (waves->state == WAVES_CHURNING ? now_ns - waves->since_ns : 0);
}
