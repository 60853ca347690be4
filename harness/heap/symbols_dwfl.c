/* Happy path: for each module that holds places, look that its file is the one
 * that was mapped, hand it to libdwfl at the address where it was, index its
 * compilation units by their ranges and, when a place falls into one, that
 * unit's functions by theirs; then each place is two binary searches and a
 * walk down the inlined calls of one function. (dwarf_getscopes would walk the
 * whole unit each time: half a second for a hundred places in SQLite.)
 *
 * Failure modes: the file is missing, is another, is no ELF, has no debug
 * information (the symbol table gives function names), or has a damaged one
 * (what libdw cannot read is as if it were not there). Every place ends up
 * with a line all the same.
 *
 * The one file that knows elfutils.
 */
#include "heap/symbols.h"

#include "heap/demangle.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>

enum {
    UNITS_MAX = 1 << 20,
    NESTING_MAX = 64, /* of namespaces, blocks and inlined calls */
    NAME_SIZE = 512,  /* of what was demangled; more is cut */
};

struct range {
    uint64_t low, high; /* as in the file */
    uint32_t owner;
};

struct ranges {
    struct range *items;
    size_t count, room;
};

struct unit {
    Dwarf_Die die;
    bool is_indexed;
    struct ranges functions; /* owner: in |dies| */
    Dwarf_Die *dies;
    size_t dies_count, dies_room;
};

/* One file while its places are looked up. */
struct file {
    struct profile *profile;
    const struct profile_module *module;
    Dwfl *dwfl;
    Dwfl_Module *dwfl_module;
    uint64_t bias; /* of its addresses to those in its debug information */
    struct unit *units;
    size_t units_count, units_room;
    struct ranges unit_ranges; /* owner: in |units| */
    int error;                 /* the first -ENOMEM or -E2BIG */
};

/* --- notes ---------------------------------------------------------------- */

static void note(struct symbols_notes *notes, const char *path,
                 const char *what)
{
    if (notes->count < SYMBOLS_NOTES_MAX) {
        (void)snprintf(notes->texts[notes->count], sizeof notes->texts[0],
                       "%.200s %s", path, what);
    }
    notes->count++;
}

void symbols_note(struct symbols_notes *notes, const struct err *err)
{
    if (notes->count < SYMBOLS_NOTES_MAX) {
        (void)err_format(err, notes->texts[notes->count],
                         sizeof notes->texts[0]);
    }
    notes->count++;
}

/* --- ranges --------------------------------------------------------------- */

static void *grow(struct file *file, void *items, size_t size, size_t count,
                  size_t *room)
{
    if (count < *room) {
        return items;
    }
    size_t wanted = *room > 0 ? *room * 2 : 32;
    void *grown = realloc(items, wanted * size);
    if (grown == NULL) {
        file->error = -ENOMEM;
        return NULL;
    }
    *room = wanted;
    return grown;
}

static bool add_range(struct file *file, struct ranges *ranges, uint64_t low,
                      uint64_t high, uint32_t owner)
{
    struct range *items =
        grow(file, ranges->items, sizeof *items, ranges->count, &ranges->room);
    if (items == NULL) {
        return false;
    }
    ranges->items = items;
    items[ranges->count++] = (struct range){low, high, owner};
    return true;
}

/* All the addresses of |die|. 0 is where the linker puts what it dropped. */
static bool add_ranges_of(struct file *file, Dwarf_Die *die,
                          struct ranges *ranges, uint32_t owner)
{
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
        if (low > 0 && high > low &&
            !add_range(file, ranges, low, high, owner)) {
            return false;
        }
    }
    return true;
}

static int by_low(const void *a, const void *b)
{
    const struct range *left = a;
    const struct range *right = b;
    return (left->low > right->low) - (left->low < right->low);
}

static void sort_ranges(struct ranges *ranges)
{
    if (ranges->count > 1) {
        qsort(ranges->items, ranges->count, sizeof *ranges->items, by_low);
    }
}

static const struct range *find_range(const struct ranges *ranges,
                                      uint64_t address)
{
    size_t low = 0;
    size_t high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address < ranges->items[low - 1].high
               ? &ranges->items[low - 1]
               : NULL;
}

/* --- indexes -------------------------------------------------------------- */

