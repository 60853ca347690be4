#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "churn/port.h"
#include "churn/slot_log.h"
#include "churn/soak_fixture.h"

enum { WORD_SIZE = PATH_SIZE + 64 };

/* A port that was free a moment ago. */
static uint32_t free_port(int type)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

/* An observer that takes 30 ms before it does |what| and lives on. */
static struct scenario_role *add_slow(struct soak *soak, enum ready_rule by,
                                      const char *what, const char *argument)
{
    const char *words[] = {"sleep", "30", what, argument, "forever", NULL};
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->ready.by = by;
    soak->scenario.duration_s = 0.02;
    return role;
}

/* It was found ready after what makes it so, and by no more than a bound that
 * a loaded machine keeps. */
static void is_found(struct soak *soak)
{
    if (run_soak(soak) != SUPERVISOR_COMPLETED) {
        fail_msg("%s", soak->failure);
    }
    const struct supervisor_process *life = &soak->lives[0];
    assert_true(life->ready_ns - life->spawned_ns >= 30000000);
    assert_int_equal(soak->lives_count, 1);
    free_soak(soak);
}

/* It never is, and the sentence says who, by what and why, and what it said. */
static void is_missed(struct soak *soak, struct scenario_role *role,
                      const char *why)
{
    role->command_count = 1;
    role->command[role->command_count++] = (char[]){"log"};
    role->command[role->command_count++] = (char[]){"hm hm"};
    role->command[role->command_count++] = (char[]){"forever"};
    role->ready.within_s = 0.4;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 was not ready within 0.4 s");
    sentence_has(soak, why);
    sentence_has(soak, "\"hm hm\"");
    free_soak(soak);
}

static void a_tcp_port_that_accepts_is_found(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char number[16];
    uint32_t port = free_port(SOCK_STREAM);
    (void)snprintf(number, sizeof number, "%u", port);
    add_slow(soak, READY_TCP, "tcp", number)->port = port;
    is_found(soak);
}

static void a_tcp_port_that_nobody_has_is_named(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char why[128];
    struct scenario_role *role = add_slow(soak, READY_TCP, "log", "x");
    role->ready.port = free_port(SOCK_STREAM);
    (void)snprintf(why, sizeof why,
                   "by tcp: nobody accepts at 127.0.0.1 port %u (%s)",
                   role->ready.port, strerror(ECONNREFUSED));
    is_missed(soak, role, why);
}

static void a_udp_port_that_is_bound_is_found(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char number[16];
    uint32_t port = free_port(SOCK_DGRAM);
    (void)snprintf(number, sizeof number, "%u", port);
    add_slow(soak, READY_UDP, "udp", number)->port = port;
    is_found(soak);
}

static void a_udp_port_that_nobody_has_is_named(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    char why[128];
    struct scenario_role *role = add_slow(soak, READY_UDP, "log", "x");
    role->port = free_port(SOCK_DGRAM);
    (void)snprintf(why, sizeof why, "by udp: no UDP socket is bound to port %u",
                   role->port);
    is_missed(soak, role, why);
}

/* What answers before anything was started is not what is to be judged. */
static void a_port_of_somebody_else_is_no_readiness(void **state)
{
    (void)state;
    static const struct {
        int type;
        enum ready_rule by;
        const char *name;
    } kinds[] = {{SOCK_STREAM, READY_TCP, "TCP"},
                 {SOCK_DGRAM, READY_UDP, "UDP"}};
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_in address = {
            .sin_family = AF_INET,
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        socklen_t size = sizeof address;
        char says[64];
        struct soak *soak = new_soak();
        int fd = socket(AF_INET, kinds[i].type | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
                         0);
        if (kinds[i].type == SOCK_STREAM) {
            assert_int_equal(listen(fd, 4), 0);
        }
        struct scenario_role *role =
            add_role(soak, "observer", ROLE_OBSERVER, 1, lives_on);
        role->ready.by = kinds[i].by;
        role->port = ntohs(address.sin_port);
        assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
        (void)snprintf(says, sizeof says,
                       "%s port %u at 127.0.0.1 is somebody else's already",
                       kinds[i].name, role->port);
        sentence_has(soak, says);
        sentence_has(soak, "observer-0");
        assert_int_equal(soak->lives_count, 0);
        (void)close(fd);
        free_soak(soak);
    }
}

static void a_line_of_the_log_is_found(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    add_slow(soak, READY_LOG, "log", "12:01 now listening on *:7")
        ->ready.pattern = (char[]){"^[0-9:]+ (now )?listening"};
    is_found(soak);
}

