/* The making of a supervisor: slots, limits, programs, folders, tide; what can
 * go wrong goes wrong here, before anything is started. */
#include "churn/supervisor_state.h"

#include "heap/dumps.h"
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    FDS_PER_SLOT = 13, /* pidfd, pipe, page, log, network, the sampler's */
    FDS_BESIDES = 96,  /* of our own */
};

/* --- making ----------------------------------------------------------------
 */

static void init_slot(struct supervisor *supervisor,
                      const struct scenario_role *role, uint32_t ordinal)
{
    struct slot *slot = &supervisor->slots[supervisor->counts.slots];
    slot_init(slot, &supervisor->slot_config, role, supervisor->counts.slots,
              ordinal);
    slot->supervisor = supervisor;
    supervisor->counts.slots++;
    supervisor_init_slot_watchers(slot);
}

static int make_slots(struct supervisor *supervisor, struct err *err)
{
    const struct scenario *scenario = supervisor->config.scenario;
    static const enum role_kind kinds[] = {ROLE_OBSERVER, ROLE_BYSTANDER,
                                           ROLE_CHURNER};
    uint32_t total = 0;
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        total += scenario->roles[i].count;
    }
    supervisor->slots = calloc(total, sizeof *supervisor->slots);
    if (supervisor->slots == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (uint32_t i = 0; i < scenario->roles_count; i++) {
            const struct scenario_role *role = &scenario->roles[i];
            for (uint32_t j = 0; role->kind == kinds[k] && j < role->count;
                 j++) {
                if (role->kind == ROLE_CHURNER &&
                    supervisor->churners_count++ == 0) {
                    supervisor->churners_first = supervisor->counts.slots;
                }
                init_slot(supervisor, role, j);
                supervisor->observers_count += role->kind == ROLE_OBSERVER;
            }
        }
    }
    if (supervisor->churners_count == 0) {
        supervisor->churners_first = supervisor->counts.slots;
    }
    return 0;
}

/* A loaded scenario has an order. */
static int make_order(struct supervisor *supervisor, struct err *err)
{
    struct order_fault fault;
    if (order_make(supervisor->config.scenario, &supervisor->order, &fault) !=
        ORDER_OK) {
        err_set(err, NULL, 0, 0, "the roles cannot be put in an order");
        return -EINVAL;
    }
    return 0;
}

/* Our descriptors grow with the slots; the targets keep the limit that they
 * would have had. */
static int raise_open_files(struct supervisor *supervisor, struct err *err)
{
    uint64_t wanted =
        (uint64_t)supervisor->counts.slots * FDS_PER_SLOT + FDS_BESIDES;
    uint64_t most = 0;
    int result = host_raise_open_files(
        wanted, &supervisor->slot_config.open_files_limit, &most);
    if (result != 0) {
        err_set(err, NULL, 0, 0,
                "%u processes need %" PRIu64 " open files and the hard limit "
                "is %" PRIu64 "; raise it (ulimit -Hn) or ask for fewer",
                supervisor->counts.slots, wanted, most);
    }
    return result;
}

