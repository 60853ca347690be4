#include "watch/restarts.h"

bool restarts_note(struct restarts *restarts, bool has_steps, int64_t now_ns)
{
    bool is_step = has_steps && restarts->count > 0 &&
                   now_ns - restarts->step_ns < RESTARTS_STEP_NS &&
                   now_ns - restarts->began_ns < RESTARTS_WHOLE_NS;
    restarts->step_ns = now_ns;
    if (is_step) {
        return false;
    }
    restarts->count++;
    restarts->began_ns = now_ns;
    return true;
}
