/* Happy path: tree_look() lets go of members that have ended, asks the kernel
 * which number it gave out last (the last field of /proc/loadavg, proc(5)), and
 * considers each number that was given out since the look before the last:
 * whose parent is one of ours is ours, and is held by a pidfd.
 *
 * Why not /proc/PID/task/TID/children: it has to be read for every thread of
 * every process at every look, and kernels without CONFIG_PROC_CHILDREN have no
 * such file. Why since the look before the last: a number is given out some
 * time before the process can be seen under it (copy_process() in
 * kernel/fork.c), so each number is considered in two looks. Numbers come in
 * the order of birth, so that parents are known before their children; not so
 * when the numbers began anew, or in a full look: those are repeated until
 * they find nobody.
 *
 * Why a process cannot be missed when its parent ends in the meantime: it is
 * given to whoever adopts at the moment in which the parent becomes a zombie,
 * before the parent's number is free. So a look sees the parent, or sees the
 * child as the adopter's.
 *
 * Failure modes: the kernel does not say which number was last (gVisor says 0):
 * all looks are full ones, at most one in FULL_LOOK_NS unless asked for. No
 * descriptors left: counted, not followed.
 */
#include "sample/tree.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NONE = -1,
    RANGE_MAX = 4096, /* numbers to consider; more: a full look */
    PASSES_MAX = 16,  /* of a full look; a deeper one waits for the next */
    REAPED_MAX = 1000,
    FIELDS_SIZE = 1024,
    ENVIRON_SIZE = 128 << 10,
    POLLED_MAX = 256, /* at a time */
    PROC_PATH_SIZE = 64,
};

static const int64_t FULL_LOOK_NS = 1000000000;
/* So many numbers are not given out in that time; after it they may have come
 * around. */
static const int64_t STALE_NS = 10 * INT64_C(1000000000);

struct member {
    int64_t pid;
    struct probe *probe; /* NULL: not read yet */
    int pidfd;
    int next; /* of the same root, or of those that are free */
    uint32_t root;
    int64_t cpu_ns; /* as last read */
};

struct root {
    int64_t pid; /* 0: nobody lives there */
    int first;
    uint32_t count;
    int64_t gone_cpu_ns; /* of members that have ended */
};

/* A number of one of ours, and whose it is. */
struct entry {
    int64_t pid; /* 0: free */
    uint32_t root;
};

struct tree {
    struct tree_config config;
    struct tree_counts counts;
    int64_t self;
    struct root *roots; /* roots_count, and one for nobody's */
    struct member *members;
    int first_free;
    int used;              /* of members, those that ever were */
    struct entry *entries; /* a hash table with linear probing */
    size_t entries_mask;
    int64_t last;   /* the number that was given out last; 0: not known */
    int64_t before; /* the same, one look before */
    int64_t looked_ns;
    bool has_looked;
    char *environment; /* room for one */
};

/* What stat(5) of a process says. */
struct fields {
    int64_t parent;
    int64_t group;
    int64_t session;
    uint64_t born; /* in ticks since the machine was started */
};

int tree_adopt_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

/* --- whose a number is ---------------------------------------------------- */

/* Numbers come one after another: the low bits spread them well enough. */
static size_t place_of(const struct tree *tree, int64_t pid)
{
    size_t at = (size_t)pid & tree->entries_mask;
    while (tree->entries[at].pid != 0 && tree->entries[at].pid != pid) {
        at = (at + 1) & tree->entries_mask;
    }
    return at;
}

static const struct entry *find(const struct tree *tree, int64_t pid)
{
    const struct entry *entry = &tree->entries[place_of(tree, pid)];
    return pid > 0 && entry->pid == pid ? entry : NULL;
}

static void remember(struct tree *tree, int64_t pid, uint32_t root)
{
    tree->entries[place_of(tree, pid)] = (struct entry){pid, root};
}

/* Takes it out, and puts what followed it where it is looked for. */
static void forget(struct tree *tree, int64_t pid)
{
    size_t hole = place_of(tree, pid);
    if (tree->entries[hole].pid != pid) {
        return;
    }
    tree->entries[hole].pid = 0;
    for (size_t at = (hole + 1) & tree->entries_mask;
         tree->entries[at].pid != 0; at = (at + 1) & tree->entries_mask) {
        struct entry moved = tree->entries[at];
        tree->entries[at].pid = 0;
        tree->entries[place_of(tree, moved.pid)] = moved;
    }
}

/* --- what the kernel says ------------------------------------------------- */

/* Reads |name| of process |pid| as text; how long it is, 0 when there is none.
 */
