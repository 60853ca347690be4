#include "scenario/check_role.h"

#include "scenario/keys.h"
#include "scenario/role_words.h"

#include <arpa/inet.h>
#include <assert.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_LETTERS "abcdefghijklmnopqrstuvwxyz"
#define LETTERS SMALL_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define ENVIRONMENT_OURS "PLATEAU_"

enum {
    PATH_SIZE = 64,
    PORT_LAST = 65535,
    EXIT_CODE_LAST = 255,
    NAME_SIZE = 40,
    KNOWN_SIZE = 256,
};

/* What the checks share; |role| is the one under way. */
struct checking {
    const struct scenario *scenario;
    const struct document *document;
    struct err *err;
    uint32_t index;
    const struct scenario_role *role;
};

/* Blames "roles[2].|key|" of the role under way; "" is the role itself. */
static int blame(const struct checking *checking, const char *key,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static int blame(const struct checking *checking, const char *key,
                 const char *format, ...)
{
    char path[PATH_SIZE];
    char sentence[sizeof checking->err->sentence];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    (void)snprintf(path, sizeof path, "roles[%u]%s%s", checking->index,
                   key[0] == '\0' ? "" : ".", key);
    return document_blame(checking->document, path, checking->err, "%s",
                          sentence);
}

/* --- placeholders -------------------------------------------------------- */

static int blame_placeholder(const struct checking *checking, const char *key,
                             const char *name,
                             const struct scenario_placeholder *known,
                             size_t count)
{
    char all[KNOWN_SIZE] = "";
    const char *names[SCENARIO_PLACEHOLDERS];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = known[i].name;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s{%s}",
                                 i == 0 ? "" : " ", names[i]);
        assert(used < sizeof all);
    }
    const char *near = keys_nearest(name, names, count);
    if (near != NULL) {
        return blame(checking, key,
                     "unknown placeholder '{%s}'; did you mean '{%s}'? Known: "
                     "%s",
                     name, near, all);
    }
    return blame(checking, key, "unknown placeholder '{%s}'; known: %s", name,
                 all);
}

