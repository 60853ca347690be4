#include "judge/trial.h"

#include "judge/trial_draw.h"

#include <math.h>
#include <string.h>

static const double PAGE = 4096.0;
static const double EVENTS_EACH_EBB = 100.0;
static const double CONNECTION_BYTES = 35000.0;
/* As the harness judges pairs (metrics.c), one of twenty (docket.c). */
static const double PAIR_CLIMB_RATIO = 0.05;
static const double COUNT_ALPHA = 0.05 / 20.0;
static const double NOISE_RATIOS[] = {0.0005, 0.0025, 0.01};

/* --- the parts of a series ------------------------------------------------ */

/* The part of the run that has passed at point |i|. */
static double part(const struct trial *t, size_t i)
{
    const double from = t->points[0].t_s;
    return (t->points[i].t_s - from) / (t->points[t->count - 1].t_s - from);
}

static void add(struct trial *t, size_t i, double ratio)
{
    t->points[i].value += ratio * t->level;
}

static void lay_out_samples(struct trial *t, size_t count)
{
    const double run_s = trial_draw_log(t, 60.0, 43200.0);
    t->count = count;
    t->level = trial_draw_log(t, 1e6, 2e9);
    t->quantum = trial_draw(t, 0.0, 1.0) < 0.7 ? PAGE : 1.0;
    t->has_events = trial_draw(t, 0.0, 1.0) < 0.7;
    const double wanted = trial_draw(t, 0.1, 1.0) * 0.01 * t->level / 16.0;
    const double per_s = fmin(wanted / run_s, trial_draw_log(t, 0.5, 200.0));
    double events = 0.0;
    for (size_t i = 0; i < count; i++) {
        double step_s = run_s / (double)count;
        t->points[i] = (struct judge_point){
            .t_s = step_s * ((double)i + trial_draw(t, 0.0, 0.1)),
            .events = events,
        };
        events += trial_draw_poisson(t, per_s * step_s);
    }
}

static void add_white(struct trial *t)
{
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, t->noise_ratio * trial_draw_normal(t));
    }
}

static void add_correlated(struct trial *t, double time_part)
{
    const double rho = exp(-1.0 / fmax(1e-6, time_part * (double)t->count));
    double z = trial_draw_normal(t);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, t->noise_ratio * z);
        z = rho * z + sqrt(1.0 - rho * rho) * trial_draw_normal(t);
    }
}

/* Student's t of 3 degrees of freedom, whose deviation is sqrt(3). */
static void add_heavy_tailed(struct trial *t)
{
    for (size_t i = 0; i < t->count; i++) {
        double square = 0.0;
        for (int k = 0; k < 3; k++) {
            double z = trial_draw_normal(t);
            square += z * z;
        }
        add(t, i, t->noise_ratio * trial_draw_normal(t) / sqrt(square));
    }
}

static void add_noise(struct trial *t)
{
    const double kind = trial_draw(t, 0.0, 1.0);
    if (kind < 0.4) {
        add_correlated(t, trial_draw(t, 0.0, 0.02));
    } else if (kind < 0.75) {
        add_white(t);
    } else {
        add_heavy_tailed(t);
    }
}

static void add_leak(struct trial *t, double ratio)
{
    t->leak_ratio = ratio;
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, ratio * part(t, i));
    }
}

/* --- healthy -------------------------------------------------------------- */

static void shape_none(struct trial *t, const double parameter[2])
{
    (void)t;
    (void)parameter;
}

/* Two or three page counts by turns. */
static void shape_ties(struct trial *t, const double parameter[2])
{
    const double sd =
        trial_draw(t, parameter[0], parameter[1]) * PAGE / t->level;
    t->quantum = PAGE;
    t->noise_ratio = sd;
    add_correlated(t, trial_draw(t, 0.0, 0.05));
    t->noise_ratio = 0.0;
}

/* Loads that come and go: each holds some memory for a short while. */
static void shape_bursts(struct trial *t, const double parameter[2])
{
    const double bursts = trial_draw(t, 10.0, 60.0);
    double at = 0.0;
    while ((at += trial_draw_exponential(t, 1.0 / bursts)) < 1.0) {
        const double end = at + trial_draw_exponential(t, 0.2 / bursts);
        const double height = trial_draw_log(t, parameter[0], parameter[1]);
        for (size_t i = 0; i < t->count && part(t, i) < end; i++) {
            add(t, i, part(t, i) >= at ? height : 0.0);
        }
    }
}