static size_t read_file(int64_t pid, const char *name, char *text, size_t size)
{
    char path[PROC_PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    size_t length = 0;
    ssize_t count = 0;
    do {
        count = read(fd, text + length, size - 1 - length);
        length += count > 0 ? (size_t)count : 0;
    } while (count > 0 && length < size - 1);
    (void)close(fd);
    text[length] = '\0';
    return length;
}

/* The name, in parentheses, may hold anything: what follows the last one
 * counts. The parent is field 4, the time of birth field 22. */
static bool read_fields(int64_t pid, struct fields *ret_fields)
{
    char text[FIELDS_SIZE];
    struct fields fields = {0};
    if (read_file(pid, "stat", text, sizeof text) == 0) {
        return false;
    }
    const char *at = strrchr(text, ')');
    if (at == NULL ||
        sscanf(at + 1,
               " %*c %" SCNd64 " %" SCNd64 " %" SCNd64 " %*d %*d %*u %*u %*u "
               "%*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
               &fields.parent, &fields.group, &fields.session,
               &fields.born) != 4) {
        return false;
    }
    *ret_fields = fields;
    return true;
}

/* 0: the kernel does not say. */
static int64_t read_last_number(void)
{
    char text[FIELDS_SIZE];
    int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *at = strrchr(text, ' ');
    int64_t last = at ? strtoll(at + 1, NULL, 10) : 0;
    return last > 0 ? last : 0;
}

static bool has_ended(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

/* --- members -------------------------------------------------------------- */

static struct root *root_of(const struct tree *tree, uint32_t root)
{
    return &tree->roots[root == TREE_NOBODY ? tree->config.roots_count : root];
}

static bool add_member(struct tree *tree, int64_t pid, int pidfd, uint32_t root)
{
    int index = tree->first_free;
    if (index == NONE && tree->used == (int)tree->config.members_max) {
        return false;
    }
    if (index == NONE) {
        index = tree->used++;
    } else {
        tree->first_free = tree->members[index].next;
    }
    struct member *member = &tree->members[index];
    struct root *owner = root_of(tree, root);
    *member = (struct member){
        .pid = pid,
        .pidfd = pidfd,
        .next = owner->first,
        .root = root,
    };
    owner->first = index;
    owner->count++;
    remember(tree, pid, root);
    tree->counts.members++;
    tree->counts.nobodys += root == TREE_NOBODY;
    return true;
}

/* Takes the member at |*link| out of its root's chain. */
static void drop_member(struct tree *tree, int *link)
{
    int index = *link;
    struct member *member = &tree->members[index];
    struct root *owner = root_of(tree, member->root);
    *link = member->next;
    owner->count--;
    owner->gone_cpu_ns += member->cpu_ns;
    forget(tree, member->pid);
    probe_free(member->probe);
    (void)close(member->pidfd);
    tree->counts.members--;
    tree->counts.nobodys -= member->root == TREE_NOBODY;
    member->next = tree->first_free;
    tree->first_free = index;
}

static void drop_ended_of(struct tree *tree, struct root *root)
{
    int *link = &root->first;
    while (*link != NONE) {
        struct pollfd polled[POLLED_MAX];
        nfds_t count = 0;
        for (int at = *link; at != NONE && count < POLLED_MAX;
             at = tree->members[at].next) {
            polled[count++] = (struct pollfd){.fd = tree->members[at].pidfd,
                                              .events = POLLIN};
        }
        (void)poll(polled, count, 0);
        for (nfds_t i = 0; i < count; i++) {
            if (polled[i].revents != 0) {
                drop_member(tree, link);
            } else {
                link = &tree->members[*link].next;
            }
        }
    }
}

static void drop_ended(struct tree *tree)
{
    for (uint32_t i = 0;
         i <= tree->config.roots_count && tree->counts.members > 0; i++) {
        if (tree->roots[i].first != NONE) {
            drop_ended_of(tree, &tree->roots[i]);
        }
    }
}

/* --- whose an orphan is --------------------------------------------------- */

/* The number after "NAME=MARK" in the environment that the process was born
 * with; TREE_NOBODY. */
static uint32_t root_by_mark(const struct tree *tree, int64_t pid)
{
    const struct tree_config *config = &tree->config;
    if (config->mark_name == NULL) {
        return TREE_NOBODY;
    }
    size_t size = read_file(pid, "environ", tree->environment, ENVIRON_SIZE);
    size_t name = strlen(config->mark_name);
    size_t mark = strlen(config->mark);
    for (const char *at = tree->environment; at < tree->environment + size;
         at += strlen(at) + 1) {
        if (strncmp(at, config->mark_name, name) != 0 || at[name] != '=' ||
            strncmp(at + name + 1, config->mark, mark) != 0) {
            continue;
        }
        char *end = NULL;
        const char *number = at + name + 1 + mark;
        unsigned long long root = strtoull(number, &end, 10);
        return end != number && *end == '\0' && root < config->roots_count
                   ? (uint32_t)root
                   : TREE_NOBODY;
    }
    return TREE_NOBODY;
}

static bool is_own(const struct tree *tree, int64_t pid)
{
    return tree->config.is_own != NULL && tree->config.is_own(pid);
}

static uint32_t root_of_orphan(const struct tree *tree, int64_t pid,
                               const struct fields *fields)
{
    const struct entry *entry = find(tree, fields->session);
    if (entry == NULL) {
        entry = find(tree, fields->group);
    }
    uint32_t root = entry != NULL ? entry->root : root_by_mark(tree, pid);
    return root == TREE_NOBODY && tree->config.owner != NULL
               ? tree->config.owner(tree->config.context, pid)
               : root;
}

/* --- looking -------------------------------------------------------------- */

/* Holds |pid| if it still is who |fields| were read of: a thread has no pidfd,
 * and one that took the number over was born later. */
static int hold(int64_t pid, const struct fields *fields)
{
    struct fields again;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        return -errno;
    }
    if (!read_fields(pid, &again) || again.born != fields->born ||
        has_ended(pidfd)) {
        (void)close(pidfd);
        return -ESRCH;
    }
    return pidfd;
}

/* Whether |pid| was found to be one of ours. */
static bool consider(struct tree *tree, int64_t pid)
{
    struct fields fields;
    if (pid == tree->self || find(tree, pid) != NULL ||
        !read_fields(pid, &fields)) {
        return false;
    }
    const struct entry *parent = find(tree, fields.parent);
    bool is_orphan = parent == NULL && tree->config.adopts &&
                     fields.parent == tree->self && !is_own(tree, pid);
    if (parent == NULL && !is_orphan) {
        return false;
    }
    int pidfd = hold(pid, &fields);
    if (pidfd < 0) {
        tree->counts.unfollowed += pidfd == -EMFILE || pidfd == -ENFILE;
        return false;
    }
    uint32_t root =
        is_orphan ? root_of_orphan(tree, pid, &fields) : parent->root;
    if (!add_member(tree, pid, pidfd, root)) {
        (void)close(pidfd);
        tree->counts.unfollowed++;
        return false;
    }
    tree->counts.found++;
    return true;
}

static uint32_t consider_all(struct tree *tree)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    uint32_t found = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            found += consider(tree, strtoll(entry->d_name, NULL, 10));
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

static uint32_t look_at_all(struct tree *tree)
{
    uint32_t found = 0;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        uint32_t more = consider_all(tree);
        found += more;
        if (more == 0) {
            break;
        }
    }
    return found;
}

