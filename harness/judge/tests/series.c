#include "series.h"

#include <math.h>
#include <string.h>

static const double RUN_S = 60.0;
static const double EVENTS_PER_S = 48.3;
static const double LEVEL = 1e7;
static const double PAGE = 4096.0;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state, double from, double to)
{
    return from + (to - from) * ((double)(next(state) >> 11) + 0.5) / 0x1p53;
}

static double exponential(uint64_t *state, double mean)
{
    return -mean * log(uniform(state, 0.0, 1.0));
}

static double normal(uint64_t *state)
{
    double radius = sqrt(-2.0 * log(uniform(state, 0.0, 1.0)));
    return radius * cos(6.283185307179586 * uniform(state, 0.0, 1.0));
}

static double pages(double bytes)
{
    return PAGE * floor(bytes / PAGE + 0.5);
}

/* Level and AR(1) noise of |sd| with lag-1 correlation |rho|. */
static void add_noise(uint64_t *state, double sd, double rho,
                      struct judge_point *points, size_t count)
{
    double z = normal(state);
    for (size_t i = 0; i < count; i++) {
        points[i].value += sd * z;
        z = rho * z + sqrt(1.0 - rho * rho) * normal(state);
    }
}

static void add_level(double level, struct judge_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        points[i].value += level;
    }
}

static void round_to_pages(struct judge_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        points[i].value = pages(points[i].value);
    }
}

static double part(const struct judge_point *point)
{
    return point->t_s / RUN_S;
}

static void make_constant(uint64_t *state, struct judge_point *points,
                          size_t count)
{
    add_level(pages(uniform(state, 0.1, 2.0) * LEVEL), points, count);
}

