/* dry_run.h - what a scenario would start, without starting it. */
#ifndef PLATEAU_DRY_RUN_H
#define PLATEAU_DRY_RUN_H

#include "scenario/scenario.h"

#include <stdio.h>

/* Prints to |stream| who is started, in what order, by which words, and what
 * befalls whom. |scenario| is one that was loaded. */
void dry_run_print(const struct scenario *scenario, FILE *stream);

#endif
