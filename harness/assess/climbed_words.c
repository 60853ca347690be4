/* What the rows of a ranking say in words. A sentence begins with the name of
 * what it is about and a colon. */
#include "assess/climbed.h"

#include "assess/line.h"
#include "report/terminal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_SIZE = 40 };

static const double level_min = 0.5; /* of what is not empty */

__attribute__((format(printf, 2, 3))) static void add(struct climbed *climbed,
                                                      const char *format, ...)
{
    size_t used = strlen(climbed->sentence);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(climbed->sentence + used, sizeof climbed->sentence - used,
                    format, arguments);
    va_end(arguments);
}

/* "1,234" or "0.53". */
static const char *number(double value, char text[NUMBER_SIZE])
{
    if (fabs(value) >= 10.) {
        return terminal_amount(round(value), "", false, text, NUMBER_SIZE);
    }
    (void)snprintf(text, NUMBER_SIZE, "%.3g", value);
    return text;
}

/* Likewise, of a gauge that counts bytes "113 KiB". */
static const char *amount(const struct panel_column *column, double value,
                          char text[NUMBER_SIZE])
{
    return strcmp(column->unit, "B") == 0
               ? terminal_amount(value, "B", false, text, NUMBER_SIZE)
               : number(value, text);
}

static const char *bytes(double value, char text[NUMBER_SIZE])
{
    return terminal_amount(value, "B", false, text, NUMBER_SIZE);
}

/* What a count stands beside: the peers where they are counted, else the first
 * pair that is level and not empty. */
static const struct panel_column *find_level(const struct panel *panel,
                                             const struct panel_column *of,
                                             double *ret_level)
{
    const struct panel_column *found = NULL;
    size_t first = climbed_first_row(panel);
    for (size_t i = 0; i < panel->columns_count; i++) {
        const struct panel_column *column = &panel->columns[i];
        bool is_peers = strcmp(column->name, "active_peers") == 0;
        if (column == of || column->slot_id != of->slot_id ||
            strcmp(column->role, of->role) != 0 ||
            (!is_peers && column->metric->kind != METRIC_PAIR)) {
            continue;
        }
        struct line line = line_fit(panel->t_s + first, column->values + first,
                                    panel->rows - first);
        if (!line_climbs(&line) && line.mean_y >= level_min &&
            (found == NULL || is_peers)) {
            found = column;
            *ret_level = line.mean_y;
        }
    }
    return found;
}

/* What growth is told by. */
static const char *pace_of(const struct climbed *climbed)
{
    return isnan(climbed->bytes_per_event) && isnan(climbed->per_event)
               ? "hour"
               : "event";
}

/* ", with it 1.2 KiB of memory an event (99 % of its growth)". */
static void add_explained(struct climbed *climbed, double growth)
{
    char text[NUMBER_SIZE];
    if (climbed->in_step_with != NULL) {
        add(climbed, "; explains nothing beside %s",
            climbed->in_step_with->name);
    } else if (!isnan(climbed->explains)) {
        add(climbed, ", with %s of memory an %s (%.0f %% of its growth)",
            bytes(climbed->explains, text), pace_of(climbed),
            100. * climbed->explains / growth);
    }
}

static void say_count(const struct panel *panel, double growth, bool is_first,
                      struct climbed *climbed)
{
    const struct panel_column *column = climbed->column;
    char text[2][NUMBER_SIZE];
    double level = 0.;
    double grows =
        isnan(climbed->per_event) ? climbed->per_hour : climbed->per_event;
    add(climbed, "%s: %s alive%s and %s, %s an %s", climbed->name,
        amount(column, climbed->alive, text[0]),
        column->observers > 1 ? " in each observer" : "",
        column->is_level ? "growing, but judged level" : "climbing",
        amount(column, grows, text[1]), pace_of(climbed));
    add_explained(climbed, growth);
    const struct panel_column *beside = find_level(panel, column, &level);
    if (is_first && beside != NULL) {
        add(climbed, "; %s %s and level: they outlive what they serve",
            beside->name, number(level, text[0]));
    }
}

static void say_site(const struct sites *sites, struct climbed *climbed)
{
    char text[3][NUMBER_SIZE];
    add(climbed,
        "%s: %s an %s (%.0f %% of the growth of %s), %s objects of %s there "
        "at the end",
        climbed->site->text, bytes(climbed->explains, text[0]),
        pace_of(climbed), 100. * climbed->with_memory, sites->observer,
        number(climbed->alive, text[1]), bytes(climbed->each, text[2]));
}

static void say_class(bool is_first, struct climbed *climbed)
{
    char text[3][NUMBER_SIZE];
    add(climbed,
        "%ssize class %s: %s an %s (%.0f %% of the growth), %s live regions "
        "%sat the end",
        is_first ? "memory alone, nothing that the tally counts grows with it; "
                 : "",
        bytes(climbed->each, text[0]), bytes(climbed->explains, text[1]),
        pace_of(climbed), 100. * climbed->with_memory,
        number(climbed->alive, text[2]),
        climbed->column->observers > 1 ? "in each observer " : "");
}

static void say_rest(bool is_by_counts, struct climbed *climbed)
{
    char text[NUMBER_SIZE];
    add(climbed, "unexplained: %s an %s (%.0f %% of memory's growth)%s",
        bytes(climbed->explains, text), pace_of(climbed),
        100. * climbed->with_memory,
        is_by_counts ? " goes with none of these counts"
                     : " is at none of these call sites");
}

void climbed_say(const struct panel *panel, double growth,
                 const struct sites *sites, struct climbed *ranking,
                 size_t count)
{
    bool is_by_counts = false;
    for (size_t i = 0; i < count; i++) {
        struct climbed *row = &ranking[i];
        switch (row->kind) {
        case CLIMBED_PAIR:
        case CLIMBED_GAUGE:
            is_by_counts = true;
            say_count(panel, growth, i == 0, row);
            break;
        case CLIMBED_SITE:
            say_site(sites, row);
            break;
        case CLIMBED_CLASS:
            say_class(i == 0, row);
            break;
        case CLIMBED_REST:
            say_rest(is_by_counts, row);
            break;
        }
    }
}
