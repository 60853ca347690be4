/* terminal.h - a summary as text for a person, at most 100 columns wide.
 *
 * The verdict comes first, then why, then the figures; the last line says the
 * verdict and the exit code in words. Plain ASCII, unless the stream is a
 * terminal that wants more: then with colour and ticks.
 */
#ifndef PLATEAU_TERMINAL_H
#define PLATEAU_TERMINAL_H

#include "err.h"
#include "report/summary.h"

#include <stdbool.h>
#include <stdio.h>

enum { TERMINAL_COLUMNS = 100 };

enum terminal_style {
    TERMINAL_PLAIN,
    TERMINAL_COLOUR, /* ANSI colours, UTF-8 */
};

/* COLOUR when |stream| is a terminal, NO_COLOR is not set (no-color.org: not
 * set, or empty), TERM is not "dumb" and the locale's encoding is UTF-8. */
enum terminal_style terminal_style_for(FILE *stream);

void terminal_print(const struct summary *summary, enum terminal_style style,
                    FILE *stream);

/* Writes the plain text to |path|. 0, or -errno and |err|. */
int terminal_write(const struct summary *summary, const char *path,
                   struct err *err);

/* Prints |text| and a newline, the cursor being at |column|, broken between
 * words to stay within TERMINAL_COLUMNS; further lines begin at |indent|. A
 * word that is longer than a line stays whole. */
void terminal_print_wrapped(const char *text, int column, int indent,
                            FILE *stream);

/* Writes "1.5 MiB" for bytes (|unit| "B"), or "1,234" and the unit, to |text|
 * of |size| bytes; "-" for NaN. With |is_change| a plus stands before what is
 * above zero. Returns |text|. */
char *terminal_amount(double value, const char *unit, bool is_change,
                      char *text, size_t size);

#endif