static void make_ar(uint64_t *state, struct judge_point *points, size_t count)
{
    add_level(LEVEL, points, count);
    add_noise(state, 0.003 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

static void make_ar_strong(uint64_t *state, struct judge_point *points,
                           size_t count)
{
    add_level(LEVEL, points, count);
    add_noise(state, 0.01 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

/* Mostly one page count, now and then a neighbour. */
static void make_page_ties(uint64_t *state, struct judge_point *points,
                           size_t count)
{
    add_level(LEVEL + uniform(state, 0.0, PAGE), points, count);
    add_noise(state, 0.4 * PAGE, 0.9, points, count);
    round_to_pages(points, count);
}

static void make_warm_up(uint64_t *state, struct judge_point *points,
                         size_t count)
{
    double tau = uniform(state, 0.02, 0.1);
    double height = uniform(state, 0.1, 1.0) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += height * (1.0 - exp(-part(&points[i]) / tau));
    }
    add_noise(state, 0.003 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

static void make_sawtooth(uint64_t *state, struct judge_point *points,
                          size_t count)
{
    double cycles = uniform(state, 6.0, 20.0);
    double height = uniform(state, 0.05, 0.8) * LEVEL;
    double phase = uniform(state, 0.0, 1.0);
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        double turn = part(&points[i]) * cycles + phase;
        points[i].value += height * (turn - floor(turn));
    }
    add_noise(state, 0.003 * LEVEL, 0.3, points, count);
    round_to_pages(points, count);
}

static void make_step(uint64_t *state, struct judge_point *points, size_t count)
{
    double at = uniform(state, 0.1, 0.95);
    double height = uniform(state, 0.02, 0.5) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += part(&points[i]) >= at ? height : 0.0;
    }
    add_noise(state, 0.003 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

static void make_cache(uint64_t *state, struct judge_point *points,
                       size_t count)
{
    double full = uniform(state, 0.1, 0.4);
    double height = uniform(state, 0.1, 2.0) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += height * fmin(part(&points[i]) / full, 1.0);
    }
    add_noise(state, 0.003 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

/* A subsystem leaks, restarts in the middle and gives everything back. */
static void make_restart(uint64_t *state, struct judge_point *points,
                         size_t count)
{
    double at = uniform(state, 0.3, 0.7);
    double height = uniform(state, 0.1, 0.5) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        double x = part(&points[i]);
        points[i].value += height * (x < at ? x : x - at);
    }
    add_noise(state, 0.003 * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

/* An allocator that keeps all it ever had: peaks come at random, with heights
 * of no end, and every new highest one stays. */
static void make_ratchet(uint64_t *state, struct judge_point *points,
                         size_t count)
{
    const double rate = uniform(state, 0.5, 20.0);
    const double height = uniform(state, 0.002, 0.03) * LEVEL;
    double next_s = exponential(state, 1.0 / rate);
    double kept = 0.0;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        while (next_s <= points[i].t_s) {
            kept = fmax(kept, exponential(state, height));
            next_s += exponential(state, 1.0 / rate);
        }
        points[i].value += kept;
    }
    add_noise(state, uniform(state, 0.0, 0.002) * LEVEL, 0.5, points, count);
    round_to_pages(points, count);
}

/* Lumps of one size that stay, some seconds apart. */
static void make_leak_lumps(uint64_t *state, struct judge_point *points,
                            size_t count)
{
    const double gap_s = uniform(state, 0.5, 4.0);
    const double lump = uniform(state, 0.1, 0.8) * LEVEL * gap_s / RUN_S;
    double next_s = exponential(state, gap_s);
    double lost = 0.0;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        for (; next_s <= points[i].t_s; next_s += exponential(state, gap_s)) {
            lost += lump;
        }
        points[i].value += lost;
    }
    add_noise(state, uniform(state, 0.0, 0.003) * LEVEL, 0.5, points, count);
    round_to_pages(points, count);
}

static void make_cache_late(uint64_t *state, struct judge_point *points,
                            size_t count)
{
    const double full = uniform(state, 0.7, 0.96);
    const double height = uniform(state, 0.05, 1.0) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += height * fmin(part(&points[i]) / full, 1.0);
    }
    add_noise(state, uniform(state, 0.001, 0.006) * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

/* Grows as a power of time below 1. */
static void make_concave(uint64_t *state, struct judge_point *points,
                         size_t count)
{
    const double power = uniform(state, 0.3, 0.65);
    const double height = uniform(state, 0.05, 0.6) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += height * pow(part(&points[i]), power);
    }
    add_noise(state, uniform(state, 0.001, 0.006) * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

static void make_log(uint64_t *state, struct judge_point *points, size_t count)
{
    const double first_s = uniform(state, 0.05, 2.5);
    const double each = uniform(state, 0.001, 0.02) * LEVEL;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += each * log1p(points[i].t_s / first_s);
    }
    add_noise(state, uniform(state, 0.0005, 0.004) * LEVEL, 0.6, points, count);
    round_to_pages(points, count);
}

/* Load that swings, with a trough that is flat for a while. */
static void make_swing(uint64_t *state, struct judge_point *points,
                       size_t count)
{
    const double cycles = uniform(state, 3.0, 18.0);
    const double height = uniform(state, 0.02, 0.3) * LEVEL;
    const double phase = uniform(state, 0.0, 6.28);
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        double angle = 6.283185307179586 * cycles * part(&points[i]) + phase;
        points[i].value += height * fmax(-0.7, sin(angle));
    }
    add_noise(state, uniform(state, 0.0005, 0.004) * LEVEL, 0.4, points, count);
    round_to_pages(points, count);
}

static void make_sawtooth_slow(uint64_t *state, struct judge_point *points,
                               size_t count)
{
    const double cycles = uniform(state, 4.0, 13.0);
    const double height = uniform(state, 0.05, 0.6) * LEVEL;
    double base = uniform(state, 0.0, 1.0);
    double slope = uniform(state, 0.9, 1.1);
    double turn = base;
    add_level(LEVEL, points, count);
    for (size_t i = 0; i < count; i++) {
        turn += slope * cycles / (double)count;
        if (turn >= 1.0) {
            turn -= 1.0;
            slope = uniform(state, 0.9, 1.1);
        }
        points[i].value += height * turn;
    }
    add_noise(state, uniform(state, 0.0005, 0.004) * LEVEL, 0.4, points, count);
    round_to_pages(points, count);
}

static void add_leak(double share, double noise, uint64_t *state,
                     struct judge_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        points[i].value += LEVEL * (1.0 + share * part(&points[i]));
    }
    add_noise(state, noise * LEVEL, 0.6, points, count);
}

static void make_leak_5(uint64_t *state, struct judge_point *points,
                        size_t count)
{
    add_leak(0.05, 0.003, state, points, count);
    round_to_pages(points, count);
}

static void make_leak_5_noisy(uint64_t *state, struct judge_point *points,
                              size_t count)
{
    add_leak(0.05, 0.01, state, points, count);
    round_to_pages(points, count);
}

static void make_leak_50(uint64_t *state, struct judge_point *points,
                         size_t count)
{
    add_leak(0.5, 0.003, state, points, count);
    round_to_pages(points, count);
}

static void make_leak_warm(uint64_t *state, struct judge_point *points,
                           size_t count)
{
    make_warm_up(state, points, count);
    double share = uniform(state, 0.05, 0.5);
    for (size_t i = 0; i < count; i++) {
        points[i].value += pages(LEVEL * share * part(&points[i]));
    }
}

static void make_leak_saw(uint64_t *state, struct judge_point *points,
                          size_t count)
{
    make_sawtooth(state, points, count);
    double share = uniform(state, 0.2, 1.0);
    for (size_t i = 0; i < count; i++) {
        points[i].value += pages(LEVEL * share * part(&points[i]));
    }
}

static void make_leak_late(uint64_t *state, struct judge_point *points,
                           size_t count)
{
    add_leak(0.0, 0.003, state, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += LEVEL * 0.2 * fmax(0.0, 2.0 * part(&points[i]) - 1);
    }
    round_to_pages(points, count);
}

/* Connections come as a Poisson process and stay for an exponential time of
 * half a second (M/G/infinity), each with a heap of its own size; beneath
 * them a base that warms up in some seconds. */
static void make_mesh_of(double live_from, double live_to, uint64_t *state,
                         struct judge_point *points, size_t count)
{
    const double stay_s = 0.5;
    const double base = uniform(state, 4e5, 8e5);
    const double warm = uniform(state, 5e4, 4e5);
    const double tau_s = uniform(state, 1.0, 3.0);
    const double gap_s = stay_s / uniform(state, live_from, live_to);

    for (size_t i = 0; i < count; i++) {
        points[i].value += base + warm * (1 - exp(-points[i].t_s / tau_s));
    }
    for (double t_s = -5.0; t_s < RUN_S; t_s += exponential(state, gap_s)) {
        double end_s = t_s + exponential(state, stay_s);
        double bytes = uniform(state, 3e4, 4.5e4);
        double first = ceil(fmax(t_s, 0.0) / RUN_S * (double)count);
        for (size_t i = (size_t)first; i < count && points[i].t_s < end_s;
             i++) {
            points[i].value += bytes;
        }
    }
    for (size_t i = 0; i < count; i++) {
        points[i].value = floor(points[i].value);
    }
}

static void make_mesh_small(uint64_t *state, struct judge_point *points,
                            size_t count)
{
    make_mesh_of(3.0, 7.0, state, points, count);
}

static void make_mesh(uint64_t *state, struct judge_point *points, size_t count)
{
    make_mesh_of(5.0, 40.0, state, points, count);
}

/* The same with some 7 to 16 KB lost at every event. */
static void make_mesh_leak(uint64_t *state, struct judge_point *points,
                           size_t count)
{
    make_mesh(state, points, count);
    double each = uniform(state, 7e3, 1.6e4);
    for (size_t i = 0; i < count; i++) {
        points[i].value += floor(each * points[i].events);
    }
}

/* One connection in a hundred is lost: 350 bytes an event. */
static void make_mesh_leak_small(uint64_t *state, struct judge_point *points,
                                 size_t count)
{
    make_mesh(state, points, count);
    for (size_t i = 0; i < count; i++) {
        points[i].value += 35000.0 * floor(points[i].events / 100.0);
    }
}

const struct series_family series_family[] = {
    {"constant", SERIES_HEALTHY, 4096.0, make_constant},
    {"ar .3 %", SERIES_HEALTHY, 4096.0, make_ar},
    {"ar 1 %", SERIES_HEALTHY, 4096.0, make_ar_strong},
    {"page ties", SERIES_HEALTHY, 4096.0, make_page_ties},
    {"warm-up", SERIES_HEALTHY, 4096.0, make_warm_up},
    {"sawtooth", SERIES_HEALTHY, 4096.0, make_sawtooth},
    {"step", SERIES_HEALTHY, 4096.0, make_step},
    {"cache", SERIES_HEALTHY, 4096.0, make_cache},
    {"restart", SERIES_HEALTHY, 4096.0, make_restart},
    {"ratchet", SERIES_HEALTHY, 4096.0, make_ratchet},
    {"logarithm", SERIES_UNSETTLED, 4096.0, make_log},
    {"swing", SERIES_HEALTHY, 4096.0, make_swing},
    {"slow sawtooth", SERIES_HEALTHY, 4096.0, make_sawtooth_slow},
    {"late cache", SERIES_UNSETTLED, 4096.0, make_cache_late},
    {"concave", SERIES_UNSETTLED, 4096.0, make_concave},
    {"mesh 3-7 live", SERIES_HEALTHY, 1.0, make_mesh_small},
    {"mesh 5-40 live", SERIES_HEALTHY, 1.0, make_mesh},
    {"leak 5 %", SERIES_LEAKY, 4096.0, make_leak_5},
    {"leak 5 %, noise 1 %", SERIES_LEAKY, 4096.0, make_leak_5_noisy},
    {"leak 50 %", SERIES_LEAKY, 4096.0, make_leak_50},
    {"leak and warm-up", SERIES_LEAKY, 4096.0, make_leak_warm},
    {"leak and sawtooth", SERIES_LEAKY, 4096.0, make_leak_saw},
    {"leak in lumps", SERIES_LEAKY, 4096.0, make_leak_lumps},
    {"late leak", SERIES_LEAKY, 4096.0, make_leak_late},
    {"mesh leak", SERIES_LEAKY, 1.0, make_mesh_leak},
    {"mesh leak 350 B", SERIES_LEAKY, 1.0, make_mesh_leak_small},
};

const size_t series_family_count = sizeof series_family / sizeof *series_family;

const struct series_family *series_find(const char *name)
{
    for (size_t i = 0; i < series_family_count; i++) {
        if (strcmp(series_family[i].name, name) == 0) {
            return &series_family[i];
        }
    }
    return NULL;
}

void series_make(const struct series_family *family, uint64_t seed,
                 size_t count, struct judge_point *points)
{
    uint64_t state = seed * UINT64_C(0xd1342543de82ef95) + 1;
    double events = 0.0;
    double next_event_s = exponential(&state, 1.0 / EVENTS_PER_S);
    for (size_t i = 0; i < count; i++) {
        double t_s = RUN_S * (double)i / (double)count;
        while (next_event_s <= t_s) {
            events += 1.0;
            next_event_s += exponential(&state, 1.0 / EVENTS_PER_S);
        }
        points[i] = (struct judge_point){.t_s = t_s, .events = events};
    }
    family->make(&state, points, count);
}
