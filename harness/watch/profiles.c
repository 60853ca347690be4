#include "watch/profiles.h"

#include "heap/dumps.h"
#include "watch/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const int64_t least_ns = 1000000000;
enum { PARTS = 32 };

int profiles_open(struct profiles *profiles, const char *folder,
                  const char *program, struct err *err)
{
    char role[SUBJECT_NAME_SIZE];
    subject_name_role(program, role);
    int length = snprintf(profiles->prefix, sizeof profiles->prefix,
                          "%s/heap/%s-0", folder, role);
    int result = length > 0 && (size_t)length < sizeof profiles->prefix
                     ? dumps_open_folder(folder)
                     : -ENAMETOOLONG;
    if (result != 0) {
        err_set(err, folder, 0, 0,
                "cannot make the folder for heap profiles: %s",
                strerror(-result));
        return result;
    }
    (void)snprintf(profiles->folder, sizeof profiles->folder, "%s", folder);
    (void)snprintf(profiles->observer, sizeof profiles->observer, "%s-0", role);
    profiles->next_ns = INT64_MAX;
    return 0;
}

void profiles_begin(struct profiles *profiles, int64_t now_ns)
{
    profiles->begin_ns = now_ns;
    profiles->next_ns = now_ns;
}

void profiles_look(struct profiles *profiles, struct tally_page *page,
                   int64_t now_ns, int64_t step_ns)
{
    if (profiles->folder[0] == '\0' || now_ns < profiles->next_ns ||
        !tally_page_has_answered(page)) {
        return;
    }
    int64_t pause_ns = (now_ns - profiles->begin_ns) / PARTS;
    profiles->next_ns = now_ns + (pause_ns > least_ns ? pause_ns : least_ns);
    dumps_thin(profiles->folder, profiles->observer);
    tally_page_ask(page, (uint32_t)(now_ns / step_ns) + 1);
}

void profiles_close(const struct profiles *profiles)
{
    if (profiles->folder[0] != '\0') {
        dumps_thin(profiles->folder, profiles->observer);
        dumps_close_folder(profiles->folder);
    }
}
