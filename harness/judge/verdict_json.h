/* verdict_json.h - a verdict for programs to read. */
#ifndef PLATEAU_VERDICT_JSON_H
#define PLATEAU_VERDICT_JSON_H

#include "judge/judge.h"

#include <stdio.h>

/* Writes |text| as a JSON string, quotes included. What is not valid UTF-8
 * stays as it is. */
void verdict_json_string(const char *text, FILE *out);

/* Writes the members of an object (without its braces): outcome, reason and
 * the figures, null where one is not known. Slopes are objects of estimate,
 * low and high, in the metric's unit. */
void verdict_json_members(const struct judge_verdict *verdict, FILE *out);

#endif
