#include "command.h"

#include "exit_code.h"
#include "heap/buckets.h"
#include "heap/compare.h"
#include "heap/dumps.h"
#include "heap/export.h"
#include "heap/page.h"
#include "heap/profile_file.h"
#include "heap/report.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *buckets;
    const char *folded;
    const char *pprof;
    const char *markdown;
    const char *html;
    const char *observer;
    size_t sites_shown;
};

/* Everything that one report is made of. */
struct work {
    struct options options;
    const char *given[2]; /* before (NULL: none), after: files or runs */
    const char *paths[2]; /* of the profiles; before NULL: none */
    char dumps[2][HOST_PATH_MAX + 128]; /* where they lie in runs */
    char names[2][300];
    char html[HOST_PATH_MAX + 32]; /* where the page of runs goes */
    char markdown[HOST_PATH_MAX + 32];
    bool is_of_runs;
    bool has_no_profiles;    /* a run of which only the store tells */
    struct run_heap runs[2]; /* of a single run [1] */
    char rules_path[HOST_PATH_MAX + 64];
    struct words words;
    struct profile profiles[2];
    struct buckets *rules;
    struct compare compare;
    struct symbols_notes notes;
    struct report report;
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau report [OPTION...] BEFORE AFTER\n"
        "       plateau report [OPTION...] ONE\n\n"
        "Says what a heap holds, by bucket and by call site, or how two "
        "differ. BEFORE,\n"
        "AFTER and ONE are run folders or heap profiles. A profile is a "
        "jemalloc heap dump\n"
        "(prof.dump) or DHAT's JSON (valgrind --tool=dhat, Rust's dhat). A run "
        "has profiles\n"
        "when its scenario says 'heap: {profile: true}': the last of each are "
        "compared, or\n"
        "the first and the last of one; the page goes into AFTER, or ONE, as "
        "report.html\n"
        "and report.md. What climbed in a run comes first, with or without "
        "profiles.\n"
        "Functions are named from the files that were profiled.\n\n"
        "  --observer NAME  of runs: this observer (default: the one that "
        "holds most)\n"
        "  --buckets FILE   rules that turn call sites into your words; the\n"
        "                   default is reports/buckets/PROGRAM.yaml, or "
        "general.yaml\n"
        "  --sites N        call sites shown each way (default %d)\n"
        "  --html FILE      write the report as one page, with pictures\n"
        "  --markdown FILE  write the report as Markdown\n"
        "  --folded FILE    write folded stacks, for flamegraph.pl and its "
        "readers\n"
        "  --pprof FILE     write a gzipped pprof profile\n"
        "  --help           print this\n\n"
        "Exit status: 0 reported, 64 bad usage or rules, 65 unreadable "
        "profile,\n70 our own fault, 74 input/output.\n",
        REPORT_SITES_DEFAULT);
}

/* reports/buckets/|name|.yaml, if it is there. */
static bool find_rules(struct work *work, const char *name)
{
    char reports[HOST_PATH_MAX];
    if (command_reports(reports) != 0) {
        return false;
    }
    (void)snprintf(work->rules_path, sizeof work->rules_path,
                   "%.4000s/buckets/%.60s.yaml", reports, name);
    return access(work->rules_path, R_OK) == 0;
}

/* The rules of the program that was profiled: one of the mapped files is
 * called like rules that are there. */
static int choose_rules(struct work *work, struct err *err)
{
    const struct profile *after = &work->profiles[1];
    if (work->options.buckets != NULL) {
        (void)snprintf(work->rules_path, sizeof work->rules_path, "%.4100s",
                       work->options.buckets);
        return buckets_load(work->rules_path, &work->rules, err);
    }
    bool is_found = false;
    for (size_t i = 0; i < after->modules_count && !is_found; i++) {
        const char *path = words_text(&work->words, after->modules[i].path);
        const char *slash = strrchr(path, '/');
        const char *name = slash != NULL ? slash + 1 : path;
        is_found = name[0] != '\0' && find_rules(work, name);
    }
    if (!is_found && !find_rules(work, "general")) {
        err_set(err, NULL, 0, 0,
                "reports/buckets/general.yaml is not beside this program; "
                "name a rules file with --buckets");
        return -ENOENT;
    }
    return buckets_load(work->rules_path, &work->rules, err);
}

static int write_markdown(const struct work *work, struct err *err)
{
    const char *path = work->options.markdown;
    FILE *file = fopen(path, "we");
    int r = file != NULL ? 0 : -errno;
    if (file != NULL) {
        report_print_markdown(&work->report, file);
        int is_bad = ferror(file);
        if (fclose(file) != 0 || is_bad) {
            r = -EIO;
        }
    }
    if (r < 0) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
    }
    return r;
}

/* What the allocator said when that profile was written. */
static double allocated_of(const struct work *work, int side)
{
    if (!work->is_of_runs) {
        return NAN;
    }
    return work->given[0] != NULL ? work->runs[side].allocated[1]
                                  : work->runs[1].allocated[side];
}

