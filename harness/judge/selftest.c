#include "judge/selftest.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const size_t SAMPLES[SELFTEST_LENGTHS] = {30, 60, 120, 300, 1000, 5000};
static const size_t SAMPLES_QUICK[SELFTEST_LENGTHS] = {30, 120, 300};
static const size_t EBBS[SELFTEST_LENGTHS] = {8, 12, 20, 30, 60, 120};
static const size_t EBBS_QUICK[SELFTEST_LENGTHS] = {12, 30, 60};
static const double QUIET_RATIO = 0.0025;
static const double LARGE_RATIO = 0.05;

enum { CHUNK = 16, PROGRESS_CHUNKS = 64 };

/* A piece of work is CHUNK series of one family and length. */
struct work {
    const struct selftest_options *options;
    size_t chunks_each; /* of a family and length */
    size_t chunks;
    atomic_size_t next;
    atomic_int failure;
};

/* Each thread counts for itself; the counts are added up at the end. */
struct worker {
    struct work *work;
    pthread_t thread;
    struct trial trial;
    double scratch[2 * TRIAL_POINTS_MAX];
    struct selftest counts;
    size_t verdicts;
    double spent_s;
};

static size_t length_of(const struct selftest_options *options,
                        const struct trial_family *family, size_t i)
{
    if (family->kind != TRIAL_SAMPLES) {
        return options->is_quick ? EBBS_QUICK[i] : EBBS[i];
    }
    return options->is_quick ? SAMPLES_QUICK[i] : SAMPLES[i];
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* As a run would: a look whenever one is due. */
static int watch_trial(const struct trial *trial, const struct judge_rule *rule,
                       struct selftest_cell *cell)
{
    struct judge_watch watch = {0};
    struct judge_verdict verdict;
    for (size_t n = 1; n < trial->count; n++) {
        const double done = (double)n / (double)trial->count;
        int result = judge_look(&watch, trial->points, n, done, rule, &verdict);
        if (result < 0) {
            return result;
        }
        if (result == JUDGE_LOOK_CLIMB) {
            cell->stopped++;
            cell->stopped_at += n;
            return 0;
        }
    }
    return 0;
}

static int judge_trial(struct worker *worker, const struct trial_family *family,
                       struct selftest_cell *cell)
{
    const struct trial *trial = &worker->trial;
    struct judge_rule rule;
    struct judge_verdict verdict;
    trial_rule(family, trial, &rule);
    const double start_s = cpu_s();
    int result = judge_series(trial->points, trial->count, &rule, &verdict);
    if (result != 0) {
        return result;
    }
    worker->spent_s += cpu_s() - start_s;
    worker->verdicts++;
    cell->outcome[verdict.outcome]++;
    if (trial->noise_ratio <= QUIET_RATIO) {
        cell->quiet[verdict.outcome]++;
    }
    if (trial->leak_ratio >= LARGE_RATIO) {
        cell->large[verdict.outcome]++;
    }
    for (size_t i = 0; worker->work->options->has_rivals && i < RIVALS; i++) {
        cell->rival_climbs[i] += rival_calls_climb(
            (enum rival)i, trial->points, trial->count, worker->scratch);
    }
    return watch_trial(trial, &rule, cell);
}

static int do_chunk(struct worker *worker, size_t chunk)
{
    const struct selftest_options *options = worker->work->options;
    const size_t each = worker->work->chunks_each;
    const size_t at = chunk / each;
    const size_t f = at / SELFTEST_LENGTHS;
    const struct trial_family *family = &trial_family[f];
    const size_t length = length_of(options, family, at % SELFTEST_LENGTHS);
    struct selftest_cell *cell = &worker->counts.cell[f][at % SELFTEST_LENGTHS];
    const size_t from = chunk % each * CHUNK;
    cell->length = length;
    for (size_t i = from; length > 0 && i < from + CHUNK && i < options->series;
         i++) {
        trial_make(family, options->seed, i, length, &worker->trial);
        int result = judge_trial(worker, family, cell);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct work *work = worker->work;
    size_t chunk;
    while ((chunk = atomic_fetch_add(&work->next, 1)) < work->chunks &&
           atomic_load(&work->failure) == 0) {
        int result = do_chunk(worker, chunk);
        if (result != 0) {
            atomic_store(&work->failure, result);
        }
        if (work->options->progress != NULL && chunk % PROGRESS_CHUNKS == 0) {
            (void)fprintf(work->options->progress, "\rselftest: %3zu %%",
                          100 * chunk / work->chunks);
            (void)fflush(work->options->progress);
        }
    }
    return NULL;
}

static void add_counts(const struct selftest *from, struct selftest *to)
{
    for (size_t f = 0; f < trial_family_count; f++) {
        for (size_t l = 0; l < SELFTEST_LENGTHS; l++) {
            const struct selftest_cell *a = &from->cell[f][l];
            struct selftest_cell *b = &to->cell[f][l];
            for (size_t o = 0; o < SELFTEST_OUTCOMES; o++) {
                b->outcome[o] += a->outcome[o];
                b->quiet[o] += a->quiet[o];
                b->large[o] += a->large[o];
            }
            for (size_t r = 0; r < RIVALS; r++) {
                b->rival_climbs[r] += a->rival_climbs[r];
            }
            b->length = a->length > b->length ? a->length : b->length;
            b->stopped += a->stopped;
            b->stopped_at += a->stopped_at;
        }
    }
}

/* Runs the workers; the last one on this thread. */
static int run_all(struct work *work, struct worker *workers)
{
    size_t started = 0;
    int result = 0;
    for (size_t i = 0; i < SELFTEST_THREADS; i++) {
        workers[i].work = work;
    }
    while (started + 1 < SELFTEST_THREADS && result == 0) {
        result = -pthread_create(&workers[started].thread, NULL, run_worker,
                                 &workers[started]);
        started += result == 0 ? 1 : 0;
    }
    (void)run_worker(&workers[SELFTEST_THREADS - 1]);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    return atomic_load(&work->failure);
}

int selftest_run(const struct selftest_options *options,
                 struct selftest *ret_selftest)
{
    struct work work = {.options = options};
    struct worker *workers = calloc(SELFTEST_THREADS, sizeof *workers);
    double spent_s = 0.0;
    size_t verdicts = 0;

    assert(trial_family_count <= SELFTEST_FAMILIES_MAX);
    assert(options->series > 0 && options->series <= SELFTEST_SERIES_MAX);
    if (workers == NULL) {
        return -ENOMEM;
    }
    work.chunks_each = (options->series + CHUNK - 1) / CHUNK;
    work.chunks = work.chunks_each * trial_family_count * SELFTEST_LENGTHS;
    int result = run_all(&work, workers);
    if (options->progress != NULL) {
        (void)fprintf(options->progress, "\r                \r");
    }
    if (result == 0) {
        *ret_selftest = (struct selftest){.options = *options};
        for (size_t i = 0; i < SELFTEST_THREADS; i++) {
            add_counts(&workers[i].counts, ret_selftest);
            spent_s += workers[i].spent_s;
            verdicts += workers[i].verdicts;
        }
        ret_selftest->verdict_s = spent_s / (double)verdicts;
    }
    free(workers);
    return result;
}
