/* defects.h - the bugs that a node can be told to carry.
 *
 * Each is the mechanism of a bug that was found in a real mesh, in the place
 * where it belongs; a node carries none unless told to. One table says what
 * they are called, what happens, and where it shows.
 */
#ifndef MESHNODE_DEFECTS_H
#define MESHNODE_DEFECTS_H

#include <stdbool.h>
#include <stdio.h>

enum defect {
    DEFECT_PARKED_SEND_LOOP,
    DEFECTS_COUNT,
};

/* Which of them a node carries. Zeroes: none. */
struct defects {
    bool has[DEFECTS_COUNT];
};

/* Switches on those of a comma-separated list. 0, or -ENOENT and the first
 * name that is not known in |ret_unknown| (64 bytes). */
int defects_parse(const char *list, struct defects *defects,
                  char ret_unknown[64]);

/* Prints the table, one defect a line. */
void defects_print(FILE *stream);

#endif
