#include "scenario/scenario.h"

#include "scenario/check.h"
#include "scenario/document.h"
#include "scenario/keys.h"
#include "scenario/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64 };

const struct scenario_placeholder scenario_placeholders[SCENARIO_PLACEHOLDERS] =
    {
        {"role", "the name of the role"},
        {"ordinal", "which of the role's processes it is, from 0"},
        {"id", "ROLE-ORDINAL"},
        {"slot", "which of all processes it is, from 0"},
        {"generation", "which life in the slot it is, from 1"},
        {"port", "the role's port + ordinal"},
        {"dir", "a folder of the slot's own inside the run folder"},
        {"seed", "a number drawn from the run's seed, slot and generation"},
        {"peers", "contacts of the observers that are ready, with commas"},
        {"ready_fd", "the descriptor for the line \"ready CONTACT\""},
        {"meshnode", "the bundled mesh node"},
        {"preload", "a library that gives an unmodified program a tally of its "
                    "heap: environment: [\"LD_PRELOAD={preload}\"]"},
        {"run", "the run folder"},
};

static int blame_file(const char *path, int errnum, struct err *err)
{
    err_set(err, path, 0, 0, "cannot be read: %s", strerror(errnum));
    return -errnum;
}

/* Reads all of |fd|, at most SCENARIO_FILE_MAX_BYTES. */
static int read_all(int fd, const char *path, char **ret_text, size_t *ret_size,
                    struct err *err)
{
    char *text = malloc(SCENARIO_FILE_MAX_BYTES + 1);
    size_t size = 0;
    if (text == NULL) {
        return blame_file(path, ENOMEM, err);
    }
    for (;;) {
        ssize_t n = read(fd, text + size, SCENARIO_FILE_MAX_BYTES + 1 - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int r = blame_file(path, errno, err);
            free(text);
            return r;
        }
        size += (size_t)n;
        if (size > SCENARIO_FILE_MAX_BYTES) {
            err_set(err, path, 0, 0,
                    "is larger than 1 MiB; a scenario is a page of YAML");
            free(text);
            return -EFBIG;
        }
        if (n == 0) {
            break;
        }
    }
    text[size] = '\0';
    char *fitted = realloc(text, size + 1);
    *ret_text = fitted != NULL ? fitted : text;
    *ret_size = size;
    return 0;
}

static int read_file(const char *path, char **ret_text, size_t *ret_size,
                     struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return blame_file(path, errno, err);
    }
    struct stat st;
    int r = 0;
    if (fstat(fd, &st) < 0) {
        r = blame_file(path, errno, err);
    } else if (S_ISDIR(st.st_mode)) {
        err_set(err, path, 0, 0, "is a folder; a scenario is a YAML file");
        r = -EISDIR;
    } else {
        r = read_all(fd, path, ret_text, ret_size, err);
    }
    (void)close(fd);
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
        (void)blame_file(file, ENOMEM, err);
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

void scenario_print_reference(FILE *stream)
{
    keys_print(stream);
    (void)fprintf(stream, "\nplaceholders in commands and environments:\n");
    for (size_t i = 0; i < SCENARIO_PLACEHOLDERS; i++) {
        char word[24];
        (void)snprintf(word, sizeof word, "{%s}",
                       scenario_placeholders[i].name);
        (void)fprintf(stream, "  %-15s %s\n", word,
                      scenario_placeholders[i].about);
    }
    (void)fprintf(stream, "  %-15s %s\n", "{{ and }}", "the braces themselves");
}
