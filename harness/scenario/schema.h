/* schema.h - YAML into struct scenario, by libcyaml and the table of keys.h.
 *
 * The only place that knows libcyaml.
 */
#ifndef PLATEAU_SCENARIO_SCHEMA_H
#define PLATEAU_SCENARIO_SCHEMA_H

#include "err.h"
#include "scenario/scenario.h"

#include <stddef.h>

/* Loads |size| bytes of YAML in which every key stands. 0 and *ret_scenario,
 * released with schema_free(); -EINVAL and |err|; -ENOMEM. */
int schema_load(const char *yaml, size_t size, struct scenario **ret_scenario,
                struct err *err);

/* Releases what schema_load() made, and nothing else. Accepts NULL. */
void schema_free(struct scenario *scenario);

#endif
