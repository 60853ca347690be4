/* Happy path: subject_find() -> a pidfd or a crowd for each place ->
 * subject_look() now and then. Failure modes: it is not there, not ours to
 * read, ends while we look (then it is not there), or ends later (the place is
 * empty, until subject_refill() finds a successor). */
#include "watch/subject.h"

#include "isolate/group_tree.h"
#include "watch/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SUBJECT_MATCHES_MAX = 512, /* processes of a name, descendants included */
    ANCESTORS_MAX = 64,
};

/* --- names ------------------------------------------------------------------
 */

/* A role's name is a small letter, then small letters, digits and hyphens. */
static void make_role(const char *name, char role[SUBJECT_NAME_SIZE])
{
    size_t used = 0;
    for (; *name != '\0' && used < SUBJECT_NAME_SIZE - 1; name++) {
        char letter = (char)tolower((unsigned char)*name);
        bool is_fit = (letter >= 'a' && letter <= 'z') ||
                      (used > 0 && letter >= '0' && letter <= '9');
        if (is_fit) {
            role[used++] = letter;
        } else if (used > 0 && role[used - 1] != '-') {
            role[used++] = '-';
        }
    }
    while (used > 0 && role[used - 1] == '-') {
        used--;
    }
    role[used] = '\0';
    if (used == 0) {
        (void)strcpy(role, "process");
    }
}

/* A unit or a container is called by what its user calls it. */
static void make_group_role(const struct subject *subject,
                            char role[SUBJECT_NAME_SIZE])
{
    char name[SUBJECT_NAME_SIZE];
    const char *slash = strrchr(subject->folder, '/');
    if (subject->by == SUBJECT_BY_CONTAINER) {
        (void)snprintf(name, sizeof name, "container-%.12s", subject->text);
    } else {
        (void)snprintf(name, sizeof name, "%.31s",
                       slash != NULL ? slash + 1 : subject->folder);
    }
    char *ending = strrchr(name, '.');
    if (ending != NULL && ending != name) {
        *ending = '\0';
    }
    make_role(name, role);
}

static void number_place(struct subject *subject, struct subject_place *place)
{
    place->ordinal = 0;
    for (size_t i = 0; i < subject->count; i++) {
        place->ordinal += strcmp(subject->places[i].role, place->role) == 0;
    }
}

/* --- one process ------------------------------------------------------------
 */

/* Whether its memory can be read: that takes the right to trace it (ptrace(2),
 * "Ptrace access mode checking"). PROBE_* or -EACCES. */
static int try_reading(const struct process_info *info, int pidfd)
{
    struct probe *probe = NULL;
    struct probe_sample sample;
    int result = probe_new(info->pid, pidfd, &probe);
    if (result == PROBE_OK) {
        result = probe_sample(probe, PROBE_DETAIL, &sample);
        probe_free(probe);
    }
    return result == PROBE_OK && sample.private_bytes < 0 ? -EACCES : result;
}

static int blame_reading(const struct process_info *info, int result,
                         struct err *err)
{
    if (result == -EACCES) {
        err_set(err, NULL, 0, 0,
                "process %lld (%s): its memory is not ours to read; watch as "
                "its user or as root",
                (long long)info->pid, info->name);
        return result;
    }
    if (result == PROBE_GONE) {
        err_set(err, NULL, 0, 0,
                "process %lld (%s) has no memory of its own: it has ended, or "
                "is a thread of the kernel",
                (long long)info->pid, info->name);
        return -ESRCH;
    }
    err_set(err, NULL, 0, 0, "process %lld (%s): %s", (long long)info->pid,
            info->name, strerror(-result));
    return result;
}

/* PROCESS_OK and the place is filled; PROCESS_GONE; or -errno and |err|. */
static int fill_by_process(struct subject_place *place,
                           const struct process_info *info, struct err *err)
{
    int pidfd = -1;
    int result = process_hold(info, &pidfd);
    if (result != PROCESS_OK) {
        if (result < 0) {
            (void)blame_reading(info, result, err);
        }
        return result;
    }
    result = try_reading(info, pidfd);
    if (result != PROBE_OK) {
        (void)close(pidfd);
        return blame_reading(info, result, err);
    }
    place->info = *info;
    place->pidfd = pidfd;
    place->is_filled = true;
    return PROCESS_OK;
}

