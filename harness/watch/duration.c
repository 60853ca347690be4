#include "watch/duration.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const double most_s = 100. * 365.25 * 86400.;

int duration_parse(const char *text, double *ret_s)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1.},   {"s", 1.},    {"ms", 1e-3},
                 {"m", 60.}, {"h", 3600.}, {"d", 86400.}};
    char *end = NULL;
    /* Nor "inf", "nan", a sign, a blank, or 0x10. */
    if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xX") != NULL) {
        return -EINVAL;
    }
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0 &&
            number * units[i].seconds <= most_s) {
            *ret_s = number * units[i].seconds;
            return 0;
        }
    }
    return -EINVAL;
}