static void index_units(struct file *file)
{
    Dwarf_Die *die = NULL;
    Dwarf_Addr bias = 0;
    while (file->units_count < UNITS_MAX &&
           (die = dwfl_module_nextcu(file->dwfl_module, die, &bias)) != NULL) {
        struct unit *units = grow(file, file->units, sizeof *units,
                                  file->units_count, &file->units_room);
        if (units == NULL) {
            return;
        }
        file->units = units;
        file->bias = bias;
        units[file->units_count] = (struct unit){.die = *die};
        if (!add_ranges_of(file, die, &file->unit_ranges,
                           (uint32_t)file->units_count++)) {
            return;
        }
    }
    sort_ranges(&file->unit_ranges);
}

/* Functions stand at the top of a unit or in namespaces and types. */
static void index_functions(struct file *file, struct unit *unit,
                            Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;
    if (depth > NESTING_MAX || dwarf_child(parent, &die) != 0) {
        return;
    }
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram: {
            Dwarf_Die *dies = grow(file, unit->dies, sizeof *dies,
                                   unit->dies_count, &unit->dies_room);
            if (dies == NULL) {
                return;
            }
            unit->dies = dies;
            dies[unit->dies_count] = die;
            if (!add_ranges_of(file, &die, &unit->functions,
                               (uint32_t)unit->dies_count++)) {
                return;
            }
            break;
        }
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
            index_functions(file, unit, &die, depth + 1);
            break;
        default:
            break;
        }
    } while (file->error == 0 && dwarf_siblingof(&die, &die) == 0);
}

/* --- one place ------------------------------------------------------------ */

static void add_line(struct file *file, uint32_t place, const char *function,
                     const char *source, int line)
{
    struct profile_line added = {.line = line > 0 ? (uint32_t)line : 0};
    struct words *words = file->profile->words;
    int r = words_add(words, function, strlen(function), &added.function);
    if (r == 0 && source != NULL) {
        r = words_add(words, source, strlen(source), &added.file);
    }
    if (r == 0) {
        r = profile_add_line(file->profile, place, &added);
    }
    if (r < 0 && file->error == 0) {
        file->error = r;
    }
}

/* The chain from |function| down to the innermost inlined call that holds
 * |address|. Returns how many. */
static size_t find_inlined(const Dwarf_Die *function, uint64_t address,
                           Dwarf_Die chain[SYMBOLS_INLINED_MAX])
{
    size_t count = 1;
    Dwarf_Die scope = *function;
    Dwarf_Die die;
    chain[0] = *function;
    for (int depth = 0; depth < NESTING_MAX; depth++) {
        bool is_found = false;
        if (dwarf_child(&scope, &die) != 0) {
            break;
        }
        do {
            int tag = dwarf_tag(&die);
            if ((tag == DW_TAG_inlined_subroutine ||
                 tag == DW_TAG_lexical_block) &&
                dwarf_haspc(&die, address) > 0) {
                is_found = true;
                break;
            }
        } while (dwarf_siblingof(&die, &die) == 0);
        if (!is_found) {
            break;
        }
        if (dwarf_tag(&die) == DW_TAG_inlined_subroutine &&
            count < SYMBOLS_INLINED_MAX) {
            chain[count++] = die;
        }
        scope = die;
    }
    return count;
}

static int call_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(die, name, &attribute) == NULL ||
        dwarf_formudata(&attribute, &value) != 0 || value > INT_MAX) {
        return 0;
    }
    return (int)value;
}

/* Where an inlined call was made. */
static const char *call_file(struct unit *unit, Dwarf_Die *die)
{
    Dwarf_Files *files = NULL;
    size_t count = 0;
    int number = call_number(die, DW_AT_call_file);
    if (dwarf_getsrcfiles(&unit->die, &files, &count) != 0 ||
        (size_t)number >= count) {
        return NULL;
    }
    return dwarf_filesrc(files, (size_t)number, NULL, NULL);
}

/* Within its class and namespaces, where the language has them. */
static const char *function_name(Dwarf_Die *die, char text[NAME_SIZE])
{
    Dwarf_Attribute attribute;
    const char *name = NULL;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL) {
        name = dwarf_formstring(&attribute);
    }
    if (name != NULL && demangle_name(name, text, NAME_SIZE)) {
        return text;
    }
    name = dwarf_diename(die);
    return name != NULL ? name : "(no name)";
}

