#include "scenario/order.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What starts first, where nobody says otherwise. */
static const int ranks[] = {
    [ROLE_BYSTANDER] = 0,
    [ROLE_OBSERVER] = 1,
    [ROLE_CHURNER] = 2,
};

static int find_role(const struct scenario *scenario, const char *name)
{
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        if (strcmp(scenario->roles[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Everybody that |role| waits for, directly or not. */
static uint32_t reach(const struct order *order, uint32_t role)
{
    uint32_t reached = order->waits_for[role];
    for (uint32_t before = 0; before != reached;) {
        before = reached;
        for (uint32_t i = 0; i < SCENARIO_ROLES_MAX; i++) {
            if ((before >> i & 1) != 0) {
                reached |= order->waits_for[i];
            }
        }
    }
    return reached;
}

static int put_what_is_said(const struct scenario *scenario,
                            struct order *order, struct order_fault *ret_fault)
{
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        for (uint32_t j = 0; j < role->after_count; j++) {
            int other = find_role(scenario, role->after[j]);
            if (other < 0) {
                *ret_fault = (struct order_fault){.role = i, .index = j};
                return ORDER_UNKNOWN;
            }
            order->waits_for[i] |= 1u << other;
        }
    }
    return ORDER_OK;
}

/* How many steps each role is away from |role|, by whom it waits for. */
static void measure_ways(const struct order *order, uint32_t count,
                         uint32_t role, uint32_t ret_steps[SCENARIO_ROLES_MAX])
{
    for (uint32_t i = 0; i < count; i++) {
        ret_steps[i] = i == role ? 0 : SCENARIO_ROLES_MAX;
    }
    for (uint32_t turn = 0; turn < count; turn++) {
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t j = 0; j < count; j++) {
                bool waits = (order->waits_for[i] >> j & 1) != 0;
                if (waits && ret_steps[j] + 1 < ret_steps[i]) {
                    ret_steps[i] = ret_steps[j] + 1;
                }
            }
        }
    }
}

/* "a -> b -> a" from |role|, which waits for itself: a shortest way. */
static void name_circle(const struct scenario *scenario,
                        const struct order *order, uint32_t role,
                        struct order_fault *fault)
{
    uint32_t steps[SCENARIO_ROLES_MAX];
    uint32_t at = role;
    size_t used = 0;
    *fault = (struct order_fault){.role = role};
    measure_ways(order, scenario->roles_count, role, steps);
    do {
        uint32_t next = role;
        for (uint32_t i = 0; i < scenario->roles_count; i++) {
            if ((order->waits_for[at] >> i & 1) != 0 &&
                (next == role || steps[i] < steps[next]) &&
                (order->waits_for[at] >> role & 1) == 0) {
                next = i;
            }
        }
        used +=
            (size_t)snprintf(fault->circle + used, sizeof fault->circle - used,
                             "%s -> ", scenario->roles[at].name);
        at = next;
    } while (at != role && used < sizeof fault->circle);
    if (used < sizeof fault->circle) {
        (void)snprintf(fault->circle + used, sizeof fault->circle - used, "%s",
                       scenario->roles[role].name);
    }
}

/* Adds what goes without saying, edge by edge. */
static void put_what_is_usual(const struct scenario *scenario,
                              struct order *order)
{
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        for (uint32_t j = 0; !role->has_after && j < scenario->roles_count;
             j++) {
            const struct scenario_role *other = &scenario->roles[j];
            bool is_before = ranks[other->kind] < ranks[role->kind] ||
                             (other->kind == role->kind && j < i &&
                              role->kind != ROLE_CHURNER);
            if (is_before && (reach(order, j) >> i & 1) == 0) {
                order->waits_for[i] |= 1u << j;
            }
        }
    }
}

int order_make(const struct scenario *scenario, struct order *ret_order,
               struct order_fault *ret_fault)
{
    struct order order = {0};
    int result = put_what_is_said(scenario, &order, ret_fault);
    if (result != ORDER_OK) {
        return result;
    }
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        if ((reach(&order, i) >> i & 1) != 0) {
            name_circle(scenario, &order, i, ret_fault);
            return ORDER_CIRCLE;
        }
    }
    put_what_is_usual(scenario, &order);
    *ret_order = order;
    return ORDER_OK;
}
