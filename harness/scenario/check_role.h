/* check_role.h - does one role of a scenario whose keys are right make sense,
 * by itself and among the others? */
#ifndef PLATEAU_SCENARIO_CHECK_ROLE_H
#define PLATEAU_SCENARIO_CHECK_ROLE_H

#include "err.h"
#include "scenario/document.h"
#include "scenario/scenario.h"

#include <stdint.h>

/* 0; or -EINVAL and |err|, with the place taken from |document|. Compares the
 * role with those before it. */
int check_role(const struct scenario *scenario, uint32_t role,
               const struct document *document, struct err *err);

#endif
