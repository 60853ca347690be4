/* contact.h - contacts as people write them: "127.0.0.1:4433/ID", the id 64
 * hexadecimal digits and optional; an IPv6 address in brackets. */
#ifndef MESHNODE_CONTACT_H
#define MESHNODE_CONTACT_H

#include "peer_id.h"

#include <stddef.h>

enum { CONTACT_TEXT_SIZE = 128 }; /* holds any contact, terminator included */

/* Reads the contact of |size| characters at |text|. 0 or -EINVAL. */
int contact_parse(const char *text, size_t size,
                  struct peer_contact *ret_contact);

/* Reads a comma-separated list of at most |capacity|; "" is an empty one. 0,
 * -EINVAL, or -E2BIG. */
int contact_parse_list(const char *text, struct peer_contact *contacts,
                       size_t capacity, size_t *ret_count);

/* Writes |contact| into |text|; without its id when that is not set. Returns
 * |text|. */
char *contact_format(const struct peer_contact *contact,
                     char text[CONTACT_TEXT_SIZE]);

#endif