/* A collector: what it lets grow, it takes back at once; no two cycles are
 * quite alike. |parameter|: cycles in the run. */
static void shape_sawtooth(struct trial *t, const double parameter[2])
{
    const double cycles = trial_draw_log(t, parameter[0], parameter[1]);
    const double height = trial_draw_log(t, 0.03, 1.0);
    double from = -trial_draw(t, 0.0, 1.0) / cycles;
    double length = trial_draw(t, 0.85, 1.15) / cycles;
    for (size_t i = 0; i < t->count; i++) {
        while (part(t, i) >= from + length) {
            from += length;
            length = trial_draw(t, 0.85, 1.15) / cycles;
        }
        add(t, i, height * cycles * (part(t, i) - from));
    }
}

/* |parameter|: the time constant by the run. */
static void shape_exponential(struct trial *t, const double parameter[2])
{
    const double tau = trial_draw_log(t, parameter[0], parameter[1]);
    const double height = trial_draw_log(t, 0.03, 1.0);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * (1.0 - exp(-part(t, i) / tau)));
    }
}

/* A rate of arrival that falls with what is there already: t / (t + tau). */
static void shape_hyperbolic(struct trial *t, const double parameter[2])
{
    const double tau = trial_draw_log(t, parameter[0], parameter[1]);
    const double height = trial_draw_log(t, 0.03, 0.5);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * part(t, i) / (part(t, i) + tau));
    }
}

static void shape_logarithm(struct trial *t, const double parameter[2])
{
    const double scale = trial_draw_log(t, 0.0005, 0.05);
    const double height = trial_draw_log(t, parameter[0], parameter[1]);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * log1p(part(t, i) / scale) / log1p(1.0 / scale));
    }
}

/* An allocator that keeps the most that it was ever asked for. */
static void shape_high_water(struct trial *t, const double parameter[2])
{
    const double load = trial_draw_log(t, parameter[0], parameter[1]);
    double most = 0.0;
    double z = trial_draw_normal(t);
    for (size_t i = 0; i < t->count; i++) {
        most = fmax(most, z);
        add(t, i, load * most);
        z = 0.5 * z + sqrt(0.75) * trial_draw_normal(t);
    }
}

/* |parameter|: how many steps, and the chance that one goes down. */
static void shape_steps(struct trial *t, const double parameter[2])
{
    for (int step = 0; step < (int)parameter[0]; step++) {
        const double at = trial_draw(t, 0.03, 0.97);
        const double sign = trial_draw(t, 0.0, 1.0) < parameter[1] ? -0.5 : 1.0;
        const double height = sign * trial_draw_log(t, 0.01, 0.6);
        for (size_t i = 0; i < t->count; i++) {
            add(t, i, part(t, i) >= at ? height : 0.0);
        }
    }
}

/* |parameter|: when it is full, by the run. */
static void shape_cache(struct trial *t, const double parameter[2])
{
    const double full = trial_draw(t, parameter[0], parameter[1]);
    const double height = trial_draw_log(t, 0.03, 1.5);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * fmin(1.0, part(t, i) / full));
    }
}

/* The load of a day, seen for some days. */
static void shape_cycle(struct trial *t, const double parameter[2])
{
    const double cycles = trial_draw_log(t, parameter[0], parameter[1]);
    const double height = trial_draw_log(t, 0.01, 0.2);
    const double phase = trial_draw(t, 0.0, 1.0);
    for (size_t i = 0; i < t->count; i++) {
        double angle = 6.283185307179586 * (cycles * part(t, i) + phase);
        add(t, i, height * (1.0 + sin(angle)));
    }
}

static void shape_shrinking(struct trial *t, const double parameter[2])
{
    add_leak(t, -trial_draw_log(t, parameter[0], parameter[1]));
    t->leak_ratio = 0.0;
}

/* --- unsettled ------------------------------------------------------------ */

static void shape_root(struct trial *t, const double parameter[2])
{
    const double height = trial_draw_log(t, parameter[0], parameter[1]);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * sqrt(part(t, i)));
    }
}

