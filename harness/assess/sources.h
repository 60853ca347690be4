/* sources.h - which sources of an observer's memory agree, and what it means
 * when they do not: allocated, active and resident heap, private memory, what
 * the kernel keeps. One table of sentences.
 */
#ifndef PLATEAU_SOURCES_H
#define PLATEAU_SOURCES_H

#include "assess.h"

/* The figure |metric| of a role: of all its observers together if there are
 * several. NULL: it was not judged. */
const struct assessed *sources_find(const struct assessment *assessment,
                                    const char *role, const char *metric);

/* Writes the sentence on the role of |because|, a judged source of memory, to
 * the summary's |sources|; nothing where there is nothing to say. */
void sources_tell(struct assessment *assessment,
                  const struct assessed *because);

#endif