static bool resolve_with_debug(struct file *file, uint32_t place)
{
    uint64_t address = file->profile->places[place].address - file->bias;
    const struct range *range = find_range(&file->unit_ranges, address);
    if (range == NULL) {
        return false;
    }
    struct unit *unit = &file->units[range->owner];
    if (!unit->is_indexed) {
        unit->is_indexed = true;
        index_functions(file, unit, &unit->die, 0);
        sort_ranges(&unit->functions);
    }
    range = find_range(&unit->functions, address);
    if (range == NULL || file->error < 0) {
        return false;
    }
    Dwarf_Die chain[SYMBOLS_INLINED_MAX];
    size_t count = find_inlined(&unit->dies[range->owner], address, chain);
    int line = 0;
    const char *source = NULL;
    Dwarf_Line *at = dwarf_getsrc_die(&unit->die, address);
    if (at != NULL) {
        source = dwarf_linesrc(at, NULL, NULL);
        (void)dwarf_lineno(at, &line);
    }
    for (size_t i = count; i-- > 0;) {
        char name[NAME_SIZE];
        add_line(file, place, function_name(&chain[i], name), source, line);
        source = call_file(unit, &chain[i]);
        line = call_number(&chain[i], DW_AT_call_line);
    }
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void resolve_bare(struct file *file, uint32_t place)
{
    char name[PATH_MAX + 32];
    uint64_t address = file->profile->places[place].address;
    const struct profile_module *module = file->module;
    if (module == NULL) {
        (void)snprintf(name, sizeof name, "0x%" PRIx64, address);
    } else {
        (void)snprintf(
            name, sizeof name, "%s+0x%" PRIx64,
            base_name(words_text(file->profile->words, module->path)),
            address - module->start + module->offset);
    }
    add_line(file, place, name, NULL, 0);
}

static void resolve_place(struct file *file, uint32_t place)
{
    if (file->dwfl_module != NULL) {
        if (resolve_with_debug(file, place) || file->error < 0) {
            return;
        }
        const char *name = dwfl_module_addrname(
            file->dwfl_module, file->profile->places[place].address);
        if (name != NULL) {
            char text[NAME_SIZE];
            bool is_mangled = demangle_name(name, text, sizeof text);
            add_line(file, place, is_mangled ? text : name, NULL, 0);
            return;
        }
    }
    resolve_bare(file, place);
}

/* --- one file ------------------------------------------------------------- */

/* How far the file was moved from the addresses that it asks for: found from
 * the segment that was mapped at |start|. */
static bool find_load_bias(Elf *elf, const struct profile_module *module,
                           uint64_t *ret_bias)
{
    GElf_Ehdr head;
    size_t count = 0;
    if (gelf_getehdr(elf, &head) == NULL || elf_getphdrnum(elf, &count) != 0) {
        return false;
    }
    *ret_bias = 0;
    if (head.e_type == ET_EXEC) {
        return true;
    }
    for (size_t i = 0; i < count && i <= INT_MAX; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) == NULL ||
            segment.p_type != PT_LOAD) {
            continue;
        }
        uint64_t into = segment.p_offset & 4095;
        if (segment.p_offset - into <= module->offset &&
            module->offset < segment.p_offset + segment.p_filesz) {
            *ret_bias = module->start - (segment.p_vaddr - into) -
                        (module->offset - (segment.p_offset - into));
            return true;
        }
    }
    return false;
}

static bool is_same_build(Elf *elf, const struct profile_module *module)
{
    const void *id = NULL;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &id);
    return size == (ssize_t)module->build_id_bytes &&
           memcmp(id, module->build_id, (size_t)size) == 0;
}

