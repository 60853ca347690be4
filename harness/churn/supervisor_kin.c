/* What descends from the targets, and the end of it.
 *
 * Happy path: a target that starts is a root (sample/tree.h); when it has
 * ended, supervisor_kin_end() kills who is left of its descendants, and adopted
 * orphans that have ended are reaped. When the last target is reaped,
 * supervisor_kin_is_gone() says whether this process has any child left; while
 * it has, it kills and is asked again.
 *
 * Failure modes: somebody forks while we kill: whoever was missed is adopted
 * and found by the next look, at the latest at the end of the run. Somebody
 * hangs in the kernel and does not die: after KIN_GONE_S the run ends without
 * it, and says so; the guardian tries once more. Whose an orphan is cannot be
 * told (tree.h; an observer with a control group has none such): it lives until
 * the end of the run. */
#include "churn/supervisor_state.h"

#include "host.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
    KIN_PAUSE_MIN_MS = 1,
    KIN_PAUSE_MAX_MS = 64,
    KIN_GONE_S = 10,
    KIN_ROUNDS_MAX = 8, /* of killing, when a target has ended */
};

/* Who is in an observer's control group is its own, however it got away. */
static uint32_t owner_by_group(void *context, int64_t pid)
{
    const struct supervisor *supervisor = context;
    const struct group_place *place =
        supervisor->group != NULL ? group_find(supervisor->group, pid) : NULL;
    for (uint32_t i = 0; place != NULL && i < supervisor->counts.slots; i++) {
        if (supervisor->slots[i].place == place) {
            return i;
        }
    }
    return TREE_NOBODY;
}

int supervisor_kin_open(struct supervisor *supervisor)
{
    struct slot_config *slot_config = &supervisor->slot_config;
    (void)snprintf(slot_config->mark, sizeof slot_config->mark, "%" PRId64 ":",
                   host_now_ns());
    const struct tree_config config = {
        .roots_count = supervisor->counts.slots,
        .adopts = tree_adopt_orphans() == 0,
        .is_own = spawn_owns,
        .mark_name = SLOT_MARK_NAME,
        .mark = slot_config->mark,
        .owner = owner_by_group,
        .context = supervisor,
    };
    return tree_new(&config, &supervisor->tree);
}

void supervisor_kin_begin(struct slot *slot)
{
    tree_begin(slot->supervisor->tree, slot->id, slot->child.pid);
}

void supervisor_kin_look(struct supervisor *supervisor)
{
    (void)tree_look(supervisor->tree, host_now_ns());
    (void)tree_reap(supervisor->tree);
}

void supervisor_kin_signal(struct slot *slot, int signal)
{
    struct tree *tree = slot->supervisor->tree;
    (void)tree_look(tree, host_now_ns());
    (void)tree_kill(tree, slot->id, signal);
}

void supervisor_kin_end(struct slot *slot)
{
    struct tree *tree = slot->supervisor->tree;
    (void)tree_look(tree, host_now_ns());
    slot->left_count = tree_size(tree, slot->id);
    tree_end(tree, slot->id);
    for (int round = 0; round < KIN_ROUNDS_MAX; round++) {
        if (tree_kill(tree, slot->id, SIGKILL) == 0 ||
            tree_look(tree, host_now_ns()) == 0) {
            break;
        }
    }
}

/* One round of killing; whether nobody is left. Who is in a group of the run's
 * dies, whether it descends from us or not. */
static bool sweep(struct supervisor *supervisor)
{
    struct tree *tree = supervisor->tree;
    if (tree_has_children()) {
        (void)tree_look_at_all(tree, host_now_ns());
        (void)tree_kill_all(tree, SIGKILL);
    }
    bool is_empty = supervisor->group == NULL ||
                    !group_kill(group_folder(supervisor->group));
    (void)tree_reap(tree);
    return is_empty && !tree_has_children();
}

static void tell_who_is_left(struct supervisor *supervisor)
{
    struct tree_counts counts;
    tree_counts(supervisor->tree, &counts);
    if (supervisor->sentence[0] == '\0') {
        (void)snprintf(supervisor->sentence, sizeof supervisor->sentence,
                       "%" PRIu32 " processes that targets had started could "
                       "not be killed within %d s",
                       counts.members, KIN_GONE_S);
    }
}

bool supervisor_kin_is_gone(struct supervisor *supervisor)
{
    int64_t now_ns = supervisor_now_ns(supervisor);
    if (supervisor->kin_began_ns == 0) {
        supervisor->kin_began_ns = now_ns;
        supervisor->kin_pause_ms = KIN_PAUSE_MIN_MS;
    }
    if (sweep(supervisor)) {
        return true;
    }
    if (now_ns - supervisor->kin_began_ns > KIN_GONE_S * INT64_C(1000000000)) {
        tell_who_is_left(supervisor);
        return true;
    }
    supervisor_arm(supervisor, &supervisor->kin_timer,
                   supervisor->kin_pause_ms / 1e3);
    if (supervisor->kin_pause_ms < KIN_PAUSE_MAX_MS) {
        supervisor->kin_pause_ms *= 2;
    }
    return false;
}

void supervisor_kin_close(struct supervisor *supervisor)
{
    const struct timespec pause = {.tv_nsec = KIN_PAUSE_MIN_MS * 1000000};
    int64_t until_ns = host_now_ns() + KIN_GONE_S * INT64_C(1000000000);
    if (supervisor->tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < supervisor->counts.slots; i++) {
        tree_end(supervisor->tree, i); /* their owner has reaped them */
    }
    while (!sweep(supervisor) && host_now_ns() < until_ns) {
        (void)nanosleep(&pause, NULL);
    }
    tree_free(supervisor->tree);
    supervisor->tree = NULL;
}
