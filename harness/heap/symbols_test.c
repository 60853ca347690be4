/* Symbolises this very program: a position-independent executable that knows
 * its own addresses, mapped files and build id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/symbols.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct words words;
    struct profile profile;
    struct symbols_notes notes;
    char path[4096];
};

static uintptr_t seen;

/* Never inlined: the return address of note_caller() lies in it. */
__attribute__((noinline)) static void note_caller(void)
{
    seen = (uintptr_t)__builtin_return_address(0);
}

__attribute__((always_inline)) static inline void inlined_one(void)
{
    note_caller();
    __asm__ volatile("");
}

enum { CALL_LINE = __LINE__ + 4 };
__attribute__((noinline)) static void outer_one(void)
{
    __asm__ volatile("");
    inlined_one();
    __asm__ volatile("");
}

static void add_maps(struct fixture *f)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4200];
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        struct profile_module module = {0};
        char *path = strchr(line, '/');
        if (path == NULL) {
            continue;
        }
        path[strcspn(path, "\n")] = '\0';
        assert_int_equal(sscanf(line, "%lx-%lx %*s %lx", &module.start,
                                &module.end, &module.offset),
                         3);
        assert_int_equal(words_add(&f->words, path, strlen(path), &module.path),
                         0);
        assert_int_equal(profile_add_module(&f->profile, &module), 0);
    }
    (void)fclose(maps);
}

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(words_init(&f->words), 0);
    profile_init(&f->profile, &f->words);
    ssize_t size = readlink("/proc/self/exe", f->path, sizeof f->path - 1);
    assert_true(size > 0);
    add_maps(f);
}

static void teardown(struct fixture *f)
{
    profile_deinit(&f->profile);
    words_deinit(&f->words);
}

static struct profile_module *own_module(struct fixture *f)
{
    for (size_t i = 0; i < f->profile.modules_count; i++) {
        struct profile_module *module = &f->profile.modules[i];
        if (strcmp(words_text(&f->words, module->path), f->path) == 0) {
            return module;
        }
    }
    fail_msg("%s is not mapped", f->path);
    return NULL;
}

static void rename_module(struct fixture *f, const char *path)
{
    struct profile_module *module = own_module(f);
    assert_int_equal(words_add(&f->words, path, strlen(path), &module->path),
                     0);
}

static uint32_t resolve(struct fixture *f, uint64_t address, int64_t taken_s)
{
    uint32_t place = 0;
    assert_int_equal(profile_place_at(&f->profile, address, &place), 0);
    profile_finish(&f->profile);
    assert_int_equal(symbols_resolve(&f->profile, taken_s, &f->notes), 0);
    assert_true(f->profile.places[place].lines_count > 0);
    return place;
}

static const char *function_of(const struct fixture *f, uint32_t place,
                               uint32_t line)
{
    const struct profile_place *at = &f->profile.places[place];
    assert_true(line < at->lines_count);
    return words_text(&f->words,
                      f->profile.lines[at->lines_first + line].function);
}

static void names_inlined_and_outer_functions(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    outer_one();
    uint32_t place = resolve(&f, seen, 0);
    const struct profile_place *at = &f.profile.places[place];
    assert_int_equal(f.notes.count, 0);
    assert_int_equal(at->lines_count, 2);
    assert_string_equal(function_of(&f, place, 0), "inlined_one");
    assert_string_equal(function_of(&f, place, 1), "outer_one");
    const struct profile_line *outer = &f.profile.lines[at->lines_first + 1];
    assert_int_equal(outer->line, CALL_LINE);
    assert_non_null(strstr(words_text(&f.words, outer->file), "symbols_test"));
    teardown(&f);
}

static void names_functions_of_shared_objects(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    uint32_t place =
        resolve(&f, (uint64_t)(uintptr_t)&cmocka_set_test_filter + 1, 0);
    assert_string_equal(function_of(&f, place, 0), "cmocka_set_test_filter");
    teardown(&f);
}

static void expect_bare(const struct fixture *f, uint32_t place,
                        const char *note)
{
    assert_non_null(strstr(function_of(f, place, 0), "+0x"));
    assert_int_equal(f->notes.count, 1);
    if (strstr(f->notes.texts[0], note) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f->notes.texts[0], note);
    }
}

/* Runs a command of one line; false when it fails. */
__attribute__((format(printf, 1, 2))) static bool shell(const char *format, ...)
{
    char line[16384];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return length > 0 && (size_t)length < sizeof line && system(line) == 0;
}

/* This program, stripped, with its debug information in |where| of its folder
 * (by .gnu_debuglink), as distributions part them. */
