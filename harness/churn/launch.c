#include "churn/launch.h"

#include "isolate/address.h"
#include "scenario/placeholder.h"
#include "scenario/role_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_SIZE = 24, PATH_SIZE = 4096 };

extern char **environ;

/* The values as text, in the form that placeholder_expand() wants. */
struct texts {
    char numbers[6][NUMBER_SIZE];
    char preload[PATH_SIZE];
    struct placeholder table[SCENARIO_PLACEHOLDERS];
    struct placeholder_values values;
};

/* {host:ROLE} and {port:ROLE:N}; |context| is the scenario. */
static int of_other(const void *context, const struct placeholder_part *part,
                    char ret_text[PLACEHOLDER_OTHER_SIZE])
{
    const struct scenario *scenario = context;
    for (uint32_t i = 0; scenario != NULL && i < scenario->roles_count; i++) {
        const struct scenario_role *role = &scenario->roles[i];
        if (strlen(role->name) != part->role_length ||
            memcmp(role->name, part->role, part->role_length) != 0 ||
            part->ordinal >= role->count || part->length != 4) {
            continue;
        }
        if (memcmp(part->start, "host", 4) == 0) {
            char host[ISOLATE_ADDRESS_SIZE];
            (void)snprintf(
                ret_text, PLACEHOLDER_OTHER_SIZE, "%s",
                isolate_address(scenario, role, part->ordinal, host));
            return 0;
        }
        if (memcmp(part->start, "port", 4) == 0) {
            (void)snprintf(ret_text, PLACEHOLDER_OTHER_SIZE, "%u",
                           role->port != 0 ? role->port + part->ordinal : 0);
            return 0;
        }
    }
    return PLACEHOLDER_UNKNOWN;
}

/* Where a heap profile is asked for, the library that can take one of a program
 * on glibc's allocator lies beside the other. */
static void choose_preload(const struct launch_values *values,
                           char path[PATH_SIZE])
{
    static const char suffix[] = ".so";
    const size_t length = strlen(values->preload);
    const size_t stem = length - (sizeof suffix - 1);
    (void)snprintf(path, PATH_SIZE, "%s", values->preload);
    if (values->heap[0] == '\0' || length < sizeof suffix ||
        strcmp(values->preload + stem, suffix) != 0) {
        return;
    }
    (void)snprintf(path, PATH_SIZE, "%.*s_heap%s", (int)stem, values->preload,
                   suffix);
    if (access(path, R_OK) < 0) {
        (void)snprintf(path, PATH_SIZE, "%s", values->preload);
    }
}

static void make_texts(const struct scenario_role *role,
                       const struct launch_values *values, struct texts *texts)
{
    (void)snprintf(texts->numbers[0], NUMBER_SIZE, "%u", values->ordinal);
    (void)snprintf(texts->numbers[1], NUMBER_SIZE, "%u", values->slot);
    (void)snprintf(texts->numbers[2], NUMBER_SIZE, "%" PRId64,
                   values->generation);
    (void)snprintf(texts->numbers[3], NUMBER_SIZE, "%u", values->port);
    (void)snprintf(texts->numbers[4], NUMBER_SIZE, "%" PRIu64, values->seed);
    (void)snprintf(texts->numbers[5], NUMBER_SIZE, "%d", LAUNCH_READY_FD);
    choose_preload(values, texts->preload);
    const struct placeholder table[SCENARIO_PLACEHOLDERS] = {
        {"role", role->name},
        {"ordinal", texts->numbers[0]},
        {"id", values->id},
        {"slot", texts->numbers[1]},
        {"generation", texts->numbers[2]},
        {"host", values->host},
        {"port", texts->numbers[3]},
        {"dir", values->dir},
        {"seed", texts->numbers[4]},
        {"peers", values->peers},
        {"ready_fd", texts->numbers[5]},
        {"meshnode", values->meshnode},
        {"preload", texts->preload},
        {"run", values->run},
    };
    memcpy(texts->table, table, sizeof table);
    texts->values = (struct placeholder_values){
        .own = texts->table,
        .own_count = SCENARIO_PLACEHOLDERS,
        .of_other = of_other,
        .context = values->scenario,
    };
}

