#include "watch/command_child.h"

#include "churn/launch.h"
#include "host.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KILL_ROUNDS_MAX = 50 }; /* who is killed may fork before it dies */

int command_child_init(struct command_child *command, struct err *err)
{
    *command = (struct command_child){.child = {.pidfd = -1}};
    int result = tally_page_init(&command->page);
    if (result != 0) {
        command->page.fd = -1;
        err_set(err, NULL, 0, 0, "no tally page: %s", strerror(-result));
    }
    (void)snprintf(command->mark, sizeof command->mark, "%d-%lld-",
                   (int)getpid(), (long long)host_now_ns());
    return result;
}

/* Words of a command are taken as they are; in a role's a brace is doubled. */
static char *without_placeholders(const char *word)
{
    char *copy = malloc(2 * strlen(word) + 1);
    char *end = copy;
    for (; copy != NULL && *word != '\0'; word++) {
        *end++ = *word;
        if (*word == '{' || *word == '}') {
            *end++ = *word;
        }
    }
    if (copy != NULL) {
        *end = '\0';
    }
    return copy;
}

static void free_words(char **words, uint32_t count)
{
    for (uint32_t i = 0; words != NULL && i < count; i++) {
        free(words[i]);
    }
    free(words);
}

/* The library goes before what is preloaded already. */
static char *preload_setting(void)
{
    const char *ours = getenv("LD_PRELOAD");
    char *setting = NULL;
    char *rest = without_placeholders(ours != NULL ? ours : "");
    if (rest != NULL && asprintf(&setting, "LD_PRELOAD={preload}%s%s",
                                 rest[0] != '\0' ? ":" : "", rest) < 0) {
        setting = NULL;
    }
    free(rest);
    return setting;
}

static int make_launch(const struct command_child *command, char *const *argv,
                       const struct command_child_preload *preload,
                       struct launch *ret_launch, struct err *err)
{
    char mark[64];
    char *environment[2] = {mark, NULL};
    char name[] = "watch";
    struct scenario_role role = {
        .name = name, .environment = environment, .environment_count = 1};
    const struct launch_values values = {.id = "",
                                         .generation = 1,
                                         .dir = "",
                                         .peers = "",
                                         .meshnode = "",
                                         .preload = preload->library,
                                         .run = "",
                                         .heap = preload->heap,
                                         .heap_sample_kib =
                                             preload->profile_kib,
                                         .leaves_jemalloc = true};
    int result = 0;
    (void)snprintf(mark, sizeof mark, COMMAND_CHILD_MARK_NAME "=%s0",
                   command->mark);
    while (argv[role.command_count] != NULL) {
        role.command_count++;
    }
    role.command = calloc(role.command_count, sizeof *role.command);
    for (uint32_t i = 0; role.command != NULL && i < role.command_count; i++) {
        role.command[i] = without_placeholders(argv[i]);
        result = role.command[i] == NULL ? -ENOMEM : result;
    }
    if (preload->library[0] != '\0') {
        environment[1] = preload_setting();
        role.environment_count += environment[1] != NULL;
    }
    if (role.command == NULL || result != 0) {
        result = -ENOMEM;
        err_set(err, NULL, 0, 0, "out of memory");
    } else {
        result = launch_make(&role, &values, ret_launch, err);
    }
    free_words(role.command, role.command_count);
    free(environment[1]);
    return result;
}

int command_child_start(struct command_child *command, char *const *argv,
                        const struct command_child_preload *preload,
                        struct err *err)
{
    struct launch launch = {0};
    const char *step = "";
    int result = make_launch(command, argv, preload, &launch, err);
    if (result != 0) {
        return result;
    }
    int input = isatty(STDIN_FILENO) ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                                     : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    const struct spawn_fd fds[] = {
        {STDOUT_FILENO, 1},
        {STDERR_FILENO, 2},
        {command->page.fd, LAUNCH_TALLY_FD},
        {input, 0},
    };
    const struct spawn_request request = {
        .program = launch.program,
        .argv = launch.argv,
        .envp = launch.envp,
        .fds = fds,
        .fds_count = input >= 0 ? 4 : 3,
    };
    result = spawn_process(&request, &command->child, &step);
    if (result != SPAWN_OK) {
        err_set(err, NULL, 0, 0, "cannot start %.200s: %s (%s)", launch.program,
                strerror(-result), step);
    }
    if (input >= 0) {
        (void)close(input);
    }
    launch_deinit(&launch);
    return result;
}

void command_child_signal(struct command_child *command, int signal)
{
    /* The group has the child in it. */
    spawn_signal_group(&command->child, signal);
}

void command_child_reap(struct command_child *command)
{
    if (spawn_reap(&command->child, true, &command->end) != SPAWN_OK) {
        /* Cannot be; a descriptor that stays readable must not stay. */
        (void)close(command->child.pidfd);
        command->child = (struct spawn_child){.pidfd = -1};
        command->end = (struct spawn_exit){.exit_code = -1};
    }
    command->has_ended = true;
}

/* Every look finds those that were forked since the last. */
static void kill_tree(struct tree *tree)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int round = 0; round < KILL_ROUNDS_MAX; round++) {
        (void)tree_look_at_all(tree, host_now_ns());
        if (tree_kill_all(tree, SIGKILL) == 0 && !tree_has_children()) {
            return;
        }
        (void)nanosleep(&pause, NULL);
        (void)tree_reap(tree);
    }
}

void command_child_deinit(struct command_child *command, struct tree *tree)
{
    if (command->child.pidfd >= 0) {
        command_child_signal(command, SIGKILL);
        if (tree != NULL) {
            tree_end(tree, 0);
        }
        command_child_reap(command);
    }
    if (tree != NULL) {
        kill_tree(tree);
    }
    if (command->page.fd >= 0) {
        tally_page_deinit(&command->page);
        command->page.fd = -1;
    }
}

char *command_child_how(const struct command_child *command,
                        char text[COMMAND_CHILD_HOW_SIZE])
{
    int number = command->end.signal;
    const char *name = number != 0 ? sigabbrev_np(number) : NULL;
    if (number != 0) {
        (void)snprintf(text, COMMAND_CHILD_HOW_SIZE,
                       "was killed by signal %d (%s)", number,
                       name != NULL ? name : "unknown");
    } else {
        (void)snprintf(text, COMMAND_CHILD_HOW_SIZE,
                       "ended with exit status %d", command->end.exit_code);
    }
    return text;
}