static bool is_known(const char *name, const struct scenario_placeholder *known,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct scenario_role *find_role(const struct checking *checking,
                                             const char *name)
{
    for (uint32_t i = 0; i < checking->scenario->roles_count; i++) {
        if (strcmp(checking->scenario->roles[i].name, name) == 0) {
            return &checking->scenario->roles[i];
        }
    }
    return NULL;
}

static int blame_role(const struct checking *checking, const char *key,
                      const char *name)
{
    const char *names[SCENARIO_ROLES_MAX];
    uint32_t count = checking->scenario->roles_count;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = checking->scenario->roles[i].name;
    }
    const char *near = keys_nearest(name, names, count);
    return blame(checking, key, "no role is called '%s'%s%s%s", name,
                 near != NULL ? "; did you mean '" : "; name one of 'roles'",
                 near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* "{port:server:2}": the role is there, and has so many processes. */
static int check_other(const struct checking *checking, const char *key,
                       const char *name, const struct placeholder_part *part)
{
    char role_name[NAME_SIZE];
    if (!is_known(name, scenario_other_placeholders,
                  SCENARIO_OTHER_PLACEHOLDERS)) {
        return blame(checking, key,
                     "'{%s:ROLE}' is not to be had; of other roles there are "
                     "{host:ROLE} and {port:ROLE:N}",
                     name);
    }
    (void)snprintf(role_name, sizeof role_name, "%.*s", (int)part->role_length,
                   part->role);
    const struct scenario_role *other = find_role(checking, role_name);
    if (other == NULL) {
        return blame_role(checking, key, role_name);
    }
    if (part->ordinal >= other->count) {
        return blame(checking, key,
                     "role '%s' has no process %u; it has %u, counted from 0",
                     role_name, part->ordinal, other->count);
    }
    if (strcmp(name, "port") == 0 && other->port == 0) {
        return blame(checking, key,
                     "{port:%s} is used, but role '%s' has no 'port'; give it "
                     "the first one, 1024 to 65535",
                     role_name, role_name);
    }
    return 0;
}

/* Looks through one word. */
static int check_word(const struct checking *checking,
                      const struct role_word *word)
{
    for (const char *cursor = word->text; *cursor != '\0';) {
        char name[NAME_SIZE];
        struct placeholder_part part;
        int r = 0;
        if (placeholder_next(&cursor, word->style, &part) != 0) {
            return blame(checking, word->key,
                         "a lone '%c' at \"%.20s\"; a placeholder is {name}, a "
                         "brace itself is '%c%c'",
                         *part.start, part.start, *part.start, *part.start);
        }
        if (!part.is_name) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)part.length, part.start);
        if (part.role != NULL) {
            r = check_other(checking, word->key, name, &part);
        } else if (!is_known(name, scenario_placeholders,
                             SCENARIO_PLACEHOLDERS)) {
            r = blame_placeholder(checking, word->key, name,
                                  scenario_placeholders, SCENARIO_PLACEHOLDERS);
        } else if (strcmp(name, "port") == 0 && checking->role->port == 0) {
            r = blame(checking, word->key,
                      "{port} is used, but the role has no 'port'; give the "
                      "first one, 1024 to 65535");
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_words(const struct checking *checking)
{
    struct role_word word;
    if (checking->role->command[0][0] == '\0') {
        return blame(checking, "command[0]",
                     "the command's first word is empty; it names the program");
    }
    for (uint32_t cursor = 0;
         role_words_next(checking->role, &cursor, &word);) {
        int r = check_word(checking, &word);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* --- names and places ---------------------------------------------------- */

static int check_environment(const struct checking *checking)
{
    for (uint32_t i = 0; i < checking->role->environment_count; i++) {
        const char *word = checking->role->environment[i];
        size_t length = strspn(word, LETTERS "_" DIGITS);
        char key[32];
        (void)snprintf(key, sizeof key, "environment[%u]", i);
        if (length == 0 || word[length] != '=' ||
            strchr(DIGITS, word[0]) != NULL) {
            return blame(checking, key,
                         "'%.60s' is no variable; right is NAME=value, of "
                         "letters, digits and '_'",
                         word);
        }
        if (strncmp(word, ENVIRONMENT_OURS, strlen(ENVIRONMENT_OURS)) == 0) {
            return blame(checking, key,
                         "'%.*s' is set by plateau itself; choose another name",
                         (int)length, word);
        }
    }
    return 0;
}

static int check_name(const struct checking *checking)
{
    const char *name = checking->role->name;
    if (strchr(SMALL_LETTERS, name[0]) == NULL ||
        strspn(name, SMALL_LETTERS DIGITS "-") != strlen(name)) {
        return blame(checking, "name",
                     "'%s' is no role name; right is a small letter, then "
                     "small letters, digits and hyphens",
                     name);
    }
    if (find_role(checking, name) != checking->role) {
        return blame(checking, "name",
                     "a second role is called '%s'; give each a name of its "
                     "own",
                     name);
    }
    return 0;
}

static int check_host(const struct checking *checking)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *host = checking->role->host;
    if (inet_pton(AF_INET, host, address) != 1 &&
        inet_pton(AF_INET6, host, address) != 1) {
        return blame(checking, "host",
                     "'%s' is no address; right is a numeric one, like "
                     "127.0.0.1 or ::1",
                     host);
    }
    return 0;
}

/* The role's ports exist, and no other role has one of them. */
static int check_ports(const struct checking *checking)
{
    const struct scenario_role *role = checking->role;
    uint32_t last = role->port + role->count - 1;
    if (role->port == 0) {
        return 0;
    }
    if (last > PORT_LAST) {
        return blame(checking, "port",
                     "'port' %u and a count of %u end at %u, beyond 65535; "
                     "right is %u at most",
                     role->port, role->count, last,
                     PORT_LAST - role->count + 1);
    }
    for (uint32_t i = 0; i < checking->index; i++) {
        const struct scenario_role *other = &checking->scenario->roles[i];
        if (other->port != 0 && role->port < other->port + other->count &&
            other->port <= last && strcmp(role->host, other->host) == 0) {
            return blame(checking, "port",
                         "ports %u to %u overlap with those of role '%s', %u "
                         "to %u",
                         role->port, last, other->name, other->port,
                         other->port + other->count - 1);
        }
    }
    return 0;
}

/* --- files, limits and ends ---------------------------------------------- */

/* A path that stays within {dir}. */
static bool is_within(const char *path)
{
    if (path[0] == '/' || path[strlen(path) - 1] == '/') {
        return false;
    }
    for (const char *at = path; at != NULL;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || (length == 1 && at[0] == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
        at = at[length] == '/' ? at + length + 1 : NULL;
    }
    return true;
}

static int check_files(const struct checking *checking)
{
    const struct scenario_role *role = checking->role;
    for (uint32_t i = 0; i < role->files_count; i++) {
        const char *path = role->files[i].path;
        char key[ROLE_WORDS_KEY_SIZE];
        (void)snprintf(key, sizeof key, "files[%u].path", i);
        if (!is_within(path)) {
            return blame(checking, key,
                         "'%.80s' is no path within {dir}; right is one like "
                         "etc/node.conf, without a slash before or behind it, "
                         "'.' or '..'",
                         path);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(role->files[j].path, path) == 0) {
                return blame(checking, key,
                             "'%.80s' is written twice; keep one of them",
                             path);
            }
        }
    }
    return 0;
}

static int check_may_exit(const struct checking *checking)
{
    const struct scenario_role *role = checking->role;
    if (role->may_exit_count > 0 && role->kind != ROLE_CHURNER) {
        return blame(checking, "may_exit",
                     "role '%s' is no churner; observers and bystanders are to "
                     "live through the run",
                     role->name);
    }
    for (uint32_t i = 0; i < role->may_exit_count; i++) {
        const char *code = role->may_exit[i];
        char key[ROLE_WORDS_KEY_SIZE];
        (void)snprintf(key, sizeof key, "may_exit[%u]", i);
        size_t digits = strspn(code, DIGITS);
        if (digits == 0 || digits > 3 || code[digits] != '\0' ||
            (code[0] == '0' && digits > 1) || atoi(code) > EXIT_CODE_LAST) {
            return blame(checking, key,
                         "'%.40s' is no exit code; right is a whole number "
                         "from 0 to 255",
                         code);
        }
    }
    return 0;
}

static int check_after(const struct checking *checking)
{
    const struct scenario_role *role = checking->role;
    for (uint32_t i = 0; i < role->after_count; i++) {
        if (find_role(checking, role->after[i]) == NULL) {
            char key[ROLE_WORDS_KEY_SIZE];
            (void)snprintf(key, sizeof key, "after[%u]", i);
            return blame_role(checking, key, role->after[i]);
        }
    }
    return 0;
}

/* --- readiness ----------------------------------------------------------- */

static int check_ready_fd(const struct checking *checking)
{
    if (!role_words_mention(checking->role, "ready_fd")) {
        return blame(checking, "command",
                     "role '%s' is ready by fd, but no word of its command "
                     "holds {ready_fd}; add it, or choose another "
                     "ready: {by: ...}",
                     checking->role->name);
    }
    return 0;
}

static int check_ready_port(const struct checking *checking)
{
    if (checking->role->port == 0 && checking->role->ready.port == 0) {
        return blame(checking, "ready",
                     "role '%s' is ready by a port, but has none; give the "
                     "role its 'port', or ready: {port: ...}",
                     checking->role->name);
    }
    return 0;
}

static int check_ready_log(const struct checking *checking)
{
    const char *pattern = checking->role->ready.pattern;
    char why[128];
    regex_t compiled;
    if (pattern[0] == '\0') {
        return blame(checking, "ready",
                     "role '%s' is ready by log; give the 'pattern' that a "
                     "line of its log should match",
                     checking->role->name);
    }
    int r = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        (void)regerror(r, &compiled, why, sizeof why);
        return blame(checking, "ready.pattern",
                     "'%.80s' is no regular expression: %s", pattern, why);
    }
    regfree(&compiled);
    return 0;
}

static int check_ready_file(const struct checking *checking)
{
    if (checking->role->ready.path[0] == '\0') {
        return blame(checking, "ready",
                     "role '%s' is ready by file; give its 'path', like "
                     "\"{dir}/up\"",
                     checking->role->name);
    }
    return 0;
}

static int check_ready_command(const struct checking *checking)
{
    const struct scenario_ready *ready = &checking->role->ready;
    if (ready->command_count == 0 || ready->command[0][0] == '\0') {
        return blame(checking, "ready",
                     "role '%s' is ready by command; give the 'command' that "
                     "exits with 0 once it is",
                     checking->role->name);
    }
    return 0;
}

/* What belongs to which way of being ready. */
static int check_ready(const struct checking *checking)
{
    static int (*const checks[READY_RULES])(const struct checking *) = {
        [READY_FD] = check_ready_fd,     [READY_TCP] = check_ready_port,
        [READY_UDP] = check_ready_port,  [READY_LOG] = check_ready_log,
        [READY_FILE] = check_ready_file, [READY_COMMAND] = check_ready_command,
    };
    const struct scenario_ready *ready = &checking->role->ready;
    const struct {
        const char *key, *by;
        bool is_given, is_right;
    } belongings[] = {
        {"ready.port", "tcp or udp", ready->port != 0,
         ready->by == READY_TCP || ready->by == READY_UDP},
        {"ready.pattern", "log", ready->pattern[0] != '\0',
         ready->by == READY_LOG},
        {"ready.path", "file", ready->path[0] != '\0', ready->by == READY_FILE},
        {"ready.command", "command", ready->command_count > 0,
         ready->by == READY_COMMAND},
    };
    for (size_t i = 0; i < sizeof belongings / sizeof belongings[0]; i++) {
        if (belongings[i].is_given && !belongings[i].is_right) {
            return blame(checking, belongings[i].key,
                         "'%s' says nothing unless the role is ready by %s; "
                         "give that, or leave it out",
                         belongings[i].key, belongings[i].by);
        }
    }
    if (ready->by != READY_FD &&
        role_words_mention(checking->role, "ready_fd")) {
        return blame(checking, "command",
                     "{ready_fd} is used, but role '%s' is not ready by fd; "
                     "use ready: {by: fd}",
                     checking->role->name);
    }
    return checks[ready->by] != NULL ? checks[ready->by](checking) : 0;
}

int check_role(const struct scenario *scenario, uint32_t role,
               const struct document *document, struct err *err)
{
    static int (*const checks[])(const struct checking *) = {
        check_name,  check_words, check_environment, check_ready, check_host,
        check_ports, check_files, check_may_exit,    check_after,
    };
    const struct checking checking = {scenario, document, err, role,
                                      &scenario->roles[role]};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof checks / sizeof checks[0]; i++) {
        r = checks[i](&checking);
    }
    return r;
}