/* Leaks, restarts once and gives everything back. */
static void shape_restart(struct trial *t, const double parameter[2])
{
    const double at = trial_draw(t, 0.25, 0.75);
    const double height = trial_draw_log(t, parameter[0], parameter[1]);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, height * (part(t, i) < at ? part(t, i) : part(t, i) - at));
    }
}

/* A load that strays slowly about its mean. */
static void shape_wander(struct trial *t, const double parameter[2])
{
    const double noise = t->noise_ratio;
    t->noise_ratio = trial_draw_log(t, 0.005, 0.05);
    add_correlated(t, trial_draw(t, parameter[0], parameter[1]));
    t->noise_ratio = noise;
}

/* --- leaky ---------------------------------------------------------------- */

static void shape_linear(struct trial *t, const double parameter[2])
{
    add_leak(t, trial_draw_log(t, parameter[0], parameter[1]));
}

/* So much at every event, the rate of events changing in the course. */
static void shape_per_event(struct trial *t, const double parameter[2])
{
    const double early = trial_draw(t, 0.3, 1.0);
    double events = 0.0;
    t->has_events = true;
    for (size_t i = 0; i < t->count; i++) {
        double rate = part(t, i) < 0.5 ? early : 1.0;
        t->points[i].events = events;
        events += trial_draw_poisson(t, rate * 20.0);
    }
    const double last = t->points[t->count - 1].events;
    const double enough = fmin(1.0, 0.01 * t->level / (16.0 * last));
    t->leak_ratio = trial_draw_log(t, parameter[0], parameter[1]);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, t->leak_ratio * t->points[i].events / last);
        t->points[i].events = floor(t->points[i].events * enough);
    }
}

/* |parameter|: when it begins. It is the slope that is 5 to 100 %. */
static void shape_late(struct trial *t, const double parameter[2])
{
    const double from = trial_draw(t, parameter[0], parameter[1]);
    const double slope = trial_draw_log(t, 0.05, 1.0);
    t->leak_ratio = slope * (1.0 - from);
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, slope * fmax(0.0, part(t, i) - from));
    }
}

/* Equal amounts at times of no pattern. |parameter|: how many. */
static void shape_stepwise(struct trial *t, const double parameter[2])
{
    const double steps = trial_draw_log(t, parameter[0], parameter[1]);
    t->leak_ratio = trial_draw_log(t, 0.05, 1.0);
    double at = 0.0;
    size_t i = 0;
    double lost = 0.0;
    while (i < t->count) {
        at += trial_draw_exponential(t, 1.0 / steps);
        for (; i < t->count && part(t, i) < at; i++) {
            add(t, i, lost);
        }
        lost += t->leak_ratio / steps;
    }
}

/* An array that nobody empties, and that doubles when it is full. */
static void shape_doubling(struct trial *t, const double parameter[2])
{
    const double doublings = trial_draw(t, parameter[0], parameter[1]);
    const double phase = trial_draw(t, 0.0, 1.0);
    t->leak_ratio = trial_draw_log(t, 0.1, 2.0);
    for (size_t i = 0; i < t->count; i++) {
        double whole =
            floor(log2(fmax(part(t, i) * exp2(doublings + phase), 1.0)));
        add(t, i, t->leak_ratio * exp2(whole - floor(doublings + phase)));
    }
}

static void shape_leak_and_warm_up(struct trial *t, const double parameter[2])
{
    static const double tau[2] = {0.01, 0.12};
    shape_exponential(t, tau);
    add_leak(t, trial_draw_log(t, parameter[0], parameter[1]));
}

static void shape_leak_and_sawtooth(struct trial *t, const double parameter[2])
{
    static const double cycles[2] = {12.0, 60.0};
    shape_sawtooth(t, cycles);
    add_leak(t, trial_draw_log(t, parameter[0], parameter[1]));
}

/* --- reads ---------------------------------------------------------------- */

