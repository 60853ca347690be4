#include "isolate/address.h"

#include <stdio.h>

enum { PLACES_IN_NET = 250 };

uint32_t isolate_place(const struct scenario *scenario,
                       const struct scenario_role *role, uint32_t ordinal)
{
    uint32_t place = ordinal;
    for (uint32_t i = 0;
         i < scenario->roles_count && &scenario->roles[i] != role; i++) {
        place += scenario->roles[i].count;
    }
    return place;
}

uint32_t isolate_place_address(uint32_t place)
{
    return UINT32_C(10) << 24 | UINT32_C(77) << 16 |
           (1 + place / PLACES_IN_NET) << 8 | (1 + place % PLACES_IN_NET);
}

char *isolate_address(const struct scenario *scenario,
                      const struct scenario_role *role, uint32_t ordinal,
                      char text[ISOLATE_ADDRESS_SIZE])
{
    if (scenario == NULL || scenario->network != NETWORK_EACH) {
        (void)snprintf(text, ISOLATE_ADDRESS_SIZE, "%.45s", role->host);
        return text;
    }
    uint32_t address =
        isolate_place_address(isolate_place(scenario, role, ordinal));
    (void)snprintf(text, ISOLATE_ADDRESS_SIZE, "%u.%u.%u.%u", address >> 24,
                   address >> 16 & 255, address >> 8 & 255, address & 255);
    return text;
}
