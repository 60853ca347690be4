#include "command.h"

#include "assess.h"
#include "exit_code.h"
#include "judge/budget.h"
#include "judge/pool.h"
#include "judge/series_csv.h"
#include "judge/verdict_json.h"
#include "report/terminal.h"
#include "store/store.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATHS_MAX = 64, STORE_PATH_SIZE = HOST_PATH_MAX + 32 };
static const double QUANTUM_OF_BYTES = 4096.;
static const double QUANTUM_OF_OTHERS = 1.;
static const double ALPHA = 0.02; /* of all that is judged together */

struct check {
    struct series_csv_format format;
    const char *unit;
    double quantum; /* 0: by the unit */
    struct judge_budget budget;
    double limit; /* 0: not known */
    bool is_json;
    FILE *
        out; /* standard output; of JSON, what will be printed if all is well */
    char **paths;
    size_t paths_count;
    struct judge_verdict verdicts[PATHS_MAX]; /* one a path */
};

static void print_help(void)
{
    (void)printf(
        "Usage: plateau check [OPTION...] RUN | FILE.csv ...\n\n"
        "Judges a recorded run again (its folder, or the run.db in it), or "
        "anybody's\n"
        "series of memory readings: a CSV file of lines\n"
        "    t_seconds,value_bytes[,events]\n"
        "('-' is standard input; a first line may name the columns). Several "
        "runs or\n"
        "files are taken to be of one build, and are judged together as well: "
        "CLIMB where\n"
        "half of them climb, or one beyond all doubt.\n\n"
        "Of a CSV file:\n"
        "  --time NAME      the column of seconds (default t_seconds)\n"
        "  --value NAME     the column that is judged (default value_bytes or "
        "value)\n"
        "  --events NAME    the column of churn events so far (default "
        "events)\n"
        "  --delimiter C    what stands between cells; 'tab' for a tab "
        "(default ,)\n"
        "  --unit U         of the value (default B); \"\" for a count\n"
        "  --quantum Q      the smallest step its values make (default 4096 "
        "for bytes,\n"
        "                   else 1)\n"
        "  --budget TEXT    what may grow: '64 B/event', '1 MiB/h', '2 %%'\n"
        "  --limit AMOUNT   of the value, '512 MiB': says when it is reached"
        "\n\n"
        "  --json           print one JSON object and nothing else\n"
        "  --help           print this\n\n"
        "Exit status: 0 plateau, 1 climb, 2 inconclusive, 3 invalid,\n"
        "64 bad usage, 65 unreadable data, 70 our own fault, 74 "
        "input/output.\n");
}

/* --- a CSV file ----------------------------------------------------------- */

static void set_rule(const struct check *check, bool has_events,
                     struct judge_rule *ret_rule)
{
    const bool are_bytes = strcmp(check->unit, "B") == 0;
    const double usual = are_bytes ? QUANTUM_OF_BYTES : QUANTUM_OF_OTHERS;
    judge_rule_default(check->quantum > 0. ? check->quantum : usual, ret_rule);
    ret_rule->alpha = pool_alpha(check->paths_count, ALPHA);
    ret_rule->has_events = has_events;
    ret_rule->unit = check->unit;
    ret_rule->budget = check->budget;
    ret_rule->limit = check->limit;
    if (!are_bytes) {
        ret_rule->plateau_margin_per_event = 0.;
    }
}

static void print_csv_json(FILE *out, const char *path,
                           const struct series_csv *series,
                           const struct judge_verdict *verdict)
{
    (void)fprintf(out, "{\"file\": ");
    verdict_json_string(path, out);
    (void)fprintf(out, ", \"points\": %zu, \"gaps\": %zu, ", series->count,
                  series->gaps);
    verdict_json_members(verdict, out);
    (void)fprintf(out, "}");
}