static int find_pid(struct subject *subject, struct err *err)
{
    struct process_info info;
    char *end = NULL;
    long long pid = strtoll(subject->text, &end, 10);
    if (end == subject->text || *end != '\0' || pid <= 0) {
        err_set(err, NULL, 0, 0,
                "'%.40s' is no process; --pid takes its number", subject->text);
        return -EINVAL;
    }
    struct subject_place *place = &subject->places[0];
    int result = process_find(pid, &info);
    if (result == PROCESS_OK) {
        make_role(info.name, place->role);
        result = fill_by_process(place, &info, err);
    }
    if (result == PROCESS_GONE) {
        err_set(err, NULL, 0, 0, "there is no process %lld", pid);
        return -ESRCH;
    }
    subject->count = result == PROCESS_OK ? 1 : 0;
    return result;
}

/* --- by name ----------------------------------------------------------------
 */

/* Whether |info| descends from another of |list|; it is part of that one. A
 * parent is older than its child, but for the first after the numbers began
 * anew: at most so many steps are gone. */
static bool descends_from_one(const struct process_info *list, size_t count,
                              const struct process_info *info)
{
    struct process_info at = *info;
    for (int step = 0; step < ANCESTORS_MAX && at.parent > 1; step++) {
        for (size_t i = 0; i < count; i++) {
            if (list[i].pid == at.parent) {
                return true;
            }
        }
        if (process_find(at.parent, &at) != PROCESS_OK) {
            return false;
        }
    }
    return false;
}

static void drop_descendants(struct process_info *list, size_t *count)
{
    bool is_part[SUBJECT_MATCHES_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        is_part[i] = descends_from_one(list, *count, &list[i]);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!is_part[i]) {
            list[kept++] = list[i];
        }
    }
    *count = kept;
}

static int list_named(const struct subject *subject, struct process_info *list,
                      size_t *ret_count, struct err *err)
{
    int result =
        process_list(subject->text, list, SUBJECT_MATCHES_MAX, ret_count);
    if (result == PROCESS_OK && *ret_count <= SUBJECT_MATCHES_MAX &&
        !subject->is_alone) {
        drop_descendants(list, ret_count);
    }
    if (result != PROCESS_OK) {
        err_set(err, NULL, 0, 0, "cannot list processes: %s",
                strerror(-result));
    } else if (*ret_count > SUBJECT_PLACES_MAX) {
        err_set(err, NULL, 0, 0,
                "%zu processes are called '%.60s'; at most %d are watched: "
                "name them more closely, or watch their cgroup",
                *ret_count, subject->text, SUBJECT_PLACES_MAX);
        result = -E2BIG;
    }
    return result;
}

static int find_named(struct subject *subject, struct err *err)
{
    struct process_info list[SUBJECT_MATCHES_MAX];
    size_t count = 0;
    int result = list_named(subject, list, &count, err);
    for (size_t i = 0; result == PROCESS_OK && i < count; i++) {
        struct subject_place *place = &subject->places[subject->count];
        make_role(list[i].name, place->role);
        number_place(subject, place);
        result = fill_by_process(place, &list[i], err);
        subject->count += result == PROCESS_OK;
        /* One that has just ended is none of them. */
        result = result == PROCESS_GONE ? PROCESS_OK : result;
    }
    if (result == PROCESS_OK && subject->count == 0) {
        err_set(err, NULL, 0, 0,
                "no process is called '%.60s'; --name takes a name or a shell "
                "pattern of one",
                subject->text);
        result = -ESRCH;
    }
    return result;
}

static bool is_watched(const struct subject *subject,
                       const struct process_info *info)
{
    for (size_t i = 0; i < subject->count; i++) {
        const struct subject_place *place = &subject->places[i];
        if (place->is_filled && place->info.pid == info->pid &&
            place->info.began == info->began) {
            return true;
        }
    }
    return false;
}

static int refill_named(struct subject *subject, struct subject_place *place)
{
    struct process_info list[SUBJECT_MATCHES_MAX];
    struct err ignored;
    size_t count = 0;
    if (list_named(subject, list, &count, &ignored) != PROCESS_OK) {
        return SUBJECT_GONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_watched(subject, &list[i]) &&
            fill_by_process(place, &list[i], &ignored) == PROCESS_OK) {
            return SUBJECT_OK;
        }
    }
    return SUBJECT_GONE;
}

