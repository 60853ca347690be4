#include "heap/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 97.5 % of the standard normal distribution lie below it. */
#define NORMAL_TWO_SIDED_95 1.96

const char report_no_profiles[] =
    "The run has no heap profiles, so no call sites are known: they are "
    "written "
    "at the ebbs of a scenario that says 'heap: {profile: true}', by observers "
    "that run on jemalloc or with the preload library.";

const char *report_bytes(double bytes, bool is_change,
                         char text[REPORT_AMOUNT_SIZE])
{
    return terminal_amount(bytes, "B", is_change, text, REPORT_AMOUNT_SIZE);
}

/* Half of the interval in which 95 of 100 such profiles put |amount|, for the
 * share that sampling has in it. */
static double error_of(const struct compare_amount *amount)
{
    return NORMAL_TWO_SIDED_95 * sqrt(amount->variance);
}

char *report_percent(const struct compare_amount amounts[2], char *text,
                     size_t size)
{
    double before = amounts[0].bytes;
    double change = compare_change(amounts);
    if (fabs(change) < 0.5) {
        (void)snprintf(text, size, "0 %%");
    } else if (before < 0.5) {
        (void)snprintf(text, size, "new");
    } else if (amounts[1].bytes < 0.5) {
        (void)snprintf(text, size, "gone");
    } else if (change / before > 9.995) {
        (void)snprintf(text, size, "%.*f times", change / before < 99 ? 1 : 0,
                       amounts[1].bytes / before);
    } else {
        /* What is nearly gone is not gone. */
        double percent = 100 * change / before;
        bool is_nearly = percent < -99.5 && percent > -100.;
        (void)snprintf(text, size, "%+.*f %%", is_nearly ? 1 : 0,
                       is_nearly ? fmax(percent, -99.9) : percent);
    }
    return text;
}

char *report_place(const struct compare *compare,
                   const struct compare_line *line, char *text, size_t size)
{
    const char *path = words_text(compare->words, line->file);
    const char *from = path + strlen(path);
    int slashes = 0;
    while (from > path && (from[-1] != '/' || ++slashes < 2)) {
        from--;
    }
    if (path[0] == '\0') {
        text[0] = '\0';
    } else if (line->line > 0) {
        (void)snprintf(text, size, "%s:%u", from, (unsigned)line->line);
    } else {
        (void)snprintf(text, size, "%s", from);
    }
    return text;
}

char *report_describe(const struct report_side *side, char *text, size_t size)
{
    static const char *const kinds[] = {
        [PROFILE_JEMALLOC] = "jemalloc heap dump",
        [PROFILE_SAMPLED] = "samples of what glibc handed out",
        [PROFILE_DHAT] = "DHAT profile, live at the end",
        [PROFILE_DHAT_PEAK] = "DHAT profile, live at the peak (nothing was "
                              "live at the end)",
    };
    char rate[REPORT_AMOUNT_SIZE];
    if (side->sample_bytes > 0) {
        (void)snprintf(text, size, "%s, a sample each %s, %zu stacks",
                       kinds[side->kind],
                       terminal_amount((double)side->sample_bytes, "B", false,
                                       rate, sizeof rate),
                       side->sites_count);
    } else {
        (void)snprintf(text, size, "%s, %zu stacks", kinds[side->kind],
                       side->sites_count);
    }
    return text;
}

bool report_held(const struct report *report, size_t step,
                 struct report_held *ret_row)
{
    const struct compare *compare = report->compare;
    double total = compare->total[1].bytes;
    if (step > compare->buckets_count) {
        return false;
    }
    *ret_row = step == compare->buckets_count
                   ? (struct report_held){.name = "total",
                                          .amounts = compare->total,
                                          .is_total = true}
                   : (struct report_held){
                         .name = compare->buckets[step].name,
                         .amounts = compare->buckets[step].amounts,
                         .is_unmatched = compare->buckets[step].is_unmatched};
    const struct compare_amount *amounts = ret_row->amounts;
    for (int side = 0; side < 2; side++) {
        (void)report_bytes(amounts[side].bytes, false, ret_row->texts[side]);
    }
    (void)report_bytes(compare_change(amounts), true, ret_row->change);
    (void)report_percent(amounts, ret_row->percent, sizeof ret_row->percent);
    ret_row->share = total > 0 ? 100 * amounts[1].bytes / total : 0;
    return true;
}

