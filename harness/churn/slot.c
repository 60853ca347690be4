#include "churn/slot.h"

#include "churn/launch.h"
#include "churn/schedule.h"
#include "churn/slot_data.h"
#include "churn/slot_log.h"
#include "scenario/role_words.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, LINE_WORDS_SIZE = 200, MIB = 1 << 20 };

void slot_init(struct slot *slot, const struct slot_config *config,
               const struct scenario_role *role, uint32_t id, uint32_t ordinal)
{
    *slot = (struct slot){
        .config = config,
        .role = role,
        .id = id,
        .ordinal = ordinal,
        .page = {.fd = -1},
        .log = -1,
        .check_log = -1,
        .child = {.pidfd = -1},
    };
    (void)isolate_address(config->scenario, role, ordinal, slot->host);
    (void)snprintf(slot->name, sizeof slot->name, "%.31s-%u", role->name,
                   ordinal);
    const struct readiness_place nowhere = {.rule = &role->ready};
    readiness_init(&slot->readiness, &nowhere);
}

int slot_make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        int result = -errno;
        err_set(err, path, 0, 0, "cannot make the folder: %s",
                strerror(-result));
        return result;
    }
    return 0;
}

static uint32_t port_of(const struct slot *slot)
{
    return slot->role->port != 0 ? slot->role->port + slot->ordinal : 0;
}

/* RUN/logs/NAME|ending|. The descriptor, or -errno and |err|. */
static int open_log(const struct slot *slot, const char *ending,
                    struct err *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/logs/%s%s", slot->config->run_folder,
                   slot->name, ending);
    int fd = slot_log_open(path);
    if (fd < 0) {
        err_set(err, path, 0, 0, "cannot make the log: %s", strerror(-fd));
    }
    return fd;
}

static int open_logs(struct slot *slot, struct err *err)
{
    slot->log = open_log(slot, ".log", err);
    if (slot->log < 0) {
        return slot->log;
    }
    if (slot->role->ready.by == READY_COMMAND) {
        slot->check_log = open_log(slot, ".ready.log", err);
        if (slot->check_log < 0) {
            return slot->check_log;
        }
    }
    const struct readiness_place place = {
        .rule = &slot->role->ready,
        .host = slot->host,
        .port = port_of(slot),
        .log = slot->log,
        .check_log = slot->check_log,
        .null_fd = slot->config->null_fd,
    };
    readiness_init(&slot->readiness, &place);
    return 0;
}

static int make_dir(struct slot *slot, struct err *err)
{
    const char *run_folder = slot->config->run_folder;
    char path[PATH_SIZE];
    if (!role_words_mention(slot->role, "dir") &&
        slot->role->files_count == 0) {
        return 0;
    }
    (void)snprintf(path, sizeof path, "%s/work", run_folder);
    int result = slot_make_folder(path, err);
    if (result == 0) {
        (void)snprintf(path, sizeof path, "%s/work/%s", run_folder, slot->name);
        result = slot_make_folder(path, err);
    }
    if (result == 0) {
        slot->dir = strdup(path);
        result = slot->dir != NULL ? 0 : -ENOMEM;
    }
    return result;
}

/* Of who lives through the run: a churner does not stay for long enough to be
 * worth what entering a group costs (some milliseconds with version 1). One
 * that cannot be made is one that is not there. */
static void join_group(struct slot *slot)
{
    const uint64_t limit = (uint64_t)slot->role->limits.memory_mib << 20;
    if (slot->config->group == NULL || slot->role->kind != ROLE_OBSERVER ||
        group_add(slot->config->group, slot->name, limit, &slot->place, NULL) !=
            0) {
        return;
    }
    (void)cgroup_figures_open(group_place_folder(slot->place), &slot->figures);
}

int slot_open(struct slot *slot, struct err *err)
{
    int result = tally_page_init(&slot->page);
    if (result != 0) {
        err_set(err, NULL, 0, 0, "%s: no tally page: %s", slot->name,
                strerror(-result));
        return result;
    }
    join_group(slot);
    result = open_logs(slot, err);
    return result != 0 ? result : make_dir(slot, err);
}