/* 0 and *ret_verdict, or an exit code above 3. */
static int check_csv(const struct check *check, const char *path,
                     struct judge_verdict *ret_verdict)
{
    struct series_csv series = {0};
    struct assessment assessment;
    struct judge_rule rule;
    struct err err = {0};
    int result = series_csv_load(path, &check->format, &series, &err);
    if (result != 0) {
        command_complain(&err);
        return result == -ENOMEM ? EXIT_SOFTWARE : EXIT_DATA;
    }
    set_rule(check, series.has_events, &rule);
    result = assess_series(path, check->unit, series.points, series.count,
                           &rule, &assessment);
    if (series.gaps > 0 && !check->is_json) {
        (void)fprintf(stderr,
                      "plateau: %s: %zu rows without a value were "
                      "left out as gaps\n",
                      path, series.gaps);
    }
    if (result != 0) {
        (void)fprintf(stderr, "plateau: cannot judge: %s\n", strerror(-result));
        series_csv_deinit(&series);
        return EXIT_SOFTWARE;
    }
    *ret_verdict = assessment.series[0].verdict;
    if (check->is_json) {
        print_csv_json(check->out, path, &series, ret_verdict);
    } else {
        terminal_print(&assessment.summary, terminal_style_for(stdout), stdout);
    }
    series_csv_deinit(&series);
    assess_deinit(&assessment);
    return 0;
}

/* --- a recorded run ------------------------------------------------------- */

/* A figure that is not known is null. */
static void print_json_figure(FILE *out, const char *key, double value)
{
    if (isnan(value)) {
        (void)fprintf(out, ", \"%s\": null", key);
    } else {
        (void)fprintf(out, ", \"%s\": %.10g", key, value);
    }
}

/* After a CLIMB: what climbed, best explanation first; else empty. */
static void print_climbed_json(FILE *out, const struct summary *summary)
{
    size_t count = summary->outcome == JUDGE_CLIMB ? summary->climbed_count : 0;
    (void)fprintf(out, ", \"climbed\": [");
    for (size_t i = 0; i < count; i++) {
        const struct summary_climbed *row = &summary->climbed[i];
        (void)fprintf(out, "%s{\"kind\": ", i > 0 ? ", " : "");
        verdict_json_string(row->kind, out);
        (void)fprintf(out, ", \"name\": ");
        verdict_json_string(row->name, out);
        print_json_figure(out, "alive", row->alive);
        print_json_figure(out, "per_event", row->per_event);
        print_json_figure(out, "bytes_each", row->each);
        print_json_figure(out, "bytes_per_event", row->bytes_per_event);
        (void)fprintf(out, ", \"sentence\": ");
        verdict_json_string(row->sentence, out);
        (void)fprintf(out, "}");
    }
    (void)fprintf(out, "]");
}

static void print_run_json(FILE *out, const char *path,
                           const struct assessment *run)
{
    (void)fprintf(out, "{\"run\": ");
    verdict_json_string(path, out);
    (void)fprintf(out, ", \"outcome\": \"%s\", \"reason\": ",
                  judge_outcome_name(run->summary.outcome));
    verdict_json_string(run->summary.reason, out);
    (void)fprintf(out, ", \"series\": [");
    for (size_t i = 0; i < run->series_count; i++) {
        const struct assessed *series = &run->series[i];
        (void)fprintf(out, "%s{\"observer\": ", i > 0 ? ", " : "");
        verdict_json_string(series->observer, out);
        (void)fprintf(out, ", \"metric\": ");
        verdict_json_string(series->metric, out);
        (void)fprintf(out, ", \"unit\": ");
        verdict_json_string(series->unit, out);
        (void)fprintf(out, ", \"points\": %zu, ", series->points_count);
        verdict_json_members(&series->verdict, out);
        (void)fprintf(out, "}");
    }
    (void)fprintf(out, "]");
    print_climbed_json(out, &run->summary);
    (void)fprintf(out, "}");
}

/* The verdict on a run as one of several: its outcome, as sure as its surest
 * series. */
