#include "heap/buckets.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "whole_file.h"

static const cyaml_schema_value_t pattern_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED),
};

#define PATTERNS(key)                                                          \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,       \
                         struct buckets_rule, key, &pattern_schema, 0,         \
                         BUCKETS_PATTERNS_MAX)

static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_STRING_PTR("bucket", CYAML_FLAG_POINTER, struct buckets_rule,
                           bucket, 1, BUCKETS_NAME_MAX),
    PATTERNS(functions),
    PATTERNS(files),
    PATTERNS(libraries),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct buckets_rule, rule_fields),
};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_STRING_PTR("about", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct buckets, about, 0, 2000),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER, struct buckets, rules,
                         &rule_schema, 1, BUCKETS_RULES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct buckets, file_fields),
};

/* libcyaml's first line says what is wrong, the next where. */
static void catch_log(cyaml_log_t level, void *context, const char *format,
                      va_list args)
{
    struct err *err = context;
    char line[sizeof err->sentence];
    if (err == NULL || level < CYAML_LOG_ERROR) {
        return;
    }
    (void)vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    if (err->sentence[0] == '\0') {
        const char *said = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
        (void)snprintf(err->sentence, sizeof err->sentence, "%s", said);
    }
    const char *place = strstr(line, "line: ");
    if (place != NULL && err->line == 0) {
        err->line = atoi(place + 6);
        place = strstr(place, "column: ");
        err->column = place != NULL ? atoi(place + 8) : 0;
    }
}

static cyaml_config_t config_for(struct err *err)
{
    return (cyaml_config_t){
        .log_fn = catch_log,
        .log_ctx = err,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
    };
}

int buckets_parse(const char *file, const char *text, size_t size,
                  struct buckets **ret_buckets, struct err *err)
{
    struct err caught = {.sentence = ""};
    cyaml_config_t config = config_for(&caught);
    cyaml_data_t *data = NULL;
    cyaml_err_t r = cyaml_load_data((const uint8_t *)text, size, &config,
                                    &file_schema, &data, NULL);
    if (r == CYAML_ERR_OOM) {
        err_set(err, file, 0, 0, "out of memory");
        return -ENOMEM;
    }
    if (r != CYAML_OK || data == NULL) {
        err_set(err, file, caught.line, caught.column,
                "%s; a rules file holds 'rules', each with a 'bucket' and "
                "lists of 'functions', 'files' or 'libraries'",
                caught.sentence[0] != '\0' ? caught.sentence
                                           : cyaml_strerror(r));
        (void)cyaml_free(&config, &file_schema, data, 0);
        return -EINVAL;
    }
    *ret_buckets = data;
    return 0;
}

int buckets_load(const char *path, struct buckets **ret_buckets,
                 struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    int r =
        whole_file_read(path, BUCKETS_FILE_MAX_BYTES, &text, &size, NULL, err);
    if (r == 0) {
        r = buckets_parse(path, text, size, ret_buckets, err);
    }
    free(text);
    return r;
}

void buckets_free(struct buckets *buckets)
{
    const cyaml_config_t config = config_for(NULL);
    (void)cyaml_free(&config, &file_schema, buckets, 0);
}

/* The whole of |path|, or what follows a slash of it. */
static bool matches_path(const char *pattern, const char *path)
{
    for (const char *tail = path; tail != NULL;) {
        if (fnmatch(pattern, tail, 0) == 0) {
            return true;
        }
        tail = strchr(tail, '/');
        tail = tail != NULL ? tail + 1 : NULL;
    }
    return false;
}

static bool matches_any(char *const *patterns, uint32_t count, const char *text,
                        bool is_path)
{
    for (uint32_t i = 0; text[0] != '\0' && i < count; i++) {
        if (is_path ? matches_path(patterns[i], text)
                    : fnmatch(patterns[i], text, 0) == 0) {
            return true;
        }
    }
    return false;
}

int buckets_match(const struct buckets *buckets, const char *function,
                  const char *file, const char *library)
{
    for (uint32_t i = 0; i < buckets->rules_count; i++) {
        const struct buckets_rule *rule = &buckets->rules[i];
        if (matches_any(rule->functions, rule->functions_count, function,
                        false) ||
            matches_any(rule->files, rule->files_count, file, true) ||
            matches_any(rule->libraries, rule->libraries_count, library,
                        true)) {
            return (int)i;
        }
    }
    return BUCKETS_NONE;
}