/* --- by cgroup --------------------------------------------------------------
 */

/* Looks who is in it: CROWD_* or -errno. */
static int look_into_group(const struct subject *subject,
                           struct subject_place *place)
{
    int64_t pids[CROWD_MEMBERS_MAX];
    size_t count = 0;
    int result =
        group_tree_members(subject->folder, pids, CROWD_MEMBERS_MAX, &count);
    if (result != 0) {
        return result == -ENOENT ? CROWD_EMPTY : result;
    }
    if (count > CROWD_MEMBERS_MAX) {
        return -E2BIG;
    }
    return crowd_update(place->crowd, pids, count);
}

/* What is charged to it comes on top: a tree without such figures is no
 * failure. */
static void open_figures(const struct subject *subject,
                         struct subject_place *place)
{
    struct group_trees *trees = calloc(1, sizeof *trees);
    if (trees != NULL && group_trees_find(trees) == 0) {
        (void)cgroup_open_figures(trees, subject->folder, place->info.pid,
                                  &place->figures);
    }
    free(trees);
}

/* The folder of a service that was restarted is another one, by the same name:
 * its files are opened anew. */
static void note_first(const struct subject *subject,
                       struct subject_place *place)
{
    place->is_filled = place->crowd->count > 0;
    cgroup_figures_free(place->figures);
    place->figures = NULL;
    if (place->is_filled) {
        (void)process_find(place->crowd->members[0].pid, &place->info);
        open_figures(subject, place);
    }
}

