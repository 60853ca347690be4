#include "assess/sources.h"

#include "assess/docket.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct assessed *sources_find(const struct assessment *assessment,
                                    const char *role, const char *metric)
{
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (strcmp(series->role, role) == 0 &&
            strcmp(series->metric, metric) == 0) {
            return series;
        }
    }
    return NULL;
}

/* What a disagreement of the sources is called. '*' is any outcome. */
struct disagreement {
    char allocated, active, resident, private; /* P, C, or * */
    bool is_partial; /* allocated heap is not of all processes */
    const char *sentence;
};

static const struct disagreement disagreements[] = {
    {'C', '*', '*', 'C', true,
     "allocated heap, of some of its processes, and private memory of all "
     "agree"},
    {'P', '*', '*', 'P', true,
     "allocated heap, of some of its processes, and private memory of all "
     "agree"},
    {'P', '*', '*', 'C', true,
     "allocated heap is level, but is not of all its processes, whose private "
     "memory climbs: it grows in one of the others, or outside the allocator"},
    {'C', '*', '*', 'P', true,
     "allocated heap, of some of its processes, climbs while private memory "
     "of all is level: it still grows within pages that they had"},
    {'C', '*', '*', 'C', false, "allocated heap and private memory agree"},
    {'P', '*', '*', 'P', false, "allocated heap and private memory agree"},
    {'P', 'C', '*', 'C', false,
     "allocated heap is level while active heap and private memory climb: "
     "fragmentation, what is in use is spread over more and more pages"},
    {'P', 'P', 'C', 'C', false,
     "allocated and active heap are level while resident heap and private "
     "memory climb: retention, the allocator or the kernel keeps what was "
     "freed"},
    {'P', 'P', 'P', 'C', false,
     "the heap is level while private memory climbs: it grows outside the "
     "allocator (maps, stacks, another allocator)"},
    {'P', '*', '*', 'C', false,
     "allocated heap is level while private memory climbs: fragmentation, "
     "retention, or memory outside the allocator"},
    {'C', '*', '*', 'P', false,
     "allocated heap climbs while private memory is level: it still grows "
     "within pages that the process had"},
};

static bool fits(char wanted, const struct assessed *series)
{
    if (wanted == '*' || series == NULL) {
        return wanted == '*';
    }
    return wanted == (series->verdict.outcome == JUDGE_CLIMB     ? 'C'
                      : series->verdict.outcome == JUDGE_PLATEAU ? 'P'
                                                                 : '?');
}

static void name_sources(struct assessment *assessment, const char *role)
{
    const struct assessed *allocated =
        sources_find(assessment, role, "heap/allocated");
    const struct assessed *active =
        sources_find(assessment, role, "heap/active");
    const struct assessed *resident =
        sources_find(assessment, role, "heap/resident");
    const struct assessed *private = sources_find(assessment, role, "private");
    bool is_partial = allocated != NULL && allocated->counts == METRIC_WITNESS;
    size_t count = sizeof disagreements / sizeof disagreements[0];
    for (size_t i = 0; i < count; i++) {
        const struct disagreement *row = &disagreements[i];
        if (row->is_partial == is_partial && fits(row->allocated, allocated) &&
            fits(row->active, active) && fits(row->resident, resident) &&
            fits(row->private, private)) {
            (void)snprintf(assessment->summary.sources,
                           sizeof assessment->summary.sources, "%s",
                           row->sentence);
            return;
        }
    }
}

/* How many of the observers say the same by themselves. */
static void count_agreement(struct assessment *assessment,
                            const struct assessed *together)
{
    char *text = assessment->summary.sources;
    size_t used = strlen(text);
    size_t parts = 0, agree = 0;
    for (size_t i = 0; i < assessment->series_count; i++) {
        const struct assessed *series = &assessment->series[i];
        if (docket_is_part_of(series, together)) {
            parts++;
            agree += series->verdict.outcome == together->verdict.outcome;
        }
    }
    if (parts > 0) {
        (void)snprintf(text + used, SUMMARY_SENTENCE_SIZE - used,
                       "%s%zu of %zu observers say the same by themselves",
                       used > 0 ? "; " : "", agree, parts);
    }
}

/* Sockets, page tables and stacks of threads show nowhere else. */
static void tell_kernel(struct assessment *assessment, const char *role)
{
    const struct assessed *kernel =
        sources_find(assessment, role, "cgroup/kernel");
    char *text = assessment->summary.sources;
    size_t used = strlen(text);
    if (kernel != NULL && kernel->verdict.outcome == JUDGE_CLIMB) {
        (void)snprintf(text + used, SUMMARY_SENTENCE_SIZE - used,
                       "%s%s climbs: what the kernel keeps for it (sockets, "
                       "open files, page tables) grows",
                       used > 0 ? "; " : "", kernel->label);
    }
}

void sources_tell(struct assessment *assessment, const struct assessed *because)
{
    name_sources(assessment, because->role);
    if (because->is_together) {
        count_agreement(assessment, because);
    }
    tell_kernel(assessment, because->role);
}