/* 0 and *ret_text, owned; or -errno: a loaded scenario has no placeholder that
 * is unknown. */
static int expand_as(const char *word, enum placeholder_style style,
                     const struct texts *texts, char **ret_text)
{
    int result = placeholder_expand(word, style, &texts->values, ret_text);
    return result > 0 ? -EINVAL : result;
}

static int expand(const char *word, const struct texts *texts, char **ret_text)
{
    return expand_as(word, PLACEHOLDER_IN_WORD, texts, ret_text);
}

/* Expands |count| words into a list that ends with NULL. */
static int expand_words(char *const *words, uint32_t count,
                        const struct texts *texts, char ***ret_list)
{
    char **list = calloc((size_t)count + 1, sizeof *list);
    if (list == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        int result = expand(words[i], texts, &list[i]);
        if (result != 0) {
            for (uint32_t j = 0; j < i; j++) {
                free(list[j]);
            }
            free(list);
            return result;
        }
    }
    *ret_list = list;
    return 0;
}

static void free_list(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        free(list[i]);
    }
    free(list);
}

/* 0, -ENOENT or -EACCES; a path that leads through a file, in a circle or is
 * too long leads to no program. */
static int check_program(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return errno == EACCES ? -EACCES : -ENOENT;
    }
    return !S_ISREG(st.st_mode) || access(path, X_OK) < 0 ? -EACCES : 0;
}

/* As execvp(3) would find it: an empty entry of PATH is the working folder. */
static int find_program(const char *word, char path[PATH_SIZE])
{
    const char *folders = getenv("PATH");
    int result = -ENOENT;
    if (word[0] == '\0' || strlen(word) >= PATH_SIZE) {
        return -ENOENT;
    }
    if (strchr(word, '/') != NULL) {
        (void)snprintf(path, PATH_SIZE, "%s", word);
        return check_program(path);
    }
    folders = folders ? folders : "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t length = strcspn(folders, ":");
        int size =
            snprintf(path, PATH_SIZE, "%.*s/%s", length ? (int)length : 1,
                     length ? folders : ".", word);
        int here = size < PATH_SIZE ? check_program(path) : -ENOENT;
        if (here == 0) {
            return 0;
        }
        result = here == -EACCES ? -EACCES : result;
        if (folders[length] == '\0') {
            return result;
        }
        folders += length + 1;
    }
}

static const char for_examples[] =
    " (what the bundled examples run: scripts/setup --examples)";

static void blame_program(const struct scenario_role *role, const char *word,
                          int result, struct err *err)
{
    const char *folders = getenv("PATH");
    if (result == -EACCES) {
        err_set(err, NULL, 0, 0,
                "role %s: the program '%s' cannot be executed; it should be a "
                "file that you may execute",
                role->name, word);
    } else if (strchr(word, '/') != NULL || word[0] == '\0') {
        err_set(err, NULL, 0, 0,
                "role %s: there is no program '%s'; install it, or say where "
                "it is%s",
                role->name, word, for_examples);
    } else {
        err_set(err, NULL, 0, 0,
                "role %s: there is no program '%s' in PATH (%s); install it, "
                "or say where it is%s",
                role->name, word, folders ? folders : "which is not set",
                for_examples);
    }
}

/* Replaces "NAME=..." in |list| of |*count|, or appends it. Takes |setting|. */
static void put_setting(char **list, size_t *count, char *setting)
{
    size_t length = strcspn(setting, "=") + 1;
    for (size_t i = 0; i < *count; i++) {
        if (strncmp(list[i], setting, length) == 0) {
            free(list[i]);
            list[i] = setting;
            return;
        }
    }
    list[(*count)++] = setting;
}

/* What turns jemalloc's profiler on (what the machine's own MALLOC_CONF says
 * stays), and that of the preload library. What a role's own environment says
 * of these has the last word. */
