#include "judge/verdict_json.h"

#include <math.h>

void verdict_json_string(const char *text, FILE *out)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void write_number(const char *name, double number, FILE *out)
{
    if (isfinite(number)) {
        (void)fprintf(out, ", \"%s\": %.10g", name, number);
    } else {
        (void)fprintf(out, ", \"%s\": null", name);
    }
}

static void write_slope(const char *name, const struct judge_slope *slope,
                        FILE *out)
{
    if (!isfinite(slope->estimate)) {
        (void)fprintf(out, ", \"%s\": null", name);
        return;
    }
    (void)fprintf(out,
                  ", \"%s\": {\"estimate\": %.10g, \"low\": %.10g, \"high\": "
                  "%.10g}",
                  name, slope->estimate, slope->low, slope->high);
}

void verdict_json_members(const struct judge_verdict *verdict, FILE *out)
{
    (void)fprintf(out, "\"outcome\": \"%s\", \"reason\": ",
                  judge_outcome_name(verdict->outcome));
    verdict_json_string(verdict->reason, out);
    write_slope("per_hour", &verdict->per_hour, out);
    write_slope("per_event", &verdict->per_event, out);
    write_number("level", verdict->level, out);
    write_number("p_climb", verdict->p_climb, out);
    write_number("p_plateau", verdict->p_plateau, out);
    write_number("detectable_per_hour", verdict->detectable_per_hour, out);
    write_number("detectable_per_event", verdict->detectable_per_event, out);
    write_number("suggested_extension_s", verdict->suggested_extension_s, out);
    write_number("limit_in_s", verdict->limit_in_s, out);
    (void)fprintf(out, ", \"at_maximum\": %zu, \"troughs\": %zu",
                  verdict->at_maximum, verdict->troughs_count);
}