/* Every role's program is looked for before anything is started. */
static int check_programs(struct supervisor *supervisor, struct err *err)
{
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        const struct slot *slot = &supervisor->slots[i];
        int result = slot->ordinal == 0 ? slot_check(slot, err) : 0;
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int make_folder(const char *run_folder, const char *name,
                       struct err *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", run_folder, name);
    return slot_make_folder(path, err);
}

static int make_dumps_folder(const char *run_folder, struct err *err)
{
    int result = dumps_open_folder(run_folder);
    if (result != 0) {
        err_set(err, run_folder, 0, 0,
                "cannot make the folder for heap profiles: %s",
                strerror(-result));
    }
    return result;
}

static int make_tide(struct supervisor *supervisor)
{
    const struct scenario *scenario = supervisor->config.scenario;
    const struct tide_config config = {
        .loop = supervisor->config.loop,
        .start_ns = supervisor->config.start_ns,
        .waves = {.wave_events = scenario->wave_events,
                  .wave_ns = (int64_t)(scenario->wave_s * 1e9),
                  .waves = scenario->waves,
                  .settle_min_ns = (int64_t)(scenario->settle_min_s * 1e9),
                  .settle_max_ns = (int64_t)(scenario->settle_max_s * 1e9)},
        .observers_count = supervisor->observers_count,
        .has_profiles = scenario->has_heap_profiles,
        .context = supervisor,
        .page = supervisor_page_of,
        .is_all_up = supervisor_is_all_up,
        .on_read = supervisor_on_ebb_read,
        .on_turn = supervisor_on_turn,
    };
    return tide_init(&supervisor->tide, &config);
}

/* Nothing is due where nobody churns, or nothing was asked for. */
static int make_schedule(struct supervisor *supervisor)
{
    const struct supervisor_config *config = &supervisor->config;
    const struct scenario *scenario = config->scenario;
    struct schedule_plan plan = {
        .rule = scenario->interval,
        .rate_per_s = scenario->rate_per_s,
        .shape = scenario->interval_shape,
        .change_after_ns = (int64_t)(scenario->change_after_s * 1e9),
        .change_rate_per_s = scenario->change_rate_per_s,
        .churners_count = supervisor->churners_count,
        .mass_share = scenario->mass_share,
        .pause_min_ns = (int64_t)(scenario->pause_min_s * 1e9),
        .pause_max_ns = (int64_t)(scenario->pause_max_s * 1e9),
        .starting_max_ns = (int64_t)(scenario->starting_max_s * 1e9),
        .observers_count = supervisor->observers_count,
        .partition_share = scenario->partition_share,
        .partition_min_ns = (int64_t)(scenario->partition_min_s * 1e9),
        .partition_max_ns = (int64_t)(scenario->partition_max_s * 1e9),
        .recorded = config->recorded,
        .recorded_count = config->recorded_count,
    };
    scenario_weights(scenario, plan.weights);
    if (supervisor->churners_count == 0 ||
        (scenario->rate_per_s == 0. && config->recorded == NULL)) {
        return 0;
    }
    return schedule_init(&supervisor->schedule, &plan, config->seed, 0);
}

/* They add to what is known; a machine that has none to give is no failure. */
static void make_group(struct supervisor *supervisor)
{
    const struct supervisor_callbacks *callbacks =
        &supervisor->config.callbacks;
    if (supervisor->observers_count == 0 ||
        group_new(&supervisor->group, &supervisor->group_err) != 0) {
        return;
    }
    supervisor->slot_config.group = supervisor->group;
    if (callbacks->on_group != NULL) {
        callbacks->on_group(callbacks->context, supervisor->group);
    }
}

/* Whether any can fall due. */
static bool has_partitions(const struct supervisor_config *config)
{
    bool has = config->recorded == NULL &&
               config->scenario->partition_weight > 0. &&
               config->scenario->rate_per_s > 0.;
    for (size_t i = 0; i < config->recorded_count && !has; i++) {
        has = config->recorded[i].kind == CHURN_PARTITION;
    }
    return has;
}

/* Readiness asks from where we are, so that we go as well. */
static int enter_network(struct supervisor *supervisor, struct err *err)
{
    const struct network_config config = {
        .rule = supervisor->config.scenario->network,
        .places = supervisor->counts.slots,
        .drop_share = supervisor->config.scenario->drop_share,
        .has_partitions = has_partitions(&supervisor->config),
    };
    if (config.rule == NETWORK_NONE) {
        return 0;
    }
    int result = network_enter(&config, &supervisor->network, err);
    supervisor->slot_config.network = supervisor->network;
    return result;
}

int supervisor_new(const struct supervisor_config *config,
                   struct supervisor **ret_supervisor, struct err *err)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        err_set(err, NULL, 0, 0, "out of memory");
        return -ENOMEM;
    }
    supervisor->config = *config;
    supervisor->slot_config = (struct slot_config){
        .scenario = config->scenario,
        .seed = config->seed,
        .run_folder = config->run_folder,
        .meshnode = config->meshnode,
        .preload = config->preload,
        .has_heap_profiles = config->scenario->has_heap_profiles,
        .heap_sample_kib = config->scenario->heap_sample_kib,
    };
    supervisor->slot_config.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    supervisor_init_watchers(supervisor);
    int result = make_slots(supervisor, err);
    if (result == 0) {
        result = make_order(supervisor, err);
    }
    if (result == 0 &&
        (make_tide(supervisor) != 0 || make_schedule(supervisor) != 0 ||
         supervisor_kin_open(supervisor) != 0 ||
         supervisor_partition_open(supervisor) != 0)) {
        err_set(err, NULL, 0, 0, "out of memory");
        result = -ENOMEM;
    }
    if (result == 0) {
        result = check_programs(supervisor, err);
    }
    if (result == 0) {
        result = raise_open_files(supervisor, err);
    }
    if (result == 0) {
        make_group(supervisor);
        result = enter_network(supervisor, err);
    }
    if (result == 0) {
        result = make_folder(config->run_folder, "logs", err);
    }
    if (result == 0 && config->scenario->has_heap_profiles) {
        result = make_dumps_folder(config->run_folder, err);
    }
    for (uint32_t i = 0; result == 0 && i < supervisor->counts.slots; i++) {
        result = slot_open(&supervisor->slots[i], err);
    }
    if (result == 0) {
        result = supervisor_folders_open(supervisor);
    }
    if (result != 0) {
        supervisor_free(supervisor);
        return result;
    }
    *ret_supervisor = supervisor;
    return 0;
}