static void sum_up(const struct assessment *run,
                   struct judge_verdict *ret_verdict)
{
    *ret_verdict = (struct judge_verdict){.outcome = run->summary.outcome};
    for (size_t i = 0; i < run->series_count; i++) {
        const struct judge_verdict *verdict = &run->series[i].verdict;
        if (!run->series[i].is_ourselves &&
            verdict->outcome == run->summary.outcome) {
            ret_verdict->p_climb = fmax(ret_verdict->p_climb, verdict->p_climb);
        }
    }
}

/* 0 and *ret_verdict, or an exit code above 3. */
static int check_run(const struct check *check, const char *path,
                     struct judge_verdict *ret_verdict)
{
    struct assessment assessment;
    int failure = command_assess(path, &assessment);
    if (failure != 0) {
        return failure;
    }
    sum_up(&assessment, ret_verdict);
    if (check->is_json) {
        print_run_json(check->out, path, &assessment);
    } else {
        terminal_print(&assessment.summary, terminal_style_for(stdout), stdout);
    }
    assess_deinit(&assessment);
    return 0;
}

/* --- what was named ------------------------------------------------------- */

enum kind { KIND_CSV, KIND_FOLDER, KIND_STORE };

/* 0 and *ret_kind, or an exit code. */
static int kind_of(const char *path, enum kind *ret_kind)
{
    struct stat st;
    const size_t length = strlen(path);
    *ret_kind = KIND_CSV;
    if (strcmp(path, "-") == 0) {
        return 0;
    }
    if (stat(path, &st) != 0) {
        (void)fprintf(stderr, "plateau: %s: %s\n", path, strerror(errno));
        return EXIT_DATA;
    }
    if (S_ISDIR(st.st_mode)) {
        *ret_kind = KIND_FOLDER;
    } else if (length >= 3 && strcmp(path + length - 3, ".db") == 0) {
        *ret_kind = KIND_STORE;
    }
    return 0;
}

/* One run alone also gets its plots and its summary.txt again. "…/run.db" is
 * the store of the run in the folder before it. */