/* One row, if it is |is_known| for either side. */
static size_t add_sum(const char *name, bool is_error, bool is_known,
                      const double figures[2], struct report_sum *row)
{
    if (!is_known) {
        return 0;
    }
    *row = (struct report_sum){.name = name, .is_error = is_error};
    for (int side = 0; side < 2; side++) {
        row->has[side] = !isnan(figures[side]);
        (void)report_bytes(figures[side], false, row->texts[side]);
    }
    return 1;
}

size_t report_sums(const struct report *report,
                   struct report_sum sums[REPORT_SUMS_MAX])
{
    const struct report_side *sides = report->sides;
    const double errors[2] = {error_of(&report->compare->total[0]),
                              error_of(&report->compare->total[1])};
    const double padding[2] = {sides[0].padding_bytes, sides[1].padding_bytes};
    const double allocated[2] = {sides[0].allocated_bytes,
                                 sides[1].allocated_bytes};
    size_t count = 0;
    count += add_sum("sampling error", true, errors[0] > 0 || errors[1] > 0,
                     errors, &sums[count]);
    count += add_sum("held by the samples themselves", false,
                     padding[0] > 0 || padding[1] > 0, padding, &sums[count]);
    count += add_sum("allocated, its allocator says", false,
                     !isnan(allocated[0]) || !isnan(allocated[1]), allocated,
                     &sums[count]);
    return count;
}

bool report_climbed(const struct report *report, size_t step,
                    struct report_climbed *ret_row)
{
    bool are_two = report->runs[0] != NULL;
    int side = 0;
    while (side < 2 && (report->runs[side] == NULL ||
                        step >= report->runs[side]->climbed_count)) {
        step -=
            report->runs[side] == NULL ? 0 : report->runs[side]->climbed_count;
        side++;
    }
    if (side == 2) {
        return false;
    }
    const struct run_heap *run = report->runs[side];
    const struct store_climbed *climbed = &run->climbed[step];
    *ret_row = (struct report_climbed){
        .is_first = step == 0,
        .is_last = step + 1 == run->climbed_count,
        .summary = are_two ? NULL : run->climbed[0].sentence,
        .explains = "-",
        .sentence = climbed->sentence,
    };
    (void)snprintf(ret_row->heading, sizeof ret_row->heading,
                   "What climbed%s%.32s", are_two ? ", " : "",
                   are_two ? report->labels[side] : "");
    if (!isnan(climbed->bytes_per_event)) {
        char amount[REPORT_AMOUNT_SIZE];
        (void)snprintf(ret_row->explains, sizeof ret_row->explains, "%s/event",
                       report_bytes(climbed->bytes_per_event, true, amount));
    }
    return true;
}

static const struct run_heap_count *find_count(const struct run_heap *run,
                                               const char *name)
{
    for (size_t i = 0; run != NULL && i < run->counts_count; i++) {
        if (strcmp(run->counts[i].name, name) == 0) {
            return &run->counts[i];
        }
    }
    return NULL;
}

static int by_alive(const void *a, const void *b)
{
    const struct report_count *left = a;
    const struct report_count *right = b;
    double mine = fmax(left->alive[0], left->alive[1]);
    double theirs = fmax(right->alive[0], right->alive[1]);
    return mine != theirs ? (mine < theirs) - (mine > theirs)
                          : strcmp(left->name, right->name);
}