static int find_folder(struct subject *subject, struct err *err)
{
    static const enum cgroup_by ways[] = {
        [SUBJECT_BY_CGROUP] = CGROUP_BY_PATH,
        [SUBJECT_BY_UNIT] = CGROUP_BY_UNIT,
        [SUBJECT_BY_CONTAINER] = CGROUP_BY_CONTAINER,
    };
    struct stat st;
    /* sd_booted(3) looks at the same. */
    if (subject->by == SUBJECT_BY_UNIT &&
        stat("/run/systemd/system", &st) != 0) {
        err_set(err, NULL, 0, 0,
                "this machine does not run under systemd, so it has no units; "
                "watch the process with --pid or --name");
        return -EINVAL;
    }
    struct group_trees *trees = calloc(1, sizeof *trees);
    if (trees == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    int result = group_trees_find(trees);
    if (result != 0) {
        err_set(err, "/proc/self/mountinfo", 0, 0, "cannot read: %s",
                strerror(-result));
    } else {
        result = cgroup_find(trees, ways[subject->by], subject->text,
                             subject->folder, err);
    }
    free(trees);
    return result;
}

static int find_group(struct subject *subject, struct err *err)
{
    struct subject_place *place = &subject->places[0];
    struct probe_sample sample;
    int result = find_folder(subject, err);
    if (result != 0) {
        return result;
    }
    place->crowd = calloc(1, sizeof *place->crowd);
    if (place->crowd == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    make_group_role(subject, place->role);
    subject->count = 1;
    result = look_into_group(subject, place);
    if (result == CROWD_EMPTY) {
        err_set(err, subject->folder, 0, 0, "holds no process just now");
        return -ESRCH;
    }
    if (result < 0) {
        err_set(err, subject->folder, 0, 0,
                "its processes cannot be held: %s (at most %d are watched)",
                strerror(-result), CROWD_MEMBERS_MAX);
        return result;
    }
    note_first(subject, place);
    if (crowd_sample(place->crowd, PROBE_DETAIL, &sample) == PROBE_OK &&
        sample.private_bytes < 0) {
        return blame_reading(&place->info, -EACCES, err);
    }
    return 0;
}

/* --- all of them ------------------------------------------------------------
 */

int subject_find(struct subject *subject, enum subject_by by, const char *text,
                 bool is_alone, struct err *err)
{
    static int (*const finders[])(struct subject *, struct err *) = {
        [SUBJECT_BY_PID] = find_pid,         [SUBJECT_BY_NAME] = find_named,
        [SUBJECT_BY_CGROUP] = find_group,    [SUBJECT_BY_UNIT] = find_group,
        [SUBJECT_BY_CONTAINER] = find_group,
    };
    *subject = (struct subject){.by = by, .is_alone = is_alone};
    if (strlen(text) >= sizeof subject->text || text[0] == '\0') {
        err_set(err, NULL, 0, 0, "'%.40s' names nobody: it is too %s", text,
                text[0] == '\0' ? "short" : "long");
        return -EINVAL;
    }
    (void)strcpy(subject->text, text);
    for (size_t i = 0; i < SUBJECT_PLACES_MAX; i++) {
        subject->places[i].pidfd = -1;
    }
    int result = finders[by](subject, err);
    if (result != 0) {
        subject_deinit(subject);
    }
    return result;
}

void subject_name_role(const char *program, char role[SUBJECT_NAME_SIZE])
{
    const char *slash = strrchr(program, '/');
    make_role(slash != NULL ? slash + 1 : program, role);
}

int subject_take_child(struct subject *subject, const char *program,
                       int64_t pid, int pidfd, struct err *err)
{
    *subject = (struct subject){.by = SUBJECT_BY_COMMAND, .count = 1};
    struct subject_place *place = &subject->places[0];
    (void)snprintf(subject->text, sizeof subject->text, "%.255s", program);
    subject_name_role(program, place->role);
    place->pidfd = pidfd;
    place->is_filled = true;
    if (process_find(pid, &place->info) != PROCESS_OK) {
        err_set(err, NULL, 0, 0, "process %lld, just started, is not in /proc",
                (long long)pid);
        return -ESRCH;
    }
    return 0;
}

static void empty_place(struct subject *subject, struct subject_place *place)
{
    if (place->pidfd >= 0 && subject->by != SUBJECT_BY_COMMAND) {
        (void)close(place->pidfd);
    }
    place->pidfd = -1;
    if (place->crowd != NULL) {
        crowd_deinit(place->crowd);
    }
    cgroup_figures_free(place->figures);
    place->figures = NULL;
    place->is_filled = false;
}

void subject_deinit(struct subject *subject)
{
    for (size_t i = 0; i < SUBJECT_PLACES_MAX; i++) {
        struct subject_place *place = &subject->places[i];
        if (place->is_filled || place->crowd != NULL) {
            empty_place(subject, place);
        }
        free(place->crowd);
        place->crowd = NULL;
    }
    subject->count = 0;
}

int subject_look(struct subject *subject, struct subject_place *place)
{
    if (!place->is_filled) {
        return SUBJECT_GONE;
    }
    if (place->crowd == NULL) {
        if (!process_has_ended(place->pidfd)) {
            return SUBJECT_OK;
        }
        empty_place(subject, place);
        return SUBJECT_GONE;
    }
    int result = look_into_group(subject, place);
    if (result == CROWD_EMPTY) {
        empty_place(subject, place);
        return SUBJECT_GONE;
    }
    if (result == CROWD_REPLACED) {
        note_first(subject, place);
        return SUBJECT_REPLACED;
    }
    return result;
}

int subject_refill(struct subject *subject, struct subject_place *place)
{
    if (place->is_filled) {
        return SUBJECT_OK;
    }
    if (subject->by == SUBJECT_BY_NAME) {
        return refill_named(subject, place);
    }
    if (place->crowd == NULL) {
        return SUBJECT_GONE;
    }
    /* A unit that is started again may have a new folder; a container has
     * another id, and is another one. */
    struct err ignored;
    if (subject->by == SUBJECT_BY_UNIT && find_folder(subject, &ignored) != 0) {
        return SUBJECT_GONE;
    }
    if (look_into_group(subject, place) < 0) {
        return SUBJECT_GONE;
    }
    note_first(subject, place);
    return place->is_filled ? SUBJECT_OK : SUBJECT_GONE;
}

char *subject_describe(const struct subject *subject,
                       const struct subject_place *place, char *text,
                       size_t size)
{
    if (place->crowd != NULL) {
        (void)snprintf(text, size, "cgroup %.200s", subject->folder);
    } else {
        (void)snprintf(text, size, "process %lld (%s)",
                       (long long)place->info.pid, place->info.name);
    }
    return text;
}
