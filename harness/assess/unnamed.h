/* unnamed.h - what is said of a climb of which nothing has a name, or most has
 * none.
 *
 * Pure. Where nothing is ranked (climbed.h): that it is memory alone, and what
 * would tell more. Where most of what private memory grew by is nothing that
 * the allocator took: that, whatever is ranked, as it is all of another part.
 */
#ifndef PLATEAU_ASSESS_UNNAMED_H
#define PLATEAU_ASSESS_UNNAMED_H

#include "assess/panel.h"
#include "assess/sites.h"

#include <stdbool.h>
#include <stddef.h>

/* |memory| climbs; |is_named|: something is ranked. |is_watch|: nobody wrote a
 * scenario. Writes the sentence to |text|, "" where there is nothing to say;
 * returns |text|. */
char *unnamed_say(const struct panel *panel, const struct panel_column *memory,
                  const struct sites *sites, bool is_named, bool is_watch,
                  char *text, size_t size);

#endif