static void a_line_that_does_not_match_is_no_readiness(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_LOG, "log", "x");
    role->ready.pattern = (char[]){"^hm$|hm hm hm"};
    is_missed(soak, role, "by log: no line that it printed matches '^hm$|hm");
}

/* As mosquitto, which is given a file to print to. */
static void who_prints_nothing_may_hold_it_back(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_LOG, "log", "x");
    role->ready.pattern = (char[]){"^x$"};
    role->ready.within_s = 0.1;
    role->command_count = 1;
    role->command[role->command_count++] = (char[]){"forever"};
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "no line that it printed matches '^x$'; to a file, many "
                       "programs hold back what they print");
    free_soak(soak);
}

/* Far more than one look takes, and than the log keeps: it is cut meanwhile. */
static void a_line_behind_a_flood_is_found(void **state)
{
    (void)state;
    static const char *const words[] = {"flood", "3000",    "log",
                                        "up",    "forever", NULL};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->ready.by = READY_LOG;
    role->ready.pattern = (char[]){"^up$"};
    soak->scenario.duration_s = 0.02;
    if (run_soak(soak) != SUPERVISOR_COMPLETED) {
        fail_msg("%s", soak->failure);
    }
    free_soak(soak);
}

/* What an earlier life printed is not looked at. */
static void a_new_life_has_to_say_it_again(void **state)
{
    (void)state;
    char flag[WORD_SIZE];
    struct soak *soak = new_soak();
    struct supervisor_counts counts;
    (void)snprintf(flag, sizeof flag, "%s/flag", soak->folder);
    /* The first life is ready and ends; those after it find no flag. */
    const char *const words[] = {"test", flag,   "log", "up", "sleep",
                                 "60",   "exit", "3",   NULL};
    struct scenario_role *role =
        add_role(soak, "churner", ROLE_CHURNER, 1, words);
    role->ready.by = READY_LOG;
    role->ready.pattern = (char[]){"^up$"};
    FILE *file = fopen(flag, "w");
    assert_non_null(file);
    (void)fclose(file);
    soak->unlinks_at_ready = flag;
    soak->scenario.settle_s = 0;
    soak->scenario.duration_s = 20;
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    supervisor_counts(soak->supervisor, &counts);
    assert_int_equal(soak->lives_count, SUPERVISOR_CRASHES_MAX);
    assert_true(soak->lives[0].ready_ns >= 0);
    for (size_t i = 1; i < soak->lives_count; i++) {
        assert_int_equal(soak->lives[i].ready_ns, -1);
    }
    free_soak(soak);
}

static void a_file_that_is_made_is_found(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_slow(soak, READY_FILE, "touch", "{dir}/up");
    role->ready.path = (char[]){"{dir}/up"};
    is_found(soak);
}

static void a_file_of_an_earlier_life_is_told_apart(void **state)
{
    (void)state;
    char path[WORD_SIZE];
    struct soak *soak = new_soak();
    (void)snprintf(path, sizeof path, "%s/up", soak->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    struct scenario_role *role = add_slow(soak, READY_FILE, "touch", path);
    role->ready.path = path;
    is_found(soak);
}

static void a_file_that_is_never_made_is_named(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_FILE, "log", "x");
    role->ready.path = (char[]){"{dir}/up"};
    is_missed(soak, role, "/work/observer-0/up: No such file");
}

static void a_file_that_stays_as_it_was_is_named(void **state)
{
    (void)state;
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_FILE, "log", "x");
    role->ready.path = (char[]){"/etc/passwd"};
    is_missed(soak, role, "/etc/passwd is of an earlier life");
}

static void a_command_that_exits_with_0_is_believed(void **state)
{
    (void)state;
    char *command[] = {test_child, (char[]){"test"}, (char[]){"{dir}/up"}};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_slow(soak, READY_COMMAND, "touch", "{dir}/up");
    role->ready.command = command;
    role->ready.command_count = 3;
    is_found(soak);
}

static void a_command_that_fails_is_quoted(void **state)
{
    (void)state;
    char *command[] = {test_child, (char[]){"test"}, (char[]){"{dir}/up"}};
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_COMMAND, "log", "x");
    role->ready.command = command;
    role->ready.command_count = 3;
    is_missed(soak, role, "has not exited with 0 (exit status 1: there is no ");
}

/* Nobody is left of it either: run_soak() looks. */
static void a_command_that_hangs_is_killed(void **state)
{
    (void)state;
    char *command[] = {test_child, (char[]){"fork"}, (char[]){"forever"}};
    struct soak *soak = new_soak();
    struct scenario_role *role = add_slow(soak, READY_COMMAND, "log", "x");
    role->ready.command = command;
    role->ready.command_count = 3;
    is_missed(soak, role, "has not exited with 0 (it has not ended)");
}