/* Reads that failed are not there: single ones, and some in a row. */
static void lose_reads(struct trial *t)
{
    const double share = trial_draw(t, 0.01, 0.2);
    size_t kept = 0;
    size_t lost = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (lost > 0) {
            lost--;
            continue;
        }
        if (trial_draw(t, 0.0, 1.0) < share / 3.0) {
            lost =
                (size_t)trial_draw(t, 0.0, fmin(6.0, (double)t->count / 20.0));
            continue;
        }
        t->points[kept++] = t->points[i];
    }
    t->count = kept;
}

static void round_off(struct trial *t)
{
    for (size_t i = 0; i < t->count; i++) {
        double quanta = t->points[i].value / t->quantum;
        t->points[i].value = t->quantum * floor(quanta + 0.5);
    }
}

/* Missing reads: as shape_none(), and lose_reads() afterwards. */
static void shape_missing(struct trial *t, const double parameter[2])
{
    (void)parameter;
    lose_reads(t);
}

/* --- ebbs ----------------------------------------------------------------- */

static void lay_out_ebbs(struct trial *t, size_t count)
{
    t->count = count;
    t->level = trial_draw_log(t, 5e5, 2e6);
    t->quantum = 1.0;
    t->has_events = true;
    double t_s = 0.0;
    for (size_t i = 0; i < count; i++) {
        t_s += trial_draw(t, 2.0, 4.0);
        t->points[i] = (struct judge_point){
            .t_s = t_s,
            .events = EVENTS_EACH_EBB * (double)(i + 1),
        };
    }
}

/* What a node at rest still jitters: some timers, packets and list nodes. */
static void add_jitter(struct trial *t)
{
    const double bytes = trial_draw_log(t, 30.0, 3000.0);
    t->noise_ratio = bytes / t->level;
    add_white(t);
}

static void hold(struct trial *t, size_t i, double connections, double each)
{
    t->covariates[i] = connections;
    t->points[i].value += connections * each;
    t->covariates_count = 1;
}

static void lose(struct trial *t, double bytes_per_event)
{
    t->leak_ratio =
        bytes_per_event * EVENTS_EACH_EBB * (double)t->count / t->level;
    for (size_t i = 0; i < t->count; i++) {
        t->points[i].value += floor(bytes_per_event * t->points[i].events);
    }
}

/* A node that rests alike at every ebb. |parameter|: bytes lost an event. */
static void ebb_alike(struct trial *t, const double parameter[2])
{
    add_jitter(t);
    lose(t, parameter[0]);
}

/* It holds so many connections more or less, and says how many. */
static void ebb_held(struct trial *t, const double parameter[2])
{
    const double mean = trial_draw(t, 1.0, 8.0);
    const double each = CONNECTION_BYTES * trial_draw(t, 0.8, 1.2);
    add_jitter(t);
    for (size_t i = 0; i < t->count; i++) {
        hold(t, i, trial_draw_poisson(t, mean),
             each * trial_draw(t, 0.998, 1.002));
    }
    lose(t, parameter[0]);
}

/* The rate of churn doubles half-way, and with it what waits to time out. */
static void ebb_faster(struct trial *t, const double parameter[2])
{
    const double mean = trial_draw(t, 3.0, 12.0);
    const double each = CONNECTION_BYTES * trial_draw(t, 0.8, 1.2);
    const double at = trial_draw(t, 0.3, 0.7);
    add_jitter(t);
    for (size_t i = 0; i < t->count; i++) {
        double factor = part(t, i) < at ? 1.0 : 2.0;
        hold(t, i, trial_draw_poisson(t, mean * factor), each);
    }
    lose(t, parameter[0]);
}

static void ebb_warm_up(struct trial *t, const double parameter[2])
{
    static const double tau[2] = {0.02, 0.12};
    add_jitter(t);
    shape_exponential(t, tau);
    lose(t, parameter[0]);
}

static void ebb_cache(struct trial *t, const double parameter[2])
{
    static const double full[2] = {0.1, 0.6};
    (void)parameter;
    add_jitter(t);
    shape_cache(t, full);
}

static void ebb_step(struct trial *t, const double parameter[2])
{
    static const double steps[2] = {1.0, 0.2};
    (void)parameter;
    add_jitter(t);
    shape_steps(t, steps);
}

