#include "assess/unnamed.h"

#include "assess/climbed.h"
#include "assess/line.h"

#include <math.h>
#include <stdio.h>

static const double most = 0.5;
static const double certainty_min = 3.;

static double growth_of(const struct panel *panel,
                        const struct panel_column *column)
{
    size_t first = climbed_first_row(panel);
    struct line line = line_fit(panel->t_s + first, column->values + first,
                                panel->rows - first);
    return line.certainty >= certainty_min ? line.slope * line.span_x : 0.;
}

/* The part of private memory's growth that is none of the allocator's: neither
 * what it handed out nor the pages that it took for it. 0: it cannot be told.
 */
static double find_outside(const struct panel *panel,
                           const struct panel_column *memory)
{
    static const char *const figures[] = {"private", "heap/allocated",
                                          "heap/active"};
    double growth[3] = {0.};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const struct panel_column *column =
            panel_find(panel, memory->role, memory->slot_id, figures[i]);
        if (column == NULL && i < 2) {
            return 0.;
        }
        growth[i] = column != NULL && (i > 0 || column->has_climbed)
                        ? growth_of(panel, column)
                        : 0.;
    }
    return growth[0] > 0. ? 1. - fmax(growth[1], growth[2]) / growth[0] : 0.;
}

static const char *advice(const struct panel *panel,
                          const struct panel_column *memory,
                          const struct sites *sites, bool is_watch)
{
    static const char *const words[2][2] = {
        {"with LD_PRELOAD={preload} in its environment its allocator tells "
         "more "
         "(docs/unmodified.md)",
         "a heap profile would name the call sites: 'heap: {profile: true}' "
         "(docs/unmodified.md)"},
        {"a command that watch starts with --preload tells more",
         "a heap profile would name the call sites (docs/unmodified.md)"},
    };
    bool has_heap = panel_find(panel, memory->role, memory->slot_id,
                               "heap/allocated") != NULL;
    return sites->dumps_count > 0 ? "its heap profiles tell of no call site "
                                    "that surely grows"
                                  : words[is_watch][has_heap];
}

char *unnamed_say(const struct panel *panel, const struct panel_column *memory,
                  const struct sites *sites, bool is_named, bool is_watch,
                  char *text, size_t size)
{
    double outside = find_outside(panel, memory);
    (void)snprintf(text, size, "%s", "");
    if (outside > most) {
        (void)snprintf(
            text, size,
            "memory outside the allocator: %.0f %% of what private memory grew "
            "by; the program maps it itself (Python its small objects, unless "
            "PYTHONMALLOC=malloc is in its environment), or a process that it "
            "started and that tells nothing holds it",
            100. * fmin(outside, 1.));
    } else if (!is_named) {
        (void)snprintf(text, size,
                       "memory alone, nothing that is counted grows with it; "
                       "%s",
                       advice(panel, memory, sites, is_watch));
    }
    return text;
}
