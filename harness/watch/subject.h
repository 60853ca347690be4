/* subject.h - who is watched: found once, held, and found again.
 *
 * A subject has places, each filled by one observer: a process, or the
 * processes of a cgroup as one. A process is held by a pidfd and known by its
 * start time, so that another with its number is never taken for it. None is
 * ever signalled from here.
 *
 * A place whose observer has ended can be filled again by its successor: a
 * process of the same name that holds no other place, or whatever the cgroup
 * holds then. A pid has no successor.
 */
#ifndef PLATEAU_WATCH_SUBJECT_H
#define PLATEAU_WATCH_SUBJECT_H

#include "err.h"
#include "host.h"
#include "sample/cgroup_figures.h"
#include "watch/crowd.h"
#include "watch/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUBJECT_PLACES_MAX = 64, /* more processes of a name are refused */
    SUBJECT_NAME_SIZE = 32,

    SUBJECT_OK = 0,
    SUBJECT_GONE = 1,     /* nobody fills the place */
    SUBJECT_REPLACED = 2, /* others fill it than did a moment ago */
};

enum subject_by {
    SUBJECT_BY_COMMAND, /* what we start ourselves */
    SUBJECT_BY_PID,
    SUBJECT_BY_NAME,
    SUBJECT_BY_CGROUP,
    SUBJECT_BY_UNIT,
    SUBJECT_BY_CONTAINER,
};

struct subject_place {
    char role[SUBJECT_NAME_SIZE]; /* fit for a role's name: "nginx" */
    uint32_t ordinal;             /* among those of that role */
    bool is_filled;
    struct process_info info;       /* of a process, or the first of a cgroup */
    int pidfd;                      /* of a process; -1 */
    struct crowd *crowd;            /* of a cgroup; NULL */
    struct cgroup_figures *figures; /* what is charged to that, for as long as
                                       the place is filled; NULL: not known */
};

/* Zeroes are one to be filled. */
struct subject {
    enum subject_by by;
    bool is_alone;
    char text[256];             /* the name or the pid, as it was given */
    char folder[HOST_PATH_MAX]; /* of the cgroup; "" */
    struct subject_place places[SUBJECT_PLACES_MAX];
    size_t count;
};

/* Finds whom |text| names. Of processes of one name those that descend from
 * another are left out, unless each |is_alone|. 0, and then to be released; or
 * -errno and |err|: -ESRCH when there is nobody, -EACCES when their memory is
 * not ours to read, -EINVAL when |text| makes no sense, -E2BIG when there are
 * too many. */
int subject_find(struct subject *subject, enum subject_by by, const char *text,
                 bool is_alone, struct err *err);

/* What the role of the command |program| is called. */
void subject_name_role(const char *program, char role[SUBJECT_NAME_SIZE]);

/* Makes a subject of a child of ours, held by |pidfd|, which is lent for as
 * long as the subject lives. 0 or -errno and |err|. */
int subject_take_child(struct subject *subject, const char *program,
                       int64_t pid, int pidfd, struct err *err);

void subject_deinit(struct subject *subject);

/* Whether the place's observer still lives, SUBJECT_OK; looks anew who is in
 * the cgroup. SUBJECT_GONE: the place is empty now. -errno: -E2BIG. */
int subject_look(struct subject *subject, struct subject_place *place);

/* Looks for a successor: SUBJECT_OK when the place is filled again. */
int subject_refill(struct subject *subject, struct subject_place *place);

/* "process 1234 (nginx)", "cgroup /sys/fs/cgroup/system.slice/x". Returns
 * |text|. */
char *subject_describe(const struct subject *subject,
                       const struct subject_place *place, char *text,
                       size_t size);

#endif
