/* document.h - the YAML of a scenario, with the place of everything in it.
 *
 * The only place that knows libyaml. The document is checked against the
 * table of keys.h here, where line and column are at hand: what passes can be
 * loaded by libcyaml without a complaint.
 */
#ifndef PLATEAU_SCENARIO_DOCUMENT_H
#define PLATEAU_SCENARIO_DOCUMENT_H

#include "err.h"

#include <stddef.h>

struct document;

/* Reads |size| bytes of YAML that came from |file| and checks them. 0 and
 * *ret_document, which borrows |text| and |file|; -EINVAL and |err|; -ENOMEM.
 */
int document_new(const char *file, const char *text, size_t size,
                 struct document **ret_document, struct err *err);

/* Accepts NULL. */
void document_free(struct document *document);

/* Writes the same document with every default filled in, as YAML that the
 * caller frees, to *ret_text. |name| is the scenario's where it has none.
 * 0 or -ENOMEM. */
int document_complete(const struct document *document, const char *name,
                      char **ret_text, size_t *ret_size);

/* Whether the file has what |path| names: "seed", "roles[2].command[1]". */
int document_has(const struct document *document, const char *path);

/* Fills |err| with the place of |path|, or of the innermost part of it that
 * is there, and a sentence. Returns -EINVAL. */
int document_blame(const struct document *document, const char *path,
                   struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
