#include "judge/reason.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { QUANTITY_SIZE = 48 };

/* "41 MiB", "14.1 KiB", "-372 B", "12.5" for a count. */
static const char *quantity(double value, const char *unit,
                            char text[QUANTITY_SIZE])
{
    static const char *const prefix[] = {"", "Ki", "Mi", "Gi", "Ti"};
    size_t power = 0;

    if (strcmp(unit, "B") == 0) {
        while (fabs(value) >= 1023.5 &&
               power + 1 < sizeof prefix / sizeof *prefix) {
            value /= 1024.0;
            power++;
        }
    }
    int decimals = fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0;
    (void)snprintf(text, QUANTITY_SIZE, "%.*f", decimals, value);
    if (decimals > 0) { /* 41.0 is 41 */
        char *end = text + strlen(text);
        while (end[-1] == '0') {
            *--end = '\0';
        }
        if (end[-1] == '.') {
            *--end = '\0';
        }
    }
    size_t used = strlen(text);
    if (unit[0] != '\0') {
        (void)snprintf(text + used, QUANTITY_SIZE - used, " %s%.8s",
                       prefix[power], unit);
    }
    return text;
}

static const char *duration(double seconds, char text[QUANTITY_SIZE])
{
    if (seconds < 9.95) {
        (void)snprintf(text, QUANTITY_SIZE, "%.1f s", seconds);
    } else if (seconds < 599.5) {
        (void)snprintf(text, QUANTITY_SIZE, "%.0f s", seconds);
    } else if (seconds < 7170.0) {
        (void)snprintf(text, QUANTITY_SIZE, "%.0f min", seconds / 60.0);
    } else {
        (void)snprintf(text, QUANTITY_SIZE, "%.1f h", seconds / 3600.0);
    }
    return text;
}

/* "41 MiB in 58 s, 14.1 KiB an event" */
static void rate(const struct reason *r, char *text, size_t size)
{
    char grown[QUANTITY_SIZE];
    char each[QUANTITY_SIZE];
    char during[QUANTITY_SIZE];
    if (r->events > 0.0) {
        (void)snprintf(text, size, "%s in %s, %s an event",
                       quantity(r->growth, r->unit, grown),
                       duration(r->duration_s, during),
                       quantity(r->growth / r->events, r->unit, each));
    } else {
        (void)snprintf(text, size, "%s in %s",
                       quantity(r->growth, r->unit, grown),
                       duration(r->duration_s, during));
    }
}

/* A share in per cent that never claims to be whole. */
static double percent(double share)
{
    return fmin(floor(share * 1000.0) / 10.0, 99.9);
}

/* The reasons of an INCONCLUSIVE; |grew| is what rate() made. */
static void write_doubt(const struct reason *r, const char *what,
                        const char *grew, char *text)
{
    const size_t size = JUDGE_REASON_SIZE;
    char budget[QUANTITY_SIZE];
    char other[QUANTITY_SIZE];
    char during[QUANTITY_SIZE];

    quantity(r->budget, r->unit, budget);
    switch (r->kind) {
    case REASON_TOO_SHORT:
        (void)snprintf(text, size,
                       "too short: %zu troughs, where at least %zu are needed",
                       r->troughs, r->troughs_min);
        break;
    case REASON_BORDERLINE:
        (void)snprintf(text, size,
                       "on the edge of the budget: %s grew %s, where %s is "
                       "allowed",
                       what, grew, budget);
        break;
    case REASON_SLOWING:
        (void)snprintf(text, size,
                       "slowing: %s still grew %s, but less than at two "
                       "thirds of the run; it may yet level off",
                       what, grew);
        break;
    case REASON_RATCHETS:
        (void)snprintf(text, size,
                       "ratchets: %s grew %s, but in a few jumps; whether "
                       "they go on cannot be told yet",
                       what, grew);
        break;
    case REASON_DOUBLES:
        (void)snprintf(text, size,
                       "doubles: the last two steps of %s are each twice as "
                       "high and twice as late as the one before, like an "
                       "array that fills; a longer run sees the next",
                       what);
        break;
    case REASON_GIVES_BACK:
        (void)snprintf(text, size,
                       "gives back: %s grew %s, but also fell by %s at once",
                       what, grew, quantity(r->drop, r->unit, other));
        break;
    case REASON_UNSEEN:
        (void)snprintf(text, size,
                       "not to be seen: the models see %s grow %s, but its "
                       "troughs rose by %s only",
                       what, grew, quantity(r->rise, r->unit, other));
        break;
    default:
        (void)snprintf(text, size,
                       "too noisy or not settled: growth of up to %s in %s "
                       "cannot be ruled out (%s is allowed), nor is a climb "
                       "sure (%.1f %%)",
                       quantity(r->growth_most, r->unit, other),
                       duration(r->duration_s, during), budget,
                       percent(r->p_climb));
        break;
    }
}

void reason_write(const struct reason *r, char *text)
{
    const size_t size = JUDGE_REASON_SIZE;
    const char *what = strcmp(r->unit, "B") == 0 ? "memory" : "it";
    char grew[3 * QUANTITY_SIZE];
    char budget[QUANTITY_SIZE];
    char level[QUANTITY_SIZE];
    char during[QUANTITY_SIZE];

    rate(r, grew, sizeof grew);
    quantity(r->budget, r->unit, budget);
    switch (r->kind) {
    case REASON_CLIMBS:
        (void)snprintf(text, size, "%s grew %s; no bounded shape explains it",
                       what, grew);
        break;
    case REASON_HOLDS:
        (void)snprintf(text, size,
                       "%s holds at %s: what it may still grow is within "
                       "%s in %s (%.1f %% sure)",
                       what, quantity(r->level, r->unit, level), budget,
                       duration(r->duration_s, during),
                       percent(r->probability));
        break;
    case REASON_WITHIN_BUDGET:
        (void)snprintf(text, size,
                       "%s grows, within the budget: %s, where %s is allowed",
                       what, grew, budget);
        break;
    default:
        write_doubt(r, what, grew, text);
        break;
    }
}