uint32_t tree_look_at_all(struct tree *tree, int64_t now_ns)
{
    drop_ended(tree);
    int64_t last = read_last_number();
    uint32_t found = look_at_all(tree);
    tree->before = tree->last;
    tree->last = last;
    tree->looked_ns = now_ns;
    tree->has_looked = true;
    return found;
}

uint32_t tree_look(struct tree *tree, int64_t now_ns)
{
    int64_t last = read_last_number();
    int64_t from = tree->before;
    if (last == 0 && tree->has_looked &&
        now_ns - tree->looked_ns < FULL_LOOK_NS) {
        drop_ended(tree);
        return 0;
    }
    if (last == 0 || from == 0 || last < from || last - from > RANGE_MAX ||
        now_ns - tree->looked_ns > STALE_NS) {
        return tree_look_at_all(tree, now_ns);
    }
    drop_ended(tree);
    uint32_t found = 0;
    for (int64_t pid = from + 1; pid <= last; pid++) {
        found += consider(tree, pid);
    }
    tree->before = tree->last;
    tree->last = last;
    tree->looked_ns = now_ns;
    return found;
}

/* --- sums ----------------------------------------------------------------- */

static void add_figure(int64_t *sum, int64_t value)
{
    *sum = *sum < 0 || value < 0 ? -1 : *sum + value;
}

static void add_sample(struct probe_sample *sum,
                       const struct probe_sample *sample)
{
    add_figure(&sum->rss_bytes, sample->rss_bytes);
    add_figure(&sum->private_bytes, sample->private_bytes);
    add_figure(&sum->anonymous_bytes, sample->anonymous_bytes);
    add_figure(&sum->fds_count, sample->fds_count);
    add_figure(&sum->threads_count, sample->threads_count);
    add_figure(&sum->cpu_ns, sample->cpu_ns);
    add_figure(&sum->processes_count, sample->processes_count);
}

/* One that has ended since the look, or cannot be read, adds nothing. */
static bool read_member(struct member *member, enum probe_depth depth,
                        struct probe_sample *ret_sample)
{
    if (member->probe == NULL &&
        probe_new(member->pid, member->pidfd, &member->probe) != PROBE_OK) {
        return false;
    }
    if (probe_sample(member->probe, depth, ret_sample) != PROBE_OK) {
        return false;
    }
    if (ret_sample->cpu_ns > member->cpu_ns) {
        member->cpu_ns = ret_sample->cpu_ns;
    }
    return true;
}

