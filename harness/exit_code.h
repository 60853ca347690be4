/* exit_code.h - what plateau's exit status says; part of its interface.
 *
 * A CI gate fails on anything but 0. The numbers from 64 on are those of
 * sysexits.h (4.3BSD), so that scripts which know those read ours rightly.
 */
#ifndef PLATEAU_EXIT_CODE_H
#define PLATEAU_EXIT_CODE_H

enum exit_code {
    EXIT_PLATEAU = 0,      /* memory reached a plateau */
    EXIT_CLIMB = 1,        /* it climbs */
    EXIT_INCONCLUSIVE = 2, /* this run cannot tell */
    EXIT_INVALID = 3,      /* the premises of the run failed */
    EXIT_USAGE = 64,       /* bad arguments or a bad scenario */
    EXIT_DATA = 65,        /* a run or a file that cannot be read */
    EXIT_SOFTWARE = 70,    /* our own fault */
    EXIT_IO = 74,          /* disk full, folder not writable, ... */
};

#endif
