/* Happy path: make the folder, write one data file a table, hand gnuplot the
 * script with the folder and the title as variables, wait, look that both
 * pictures are there.
 *
 * What fails is said in a sentence on stderr; data files that were written
 * stay, as they are of use by themselves. */
#include "meshsim.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, VARIABLES_SIZE = 2 * PATH_SIZE };

extern char **environ;

static int complain(const char *path, const char *what, int error)
{
    (void)fprintf(stderr, "meshsim: %s: %s: %s\n", path, what, strerror(error));
    return -error;
}

struct plot {
    const struct meshsim_config *config;
    const struct meshsim_results *results;
    const char *folder;
};

static void write_in_degrees(const struct plot *plot, FILE *file)
{
    const struct sim_graph_figures *graph = &plot->results->overlay.graph;

    (void)fprintf(file, "# in-degree, nodes\n");
    for (uint32_t i = 0; i <= SIM_DEGREE_MAX; i++)
        (void)fprintf(file, "%u %u\n", i, graph->in_degrees[i]);
}

static void write_failures(const struct plot *plot, FILE *file)
{
    (void)fprintf(file, "# %% failed, reliability in %%: noticed, by sends, "
                        "published (rounded)\n");
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++)
        (void)fprintf(file, "%d %.6f %.6f %d\n", meshsim_percents[i],
                      100 * plot->results->failures[i].noticed,
                      100 * plot->results->failures[i].sent,
                      meshsim_published_reliability[i]);
}

static void write_healing(const struct plot *plot, FILE *file)
{
    const struct meshsim_healing *healing = plot->results->healing;

    (void)fprintf(file, "# cycle, then for each of 10 ... 90, 95 %% failed the "
                        "reliability in %% by sends alone\n");
    for (uint32_t i = 0; i < healing[0].cycles_count; i++) {
        (void)fprintf(file, "%u", i + 1);
        for (size_t j = 0; j < MESHSIM_PERCENTS_COUNT; j++)
            (void)fprintf(file, " %.6f", 100 * healing[j].sent[i]);
        (void)fprintf(file, "\n");
    }
}

static void write_healed(const struct plot *plot, FILE *file)
{
    (void)fprintf(file, "# %% failed, cycles to heal (0: not in time): noticed,"
                        " by sends\n");
    for (size_t i = 0; i < MESHSIM_PERCENTS_COUNT; i++)
        (void)fprintf(file, "%d %d %d\n", meshsim_percents[i],
                      plot->results->healing[i].noticed_cycles,
                      plot->results->healing[i].sent_cycles);
}

static void write_trees(const struct plot *plot, FILE *file)
{
    const struct meshsim_trees_before *before = &plot->results->trees_before;

    (void)fprintf(file, "# %% failed; RMR of flood, Plumtree right after, "
                        "healed; LDH of the same\n");
    (void)fprintf(file, "0 %.4f %.4f %.4f %.3f %.3f %.3f\n",
                  before->flood.redundancy, before->one_sender.redundancy,
                  before->one_sender.redundancy, before->flood.hops,
                  before->one_sender.hops, before->one_sender.hops);
    for (size_t i = 0; i < MESHSIM_TREES_COUNT; i++) {
        const struct meshsim_trees_after *after = &plot->results->trees[i];

        (void)fprintf(file, "%d %.4f %.4f %.4f %.3f %.3f %.3f\n",
                      meshsim_tree_percents[i], after->flood.redundancy,
                      after->right_after.redundancy, after->healed.redundancy,
                      after->flood.hops, after->right_after.hops,
                      after->healed.hops);
    }
}

static const struct {
    const char *name;
    unsigned experiment;
    void (*write)(const struct plot *plot, FILE *file);
} files[] = {
    {"in-degrees", MESHSIM_OVERLAY, write_in_degrees},
    {"failures", MESHSIM_FAILURES, write_failures},
    {"healing", MESHSIM_HEALING, write_healing},
    {"healed", MESHSIM_HEALING, write_healed},
    {"trees", MESHSIM_TREES, write_trees},
};

static int write_file(const struct plot *plot, size_t i)
{
    char path[PATH_SIZE];
    FILE *file;
    int is_bad;

    (void)snprintf(path, sizeof path, "%s/%s.dat", plot->folder, files[i].name);
    file = fopen(path, "we");
    if (file == NULL)
        return complain(path, "cannot be written", errno);
    files[i].write(plot, file);
    errno = 0;
    is_bad = ferror(file);
    if (fclose(file) != 0 || is_bad)
        return complain(path, "cannot be written", errno != 0 ? errno : EIO);
    return 0;
}

/* gnuplot's own complaint goes to stderr as it is. */
static int draw(const struct plot *plot, const char *script)
{
    char variables[VARIABLES_SIZE], picture[PATH_SIZE];
    char gnuplot[] = "gnuplot", e[] = "-e", path[PATH_SIZE];
    char *arguments[] = {gnuplot, e, variables, path, NULL};
    struct stat found;
    int status = 0, r;
    pid_t child;

    (void)snprintf(path, sizeof path, "%s", script);
    (void)snprintf(variables, sizeof variables,
                   "folder = '%s'; nodes = %lld; seed = '%llu'; messages = "
                   "%lld; full = %lld; limit = %lld; experiments = %u",
                   plot->folder, (long long)plot->config->nodes,
                   (unsigned long long)plot->config->seed,
                   (long long)plot->config->messages,
                   (long long)plot->config->hyparview.active_max,
                   (long long)plot->config->healing_cycles,
                   plot->config->experiments);
    r = posix_spawnp(&child, gnuplot, NULL, NULL, arguments, environ);
    if (r != 0)
        return complain(gnuplot, "cannot be started", r);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)snprintf(picture, sizeof picture, "%s/meshsim.png", plot->folder);
    if (status != 0 || stat(picture, &found) != 0)
        return complain(script, "gnuplot did not draw it", EIO);
    return 0;
}

int meshsim_plot(const struct meshsim_config *config,
                 const struct meshsim_results *results, const char *folder,
                 const char *script)
{
    struct plot plot = {config, results, folder};
    int r = 0;

    if (strlen(folder) > PATH_SIZE / 2 || strchr(folder, '\'') != NULL)
        return complain(folder, "no folder for a plot", EINVAL);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return complain(folder, "cannot be made", errno);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && r == 0; i++)
        if (files[i].experiment == MESHSIM_OVERLAY ||
            (config->experiments & files[i].experiment) != 0)
            r = write_file(&plot, i);
    return r != 0 ? r : draw(&plot, script);
}
