/* defects.h - the bugs that a node can be told to carry, and the healthy
 * patterns of memory that it can be told to show.
 *
 * Each of the first eight is the mechanism of a bug that was found in a real
 * mesh, in the place where it belongs; the next three are leaks of the plainest
 * kind; the controls are no leaks, though a trend line would call them so. A
 * node carries none unless told to. One table says what they are called, what
 * happens, where, and what gives it away.
 */
#ifndef MESHNODE_DEFECTS_H
#define MESHNODE_DEFECTS_H

#include <stdbool.h>
#include <stdio.h>

enum defect {
    DEFECT_PARKED_SEND_LOOP,   /* connloop.c */
    DEFECT_JOINED_HALVES,      /* connloop.c */
    DEFECT_UNPRUNED_PEERS,     /* plumtree.c */
    DEFECT_IMMORTAL_ADDRESSES, /* addrbook.c */
    DEFECT_ORPHANED_HANDSHAKE, /* transport_quic.c */
    DEFECT_SPAN_EVENTS,        /* telemetry.c */
    DEFECT_PROCESS_SCAN,       /* load_linux.c */
    DEFECT_RECONNECT_TASK,     /* reconnect.c */
    DEFECT_LATE_LEAK,          /* patterns.c, as all that follow */
    DEFECT_ONE_OBJECT,
    DEFECT_DOUBLING_VECTOR,
    CONTROL_SAWTOOTH,
    CONTROL_SLOW_CACHE,
    CONTROL_ONE_STEP,
    CONTROL_FRAGMENTATION,
    DEFECTS_COUNT,
    DEFECTS_CONTROLS = CONTROL_SAWTOOTH, /* from here on: no defects */
};

/* Which of them a node carries. Zeroes: none. */
struct defects {
    bool has[DEFECTS_COUNT];
};

/* Switches on those of a comma-separated list, of the defects or of the
 * controls. 0, or -ENOENT and the first name that is not known in
 * |ret_unknown| (64 bytes). */
int defects_parse(const char *list, bool are_controls, struct defects *defects,
                  char ret_unknown[64]);

/* Prints the table's defects, or its controls. */
void defects_print(FILE *stream, bool are_controls);

#endif