static void free_slot(struct slot *slot)
{
    struct ev_loop *loop = slot->supervisor->config.loop;
    ev_io_stop(loop, &slot->exit_watcher);
    ev_timer_stop(loop, &slot->timer);
    slot_close(slot);
}

void supervisor_free(struct supervisor *supervisor)
{
    if (supervisor == NULL) {
        return;
    }
    ev_timer_stop(supervisor->config.loop, &supervisor->phase_timer);
    ev_timer_stop(supervisor->config.loop, &supervisor->kill_timer);
    ev_timer_stop(supervisor->config.loop, &supervisor->log_timer);
    ev_timer_stop(supervisor->config.loop, &supervisor->kin_timer);
    supervisor_folders_close(supervisor);
    supervisor_partition_close(supervisor);
    tide_deinit(&supervisor->tide);
    schedule_deinit(&supervisor->schedule);
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        free_slot(&supervisor->slots[i]);
    }
    supervisor_kin_close(supervisor);
    if (supervisor->slot_config.null_fd >= 0) {
        (void)close(supervisor->slot_config.null_fd);
    }
    network_free(supervisor->network);
    group_free(supervisor->group); /* nobody is in it any more */
    free(supervisor->slots);
    free(supervisor);
}

/* --- looking ---------------------------------------------------------------
 */

enum supervisor_phase supervisor_phase(const struct supervisor *supervisor)
{
    return supervisor->phase;
}

enum supervisor_end supervisor_end(const struct supervisor *supervisor)
{
    return supervisor->end;
}

const char *supervisor_sentence(const struct supervisor *supervisor)
{
    return supervisor->sentence;
}

void supervisor_counts(const struct supervisor *supervisor,
                       struct supervisor_counts *ret_counts)
{
    *ret_counts = supervisor->counts;
    if (supervisor->phase == SUPERVISOR_CHURNING) {
        ret_counts->churned_ns =
            waves_churn_ns(&supervisor->tide.waves,
                           host_now_ns() - supervisor->config.start_ns);
        ret_counts->is_ebb = !waves_may_kill(&supervisor->tide.waves);
    }
    ret_counts->ready_mean_ns =
        supervisor->ready_seen > 0
            ? (double)supervisor->ready_sum_ns / (double)supervisor->ready_seen
            : 0.;
}

void supervisor_slot(const struct supervisor *supervisor, uint32_t slot_id,
                     struct supervisor_slot *ret_slot)
{
    const struct slot *slot = &supervisor->slots[slot_id];
    *ret_slot = (struct supervisor_slot){
        .id = slot->id,
        .role = slot->role->name,
        .ordinal = slot->ordinal,
        .is_observer = slot->id < supervisor->observers_count,
        .tally = &slot->page,
        .cgroup = slot->figures,
    };
}

const struct group *supervisor_group(const struct supervisor *supervisor,
                                     const struct err **ret_why)
{
    if (ret_why != NULL) {
        *ret_why = &supervisor->group_err;
    }
    return supervisor->group;
}

struct tree *supervisor_tree(struct supervisor *supervisor)
{
    return supervisor->tree;
}

const char *supervisor_phase_name(enum supervisor_phase phase)
{
    static const char *const names[] = {
        [SUPERVISOR_OBSERVERS] = "observers",
        [SUPERVISOR_CHURNERS] = "churners",
        [SUPERVISOR_SETTLING] = "settling",
        [SUPERVISOR_CHURNING] = "churning",
        [SUPERVISOR_STOPPING] = "stopping",
        [SUPERVISOR_DONE] = "done",
    };
    return names[phase];
}
