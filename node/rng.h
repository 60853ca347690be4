/* rng.h - a small seeded generator: same seed, same numbers, everywhere.
 *
 * xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled
 * linear pseudorandom number generators", 2021). Not for keys. 32 bytes of
 * state; nothing to release.
 */
#ifndef RNG_H
#define RNG_H

#include <assert.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

static inline uint64_t rng_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        rng->state[i] = z ^ (z >> 31);
    }
}

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rng_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

/* Uniform in [0, bound), bound > 0; unbiased (rejects the short tail). */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    assert(bound > 0);

    uint64_t threshold = (0 - bound) % bound;

    for (;;) {
        uint64_t value = rng_next(rng);

        if (value >= threshold)
            return value % bound;
    }
}

/* Uniform in [low, high], both included, low <= high. */
static inline int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    assert(low <= high);

    uint64_t span = (uint64_t)high - (uint64_t)low + 1;

    return (int64_t)((uint64_t)low + rng_below(rng, span));
}

#endif