static void expect_parted(const char *where)
{
    struct fixture f;
    char folder[] = "/tmp/symbols-test-XXXXXX";
    char path[64];
    setup(&f);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/daemon", folder);
    assert_true(shell("cd %s && mkdir -p ./%s && "
                      "objcopy --only-keep-debug '%s' %s/daemon.debug && "
                      "objcopy --strip-debug --add-gnu-debuglink="
                      "%s/daemon.debug '%s' daemon",
                      folder, where, f.path, where, where, f.path));
    outer_one();
    rename_module(&f, path);
    uint32_t place = resolve(&f, seen, 0);
    assert_int_equal(f.profile.places[place].lines_count, 2);
    assert_string_equal(function_of(&f, place, 0), "inlined_one");
    assert_string_equal(function_of(&f, place, 1), "outer_one");
    teardown(&f);
    /* Without it the symbol table is left: the function, not what was inlined.
     */
    assert_true(shell("rm %s/%s/daemon.debug", folder, where));
    setup(&f);
    rename_module(&f, path);
    place = resolve(&f, seen, 0);
    assert_int_equal(f.profile.places[place].lines_count, 1);
    assert_string_equal(function_of(&f, place, 0), "outer_one");
    teardown(&f);
    assert_true(shell("rm -r %s", folder));
}

static void finds_debug_information_in_a_file_of_its_own(void **state)
{
    (void)state;
    if (!shell("command -v objcopy >/dev/null")) {
        print_message("# skipped: no objcopy here\n");
        return;
    }
    expect_parted(".");
    expect_parted(".debug");
}

static void a_file_that_is_gone_is_said(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    rename_module(&f, "/nowhere/daemon");
    expect_bare(&f, resolve(&f, seen, 0), "not there any more");
    teardown(&f);
}

static void a_file_that_was_deleted_while_it_ran_is_said(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    rename_module(&f, "/bin/sh (deleted)");
    expect_bare(&f, resolve(&f, seen, 0), "deleted or replaced");
    teardown(&f);
}

static void a_file_of_another_build_id_is_not_guessed_from(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    own_module(&f)->build_id_bytes = 20;
    expect_bare(&f, resolve(&f, seen, 0), "another file");
    teardown(&f);
}

static void a_file_that_changed_since_is_not_guessed_from(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    expect_bare(&f, resolve(&f, seen, 1000), "another file");
    teardown(&f);
}

static void a_file_that_is_no_elf_is_said(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    rename_module(&f, "/etc/passwd");
    expect_bare(&f, resolve(&f, seen, 0), "no ELF");
    teardown(&f);
}

/* Cut off anywhere, with bytes changed: there is always a name, never a
 * crash. */
static void a_damaged_file_never_harms(void **state)
{
    (void)state;
    struct fixture f;
    char path[] = "/tmp/symbols-test-XXXXXX";
    static char bytes[1 << 20];
    setup(&f);
    FILE *own = fopen(f.path, "re");
    assert_non_null(own);
    size_t size = fread(bytes, 1, sizeof bytes, own);
    (void)fclose(own);
    teardown(&f);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint32_t noise = 1;
    for (int round = 0; round < 200; round++) {
        size_t kept = round < 60 ? size * (size_t)round / 60 : size;
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, bytes, kept, 0), kept);
        for (int i = 0; round >= 60 && i < 40; i++) {
            noise = noise * 1664525u + 1013904223u;
            assert_int_equal(pwrite(fd, &noise, 2, (off_t)(noise % size)), 2);
        }
        setup(&f);
        rename_module(&f, path);
        (void)resolve(&f, seen, 0);
        teardown(&f);
    }
    (void)close(fd);
    (void)unlink(path);
}

static void an_address_in_no_file_keeps_its_number(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    uint32_t place = resolve(&f, 0x1001, 0);
    assert_string_equal(function_of(&f, place, 0), "0x1000");
    assert_int_equal(f.notes.count, 0);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_inlined_and_outer_functions),
        cmocka_unit_test(names_functions_of_shared_objects),
        cmocka_unit_test(finds_debug_information_in_a_file_of_its_own),
        cmocka_unit_test(a_file_that_is_gone_is_said),
        cmocka_unit_test(a_file_that_was_deleted_while_it_ran_is_said),
        cmocka_unit_test(a_file_of_another_build_id_is_not_guessed_from),
        cmocka_unit_test(a_file_that_changed_since_is_not_guessed_from),
        cmocka_unit_test(a_file_that_is_no_elf_is_said),
        cmocka_unit_test(a_damaged_file_never_harms),
        cmocka_unit_test(an_address_in_no_file_keeps_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