static void describe(struct work *work)
{
    bool is_one_run = work->is_of_runs && work->given[0] == NULL;
    work->report = (struct report){
        .compare = &work->compare,
        .labels = {is_one_run ? "first" : "before",
                   is_one_run ? "last" : "after"},
        .runs = {work->is_of_runs && !is_one_run ? &work->runs[0] : NULL,
                 work->is_of_runs ? &work->runs[1] : NULL},
        .has_no_profiles = work->has_no_profiles,
        .notes = &work->notes,
        .rules = work->rules_path,
        .sites_shown = work->options.sites_shown,
    };
    for (int side = 0; side < 2; side++) {
        work->report.sides[side] = (struct report_side){
            .name = work->is_of_runs ? work->names[side] : work->paths[side],
            .padding_bytes = work->profiles[side].padding_bytes,
            .kind = work->profiles[side].kind,
            .sample_bytes = work->profiles[side].sample_bytes,
            .sites_count = work->profiles[side].sites_count,
            .allocated_bytes = allocated_of(work, side),
        };
    }
}

/* The exit code for what went wrong with a profile. */
static int profile_exit_code(int error)
{
    return error == -EINVAL || error == -ENOENT || error == -EISDIR ||
                   error == -EFBIG || error == -E2BIG || error == -ENODATA
               ? EXIT_DATA
               : command_exit_code(error);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return path != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The profile of one side is that which |run| wrote at |ebb|. */
static void use_dump(struct work *work, int side, const char *folder,
                     const struct run_heap *run, uint32_t ebb)
{
    (void)dumps_path(folder, run->observer, ebb, work->dumps[side],
                     sizeof work->dumps[side]);
    (void)snprintf(work->names[side], sizeof work->names[side],
                   "%.100s, %.80s at %s %u", folder, run->observer,
                   run->has_ebbs ? "ebb" : "sample", (unsigned)ebb);
    work->paths[side] = work->dumps[side];
}

/* Whether what is asked for can be made of a run without profiles: a report of
 * it alone, and no file that is all profile. */
static int do_without_profiles(struct work *work, int side, struct err *err)
{
    if (work->given[0] != NULL || work->options.folded != NULL ||
        work->options.pprof != NULL) {
        err_set(err, work->given[side], 0, 0, "%s", report_no_profiles);
        return -ENODATA;
    }
    work->has_no_profiles = true;
    (void)snprintf(work->names[1], sizeof work->names[1], "%.200s",
                   work->given[1]);
    work->paths[0] = NULL;
    work->paths[1] = NULL;
    return 0;
}

/* Of runs, finds the profiles in them. */
static int open_runs(struct work *work, struct err *err)
{
    const struct options *options = &work->options;
    for (int side = 0; side < 2; side++) {
        if (work->given[side] == NULL) {
            continue;
        }
        int r = run_heap_load(work->given[side], options->observer,
                              &work->runs[side], err);
        if (r < 0) {
            return r;
        }
        if (!work->runs[side].has_profiles) {
            r = do_without_profiles(work, side, err);
            if (r < 0) {
                return r;
            }
            continue;
        }
        use_dump(work, side, work->given[side], &work->runs[side],
                 work->runs[side].last_ebb);
    }
    if (work->given[0] == NULL && !work->has_no_profiles) {
        use_dump(work, 0, work->given[1], &work->runs[1],
                 work->runs[1].first_ebb);
    }
    (void)snprintf(work->html, sizeof work->html, "%.4090s/report.html",
                   work->given[1]);
    (void)snprintf(work->markdown, sizeof work->markdown, "%.4090s/report.md",
                   work->given[1]);
    work->options.html = options->html != NULL ? options->html : work->html;
    work->options.markdown =
        options->markdown != NULL ? options->markdown : work->markdown;
    return 0;
}

static int load_profiles(struct work *work, struct err *err)
{
    bool folders[2] = {is_folder(work->given[0]), is_folder(work->given[1])};
    work->is_of_runs = folders[1];
    if (work->given[0] != NULL && folders[0] != folders[1]) {
        err_set(err, work->given[folders[0] ? 1 : 0], 0, 0,
                "is a profile and the other is a run; compare two runs, or "
                "two profiles (those of a run are in its folder heap/)");
        return -EINVAL;
    }
    work->paths[0] = work->given[0];
    work->paths[1] = work->given[1];
    if (work->is_of_runs) {
        int r = open_runs(work, err);
        if (r < 0) {
            return r;
        }
    }
    for (int side = 0; side < 2; side++) {
        if (work->paths[side] == NULL) {
            continue;
        }
        int r = profile_load(work->paths[side], &work->profiles[side],
                             &work->notes, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int write_page(const struct work *work, struct err *err)
{
    char reports[HOST_PATH_MAX];
    char title[300];
    if (command_reports(reports) != 0) {
        err_set(err, NULL, 0, 0,
                "the folder reports/ is not beside this "
                "program, so there is no page");
        return -ENOENT;
    }
    if (work->is_of_runs) {
        const struct run_heap *runs = work->runs;
        (void)snprintf(title, sizeof title, "Heap of %.80s, %.80s%s%.80s",
                       runs[1].observer, runs[1].name,
                       work->given[0] != NULL ? ", against " : "",
                       work->given[0] != NULL ? runs[0].name : "");
    } else if (work->paths[0] != NULL) {
        (void)snprintf(title, sizeof title, "Heap: %.100s against %.100s",
                       base_name(work->paths[1]), base_name(work->paths[0]));
    } else {
        (void)snprintf(title, sizeof title, "Heap: %.100s",
                       base_name(work->paths[1]));
    }
    const struct page page = {
        .report = &work->report,
        .title = title,
        .lead = work->rules != NULL && work->rules->about != NULL
                    ? work->rules->about
                    : "",
    };
    return page_write(&page, reports, work->options.html, err);
}

static int write_files(const struct work *work, struct err *err)
{
    const struct options *options = &work->options;
    int r = 0;
    if (options->markdown != NULL) {
        r = write_markdown(work, err);
    }
    if (r == 0 && options->html != NULL) {
        r = write_page(work, err);
    }
    if (r == 0 && options->folded != NULL) {
        r = export_folded(&work->compare, options->folded, err);
    }
    if (r == 0 && options->pprof != NULL) {
        r = export_pprof(&work->compare, options->pprof, err);
    }
    return r == -EINVAL ? -EIO : r;
}

static int report(struct work *work)
{
    struct err err = {0};
    int code = 0;
    int r = load_profiles(work, &err);
    if (r < 0) {
        code = profile_exit_code(r);
        goto out;
    }
    if (!work->has_no_profiles) {
        r = choose_rules(work, &err);
    }
    if (r == 0 && !work->has_no_profiles) {
        r = compare_profiles(work->paths[0] != NULL ? &work->profiles[0] : NULL,
                             &work->profiles[1], work->rules, &work->compare);
        if (r < 0) {
            err_set(&err, NULL, 0, 0, "out of memory");
        }
    }
    if (r == 0) {
        describe(work);
        report_print(&work->report, terminal_style_for(stdout), stdout);
        r = write_files(work, &err);
        if (r == 0 && work->options.html != NULL) {
            (void)printf("\npage: %s\n", work->options.html);
        }
    }
    code = r < 0 ? command_exit_code(r) : 0;
out:
    if (r < 0) {
        command_complain(&err);
    }
    return code;
}

static int run(struct work *work)
{
    int code = EXIT_SOFTWARE;
    if (words_init(&work->words) == 0) {
        profile_init(&work->profiles[0], &work->words);
        profile_init(&work->profiles[1], &work->words);
        code = report(work);
        compare_deinit(&work->compare);
        run_heap_deinit(&work->runs[0]);
        run_heap_deinit(&work->runs[1]);
        profile_deinit(&work->profiles[0]);
        profile_deinit(&work->profiles[1]);
        buckets_free(work->rules);
        words_deinit(&work->words);
    }
    return code;
}

static int complain_usage(const char *what)
{
    (void)fprintf(stderr, "plateau report: %s. Try 'plateau report --help'.\n",
                  what);
    return EXIT_USAGE;
}

/* 0, or an exit code and *ret_is_done. */
static int read_options(int argc, char **argv, struct options *options,
                        bool *ret_is_done)
{
    static const struct option known[] = {
        {"observer", required_argument, NULL, 'o'},
        {"buckets", required_argument, NULL, 'b'},
        {"sites", required_argument, NULL, 's'},
        {"html", required_argument, NULL, 'w'},
        {"markdown", required_argument, NULL, 'm'},
        {"folded", required_argument, NULL, 'f'},
        {"pprof", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int key;
    char *end = NULL;
    *options = (struct options){.sites_shown = REPORT_SITES_DEFAULT};
    *ret_is_done = true;
    while ((key = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (key) {
        case 'o':
            options->observer = optarg;
            break;
        case 'b':
            options->buckets = optarg;
            break;
        case 'w':
            options->html = optarg;
            break;
        case 'm':
            options->markdown = optarg;
            break;
        case 'f':
            options->folded = optarg;
            break;
        case 'p':
            options->pprof = optarg;
            break;
        case 's':
            options->sites_shown = strtoul(optarg, &end, 10);
            if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' ||
                options->sites_shown > REPORT_SITES_MAX) {
                return complain_usage("--sites takes a number from 0 to 1000");
            }
            break;
        case 'h':
            print_help();
            return 0;
        default:
            return complain_usage("bad option");
        }
    }
    *ret_is_done = false;
    return 0;
}

int cmd_report(int argc, char **argv)
{
    bool is_done = false;
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        return EXIT_SOFTWARE;
    }
    int code = read_options(argc, argv, &work->options, &is_done);
    if (!is_done && optind + 1 == argc) {
        work->given[1] = argv[optind];
        code = run(work);
    } else if (!is_done && optind + 2 == argc) {
        work->given[0] = argv[optind];
        work->given[1] = argv[optind + 1];
        code = run(work);
    } else if (!is_done) {
        code = complain_usage("name one run or profile, or two: BEFORE AFTER");
    }
    free(work);
    return code;
}
