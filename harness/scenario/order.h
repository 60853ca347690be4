/* order.h - which role is started after which.
 *
 * A role that says |after| waits for exactly the roles that it names, none
 * included. One that says nothing waits for all roles of the kinds before its
 * own (bystanders, observers, churners), and, unless it is a churner, for those
 * of its kind that stand before it in the file: as far as that does not make
 * anybody wait for himself.
 */
#ifndef PLATEAU_SCENARIO_ORDER_H
#define PLATEAU_SCENARIO_ORDER_H

#include "scenario/scenario.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ORDER_OK = 0,
    ORDER_UNKNOWN = 1, /* |after| names what is no role */
    ORDER_CIRCLE = 2,  /* roles wait for each other */
};

/* Roles by their place in the file: bit i of an entry is role i. */
struct order {
    uint32_t waits_for[SCENARIO_ROLES_MAX];
};

/* Where it does not work out. */
struct order_fault {
    uint32_t role;    /* whose |after| it is */
    uint32_t index;   /* ORDER_UNKNOWN: in its |after| */
    char circle[256]; /* ORDER_CIRCLE: "a -> b -> a", each waits for the next */
};

/* ORDER_OK and *ret_order; or another result and *ret_fault. */
int order_make(const struct scenario *scenario, struct order *ret_order,
               struct order_fault *ret_fault);

#endif
