/* slot_data.h - the folder of a slot, as a new life is to find it.
 *
 * Private to the room churn.
 */
#ifndef PLATEAU_SLOT_DATA_H
#define PLATEAU_SLOT_DATA_H

#include "churn/launch.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes the folder |dir| if it is not there, after removing what is in it if
 * it is to be |fresh|, and writes |count| files into it: whatever is there in
 * their places is replaced, a link by a file and not what it leads to. 0; or
 * -errno and |err|. */
int slot_data_prepare(const char *dir, bool fresh,
                      const struct launch_file *files, uint32_t count,
                      struct err *err);

#endif