static int put_heap(const struct launch_values *values, char **list,
                    size_t *count)
{
    const char *known = getenv("MALLOC_CONF");
    const uint64_t sample_bytes = (uint64_t)values->heap_sample_kib << 10;
    const size_t made = values->leaves_jemalloc ? 2 : 3;
    char *settings[3] = {NULL};
    if (values->heap[0] == '\0') {
        return 0;
    }
    if (asprintf(&settings[0], "PLATEAU_HEAP=%s", values->heap) < 0 ||
        asprintf(&settings[1], "PLATEAU_HEAP_SAMPLE_BYTES=%" PRIu64,
                 sample_bytes) < 0 ||
        (!values->leaves_jemalloc &&
         asprintf(&settings[2], "MALLOC_CONF=%s%sprof:true,lg_prof_sample:%d",
                  known != NULL ? known : "", known != NULL ? "," : "",
                  63 - __builtin_clzll(sample_bytes)) < 0)) {
        free(settings[0]);
        free(settings[1]);
        return -ENOMEM;
    }
    for (size_t i = 0; i < made; i++) {
        put_setting(list, count, settings[i]);
    }
    return 0;
}

/* Before the role's own settings: who replaces it does without. */
static int put_mark(const struct launch_values *values, char **list,
                    size_t *count)
{
    char *setting = NULL;
    if (values->mark_name == NULL) {
        return 0;
    }
    if (asprintf(&setting, "%s=%s", values->mark_name, values->mark) < 0) {
        return -ENOMEM;
    }
    put_setting(list, count, setting);
    return 0;
}

/* A copy of our own environment, with room for |extra| more. */
static int copy_environment(size_t extra, char ***ret_list, size_t *ret_count)
{
    size_t ours = 0;
    while (environ[ours] != NULL) {
        ours++;
    }
    char **list = calloc(ours + extra + 1, sizeof *list);
    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < ours; i++) {
        list[i] = strdup(environ[i]);
        if (list[i] == NULL) {
            free_list(list);
            return -ENOMEM;
        }
    }
    *ret_list = list;
    *ret_count = ours;
    return 0;
}

/* Puts the role's own settings on top. */
static int put_own(const struct scenario_role *role, const struct texts *texts,
                   char **list, size_t *count)
{
    char **own = NULL;
    int result =
        expand_words(role->environment, role->environment_count, texts, &own);
    for (uint32_t i = 0; result == 0 && i < role->environment_count; i++) {
        put_setting(list, count, own[i]);
    }
    free(own);
    return result;
}

/* That of the process, or, |for_command|, of the command that tells whether it
 * is ready: that one has no page, and is not to be preloaded. */
static int make_environment(const struct scenario_role *role,
                            const struct launch_values *values,
                            const struct texts *texts, bool for_command,
                            char ***ret_list)
{
    char **list = NULL;
    size_t count = 0;
    char *last = NULL;
    int result = copy_environment(role->environment_count + 6, &list, &count);
    if (result == 0) {
        result = put_mark(values, list, &count);
    }
    if (result == 0 && !for_command) {
        result = put_heap(values, list, &count);
    }
    if (result == 0) {
        result = put_own(role, texts, list, &count);
    }
    if (result == 0 && for_command) {
        last = strdup("LD_PRELOAD=");
        result = last != NULL ? 0 : -ENOMEM;
    } else if (result == 0 &&
               asprintf(&last, "PLATEAU_TALLY=fd:%d", LAUNCH_TALLY_FD) < 0) {
        result = -ENOMEM;
    }
    if (result != 0) {
        free_list(list);
        return result;
    }
    put_setting(list, &count, last);
    *ret_list = list;
    return 0;
}

/* What the role speaks of is there. */
static int check_tools(const struct scenario_role *role,
                       const struct launch_values *values, struct err *err)
{
    const struct {
        const char *name, *path;
    } tools[] = {{"meshnode", values->meshnode}, {"preload", values->preload}};
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (tools[i].path[0] == '\0' &&
            role_words_mention(role, tools[i].name)) {
            err_set(err, NULL, 0, 0,
                    "role %s speaks of {%s}, which is not there: it should lie "
                    "beside this program; build the whole project, or write "
                    "its path instead",
                    role->name, tools[i].name);
            return -ENOENT;
        }
    }
    return 0;
}

/* A program that is found from our folder has to be found from another as
 * well. */
static int take_program(const char *path, bool has_folder, char **ret_program)
{
    char here[PATH_SIZE];
    if (!has_folder || path[0] == '/') {
        *ret_program = strdup(path);
        return *ret_program != NULL ? 0 : -ENOMEM;
    }
    if (getcwd(here, sizeof here) == NULL) {
        return -errno;
    }
    return asprintf(ret_program, "%s/%s", here, path) < 0 ? -ENOMEM : 0;
}

