/* trial_draw.h - chance for trials: xoshiro256** (Blackman and Vigna 2018), and
 * draws from it that are the same on every machine with IEEE doubles. Pure.
 * Private to trial.c. */
#ifndef PLATEAU_TRIAL_DRAW_H
#define PLATEAU_TRIAL_DRAW_H

#include "judge/trial.h"

#include <stddef.h>
#include <stdint.h>

/* Begins anew from |count| words: the same words, the same draws. */
void trial_sow(struct trial *t, const uint64_t *words, size_t count);

uint64_t trial_next(struct trial *t);

/* Evenly from |from| to |to|, neither included; so in the logarithm. */
double trial_draw(struct trial *t, double from, double to);
double trial_draw_log(struct trial *t, double from, double to);

double trial_draw_normal(struct trial *t); /* mean 0, deviation 1 */
double trial_draw_exponential(struct trial *t, double mean);
double trial_draw_poisson(struct trial *t, double mean);

#endif
