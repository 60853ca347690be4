/* check.h - does a scenario whose keys are right make sense as a whole? */
#ifndef PLATEAU_SCENARIO_CHECK_H
#define PLATEAU_SCENARIO_CHECK_H

#include "err.h"
#include "scenario/document.h"
#include "scenario/scenario.h"

/* 0; or -EINVAL and |err|, with the place taken from |document|. */
int check_scenario(const struct scenario *scenario,
                   const struct document *document, struct err *err);

#endif
