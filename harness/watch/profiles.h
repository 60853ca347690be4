/* profiles.h - heap profiles of a command that is watched.
 *
 * A watch has no ebbs: the command is asked now and then, as often as once a
 * second at first, and ever less often (a thirty-second part of the time that
 * has gone by), for as long as a watch may last nobody knows. Of what it writes
 * so many are kept as of a run's (heap/dumps.h), which stay even. A profile has
 * the number of the tick of the grid that comes next. Being asked, the preload
 * library also has the allocator give back what is free.
 */
#ifndef PLATEAU_WATCH_PROFILES_H
#define PLATEAU_WATCH_PROFILES_H

#include "err.h"
#include "host.h"
#include "sample/tally_page.h"

#include <stdint.h>

struct profiles {
    char folder[HOST_PATH_MAX]; /* of the run; "": none are taken */
    char observer[80];
    char prefix[HOST_PATH_MAX]; /* the command's PLATEAU_HEAP */
    int64_t begin_ns;
    int64_t next_ns;
};

/* Zeroes before; of zeroes none are taken. Makes the folder for those of the
 * command |program|. 0 or -errno and |err|. */
int profiles_open(struct profiles *profiles, const char *folder,
                  const char *program, struct err *err);

/* What is judged begins now. */
void profiles_begin(struct profiles *profiles, int64_t now_ns);

/* Asks through |page| if it is time, and the last was answered. |step_ns| of
 * the grid that began at 0. */
void profiles_look(struct profiles *profiles, struct tally_page *page,
                   int64_t now_ns, int64_t step_ns);

/* The command has ended. */
void profiles_close(const struct profiles *profiles);

#endif