/* One ebb in ten did not settle, and reads too high. */
static void ebb_unsettled(struct trial *t, const double parameter[2])
{
    add_jitter(t);
    for (size_t i = 0; i < t->count; i++) {
        if (trial_draw(t, 0.0, 1.0) < 0.1) {
            t->points[i].value += trial_draw_log(t, 1e3, 1e5);
        }
    }
    lose(t, parameter[0]);
}

/* --- counts --------------------------------------------------------------- */

/* What a node has alive at rest: nothing yet; the shapes put it in. */
static void lay_out_counts(struct trial *t, size_t count)
{
    const double events_each = floor(trial_draw(t, 20.0, 100.0));
    lay_out_ebbs(t, count);
    t->level = 0.0;
    for (size_t i = 0; i < count; i++) {
        t->points[i].events = events_each * (double)(i + 1);
    }
}

static void leave(struct trial *t, double per_event)
{
    double left = 0.0;
    for (size_t i = 0; i < t->count; i++) {
        double events =
            t->points[i].events - (i > 0 ? t->points[i - 1].events : 0.0);
        left += trial_draw_poisson(t, per_event * events);
        t->points[i].value += left;
    }
    t->leak_ratio = per_event > 0.0 ? 1.0 : 0.0;
}

/* Some that come and go. |parameter|: so many are left behind an event. */
static void count_held(struct trial *t, const double parameter[2])
{
    const double mean = trial_draw_log(t, 1.0, 50.0);
    for (size_t i = 0; i < t->count; i++) {
        t->points[i].value += trial_draw_poisson(t, mean);
    }
    leave(t, parameter[0]);
}

/* A queue or a view that strays about its mean. |parameter|: memory in ebbs. */
static void count_strays(struct trial *t, const double parameter[2])
{
    const double mean = trial_draw_log(t, 5.0, 100.0);
    const double spread = mean * trial_draw(t, 0.1, 0.5);
    const double rho = exp(-1.0 / trial_draw(t, parameter[0], parameter[1]));
    double z = trial_draw_normal(t);
    for (size_t i = 0; i < t->count; i++) {
        t->points[i].value += fmax(0.0, mean + spread * z);
        z = rho * z + sqrt(1.0 - rho * rho) * trial_draw_normal(t);
    }
}

/* One entry for each that is met, up to a cap. |parameter|: when it is full,
 * by the run. */
static void count_cache(struct trial *t, const double parameter[2])
{
    const double cap = trial_draw_log(t, 10.0, 500.0);
    const double full = trial_draw(t, parameter[0], parameter[1]);
    for (size_t i = 0; i < t->count; i++) {
        t->points[i].value += cap * fmin(1.0, part(t, i) / full);
    }
}

/* Each event meets one of so many: the fewer are left, the rarer a new one.
 * |parameter|: the time constant by the run. */
static void count_known(struct trial *t, const double parameter[2])
{
    const double all = trial_draw_log(t, 10.0, 500.0);
    const double tau = trial_draw_log(t, parameter[0], parameter[1]);
    double known = 0.0;
    for (size_t i = 0; i < t->count; i++) {
        double more = all * (1.0 - exp(-part(t, i) / tau)) - known;
        known = fmin(all, known + trial_draw_poisson(t, fmax(more, 0.0)));
        t->points[i].value += known;
    }
}

static void count_steps(struct trial *t, const double parameter[2])
{
    t->level = trial_draw_log(t, 10.0, 100.0);
    count_held(t, (const double[2]){0.0, 0.0});
    shape_steps(t, parameter);
    t->level = 0.0;
}

/* --- the table ------------------------------------------------------------ */