static void a_process_that_ends_while_it_is_looked_for_is_a_crash(void **state)
{
    (void)state;
    static const char *const words[] = {"sleep", "20", "exit", "5", NULL};
    struct soak *soak = new_soak();
    struct scenario_role *role =
        add_role(soak, "observer", ROLE_OBSERVER, 1, words);
    role->ready.by = READY_TCP;
    role->ready.port = free_port(SOCK_STREAM);
    assert_int_equal(run_soak(soak), SUPERVISOR_INVALID);
    sentence_has(soak, "observer-0 ended with exit status 5 before it was");
    free_soak(soak);
}

/* {peers} of those that say no contact of their own. */
static void a_role_with_a_port_is_a_contact(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    static const char *const asks[] = {"log", "{peers}", "ready", "forever",
                                       NULL};
    struct soak *soak = new_soak();
    char number[16];
    char peers[32];
    uint32_t port = free_port(SOCK_STREAM);
    (void)snprintf(number, sizeof number, "%u", port);
    add_slow(soak, READY_TCP, "tcp", number)->port = port;
    (void)add_role(soak, "churner", ROLE_CHURNER, 1, asks);
    assert_int_equal(run_soak(soak), SUPERVISOR_COMPLETED);
    (void)snprintf(peers, sizeof peers, "\n127.0.0.1:%u\n", port);
    assert_non_null(strstr(read_log(soak, "churner-0", text), peers));
    free_soak(soak);
}

/* Where nobody listens on a port that is also given out for connections, the
 * kernel may by chance connect a socket to itself; here it is made to. */
static void a_connection_to_oneself_is_nobody(void **state)
{
    (void)state;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)free_port(SOCK_STREAM)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    assert_int_equal(port_connected(fd, 0), PORT_REFUSED);
    (void)close(fd);
}

static void what_is_no_address_is_no_place_to_connect_to(void **state)
{
    (void)state;
    int fd = -1;
    assert_int_equal(port_connect("localhost", 1, &fd), -EINVAL);
    assert_true(port_is_bound_udp(0, 1) < 0); /* there is no such process */
}

static void the_present_life_is_found_in_a_log_that_was_cut(void **state)
{
    (void)state;
    char path[] = "/tmp/plateau-readiness-test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(slot_log_life_at(fd), 0);
    assert_true(write(fd, "old\n", 4) == 4);
    assert_int_equal(slot_log_life_at(fd), 0);
    slot_log_begin(fd, 41);
    assert_true(write(fd, "new\n", 4) == 4);
    slot_log_begin(fd, 42);
    int64_t at = slot_log_size(fd);
    assert_int_equal(slot_log_life_at(fd), at);
    assert_true(write(fd, "newest", 6) == 6);
    assert_int_equal(slot_log_life_at(fd), at);
    (void)close(fd);
    (void)unlink(path);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: readiness_test TEST_CHILD\n");
        return 64;
    }
    test_child = argv[1];
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_port_that_accepts_is_found),
        cmocka_unit_test(a_tcp_port_that_nobody_has_is_named),
        cmocka_unit_test(a_udp_port_that_is_bound_is_found),
        cmocka_unit_test(a_udp_port_that_nobody_has_is_named),
        cmocka_unit_test(a_port_of_somebody_else_is_no_readiness),
        cmocka_unit_test(a_line_of_the_log_is_found),
        cmocka_unit_test(a_line_that_does_not_match_is_no_readiness),
        cmocka_unit_test(who_prints_nothing_may_hold_it_back),
        cmocka_unit_test(a_line_behind_a_flood_is_found),
        cmocka_unit_test(a_new_life_has_to_say_it_again),
        cmocka_unit_test(a_file_that_is_made_is_found),
        cmocka_unit_test(a_file_of_an_earlier_life_is_told_apart),
        cmocka_unit_test(a_file_that_is_never_made_is_named),
        cmocka_unit_test(a_file_that_stays_as_it_was_is_named),
        cmocka_unit_test(a_command_that_exits_with_0_is_believed),
        cmocka_unit_test(a_command_that_fails_is_quoted),
        cmocka_unit_test(a_command_that_hangs_is_killed),
        cmocka_unit_test(a_process_that_ends_while_it_is_looked_for_is_a_crash),
        cmocka_unit_test(a_role_with_a_port_is_a_contact),
        cmocka_unit_test(a_connection_to_oneself_is_nobody),
        cmocka_unit_test(what_is_no_address_is_no_place_to_connect_to),
        cmocka_unit_test(the_present_life_is_found_in_a_log_that_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
