/* objection.h - what a climb that is sure must still stand up to. Pure. */
#ifndef PLATEAU_OBJECTION_H
#define PLATEAU_OBJECTION_H

#include "judge/look.h"

/* Sets drop, rise and objection of those looks (by time, by events) that
 * fired. Where the surer one stands, the other is called off: to ask it costs
 * a fit and changes nothing. Overwrites the models. */
void objection_raise(const struct judge_rule *rule, struct workspace *workspace,
                     struct look looks[2]);

/* Do the last two rises look like an array that doubles when it is full: twice
 * as high, and twice as late after |start_s|? By time. */
bool objection_is_doubling(const struct look *look, double start_s);

#endif
