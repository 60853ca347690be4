/* keys.h - every key that a scenario may hold, as one table.
 *
 * The checks (check.c), the libcyaml schema (schema.c), the defaults and the
 * printed reference (reference.h) all follow from it: a new key is one new row
 * in keys_table.c or keys_role.c. A row says where its value lands in struct
 * scenario or in the part of it that the section fills.
 */
#ifndef PLATEAU_SCENARIO_KEYS_H
#define PLATEAU_SCENARIO_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mapping of the file. */
enum key_section {
    SECTION_ROOT,
    SECTION_RUN,
    SECTION_CHURN,
    SECTION_KINDS,
    SECTION_EBB,
    SECTION_HEAP,
    SECTION_ISOLATE,
    SECTION_CHANGE,
    SECTION_ROLE,
    SECTION_READY,
    SECTION_STOP,
    SECTION_FILE,
    SECTION_LIMITS,
    SECTION_HEALTH,
    SECTION_EXPECT,
    SECTION_COUNT,
};

enum {
    KEYS_MAX = 24,  /* in one section */
    WORDS_MAX = 12, /* of one KEY_CHOICE */
};

enum key_type {
    KEY_TEXT,     /* char *; |min| and |max| count its bytes */
    KEY_CHOICE,   /* an enum: one of |words| */
    KEY_WHOLE,    /* uint32_t or uint64_t, told by |size| */
    KEY_NUMBER,   /* double */
    KEY_TEXTS,    /* char ** and a uint32_t count: |min| and |max| of them */
    KEY_MAPPING,  /* the section |child| */
    KEY_MAPPINGS, /* an array of the section |child| and a uint32_t count */
};

/* A word that a KEY_CHOICE takes. */
struct key_word {
    const char *name;
    int value;
    const char *about;
};

struct key {
    const char *name;
    enum key_type type;
    size_t offset;       /* of the value in the section's structure */
    size_t count_offset; /* KEY_TEXTS, KEY_MAPPINGS: of the uint32_t */
    size_t size;         /* of the value in bytes */
    enum key_section child;
    const struct key_word *words; /* ends with a NULL name */
    double min, max;              /* both allowed */
    bool is_zero_allowed;         /* 0 is right although it is below |min| */
    bool is_optional;             /* may be absent and has no default */
    const char *unit;             /* "s", "events/s", "" */
    const char *fallback;         /* the default as YAML; NULL: none */
    /* Of KEY_TEXT and KEY_CHOICE as it is; of a list as JSON; NULL where the
     * rows of |child| have them. */
    const char *example;
    const char *about;
};

struct section {
    const char *path;       /* "roles[].ready", for the reference */
    const char *about;      /* what the mapping is for */
    size_t size;            /* of its structure in bytes */
    const struct key *keys; /* |count| of them */
    size_t count;
};

/* The table. */
extern const struct section *const keys_sections[SECTION_COUNT];

/* The rows of |id|. */
const struct section *keys_section(enum key_section id);

/* The key of that name, or NULL. */
const struct key *keys_find(enum key_section id, const char *name);

/* Of |count| |names| the one nearest to |name|, if it is near enough to be
 * a slip of the fingers (Damerau's four slips); otherwise NULL. */
const char *keys_nearest(const char *name, const char *const *names,
                         size_t count);

/* Writes what the key takes ("a whole number from 10 to 60000 ms") into
 * |text| of |size| bytes. Returns |text|. */
char *keys_describe(const struct key *key, char *text, size_t size);

#endif
