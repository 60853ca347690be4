#include "watch/restarts.h"

bool restarts_note(struct restarts *restarts, bool has_steps, int64_t now_ns)
{
    if (has_steps && restarts->count > 0 &&
        now_ns - restarts->last_ns < RESTARTS_STEPS_NS) {
        return false;
    }
    restarts->count++;
    restarts->last_ns = now_ns;
    return true;
}
