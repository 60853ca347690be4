/* budget.h - what growth a person allows, as text. Pure. */
#ifndef PLATEAU_BUDGET_H
#define PLATEAU_BUDGET_H

#include "err.h"
#include "judge/judge.h"

/* Reads "64 B/event", "1 MiB/h", "2 %", or several of them with commas between
 * (the largest counts). Amounts of bytes have the units B, KiB, MiB, GiB, KB,
 * MB, GB; amounts without one are taken as they are ("0.01/event"). 0 and
 * *ret_budget; -EINVAL with |err|. */
int budget_parse(const char *text, struct judge_budget *ret_budget,
                 struct err *err);

/* Reads an amount of bytes ("512 MiB") or a plain number, above 0. 0 and
 * *ret_amount; -EINVAL with |err|. */
int budget_parse_amount(const char *text, double *ret_amount, struct err *err);

#endif
