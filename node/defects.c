#include "defects.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    const char *story;
    const char *shows; /* the counter or series that gives it away */
} table[DEFECTS_COUNT] = {
    [DEFECT_PARKED_SEND_LOOP] =
        {"parked-send-loop",
         "when its queue closes, a send loop stops listening to the queue "
         "instead of ending, and waits for the connection's teardown, which "
         "waits for the send loop",
         "connection_loops spawned and not finished; heap/allocated"},
};

int defects_parse(const char *list, struct defects *defects,
                  char ret_unknown[64])
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        int found = -1;
        for (int i = 0; i < DEFECTS_COUNT; i++) {
            if (strlen(table[i].name) == size &&
                strncmp(table[i].name, list, size) == 0) {
                found = i;
            }
        }
        if (found < 0) {
            (void)snprintf(ret_unknown, 64, "%.*s", (int)size, list);
            return -ENOENT;
        }
        defects->has[found] = true;
        list += size + (list[size] == ',');
    }
    return 0;
}

void defects_print(FILE *stream)
{
    for (int i = 0; i < DEFECTS_COUNT; i++) {
        (void)fprintf(stream, "%s\n    %s\n    shows in: %s\n", table[i].name,
                      table[i].story, table[i].shows);
    }
}