/* One row; of one run both sides are its own. */
static bool make_count(const struct report *report,
                       const struct run_heap_count *after,
                       struct report_count *ret_count)
{
    const struct run_heap *before = report->runs[0];
    const struct run_heap_count *other = find_count(before, after->name);
    *ret_count = (struct report_count){
        .name = after->name,
        .alive = {before == NULL  ? after->first
                  : other != NULL ? other->last
                                  : 0,
                  after->last},
        .is_growing = {other != NULL && other->is_growing, after->is_growing},
    };
    for (int side = 0; side < 2; side++) {
        char number[REPORT_AMOUNT_SIZE];
        (void)snprintf(ret_count->texts[side], sizeof ret_count->texts[side],
                       "%s%s",
                       terminal_amount(ret_count->alive[side], "", false,
                                       number, sizeof number),
                       ret_count->is_growing[side] ? ", growing" : "");
    }
    bool is_alive = ret_count->alive[0] > 0 || ret_count->alive[1] > 0;
    return ret_count->is_growing[0] || ret_count->is_growing[1] ||
           (after->is_pair && is_alive);
}

size_t report_counts(const struct report *report,
                     struct report_count counts[REPORT_COUNTS_MAX])
{
    struct report_count all[RUN_HEAP_COUNTS_MAX];
    const struct run_heap *after = report->runs[1];
    size_t count = 0;
    for (size_t i = 0; after != NULL && i < after->counts_count; i++) {
        count += make_count(report, &after->counts[i], &all[count]);
    }
    qsort(all, count, sizeof *all, by_alive);
    count = count < REPORT_COUNTS_MAX ? count : REPORT_COUNTS_MAX;
    memcpy(counts, all, count * sizeof *counts);
    return count;
}

static double change_of(const struct report_class *class)
{
    return class->bytes[1] - class->bytes[0];
}

static int by_change(const void *a, const void *b)
{
    const struct report_class *left = a, *right = b;
    double mine = fabs(change_of(left)), theirs = fabs(change_of(right));
    return mine != theirs ? (mine < theirs) - (mine > theirs)
                          : (left->size_bytes > right->size_bytes) -
                                (left->size_bytes < right->size_bytes);
}

/* Adds what |run| held on |side|. Both sides of the same size are one row. */
static size_t add_side(const struct run_heap *run, int side, bool is_first,
                       struct report_class *all, size_t count)
{
    for (size_t i = 0; run != NULL && i < run->classes_count; i++) {
        const struct run_heap_class *class = &run->classes[i];
        size_t at = 0;
        while (at < count && all[at].size_bytes != class->size_bytes) {
            at++;
        }
        if (at == count) {
            all[count++] =
                (struct report_class){.size_bytes = class->size_bytes};
        }
        all[at].bytes[side] = is_first ? class->first : class->last;
    }
    return count;
}

size_t report_classes(const struct report *report,
                      struct report_class classes[REPORT_CLASSES_MAX])
{
    struct report_class all[2 * RUN_HEAP_CLASSES_MAX];
    const struct run_heap *before = report->runs[0], *after = report->runs[1];
    size_t count = 0;
    /* Of one run both sides are its own. */
    count = add_side(before != NULL ? before : after, 0, before == NULL, all,
                     count);
    count = add_side(after, 1, false, all, count);
    qsort(all, count, sizeof *all, by_change);
    count = count < REPORT_CLASSES_MAX ? count : REPORT_CLASSES_MAX;
    while (count > 0 && fabs(change_of(&all[count - 1])) < 0.5) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        struct report_class *class = &all[i];
        (void)report_bytes(class->size_bytes, false, class->size);
        (void)report_bytes(class->bytes[0], false, class->texts[0]);
        (void)report_bytes(class->bytes[1], false, class->texts[1]);
        (void)report_bytes(change_of(class), true, class->change);
    }
    memcpy(classes, all, count * sizeof *classes);
    return count;
}

const struct compare_site *report_site(const struct report *report,
                                       bool is_growth, size_t step)
{
    const struct compare *compare = report->compare;
    if (step >= report->sites_shown) {
        return NULL;
    }
    for (size_t i = 0; i < compare->sites_count; i++) {
        const struct compare_amount *amounts = compare->sites[i].amounts;
        double change = compare_change(amounts);
        const struct compare_amount both = {.variance = amounts[0].variance +
                                                        amounts[1].variance};
        if (fabs(change) < 0.5) {
            break;
        }
        if (compare->has_before && fabs(change) < error_of(&both)) {
            continue;
        }
        if ((change > 0) == is_growth && step-- == 0) {
            return &compare->sites[i];
        }
    }
    return NULL;
}
