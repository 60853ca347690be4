/* address.h - where a process of a scenario is to be reached.
 *
 * Pure. Where every process has a network of its own (isolate: {network:
 * each}), it has an address of its own as well: places are numbered through all
 * roles in the order of the file, and place n is 10.77.(1 + n / 250).(1 + n %
 * 250). Elsewhere it is its role's host.
 */
#ifndef PLATEAU_ISOLATE_ADDRESS_H
#define PLATEAU_ISOLATE_ADDRESS_H

#include "scenario/scenario.h"

#include <stdint.h>

enum { ISOLATE_ADDRESS_SIZE = 48 };

/* The place of the role's process |ordinal|. */
uint32_t isolate_place(const struct scenario *scenario,
                       const struct scenario_role *role, uint32_t ordinal);

/* The IPv4 address of a place, in the machine's byte order. */
uint32_t isolate_place_address(uint32_t place);

/* The address of the role's process |ordinal|, as text. |scenario| may be NULL:
 * the role's host. Returns |text|. */
char *isolate_address(const struct scenario *scenario,
                      const struct scenario_role *role, uint32_t ordinal,
                      char text[ISOLATE_ADDRESS_SIZE]);

#endif