static int judge_run(const char *path, enum kind kind)
{
    char folder[HOST_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (kind == KIND_FOLDER) {
        return command_judge(path);
    }
    if (slash != NULL) {
        (void)snprintf(folder, sizeof folder, "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
    }
    return command_judge_store(path, folder);
}

static int check_path(struct check *check, size_t i)
{
    const char *path = check->paths[i];
    char store[STORE_PATH_SIZE];
    enum kind kind;
    int code = kind_of(path, &kind);
    if (code != 0) {
        return code;
    }
    if (kind == KIND_CSV) {
        return check_csv(check, path, &check->verdicts[i]);
    }
    (void)snprintf(store, sizeof store, "%s%s", path,
                   kind == KIND_FOLDER ? "/run.db" : "");
    return check_run(check, store, &check->verdicts[i]);
}

/* Judges all that was named; what they say goes to check->out. */
static int check_each(struct check *check)
{
    int code = 0;
    for (size_t i = 0; i < check->paths_count && code == 0; i++) {
        (void)fprintf(check->out, "%s",
                      i == 0           ? ""
                      : check->is_json ? ", "
                                       : "\n");
        code = check_path(check, i);
    }
    return code;
}

static int check_in_text(struct check *check)
{
    struct pooled pooled;
    enum kind kind;
    int code = kind_of(check->paths[0], &kind);
    check->out = stdout;
    if (code != 0) {
        return code;
    }
    if (check->paths_count == 1 && kind != KIND_CSV) {
        return judge_run(check->paths[0], kind);
    }
    code = check_each(check);
    if (code != 0) {
        return code;
    }
    pool_verdicts(check->verdicts, check->paths_count, ALPHA, &pooled);
    if (check->paths_count > 1) {
        (void)printf("\nTogether: %s: %s\n", judge_outcome_name(pooled.outcome),
                     pooled.reason);
    }
    return summary_exit_code(pooled.outcome);
}

static int check_in_json(struct check *check)
{
    struct pooled pooled;
    char *text = NULL;
    size_t size = 0;
    check->out = open_memstream(&text, &size);
    if (check->out == NULL) {
        (void)fprintf(stderr, "plateau check: not enough memory\n");
        return EXIT_SOFTWARE;
    }
    int code = check_each(check);
    if (fclose(check->out) != 0 && code == 0) {
        (void)fprintf(stderr, "plateau check: not enough memory\n");
        code = EXIT_SOFTWARE;
    }
    if (code == 0) {
        pool_verdicts(check->verdicts, check->paths_count, ALPHA, &pooled);
        (void)printf("{\"judged\": [%s], \"outcome\": \"%s\", \"reason\": ",
                     text, judge_outcome_name(pooled.outcome));
        verdict_json_string(pooled.reason, stdout);
        (void)printf("}\n");
        code = summary_exit_code(pooled.outcome);
    }
    free(text);
    return code;
}

/* --- arguments ------------------------------------------------------------ */

static bool set_delimiter(const char *text, struct check *check)
{
    const bool is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
    check->format.delimiter = is_tab ? '\t' : text[0];
    return is_tab || (text[0] != '\0' && text[1] == '\0' && text[0] != '"' &&
                      text[0] != '\n' && text[0] != '\r');
}

static bool set_quantum(const char *text, struct check *check)
{
    char *end;
    check->quantum = strtod(text, &end);
    return end != text && *end == '\0' && check->quantum > 0. &&
           check->quantum <= 1e12;
}

/* What is wrong with the option, or NULL. */
static const char *take_option(int key, const char *text, struct check *check)
{
    switch (key) {
    case 'b':
        return budget_parse(text, &check->budget, NULL) == 0
                   ? NULL
                   : "--budget takes '64 B/event', '1 MiB/h' or '2 %'";
    case 'l':
        return budget_parse_amount(text, &check->limit, NULL) == 0
                   ? NULL
                   : "--limit takes an amount like '512 MiB'";
    case 't':
        check->format.time = text;
        return NULL;
    case 'v':
        check->format.value = text;
        return NULL;
    case 'e':
        check->format.events = text;
        return NULL;
    case 'u':
        check->unit = text;
        return NULL;
    case 'j':
        check->is_json = true;
        return NULL;
    case 'd':
        return set_delimiter(text, check)
                   ? NULL
                   : "--delimiter takes one character, or 'tab'";
    case 'q':
        return set_quantum(text, check) ? NULL
                                        : "--quantum takes a number above 0";
    default:
        return "bad option";
    }
}

int cmd_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"time", required_argument, NULL, 't'},
        {"value", required_argument, NULL, 'v'},
        {"events", required_argument, NULL, 'e'},
        {"delimiter", required_argument, NULL, 'd'},
        {"unit", required_argument, NULL, 'u'},
        {"quantum", required_argument, NULL, 'q'},
        {"budget", required_argument, NULL, 'b'},
        {"limit", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *wrong = NULL;
    int key;
    struct check *check = calloc(1, sizeof *check);
    if (check == NULL) {
        (void)fprintf(stderr, "plateau check: not enough memory\n");
        return EXIT_SOFTWARE;
    }
    check->unit = "B";
    optind = 1;
    while (wrong == NULL &&
           (key = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (key == 'h') {
            print_help();
            free(check);
            return 0;
        }
        wrong = take_option(key, optarg, check);
    }
    if (wrong == NULL && (optind == argc || argc - optind > PATHS_MAX)) {
        wrong = "name a run or a CSV file, or at most 64 of them";
    }
    int code = EXIT_USAGE;
    if (wrong == NULL) {
        check->paths = argv + optind;
        check->paths_count = (size_t)(argc - optind);
        code = check->is_json ? check_in_json(check) : check_in_text(check);
    } else {
        (void)fprintf(
            stderr, "plateau check: %s. Try 'plateau check --help'.\n", wrong);
    }
    free(check);
    return code;
}