const struct trial_family trial_family[] = {
    {"noise 0.05 %", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_none, {0, 0}, 0.0005},
    {"noise 0.25 %", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_none, {0, 0}, 0.0025},
    {"noise 1 %", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_none, {0, 0}, 0.01},
    {"page ties", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_ties, {.1, 1.0}, 1e-9},
    {"bursts", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_bursts, {.01, .5}, 0},
    {"missing reads", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_missing, {0, 0}, 0},
    {"sawtooth, 12-60 cycles",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_sawtooth,
     {12, 60},
     0},
    {"sawtooth, 4-12 cycles",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_sawtooth,
     {4, 12},
     0},
    {"exponential warm-up",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_exponential,
     {.01, .12},
     0},
    {"hyperbolic warm-up",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_hyperbolic,
     {.005, .03},
     0},
    {"logarithmic warm-up",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_logarithm,
     {.003, .1},
     0},
    {"high-water allocator",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_high_water,
     {.003, .05},
     0},
    {"one step", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_steps, {1, .2}, 0},
    {"two steps", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_steps, {2, .2}, 0},
    {"cache, full by 60 %",
     TRIAL_HEALTHY,
     TRIAL_SAMPLES,
     shape_cache,
     {.05, .6},
     0},
    {"daily cycle", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_cycle, {3, 20}, 0},
    {"shrinking", TRIAL_HEALTHY, TRIAL_SAMPLES, shape_shrinking, {.005, .3}, 0},

    {"cache, full at 75-95 %",
     TRIAL_UNSETTLED,
     TRIAL_SAMPLES,
     shape_cache,
     {.75, .95},
     0},
    {"slow warm-up",
     TRIAL_UNSETTLED,
     TRIAL_SAMPLES,
     shape_exponential,
     {.3, .8},
     0},
    {"square root", TRIAL_UNSETTLED, TRIAL_SAMPLES, shape_root, {.03, .5}, 0},
    {"restart", TRIAL_UNSETTLED, TRIAL_SAMPLES, shape_restart, {.05, .5}, 0},
    {"sawtooth, 1.2-3 cycles",
     TRIAL_UNSETTLED,
     TRIAL_SAMPLES,
     shape_sawtooth,
     {1.2, 3},
     0},
    {"straying load",
     TRIAL_UNSETTLED,
     TRIAL_SAMPLES,
     shape_wander,
     {.05, .3},
     0},

    {"leak 0.2-1 %", TRIAL_LEAKY, TRIAL_SAMPLES, shape_linear, {.002, .01}, 0},
    {"leak 1-2 %", TRIAL_LEAKY, TRIAL_SAMPLES, shape_linear, {.01, .02}, 0},
    {"leak 2-5 %", TRIAL_LEAKY, TRIAL_SAMPLES, shape_linear, {.02, .05}, 0},
    {"leak 5-20 %", TRIAL_LEAKY, TRIAL_SAMPLES, shape_linear, {.05, .2}, 0},
    {"leak 20-100 %", TRIAL_LEAKY, TRIAL_SAMPLES, shape_linear, {.2, 1}, 0},
    {"leak per event",
     TRIAL_LEAKY,
     TRIAL_SAMPLES,
     shape_per_event,
     {.05, 1},
     0},
    {"late leak, from 20-60 %",
     TRIAL_LEAKY,
     TRIAL_SAMPLES,
     shape_late,
     {.2, .6},
     0},
    {"stepwise leak", TRIAL_LEAKY, TRIAL_SAMPLES, shape_stepwise, {20, 200}, 0},
    {"doubling leak", TRIAL_LEAKY, TRIAL_SAMPLES, shape_doubling, {4, 8}, 0},
    {"leak under warm-up",
     TRIAL_LEAKY,
     TRIAL_SAMPLES,
     shape_leak_and_warm_up,
     {.05, 1},
     0},
    {"leak under sawtooth",
     TRIAL_LEAKY,
     TRIAL_SAMPLES,
     shape_leak_and_sawtooth,
     {.05, 1},
     0},

    {"ebbs alike", TRIAL_HEALTHY, TRIAL_EBBS, ebb_alike, {0, 0}, 0},
    {"ebbs, connections held", TRIAL_HEALTHY, TRIAL_EBBS, ebb_held, {0, 0}, 0},
    {"ebbs, churn doubles", TRIAL_HEALTHY, TRIAL_EBBS, ebb_faster, {0, 0}, 0},
    {"ebbs, warm-up", TRIAL_HEALTHY, TRIAL_EBBS, ebb_warm_up, {0, 0}, 0},
    {"ebbs, cache", TRIAL_HEALTHY, TRIAL_EBBS, ebb_cache, {0, 0}, 0},
    {"ebbs, one step", TRIAL_HEALTHY, TRIAL_EBBS, ebb_step, {0, 0}, 0},
    {"ebbs, some unsettled",
     TRIAL_HEALTHY,
     TRIAL_EBBS,
     ebb_unsettled,
     {0, 0},
     0},
    {"ebbs, 16 B/event", TRIAL_LEAKY, TRIAL_EBBS, ebb_alike, {16, 0}, 0},
    {"ebbs, held, 16 B/event", TRIAL_LEAKY, TRIAL_EBBS, ebb_held, {16, 0}, 0},
    {"ebbs, held, 64 B/event", TRIAL_LEAKY, TRIAL_EBBS, ebb_held, {64, 0}, 0},
    {"ebbs, held, 256 B/event", TRIAL_LEAKY, TRIAL_EBBS, ebb_held, {256, 0}, 0},
    {"ebbs, doubles, 64 B/event",
     TRIAL_LEAKY,
     TRIAL_EBBS,
     ebb_faster,
     {64, 0},
     0},
    {"ebbs, warm-up, 64 B/event",
     TRIAL_LEAKY,
     TRIAL_EBBS,
     ebb_warm_up,
     {64, 0},
     0},
    {"ebbs, unsettled, 64 B/ev.",
     TRIAL_LEAKY,
     TRIAL_EBBS,
     ebb_unsettled,
     {64, 0},
     0},

    {"counts, held", TRIAL_HEALTHY, TRIAL_COUNTS, count_held, {0, 0}, 0},
    {"counts, stray", TRIAL_HEALTHY, TRIAL_COUNTS, count_strays, {1, 5}, 0},
    {"counts, cache", TRIAL_HEALTHY, TRIAL_COUNTS, count_cache, {.05, .6}, 0},
    {"counts, known", TRIAL_HEALTHY, TRIAL_COUNTS, count_known, {.01, .15}, 0},
    {"counts, a step", TRIAL_HEALTHY, TRIAL_COUNTS, count_steps, {1, .2}, 0},
    {"counts, 0.05/event", TRIAL_LEAKY, TRIAL_COUNTS, count_held, {.05, 0}, 0},
    {"counts, 0.25/event", TRIAL_LEAKY, TRIAL_COUNTS, count_held, {.25, 0}, 0},
    {"counts, 1/event", TRIAL_LEAKY, TRIAL_COUNTS, count_held, {1, 0}, 0},
};

