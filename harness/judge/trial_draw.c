#include "judge/trial_draw.h"

#include <math.h>

static uint64_t rotate(uint64_t word, int by)
{
    return (word << by) | (word >> (64 - by));
}

/* xoshiro256** (Blackman and Vigna 2018). */
uint64_t trial_next(struct trial *t)
{
    uint64_t *s = t->rng;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* FNV-1a over the words, then some turns of the generator. */
void trial_sow(struct trial *t, const uint64_t *words, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < 8 * count; i++) {
        hash ^= words[i / 8] >> (8 * (i % 8)) & 0xff;
        hash *= UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < 4; i++) {
        hash = (hash ^ i) * UINT64_C(0x100000001b3);
        t->rng[i] = hash ^ (hash >> 29);
    }
    for (size_t i = 0; i < 16; i++) {
        (void)trial_next(t);
    }
}

double trial_draw(struct trial *t, double from, double to)
{
    return from + (to - from) * ((double)(trial_next(t) >> 11) + 0.5) / 0x1p53;
}

double trial_draw_log(struct trial *t, double from, double to)
{
    return exp(trial_draw(t, log(from), log(to)));
}

double trial_draw_normal(struct trial *t)
{
    /* Marsaglia's polar method. */
    for (;;) {
        double a = trial_draw(t, -1.0, 1.0);
        double b = trial_draw(t, -1.0, 1.0);
        double square = a * a + b * b;
        if (square < 1.0 && square > 0.0) {
            return a * sqrt(-2.0 * log(square) / square);
        }
    }
}

double trial_draw_exponential(struct trial *t, double mean)
{
    return -mean * log(trial_draw(t, 0.0, 1.0));
}

/* Knuth's product for small means, the normal limit for large ones. */
double trial_draw_poisson(struct trial *t, double mean)
{
    if (mean > 50.0) {
        return fmax(0.0, floor(mean + sqrt(mean) * trial_draw_normal(t) + 0.5));
    }
    const double floor_of_product = exp(-mean);
    double product = trial_draw(t, 0.0, 1.0);
    double count = 0.0;
    while (product > floor_of_product) {
        product *= trial_draw(t, 0.0, 1.0);
        count += 1.0;
    }
    return count;
}
