#include "assess/evidence.h"

#include "assess/extent.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char heap_figure[] = "heap/allocated";
static const char tally_room[] = "tally/";
static const char preload_variable[] = "LD_PRELOAD=";

enum evidence {
    EVIDENCE_NONE,    /* nothing was read */
    EVIDENCE_OUTSIDE, /* no tally */
    EVIDENCE_TALLY,   /* which says nothing of the heap */
    EVIDENCE_HEAP,
    EVIDENCE_HEAPS,  /* of every process of several */
    EVIDENCE_PART,   /* of some */
    EVIDENCE_LITTLE, /* while most is held elsewhere */
};

static enum evidence evidence_of(int64_t slot_id, enum extent extent,
                                 const struct store_series *series,
                                 size_t count)
{
    enum evidence evidence = EVIDENCE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (series[i].slot_id != slot_id) {
            continue;
        }
        if (strcmp(series[i].metric, heap_figure) == 0) {
            return extent == EXTENT_PART     ? EVIDENCE_PART
                   : extent == EXTENT_LITTLE ? EVIDENCE_LITTLE
                   : extent == EXTENT_ALL    ? EVIDENCE_HEAPS
                                             : EVIDENCE_HEAP;
        }
        if (strncmp(series[i].metric, tally_room, sizeof tally_room - 1) == 0) {
            evidence = EVIDENCE_TALLY;
        } else if (evidence == EVIDENCE_NONE) {
            evidence = EVIDENCE_OUTSIDE;
        }
    }
    return evidence;
}

/* Whether the role was to have a library before it. */
static bool was_preloaded(const struct run_facts *facts, const char *name)
{
    for (uint32_t i = 0; i < facts->scenario->roles_count; i++) {
        const struct scenario_role *role = &facts->scenario->roles[i];
        for (uint32_t j = 0; j < role->environment_count; j++) {
            if (strcmp(role->name, name) == 0 &&
                strncmp(role->environment[j], preload_variable,
                        sizeof preload_variable - 1) == 0) {
                return true;
            }
        }
    }
    return false;
}

static const char *sentence(enum evidence evidence, bool is_preloaded)
{
    switch (evidence) {
    case EVIDENCE_NONE:
        return "nothing of it was recorded";
    case EVIDENCE_HEAP:
        return "what its allocator counts, and private memory";
    case EVIDENCE_HEAPS:
        return "what the allocators of all its processes count, and private "
               "memory";
    case EVIDENCE_PART:
        return "several processes, not all of which say what they have "
               "allocated: judged by the private memory of all; what the "
               "others count is a witness";
    case EVIDENCE_LITTLE:
        return "most of its memory is outside its allocator (a runtime or an "
               "interpreter maps its own): a plateau takes both, what the "
               "allocator counts and private memory";
    case EVIDENCE_TALLY:
        return "a tally without heap figures: judged by private memory";
    case EVIDENCE_OUTSIDE:
        break;
    }
    return is_preloaded
               ? "no tally, judged by private memory; the library before it "
                 "gave none: the program is statically linked (as Go's are), "
                 "setuid, or has an allocator of its own"
               : "no tally: judged by private memory";
}

void evidence_tell(const struct run_facts *facts, const struct panel *panel,
                   const struct store_slot *slots, size_t slots_count,
                   const struct store_series *series, size_t series_count,
                   char *text, size_t size)
{
    size_t used = 0;
    const char *role = "";
    text[0] = '\0';
    for (size_t i = 0; i < slots_count && used < size; i++) {
        /* Slots of a role follow each other; the first speaks for all. */
        if (!slots[i].is_observer || strcmp(slots[i].role, role) == 0) {
            continue;
        }
        role = slots[i].role;
        used += (size_t)snprintf(
            text + used, size - used, "%s%s: %s", used > 0 ? "; " : "", role,
            sentence(evidence_of(slots[i].id, extent_of_heap(panel, role),
                                 series, series_count),
                     was_preloaded(facts, role)));
    }
}