const size_t trial_family_count = sizeof trial_family / sizeof *trial_family;

void trial_make(const struct trial_family *family, uint64_t seed,
                uint64_t index, size_t count, struct trial *ret_trial)
{
    struct trial *t = ret_trial;
    uint64_t words[4] = {seed, index, count, 0};
    for (const char *c = family->name; *c != '\0'; c++) {
        words[3] = words[3] * 131 + (unsigned char)*c;
    }
    memset(t->covariates, 0, sizeof t->covariates);
    t->covariates_count = 0;
    t->leak_ratio = 0.0;
    t->noise_ratio = 0.0;
    trial_sow(t, words, sizeof words / sizeof *words);
    switch (family->kind) {
    case TRIAL_SAMPLES:
        lay_out_samples(t, count);
        t->noise_ratio = family->noise_ratio > 0.0
                             ? family->noise_ratio
                             : NOISE_RATIOS[trial_next(t) % 3];
        add_noise(t);
        break;
    case TRIAL_EBBS:
        lay_out_ebbs(t, count);
        break;
    case TRIAL_COUNTS:
        lay_out_counts(t, count);
        break;
    }
    for (size_t i = 0; i < t->count; i++) {
        add(t, i, 1.0);
    }
    family->shape(t, family->parameter);
    round_off(t);
}

void trial_rule(const struct trial_family *family, const struct trial *trial,
                struct judge_rule *ret_rule)
{
    switch (family->kind) {
    case TRIAL_SAMPLES:
        judge_rule_default(trial->quantum, ret_rule);
        break;
    case TRIAL_EBBS:
        judge_rule_ebbs(trial->quantum, ret_rule);
        break;
    case TRIAL_COUNTS:
        judge_rule_counts(trial->quantum, PAIR_CLIMB_RATIO, ret_rule);
        ret_rule->alpha = COUNT_ALPHA;
        break;
    }
    ret_rule->has_events = trial->has_events;
    ret_rule->covariates = trial->covariates;
    ret_rule->covariates_count = trial->covariates_count;
}
