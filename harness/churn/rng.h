/* rng.h - the seeded numbers behind every decision of the harness.
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014) spreads a seed; PCG32 (O'Neill, HMC-CS-2014-0905)
 * draws from it. Both are a few lines of arithmetic that give the same
 * sequence on every machine. Not for secrets.
 */
#ifndef PLATEAU_RNG_H
#define PLATEAU_RNG_H

#include <assert.h>
#include <stdint.h>

struct rng {
    uint64_t state;
    uint64_t increment; /* odd; chooses the stream */
};

/* A well-mixed function of |x|: neighbours give unrelated results. */
static inline uint64_t rng_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint32_t rng_u32(struct rng *rng)
{
    uint64_t old = rng->state;
    rng->state = old * UINT64_C(6364136223846793005) + rng->increment;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return (shifted >> turn) | (shifted << ((32 - turn) & 31));
}

/* Streams of one seed do not repeat each other. */
static inline void rng_init(struct rng *rng, uint64_t seed, uint64_t stream)
{
    rng->state = 0;
    rng->increment = (rng_mix(stream) << 1) | 1;
    (void)rng_u32(rng);
    rng->state += rng_mix(seed);
    (void)rng_u32(rng);
}

/* Uniform in [0, bound), without bias; |bound| is at least 1. */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    assert(bound > 0);
    uint32_t threshold = (0u - bound) % bound;
    uint32_t drawn;
    do { /* ends: at least half of all draws are good */
        drawn = rng_u32(rng);
    } while (drawn < threshold);
    return drawn % bound;
}

/* Uniform in (0, 1], 53 bits. */
static inline double rng_unit(struct rng *rng)
{
    uint64_t high = rng_u32(rng);
    uint64_t bits = (high << 21) ^ (rng_u32(rng) >> 11);
    return ((double)bits + 1.0) * 0x1p-53;
}

#endif
