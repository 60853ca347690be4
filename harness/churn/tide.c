/* Happy path: tide_begin() -> tide_killed() until the wave is over ->
 * on_timer() looks while things settle -> ask() -> all have answered ->
 * on_read() -> on_turn(): the next wave. Failure modes: what never settles is
 * read unsettled, who never answers is read as it stands; a run that is stopped
 * in an ebb leaves that ebb out. */
#include "churn/tide.h"

#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Less than that of a heap is no drift. */
static const double bytes_step = 512.;

static int64_t now_ns(const struct tide *tide)
{
    return host_now_ns() - tide->config.start_ns;
}

static bool is_allocated(const struct tally_page_entry *entry)
{
    return strcmp(entry->name, "heap/allocated") == 0;
}

static bool is_watched(const struct tally_page_entry *entry, bool has_allocated)
{
    bool is_heap = strncmp(entry->name, "heap/", 5) == 0;
    return entry->kind == PLATEAU_TALLY_PAIR || is_allocated(entry) ||
           (entry->kind == PLATEAU_TALLY_GAUGE && !has_allocated && !is_heap);
}

static void look_at(struct tide *tide, uint32_t observer)
{
    struct tally_page_entry entries[TALLY_PAGE_ENTRIES];
    size_t at = (size_t)observer * TIDE_FIGURES_MAX;
    size_t end = at + TIDE_FIGURES_MAX;
    size_t count = tally_page_read(
        tide->config.page(tide->config.context, observer), entries);
    bool has_allocated = false;
    for (size_t i = 0; i < count; i++) {
        has_allocated |= is_allocated(&entries[i]);
    }
    for (size_t i = 0; i < count && at < end; i++) {
        if (is_watched(&entries[i], has_allocated)) {
            tide->figures[at] =
                (double)entries[i].value - (double)entries[i].finished;
            tide->steps[at++] =
                strcmp(entries[i].unit, "B") == 0 ? bytes_step : 1.;
        }
    }
}

static void ask(struct tide *tide)
{
    for (uint32_t i = 0; i < tide->config.observers_count; i++) {
        tally_page_ask(tide->config.page(tide->config.context, i),
                       tide->config.has_profiles ? tide->waves.seq : 0);
    }
}

static bool have_answered(const struct tide *tide)
{
    for (uint32_t i = 0; i < tide->config.observers_count; i++) {
        if (!tally_page_has_answered(
                tide->config.page(tide->config.context, i))) {
            return false;
        }
    }
    return true;
}

static struct waves_look look(struct tide *tide)
{
    struct waves_look look = {0};
    if (tide->waves.state == WAVES_SETTLING) {
        for (uint32_t i = 0; i < tide->config.observers_count; i++) {
            look_at(tide, i);
        }
        settle_add(&tide->settle, tide->figures);
        look.is_settled = settle_is_settled(&tide->settle, tide->steps);
        look.is_all_up = tide->config.is_all_up(tide->config.context);
    } else if (tide->waves.state == WAVES_ASKING) {
        look.has_answered = have_answered(tide);
    }
    return look;
}

static void arm(struct tide *tide)
{
    double after_s = TIDE_LOOK_S;
    if (tide->waves.state == WAVES_CHURNING) {
        int64_t age_ns = now_ns(tide) - tide->waves.since_ns;
        after_s = (double)(tide->config.waves.wave_ns - age_ns) / 1e9;
    }
    ev_timer_stop(tide->config.loop, &tide->timer);
    ev_now_update(tide->config.loop);
    ev_timer_set(&tide->timer, after_s > 0. ? after_s : 0., 0.);
    ev_timer_start(tide->config.loop, &tide->timer);
}

static void tell_of_ebb(struct tide *tide, bool has_answered)
{
    struct supervisor_ebb ebb = {
        .seq = tide->waves.seq,
        .begin_ns = tide->waves.ebb_began_ns,
        .read_ns = now_ns(tide),
        .is_settled = tide->waves.was_settled,
        .has_answered = has_answered,
    };
    tide->config.on_read(tide->config.context, &ebb);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct tide *tide = timer->data;
    struct waves_look seen = look(tide);
    enum waves_state before = tide->waves.state;
    (void)loop;
    (void)revents;
    switch (waves_advance(&tide->waves, &seen, now_ns(tide))) {
    case WAVES_WAIT:
        if (before == WAVES_CHURNING) {
            settle_begin(&tide->settle);
        }
        arm(tide);
        return;
    case WAVES_ASK:
        ask(tide);
        arm(tide);
        return;
    case WAVES_READ:
        break;
    }
    /* The caller may stop the run when it is told. */
    if (tide->waves.state == WAVES_CHURNING && tide->config.waves.wave_ns > 0) {
        arm(tide);
    }
    tell_of_ebb(tide, seen.has_answered);
    tide->config.on_turn(tide->config.context, tide->waves.state);
}

int tide_init(struct tide *tide, const struct tide_config *config)
{
    size_t figures = (size_t)config->observers_count * TIDE_FIGURES_MAX;
    *tide = (struct tide){.config = *config};
    ev_init(&tide->timer, on_timer);
    tide->timer.data = tide;
    tide->figures = calloc(figures, sizeof *tide->figures);
    tide->steps = calloc(figures, sizeof *tide->steps);
    return tide->figures == NULL || tide->steps == NULL
               ? -ENOMEM
               : settle_init(&tide->settle, figures);
}

void tide_deinit(struct tide *tide)
{
    if (tide->config.loop != NULL) {
        tide_stop(tide);
    }
    settle_deinit(&tide->settle);
    free(tide->figures);
    free(tide->steps);
    tide->figures = NULL;
    tide->steps = NULL;
}

void tide_begin(struct tide *tide)
{
    waves_init(&tide->waves, &tide->config.waves, now_ns(tide));
    if (tide->config.waves.wave_ns > 0) {
        arm(tide);
    }
}

void tide_killed(struct tide *tide)
{
    waves_killed(&tide->waves, now_ns(tide));
    if (tide->waves.state == WAVES_SETTLING) {
        settle_begin(&tide->settle);
        arm(tide);
    }
}

void tide_stirred(struct tide *tide)
{
    waves_stir(&tide->waves, now_ns(tide));
    settle_begin(&tide->settle);
}

bool tide_end(struct tide *tide)
{
    return waves_end(&tide->waves);
}

void tide_stop(struct tide *tide)
{
    ev_timer_stop(tide->config.loop, &tide->timer);
}
