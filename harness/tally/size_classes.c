#include "size_classes.h"

#include <stdbool.h>

enum { NAME_DEPTH = 4, LIVE_DEPTH = SIZE_CLASSES_MIB_DEPTH };

/* MALLCTL_ARENAS_ALL is 4096: the sums over all arenas. In these names the
 * number of the class stands at |at| of the MIB. */
static const struct {
    const char *count; /* unsigned */
    const char *size;  /* size_t */
    const char *live;  /* size_t */
} kinds[2] = {
    {"arenas.nbins", "arenas.bin.0.size", "stats.arenas.4096.bins.0.curregs"},
    {"arenas.nlextents", "arenas.lextent.0.size",
     "stats.arenas.4096.lextents.0.curlextents"},
};
enum { SIZE_AT = 2, LIVE_AT = 4 };

/* Writes the sizes of one kind from class |first| of the page on; how many. */
static unsigned open_kind(struct size_classes *classes, int kind,
                          unsigned first)
{
    const struct size_classes_source *source = &classes->source;
    size_t mib[NAME_DEPTH];
    size_t name_depth = NAME_DEPTH, live_depth = LIVE_DEPTH;
    unsigned count = 0;
    size_t size = sizeof count;
    if (source->mallctl(kinds[kind].count, &count, &size, NULL, 0) != 0 ||
        source->mallctlnametomib(kinds[kind].size, mib, &name_depth) != 0 ||
        source->mallctlnametomib(kinds[kind].live, classes->mibs[kind],
                                 &live_depth) != 0) {
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = 0;
        size = sizeof bytes;
        mib[SIZE_AT] = i;
        if (source->mallctlbymib(mib, name_depth, &bytes, &size, NULL, 0) !=
                0 ||
            !plateau_tally_class(classes->tally, first + i, bytes)) {
            return i; /* the page has room for no more: the largest are out */
        }
    }
    return count;
}

void size_classes_open(struct size_classes *classes,
                       const struct size_classes_source *source,
                       struct plateau_tally *tally)
{
    classes->source = *source;
    classes->tally = tally;
    classes->kinds[0] = open_kind(classes, 0, 0);
    classes->kinds[1] = open_kind(classes, 1, classes->kinds[0]);
}

void size_classes_publish(const struct size_classes *classes)
{
    unsigned number = 0;
    for (int kind = 0; kind < 2; kind++) {
        size_t mib[LIVE_DEPTH];
        memcpy(mib, classes->mibs[kind], sizeof mib);
        for (unsigned i = 0; i < classes->kinds[kind]; i++, number++) {
            size_t live = 0;
            size_t size = sizeof live;
            mib[LIVE_AT] = i;
            if (classes->source.mallctlbymib(mib, LIVE_DEPTH, &live, &size,
                                             NULL, 0) == 0) {
                plateau_tally_set_class(classes->tally, number, live);
            }
        }
    }
}