/* What is wrong with the file, or NULL and *ret_bias. */
static const char *examine(const char *path,
                           const struct profile_module *module, int64_t taken_s,
                           uint64_t *ret_bias)
{
    static const char changed[] =
        "is another file than the one that was profiled (it was built again, "
        "or upgraded, since); its functions cannot be named";
    static const char deleted[] = " (deleted)";
    size_t size = strlen(path);
    struct stat st;
    if (size >= sizeof deleted &&
        strcmp(path + size - (sizeof deleted - 1), deleted) == 0) {
        return "was deleted or replaced while the program ran; its functions "
               "cannot be named";
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT
                   ? "is not there any more; its functions cannot be named "
                     "(keep the binary with the profile)"
                   : "cannot be read; its functions cannot be named";
    }
    const char *wrong = NULL;
    Elf *elf = NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (elf = elf_begin(fd, ELF_C_READ_MMAP, NULL)) == NULL ||
        elf_kind(elf) != ELF_K_ELF) {
        wrong = "is no ELF file; its functions cannot be named";
    } else if (module->build_id_bytes > 0
                   ? !is_same_build(elf, module)
                   : taken_s > 0 && st.st_mtim.tv_sec > taken_s) {
        wrong = changed;
    } else if (!find_load_bias(elf, module, ret_bias)) {
        wrong = changed;
    }
    (void)elf_end(elf);
    (void)close(fd);
    return wrong;
}

/* debuginfo_path NULL: elfutils' own, which is /usr/lib/debug and such. */
static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
};

static const char *open_file(struct file *file, const char *path,
                             int64_t taken_s)
{
    uint64_t bias = 0;
    const char *wrong = examine(path, file->module, taken_s, &bias);
    if (wrong != NULL) {
        return wrong;
    }
    file->dwfl = dwfl_begin(&callbacks);
    if (file->dwfl == NULL) {
        file->error = -ENOMEM;
        return NULL;
    }
    dwfl_report_begin(file->dwfl);
    file->dwfl_module =
        dwfl_report_elf(file->dwfl, base_name(path), path, -1, bias, true);
    if (dwfl_report_end(file->dwfl, NULL, NULL) != 0 ||
        file->dwfl_module == NULL) {
        file->dwfl_module = NULL;
        return "cannot be understood; its functions cannot be named";
    }
    index_units(file);
    return NULL;
}

static void close_file(struct file *file)
{
    for (size_t i = 0; i < file->units_count; i++) {
        free(file->units[i].functions.items);
        free(file->units[i].dies);
    }
    free(file->units);
    free(file->unit_ranges.items);
    if (file->dwfl != NULL) {
        dwfl_end(file->dwfl);
    }
}

/* All places of one module (NULL: of none), by address. */
static int resolve_module(struct profile *profile,
                          const struct profile_module *module,
                          const uint32_t *places, size_t count, int64_t taken_s,
                          struct symbols_notes *notes)
{
    struct file file = {.profile = profile, .module = module};
    if (module != NULL) {
        char path[WORDS_TEXT_MAX + 1];
        (void)snprintf(path, sizeof path, "%s",
                       words_text(profile->words, module->path));
        const char *wrong = open_file(&file, path, taken_s);
        if (wrong != NULL) {
            note(notes, path, wrong);
        }
    }
    for (size_t i = 0; i < count && file.error == 0; i++) {
        resolve_place(&file, places[i]);
    }
    close_file(&file);
    return file.error;
}

static int by_address(const void *a, const void *b, void *context)
{
    const struct profile *profile = context;
    uint64_t left = profile->places[*(const uint32_t *)a].address;
    uint64_t right = profile->places[*(const uint32_t *)b].address;
    return (left > right) - (left < right);
}

int symbols_resolve(struct profile *profile, int64_t taken_s,
                    struct symbols_notes *notes)
{
    uint32_t *order = calloc(profile->places_count + 1, sizeof *order);
    size_t count = 0;
    int r = 0;
    if (order == NULL) {
        return -ENOMEM;
    }
    (void)elf_version(EV_CURRENT);
    for (size_t i = 0; i < profile->places_count; i++) {
        if (profile->places[i].lines_count == 0) {
            order[count++] = (uint32_t)i;
        }
    }
    qsort_r(order, count, sizeof *order, by_address, profile);
    for (size_t from = 0, to = 0; r == 0 && from < count; from = to) {
        uint32_t number = profile->places[order[from]].module_plus_1;
        while (to < count &&
               profile->places[order[to]].module_plus_1 == number) {
            to++;
        }
        r = resolve_module(profile,
                           number > 0 ? &profile->modules[number - 1] : NULL,
                           order + from, to - from, taken_s, notes);
    }
    free(order);
    return r;
}