static void close_log(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void slot_close(struct slot *slot)
{
    struct spawn_exit end;
    if (slot->child.pidfd >= 0) {
        (void)spawn_signal(&slot->child, SIGKILL);
        spawn_signal_group(&slot->child, SIGKILL);
        (void)spawn_reap(&slot->child, true, &end);
    }
    readiness_deinit(&slot->readiness);
    tally_page_deinit(&slot->page);
    cgroup_figures_free(slot->figures);
    slot->figures = NULL;
    slot->place = NULL; /* the group's */
    close_log(&slot->log);
    close_log(&slot->check_log);
    free(slot->dir);
    slot->dir = NULL;
}

/* --- a life begins -------------------------------------------------------- */

/* The life whose {seed} and {generation} life |generation| is told: a matter of
 * the seed alone. The loop ends after two rounds on the average, and at the
 * first life. */
static int64_t identity_of(const struct slot *slot, int64_t generation)
{
    int64_t told = generation;
    switch (slot->role->identity) {
    case IDENTITY_NEW:
        break;
    case IDENTITY_SAME:
        told = 1;
        break;
    case IDENTITY_MIXED:
        while (told > 1 && (schedule_process_seed(~slot->config->seed, slot->id,
                                                  (uint64_t)told) &
                            1) != 0) {
            told--;
        }
        break;
    }
    return told;
}

static int make_launch(const struct slot *slot, int64_t generation,
                       const char *peers, struct launch *ret_launch,
                       struct err *err)
{
    const struct slot_config *config = slot->config;
    char heap[SLOT_HEAP_PATH_SIZE] = "";
    if (config->has_heap_profiles && slot->role->kind == ROLE_OBSERVER) {
        (void)snprintf(heap, sizeof heap, "%s/heap/%s", config->run_folder,
                       slot->name);
    }
    int64_t told = identity_of(slot, generation);
    char mark[SLOT_MARK_SIZE + 16];
    (void)snprintf(mark, sizeof mark, "%s%u", config->mark, slot->id);
    struct launch_values values = {
        .mark_name = SLOT_MARK_NAME,
        .mark = mark,
        .heap = heap,
        .heap_sample_kib = config->heap_sample_kib,
        .id = slot->name,
        .ordinal = slot->ordinal,
        .slot = slot->id,
        .generation = told,
        .host = slot->host,
        .port = port_of(slot),
        .seed = schedule_process_seed(config->seed, slot->id, (uint64_t)told),
        .dir = slot->dir ? slot->dir : "",
        .peers = peers,
        .meshnode = config->meshnode,
        .preload = config->preload,
        .run = config->run_folder,
        .scenario = config->scenario,
    };
    return launch_make(slot->role, &values, ret_launch, err);
}

int slot_check(const struct slot *slot, struct err *err)
{
    struct launch launch = {0};
    int result = make_launch(slot, 1, "", &launch, err);
    launch_deinit(&launch);
    return result;
}

/* |ready_fd| is what it finds as {ready_fd}; -1: nothing. */
static int spawn_slot(struct slot *slot, const struct launch *launch,
                      int ready_fd, struct err *err)
{
    const struct scenario_limits *limits = &slot->role->limits;
    const struct spawn_fd fds[] = {
        {slot->config->null_fd, 0},
        {slot->log, 1},
        {slot->log, 2},
        {slot->page.fd, LAUNCH_TALLY_FD},
        {ready_fd, LAUNCH_READY_FD},
    };
    const struct spawn_request request = {
        .program = launch->program,
        .argv = launch->argv,
        .envp = launch->envp,
        .working_folder = launch->folder,
        .fds = fds,
        .fds_count = sizeof fds / sizeof fds[0] - (ready_fd < 0),
        .open_files_limit = limits->descriptors != 0
                                ? limits->descriptors
                                : slot->config->open_files_limit,
        .memory_limit_bytes = (uint64_t)limits->memory_mib << 20,
        .has_no_core = !limits->has_core,
        .group = slot->place != NULL ? group_place_fd(slot->place) : 0,
        .network = network_of(slot->config->network,
                              slot->config->network == NULL
                                  ? 0
                                  : isolate_place(slot->config->scenario,
                                                  slot->role, slot->ordinal)),
    };
    const char *step = "";
    int result = spawn_process(&request, &slot->child, &step);
    if (result != SPAWN_OK && strcmp(step, "chdir") == 0) {
        err_set(err, NULL, 0, 0, "%s: cannot work in %s: %s", slot->name,
                launch->folder, strerror(-result));
    } else if (result != SPAWN_OK && strncmp(step, "setrlimit", 9) == 0) {
        err_set(err, NULL, 0, 0,
                "%s: its limits are beyond what we may give (%s: %s); ask for "
                "less, or raise the hard limit (ulimit -H)",
                slot->name, step, strerror(-result));
    } else if (result != SPAWN_OK) {
        err_set(err, NULL, 0, 0, "%s: cannot start %s: %s (%s)", slot->name,
                launch->program, strerror(-result), step);
    }
    return result;
}

static int prepare_readiness(struct slot *slot, struct launch *launch,
                             int *ret_fd, struct err *err)
{
    struct err why = {0};
    int result =
        readiness_prepare(&slot->readiness, &launch->ready, ret_fd, &why);
    if (result != 0) {
        err_set(err, NULL, 0, 0, "%s: %s", slot->name, why.sentence);
    }
    return result;
}

int slot_begin(struct slot *slot, const char *peers, int64_t now_ns,
               struct err *err)
{
    int64_t generation = slot->process.generation + 1;
    struct launch launch = {0};
    int ready_fd = -1;
    int result = make_launch(slot, generation, peers, &launch, err);
    if (result != 0) {
        return result;
    }
    (void)tally_page_reset(&slot->page, (uint64_t)generation);
    slot_log_trim(slot->log);
    slot_log_begin(slot->log, generation);
    if (slot->dir != NULL) {
        bool is_fresh = slot->role->data == DATA_FRESH && generation > 1;
        result = slot_data_prepare(slot->dir, is_fresh, launch.files,
                                   launch.files_count, err);
    }
    result =
        result != 0 ? result : prepare_readiness(slot, &launch, &ready_fd, err);
    if (result == 0) {
        result = spawn_slot(slot, &launch, ready_fd, err);
    }
    if (ready_fd >= 0) {
        (void)close(ready_fd);
    }
    launch_deinit(&launch);
    if (result != 0) {
        readiness_end(&slot->readiness);
        return result;
    }
    slot->contact[0] = '\0';
    slot->was_late = false;
    slot->over_bytes = 0;
    slot->process = (struct supervisor_process){
        .slot_id = slot->id,
        .generation = generation,
        .pid = slot->child.pid,
        .pidfd = slot->child.pidfd,
        .spawned_ns = now_ns,
        .ready_ns = -1,
        .ended_ns = -1,
        .exit_code = -1,
        .contact = slot->contact,
    };
    return 0;
}

void slot_set_contact(struct slot *slot, const char *contact)
{
    const char *host = slot->host;
    if (contact[0] != '\0') {
        (void)snprintf(slot->contact, sizeof slot->contact, "%s", contact);
    } else if (port_of(slot) != 0) {
        bool is_v6 = strchr(host, ':') != NULL;
        (void)snprintf(slot->contact, sizeof slot->contact, "%s%.100s%s:%u",
                       is_v6 ? "[" : "", host, is_v6 ? "]" : "", port_of(slot));
    }
}

/* --- for sentences ---------------------------------------------------------
 */

char *slot_last_words(const struct slot *slot, char text[SLOT_WORDS_SIZE])
{
    char line[LINE_WORDS_SIZE];
    slot_log_last_line(slot->log, line, sizeof line);
    (void)snprintf(text, SLOT_WORDS_SIZE, "%s%s%s",
                   line[0] ? ": \"" : " and printed nothing", line,
                   line[0] ? "\"" : "");
    return text;
}

/* With the key that allows more, for whose data it is right. */
static char *how_it_filled_its_folder(const struct slot *slot,
                                      char text[SLOT_HOW_SIZE])
{
    (void)snprintf(text, SLOT_HOW_SIZE,
                   "was killed: its folder %.250s took %.1f MiB of the disk "
                   "and may take %u (limits.folder_mib of the role '%s')",
                   slot->dir, (double)slot->over_bytes / MIB,
                   slot->role->limits.folder_mib, slot->role->name);
    return text;
}

int64_t slot_out_of_memory(const struct slot *slot, char text[SLOT_HOW_SIZE])
{
    if (slot->role->limits.memory_mib != 0) {
        (void)snprintf(text, SLOT_HOW_SIZE,
                       "with all that it had started it held more than its "
                       "limits.memory_mib of %u",
                       slot->role->limits.memory_mib);
    } else {
        (void)snprintf(text, SLOT_HOW_SIZE,
                       "the machine, or a control group above it, had no "
                       "memory left");
    }
    return slot->place != NULL ? group_place_kills(slot->place) : 0;
}

/* As its status says. */
static void how_its_process_ended(const struct slot *slot,
                                  char text[SLOT_HOW_SIZE])
{
    const struct supervisor_process *process = &slot->process;
    if (process->signal != 0) {
        const char *name = sigabbrev_np(process->signal);
        (void)snprintf(text, SLOT_HOW_SIZE, "was killed by signal %d (%s)",
                       process->signal, name != NULL ? name : "unknown");
    } else if (process->exit_code == 0 && slot->left_count > 0) {
        (void)snprintf(text, SLOT_HOW_SIZE,
                       "ended with exit status 0 and left %u processes behind "
                       "(if it goes into the background, tell it to stay in "
                       "the foreground)",
                       slot->left_count);
    } else {
        (void)snprintf(text, SLOT_HOW_SIZE, "ended with exit status %d",
                       process->exit_code);
    }
}

char *slot_how_it_ended(const struct slot *slot, char text[SLOT_HOW_SIZE])
{
    char why[SLOT_HOW_SIZE];
    if (slot->over_bytes > 0) {
        return how_it_filled_its_folder(slot, text);
    }
    int64_t kills = slot_out_of_memory(slot, why);
    if (kills > 0 && slot->process.signal == SIGKILL) {
        (void)snprintf(text, SLOT_HOW_SIZE, "was killed by the kernel: %.200s",
                       why);
        return text;
    }
    how_its_process_ended(slot, text);
    size_t used = strlen(text);
    if (kills > 0) {
        (void)snprintf(text + used, SLOT_HOW_SIZE - used,
                       " after the kernel had killed %" PRId64
                       " of its processes: %.200s",
                       kills, why);
    }
    return text;
}
