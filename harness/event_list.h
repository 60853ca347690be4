/* event_list.h - the churn events of a run, as a list that can be done again.
 *
 * A list comes from a run (its folder, or the run.db in it) or from a CSV file:
 *
 *     t_s,slot,kind,parameter_s
 *     0.013402118,churner-3,kill,
 *     0.120000000,churner-0,pause,0.75
 *
 * The first line names the columns, as above. Then a line an event, in order of
 * time: seconds of churn, ebbs left out; the churner, or of a partition the
 * observer, ROLE-ORDINAL; the kind (churn/kinds.h); in seconds how long a pause
 * or a partition lasts, or how soon after its start the next life is killed
 * ("starting"), nothing for other kinds. What befalls many has a line for each,
 * less than 10 ms apart, and of a partition all with the same parameter. Empty
 * lines and those that begin with '#' are passed over. event_list_print()
 * writes this form.
 */
#ifndef PLATEAU_EVENT_LIST_H
#define PLATEAU_EVENT_LIST_H

#include "churn/schedule.h"
#include "err.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    EVENT_LIST_FILE_MAX_BYTES = 256 << 20, /* some six million lines */
};

struct event_list {
    struct schedule_event *events;
    size_t count;
    /* Of the run that it comes from. */
    bool has_run;
    uint64_t seed;
    double duration_s;
};

/* Reads the list at |path| for the churners of |scenario|. 0 and *ret_list, to
 * be released; or -errno and |err|: -EILSEQ where the list is wrong (file,
 * line, what would be right), names a churner that the scenario has not, holds
 * no event, or comes from a run of a plateau that did not note what is needed;
 * -ENOENT, -EACCES ... where it cannot be read. */
int event_list_read(const char *path, const struct scenario *scenario,
                    struct event_list *ret_list, struct err *err);

/* Accepts zeroes. */
void event_list_deinit(struct event_list *list);

/* Writes the events of the run at |path|. 0, or -errno and |err|. */
int event_list_print(const char *path, FILE *stream, struct err *err);

#endif
