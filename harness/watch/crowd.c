#include "watch/crowd.h"

#include "watch/process.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static void remove_member(struct crowd *crowd, size_t at)
{
    struct crowd_member *member = &crowd->members[at];
    crowd->departed_cpu_ns += member->cpu_ns;
    probe_free(member->probe);
    *member = crowd->members[--crowd->count];
}

void crowd_deinit(struct crowd *crowd)
{
    while (crowd->count > 0) {
        remove_member(crowd, crowd->count - 1);
    }
    crowd->departed_cpu_ns = 0;
}

static struct crowd_member *find_member(struct crowd *crowd, int64_t pid)
{
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->members[i].pid == pid) {
            return &crowd->members[i];
        }
    }
    return NULL;
}

/* 0 also for one that has ended meanwhile. */
static int add_member(struct crowd *crowd, int64_t pid)
{
    struct process_info info;
    struct probe *probe = NULL;
    int pidfd = -1;
    int result = process_find(pid, &info);
    if (result == PROCESS_OK && info.is_zombie) {
        return 0;
    }
    if (result == PROCESS_OK) {
        result = process_hold(&info, &pidfd);
    }
    if (result != PROCESS_OK) {
        return result < 0 ? result : 0;
    }
    result = crowd->count < CROWD_MEMBERS_MAX ? probe_new(pid, pidfd, &probe)
                                              : -E2BIG;
    (void)close(pidfd);
    if (result == PROBE_OK) {
        crowd->members[crowd->count++] =
            (struct crowd_member){.pid = pid, .probe = probe, .is_wanted = 1};
    }
    return result < 0 ? result : 0;
}

/* A number that is there is the same process for as long as its probe can be
 * read: the probe holds the process and not the number. */
static bool is_alive(const struct crowd_member *member)
{
    struct probe_sample sample;
    return probe_sample(member->probe, PROBE_RSS, &sample) == PROBE_OK;
}

int crowd_update(struct crowd *crowd, const int64_t *pids, size_t count)
{
    size_t before = crowd->count;
    int result = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        crowd->members[i].is_wanted = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct crowd_member *member = find_member(crowd, pids[i]);
        if (member != NULL && is_alive(member)) {
            member->is_wanted = 1;
        }
    }
    for (size_t i = crowd->count; i > 0; i--) {
        if (!crowd->members[i - 1].is_wanted) {
            remove_member(crowd, i - 1);
        }
    }
    bool has_stayed = crowd->count > 0;
    for (size_t i = 0; i < count; i++) {
        int added = find_member(crowd, pids[i]) != NULL
                        ? 0
                        : add_member(crowd, pids[i]);
        result = result != 0 ? result : added;
    }
    if (result != 0) {
        return result;
    }
    if (crowd->count == 0) {
        return CROWD_EMPTY;
    }
    return before > 0 && !has_stayed ? CROWD_REPLACED : CROWD_OK;
}

/* A sum, unless a part of it is not known. */
static void add_up(int64_t *sum, int64_t value)
{
    *sum = *sum < 0 || value < 0 ? -1 : *sum + value;
}

int crowd_sample(struct crowd *crowd, enum probe_depth depth,
                 struct probe_sample *ret_sample)
{
    struct probe_sample sum = {0};
    size_t alive = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        struct crowd_member *member = &crowd->members[i];
        struct probe_sample sample;
        if (probe_sample(member->probe, depth, &sample) != PROBE_OK) {
            continue; /* it leaves at the next update */
        }
        alive++;
        if (sample.cpu_ns >= 0) {
            member->cpu_ns = sample.cpu_ns;
        }
        add_up(&sum.rss_bytes, sample.rss_bytes);
        add_up(&sum.private_bytes, sample.private_bytes);
        add_up(&sum.anonymous_bytes, sample.anonymous_bytes);
        add_up(&sum.fds_count, sample.fds_count);
        add_up(&sum.threads_count, sample.threads_count);
        add_up(&sum.processes_count, sample.processes_count);
    }
    if (alive == 0) {
        return PROBE_GONE;
    }
    sum.cpu_ns = depth == PROBE_DETAIL ? crowd->departed_cpu_ns : -1;
    for (size_t i = 0; i < crowd->count && depth == PROBE_DETAIL; i++) {
        sum.cpu_ns += crowd->members[i].cpu_ns;
    }
    *ret_sample = sum;
    return PROBE_OK;
}