/* Expands |words| and finds the program that the first of them names. */
static int make_command(const struct scenario_role *role, char *const *words,
                        uint32_t count, const struct texts *texts,
                        char ***ret_argv, char **ret_program, struct err *err)
{
    char path[PATH_SIZE];
    int result = expand_words(words, count, texts, ret_argv);
    if (result != 0) {
        return result;
    }
    result = find_program((*ret_argv)[0], path);
    if (result != 0) {
        blame_program(role, (*ret_argv)[0], result, err);
        return result;
    }
    return take_program(path, role->folder != NULL && role->folder[0] != '\0',
                        ret_program);
}

static int make_folder(const struct scenario_role *role,
                       const struct texts *texts, char **ret_folder)
{
    if (role->folder == NULL || role->folder[0] == '\0') {
        return 0;
    }
    return expand(role->folder, texts, ret_folder);
}

static int make_files(const struct scenario_role *role,
                      const struct texts *texts, struct launch *launch)
{
    int result = 0;
    if (role->files_count == 0) {
        return 0;
    }
    launch->files = calloc(role->files_count, sizeof *launch->files);
    if (launch->files == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; result == 0 && i < role->files_count; i++) {
        launch->files_count++;
        launch->files[i].path = strdup(role->files[i].path);
        result = launch->files[i].path != NULL ? 0 : -ENOMEM;
        if (result == 0) {
            result = expand_as(role->files[i].text, PLACEHOLDER_IN_FILE, texts,
                               &launch->files[i].text);
        }
    }
    return result;
}

/* What tells that the process is ready. */
static int make_readiness(const struct scenario_role *role,
                          const struct launch_values *values,
                          const struct texts *texts,
                          struct launch_readiness *ready, struct err *err)
{
    const struct scenario_ready *rule = &role->ready;
    int result = 0;
    if (rule->by == READY_FILE) {
        return expand(rule->path, texts, &ready->path);
    }
    if (rule->by == READY_COMMAND) {
        result = make_command(role, rule->command, rule->command_count, texts,
                              &ready->argv, &ready->program, err);
        if (result == 0) {
            result = make_environment(role, values, texts, true, &ready->envp);
        }
        if (result == 0) {
            result = make_folder(role, texts, &ready->folder);
        }
    }
    return result;
}

int launch_make(const struct scenario_role *role,
                const struct launch_values *values, struct launch *ret_launch,
                struct err *err)
{
    struct launch launch = {0};
    struct texts texts;
    int result = check_tools(role, values, err);
    if (result != 0) {
        return result;
    }
    make_texts(role, values, &texts);
    result = make_command(role, role->command, role->command_count, &texts,
                          &launch.argv, &launch.program, err);
    if (result == 0) {
        result = make_environment(role, values, &texts, false, &launch.envp);
    }
    if (result == 0) {
        result = make_folder(role, &texts, &launch.folder);
    }
    if (result == 0) {
        result = make_files(role, &texts, &launch);
    }
    if (result == 0) {
        result = make_readiness(role, values, &texts, &launch.ready, err);
    }
    if (result != 0) {
        if (result != -ENOENT && result != -EACCES) {
            err_set(err, NULL, 0, 0, "role %s: cannot make its command: %s",
                    role->name, strerror(-result));
        }
        launch_deinit(&launch);
        return result;
    }
    *ret_launch = launch;
    return 0;
}

void launch_readiness_deinit(struct launch_readiness *ready)
{
    free(ready->path);
    free(ready->program);
    free_list(ready->argv);
    free_list(ready->envp);
    free(ready->folder);
    *ready = (struct launch_readiness){0};
}

void launch_deinit(struct launch *launch)
{
    free(launch->program);
    free_list(launch->argv);
    free_list(launch->envp);
    free(launch->folder);
    for (uint32_t i = 0; i < launch->files_count; i++) {
        free(launch->files[i].path);
        free(launch->files[i].text);
    }
    free(launch->files);
    launch_readiness_deinit(&launch->ready);
    *launch = (struct launch){0};
}
