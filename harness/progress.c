#include "progress.h"

#include "churn/kinds.h"

#include <stdio.h>
#include <unistd.h>

static const int64_t terminal_step_ns = INT64_C(250000000);
static const int64_t log_step_ns = INT64_C(10000000000);

void progress_init(struct progress *progress, double duration_s, bool is_quiet)
{
    *progress = (struct progress){
        .is_quiet = is_quiet,
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .duration_s = duration_s,
        .churn_begin_ns = -1,
        .shown_ns = INT64_MIN / 2,
        .shown_phase = SUPERVISOR_DONE,
    };
}

static void print_line(const struct progress *progress,
                       const struct supervisor *supervisor, double memory_bytes,
                       int64_t now_ns)
{
    struct supervisor_counts counts;
    enum supervisor_phase phase = supervisor_phase(supervisor);
    supervisor_counts(supervisor, &counts);
    (void)fprintf(stderr, "%-9s",
                  counts.is_ebb ? "ebb" : supervisor_phase_name(phase));
    if (phase == SUPERVISOR_CHURNING && progress->churn_begin_ns >= 0) {
        double churn_s = (double)(now_ns - progress->churn_begin_ns) / 1e9;
        double waves_s = (double)counts.churned_ns / 1e9;
        char kinds[KINDS_TEXT_SIZE];
        (void)fprintf(stderr, " %3.0f/%.0f s  %s (%.1f/s)", churn_s,
                      progress->duration_s, kinds_list(counts.by_kind, kinds),
                      waves_s > 0. ? (double)counts.events / waves_s : 0.);
        if (counts.ebbs > 0) {
            (void)fprintf(stderr, "  %lld ebbs", (long long)counts.ebbs);
        }
        if (counts.unsettled > 0) {
            (void)fprintf(stderr, " (%lld unsettled)",
                          (long long)counts.unsettled);
        }
    }
    (void)fprintf(stderr, "  %u of %u ready", counts.ready, counts.slots);
    if (memory_bytes > 0.) {
        (void)fprintf(stderr, "  largest observer %.2f MiB",
                      memory_bytes / 1048576.);
    }
}

bool progress_open_line(struct progress *progress, bool is_news, int64_t now_ns)
{
    int64_t step = progress->is_terminal ? terminal_step_ns : log_step_ns;
    if (progress->is_quiet ||
        (!is_news && now_ns - progress->shown_ns < step)) {
        return false;
    }
    progress->shown_ns = now_ns;
    if (progress->is_terminal) {
        (void)fputs("\r\x1b[K", stderr);
    }
    return true;
}

void progress_close_line(struct progress *progress)
{
    if (!progress->is_terminal) {
        (void)fputc('\n', stderr);
    }
    progress->is_line_open = progress->is_terminal;
    (void)fflush(stderr);
}

void progress_show(struct progress *progress,
                   const struct supervisor *supervisor, double memory_bytes,
                   int64_t now_ns)
{
    enum supervisor_phase phase = supervisor_phase(supervisor);
    bool is_new_phase = phase != progress->shown_phase;
    if (phase == SUPERVISOR_CHURNING && progress->churn_begin_ns < 0) {
        progress->churn_begin_ns = now_ns;
    }
    if (phase == SUPERVISOR_DONE ||
        !progress_open_line(progress, is_new_phase, now_ns)) {
        return;
    }
    progress->shown_phase = phase;
    print_line(progress, supervisor, memory_bytes, now_ns);
    progress_close_line(progress);
}

void progress_clear(struct progress *progress)
{
    if (progress->is_line_open) {
        (void)fputs("\r\x1b[K", stderr);
        (void)fflush(stderr);
    }
    progress->is_line_open = false;
}
