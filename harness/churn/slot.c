#include "churn/slot.h"

#include "churn/launch.h"
#include "churn/schedule.h"
#include "churn/slot_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, LINE_WORDS_SIZE = 200 };

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
        .child = {.pidfd = -1},
        .ready_fd = -1,
    };
    (void)snprintf(slot->name, sizeof slot->name, "%.31s-%u", role->name,
                   ordinal);
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

int slot_open(struct slot *slot, struct err *err)
{
    const char *run_folder = slot->config->run_folder;
    char path[PATH_SIZE];
    int result = tally_page_init(&slot->page);
    if (result != 0) {
        err_set(err, NULL, 0, 0, "%s: no tally page: %s", slot->name,
                strerror(-result));
        return result;
    }
    (void)snprintf(path, sizeof path, "%s/logs/%s.log", run_folder, slot->name);
    slot->log = slot_log_open(path);
    if (slot->log < 0) {
        err_set(err, path, 0, 0, "cannot make the log: %s",
                strerror(-slot->log));
        return slot->log;
    }
    if (launch_mentions(slot->role, "dir")) {
        (void)snprintf(path, sizeof path, "%s/work", run_folder);
        result = slot_make_folder(path, err);
        if (result == 0) {
            (void)snprintf(path, sizeof path, "%s/work/%s", run_folder,
                           slot->name);
            result = slot_make_folder(path, err);
        }
        slot->dir = result == 0 ? strdup(path) : NULL;
    }
    return result;
}

void slot_close(struct slot *slot)
{
    struct spawn_exit end;
    if (slot->child.pidfd >= 0) {
        (void)spawn_signal(&slot->child, SIGKILL);
        spawn_signal_group(&slot->child, SIGKILL);
        (void)spawn_reap(&slot->child, true, &end);
    }
    slot_stop_reading(slot);
    tally_page_deinit(&slot->page);
    if (slot->log >= 0) {
        (void)close(slot->log);
        slot->log = -1;
    }
    free(slot->dir);
    slot->dir = NULL;
}

/* --- a life begins -------------------------------------------------------- */

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
    struct launch_values values = {
        .heap = heap,
        .heap_sample_kib = config->heap_sample_kib,
        .id = slot->name,
        .ordinal = slot->ordinal,
        .slot = slot->id,
        .generation = generation,
        .port = slot->role->port ? slot->role->port + slot->ordinal : 0,
        .seed =
            schedule_process_seed(config->seed, slot->id, (uint64_t)generation),
        .dir = slot->dir ? slot->dir : "",
        .peers = peers,
        .meshnode = config->meshnode,
        .preload = config->preload,
        .run = config->run_folder,
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

static int spawn_slot(struct slot *slot, const struct launch *launch,
                      int ready_end, struct err *err)
{
    const struct spawn_fd fds[] = {
        {slot->config->null_fd, 0},
        {slot->log, 1},
        {slot->log, 2},
        {ready_end, LAUNCH_READY_FD},
        {slot->page.fd, LAUNCH_TALLY_FD},
    };
    const struct spawn_request request = {
        .program = launch->program,
        .argv = launch->argv,
        .envp = launch->envp,
        .fds = fds,
        .fds_count = sizeof fds / sizeof fds[0],
        .open_files_limit = slot->config->open_files_limit,
    };
    const char *step = "";
    int result = spawn_process(&request, &slot->child, &step);
    if (result != SPAWN_OK) {
        err_set(err, NULL, 0, 0, "%s: cannot start %s: %s (%s)", slot->name,
                launch->program, strerror(-result), step);
    }
    return result;
}

int slot_begin(struct slot *slot, const char *peers, int64_t now_ns,
               struct err *err)
{
    int64_t generation = slot->process.generation + 1;
    struct launch launch = {0};
    int ends[2] = {-1, -1};
    int result = make_launch(slot, generation, peers, &launch, err);
    if (result != 0) {
        return result;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        result = -errno;
        err_set(err, NULL, 0, 0, "%s: no pipe: %s", slot->name,
                strerror(errno));
        goto out;
    }
    (void)tally_page_reset(&slot->page, (uint64_t)generation);
    slot_log_trim(slot->log);
    slot_log_begin(slot->log, generation);
    result = spawn_slot(slot, &launch, ends[1], err);
    (void)close(ends[1]);
    if (result != 0) {
        (void)close(ends[0]);
        goto out;
    }
    slot->ready_fd = ends[0];
    slot->line_size = 0;
    slot->contact[0] = '\0';
    slot->was_late = false;
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
out:
    launch_deinit(&launch);
    return result;
}

/* --- readiness -------------------------------------------------------------
 */

/* "ready CONTACT" or "ready": keeps the contact. */
static bool take_line(struct slot *slot)
{
    static const char word[] = "ready";
    const size_t length = sizeof word - 1;
    if (strncmp(slot->line, word, length) != 0 ||
        (slot->line[length] != '\0' && slot->line[length] != ' ')) {
        return false;
    }
    const char *contact = slot->line + length;
    contact += strspn(contact, " ");
    if (strpbrk(contact, " ,\t\r") != NULL) {
        return false;
    }
    (void)snprintf(slot->contact, sizeof slot->contact, "%s", contact);
    return true;
}

enum slot_line slot_read_line(struct slot *slot)
{
    ssize_t count = read(slot->ready_fd, slot->line + slot->line_size,
                         sizeof slot->line - 1 - slot->line_size);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return SLOT_LINE_MORE;
    }
    if (count <= 0) {
        return SLOT_LINE_CLOSED;
    }
    slot->line_size += (size_t)count;
    slot->line[slot->line_size] = '\0';
    char *end = strchr(slot->line, '\n');
    if (end == NULL && slot->line_size < sizeof slot->line - 1) {
        return SLOT_LINE_MORE;
    }
    if (end != NULL) {
        *end = '\0';
    }
    if (end != NULL && take_line(slot)) {
        return SLOT_LINE_READY;
    }
    /* It will be quoted: nothing in it may move a terminal's cursor. */
    for (char *at = slot->line; *at != '\0'; at++) {
        *at = *at >= ' ' && *at <= '~' ? *at : '?';
    }
    return SLOT_LINE_WRONG;
}

void slot_stop_reading(struct slot *slot)
{
    if (slot->ready_fd >= 0) {
        (void)close(slot->ready_fd);
        slot->ready_fd = -1;
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

char *slot_how_it_ended(const struct slot *slot, char text[SLOT_HOW_SIZE])
{
    if (slot->process.signal != 0) {
        (void)snprintf(text, SLOT_HOW_SIZE, "was killed by signal %d (%s)",
                       slot->process.signal,
                       sigabbrev_np(slot->process.signal)
                           ? sigabbrev_np(slot->process.signal)
                           : "unknown");
    } else {
        (void)snprintf(text, SLOT_HOW_SIZE, "ended with exit status %d",
                       slot->process.exit_code);
    }
    return text;
}
