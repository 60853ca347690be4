#include "scenario/scenario.h"

#include "scenario/check.h"
#include "scenario/document.h"
#include "scenario/keys.h"
#include "scenario/role_words.h"
#include "scenario/schema.h"
#include "whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

const struct scenario_placeholder scenario_placeholders[SCENARIO_PLACEHOLDERS] =
    {
        {"role", "the name of the role"},
        {"ordinal", "which of the role's processes it is, from 0"},
        {"id", "ROLE-ORDINAL"},
        {"slot", "which of all processes it is, from 0"},
        {"generation", "which life in the slot it is, from 1; see identity"},
        {"host", "the role's host"},
        {"port", "the role's port + ordinal"},
        {"dir", "a folder of the slot's own inside the run folder"},
        {"seed", "a number drawn from the run's seed, slot and generation"},
        {"peers", "contacts of the observers that are ready, with commas: what "
                  "they said by {ready_fd}, or else {host}:{port}"},
        {"ready_fd", "the descriptor for the line \"ready CONTACT\""},
        {"meshnode", "the bundled mesh node"},
        {"preload", "a library that gives an unmodified program a tally of its "
                    "heap: environment: [\"LD_PRELOAD={preload}\"]"},
        {"run", "the run folder"},
};

const struct scenario_placeholder
    scenario_other_placeholders[SCENARIO_OTHER_PLACEHOLDERS] = {
        {"host", "the host of another role's processes"},
        {"port", "the port of another role's first process, or of process N"},
};

static int read_file(const char *path, char **ret_text, size_t *ret_size,
                     struct err *err)
{
    int r = whole_file_read(path, SCENARIO_FILE_MAX_BYTES, ret_text, ret_size,
                            NULL, err);
    if (r == -EFBIG) {
        err_set(err, path, 0, 0,
                "is larger than 1 MiB; a scenario is a page of YAML");
    } else if (r == -EISDIR) {
        err_set(err, path, 0, 0, "is a folder; a scenario is a YAML file");
    }
    return r;
}

/* "scenarios/tight-loop.yaml" is called "tight-loop". */
static void name_of_file(const char *path, char name[NAME_MAX_BYTES + 1])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t length =
        dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    (void)snprintf(name, NAME_MAX_BYTES + 1, "%.*s", (int)length, base);
}

/* READY_AUTO becomes what suits the role. */
static void settle_readiness(struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        struct scenario_role *role = &scenario->roles[i];
        struct scenario_ready *ready = &role->ready;
        if (ready->by != READY_AUTO) {
            continue;
        }
        if (role_words_mention(role, "ready_fd")) {
            ready->by = READY_FD;
        } else if (role->port != 0 || ready->port != 0) {
            ready->by = READY_TCP;
        } else {
            ready->by = READY_DELAY;
            ready->within_s = SCENARIO_READY_DELAY_S;
        }
    }
}

/* An empty list of roles to wait for is not the same as none. */
static void note_what_is_given(struct scenario *scenario,
                               const struct document *document)
{
    for (uint32_t i = 0; i < scenario->roles_count; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "roles[%u].after", i);
        scenario->roles[i].has_after = document_has(document, path);
    }
}

/* Makes a scenario of |document|. */
static int build(const struct document *document, const char *path,
                 struct scenario **ret_scenario, struct err *err)
{
    char name[NAME_MAX_BYTES + 1];
    char *yaml = NULL;
    size_t size = 0;
    name_of_file(path, name);
    int r = document_complete(document, name, &yaml, &size);
    if (r < 0) {
        return r;
    }
    struct scenario *scenario = NULL;
    r = schema_load(yaml, size, &scenario, err);
    free(yaml);
    if (r < 0) {
        return r;
    }
    scenario->has_seed = document_has(document, "seed");
    settle_readiness(scenario);
    note_what_is_given(scenario, document);
    r = check_scenario(scenario, document, err);
    if (r < 0) {
        scenario_free(scenario);
        return r;
    }
    *ret_scenario = scenario;
    return 0;
}

int scenario_parse(const char *file, const char *text,
                   struct scenario **ret_scenario, struct err *err)
{
    struct document *document = NULL;
    struct scenario *scenario = NULL;
    int r = document_new(file, text, strlen(text), &document, err);
    if (r < 0) {
        goto out;
    }
    r = build(document, file, &scenario, err);
    if (r < 0) {
        goto out;
    }
    scenario->file = strdup(file);
    scenario->text = strdup(text);
    if (scenario->file == NULL || scenario->text == NULL) {
        scenario_free(scenario);
        r = -ENOMEM;
        goto out;
    }
    *ret_scenario = scenario;
out:
    if (r == -ENOMEM) {
        err_set(err, file, 0, 0, "cannot be read: %s", strerror(ENOMEM));
    }
    document_free(document);
    return r;
}

int scenario_load(const char *path, struct scenario **ret_scenario,
                  struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = read_file(path, &text, &size, err);
    if (r < 0) {
        return r;
    }
    if (strlen(text) != size) {
        err_set(err, path, 0, 0, "holds a NUL byte; a scenario is text");
        r = -EINVAL;
    } else {
        r = scenario_parse(path, text, ret_scenario, err);
    }
    free(text);
    return r;
}

void scenario_free(struct scenario *scenario)
{
    if (scenario != NULL) {
        free(scenario->file);
        free(scenario->text);
        schema_free(scenario);
    }
}

bool scenario_role_may_exit(const struct scenario_role *role, int exit_code)
{
    char code[16];
    (void)snprintf(code, sizeof code, "%d", exit_code);
    for (uint32_t i = 0; i < role->may_exit_count; i++) {
        if (strcmp(role->may_exit[i], code) == 0) {
            return true;
        }
    }
    return false;
}