uint32_t tree_add(struct tree *tree, uint32_t root, enum probe_depth depth,
                  struct probe_sample *sum)
{
    const struct root *owner = root_of(tree, root);
    struct probe_sample sample;
    uint32_t count = 0;
    for (int at = owner->first; at != NONE; at = tree->members[at].next) {
        if (read_member(&tree->members[at], depth, &sample)) {
            add_sample(sum, &sample);
            count++;
        }
    }
    if (depth == PROBE_DETAIL) {
        add_figure(&sum->cpu_ns, owner->gone_cpu_ns);
    }
    return count;
}

uint32_t tree_size(const struct tree *tree, uint32_t root)
{
    return root_of(tree, root)->count;
}

/* --- ends ----------------------------------------------------------------- */

uint32_t tree_kill(struct tree *tree, uint32_t root, int signal)
{
    uint32_t count = 0;
    for (int at = root_of(tree, root)->first; at != NONE;
         at = tree->members[at].next) {
        count += syscall(SYS_pidfd_send_signal, tree->members[at].pidfd, signal,
                         NULL, 0) == 0;
    }
    return count;
}

uint32_t tree_kill_all(struct tree *tree, int signal)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tree->config.roots_count; i++) {
        count += tree_kill(tree, i, signal);
    }
    return count + tree_kill(tree, TREE_NOBODY, signal);
}

static bool is_root(const struct tree *tree, int64_t pid)
{
    const struct entry *entry = find(tree, pid);
    return entry != NULL && entry->root != TREE_NOBODY &&
           tree->roots[entry->root].pid == pid;
}

/* Looks at one that has ended before it takes it: a root is its owner's, who
 * is about to; the others behind it wait until then. */
uint32_t tree_reap(struct tree *tree)
{
    uint32_t count = 0;
    while (count < REAPED_MAX) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
            info.si_pid == 0) {
            break;
        }
        if (is_own(tree, info.si_pid) || is_root(tree, info.si_pid)) {
            break;
        }
        if (waitpid(info.si_pid, NULL, WNOHANG | __WALL) != info.si_pid) {
            break;
        }
        count++;
    }
    tree->counts.reaped += count;
    return count;
}

bool tree_has_children(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* --- beginning and end ---------------------------------------------------- */

void tree_begin(struct tree *tree, uint32_t root, int64_t pid)
{
    assert(root < tree->config.roots_count);
    tree_end(tree, root);
    tree->roots[root].pid = pid;
    tree->roots[root].gone_cpu_ns = 0;
    remember(tree, pid, root);
}

void tree_end(struct tree *tree, uint32_t root)
{
    struct root *owner = &tree->roots[root];
    if (owner->pid != 0) {
        forget(tree, owner->pid);
        owner->pid = 0;
    }
}

void tree_counts(const struct tree *tree, struct tree_counts *ret_counts)
{
    *ret_counts = tree->counts;
}

static bool make_room(struct tree *tree)
{
    size_t wanted =
        2 * ((size_t)tree->config.roots_count + tree->config.members_max);
    size_t size = 1;
    while (size < wanted) {
        size *= 2;
    }
    tree->entries_mask = size - 1;
    tree->entries = calloc(size, sizeof *tree->entries);
    tree->members = calloc(tree->config.members_max, sizeof *tree->members);
    tree->roots =
        calloc((size_t)tree->config.roots_count + 1, sizeof *tree->roots);
    tree->environment = malloc(ENVIRON_SIZE);
    return tree->entries && tree->members && tree->roots && tree->environment;
}

int tree_new(const struct tree_config *config, struct tree **ret_tree)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) {
        return -ENOMEM;
    }
    tree->config = *config;
    if (config->members_max == 0 || config->members_max > TREE_MEMBERS_MAX) {
        tree->config.members_max = TREE_MEMBERS_MAX;
    }
    tree->first_free = NONE;
    tree->self = getpid();
    if (!make_room(tree)) {
        tree_free(tree);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i <= config->roots_count; i++) {
        tree->roots[i].first = NONE;
    }
    *ret_tree = tree;
    return 0;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL) {
        return;
    }
    for (uint32_t i = 0;
         tree->members && tree->roots && i <= tree->config.roots_count &&
         tree->counts.members > 0;
         i++) {
        while (tree->roots[i].first != NONE) {
            drop_member(tree, &tree->roots[i].first);
        }
    }
    free(tree->environment);
    free(tree->roots);
    free(tree->members);
    free(tree->entries);
    free(tree);
}
