#include "watch/cgroup.h"

#include "host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_ID                                                               \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Two trees as kernels of version 2 and 1 show them. */
static char root[] = "/tmp/plateau-cgroup.XXXXXX";
static struct group_trees *trees;

static void add_file(const char *path, const char *text)
{
    char full[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

static void add_group(const char *path, const char *pids)
{
    char full[HOST_PATH_MAX];
    char made[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    (void)host_make_folder(full, made);
    (void)snprintf(full, sizeof full, "%s/%s/cgroup.procs", root, path);
    add_file(full + strlen(root) + 1, pids);
}

static int set_up(void **state)
{
    (void)state;
    trees = calloc(1, sizeof *trees);
    if (trees == NULL || mkdtemp(root) == NULL) {
        return -1;
    }
    add_group("two/system.slice/nginx.service", "11\n12\n");
    add_group("two/system.slice/nginx.service/workers", "13\n0\n");
    add_group("two/system.slice/ssh.service", "");
    add_group("two/system.slice/docker-" ID ".scope", "21\n");
    add_group("two/machine.slice/libpod-conmon-" OTHER_ID ".scope", "30\n");
    add_group("two/machine.slice/libpod-" OTHER_ID ".scope", "31\n");
    add_group("two/system.slice/mesh@1.2.service", "14\n");
    add_group("two/user.slice/a/app@1.service", "41\n");
    add_group("two/user.slice/b/app@1.service", "42\n");
    add_group("one/docker/" ID, "51\n");
    add_group("one/system.slice/cron.service", "61\n");
    trees->count = 2;
    trees->list[1].has_memory = true;
    (void)snprintf(trees->list[0].folder, HOST_PATH_MAX, "%s/two", root);
    (void)snprintf(trees->list[1].folder, HOST_PATH_MAX, "%s/one", root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    host_remove_folder(root);
    free(trees);
    return 0;
}

static void assert_found(enum cgroup_by by, const char *name,
                         const char *wanted)
{
    char folder[HOST_PATH_MAX];
    struct err err = {0};
    if (cgroup_find(trees, by, name, folder, &err) != 0) {
        fail_msg("%s: %s", name, err.sentence);
    }
    assert_string_equal(folder + strlen(root) + 1, wanted);
}

static void assert_refused(enum cgroup_by by, const char *name, int result,
                           const char *word)
{
    char folder[HOST_PATH_MAX];
    struct err err = {0};
    assert_int_equal(cgroup_find(trees, by, name, folder, &err), result);
    if (strstr(err.sentence, word) == NULL) {
        fail_msg("%s: %s", name, err.sentence);
    }
}

static void a_unit_is_found_with_or_without_its_ending(void **state)
{
    (void)state;
    assert_found(CGROUP_BY_UNIT, "nginx", "two/system.slice/nginx.service");
    assert_found(CGROUP_BY_UNIT, "nginx.service",
                 "two/system.slice/nginx.service");
    assert_found(CGROUP_BY_UNIT, "cron", "one/system.slice/cron.service");
    assert_found(CGROUP_BY_UNIT, "mesh@1.2",
                 "two/system.slice/mesh@1.2.service");
    assert_refused(CGROUP_BY_UNIT, "ngin", -ENOENT, "ngin.service");
    assert_refused(CGROUP_BY_UNIT, "ngin", -ENOENT, "in the 2 trees of");
    assert_refused(CGROUP_BY_UNIT, "backup.timer", -EINVAL,
                   "name the service that it starts");
}

static void units_that_are_called_alike_are_named(void **state)
{
    (void)state;
    char folder[HOST_PATH_MAX];
    char path[2 * HOST_PATH_MAX];
    struct err err = {0};
    assert_int_equal(cgroup_find(trees, CGROUP_BY_UNIT, "app@1", folder, &err),
                     -EINVAL);
    assert_non_null(strstr(err.sentence, "2 cgroups are called like the unit"));
    for (char user = 'a'; user <= 'b'; user++) {
        (void)snprintf(path, sizeof path, " %s/two/user.slice/%c/app@1.service",
                       root, user);
        assert_non_null(strstr(err.sentence, path));
    }
    trees->count = 1;
    assert_refused(CGROUP_BY_UNIT, "cron", -ENOENT, "in the tree of this");
    assert_refused(CGROUP_BY_PATH, "none", -ENOENT, "one in the tree of this");
    trees->count = 2;
}

static void a_container_is_found_by_the_beginning_of_its_id(void **state)
{
    (void)state;
    assert_found(CGROUP_BY_CONTAINER, "012345",
                 "two/system.slice/docker-" ID ".scope");
    assert_found(CGROUP_BY_CONTAINER, OTHER_ID,
                 "two/machine.slice/libpod-" OTHER_ID ".scope");
    assert_refused(CGROUP_BY_CONTAINER, "abcdef", -ENOENT, "abcdef");
    assert_refused(CGROUP_BY_CONTAINER, "01234", -EINVAL, "no container's id");
    assert_refused(CGROUP_BY_CONTAINER, "webserver", -EINVAL,
                   "no container's id");
}

/* Where container engines put a container; '*' stands for its id. */
static const struct {
    const char *engine;
    const char *folder;
    const char *beside; /* what is no container, though it has the id; "" */
} layouts[] = {
    {"docker, systemd", "system.slice/docker-*.scope", ""},
    {"docker, cgroupfs", "docker/*", ""},
    {"docker, with --cgroup-parent", "batch/jobs/*", ""},
    {"docker without root",
     "user.slice/user-1000.slice/user@1000.service/user.slice/docker-*.scope",
     ""},
    {"podman", "machine.slice/libpod-*.scope",
     "machine.slice/libpod-conmon-*.scope"},
    {"podman, a pod",
     "machine.slice/machine-libpod_pod_0123.slice/libpod-*.scope",
     "machine.slice/machine-libpod_pod_*.slice"},
    {"podman, cgroupfs", "libpod_parent/libpod-*", "libpod_parent/conmon"},
    {"podman without root",
     "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-*.scope",
     "user.slice/user-1000.slice/user@1000.service/user.slice/"
     "libpod-conmon-*.scope"},
    {"podman in a unit", "system.slice/web.service/libpod-payload-*",
     "system.slice/web.service/runtime"},
    {"nerdctl", "system.slice/nerdctl-*.scope", ""},
    {"containerd, cgroupfs", "default/*", ""},
    {"kubernetes, containerd",
     "kubepods.slice/kubepods-pod1.slice/cri-containerd-*.scope", ""},
    {"kubernetes, containerd that is told of no systemd",
     "system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:*",
     ""},
    {"kubernetes, cgroupfs", "kubepods/besteffort/pod1/*", ""},
    {"CRI-O", "kubepods.slice/kubepods-pod1.slice/crio-*.scope",
     "kubepods.slice/kubepods-pod1.slice/crio-conmon-*.scope"},
};

/* |layout| with an id of its own in place of '*', in tree |tree|. */
static void fill_in(const char *tree, const char *layout, size_t number,
                    char id[65], char path[HOST_PATH_MAX])
{
    for (size_t i = 0; i < 64; i += 4) {
        (void)snprintf(id + i, 5, "%02zxe%zu", number, i % 10);
    }
    size_t length = strcspn(layout, "*");
    bool has_id = layout[length] == '*';
    (void)snprintf(path, HOST_PATH_MAX, "%s/%.*s%s%s", tree, (int)length,
                   layout, has_id ? id : "", has_id ? layout + length + 1 : "");
}

static void containers_of_every_engine_are_found(void **state)
{
    (void)state;
    char id[65];
    char path[HOST_PATH_MAX];
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        char below[HOST_PATH_MAX + 16];
        char folder[HOST_PATH_MAX] = "";
        struct err err = {0};
        const char *tree = i % 2 == 0 ? "two" : "one";
        if (layouts[i].beside[0] != '\0') {
            fill_in(tree, layouts[i].beside, i, id, path);
            add_group(path, "91\n");
        }
        fill_in(tree, layouts[i].folder, i, id, path);
        add_group(path, "");
        (void)snprintf(below, sizeof below, "%s/container", path);
        add_group(below, "92\n"); /* as crun makes it, and systemd in one */
        id[12] = '\0';
        (void)cgroup_find(trees, CGROUP_BY_CONTAINER, id, folder, &err);
        if (folder[0] == '\0' || strcmp(folder + strlen(root) + 1, path) != 0) {
            fail_msg("%s: %s %s", layouts[i].engine, folder, err.sentence);
        }
    }
}

static void a_path_is_a_folder_or_one_within_a_tree(void **state)
{
    (void)state;
    char full[HOST_PATH_MAX];
    (void)snprintf(full, sizeof full, "%s/one/docker/" ID, root);
    assert_found(CGROUP_BY_PATH, full, "one/docker/" ID);
    assert_found(CGROUP_BY_PATH, "/system.slice/cron.service",
                 "one/system.slice/cron.service");
    assert_found(CGROUP_BY_PATH, "system.slice/ssh.service",
                 "two/system.slice/ssh.service");
    assert_refused(CGROUP_BY_PATH, "/system.slice/none", -ENOENT,
                   "is no cgroup");
}

/* The memory figure of |path| as who is in it as |pid| gets it; -1: none. */
static int64_t memory_of(const char *path, int64_t pid)
{
    char full[HOST_PATH_MAX];
    struct cgroup_figures *figures = NULL;
    struct cgroup_sample sample = {-1, -1, -1, -1};
    (void)snprintf(full, sizeof full, "%s/%s", root, path);
    if (cgroup_open_figures(trees, full, pid, &figures) == 0) {
        assert_int_equal(cgroup_figures_read(figures, &sample), 0);
    }
    cgroup_figures_free(figures);
    return sample.memory_bytes;
}

static void figures_are_the_groups_own_or_of_its_twin(void **state)
{
    (void)state;
    add_group("two/system.slice/own.service", "71\n");
    add_file("two/system.slice/own.service/memory.current", "4096\n");
    assert_int_equal(memory_of("two/system.slice/own.service", 71), 4096);

    add_group("two/system.slice/twin.service", "72\n");
    assert_int_equal(memory_of("two/system.slice/twin.service", 72), -1);
    add_group("one/system.slice/twin.service", "72\n");
    add_file("one/system.slice/twin.service/memory.usage_in_bytes", "8192\n");
    assert_int_equal(memory_of("two/system.slice/twin.service", 72), 8192);
    /* Called alike, and others are in it. */
    assert_int_equal(memory_of("two/system.slice/twin.service", 73), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_is_found_with_or_without_its_ending),
        cmocka_unit_test(units_that_are_called_alike_are_named),
        cmocka_unit_test(a_container_is_found_by_the_beginning_of_its_id),
        cmocka_unit_test(containers_of_every_engine_are_found),
        cmocka_unit_test(a_path_is_a_folder_or_one_within_a_tree),
        cmocka_unit_test(figures_are_the_groups_own_or_of_its_twin),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
